//! The invariants, each its own function over ground truth and the log of what was sent.
//!
//! They look at the true state of the simulated cloud and at what each actor had been shown, never at what
//! the planner believes of itself.

mod evidence;
mod ownership;
mod permit;
mod quorum;
mod scale;

use std::fmt;

use crate::records::{Moment, Records};
use crate::truth::Truth;

/// A promise that must hold after each step.
#[derive(Clone, Copy)]
pub struct Invariant {
    /// Its name: `I1`.
    pub name: &'static str,
    /// What never happens.
    pub never: &'static str,
    check: Check,
}

type Check = fn(&Scene<'_>) -> Result<(), String>;

/// Everything that an invariant looks at.
pub(crate) struct Scene<'a> {
    pub(crate) at_ms: u64,
    pub(crate) moment: Moment<'a>,
    pub(crate) truth: &'a Truth<'a>,
    pub(crate) records: &'a Records,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Breach {
    /// Which: `I1`.
    pub invariant: &'static str,
    /// What was never to happen.
    pub never: &'static str,
    /// When it happened, in milliseconds of virtual time.
    pub at_ms: u64,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (never: {}): {}", self.invariant, self.never, self.what)
    }
}

impl fmt::Debug for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invariant").field("name", &self.name).field("never", &self.never).finish_non_exhaustive()
    }
}

macro_rules! invariants {
    ($($name:literal $never:literal $check:path;)*) => {
        /// Every invariant, in order. I14 (planning changes nothing, and is the same each time) and the part of
        /// I21 that is about the end of a run are checked by the run itself.
        pub const INVARIANTS: &[Invariant] = &[$(Invariant { name: $name, never: $never, check: $check },)*];
    };
}

invariants! {
    "I1" "an action of ours that removes or stops a voter leaves fewer healthy voters than the majority of all entries" quorum::i1;
    "I2" "two managers disrupted at once; the next only after 30 s of stability" quorum::i2;
    "I3" "a volume attached to two machines; force-detach while its holder runs" ownership::i3;
    "I4" "two live machines of one member, or of one slot and generation" ownership::i4;
    "I5" "a member's IP held by another member; a foreign holder ended" ownership::i5;
    "I6" "a volume deleted or let go by the reconciler" ownership::i6;
    "I7" "a disk formatted that is not known blank and ours" ownership::i7;
    "I8" "a mutating call admitted outside a permit of the epoch that journaled it" permit::i8;
    "I9" "an action on what carries no mark of this cluster" ownership::i9;
    "I10" "a partial or failed listing read as absence" evidence::i10;
    "I11" "a call sent before its intent is committed" permit::i11;
    "I12" "one token with two different requests" permit::i12;
    "I13" "an action from a template that the committed head does not name" permit::i13;
    "I15" "more machines than the spec; more disruption than the budget" scale::i15;
    "I16" "a fourth replacement after three failed ones" scale::i16;
    "I17" "a node removed while a machine may come back as it" evidence::i17;
    "I18" "Docker started on a volume whose serial, cluster or node ID does not match" ownership::i18;
    "I19" "a mutating call that does harm when delivered late" evidence::i19;
    "I20" "the actor destroying the machine it runs on" quorum::i20;
    "I21" "the same action on the same observation more than 3 times" scale::i21;
    "I22" "unknown treated as dead" evidence::i22;
}

/// What I14 says.
pub(crate) const I14: &str =
    "plan mutating anything, or, on the same inputs, differing from itself or from apply's first step";
/// What I21 says of the end of a run.
pub(crate) const I21_END: &str = "after faults stop, no convergence within the bound";

pub(crate) use permit::token_of;

/// The manager that is disrupted by us at this moment, and how.
pub(crate) fn disruption(scene: &Scene<'_>) -> Option<(kit_model::Address, &'static str)> {
    quorum::disruption_now(scene)
}

/// The invariants that are broken at this moment, in order.
pub(crate) fn check(scene: &Scene<'_>) -> Vec<Breach> {
    INVARIANTS
        .iter()
        .filter_map(|invariant| {
            let what = (invariant.check)(scene).err()?;
            Some(Breach { invariant: invariant.name, never: invariant.never, at_ms: scene.at_ms, what })
        })
        .collect()
}
