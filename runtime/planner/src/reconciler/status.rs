//! What a replica says of itself and of its cluster, for people.

use std::collections::BTreeMap;

use kit_model::{
    Address, Blocked, Epoch, MachineId, MachineState, NodeId, NodeState, OperationKind, Reason, RevisionId, Risk,
    VolumeId,
};
use serde::{Deserialize, Serialize};

use super::Reconciler;
use crate::memory::is_whole;
use crate::survey::Survey;

/// What a replica is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaRole {
    /// Another leads.
    Standby,
    /// Its engine leads; it may not act yet, or had nothing to write yet.
    Waiting,
    /// It wrote the head last and acts.
    Holder,
    /// No quorum is left, and it is this replica's turn.
    Rescuer,
    /// It is too old for this cluster.
    StoodDown,
}

/// What a replica says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who says it.
    pub member: Address,
    /// What it is.
    pub role: ReplicaRole,
    /// The epoch of the head that it saw last.
    pub epoch: Option<Epoch>,
    /// The revision of that head.
    pub revision: Option<RevisionId>,
    /// Who wrote that head.
    pub holder: Option<Address>,
    /// What it waits for as a whole.
    pub waits: Option<Reason>,
    /// What waits, by address.
    pub blocked: Vec<Blocked>,
    /// What was last begun: address, verb and reason.
    pub steps: Vec<(Address, String, String)>,
    /// Pinned members.
    pub members: BTreeMap<Address, MemberStatus>,
    /// Groups.
    pub groups: BTreeMap<String, GroupStatus>,
    /// Voters, at the last decision.
    pub risk: Risk,
    /// True if the last look found everything as the revision says, and nothing open.
    pub converged: bool,
}

/// One pinned member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its private address.
    pub ip: Option<std::net::IpAddr>,
    /// Its machine and that one's state.
    pub machine: Option<(MachineId, MachineState)>,
    /// Its volume.
    pub volume: Option<VolumeId>,
    /// Its node and that one's state.
    pub node: Option<(NodeId, NodeState)>,
    /// True if it is all that it should be.
    pub whole: bool,
    /// The operation that is open for it.
    pub operation: Option<OperationKind>,
    /// What it waits for.
    pub waits: Option<Reason>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// How many it is to have.
    pub count: u32,
    /// How many are all that they should be.
    pub whole: u32,
}

impl Reconciler {
    /// What this replica says of itself and of its cluster.
    #[must_use]
    pub fn status(&self) -> Status {
        let head = self.seen.as_ref().map(|seen| &seen.head.value);
        let mut status = Status {
            member: self.identity.member.clone(),
            role: self.role,
            epoch: head.map(|head| head.epoch),
            revision: head.map(|head| head.revision.clone()),
            holder: head.and_then(|head| head.holder.as_ref()).map(|holder| holder.member.clone()),
            waits: self.last.plan.blocked.iter().find(|one| one.address.is_none()).map(|one| one.reason.clone()),
            blocked: self.last.plan.blocked.clone(),
            steps: self
                .last
                .plan
                .steps
                .iter()
                .map(|step| (step.address.clone(), step.action.verb().to_owned(), step.why.clone()))
                .collect(),
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            risk: self.last.plan.risk,
            converged: self.last.converged,
        };
        let Some(head) = head else { return status };
        let (Some(spec), Some(inventory)) = (self.specs.get(&head.revision), &self.last.inventory) else {
            return status;
        };
        let none = kit_model::SwarmView::default();
        let swarm = self.last.swarm.as_deref().unwrap_or(&none);
        let survey = Survey::new(spec, inventory, swarm);
        for group in spec.groups.values() {
            let slots = (1..=group.count).filter(|_| group.members.is_empty());
            let slots = slots.map(|slot| Address::of_slot(&group.name, slot));
            let all = group.members.iter().cloned().chain(slots);
            let whole = all.filter(|address| is_whole(spec, address, survey.sight(address))).count();
            let whole = u32::try_from(whole).unwrap_or(u32::MAX);
            status.groups.insert(group.name.clone(), GroupStatus { count: group.count, whole });
        }
        for (address, member) in &spec.members {
            let sight = survey.sight(address);
            let machine = sight.live().last().or_else(|| sight.dead());
            let node = machine.and_then(|machine| sight.node_of(machine)).or_else(|| sight.nodes().next());
            let waits = status.blocked.iter().find(|one| one.address.as_ref() == Some(address));
            let told = MemberStatus {
                ip: member.ip,
                machine: machine.map(|machine| (machine.id.clone(), machine.state)),
                volume: sight.volume().map(|volume| volume.id.clone()),
                node: node.map(|node| (node.id.clone(), node.state)),
                whole: is_whole(spec, address, sight),
                operation: head.operations.get(address).map(|operation| operation.kind),
                waits: waits.map(|one| one.reason.clone()),
            };
            status.members.insert(address.clone(), told);
        }
        status
    }
}
