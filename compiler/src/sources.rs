//! The texts that a compilation reads, and that its diagnostics point into.

use kit_lang::{Source, SourceId};

/// All texts by number: the user's file, modules, and what came in by flags and files of parameters.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// No texts yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under the name that the user knows it by.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        // Texts are few: one a file, a module or a flag.
        let id = SourceId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Source::new(id, name, text));
        id
    }

    /// The text with a number.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.all.get(id.0 as usize)
    }

    /// All texts in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.all.iter()
    }

    /// The text of a module of the standard library, added once.
    pub(crate) fn module(&mut self, module: &kit_stdlib::Module) -> SourceId {
        match self.all.iter().find(|source| source.name == module.path) {
            Some(source) => source.id,
            None => self.add(module.path, module.text),
        }
    }
}
