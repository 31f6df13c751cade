//! `kitc destroy`: the end of a cluster.

use std::collections::BTreeSet;
use std::io::Write as _;

use clap::Args;
use kit_lang::Code;
use kit_model::VolumeId;
use kit_runtime::{Destruction, Revision};

use crate::cluster::{Place, block_on};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lookups::Pinned;
use crate::printable::printable;
use crate::progress::Shown;
use crate::{ask, interrupt};

/// End a cluster: its machines and resources, and the volumes that are named
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc destroy cluster.kit                                   show what goes, ask for the name, keep all volumes
  kitc destroy cluster.kit --yes demo                        the same without asking
  kitc destroy cluster.kit --yes demo --volumes vol-1,vol-2  and these volumes with all they hold")]
pub(crate) struct Destroy {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    place: Place,

    /// Do not ask: the cluster's name, written out, so that no other one is meant
    #[arg(long, short, value_name = "NAME", alias = "name")]
    yes: Option<String>,

    /// IDs of volumes that go too, with all that they hold
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    volumes: Vec<String>,
}

impl Destroy {
    /// Destroys.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.served_graph(&self.place, Pinned::Kept, console)?;
        let name = &graph.cluster.name;
        if let Some(other) = self.yes.as_ref().filter(|yes| *yes != name) {
            return Err(Failure::new(
                Code(kit_runtime::codes::NOT_NAMED),
                format!("the file is of the cluster {name}, and --yes says {}", printable(other)),
            ));
        }
        let revision = Revision::of(&graph)?;
        let operator = self.place.existing(&graph)?;
        let volumes: BTreeSet<VolumeId> = self.volumes.iter().map(|id| VolumeId::from(id.as_str())).collect();
        let planned = block_on(async { Ok(operator.plan_destruction(&revision.spec, &volumes).await?) })?;
        write(name, &planned, console)?;
        ask::confirm_by_name(console, &format!("Destroy {}?", printable(name)), name, self.yes.as_deref())?;
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
            printable(name),
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

/// The most lines of one kind that are written.
const MAX_LINES: usize = 40;

/// Writes what would go and what would stay.
fn write(name: &str, planned: &Destruction, console: &mut Console) -> Result<(), Failure> {
    let out = console.out();
    writeln!(
        out,
        "cluster {}: {} machines end, {} resources go, {} volumes go with all they hold, {} volumes are kept",
        printable(name),
        planned.machines.len(),
        planned.resources.len(),
        planned.removed.len(),
        planned.kept.len()
    )?;
    let machines = planned.machines.iter().map(|(address, id)| format!("- {address:<16} machine {id}"));
    let resources = planned.resources.iter().map(|address| format!("- {address:<16} resource"));
    let removed = planned.removed.iter().map(|(address, id)| format!("- {address:<16} volume {id} WITH ALL IT HOLDS"));
    let kept = planned.kept.iter().map(|(address, id)| format!("  {address:<16} volume {id} is kept"));
    let lines: Vec<String> = removed.chain(resources).chain(kept).chain(machines).collect();
    for line in lines.iter().take(MAX_LINES) {
        writeln!(out, "  {}", printable(line))?;
    }
    if lines.len() > MAX_LINES {
        writeln!(out, "  and {} more machines", lines.len() - MAX_LINES)?;
    }
    Ok(())
}
