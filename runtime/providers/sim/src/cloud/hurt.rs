//! What may be done to the simulated cloud from outside, by a person or by a schedule of faults.

use std::fmt;
use std::net::IpAddr;

use kit_model::{Address, Authority, CallId, MachineState};
use serde::{Deserialize, Serialize};

use super::SimCloud;
use crate::ground_truth::{Deed, DeedEffect, LogEntry, Sender};
use crate::records::{Disk, Engine, IpHolder, Key, SimVolumeState};

/// Something that goes wrong, or is put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hurt {
    /// The machine ends for good, as if its host had died or someone had ended it.
    Kill(Address),
    /// The machine stops.
    Stop(Address),
    /// A stopped machine starts.
    Start(Address),
    /// The machine reboots.
    Reboot(Address),
    /// Nothing on the machine goes on; the cloud says that it runs.
    Freeze(Address),
    /// It goes on.
    Thaw(Address),
    /// The machine reaches no other, but still the cloud.
    Cut(Address),
    /// The machine reaches neither others nor the cloud.
    Isolate(Address),
    /// These machines reach each other and the cloud, and no others.
    Split(Vec<Address>),
    /// The machine reaches everything again.
    Mend(Address),
    /// All machines reach everything again.
    MendAll,
    /// What the member's disk held is erased; it shows when it boots next.
    WipeDisk(Address),
    /// The Raft log on the member's disk is lost; it shows when it boots next.
    LoseRaft(Address),
    /// The member's volume is gone.
    LoseVolume(Address),
    /// The node's certificate is no longer valid.
    ExpireCertificate(Address),
    /// The Swarm gets a new CA; nodes that are away keep the old one.
    RotateCa,
    /// A person wiped the manager and made it join by hand: two entries stand at one address.
    RejoinWiped(Address),
    /// The Docker Engine dies; the machine goes on.
    FailDocker(Address),
    /// The Docker Engine starts again.
    StartDocker(Address),
    /// Something that no cluster made holds the address, if it is free.
    Stranger(IpAddr),
    /// It lets go.
    RemoveStranger(IpAddr),
    /// The cloud says nothing of the machine's state for so long.
    UnknownState(Address, u64),
    /// The cloud has no machine free.
    NoCapacity,
    /// It has again.
    Capacity,
    /// The cloud refuses calls for so long.
    Throttle(u64),
    /// For so long, listings lie as far behind as they ever may. Nothing happens where the cloud promises that they
    /// never do.
    Lag(u64),
    /// So many of the next mutating calls take effect without an answer.
    LoseReplies(u32),
    /// So many of the next mutating calls are lost on their way.
    LoseCalls(u32),
    /// The next mutating call takes effect so much later, without an answer.
    DelayCall(u64),
    /// The next write of a head gets no answer; true if it is committed nevertheless.
    LoseCommit(bool),
    /// So many of the next listings lack some pages and say so.
    PartialListings(u32),
    /// So many of the next listings fail.
    FailListings(u32),
    /// A newer image is published.
    PublishImage(String),
}

/// Why a hurt could not be inflicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HurtError {
    /// The cause.
    pub why: String,
}

impl fmt::Display for HurtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for HurtError {}

fn cannot(why: String) -> HurtError {
    HurtError { why }
}

