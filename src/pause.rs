//! `kitc pause`: nothing is healed, scaled or rolled until it is resumed.

use std::io::Write as _;

use clap::Args;

use crate::cluster::{Place, block_on};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Stop everything but looking, until `kitc resume`
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    place: Place,

    /// Why, for whoever looks at the cluster meanwhile
    #[arg(long, value_name = "TEXT", default_value = "an operator paused it")]
    reason: String,
}

impl Pause {
    /// Pauses.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let operator = self.place.operator()?;
        let changed = block_on(async { Ok(operator.pause(None, &self.reason).await?) })?;
        let text =
            if changed.unchanged { "it is paused already" } else { "paused: nothing is changed until `kitc resume`" };
        writeln!(console.out(), "{text}")?;
        Ok(Exit::Fine)
    }
}
