//! How things truly are: for whoever checks invariants and for tests. No part of Kit decides by it.

use std::net::IpAddr;

use kit_model::{Action, Address, BootDocument, BootId, ClusterUid, Generation, MachineId, NodeId};

use super::SimCloud;
use crate::ground_truth::{GroundTruth, Sender, VotersAtDeed};
use crate::records::{Key, SimMachine, SimResource, SimVolume, machine_id, machine_key, node_key};

/// An entry that votes, as it truly is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterTruth {
    /// The Swarm's ID of it.
    pub node: NodeId,
    /// Which member it says it is.
    pub address: Address,
    /// Which making of it.
    pub generation: Generation,
    /// Where it was last seen.
    pub ip: Option<IpAddr>,
    /// The machine whose engine it is; none for a phantom.
    pub machine: Option<MachineId>,
    /// True if that engine runs and reaches the leader's side.
    pub healthy: bool,
}

impl SimCloud {
    /// What was truly asked and done.
    #[must_use]
    pub const fn truth(&self) -> &GroundTruth {
        &self.truth
    }

    /// Every machine that is not forgotten, in order of ID.
    pub fn machines(&self) -> impl Iterator<Item = &SimMachine> {
        self.machines.values()
    }

    /// The machine with this ID.
    #[must_use]
    pub fn machine(&self, id: &MachineId) -> Option<&SimMachine> {
        self.machines.get(&machine_key(id)?)
    }

