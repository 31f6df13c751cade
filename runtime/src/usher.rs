//! Lets new machines into the Swarm, beside the replica of a manager that leads: those that the journal intends, and whose
//! engine says that it is theirs. The Swarm's token goes from this machine's engine to the new one's, and is written nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kit_graph::Graph;
use kit_model::{
    Address, LeaderDetector as _, Leadership, Level, Machine, MachineId, Policy, Provider, Role, SpecStore as _,
    SwarmControl as _,
};
use kit_planner::may_enter;
use kit_swarm::{ManagerEngine, Part};
use tokio::time::sleep;

use crate::clock::{Clock as _, SystemClock};
use crate::docker::Engines;
use crate::event_log::{EventLog, EventRecord, EventSink, report};
use crate::operator::Revision;

/// How often it looks whether somebody waits: a new machine takes seconds to boot.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Of how many machines it remembers why they could not come in, so that it says so once.
const MAX_SAID: usize = 1000;

/// What lets new machines in.
pub struct Usher {
    pub(crate) manager: Arc<ManagerEngine>,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) machines: Engines,
    pub(crate) policy: Policy,
    pub(crate) member: Address,
    pub(crate) log: EventLog,
    pub(crate) events: Arc<dyn EventSink>,
}

impl Usher {
    /// Goes on for good, whatever fails.
    pub async fn run(self) {
        let mut said = BTreeMap::new();
        loop {
            // Who cannot be asked now is asked again.
            let _ = self.round(&mut said).await;
            sleep(LOOK_EVERY).await;
        }
    }

    async fn round(&self, said: &mut BTreeMap<MachineId, String>) -> Result<(), String> {
        if self.manager.look().await != Leadership::Leader {
            return Ok(());
        }
        let Some(head) = self.manager.head().await.map_err(|error| error.to_string())? else { return Ok(()) };
        let head = head.value;
        if head.operations.is_empty() && head.waves.is_empty() {
            return Ok(());
        }
        let inventory = self.provider.list(&head.uid, &[]).await.map_err(|error| error.to_string())?;
        let nodes = self.manager.nodes().await?;
        let now = SystemClock.now();
        let enters = |machine: &&Machine| may_enter(&head, &inventory, &nodes, machine, &self.policy, now).is_ok();
        let waiting: Vec<&Machine> = inventory.machines.iter().filter(enters).collect();
        if waiting.is_empty() || !inventory.complete {
            return Ok(());
        }
        let bytes = self.manager.revision(&head.revision).await.map_err(|error| error.to_string())?;
        let graph = Graph::from_bytes(&bytes).map_err(|error| error.to_string())?;
        let spec = Revision::of(&graph).map_err(|error| error.to_string())?.spec;
        for machine in waiting {
            let address = &machine.marks.address;
            let role = spec.groups.get(address.group()).map(|group| group.role);
            let manager = match role {
                Some(Role::Manager) => true,
                Some(Role::Worker) => false,
                Some(Role::Plain) | None => continue,
            };
            match self.let_in(machine, manager).await {
                Ok(false) => {}
                Ok(true) => {
                    said.remove(&machine.id);
                    let what = if manager { "a manager" } else { "a worker" };
                    self.tell(Level::Info, "let-in", address, format!("its machine {} came in as {what}", machine.id));
                }
                Err(why) => {
                    if said.get(&machine.id) != Some(&why) && said.len() < MAX_SAID {
                        self.tell(Level::Warn, "not-let-in", address, format!("its machine {}: {why}", machine.id));
                        said.insert(machine.id.clone(), why);
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets one machine in. False if it is not there yet, or on its way.
    async fn let_in(&self, machine: &Machine, manager: bool) -> Result<bool, String> {
        let marks = &machine.marks;
        let Some(ip) = machine.ip else { return Err("it has no address".to_owned()) };
        let open = self.machines.of(&marks.address).map_err(|error| error.to_string())?;
        // An engine that does not answer is not up yet.
        let Ok(identity) = open.engine.identity().await else { return Ok(false) };
        if identity.uid.as_ref() != Some(&marks.uid)
            || identity.address.as_ref() != Some(&marks.address)
            || identity.generation != Some(marks.generation)
        {
            return Err("its engine does not say that it is its own".to_owned());
        }
        match open.engine.part().await {
            Ok(Part::None) => {}
            Ok(Part::Active { .. } | Part::Pending(_) | Part::Locked) | Err(_) => return Ok(false),
        }
        let own = match self.manager.engine().part().await.map_err(|error| error.to_string())? {
            Part::Active { ip: Some(ip), is_manager: true, .. } => ip,
            _ => return Ok(false),
        };
        let token = self.manager.engine().entry_token(manager).await.map_err(|error| error.to_string())?;
        open.engine.enter_swarm(token, own, ip).await.map_err(|error| error.to_string())?;
        Ok(true)
    }

    fn tell(&self, level: Level, kind: &str, address: &Address, what: String) {
        let mut report = report(level, kind, what);
        report.address = Some(address.clone());
        let record = EventRecord::new(SystemClock.now().wall_ms, Some(self.member.clone()), report);
        self.log.event(&record);
        self.events.event(&record);
    }
}
