//! `kitc boot`: carries out what a machine was told when it was made.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use kit_runtime::{BOOT_DOCUMENT, BootPlaces, EventLog, EventRecord, EventSink};

use crate::cluster::block_on;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::Format;
use crate::{apply, interrupt, through_manager};

/// Where the engine keeps its state, and the machine its volume.
const STATE: &str = "/var/lib/docker";

/// What the engine reads when it starts.
const ENGINE_CONFIG: &str = "/etc/docker/daemon.json";

/// Where the units of a machine lie that are its own.
const UNITS: &str = "/etc/systemd/system";

/// Where this program is, as the machine's provider put it.
const PROGRAM: &str = "/usr/local/bin/kitc";

/// Boot a machine that Kit made: its volume, its engine, the Swarm, its replica
#[derive(Debug, Args)]
#[command(after_help = "\
Its user-data calls it; a person may call it again at any time: what is as it should be is left as it is.
Docker is not started where the volume is not the machine's own.")]
pub(crate) struct Boot {
    /// What the machine was told
    #[arg(value_name = "FILE", default_value = BOOT_DOCUMENT)]
    document: PathBuf,

    /// How the steps are written: human or json (one object a line)
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

impl Boot {
    /// Boots.
    pub(crate) fn run(self, _console: &mut Console) -> Result<Exit, Failure> {
        let engine = through_manager::engine_of_this_machine()?;
        let program = std::env::current_exe().unwrap_or_else(|_| PROGRAM.into());
        let directory = self.document.parent().unwrap_or(Path::new("."));
        let told = Told { printer: apply::Printer { format: self.format }, log: EventLog::in_directory(directory) };
        let places = BootPlaces {
            document: self.document.clone(),
            state: STATE.into(),
            engine_config: ENGINE_CONFIG.into(),
            units: UNITS.into(),
            socket: engine.socket().to_owned(),
            program,
        };
        block_on(async {
            tokio::select! {
                booted = kit_runtime::boot_machine(&places, &told) => {
                    booted?;
                    Ok(Exit::Fine)
                }
                () = interrupt::received() => {
                    let _ = writeln!(std::io::stderr(), "interrupted; the same again goes on from here");
                    Ok(Exit::Problem)
                }
            }
        })
    }
}

/// Each step for whoever looks, and in the machine's own log.
struct Told {
    printer: apply::Printer,
    log: EventLog,
}

impl EventSink for Told {
    fn event(&self, event: &EventRecord) {
        self.printer.event(event);
        self.log.event(event);
    }
}
