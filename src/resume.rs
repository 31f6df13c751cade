//! `kitc resume`: goes on after a pause or a freeze, and says what a person allows.

use std::io::Write as _;

use clap::Args;
use kit_model::Address;

use crate::cluster::{Place, block_on};
use crate::commit;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Go on after a pause, or try again what was frozen
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc resume                                       the whole cluster
  kitc resume workers.3                             forget the failures of one and try it again
  kitc resume --replace-volume managers.m2          its state is lost: begin anew on a new volume
  kitc resume --allow-outage managers.m1            the only manager may be touched")]
pub(crate) struct Resume {
    /// The one member or slot to try again, whose failures are forgotten; a pause of the cluster stays
    #[arg(value_name = "ADDRESS")]
    member: Option<String>,

    #[command(flatten)]
    place: Place,

    /// A member whose volume is given up: it keeps its data and is no member's any more
    #[arg(long, value_name = "ADDRESS")]
    replace_volume: Vec<String>,

    /// A member that may be touched although nothing leads meanwhile
    #[arg(long, value_name = "ADDRESS")]
    allow_outage: Vec<String>,
}

impl Resume {
    /// Resumes.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let operator = self.place.operator()?;
        let addresses = |texts: &[String]| texts.iter().map(|text| Address::from(text.as_str())).collect();
        let what = kit_runtime::Resume {
            address: self.member.as_deref().map(Address::from),
            replace_volumes: addresses(&self.replace_volume),
            outages: addresses(&self.allow_outage),
        };
        let changed = block_on(async { Ok(operator.resume(None, &what).await?) })?;
        let text = if changed.unchanged { "there was nothing to resume" } else { "resumed" };
        writeln!(console.out(), "{text}")?;
        commit::say_who_acts(&operator, changed.now.value.paused.as_deref(), console)?;
        Ok(Exit::Fine)
    }
}
