//! `kitc commit`: changes what a running cluster is to be.

use std::io::Write as _;

use clap::Args;
use kit_lang::Code;
use kit_model::RevisionId;
use kit_runtime::{Operator, Revision};

use crate::cluster::{Place, Refresh, block_on, short};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printable::printable;
use crate::{ask, plan};

/// Change what a running cluster is to be, and let its leader do it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc commit cluster.kit --set size=7
  kitc commit cluster.kit --base 3f9a01 --yes      only over this revision, as a pipeline planned it")]
pub(crate) struct Commit {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    refresh: Refresh,

    /// The revision that this was planned against (its first digits); refused if another is committed now
    #[arg(long, value_name = "REVISION")]
    base: Option<String>,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Commit {
    /// Commits.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.served_graph(&self.place, self.refresh.pinned(), console)?;
        let revision = Revision::of(&graph)?;
        let operator = self.place.existing(&graph)?;
        let planned = block_on(async { Ok(operator.dry_run(&revision).await?) })?;
        plan::write(&planned, console)?;
        let base = planned.base.clone().ok_or_else(|| Failure::from(operator.not_formed()))?;
        if let Some(wanted) = &self.base {
            self.same(wanted, &base)?;
        }
        plan::refused(&planned)?;
        if base == revision.spec.revision {
            writeln!(console.out(), "revision {} is committed already", short(&base))?;
            return Ok(Exit::Fine);
        }
        ask::confirm(console, "Commit this?", self.yes)?;
        self.place.keep_key(&graph)?;
        let changed = block_on(async { Ok(operator.commit(&base, &revision).await?) })?;
        writeln!(console.out(), "committed revision {} over {}", short(&changed.now.value.revision), short(&base))?;
        say_who_acts(&operator, planned.paused.as_deref(), console)?;
        Ok(Exit::Fine)
    }

    fn same(&self, wanted: &str, base: &RevisionId) -> Result<(), Failure> {
        let digits = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        if !digits.is_empty() && base.as_str().trim_start_matches("sha256:").starts_with(digits) {
            return Ok(());
        }
        Err(Failure::new(
            Code(kit_runtime::codes::BASE_MOVED),
            format!("this was planned against revision {wanted}, and revision {} is committed", short(base)),
        )
        .with_help("look at `kitc history`, then plan and commit again"))
    }
}

/// Says on standard error why what was committed is not done now, if nobody does it: the cluster is paused, or no replica
/// runs.
pub(crate) fn say_who_acts(operator: &Operator, paused: Option<&str>, console: &mut Console) -> Result<(), Failure> {
    let report = block_on(async { Ok(operator.report(None).await?) })?;
    let mut lines = Vec::new();
    if let Some(why) = paused {
        lines.push(format!("the cluster is paused ({}): nothing acts until `kitc resume`", printable(why)));
    }
    lines.extend(report.nobody_acts.as_deref().map(nobody_acts));
    for line in lines {
        // Nobody is left to tell if standard error fails too.
        let _ = writeln!(console.err(), "warning: {line}");
    }
    Ok(())
}

/// What is said where nobody acts.
pub(crate) fn nobody_acts(why: &str) -> String {
    format!("nobody acts: {}", printable(&kit_runtime::who_should_act(why)))
}
