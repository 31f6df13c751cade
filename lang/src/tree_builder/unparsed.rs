//! A text that is refused as a whole: too deep for what would read its tree.

use rowan::{GreenNode, GreenNodeBuilder};

use crate::plain_token;
use crate::syntax_error::{SyntaxError, SyntaxErrors};
use crate::syntax_kind::SyntaxKind;

/// The tree of a text that is refused as a whole: tokens and no structure.
pub(crate) fn unparsed(text: &str, error: SyntaxError) -> (GreenNode, SyntaxErrors) {
    let mut green = GreenNodeBuilder::new();
    green.start_node(SyntaxKind::FILE.into());
    green.start_node(SyntaxKind::ERROR.into());
    let mut at = 0;
    while at < text.len() {
        let (kind, length) = plain_token::first(&text[at..]);
        green.token(kind.into(), &text[at..at + length]);
        at += length;
    }
    green.finish_node();
    green.finish_node();
    let mut errors = SyntaxErrors::default();
    errors.push_with(|| error);
    (green.finish(), errors)
}
