//! `kitc test`: runs the tests that stand in files, without a network.

use std::cell::Cell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use kit_compiler::{Inputs, Sources, TestOutcome};
use kit_lang::Span;

use crate::beside::Joined;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::formats::Reporting;
use crate::junit::{self, Case, Suite};
use crate::printable::printable;
use crate::test_files::Unit;
use crate::{codes, files, formats, lookups, render, test_files};

/// Run the tests that stand in files
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc test                            all files with tests, here and below
  kitc test cluster.kit                its tests, and those in cluster.test.kit beside it
  kitc test clusters --filter workers
  kitc test cluster.kit --metadata snapshot.json --junit report.xml
  kitc test --format github            what is found at its lines, on standard output; the list on standard error

A test gives parameters, and requires what must hold of the cluster with them:
  test \"five machines\" with { size = 5 } {
    require workers.count == 2 else \"${workers.count} workers\"
  }
It has nothing but its own parameters and the file's defaults: neither flags nor variables of the environment.
A test with fails_with = \"…\" passes if there is an error of that code, or with that text, and no other.")]
pub(crate) struct Test {
    /// Files with tests, or directories; - is standard input
    #[arg(value_name = "FILE", default_value = ".", hide_default_value = true)]
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

    #[command(flatten)]
    reporting: Reporting,
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
    /// What was found, for programs.
    found: Vec<Findings>,
}

impl Test {
    /// Runs the tests of each file for itself, as many at once as there are processors.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let units = test_files::units(&self.files)?;
        let mut tally = Tally::default();
        for ran in self.all(&units) {
            self.tell(ran, &mut tally, console)?;
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
        self.line(&summary, console)?;
        if !self.reporting.is_for_people() {
            self.reporting.write(&tally.found, console)?;
        }
        Ok(if tally.failed + tally.wrong_files > 0 { Exit::Problem } else { Exit::Fine })
    }

