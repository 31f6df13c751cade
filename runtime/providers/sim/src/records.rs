//! What exists in the simulated cloud, as it truly is.

use std::net::IpAddr;
use std::sync::Arc;

use kit_graph::Instance;
use kit_model::{
    Address, BootDocument, BootFinding, BootId, ClusterUid, ContentHash, MachineId, MachineState, Marks, NodeId,
    ResourceId, Token, VolumeId,
};
use serde::{Deserialize, Serialize};

use crate::random::spread;

/// The number behind a cloud ID. Numbers are spread, so that the order of IDs says nothing about time.
pub(crate) type Key = u64;

pub(crate) const fn key(seed: u64, count: u64) -> Key {
    spread(seed.wrapping_add(count.wrapping_mul(2).wrapping_add(1)))
}

macro_rules! cloud_id {
    ($make:ident, $read:ident, $type:ty, $prefix:literal) => {
        pub(crate) fn $make(key: Key) -> $type {
            <$type>::new(format!(concat!($prefix, "{:016x}"), key))
        }

        #[allow(dead_code, reason = "not every kind of ID is read back")]
        pub(crate) fn $read(id: &$type) -> Option<Key> {
            id.as_str().strip_prefix($prefix).and_then(|digits| Key::from_str_radix(digits, 16).ok())
        }
    };
}

cloud_id!(machine_id, machine_key, MachineId, "i-");
cloud_id!(volume_id, volume_key, VolumeId, "vol-");
cloud_id!(resource_id, resource_key, ResourceId, "res-");
cloud_id!(node_id, node_key, NodeId, "node-");

/// What runs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The machine does not run, or boots, or waits for its volume.
    Off,
    /// The Docker Engine runs.
    Up,
    /// The machine runs and its replica too; the Docker Engine does not.
    Dead,
}

/// A machine, as it truly is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimMachine {
    /// The cloud's ID.
    pub id: MachineId,
    /// Marks of whoever made it.
    pub marks: Marks,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its state.
    pub state: MachineState,
    /// Since when.
    pub since_ms: u64,
    /// What it was before, for listings that lag.
    pub(crate) before: Option<MachineState>,
    /// Until when the cloud says nothing of its state.
    pub(crate) unknown_until_ms: u64,
    /// When it was made.
    pub made_ms: u64,
    /// What it is told when it boots.
    pub boot: Arc<BootDocument>,
    /// How often it booted.
    pub boots: u32,
    /// True once this boot is over: then its replica runs, and its engine unless something keeps it down.
    pub booted: bool,
    /// What runs on it.
    pub engine: Engine,
    /// True while nothing on it goes on: the cloud still says that it runs.
    pub frozen: bool,
    /// Which island of the network it stands on; 0 is where everything stands that was not cut off.
    pub island: u64,
    /// Since when.
    pub(crate) island_since_ms: u64,
    /// True while it cannot reach the cloud's API.
    pub cloud_cut: bool,
    /// Why it is beyond repair short of a reboot, if it is.
    pub broken: Option<String>,
    /// What its last boot found.
    pub finding: Option<BootFinding>,
    /// The node that its engine is, by number, while that is on the Swarm's list.
    pub(crate) node: Option<Key>,
    /// Swarm state on its own disk, where it has no volume.
    pub(crate) root: Option<DiskSwarm>,
}

/// Swarm state on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSwarm {
    /// The Swarm's incarnation.
    pub(crate) swarm: u64,
    /// The node's number.
    pub(crate) node: Key,
    /// False once the Raft log on it is lost.
    pub raft: bool,
    /// True once the node's certificate is no longer valid.
    pub expired: bool,
    /// The generation of the Swarm's CA that the certificate is from.
    pub(crate) ca: u32,
}

/// What is on a volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Disk {
    /// True once it holds a file system.
    pub formatted: bool,
    /// The Swarm state on it.
    pub swarm: Option<DiskSwarm>,
}

/// A volume, as it truly is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimVolume {
    /// The cloud's ID.
    pub id: VolumeId,
    /// Marks of whoever made it.
    pub marks: Marks,
    /// How far it is.
    pub state: SimVolumeState,
    /// Since when.
    pub since_ms: u64,
    /// What it was before, for listings that lag.
    pub(crate) before: Option<SimVolumeState>,
    /// How often it changed.
    pub(crate) turn: u32,
    /// When it was made.
    pub made_ms: u64,
    /// The write-once mark that it held a formed Swarm's state.
    pub formed: bool,
    /// The write-once mark that it is no member's any more.
    pub retired: bool,
    /// What is on it.
    pub disk: Disk,
}

/// How far a volume is. Machines stand here by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SimVolumeState {
    /// Being made.
    Creating,
    /// Held by no machine.
    Available,
    /// On its way to a machine.
    Attaching(u64),
    /// A machine uses it.
    Attached(u64),
    /// On its way off a machine.
    Detaching(u64),
}

impl SimVolumeState {
    pub(crate) const fn holder(self) -> Option<Key> {
        match self {
            Self::Creating | Self::Available => None,
            Self::Attaching(key) | Self::Attached(key) | Self::Detaching(key) => Some(key),
        }
    }
}

/// A declared resource, as it truly is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimResource {
    /// The cloud's ID.
    pub id: ResourceId,
    /// Whose it is.
    pub uid: ClusterUid,
    /// Its address in the graph.
    pub address: Address,
    /// Its type and fields.
    pub instance: Arc<Instance>,
    /// The hash of both.
    pub content: ContentHash,
    /// When it is usable.
    pub ready_ms: u64,
    /// When it was made.
    pub made_ms: u64,
}

/// Who holds an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IpHolder {
    /// A machine, by number.
    Machine(Key),
    /// Something that no cluster made.
    Stranger(String),
}

/// What a token was used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenUse {
    pub(crate) request: ContentHash,
    /// The ID of what was made.
    pub(crate) made: String,
}

/// The token, and when it is forgotten.
pub(crate) type TokenEnd = (u64, Token);

impl SimMachine {
    /// This boot of it.
    #[must_use]
    pub fn boot_id(&self) -> BootId {
        BootId::new(format!("{}-boot-{}", self.id, self.boots))
    }

    /// True while a replica on it goes on.
    #[must_use]
    pub const fn runs(&self) -> bool {
        matches!(self.state, MachineState::Running) && self.booted && !self.frozen
    }

    /// True if whoever starts its engine may: never where its boot refused to, or its disk is gone.
    #[must_use]
    pub const fn may_run_engine(&self) -> bool {
        self.booted && self.broken.is_none() && !matches!(self.finding, Some(BootFinding::Refused(_)))
    }

    /// True while its engine answers.
    #[must_use]
    pub const fn engine_runs(&self) -> bool {
        self.runs() && matches!(self.engine, Engine::Up)
    }
}
