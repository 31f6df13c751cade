//! The parts that touch the world. Production and the simulated cloud implement the same ones, and one
//! contract suite holds them to it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::action::{Call, Outcome};
use crate::head::{Head, Versioned};
use crate::identity::{ClusterUid, RevisionId};
use crate::inventory::{Anchor, Inventory};
use crate::store::{CommitResult, HeadVersion, StoreError};
use crate::swarm::{Leadership, SwarmView};

/// Asked by a provider after credentials and signing, right before the bytes of a call leave: `Err` says
/// why it must not be sent any more.
pub type Admission<'a> = &'a (dyn Fn() -> Result<(), String> + Send + Sync);

/// Why a provider gave no answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// The provider's own code.
    pub code: String,
    /// The cause, in the operator's terms.
    pub message: String,
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ProviderError {}

/// A cloud: machines, volumes and networks.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The anchor of the cluster named `cluster`, if someone claimed it.
    async fn anchor(&self, cluster: &str) -> Result<Option<Anchor>, ProviderError>;

    /// Claims the anchor for `uid`; the loser of a race gets the winner's.
    async fn claim_anchor(&self, cluster: &str, uid: ClusterUid) -> Result<Anchor, ProviderError>;

    /// Gives up the anchor, as the last step of a destruction.
    async fn release_anchor(&self, cluster: &str, uid: &ClusterUid) -> Result<(), ProviderError>;

    /// Lists everything that carries `uid`'s mark, and strangers at `ips`.
    async fn list(&self, uid: &ClusterUid, ips: &[std::net::IpAddr]) -> Result<Inventory, ProviderError>;

    /// Sends one call, once, after asking `admission` last of all.
    async fn send(&self, uid: &ClusterUid, call: &Call, admission: Admission<'_>) -> Outcome;

    /// Removes a declared resource, by the operator, in a destruction.
    async fn remove_resource(&self, uid: &ClusterUid, address: &crate::Address) -> Result<(), ProviderError>;

    /// Removes a volume, by the operator, who named it literally. The reconciler has no such action.
    async fn remove_volume(&self, uid: &ClusterUid, volume: &crate::VolumeId) -> Result<(), ProviderError>;
}

/// What the engine beside a replica says of leadership.
#[async_trait]
pub trait LeaderDetector: Send + Sync {
    /// One look. Never fails: what went wrong is part of the answer.
    async fn look(&self) -> Leadership;
}

/// The Swarm's nodes, through the engine beside a replica.
#[async_trait]
pub trait SwarmControl: Send + Sync {
    /// Every entry of the Swarm's list.
    async fn nodes(&self) -> Result<SwarmView, String>;

    /// Sends one call for which [`crate::Action::is_for_swarm`] holds.
    async fn send(&self, call: &Call, admission: Admission<'_>) -> Outcome;

    /// Stops the engine of this machine.
    async fn stop_local_engine(&self) -> Result<(), String>;

    /// Starts the engine of this machine; no error where it runs.
    async fn start_local_engine(&self) -> Result<(), String>;
}

/// Where the one head and the immutable revisions are kept. The contract:
///
/// - an update names the version that it replaces and is refused if that is not the head's any more;
/// - versions never repeat; the head is never deleted; a revision never changes;
/// - what was answered [`CommitResult::Committed`] is seen by every later read that the same leader answers;
/// - what was answered [`CommitResult::Unknown`] may be committed now, later or never.
#[async_trait]
pub trait SpecStore: Send + Sync {
    /// The head.
    async fn head(&self) -> Result<Option<Versioned<Head>>, StoreError>;

    /// Writes the first head; [`CommitResult::Stale`] if there is one.
    async fn create_head(&self, head: &Head) -> CommitResult;

    /// Replaces the head of version `base`.
    async fn update_head(&self, base: HeadVersion, head: &Head) -> CommitResult;

    /// The bytes of a revision.
    async fn revision(&self, revision: &RevisionId) -> Result<Arc<[u8]>, StoreError>;

    /// Keeps a revision; the same one again is no error.
    async fn put_revision(&self, revision: &RevisionId, bytes: &[u8]) -> Result<(), StoreError>;

    /// Which revisions are kept, in order of their IDs.
    async fn revisions(&self) -> Result<Vec<RevisionId>, StoreError>;
}
