//! What the revision no longer names: its vote first, then its tasks, its machine, its entry. Volumes stay.

use std::collections::BTreeMap;

use kit_model::{
    Action, Address, Amount, Availability, GroupSpec, Machine, MachineState, Node, NodeRole, NodeState, OperationKind,
    Reason, Role,
};

use crate::bugs::{Bug, planted};
use crate::plan::{Round, Subject};

/// How long the tasks of a node that is to go may take to move away, where no group says it any more.
const DRAIN_MS: u64 = 300_000;

/// Operations that stay free for the group that leads while surplus machines go. Less than what others leave free
/// (`RESERVED_FOR_VOTERS`): slots that wait for a surplus machine to go must not fill the journal against its going.
const RESERVED_WHILE_RETIRING: usize = 5;

impl<'s> Round<'s> {
    /// Goes over what was seen and is not in the revision: voters, or all others.
    pub(crate) fn retire(&mut self, voters: bool) {
        let scene = self.scene;
        if planted(Bug::SurplusKept) {
            return;
        }
        let mut addresses: Vec<&Address> = scene
            .survey
            .outside()
            .filter(|address| {
                let sight = scene.survey.sight(address);
                let votes = sight.nodes().any(|node| node.manager.is_some());
                let leads = scene.spec.leader.as_deref() == Some(address.group());
                let any = sight.live().next().is_some() || sight.nodes().next().is_some();
                (votes || leads) == voters && (any || scene.head.operations.contains_key(*address))
            })
            .collect();
        // What was begun first, then from the last slot down: the first ones are the ones that stay.
        addresses.sort_by_key(|address| {
            let open = scene.head.operations.contains_key(*address);
            (!open, address.group(), std::cmp::Reverse(address.slot()))
        });
        if voters && let Some(at) = addresses.iter().position(|address| *address == scene.me) {
            let me = addresses.remove(at);
            addresses.push(me);
        }
        for address in addresses {
            let full = !self.retire_one(address, voters);
            if full {
                break;
            }
        }
        // Operations of what is neither seen nor named.
        let unseen: Vec<Address> = scene
            .head
            .operations
            .keys()
            .filter(|address| {
                let sight = scene.survey.sight(address);
                let nothing = sight.machines.is_empty() && sight.nodes().next().is_none();
                let resource = scene.spec.resources.iter().any(|resource| resource.address == **address);
                nothing && !resource && scene.spec.content_of(address).is_none()
            })
            .cloned()
            .collect();
        if !voters {
            for address in unseen {
                if self.is_lacking(&address) && !scene.memory.is_unknown(&address) {
                    self.draft.end(&address);
                }
            }
            // A wave keeps no slot that is not wanted any more.
            let beyond: Vec<Address> = scene
                .head
                .waves
                .iter()
                .flat_map(|wave| {
                    let count = scene.spec.groups.get(&wave.group).map_or(0, |group| group.count);
                    wave.each_slot().filter(move |slot| *slot > count).map(|slot| Address::of_slot(&wave.group, slot))
                })
                .collect();
            for address in beyond {
                // What was condemned just now stands alone by now, and that entry is what its end is sent under.
                if !self.draft.head().operations.contains_key(&address) {
                    self.draft.end(&address);
                }
            }
        }
    }

