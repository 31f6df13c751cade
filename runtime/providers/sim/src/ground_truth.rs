//! What was truly asked of the cloud and done by it: for whoever checks that nothing wrong was ever done. No part
//! of Kit reads it to decide.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use kit_model::{
    Action, Address, Authority, Availability, CallId, ClusterUid, ContentHash, Generation, Head, HeadVersion,
    MachineId, NodeId, NodeRole, RevisionId, Token, VolumeId,
};
use serde::{Deserialize, Serialize};

/// Who sends a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// A replica on the machine of this member.
    Member(Address),
    /// A person's process outside of the cloud.
    Operator,
}

/// One mutating call that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its place in the log; counts from 1 without a gap.
    pub sequence: u64,
    /// When it left its sender.
    pub sent_ms: u64,
    /// When it arrived.
    pub delivered_ms: u64,
    /// Who sent it.
    pub sender: Sender,
    /// Whose cluster it named.
    pub uid: ClusterUid,
    /// By what right.
    pub authority: Authority,
    /// The sender's number of it.
    pub call: CallId,
    /// What it was for.
    pub address: Address,
    /// What it asked for.
    pub deed: Deed,
    /// What it did.
    pub effect: DeedEffect,
    /// False if the sender got no answer.
    pub answered: bool,
    /// The voters right before it took effect, where it could stop or remove one.
    pub voters: Option<VotersAtDeed>,
}

/// The voters at the moment of a deed that may disrupt one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VotersAtDeed {
    /// All entries that vote, phantoms too.
    pub entries: u32,
    /// Addresses with a voter that answers.
    pub healthy: u32,
    /// True if the deed meets a voter.
    pub target_votes: bool,
    /// True if that voter answers.
    pub target_healthy: bool,
    /// The state of the machine that it meets, if it meets one.
    pub machine: Option<kit_model::MachineState>,
    /// True if the machine that it meets is the one that the sender stands on.
    pub target_is_sender: bool,
}

/// What a call asked for, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of kit_model::Action")]
pub enum Deed {
    CreateResource { token: Token, content: ContentHash },
    CreateVolume { token: Token, generation: Generation },
    CreateMachine { token: Token, generation: Generation, request: ContentHash, revision: RevisionId, seed: bool },
    StartMachine { machine: MachineId },
    RebootMachine { machine: MachineId },
    TerminateMachine { machine: MachineId },
    AttachVolume { volume: VolumeId, machine: MachineId },
    ForceDetach { volume: VolumeId, machine: MachineId },
    MarkFormed { volume: VolumeId },
    RetireVolume { volume: VolumeId },
    SetAvailability { node: NodeId, availability: Availability },
    SetRole { node: NodeId, role: NodeRole },
    SetLabels { node: NodeId },
    RemoveNode { node: NodeId },
    StopEngine { machine: MachineId },
}

impl Deed {
    pub(crate) fn of(action: &Action) -> Self {
        match action {
            Action::CreateResource { token, content, .. } => {
                Self::CreateResource { token: token.clone(), content: content.clone() }
            }
            Action::CreateVolume { token, generation, .. } => {
                Self::CreateVolume { token: token.clone(), generation: *generation }
            }
            Action::CreateMachine(request) => Self::CreateMachine {
                token: request.token.clone(),
                generation: request.generation,
                request: request.request.clone(),
                revision: request.boot.revision.clone(),
                seed: request.boot.seed,
            },
            Action::StartMachine { machine } => Self::StartMachine { machine: machine.clone() },
            Action::RebootMachine { machine } => Self::RebootMachine { machine: machine.clone() },
            Action::TerminateMachine { machine } => Self::TerminateMachine { machine: machine.clone() },
            Action::AttachVolume { volume, machine } => {
                Self::AttachVolume { volume: volume.clone(), machine: machine.clone() }
            }
            Action::ForceDetach { volume, machine } => {
                Self::ForceDetach { volume: volume.clone(), machine: machine.clone() }
            }
            Action::MarkFormed { volume } => Self::MarkFormed { volume: volume.clone() },
            Action::RetireVolume { volume } => Self::RetireVolume { volume: volume.clone() },
            Action::SetAvailability { node, availability, .. } => {
                Self::SetAvailability { node: node.clone(), availability: *availability }
            }
            Action::SetRole { node, role, .. } => Self::SetRole { node: node.clone(), role: *role },
            Action::SetLabels { node, .. } => Self::SetLabels { node: node.clone() },
            Action::RemoveNode { node } => Self::RemoveNode { node: node.clone() },
        }
    }
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeedEffect {
    /// It made a thing with this ID.
    Made(String),
    /// It changed something.
    Changed,
    /// What it asked for was so already.
    Already,
    /// Refused, with the cloud's code.
    Refused(Cow<'static, str>),
    /// It never arrived where it was meant to.
    Nothing,
}

/// Something that must never be, seen by the simulated cloud itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When.
    pub at_ms: u64,
    /// Which invariant: "I7".
    pub invariant: Cow<'static, str>,
    /// What happened.
    pub what: String,
}

/// A head that was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedHead {
    /// When.
    pub at_ms: u64,
    /// Its version.
    pub version: HeadVersion,
    /// Through whose engine.
    pub by: Address,
    /// False if the writer got no answer.
    pub answered: bool,
    /// The head.
    pub head: Arc<Head>,
}

/// The log, its violations and the committed heads, each bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroundTruth {
    pub(crate) entries: VecDeque<LogEntry>,
    pub(crate) sequence: u64,
    pub(crate) violations: Vec<Violation>,
    pub(crate) commits: VecDeque<CommittedHead>,
    pub(crate) commit_count: u64,
}

/// The most violations that are kept: the first says what is wrong, later ones follow from it.
const MAX_VIOLATIONS: usize = 100;

impl GroundTruth {
    /// Calls after the one with this number, the oldest first.
    pub fn since(&self, sequence: u64) -> impl Iterator<Item = &LogEntry> {
        let missed = self.sequence - self.entries.len() as u64;
        let skip = usize::try_from(sequence.saturating_sub(missed)).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.range(skip..)
    }

    /// How many calls ever arrived.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What the cloud itself saw go wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The last committed heads, the oldest first.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = &CommittedHead> {
        self.commits.iter()
    }

    /// How many heads were ever committed.
    #[must_use]
    pub const fn commit_count(&self) -> u64 {
        self.commit_count
    }

    pub(crate) fn record(&mut self, mut entry: LogEntry, limit: usize) {
        self.sequence += 1;
        entry.sequence = self.sequence;
        self.entries.push_back(entry);
        while self.entries.len() > limit {
            self.entries.pop_front();
        }
    }

    pub(crate) fn committed(&mut self, commit: CommittedHead, limit: usize) {
        self.commit_count += 1;
        self.commits.push_back(commit);
        while self.commits.len() > limit {
            self.commits.pop_front();
        }
    }

    pub(crate) fn violated(&mut self, at_ms: u64, invariant: &'static str, what: String) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation { at_ms, invariant: Cow::Borrowed(invariant), what });
        }
    }
}
