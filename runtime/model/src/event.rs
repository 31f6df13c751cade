//! What goes into the reconciler and what comes out of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Call, CallId, Outcome};
use crate::boot::BootFinding;
use crate::clock::Now;
use crate::head::{Head, HeadError, Versioned};
use crate::identity::{Address, BootId, ClusterUid, RevisionId};
use crate::inventory::{Anchor, Inventory};
use crate::plan::Reason;
use crate::spec::Spec;
use crate::store::{CommitResult, HeadVersion, StoreError};
use crate::swarm::{Leadership, SwarmView};

/// The number of an effect, unique for one reconciler: its answer carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub u64);

/// What a replica sees in one look around. What was not asked for is an error value, not an absence.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When the look was begun.
    pub begun: Now,
    /// What the local engine says of leadership.
    pub leadership: Leadership,
    /// The head in the store; `Ok(None)` where the store says that it has none.
    pub head: Result<Option<Versioned<Head>>, StoreError>,
    /// A head that was read but that this version does not understand.
    pub head_unreadable: Option<HeadError>,
    /// The provider's listing, when a full look was asked for.
    pub inventory: Option<Result<Arc<Inventory>, String>>,
    /// The Swarm's nodes, when a full look was asked for.
    pub swarm: Option<Result<Arc<SwarmView>, String>>,
    /// What machines reported of their boots, as far as the leader heard of it.
    pub boot_findings: Vec<(Address, BootFinding)>,
    /// The anchor, when a full look was asked for.
    pub anchor: Option<Anchor>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The time that was asked for with [`Effect::WakeAt`] has come, or the replica starts.
    Tick,
    /// The answer to [`Effect::Observe`].
    Observed(EffectId, Box<Observation>),
    /// The answer to [`Effect::LoadRevision`].
    Revision(EffectId, RevisionId, Result<Arc<Spec>, String>),
    /// The answer to [`Effect::CommitHead`] or [`Effect::CreateHead`].
    Committed(EffectId, CommitResult),
    /// The answer to [`Effect::Mutate`].
    Called(CallId, Outcome),
    /// The local engine was stopped, or could not be.
    EngineStopped(EffectId, Result<(), String>),
    /// The local engine was started, ran already, or could not be started.
    EngineStarted(EffectId, Result<(), String>),
}

/// What the driver is to do. Each is carried out once.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Look around. A full look lists machines and nodes too.
    Observe {
        /// Its number.
        id: EffectId,
        /// True to list machines and nodes too.
        full: bool,
    },
    /// Read a revision from the store (or the cache beside it) and make its spec.
    LoadRevision {
        /// Its number.
        id: EffectId,
        /// Which.
        revision: RevisionId,
    },
    /// Write the first head. Only the seed does, once, where there is none.
    CreateHead {
        /// Its number.
        id: EffectId,
        /// The head.
        head: Box<Head>,
        /// The revision that must be in the store before it; it comes from the boot document.
        revision: RevisionId,
    },
    /// Write the head over this version.
    CommitHead {
        /// Its number.
        id: EffectId,
        /// The version that it replaces.
        base: HeadVersion,
        /// The head.
        head: Box<Head>,
    },
    /// Send a call, once, if the gate still admits it.
    Mutate(Call),
    /// Stop the Docker Engine of this machine, so that another manager leads.
    StopLocalEngine {
        /// Its number.
        id: EffectId,
    },
    /// Start the Docker Engine of this machine, if it does not run: nobody leads, and enough machines run that
    /// somebody could.
    StartLocalEngine {
        /// Its number.
        id: EffectId,
    },
    /// Tell the operator.
    Report(Report),
    /// Send [`Event::Tick`] at this time of the boot clock, or soon after. The latest such effect counts.
    WakeAt {
        /// When, in milliseconds of the boot clock.
        boot_ms: u64,
    },
}

/// How much a report matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For whoever follows each step.
    Debug,
    /// Something was done or decided.
    Info,
    /// Something waits that a person may have to look at.
    Warn,
    /// Something is wrong that a person must look at.
    Error,
}

/// A structured event for the log and the operator's terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How much it matters.
    pub level: Level,
    /// What kind of event, a stable word (`took-over`, `step`, `blocked`, `outcome`, `converged`).
    pub kind: String,
    /// The member, slot or resource.
    pub address: Option<Address>,
    /// What happened, as a sentence.
    pub message: String,
    /// Why it waits, if it does.
    pub reason: Option<Reason>,
}

/// Who a replica is: what it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaIdentity {
    /// The member that it runs beside.
    pub member: Address,
    /// This boot of its machine.
    pub boot_id: BootId,
    /// The cluster, if it is known already (from the boot document or the cache).
    pub uid: Option<ClusterUid>,
}
