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

/// The text with each such character replaced by one that is as long, so that places stay where they are. Ends of lines are kept.
pub(crate) fn same_length_printable(text: &str) -> Cow<'_, str> {
    let replaced = |character: char| is_unprintable(character) && character != '\r';
    if !text.contains(replaced) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|character| match character.len_utf8() {
        _ if !replaced(character) => character,
        1 => '?',
        2 => '¿',
        _ => char::REPLACEMENT_CHARACTER,
    });
    Cow::Owned(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let nasty = "a\x1b[2Jb\u{202E}c\u{9b}d\0\te\r\n";
        assert_eq!(printable(nasty), "a\\u{1b}[2Jb\\u{202e}c\\u{9b}d\\u{0}\te\\u{d}\n");
        let same = same_length_printable(nasty);
        assert_eq!(same.len(), nasty.len());
        assert_eq!(same, "a?[2Jb\u{FFFD}c¿d?\te\r\n");
        assert!(matches!(same_length_printable("plain\r\n"), Cow::Borrowed(_)));
    }
}
