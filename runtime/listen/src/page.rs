//! The one page: a document without anything from elsewhere, and the policy that lets a browser run nothing else in it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const FRAME: &str = include_str!("page.html");

/// The page, and its `Content-Security-Policy`.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) policy: String,
}

impl Page {
    /// The page, made once.
    pub(crate) fn new() -> Self {
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
        Self {
            html: FRAME.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT),
            // Images are only the mark in the tab, which the script draws.
            policy: format!(
                "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                hash(SCRIPT),
                hash(STYLE)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_writes_text_alone() {
        let page = Page::new();
        assert!(page.html.contains(STYLE) && page.html.contains(SCRIPT) && !page.html.contains("{{"));
        let outside = ["http://", "https://", "src=", "@import", "url(", "style="];
        assert!(outside.iter().all(|one| !page.html.contains(one)), "it takes something from elsewhere");
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "setTimeout(\""] {
            assert!(!SCRIPT.contains(markup), "{markup} would take text of the cluster for markup");
        }
    }
}
