//! Documents of other tools, turned into files of Kit.

mod cluster;
pub mod codes;
mod document;
mod flavor;
mod json;
mod machine;
mod names;
mod network;
mod notes;
mod reading;
mod write;

use kit_lang::{Diagnostic, SourceId};

pub use codes::CODES;
pub use notes::{Note, Outcome, by_reason};

/// The largest document that is read. A commit of InfraKit has some kilobytes; this is room for a thousand times that.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// What is asked for beside the document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The cluster's name; the document's tags, or "imported", where none is given.
    pub name: Option<&'a str>,
    /// What the document is called in the file that comes out.
    pub document: &'a str,
}

/// A document as a file of Kit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The file, laid out.
    pub text: String,
    /// What of the document is not in it, and why, in the document's order.
    pub notes: Vec<Note>,
}

/// Turns a rendered groups document of InfraKit into a file of Kit.
///
/// # Errors
/// All that is wrong with the document, each thing at its place in it.
pub fn infrakit(source: SourceId, text: &str, options: Options<'_>) -> Result<Imported, Vec<Diagnostic>> {
    let mut reading = reading::Reading::new(source, text);
    let groups = document::read(&mut reading);
    let cluster = cluster::assemble(&mut reading, groups, options);
    if !reading.errors.is_empty() {
        return Err(reading.into_errors());
    }
    let mut notes = reading.notes;
    notes.sort_by_key(|note| note.at);
    // In their order, so that a document in one line is gone through once.
    let (mut line, mut seen) = (1, 0);
    for note in &mut notes {
        let at = (note.at as usize).min(text.len());
        line += text.as_bytes()[seen..at].iter().filter(|byte| **byte == b'\n').count();
        seen = at;
        note.line = u32::try_from(line).unwrap_or(u32::MAX);
    }
    Ok(Imported { text: write::file(&cluster, &notes, options.document), notes })
}
