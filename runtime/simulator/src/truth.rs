//! The truth of the simulated cloud, in the words that the invariants use.

use kit_model::{Address, ClusterUid, Generation, MachineId, MachineState, NodeId, Token, VolumeId};
use kit_sim::{NodeTruth, SimCloud, SimMachine, SimVolume, SimVolumeState};

/// The cloud as it truly is.
pub(crate) struct Truth<'a> {
    cloud: &'a SimCloud,
    uid: &'a ClusterUid,
}

/// A machine as it truly is.
#[derive(Debug, Clone)]
pub(crate) struct TrueMachine {
    pub(crate) id: MachineId,
    pub(crate) address: Address,
    pub(crate) generation: Generation,
    pub(crate) token: Token,
    /// True if it carries this cluster's mark.
    pub(crate) ours: bool,
    pub(crate) state: MachineState,
    pub(crate) ip: Option<std::net::IpAddr>,
}

/// A voter as it truly is.
#[derive(Debug, Clone)]
pub(crate) struct TrueVoter {
    pub(crate) node: NodeId,
    pub(crate) address: Address,
    /// The machine that carries it; none for a phantom.
    pub(crate) machine: Option<MachineId>,
    /// True if it answers the other voters.
    pub(crate) healthy: bool,
}

impl<'a> Truth<'a> {
    pub(crate) const fn of(cloud: &'a SimCloud, uid: &'a ClusterUid) -> Self {
        Self { cloud, uid }
    }

    fn true_machine(&self, machine: &SimMachine) -> TrueMachine {
        TrueMachine {
            id: machine.id.clone(),
            address: machine.marks.address.clone(),
            generation: machine.marks.generation,
            token: machine.marks.token.clone(),
            ours: machine.marks.uid == *self.uid,
            state: machine.state,
            ip: machine.ip,
        }
    }

    pub(crate) fn machine(&self, id: &MachineId) -> Option<TrueMachine> {
        self.cloud.machine(id).map(|machine| self.true_machine(machine))
    }

    /// Machines of `address` that are not gone for good.
    pub(crate) fn live_machines_of(&self, address: &Address) -> impl Iterator<Item = TrueMachine> {
        self.cloud.live_machines_at(address).map(|machine| self.true_machine(machine))
    }

    /// True if a machine of `address` was ever made, as far as the provider remembers.
    pub(crate) fn ever_made(&self, address: &Address) -> bool {
        self.cloud.machines_at(address).next().is_some()
    }

    /// How many machines of a group are as `matches` says.
    pub(crate) fn count_in_group(&self, group: &str, matches: impl Fn(&SimMachine) -> bool) -> usize {
        self.cloud.machines().filter(|machine| machine.marks.address.group() == group && matches(machine)).count()
    }

    /// True if a machine with this token exists.
    pub(crate) fn holds_token(&self, address: &Address, token: &Token) -> bool {
        self.cloud.machines_at(address).any(|machine| machine.marks.token == *token)
    }

    pub(crate) fn count_live(&self) -> usize {
        usize::try_from(self.cloud.live_machine_count()).unwrap_or(usize::MAX)
    }

    /// How many entries the Swarm lists that are to be there. One without a vote and an engine whose generation's
    /// machine lives may not be removed, and does no harm.
    pub(crate) fn count_nodes(&self) -> usize {
        self.cloud
            .nodes_truly()
            .filter(|node| {
                node.votes
                    || node.machine.is_some()
                    || !self.cloud.live_machines_at(&node.address).any(|it| it.marks.generation == node.generation)
            })
            .count()
    }

    pub(crate) fn voters(&self) -> Vec<TrueVoter> {
        self.cloud
            .voters()
            .into_iter()
            .map(|voter| TrueVoter {
                node: voter.node,
                address: voter.address,
                machine: voter.machine,
                healthy: voter.healthy,
            })
            .collect()
    }

    pub(crate) fn node(&self, id: &NodeId) -> Option<NodeTruth> {
        self.cloud.node(id)
    }

    pub(crate) fn node_on(&self, machine: &MachineId) -> Option<NodeTruth> {
        self.cloud.node_on(machine)
    }

    /// Whose volume this is.
    pub(crate) fn volume(&self, id: &VolumeId) -> Option<Address> {
        self.cloud.volumes().find(|volume| volume.id == *id).map(|volume| volume.marks.address.clone())
    }

    /// The volume of a member, if it has one.
    pub(crate) fn volume_id_of(&self, address: &Address) -> Option<VolumeId> {
        self.volumes_at(address).next().map(|volume| volume.id.clone())
    }

    /// How many volumes a member has.
    pub(crate) fn volumes_of(&self, address: &Address) -> usize {
        self.volumes_at(address).count()
    }

    fn volumes_at(&self, address: &Address) -> impl Iterator<Item = &SimVolume> {
        self.cloud.volumes().filter(move |volume| !volume.retired && volume.marks.address == *address)
    }

    /// True if the member has a volume that was made under another token.
    pub(crate) fn has_other_volume(&self, address: &Address, token: &Token) -> bool {
        self.volumes_at(address).any(|volume| volume.marks.token != *token)
    }

    /// True if this volume is another cluster's.
    pub(crate) fn is_foreign_volume(&self, id: &VolumeId) -> bool {
        self.cloud.volumes().any(|volume| volume.id == *id && volume.marks.uid != *self.uid)
    }

    /// True if a voter that answers the others has its state on this volume.
    pub(crate) fn serves_from(&self, id: &VolumeId) -> bool {
        let volume = self.cloud.volumes().find(|volume| volume.id == *id);
        let holder = volume.and_then(|volume| self.cloud.holder_of(volume));
        holder.is_some_and(|holder| {
            self.voters().iter().any(|voter| voter.machine == Some(holder.clone()) && voter.healthy)
        })
    }

    /// True if the member's volume is attached to this machine.
    pub(crate) fn holds_own_volume(&self, machine: &TrueMachine) -> bool {
        self.volumes_at(&machine.address).any(|volume| {
            matches!(volume.state, SimVolumeState::Attached(_))
                && self.cloud.holder_of(volume).as_ref() == Some(&machine.id)
        })
    }

    pub(crate) fn any_formed(&self) -> bool {
        self.cloud.volumes().any(|volume| volume.formed)
    }

    /// True if this is nothing that a cluster made: then its ID is none of the provider's machines.
    pub(crate) fn is_stranger(&self, id: &MachineId) -> bool {
        !id.as_str().starts_with("i-")
    }

    /// What the cloud itself saw go wrong, of this invariant.
    pub(crate) fn violation(&self, invariant: &str) -> Option<&'a str> {
        self.cloud
            .truth()
            .violations()
            .iter()
            .find(|violation| violation.invariant == invariant)
            .map(|violation| violation.what.as_str())
    }
}
