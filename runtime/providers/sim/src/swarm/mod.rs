//! The simulated Swarm: a Raft group of managers, the nodes that it lists, and what it stores.

mod election;
mod membership;
mod store;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use kit_model::{
    Action, Address, Availability, ClusterUid, Generation, Head, HeadVersion, MachineId, NodeId, NodeRole, NodeState,
    RevisionId, SwarmView, Versioned,
};
use serde::{Deserialize, Serialize};

pub(crate) use election::Standing;
pub use store::MAX_REVISION_BYTES;
pub(crate) use view::refusal;

use crate::records::Key;

/// A Swarm, as it truly is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Swarm {
    pub(crate) uid: ClusterUid,
    /// Which Swarm of this cloud it is: another one has other disks.
    pub(crate) incarnation: u64,
    pub(crate) ca: u32,
    pub(crate) entries: BTreeMap<Key, Entry>,
    pub(crate) entries_of: BTreeMap<Address, Vec<Key>>,
    /// Entries that vote.
    pub(crate) voters: BTreeSet<Key>,
    /// The machine that truly leads: it can commit.
    pub(crate) leader: Option<Key>,
    /// The address that followers think leads.
    pub(crate) last_leader: Option<Address>,
    /// Where the leader stands.
    pub(crate) home: u64,
    pub(crate) elected_ms: u64,
    pub(crate) elections: u64,
    pub(crate) lost_ms: u64,
    pub(crate) election_due: Option<u64>,
    /// Machines that believe they lead and cannot commit.
    pub(crate) claims: BTreeMap<Key, Claim>,
    /// Writes that a leader accepted and could not commit.
    pub(crate) limbo: Vec<Limbo>,
    /// Machines that wait to join.
    pub(crate) waiting: BTreeSet<Key>,
    /// Who used the ticket of an address and generation.
    pub(crate) redeemed: BTreeMap<Address, (Generation, MachineId)>,
    pub(crate) head: Option<Versioned<Arc<Head>>>,
    pub(crate) next_version: u64,
    pub(crate) revisions: BTreeMap<RevisionId, KeptRevision>,
}

/// An entry of the Swarm's list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: NodeId,
    pub(crate) address: Address,
    pub(crate) generation: Generation,
    /// The machine whose engine is this node; none for a phantom, or once the machine went on as another node.
    pub(crate) machine: Option<Key>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) role: NodeRole,
    pub(crate) availability: Availability,
    /// Since when it has this availability.
    pub(crate) availability_ms: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) version: u64,
    pub(crate) link: Link,
}

/// Whether the leader's side hears from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) up: bool,
    pub(crate) since_ms: u64,
    /// What the Swarm said of the node at that moment.
    pub(crate) before: NodeState,
}

/// A belief in one's own leadership.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) until_ms: u64,
    /// What the store held when the leader was cut off.
    pub(crate) head: Option<Versioned<Arc<Head>>>,
    pub(crate) nodes: Arc<SwarmView>,
}

/// A write that was accepted and not committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Limbo {
    pub(crate) by: Address,
    /// True if some other voter has it in its log, or the engine that accepted it tries again.
    pub(crate) survives: bool,
    /// Until when that engine tries again, where another leader was there already when it accepted the write.
    #[serde(default)]
    pub(crate) tries_until_ms: Option<u64>,
    pub(crate) write: Write,
}

/// A revision, and when it was kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptRevision {
    pub(crate) kept_ms: u64,
    #[serde(with = "store::bytes_as_text")]
    pub(crate) bytes: Arc<[u8]>,
}

/// What was to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Write {
    Head { base: Option<HeadVersion>, head: Arc<Head> },
    Call(Action),
}
