//! Applies what the diagnostics of a file suggest, where there is no doubt.

use std::io::Write as _;
use std::path::Path;

use kit_lang::{Diagnostic, Edit, SourceId};

use crate::console::Console;
use crate::failure::Failure;
use crate::files;
use crate::findings::Findings;
use crate::formats::counted;
use crate::printable::printable;

/// Rounds of mending and checking again. What is mended can show what was behind it; a chain longer than this is none.
const MAX_ROUNDS: usize = 32;

/// What was changed in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixed {
    /// The text as it is now; none if nothing was changed.
    pub(crate) text: Option<String>,
    /// A line for each change.
    lines: Vec<String>,
}

/// Mends a text in rounds until nothing is sure any more; `check` finds what is wrong with it.
pub(crate) fn fix(mut text: String, mut check: impl FnMut(&str) -> (Findings, SourceId)) -> (Fixed, Findings) {
    let mut fixed = Fixed::default();
    // What there was before the last round.
    let mut before: Option<(Fixed, Findings, SourceId)> = None;
    for round in 0.. {
        let (findings, root) = check(&text);
        // What is mended can show what was behind it. Text that can be read no better than before was mended wrong.
        if let Some((fixed, before, root)) = before.take()
            && unread(&findings, root) > unread(&before, root)
        {
            return (fixed, before);
        }
        let chosen = chosen(&findings.diagnostics, root);
        if chosen.is_empty() || round == MAX_ROUNDS {
            return (fixed, findings);
        }
        let earlier = fixed.clone();
        for (found, edits) in &chosen {
            fixed.lines.push(line(&findings, found, edits));
        }
        let mut edits: Vec<&Edit> = chosen.into_iter().flat_map(|(_, edits)| edits).collect();
        edits.sort_by_key(|edit| edit.span.start);
        for edit in edits.into_iter().rev() {
            text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.replacement);
        }
        fixed.text = Some(text.clone());
        before = Some((earlier, findings, root));
    }
    unreachable!("the rounds are bounded")
}

/// How many errors of the parser a file has.
fn unread(findings: &Findings, root: SourceId) -> usize {
    let of_parser = |found: &&Diagnostic| found.span.source == root && found.code.to_string().starts_with("KIT1");
    findings.diagnostics.iter().filter(of_parser).count()
}

/// The sure fixes of a file that do not touch each other.
fn chosen(found: &[Diagnostic], root: SourceId) -> Vec<(&Diagnostic, &[Edit])> {
    let mut taken: Vec<(u32, u32)> = Vec::new();
    let mut chosen = Vec::new();
    for diagnostic in found {
        let Some(fix) = diagnostic.fix.as_ref().filter(|fix| fix.safe && !fix.edits.is_empty()) else { continue };
        let free = fix.edits.iter().all(|edit| {
            // What only touches is left for the next round too: two commas at one place would be one too many.
            let apart = |(start, end): &(u32, u32)| edit.span.end < *start || *end < edit.span.start;
            edit.span.source == root && edit.span.start <= edit.span.end && taken.iter().all(apart)
        });
        if free {
            taken.extend(fix.edits.iter().map(|edit| (edit.span.start, edit.span.end)));
            chosen.push((diagnostic, fix.edits.as_slice()));
        }
    }
    chosen
}

/// What a change was: where it was needed, and what stands there now.
fn line(findings: &Findings, found: &Diagnostic, edits: &[Edit]) -> String {
    let Some(source) = findings.sources.get(found.span.source) else { return String::new() };
    let start = source.position(found.span.start);
    let changes: Vec<String> = edits
        .iter()
        .map(|edit| {
            let before = source.text.get(edit.span.start as usize..edit.span.end as usize).unwrap_or_default();
            match (before.trim_end(), edit.replacement.as_str()) {
                ("", "") => "removed the space".to_owned(),
                ("", after) => format!("added `{}`", after.trim()),
                (before, "") => format!("removed `{before}`"),
                (before, after) => format!("`{before}` is now `{}`", after.trim()),
            }
        })
        .collect();
    format!("{}:{}:{}: {}: {}", source.name, start.line, start.column, found.code, changes.join(", "))
}

impl Fixed {
    /// Writes the file, and says what was changed.
    pub(crate) fn write(&self, path: &Path, console: &mut Console) -> Result<(), Failure> {
        let Some(text) = &self.text else { return Ok(()) };
        files::write_atomically(path, text.as_bytes())?;
        for line in &self.lines {
            let _ = writeln!(console.err(), "{}", printable(line));
        }
        // A reader of standard error who went away changes nothing in the outcome.
        let _ = writeln!(console.err(), "{}: {} made\n", files::shown(path), counted(self.lines.len(), "change"));
        Ok(())
    }
}
