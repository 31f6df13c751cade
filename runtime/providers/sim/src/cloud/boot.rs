//! What a machine does when it boots, as `kitc boot` does it: it looks at its disk, formats it only where it is
//! blank and new, begins the Swarm only as the seed and only where the disk holds none, goes on as the node that
//! the disk names, or joins with a ticket.

use kit_model::{BootFinding, NewcomerReason, NodeRole};

use super::{SimCloud, Timer};
use crate::records::{DiskSwarm, Engine, Key};

impl SimCloud {
    /// The machine runs: it boots once the volume that it waits for is there.
    pub(super) fn begin_boot(&mut self, key: Key) {
        let now = self.now_ms;
        let Some(machine) = self.machines.get_mut(&key) else { return };
        machine.boots += 1;
        machine.booted = false;
        machine.broken = None;
        let boots = machine.boots;
        machine.island_since_ms = machine.island_since_ms.min(now);
        if !machine.boot.has_volume || self.attached_volume(key).is_some() {
            let boot = self.takes(self.settings.boot_ms);
            self.at(boot, Timer::MachineBooted(key, boots));
        }
    }

    /// A volume has become usable: a machine that runs and waits for it boots on.
    pub(super) fn volume_arrived(&mut self, key: Key) {
        let waits = self.machines.get(&key).filter(|machine| {
            machine.state == kit_model::MachineState::Running && !machine.booted && machine.boot.has_volume
        });
        if let Some(boots) = waits.map(|machine| machine.boots) {
            let boot = self.takes(self.settings.boot_ms);
            self.at(boot, Timer::MachineBooted(key, boots));
        }
    }

    pub(super) fn machine_booted(&mut self, key: Key, boots: u32) {
        let Some(machine) = self.machines.get_mut(&key) else { return };
        if machine.state != kit_model::MachineState::Running || machine.boots != boots || machine.booted {
            return;
        }
        // Lost again between arrival and boot: it waits on.
        if machine.boot.has_volume && self.attached_volume(key).is_none() {
            return;
        }
        let (finding, disk) = self.classify(key);
        let Some(machine) = self.machines.get_mut(&key) else { return };
        machine.booted = true;
        machine.engine = if matches!(finding, BootFinding::Refused(_)) { Engine::Dead } else { Engine::Up };
        machine.finding = Some(finding.clone());
        if finding != BootFinding::Returnable {
            self.forget_node(key);
        }
        let joins = self.may_join(key);
        match (finding, disk) {
            (BootFinding::Returnable, Some(disk)) => self.resume_node(key, &disk),
            (BootFinding::Newcomer(_), _) if joins => {
                // A real seed cannot know of a Swarm that its disk does not name: it begins one. Whether that was
                // wrong is recorded when it does.
                if self.machines.get(&key).is_some_and(|machine| machine.boot.seed) {
                    self.init_swarm(key);
                } else {
                    self.wait_to_join(key);
                }
            }
            _ => {}
        }
        self.settle(key);
    }

    /// Looks at the disk; formats it where it is blank, new and ours.
    fn classify(&mut self, key: Key) -> (BootFinding, Option<DiskSwarm>) {
        let newcomer = |reason| (BootFinding::Newcomer(reason), None);
        let Some(machine) = self.machines.get(&key) else { return newcomer(NewcomerReason::NoState) };
        let boot = machine.boot.clone();
        let disk = if boot.has_volume {
            let held = self.attached_volume(key).and_then(|volume| self.volumes.get_mut(&volume));
            let Some(volume) = held else {
                return (BootFinding::Refused("the volume is not attached".to_owned()), None);
            };
            if volume.marks.uid != boot.uid || volume.marks.address != boot.address {
                let why =
                    format!("the volume {} belongs to {}, not to {}", volume.id, volume.marks.address, boot.address);
                return (BootFinding::Refused(why), None);
            }
            if volume.retired {
                return (BootFinding::Refused(format!("the volume {} is retired", volume.id)), None);
            }
            if !volume.disk.formatted {
                // Blank on a volume that was formed is a loss, and no reason to begin anew. On one that never was there is
                // nothing to lose, and a machine cannot tell a disk that was wiped from one that is new.
                if volume.formed {
                    return newcomer(NewcomerReason::NoState);
                }
                volume.disk.formatted = true;
            }
            volume.disk.swarm.clone()
        } else {
            machine.root.clone()
        };
        let Some(disk) = disk else { return newcomer(NewcomerReason::NoState) };
        let Some(swarm) = &self.swarm else { return newcomer(NewcomerReason::NoState) };
        if !disk.raft {
            return newcomer(NewcomerReason::RaftLost);
        }
        if disk.expired {
            return newcomer(NewcomerReason::CertificateExpired);
        }
        if disk.ca != swarm.ca {
            return newcomer(NewcomerReason::CaRotated);
        }
        if disk.swarm != swarm.incarnation || !swarm.entries.contains_key(&disk.node) {
            return newcomer(NewcomerReason::NodeRemoved);
        }
        (BootFinding::Returnable, Some(disk))
    }

    /// True if a newcomer on this machine may ask to join: one on a formed volume needs a person's approval first,
    /// which shows as another volume. One that was told of no managers is none of the Swarm.
    pub(super) fn may_join(&self, key: Key) -> bool {
        let Some(machine) = self.machines.get(&key) else { return false };
        if machine.boot.manager_ips.is_empty() {
            return false;
        }
        !machine.boot.has_volume
            || self
                .attached_volume(key)
                .and_then(|volume| self.volumes.get(&volume))
                .is_some_and(|volume| !volume.formed && volume.disk.formatted)
    }

    /// Writes the Swarm state to the disk that the machine keeps it on.
    pub(crate) fn write_disk(&mut self, key: Key, state: DiskSwarm) {
        let Some(machine) = self.machines.get(&key) else { return };
        if machine.boot.has_volume {
            let address = machine.boot.address.clone();
            let now = self.now_ms;
            if let Some(volume) = self.attached_volume(key).and_then(|volume| self.volumes.get_mut(&volume)) {
                if volume.marks.address != address {
                    self.truth.violated(now, "I18", format!("{address} keeps its state on {}", volume.id));
                }
                volume.disk.swarm = Some(state);
            }
        } else if let Some(machine) = self.machines.get_mut(&key) {
            machine.root = Some(state);
        }
        self.touch();
    }

    /// The role that the boot document asks for.
    pub(crate) fn wanted_role(&self, key: Key) -> NodeRole {
        match self.machines.get(&key) {
            Some(machine) if machine.boot.manager => NodeRole::Manager,
            _ => NodeRole::Worker,
        }
    }
}
