//! What a machine is told when it boots, and what it finds.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::identity::{Address, ClusterUid, Generation, RevisionId};

/// The boot document: a pure function of revision, member, generation and the cluster's secret. No time
/// and no leader's address stand in it, so that whoever leads writes the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootDocument {
    /// Whose machine it is.
    pub uid: ClusterUid,
    /// Which member or slot.
    pub address: Address,
    /// Which making of it.
    pub generation: Generation,
    /// The revision that it was made from.
    pub revision: RevisionId,
    /// True if it joins as a manager.
    pub manager: bool,
    /// Every pinned address of the group that leads, in the order of the file.
    pub manager_ips: Vec<IpAddr>,
    /// True for the one machine that may begin the Swarm, where its disk holds none.
    pub seed: bool,
    /// True if it has a volume for its state.
    pub has_volume: bool,
    /// The disk with its state, where its provider only attaches it; none where it mounts it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<BootDisk>,
}

/// The disk of a machine with a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootDisk {
    /// The serial that it shows to the machine: the one thing that no kernel gives to another disk.
    pub serial: String,
    /// True if the cluster made it for this member and it was never formed: only then may it be formatted, once it is found
    /// blank too.
    pub is_new: bool,
}

/// What a machine found on its volume when it booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootFinding {
    /// The state of its own node, whole: it goes on as the same node and needs no ticket.
    Returnable,
    /// No state that it could go on with.
    Newcomer(NewcomerReason),
    /// It did not start Docker, and why.
    Refused(String),
}

/// Why a machine cannot go on as the node that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewcomerReason {
    /// The disk holds no Swarm state.
    NoState,
    /// The node's certificate expired while it was away.
    CertificateExpired,
    /// The Swarm's CA was rotated while it was away.
    CaRotated,
    /// The Swarm no longer knows the node.
    NodeRemoved,
    /// The Swarm is locked and there is no key.
    Locked,
    /// The node's Raft state is lost.
    RaftLost,
}

impl std::fmt::Display for NewcomerReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoState => "its disk holds no state of a Swarm",
            Self::CertificateExpired => "its certificate expired while it was away",
            Self::CaRotated => "the Swarm's CA was rotated while it was away",
            Self::NodeRemoved => "the Swarm no longer knows its node",
            Self::Locked => "the Swarm is locked, and it has no key",
            Self::RaftLost => "its Raft state is lost",
        })
    }
}
