//! `kitc check`: all the errors of a file in one run, without a network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use kit_compiler::{Sources, Step};
use kit_lang::{Diagnostic, Severity, SourceId};

use crate::below::below;
use crate::beside::Joined;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::formats::Reporting;
use crate::given::Given;
use crate::{beside, codes, files, fix, shell_check};

/// Find all the errors of a file, without a network
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc check cluster.kit
  kitc check clusters                  all files of Kit in a directory, and below it
  kitc check cluster.kit --fix
  kitc check *.kit --deny warnings --format github
  kitc check cluster.kit --format json | jq '.[].message'
  kitc check cluster.kit --shell

Parameters without a default need no value here; what depends on them is checked where they are given.
Nothing is asked of anybody: lookups are open, or answered by the snapshot that --metadata names, which
then has to have all of them. `kitc metadata snapshot` writes one.

A file that only offers something to others is a module, and is checked by itself. In a directory, files of
parameters are passed over: they are checked with what they are for (--params).

A warning is allowed for one line by a comment on it or above it: # allow KIT6001: the reason")]
pub(crate) struct Check {
    /// Files to check, or directories; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    reporting: Reporting,

    /// Write into the files what is suggested, where there is no doubt, and report what is left
    #[arg(long)]
    fix: bool,

    #[command(flatten)]
    given: Given,

    /// Let shells read the scripts in the files too, without carrying them out (sh -n)
    #[arg(long)]
    shell: bool,
}

impl Check {
    /// Checks each file for itself.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        if self.fix && self.files.iter().any(|path| path == Path::new(files::STANDARD_INPUT)) {
            return Err(Failure::wrong_usage(codes::NO_FILE_TO_FIX, "--fix writes files, and standard input is none")
                .with_help("write the text into a file first; `--format json` has what would be changed"));
        }
        let files = self.all_files()?;
        let mut all: Vec<Findings> = Vec::with_capacity(files.len());
        for path in &files {
            let mut findings = if self.fix { self.fixed(path, console)? } else { self.one(path) };
            self.reporting.judge(&mut findings);
            all.push(findings);
        }
        said_once(&mut all);
        let exit = self.reporting.write(&all, console);
        // The process ends here: to take all that was read apart would be work for nothing.
        std::mem::forget(all);
        exit
    }

    /// The files that are named, and those of the directories that are, in their order.
    fn all_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut all = Vec::with_capacity(self.files.len());
        for path in &self.files {
            if path == Path::new(files::STANDARD_INPUT) || !path.is_dir() {
                all.push(path.clone());
                continue;
            }
            let found = below(path)?;
            if found.is_empty() {
                let what = format!("in the directory `{}`, and below it, is no file of Kit", files::shown(path));
                return Err(
                    Failure::new(codes::NOTHING_THERE, what).with_help("the names of files of Kit end in `.kit`")
                );
            }
            all.extend(found.into_iter().filter(|path| !is_of_parameters(path)));
        }
        Ok(all)
    }

    fn one(&self, path: &Path) -> Findings {
        let mut findings = Findings::default();
        if let Some(file) = beside::tested(path) {
            self.tests(&file, path, None, &mut findings);
        } else if let Some(root) = files::load_program(path, &mut findings) {
            self.judge(root, &mut findings);
        }
        findings
    }

    /// A file of tests, with the file that it tests. The warnings of that one are its own.
    fn tests(&self, file: &Path, tests: &Path, text: Option<&str>, findings: &mut Findings) -> SourceId {
        let next = findings.sources.next_id();
        // The file that is tested comes first, and the tests behind it, whether or not they are fit to be read on.
        let Some(joined) = Joined::load_with(file, tests, text, findings) else { return SourceId(next.0 + 1) };
        let found = kit_compiler::check(&mut findings.sources, joined.root);
        let theirs = |found: &Diagnostic| found.severity == Severity::Error || joined.is_of_tests(found.span);
        let mut found_here: Vec<Diagnostic> = found.diagnostics.into_iter().filter(theirs).collect();
        joined.told(&mut found_here);
        findings.diagnostics.extend(found_here);
        findings.omitted += found.omitted;
        joined.tests
    }

    /// Mends what can be mended without a doubt; the findings are those that are left.
    fn fixed(&self, path: &Path, console: &mut Console) -> Result<Findings, Failure> {
        let mut findings = Findings::default();
        let (root, unreadable) = files::load(path, &mut findings.sources);
        let text = match findings.sources.get(root) {
            Some(source) if unreadable.is_none() => source.text.clone(),
            _ => return Ok(self.one(path)),
        };
        let (fixed, findings) = fix::fix(text, |text| {
            let mut findings = Findings::default();
            if let Some(file) = beside::tested(path) {
                let root = self.tests(&file, path, Some(text), &mut findings);
                return (findings, root);
            }
            let root = findings.sources.add(files::shown(path), text);
            files::load_modules(path, root, &mut findings);
            self.judge(root, &mut findings);
            (findings, root)
        });
        fixed.write(path, console)?;
        Ok(findings)
    }

    fn judge(&self, root: SourceId, findings: &mut Findings) {
        let found = kit_compiler::check(&mut findings.sources, root);
        findings.diagnostics.extend(found.diagnostics);
        findings.omitted += found.omitted;
        if self.shell {
            let found = shell_check::scripts_of(&mut findings.sources);
            findings.diagnostics.extend(found);
        }
        if !findings.has_errors() && !self.given.is_empty() {
            self.with_what_is_given(root, findings);
        }
    }

    /// The same again with the parameters that were given; those that were not are no error here.
    fn with_what_is_given(&self, root: SourceId, findings: &mut Findings) {
        let (inputs, wrong) = self.given.read(&mut findings.sources);
        findings.diagnostics.extend(wrong);
        if findings.has_errors() {
            return;
        }
        let found = kit_compiler::check_with(&mut findings.sources, root, &inputs);
        findings.diagnostics.extend(found.diagnostics);
        findings.omitted += found.omitted;
        if findings.has_errors() {
            return;
        }
        // What shows only where everything is known, such as things that depend on each other in a circle.
        match kit_compiler::compile(&mut findings.sources, root, &inputs) {
            // Lookups belong to `compile`: there is no network here.
            Step::Done(_) | Step::Need(_) => {}
            Step::Failed(found) => {
                let missing = |one: &Diagnostic| one.code.as_str() == "KIT4001";
                findings.diagnostics.extend(found.diagnostics.into_iter().filter(|one| !missing(one)));
                findings.omitted += found.omitted;
            }
        }
    }
}