    /// What all files came to, in their order, whichever was ready first. The tests of one file are shared out where there
    /// are more processors than files: each then reads the file for itself.
    fn all(&self, units: &[Unit]) -> Vec<Ran> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shares = processors.div_ceil(units.len().max(1));
        let jobs: Vec<(&Unit, usize)> =
            units.iter().flat_map(|unit| (0..shares).map(move |share| (unit, share))).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let job = next.fetch_add(1, Ordering::Relaxed);
                let Some((unit, share)) = jobs.get(job) else { return done };
                done.push((job, self.one(unit, *share, shares)));
            }
        };
        // Standard input can be read once, and one job needs no help.
        let alone = jobs.len() == 1 || units.iter().any(|unit| unit.file == Path::new(files::STANDARD_INPUT));
        let mut done = if alone {
            units.iter().enumerate().map(|(job, unit)| (job * shares, self.one(unit, 0, 1))).collect()
        } else {
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..processors.min(jobs.len())).map(|_| scope.spawn(work)).collect();
                let joined = workers
                    .into_iter()
                    .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                joined.flatten().collect::<Vec<(usize, Ran)>>()
            })
        };
        done.sort_by_key(|(job, _)| *job);
        let mut all: Vec<Ran> = Vec::with_capacity(units.len());
        for (job, ran) in done {
            match all.last_mut() {
                // What is wrong with the file was found by each share of it.
                Some(first) if job % shares != 0 => {
                    first.outcomes.extend(ran.outcomes);
                    if !ran.is_wrong {
                        first.others.push(ran.findings);
                    }
                }
                _ => all.push(ran),
            }
        }
        for ran in &mut all {
            ran.outcomes.sort_by_key(|(_, outcome, _)| (outcome.span.source, outcome.span.start));
        }
        all
    }

    /// Runs a share of the tests of a file: each `shares`th, beginning with number `share`.
    fn one(&self, unit: &Unit, share: usize, shares: usize) -> Ran {
        let mut findings = Findings::default();
        let joined = match &unit.tests {
            Some(tests) => Joined::load(&unit.file, tests, &mut findings).map(|joined| (joined.root, Some(joined))),
            None => files::load_program(&unit.file, &mut findings).map(|root| (root, None)),
        };
        let mut inputs = Inputs::new();
        if let Some(snapshot) = &self.metadata {
            let (source, unreadable) = files::load(snapshot, &mut findings.sources);
            let wrong = match unreadable {
                Some(unreadable) => Some(unreadable),
                None => inputs.snapshot(&findings.sources, source).err().map(|wrong| *wrong),
            };
            findings.diagnostics.extend(wrong);
        }
        let mut ran =
            Ran { unit: unit.clone(), findings, declared: 0, outcomes: Vec::new(), others: Vec::new(), is_wrong: true };
        let Some((root, joined)) = joined.filter(|_| !ran.findings.has_errors()) else { return ran };
        self.reporting.look_for_warnings(root, &mut ran.findings);
        self.reporting.judge(&mut ran.findings);
        if ran.findings.has_errors() {
            if let Some(joined) = &joined {
                joined.told(&mut ran.findings.diagnostics);
            }
            return ran;
        }
        let is_run = |span: Span| unit.own || joined.as_ref().is_some_and(|joined| joined.is_of_tests(span));
        let ours = Cell::new(0_usize);
        let wanted = |name: &str, span: Span| {
            if !is_run(span) || self.filter.as_ref().is_some_and(|text| !name.contains(text.as_str())) {
                return false;
            }
            ours.set(ours.get() + 1);
            (ours.get() - 1) % shares == share
        };
        let mut run = kit_compiler::run_tests(&mut ran.findings.sources, root, &inputs, wanted, lookups::answer);
        if let Some(joined) = &joined {
            joined.told(&mut run.findings.diagnostics);
            joined.told(&mut ran.findings.diagnostics);
        }
        ran.findings.diagnostics.extend(run.findings.diagnostics);
        ran.findings.omitted += run.findings.omitted;
        ran.declared = run.declared;
        let mut told = Findings::default();
        for mut outcome in run.outcomes {
            let is_beside = joined.as_ref().is_some_and(|joined| joined.is_of_tests(outcome.span));
            let path = unit.tests.as_ref().filter(|_| is_beside).unwrap_or(&unit.file).clone();
            let mut findings = Findings { sources: Sources::new(), ..Findings::default() };
            if let Some(joined) = &joined {
                joined.told(&mut outcome.findings.diagnostics);
            }
            findings.diagnostics = std::mem::take(&mut outcome.findings.diagnostics);
            findings.omitted = outcome.findings.omitted;
            self.reporting.judge(&mut findings);
            let passed = !findings.has_errors();
            let drawing = (!findings.diagnostics.is_empty()).then(|| {
                std::mem::swap(&mut findings.sources, &mut ran.findings.sources);
                let drawing = (drawn(&findings, false), drawn(&findings, true));
                std::mem::swap(&mut findings.sources, &mut ran.findings.sources);
                drawing
            });
            told.diagnostics.extend(findings.diagnostics);
            told.omitted += findings.omitted;
            ran.outcomes.push((path, outcome, Told { passed, drawing }));
        }
        ran.is_wrong = ran.findings.has_errors();
        if !self.reporting.is_for_people() {
            if share != 0 {
                // What is wrong with the file itself is said with its first share.
                ran.findings.diagnostics.clear();
            }
            ran.findings.diagnostics.extend(told.diagnostics);
            ran.findings.omitted += told.omitted;
        }
        ran
    }

    /// What a file came to: what is wrong with it, and a line for each test, and under it why it failed.
    fn tell(&self, ran: Ran, tally: &mut Tally, console: &mut Console) -> Result<(), Failure> {
        tally.declared += ran.declared;
        tally.wrong_files += usize::from(ran.is_wrong);
        let suite = |path: &Path| Suite { file: files::shown(path), error: None, cases: Vec::new() };
        let mut suites =
            vec![suite(if ran.unit.own { &ran.unit.file } else { ran.unit.tests.as_ref().unwrap_or(&ran.unit.file) })];
        if !ran.findings.diagnostics.is_empty() && self.reporting.is_for_people() {
            formats::show(&ran.findings, console);
            // A reader of standard error who went away changes nothing in the outcome.
            let _ = writeln!(console.err());
        }
        if ran.is_wrong {
            suites[0].error = Some(drawn(&ran.findings, false));
        }
        for (path, outcome, told) in ran.outcomes {
            *(if told.passed { &mut tally.passed } else { &mut tally.failed }) += 1;
            let verdict = if told.passed { "ok     " } else { "FAILED " };
            let name = printable(&outcome.name).replace(['\n', '\t'], " ");
            let file = files::shown(&path);
            self.line(&format!("{verdict}{file}: {name}"), console)?;
            if let Some((plain, colored)) = told.drawing.as_ref().filter(|_| self.reporting.is_for_people()) {
                let drawing = if console.color_err() { colored } else { plain };
                let _ = writeln!(console.err(), "{drawing}");
            }
            if suites.last().is_none_or(|last| last.file != file) {
                suites.push(suite(&path));
            }
            let failure = told.drawing.filter(|_| !told.passed).map(|(plain, _)| plain);
            if let Some(last) = suites.last_mut() {
                last.cases.push(Case { name, failure });
            }
        }
        suites.retain(|suite| suite.error.is_some() || !suite.cases.is_empty());
        tally.suites.extend(suites);
        if !self.reporting.is_for_people() {
            tally.found.push(ran.findings);
            tally.found.extend(ran.others);
        }
        Ok(())
    }

    /// Writes a line of the list: where findings are for a program, standard output is theirs.
    fn line(&self, line: &str, console: &mut Console) -> Result<(), Failure> {
        if self.reporting.is_for_people() {
            writeln!(console.out(), "{line}")?;
        } else {
            // A reader of standard error who went away changes nothing in the outcome.
            let _ = writeln!(console.err(), "{line}");
        }
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

/// A file that was run.
struct Ran {
    unit: Unit,
    /// What is wrong with it whatever a test gives it; for programs, what its tests found too.
    findings: Findings,
    /// No test of it could be run.
    is_wrong: bool,
    declared: usize,
    /// The file that each test stands in, what it came to, and what is shown of that.
    outcomes: Vec<(PathBuf, TestOutcome, Told)>,
    /// The findings of its other shares.
    others: Vec<Findings>,
}

/// What is shown of a test.
struct Told {
    passed: bool,
    /// What it found, drawn without colours and with them.
    drawing: Option<(String, String)>,
}

/// Findings as they are drawn for a person.
fn drawn(findings: &Findings, color: bool) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = render::render(findings, color, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
