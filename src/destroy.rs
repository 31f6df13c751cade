//! `kitc destroy`: the end of a cluster.

use std::collections::BTreeSet;
use std::io::Write as _;

use clap::Args;
use kit_lang::Code;
use kit_model::VolumeId;
use kit_runtime::Revision;

use crate::cluster::{Place, block_on};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Shown;

/// End a cluster: its machines and resources, and the volumes that are named
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc destroy cluster.kit --name demo                        keeps all volumes
  kitc destroy cluster.kit --name demo --volumes vol-1,vol-2  and these volumes with all they hold")]
pub(crate) struct Destroy {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    place: Place,

    /// The cluster's name, written out: so that no other one is meant
    #[arg(long, value_name = "NAME")]
    name: String,

    /// IDs of volumes that go too, with all that they hold
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    volumes: Vec<String>,
}

impl Destroy {
    /// Destroys.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.graph(console)?;
        if self.name != graph.cluster.name {
            return Err(Failure::new(
                Code(kit_runtime::codes::NOT_NAMED),
                format!("the file is of the cluster {}, and --name says {}", graph.cluster.name, self.name),
            ));
        }
        let revision = Revision::of(&graph)?;
        let operator = self.place.existing(&graph)?;
        let volumes: BTreeSet<VolumeId> = self.volumes.iter().map(|id| VolumeId::from(id.as_str())).collect();
        let shown = Shown::new(console.color_err());
        let destroyed = block_on(async {
            tokio::select! {
                done = operator.destroy(&revision.spec, &volumes, &shown) => Ok(done?),
                () = interrupt::received() => Err(interrupt::failure()),
            }
        });
        shown.finish();
        let destroyed = destroyed?;
        writeln!(
            console.out(),
            "{} is destroyed: {} machines ended, {} volumes removed, {} kept",
            self.name,
            destroyed.machines,
            destroyed.removed.len(),
            destroyed.kept.len()
        )?;
        for kept in &destroyed.kept {
            writeln!(console.out(), "  kept {kept}")?;
        }
        Ok(Exit::Fine)
    }
}
