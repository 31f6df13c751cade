//! `kitc recover`: brings a cluster back of which no manager runs.

use std::io::Write as _;

use clap::Args;
use kit_runtime::Revision;

use crate::cluster::{Place, block_on};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Shown;
use crate::{ask, interrupt};

/// Bring back a cluster of which no manager runs: the same nodes on their own volumes
#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    place: Place,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Recover {
    /// Recovers.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.graph(console)?;
        let revision = Revision::of(&graph)?;
        let operator = self.place.existing(&graph)?;
        ask::confirm(console, &format!("Make the managers of {} again?", graph.cluster.name), self.yes)?;
        let shown = Shown::new(console.color_err());
        let recovered = block_on(async {
            tokio::select! {
                done = operator.recover(&revision.spec, &shown) => Ok(done?),
                () = interrupt::received() => Err(interrupt::failure()),
            }
        });
        shown.finish();
        recovered?;
        writeln!(console.out(), "{} has a leader again; its replicas heal the rest", graph.cluster.name)?;
        Ok(Exit::Fine)
    }
}
