//! What a look says: whose head it is, whether it may be acted on, and what must be known first.

use std::sync::Arc;

use kit_model::{
    Action, Authority, Blocked, Effect, EffectId, Head, Leadership, Level, Now, Observation, Permit, PermitState,
    Reason, RevisionId, Spec, Step, StoreError,
};

use crate::bugs::{Bug, planted};
use crate::gate::Gate;
use crate::memory::Memory;
use crate::plan::plan;

use super::{Reconciler, ReplicaRole, Seen, Then, Writing, report, rescue};

/// How many revisions may be asked for at once: a head names few that are needed.
const MAX_LOADS: usize = 8;

impl Reconciler {
    pub(super) fn observed(&mut self, seen: Observation, now: Now, out: &mut Vec<Effect>) {
        self.look_in(self.policy.follow_every_ms, now);
        self.take_head(&seen, now);
        if let Some(Ok(inventory)) = &seen.inventory {
            self.last.inventory = Some(Arc::clone(inventory));
        }
        self.remember_dead();
        if let Some(Ok(swarm)) = &seen.swarm {
            self.last.swarm = Some(Arc::clone(swarm));
        }
        self.too_old = match &seen.head_unreadable {
            Some(kit_model::HeadError::TooNew { format }) => Some(*format),
            _ => None,
        };
        if let Some(format) = self.too_old {
            self.stand_down(ReplicaRole::StoodDown);
            self.tell(vec![Blocked { address: None, reason: Reason::TooOld { format } }], out);
            return;
        }
        if seen.leadership == Leadership::Leader {
            if self.leads_since.is_none() {
                self.leads_since = Some(now.boot_ms);
                if self.evidence.may_have_been_rescued(&self.policy, now) {
                    self.rescued_until_ms = now.boot_ms.saturating_add(self.policy.succession_ms);
                }
                self.memory = Some(Memory::new(now));
                self.evidence.leader_seen();
                self.gate = Gate::closed();
                self.role = ReplicaRole::Waiting;
                out.push(report(Level::Info, "leads", None, "the local engine says that it leads".to_owned()));
            }
            self.evidence.leader_seen();
            self.lead(seen, now, out);
        } else {
            if self.leads_since.take().is_some() {
                out.push(report(Level::Info, "follows", None, "the local engine no longer leads".to_owned()));
            }
            self.follow(&seen, now, out);
        }
    }

    /// Notes a version of the head that was not in hand before.
    pub(super) fn take_head(&mut self, seen: &Observation, now: Now) {
        let Ok(Some(head)) = &seen.head else { return };
        let known = self.seen.as_ref().is_some_and(|known| known.head.version == head.version);
        if known {
            if planted(Bug::SuccessionFromNow)
                && let Some(known) = &mut self.seen
            {
                known.first_ms = now.boot_ms;
            }
            return;
        }
        let another = head.value.holder.as_ref().is_some_and(|holder| *holder != self.me());
        if another && self.memory.is_some() {
            // Another acted meanwhile: what is remembered of one's own looks and calls no longer holds.
            self.memory = Some(Memory::new(now));
        }
        self.seen = Some(Seen { head: head.clone(), first_ms: now.boot_ms });
    }

    pub(super) fn stand_down(&mut self, role: ReplicaRole) {
        self.role = role;
        self.gate = Gate::closed();
        self.memory = None;
        self.last.converged = false;
    }

    /// Another leads, or nobody does.
    pub(super) fn follow(&mut self, seen: &Observation, now: Now, out: &mut Vec<Effect>) {
        if self.role != ReplicaRole::Rescuer {
            self.stand_down(ReplicaRole::Standby);
        }
        // What a rescue would need is loaded while it can still be read.
        self.load_missing(now, out);
        self.consider_rescue(seen, now, out);
    }

