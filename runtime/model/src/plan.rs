//! What is to be done, what waits, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::head::Head;
use crate::identity::{Address, MachineId, NodeId, VolumeId};

/// A decision: everything that is to be done in this round, and everything that waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The head with the journal's changes, if any: operations begun, gone on with or ended, failures
    /// counted. The reconciler adds epoch, holder and permit.
    pub head: Option<Box<Head>>,
    /// What is to be sent under the permit, in order.
    pub steps: Vec<Step>,
    /// What waits, and why, in order of address.
    pub blocked: Vec<Blocked>,
    /// Set when the local engine is to be stopped so that another leads: the leader's own turn in a roll.
    pub hand_over: Option<Address>,
    /// The voters before, during and after.
    pub risk: Risk,
}

/// One action and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The member, slot or resource that it is for.
    pub address: Address,
    /// What to do.
    pub action: Action,
    /// Why, for the operator: "its machine i-1 is terminated".
    pub why: String,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The member, slot or resource; none for the whole cluster.
    pub address: Option<Address>,
    /// Why.
    pub reason: Reason,
}

/// Voters, as the rule of the majority counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Risk {
    /// Every entry of a manager in the Swarm, phantoms too.
    pub voters: u32,
    /// How many must answer: half of them, rounded down, and one.
    pub majority: u32,
    /// How many answer now, each address once.
    pub healthy_before: u32,
    /// How many will while this plan is carried out, at the worst.
    pub healthy_during: u32,
    /// How many will when all operations have ended.
    pub healthy_after: u32,
}

/// Why something waits. Each has a stable code (`kitc explain`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each variant's text says what its fields are")]
pub enum Reason {
    Paused { why: String },
    Destroying,
    TooOld { format: u64 },
    StoreLost,
    NotFormed,
    NotLeader,
    PreviousPermit { until_boot_ms: u64 },
    PartialListing,
    ListingFailed { why: String },
    SwarmUnreadable { why: String },
    RevisionUnreadable { why: String },
    ConfirmingAbsence { seen_boot_ms: u64, until_boot_ms: u64 },
    StateUnknown { machine: MachineId },
    MachinePending { machine: MachineId },
    MachineStopping { machine: MachineId },
    ShuttingDown { machine: MachineId },
    VolumeCreating,
    VolumeBusy { volume: VolumeId, machine: MachineId },
    VolumeElsewhere { volume: VolumeId, machine: MachineId },
    VolumeGone,
    IpHeldByMachine { machine: MachineId },
    IpHeldByStranger { what: String },
    TwoMachines { machines: Vec<MachineId> },
    Newcomer { node: Option<NodeId>, why: String },
    Joining { machine: MachineId },
    NodeDown { grace_left_ms: u64 },
    AfterElection { left_ms: u64 },
    Rebooting { left_ms: u64 },
    Stabilizing { left_ms: u64 },
    OutcomeUnknown { what: String, left_ms: u64 },
    WouldLoseQuorum { healthy: u32, needed: u32 },
    Phantom { nodes: Vec<NodeId> },
    AnotherDisrupted { address: Address },
    Budget { unavailable: u32, allowed: u32 },
    Draining { tasks: u32, left_ms: u64 },
    MassFailure { unhealthy: u32, total: u32 },
    Frozen { failures: u32, last: String },
    RollStopped { because: Address },
    Backoff { why: String, left_ms: u64 },
    NeedsOutage,
    OperatorEnds { machine: MachineId },
    CannotReproduce,
    JournalFull,
    PairingChanged { what: String },
    NoQuorum { why: String },
    RescueNotYet { left_ms: u64, why: String },
    DependsOn { address: Address },
    HandOver,
    NodeUnknown { node: NodeId },
    Demoting { node: NodeId },
    Filling { whole: u32, of: u32 },
    VolumeUnknown { volume: VolumeId },
    TakesTurns { after: Address },
    SurplusFirst { surplus: Address },
    StoreCorrupt { why: String },
}