impl SimCloud {
    /// Hurts the cloud, or puts something right.
    ///
    /// # Errors
    /// When what is named does not exist or is not in a state in which this can happen to it.
    pub fn hurt(&mut self, hurt: &Hurt, now_ms: u64) -> Result<(), HurtError> {
        self.advance(now_ms);
        self.touch();
        match hurt {
            Hurt::Kill(address) => {
                let key = self.hurtable(address)?;
                if self.machines.get(&key).is_some_and(|machine| machine.state != MachineState::ShuttingDown) {
                    self.terminate_machine(key);
                }
            }
            Hurt::Stop(address) => {
                let key = self.in_state(address, MachineState::Running)?;
                self.stop_machine(key);
            }
            Hurt::Start(address) => {
                let key = self.in_state(address, MachineState::Stopped)?;
                self.start_machine(key);
            }
            Hurt::Reboot(address) => {
                let key = self.in_state(address, MachineState::Running)?;
                self.reboot_machine(key);
            }
            Hurt::Freeze(address) => {
                let key = self.in_state(address, MachineState::Running)?;
                self.with_machine(key, |machine| machine.frozen = true);
            }
            Hurt::Thaw(address) => {
                let key = self.hurtable(address)?;
                self.with_machine(key, |machine| machine.frozen = false);
                self.believe_on(key);
            }
            Hurt::Cut(address) => {
                let key = self.hurtable(address)?;
                self.move_to_island(key, key.max(1), false);
            }
            Hurt::Isolate(address) => {
                let key = self.hurtable(address)?;
                self.move_to_island(key, key.max(1), true);
            }
            Hurt::Split(addresses) => {
                let keys = addresses.iter().map(|address| self.hurtable(address)).collect::<Result<Vec<_>, _>>()?;
                let island = keys.first().copied().unwrap_or(1).max(1);
                self.move_all(&keys, island);
            }
            Hurt::Mend(address) => {
                let key = self.hurtable(address)?;
                self.mend(key);
            }
            Hurt::MendAll => {
                let keys: Vec<Key> = self
                    .machines
                    .iter()
                    .filter(|(_, machine)| machine.island != 0 || machine.cloud_cut)
                    .map(|(key, _)| *key)
                    .collect();
                keys.into_iter().for_each(|key| self.mend(key));
            }
            Hurt::WipeDisk(address) => self.wipe_disk(address)?,
            Hurt::LoseRaft(address) => self.with_disk(address, |disk| disk.raft = false)?,
            Hurt::LoseVolume(address) => self.lose_volume(address)?,
            Hurt::ExpireCertificate(address) => {
                self.with_disk(address, |disk| disk.expired = true)?;
                // The others refuse it at once.
                if let Some(key) = self.machine_of(address) {
                    self.with_machine(key, |machine| machine.broken = Some("its certificate expired".to_owned()));
                }
            }
            Hurt::RotateCa => self.rotate_ca(),
            Hurt::RejoinWiped(address) => {
                let key = self.in_state(address, MachineState::Running)?;
                self.rejoin_wiped(key).map_err(cannot)?;
            }
            Hurt::FailDocker(address) => {
                let key = self.in_state(address, MachineState::Running)?;
                self.with_machine(key, |machine| machine.engine = Engine::Dead);
            }
            Hurt::StartDocker(address) => {
                let key = self.in_state(address, MachineState::Running)?;
                self.with_machine(key, |machine| {
                    if machine.may_run_engine() {
                        machine.engine = Engine::Up;
                    }
                });
            }
            Hurt::Stranger(ip) => {
                if self.ips.contains_key(ip) {
                    return Err(cannot(format!("{ip} is held already")));
                }
                self.ips.insert(*ip, IpHolder::Stranger("an interface that nobody marked".to_owned()));
            }
            Hurt::RemoveStranger(ip) => {
                if matches!(self.ips.get(ip), Some(IpHolder::Stranger(_))) {
                    self.ips.remove(ip);
                }
            }
            Hurt::UnknownState(address, for_ms) => {
                let key = self.hurtable(address)?;
                let until = self.now_ms + for_ms;
                self.with_machine(key, |machine| machine.unknown_until_ms = until);
            }
            Hurt::NoCapacity => self.wounds.no_capacity = true,
            Hurt::Capacity => self.wounds.no_capacity = false,
            Hurt::Throttle(for_ms) => self.wounds.throttled_until_ms = self.now_ms + for_ms,
            Hurt::Lag(for_ms) => self.wounds.lag_until_ms = self.now_ms + for_ms,
            Hurt::LoseReplies(count) => self.wounds.lose_replies = *count,
            Hurt::LoseCalls(count) => self.wounds.lose_calls = *count,
            Hurt::DelayCall(by_ms) => self.wounds.delay_calls.insert(0, *by_ms),
            Hurt::LoseCommit(committed) => self.wounds.lose_commits.insert(0, *committed),
            Hurt::PartialListings(count) => self.wounds.partial_listings = *count,
            Hurt::FailListings(count) => self.wounds.failed_listings = *count,
            Hurt::PublishImage(name) => self.add_image(name),
        }
        Ok(())
    }

    /// Stops the Docker Engine beside the replica of `via`, as a leader does that hands over.
    ///
    /// # Errors
    /// When the machine does not run.
    pub fn stop_engine(&mut self, via: &Address, now_ms: u64) -> Result<(), String> {
        self.advance(now_ms);
        let sender = Sender::Member(via.clone());
        let Some(key) = self.machine_of(via).filter(|_| self.machine_runs(via)) else {
            return Err(format!("the machine of {via} does not run"));
        };
        let Some(machine) = self.machines.get(&key) else { return Ok(()) };
        let voters = Some(self.voters_with(&sender, Some(key), machine.node));
        let entry = LogEntry {
            sequence: 0,
            sent_ms: self.now_ms,
            delivered_ms: self.now_ms,
            sender,
            uid: machine.boot.uid.clone(),
            authority: Authority::Operator,
            call: CallId(0),
            address: via.clone(),
            deed: Deed::StopEngine { machine: machine.id.clone() },
            effect: DeedEffect::Changed,
            answered: true,
            voters,
        };
        self.truth.record(entry, self.settings.log_limit);
        self.with_machine(key, |machine| machine.engine = Engine::Dead);
        Ok(())
    }

    /// Starts the Docker Engine beside the replica of `via`, as a machine's own supervisor does; one that runs goes on.
    ///
    /// # Errors
    /// When the machine does not run.
    pub fn start_engine(&mut self, via: &Address, now_ms: u64) -> Result<(), String> {
        self.advance(now_ms);
        let Some(key) = self.machine_of(via).filter(|_| self.machine_runs(via)) else {
            return Err(format!("the machine of {via} does not run"));
        };
        self.with_machine(key, |machine| {
            if machine.may_run_engine() {
                machine.engine = Engine::Up;
            }
        });
        Ok(())
    }

