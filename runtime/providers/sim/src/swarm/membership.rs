//! Who belongs to the Swarm: the first node, newcomers with tickets, nodes that return, roles that change.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{Availability, BootFinding, NewcomerReason, NodeRole, NodeState};

use super::{Entry, Link, Swarm};
use crate::cloud::{SimCloud, Timer};
use crate::records::{DiskSwarm, Key, node_id};

impl SimCloud {
    /// The seed begins the Swarm.
    pub(crate) fn init_swarm(&mut self, key: Key) {
        let now = self.now_ms();
        let Some(machine) = self.machines.get(&key) else { return };
        let (uid, address) = (machine.boot.uid.clone(), machine.boot.address.clone());
        let former = self.swarm.take();
        let mut incarnation = 1;
        if let Some(former) = former {
            incarnation = former.incarnation + 1;
            let others = former.entries.values().any(|entry| entry.address != address);
            if former.uid == uid && others {
                let what = format!("{address} began a second Swarm while the first had other nodes");
                self.truth.violated(now, "I17", what);
            }
            for machine in self.machines.values_mut() {
                machine.node = None;
            }
        }
        self.swarm = Some(Swarm {
            uid,
            incarnation,
            ca: 1,
            entries: BTreeMap::new(),
            entries_of: BTreeMap::new(),
            voters: BTreeSet::new(),
            leader: None,
            last_leader: None,
            home: self.machines.get(&key).map_or(0, |machine| machine.island),
            elected_ms: now,
            elections: 0,
            lost_ms: now,
            election_due: None,
            claims: BTreeMap::new(),
            limbo: Vec::new(),
            waiting: BTreeSet::new(),
            redeemed: BTreeMap::new(),
            head: None,
            next_version: 10,
            revisions: BTreeMap::new(),
        });
        self.add_entry(key, NodeRole::Manager);
        if let Some(machine) = self.machines.get_mut(&key) {
            machine.finding = Some(BootFinding::Returnable);
        }
        self.lead(key, true);
    }

    /// Lists the machine as a new node and writes its state to its disk.
    fn add_entry(&mut self, key: Key, role: NodeRole) -> Option<Key> {
        let node = self.next_key();
        let now = self.now_ms();
        let machine = self.machines.get_mut(&key)?;
        machine.node = Some(node);
        let (address, generation, ip) = (machine.boot.address.clone(), machine.boot.generation, machine.ip);
        let swarm = self.swarm.as_mut()?;
        swarm.next_version += 1;
        let entry = Entry {
            id: node_id(node),
            address: address.clone(),
            generation,
            machine: Some(key),
            ip,
            role,
            availability: Availability::Active,
            availability_ms: now,
            labels: BTreeMap::new(),
            version: swarm.next_version,
            link: Link { up: true, since_ms: now, before: NodeState::Unknown },
        };
        swarm.entries.insert(node, entry);
        swarm.entries_of.entry(address).or_default().push(node);
        if role == NodeRole::Manager {
            swarm.voters.insert(node);
        }
        let state = DiskSwarm { swarm: swarm.incarnation, node, raft: true, expired: false, ca: swarm.ca };
        self.write_disk(key, state);
        Some(node)
    }

    /// The machine goes on as the node that its disk names.
    pub(crate) fn resume_node(&mut self, key: Key, disk: &DiskSwarm) {
        let Some(machine) = self.machines.get(&key) else { return };
        let (address, generation, ip) = (machine.boot.address.clone(), machine.boot.generation, machine.ip);
        let now = self.now_ms();
        let Some(swarm) = &mut self.swarm else { return };
        let Some(entry) = swarm.entries.get_mut(&disk.node) else { return };
        if entry.address != address {
            self.truth.violated(now, "I18", format!("{address} goes on as the node of {}", entry.address));
        }
        let former = entry.machine.replace(key);
        entry.generation = generation;
        entry.ip = ip;
        if let Some(former) = former.filter(|former| *former != key)
            && let Some(former) = self.machines.get_mut(&former)
        {
            if former.engine_runs() {
                let what = format!("{} and another machine go on as one node", former.id);
                self.truth.violated(now, "I18", what);
            }
            former.node = None;
        }
        if let Some(machine) = self.machines.get_mut(&key) {
            machine.node = Some(disk.node);
        }
    }

    /// The machine can no longer be the node that it was. Its entry stays on the list, a phantom if it votes, until
    /// someone takes it off.
    pub(crate) fn forget_node(&mut self, key: Key) {
        let Some(node) = self.machines.get_mut(&key).and_then(|machine| machine.node.take()) else { return };
        if let Some(swarm) = &mut self.swarm
            && let Some(entry) = swarm.entries.get_mut(&node).filter(|entry| entry.machine == Some(key))
        {
            entry.machine = None;
        }
        self.drop_link(node);
    }

    pub(crate) fn wait_to_join(&mut self, key: Key) {
        if let Some(swarm) = &mut self.swarm {
            swarm.waiting.insert(key);
            let join = self.takes(self.settings.join_ms);
            self.at(join, Timer::Join(key));
        }
    }

    /// Whoever waits tries again: there is a leader, or the journal has changed.
    pub(crate) fn retry_joins(&mut self) {
        let waiting: Vec<Key> =
            self.swarm.as_ref().map(|swarm| swarm.waiting.iter().copied().collect()).unwrap_or_default();
        for key in waiting {
            let join = self.takes(self.settings.join_ms);
            self.at(join, Timer::Join(key));
        }
    }

