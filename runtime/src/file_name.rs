//! File names for any text, and back: a name from outside never leaves its directory.

use std::fmt::Write as _;
use std::path::Path;

/// A file name for `text`: what is not a letter, a digit, `-` or an inner `.` is written as `%` and two digits.
pub(crate) fn of(text: &str) -> String {
    let mut name = String::with_capacity(text.len() + 8);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
            b'.' if index > 0 => name.push('.'),
            // Writing to a String cannot fail.
            _ => drop(write!(name, "%{byte:02x}")),
        }
    }
    name
}

/// The text that a file name stands for; none for what [`of`] does not give, such as a temporary file.
pub(crate) fn text_of(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let temporary = Path::new(name).extension().is_some_and(|extension| extension == "tmp");
    (of(&text) == name && !temporary).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_and_no_name_leaves_its_directory() {
        for text in ["demo", "sha256:00ff", "../x", ".", "..", "", "a/b", "%41", "ü", "a.b", "managers.m1"] {
            let name = of(text);
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
            assert_eq!(text_of(&name).as_deref(), Some(text));
        }
        assert_eq!(text_of("%4"), None);
        assert_eq!(text_of("x.12.tmp"), None);
    }
}
