//! `kitc status`: what there is, what Kit is doing, what it waits for and why.

use std::io::Write as _;

use clap::Args;
use kit_model::{Availability, OperationKind, PermitState};
use kit_runtime::{MemberReport, Report};
use serde::Serialize;

use crate::cluster::{AnyCluster, block_on, short};
use crate::commit;
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
        Ok(if has_problem(&report) { Exit::Problem } else { Exit::Fine })
    }
}

/// Something that a person should look at: not what Kit is only finishing while everything is whole.
fn has_problem(report: &Report) -> bool {
    let all_well = report.formed
        && report.unreachable.is_none()
        && report.paused.is_none()
        && !report.destroying
        && !report.destroyed
        && report.nobody_acts.is_none()
        && report.members.iter().all(|member| member.whole)
        && report.resources.iter().all(|resource| resource.ready);
    !all_well
}

/// Of a group with more slots than this, those that are whole are only counted.
const MAX_WHOLE_SLOTS: usize = 12;

/// Writes the state for people.
pub(crate) fn write(report: &Report, console: &mut Console) -> Result<(), Failure> {
    let color = console.color_out();
    let out = console.out();
    let unknown = report.members.iter().filter(|member| member.unknown).count();
    let short_of = report.members.iter().filter(|member| !member.whole && !member.unknown).count();
    let state = match (report.formed, report.converged, short_of) {
        _ if report.destroyed => format!("destroyed; its volumes {} are kept", report.volumes.join(", ")),
        _ if report.destroying => "being destroyed".to_owned(),
        _ if report.uid.is_none() => "not there: nobody claimed its name".to_owned(),
        (false, ..) => "not formed yet".to_owned(),
        _ if report.unreachable.is_some() => {
            let unknown = match unknown {
                0 => String::new(),
                count => format!(", {count} unknown while no leader answers"),
            };
            format!("without a leader; {short_of} of {} not as asked{unknown}", report.members.len())
        }
        (true, true, _) => "as asked".to_owned(),
        _ if unknown > 0 => {
            format!("{short_of} of {} not as asked, {unknown} unknown so soon after an election", report.members.len())
        }
        (true, false, 0) => "whole; Kit is finishing something".to_owned(),
        (true, false, count) => format!("{count} of {} not as asked", report.members.len()),
    };
    writeln!(out, "cluster {}: {state}", printable(&report.cluster))?;
    if report.destroyed {
        writeln!(
            out,
            "`kitc destroy FILE --yes {} --volumes {}` removes them and frees the name",
            printable(&report.cluster),
            report.volumes.join(",")
        )?;
        return Ok(());
    }
    if let Some(why) = &report.paused {
        writeln!(out, "PAUSED: {}; nothing acts until `kitc resume`", printable(why))?;
    }
    if report.needs_recovery && !report.destroying {
        writeln!(out, "NO MANAGER IS LEFT: `kitc recover FILE` makes them again, each on its own volume")?;
    } else if let Some(why) = report.nobody_acts.as_ref().filter(|_| !report.destroying) {
        writeln!(out, "NOBODY ACTS: {}", printable(commit::nobody_acts(why).trim_start_matches("nobody acts: ")))?;
    }
    match (&report.leader, &report.unreachable) {
        (Some(leader), _) => write!(out, "leader {leader}")?,
        (None, Some(why)) => write!(out, "{}", printable(why))?,
        (None, None) => write!(out, "no leader is known")?,
    }
    if let (Some(revision), Some(epoch)) = (&report.revision, report.epoch) {
        let sends = match report.permit {
            Some(PermitState::Open) => "it may be sending calls now",
            Some(PermitState::Closed) | None => "it sends nothing now",
        };
        write!(out, "; revision {}; ", short(revision))?;
        match &report.holder {
            Some(holder) => write!(out, "{holder} acted last (epoch {epoch}), {sends}")?,
            None => write!(out, "nobody acted yet")?,
        }
    }
    writeln!(out)?;
    for cause in &report.unreachable_causes {
        writeln!(out, "  {}", printable(cause))?;
    }
    for wait in &report.waits {
        writeln!(out, "waits: {} [{}]", printable(&wait.why), wait.code)?;
    }
    for stranger in &report.strangers {
        writeln!(out, "stranger: {}", printable(stranger))?;
    }
    writeln!(out)?;
    members(report, color, out)?;
    for resource in report.resources.iter().filter(|resource| !resource.ready) {
        writeln!(
            out,
            "{}: {}",
            resource.address,
            if resource.id.is_some() { "is being made" } else { "does not exist" }
        )?;
    }
    Ok(())
}

fn members(report: &Report, color: bool, out: &mut impl std::io::Write) -> Result<(), Failure> {
    let mut rows = vec![["MEMBER", "IP", "MACHINE", "VOLUME", "NODE", "HEALTH"].map(str::to_owned)];
    let mut notes: Vec<Vec<String>> = vec![Vec::new()];
    let mut hidden = 0;
    for member in &report.members {
        let alike = report.members.iter().filter(|other| other.group == member.group).count();
        if member.whole && member.address.slot().is_some() && alike > MAX_WHOLE_SLOTS {
            hidden += 1;
            continue;
        }
        rows.push(row(member));
        notes.push(notes_of(member));
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

fn row(member: &MemberReport) -> [String; 6] {
    let none = || "-".to_owned();
    let machine = match member.machines.as_slice() {
        [] => none(),
        machines => joined(machines.iter().map(|machine| format!("{} {}", machine.id, word(&machine.state)))),
    };
    let volume = member.volume.as_ref().map_or_else(none, |volume| match &volume.held_by {
        Some(holder) if member.machines.iter().any(|machine| machine.id == *holder) => {
            format!("{} attached", volume.id)
        }
        Some(holder) => format!("{} at {holder}", volume.id),
        None => format!("{} free", volume.id),
    });
    let node = match member.nodes.as_slice() {
        [] if member.unknown => "unknown".to_owned(),
        [] => none(),
        nodes => joined(nodes.iter().map(|node| {
            let mut text = word(&node.state);
            if node.leader {
                text.push_str(", leader");
            } else if let Some(reachability) = &node.reachability {
                text.push_str(&format!(", {}", word(reachability)));
            }
            if node.availability != Availability::Active {
                text.push_str(&format!(", {}", word(&node.availability)));
            }
            text
        })),
    };
    let health = match (member.whole, &member.lacks) {
        (true, _) => "whole".to_owned(),
        (false, Some(lacks)) => printable(lacks).into_owned(),
        (false, None) => "not whole".to_owned(),
    };
    [
        printable(member.address.as_str()).into_owned(),
        member.ip.clone().unwrap_or_else(none),
        machine,
        volume,
        node,
        health,
    ]
}

fn notes_of(member: &MemberReport) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(kind) = member.doing {
        let doing = match kind {
            OperationKind::Create => "Kit is making it",
            OperationKind::Repair => "Kit is repairing it",
            OperationKind::Roll => "Kit is making it anew from the revision",
            OperationKind::Retire => "Kit is taking it away",
        };
        notes.push(doing.to_owned());
    }
    if member.failures > 0 {
        notes.push(format!("{} replacements failed in a row", member.failures));
    }
    notes.extend(member.waits.iter().map(|wait| format!("waits: {} [{}]", printable(&wait.why), wait.code)));
    notes
}

/// A value as its one word in JSON.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" + ")
}
