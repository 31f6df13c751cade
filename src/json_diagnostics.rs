//! Diagnostics for editors and scripts: one JSON array.

use std::io::{self, Write};

use kit_lang::{Diagnostic, LineColumn, SourceId, Span};
use serde::Serialize;

use crate::codes;
use crate::findings::Findings;

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
    end_line: u32,
    end_column: u32,
    labels: Vec<Label<'a>>,
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix<'a>>,
}

/// What a program can do about it.
#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    /// It may be applied without asking.
    safe: bool,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    end_line: u32,
    end_column: u32,
    replacement: &'a str,
}

#[derive(Serialize)]
struct Label<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    message: &'a str,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

/// Writes the findings of all files. Lines and columns count from 1, columns in characters; the end is where the next character stands.
pub(crate) fn write(all: &[Findings], out: &mut impl Write) -> io::Result<()> {
    let rest: Vec<String> = all.iter().map(|one| format!("and {} more that are not listed", one.omitted)).collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (findings, rest) in all.iter().zip(&rest) {
        entries.extend(findings.diagnostics.iter().map(|found| entry(findings, found)));
        if findings.omitted > 0
            && let Some(last) = findings.diagnostics.last()
        {
            entries.push(Entry {
                code: codes::NOT_LISTED.as_str(),
                severity: "error",
                message: rest,
                labels: Vec::new(),
                help: Some("mend those listed and check again"),
                fix: None,
                ..entry(findings, last)
            });
        }
    }
    serde_json::to_writer_pretty(&mut *out, &entries)?;
    out.write_all(b"\n")
}

fn entry<'a>(findings: &'a Findings, found: &'a Diagnostic) -> Entry<'a> {
    let end = position(findings, found.span.source, found.span.end.max(found.span.start));
    let labels = found.labels.iter();
    Entry {
        code: found.code.as_str(),
        severity: found.severity.as_str(),
        message: &found.message,
        place: place(findings, found.span),
        end_line: end.line,
        end_column: end.column,
        labels: labels.map(|label| Label { place: place(findings, label.span), message: &label.message }).collect(),
        help: found.help.as_deref(),
        fix: found.fix.as_deref().map(|fix| Fix {
            title: &fix.title,
            safe: fix.safe,
            edits: fix.edits.iter().map(|one| edit(findings, one)).collect(),
        }),
    }
}

fn edit<'a>(findings: &'a Findings, edit: &'a kit_lang::Edit) -> Edit<'a> {
    let end = position(findings, edit.span.source, edit.span.end);
    Edit {
        place: place(findings, edit.span),
        end_line: end.line,
        end_column: end.column,
        replacement: &edit.replacement,
    }
}

fn place(findings: &Findings, span: Span) -> Place<'_> {
    let start = position(findings, span.source, span.start);
    let file = findings.sources.get(span.source).map_or("", |source| source.name.as_str());
    Place { file, line: start.line, column: start.column }
}

fn position(findings: &Findings, source: SourceId, offset: u32) -> LineColumn {
    let unknown = LineColumn { line: 1, column: 1 };
    findings.sources.get(source).map_or(unknown, |source| source.position(offset))
}
