//! What Kit has to say about a file: a stable code, the place, the cause, a suggestion.

use crate::codes::CODES;
use crate::source::Span;

/// Diagnostics kept for one file. A person reads the first few; the rest are counted. Enough for any
/// honest file, and it keeps a file of junk from costing more than a good one.
pub const MAX_DIAGNOSTICS: usize = 100;

/// A stable code, such as `KIT1005`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

impl Code {
    /// The code as it is printed.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The entry of a code of this crate (`KIT10xx`).
    pub fn info(self) -> Option<&'static CodeInfo> {
        CODES.iter().find(|info| info.code == self)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// What `kitc explain CODE` prints.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// One line.
    pub title: &'static str,
    /// The page, in Markdown: what it means, a wrong example, a right one.
    pub page: &'static str,
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be compiled.
    Error,
    /// The file can be compiled, but it may not do what was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A second place that belongs to the cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What about it.
    pub message: String,
}

/// A piece of a text, and what is written there instead. An empty piece is a place where something is inserted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// What it becomes.
    pub replacement: String,
}

/// A way out that a program can take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fix {
    /// What it does, in the words of `help`: `write \`10GiB\``.
    pub title: String,
    /// All of them, or none.
    pub edits: Vec<Edit>,
    /// There is no doubt that this was meant: it may be applied without asking.
    pub safe: bool,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// How grave.
    pub severity: Severity,
    /// The cause in the user's words.
    pub message: String,
    /// The place.
    pub span: Span,
    /// Further places, such as the other side of a conflict.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// The same for a program. Few have one, so it takes little room in the others.
    pub fix: Option<Box<Fix>>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        Diagnostic { code, severity: Severity::Error, message, span, labels: Vec::new(), help: None, fix: None }
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// Adds a further place.
    #[must_use]
    pub fn with_label(mut self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Adds a way out that a program can take: what stands at `span` becomes `replacement`. Its title is the help, if there is one.
    #[must_use]
    pub fn with_fix(mut self, span: Span, replacement: impl Into<String>, safe: bool) -> Diagnostic {
        let replacement = replacement.into();
        let title = self.help.clone().unwrap_or_else(|| match replacement.as_str() {
            "" => "remove it".to_owned(),
            text => format!("write `{text}`"),
        });
        self.fix = Some(Box::new(Fix { title, edits: vec![Edit { span, replacement }], safe }));
        self
    }
}

/// Collects the diagnostics of one file: keeps the first `MAX_DIAGNOSTICS`, counts the rest.
#[derive(Clone, Debug, Default)]
pub struct DiagnosticSink {
    kept: Vec<Diagnostic>,
    dropped: usize,
    errors: usize,
}

impl DiagnosticSink {
    /// An empty sink.
    pub fn new() -> DiagnosticSink {
        DiagnosticSink::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if !self.is_full() {
            self.kept.push(diagnostic);
        } else if diagnostic.severity == Severity::Error {
            self.dropped += 1;
        }
    }

    /// Adds many.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// Drops the warnings that `keep` says no to.
    pub fn retain_warnings(&mut self, mut keep: impl FnMut(&Diagnostic) -> bool) {
        self.kept.retain(|diagnostic| diagnostic.severity == Severity::Error || keep(diagnostic));
    }

    /// Nothing more is kept; the caller may save itself the work of writing messages and call `count_dropped`.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= MAX_DIAGNOSTICS
    }

    /// Counts an error whose message was not written because the sink is full.
    pub fn count_dropped(&mut self) {
        self.errors += 1;
        self.dropped += 1;
    }

    /// An error was added, kept or not.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors were not kept. A warning too many is none: it comes once those before it are mended.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Those kept so far, in the order they came.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.kept
    }

    /// Those kept, by place.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|diagnostic| (diagnostic.span.source, diagnostic.span.start, diagnostic.span.end));
        self.kept
    }
}
