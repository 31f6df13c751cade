//! The simulated world as one machine sees it: its engine, the store behind it, and the cloud's API. While that
//! machine does not run, everything answers as a dead machine would.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use kit_model::{
    Address, Admission, Anchor, BootDocument, BootFinding, BootId, Call, ClusterUid, CommitResult, Head, HeadVersion,
    Inventory, LeaderDetector, Leadership, Outcome, Provider, ProviderError, RevisionId, SpecStore, StoreError,
    SwarmControl, SwarmView, Versioned, VolumeId,
};

use super::provider::SimProvider;
use super::{SimFile, SimFileError};
use crate::cloud::SimCloud;
use crate::ground_truth::Sender;

/// The simulated world beside one member. Clones share it.
#[derive(Debug, Clone)]
pub struct SimMember {
    file: SimFile,
    member: Address,
    provider: SimProvider,
}

impl SimFile {
    /// The world as the machine of `member` sees it.
    #[must_use]
    pub fn beside(&self, member: Address) -> SimMember {
        let provider = SimProvider::of_member(self.clone(), member.clone());
        SimMember { file: self.clone(), member, provider }
    }
}

fn unavailable(error: &SimFileError) -> StoreError {
    match error {
        SimFileError::Damaged(..) | SimFileError::Foreign(_) | SimFileError::Newer(..) => {
            StoreError::Corrupt(error.to_string())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

impl SimMember {
    /// Who it is.
    #[must_use]
    pub const fn member(&self) -> &Address {
        &self.member
    }

    /// This boot of the machine; none while it does not run or is frozen: then a replica beside it stands still.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn boot_id(&self) -> Result<Option<BootId>, SimFileError> {
        self.file.with(|cloud| cloud.boot_id(&self.member).filter(|_| cloud.machine_runs(&self.member)))
    }

    /// Whether the machine is frozen: a replica beside it stands still, and goes on as it was.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn is_frozen(&self) -> Result<bool, SimFileError> {
        self.file.with(|cloud| cloud.live_machines_at(&self.member).last().is_some_and(|machine| machine.frozen))
    }

    /// What the machine was told when it booted.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn boot_document(&self) -> Result<Option<BootDocument>, SimFileError> {
        self.file.with(|cloud| cloud.boot_document(&self.member).cloned())
    }

    /// What machines reported of their boots, as far as this one hears of it.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn boot_findings(&self) -> Result<Vec<(Address, BootFinding)>, SimFileError> {
        self.ask(SimCloud::boot_findings)
    }

    fn ask<T>(&self, question: impl FnOnce(&mut SimCloud, &Address, u64) -> T) -> Result<T, SimFileError> {
        self.file.with(|cloud| {
            let now_ms = cloud.now_ms();
            question(cloud, &self.member, now_ms)
        })
    }
}

#[async_trait]
impl Provider for SimMember {
    async fn anchor(&self, cluster: &str) -> Result<Option<Anchor>, ProviderError> {
        self.provider.anchor(cluster).await
    }

    async fn claim_anchor(&self, cluster: &str, uid: ClusterUid) -> Result<Anchor, ProviderError> {
        self.provider.claim_anchor(cluster, uid).await
    }

    async fn release_anchor(&self, cluster: &str, uid: &ClusterUid) -> Result<(), ProviderError> {
        self.provider.release_anchor(cluster, uid).await
    }

    async fn list(&self, uid: &ClusterUid, ips: &[IpAddr]) -> Result<Inventory, ProviderError> {
        self.provider.list(uid, ips).await
    }

    async fn send(&self, uid: &ClusterUid, call: &Call, admission: Admission<'_>) -> Outcome {
        Provider::send(&self.provider, uid, call, admission).await
    }

    async fn remove_resource(&self, uid: &ClusterUid, address: &Address) -> Result<(), ProviderError> {
        self.provider.remove_resource(uid, address).await
    }

    async fn remove_volume(&self, uid: &ClusterUid, volume: &VolumeId) -> Result<(), ProviderError> {
        self.provider.remove_volume(uid, volume).await
    }
}

#[async_trait]
impl LeaderDetector for SimMember {
    async fn look(&self) -> Leadership {
        self.ask(SimCloud::leadership).unwrap_or_else(|error| Leadership::Unknown(error.to_string()))
    }
}

#[async_trait]
impl SwarmControl for SimMember {
    async fn nodes(&self) -> Result<SwarmView, String> {
        self.ask(SimCloud::nodes).map_err(|error| error.to_string())?
    }

    async fn send(&self, call: &Call, admission: Admission<'_>) -> Outcome {
        let sent = self.file.with(|cloud| {
            if let Err(why) = admission() {
                return Outcome::NotSent(why);
            }
            let Some(uid) = cloud.swarm_uid().cloned() else {
                return Outcome::Unknown(format!("the engine of {} is in no Swarm", self.member));
            };
            let now_ms = cloud.now_ms();
            cloud.deliver(&Sender::Member(self.member.clone()), &uid, call, now_ms, now_ms)
        });
        sent.unwrap_or_else(|error| Outcome::Unknown(error.to_string()))
    }

    async fn stop_local_engine(&self) -> Result<(), String> {
        self.ask(SimCloud::stop_engine).map_err(|error| error.to_string())?
    }

    async fn start_local_engine(&self) -> Result<(), String> {
        self.ask(SimCloud::start_engine).map_err(|error| error.to_string())?
    }
}

#[async_trait]
impl SpecStore for SimMember {
    async fn head(&self) -> Result<Option<Versioned<Head>>, StoreError> {
        self.ask(SimCloud::head).map_err(|error| unavailable(&error))?
    }

    async fn create_head(&self, head: &Head) -> CommitResult {
        self.ask(|cloud, member, now_ms| cloud.create_head(member, head, now_ms))
            .unwrap_or_else(|error| CommitResult::Unknown(error.to_string()))
    }

    async fn update_head(&self, base: HeadVersion, head: &Head) -> CommitResult {
        self.ask(|cloud, member, now_ms| cloud.update_head(member, base, head, now_ms))
            .unwrap_or_else(|error| CommitResult::Unknown(error.to_string()))
    }

    async fn revision(&self, revision: &RevisionId) -> Result<Arc<[u8]>, StoreError> {
        self.ask(|cloud, member, now_ms| cloud.revision(member, revision, now_ms))
            .map_err(|error| unavailable(&error))?
    }

    async fn put_revision(&self, revision: &RevisionId, bytes: &[u8]) -> Result<(), StoreError> {
        self.ask(|cloud, member, now_ms| cloud.put_revision(member, revision, bytes, now_ms))
            .map_err(|error| unavailable(&error))?
    }

    async fn revisions(&self) -> Result<Vec<RevisionId>, StoreError> {
        self.ask(SimCloud::revisions).map_err(|error| unavailable(&error))?
    }
}
