//! What a run found wrong, and the texts that it speaks of.

use kit_compiler::Sources;
use kit_lang::{Diagnostic, Severity};

/// The findings of one run.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Every file, module and flag that a diagnostic may point into.
    pub(crate) sources: Sources,
    /// What was found, in the order in which it is shown.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// How many more there were than are kept.
    pub(crate) omitted: usize,
}

impl Findings {
    /// There is an error among them.
    pub(crate) fn has_errors(&self) -> bool {
        self.omitted > 0 || self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }

    /// How many errors there are, shown or not.
    pub(crate) fn errors(&self) -> usize {
        self.omitted + self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub(crate) fn warnings(&self) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == Severity::Warning).count()
    }
}
