//! One replica's protocol: look, claim, journal, send, settle. Nothing is sent without a committed write.

mod rescue;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit_model::{
    Action, Address, Authority, Blocked, Call, CallId, CommitResult, Effect, EffectId, Epoch, Event, Head, HeadVersion,
    Holder, Inventory, Leadership, Level, Machine, Now, Observation, Outcome, Permit, PermitState, Plan, Policy,
    Reason, ReplicaIdentity, Report, RevisionId, Spec, Step, SwarmView, Versioned,
};

use crate::bugs::{Bug, planted};
use crate::gate::Gate;
use crate::memory::Memory;
use crate::plan::plan;
use crate::specs::Specs;
use rescue::Evidence;
pub use status::{GroupStatus, MemberStatus, ReplicaRole, Status};

/// How many revisions may be asked for at once: a head names few that are needed.
const MAX_LOADS: usize = 8;

/// The state machine of one replica.
#[derive(Debug, Clone)]
pub struct Reconciler {
    identity: ReplicaIdentity,
    policy: Policy,
    /// The revision from the boot document, if this replica's machine was made as the seed.
    seed: Option<RevisionId>,
    next_effect: u64,
    next_call: u64,
    seen: Option<Seen>,
    specs: Specs,
    loading: BTreeMap<EffectId, RevisionId>,
    /// A revision that could not be loaded, and when to ask again.
    unloadable: Option<(RevisionId, String, u64)>,
    memory: Option<Memory>,
    observing: Option<Observing>,
    writing: Option<Writing>,
    batch: Option<Batch>,
    gate: Gate,
    /// Since when the local engine says that it leads.
    leads_since: Option<u64>,
    /// Until when somebody who rescued before this replica led may still be sending.
    rescued_until_ms: u64,
    evidence: Evidence,
    /// Observations begun before this say nothing about what this replica did last.
    settled_ms: u64,
    next_look_ms: u64,
    stopping_engine: Option<EffectId>,
    kept: Option<Plan>,
    unknown_writes: u32,
    /// The highest epoch of a write whose answer is not in hand: never used for another one.
    tried_epoch: Epoch,
    role: ReplicaRole,
    too_old: Option<u64>,
    last: Last,
    /// Dead managers that a listing showed, until a live one of the same member is seen: a provider forgets them.
    dead: BTreeMap<Address, Machine>,
    /// When the local engine was last told to start.
    engine_started_ms: Option<u64>,
    told: BTreeSet<(Option<Address>, &'static str)>,
}

/// A head as this replica saw it.
#[derive(Debug, Clone)]
struct Seen {
    head: Versioned<Head>,
    /// When this version was first in hand.
    first_ms: u64,
}

#[derive(Debug, Clone)]
struct Observing {
    id: EffectId,
    begun_ms: u64,
}

/// A head write under way.
#[derive(Debug, Clone)]
struct Writing {
    id: EffectId,
    started_ms: u64,
    head: Box<Head>,
    steps: Vec<Step>,
    then: Then,
}

/// What a write is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    Send,
    Rest,
    HandOver(Address),
    Begin,
}

/// Calls that were handed out and are not answered yet.
#[derive(Debug, Clone)]
struct Batch {
    calls: BTreeMap<CallId, Call>,
    give_up_ms: u64,
    rescue: bool,
}

/// What the last look and the last decision were, for people.
#[derive(Debug, Clone, Default)]
struct Last {
    inventory: Option<Arc<Inventory>>,
    swarm: Option<Arc<SwarmView>>,
    plan: Plan,
    converged: bool,
}

impl Reconciler {
    /// A replica that knows nothing yet.
    #[must_use]
    pub fn new(identity: ReplicaIdentity, policy: Policy) -> Self {
        Self {
            identity,
            policy,
            seed: None,
            next_effect: 1,
            next_call: 1,
            seen: None,
            specs: Specs::new(),
            loading: BTreeMap::new(),
            unloadable: None,
            memory: None,
            observing: None,
            writing: None,
            batch: None,
            gate: Gate::closed(),
            leads_since: None,
            rescued_until_ms: 0,
            evidence: Evidence::default(),
            settled_ms: 0,
            next_look_ms: 0,
            stopping_engine: None,
            kept: None,
            unknown_writes: 0,
            tried_epoch: Epoch(0),
            role: ReplicaRole::Standby,
            too_old: None,
            last: Last::default(),
            dead: BTreeMap::new(),
            engine_started_ms: None,
            told: BTreeSet::new(),
        }
    }

