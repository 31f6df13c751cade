//! The one head: the cluster's journal, changed only by versioned update.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::identity::{Address, BootId, ClusterUid, ContentHash, Epoch, Generation, MachineId, RevisionId};
use crate::store::HeadVersion;

/// The format that this version writes.
pub const HEAD_FORMAT: u32 = 1;

/// The most that a head may take, in bytes: it is one label of a Swarm config, and every write of it goes
/// through Raft to each manager.
pub const MAX_HEAD_BYTES: usize = 16 << 10;

/// The head with the version that an update of it must name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The version.
    pub version: HeadVersion,
    /// The content.
    pub value: T,
}

/// The cluster's journal. Never deleted; on a formed cluster its absence is a loss, not a beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The format: [`HEAD_FORMAT`]. A reader that does not know it stands down.
    pub format: u32,
    /// Whose head it is.
    pub uid: ClusterUid,
    /// Counts the writes that opened a permit.
    pub epoch: Epoch,
    /// Who wrote it last as actor.
    pub holder: Option<Holder>,
    /// Whether that actor may still be sending.
    pub permit: PermitState,
    /// The revision that is to be true.
    pub revision: RevisionId,
    /// Earlier revisions, the newest first: the history, and the targets of a rollback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<RevisionId>,
    /// Per group, the last revision that a roll of it finished with: what is rebuilt from while a roll is
    /// stopped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_good: BTreeMap<String, RevisionId>,
    /// Operations under way, by address: intents that were committed before a call was sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<Address, Operation>,
    /// Operations of many slots alike, in the order in which they were begun. What stands in `operations`
    /// goes before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Wave>,
    /// Rolls that stopped at a failure, by group: until a resume or another revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped_rolls: BTreeMap<String, StoppedRoll>,
    /// Failed replacements in a row, by address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<Address, Failures>,
    /// Named approvals by a person.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub approvals: BTreeSet<Approval>,
    /// Why nothing is to be done now, if an operator paused the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// True once an operator began to destroy the cluster: nothing heals any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub destroying: bool,
}

/// A replica: who, and which boot of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The member that the replica runs beside.
    pub member: Address,
    /// The boot of its machine: after another boot, no call of the former can be under way.
    pub boot_id: BootId,
}

/// Whether the writer of a head may be sending calls under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PermitState {
    /// For [`crate::Policy::permit_ms`] from the start of the write, on the writer's clock.
    Open,
    /// Nothing is sent under this head.
    Closed,
}

/// Something that was begun and must be brought to its end, by whoever leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What is being done.
    pub kind: OperationKind,
    /// The generation that it makes: the epoch of the write that first journaled it.
    pub generation: Generation,
    /// The revision that it makes it from.
    pub revision: RevisionId,
    /// The hash of the creating request, once that is intended. Who cannot reproduce it never sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<ContentHash>,
    /// Machines that are to end. Only what stands here is ever terminated or robbed of its volume.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub condemned: BTreeSet<MachineId>,
    /// True once a reboot was intended; it is tried once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rebooted: bool,
    /// What the node's availability was before it was drained, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<crate::swarm::Availability>,
    /// When it was begun, in milliseconds since 1970 on the clock of whoever began it.
    pub begun_wall_ms: u64,
}

/// An operation of many slots of one group, each as if it stood in the journal alone: thousands of workers
/// are begun in one write of a few bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// What is being done: making what was never there, or what is gone.
    pub kind: OperationKind,
    /// The group.
    pub group: String,
    /// The slots, as ranges with both ends, in ascending order.
    pub slots: Vec<(u32, u32)>,
    /// The generation that it makes.
    pub generation: Generation,
    /// The revision that it makes it from.
    pub revision: RevisionId,
    /// The hash of the creating request of the first slot when it was begun. Requests of one wave differ only in
    /// the slot, so who can reproduce this one renders the others the same.
    pub request: ContentHash,
    /// The slot that `request` is of.
    pub request_slot: u32,
    /// When it was begun, in milliseconds since 1970 on the clock of whoever began it.
    pub begun_wall_ms: u64,
}

/// A roll that stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoppedRoll {
    /// The revision that it rolled to.
    pub revision: RevisionId,
    /// Whose failure stopped it.
    pub because: Address,
}

