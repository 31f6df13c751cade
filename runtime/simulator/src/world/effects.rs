//! What replicas want done, done: with latencies, lost answers and late arrivals.

use std::net::IpAddr;
use std::sync::Arc;

use kit_model::{
    Action, Address, Call, CallId, CommitResult, Effect, EffectId, Event, Head, HeadVersion, Inventory, Now,
    Observation, Outcome, StoreError,
};

use kit_sim::{Hurt, Sender};

use super::replica::{Replica, Running, Trap};
use super::{Due, Reply, Stage, World};
use crate::invariants::{self, Scene, token_of};
use crate::records::{Actor, Admission, Make, Moment, Write};
use crate::subject::Subject;
use crate::timeline::Who;
use crate::truth::Truth;

/// The most calls that a driver has under way at once; the same as production's.
const MAX_IN_FLIGHT: usize = 10;

/// How long a question to the engine on the same machine takes, usually, in milliseconds.
const LOCAL_MS: u64 = 8;
/// How long a question to the provider takes, usually, in milliseconds.
const PROVIDER_MS: u64 = 120;
/// How long a committed write takes, usually, in milliseconds.
const WRITE_MS: u64 = 30;
/// How long credentials and signing take, usually, in milliseconds.
const SIGN_MS: u64 = 10;
/// How long they may take, in milliseconds: longer than a permit.
const SLOWEST_SIGN_MS: u64 = 12_000;
/// How long a committed write may take, in milliseconds: most of a permit.
const SLOWEST_WRITE_MS: u64 = 8_000;
/// How many of a hundred listings are partial while they are.
const PARTIAL_PERCENT: u64 = 70;
/// After how long a write without an answer counts as unknown, in milliseconds.
const WRITE_TIMEOUT_MS: u64 = 10_000;

impl World {
    pub(super) fn perform(&mut self, member: &Address, process: u64, effect: Effect) {
        match effect {
            Effect::Observe { id, full } => {
                let Some(replica) = self.replicas.get(member) else { return };
                let seen = Box::new(Observation {
                    begun: replica.clocks.now(self.at_ms),
                    leadership: kit_model::Leadership::Unknown(String::new()),
                    head: Err(StoreError::Unavailable(String::new())),
                    head_unreadable: None,
                    inventory: None,
                    swarm: None,
                    boot_findings: Vec::new(),
                    anchor: None,
                });
                let at_ms = self.at_ms + self.random.latency(LOCAL_MS);
                self.schedule(at_ms, Due::Look { member: member.clone(), process, id, stage: Stage::Head, full, seen });
            }
            Effect::LoadRevision { id, revision } => {
                let known = self.volumes.get(member).is_some_and(|volume| volume.revisions.contains(&revision));
                let spec = self.records.specs.get(&revision).cloned();
                let result = match spec {
                    Some(spec) if known || self.store_answers(member) => {
                        self.volumes.entry(member.clone()).or_default().revisions.insert(revision.clone());
                        Ok(spec)
                    }
                    Some(_) => Err("the store does not answer".to_owned()),
                    None => Err(format!("the store has no revision {revision}")),
                };
                let at_ms = self.at_ms + self.random.latency(LOCAL_MS);
                let event = Box::new(Event::Revision(id, revision, result));
                self.schedule(at_ms, Due::Answer { member: member.clone(), process, event });
            }
            Effect::CreateHead { id, head, .. } => self.begin_write(member, process, id, None, head),
            Effect::CommitHead { id, base, head } => self.begin_write(member, process, id, Some(base), head),
            Effect::Mutate(call) => self.queue_call(member, process, call),
            Effect::StopLocalEngine { id } => {
                let running = self.replicas.get(member).and_then(|replica| replica.running.as_ref());
                let view = running.map(|running| running.view.clone()).unwrap_or_default();
                self.check(Moment::HandingOver { member, view: &view });
                self.note_disruption(member, "stopped");
                let at_ms = self.at_ms;
                let result = self.cloud.stop_engine(member, at_ms);
                let reply_ms = at_ms + self.random.latency(500);
                let event = Box::new(Event::EngineStopped(id, result));
                self.schedule(reply_ms, Due::Answer { member: member.clone(), process, event });
            }
            Effect::StartLocalEngine { id } => {
                let result = self.cloud.start_engine(member, self.at_ms);
                let reply_ms = self.at_ms + self.random.latency(500);
                let event = Box::new(Event::EngineStarted(id, result));
                self.schedule(reply_ms, Due::Answer { member: member.clone(), process, event });
            }
            Effect::Report(report) => {
                let who = Who::Replica(member.clone());
                self.timeline.add_at_level(
                    self.at_ms,
                    who,
                    &report.kind,
                    report.level,
                    report.address.as_ref(),
                    || report.message.clone(),
                );
            }
            Effect::WakeAt { boot_ms } => {
                let Some(replica) = self.replicas.get_mut(member) else { return };
                let when_ms = replica.clocks.when(boot_ms, self.at_ms);
                let Some(running) = &mut replica.running else { return };
                running.wake += 1;
                let wake = running.wake;
                self.schedule(when_ms, Due::Wake { member: member.clone(), process, wake });
            }
        }
    }

