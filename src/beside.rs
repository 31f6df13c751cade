//! Tests that stand beside a file: `cluster.test.kit` holds tests of `cluster.kit`, which see its names as if they stood in it.

use std::path::{Path, PathBuf};

use kit_compiler::Sources;
use kit_lang::ast::{AstNode as _, Decl};
use kit_lang::{Diagnostic, SourceId, Span};

use crate::codes;
use crate::files;
use crate::findings::Findings;

/// What the names of files of tests end in.
const ENDING: &str = ".test.kit";

/// The file whose tests a file holds, if its name says that it holds tests.
pub(crate) fn tested(path: &Path) -> Option<PathBuf> {
    let stem = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
    (!stem.is_empty()).then(|| path.with_file_name(format!("{stem}.kit")))
}

/// The file beside a file that would hold its tests.
pub(crate) fn tests_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".kit").filter(|_| !name.ends_with(ENDING))?;
    Some(path.with_file_name(format!("{stem}{ENDING}")))
}

/// A file and the tests beside it as one text, which the compiler reads; what it finds is then told of the two.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The text of both.
    pub(crate) root: SourceId,
    file: SourceId,
    /// The text of the tests alone.
    pub(crate) tests: SourceId,
    /// Where the tests begin in the text of both.
    seam: u32,
}

impl Joined {
    /// Reads both files, and what they use. None if one of them is not fit to be read on, which is among the findings.
    pub(crate) fn load(file: &Path, tests: &Path, findings: &mut Findings) -> Option<Joined> {
        Self::load_with(file, tests, None, findings)
    }

    /// The same with another text in place of that of the tests.
    pub(crate) fn load_with(file: &Path, tests: &Path, text: Option<&str>, findings: &mut Findings) -> Option<Joined> {
        let (file_source, unreadable) = files::load(file, &mut findings.sources);
        if let Some(mut unreadable) = unreadable {
            if unreadable.code == codes::NOT_FOUND {
                let shown = (files::shown(tests), files::shown(file));
                unreadable = Diagnostic::error(
                    codes::NOTHING_BESIDE,
                    unreadable.span,
                    format!("`{}` holds tests of `{}`, which is not there", shown.0, shown.1),
                )
                .with_help("a file of tests stands beside what it tests: cluster.test.kit beside cluster.kit");
            }
            findings.diagnostics.push(unreadable);
            return None;
        }
        let (tests_source, unreadable) = match text {
            Some(text) => (findings.sources.add(files::shown(tests), text), None),
            None => files::load(tests, &mut findings.sources),
        };
        findings.diagnostics.extend(unreadable);
        for source in [file_source, tests_source] {
            let parsed = findings.sources.parse(source);
            findings.diagnostics.extend(parsed.diagnostics(source));
            findings.omitted += parsed.error_count().saturating_sub(parsed.diagnostics(source).len());
        }
        findings.diagnostics.extend(not_tests(&mut findings.sources, tests_source));
        if findings.has_errors() {
            return None;
        }
        let text_of = |source: SourceId| findings.sources.get(source).map_or("", |source| source.text.as_str());
        let text = format!("{}\n{}", text_of(file_source), text_of(tests_source));
        let seam = u32::try_from(text_of(file_source).len() + 1).unwrap_or(u32::MAX);
        let root = findings.sources.add(files::shown(file), text);
        files::load_modules(file, root, findings);
        Some(Joined { root, file: file_source, tests: tests_source, seam })
    }

    /// The diagnostics with the places that they have in the two files.
    pub(crate) fn told(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            diagnostic.span = self.place(diagnostic.span);
            for label in &mut diagnostic.labels {
                label.span = self.place(label.span);
            }
            for edit in diagnostic.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
                edit.span = self.place(edit.span);
            }
        }
    }

    /// A place is one of the tests' file.
    pub(crate) fn is_of_tests(&self, place: Span) -> bool {
        place.source == self.tests || (place.source == self.root && place.start >= self.seam)
    }

    fn place(&self, span: Span) -> Span {
        if span.source != self.root {
            return span;
        }
        if span.start < self.seam {
            return Span { source: self.file, ..span };
        }
        Span { source: self.tests, start: span.start - self.seam, end: span.end.saturating_sub(self.seam) }
    }
}

/// What else than tests stands in a file of tests.
fn not_tests(sources: &mut Sources, tests: SourceId) -> Vec<Diagnostic> {
    let parsed = sources.parse(tests);
    let others = parsed.file().declarations().filter(|one| !matches!(one, Decl::Test(_)));
    others
        .map(|one| {
            let span = one.span(tests);
            let word = sources.get(tests).and_then(|source| source.text.get(span.start as usize..span.end as usize));
            let word = word.and_then(|text| text.split_whitespace().next()).unwrap_or_default().to_owned();
            let end = span.start + u32::try_from(word.len()).unwrap_or(0);
            Diagnostic::error(
                codes::NOT_A_TEST,
                Span { end, ..span },
                format!("a file of tests holds tests alone, and this is a `{word}`"),
            )
            .with_help("write it into the file that is tested: the tests see all its names")
        })
        .collect()
}
