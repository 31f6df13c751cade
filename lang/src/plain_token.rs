//! Tokens as they are without their surroundings: what lies between the captures of the grammar is read by this.

use crate::syntax_kind::SyntaxKind;

/// The kind and the length of the token with which a text begins. The text is not empty; the length is not 0
/// and ends at a character.
pub(crate) fn first(text: &str) -> (SyntaxKind, usize) {
    use SyntaxKind::*;
    let bytes = text.as_bytes();
    let second = bytes.get(1).copied();
    let one = |kind| (kind, 1);
    let two = |kind| (kind, 2);
    match bytes.first().copied().unwrap_or_default() {
        b' ' | b'\t' | b'\r' => (WHITESPACE, length(bytes, |byte| matches!(byte, b' ' | b'\t' | b'\r'))),
        b'\n' => one(NEWLINE),
        b'#' => {
            let end = text.find('\n').unwrap_or(text.len());
            (comment_kind(&text[..end]), end)
        }
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            let length = length(bytes, is_word_byte);
            let word = &text[..length];
            (SyntaxKind::from_keyword(word).unwrap_or_else(|| name_kind(word)), length)
        }
        b'0'..=b'9' => (BAD_LITERAL, length(bytes, is_word_byte)),
        b'{' => one(L_BRACE),
        b'}' => one(R_BRACE),
        b'(' => one(L_PAREN),
        b')' => one(R_PAREN),
        b'[' => one(L_BRACKET),
        b']' => one(R_BRACKET),
        b',' => one(COMMA),
        b':' => one(COLON),
        b'.' if text.starts_with("..=") => (RANGE, 3),
        b'.' => one(DOT),
        b'"' if text.starts_with("\"\"\"") => (SCRIPT_END, 3),
        b'"' => one(QUOTE),
        b'$' if second == Some(b'{') => two(INTERPOLATION_START),
        b'=' if second == Some(b'=') => two(EQ_EQ),
        b'=' if second == Some(b'>') => two(FAT_ARROW),
        b'=' => one(EQ),
        b'!' if second == Some(b'=') => two(NOT_EQ),
        b'!' => one(BANG),
        b'<' if second == Some(b'=') => two(LESS_EQ),
        b'<' => one(LESS),
        b'>' if second == Some(b'=') => two(GREATER_EQ),
        b'>' => one(GREATER),
        b'&' if second == Some(b'&') => two(AND_AND),
        b'|' if second == Some(b'|') => two(OR_OR),
        b'|' => one(PIPE),
        b'?' if second == Some(b'?') => two(COALESCE),
        b'?' => one(QUESTION),
        b'+' => one(PLUS),
        b'-' => one(MINUS),
        b'*' => one(STAR),
        // A byte order mark, which some editors write at the head of a file.
        0xEF if text.starts_with('\u{FEFF}') => (WHITESPACE, '\u{FEFF}'.len_utf8()),
        _ => (UNKNOWN, text.chars().next().map_or(1, char::len_utf8)),
    }
}

/// A name that begins with a capital names a type.
pub(crate) fn name_kind(word: &str) -> SyntaxKind {
    if word.starts_with(|first: char| first.is_ascii_uppercase()) { SyntaxKind::TYPE_IDENT } else { SyntaxKind::IDENT }
}

/// `## …` and a bare `##` document; `###…` is a line of decoration.
pub(crate) fn comment_kind(comment: &str) -> SyntaxKind {
    let documents = comment.strip_prefix("##").is_some_and(|rest| !rest.starts_with('#'));
    if documents { SyntaxKind::DOC_COMMENT } else { SyntaxKind::COMMENT }
}

/// A letter, a digit or `_`.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}
