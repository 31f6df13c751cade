//! Text of strangers on a terminal: a file must not move the cursor, ring the bell or reverse what is read.

use std::borrow::Cow;

/// A character that a terminal obeys or that changes the order of others.
fn is_unprintable(character: char) -> bool {
    let commands = character.is_control() && !matches!(character, '\n' | '\t');
    // Overrides of the direction of writing hide what a line says.
    commands || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}')
}

/// The text with each such character written as an escape.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unprintable(character) { shown.extend(character.escape_unicode()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

/// The text with each such character replaced by one that is as long, so that places stay where they are. Ends of lines are
/// kept; a carriage return alone is none.
pub(crate) fn same_length_printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = character == '\r' && characters.peek() == Some(&'\n');
        shown.push(match character.len_utf8() {
            _ if ends_line || !is_unprintable(character) => character,
            1 => '?',
            2 => '¿',
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let nasty = "a\x1b[2Jb\u{202E}c\u{9b}d\0\te\rf\r\n";
        assert_eq!(printable(nasty), "a\\u{1b}[2Jb\\u{202e}c\\u{9b}d\\u{0}\te\\u{d}f\\u{d}\n");
        let same = same_length_printable(nasty);
        assert_eq!(same.len(), nasty.len());
        assert_eq!(same, "a?[2Jb\u{FFFD}c¿d?\te?f\r\n");
        assert!(matches!(same_length_printable("plain\n"), Cow::Borrowed(_)));
    }
}