    /// Says that this replica's machine was made as the seed, from this revision: where no head is and nothing was
    /// ever formed, it writes the first one.
    #[must_use]
    pub fn made_as_seed(mut self, revision: RevisionId) -> Self {
        self.seed = Some(revision);
        self
    }

    /// Gives it what was cached on the state volume, for the case that no quorum is left to read it from. The
    /// head serves the rescue alone: whoever acts otherwise reads it anew.
    pub fn recall(&mut self, head: Versioned<Head>, spec: Arc<Spec>, now: Now) {
        self.specs.insert(spec);
        if self.seen.is_none() {
            self.seen = Some(Seen { head, first_ms: now.boot_ms });
        }
    }

    /// What may be sent at this moment. To be published after each [`Self::handle`].
    #[must_use]
    pub const fn gate(&self) -> Gate {
        self.gate
    }

    /// The limits it goes by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The holder's memory, while this replica leads.
    #[must_use]
    pub const fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// What waited at the last decision: [`Self::status`] without the rest.
    #[must_use]
    pub fn blocked(&self) -> &[Blocked] {
        &self.last.plan.blocked
    }

    /// The head that was seen last, for the cache.
    #[must_use]
    pub fn head(&self) -> Option<&Versioned<Head>> {
        self.seen.as_ref().map(|seen| &seen.head)
    }