    /// One question of a look around is answered; the next leaves.
    pub(super) fn look(
        &mut self,
        member: Address,
        process: u64,
        id: EffectId,
        stage: Stage,
        full: bool,
        mut seen: Box<Observation>,
    ) {
        let at_ms = self.at_ms;
        let next = match stage {
            Stage::Head => {
                seen.leadership = self.cloud.leadership(&member, at_ms);
                seen.head = self.cloud.head(&member, at_ms);
                full.then(|| (Stage::Inventory, self.random.latency(PROVIDER_MS)))
            }
            Stage::Inventory => {
                let from = Sender::Member(member.clone());
                seen.inventory = Some(self.list(&from, seen.begun));
                seen.anchor = self.cloud.anchor(&self.subject.spec().cluster);
                Some((Stage::Swarm, self.random.latency(LOCAL_MS)))
            }
            Stage::Swarm => {
                seen.swarm = Some(self.cloud.nodes(&member, at_ms).map(Arc::new));
                seen.boot_findings = self.cloud.boot_findings(&member, at_ms);
                None
            }
        };
        match next {
            Some((stage, latency_ms)) => {
                self.schedule(at_ms + latency_ms, Due::Look { member, process, id, stage, full, seen });
            }
            None => {
                let answer_ms = at_ms + self.random.latency(LOCAL_MS / 2);
                let event = Box::new(Event::Observed(id, seen));
                self.schedule(answer_ms, Due::Answer { member, process, event });
            }
        }
    }

    /// Something comes back to a replica that is not the answer to a call.
    pub(super) fn answer(&mut self, member: &Address, event: Event) {
        let subject = Arc::clone(&self.subject);
        if let Some(running) = self.replicas.get_mut(member).and_then(|replica| replica.running.as_mut()) {
            match &event {
                Event::Observed(_, seen) => note_view(running, seen, &subject),
                Event::Committed(..) => {
                    let replica = self.replicas.get_mut(member);
                    let sprung = replica.and_then(|replica| replica.spring(|trap| *trap == Trap::CrashOnCommit));
                    if sprung.is_some() {
                        self.crash(member, "right after its head write was answered");
                        return;
                    }
                }
                _ => {}
            }
        }
        self.hand(member, event);
    }

    fn begin_write(
        &mut self,
        member: &Address,
        process: u64,
        id: EffectId,
        base: Option<HeadVersion>,
        head: Box<Head>,
    ) {
        let begun_ms = self.at_ms;
        if let Some(replica) = self.replicas.get(member) {
            let view = replica.running.as_ref().map(|running| running.view.clone()).unwrap_or_default();
            let write = Write { begun_ms, view, committed: false };
            self.records.note_write(member, &head, write);
        }
        let at_ms = begun_ms + self.random.slow_latency(WRITE_MS, SLOWEST_WRITE_MS);
        self.schedule(at_ms, Due::Write { member: member.clone(), process, id, base, head, begun_ms });
    }

    /// A head write arrives: it does so even if its writer is gone meanwhile, unless its engine is.
    pub(super) fn write_arrives(
        &mut self,
        member: Address,
        process: u64,
        id: EffectId,
        base: Option<HeadVersion>,
        head: Head,
        begun_ms: u64,
    ) {
        let at_ms = self.at_ms;
        let result = match base {
            None => self.cloud.create_head(&member, &head, at_ms),
            Some(base) => self.cloud.update_head(&member, base, &head, at_ms),
        };
        self.note_commits();
        let sprung =
            self.replicas.get_mut(&member).and_then(|replica| replica.spring(|trap| *trap == Trap::LoseCommit));
        let result = if sprung.is_some() { CommitResult::Unknown("the answer was lost".to_owned()) } else { result };
        let answer_ms = match result {
            CommitResult::Unknown(_) => begun_ms + WRITE_TIMEOUT_MS,
            CommitResult::Committed(_) | CommitResult::Stale => at_ms + self.random.latency(WRITE_MS),
        };
        let event = Box::new(Event::Committed(id, result));
        self.schedule(answer_ms, Due::Answer { member, process, event });
    }

