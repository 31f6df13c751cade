//! What a cluster lacks to be what its spec asks for, as far as an onlooker can see.

use std::collections::BTreeMap;

use kit_model::{
    Address, Head, Inventory, Machine, MachineState, Node, NodeState, Reachability, Role, Spec, SwarmView, Volume,
};

/// Something that is not yet as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The member, slot or resource; none for the whole cluster.
    pub address: Option<Address>,
    /// What it lacks.
    pub why: String,
    /// True if it is whole, and Kit only watches whether it stays so.
    pub settling: bool,
    /// True if nothing is known to be wrong, but nobody says whether its node answers.
    pub unknown: bool,
}

/// What `inventory` and `swarm` lack to be `spec`; `swarm` is none while nobody says what its nodes are, and what is
/// unknown is not absent. Linear but for sorting.
#[must_use]
pub fn lacks(spec: &Spec, inventory: &Inventory, swarm: Option<&SwarmView>, head: &Head) -> Vec<Lack> {
    let seen = Seen::of(inventory, swarm);
    let mut lacks = Vec::new();
    let mut settling = Vec::new();
    let mut lack = |address: Option<&Address>, why: String| {
        lacks.push(Lack { address: address.cloned(), why, settling: false, unknown: false });
    };
    if head.revision != spec.revision {
        lack(None, format!("the committed revision is {}", head.revision));
    }
    if let Some(why) = &head.paused {
        lack(None, format!("the cluster is paused: {why}"));
    }
    if !inventory.complete {
        lack(None, "the provider's listing is not complete".to_owned());
    }
    for resource in &spec.resources {
        match inventory.resources.iter().find(|live| live.address == resource.address) {
            None => lack(Some(&resource.address), "does not exist".to_owned()),
            Some(live) if !live.ready => lack(Some(&resource.address), "is being made".to_owned()),
            Some(_) => {}
        }
    }
    for group in spec.groups.values() {
        let slots = (1..=group.count).map(|slot| Address::of_slot(&group.name, slot));
        let addresses: Vec<Address> = if group.members.is_empty() { slots.collect() } else { group.members.clone() };
        for address in &addresses {
            if let Some(why) = seen.lack_of(spec, group.role, address) {
                lack(Some(address), why);
            } else if let Some(why) = seen.unknown_of(group.role, address) {
                let why = why.to_owned();
                settling.push(Lack { address: Some(address.clone()), why, settling: false, unknown: true });
            } else if head.intent(address).is_some() {
                let why = "whole; Kit watches whether it stays so".to_owned();
                settling.push(Lack { address: Some(address.clone()), why, settling: true, unknown: false });
            }
        }
    }
    for (address, machines) in &seen.machines {
        if spec.content_of(address).is_none() {
            let ids: Vec<&str> = machines.iter().map(|machine| machine.id.as_str()).collect();
            lack(Some(address), format!("is not asked for any more; {} is still there", ids.join(", ")));
        }
    }
    for address in seen.nodes.keys().filter(|address| spec.content_of(address).is_none()) {
        lack(Some(address), "is not asked for any more and has a node in the Swarm".to_owned());
    }
    // After what lacks: it only takes time.
    lacks.append(&mut settling);
    lacks
}

/// What was seen, by address.
struct Seen<'a> {
    machines: BTreeMap<&'a Address, Vec<&'a Machine>>,
    volumes: BTreeMap<&'a Address, Vec<&'a Volume>>,
    nodes: BTreeMap<&'a Address, Vec<&'a Node>>,
    /// Nobody said what the nodes are.
    nodes_unknown: bool,
}

impl<'a> Seen<'a> {
    fn of(inventory: &'a Inventory, swarm: Option<&'a SwarmView>) -> Self {
        let mut seen = Self {
            machines: BTreeMap::new(),
            volumes: BTreeMap::new(),
            nodes: BTreeMap::new(),
            nodes_unknown: swarm.is_none(),
        };
        for machine in inventory.machines.iter().filter(|machine| !machine.state.is_terminal()) {
            seen.machines.entry(&machine.marks.address).or_default().push(machine);
        }
        for volume in &inventory.volumes {
            seen.volumes.entry(&volume.marks.address).or_default().push(volume);
        }
        for node in swarm.iter().flat_map(|swarm| &swarm.nodes) {
            if let Some(address) = &node.address {
                seen.nodes.entry(address).or_default().push(node);
            }
        }
        seen
    }

    /// Why nobody says whether the node of `address` answers, if nobody does: what is unknown is not down.
    fn unknown_of(&self, role: Role, address: &Address) -> Option<&'static str> {
        if role == Role::Plain {
            return None;
        }
        if self.nodes_unknown {
            return Some("its node is unknown: the Swarm has no leader to ask");
        }
        let Some([node]) = self.nodes.get(address).map(Vec::as_slice) else { return None };
        let unreachable = node.manager.is_some_and(|status| status.reachability == Reachability::Unreachable);
        (node.is_unknown() && !unreachable).then_some("its node is unknown: the leader has not heard of it yet")
    }

    fn lack_of(&self, spec: &Spec, role: Role, address: &Address) -> Option<String> {
        let machine = match self.machines.get(address).map(Vec::as_slice) {
            None | Some([]) => return Some("has no machine".to_owned()),
            Some([machine]) => *machine,
            Some(machines) => return Some(format!("has {} machines", machines.len())),
        };
        if machine.state != MachineState::Running {
            return Some(format!("its machine {} {}", machine.id, state_in_words(machine.state)));
        }
        if spec.content_of(address) != Some(&machine.marks.content) {
            return Some(format!("its machine {} is made from an earlier revision", machine.id));
        }
        if spec.members.get(address).is_some_and(|member| member.volume.is_some()) {
            let whole = self.volumes.get(address).is_some_and(|volumes| {
                volumes
                    .iter()
                    .any(|volume| volume.holder().is_some_and(|holder| holder.attached && holder.machine == machine.id))
            });
            if !whole {
                return Some("its volume is not attached".to_owned());
            }
        }
        match (role, self.nodes.get(address).map(Vec::as_slice)) {
            (Role::Plain, _) => None,
            _ if self.unknown_of(role, address).is_some() => None,
            (_, None | Some([])) => Some("its node has not joined".to_owned()),
            (Role::Manager, Some([node])) => {
                (!node.is_healthy_voter()).then(|| "its node is no healthy manager yet".to_owned())
            }
            (Role::Worker, Some([node])) => {
                (node.state != NodeState::Ready).then(|| "its node is not ready".to_owned())
            }
            (Role::Manager | Role::Worker, Some(nodes)) => Some(format!("has {} nodes in the Swarm", nodes.len())),
        }
    }
}

/// A state, to stand after the machine's name.
pub(crate) const fn state_in_words(state: MachineState) -> &'static str {
    match state {
        MachineState::Pending => "is being made",
        MachineState::Running => "runs",
        MachineState::Stopping => "is stopping",
        MachineState::Stopped => "is stopped",
        MachineState::ShuttingDown => "is shutting down",
        MachineState::Terminated => "is gone",
        MachineState::Unknown => "is in a state that the provider does not say",
    }
}
