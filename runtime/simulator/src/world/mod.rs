//! The world of one run: virtual time, machines with their processes, an operator, faults, and the cloud.

mod effects;
mod faults;
mod i14;
mod operator;
mod replica;
mod report;
mod watch;
mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use kit_model::{Address, CallId, ClusterUid, Effect, EffectId, Event, Head, HeadVersion, Observation, Policy};
use kit_sim::SimCloud;

use crate::fault::{Fault, Origin, Shape};
use crate::invariants::{self, Breach, Scene};
use crate::random::Random;
use crate::records::{Admission, Moment, Records};
use crate::subject::Subject;
use crate::timeline::{Timeline, Who};
use crate::truth::Truth;
use operator::Operator;
use replica::{Replica, StateVolume};
use watch::Watch;
use weather::settings_of;

/// The most steps of one run: a run of an hour with five managers takes some twenty thousand; what goes on
/// longer goes round in circles.
const MAX_STEPS: u64 = 5_000_000;

/// How often a decision is made twice, to see that it is the same.
const DECIDE_TWICE_EVERY: u64 = 16;
/// In clusters up to so many managers: larger ones are there for their figures.
const MAX_MANAGERS_DECIDED_TWICE: usize = 9;

/// From which streams the world draws.
const STREAM_OF_WAYS: u64 = 2;

/// Something that is due.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A fault begins.
    Fault(usize),
    /// A fault that lasts is over.
    FaultEnds(usize),
    /// The supervisor starts kitc on this member's machine.
    Start { member: Address, process: u64 },
    /// A replica asked to be woken.
    Wake { member: Address, process: u64, wake: u64 },
    /// A question of a look around arrives where it is answered.
    Look { member: Address, process: u64, id: EffectId, stage: Stage, full: bool, seen: Box<Observation> },
    /// Something comes back to a replica.
    Answer { member: Address, process: u64, event: Box<Event> },
    /// A head write arrives at the store.
    Write { member: Address, process: u64, id: EffectId, base: Option<HeadVersion>, head: Box<Head>, begun_ms: u64 },
    /// A free hand of a replica's driver takes the next call.
    Send { member: Address, process: u64 },
    /// A call arrives.
    Arrive { admission: Box<Admission>, process: u64, reply: Reply },
    /// A hand of the driver is free again, and its call is answered.
    Reply { member: Address, process: u64, id: CallId, outcome: kit_model::Outcome },
    /// The operator's process looks again.
    Operator { look: u64 },
    /// Nothing but a reason to look at the clock.
    Nothing,
}

/// What becomes of the answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It comes back.
    Comes,
    /// It is lost: the caller knows nothing once this time has come.
    Lost { known_ms: u64 },
}

/// What is looked at next in a look around: each is answered at another instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Head,
    Inventory,
    Swarm,
}

/// The world of one run.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) subject: Arc<Subject>,
    pub(crate) policy: Policy,
    pub(crate) cloud: SimCloud,
    pub(crate) uid: ClusterUid,
    pub(crate) at_ms: u64,
    due: BTreeMap<(u64, u64), Due>,
    sequence: u64,
    pub(crate) steps: u64,
    random: Random,
    replicas: BTreeMap<Address, Replica>,
    volumes: BTreeMap<Address, StateVolume>,
    processes: u64,
    operator: Operator,
    faults: Vec<Fault>,
    /// When the last fault is over.
    faults_over_ms: u64,
    /// When the cluster stood for the first time.
    whole_ms: Option<u64>,
    pub(crate) records: Records,
    watch: Watch,
    pub(crate) breach: Option<Breach>,
    /// What else broke at that moment.
    pub(crate) also_broken: Vec<Breach>,
    pub(crate) timeline: Timeline,
    /// How often some replica was handed something.
    decisions: u64,
    /// Calls that are on their way.
    on_the_way: usize,
    /// True while listings are partial.
    partial_listings: bool,
    /// Members on whose machines Docker does not run, whichever they are.
    engineless: BTreeSet<Address>,
    /// Addresses that a stranger takes once they are free.
    besieged: BTreeSet<IpAddr>,
}

