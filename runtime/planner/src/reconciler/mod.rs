//! One replica's protocol: look, claim, journal, send, settle. Nothing is sent without a committed write.

mod looking;
mod rescue;
mod sending;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit_model::{
    Address, Blocked, Call, CallId, CommitResult, Effect, EffectId, Epoch, Event, Head, Holder, Inventory, Level,
    Machine, Now, Outcome, Plan, Policy, Reason, ReplicaIdentity, Report, RevisionId, Spec, Step, SwarmView, Versioned,
};

use crate::gate::Gate;
use crate::memory::Memory;
use crate::specs::Specs;
use rescue::Evidence;
pub use status::{GroupStatus, MemberStatus, ReplicaRole, Status};

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

    /// Tells what waits, once for each reason that was not told before.
    fn tell(&mut self, blocked: Vec<Blocked>, out: &mut Vec<Effect>) {
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
        | Reason::StoreCorrupt { .. }
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
        | Reason::OperatorEnds { .. }
        | Reason::ListingFailed { .. }
        | Reason::SwarmUnreadable { .. }
        | Reason::Backoff { .. }
        | Reason::OutcomeUnknown { .. } => Level::Warn,
        _ => Level::Info,
    }
}
