//! Draws diagnostics for a person. The only place that knows miette.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use kit_lang::{Diagnostic, Severity, Source, SourceId, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};

use crate::findings::Findings;
use crate::printable::{printable, same_length_printable};

/// Columns of a drawing. Fixed, so that a message in a log reads as it does on a terminal.
const WIDTH: usize = 120;

/// A line longer than this is shown in part, around the place; a file of one line is no reason to print it whole.
const MAX_LINE_BYTES: usize = 160;

/// So much of a long line stands before the place.
const BYTES_BEFORE: usize = 60;

/// Draws all findings, and how many more there are.
pub(crate) fn render(findings: &Findings, color: bool, out: &mut impl Write) -> io::Result<()> {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(0)
        .with_links(false)
        .without_syntax_highlighting();
    let mut texts = BTreeMap::new();
    for (index, diagnostic) in findings.diagnostics.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        for report in reports(diagnostic, findings, &mut texts) {
            let Some(text) = texts.get(&report.source) else { continue };
            let report = Drawn { text, report };
            let mut drawing = String::new();
            if handler.render_report(&mut drawing, &report).is_err() {
                // Writing to a String does not fail; but a message without its drawing is better than none.
                drawing = format!("{}: {}\n", diagnostic.code, report.report.message);
            }
            for line in drawing.trim_start_matches('\n').lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    if findings.omitted > 0 {
        writeln!(out, "\nand {} more that are not shown", findings.omitted)?;
    }
    Ok(())
}

/// One drawing: a message and the places of one file.
struct Report {
    source: SourceId,
    code: Option<&'static str>,
    severity: miette::Severity,
    message: String,
    help: Option<String>,
    labels: Vec<(SourceSpan, Option<String>)>,
}

/// The drawings that show a diagnostic: one of its place, and one of each label that cannot stand in it.
fn reports<'a>(
    diagnostic: &Diagnostic,
    findings: &'a Findings,
    texts: &mut BTreeMap<SourceId, Text<'a>>,
) -> Vec<Report> {
    for source in std::iter::once(diagnostic.span.source).chain(diagnostic.labels.iter().map(|label| label.span.source))
    {
        if let Some(found) = findings.sources.get(source) {
            texts.entry(source).or_insert_with(|| Text::new(found));
        }
    }
    let place = |span: Span| texts.get(&span.source).and_then(|text| text.place(span));
    let home = diagnostic.span.source;
    let mut main = Report {
        source: home,
        code: Some(diagnostic.code.as_str()),
        severity: match diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        },
        message: printable(&diagnostic.message).into_owned(),
        help: diagnostic.help.as_deref().map(|help| printable(help).into_owned()),
        labels: Vec::new(),
    };
    match place(diagnostic.span) {
        // Without a line to show, the message names the file.
        None => {
            if let Some(source) = findings.sources.get(home).filter(|source| !main.message.contains(&source.name)) {
                main.message = format!("{}: {}", printable(&source.name), main.message);
            }
        }
        Some(span) => main.labels.push((span, (!diagnostic.labels.is_empty()).then(|| "here".to_owned()))),
    }
    let mut reports = Vec::new();
    for label in &diagnostic.labels {
        let message = printable(&label.message).into_owned();
        let together = label.span.source == home
            && !main.labels.is_empty()
            && texts.get(&home).is_some_and(|text| !text.is_long(label.span) && !text.is_long(diagnostic.span));
        match place(label.span) {
            Some(span) if together => main.labels.push((span, Some(message))),
            found => reports.push(Report {
                source: label.span.source,
                code: None,
                severity: miette::Severity::Advice,
                message,
                help: None,
                labels: found.map(|span| (span, None)).into_iter().collect(),
            }),
        }
    }
    // One line under another is stretched. What begins where the place does, and ends sooner, shows it as well.
    let is_shown_by =
        |place: &SourceSpan, label: &SourceSpan| label.offset() == place.offset() && label.len() < place.len();
    if let [(place, _), labels @ ..] = main.labels.as_slice()
        && labels.iter().any(|(label, _)| is_shown_by(place, label))
    {
        main.labels.remove(0);
    }
    reports.insert(0, main);
    reports
}

