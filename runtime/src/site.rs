//! Where a cluster stands, as an operator's process sees it: its provider, and a way to each of its machines.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use kit_graph::ClusterKey;
use kit_model::{Address, Now, Policy, Provider, Spec};

use crate::error::OperatorError;
use crate::operator::{Progress, Revision};
use crate::surroundings::Surroundings;

/// One cluster's place.
#[async_trait]
pub trait Site: Send + Sync {
    /// The cluster's name.
    fn cluster(&self) -> &str;

    /// The cloud, as the operator's own process reaches it.
    fn provider(&self) -> Arc<dyn Provider>;

    /// What stands around the machine of `member`: where its replica runs, and how an operator reaches the
    /// Swarm and the store through it.
    fn beside(&self, member: &Address) -> Surroundings;

    /// The limits that the replicas of this cluster go by.
    fn policy(&self) -> Policy;

    /// The time, on the clock that permits are measured on.
    fn clock_now(&self) -> Now;

    /// Gives the machine of `seed` the revision that it is to put into the store when it forms the Swarm; with
    /// a real cloud it stands in the boot document.
    ///
    /// # Errors
    /// When it cannot be given.
    async fn give_revision(&self, seed: &Address, revision: &Revision) -> Result<(), OperatorError>;

    /// Fetches what machines are made from and the cloud does not have yet, before anything is made of it.
    ///
    /// # Errors
    /// When it cannot be had.
    async fn fetch_images(&self, _spec: &Spec, _progress: &dyn Progress) -> Result<(), OperatorError> {
        Ok(())
    }

    /// The one member through whom everything goes here; none where there is a way to each. The replicas of others then
    /// show themselves on their own machines alone.
    fn goes_through(&self) -> Option<&Address> {
        None
    }

    /// Whether the replica of `member` can run in this process.
    fn hosts(&self, member: &Address) -> bool {
        self.goes_through().is_none_or(|only| only == member)
    }

    /// True where replicas run that do not show themselves on this machine.
    fn has_replicas_elsewhere(&self) -> bool {
        self.goes_through().is_some()
    }

    /// The key that the cluster keeps in its Swarm; none where it has none there.
    ///
    /// # Errors
    /// When the Swarm does not answer.
    async fn swarm_key(&self) -> Result<Option<ClusterKey>, OperatorError> {
        Ok(None)
    }

    /// Keeps the cluster's key in its Swarm, where everything goes through a manager.
    ///
    /// # Errors
    /// When the Swarm does not answer, or keeps another one: what was worked out with this one does not hold.
    async fn keep_swarm_key(&self, _key: &ClusterKey) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Where what belongs to this cluster is kept on this machine.
    fn directory(&self) -> &Path;

    /// Where the replica of `member` keeps its files.
    fn member_directory(&self, member: &Address) -> PathBuf {
        self.directory().join("members").join(member.as_str())
    }
}
