//! The journal's changes of one round.

use kit_model::{
    Address, Approval, ContentHash, Failures, Generation, Head, MAX_HEAD_BYTES, Operation, OperationKind, Policy,
    Reason, RevisionId, StoppedRoll, Wave,
};

use crate::bugs::{Bug, planted};

/// What a single operation may take in the head, in bytes: address, revision, two hashes, a condemned machine.
const OPERATION_BYTES: usize = 420;
/// What a wave may take when it is begun.
const WAVE_BYTES: usize = 320;
/// What is kept free for failures, ranges that split, and the writes of operators.
const RESERVE_BYTES: usize = 3 << 10;

/// A head that is being changed.
pub(crate) struct Draft {
    head: Head,
    changed: bool,
    /// Whether it was changed before the operation that was begun last.
    changed_before: bool,
    /// What it takes now, at the most; known once something was begun.
    bytes: Option<usize>,
    now_wall_ms: u64,
}

/// The most slots of one group whose failures stand in the head. So many failing at once is no failure of machines but
/// of what they are made from: the rest of the group is not begun. They take about 5 KB of the head's 16.
pub(crate) const MAX_FAILED_SLOTS: usize = 48;
/// How much of a member's last failure stands in the head; the whole of it stands in the log.
const MAX_CAUSE_CHARS: usize = 160;
/// How much of a slot's does: there may be [`MAX_FAILED_SLOTS`] of them.
const MAX_SLOT_CAUSE_CHARS: usize = 40;

impl Draft {
    pub(crate) fn new(head: &Head, now_wall_ms: u64) -> Self {
        Self { head: head.clone(), changed: false, changed_before: false, bytes: None, now_wall_ms }
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn finish(self) -> Option<Box<Head>> {
        self.changed.then(|| Box::new(self.head))
    }

    /// The generation of what this round begins.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.head.epoch.0.saturating_add(1))
    }

    fn take(&mut self, bytes: usize) -> bool {
        let used = match self.bytes {
            Some(used) => used,
            // Not measurable means too large already.
            None => self.head.to_bytes().map_or(MAX_HEAD_BYTES, |head| head.len()),
        };
        if used + bytes + RESERVE_BYTES > MAX_HEAD_BYTES {
            self.bytes = Some(used);
            return false;
        }
        self.bytes = Some(used + bytes);
        true
    }

    /// Begins an operation of `address`, in place of the one it has.
    pub(crate) fn begin(
        &mut self,
        address: &Address,
        kind: OperationKind,
        revision: &RevisionId,
        reserved: usize,
        policy: &Policy,
    ) -> Result<(), Reason> {
        let again = self.head.operations.contains_key(address);
        self.changed_before = self.changed;
        if !again {
            if self.head.operations.len() + reserved >= policy.max_open_operations || !self.take(OPERATION_BYTES) {
                return Err(Reason::JournalFull);
            }
            self.leave_wave(address);
        }
        let operation = Operation {
            kind,
            generation: self.generation(),
            revision: revision.clone(),
            request: None,
            condemned: self.head.operations.get(address).map(|former| former.condemned.clone()).unwrap_or_default(),
            rebooted: false,
            availability: self.head.operations.get(address).and_then(|former| former.availability),
            begun_wall_ms: self.now_wall_ms,
        };
        self.head.operations.insert(address.clone(), operation);
        self.changed = true;
        Ok(())
    }

    /// Takes back an operation that this round began.
    pub(crate) fn take_back(&mut self, address: &Address) {
        let begun = self.generation();
        if self.head.operations.get(address).is_some_and(|operation| operation.generation == begun) {
            self.head.operations.remove(address);
            self.changed = self.changed_before;
        }
    }

    /// Begins a wave.
    pub(crate) fn begin_wave(&mut self, mut wave: Wave, policy: &Policy) -> Result<(), Reason> {
        if self.head.waves.len() >= policy.max_waves || !self.take(WAVE_BYTES) {
            return Err(Reason::JournalFull);
        }
        wave.begun_wall_ms = self.now_wall_ms;
        wave.generation = self.generation();
        self.head.waves.push(wave);
        self.changed = true;
        Ok(())
    }

