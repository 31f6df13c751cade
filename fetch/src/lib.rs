//! Fetches texts: over HTTPS and nothing else, but for this machine's own loopback and sockets, within limits.

use std::error::Error as _;
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, ClientBuilder};
use reqwest::redirect;
use rustls::crypto::ring;
use url::Url;

/// The most redirects that are followed: a short name, a mirror, a release, a store, and one to spare.
pub const MAX_REDIRECTS: usize = 5;

/// What is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The limits of one fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first packet to the last byte. A module is small: what takes longer than a person waits is stuck.
    pub time: Duration,
    /// The most bytes. A hundred times the largest module that a person wrote; a server must not fill the memory.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(30), bytes: 4 * 1024 * 1024 }
    }
}

/// Why nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// The cause, in the user's words.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The server answered with this status.
    pub status: Option<u16>,
}

impl FetchError {
    fn new(message: impl Into<String>) -> FetchError {
        FetchError { message: message.into(), help: None, status: None }
    }

    /// The server says that there is nothing at this address.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.status, Some(404 | 410))
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}

/// Whom a fetcher speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Https,
    /// And plain HTTP of this machine's own loopback.
    HttpsOrLoopback,
    /// Plain HTTP over a socket of this machine.
    Socket,
}

impl Reach {
    /// Whether an address may be asked; `before` are those that led to it.
    fn allows(self, url: &Url, before: &[Url]) -> bool {
        match (self, url.scheme()) {
            (Reach::Socket, "http") | (_, "https") => true,
            // Who is sent here from elsewhere must not get at what only this machine can reach.
            (Reach::HttpsOrLoopback, "http") => {
                is_loopback(url) && before.iter().all(|url| url.scheme() == "http" && is_loopback(url))
            }
            _ => false,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Fetches texts.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    /// For this machine's own loopback, which no proxy elsewhere reaches for us.
    direct: Option<Client>,
    limits: Limits,
    reach: Reach,
}

impl Fetcher {
    /// A fetcher that trusts the authorities of this machine, and beside them those in `authorities`, which is PEM.
    ///
    /// # Errors
    /// When there are no certificates in it, or this machine has no authorities.
    pub fn new(authorities: Option<&[u8]>, limits: Limits) -> Result<Fetcher, FetchError> {
        let client = client(Reach::Https, authorities, limits, |builder| builder)?;
        Ok(Fetcher { client, direct: None, limits, reach: Reach::Https })
    }

    /// The same, which speaks plain HTTP with this machine's own loopback too.
    ///
    /// # Errors
    /// As [`Fetcher::new`].
    pub fn with_loopback(authorities: Option<&[u8]>, limits: Limits) -> Result<Fetcher, FetchError> {
        let reach = Reach::HttpsOrLoopback;
        let client_of = |more: fn(ClientBuilder) -> ClientBuilder| client(reach, authorities, limits, more);
        let direct = Some(client_of(ClientBuilder::no_proxy)?);
        Ok(Fetcher { client: client_of(|builder| builder)?, direct, limits, reach })
    }

    /// One that speaks plain HTTP over a socket in the file system, whatever the host of an address.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn over_socket(socket: &Path, limits: Limits) -> Result<Fetcher, FetchError> {
        let client = client(Reach::Socket, None, limits, |builder| builder.unix_socket(socket).no_proxy())?;
        Ok(Fetcher { client, direct: None, limits, reach: Reach::Socket })
    }

    /// The text at an address.
    ///
    /// # Errors
    /// When it cannot be had within the limits, or is not UTF-8.
    pub fn get(&self, url: &Url) -> Result<String, FetchError> {
        let refused = |why: String| FetchError::new(format!("{url} cannot be fetched: {why}"));
        if !self.reach.allows(url, &[]) {
            return Err(refused("it is not HTTPS".to_owned()));
        }
        let client = self.direct.as_ref().filter(|_| url.scheme() == "http").unwrap_or(&self.client);
        let began = Instant::now();
        let mut response = client.get(url.clone()).send().map_err(|error| {
            let cause = cause(&error);
            if cause.contains("certificate") {
                let help = "if an authority of your own signed it, name its file with `--ca FILE`";
                return FetchError { help: Some(help.to_owned()), ..refused(cause) };
            }
            refused(cause)
        })?;
        if !response.status().is_success() {
            let refused = refused(format!("its server answers {}", response.status()));
            return Err(FetchError { status: Some(response.status().as_u16()), ..refused });
        }
        let mut bytes = Vec::new();
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            let read = response.read(&mut chunk).map_err(|error| match error.get_ref() {
                Some(inner) => refused(last_cause(inner)),
                None => refused(error.to_string()),
            })?;
            if read == 0 {
                break;
            }
            if bytes.len() + read > self.limits.bytes {
                return Err(refused(format!("it has more than {} bytes", self.limits.bytes)));
            }
            // A server that sends a byte now and then is alive, but not for ever.
            if began.elapsed() > self.limits.time {
                return Err(refused(format!("it takes more than {} s", self.limits.time.as_secs())));
            }
            bytes.extend_from_slice(&chunk[..read]);
        }
        String::from_utf8(bytes)
            .map_err(|error| refused(format!("it is not UTF-8, from byte {} on", error.utf8_error().valid_up_to())))
    }
}

/// A client that speaks to whom it may, and follows no one to others.
fn client(
    reach: Reach,
    authorities: Option<&[u8]>,
    limits: Limits,
    more: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, FetchError> {
    let refused = |error: &reqwest::Error| FetchError::new(format!("no HTTPS can be spoken here: {}", cause(error)));
    // Whoever is first decides for the process; it is the same provider.
    let _ = ring::default_provider().install_default();
    let mut builder = Client::builder()
        .https_only(reach == Reach::Https)
        .referer(false)
        .user_agent(concat!("kitc/", env!("CARGO_PKG_VERSION")))
        .timeout(limits.time)
        .connect_timeout(limits.time)
        .redirect(redirect::Policy::custom(move |attempt| {
            if !reach.allows(attempt.url(), attempt.previous()) {
                let message = format!("it redirects to {}, which is not HTTPS", attempt.url());
                return attempt.error(message);
            }
            if attempt.previous().len() > MAX_REDIRECTS {
                return attempt.error(format!("it redirects more than {MAX_REDIRECTS} times"));
            }
            attempt.follow()
        }));
    if let Some(pem) = authorities {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| refused(&error))?;
        if certificates.is_empty() {
            return Err(FetchError::new("the file of authorities has no certificate in PEM"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    more(builder).build().map_err(|error| refused(&error))
}

/// The innermost cause, which says what happened; what is around it says that something did.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it takes too long".to_owned();
    }
    error.source().map_or_else(|| error.to_string(), last_cause)
}

fn last_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    // Bounded: causes are nested, and each is looked at once.
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}
