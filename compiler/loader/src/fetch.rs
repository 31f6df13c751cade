//! Fetching a module: HTTPS and nothing else, within limits.

use std::error::Error as _;
use std::io::Read as _;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use reqwest::redirect;
use rustls::crypto::ring;
use url::Url;

use crate::codes;
use crate::remotes::Refusal;

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

/// Fetches modules.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    limits: Limits,
}

impl Fetcher {
    /// A fetcher that trusts the authorities of this machine, and beside them those in `authorities`, which is PEM.
    ///
    /// # Errors
    /// When there are no certificates in it, or this machine has no authorities.
    pub fn new(authorities: Option<&[u8]>, limits: Limits) -> Result<Fetcher, Refusal> {
        let refused = |error: &reqwest::Error| {
            Refusal::new(codes::NOT_FETCHED, format!("no HTTPS can be spoken here: {}", cause(error)))
        };
        // Whoever is first decides for the process; it is the same provider.
        let _ = ring::default_provider().install_default();
        let mut builder = Client::builder()
            .https_only(true)
            .referer(false)
            .user_agent(concat!("kitc/", env!("CARGO_PKG_VERSION")))
            .timeout(limits.time)
            .connect_timeout(limits.time)
            .redirect(redirect::Policy::custom(|attempt| {
                if attempt.url().scheme() != "https" {
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
                return Err(Refusal::new(codes::NOT_FETCHED, "the file of authorities has no certificate in PEM"));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(Fetcher { client: builder.build().map_err(|error| refused(&error))?, limits })
    }

    /// The bytes at an address, which are UTF-8.
    pub(crate) fn fetch(&self, url: &Url) -> Result<Vec<u8>, Refusal> {
        let refused = |why: String| Refusal::new(codes::NOT_FETCHED, format!("{url} cannot be fetched: {why}"));
        let began = Instant::now();
        let mut response = self.client.get(url.clone()).send().map_err(|error| {
            let cause = cause(&error);
            if cause.contains("certificate") {
                let help = "if an authority of your own signed it, name its file with `--ca FILE`";
                return refused(cause).with_help(help);
            }
            refused(cause)
        })?;
        if !response.status().is_success() {
            return Err(refused(format!("its server answers {}", response.status())));
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
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(refused(format!("it is not UTF-8, from byte {} on", error.valid_up_to()))),
        }
    }
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
