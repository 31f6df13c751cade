//! The texts that a compilation reads, and that its diagnostics point into.

use std::collections::BTreeMap;

use kit_lang::{Parse, Source, SourceId, Span};

/// All texts by number: the user's file, modules, and what came in by flags and files of parameters.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
    /// Which text a `use "…"` of a text means; none where whoever loads has said why there is none.
    links: BTreeMap<(SourceId, String), Option<SourceId>>,
    /// The texts of the standard library that were added, by their paths.
    standard: BTreeMap<&'static str, SourceId>,
    /// Texts that are parsed, by whoever loads, to see what they use, or when Kit was built, and that the compiler has not taken yet.
    parsed: BTreeMap<SourceId, Parse>,
}

impl Sources {
    /// No texts yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under the name that the user knows it by.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = self.next_id();
        self.all.push(Source::new(id, name, text));
        id
    }

    /// The number that the next text gets.
    #[must_use]
    pub fn next_id(&self) -> SourceId {
        // Texts are few: one a file, a module or a flag.
        SourceId(u32::try_from(self.all.len()).unwrap_or(u32::MAX))
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

    /// Puts marks in the place of a whole text.
    pub fn hide_all(&mut self, id: SourceId) {
        let end = self.get(id).map_or(0, |source| u32::try_from(source.text.len()).unwrap_or(u32::MAX));
        self.hide(Span { source: id, start: 0, end });
    }

    /// Puts marks in the place of a part of a text that nobody may see. Line breaks stay, and so do the places of all else.
    pub fn hide(&mut self, span: Span) {
        let Some(source) = self.all.get_mut(span.source.0 as usize) else { return };
        let (start, end) = (span.start as usize, (span.end as usize).min(source.text.len()));
        let Some(part) = source.text.get(start..end) else { return };
        let marks: String = part.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
        source.text.replace_range(start..end, &marks);
    }

    /// Says which text `use "path"` means in the text `user`; none where it cannot be had and whoever loads has
    /// reported that. The compiler reads no files: it follows these links.
    pub fn link(&mut self, user: SourceId, path: impl Into<String>, target: Option<SourceId>) {
        self.links.insert((user, path.into()), target);
    }

    /// Whether somebody has said which text `use "path"` means in the text `user`.
    #[must_use]
    pub fn is_linked(&self, user: SourceId, path: &str) -> bool {
        self.linked(user, path).is_some()
    }

    /// A text, parsed. The compiler need not parse it again.
    pub fn parse(&mut self, id: SourceId) -> Parse {
        let text = self.all.get(id.0 as usize).map_or("", |source| source.text.as_str());
        self.parsed.entry(id).or_insert_with(|| kit_lang::parse(text)).clone()
    }

    /// A text, parsed, and kept no longer: a tree is many times as large as its text. The trees of the standard library
    /// are small, and there for whoever compiles again.
    pub(crate) fn take_parsed(&mut self, id: SourceId) -> Parse {
        let parsed = self.parse(id);
        if !self.standard.values().any(|standard| *standard == id) {
            self.parsed.remove(&id);
        }
        parsed
    }

    /// What `use "path"` means in a text: nobody has said, it cannot be had, or a text.
    pub(crate) fn linked(&self, user: SourceId, path: &str) -> Option<Option<SourceId>> {
        self.links.get(&(user, path.to_owned())).copied()
    }

    /// The text of a module of the standard library, added once.
    pub(crate) fn module(&mut self, module: &kit_stdlib::Module) -> SourceId {
        if let Some(known) = self.standard.get(module.path) {
            return *known;
        }
        let id = self.add(module.path, module.text);
        // Without its outline the module is parsed when it is wanted.
        if let Some(parsed) = kit_lang::parse_by_outline(module.text, module.outline) {
            self.parsed.insert(id, parsed);
        }
        self.standard.insert(module.path, id);
        id
    }
}
