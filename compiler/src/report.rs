//! Collects what the compiler has to say.

use kit_lang::{Code, Diagnostic, DiagnosticSink, Label, Span};

/// Names compared for "did you mean" in one run: the first hundred errors are shown, and each of them may
/// look through some hundred names, but a file of 5,000 wrong names among 5,000 right ones must not make
/// 25 million comparisons.
const MAX_COMPARISONS: usize = 50_000;

/// Labels on one diagnostic: more no one reads.
const MAX_LABELS: usize = 8;

/// The diagnostics so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sink: DiagnosticSink,
    comparisons: usize,
    /// What is being worked out, such as an instance of a component: each finding is labelled with its place.
    pub(crate) context: Option<(Span, String)>,
}

impl Report {
    /// Adds a diagnostic; it is not even made if enough are kept.
    pub(crate) fn push(&mut self, make: impl FnOnce(&mut Suggester<'_>) -> Diagnostic) {
        if self.sink.is_full() {
            self.sink.count_dropped();
            return;
        }
        let mut suggester = Suggester::new(&mut self.comparisons);
        let diagnostic = make(&mut suggester);
        let mut diagnostic = suggester.with_fix(diagnostic);
        if let Some((span, message)) = &self.context {
            let told = std::iter::once(diagnostic.span).chain(diagnostic.labels.iter().map(|label| label.span));
            let mut told = told.filter(|told| told.source == span.source);
            if !told.any(|told| span.start <= told.start && told.end <= span.end) {
                diagnostic.labels.push(Label { span: *span, message: message.clone() });
            }
        }
        diagnostic.labels.truncate(MAX_LABELS);
        // A loop that goes wrong the same way each time has gone wrong once.
        let known = |kept: &&Diagnostic| {
            kept.span == diagnostic.span && kept.code == diagnostic.code && kept.message == diagnostic.message
        };
        if !self.sink.as_slice().iter().any(|kept| known(&kept)) {
            self.sink.push(diagnostic);
        }
    }

    /// Adds an error without labels or help.
    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl FnOnce() -> String) {
        self.push(|_| Diagnostic::error(code, span, message()));
    }

    /// The candidate nearest to a name that was written, for those who want to know before they report.
    pub(crate) fn nearest<'c>(&mut self, text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
        if self.sink.is_full() {
            return None;
        }
        Suggester::new(&mut self.comparisons).nearest(text, candidates)
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.sink.extend(diagnostics);
    }

    /// Drops what `keep` says no to, of the warnings.
    pub(crate) fn retain_warnings(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.sink.retain_warnings(keep);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.sink.has_errors()
    }

    /// How many there are, kept or not.
    pub(crate) fn count(&self) -> usize {
        self.sink.as_slice().len() + self.sink.dropped()
    }

    /// How many were not kept.
    pub(crate) fn dropped(&self) -> usize {
        self.sink.dropped()
    }

    /// Those kept, by place.
    pub(crate) fn into_sorted(self) -> Vec<Diagnostic> {
        self.sink.into_sorted()
    }
}

/// Finds the name that was probably meant.
pub(crate) struct Suggester<'a> {
    comparisons: &'a mut usize,
    /// What was suggested last.
    meant: Option<Meant>,
}

/// A suggestion: what was written, what was meant, and whether there is a doubt.
struct Meant {
    written: usize,
    name: String,
    sure: bool,
}

impl<'a> Suggester<'a> {
    fn new(comparisons: &'a mut usize) -> Self {
        Self { comparisons, meant: None }
    }