    /// The local engine says that it leads.
    pub(super) fn lead(&mut self, seen: Observation, now: Now, out: &mut Vec<Effect>) {
        self.look_in(self.policy.observe_every_ms, now);
        let begun_ms = seen.begun.boot_ms;
        let wait = |reason: Reason| vec![Blocked { address: None, reason }];
        let head = match &seen.head {
            // No election mends this.
            Err(StoreError::Corrupt(why)) => {
                self.tell(wait(Reason::StoreCorrupt { why: why.clone() }), out);
                return;
            }
            Err(error) => {
                self.tell(wait(Reason::NoQuorum { why: error.to_string() }), out);
                return;
            }
            Ok(None) => {
                self.without_head(&seen, now, out);
                return;
            }
            Ok(Some(head)) => {
                let mut head = head.clone();
                // What a write that may still come journals keeps its own epoch: no generation stands for two things.
                head.value.epoch = head.value.epoch.max(self.tried_epoch);
                head
            }
        };
        if let Some(error) = &seen.head_unreadable {
            self.tell(wait(Reason::RevisionUnreadable { why: error.to_string() }), out);
            return;
        }
        if self.identity.uid.as_ref().is_some_and(|uid| *uid != head.value.uid) {
            let why = format!("it belongs to {}, another cluster", head.value.uid);
            self.tell(wait(Reason::RevisionUnreadable { why }), out);
            return;
        }
        if self.load_missing(now, out) {
            if let Some((revision, why, _)) = &self.unloadable {
                let why = format!("{revision}: {why}");
                self.tell(wait(Reason::RevisionUnreadable { why }), out);
            }
            return;
        }
        let Some(first_ms) = self.seen.as_ref().map(|seen| seen.first_ms) else { return };
        let mine = head.value.holder.as_ref().is_none_or(|holder| *holder == self.me());
        let mut fresh_ms = first_ms.max(self.settled_ms);
        if now.boot_ms < self.rescued_until_ms {
            self.role = ReplicaRole::Waiting;
            let until_boot_ms = self.rescued_until_ms;
            self.tell(wait(Reason::PreviousPermit { until_boot_ms }), out);
            return;
        }
        fresh_ms = fresh_ms.max(self.rescued_until_ms);
        if !mine && head.value.permit == PermitState::Open && !planted(Bug::NoSuccessionWait) {
            let until_boot_ms = first_ms.saturating_add(self.policy.succession_ms);
            if now.boot_ms < until_boot_ms {
                self.role = ReplicaRole::Waiting;
                self.next_look_ms = until_boot_ms.min(now.boot_ms + self.policy.observe_every_ms);
                self.tell(wait(Reason::PreviousPermit { until_boot_ms }), out);
                return;
            }
            fresh_ms = fresh_ms.max(until_boot_ms);
        }
        let (Some(inventory), Some(swarm)) = (&seen.inventory, &seen.swarm) else {
            self.look_in(0, now);
            return;
        };
        // What was listed before the head was in hand may lack what was done under it.
        if begun_ms < fresh_ms && !planted(Bug::ListingBeforeHead) {
            self.look_in(0, now);
            return;
        }
        let inventory = match inventory {
            Ok(inventory) => Arc::clone(inventory),
            Err(why) => {
                self.tell(wait(Reason::ListingFailed { why: why.clone() }), out);
                return;
            }
        };
        let swarm = match swarm {
            Ok(swarm) => Arc::clone(swarm),
            Err(why) => {
                self.tell(wait(Reason::SwarmUnreadable { why: why.clone() }), out);
                return;
            }
        };
        let Some(spec) = self.specs.get(&head.value.revision).cloned() else { return };
        if self.role != ReplicaRole::Holder {
            self.role = ReplicaRole::Holder;
            let text = format!("this replica acts, after epoch {}", head.value.epoch);
            out.push(report(Level::Info, "took-over", None, text));
        }
        if self.stopping_engine.is_some() {
            // It hands over: it decides nothing more.
            return;
        }
        let memory = self.memory.get_or_insert_with(|| Memory::new(now));
        memory.hear_boots(&seen.boot_findings);
        memory.observe(&spec, &inventory, &swarm, &head.value, now, &self.policy);
        let mut decided = match self.kept.take() {
            Some(kept) => kept,
            None => plan(&self.specs, &inventory, &swarm, &head.value, memory, &self.policy, &self.identity, now),
        };
        let blocked = std::mem::take(&mut decided.blocked);
        self.tell(blocked.clone(), out);
        decided.blocked = blocked;
        self.carry_out(head, decided, now, out);
    }

