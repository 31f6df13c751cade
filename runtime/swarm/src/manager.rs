//! What stands beside a replica on a manager's machine: one engine, and through it the Swarm and the store.

use std::sync::Arc;

use async_trait::async_trait;
use kit_graph::ClusterKey;
use kit_model::{
    Admission, Call, ClusterUid, CommitResult, Head, HeadVersion, LeaderDetector, Leadership, Outcome, RevisionId,
    SpecStore, StoreError, SwarmControl, SwarmView, Versioned,
};

use crate::engine::Engine;
use crate::local_engine::EngineService;
use crate::names::{Names, UnfitUid};
use crate::store::{head, key, revisions};
use crate::{control, leadership, nodes};

/// The engine of a manager of the cluster `uid`.
#[derive(Debug, Clone)]
pub struct ManagerEngine {
    engine: Engine,
    uid: ClusterUid,
    names: Names,
    service: EngineService,
}

impl ManagerEngine {
    /// The cluster `uid` through `engine`, which `service` stops and starts. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When no names for configs can be made of the uid.
    pub fn new(engine: Engine, uid: ClusterUid, service: EngineService) -> Result<Self, UnfitUid> {
        let names = Names::of(&uid)?;
        Ok(Self { engine, uid, names, service })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The key that the cluster keeps in its Swarm; none where it has none yet.
    ///
    /// # Errors
    /// When the Swarm does not answer, or what it keeps is no key.
    pub async fn key(&self) -> Result<Option<ClusterKey>, StoreError> {
        key::read(&self.engine, &self.names).await
    }

    /// Keeps the key of a cluster that has none yet. False if it has another one.
    ///
    /// # Errors
    /// When the Swarm does not answer.
    pub async fn keep_key(&self, key: &ClusterKey) -> Result<bool, StoreError> {
        key::keep(&self.engine, &self.names, key).await
    }
}

#[async_trait]
impl LeaderDetector for ManagerEngine {
    async fn look(&self) -> Leadership {
        leadership::look(&self.engine, &self.uid).await
    }
}

#[async_trait]
impl SwarmControl for ManagerEngine {
    async fn nodes(&self) -> Result<SwarmView, String> {
        nodes::list(&self.engine, &self.uid).await
    }

    async fn send(&self, call: &Call, admission: Admission<'_>) -> Outcome {
        control::send(&self.engine, call, admission).await
    }

    async fn stop_local_engine(&self) -> Result<(), String> {
        self.service.stop().await
    }

    async fn start_local_engine(&self) -> Result<(), String> {
        self.service.start().await
    }
}

#[async_trait]
impl SpecStore for ManagerEngine {
    async fn head(&self) -> Result<Option<Versioned<Head>>, StoreError> {
        head::read(&self.engine, &self.names).await
    }

    async fn create_head(&self, head: &Head) -> CommitResult {
        head::create(&self.engine, &self.names, head).await
    }

    async fn update_head(&self, base: HeadVersion, head: &Head) -> CommitResult {
        head::update(&self.engine, &self.names, base, head).await
    }

    async fn revision(&self, revision: &RevisionId) -> Result<Arc<[u8]>, StoreError> {
        revisions::read(&self.engine, &self.names, revision).await
    }

    async fn put_revision(&self, revision: &RevisionId, bytes: &[u8]) -> Result<(), StoreError> {
        revisions::put(&self.engine, &self.names, revision, bytes).await
    }

    async fn revisions(&self) -> Result<Vec<RevisionId>, StoreError> {
        revisions::list(&self.engine, &self.names).await
    }
}
