//! `kitc plan`: what would happen and why, what waits and why, and the risk. It changes nothing.

use std::io::Write as _;

use clap::Args;
use kit_lang::Code;
use kit_runtime::{ChangeKind, DryRun, Revision};

use crate::cluster::{Place, Refresh, block_on, short};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::Format;
use crate::printable::printable;

/// Show what applying a file would do, and why; change nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc plan cluster.kit
  kitc plan cluster.kit --set size=7 --exit-code    ends with 3 if there is something to do
  kitc plan cluster.kit --format json | jq .risk")]
pub(crate) struct Plan {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    refresh: Refresh,

    /// End with 3 if there is something to do
    #[arg(long)]
    exit_code: bool,

    /// How the plan is written: human or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

impl Plan {
    /// Prints the plan.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.served_graph(&self.place, self.refresh.pinned(), console)?;
        let revision = Revision::of(&graph)?;
        let plan = match self.place.of_graph(&graph)? {
            Some(operator) => block_on(async { Ok(operator.dry_run(&revision).await?) })?,
            // Nothing is made for the sake of a plan.
            None => DryRun::of_nothing(&revision),
        };
        match self.format {
            Format::Human => write(&plan, console)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *console.out(), &plan).map_err(std::io::Error::from)?;
                writeln!(console.out())?;
            }
        }
        Ok(match (&plan.refused, plan.is_empty()) {
            (Some(_), _) => Exit::Problem,
            (None, false) if self.exit_code => Exit::Changes,
            (None, _) => Exit::Fine,
        })
    }
}

/// The most lines of one kind that are written: nobody reads more, and JSON has them all.
const MAX_LINES: usize = 40;

/// Writes a plan for people.
pub(crate) fn write(plan: &DryRun, console: &mut Console) -> Result<(), Failure> {
    let color = console.color_out();
    let out = console.out();
    match &plan.base {
        Some(base) if *base == plan.revision => {
            writeln!(out, "cluster {}, revision {} as committed", printable(&plan.cluster), short(base))?;
        }
        Some(base) => {
            writeln!(
                out,
                "cluster {}, revision {} -> {}",
                printable(&plan.cluster),
                short(base),
                short(&plan.revision)
            )?;
        }
        None => {
            writeln!(out, "cluster {}, not formed yet; revision {}", printable(&plan.cluster), short(&plan.revision))?
        }
    }
    if let Some(refused) = &plan.refused {
        writeln!(out, "refused [{}]: {}", refused.code, printable(&refused.why))?;
        return Ok(());
    }
    if let Some(why) = &plan.paused {
        writeln!(out, "PAUSED: {}; what follows is done only after `kitc resume`", printable(why))?;
    }
    if !plan.values.is_empty() {
        writeln!(out, "values that change:")?;
        for value in plan.values.iter().take(MAX_LINES) {
            if value.before == value.after {
                // What a secret is shows nowhere, only that it is another.
                writeln!(out, "  {:<16} another secret", printable(&value.address))?;
                continue;
            }
            write!(out, "  {:<16} {} -> {}", printable(&value.address), json(&value.before), json(&value.after))?;
            match &value.not_given {
                Some(name) => writeln!(out, " (the parameter {} was given before and is not now)", printable(name))?,
                None => writeln!(out)?,
            }
        }
        more(out, plan.values.len())?;
    }
    if plan.is_empty() && plan.blocked.is_empty() {
        if plan.base.as_ref() != Some(&plan.revision) {
            writeln!(out, "no machine changes; the new revision would be committed")?;
        } else {
            writeln!(out, "nothing to do")?;
        }
        return Ok(());
    }
    let mut counts = [0usize; 4];
    let mut under_way = 0;
    for change in &plan.changes {
        match change.under_way {
            true => under_way += 1,
            false => counts[change.change as usize] += 1,
        }
    }
    let [create, repair, replace, remove] = counts;
    write!(out, "{create} to create, {repair} to repair, {replace} to replace, {remove} to remove")?;
    match under_way {
        0 => writeln!(out)?,
        count => writeln!(out, "; {count} under way already")?,
    }
    for change in plan.changes.iter().take(MAX_LINES) {
        let (sign, paint) = match change.change {
            ChangeKind::Create => ('+', "\x1b[32m"),
            ChangeKind::Repair => ('!', "\x1b[33m"),
            ChangeKind::Replace => ('~', "\x1b[33m"),
            ChangeKind::Remove => ('-', "\x1b[31m"),
        };
        let (paint, plain) = if color { (paint, "\x1b[0m") } else { ("", "") };
        let already = if change.under_way { " (under way already)" } else { "" };
        let address = change.address.as_str();
        writeln!(out, "  {paint}{sign} {:<16}{plain} {}{already}", printable(address), printable(&change.why))?;
    }
    more(out, plan.changes.len())?;
    if !plan.steps.is_empty() {
        writeln!(out, "first:")?;
        for step in plan.steps.iter().take(MAX_LINES) {
            writeln!(out, "  {:<16} {}: {}", printable(step.address.as_str()), step.action, printable(&step.why))?;
        }
        more(out, plan.steps.len())?;
    }
    if !plan.blocked.is_empty() {
        writeln!(out, "waits:")?;
        for wait in plan.blocked.iter().take(MAX_LINES) {
            let address = wait.address.as_ref().map_or("the cluster", |address| address.as_str());
            writeln!(out, "  {:<16} [{}] {}", printable(address), wait.code, printable(&wait.why))?;
        }
        more(out, plan.blocked.len())?;
    }
    if plan.formed {
        let risk = &plan.risk;
        writeln!(
            out,
            "voters: {} of {} answer now, {} at the worst meanwhile, {} afterwards; {} are needed",
            risk.healthy_before, risk.voters, risk.healthy_during, risk.healthy_after, risk.majority
        )?;
    }
    Ok(())
}

/// Fails where the planned change would be refused.
pub(crate) fn refused(plan: &DryRun) -> Result<(), Failure> {
    match &plan.refused {
        None => Ok(()),
        Some(refused) => {
            let code = kit_runtime::code_of(&refused.code).unwrap_or(kit_runtime::codes::CHANGE_REFUSED);
            Err(Failure::new(Code(code), refused.why.clone()))
        }
    }
}

/// A value as JSON; `nothing` where there is none.
fn json(value: &Option<kit_graph::Value>) -> String {
    let text = value.as_ref().map(|value| serde_json::to_string(value).unwrap_or_default());
    printable(&text.unwrap_or_else(|| "nothing".to_owned())).into_owned()
}

fn more(out: &mut impl std::io::Write, count: usize) -> Result<(), Failure> {
    if count > MAX_LINES {
        writeln!(out, "  and {} more (--format json has all)", count - MAX_LINES)?;
    }
    Ok(())
}
