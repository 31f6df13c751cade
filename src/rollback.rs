//! `kitc rollback`: an older revision, committed again.

use std::io::Write as _;

use clap::Args;

use crate::cluster::{Place, block_on, short};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{ask, commit, plan};

/// Commit an older revision again
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc rollback                   to the revision before
  kitc rollback 3f9a01            to the one whose hash begins so (see `kitc history`)")]
pub(crate) struct Rollback {
    /// The first digits of the revision to go back to [default: the one before]
    #[arg(value_name = "REVISION")]
    to: Option<String>,

    #[command(flatten)]
    place: Place,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Rollback {
    /// Goes back.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let operator = self.place.operator()?;
        let target = block_on(async { Ok(operator.rollback_target(None, self.to.as_deref()).await?) })?;
        let older = block_on(async { Ok(operator.stored_revision(&target).await?) })?;
        let planned = block_on(async { Ok(operator.dry_run(&older).await?) })?;
        plan::write(&planned, console)?;
        plan::refused(&planned)?;
        let base = planned.base.clone().ok_or_else(|| Failure::from(operator.not_formed()))?;
        ask::confirm(console, &format!("Go back to revision {}?", short(&target)), self.yes)?;
        let changed = block_on(async { Ok(operator.commit(&base, &older).await?) })?;
        writeln!(
            console.out(),
            "committed revision {} again, over {}",
            short(&changed.now.value.revision),
            short(&changed.before.revision)
        )?;
        commit::say_who_acts(&operator, planned.paused.as_deref(), console)?;
        Ok(Exit::Fine)
    }
}
