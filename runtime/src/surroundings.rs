//! What stands around a replica: the cloud, the Swarm, the store, its own machine and the time.

use std::sync::Arc;

use async_trait::async_trait;
use kit_model::{Address, BootDocument, BootFinding, BootId, LeaderDetector, Provider, SpecStore, SwarmControl};

use crate::clock::Clock;

/// The machine that a replica runs on, or stands beside where the machine is simulated.
#[async_trait]
pub trait Host: Send + Sync {
    /// How it is now.
    async fn state(&self) -> HostState;

    /// What the machine was told when it booted, if it was made by this cluster.
    async fn boot_document(&self) -> Option<BootDocument>;

    /// What machines reported of their boots, as far as this one heard of it.
    async fn boot_findings(&self) -> Vec<(Address, BootFinding)>;
}

/// How a replica's machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostState {
    /// It runs, since this boot.
    Running(BootId),
    /// Nothing on it goes on, until it thaws in the same boot.
    Frozen,
    /// It does not run, and why.
    Down(String),
}

/// Everything that a replica asks and changes.
#[derive(Clone)]
pub struct Surroundings {
    /// The cluster's name, under which its anchor is found.
    pub cluster: String,
    /// The cloud.
    pub provider: Arc<dyn Provider>,
    /// What the engine beside the replica says of leadership.
    pub detector: Arc<dyn LeaderDetector>,
    /// The Swarm through that engine.
    pub swarm: Arc<dyn SwarmControl>,
    /// The head and its revisions through that engine.
    pub store: Arc<dyn SpecStore>,
    /// The replica's machine.
    pub host: Arc<dyn Host>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}
