//! Where the values within a value from outside stand, so that a wrong one is shown in its own place.

use std::fmt;
use std::rc::Rc;

use kit_lang::{SourceId, Span};
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The place of a value, and of what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Where the value stands.
    pub span: Span,
    /// The values in it, by their keys or by `[0]`.
    pub inside: Vec<(String, Rc<Parts>)>,
}

impl Parts {
    /// Of a text that is one value of JSON and begins at a place of its source; a value that holds no others has none.
    pub(crate) fn of_json(text: &str, at: Span) -> Option<Rc<Self>> {
        text.trim_start().starts_with(['[', '{']).then(|| Self::read(text, at.source, at.start))
    }

    fn read(text: &str, source: SourceId, start: u32) -> Rc<Self> {
        let offset = |length: usize| start.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        let mut inside = Vec::new();
        if text.trim_start().starts_with(['[', '{']) {
            let entries = serde_json::Deserializer::from_str(text).deserialize_any(Entries).unwrap_or_default();
            inside.reserve_exact(entries.len());
            for (key, raw) in entries {
                // The raw value is a part of the text, so its place is the distance between them.
                let before = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
                inside.push((key, Self::read(raw.get(), source, offset(before))));
            }
        }
        Rc::new(Self { span: Span { source, start, end: offset(text.len()) }, inside })
    }

    /// The parts of the value that a step leads to.
    pub(crate) fn step(&self, step: &str) -> Option<&Rc<Self>> {
        self.inside.iter().find(|(known, _)| known == step).map(|(_, parts)| parts)
    }

    /// The place that some steps lead to, as far as they do.
    pub(crate) fn place(&self, steps: &[String]) -> Span {
        match steps.split_first().and_then(|(first, rest)| Some(self.step(first)?.place(rest))) {
            Some(span) => span,
            None => self.span,
        }
    }
}

/// How an element of a list is named among the parts.
pub(crate) fn element(index: usize) -> String {
    format!("[{index}]")
}

/// Reads an object or a list without reading its values.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = map.next_entry()? {
            all.push(entry);
        }
        Ok(all)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(raw) = list.next_element()? {
            all.push((element(all.len()), raw));
        }
        Ok(all)
    }
}
