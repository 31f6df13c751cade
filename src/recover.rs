//! `kitc recover`: brings a cluster back of which too few managers run to elect a leader.

use std::io::Write as _;

use clap::Args;
use kit_runtime::{RecoveredFrom, Revision};

use crate::cluster::{Place, block_on, short};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lookups::Pinned;
use crate::progress::Shown;
use crate::{ask, commit, interrupt};

/// Bring back a cluster of which too few managers run to elect a leader: the same nodes on their own volumes
#[derive(Debug, Args)]
#[command(
    after_help = "What was committed last counts, as a cache on this machine has it; the file only where there is none."
)]
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
        let graph = self.input.served_graph(&self.place, Pinned::Kept, console)?;
        let revision = Revision::of(&graph)?;
        let operator = self.place.existing(&graph)?;
        let from = block_on(async { Ok(operator.recovery_from(&revision.spec).await?) })?;
        let which = short(&from.spec().revision).to_owned();
        match &from {
            RecoveredFrom::Committed(spec) if spec.revision == revision.spec.revision => {
                writeln!(console.out(), "from revision {which}: it was committed last, and is what the file says")?;
            }
            RecoveredFrom::Committed(_) => writeln!(
                console.out(),
                "from revision {which}, which was committed last; the file says {} and is not used",
                short(&revision.spec.revision)
            )?,
            RecoveredFrom::File(_) => writeln!(
                console.out(),
                "from the file, revision {which}: what was committed last is not known on this machine"
            )?,
        }
        ask::confirm(console, &format!("Make the managers of {} again?", graph.cluster.name), self.yes)?;
        let shown = Shown::new(console.color_err());
        let recovered = block_on(async {
            tokio::select! {
                done = operator.recover(from.spec(), &shown) => Ok(done?),
                () = interrupt::received() => Err(interrupt::failure()),
            }
        });
        shown.finish();
        recovered?;
        writeln!(console.out(), "{} has a leader again; its replicas heal the rest", graph.cluster.name)?;
        commit::say_who_acts(&operator, None, console)?;
        Ok(Exit::Fine)
    }
}
