//! The one layout of Kit. Line breaks are the writer's, spaces are not: what was on one line stays on one
//! line, brackets that held a line break hold one item a line. Two spaces a level; the `=` of consecutive
//! one-line fields stand below each other; at most one blank line in a row; comments stay where they are.

use rowan::{GreenNodeData, Language as _, NodeOrToken};

use crate::diagnostic::Diagnostic;
use crate::parse::{Parse, parse};
use crate::precedence;
use crate::source::SourceId;
use crate::syntax_kind::{Kit, SyntaxKind};

/// Spaces of one level.
const INDENT: &str = "  ";

/// Formats a text. One with errors is refused: its diagnostics carry `SourceId(0)`.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    format_parsed(&parse(text), text)
}

/// Formats a text that was parsed already.
pub fn format_parsed(parsed: &Parse, text: &str) -> Result<String, Vec<Diagnostic>> {
    if parsed.has_errors() {
        return Err(parsed.diagnostics(SourceId::default()));
    }
    let mut formatter = Formatter {
        text,
        out: String::with_capacity(text.len() + text.len() / 8),
        scratch: String::new(),
        level: 0,
        continued: false,
        equals: None,
    };
    formatter.file(parsed.green());
    Ok(formatter.out)
}

struct Formatter<'text> {
    text: &'text str,
    out: String,
    scratch: String,
    level: usize,
    /// The statement at hand goes on over a line break, so it is indented one level more.
    continued: bool,
    /// Where the `=` of the field written last stands, and the width of its name.
    equals: Option<Equals>,
}

/// Where an `=` goes, and how wide is what stands before it.
#[derive(Clone, Copy)]
struct Equals {
    at: usize,
    width: usize,
}

/// A child with the place where it begins in the text.
type Child<'tree> = NodeOrToken<(&'tree GreenNodeData, usize), (SyntaxKind, usize, usize)>;

/// The children of a node with their places.
fn children(node: &GreenNodeData, start: usize) -> impl Iterator<Item = Child<'_>> {
    let mut at = start;
    node.children().map(move |child| {
        let begin = at;
        match child {
            NodeOrToken::Node(node) => {
                at += usize::from(node.text_len());
                NodeOrToken::Node((node, begin))
            }
            NodeOrToken::Token(token) => {
                at += usize::from(token.text_len());
                NodeOrToken::Token((Kit::kind_from_raw(token.kind()), begin, at))
            }
        }
    })
}

fn kind_of(node: &GreenNodeData) -> SyntaxKind {
    Kit::kind_from_raw(node.kind())
}

/// How the items in brackets are set.
#[derive(Clone, Copy)]
struct Style {
    /// A space inside the brackets on one line.
    padded: bool,
    /// Each item on its own line has a comma.
    commas: bool,
}

fn style(kind: SyntaxKind) -> Option<Style> {
    use SyntaxKind::*;
    match kind {
        BLOCK | FIELD_DECLS | METADATA_BLOCK | DECL_BLOCK | MATCH_ARMS => Some(Style { padded: true, commas: false }),
        // A line that begins with an operator goes on, so elements need their commas.
        ELEMENT_BLOCK => Some(Style { padded: true, commas: true }),
        LIST_EXPR | ARG_LIST | FN_PARAMS => Some(Style { padded: false, commas: true }),
        _ => None,
    }
}

/// The fields that are waiting to have their `=` set below each other.
#[derive(Default)]
struct Run {
    fields: Vec<Equals>,
}

/// What lies between two things of a row: line breaks, and comments with whether a line break precedes them.
#[derive(Default)]
struct Gap {
    newlines: usize,
    comments: Vec<(usize, usize, bool)>,
}

impl Gap {
    fn clear(&mut self) {
        self.newlines = 0;
        self.comments.clear();
    }
}

