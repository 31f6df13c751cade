//! `kitc status`: what there is, what Kit is doing, what it waits for and why.

use std::io::Write as _;

use clap::Args;
use kit_runtime::{MemberWords, Report};

use crate::cluster::{AnyCluster, block_on};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::Format;
use crate::printable::printable;

/// Show each member of a cluster, what Kit is doing, and what waits and why
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc status                        the only cluster here
  kitc status cluster.kit
  kitc status > /dev/null || page    ends with 1 if a person should look
  kitc status --format json | jq '.members[] | select(.whole | not)'")]
pub(crate) struct Status {
    #[command(flatten)]
    cluster: AnyCluster,

    /// How the state is written: human or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

impl Status {
    /// Prints the state.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let (operator, revision) = self.cluster.open(console)?;
        let report = block_on(async { Ok(operator.report(revision.as_ref().map(|revision| &*revision.spec)).await?) })?;
        match self.format {
            Format::Human => write(&report, console)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *console.out(), &report).map_err(std::io::Error::from)?;
                writeln!(console.out())?;
            }
        }
        Ok(if report.has_problem() { Exit::Problem } else { Exit::Fine })
    }
}

/// Writes the state for people.
pub(crate) fn write(report: &Report, console: &mut Console) -> Result<(), Failure> {
    let color = console.color_out();
    let out = console.out();
    writeln!(out, "cluster {}: {}", printable(&report.cluster), report.state_in_words())?;
    for alarm in report.alarms() {
        writeln!(out, "{}", printable(&alarm))?;
    }
    if report.destroyed {
        return Ok(());
    }
    writeln!(out, "{}", printable(&report.leadership_in_words()))?;
    for cause in &report.unreachable_causes {
        writeln!(out, "  {}", printable(cause))?;
    }
    for wait in report.waits_in_words() {
        writeln!(out, "waits: {}", printable(&wait))?;
    }
    for stranger in &report.strangers {
        writeln!(out, "stranger: {}", printable(stranger))?;
    }
    writeln!(out)?;
    members(report, color, out)?;
    for resource in report.resources_in_words() {
        writeln!(out, "{}", printable(&resource))?;
    }
    Ok(())
}

fn members(report: &Report, color: bool, out: &mut impl std::io::Write) -> Result<(), Failure> {
    let mut rows = vec![["MEMBER", "IP", "MACHINE", "VOLUME", "NODE", "HEALTH"].map(str::to_owned)];
    let mut notes: Vec<Vec<String>> = vec![Vec::new()];
    let (shown, hidden) = report.members_shown();
    for member in shown {
        let words = member.in_words();
        notes.push(notes_of(&words));
        rows.push(
            [words.member, words.ip, words.machine, words.volume, words.node, words.health]
                .map(|cell| printable(&cell).into_owned()),
        );
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (index, (row, notes)) in rows.iter().zip(&notes).enumerate() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        let paint = if index > 0 && row[5] != "whole" { "\x1b[33m" } else { "" };
        match color && !paint.is_empty() {
            true => writeln!(out, "{paint}{}\x1b[0m", line.trim_end())?,
            false => writeln!(out, "{}", line.trim_end())?,
        }
        for note in notes {
            writeln!(out, "  {note}")?;
        }
    }
    if hidden > 0 {
        writeln!(out, "and {hidden} slots that are whole")?;
    }
    Ok(())
}

fn notes_of(words: &MemberWords) -> Vec<String> {
    let waits = words.waits.iter().map(|wait| format!("waits: {}", printable(wait)));
    words.doing.iter().chain(&words.failed).cloned().chain(waits).collect()
}