impl World {
    /// A world before anything exists.
    pub(crate) fn new(subject: Arc<Subject>, policy: Policy, seed: u64, timeline: Timeline) -> Self {
        let uid = ClusterUid::new(format!("{:016x}", Random::new(seed, 3).next()));
        let cloud = SimCloud::new(settings_of(&subject), seed);
        let operator = Operator::new(&subject);
        let mut world = Self {
            records: Records::new(policy.clone()),
            subject,
            policy,
            cloud,
            uid,
            at_ms: 0,
            due: BTreeMap::new(),
            sequence: 0,
            steps: 0,
            random: Random::new(seed, STREAM_OF_WAYS),
            replicas: BTreeMap::new(),
            volumes: BTreeMap::new(),
            processes: 0,
            operator,
            faults: Vec::new(),
            faults_over_ms: 0,
            whole_ms: None,
            watch: Watch::default(),
            breach: None,
            also_broken: Vec::new(),
            timeline,
            decisions: 0,
            on_the_way: 0,
            partial_listings: false,
            engineless: BTreeSet::new(),
            besieged: BTreeSet::new(),
        };
        let spec = Arc::clone(world.subject.spec());
        world.records.specs.insert(spec.revision.clone(), spec);
        world.operate_soon();
        world
    }

    /// Draws from another seed from now on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed, STREAM_OF_WAYS);
        self.cloud.reseed(seed);
    }

    /// Plans those of these faults whose time counts from now.
    pub(crate) fn befall_from(&mut self, from: Origin, faults: &[Fault]) {
        self.faults_over_ms = self.at_ms;
        for fault in faults.iter().filter(|fault| fault.from == from) {
            let index = self.faults.len();
            self.faults.push(fault.clone());
            let begins_ms = self.at_ms + fault.at_ms;
            let ends_ms = begins_ms + fault.for_ms;
            self.schedule(begins_ms, Due::Fault(index));
            if fault.for_ms > 0 && fault.kind.info().shape != Shape::At {
                self.schedule(ends_ms, Due::FaultEnds(index));
            }
            self.faults_over_ms = self.faults_over_ms.max(ends_ms);
        }
    }

    /// Goes on at least until then, although nothing is wrong.
    pub(crate) fn stay_until(&mut self, at_ms: u64) {
        self.faults_over_ms = self.faults_over_ms.max(at_ms);
        self.schedule(at_ms, Due::Nothing);
    }

    /// Notes that the cluster stands for the first time.
    pub(crate) fn stand(&mut self) {
        self.whole_ms = Some(self.at_ms);
        self.timeline.add(self.at_ms, Who::Swarm, "stands", None, || "the cluster stands".to_owned());
    }

    pub(crate) const fn faults_over_ms(&self) -> u64 {
        self.faults_over_ms
    }

    fn schedule(&mut self, at_ms: u64, due: Due) {
        self.sequence += 1;
        self.due.insert((at_ms.max(self.at_ms), self.sequence), due);
    }

    /// Goes on until `until_ms`, or until an invariant breaks, or until all is as it should be and nothing is
    /// on its way. True if it converged.
    pub(crate) fn run(&mut self, until_ms: u64) -> bool {
        while self.breach.is_none() && self.steps < MAX_STEPS {
            self.steps += 1;
            let next_due = self.due.first_key_value().map(|(key, _)| key.0);
            let next_change = self.cloud.next_event_ms();
            let Some(next_ms) = [next_due, next_change].into_iter().flatten().min() else { break };
            if next_ms > until_ms {
                self.at_ms = until_ms;
                break;
            }
            self.at_ms = self.at_ms.max(next_ms);
            self.cloud.advance(self.at_ms);
            if next_due == Some(next_ms)
                && let Some(((_, _), due)) = self.due.pop_first()
            {
                self.carry_out(due);
            }
            self.watch_changes();
            if self.at_ms >= self.faults_over_ms && self.on_the_way == 0 && self.is_converged() {
                return true;
            }
        }
        false
    }

    fn carry_out(&mut self, due: Due) {
        match due {
            Due::Fault(index) => self.strike(index),
            Due::FaultEnds(index) => self.relent(index),
            Due::Operator { look } => self.operate(look),
            Due::Nothing => self.touch(),
            Due::Arrive { admission, process, reply } => self.arrive(*admission, process, reply),
            Due::Write { member, process, id, base, head, begun_ms } => {
                self.write_arrives(member, process, id, base, *head, begun_ms);
            }
            Due::Start { member, process } => {
                if self.is_process(&member, process) {
                    self.start_replica(&member);
                }
            }
            Due::Wake { ref member, process, .. }
            | Due::Look { ref member, process, .. }
            | Due::Answer { ref member, process, .. }
            | Due::Send { ref member, process }
            | Due::Reply { ref member, process, .. } => {
                if !self.is_process(member, process) {
                    return;
                }
                // What stands still does nothing; it all comes at once when it goes on.
                let frozen_until_ms = self.replicas.get(member).map_or(0, |replica| replica.frozen_until_ms);
                if frozen_until_ms > self.at_ms {
                    self.schedule(frozen_until_ms, due);
                    return;
                }
                self.in_process(due);
            }
        }
    }

    fn in_process(&mut self, due: Due) {
        match due {
            Due::Wake { member, wake, .. } => {
                let newest = self.replicas.get(&member).and_then(|replica| replica.running.as_ref()).map(|it| it.wake);
                if newest == Some(wake) {
                    self.hand(&member, Event::Tick);
                }
            }
            Due::Look { member, process, id, stage, full, seen } => {
                self.look(member, process, id, stage, full, seen);
            }
            Due::Answer { member, event, .. } => self.answer(&member, *event),
            Due::Send { member, process } => self.send_next(&member, process),
            Due::Reply { member, process, id, outcome } => self.reply(&member, process, id, outcome),
            _ => {}
        }
    }

    fn is_process(&self, member: &Address, process: u64) -> bool {
        self.replicas.get(member).is_some_and(|replica| replica.process == process)
    }

    /// Gives an event to a replica and carries out what it wants.
    fn hand(&mut self, member: &Address, event: Event) {
        let Some(replica) = self.replicas.get_mut(member) else { return };
        let now = replica.clocks.now(self.at_ms);
        let process = replica.process;
        let Some(running) = &mut replica.running else { return };
        // Deciding twice is as dear as deciding: now and then is enough, since each seed does it elsewhere.
        self.decisions += 1;
        let twin = matches!(&event, Event::Observed(_, seen) if seen.inventory.is_some())
            && self.decisions.is_multiple_of(DECIDE_TWICE_EVERY)
            && self.subject.managers().len() <= MAX_MANAGERS_DECIDED_TWICE;
        let twin = twin.then(|| (running.reconciler.clone(), event.clone()));
        let effects: Vec<Effect> = running.reconciler.handle(event, now);
        running.gate = running.reconciler.gate();
        let differs = twin.and_then(|(former, event)| {
            i14::differs(former, event, &running.reconciler, &effects, &self.records, &self.policy, now)
        });
        // What production writes to the state volume when it changes.
        if let Some(head) = running.reconciler.head() {
            let cached = self.volumes.entry(member.clone()).or_default();
            if cached.head.as_ref().is_none_or(|cached| cached.version != head.version) {
                cached.head = Some(head.clone());
            }
        }
        if let Some(what) = differs {
            self.break_off(Breach { invariant: "I14", never: invariants::I14, at_ms: self.at_ms, what });
        }
        for effect in effects {
            self.perform(member, process, effect);
        }
    }

    /// Checks all invariants at this moment.
    fn check(&mut self, moment: Moment<'_>) {
        if self.breach.is_some() {
            return;
        }
        let truth = Truth::of(&self.cloud, &self.uid);
        let scene = Scene { at_ms: self.at_ms, moment, truth: &truth, records: &self.records };
        for breach in invariants::check(&scene) {
            self.break_off(breach);
        }
    }

    pub(crate) fn break_off(&mut self, breach: Breach) {
        self.timeline.add_at_level(
            self.at_ms,
            Who::Invariant(breach.invariant),
            "broken",
            kit_model::Level::Error,
            None,
            || breach.to_string(),
        );
        match &self.breach {
            None => self.breach = Some(breach),
            Some(_) => self.also_broken.push(breach),
        }
    }
}