/// A file that holds nothing but values: it is for another, which alone says what is right in it.
fn is_of_parameters(path: &Path) -> bool {
    let mut sources = Sources::new();
    let (source, unreadable) = files::load(path, &mut sources);
    if unreadable.is_some() {
        return false;
    }
    let file = sources.parse(source).file();
    file.values().next().is_some() && file.declarations().next().is_none()
}

/// What is wrong with a module is found by itself and with each file that uses it, and said once.
fn said_once(all: &mut [Findings]) {
    if all.len() < 2 {
        return;
    }
    let mut said: BTreeSet<(String, u32, u32, &str, String)> = BTreeSet::new();
    for Findings { sources, diagnostics, .. } in all {
        diagnostics.retain(|found| {
            let Some(source) = sources.get(found.span.source) else { return true };
            let place = (source.name.clone(), found.span.start, found.span.end);
            said.insert((place.0, place.1, place.2, found.code.as_str(), found.message.clone()))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_parameters_holds_nothing_but_values() {
        let directory = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("size = 5\n# so\nzones = [\"a\"]\n", true),
            ("size = 5\nlet a = 1\n", false),
            ("let a = 1\n", false),
            ("# nothing\n", false),
        ] {
            let path = directory.path().join("one.kit");
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_of_parameters(&path), expected, "{text:?}");
        }
        // What cannot be read is not passed over.
        assert!(!is_of_parameters(&directory.path().join("none.kit")));
    }
}
