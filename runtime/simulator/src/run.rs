//! One run, many runs, and the shortest schedule that breaks.

use std::collections::BTreeSet;
use std::sync::Arc;

use kit_model::{Address, MachineId, Policy};

use crate::fault::{Fault, FaultKind, Origin};
use crate::invariants::{Breach, I21_END};
use crate::schedule::draw;
use crate::shrink::shrink;
use crate::subject::Subject;
use crate::timeline::{Line, Timeline};
use crate::world::World;

/// The seed of every bootstrap without faults: what comes before the first fault is the same for all seeds, and is
/// worked out once.
const BOOTSTRAP_SEED: u64 = 0;

/// Within what time a cluster must be whole once faults are over, in milliseconds: a roll of seven managers
/// takes a quarter of an hour, an answer that was lost settles after 5 minutes, three failed joins take 15, and
/// the operator needs a minute or two for what only a person may do.
pub const CONVERGENCE_BOUND_MS: u64 = 60 * 60 * 1000;

/// A cluster ready to be run through faults, again and again.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    subject: Arc<Subject>,
    policy: Policy,
    /// The world when the cluster stood for the first time.
    whole: Box<World>,
    /// What a person reads of how it got there.
    lines: Vec<Line>,
    /// What broke on the way there, without any fault.
    breach: Option<Breach>,
    steps: u64,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// From which seed latencies were drawn.
    pub seed: u64,
    /// What went wrong.
    pub faults: Vec<Fault>,
    /// The first invariant that broke.
    pub breach: Option<Breach>,
    /// What else broke at the same moment: the same step may break more than one.
    pub also_broken: Vec<Breach>,
    /// When the cluster stood for the first time, in milliseconds of virtual time since the operator began.
    pub whole_ms: Option<u64>,
    /// When the run ended, on the same clock.
    pub ended_ms: u64,
    /// When the last fault was over, on the same clock.
    pub faults_over_ms: u64,
    /// Members that faults befell, and what became of them.
    pub recoveries: Vec<Recovery>,
    /// What a person reads; empty where nobody asked for it.
    pub lines: Vec<Line>,
    /// How much was to be worked through.
    pub steps: u64,
    /// What ran at the end.
    pub census: Census,
}

/// What ran at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Machines that run.
    pub machines: usize,
    /// Voters that answer.
    pub voters: usize,
    /// The committed epoch.
    pub epoch: u64,
    /// Machines made in all.
    pub made: u64,
}

/// A member that a fault befell, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The member.
    pub address: Address,
    /// When it was hurt first.
    pub hurt_ms: u64,
    /// When it was whole again for good; none if it never was broken, or still is.
    pub whole_ms: Option<u64>,
    /// True if it has another machine than before.
    pub other_machine: bool,
    /// Its machine now.
    pub machine: Option<MachineId>,
    /// True if it has the address that it had.
    pub same_ip: bool,
    /// True if it has the volume that it had.
    pub same_volume: bool,
    /// True if it is the node of the Swarm that it was.
    pub same_node: bool,
}

impl Rehearsal {
    /// Brings the cluster into being once, without faults.
    #[must_use]
    pub fn new(subject: Subject, policy: Policy) -> Self {
        let subject = Arc::new(subject);
        let mut world = World::new(Arc::clone(&subject), policy.clone(), BOOTSTRAP_SEED, Timeline::kept());
        let converged = world.run(CONVERGENCE_BOUND_MS);
        let breach = world.breach.take().or_else(|| (!converged).then(|| world.not_converged()));
        world.stand();
        let lines = std::mem::take(&mut world.timeline).into_lines();
        let steps = world.steps;
        Self { subject, policy, whole: Box::new(world), lines, breach, steps }
    }

    /// The cluster.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What broke before any fault: then nothing else needs to be run.
    #[must_use]
    pub const fn breach(&self) -> Option<&Breach> {
        self.breach.as_ref()
    }

    /// How much was to be worked through until the cluster stood.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The schedule of `kinds` that belongs to `seed`.
    #[must_use]
    pub fn schedule(&self, seed: u64, kinds: &BTreeSet<FaultKind>) -> Vec<Fault> {
        draw(seed, &self.subject, kinds)
    }

    /// Runs through `faults`, with everything else drawn from `seed`. After the last fault it goes on until the
    /// cluster is whole, and at least for `at_least_ms`.
    #[must_use]
    pub fn run(&self, seed: u64, faults: &[Fault], at_least_ms: u64, timeline: bool) -> Run {
        let from_boot = faults.iter().any(|fault| fault.from == Origin::Boot);
        let mut world;
        let mut lines = Vec::new();
        let mut converged = true;
        if from_boot {
            let kept = if timeline { Timeline::kept() } else { Timeline::default() };
            world = World::new(Arc::clone(&self.subject), self.policy.clone(), seed, kept);
            world.weather(seed);
            world.befall_from(Origin::Boot, faults);
            converged = world.run(world.faults_over_ms() + CONVERGENCE_BOUND_MS);
            if converged {
                world.stand();
            }
        } else {
            world = World::clone(&self.whole);
            world.breach.clone_from(&self.breach);
            if timeline {
                lines.clone_from(&self.lines);
                world.timeline = Timeline::kept();
            }
            world.reseed(seed);
            world.weather(seed);
        }
        if converged && world.breach.is_none() {
            world.befall_from(Origin::Whole, faults);
            world.stay_until(world.at_ms + at_least_ms);
            converged = world.run(world.faults_over_ms() + CONVERGENCE_BOUND_MS);
        }
        if !converged && world.breach.is_none() {
            let breach = world.not_converged();
            world.break_off(breach);
        }
        let mut run = world.report(seed, faults);
        lines.append(&mut run.lines);
        run.lines = lines;
        run
    }

    /// The shortest schedule found that breaks the same invariant as `run` did.
    #[must_use]
    pub fn shortest(&self, run: &Run) -> Vec<Fault> {
        let Some(breach) = &run.breach else { return run.faults.clone() };
        shrink(&run.faults, |candidate| {
            self.run(run.seed, candidate, 0, false).breach.is_some_and(|again| again.invariant == breach.invariant)
        })
    }
}

impl World {
    pub(crate) fn not_converged(&self) -> Breach {
        Breach {
            invariant: "I21",
            never: I21_END,
            at_ms: self.at_ms,
            what: format!(
                "{} min after the last fault the cluster is not whole: {}",
                (self.at_ms.saturating_sub(self.faults_over_ms())) / 60_000,
                self.what_is_missing()
            ),
        }
    }
}
