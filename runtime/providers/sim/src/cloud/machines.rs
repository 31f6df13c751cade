//! The life of a machine: pending, running, stopped, terminated, forgotten.

use std::sync::Arc;

use kit_model::{Address, ClusterUid, MachineRequest, MachineState, Marks};

use super::{SimCloud, Timer};
use crate::records::{Engine, IpHolder, Key, SimMachine, machine_id};

impl SimCloud {
    /// The machine that answers as `member`: the live one, the newest if there are several.
    pub(crate) fn machine_of(&self, member: &Address) -> Option<Key> {
        let keys = self.by_address.get(member)?;
        keys.iter()
            .rev()
            .copied()
            .find(|key| self.machines.get(key).is_some_and(|machine| !machine.state.is_terminal()))
    }

    pub(super) fn make_machine(
        &mut self,
        uid: &ClusterUid,
        request: &MachineRequest,
        ip: Option<std::net::IpAddr>,
    ) -> Key {
        let key = self.next_key();
        let machine = SimMachine {
            id: machine_id(key),
            marks: Marks {
                uid: uid.clone(),
                address: request.address.clone(),
                generation: request.generation,
                content: request.content.clone(),
                token: request.token.clone(),
            },
            ip,
            state: MachineState::Pending,
            since_ms: self.now_ms,
            before: None,
            unknown_until_ms: 0,
            made_ms: self.now_ms,
            boot: Arc::new(request.boot.clone()),
            boots: 0,
            booted: false,
            engine: Engine::Off,
            frozen: false,
            island: 0,
            island_since_ms: 0,
            cloud_cut: false,
            broken: None,
            finding: None,
            node: None,
            root: None,
        };
        self.machines.insert(key, machine);
        self.by_address.entry(request.address.clone()).or_default().push(key);
        self.live_machines += 1;
        if let Some(ip) = ip {
            self.ips.insert(ip, IpHolder::Machine(key));
        }
        let pending = self.takes(self.settings.pending_ms);
        self.at(pending, Timer::MachineRuns(key));
        key
    }

    pub(super) fn set_state(&mut self, key: Key, state: MachineState) {
        let now = self.now_ms;
        if let Some(machine) = self.machines.get_mut(&key) {
            machine.before = Some(machine.state);
            machine.state = state;
            machine.since_ms = now;
        }
        self.touch();
    }

    pub(super) fn machine_runs_now(&mut self, key: Key) {
        if self.machines.get(&key).is_some_and(|machine| machine.state == MachineState::Pending) {
            self.set_state(key, MachineState::Running);
            self.begin_boot(key);
        }
    }

    /// Starts a stopped machine.
    pub(super) fn start_machine(&mut self, key: Key) {
        self.set_state(key, MachineState::Pending);
        let pending = self.takes(self.settings.pending_ms);
        self.at(pending, Timer::MachineRuns(key));
    }

    /// Boots a running machine again.
    pub(super) fn reboot_machine(&mut self, key: Key) {
        self.power_off(key);
        self.begin_boot(key);
    }

    pub(super) fn stop_machine(&mut self, key: Key) {
        self.power_off(key);
        self.set_state(key, MachineState::Stopping);
        let stopping = self.takes(self.settings.stop_ms);
        self.at(stopping, Timer::MachineStopped(key));
    }

    pub(super) fn terminate_machine(&mut self, key: Key) {
        self.power_off(key);
        self.set_state(key, MachineState::ShuttingDown);
        let shutdown = self.takes(self.settings.shutdown_ms);
        self.at(shutdown, Timer::MachineTerminated(key));
    }

    /// Everything on the machine ends at once.
    fn power_off(&mut self, key: Key) {
        if let Some(machine) = self.machines.get_mut(&key) {
            machine.engine = Engine::Off;
            machine.booted = false;
            machine.frozen = false;
            machine.finding = None;
        }
        self.settle(key);
        // What is off believes nothing when it comes back: it begins as a follower.
        if let Some(swarm) = &mut self.swarm {
            swarm.claims.remove(&key);
            swarm.waiting.remove(&key);
        }
    }

    pub(super) fn machine_stopped(&mut self, key: Key) {
        if self.machines.get(&key).is_some_and(|machine| machine.state == MachineState::Stopping) {
            self.set_state(key, MachineState::Stopped);
        }
    }

    pub(super) fn machine_terminated(&mut self, key: Key) {
        let Some(machine) = self.machines.get(&key).filter(|machine| machine.state == MachineState::ShuttingDown)
        else {
            return;
        };
        if let Some(ip) = machine.ip
            && self.ips.get(&ip) == Some(&IpHolder::Machine(key))
        {
            self.ips.remove(&ip);
        }
        self.set_state(key, MachineState::Terminated);
        self.live_machines = self.live_machines.saturating_sub(1);
        self.free_volumes_of_dead(key);
        self.at(self.settings.forget_ms, Timer::MachineForgotten(key));
    }

    pub(super) fn machine_forgotten(&mut self, key: Key) {
        let Some(machine) = self.machines.remove(&key) else { return };
        if let Some(keys) = self.by_address.get_mut(&machine.marks.address) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_address.remove(&machine.marks.address);
            }
        }
        // A cloud that no longer knows a machine does not let it hold a volume.
        self.release_volumes(key);
        self.touch();
    }
}
