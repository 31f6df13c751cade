//! What a script says: its raw text without the indentation that it has for the sake of the file around it.

/// A script's text, and what was taken away to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptText {
    /// The text as its shell reads it.
    pub text: String,
    /// Its first line stands so many lines below the one with the quotes: none or one.
    pub lines_before: u32,
    /// Bytes of indentation that were taken from each line.
    pub indent: usize,
}

/// Reads the raw text between the quotes.
///
/// A line break right behind the opening quotes is none of the text, and the spaces before the closing ones are not
/// either. The spaces and tabs with which all lines begin are taken away; a line of nothing but space is empty and does
/// not count, nor does a first line that stands behind the quotes. A line ends with `\n`, also where the file's lines
/// end with `\r\n`. Nothing else is changed.
pub fn read(raw: &str) -> ScriptText {
    let mut lines: Vec<&str> = raw.split('\n').collect();
    let last = lines.len() - 1;
    for line in &mut lines[..last] {
        *line = line.strip_suffix('\r').unwrap_or(line);
    }
    if last == 0 {
        return ScriptText { text: raw.to_owned(), lines_before: 0, indent: 0 };
    }
    let below = is_blank(lines[0]);
    let indented = &lines[1..];
    let indent = common_indent(indented);
    let mut text = String::with_capacity(raw.len());
    if !below {
        text.push_str(lines[0]);
        text.push('\n');
    }
    for (index, line) in indented.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        if !is_blank(line) {
            text.push_str(&line[indent..]);
        }
    }
    ScriptText { text, lines_before: u32::from(below), indent }
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// Bytes of space with which all lines begin that hold more than space.
fn common_indent(lines: &[&str]) -> usize {
    let mut common: Option<&str> = None;
    for line in lines.iter().filter(|line| !is_blank(line)) {
        let own = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        common = Some(match common {
            None => own,
            Some(before) => {
                let same = before.bytes().zip(own.bytes()).take_while(|(a, b)| a == b).count();
                &before[..same]
            }
        });
    }
    common.map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> String {
        read(raw).text
    }

    #[test]
    fn the_indentation_of_the_file_is_no_part_of_the_text() {
        assert_eq!(text("echo a"), "echo a");
        assert_eq!(text("  echo a  "), "  echo a  ");
        assert_eq!(text("\n  echo a\n  echo b\n"), "echo a\necho b\n");
        assert_eq!(text("\n    if a; then\n      b\n    fi\n  "), "if a; then\n  b\nfi\n");
        assert_eq!(text("\n  cat <<END\n  x\n  END\n"), "cat <<END\nx\nEND\n");
        assert_eq!(text("\n  a\n\n   \n  b"), "a\n\n\nb");
        assert_eq!(text("echo a\n     echo b\n     echo c"), "echo a\necho b\necho c");
        assert_eq!(text("\n"), "");
        assert_eq!(text(""), "");
    }

    #[test]
    fn tabs_and_spaces_are_common_where_they_are_the_same() {
        assert_eq!(text("\n\ta\n\t\tb\n"), "a\n\tb\n");
        assert_eq!(text("\n\t a\n\t\tb\n"), " a\n\tb\n");
        assert_eq!(text("\n  a\n\tb\n"), "  a\n\tb\n");
    }

    #[test]
    fn line_ends_are_those_of_the_shell() {
        assert_eq!(text("\r\n  a\r\n  b\r\n"), "a\nb\n");
        assert_eq!(text("\n  a\rb\n"), "a\rb\n");
    }

    #[test]
    fn lines_know_where_they_stood() {
        let script = read("\n    a\n      b\n");
        assert_eq!((script.lines_before, script.indent), (1, 4));
        let script = read("a\n  b");
        assert_eq!((script.lines_before, script.indent), (0, 2));
    }
}
