//! What of a document is not in the file that came of it.

use std::collections::BTreeMap;

/// Why something is not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Kit has no place for it: a person has to look at it.
    Lost,
    /// Kit takes it otherwise, or had to assume something: a person should look at it.
    Changed,
    /// Kit does it by itself.
    Needless,
}

/// What the note belongs to in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The cluster as a whole.
    Cluster,
    /// Its network.
    Network,
    /// The group with this number in the document.
    Group(usize),
}

/// Something of the document that is not in the file as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What became of it.
    pub outcome: Outcome,
    /// Where it stands, as a path: `[0].Properties.ID`.
    pub path: String,
    /// The line it stands in, from 1.
    pub line: u32,
    /// Why, and what to do.
    pub why: String,
    pub(crate) at: u32,
    pub(crate) place: Place,
}

/// Notes with the same reason together, each reason where it first stands.
pub fn by_reason<'n>(notes: impl Iterator<Item = &'n Note>) -> impl Iterator<Item = (&'n str, Vec<&'n Note>)> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reasons: Vec<(&str, Vec<&Note>)> = Vec::new();
    for note in notes {
        let number = *numbers.entry(&note.why).or_insert(reasons.len());
        match reasons.get_mut(number) {
            Some((_, all)) => all.push(note),
            None => reasons.push((&note.why, vec![note])),
        }
    }
    reasons.into_iter()
}