    /// The candidate nearest to `text`, if one is near.
    pub(crate) fn nearest<'c>(&mut self, text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
        self.compare(text, candidates).map(|(_, candidate, _)| candidate)
    }

    /// The candidate nearest to `text`, how far it is, and whether no other is as near.
    fn compare<'c>(
        &mut self,
        text: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<(usize, &'c str, bool)> {
        let length = text.chars().count();
        // One slip in three letters: `nmae` is near `name`, `m4` is near `m1`, `ip` is not near `id` alone.
        let limit = if length < 2 { 0 } else { (length / 3).max(1) };
        let mut best: Option<(usize, &str, bool)> = None;
        for candidate in candidates {
            if candidate.chars().count().abs_diff(length) > limit || candidate == text {
                continue;
            }
            if *self.comparisons >= MAX_COMPARISONS {
                break;
            }
            *self.comparisons += 1;
            let distance = strsim::damerau_levenshtein(text, candidate);
            if distance > limit {
                continue;
            }
            match &mut best {
                Some((least, _, _)) if distance > *least => {}
                Some((least, known, alone)) if distance == *least => *alone &= *known == candidate,
                _ => best = Some((distance, candidate, true)),
            }
        }
        best
    }

    /// `did you mean `…`?`
    pub(crate) fn did_you_mean<'c>(
        &mut self,
        text: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        let (distance, found, alone) = self.compare(text, candidates)?;
        let sure = alone && is_slip(text, found, distance);
        self.meant = Some(Meant { written: text.len(), name: found.to_owned(), sure });
        Some(format!("did you mean `{found}`?"))
    }

    /// `did you mean "…"?`, for what stands in quotes.
    pub(crate) fn did_you_mean_text<'c>(
        &mut self,
        text: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        let (distance, found, alone) = self.compare(text, candidates)?;
        let sure = alone && is_slip(text, found, distance);
        self.meant = Some(Meant { written: text.len() + 2, name: format!("\"{found}\""), sure });
        Some(format!("did you mean \"{found}\"?"))
    }

    /// The diagnostic with what it suggests as an edit, if it stands at the name and nowhere else.
    fn with_fix(self, diagnostic: Diagnostic) -> Diagnostic {
        let Some(meant) = self.meant else { return diagnostic };
        let length = (diagnostic.span.end - diagnostic.span.start) as usize;
        let suggested = diagnostic.help.as_ref().is_some_and(|help| help.contains(&meant.name));
        if diagnostic.fix.is_some() || !suggested || length != meant.written {
            return diagnostic;
        }
        let span = diagnostic.span;
        diagnostic.with_fix(span, meant.name, meant.sure)
    }
}

/// Two names are so near that one is the other with a slip: one letter in a short one, two in a long one. Names that differ in
/// their digits, such as `zone_a1` and `zone_a2`, are two names.
fn is_slip(written: &str, meant: &str, distance: usize) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let allowed = match written.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    distance <= allowed && digits(written) == digits(meant)
}

/// Adds to a diagnostic what there may or may not be.
pub(crate) trait DiagnosticExt {
    fn maybe_help(self, help: Option<String>) -> Self;
    fn maybe_label(self, label: Option<(Span, String)>) -> Self;
}

impl DiagnosticExt for Diagnostic {
    fn maybe_help(mut self, help: Option<String>) -> Self {
        if help.is_some() {
            self.help = help;
        }
        self
    }

    fn maybe_label(mut self, label: Option<(Span, String)>) -> Self {
        if let Some((span, message)) = label {
            self.labels.push(Label { span, message });
        }
        self
    }
}

/// Which parameters a file has, for whoever gave another.
pub(crate) fn parameters_are<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names = names.peekable();
    if names.peek().is_none() {
        return "the file has no parameters".to_owned();
    }
    format!("the file's parameters are {}", listed(names, "and"))
}

/// `a`, `a and b`, `a, b and c`; the rest of a long list is counted.
pub(crate) fn listed<'a>(items: impl IntoIterator<Item = &'a str>, conjunction: &str) -> String {
    /// As many as fit a line.
    const MAX_LISTED: usize = 12;
    let all: Vec<&str> = items.into_iter().collect();
    if all.len() > MAX_LISTED {
        let shown: Vec<String> = all[..MAX_LISTED].iter().map(|item| format!("`{item}`")).collect();
        return format!("{} and {} more", shown.join(", "), all.len() - MAX_LISTED);
    }
    let quoted: Vec<String> = all.iter().map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        None => String::from("nothing"),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}
