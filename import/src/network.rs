//! The network that a document does not describe: the smallest usual one around the IPs that it names.

use std::fmt;
use std::net::Ipv4Addr;

use crate::machine::Provider;

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    first: u32,
    prefix: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) cidr: Net,
    pub(crate) subnet: Net,
}

/// The addresses at the start of a subnet that providers keep: EC2 the most.
const KEPT_AT_START: u32 = 4;

/// Where a member of managers without IPs of their own begins.
const FIRST_HOST: u32 = 101;

impl Net {
    fn around(ip: Ipv4Addr, prefix: u32) -> Net {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        Net { first: u32::from(ip) & mask, prefix }
    }

    fn size(self) -> u64 {
        1 << (32 - self.prefix)
    }

    /// The IP lies in it, and is none that the provider keeps.
    fn serves(self, ip: Ipv4Addr, kept: u32) -> bool {
        let offset = u64::from(u32::from(ip).wrapping_sub(self.first));
        Net::around(ip, self.prefix) == self && offset >= u64::from(kept) && offset < self.size() - 1
    }

    /// IPs that members without one may get.
    pub(crate) fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        (FIRST_HOST..u32::try_from(self.size() - 1).unwrap_or(u32::MAX))
            .map(move |host| Ipv4Addr::from(self.first + host))
    }
}

impl fmt::Display for Net {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

/// A network around the IPs with room for this many machines.
pub(crate) fn around(ips: &[Ipv4Addr], machines: u64, provider: Provider) -> Option<Network> {
    let (prefixes, kept): (&[u32], u32) = match provider {
        Provider::Aws => (&[24, 20, 16], KEPT_AT_START),
        Provider::Docker | Provider::Sim => (&[24, 20, 16, 12, 8], 2),
    };
    let somewhere = Ipv4Addr::new(10, 0, 16, 0);
    let any = ips.first().copied().unwrap_or(somewhere);
    for prefix in prefixes.iter().copied().filter(|prefix| !ips.is_empty() || *prefix < 24) {
        let subnet = Net::around(any, prefix);
        let room = subnet.size() - u64::from(KEPT_AT_START) - 1;
        if room >= machines + u64::from(FIRST_HOST) && ips.iter().all(|ip| subnet.serves(*ip, kept)) {
            return Some(Network { cidr: Net::around(any, prefix.min(16)), subnet });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ips: &[[u8; 4]], machines: u64, provider: Provider) -> Option<String> {
        let ips: Vec<Ipv4Addr> = ips.iter().map(|ip| Ipv4Addr::from(*ip)).collect();
        around(&ips, machines, provider).map(|network| format!("{} in {}", network.subnet, network.cidr))
    }

    #[test]
    fn the_smallest_usual_network_is_taken() {
        assert_eq!(of(&[[172, 31, 16, 101]], 4, Provider::Aws).as_deref(), Some("172.31.16.0/24 in 172.31.0.0/16"));
        let apart = [[172, 31, 16, 9], [172, 31, 17, 9]];
        assert_eq!(of(&apart, 4, Provider::Aws).as_deref(), Some("172.31.16.0/20 in 172.31.0.0/16"));
        assert_eq!(of(&[[192, 168, 2, 200]], 999, Provider::Sim).as_deref(), Some("192.168.0.0/20 in 192.168.0.0/16"));
        assert_eq!(of(&[], 3, Provider::Sim).as_deref(), Some("10.0.16.0/20 in 10.0.0.0/16"));
        assert_eq!(of(&[], 100_000, Provider::Sim).as_deref(), Some("10.0.0.0/12 in 10.0.0.0/12"));
    }

    #[test]
    fn an_address_that_the_provider_keeps_moves_the_network() {
        assert_eq!(of(&[[10, 0, 1, 2]], 3, Provider::Aws).as_deref(), Some("10.0.0.0/20 in 10.0.0.0/16"));
        assert_eq!(of(&[[10, 0, 0, 2]], 3, Provider::Aws), None);
        assert_eq!(of(&[[10, 0, 0, 9], [11, 0, 0, 9]], 3, Provider::Docker), None);
        assert_eq!(of(&[[0, 0, 0, 1]], 1, Provider::Sim), None);
        assert_eq!(of(&[[255, 255, 255, 255]], 1, Provider::Sim), None);
    }
}
