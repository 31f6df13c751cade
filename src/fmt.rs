//! `kitc fmt`: the one layout of a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use similar::{DiffOp, TextDiff};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::printable::printable;
use crate::{codes, files, formats};

/// Lines around a difference.
const CONTEXT_LINES: usize = 2;

/// Lay files out in the one way that Kit has
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc fmt cluster.kit                 rewrite the file in place
  kitc fmt --check *.kit               exit with 1 and show what would change
  kitc fmt - < cluster.kit             read standard input, write standard output
  kitc fmt --lines 3:10 cluster.kit    lay out these lines only, as an editor does with a selection

A file with syntax errors is left as it is.")]
pub(crate) struct Fmt {
    /// Files to lay out; - reads standard input and writes standard output
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Change nothing; show what would change, and exit with 1 if anything would
    #[arg(long)]
    check: bool,

    /// Lay out these lines of one file only: the first and the last, from 1
    #[arg(long, value_name = "FIRST:LAST", value_parser = lines)]
    lines: Option<(usize, usize)>,
}

fn lines(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once(':').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    parsed.filter(|(first, last)| (1..=*last).contains(first)).ok_or_else(|| "it is written 3:10".to_owned())
}

impl Fmt {
    /// Lays out each file; one that cannot be does not keep the others from it.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        if self.lines.is_some() && self.files.len() > 1 {
            return Err(Failure::wrong_usage(codes::BAD_LINES, "--lines are those of one file, and here are several"));
        }
        let mut exit = Exit::Fine;
        for path in &self.files {
            if self.one(path, console)? != Exit::Fine {
                exit = Exit::Problem;
            }
        }
        Ok(exit)
    }

    fn one(&self, path: &Path, console: &mut Console) -> Result<Exit, Failure> {
        let mut findings = Findings::default();
        let (id, unreadable) = files::load(path, &mut findings.sources);
        let source = match findings.sources.get(id) {
            Some(source) if unreadable.is_none() => source,
            _ => {
                findings.diagnostics.extend(unreadable);
                return Ok(formats::show(&findings, console));
            }
        };
        let formatted = match kit_lang::format(&source.text) {
            Ok(formatted) => match self.lines {
                Some(lines) => within(lines, &source.text, &formatted)?,
                None => formatted,
            },
            Err(found) => {
                findings.diagnostics.extend(found);
                return Ok(formats::show(&findings, console));
            }
        };
        if self.check {
            if formatted == source.text {
                return Ok(Exit::Fine);
            }
            write_difference(&source.name, &source.text, &formatted, console)?;
            return Ok(Exit::Problem);
        }
        if path == Path::new(files::STANDARD_INPUT) {
            console.out().write_all(formatted.as_bytes())?;
        } else if formatted != source.text {
            // A failure to write one file is reported and the next is tried.
            if let Err(failure) = files::write_atomically(path, formatted.as_bytes()) {
                console.fail(&failure);
                return Ok(Exit::Problem);
            }
        }
        Ok(Exit::Fine)
    }
}

/// The text, laid out where it differs within some lines. What differs begins and ends with whole lines, and holds the same words.
fn within((first, last): (usize, usize), before: &str, after: &str) -> Result<String, Failure> {
    let count = before.lines().count();
    if first > count.max(1) {
        let what = format!("the file has no line {first}: it has {}", formats::counted(count, "line"));
        return Err(Failure::new(codes::BAD_LINES, what));
    }
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    // What ends lines is no difference: those that are not asked for keep theirs, and the others get the file's own.
    let windows = old.first().is_some_and(|line| line.ends_with("\r\n"));
    let ends_alike: Vec<String> = old.iter().map(|line| line.replace("\r\n", "\n")).collect();
    let compared: Vec<&str> = ends_alike.iter().map(String::as_str).collect();
    let mut text = String::with_capacity(after.len());
    for operation in TextDiff::from_slices(&compared, &new).ops() {
        let (was, is) = (operation.old_range(), operation.new_range());
        // An insertion lies before the line at which it stands.
        let touched = was.start < last && was.end.max(was.start + 1) >= first;
        if touched && !matches!(operation, DiffOp::Equal { .. }) {
            let ended = |line: &&str| if windows { line.replace('\n', "\r\n") } else { (*line).to_owned() };
            text.extend(new[is].iter().map(ended));
        } else {
            text.extend(old[was].iter().copied());
        }
    }
    Ok(text)
}

fn write_difference(name: &str, before: &str, after: &str, console: &mut Console) -> Result<(), Failure> {
    let (red, green, plain) = if console.color_out() { ("\x1b[31m", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
    let difference = TextDiff::from_lines(before, after);
    let unified = difference
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&format!("{name} (as it is)"), &format!("{name} (as fmt writes it)"))
        .to_string();
    for line in unified.lines() {
        let color = match line.as_bytes().first() {
            Some(b'-') => red,
            Some(b'+') => green,
            _ => "",
        };
        let end = if color.is_empty() { "" } else { plain };
        writeln!(console.out(), "{color}{}{end}", printable(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_asked_for_keep_their_ends() {
        let before = "let a=1\r\n# b\r\nlet c=3\r\nlet d = 4\r\n";
        let after = kit_lang::format(before).unwrap();
        let within = |lines| within(lines, before, &after).unwrap();
        assert_eq!(within((3, 3)), "let a=1\r\n# b\r\nlet c = 3\r\nlet d = 4\r\n");
        assert_eq!(within((2, 2)), before);
        assert_eq!(within((1, 4)), "let a = 1\r\n# b\r\nlet c = 3\r\nlet d = 4\r\n");
    }
}
