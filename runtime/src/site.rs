//! Where a cluster stands, as an operator's process sees it: its provider, and a way to each of its machines.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use kit_model::{Address, Now, Policy, Provider};

use crate::error::OperatorError;
use crate::operator::Revision;
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

    /// Where what belongs to this cluster is kept on this machine.
    fn directory(&self) -> &Path;

    /// Where the replica of `member` keeps its files.
    fn member_directory(&self, member: &Address) -> PathBuf {
        self.directory().join("members").join(member.as_str())
    }
}
