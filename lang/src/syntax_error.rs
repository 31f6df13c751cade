//! Errors of the text, before it is known which file it is.

use crate::diagnostic::{Code, Diagnostic, Label, MAX_DIAGNOSTICS};
use crate::source::{SourceId, Span};

/// One error of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) code: Code,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) message: String,
    pub(crate) labels: Vec<(usize, usize, String)>,
    pub(crate) help: Option<String>,
    /// What is written instead of a piece of the text, and whether there is no doubt about it.
    pub(crate) fix: Option<(usize, usize, String, bool)>,
}

impl SyntaxError {
    pub(crate) fn new(code: Code, start: usize, end: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError { code, start, end, message: message.into(), labels: Vec::new(), help: None, fix: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> SyntaxError {
        self.help = Some(help.into());
        self
    }

    /// What was meant, without a doubt.
    pub(crate) fn fix(mut self, start: usize, end: usize, replacement: impl Into<String>) -> SyntaxError {
        self.fix = Some((start, end, replacement.into(), true));
        self
    }

    pub(crate) fn label(mut self, start: usize, end: usize, message: impl Into<String>) -> SyntaxError {
        self.labels.push((start, end, message.into()));
        self
    }

    pub(crate) fn diagnostic(&self, source: SourceId) -> Diagnostic {
        let span = |start: usize, end: usize| Span {
            source,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        };
        let mut diagnostic = Diagnostic::error(self.code, span(self.start, self.end), self.message.as_str());
        diagnostic.labels.extend(
            self.labels
                .iter()
                .map(|(start, end, message)| Label { span: span(*start, *end), message: message.clone() }),
        );
        diagnostic.help.clone_from(&self.help);
        match &self.fix {
            Some((start, end, replacement, safe)) => {
                diagnostic.with_fix(span(*start, *end), replacement.as_str(), *safe)
            }
            None => diagnostic,
        }
    }
}

/// Errors of one text: the first `MAX_DIAGNOSTICS` are kept, the rest counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyntaxErrors {
    kept: Vec<SyntaxError>,
    count: usize,
}

impl SyntaxErrors {
    /// Adds one; the message is written only if it is kept.
    pub(crate) fn push_with(&mut self, error: impl FnOnce() -> SyntaxError) {
        self.count += 1;
        if self.kept.len() < MAX_DIAGNOSTICS {
            self.kept.push(error());
        }
    }

    /// How many there were, kept or not.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The last one, if it was kept.
    pub(crate) fn last_mut(&mut self) -> Option<&mut SyntaxError> {
        if self.count > self.kept.len() { None } else { self.kept.last_mut() }
    }

    pub(crate) fn kept(&self) -> &[SyntaxError] {
        &self.kept
    }
}
