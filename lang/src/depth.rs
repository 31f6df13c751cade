//! How deep brackets nest, found in one pass before the grammar, which recurses, sees the text.

/// How deep brackets may nest. Generous for people; what comes after (grammar, tree, types) recurses, and
/// this bounds its stack.
pub const MAX_DEPTH: usize = 64;

/// Declarations which begin a line end every bracket that was left open, but for a component's.
const DECLARATIONS: [&str; 13] = [
    "param",
    "resource",
    "let",
    "group",
    "output",
    "type",
    "fn",
    "use",
    "component",
    "metadata",
    "extern",
    "test",
    "cluster",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Bracket(u8),
    Text,
    Interpolation,
}

/// The place of the first bracket, or `<` of a type, deeper than `MAX_DEPTH`.
pub(crate) fn first_too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut frames: Vec<Frame> = Vec::new();
    // Types in types, `list<list<`, without a bracket between them.
    let mut angles = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if frames.last() == Some(&Frame::Text) {
            match byte {
                b'"' => {
                    frames.pop();
                }
                // An unclosed string ends with its line; the newline is looked at again, below.
                b'\n' => {
                    frames.pop();
                    continue;
                }
                b'\\' if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => at += 1,
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    frames.push(Frame::Interpolation);
                    at += 1;
                }
                _ => {}
            }
        } else {
            match byte {
                b'#' => {
                    at = text[at..].find('\n').map_or(bytes.len(), |length| at + length);
                    continue;
                }
                b'"' if bytes[at..].starts_with(b"\"\"\"") && ends_with_sh(&bytes[..at]) => {
                    at = end_of_script(text, at + 3);
                    continue;
                }
                b'"' => frames.push(Frame::Text),
                b'(' | b'[' | b'{' => frames.push(Frame::Bracket(byte)),
                b')' => close(&mut frames, b'('),
                b']' => close(&mut frames, b'['),
                b'}' => close_brace(&mut frames),
                b'\n' if begins_declaration(&text[at + 1..]) => frames.truncate(1),
                _ => {}
            }
            match byte {
                b'<' if at.checked_sub(1).is_some_and(|before| is_of_word(bytes[before])) => angles += 1,
                b' ' | b'\t' | b'.' => {}
                byte if is_of_word(byte) => {}
                _ => angles = 0,
            }
        }
        if frames.len().max(angles) > MAX_DEPTH {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Closes a parenthesis or a square bracket, and what was left open in it; never a brace.
fn close(frames: &mut Vec<Frame>, opening: u8) {
    let inner = frames.iter().rposition(|frame| matches!(frame, Frame::Bracket(b'{') | Frame::Interpolation));
    let open = frames.iter().rposition(|frame| *frame == Frame::Bracket(opening));
    if let Some(open) = open
        && inner.is_none_or(|inner| inner < open)
    {
        frames.truncate(open);
    }
}

/// Closes a brace or an interpolation, and what was left open in it.
fn close_brace(frames: &mut Vec<Frame>) {
    let open = frames.iter().rposition(|frame| matches!(frame, Frame::Bracket(b'{') | Frame::Interpolation));
    if let Some(open) = open {
        frames.truncate(open);
    }
}

/// Whether the word before the quotes is `sh` and no longer one, such as `fish`.
fn ends_with_sh(before: &[u8]) -> bool {
    let word = before.strip_suffix(b"sh");
    word.is_some_and(|before| !before.last().copied().is_some_and(is_of_word))
}

fn end_of_script(text: &str, from: usize) -> usize {
    let Some(found) = text[from..].find("\"\"\"") else { return text.len() };
    let mut end = from + found + 3;
    while text.as_bytes().get(end) == Some(&b'"') {
        end += 1;
    }
    end
}

fn begins_declaration(line: &str) -> bool {
    let length = line.bytes().take_while(u8::is_ascii_lowercase).count();
    DECLARATIONS.contains(&&line[..length]) && line[length..].starts_with([' ', '\t', '{'])
}