    /// One step of one address. False if the journal is full.
    fn retire_one(&mut self, address: &'s Address, voter: bool) -> bool {
        let scene = self.scene;
        let sight = scene.survey.sight(address);
        // The group may be gone with it: what its last step needs to know is little.
        let former = if voter { &scene.former_voters } else { &scene.former_workers };
        let group = scene.spec.groups.get(address.group()).unwrap_or(former);
        let it = Subject { address: address.clone(), group, member: None, sight };
        let live: Vec<&Machine> = sight.live().collect();
        if let Some(unknown) = live.iter().find(|machine| machine.state == MachineState::Unknown) {
            let machine = unknown.id.clone();
            self.block(Some(address), Reason::StateUnknown { machine });
            return true;
        }
        if !scene.inventory.complete {
            self.block(Some(address), Reason::PartialListing);
            return true;
        }
        let votes = sight.nodes().find(|node| node.manager.is_some());
        if votes.is_some() || (voter && !live.is_empty()) {
            let healthy = votes.is_some_and(Node::is_healthy_voter);
            let condemned = scene.head.operations.get(address).is_some_and(|operation| !operation.condemned.is_empty());
            let allowed = match (condemned, healthy, votes) {
                (true, _, None) => Ok(()),
                (_, true, _) => self.may_go(&it),
                _ => self.may_mend(&it),
            };
            if let Err(reason) = allowed {
                self.block(Some(address), reason);
                return true;
            }
        }
        let reserved = if voter { 0 } else { RESERVED_WHILE_RETIRING };
        let begun = scene.head.operations.contains_key(address);
        if !begun && !self.open(address, OperationKind::Retire, &scene.spec.revision, reserved) {
            return false;
        }
        if address == scene.me && !planted(Bug::OwnMachineDestroyed) {
            self.pass_on(&it);
            return true;
        }
        if let Some(node) = votes
            && !planted(Bug::DemotionNotAwaited)
        {
            if node.role == NodeRole::Worker {
                self.block(Some(address), Reason::Demoting { node: node.id.clone() });
            } else {
                self.note_stopped(&it);
                let action = Action::SetRole { node: node.id.clone(), version: node.version, role: NodeRole::Worker };
                self.step(address, action, "the revision no longer names it".to_owned());
            }
            return true;
        }
        if !live.is_empty() {
            self.retire_machines(&it, &live);
            return true;
        }
        if sight.dead().is_none() && !self.is_lacking(address) {
            return true;
        }
        let node = sight.nodes().find(|node| sight.is_gone(node) || planted(Bug::RemoveNodeEarly));
        if let Some(node) = node {
            let action = Action::RemoveNode { node: node.id.clone() };
            self.step(address, action, "the revision no longer names it".to_owned());
            return true;
        }
        self.end(address);
        self.draft.forgive(address);
        true
    }

    fn retire_machines(&mut self, it: &Subject<'s>, live: &[&Machine]) {
        let scene = self.scene;
        let address = &it.address;
        let drain_ms = if it.group.role == Role::Worker { it.group.drain_ms } else { DRAIN_MS };
        let left_ms = drain_ms.saturating_sub(scene.memory.draining_for(address, scene.now));
        let busy = it.sight.nodes().find(|node| node.state == NodeState::Ready && node.running_tasks > 0);
        // The one that lives, and not the one in whose place it was made under the same operation.
        let operation = scene.head.operations.get(address);
        let condemned =
            operation.is_some_and(|operation| live.iter().any(|machine| operation.condemned.contains(&machine.id)));
        if let Some(node) = it.sight.nodes().find(|node| node.is_unknown())
            && !condemned
        {
            // After an election nothing is known of it: its tasks may well run.
            self.block(Some(address), Reason::NodeUnknown { node: node.id.clone() });
            return;
        }
        if let Some(node) = busy
            && left_ms > 0
            && !condemned
            && !planted(Bug::DrainSkipped)
        {
            if node.availability == Availability::Drain {
                self.block(Some(address), Reason::Draining { tasks: node.running_tasks, left_ms });
            } else {
                let (id, version) = (node.id.clone(), node.version);
                let action = Action::SetAvailability { node: id, version, availability: Availability::Drain };
                self.step(address, action, "its tasks move away before its machine ends".to_owned());
            }
            return;
        }
        for machine in live {
            if machine.state == MachineState::ShuttingDown {
                self.block(Some(address), Reason::ShuttingDown { machine: machine.id.clone() });
            } else {
                self.condemn(it, machine, "the revision no longer names it");
            }
        }
    }

    /// Whether a healthy voter may leave: by its demotion, which the others must agree to.
    fn may_go(&self, it: &Subject<'s>) -> Result<(), Reason> {
        let scene = self.scene;
        if !scene.voters.phantoms().is_empty() {
            return Err(Reason::Phantom { nodes: scene.voters.phantoms().to_vec() });
        }
        scene.voters.may_demote(Some(&it.address))?;
        self.others_are_stable(it)
    }
}

/// What is known of a group that the revision no longer has.
pub(crate) fn former_group(role: Role) -> GroupSpec {
    GroupSpec {
        name: String::new(),
        role,
        machine: std::sync::Arc::new(kit_graph::Instance {
            kind: String::new(),
            properties: kit_graph::Properties::new(),
        }),
        content: kit_model::ContentHash::new(""),
        count: 0,
        members: Vec::new(),
        max_unavailable: Amount::Count(0),
        drain_ms: DRAIN_MS,
        grace_ms: 0,
        labels: BTreeMap::new(),
    }
}