    fn queue_call(&mut self, member: &Address, process: u64, call: Call) {
        let Some(running) = self.replicas.get_mut(member).and_then(|replica| replica.running.as_mut()) else { return };
        running.calls.push_back(call);
        if running.in_flight < MAX_IN_FLIGHT {
            running.in_flight += 1;
            let at_ms = self.at_ms + self.random.slow_latency(SIGN_MS, SLOWEST_SIGN_MS);
            self.schedule(at_ms, Due::Send { member: member.clone(), process });
        }
    }

    /// A hand of the driver has signed the next call, asks the gate last of all, and lets it go.
    pub(super) fn send_next(&mut self, member: &Address, process: u64) {
        let at_ms = self.at_ms;
        let Some(replica) = self.replicas.get_mut(member) else { return };
        let now = replica.clocks.now(at_ms);
        let machine = replica.machine.clone();
        let Some(running) = &mut replica.running else { return };
        let Some(call) = running.calls.pop_front() else {
            running.in_flight = running.in_flight.saturating_sub(1);
            return;
        };
        if let Err(refusal) = running.gate.admit(&call, &self.policy, now) {
            let outcome = Outcome::NotSent(refusal.to_string());
            self.schedule(at_ms, Due::Reply { member: member.clone(), process, id: call.id, outcome });
            return;
        }
        let view = running.view.clone();
        let by = Actor::Replica { member: member.clone(), machine };
        let admission = Admission { at_ms, by, call, view };
        self.admitted(&admission);

        let timeout_ms = at_ms + self.policy.call_timeout_ms;
        if !admission.call.action.is_for_swarm() && !self.reaches_cloud(member) {
            let outcome = Outcome::Unknown("the provider cannot be reached".to_owned());
            self.schedule(timeout_ms, Due::Reply { member: member.clone(), process, id: admission.call.id, outcome });
            return;
        }
        let way_ms = if admission.call.action.is_for_swarm() { LOCAL_MS } else { PROVIDER_MS };
        let mut arrive_ms = at_ms + self.random.latency(way_ms / 2);
        let mut reply = Reply::Comes;
        let trap = self.replicas.get_mut(member).and_then(Replica::spring_on_send);
        match trap {
            Some(Trap::FreezeOnSend { for_ms }) => {
                self.freeze_replica(member, for_ms, "between the gate and the send");
                arrive_ms += for_ms;
            }
            Some(Trap::LoseReply) => reply = Reply::Lost { known_ms: timeout_ms },
            Some(Trap::DelayCall { for_ms }) => {
                arrive_ms += for_ms;
                reply = Reply::Lost { known_ms: timeout_ms };
            }
            Some(Trap::LoseCall) => {
                let outcome = Outcome::Unknown("no answer within the time allowed".to_owned());
                self.schedule(
                    timeout_ms,
                    Due::Reply { member: member.clone(), process, id: admission.call.id, outcome },
                );
                return;
            }
            Some(Trap::CrashOnSend) => self.crash(member, "right after a call left"),
            _ => {}
        }
        self.on_the_way += 1;
        self.schedule(arrive_ms, Due::Arrive { admission: Box::new(admission), process, reply });
    }

    /// Checks and notes a call that is about to leave.
    pub(super) fn admitted(&mut self, admission: &Admission) {
        self.check(Moment::Admitted(admission));
        let truth = Truth::of(&self.cloud, &self.uid);
        let scene =
            Scene { at_ms: self.at_ms, moment: Moment::Admitted(admission), truth: &truth, records: &self.records };
        if let Some((address, what)) = invariants::disruption(&scene) {
            self.note_disruption(&address, what);
        }
        let action = &admission.call.action;
        if let Some((token, request)) = token_of(action) {
            self.records.tokens.entry(token.clone()).or_insert(request);
        }
        match action {
            Action::CreateMachine(request) => {
                self.records.asked_for.insert(request.address.clone());
                let key = (request.address.clone(), request.generation);
                if matches!(admission.call.authority, kit_model::Authority::Permit(_)) {
                    self.records.made_under.entry(key).or_insert_with(|| request.token.clone());
                    let makes = self.records.makes.entry(request.address.clone()).or_default();
                    if !makes.iter().any(|make| make.generation == request.generation) {
                        makes.push(Make { generation: request.generation, failed: false });
                    }
                }
            }
            Action::TerminateMachine { machine } => self.note_failed_make(machine),
            _ => {}
        }
    }

