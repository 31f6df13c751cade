//! `kitc history`: the revisions of a cluster, the newest first.

use std::io::Write as _;

use clap::Args;

use crate::cluster::{AnyCluster, block_on, short};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::Format;

/// List the revisions of a cluster that can be gone back to
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    cluster: AnyCluster,

    /// How the list is written: human or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

impl History {
    /// Prints the list.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let (operator, revision) = self.cluster.open(console)?;
        let history =
            block_on(async { Ok(operator.history(revision.as_ref().map(|revision| &*revision.spec)).await?) })?;
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *console.out(), &history).map_err(std::io::Error::from)?;
                writeln!(console.out())?;
            }
            Format::Human => {
                for entry in &history {
                    let mark = if entry.current { "*" } else { " " };
                    let groups: Vec<String> =
                        entry.groups.iter().map(|(name, count)| format!("{name} {count}")).collect();
                    let asks = if groups.is_empty() { "cannot be read".to_owned() } else { groups.join(", ") };
                    writeln!(console.out(), "{mark} {}  {asks}", short(&entry.revision))?;
                }
            }
        }
        Ok(Exit::Fine)
    }
}