    pub(crate) fn try_join(&mut self, key: Key) {
        let now = self.now_ms();
        let ticket_ms = self.settings.ticket_ms;
        let may = self.may_join_now(key);
        let Some(machine) = self.machines.get(&key) else { return };
        let (id, address, generation, island) =
            (machine.id.clone(), machine.boot.address.clone(), machine.boot.generation, machine.island);
        let Some(swarm) = &mut self.swarm else { return };
        if !swarm.waiting.contains(&key) || !may {
            return;
        }
        if swarm.leader.is_none() || swarm.home != island {
            return;
        }
        let Some(head) = &swarm.head else { return };
        let intent = head.value.intent(&address).filter(|intent| intent.generation == generation);
        let begun = intent.map(|intent| intent.begun_wall_ms);
        if begun.is_none_or(|begun_ms| now > begun_ms.saturating_add(ticket_ms)) {
            return;
        }
        // The first to use a ticket has it.
        match swarm.redeemed.get(&address) {
            Some((redeemed, by)) if *redeemed == generation && *by != id => return,
            _ => swarm.redeemed.insert(address.clone(), (generation, id)),
        };
        swarm.waiting.remove(&key);
        let role = self.wanted_role(key);
        self.add_entry(key, role);
        if let Some(machine) = self.machines.get_mut(&key) {
            machine.finding = Some(BootFinding::Returnable);
        }
        self.settle(key);
        if role == NodeRole::Manager {
            self.settle_raft();
        }
    }

    /// A person wipes a manager and lets it join by hand: its former entry stays, and votes.
    pub(crate) fn rejoin_wiped(&mut self, key: Key) -> Result<(), String> {
        let Some(swarm) = &self.swarm else { return Err("there is no Swarm".to_owned()) };
        let Some(machine) = self.machines.get(&key).filter(|machine| machine.engine_runs()) else {
            return Err("its engine does not run".to_owned());
        };
        let Some(former) = machine.node.filter(|node| swarm.voters.contains(node)) else {
            return Err("it is no manager of the Swarm".to_owned());
        };
        if swarm.leader.is_none_or(|leader| leader == key) || machine.island != swarm.home {
            return Err("it leads, or there is no leader to join".to_owned());
        }
        self.drop_link(former);
        if let Some(swarm) = &mut self.swarm
            && let Some(entry) = swarm.entries.get_mut(&former)
        {
            entry.machine = None;
        }
        self.add_entry(key, NodeRole::Manager);
        self.settle(key);
        self.settle_raft();
        Ok(())
    }

    fn may_join_now(&self, key: Key) -> bool {
        self.machines
            .get(&key)
            .is_some_and(|machine| machine.engine_runs() && matches!(machine.finding, Some(BootFinding::Newcomer(_))))
    }

    /// The engine of this node is gone for good.
    pub(crate) fn drop_link(&mut self, node: Key) {
        let now = self.now_ms();
        let settings = &self.settings;
        if let Some(swarm) = &mut self.swarm {
            let elected_ms = swarm.elected_ms;
            if let Some(entry) = swarm.entries.get_mut(&node).filter(|entry| entry.link.up) {
                let before = entry.link.state(node, elected_ms, now, settings);
                entry.link = Link { up: false, since_ms: now, before };
            }
        }
        self.touch();
    }

    /// A changed role becomes a changed vote, unless that would leave the rest without a majority.
    pub(crate) fn role_settles(&mut self, node: Key) {
        let (role_ms, now) = (self.settings.role_ms, self.now_ms());
        let Some(swarm) = &self.swarm else { return };
        let Some(entry) = swarm.entries.get(&node) else { return };
        let votes = swarm.voters.contains(&node);
        match (entry.role, votes) {
            (NodeRole::Manager, false) => {
                if swarm.leader.is_none() || self.machine_runs_node(node).is_none() {
                    self.at(role_ms, Timer::RoleSettles(node));
                    return;
                }
                if let Some(swarm) = &mut self.swarm {
                    swarm.voters.insert(node);
                }
            }
            (NodeRole::Worker, true) => {
                let rest = swarm.voters.len() - 1;
                let home = swarm.home;
                let up = self.voters_up(home) - usize::from(self.voter_island(node) == Some(home));
                if swarm.leader.is_none() || up < rest / 2 + 1 {
                    self.at(role_ms, Timer::RoleSettles(node));
                    return;
                }
                let machine = entry.machine;
                if let Some(swarm) = &mut self.swarm {
                    swarm.voters.remove(&node);
                    if machine.is_some() && swarm.leader == machine {
                        swarm.leader = None;
                        swarm.lost_ms = now;
                    }
                }
            }
            _ => return,
        }
        if let Some(swarm) = &mut self.swarm {
            swarm.next_version += 1;
            let version = swarm.next_version;
            if let Some(entry) = swarm.entries.get_mut(&node) {
                entry.version = version;
            }
        }
        self.touch();
        self.settle_raft();
    }

    fn machine_runs_node(&self, node: Key) -> Option<Key> {
        let machine = self.swarm.as_ref()?.entries.get(&node)?.machine?;
        self.machines.get(&machine).filter(|machine| machine.engine_runs()).map(|_| machine)
    }

    /// Takes an entry off the list.
    pub(crate) fn remove_entry(&mut self, node: Key) {
        let Some(swarm) = &mut self.swarm else { return };
        let Some(entry) = swarm.entries.remove(&node) else { return };
        swarm.voters.remove(&node);
        if let Some(nodes) = swarm.entries_of.get_mut(&entry.address) {
            nodes.retain(|other| *other != node);
            if nodes.is_empty() {
                swarm.entries_of.remove(&entry.address);
            }
        }
        if let Some(machine) = entry.machine.and_then(|machine| self.machines.get_mut(&machine)) {
            machine.node = None;
            if machine.engine_runs() {
                machine.finding = Some(BootFinding::Newcomer(NewcomerReason::NodeRemoved));
            }
        }
        self.touch();
    }
}