    /// Notes which managers were seen dead.
    pub(super) fn remember_dead(&mut self) {
        let (Some(inventory), Some(seen)) = (&self.last.inventory, &self.seen) else { return };
        let head = &seen.head.value;
        let Some(group) = self.specs.get(&head.revision).and_then(|spec| spec.leader_group()) else { return };
        for address in &group.members {
            if inventory.machines_of(address).any(|machine| !machine.state.is_terminal()) {
                self.dead.remove(address);
            } else if let Some(dead) = rescue::last_dead(&head.uid, inventory, address) {
                self.dead.insert(address.clone(), dead.clone());
            }
        }
    }

    /// The leader finds no head.
    pub(super) fn without_head(&mut self, seen: &Observation, now: Now, out: &mut Vec<Effect>) {
        let wait = |reason: Reason| vec![Blocked { address: None, reason }];
        let inventory = match &seen.inventory {
            Some(Ok(inventory)) => inventory,
            Some(Err(why)) => {
                self.tell(wait(Reason::ListingFailed { why: why.clone() }), out);
                return;
            }
            None => {
                self.look_in(0, now);
                return;
            }
        };
        if self.seen.is_some() || inventory.volumes.iter().any(|volume| volume.formed) {
            self.tell(wait(Reason::StoreLost), out);
            return;
        }
        if !inventory.complete {
            self.tell(wait(Reason::PartialListing), out);
            return;
        }
        let uid = self.identity.uid.clone().or_else(|| seen.anchor.as_ref().map(|anchor| anchor.uid.clone()));
        let (Some(revision), Some(uid)) = (self.seed.clone(), uid) else {
            self.tell(wait(Reason::NotFormed), out);
            return;
        };
        let Some(own) = inventory.volume_of(&self.identity.member) else {
            self.tell(wait(Reason::NotFormed), out);
            return;
        };
        if planted(Bug::MarkBeforeHead) {
            let mark = Action::MarkFormed { volume: own.id.clone() };
            let step = Step { address: self.identity.member.clone(), action: mark, why: String::new() };
            let not_after_boot_ms = now.boot_ms + self.policy.permit_ms;
            self.gate = Gate::permit(Permit { epoch: kit_model::Epoch(0), not_after_boot_ms });
            self.send(vec![step], Authority::Permit(kit_model::Epoch(0)), not_after_boot_ms, now, out);
            return;
        }
        let id = self.effect_id();
        let head = Box::new(Head::first(uid, revision.clone()));
        out.push(Effect::CreateHead { id, head: head.clone(), revision });
        out.push(report(
            Level::Info,
            "forms",
            None,
            "nothing was ever formed: the seed writes the first head".to_owned(),
        ));
        self.writing = Some(Writing { id, started_ms: now.boot_ms, head, steps: Vec::new(), then: Then::Begin });
    }

    /// Asks for revisions that are needed and not loaded. True if some are.
    pub(super) fn load_missing(&mut self, now: Now, out: &mut Vec<Effect>) -> bool {
        let Some(seen) = &self.seen else { return false };
        self.specs.retain(&seen.head.value);
        let missing = self.specs.missing(&seen.head.value);
        if let Some((revision, _, again_ms)) = &self.unloadable {
            if missing.contains(revision) && now.boot_ms < *again_ms {
                return true;
            }
            if !missing.contains(revision) {
                self.unloadable = None;
            }
        }
        for revision in missing.iter().take(MAX_LOADS) {
            if self.loading.values().any(|loading| loading == revision) {
                continue;
            }
            let id = self.effect_id();
            self.loading.insert(id, revision.clone());
            out.push(Effect::LoadRevision { id, revision: revision.clone() });
        }
        !missing.is_empty()
    }

    pub(super) fn revision_read(
        &mut self,
        id: EffectId,
        revision: RevisionId,
        answer: Result<Arc<Spec>, String>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if self.loading.remove(&id).is_none() {
            return;
        }
        let answer = answer.and_then(|spec| {
            if spec.revision == revision { Ok(spec) } else { Err(format!("it holds {}", spec.revision)) }
        });
        match answer {
            Ok(spec) => {
                self.specs.insert(spec);
                self.unloadable = None;
                if self.loading.is_empty() && self.leads_since.is_some() {
                    self.look_in(0, now);
                }
            }
            Err(why) => {
                out.push(report(Level::Warn, "revision", None, format!("{revision} cannot be read: {why}")));
                self.unloadable = Some((revision, why, now.boot_ms.saturating_add(self.policy.backoff_ms)));
            }
        }
    }
}
