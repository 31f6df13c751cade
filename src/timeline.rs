//! A simulated run as a page for a person, and as JSON.

use std::io::Write;

use kit_model::Level;
use kit_simulator::{Fault, Line, Run, Subject, Who};

use crate::failure::Failure;

/// Whether a line says what happened, and not only what waits as it should or came back as it should.
fn is_news(line: &Line) -> bool {
    match line.kind.as_str() {
        "blocked" => line.level > Level::Info,
        "unblocked" | "leads" | "follows" => false,
        _ => line.level > Level::Debug,
    }
}

/// Faults as the flags that make them again.
pub(crate) fn flags(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// A length of time as people say it: `74 s`, `3 min 5 s`.
pub(crate) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// One run as a page to read.
pub(crate) struct Page<'a> {
    run: &'a Run,
    color: bool,
    whole_ms: u64,
}

impl<'a> Page<'a> {
    /// The page of a run.
    pub(crate) fn new(run: &'a Run, color: bool) -> Page<'a> {
        Page { run, color, whole_ms: run.whole_ms.unwrap_or(run.ended_ms) }
    }

    /// A time as minutes and seconds from when the cluster stood.
    fn clock(&self, at_ms: u64) -> String {
        let before = at_ms < self.whole_ms;
        let tenths = at_ms.abs_diff(self.whole_ms) / 100;
        let sign = if before { "-" } else { "" };
        format!("{sign}{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.color && !style.is_empty() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Writes the timeline and what came of it.
    pub(crate) fn show(&self, subject: &Subject, verbose: bool, out: &mut impl Write) -> Result<(), Failure> {
        let run = self.run;
        let spec = subject.spec();
        let groups: Vec<String> = spec.groups.values().map(|group| format!("{} {}", group.count, group.name)).collect();
        writeln!(out, "{}: {}, in virtual time (0:00 is when the cluster stands)", spec.cluster, groups.join(", "))?;
        if subject.is_substituted() {
            writeln!(out, "The simulated cloud stands in for the file's own provider; lookups have stand-in answers.")?;
        }
        writeln!(out)?;
        for line in run.lines.iter().filter(|line| verbose || is_news(line)) {
            let who = format!("{:<12}", line.who);
            let style = match (line.kind.as_str(), line.level) {
                ("broken", _) | (_, Level::Error) => "1;31",
                (_, Level::Warn) => "33",
                ("stands" | "whole" | "converged", _) => "32",
                _ if line.who == Who::Fault => "31",
                ("leader", _) => "36",
                _ => "",
            };
            let clock = format!("{:>9}", self.clock(line.at_ms));
            let what = match &line.address {
                Some(address) if !line.what.contains(address.as_str()) => format!("{address}: {}", line.what),
                _ => line.what.clone(),
            };
            writeln!(out, "{}  {}  {}", self.paint("2", &clock), self.paint("1", &who), self.paint(style, &what))?;
        }
        writeln!(out)?;
        self.summary(out)
    }

    fn summary(&self, out: &mut impl Write) -> Result<(), Failure> {
        let run = self.run;
        for recovery in &run.recoveries {
            let address = &recovery.address;
            match recovery.whole_ms {
                None => writeln!(out, "{address} is not whole again.")?,
                Some(whole_ms) => {
                    let kept: Vec<&str> = [
                        (recovery.same_ip, "the same IP"),
                        (recovery.same_volume, "the same volume"),
                        (recovery.same_node, "the same node"),
                    ]
                    .into_iter()
                    .filter_map(|(kept, what)| kept.then_some(what))
                    .collect();
                    let machine = if recovery.other_machine { "a new machine" } else { "its old machine" };
                    let with = if kept.is_empty() { String::new() } else { format!(" with {}", kept.join(", ")) };
                    writeln!(
                        out,
                        "{address} healed in {}: {machine}{with}.",
                        span(whole_ms.saturating_sub(recovery.hurt_ms))
                    )?;
                }
            }
        }
        let census = &run.census;
        match &run.breach {
            Some(breach) => {
                let flags = flags(&run.faults).join(" ");
                writeln!(out, "{} at {}: {}", self.paint("1;31", "BROKEN"), self.clock(breach.at_ms), breach.what)?;
                writeln!(out, "{} must hold: never {}", breach.invariant, breach.never)?;
                writeln!(out, "again: --seed {} {flags}", run.seed)?;
            }
            None => {
                let made = run.ended_ms.saturating_sub(run.faults_over_ms);
                let after = if run.faults.is_empty() {
                    format!("Converged in {}", span(run.whole_ms.unwrap_or(run.ended_ms)))
                } else {
                    format!("Converged {} after the last fault", span(made))
                };
                writeln!(
                    out,
                    "{}: {} machines, {} voters, epoch {}; {} machines were made in all. No invariant was broken.",
                    self.paint("1;32", &after),
                    census.machines,
                    census.voters,
                    census.epoch,
                    census.made
                )?;
            }
        }
        Ok(())
    }
}

/// A run as one JSON object.
pub(crate) fn json_of(run: &Run) -> serde_json::Value {
    let lines: Vec<serde_json::Value> = run
        .lines
        .iter()
        .map(|line| {
            serde_json::json!({
                "at_ms": line.at_ms,
                "who": line.who.to_string(),
                "kind": line.kind,
                "level": line.level,
                "address": line.address,
                "what": line.what,
            })
        })
        .collect();
    let recoveries: Vec<serde_json::Value> = run
        .recoveries
        .iter()
        .map(|it| {
            serde_json::json!({
                "address": it.address,
                "hurt_ms": it.hurt_ms,
                "whole_ms": it.whole_ms,
                "other_machine": it.other_machine,
                "same_ip": it.same_ip,
                "same_volume": it.same_volume,
                "same_node": it.same_node,
            })
        })
        .collect();
    serde_json::json!({
        "seed": run.seed,
        "faults": flags(&run.faults),
        "breach": run.breach,
        "whole_ms": run.whole_ms,
        "ended_ms": run.ended_ms,
        "faults_over_ms": run.faults_over_ms,
        "recoveries": recoveries,
        "machines": run.census.machines,
        "voters": run.census.voters,
        "epoch": run.census.epoch,
        "timeline": lines,
    })
}
