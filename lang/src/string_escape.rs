//! Escapes in strings: `\n \t \r \" \\ \${ \u{1F600}`.

use std::borrow::Cow;

/// A backslash that begins no escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// Where it begins, in bytes from the start of the text.
    pub start: usize,
    /// How many bytes of it belong together.
    pub length: usize,
}

/// Reads the escapes. One that is wrong stays as it is written; `bad_escapes` finds those.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    scan(text, |piece| match piece {
        Piece::Text(plain) => out.push_str(plain),
        Piece::Char(c) => out.push(c),
        Piece::Bad(bad) => out.push_str(&text[bad.start..bad.start + bad.length]),
    });
    Cow::Owned(out)
}

/// The escapes that are wrong.
pub fn bad_escapes(text: &str) -> Vec<BadEscape> {
    let mut found = Vec::new();
    if text.contains('\\') {
        scan(text, |piece| {
            if let Piece::Bad(bad) = piece {
                found.push(bad);
            }
        });
    }
    found
}

/// A text with escapes in place of what a string cannot hold as it is.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if rest.peek() == Some(&'{') => out.push_str("\\$"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

enum Piece<'text> {
    Text(&'text str),
    Char(char),
    Bad(BadEscape),
}

/// Hexadecimal digits that a `\u{…}` may have: the largest character is 10FFFF.
const MAX_UNICODE_DIGITS: usize = 6;

fn scan<'text>(text: &'text str, mut each: impl FnMut(Piece<'text>)) {
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        each(Piece::Text(&text[at..start]));
        let after = &text[start + 1..];
        let (piece, length) = match after.chars().next() {
            Some('n') => (Piece::Char('\n'), 2),
            Some('t') => (Piece::Char('\t'), 2),
            Some('r') => (Piece::Char('\r'), 2),
            Some('"') => (Piece::Char('"'), 2),
            Some('\\') => (Piece::Char('\\'), 2),
            Some('$') => (Piece::Char('$'), 2),
            Some('u') => match unicode(after) {
                Some((c, length)) => (Piece::Char(c), 1 + length),
                None => (Piece::Bad(BadEscape { start, length: 2 }), 2),
            },
            Some(other) => {
                let length = 1 + other.len_utf8();
                (Piece::Bad(BadEscape { start, length }), length)
            }
            None => (Piece::Bad(BadEscape { start, length: 1 }), 1),
        };
        each(piece);
        at = start + length;
    }
    each(Piece::Text(&text[at..]));
}

/// Reads `u{…}`: the character and the length of what was read.
fn unicode(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("u{")?;
    let end = digits.find('}').filter(|end| (1..=MAX_UNICODE_DIGITS).contains(end))?;
    let number = u32::from_str_radix(&digits[..end], 16).ok()?;
    Some((char::from_u32(number)?, end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let text = "a \"b\" \\ \n ${x} $ \u{1b}";
        assert_eq!(unescape(&escape(text)), text);
        assert!(bad_escapes(&escape(text)).is_empty());
    }

    #[test]
    fn wrong_ones_have_places() {
        assert_eq!(
            bad_escapes(r"a\qb\u{110000}\"),
            [BadEscape { start: 1, length: 2 }, BadEscape { start: 4, length: 2 }, BadEscape { start: 14, length: 1 },]
        );
        assert_eq!(unescape(r"\u{e9}"), "é");
    }
}
