//! `meta.http`: pages, each by its address.

use std::sync::{Arc, OnceLock};

use kit_fetch::{FetchError, Fetcher, Limits};
use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};
use url::Url;

use crate::LOOKUP_TIME;
use crate::text::{MAX_ANSWER_BYTES, argument, without_line_break};

/// Pages over HTTPS, or over plain HTTP from this machine's own loopback.
#[derive(Debug, Clone, Default)]
pub struct HttpSource {
    /// Made for the first question: who asks for no page loads no authorities.
    fetcher: Arc<OnceLock<Result<Fetcher, FetchError>>>,
}

impl HttpSource {
    /// One that trusts the authorities in `pem` beside those of this machine, and has other limits.
    ///
    /// # Errors
    /// When there are no certificates in it.
    pub fn with_authorities(pem: &[u8], limits: Limits) -> Result<Self, FetchError> {
        let made = Self::default();
        // It was made in the line above, so nothing is set yet.
        let _ = made.fetcher.set(Ok(Fetcher::with_loopback(Some(pem), limits)?));
        Ok(made)
    }
}

impl MetadataSource for HttpSource {
    fn name(&self) -> &'static str {
        "http"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        let written = argument(&question.arguments)?;
        let url =
            Url::parse(written).map_err(|error| MetadataError::new(format!("\"{written}\" is no address: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(MetadataError::new("an address with a user or a password in it would show them to everybody"));
        }
        let limits = Limits { time: LOOKUP_TIME, bytes: MAX_ANSWER_BYTES };
        let fetcher = self.fetcher.get_or_init(|| Fetcher::with_loopback(None, limits));
        let fetcher = fetcher.as_ref().map_err(|error| refused(error.clone()))?;
        match fetcher.get(&url) {
            Ok(text) => Ok(MetadataAnswer::text(without_line_break(&text), shown(&url))),
            Err(error) if error.is_absent() => Ok(MetadataAnswer::absent(error.message)),
            Err(error) => Err(refused(error)),
        }
    }
}

/// An address as it is kept beside its answer. What stands behind its `?` may be a key to the page.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    if url.query().is_some() {
        shown.set_query(None);
        return format!("{shown}?…");
    }
    shown.to_string()
}

fn refused(error: FetchError) -> MetadataError {
    MetadataError { why: error.message, help: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_in_an_address_is_kept() {
        for (url, kept) in [
            ("https://example.com/a?token=hunter2#hunter2", "https://example.com/a?…"),
            ("https://example.com/a#hunter2", "https://example.com/a"),
        ] {
            assert_eq!(shown(&Url::parse(url).unwrap()), kept);
        }
    }
}
