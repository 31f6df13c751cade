//! What only exploration in virtual time needs: another seed from here on, calls that left long ago, nodes as they
//! truly are.

use kit_model::{Address, Availability, Call, ClusterUid, Generation, MachineId, NodeId, Outcome};

use super::SimCloud;
use crate::ground_truth::Sender;
use crate::random::Random;
use crate::records::{Key, machine_id, machine_key, node_key};

/// An entry of the Swarm's list, as it truly is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTruth {
    /// The Swarm's ID of it.
    pub id: NodeId,
    /// Which member or slot it says it is.
    pub address: Address,
    /// Which making of it.
    pub generation: Generation,
    /// The machine whose engine it is; none for a phantom.
    pub machine: Option<MachineId>,
    /// True if it votes.
    pub votes: bool,
    /// True if the leader's side hears from it.
    pub serves: bool,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// Since when, in milliseconds.
    pub availability_ms: u64,
    /// Tasks that run on it.
    pub tasks: u32,
}

impl SimCloud {
    /// Draws from another seed from now on.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
        self.touch();
    }

    /// A call that left its sender at `sent_ms` arrives now, whatever became of the sender meanwhile.
    pub fn arrive(&mut self, from: &Sender, uid: &ClusterUid, call: &Call, sent_ms: u64, now_ms: u64) -> Outcome {
        self.advance(now_ms);
        self.touch();
        self.carry_out(from, uid, call, sent_ms, true)
    }

    /// The entry with this ID.
    #[must_use]
    pub fn node(&self, node: &NodeId) -> Option<NodeTruth> {
        self.node_truth(node_key(node)?)
    }

    /// The entry whose engine runs on this machine.
    #[must_use]
    pub fn node_on(&self, machine: &MachineId) -> Option<NodeTruth> {
        self.node_truth(self.machines.get(&machine_key(machine)?)?.node?)
    }

    /// Every entry of the Swarm's list.
    pub fn nodes_truly(&self) -> impl Iterator<Item = NodeTruth> {
        let keys = self.swarm.iter().flat_map(|swarm| swarm.entries.keys());
        keys.filter_map(|key| self.node_truth(*key))
    }

    fn node_truth(&self, key: Key) -> Option<NodeTruth> {
        let swarm = self.swarm.as_ref()?;
        let entry = swarm.entries.get(&key)?;
        let machine = entry.machine.and_then(|machine| self.machines.get(&machine));
        let runs = machine.is_some_and(|machine| machine.engine_runs() && machine.broken.is_none());
        Some(NodeTruth {
            id: entry.id.clone(),
            address: entry.address.clone(),
            generation: entry.generation,
            machine: entry.machine.map(machine_id),
            votes: swarm.voters.contains(&key),
            serves: runs && entry.link.up,
            availability: entry.availability,
            availability_ms: entry.availability_ms,
            tasks: if runs { self.tasks_of(entry, kit_model::NodeState::Ready) } else { 0 },
        })
    }
}