    /// A call arrives where it goes.
    pub(super) fn arrive(&mut self, admission: Admission, process: u64, reply: Reply) {
        self.on_the_way = self.on_the_way.saturating_sub(1);
        let at_ms = self.at_ms;
        let served_before = self.target_serves(&admission.call.action);
        let late_ms = at_ms.saturating_sub(admission.at_ms);
        let outcome = self.deliver(&admission);
        self.note_repeat(&admission, &outcome);
        self.check(Moment::Delivered { admission: &admission, outcome: &outcome, late_ms, served_before });
        let Actor::Replica { member, .. } = admission.by else {
            return self.operator_called(&admission, outcome, reply);
        };
        let (known_ms, outcome) = match (reply, outcome) {
            (Reply::Lost { known_ms }, _) => {
                (known_ms, Outcome::Unknown("no answer within the time allowed".to_owned()))
            }
            (Reply::Comes, Outcome::Unknown(why)) => {
                (admission.at_ms + self.policy.call_timeout_ms, Outcome::Unknown(why))
            }
            (Reply::Comes, outcome) => (at_ms + self.random.latency(PROVIDER_MS / 2), outcome),
        };
        self.schedule(known_ms, Due::Reply { member, process, id: admission.call.id, outcome });
    }

    /// The provider or the Swarm carries a call out.
    fn deliver(&mut self, admission: &Admission) -> Outcome {
        let from = match &admission.by {
            Actor::Replica { member, .. } => Sender::Member(member.clone()),
            Actor::Operator { .. } => Sender::Operator,
        };
        // Bytes that left arrive, whatever became of their sender.
        self.cloud.arrive(&from, &self.uid, &admission.call, admission.at_ms, self.at_ms)
    }

    /// A listing, as whoever asks gets it.
    pub(super) fn list(&mut self, from: &Sender, begun: Now) -> Result<Arc<Inventory>, String> {
        let ips: Vec<IpAddr> = self.wanted().members.values().filter_map(|member| member.ip).collect();
        if self.partial_listings && self.random.percent(PARTIAL_PERCENT) {
            // A fault that cannot befall a listing leaves it whole.
            let _ = self.cloud.hurt(&Hurt::PartialListings(1), self.at_ms);
        }
        self.cloud.list(from, &self.uid, &ips, begun, self.at_ms).map(Arc::new).map_err(|error| error.to_string())
    }

    /// A hand of the driver is free: it takes the next call, and the replica hears what became of the last.
    pub(super) fn reply(&mut self, member: &Address, process: u64, id: CallId, outcome: Outcome) {
        if let Some(running) = self.replicas.get_mut(member).and_then(|replica| replica.running.as_mut()) {
            if running.calls.is_empty() {
                running.in_flight = running.in_flight.saturating_sub(1);
            } else {
                let at_ms = self.at_ms + self.random.slow_latency(SIGN_MS, SLOWEST_SIGN_MS);
                self.schedule(at_ms, Due::Send { member: member.clone(), process });
            }
        }
        self.hand(member, Event::Called(id, outcome));
    }
}

impl Replica {
    fn spring_on_send(&mut self) -> Option<Trap> {
        self.spring(|trap| !matches!(trap, Trap::CrashOnCommit | Trap::LoseCommit))
    }
}

/// Since when complete listings lack each machine, as far as this replica was shown.
fn note_absences(running: &mut Running, inventory: &Inventory, subject: &Subject) {
    for member in subject.watched() {
        let mut machines = inventory.machines_of(member).peekable();
        if machines.peek().is_some() {
            running.view.absent_since.remove(member);
            // Who was seen dead stays dead, even if the provider forgets the machine.
            if machines.all(|machine| machine.state.is_terminal()) {
                running.view.seen_dead.insert(member.clone());
            } else {
                running.view.seen_dead.remove(member);
            }
        } else if inventory.complete {
            running.view.absent_since.entry(member.clone()).or_insert(inventory.at.boot_ms);
        }
    }
}

fn note_view(running: &mut Running, seen: &Observation, subject: &Subject) {
    match &seen.inventory {
        Some(Ok(inventory)) => {
            running.view.inventory = Some(Arc::clone(inventory));
            running.view.listing_failed = false;
            note_absences(running, inventory, subject);
        }
        Some(Err(_)) => running.view.listing_failed = true,
        None => {}
    }
    if let Some(Ok(swarm)) = &seen.swarm {
        running.view.swarm = Some(Arc::clone(swarm));
    }
}