impl Reason {
    /// Its stable code, in the order that codes were given.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "KIT7001",
            Self::Destroying => "KIT7002",
            Self::TooOld { .. } => "KIT7003",
            Self::StoreLost => "KIT7004",
            Self::NotFormed => "KIT7005",
            Self::NotLeader => "KIT7006",
            Self::PreviousPermit { .. } => "KIT7007",
            Self::PartialListing => "KIT7008",
            Self::ListingFailed { .. } => "KIT7009",
            Self::SwarmUnreadable { .. } => "KIT7010",
            Self::RevisionUnreadable { .. } => "KIT7011",
            Self::ConfirmingAbsence { .. } => "KIT7012",
            Self::StateUnknown { .. } => "KIT7013",
            Self::MachinePending { .. } => "KIT7014",
            Self::MachineStopping { .. } => "KIT7015",
            Self::ShuttingDown { .. } => "KIT7016",
            Self::VolumeCreating => "KIT7017",
            Self::VolumeBusy { .. } => "KIT7018",
            Self::VolumeElsewhere { .. } => "KIT7019",
            Self::VolumeGone => "KIT7020",
            Self::IpHeldByMachine { .. } => "KIT7021",
            Self::IpHeldByStranger { .. } => "KIT7022",
            Self::TwoMachines { .. } => "KIT7023",
            Self::Newcomer { .. } => "KIT7024",
            Self::Joining { .. } => "KIT7025",
            Self::NodeDown { .. } => "KIT7026",
            Self::AfterElection { .. } => "KIT7027",
            Self::Rebooting { .. } => "KIT7028",
            Self::Stabilizing { .. } => "KIT7029",
            Self::OutcomeUnknown { .. } => "KIT7030",
            Self::WouldLoseQuorum { .. } => "KIT7031",
            Self::Phantom { .. } => "KIT7032",
            Self::AnotherDisrupted { .. } => "KIT7033",
            Self::Budget { .. } => "KIT7034",
            Self::Draining { .. } => "KIT7035",
            Self::MassFailure { .. } => "KIT7036",
            Self::Frozen { .. } => "KIT7037",
            Self::RollStopped { .. } => "KIT7038",
            Self::Backoff { .. } => "KIT7039",
            Self::NeedsOutage => "KIT7040",
            Self::CannotReproduce => "KIT7041",
            Self::JournalFull => "KIT7042",
            Self::PairingChanged { .. } => "KIT7043",
            Self::NoQuorum { .. } => "KIT7044",
            Self::RescueNotYet { .. } => "KIT7045",
            Self::DependsOn { .. } => "KIT7046",
            Self::HandOver => "KIT7047",
            Self::NodeUnknown { .. } => "KIT7048",
            Self::Demoting { .. } => "KIT7049",
            Self::Filling { .. } => "KIT7050",
            Self::VolumeUnknown { .. } => "KIT7051",
            Self::TakesTurns { .. } => "KIT7052",
            Self::SurplusFirst { .. } => "KIT7053",
            Self::StoreCorrupt { .. } => "KIT7054",
            Self::OperatorEnds { .. } => "KIT7055",
        }
    }
}

fn seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1000)
}

