//! Source files: their identity, their text, places in them.

use std::sync::OnceLock;

use crate::codes;
use crate::diagnostic::Diagnostic;

/// The most bytes a file may have. A place is a 32-bit offset; and no cluster that a person wrote is a
/// hundredth of this.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024 * 1024;

/// Which file a place is in. Whoever loads the files gives the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A place: bytes `start..end` of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// A place from a range of the tree.
    pub fn new(source: SourceId, range: rowan::TextRange) -> Span {
        Span { source, start: range.start().into(), end: range.end().into() }
    }
}

/// A file that was loaded.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name as the user knows it.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Found when somebody asks: in a file without errors nobody does.
    lines: OnceLock<LineIndex>,
}

impl Source {
    /// A file with a name and a text.
    pub fn new(id: SourceId, name: impl Into<String>, text: impl Into<String>) -> Source {
        Source { id, name: name.into(), text: text.into(), lines: OnceLock::new() }
    }

    /// Where its lines begin.
    pub fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.text))
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: u32) -> LineColumn {
        self.lines().position(&self.text, offset)
    }
}

/// A place as a person says it: both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Where the lines of a text begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Reads a text once.
    pub fn new(text: &str) -> LineIndex {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| offset(at + 1)));
        LineIndex { starts }
    }

    /// Line and column of a byte offset. An offset beyond the end is the end; one inside a character is that character.
    pub fn position(&self, text: &str, at: u32) -> LineColumn {
        let at = at.min(offset(text.len()));
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0) as usize;
        let before = &text.as_bytes()[start.min(text.len())..at as usize];
        // A byte that continues a character (0b10xxxxxx) begins no column.
        let mut column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        if !text.is_char_boundary(at as usize) {
            column = column.saturating_sub(1);
        }
        LineColumn { line: offset(line), column: offset(column + 1) }
    }

    /// How many lines there are; a text that ends in a newline has an empty last one.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// The bytes of a line (from 1) without its newline.
    pub fn line<'text>(&self, text: &'text str, line: u32) -> Option<&'text str> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.starts.get(index)? as usize;
        let end = self.starts.get(index + 1).map_or(text.len(), |next| *next as usize - 1);
        text.get(start..end)
    }
}

/// An offset in a text that `decode` accepted.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The text of a file. What is not UTF-8 is one error at the first bad byte, and the text then has
/// U+FFFD in its places, so that the rest can still be read. A file over `MAX_SOURCE_BYTES` is refused and its text is empty.
pub fn decode(bytes: &[u8], source: SourceId) -> (String, Option<Diagnostic>) {
    if bytes.len() > MAX_SOURCE_BYTES {
        let span = Span { source, start: 0, end: 0 };
        let message = format!("the file has {} bytes; a Kit file has at most {MAX_SOURCE_BYTES}", bytes.len());
        return (String::new(), Some(Diagnostic::error(codes::TOO_LARGE, span, message)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(error) => {
            // What precedes the bad byte is unchanged, so the offset holds in the text too.
            let start = error.valid_up_to();
            let byte = bytes.get(start).copied().unwrap_or_default();
            let text = String::from_utf8_lossy(bytes).into_owned();
            let end = start + char::REPLACEMENT_CHARACTER.len_utf8();
            let span = Span { source, start: offset(start), end: offset(end.min(text.len())) };
            let message = format!("the file is not UTF-8: byte {byte:#04x} begins no character");
            let help = "save the file as UTF-8; letters with accents are two bytes there, not one";
            (text, Some(Diagnostic::error(codes::NOT_UTF8, span, message).with_help(help)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "a\néö = 1\n";
        let lines = LineIndex::new(text);
        assert_eq!(lines.position(text, 0), LineColumn { line: 1, column: 1 });
        assert_eq!(lines.position(text, 1), LineColumn { line: 1, column: 2 });
        assert_eq!(lines.position(text, 7), LineColumn { line: 2, column: 4 });
        assert_eq!(lines.position(text, 3), LineColumn { line: 2, column: 1 });
        assert_eq!(lines.position(text, 9_999), LineColumn { line: 3, column: 1 });
        assert_eq!(lines.line(text, 2), Some("éö = 1"));
        assert_eq!(lines.line(text, 4), None);
    }

    #[test]
    fn bad_bytes_have_a_place() {
        let (text, found) = decode(b"name = \"caf\xe9\"\nx = 1", SourceId(3));
        let found = found.expect("an error");
        assert_eq!(found.span, Span { source: SourceId(3), start: 11, end: 14 });
        assert!(text.ends_with("x = 1"));
        assert!(decode("grün".as_bytes(), SourceId(0)).1.is_none());
    }
}
