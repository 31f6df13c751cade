//! Whose requests are answered: those that name this machine as the host. A name that a stranger's page had point here, to
//! read what only this machine may, is none of ours.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri};

/// Why a request is not answered; none if it is. `local` is the IP at which its connection came in.
pub(crate) fn refusal(uri: &Uri, headers: &HeaderMap, local: IpAddr) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some("a request names one host\n");
    };
    // A whole URI in the first line counts more than the header, so both must be right.
    let named = [host.to_str().ok(), Some(uri.authority().map_or("localhost", |authority| authority.as_str()))];
    let ours = named.into_iter().all(|named| named.is_some_and(|named| is_ours(named, local)));
    (!ours).then_some("this is not the host that the request names: name the IP of this machine, or localhost\n")
}

/// Whether `host` is the loopback or the IP that was connected to. Its port says nothing: it may be the near end of ssh.
fn is_ours(host: &str, local: IpAddr) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((ip, port)) => (ip, port.strip_prefix(':').or(port.is_empty().then_some("0"))),
            None => return false,
        },
        None => host.split_once(':').map_or((host, Some("0")), |(name, port)| (name, Some(port))),
    };
    if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback() || ip.to_canonical() == local.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(hosts: &[&str], uri: &str) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        refusal(&uri.parse().unwrap(), &headers, "10.0.0.5".parse().unwrap()).is_none()
    }

    #[test]
    fn the_loopback_and_the_own_ip_are_ours() {
        for host in
            ["localhost", "LOCALHOST:24864", "127.0.0.1:24864", "127.8.8.8", "[::1]", "[::1]:8080", "10.0.0.5:24864"]
        {
            assert!(answered(&[host], "/"), "{host}");
        }
        assert!(answered(&["127.0.0.1"], "http://127.0.0.1:24864/metrics"));
    }

    #[test]
    fn any_other_name_is_a_strangers() {
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.6",
            "0.0.0.0",
            "[::]",
            "[::1",
            "[::1]x",
            "::1",
            "127.0.0.1:",
            "127.0.0.1:99999",
            "127.1",
            "2130706433",
            "localhost.",
        ] {
            assert!(!answered(&[host], "/"), "{host}");
        }
        assert!(!answered(&[], "/"));
        assert!(!answered(&["127.0.0.1", "evil.example"], "/"));
        assert!(!answered(&["evil.example", "127.0.0.1"], "/"));
        assert!(!answered(&["127.0.0.1"], "http://evil.example/"));
        assert!(!answered(&["evil.example"], "http://127.0.0.1/"));
    }
}