/// What the journal says of one address, whether it stands there alone or in a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent<'a> {
    /// What is being done.
    pub kind: OperationKind,
    /// The generation that it makes.
    pub generation: Generation,
    /// The revision that it makes it from.
    pub revision: &'a RevisionId,
    /// When it was begun, in milliseconds since 1970 on the clock of whoever began it.
    pub begun_wall_ms: u64,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// Makes what was never there.
    Create,
    /// Brings back what is broken or gone.
    Repair,
    /// Makes anew what no longer matches the revision.
    Roll,
    /// Takes away what the revision no longer names.
    Retire,
}

/// Failed replacements in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// What the last one was, for the operator.
    pub last: String,
}

/// What a person allowed, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// The state on this member's volume is lost, and may be begun anew.
    ReplaceVolume(Address),
    /// This member may be touched although nothing leads meanwhile.
    Outage(Address),
}

/// Why bytes are no head that this version acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadError {
    /// Written by a newer kitc: this one stands down.
    TooNew {
        /// The format found.
        format: u64,
    },
    /// Not a head; the text says where and what.
    Malformed(String),
    /// More than [`MAX_HEAD_BYTES`].
    TooLarge {
        /// What it takes, in bytes.
        bytes: usize,
    },
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooNew { format } => {
                write!(f, "the head has format {format}; this kitc knows {HEAD_FORMAT}: upgrade kitc on this machine")
            }
            Self::Malformed(why) => write!(f, "the head cannot be read: {why}"),
            Self::TooLarge { bytes } => write!(f, "the head would take {bytes} bytes, more than {MAX_HEAD_BYTES}"),
        }
    }
}

impl std::error::Error for HeadError {}

impl Wave {
    /// Whether `slot` is one of it.
    #[must_use]
    pub fn has(&self, slot: u32) -> bool {
        self.slots
            .binary_search_by(|&(first, last)| {
                if last < slot {
                    std::cmp::Ordering::Less
                } else if first > slot {
                    std::cmp::Ordering::Greater
                } else {
                    std::cmp::Ordering::Equal
                }
            })
            .is_ok()
    }

    /// Its slots, one by one.
    pub fn each_slot(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().flat_map(|&(first, last)| first..=last)
    }
}

impl Head {
    /// The first head of a cluster.
    #[must_use]
    pub fn first(uid: ClusterUid, revision: RevisionId) -> Self {
        Self {
            format: HEAD_FORMAT,
            uid,
            epoch: Epoch(0),
            holder: None,
            permit: PermitState::Closed,
            revision,
            history: Vec::new(),
            last_good: BTreeMap::new(),
            operations: BTreeMap::new(),
            waves: Vec::new(),
            stopped_rolls: BTreeMap::new(),
            failures: BTreeMap::new(),
            approvals: BTreeSet::new(),
            paused: None,
            destroying: false,
        }
    }

    /// What the journal intends for `address`, if anything. A ticket is good only for what stands here.
    #[must_use]
    pub fn intent(&self, address: &Address) -> Option<Intent<'_>> {
        if let Some(operation) = self.operations.get(address) {
            return Some(Intent {
                kind: operation.kind,
                generation: operation.generation,
                revision: &operation.revision,
                begun_wall_ms: operation.begun_wall_ms,
            });
        }
        if self.waves.is_empty() {
            return None;
        }
        let slot = address.slot()?;
        let wave = self.waves.iter().find(|wave| wave.group == address.group() && wave.has(slot))?;
        Some(Intent {
            kind: wave.kind,
            generation: wave.generation,
            revision: &wave.revision,
            begun_wall_ms: wave.begun_wall_ms,
        })
    }

    /// The revisions that this head names: what may not be pruned, and what an action may come from.
    pub fn revisions(&self) -> impl Iterator<Item = &RevisionId> {
        std::iter::once(&self.revision)
            .chain(&self.history)
            .chain(self.last_good.values())
            .chain(self.operations.values().map(|operation| &operation.revision))
            .chain(self.waves.iter().map(|wave| &wave.revision))
    }

    /// The bytes that a store keeps.
    ///
    /// # Errors
    /// When they would be more than [`MAX_HEAD_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, HeadError> {
        let bytes = serde_json::to_vec(self).map_err(|error| HeadError::Malformed(error.to_string()))?;
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(HeadError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// Reads what a store kept.
    ///
    /// # Errors
    /// When it is too large, of a newer format, or no head.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeadError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(HeadError::TooLarge { bytes: bytes.len() });
        }
        let malformed = |error: serde_json::Error| HeadError::Malformed(error.to_string());
        // The format first: a newer one may have fields that this one does not know.
        let Format { format } = serde_json::from_slice(bytes).map_err(malformed)?;
        if format > u64::from(HEAD_FORMAT) {
            return Err(HeadError::TooNew { format });
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }
}
