//! Everything that was seen, found by address: one pass over a listing and over the Swarm's nodes.

use std::collections::BTreeMap;

use kit_model::{
    Address, GroupSpec, Inventory, Machine, MachineId, MachineState, Node, NodeState, Spec, SwarmView, Volume,
};

/// A number for an address: the group, and the member or slot within it.
pub(crate) type Key = u64;

/// The group number of what the spec does not name.
const OUTSIDE: u32 = u32::MAX;

/// What was seen, sorted by key.
pub(crate) struct Survey<'a> {
    groups: BTreeMap<&'a str, Group<'a>>,
    outside: BTreeMap<&'a Address, u32>,
    machines: Vec<(Key, &'a Machine)>,
    volumes: Vec<(Key, &'a Volume)>,
    nodes: Vec<(Key, &'a Node)>,
}

struct Group<'a> {
    number: u32,
    count: u32,
    /// Members by ID; none for a group with a count.
    members: BTreeMap<&'a str, u32>,
}

/// What was seen of one address.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'s, 'a> {
    pub(crate) machines: &'s [(Key, &'a Machine)],
    pub(crate) volumes: &'s [(Key, &'a Volume)],
    pub(crate) nodes: &'s [(Key, &'a Node)],
}

/// Where a walk in ascending order of keys stands.
#[derive(Default)]
pub(crate) struct Walk {
    machines: usize,
    volumes: usize,
    nodes: usize,
}

fn key(group: u32, within: u32) -> Key {
    (Key::from(group) << 32) | Key::from(within)
}

impl<'a> Survey<'a> {
    pub(crate) fn new(spec: &'a Spec, inventory: &'a Inventory, swarm: &'a SwarmView) -> Self {
        let mut groups = BTreeMap::new();
        for (number, group) in (0u32..).zip(spec.groups.values()) {
            let members =
                (0u32..).zip(&group.members).filter_map(|(index, id)| Some((id.within_group()?, index))).collect();
            groups.insert(group.name.as_str(), Group { number, count: group.count, members });
        }
        let mut survey = Self {
            groups,
            outside: BTreeMap::new(),
            machines: Vec::with_capacity(inventory.machines.len()),
            volumes: Vec::with_capacity(inventory.volumes.len()),
            nodes: Vec::with_capacity(swarm.nodes.len()),
        };
        for machine in &inventory.machines {
            let key = survey.enter(&machine.marks.address);
            survey.machines.push((key, machine));
        }
        for volume in &inventory.volumes {
            let key = survey.enter(&volume.marks.address);
            survey.volumes.push((key, volume));
        }
        for node in &swarm.nodes {
            if let Some(address) = &node.address {
                let key = survey.enter(address);
                survey.nodes.push((key, node));
            }
        }
        // Stable, so what has one key stays in order of ID.
        survey.machines.sort_by_key(|(key, _)| *key);
        survey.volumes.sort_by_key(|(key, _)| *key);
        survey.nodes.sort_by_key(|(key, _)| *key);
        survey
    }

    fn known(&self, address: &Address) -> Option<Key> {
        let group = self.groups.get(address.group())?;
        let within = address.within_group()?;
        if group.members.is_empty() {
            let slot: u32 = within.parse().ok()?;
            (slot >= 1 && slot <= group.count).then(|| key(group.number, slot))
        } else {
            group.members.get(within).map(|index| key(group.number, *index))
        }
    }

    fn enter(&mut self, address: &'a Address) -> Key {
        self.known(address).unwrap_or_else(|| {
            let next = u32::try_from(self.outside.len()).unwrap_or(u32::MAX);
            key(OUTSIDE, *self.outside.entry(address).or_insert(next))
        })
    }

    /// The key of the member at this place of its group, or of this slot.
    pub(crate) fn key_in(&self, group: &GroupSpec, within: u32) -> Key {
        self.groups.get(group.name.as_str()).map_or(Key::MAX, |found| key(found.number, within))
    }

    /// What was seen of `address`.
    pub(crate) fn sight(&self, address: &Address) -> Sight<'_, 'a> {
        let key = self
            .known(address)
            .or_else(|| self.outside.get(address).map(|within| key(OUTSIDE, *within)))
            .unwrap_or(Key::MAX);
        Sight {
            machines: slice(&self.machines, key),
            volumes: slice(&self.volumes, key),
            nodes: slice(&self.nodes, key),
        }
    }

