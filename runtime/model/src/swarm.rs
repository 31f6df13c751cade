//! What the Swarm says, as the engine on one machine tells it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::identity::{Address, Generation, NodeId};

/// What the local engine says of leadership. A claim: only a committed write proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leadership {
    /// The local node says that it leads. A cut-off leader goes on saying so for 11 to 20 s.
    Leader,
    /// The local node follows; it names the leader's address if it knows it.
    Follower(Option<Address>),
    /// The Swarm has no leader that the local node knows of.
    NoLeader(String),
    /// The engine did not answer, or is no manager, and why.
    Unknown(String),
}

/// The Swarm's list of nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SwarmView {
    /// Every entry, in order of ID. One address may have two: a phantom counts as a voter.
    pub nodes: Vec<Node>,
}

/// An entry of the Swarm's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The Swarm's ID.
    pub id: NodeId,
    /// Which member or slot its engine says it is.
    pub address: Option<Address>,
    /// Which making of it its engine says it is.
    pub generation: Option<Generation>,
    /// Where it was last seen.
    pub ip: Option<IpAddr>,
    /// The role that the Swarm wants it to have.
    pub role: NodeRole,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// Whether its engine answers the Swarm.
    pub state: NodeState,
    /// Set exactly while it is a voter of the Raft group.
    pub manager: Option<ManagerStatus>,
    /// Tasks of services that run on it.
    pub running_tasks: u32,
    /// Labels that the Swarm keeps for it.
    pub labels: BTreeMap<String, String>,
    /// The version that an update must name.
    pub version: u64,
}

/// A role in the Swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRole {
    /// Votes.
    Manager,
    /// Runs tasks only.
    Worker,
}

/// Whether a node takes tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// Takes tasks.
    Active,
    /// Keeps its tasks and takes no new ones.
    Pause,
    /// Gives its tasks away.
    Drain,
}

/// Whether a node's engine answers the Swarm. After an election all are unknown for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Answers.
    Ready,
    /// Missed its heartbeats.
    Down,
    /// Not known: never taken for down.
    Unknown,
    /// Left, or was told to go.
    Disconnected,
}

/// A voter's place in the Raft group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerStatus {
    /// True for the leader.
    pub leader: bool,
    /// Whether the leader reaches it.
    pub reachability: Reachability,
}

/// Whether the leader reaches a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reachability {
    /// It does.
    Reachable,
    /// It does not.
    Unreachable,
    /// Not known.
    Unknown,
}

impl Node {
    /// True if the Swarm does not say whether it answers: never taken for down.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.state == NodeState::Unknown
            || self.manager.is_some_and(|status| status.reachability == Reachability::Unknown)
    }

    /// A voter that answers both the Swarm and the Raft group.
    #[must_use]
    pub fn is_healthy_voter(&self) -> bool {
        self.state == NodeState::Ready
            && self.manager.is_some_and(|status| status.reachability == Reachability::Reachable)
    }
}

impl SwarmView {
    /// Entries that say they are `address`.
    pub fn nodes_of<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.address.as_ref() == Some(address))
    }
}
