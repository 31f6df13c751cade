//! The manager that a command goes through: the one that is named, or this machine, if it is one.

use std::cell::OnceCell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use kit_lang::Code;
use kit_runtime::{BOOT_DOCUMENT, Engine, ManagerSite, Operator, ThisMachine, Through, Way, socket_in};

use crate::cluster::block_on;
use crate::failure::Failure;

/// Where a manager keeps what belongs to its cluster: on its state volume, where the member's next machine finds it.
pub(crate) const MANAGER_DIRECTORY: &str = "/var/lib/docker/kit";

/// Where an operator's machine keeps what it last heard of a cluster through a manager, each below its name.
const OPERATOR_DIRECTORY: &str = ".kit/clusters";

/// The manager, once it was looked for: a way is opened once for each command.
#[derive(Default)]
pub(crate) struct ThroughManager(OnceCell<Option<Operator>>);

impl fmt::Debug for ThroughManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThroughManager").field(&self.0.get().is_some()).finish()
    }
}

impl ThroughManager {
    /// The manager, if it was looked for and there is one.
    pub(crate) fn known(&self) -> Option<Operator> {
        self.0.get().cloned().flatten()
    }

    /// The manager at the end of the way `via`, or else this machine, if it is one.
    pub(crate) fn look(&self, via: Option<&str>, cluster: Option<&str>) -> Result<Option<Operator>, Failure> {
        if let Some(known) = self.0.get() {
            return Ok(known.clone());
        }
        let found = match via {
            Some(to) => Some(there(to, cluster)?),
            None => here(cluster)?,
        };
        Ok(self.0.get_or_init(|| found).clone())
    }
}

fn there(to: &str, cluster: Option<&str>) -> Result<Operator, Failure> {
    open(Through::There(Way::open(to)?), cluster, Path::new(OPERATOR_DIRECTORY))
}

/// This machine, if it is a manager: one that Kit made says so itself, and what it last went by counts where its Swarm has no
/// leader; of any other its engine says it.
fn here(cluster: Option<&str>) -> Result<Option<Operator>, Failure> {
    let machine = ThisMachine::new(BOOT_DOCUMENT);
    // Only root reads what the machine was told; who may use its engine goes by that.
    if machine.made_as().is_ok() {
        let engine = engine_of_this_machine()?;
        let asked = async {
            let provider = kit_runtime::provider_of;
            Ok(ManagerSite::of_this_machine(&machine, engine, MANAGER_DIRECTORY, &provider).await?.0)
        };
        let site = aside(|| block_on(asked))?;
        site.must_be(cluster)?;
        return Ok(Some(Operator::new(Arc::new(site))));
    }
    let Some(engine) = engine_here() else { return Ok(None) };
    match open(Through::Here(engine), cluster, Path::new(MANAGER_DIRECTORY)) {
        Ok(operator) => Ok(Some(operator)),
        Err(error) if Path::new(BOOT_DOCUMENT).exists() => Err(error),
        Err(_) => Ok(None),
    }
}

/// The engine of this machine, if it has a socket.
fn engine_here() -> Option<Engine> {
    engine_of_this_machine().ok().filter(|engine| engine.socket().exists())
}

/// The engine of this machine, whether it runs or not.
pub(crate) fn engine_of_this_machine() -> Result<Engine, Failure> {
    let host = std::env::var("DOCKER_HOST").ok();
    let socket = socket_in(host.as_deref());
    socket.map(Engine::at).map_err(|error| Failure::new(Code(kit_runtime::codes::NOT_A_MANAGER), error.to_string()))
}

fn open(through: Through, cluster: Option<&str>, directory: &Path) -> Result<Operator, Failure> {
    let provider = kit_runtime::provider_of;
    let site = aside(|| block_on(async { Ok(ManagerSite::open(through, cluster, directory, &provider).await?) }))?;
    Ok(Operator::new(Arc::new(site)))
}

/// Asks on a thread of its own, for some callers wait for something already.
pub(crate) fn aside<T: Send>(ask: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    match std::thread::scope(|scope| scope.spawn(ask).join()) {
        Ok(answer) => answer,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