    pub(crate) fn next_commit_fault(&mut self) -> Option<bool> {
        self.wounds.lose_commits.pop()
    }

    fn hurtable(&self, address: &Address) -> Result<Key, HurtError> {
        self.machine_of(address).ok_or_else(|| cannot(format!("{address} has no live machine")))
    }

    fn in_state(&self, address: &Address, state: MachineState) -> Result<Key, HurtError> {
        let key = self.hurtable(address)?;
        match self.machines.get(&key) {
            Some(machine) if machine.state == state => Ok(key),
            Some(machine) => Err(cannot(format!("the machine of {address} is {:?}", machine.state))),
            None => Err(cannot(format!("{address} has no machine"))),
        }
    }

    fn with_machine(&mut self, key: Key, change: impl FnOnce(&mut crate::SimMachine)) {
        if let Some(machine) = self.machines.get_mut(&key) {
            change(machine);
        }
        self.settle(key);
    }

    fn move_to_island(&mut self, key: Key, island: u64, cloud_cut: bool) {
        let now = self.now_ms;
        self.with_machine(key, |machine| {
            if machine.island != island {
                machine.island = island;
                machine.island_since_ms = now;
            }
            machine.cloud_cut = cloud_cut;
        });
    }

    /// Moves several at once: none of them is alone in between.
    fn move_all(&mut self, keys: &[Key], island: u64) {
        let now = self.now_ms;
        for key in keys {
            if let Some(machine) = self.machines.get_mut(key) {
                machine.island = island;
                machine.island_since_ms = now;
            }
        }
        for key in keys {
            self.settle(*key);
        }
    }

    fn mend(&mut self, key: Key) {
        self.move_to_island(key, 0, false);
        self.believe_on(key);
        self.settle_raft();
        self.hand_over_limbo(key);
        self.retry_joins();
    }

    fn wipe_disk(&mut self, address: &Address) -> Result<(), HurtError> {
        if let Some(volume) = self.volume_of_member(address) {
            if let Some(volume) = self.volumes.get_mut(&volume) {
                volume.disk = Disk::default();
            }
            return Ok(());
        }
        let key = self.hurtable(address)?;
        if let Some(machine) = self.machines.get_mut(&key) {
            machine.root = None;
        }
        Ok(())
    }

    fn volume_of_member(&self, address: &Address) -> Option<Key> {
        let volumes = self.volumes_of.get(address)?;
        volumes.iter().rev().copied().find(|key| self.volumes.get(key).is_some_and(|volume| !volume.retired))
    }

    fn with_disk(
        &mut self,
        address: &Address,
        change: impl FnOnce(&mut crate::records::DiskSwarm),
    ) -> Result<(), HurtError> {
        let volume = self.volume_of_member(address);
        let machine = self.machine_of(address);
        let disk = match volume {
            Some(volume) => self.volumes.get_mut(&volume).and_then(|volume| volume.disk.swarm.as_mut()),
            None => machine.and_then(|key| self.machines.get_mut(&key)).and_then(|machine| machine.root.as_mut()),
        };
        let disk = disk.ok_or_else(|| cannot(format!("the disk of {address} holds no Swarm state")))?;
        change(disk);
        Ok(())
    }

    fn lose_volume(&mut self, address: &Address) -> Result<(), HurtError> {
        let volume = self.volume_of_member(address).ok_or_else(|| cannot(format!("{address} has no volume")))?;
        let holder = match self.volumes.get(&volume).map(|volume| volume.state) {
            Some(SimVolumeState::Attached(machine)) => Some(machine),
            _ => None,
        };
        self.forget_volume(volume);
        if let Some(machine) = holder {
            self.with_machine(machine, |machine| {
                machine.broken = Some("its volume is gone".to_owned());
                machine.engine = Engine::Dead;
            });
        }
        Ok(())
    }

    pub(super) fn forget_volume(&mut self, key: Key) {
        self.set_volume_state(key, SimVolumeState::Available);
        if let Some(volume) = self.volumes.remove(&key)
            && let Some(volumes) = self.volumes_of.get_mut(&volume.marks.address)
        {
            volumes.retain(|other| *other != key);
            if volumes.is_empty() {
                self.volumes_of.remove(&volume.marks.address);
            }
        }
        self.touch();
    }

    fn rotate_ca(&mut self) {
        let Some(swarm) = &mut self.swarm else { return };
        swarm.ca += 1;
        let ca = swarm.ca;
        // Nodes that the Swarm hears from get new certificates at once.
        let present: Vec<Key> =
            swarm.entries.values().filter(|entry| entry.link.up).filter_map(|entry| entry.machine).collect();
        for key in present {
            let has_volume = self.machines.get(&key).is_some_and(|machine| machine.boot.has_volume);
            let disk = if has_volume {
                self.attached_volume(key)
                    .and_then(|volume| self.volumes.get_mut(&volume))
                    .and_then(|volume| volume.disk.swarm.as_mut())
            } else {
                self.machines.get_mut(&key).and_then(|machine| machine.root.as_mut())
            };
            if let Some(disk) = disk {
                disk.ca = ca;
            }
        }
    }
}
