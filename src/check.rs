//! `kitc check`: all the errors of a file in one run, without a network.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kit_compiler::Step;
use kit_lang::{Diagnostic, SourceId};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::given::Given;
use crate::{files, json_diagnostics, render, shell_check};

/// Find all the errors of a file, without a network
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc check cluster.kit
  kitc check cluster.kit --format json | jq '.[].message'
  kitc check cluster.kit --shell

Parameters without a default need no value here; what depends on them is checked where they are given.
Nothing is asked of anybody: lookups are open, or answered by the snapshot that --metadata names, which
then has to have all of them. `kitc metadata snapshot` writes one.")]
pub(crate) struct Check {
    /// Files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    given: Given,

    /// Let shells read the scripts in the files too, without carrying them out (sh -n)
    #[arg(long)]
    shell: bool,

    /// How the errors are written: human or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// How errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Drawn for a person, on standard error
    #[default]
    Human,
    /// One JSON array, on standard output
    Json,
}

impl Check {
    /// Checks each file for itself.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let all: Vec<Findings> = self.files.iter().map(|path| self.one(path)).collect();
        match self.format {
            Format::Human => {
                for findings in all.iter().filter(|findings| !findings.diagnostics.is_empty()) {
                    show(findings, console);
                    let _ = writeln!(console.err());
                }
                // A reader of standard error who went away changes nothing in the outcome.
                let _ = writeln!(console.err(), "{}", summary(&all));
            }
            Format::Json => json_diagnostics::write(&all, console.out())?,
        }
        Ok(if all.iter().any(Findings::has_errors) { Exit::Problem } else { Exit::Fine })
    }

    fn one(&self, path: &Path) -> Findings {
        let mut findings = Findings::default();
        let Some(root) = files::load_program(path, &mut findings) else { return findings };
        let found = kit_compiler::check(&mut findings.sources, root);
        findings.diagnostics.extend(found.diagnostics);
        findings.omitted += found.omitted;
        if self.shell {
            let found = shell_check::scripts_of(&mut findings.sources);
            findings.diagnostics.extend(found);
        }
        if !findings.has_errors() && !self.given.is_empty() {
            self.with_what_is_given(root, &mut findings);
        }
        findings
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

/// Draws findings on standard error.
pub(crate) fn show(findings: &Findings, console: &mut Console) -> Exit {
    let color = console.color_err();
    let err = console.err();
    // A reader of standard error who went away changes nothing in the outcome.
    let _ = render::render(findings, color, err);
    if findings.has_errors() { Exit::Problem } else { Exit::Fine }
}

fn summary(all: &[Findings]) -> String {
    let errors: usize = all.iter().map(Findings::errors).sum();
    let warnings: usize = all.iter().map(Findings::warnings).sum();
    let counted = |count: usize, what: &str| match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    if warnings == 0 {
        return counted(errors, "error");
    }
    format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
}