impl Formatter<'_> {
    fn file(&mut self, file: &GreenNodeData) {
        let mut row = Row::new(Style { padded: false, commas: false });
        for child in children(file, 0) {
            self.row_child(&mut row, child);
        }
        self.end_run(&mut row.run);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn node(&mut self, node: &GreenNodeData, start: usize) {
        let kind = kind_of(node);
        if let Some(style) = style(kind) {
            self.brackets(node, start, style);
        } else if matches!(kind, SyntaxKind::STRING | SyntaxKind::SCRIPT) {
            let end = start + usize::from(node.text_len());
            self.out.push_str(&self.text[start..end]);
        } else {
            self.plain(node, kind, start);
        }
    }

    // ---- Rows: the items of brackets or of the file

    fn brackets(&mut self, node: &GreenNodeData, start: usize, style: Style) {
        let end = start + usize::from(node.text_len());
        if self.text[start..end].contains('\n') {
            self.broken(node, start, style);
        } else {
            self.inline(node, start, style);
        }
    }

    fn inline(&mut self, node: &GreenNodeData, start: usize, style: Style) {
        let mut first = true;
        for child in children(node, start) {
            match child {
                NodeOrToken::Node((item, at)) => {
                    if !first {
                        self.out.push_str(", ");
                    } else if style.padded {
                        self.out.push(' ');
                    }
                    first = false;
                    self.node(item, at);
                }
                NodeOrToken::Token((kind, at, end)) => match kind {
                    SyntaxKind::L_BRACE | SyntaxKind::L_BRACKET | SyntaxKind::L_PAREN => {
                        self.out.push_str(&self.text[at..end])
                    }
                    SyntaxKind::R_BRACE | SyntaxKind::R_BRACKET | SyntaxKind::R_PAREN => {
                        if !first && style.padded {
                            self.out.push(' ');
                        }
                        self.out.push_str(&self.text[at..end]);
                    }
                    _ => {}
                },
            }
        }
    }

    fn broken(&mut self, node: &GreenNodeData, start: usize, style: Style) {
        let mut row = Row::new(style);
        for child in children(node, start) {
            match child {
                NodeOrToken::Token((SyntaxKind::L_BRACE | SyntaxKind::L_BRACKET | SyntaxKind::L_PAREN, at, end)) => {
                    self.out.push_str(&self.text[at..end]);
                    self.level += 1;
                }
                NodeOrToken::Token((SyntaxKind::R_BRACE | SyntaxKind::R_BRACKET | SyntaxKind::R_PAREN, at, end)) => {
                    self.end_run(&mut row.run);
                    self.level -= 1;
                    if !row.empty {
                        self.line_break();
                    }
                    self.out.push_str(&self.text[at..end]);
                }
                other => self.row_child(&mut row, other),
            }
        }
    }

    /// An item, a comment, a line break or a comma of a row.
    fn row_child(&mut self, row: &mut Row, child: Child<'_>) {
        match child {
            NodeOrToken::Node((item, at)) => {
                let follows = row.newlines <= 1 && !row.after_comment;
                if !row.style.commas && !row.empty && self.text[at..].starts_with('-') {
                    // The line would go on the one above.
                    self.comma_of_row(row);
                }
                if !follows {
                    // Before the next is written: what is put into the lines above would move it.
                    self.end_run(&mut row.run);
                }
                self.begin_line(row);
                let begin = self.out.len();
                self.statement(item, at);
                row.item_end = self.out.len();
                if row.style.commas {
                    self.out.push(',');
                }
                self.align(row, item, begin);
                row.after_comment = false;
            }
            NodeOrToken::Token((SyntaxKind::NEWLINE, ..)) => row.newlines += 1,
            NodeOrToken::Token((kind, at, end)) if kind.is_comment() => {
                let comment = self.text[at..end].trim_end();
                let begins_file = row.empty && self.out.is_empty();
                if row.newlines == 0 && !begins_file {
                    self.out.push(' ');
                    self.out.push_str(comment);
                    row.empty = false;
                } else {
                    self.begin_line(row);
                    self.out.push_str(comment);
                    row.after_comment = true;
                }
            }
            NodeOrToken::Token(_) => {}
        }
    }

    /// Puts a comma behind the item written last.
    fn comma_of_row(&mut self, row: &Row) {
        if self.out.is_char_boundary(row.item_end) && row.item_end > 0 {
            self.out.insert(row.item_end, ',');
        }
    }

    /// Begins the line of an item or of a comment; a blank line before it stays.
    fn begin_line(&mut self, row: &mut Row) {
        if !self.out.is_empty() {
            if row.newlines > 1 && !row.empty {
                self.out.push('\n');
            }
            self.line_break();
        }
        row.newlines = 0;
        row.empty = false;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        for _ in 0..self.level {
            self.out.push_str(INDENT);
        }
    }

    /// Writes an item: whatever goes on over a line break in it is indented once.
    fn statement(&mut self, item: &GreenNodeData, at: usize) {
        let (level, continued) = (self.level, self.continued);
        self.continued = false;
        self.node(item, at);
        self.level = level;
        self.continued = continued;
    }

    // ---- The `=` of fields

    /// Takes a field that was just written into the run, or ends the run.
    fn align(&mut self, row: &mut Row, item: &GreenNodeData, begin: usize) {
        let equals =
            self.equals.take().filter(|_| kind_of(item) == SyntaxKind::FIELD && !self.out[begin..].contains('\n'));
        match equals {
            Some(equals) => row.run.fields.push(equals),
            None => row.item_end += self.end_run(&mut row.run),
        }
    }

    /// Sets the `=` of a run below each other, and tells how many spaces that took.
    fn end_run(&mut self, run: &mut Run) -> usize {
        let widest = run.fields.iter().map(|field| field.width).max().unwrap_or_default();
        let missing: usize = run.fields.iter().map(|field| widest - field.width).sum();
        if missing > 0
            && let Some(first) = run.fields.first()
        {
            let begin = first.at;
            self.scratch.clear();
            let mut from = begin;
            for field in &run.fields {
                self.scratch.push_str(&self.out[from..field.at]);
                self.scratch.extend(std::iter::repeat_n(' ', widest - field.width));
                from = field.at;
            }
            self.scratch.push_str(&self.out[from..]);
            self.out.truncate(begin);
            self.out.push_str(&self.scratch);
        }
        run.fields.clear();
        missing
    }

    // ---- Everything else: tokens with a space or none between them

    fn plain(&mut self, node: &GreenNodeData, parent: SyntaxKind, start: usize) {
        let mut before: Option<SyntaxKind> = None;
        let mut gap = Gap::default();
        let begin = self.out.len();
        let mut equals = None;
        for child in children(node, start) {
            let kind = match &child {
                NodeOrToken::Node((node, _)) => kind_of(node),
                NodeOrToken::Token((SyntaxKind::NEWLINE, ..)) => {
                    gap.newlines += 1;
                    continue;
                }
                NodeOrToken::Token((SyntaxKind::WHITESPACE, ..)) => continue,
                NodeOrToken::Token((kind, at, end)) if kind.is_comment() => {
                    gap.comments.push((*at, *end, gap.newlines > 0));
                    continue;
                }
                NodeOrToken::Token((kind, ..)) => *kind,
            };
            if parent == SyntaxKind::FIELD && kind == SyntaxKind::EQ && equals.is_none() {
                equals = Some(Equals { at: self.out.len(), width: self.out[begin..].chars().count() });
            }
            if let Some(before) = before {
                self.gap(parent, before, kind, &gap);
            }
            gap.clear();
            match child {
                NodeOrToken::Node((node, at)) => self.node(node, at),
                NodeOrToken::Token((_, at, end)) => self.out.push_str(&self.text[at..end]),
            }
            before = Some(kind);
        }
        if parent == SyntaxKind::FIELD {
            self.equals = equals;
        }
    }

    fn gap(&mut self, parent: SyntaxKind, before: SyntaxKind, after: SyntaxKind, gap: &Gap) {
        if !gap.comments.is_empty() {
            for (at, end, on_own_line) in &gap.comments {
                if *on_own_line {
                    self.go_on();
                } else {
                    self.out.push(' ');
                }
                self.out.push_str(self.text[*at..*end].trim_end());
            }
            self.go_on();
        } else if gap.newlines > 0 && keeps_line_break(before, after) {
            self.go_on();
        } else if has_space(parent, before, after) {
            self.out.push(' ');
        }
    }

    /// The statement goes on on the next line.
    fn go_on(&mut self) {
        if !self.continued {
            self.continued = true;
            self.level += 1;
        }
        self.line_break();
    }
}

