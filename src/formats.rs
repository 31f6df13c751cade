//! The forms in which findings are written, and which of them end with 1.

use std::io::Write as _;

use clap::{Args, ValueEnum};
use kit_lang::{Diagnostic, Severity, SourceId};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::{codes, github, json_diagnostics, render, sarif};

/// The flags that say how findings are written.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Reporting {
    /// How the errors are written: human, json, sarif or github
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Notation,

    /// Take warnings for errors: all of them, or those of a code such as KIT6001; may be repeated
    #[arg(long, value_name = "warnings|CODE", value_parser = denied)]
    deny: Vec<String>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    #[default]
    Human,
    /// As JSON
    Json,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Notation {
    /// Drawn for a person, on standard error
    #[default]
    Human,
    /// One JSON array, on standard output
    Json,
    /// One SARIF 2.1.0 log, on standard output, as code hosts read it
    Sarif,
    /// The commands of a GitHub workflow, on standard output, which become annotations
    Github,
}

/// What denies all warnings.
const ALL_WARNINGS: &str = "warnings";

/// How the codes of warnings begin.
const WARNING_PREFIX: &str = "KIT6";

fn denied(text: &str) -> Result<String, String> {
    let is_warning = |code: &str| code == text && code.starts_with(WARNING_PREFIX);
    if text == ALL_WARNINGS || codes::all().any(|info| is_warning(info.code)) {
        return Ok(text.to_owned());
    }
    Err(format!("it is `{ALL_WARNINGS}` or the code of a warning, which begins with {WARNING_PREFIX}"))
}

impl Reporting {
    /// Makes errors of the warnings that are denied.
    pub(crate) fn judge(&self, findings: &mut Findings) {
        let denied = |found: &Diagnostic| {
            found.severity == Severity::Warning
                && self.deny.iter().any(|one| one == ALL_WARNINGS || one == found.code.as_str())
        };
        for found in findings.diagnostics.iter_mut().filter(|found| denied(found)) {
            found.severity = Severity::Error;
        }
    }

    /// Whether the findings are for a person, and so on standard error.
    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Notation::Human
    }

    /// Whether there are warnings that are errors here.
    pub(crate) fn denies(&self) -> bool {
        !self.deny.is_empty()
    }

    /// Adds the warnings that only `check` looks for, where warnings are denied.
    pub(crate) fn look_for_warnings(&self, root: SourceId, findings: &mut Findings) {
        if !self.denies() || findings.has_errors() {
            return;
        }
        let found = kit_compiler::check(&mut findings.sources, root);
        let new = |one: &Diagnostic| one.severity == Severity::Warning && !findings.diagnostics.contains(one);
        let new: Vec<Diagnostic> = found.diagnostics.into_iter().filter(new).collect();
        findings.diagnostics.extend(new);
    }

    /// Writes the findings of all files, and says how many there are to a person.
    pub(crate) fn write(&self, all: &[Findings], console: &mut Console) -> Result<Exit, Failure> {
        match self.format {
            Notation::Human => {
                for findings in all.iter().filter(|findings| !findings.diagnostics.is_empty()) {
                    show(findings, console);
                    let _ = writeln!(console.err());
                }
                // A reader of standard error who went away changes nothing in the outcome.
                let _ = writeln!(console.err(), "{}", summary(all));
            }
            Notation::Json => json_diagnostics::write(all, console.out())?,
            Notation::Sarif => sarif::write(all, console.out())?,
            Notation::Github => {
                github::write(all, console.out())?;
                let _ = writeln!(console.err(), "{}", summary(all));
            }
        }
        Ok(if all.iter().any(Findings::has_errors) { Exit::Problem } else { Exit::Fine })
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
    if warnings == 0 {
        return counted(errors, "error");
    }
    format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
}

/// `no errors`, `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