    /// What was seen under `key`, which must not be smaller than the last one of this walk.
    pub(crate) fn next(&self, walk: &mut Walk, key: Key) -> Sight<'_, 'a> {
        Sight {
            machines: advance(&self.machines, &mut walk.machines, key),
            volumes: advance(&self.volumes, &mut walk.volumes, key),
            nodes: advance(&self.nodes, &mut walk.nodes, key),
        }
    }

    /// Addresses that were seen and that the spec does not name, in order.
    pub(crate) fn outside(&self) -> impl Iterator<Item = &'a Address> + '_ {
        self.outside.keys().copied()
    }
}

fn slice<T>(all: &[(Key, T)], key: Key) -> &[(Key, T)] {
    let from = all.partition_point(|(at, _)| *at < key);
    let length = all[from..].iter().take_while(|(at, _)| *at == key).count();
    &all[from..from + length]
}

fn advance<'s, T>(all: &'s [(Key, T)], position: &mut usize, key: Key) -> &'s [(Key, T)] {
    while all.get(*position).is_some_and(|(at, _)| *at < key) {
        *position += 1;
    }
    let from = *position;
    while all.get(*position).is_some_and(|(at, _)| *at == key) {
        *position += 1;
    }
    // The position stays before what was given out, so that the same key may be asked for again.
    let to = *position;
    *position = from;
    &all[from..to]
}

impl<'s, 'a> Sight<'s, 'a> {
    /// Machines that are not gone for good.
    pub(crate) fn live(self) -> impl Iterator<Item = &'a Machine> + use<'s, 'a> {
        self.machines.iter().map(|(_, machine)| *machine).filter(|machine| !machine.state.is_terminal())
    }

    /// The dead machine that was made last: by generation, then by what was made after which.
    pub(crate) fn dead(self) -> Option<&'a Machine> {
        self.machines
            .iter()
            .map(|(_, machine)| *machine)
            .filter(|machine| machine.state.is_terminal())
            .max_by(|one, other| (one.marks.generation, &one.id).cmp(&(other.marks.generation, &other.id)))
    }

    /// The machine with this ID.
    pub(crate) fn machine(self, id: &MachineId) -> Option<&'a Machine> {
        self.machines.iter().map(|(_, machine)| *machine).find(|machine| machine.id == *id)
    }

    /// The volume in use: of several, the one that was made last.
    pub(crate) fn volume(self) -> Option<&'a Volume> {
        self.volumes.iter().map(|(_, volume)| *volume).max_by_key(|volume| volume.marks.generation)
    }

    /// Entries of the Swarm.
    pub(crate) fn nodes(self) -> impl Iterator<Item = &'a Node> + use<'s, 'a> {
        self.nodes.iter().map(|(_, node)| *node)
    }

    /// The entry that is the node of `machine`: the one whose engine says so and answers, else any that says so.
    pub(crate) fn node_of(self, machine: &Machine) -> Option<&'a Node> {
        let own = |node: &&Node| node.generation == Some(machine.marks.generation);
        self.nodes()
            .filter(own)
            .find(|node| node.state == NodeState::Ready)
            .or_else(|| self.nodes().filter(own).find(|node| node.manager.is_some()))
            .or_else(|| self.nodes().find(own))
    }

    /// Whether no machine can come back as this node, the only right to remove its entry: each machine of the member
    /// or slot is terminal, or serves as another node.
    ///
    /// Machines that the listing lacks are the caller's to confirm as absent.
    pub(crate) fn is_gone(self, node: &Node) -> bool {
        node.generation.is_some() && self.live().all(|machine| self.serves_as_another(machine, node))
    }

    /// Whether `machine` is a node that answers, with its own state on the member's one volume, and not `node`.
    fn serves_as_another(self, machine: &Machine, node: &Node) -> bool {
        let serves = self.node_of(machine).is_some_and(|own| own.id != node.id && own.state == NodeState::Ready);
        let own_state = match self.volumes {
            // What has no volume has its state on its own disk.
            [] => true,
            [(_, volume)] => volume.holder().is_some_and(|holder| holder.machine == machine.id && holder.attached),
            _ => false,
        };
        machine.state == MachineState::Running && node.state != NodeState::Ready && serves && own_state
    }
}
