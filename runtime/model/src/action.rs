//! What may be done to the world, and what becomes of it.
//!
//! Every action is harmless when it arrives late: a create goes under a token to an exclusive name, address
//! or volume; everything that ends or robs something names the exact IDs. There is no action that deletes a
//! volume, and none that formats one: a machine formats its own disk, at boot, when it is blank and ours.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use kit_graph::{Instance, Properties};
use serde::{Deserialize, Serialize};

use crate::boot::BootDocument;
use crate::identity::{Address, ContentHash, Epoch, Generation, MachineId, NodeId, Token, VolumeId};
use crate::swarm::{Availability, NodeRole};

/// One change of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Makes a declared resource.
    CreateResource {
        /// Its address.
        address: Address,
        /// Its type and fields.
        instance: Arc<Instance>,
        /// The hash of both.
        content: ContentHash,
        /// The idempotency token.
        token: Token,
    },
    /// Makes a member's volume, blank.
    CreateVolume {
        /// The member.
        address: Address,
        /// Which making of it: above 0 only where a person approved the loss of the former.
        generation: Generation,
        /// Its fields.
        properties: Arc<Properties>,
        /// The idempotency token.
        token: Token,
    },
    /// Makes a machine.
    CreateMachine(Arc<MachineRequest>),
    /// Starts a stopped machine.
    StartMachine {
        /// Which.
        machine: MachineId,
    },
    /// Reboots a running machine whose node is down.
    RebootMachine {
        /// Which.
        machine: MachineId,
    },
    /// Ends a machine that stands condemned in the journal.
    TerminateMachine {
        /// Which.
        machine: MachineId,
    },
    /// Attaches a member's volume to its own machine.
    AttachVolume {
        /// The volume.
        volume: VolumeId,
        /// The machine.
        machine: MachineId,
    },
    /// Takes a volume from a machine that is terminated.
    ForceDetach {
        /// The volume.
        volume: VolumeId,
        /// The dead holder.
        machine: MachineId,
    },
    /// Sets the write-once mark that the volume has held a formed Swarm's state.
    MarkFormed {
        /// The volume.
        volume: VolumeId,
    },
    /// Lets go of a volume whose loss a person approved: it keeps its data and gets another, write-once mark,
    /// so that it is no member's any more.
    RetireVolume {
        /// The volume.
        volume: VolumeId,
    },
    /// Sets whether a node takes tasks.
    SetAvailability {
        /// The node.
        node: NodeId,
        /// The version that it must still have.
        version: u64,
        /// What to set.
        availability: Availability,
    },
    /// Sets a node's role: demotion takes its vote.
    SetRole {
        /// The node.
        node: NodeId,
        /// The version that it must still have.
        version: u64,
        /// What to set.
        role: NodeRole,
    },
    /// Sets a node's labels.
    SetLabels {
        /// The node.
        node: NodeId,
        /// The version that it must still have.
        version: u64,
        /// All labels that it is to have.
        labels: std::collections::BTreeMap<String, String>,
    },
    /// Takes an entry off the Swarm's list: only one whose machine is gone for good and that is no voter.
    RemoveNode {
        /// The node.
        node: NodeId,
    },
}

/// What a machine is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRequest {
    /// The member or slot.
    pub address: Address,
    /// Which making of it.
    pub generation: Generation,
    /// The idempotency token.
    pub token: Token,
    /// The type and fields of the machine; references stand in them as `$ref`.
    pub machine: Arc<Instance>,
    /// The hash of them.
    pub content: ContentHash,
    /// The private address that it gets, or none for any.
    pub ip: Option<IpAddr>,
    /// What it is told when it boots.
    pub boot: BootDocument,
    /// The hash of all of this, as journaled.
    pub request: ContentHash,
}

impl MachineRequest {
    /// The hash of a request with these parts: the same for whoever renders it.
    #[must_use]
    pub fn hash_of(
        address: &Address,
        generation: Generation,
        content: &ContentHash,
        ip: Option<IpAddr>,
        boot: &BootDocument,
    ) -> ContentHash {
        let boot = serde_json::to_vec(boot).unwrap_or_default();
        let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
        ContentHash::of(&[
            address.as_str().as_bytes(),
            &generation.0.to_be_bytes(),
            content.as_str().as_bytes(),
            ip.as_bytes(),
            &boot,
        ])
    }
}

/// The number of a call, unique for one reconciler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

/// By what right a call is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// A permit of this epoch, in which its intent was journaled.
    Permit(Epoch),
    /// The rule for a lost quorum: nobody can commit, and address and volume are the lock.
    Rescue,
    /// The operator, before anything is formed, after the destruction was committed, or in `recover`.
    Operator,
}

/// A permit as its holder knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// The epoch of the head write that opened it.
    pub epoch: Epoch,
    /// When it ends, in milliseconds of the holder's boot clock.
    pub not_after_boot_ms: u64,
}

/// One call to be sent once. Mutating calls make one attempt; the next round decides anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number.
    pub id: CallId,
    /// The member, slot or resource that it is for.
    pub address: Address,
    /// By what right.
    pub authority: Authority,
    /// When it may no longer be sent, in milliseconds of the sender's boot clock.
    pub not_after_boot_ms: u64,
    /// What to do.
    pub action: Action,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done, as far as the provider says: it may take time to show.
    Done,
    /// Never sent: the gate refused it, and why.
    NotSent(String),
    /// Refused by the provider: it took no effect and never will.
    Refused(CallError),
    /// No answer in hand: it may have taken effect or may yet.
    Unknown(String),
}

/// Why a provider refused a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// How to treat it.
    pub class: ErrorClass,
    /// The provider's own code.
    pub code: String,
    /// The provider's own words.
    pub message: String,
}

/// How a refusal is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// Too many requests: wait longer, count no failure.
    Throttled,
    /// The provider has no such machine free now: wait longer, count no failure.
    Capacity,
    /// Something is not yet as the call needs it: look again, count no failure.
    NotYet,
    /// The address or name is held by something else.
    Conflict,
    /// The request can never succeed as it is.
    Fatal,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Action {
    /// A word for it, for people and logs.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::CreateResource { .. } => "create resource",
            Self::CreateVolume { .. } => "create volume",
            Self::CreateMachine(_) => "create machine",
            Self::StartMachine { .. } => "start machine",
            Self::RebootMachine { .. } => "reboot machine",
            Self::TerminateMachine { .. } => "terminate machine",
            Self::AttachVolume { .. } => "attach volume",
            Self::ForceDetach { .. } => "force-detach volume",
            Self::MarkFormed { .. } => "mark volume formed",
            Self::RetireVolume { .. } => "retire volume",
            Self::SetAvailability { .. } => "set availability",
            Self::SetRole { .. } => "set role",
            Self::SetLabels { .. } => "set labels",
            Self::RemoveNode { .. } => "remove node",
        }
    }

    /// True for what goes to the Swarm and not to the provider.
    #[must_use]
    pub const fn is_for_swarm(&self) -> bool {
        matches!(
            self,
            Self::SetAvailability { .. } | Self::SetRole { .. } | Self::SetLabels { .. } | Self::RemoveNode { .. }
        )
    }
}