    /// Machines of `address` that are not forgotten, the oldest first.
    pub fn machines_at<'a>(&'a self, address: &Address) -> impl Iterator<Item = &'a SimMachine> {
        self.by_address.get(address).into_iter().flatten().filter_map(|key| self.machines.get(key))
    }

    /// Machines of `address` that are not gone for good.
    pub fn live_machines_at<'a>(&'a self, address: &Address) -> impl Iterator<Item = &'a SimMachine> {
        self.machines_at(address).filter(|machine| !machine.state.is_terminal())
    }

    /// How many machines are not gone for good.
    #[must_use]
    pub const fn live_machine_count(&self) -> u32 {
        self.live_machines
    }

    /// Every volume, retired ones too, in order of ID.
    pub fn volumes(&self) -> impl Iterator<Item = &SimVolume> {
        self.volumes.values()
    }

    /// The machine that holds `volume`, attaching and detaching too.
    #[must_use]
    pub fn holder_of(&self, volume: &SimVolume) -> Option<MachineId> {
        volume.state.holder().map(machine_id)
    }

    /// Every declared resource, in order of address.
    pub fn resources(&self) -> impl Iterator<Item = &SimResource> {
        self.resources.values()
    }

    /// Whether the machine of `member` runs and is booted, so that a replica on it goes on.
    #[must_use]
    pub fn machine_runs(&self, member: &Address) -> bool {
        self.machine_of(member).and_then(|key| self.machines.get(&key)).is_some_and(SimMachine::runs)
    }

    /// This boot of the machine of `member`, if it runs or is frozen.
    #[must_use]
    pub fn boot_id(&self, member: &Address) -> Option<BootId> {
        let machine = self.machines.get(&self.machine_of(member)?)?;
        machine.booted.then(|| machine.boot_id())
    }

    /// What the machine of `member` was told when it booted.
    #[must_use]
    pub fn boot_document(&self, member: &Address) -> Option<&BootDocument> {
        self.machines.get(&self.machine_of(member)?).map(|machine| &*machine.boot)
    }

    /// The cluster whose Swarm there is.
    #[must_use]
    pub fn swarm_uid(&self) -> Option<&ClusterUid> {
        self.swarm.as_ref().map(|swarm| &swarm.uid)
    }

    /// The member whose machine truly leads: it can commit.
    #[must_use]
    pub fn leader(&self) -> Option<Address> {
        let leader = self.swarm.as_ref()?.leader?;
        self.machines.get(&leader).map(|machine| machine.boot.address.clone())
    }

    /// When the last election was, and how many there were.
    #[must_use]
    pub fn elections(&self) -> (u64, u64) {
        self.swarm.as_ref().map_or((0, 0), |swarm| (swarm.elected_ms, swarm.elections))
    }

    /// Every entry that votes.
    #[must_use]
    pub fn voters(&self) -> Vec<VoterTruth> {
        let Some(swarm) = &self.swarm else { return Vec::new() };
        let voters = swarm.voters.iter().filter_map(|node| Some((*node, swarm.entries.get(node)?)));
        voters
            .map(|(node, entry)| VoterTruth {
                node: entry.id.clone(),
                address: entry.address.clone(),
                generation: entry.generation,
                ip: entry.ip,
                machine: entry.machine.map(machine_id),
                healthy: self.voter_island(node) == Some(swarm.home),
            })
            .collect()
    }

    /// Half of all entries that vote, phantoms too, and one.
    #[must_use]
    pub fn majority(&self) -> u32 {
        self.swarm.as_ref().map_or(1, |swarm| u32::try_from(swarm.majority()).unwrap_or(u32::MAX))
    }

    /// True if some side has a majority of all voters running: then it has a leader, or will.
    #[must_use]
    pub fn has_quorum(&self) -> bool {
        let Some(swarm) = &self.swarm else { return false };
        let needed = swarm.majority();
        swarm.voters.iter().filter_map(|node| self.voter_island(*node)).any(|island| self.voters_up(island) >= needed)
    }

    /// Which machine's engine is the node, if one is.
    #[must_use]
    pub fn machine_of_node(&self, node: &NodeId) -> Option<&SimMachine> {
        let entry = self.swarm.as_ref()?.entries.get(&node_key(node)?)?;
        self.machines.get(&entry.machine?)
    }

    /// True if the machine's engine is on the Swarm's list, and as a voter if its boot document says so, and the
    /// leader's side hears from it.
    #[must_use]
    pub fn is_joined(&self, machine: &SimMachine) -> bool {
        let Some(swarm) = &self.swarm else { return false };
        machine.node.is_some_and(|node| {
            swarm.entries.get(&node).is_some_and(|entry| entry.link.up)
                && (!machine.boot.manager || swarm.voters.contains(&node))
        })
    }

    /// How many entries the Swarm lists.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.swarm.as_ref().map_or(0, |swarm| swarm.entries.len())
    }

    pub(super) fn voters_at(&self, from: &Sender, action: &Action) -> Option<VotersAtDeed> {
        let (machine, node) = match action {
            Action::TerminateMachine { machine }
            | Action::RebootMachine { machine }
            | Action::ForceDetach { machine, .. } => {
                let key = machine_key(machine)?;
                (Some(key), self.machines.get(&key).and_then(|machine| machine.node))
            }
            Action::SetRole { node, .. } | Action::RemoveNode { node } => {
                let key = node_key(node)?;
                let machine = self.swarm.as_ref().and_then(|swarm| swarm.entries.get(&key)?.machine);
                (machine, Some(key))
            }
            _ => return None,
        };
        Some(self.voters_with(from, machine, node))
    }

    pub(super) fn voters_with(&self, from: &Sender, machine: Option<Key>, node: Option<Key>) -> VotersAtDeed {
        let voters = self.voters();
        let target = node.and_then(|node| voters.iter().find(|voter| node_key(&voter.node) == Some(node)));
        let mut healthy: Vec<&Address> =
            voters.iter().filter(|voter| voter.healthy).map(|voter| &voter.address).collect();
        healthy.sort();
        healthy.dedup();
        let sender = match from {
            Sender::Member(member) => self.machine_of(member),
            Sender::Operator => None,
        };
        VotersAtDeed {
            entries: u32::try_from(voters.len()).unwrap_or(u32::MAX),
            healthy: u32::try_from(healthy.len()).unwrap_or(u32::MAX),
            target_votes: target.is_some(),
            target_healthy: target.is_some_and(|voter| voter.healthy),
            machine: machine.and_then(|key| self.machines.get(&key)).map(|machine| machine.state),
            target_is_sender: machine.is_some() && machine == sender,
        }
    }
}