/// Where a row is.
struct Row {
    style: Style,
    run: Run,
    /// Line breaks since the last item or comment.
    newlines: usize,
    /// Neither an item nor a comment was written.
    empty: bool,
    /// The last line is a comment.
    after_comment: bool,
    /// Where the last item ends in what was written.
    item_end: usize,
}

impl Row {
    fn new(style: Style) -> Row {
        Row { style, run: Run::default(), newlines: 0, empty: true, after_comment: false, item_end: 0 }
    }
}

/// A line may break before what begins a continuation, and after what wants one.
fn keeps_line_break(before: SyntaxKind, after: SyntaxKind) -> bool {
    use SyntaxKind::*;
    let begins =
        |kind| precedence::of(kind).is_some() || matches!(kind, DOT | THEN_KW | ELSE_KW | WITH_KW | PIPE | REFINEMENT);
    let wants = |kind| precedence::of(kind).is_some() || matches!(kind, THEN_KW | ELSE_KW | PIPE);
    begins(after) || wants(before)
}

fn has_space(parent: SyntaxKind, before: SyntaxKind, after: SyntaxKind) -> bool {
    use SyntaxKind::*;
    if matches!(after, COMMA | COLON | QUESTION | DOT | FN_PARAMS | ARG_LIST) || matches!(before, DOT | BANG) {
        return false;
    }
    match parent {
        BINARY_EXPR => before != RANGE && after != RANGE,
        UNARY_EXPR | FIELD_EXPR | CALL_EXPR | INDEX_EXPR | PAREN_EXPR | TYPE_PATH | NAMED_TYPE | OPTIONAL_TYPE
        | PAREN_TYPE => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        let formatted = format(text).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(formatted, expected);
        assert_eq!(format(&formatted).as_deref(), Ok(expected));
    }

    #[test]
    fn spaces() {
        becomes("let a=1+2*-b.c( d,e )[ 0 ]..=4", "let a = 1 + 2 * -b.c(d, e)[0]..=4\n");
        becomes("param  x :int=4   where it>3 else \"x\"", "param x: int = 4 where it > 3 else \"x\"\n");
        becomes("type T=list< map<ref< aws.Machine>>>?|\"a\"", "type T = list<map<ref<aws.Machine>>>? | \"a\"\n");
        becomes("fn f( a:int,b : ip ):int=a", "fn f(a: int, b: ip): int = a\n");
    }

    #[test]
    fn fields_stand_below_each_other() {
        becomes(
            "cluster {\n name=1\n longer = { a=1,bb=2 }\n\n b = [\n1,2]\n ccc = 3 # why\n # here\n d = 4 }",
            "cluster {\n  name   = 1\n  longer = { a = 1, bb = 2 }\n\n  b = [\n    1,\n    2,\n  ]\n  ccc = 3 # why\n  # here\n  d = 4\n}\n",
        );
    }

    #[test]
    fn fields_behind_an_empty_line_stand_for_themselves() {
        becomes(
            "let a = {\n x = 1 # so\n yyyy = 2\n\n z = 3\n wwwwww = 4\n # here\n v = 5\n}",
            "let a = {\n  x    = 1 # so\n  yyyy = 2\n\n  z      = 3\n  wwwwww = 4\n  # here\n  v = 5\n}\n",
        );
        becomes("x = 1\nyyyy = 2\n\nz = 3\nww = 4\n", "x    = 1\nyyyy = 2\n\nz  = 3\nww = 4\n");
    }

    #[test]
    fn continuations() {
        becomes(
            "let a = if b\nthen 1\nelse 2\nlet c = d\n.e\n    with {\n x = 1\n}\nlet f =\n 3",
            "let a = if b\n  then 1\n  else 2\nlet c = d\n  .e\n  with {\n    x = 1\n  }\nlet f = 3\n",
        );
    }

    #[test]
    fn comments_stay() {
        becomes(
            "\n\n## File.\n\n\n# one\nlet a = [ # two\n 1 # three\n , # four\n # five\n]\nlet b = # six\n 1\n# end",
            "## File.\n\n# one\nlet a = [ # two\n  1, # three\n  # four\n  # five\n]\nlet b = # six\n  1\n# end\n",
        );
    }

    #[test]
    fn comments_before_an_operator_stay() {
        becomes(
            "param a: int # one\n = b # two\n where it > 1 # three\n && it < 9 # four\n else \"x\"",
            "param a: int # one\n  = b # two\n  where it > 1 # three\n  && it < 9 # four\n  else \"x\"\n",
        );
        becomes("let a = (b > 1 # so\n && c)", "let a = (b > 1 # so\n  && c)\n");
        becomes(
            "let x = f(a * b # one\n + 3 # two\n * 2 # three\n, 5)",
            "let x = f(\n  a * b # one\n    + 3 # two\n    * 2, # three\n  5,\n)\n",
        );
        becomes("let a = match b {\n 1 => c, # one\n -1 => d }", "let a = match b {\n  1 => c, # one\n  -1 => d\n}\n");
    }

    #[test]
    fn a_minus_at_the_start_of_an_arm_keeps_its_comma() {
        becomes("let a = match b {\n 1 => c,\n -1 => d }", "let a = match b {\n  1 => c,\n  -1 => d\n}\n");
    }

    #[test]
    fn lines_of_windows_and_a_byte_order_mark() {
        becomes("\u{FEFF}let a = 1\r\n# c\r\nlet b = [\r\n2 ]\r\n", "let a = 1\n# c\nlet b = [\n  2,\n]\n");
    }

    #[test]
    fn values_of_parameters_are_laid_out_as_fields() {
        becomes(
            "size=6\nzones = [\"a\",\"b\"] # c\n\n\n\ndisk =  20GiB\n",
            "size  = 6\nzones = [\"a\", \"b\"] # c\n\ndisk = 20GiB\n",
        );
    }

    #[test]
    fn errors_refuse() {
        assert!(format("let = 1").is_err());
    }
}