    /// Takes in what happened, and says what to do.
    #[must_use]
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Tick => {}
            Event::Observed(id, observation) => {
                if self.observing.as_ref().is_some_and(|observing| observing.id == id) {
                    self.observing = None;
                    self.observed(*observation, now, &mut out);
                }
            }
            Event::Revision(id, revision, answer) => self.revision_read(id, revision, answer, now, &mut out),
            Event::Committed(id, result) => self.committed(id, result, now, &mut out),
            Event::Called(id, outcome) => self.called(id, &outcome, now, &mut out),
            Event::EngineStopped(id, answer) => self.engine_stopped(id, answer, now, &mut out),
            Event::EngineStarted(_, Ok(())) => {}
            Event::EngineStarted(_, Err(why)) => {
                let text = format!("the local engine could not be started: {why}");
                out.push(report(Level::Warn, "engine-started", None, text));
            }
        }
        self.go_on(now, &mut out);
        out
    }

    fn effect_id(&mut self) -> EffectId {
        let id = EffectId(self.next_effect);
        self.next_effect += 1;
        id
    }

    fn me(&self) -> Holder {
        Holder { member: self.identity.member.clone(), boot_id: self.identity.boot_id.clone() }
    }

    /// Gives up on what was never answered, and asks for the next look when it is due.
    fn go_on(&mut self, now: Now, out: &mut Vec<Effect>) {
        // The driver answers within the call's time; twice that means that the answer itself was lost.
        let patience_ms = self.policy.call_timeout_ms.saturating_mul(2);
        if self.observing.as_ref().is_some_and(|observing| now.since(observing.begun_ms) >= patience_ms) {
            self.observing = None;
        }
        if let Some(writing) = &self.writing
            && now.since(writing.started_ms) >= patience_ms
        {
            let id = writing.id;
            self.committed(id, CommitResult::Unknown("no answer came".to_owned()), now, out);
        }
        if self.batch.as_ref().is_some_and(|batch| now.boot_ms >= batch.give_up_ms) {
            let lost: Vec<CallId> =
                self.batch.as_ref().map(|batch| batch.calls.keys().copied().collect()).unwrap_or_default();
            for id in lost {
                self.called(id, &Outcome::Unknown("no answer came".to_owned()), now, out);
            }
        }
        if self.observing.is_some() || self.writing.is_some() || self.batch.is_some() {
            let until_ms = [
                self.observing.as_ref().map(|observing| observing.begun_ms + patience_ms),
                self.writing.as_ref().map(|writing| writing.started_ms + patience_ms),
                self.batch.as_ref().map(|batch| batch.give_up_ms),
            ];
            if let Some(boot_ms) = until_ms.into_iter().flatten().min() {
                out.push(Effect::WakeAt { boot_ms });
            }
            return;
        }
        if now.boot_ms >= self.next_look_ms {
            let id = self.effect_id();
            self.observing = Some(Observing { id, begun_ms: now.boot_ms });
            let full = self.leads_since.is_some() || self.evidence.wants_listing();
            out.push(Effect::Observe { id, full });
            out.push(Effect::WakeAt { boot_ms: now.boot_ms + patience_ms });
        } else {
            out.push(Effect::WakeAt { boot_ms: self.next_look_ms });
        }
    }

    fn look_in(&mut self, wait_ms: u64, now: Now) {
        self.next_look_ms = now.boot_ms.saturating_add(wait_ms);
    }

    fn observed(&mut self, seen: Observation, now: Now, out: &mut Vec<Effect>) {
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
            self.stand_down(ReplicaRole::StoodDown, now);
            self.tell(vec![Blocked { address: None, reason: Reason::TooOld { format } }], now, out);
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
    fn take_head(&mut self, seen: &Observation, now: Now) {
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

    fn stand_down(&mut self, role: ReplicaRole, _now: Now) {
        self.role = role;
        self.gate = Gate::closed();
        self.memory = None;
        self.last.converged = false;
    }

    /// Another leads, or nobody does.
    fn follow(&mut self, seen: &Observation, now: Now, out: &mut Vec<Effect>) {
        if self.role != ReplicaRole::Rescuer {
            self.stand_down(ReplicaRole::Standby, now);
        }
        // What a rescue would need is loaded while it can still be read.
        self.load_missing(now, out);
        self.consider_rescue(seen, now, out);
    }

    /// The local engine says that it leads.
    fn lead(&mut self, seen: Observation, now: Now, out: &mut Vec<Effect>) {
        self.look_in(self.policy.observe_every_ms, now);
        let begun_ms = seen.begun.boot_ms;
        let wait = |reason: Reason| vec![Blocked { address: None, reason }];
        let head = match &seen.head {
            Err(error) => {
                self.tell(wait(Reason::NoQuorum { why: error.to_string() }), now, out);
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
            self.tell(wait(Reason::RevisionUnreadable { why: error.to_string() }), now, out);
            return;
        }
        if self.identity.uid.as_ref().is_some_and(|uid| *uid != head.value.uid) {
            let why = format!("it belongs to {}, another cluster", head.value.uid);
            self.tell(wait(Reason::RevisionUnreadable { why }), now, out);
            return;
        }
        if self.load_missing(now, out) {
            if let Some((revision, why, _)) = &self.unloadable {
                let why = format!("{revision}: {why}");
                self.tell(wait(Reason::RevisionUnreadable { why }), now, out);
            }
            return;
        }
        let Some(first_ms) = self.seen.as_ref().map(|seen| seen.first_ms) else { return };
        let mine = head.value.holder.as_ref().is_none_or(|holder| *holder == self.me());
        let mut fresh_ms = first_ms.max(self.settled_ms);
        if now.boot_ms < self.rescued_until_ms {
            self.role = ReplicaRole::Waiting;
            let until_boot_ms = self.rescued_until_ms;
            self.tell(wait(Reason::PreviousPermit { until_boot_ms }), now, out);
            return;
        }
        fresh_ms = fresh_ms.max(self.rescued_until_ms);
        if !mine && head.value.permit == PermitState::Open && !planted(Bug::NoSuccessionWait) {
            let until_boot_ms = first_ms.saturating_add(self.policy.succession_ms);
            if now.boot_ms < until_boot_ms {
                self.role = ReplicaRole::Waiting;
                self.next_look_ms = until_boot_ms.min(now.boot_ms + self.policy.observe_every_ms);
                self.tell(wait(Reason::PreviousPermit { until_boot_ms }), now, out);
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
                self.tell(wait(Reason::ListingFailed { why: why.clone() }), now, out);
                return;
            }
        };
        let swarm = match swarm {
            Ok(swarm) => Arc::clone(swarm),
            Err(why) => {
                self.tell(wait(Reason::SwarmUnreadable { why: why.clone() }), now, out);
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
        self.tell(blocked.clone(), now, out);
        decided.blocked = blocked;
        self.carry_out(head, decided, now, out);
    }

    /// Journals a decision, if there is something to journal.
    fn carry_out(&mut self, head: Versioned<Head>, decided: Plan, now: Now, out: &mut Vec<Effect>) {
        let mine = head.value.holder.as_ref() == Some(&self.me());
        let open = head.value.permit == PermitState::Open;
        let halted = head.value.destroying || head.value.paused.is_some();
        let busy = !head.value.operations.is_empty() || !head.value.waves.is_empty();
        let lapsed = self.seen.as_ref().is_none_or(|seen| now.since(seen.first_ms) >= self.policy.permit_ms);
        let steps = decided.steps.clone();
        let hand_over = decided.hand_over.clone();
        let mut next = decided.head.clone().unwrap_or_else(|| Box::new(head.value.clone()));
        let journals = decided.head.is_some();
        self.last.converged = !journals
            && steps.is_empty()
            && !busy
            && hand_over.is_none()
            && decided.blocked.iter().all(|blocked| blocked.address.is_none())
            && !halted
            && decided.blocked.is_empty();
        self.last.plan = decided;
        let then = if let Some(address) = hand_over {
            Then::HandOver(address)
        } else if !steps.is_empty() {
            Then::Send
        } else if journals || (mine && open && !halted && (!busy || lapsed)) {
            Then::Rest
        } else {
            let idle = self.last.converged || (!busy && self.last.plan.blocked.is_empty());
            self.look_in(if idle { self.policy.idle_every_ms } else { self.policy.observe_every_ms }, now);
            return;
        };
        if let Then::HandOver(address) = &then
            && !journals
            && mine
            && !open
        {
            // The journal says so already: the engine was started again, or could not be stopped.
            self.stop_engine(address.clone(), out);
            return;
        }
        let base = head.value.epoch;
        let begins = next.operations.values().any(|operation| operation.generation.0 > base.0)
            || next.waves.iter().any(|wave| wave.generation.0 > base.0);
        if then == Then::Send || begins {
            next.epoch.0 = base.0.saturating_add(1);
        }
        next.holder = Some(self.me());
        next.permit = if then == Then::Send { PermitState::Open } else { PermitState::Closed };
        if let Err(error) = next.to_bytes() {
            out.push(report(Level::Error, "blocked", None, error.to_string()));
            self.tell(vec![Blocked { address: None, reason: Reason::JournalFull }], now, out);
            return;
        }
        self.gate = Gate::closed();
        self.write(head.version, next, steps, then, now, out);
    }

    fn write(
        &mut self,
        base: HeadVersion,
        head: Box<Head>,
        steps: Vec<Step>,
        then: Then,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let id = self.effect_id();
        out.push(Effect::CommitHead { id, base, head: head.clone() });
        self.writing = Some(Writing { id, started_ms: now.boot_ms, head, steps, then });
        if planted(Bug::SendBeforeCommit)
            && let Some(writing) = self.writing.take()
        {
            let permit = Permit { epoch: writing.head.epoch, not_after_boot_ms: now.boot_ms + self.policy.permit_ms };
            self.send(writing.steps.clone(), Authority::Permit(permit.epoch), permit.not_after_boot_ms, now, out);
            self.gate = Gate::permit(permit);
            self.writing = Some(Writing { steps: Vec::new(), then: Then::Rest, ..writing });
        }
    }

    /// Notes which managers were seen dead.
    fn remember_dead(&mut self) {
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
    fn without_head(&mut self, seen: &Observation, now: Now, out: &mut Vec<Effect>) {
        let wait = |reason: Reason| vec![Blocked { address: None, reason }];
        let inventory = match &seen.inventory {
            Some(Ok(inventory)) => inventory,
            Some(Err(why)) => {
                self.tell(wait(Reason::ListingFailed { why: why.clone() }), now, out);
                return;
            }
            None => {
                self.look_in(0, now);
                return;
            }
        };
        if self.seen.is_some() || inventory.volumes.iter().any(|volume| volume.formed) {
            self.tell(wait(Reason::StoreLost), now, out);
            return;
        }
        if !inventory.complete {
            self.tell(wait(Reason::PartialListing), now, out);
            return;
        }
        let uid = self.identity.uid.clone().or_else(|| seen.anchor.as_ref().map(|anchor| anchor.uid.clone()));
        let (Some(revision), Some(uid)) = (self.seed.clone(), uid) else {
            self.tell(wait(Reason::NotFormed), now, out);
            return;
        };
        let Some(own) = inventory.volume_of(&self.identity.member) else {
            self.tell(wait(Reason::NotFormed), now, out);
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
    fn load_missing(&mut self, now: Now, out: &mut Vec<Effect>) -> bool {
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

    fn revision_read(
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

    fn committed(&mut self, id: EffectId, result: CommitResult, now: Now, out: &mut Vec<Effect>) {
        if self.writing.as_ref().is_none_or(|writing| writing.id != id) {
            return;
        }
        let Some(writing) = self.writing.take() else { return };
        self.settled_ms = now.boot_ms;
        self.look_in(0, now);
        let version = match result {
            CommitResult::Committed(version) => version,
            CommitResult::Unknown(_) if planted(Bug::UnknownCommitAsCommitted) => {
                self.seen.as_ref().map_or(HeadVersion(0), |seen| seen.head.version)
            }
            CommitResult::Stale => {
                if planted(Bug::StalePlanKept) {
                    self.kept = Some(self.last.plan.clone());
                }
                out.push(report(Level::Info, "stale", None, "another wrote the head first: looking again".to_owned()));
                return;
            }
            CommitResult::Unknown(why) => {
                // It opens nothing. The more often, the longer the pause: a cut-off leader only burdens the rest.
                self.unknown_writes = self.unknown_writes.saturating_add(1);
                self.tried_epoch = self.tried_epoch.max(writing.head.epoch);
                let wait_ms = self.policy.observe_every_ms.saturating_mul(u64::from(self.unknown_writes.min(8)));
                self.look_in(wait_ms, now);
                let text = format!("the answer to a head write is not in hand ({why}): reading again");
                out.push(report(Level::Warn, "unknown-write", None, text));
                return;
            }
        };
        self.unknown_writes = 0;
        let epoch = writing.head.epoch;
        let head = Versioned { version, value: *writing.head };
        self.seen = Some(Seen { head, first_ms: now.boot_ms });
        if let Some(memory) = &mut self.memory {
            memory.forget_refusals();
        }
        match writing.then {
            Then::Rest | Then::Begin => {}
            Then::HandOver(address) => self.stop_engine(address, out),
            Then::Send => {
                let from_ms = if planted(Bug::PermitFromAnswer) { now.boot_ms } else { writing.started_ms };
                let not_after_boot_ms = from_ms.saturating_add(self.policy.permit_ms);
                if now.boot_ms.saturating_add(self.policy.permit_margin_ms) >= not_after_boot_ms {
                    let text = "the head was written so slowly that the permit is over".to_owned();
                    out.push(report(Level::Warn, "late", None, text));
                    return;
                }
                self.gate = Gate::permit(Permit { epoch, not_after_boot_ms });
                self.send(writing.steps, Authority::Permit(epoch), not_after_boot_ms, now, out);
            }
        }
    }

    fn stop_engine(&mut self, address: Address, out: &mut Vec<Effect>) {
        let id = self.effect_id();
        self.stopping_engine = Some(id);
        let text = "its engine stops so that another manager leads and replaces it".to_owned();
        out.push(report(Level::Info, "hand-over", Some(address), text));
        out.push(Effect::StopLocalEngine { id });
    }

    /// Hands out calls.
    fn send(
        &mut self,
        steps: Vec<Step>,
        authority: Authority,
        not_after_boot_ms: u64,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let mut calls = BTreeMap::new();
        for step in steps {
            let id = CallId(self.next_call);
            self.next_call += 1;
            let text = format!("{}: {}", step.action.verb(), step.why);
            out.push(report(Level::Info, "step", Some(step.address.clone()), text));
            let call = Call { id, address: step.address, authority, not_after_boot_ms, action: step.action };
            match authority {
                Authority::Rescue => self.evidence.memory.sent(&call, now, &self.policy),
                _ => {
                    if let Some(memory) = &mut self.memory {
                        memory.sent(&call, now, &self.policy);
                    }
                }
            }
            out.push(Effect::Mutate(call.clone()));
            calls.insert(id, call);
        }
        if calls.is_empty() {
            return;
        }
        let give_up_ms = not_after_boot_ms.saturating_add(self.policy.call_timeout_ms.saturating_mul(2));
        self.batch = Some(Batch { calls, give_up_ms, rescue: authority == Authority::Rescue });
    }

    fn called(&mut self, id: CallId, outcome: &Outcome, now: Now, out: &mut Vec<Effect>) {
        let Some(batch) = &mut self.batch else { return };
        let Some(call) = batch.calls.remove(&id) else { return };
        let rescue = batch.rescue;
        let settled = batch.calls.is_empty();
        let verb = call.action.verb();
        let (level, text) = match outcome {
            Outcome::Done => (Level::Debug, format!("{verb}: done")),
            Outcome::NotSent(why) => (Level::Info, format!("{verb}: not sent: {why}")),
            Outcome::Refused(error) => (Level::Warn, format!("{verb}: refused: {error}")),
            Outcome::Unknown(why) => (Level::Warn, format!("{verb}: no answer in hand: {why}")),
        };
        out.push(report(level, "outcome", Some(call.address.clone()), text));
        let memory = if rescue { Some(&mut self.evidence.memory) } else { self.memory.as_mut() };
        if let Some(memory) = memory {
            memory.answered(&call, outcome, now, &self.policy);
        }
        if settled {
            self.batch = None;
            self.gate = Gate::closed();
            self.settled_ms = now.boot_ms;
            self.look_in(0, now);
        }
    }

    fn engine_stopped(&mut self, id: EffectId, answer: Result<(), String>, now: Now, out: &mut Vec<Effect>) {
        if self.stopping_engine.take_if(|stopping| *stopping == id).is_none() {
            return;
        }
        match answer {
            Ok(()) => out.push(report(Level::Info, "engine-stopped", None, "the local engine is stopped".to_owned())),
            Err(why) => {
                self.look_in(self.policy.backoff_ms, now);
                let text = format!("the local engine could not be stopped: {why}");
                out.push(report(Level::Warn, "engine-stopped", None, text));
            }
        }
    }

    /// Tells what waits, once for each reason that was not told before.
    fn tell(&mut self, blocked: Vec<Blocked>, _now: Now, out: &mut Vec<Effect>) {
        let mut told = BTreeSet::new();
        for one in &blocked {
            let key = (one.address.clone(), one.reason.code());
            if !self.told.contains(&key) {
                out.push(Effect::Report(Report {
                    level: level_of(&one.reason),
                    kind: "blocked".to_owned(),
                    address: one.address.clone(),
                    message: one.reason.to_string(),
                    reason: Some(one.reason.clone()),
                }));
            }
            told.insert(key);
        }
        if told.is_empty() && !self.told.is_empty() {
            out.push(report(Level::Info, "unblocked", None, "nothing waits".to_owned()));
        }
        self.told = told;
        self.last.plan = Plan { blocked, risk: self.last.plan.risk, ..Plan::default() };
        self.last.converged = false;
    }
}

fn report(level: Level, kind: &str, address: Option<Address>, message: String) -> Effect {
    Effect::Report(Report { level, kind: kind.to_owned(), address, message, reason: None })
}

/// How much a person should care that something waits for this reason.
fn level_of(reason: &Reason) -> Level {
    match reason {
        Reason::StoreLost
        | Reason::TooOld { .. }
        | Reason::Frozen { .. }
        | Reason::VolumeGone
        | Reason::Newcomer { .. }
        | Reason::MassFailure { .. }
        | Reason::RollStopped { .. }
        | Reason::IpHeldByStranger { .. }
        | Reason::RevisionUnreadable { .. } => Level::Error,
        Reason::WouldLoseQuorum { .. }
        | Reason::Phantom { .. }
        | Reason::TwoMachines { .. }
        | Reason::NoQuorum { .. }
        | Reason::RescueNotYet { .. }
        | Reason::JournalFull
        | Reason::CannotReproduce
        | Reason::NeedsOutage
        | Reason::ListingFailed { .. }
        | Reason::SwarmUnreadable { .. }
        | Reason::Backoff { .. }
        | Reason::OutcomeUnknown { .. } => Level::Warn,
        _ => Level::Info,
    }
}
