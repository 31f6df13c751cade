//! What the provider has, as one listing saw it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Now;
use crate::identity::{Address, ClusterUid, ContentHash, Generation, MachineId, ResourceId, Token, VolumeId};

/// The object that makes a cluster unique: its name is unique with the provider, and it holds the uid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The uid that the winner of the claim wrote. It never changes.
    pub uid: ClusterUid,
}

/// One listing of everything that carries this cluster's mark, and of who holds its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Machines, terminated ones too as long as the provider shows them, in order of ID.
    pub machines: Vec<Machine>,
    /// Volumes, in order of ID.
    pub volumes: Vec<Volume>,
    /// Other resources, in order of address.
    pub resources: Vec<LiveResource>,
    /// Holders of this cluster's addresses that carry no mark of it.
    pub strangers: Vec<Stranger>,
    /// True if every page arrived. What a partial listing lacks is unknown, never absent.
    pub complete: bool,
    /// True if the provider promises that a listing shows everything that was acknowledged before it.
    pub strong: bool,
    /// When the listing was begun.
    pub at: Now,
}

/// Write-once marks of ownership, given in the creating call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Whose it is.
    pub uid: ClusterUid,
    /// What it is.
    pub address: Address,
    /// Which making of it this is.
    pub generation: Generation,
    /// What it was made from.
    pub content: ContentHash,
    /// The token that it was made with.
    pub token: Token,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The provider's ID.
    pub id: MachineId,
    /// Marks of this cluster.
    pub marks: Marks,
    /// Its state.
    pub state: MachineState,
    /// Its private address; held until it is terminated.
    pub ip: Option<IpAddr>,
}

/// A machine's state with its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// Being made.
    Pending,
    /// Running; says nothing of what runs on it.
    Running,
    /// On the way to stopped; still holds address and volume.
    Stopping,
    /// Stopped: not gone. It holds address and volume and can be started.
    Stopped,
    /// On the way to its end; still holds address and volume.
    ShuttingDown,
    /// Gone for good. Its address is free; its volume may still need detaching.
    Terminated,
    /// The provider did not say. Never taken for dead.
    Unknown,
}

impl MachineState {
    /// True if the machine is gone for good: the only evidence of death.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Terminated)
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The provider's ID.
    pub id: VolumeId,
    /// Marks of this cluster.
    pub marks: Marks,
    /// Its state.
    pub state: VolumeState,
    /// The write-once mark that it has held the state of a formed Swarm.
    pub formed: bool,
}

/// A volume's state with its provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeState {
    /// Being made.
    Creating,
    /// Whole and held by no machine.
    Available,
    /// Held by a machine.
    Held(Attachment),
    /// The provider did not say.
    Unknown,
}

/// A machine's hold on a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The holder.
    pub machine: MachineId,
    /// True once the machine can use the volume; false while attaching or detaching.
    pub attached: bool,
}

/// A declared resource that exists: a network, a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveResource {
    /// The provider's ID.
    pub id: ResourceId,
    /// Its address in the graph.
    pub address: Address,
    /// What it was made from.
    pub content: ContentHash,
    /// True once it can be used.
    pub ready: bool,
}

/// Something without our mark that holds one of our addresses: reported, never touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// The address that it holds.
    pub ip: IpAddr,
    /// What the provider calls it.
    pub what: String,
}

impl Inventory {
    /// Machines of `address`, dead ones too.
    pub fn machines_of<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = &'a Machine> {
        self.machines.iter().filter(move |machine| machine.marks.address == *address)
    }

    /// The volume of `address`.
    #[must_use]
    pub fn volume_of(&self, address: &Address) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.marks.address == *address)
    }
}

impl Volume {
    /// Who holds it.
    #[must_use]
    pub const fn holder(&self) -> Option<&Attachment> {
        match &self.state {
            VolumeState::Held(attachment) => Some(attachment),
            VolumeState::Creating | VolumeState::Available | VolumeState::Unknown => None,
        }
    }
}
