//! Where the text itself is wrong. The parser has said so, and what is read of such a place is not worth a second word.

use kit_lang::ast::AstNode;
use kit_lang::{Code, Diagnostic, SyntaxKind, SyntaxNode, TextSize};

/// What the names of a file that has syntax errors are read with; of one that has none, nothing is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Broken {
    places: Vec<u32>,
    /// Words of declarations that could not be read: what was meant to be declared there is not missing.
    words: Vec<String>,
    /// Where strings end that have no end, with the rest of their lines in them.
    swallowed: Vec<u32>,
    /// Nothing was read.
    everything: bool,
}

/// Errors of a value, around which the declaration was read.
const OF_A_VALUE: [Code; 4] = [
    kit_lang::codes::BAD_NUMBER,
    kit_lang::codes::NUMBER_RANGE,
    kit_lang::codes::BAD_ADDRESS,
    kit_lang::codes::HOST_BITS,
];

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
            broken.everything |= error.code == kit_lang::codes::TOO_DEEP;
            if error.code == kit_lang::codes::UNTERMINATED_STRING {
                broken.swallowed.push(error.span.start);
            }
            if OF_A_VALUE.contains(&error.code) {
                continue;
            }
            if !line.starts_with(char::is_whitespace) || error.code == kit_lang::codes::MISPLACED {
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

    /// Whether the file's cluster may be among what could not be read.
    pub(crate) fn may_have_cluster(&self) -> bool {
        self.everything || self.words.iter().any(|word| strsim::damerau_levenshtein(word, "cluster") <= 2)
    }

    /// Whether a string without an end may have taken fields of a block with it.
    pub(crate) fn swallows_in(&self, block: &impl AstNode) -> bool {
        !self.swallowed.is_empty() && is_any_in(&self.swallowed, block)
    }

    /// Whether what begins at a place was refused as it stands.
    pub(crate) fn is_at(&self, place: u32) -> bool {
        self.places.binary_search(&place).is_ok()
    }

    /// Whether anything in a node is wrong, however deep.
    pub(crate) fn is_anywhere_in(&self, node: &impl AstNode) -> bool {
        !self.places.is_empty() && is_any_in(&self.places, node)
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

fn is_any_in(places: &[u32], node: &impl AstNode) -> bool {
    let range = node.syntax().text_range();
    places.iter().any(|place| u32::from(range.start()) <= *place && *place <= u32::from(range.end()))
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