impl fmt::Display for Reason {
    #[allow(clippy::too_many_lines, reason = "one line a reason")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused { why } => write!(f, "the cluster is paused: {why}"),
            Self::Destroying => write!(f, "the cluster is being destroyed"),
            Self::TooOld { format } => {
                write!(f, "the head has format {format}, newer than this kitc: upgrade kitc here")
            }
            Self::StoreLost => write!(f, "the cluster was formed, but its head is missing from the store"),
            Self::NotFormed => write!(f, "the cluster is not formed yet: the seed machine has not begun the Swarm"),
            Self::NotLeader => write!(f, "this replica does not stand beside the Swarm's leader"),
            Self::PreviousPermit { .. } => write!(f, "the former holder's permit may still be open"),
            Self::PartialListing => write!(f, "the provider's listing is not complete; what it lacks is unknown"),
            Self::ListingFailed { why } => write!(f, "the provider gave no listing: {why}"),
            Self::SwarmUnreadable { why } => write!(f, "the Swarm's nodes cannot be read: {why}"),
            Self::RevisionUnreadable { why } => write!(f, "the revision cannot be read: {why}"),
            Self::ConfirmingAbsence { .. } => {
                write!(f, "its machine is not listed; a second complete listing must confirm it")
            }
            Self::StateUnknown { machine } => write!(f, "the provider does not say what state {machine} is in"),
            Self::MachinePending { machine } => write!(f, "{machine} is being made"),
            Self::MachineStopping { machine } => write!(f, "{machine} is stopping"),
            Self::ShuttingDown { machine } => {
                write!(f, "{machine} is shutting down and still holds address and volume")
            }
            Self::VolumeCreating => write!(f, "its volume is being made"),
            Self::VolumeBusy { volume, machine } => {
                write!(f, "volume {volume} is being attached to or taken from {machine}")
            }
            Self::VolumeElsewhere { volume, machine } => {
                write!(f, "volume {volume} is held by {machine}, which is not its machine")
            }
            Self::VolumeGone => write!(
                f,
                "its volume is gone and with it the node's state; `kitc resume --replace-volume` approves a new one"
            ),
            Self::IpHeldByMachine { machine } => write!(f, "its address is still held by {machine}"),
            Self::IpHeldByStranger { what } => write!(f, "its address is held by {what}, which is not this cluster's"),
            Self::TwoMachines { machines } => {
                write!(f, "it has {} live machines (", machines.len())?;
                for (index, machine) in machines.iter().enumerate() {
                    write!(f, "{}{machine}", if index == 0 { "" } else { ", " })?;
                }
                write!(f, ")")
            }
            Self::Newcomer { why, .. } => write!(
                f,
                "its machine cannot go on as the node it was ({why}); `kitc resume --replace-volume` approves a new one"
            ),
            Self::Joining { machine } => write!(f, "{machine} runs; its node has not joined yet"),
            Self::NodeDown { grace_left_ms } => {
                write!(f, "its node is down; repair begins in {} s", seconds(*grace_left_ms))
            }
            Self::AfterElection { left_ms } => {
                write!(f, "the leader changed; health is judged in {} s", seconds(*left_ms))
            }
            Self::Rebooting { left_ms } => {
                write!(f, "it was rebooted; its node has {} s to come back", seconds(*left_ms))
            }
            Self::Stabilizing { left_ms } => write!(f, "whole again; counted stable in {} s", seconds(*left_ms)),
            Self::OutcomeUnknown { what, left_ms } => {
                write!(f, "the answer to \"{what}\" was lost; it is settled in {} s", seconds(*left_ms))
            }
            Self::WouldLoseQuorum { healthy, needed } => {
                write!(f, "{healthy} voters would be left of the {needed} that the Swarm needs")
            }
            Self::Phantom { nodes } => {
                write!(f, "two voters stand at one address; ")?;
                for (index, node) in nodes.iter().enumerate() {
                    write!(f, "{}{node}", if index == 0 { "" } else { ", " })?;
                }
                write!(f, " must be demoted first")
            }
            Self::AnotherDisrupted { address } => write!(f, "{address} is under way; one manager at a time"),
            Self::Budget { unavailable, allowed } => {
                write!(f, "{unavailable} of the group are missing already; {allowed} may be")
            }
            Self::Draining { tasks, left_ms } => {
                write!(f, "{tasks} tasks are leaving it; it goes in {} s at the latest", seconds(*left_ms))
            }
            Self::MassFailure { unhealthy, total } => write!(
                f,
                "{unhealthy} of {total} are unhealthy at once: that is no failure of machines; nothing is replaced"
            ),
            Self::Frozen { failures, last } => {
                write!(f, "frozen after {failures} failed replacements (the last: {last}); `kitc resume` tries again")
            }
            Self::RollStopped { because } => write!(f, "the roll stopped: {because} failed"),
            Self::Backoff { why, left_ms } => write!(f, "{why}; the next try is in {} s", seconds(*left_ms)),
            Self::NeedsOutage => {
                write!(f, "it is the only manager: touching it stops the Swarm; `--allow-outage` permits it")
            }
            Self::OperatorEnds { machine } => {
                write!(f, "its outage is approved: `kitc apply --allow-outage` ends {machine} and makes it again")
            }
            Self::CannotReproduce => {
                write!(f, "this kitc cannot render the journaled request; it looks for the result and sends nothing")
            }
            Self::JournalFull => write!(f, "as many operations are open as the head can hold"),
            Self::PairingChanged { what } => write!(f, "the revision changes {what}, which a member keeps for life"),
            Self::NoQuorum { why } => write!(f, "the Swarm has no leader: {why}"),
            Self::RescueNotYet { left_ms, why } => write!(f, "{why}; rescue begins in {} s", seconds(*left_ms)),
            Self::DependsOn { address } => write!(f, "{address} must exist first"),
            Self::HandOver => write!(f, "the leader's own turn: its engine stops so that another leads"),
            Self::NodeUnknown { node } => write!(f, "the Swarm does not say whether its node {node} answers"),
            Self::Demoting { node } => write!(f, "its node {node} is giving up its vote"),
            Self::Filling { whole, of } => write!(f, "{whole} of {of} are up; the rest is being made"),
            Self::TakesTurns { after } => write!(f, "one manager at a time: its turn comes after {after}"),
            Self::StoreCorrupt { why } => write!(f, "the head in the store is damaged: {why}"),
            Self::SurplusFirst { surplus } => {
                write!(f, "no more machines than the revision wants: {surplus}, which it no longer names, goes first")
            }
            Self::VolumeUnknown { volume } => write!(f, "the provider does not say what state volume {volume} is in"),
        }
    }
}
