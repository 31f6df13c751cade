//! Where the text itself is wrong. The parser has said so, and what is read of such a place is not worth a second word.

use kit_lang::ast::AstNode;
use kit_lang::{Code, Diagnostic, SyntaxKind, SyntaxNode, TextSize};

/// What the names of a file that has syntax errors are read with; of one that has none, nothing is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Broken {
    places: Vec<u32>,
    /// Words of declarations that could not be read: what was meant to be declared there is not missing.
    words: Vec<String>,
}

/// Errors after which all that is around them is read as it was meant.
const HARMLESS: [Code; 3] = [kit_lang::codes::UNCLOSED, kit_lang::codes::NAME_CASE, kit_lang::codes::BAD_ESCAPE];

impl Broken {
    /// By the syntax errors of a text.
    pub(crate) fn new(errors: &[Diagnostic], file: &SyntaxNode) -> Self {
        if errors.is_empty() {
            return Self::default();
        }
        let text = file.text().to_string();
        let mut broken = Self::default();
        for error in errors.iter().filter(|error| !HARMLESS.contains(&error.code)) {
            broken.places.push(error.span.start);
            let start = (error.span.start as usize).min(text.len());
            let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
            let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            if !line.starts_with(char::is_whitespace) {
                let words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
                broken.words.extend(words.map(str::to_owned));
            }
        }
        broken.places.sort_unstable();
        broken
    }

    /// Whether a name stands in a declaration that could not be read.
    pub(crate) fn may_declare(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// Whether an item, or the junk behind it, is wrong itself: not only an item in a block of its own.
    pub(crate) fn touches(&self, item: &impl AstNode) -> bool {
        if self.places.is_empty() {
            return false;
        }
        let node = item.syntax();
        let (start, end) = (u32::from(node.text_range().start()), end_with_junk(node));
        let first = self.places.partition_point(|place| *place < start);
        self.places[first..].iter().take_while(|place| **place <= end).any(|place| !is_inside_block(node, *place))
    }
}

/// The end of an item, or of the junk behind it.
fn end_with_junk(node: &SyntaxNode) -> u32 {
    let mut end = node.text_range().end();
    let mut next = node.next_sibling_or_token();
    while let Some(element) = next {
        match element.kind() {
            SyntaxKind::WHITESPACE => {}
            SyntaxKind::ERROR => end = element.text_range().end(),
            _ => break,
        }
        next = element.next_sibling_or_token();
    }
    end.into()
}

/// Whether a place in an item lies in a block of it, whose items answer for themselves.
fn is_inside_block(node: &SyntaxNode, place: u32) -> bool {
    let at = TextSize::from(place);
    let Some(token) = node.text_range().contains(at).then(|| node.token_at_offset(at).left_biased()).flatten() else {
        return false;
    };
    token.parent_ancestors().take_while(|ancestor| ancestor != node).any(|ancestor| {
        let range = ancestor.text_range();
        matches!(
            ancestor.kind(),
            SyntaxKind::BLOCK | SyntaxKind::ELEMENT_BLOCK | SyntaxKind::FIELD_DECLS | SyntaxKind::DECL_BLOCK
        ) && range.start() < at
            && at < range.end()
    })
}
