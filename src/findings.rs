//! What a run found wrong, and the files that it speaks of.

use std::collections::BTreeMap;

use kit_lang::{Diagnostic, Severity, Source, SourceId};

/// The files that were read, by number.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Every file or flag that a diagnostic may point into.
    pub(crate) sources: BTreeMap<SourceId, Source>,
    /// What was found, in the order in which it is shown.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// How many more there were than are kept.
    pub(crate) dropped: usize,
}

impl Findings {
    /// There is an error among them.
    pub(crate) fn has_errors(&self) -> bool {
        self.dropped > 0 || self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }

    /// Takes over the findings of another run, whose files have numbers of their own.
    pub(crate) fn append(&mut self, other: Findings) {
        let base = self.sources.keys().next_back().map_or(0, |last| last.0 + 1);
        let moved = |id: SourceId| SourceId(base + id.0);
        for (id, source) in other.sources {
            self.sources.insert(moved(id), Source { id: moved(id), ..source });
        }
        for mut diagnostic in other.diagnostics {
            diagnostic.span.source = moved(diagnostic.span.source);
            for label in &mut diagnostic.labels {
                label.span.source = moved(label.span.source);
            }
            self.diagnostics.push(diagnostic);
        }
        self.dropped += other.dropped;
    }
}
