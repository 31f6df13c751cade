//! `kitc test`: runs the tests that stand in files, without a network.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use kit_compiler::{Inputs, TestOutcome};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::junit::{self, Case, Suite};
use crate::printable::printable;
use crate::{codes, files, formats, lookups, render};

/// Run the tests that stand in files
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc test cluster.kit
  kitc test clusters/*.kit --filter workers
  kitc test cluster.kit --metadata snapshot.json

A test gives parameters, and requires what must hold of the cluster with them:
  test \"five machines\" with { size = 5 } {
    require workers.count == 2 else \"${workers.count} workers\"
  }
It has nothing but its own parameters and the file's defaults: neither flags nor variables of the environment.
A test with fails_with = \"…\" passes if there is an error of that code, or with that text, and no other.")]
pub(crate) struct Test {
    /// Files with tests; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Answer all lookups from a snapshot; without one, only the simulated cloud is asked
    #[arg(long, value_name = "SNAPSHOT.json")]
    metadata: Option<PathBuf>,

    /// Run only the tests whose names have this text in them
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Write the outcomes as JUnit XML too, whole or not at all
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// What all files came to.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    declared: usize,
    /// Files that are wrong whatever a test gives them.
    wrong_files: usize,
    suites: Vec<Suite>,
}

impl Test {
    /// Runs the tests of each file for itself.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let mut tally = Tally::default();
        for path in &self.files {
            self.one(path, &mut tally, console)?;
        }
        if let Some(path) = &self.junit {
            files::write_atomically(path, junit::document(&tally.suites).as_bytes())?;
        }
        if tally.wrong_files == 0 && tally.passed + tally.failed == 0 {
            return Err(self.nothing_to_run(&tally));
        }
        let mut summary = format!("{} passed, {} failed", tally.passed, tally.failed);
        if tally.wrong_files > 0 {
            let files = if tally.wrong_files == 1 { "1 file" } else { &format!("{} files", tally.wrong_files) };
            summary.push_str(&format!(", {files} with errors not tested"));
        }
        writeln!(console.out(), "{summary}")?;
        Ok(if tally.failed + tally.wrong_files > 0 { Exit::Problem } else { Exit::Fine })
    }

    fn one(&self, path: &Path, tally: &mut Tally, console: &mut Console) -> Result<(), Failure> {
        let mut findings = Findings::default();
        let root = files::load_program(path, &mut findings);
        let mut inputs = Inputs::new();
        if let Some(snapshot) = &self.metadata {
            let (source, unreadable) = files::load(snapshot, &mut findings.sources);
            let wrong = match unreadable {
                Some(unreadable) => Some(unreadable),
                None => inputs.snapshot(&findings.sources, source).err().map(|wrong| *wrong),
            };
            findings.diagnostics.extend(wrong);
        }
        let mut outcomes = Vec::new();
        if let Some(root) = root
            && !findings.has_errors()
        {
            let wanted = |name: &str| self.filter.as_ref().is_none_or(|text| name.contains(text.as_str()));
            let run = kit_compiler::run_tests(&mut findings.sources, root, &inputs, wanted, lookups::answer);
            findings.diagnostics.extend(run.findings.diagnostics);
            findings.omitted += run.findings.omitted;
            tally.declared += run.declared;
            outcomes = run.outcomes;
        }
        tally.wrong_files += usize::from(findings.has_errors());
        let mut suite = Suite { file: files::shown(path), error: None, cases: Vec::new() };
        if !findings.diagnostics.is_empty() {
            show(&findings, console);
        }
        if findings.has_errors() {
            suite.error = Some(drawn(&findings));
        }
        for outcome in outcomes {
            suite.cases.push(tell(path, outcome, &mut findings, tally, console)?);
        }
        tally.suites.push(suite);
        Ok(())
    }

    fn nothing_to_run(&self, tally: &Tally) -> Failure {
        match &self.filter {
            Some(text) if tally.declared > 0 => {
                let (among, has) = match tally.declared {
                    1 => ("the 1 test".to_owned(), "does not have"),
                    count => (format!("the {count} tests"), "do not have"),
                };
                let shown = printable(text);
                Failure::new(codes::NO_TEST, format!("{among} of these files {has} \"{shown}\" in the name"))
                    .with_help("`kitc test` without --filter runs and lists them all")
            }
            _ => Failure::new(codes::NO_TEST, "there is no test in these files")
                .with_help("a test is written `test \"what holds\" with { size = 5 } { require … else \"…\" }`"),
        }
    }
}

/// A test's line, and under it why it failed.
fn tell(
    path: &Path,
    outcome: TestOutcome,
    findings: &mut Findings,
    tally: &mut Tally,
    console: &mut Console,
) -> Result<Case, Failure> {
    let passed = outcome.passed();
    *(if passed { &mut tally.passed } else { &mut tally.failed }) += 1;
    let verdict = if passed { "ok     " } else { "FAILED " };
    let name = printable(&outcome.name).replace(['\n', '\t'], " ");
    writeln!(console.out(), "{verdict}{}: {name}", files::shown(path))?;
    findings.diagnostics = outcome.findings.diagnostics;
    findings.omitted = outcome.findings.omitted;
    if !findings.diagnostics.is_empty() {
        show(findings, console);
    }
    Ok(Case { name, failure: (!passed).then(|| drawn(findings)) })
}

fn show(findings: &Findings, console: &mut Console) {
    formats::show(findings, console);
    // A reader of standard error who went away changes nothing in the outcome.
    let _ = writeln!(console.err());
}

/// Findings as they are drawn for a person, without colours.
fn drawn(findings: &Findings) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = render::render(findings, false, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
