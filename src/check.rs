//! `kitc check`: all the errors of a file in one run, without a network.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::{files, json_diagnostics, render};

/// Find all the errors of a file, without a network
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc check cluster.kit
  kitc check cluster.kit --format json | jq '.[].message'

Parameters without a default need no value here; what depends on them is checked by `kitc compile`.")]
pub(crate) struct Check {
    /// Files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

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
        let mut all = Findings::default();
        for (index, path) in self.files.iter().enumerate() {
            let id = kit_lang::SourceId(u32::try_from(index).unwrap_or(u32::MAX));
            let (source, mut diagnostics) = files::load(path, id);
            if diagnostics.is_empty() {
                diagnostics = kit_lang::parse(&source.text).diagnostics(id);
            }
            all.sources.insert(id, source);
            all.diagnostics.extend(diagnostics);
        }
        report(&all, self.format, console)
    }
}

/// Says what was found, in the form that was asked for.
pub(crate) fn report(findings: &Findings, format: Format, console: &mut Console) -> Result<Exit, Failure> {
    match format {
        Format::Human => {
            let color = console.color_err();
            let err = console.err();
            // A reader of standard error who went away changes nothing in the outcome.
            let _ = render::render(findings, color, err);
            let gap = if findings.diagnostics.is_empty() { "" } else { "\n" };
            let _ = writeln!(err, "{gap}{}", summary(findings));
        }
        Format::Json => json_diagnostics::write(findings, console.out())?,
    }
    Ok(if findings.has_errors() { Exit::Problem } else { Exit::Fine })
}

fn summary(findings: &Findings) -> String {
    let errors = findings.diagnostics.iter().filter(|found| found.severity == kit_lang::Severity::Error).count();
    let (errors, warnings) = (errors + findings.dropped, findings.diagnostics.len() - errors);
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