/// A file as it is shown: what could command a terminal is replaced, byte for byte.
struct Text<'a> {
    source: &'a Source,
    name: Cow<'a, str>,
    shown: Cow<'a, str>,
}

impl<'a> Text<'a> {
    fn new(source: &'a Source) -> Text<'a> {
        let mut shown = same_length_printable(&source.text);
        // A place may be the end of the file; it is drawn where a newline would stand.
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.to_mut().push('\n');
        }
        Text { source, name: printable(&source.name), shown }
    }

    /// The bytes of the line around an offset, without its end.
    fn line(&self, at: usize) -> (usize, usize) {
        let text = self.shown.as_bytes();
        let at = at.min(text.len());
        let number = self.source.position(u32::try_from(at).unwrap_or(u32::MAX)).line;
        let column_start = self.source.lines().line(&self.shown, number).map_or(at, |line| {
            // The slice is a part of the text: their distance is where the line begins.
            line.as_ptr() as usize - self.shown.as_ptr() as usize
        });
        let mut end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |more| at + more);
        if end > column_start && text[end - 1] == b'\r' {
            end -= 1;
        }
        (column_start.min(end), end.max(column_start))
    }

    fn is_long(&self, span: Span) -> bool {
        let (start, end) = self.line(span.start as usize);
        end - start > MAX_LINE_BYTES
    }

    /// The part of a place that is drawn: within its first line.
    fn place(&self, span: Span) -> Option<SourceSpan> {
        if self.shown.is_empty() {
            return None;
        }
        let (line_start, line_end) = self.line(span.start as usize);
        let (shown_start, shown_end) = self.window(span.start as usize, line_start, line_end);
        let start = floor(&self.shown, (span.start as usize).clamp(shown_start, shown_end));
        let end = floor(&self.shown, (span.end as usize).clamp(start, shown_end));
        // Where something is missing there is no text: the gap is drawn as one column.
        Some((start, (end - start).max(1)).into())
    }

    /// The part of a line that is drawn around a place.
    fn window(&self, at: usize, line_start: usize, line_end: usize) -> (usize, usize) {
        if line_end - line_start <= MAX_LINE_BYTES {
            return (line_start, line_end);
        }
        let start = floor(&self.shown, at.saturating_sub(BYTES_BEFORE).clamp(line_start, line_end));
        let end = floor(&self.shown, (start + MAX_LINE_BYTES).min(line_end));
        (start, end)
    }
}

/// The nearest beginning of a character at or before an offset.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl SourceCode for Text<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (line_start, line_end) = self.line(span.offset());
        let (start, mut end) = self.window(span.offset(), line_start, line_end);
        if span.offset() + span.len() > end + 1 {
            // Several places in short lines, drawn together.
            end = self.line(span.offset() + span.len()).1;
        }
        let position = self.source.position(u32::try_from(span.offset()).unwrap_or(u32::MAX));
        // The end of the line is a place too.
        if self.shown.as_bytes().get(end) == Some(&b'\r') {
            end += 1;
        }
        if self.shown.as_bytes().get(end) == Some(&b'\n') {
            end += 1;
        }
        let lines = self.shown[start..end].trim_end_matches('\n').bytes().filter(|byte| *byte == b'\n').count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            self.shown[start..end].as_bytes(),
            (start, end - start).into(),
            position.line as usize - 1,
            position.column as usize - 1,
            lines + 1,
        )))
    }
}

/// A report in the form that miette draws.
struct Drawn<'a> {
    text: &'a Text<'a>,
    report: Report,
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report.message)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.report.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.report.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.report.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.report.labels.is_empty()).then_some(self.text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.report.labels.iter().enumerate().map(|(index, (span, message))| {
            if index == 0 {
                LabeledSpan::new_primary_with_span(message.clone(), *span)
            } else {
                LabeledSpan::new_with_span(message.clone(), *span)
            }
        });
        Some(Box::new(labels))
    }
}
