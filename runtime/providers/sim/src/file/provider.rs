//! The cloud's API as a person's process sees it.

use std::net::IpAddr;

use async_trait::async_trait;
use kit_model::{Address, Admission, Anchor, Call, ClusterUid, Inventory, Outcome, Provider, ProviderError, VolumeId};

use super::{SimFile, SimFileError};
use crate::ground_truth::Sender;

/// The simulated cloud as [`Provider`], from outside of it.
#[derive(Debug, Clone)]
pub struct SimProvider {
    file: SimFile,
    sender: Sender,
}

pub(super) fn failed(error: &SimFileError) -> ProviderError {
    ProviderError { code: "SimFile".to_owned(), message: error.to_string() }
}

impl SimFile {
    /// The cloud as a person's process sees it.
    #[must_use]
    pub fn provider(&self) -> SimProvider {
        SimProvider { file: self.clone(), sender: Sender::Operator }
    }
}

impl SimProvider {
    pub(super) const fn of_member(file: SimFile, member: Address) -> Self {
        Self { file, sender: Sender::Member(member) }
    }

    fn reach(&self, cloud: &crate::SimCloud) -> Result<(), ProviderError> {
        cloud
            .reachable_from(&self.sender)
            .map_err(|message| ProviderError { code: "EndpointUnreachable".to_owned(), message })
    }
}

#[async_trait]
impl Provider for SimProvider {
    async fn anchor(&self, cluster: &str) -> Result<Option<Anchor>, ProviderError> {
        self.file.with(|cloud| self.reach(cloud).map(|()| cloud.anchor(cluster))).map_err(|error| failed(&error))?
    }

    async fn claim_anchor(&self, cluster: &str, uid: ClusterUid) -> Result<Anchor, ProviderError> {
        self.file
            .with(|cloud| {
                self.reach(cloud)?;
                let now_ms = cloud.now_ms();
                Ok(cloud.claim_anchor(cluster, uid, now_ms))
            })
            .map_err(|error| failed(&error))?
    }

    async fn release_anchor(&self, cluster: &str, uid: &ClusterUid) -> Result<(), ProviderError> {
        self.file
            .with(|cloud| {
                self.reach(cloud)?;
                let now_ms = cloud.now_ms();
                cloud.release_anchor(cluster, uid, now_ms)
            })
            .map_err(|error| failed(&error))?
    }

    async fn list(&self, uid: &ClusterUid, ips: &[IpAddr]) -> Result<Inventory, ProviderError> {
        let at = self.file.now();
        self.file
            .with(|cloud| {
                let now_ms = cloud.now_ms();
                cloud.list(&self.sender, uid, ips, at, now_ms)
            })
            .map_err(|error| failed(&error))?
    }

    async fn send(&self, uid: &ClusterUid, call: &Call, admission: Admission<'_>) -> Outcome {
        let sent = self.file.with(|cloud| {
            // Last of all: nothing waits between this and the effect.
            if let Err(why) = admission() {
                return Outcome::NotSent(why);
            }
            let now_ms = cloud.now_ms();
            cloud.deliver(&self.sender, uid, call, now_ms, now_ms)
        });
        sent.unwrap_or_else(|error| Outcome::Unknown(error.to_string()))
    }

    async fn remove_resource(&self, uid: &ClusterUid, address: &Address) -> Result<(), ProviderError> {
        self.file
            .with(|cloud| {
                self.reach(cloud)?;
                let now_ms = cloud.now_ms();
                cloud.remove_resource(uid, address, now_ms)
            })
            .map_err(|error| failed(&error))?
    }

    async fn remove_volume(&self, uid: &ClusterUid, volume: &VolumeId) -> Result<(), ProviderError> {
        self.file
            .with(|cloud| {
                self.reach(cloud)?;
                let now_ms = cloud.now_ms();
                cloud.remove_volume(uid, volume, now_ms)
            })
            .map_err(|error| failed(&error))?
    }
}
