//! The life of a volume: one holder at a time, and every change takes a while.

use kit_model::{Address, ClusterUid, ContentHash, Generation, Marks, Token};

use super::{SimCloud, Timer};
use crate::records::{Disk, Key, SimVolume, SimVolumeState, volume_id};

impl SimCloud {
    pub(super) fn make_volume(
        &mut self,
        uid: &ClusterUid,
        address: &Address,
        generation: Generation,
        content: ContentHash,
        token: &Token,
    ) -> Key {
        let key = self.next_key();
        let volume = SimVolume {
            id: volume_id(key),
            marks: Marks { uid: uid.clone(), address: address.clone(), generation, content, token: token.clone() },
            state: SimVolumeState::Creating,
            since_ms: self.now_ms,
            before: None,
            turn: 0,
            made_ms: self.now_ms,
            formed: false,
            retired: false,
            disk: Disk::default(),
        };
        self.volumes.insert(key, volume);
        self.volumes_of.entry(address.clone()).or_default().push(key);
        let creating = self.takes(self.settings.volume_ms);
        self.at(creating, Timer::VolumeSettles(key, 0));
        key
    }

    pub(super) fn set_volume_state(&mut self, key: Key, state: SimVolumeState) {
        let now = self.now_ms;
        let Some(volume) = self.volumes.get_mut(&key) else { return };
        let (former, holder) = (volume.state.holder(), state.holder());
        volume.before = Some(volume.state);
        volume.state = state;
        volume.since_ms = now;
        volume.turn += 1;
        if former != holder {
            if let Some(former) = former
                && let Some(held) = self.held_by.get_mut(&former)
            {
                held.retain(|other| *other != key);
                if held.is_empty() {
                    self.held_by.remove(&former);
                }
            }
            if let Some(holder) = holder {
                self.held_by.entry(holder).or_default().push(key);
            }
        }
        self.touch();
    }

    pub(super) fn attach(&mut self, volume: Key, machine: Key) {
        let attaching = self.takes(self.settings.attach_ms);
        self.begin_volume_change(volume, SimVolumeState::Attaching(machine), attaching);
    }

    pub(super) fn detach(&mut self, volume: Key, machine: Key) {
        let detaching = self.takes(self.settings.detach_ms);
        self.begin_volume_change(volume, SimVolumeState::Detaching(machine), detaching);
    }

    fn begin_volume_change(&mut self, key: Key, state: SimVolumeState, takes_ms: u64) {
        self.set_volume_state(key, state);
        if let Some(turn) = self.volumes.get(&key).map(|volume| volume.turn) {
            self.at(takes_ms, Timer::VolumeSettles(key, turn));
        }
    }

    pub(super) fn volume_settles(&mut self, key: Key, turn: u32) {
        // A timer of an earlier change finds a later one under way: that one has its own.
        let Some(volume) = self.volumes.get(&key).filter(|volume| volume.turn == turn) else { return };
        match volume.state {
            SimVolumeState::Creating | SimVolumeState::Detaching(_) => {
                self.set_volume_state(key, SimVolumeState::Available);
            }
            SimVolumeState::Attaching(machine) => {
                self.set_volume_state(key, SimVolumeState::Attached(machine));
                self.volume_arrived(machine);
            }
            SimVolumeState::Available | SimVolumeState::Attached(_) => {}
        }
    }

    /// The volumes of a machine that has just ended: some come free by themselves, some stay.
    pub(super) fn free_volumes_of_dead(&mut self, machine: Key) {
        for volume in self.held_by.get(&machine).cloned().unwrap_or_default() {
            if self.random.chance(self.settings.freed_permille) {
                self.detach(volume, machine);
            }
        }
    }

    pub(super) fn release_volumes(&mut self, machine: Key) {
        for volume in self.held_by.get(&machine).cloned().unwrap_or_default() {
            self.set_volume_state(volume, SimVolumeState::Available);
        }
    }

    /// The volume that `machine` can use: the first that was attached.
    pub(super) fn attached_volume(&self, machine: Key) -> Option<Key> {
        self.held_by
            .get(&machine)?
            .iter()
            .copied()
            .find(|key| self.volumes.get(key).is_some_and(|volume| volume.state == SimVolumeState::Attached(machine)))
    }
}
