//! `kitc plan`: what would happen and why, what waits and why, and the risk. It changes nothing.

use std::io::Write as _;

use clap::Args;
use kit_runtime::{ChangeKind, DryRun, Revision};

use crate::check::Format;
use crate::cluster::{Place, block_on, short};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
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
        let graph = self.input.graph(console)?;
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
    if plan.is_empty() && plan.blocked.is_empty() {
        if plan.base.as_ref() != Some(&plan.revision) {
            writeln!(out, "no machine changes; the new revision would be committed")?;
        } else {
            writeln!(out, "nothing to do")?;
        }
        return Ok(());
    }
    let mut counts = [0usize; 4];
    for change in &plan.changes {
        counts[change.change as usize] += 1;
    }
    writeln!(
        out,
        "{} to create, {} to repair, {} to replace, {} to remove",
        counts[0], counts[1], counts[2], counts[3]
    )?;
    for change in plan.changes.iter().take(MAX_LINES) {
        let (sign, paint) = match change.change {
            ChangeKind::Create => ('+', "\x1b[32m"),
            ChangeKind::Repair => ('!', "\x1b[33m"),
            ChangeKind::Replace => ('~', "\x1b[33m"),
            ChangeKind::Remove => ('-', "\x1b[31m"),
        };
        let (paint, plain) = if color { (paint, "\x1b[0m") } else { ("", "") };
        writeln!(out, "  {paint}{sign} {:<16}{plain} {}", printable(change.address.as_str()), printable(&change.why))?;
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

fn more(out: &mut impl std::io::Write, count: usize) -> Result<(), Failure> {
    if count > MAX_LINES {
        writeln!(out, "  and {} more (--format json has all)", count - MAX_LINES)?;
    }
    Ok(())
}