    /// The operation of `address`, to be changed. One that stands in a wave comes to stand alone.
    pub(crate) fn operation(&mut self, address: &Address, request: Option<ContentHash>) -> Option<&mut Operation> {
        if !self.head.operations.contains_key(address) {
            let intent = self.head.intent(address)?;
            let operation = Operation {
                kind: intent.kind,
                generation: intent.generation,
                revision: intent.revision.clone(),
                request,
                condemned: std::collections::BTreeSet::new(),
                rebooted: false,
                availability: None,
                begun_wall_ms: intent.begun_wall_ms,
            };
            if !self.take(OPERATION_BYTES) {
                return None;
            }
            self.leave_wave(address);
            self.head.operations.insert(address.clone(), operation);
        }
        self.changed = true;
        self.head.operations.get_mut(address)
    }

    fn leave_wave(&mut self, address: &Address) {
        let Some(slot) = address.slot() else { return };
        for wave in self.head.waves.iter_mut().filter(|wave| wave.group == address.group()) {
            if let Some(at) = wave.slots.iter().position(|&(first, last)| first <= slot && slot <= last) {
                let (first, last) = wave.slots.remove(at);
                let parts = [(first, slot.saturating_sub(1)), (slot.saturating_add(1), last)];
                let parts = parts.into_iter().filter(|(first, last)| first <= last);
                for (offset, part) in parts.enumerate() {
                    wave.slots.insert(at + offset, part);
                }
                self.changed = true;
            }
        }
        self.head.waves.retain(|wave| !wave.slots.is_empty());
    }

    /// Keeps only the waves for which `keep` holds.
    pub(crate) fn retain_waves(&mut self, mut keep: impl FnMut(&Wave) -> bool) {
        let before = self.head.waves.len();
        self.head.waves.retain(|wave| keep(wave));
        self.changed |= self.head.waves.len() != before;
    }

    /// Ends the operation of `address`.
    pub(crate) fn end(&mut self, address: &Address) {
        self.changed |= self.head.operations.remove(address).is_some();
        self.leave_wave(address);
    }

    /// How many slots of `group` have failures on record. A member's are few by nature.
    pub(crate) fn failed_slots(&self, group: &str) -> usize {
        self.head.failures.keys().filter(|address| address.slot().is_some() && address.group() == group).count()
    }

    /// Counts a failure, and says how many there are.
    pub(crate) fn fail(&mut self, address: &Address, why: &str) -> u32 {
        let is_slot = address.slot().is_some();
        if is_slot
            && !self.head.failures.contains_key(address)
            && self.failed_slots(address.group()) >= MAX_FAILED_SLOTS
        {
            // The group is frozen by those that are on record.
            return u32::MAX;
        }
        let failures =
            self.head.failures.entry(address.clone()).or_insert_with(|| Failures { count: 0, last: String::new() });
        if !planted(Bug::FailuresNotCounted) {
            failures.count = failures.count.saturating_add(1);
        }
        // The cause in full stands in the log; the head has room for a sentence.
        failures.last = why.chars().take(if is_slot { MAX_SLOT_CAUSE_CHARS } else { MAX_CAUSE_CHARS }).collect();
        self.changed = true;
        failures.count
    }

    pub(crate) fn forgive(&mut self, address: &Address) {
        self.changed |= self.head.failures.remove(address).is_some();
    }

    pub(crate) fn stop_roll(&mut self, group: &str, because: &Address) {
        let stopped = StoppedRoll { revision: self.head.revision.clone(), because: because.clone() };
        self.head.stopped_rolls.entry(group.to_owned()).or_insert(stopped);
        self.changed = true;
    }

    pub(crate) fn use_up(&mut self, address: &Address) {
        let before = self.head.approvals.len();
        self.head.approvals.retain(|approval| {
            let (Approval::ReplaceVolume(named) | Approval::Outage(named)) = approval;
            named != address
        });
        self.changed |= self.head.approvals.len() != before;
    }

    pub(crate) fn withdraw(&mut self, approval: &Approval) {
        self.changed |= self.head.approvals.remove(approval);
    }

    pub(crate) fn set_last_good(&mut self, group: &str, revision: &RevisionId) {
        if self.head.last_good.get(group) != Some(revision) {
            self.head.last_good.insert(group.to_owned(), revision.clone());
            self.changed = true;
        }
    }

    /// Drops what is kept of groups that no longer are.
    pub(crate) fn forget_groups(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let before = self.head.last_good.len() + self.head.stopped_rolls.len();
        self.head.last_good.retain(|group, _| keep(group));
        self.head.stopped_rolls.retain(|group, _| keep(group));
        self.changed |= self.head.last_good.len() + self.head.stopped_rolls.len() != before;
    }
}
