//! Diagnostics as the commands of a GitHub workflow, each on a line of its own, which become annotations of a change.

use std::io::{self, Write};

use kit_lang::{Diagnostic, Severity};

use crate::codes;
use crate::findings::Findings;

/// Writes the findings of all files.
pub(crate) fn write(all: &[Findings], out: &mut impl Write) -> io::Result<()> {
    for findings in all {
        for found in &findings.diagnostics {
            writeln!(out, "{}", command(findings, found))?;
        }
        if findings.omitted > 0 {
            let code = codes::NOT_LISTED;
            writeln!(out, "::error title={code}::and {} more that are not listed", findings.omitted)?;
        }
    }
    Ok(())
}

fn command(findings: &Findings, found: &Diagnostic) -> String {
    let level = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = found.message.clone();
    for label in &found.labels {
        let place = findings.sources.get(label.span.source).map_or_else(String::new, |source| {
            let start = source.position(label.span.start);
            format!("{}:{}:{}: ", source.name, start.line, start.column)
        });
        text.push_str(&format!("\n{place}{}", label.message));
    }
    if let Some(help) = &found.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let mut properties = Vec::new();
    if let Some(source) = findings.sources.get(found.span.source) {
        let (start, end) = (source.position(found.span.start), source.position(found.span.end.max(found.span.start)));
        properties.push(format!("file={}", property(&source.name)));
        properties.push(format!("line={},endLine={}", start.line, end.line));
        // Columns of several lines mean nothing to it.
        if start.line == end.line {
            // The end is the last column, and not the one behind it.
            let last = end.column.saturating_sub(1).max(start.column);
            properties.push(format!("col={},endColumn={last}", start.column));
        }
    }
    properties.push(format!("title={}", property(found.code.as_str())));
    format!("::{level} {}::{}", properties.join(","), data(&text))
}

/// A text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text in a property, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use kit_lang::Span;

    use super::*;

    #[test]
    fn no_text_of_a_file_ends_a_command_or_begins_one() {
        let mut findings = Findings::default();
        let source = findings.sources.add("a,b:c%.kit", "let a = 1\nlet ü = 2\n");
        let span = Span { source, start: 14, end: 16 };
        let found = Diagnostic::error(codes::NOT_FOUND, span, "50% of `x`\r\n::error::no")
            .with_label(Span { source, start: 0, end: 3 }, "first")
            .with_help("a: b, c");
        let line = command(&findings, &found);
        assert_eq!(
            line,
            "::error file=a%2Cb%3Ac%25.kit,line=2,endLine=2,col=5,endColumn=5,title=KIT0001::\
             50%25 of `x`%0D%0A::error::no%0Aa,b:c%25.kit:1:1: first%0Ahelp: a: b, c"
        );
    }
}
