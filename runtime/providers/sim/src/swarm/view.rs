//! What the Swarm says of itself, and what may be asked of its nodes.

use kit_model::{
    Action, Address, Availability, BootFinding, CallError, ErrorClass, Leadership, ManagerStatus, Node, NodeId,
    NodeRole, NodeState, Reachability, SwarmView,
};

use super::Entry;
use super::election::Standing;
use crate::cloud::{SimCloud, Timer};
use crate::ground_truth::DeedEffect;
use crate::records::{Key, node_key};

impl SimCloud {
    /// What the engine of `via` says of leadership.
    pub fn leadership(&mut self, via: &Address, now_ms: u64) -> Leadership {
        self.advance(now_ms);
        let last = || self.swarm.as_ref().and_then(|swarm| swarm.last_leader.clone());
        match self.standing(via) {
            Standing::Leads | Standing::Claims => Leadership::Leader,
            Standing::Follows | Standing::Believes => Leadership::Follower(last()),
            Standing::Leaderless => Leadership::NoLeader("the Swarm does not have a leader".to_owned()),
            Standing::Down => Leadership::Unknown(format!("the engine of {via} does not answer")),
            Standing::NoManager => Leadership::Unknown(format!("the engine of {via} is no manager of a Swarm")),
        }
    }

    /// The Swarm's list of nodes, through the engine of `via`.
    ///
    /// # Errors
    /// When that engine does not answer, is no manager, or knows of no leader.
    pub fn nodes(&mut self, via: &Address, now_ms: u64) -> Result<SwarmView, String> {
        self.advance(now_ms);
        match self.read_standing(via).map_err(|error| error.to_string())? {
            Some(key) => Ok(self
                .swarm
                .as_ref()
                .and_then(|swarm| swarm.claims.get(&key))
                .map(|claim| (*claim.nodes).clone())
                .unwrap_or_default()),
            None => Ok(self.true_nodes()),
        }
    }

    /// The list of nodes as the leader has it.
    pub(crate) fn true_nodes(&self) -> SwarmView {
        let Some(swarm) = &self.swarm else { return SwarmView::default() };
        SwarmView { nodes: swarm.entries.iter().map(|(node, entry)| self.node_of(*node, entry)).collect() }
    }

    fn node_of(&self, node: Key, entry: &Entry) -> Node {
        let now = self.now_ms();
        let swarm = self.swarm.as_ref();
        let elected_ms = swarm.map_or(0, |swarm| swarm.elected_ms);
        let state = entry.link.state(node, elected_ms, now, &self.settings);
        let votes = swarm.is_some_and(|swarm| swarm.voters.contains(&node));
        let manager = votes.then(|| ManagerStatus {
            leader: entry.machine.is_some() && swarm.is_some_and(|swarm| swarm.leader == entry.machine),
            reachability: self.reachability(entry),
        });
        Node {
            id: entry.id.clone(),
            address: Some(entry.address.clone()),
            generation: Some(entry.generation),
            ip: entry.ip,
            role: entry.role,
            availability: entry.availability,
            state,
            manager,
            running_tasks: self.tasks_of(entry, state),
            labels: entry.labels.clone(),
            version: entry.version,
        }
    }

    /// The leader dials a voter's address: whoever answers there makes the entry reachable, a phantom's too.
    fn reachability(&self, entry: &Entry) -> Reachability {
        let Some(swarm) = &self.swarm else { return Reachability::Unknown };
        let leads = entry.machine.is_some() && swarm.leader == entry.machine;
        if !leads && self.now_ms() < swarm.elected_ms.saturating_add(self.settings.reachability_unknown_ms) {
            return Reachability::Unknown;
        }
        let answers = entry.link.up
            || swarm.entries_of.get(&entry.address).into_iter().flatten().any(|other| {
                swarm.entries.get(other).is_some_and(|other| other.link.up && other.ip == entry.ip)
                    && swarm.voters.contains(other)
            });
        let recent = entry.machine.is_some() && self.now_ms() < entry.link.since_ms + self.settings.unreachable_ms;
        if answers || recent { Reachability::Reachable } else { Reachability::Unreachable }
    }

    pub(crate) fn tasks_of(&self, entry: &Entry, state: NodeState) -> u32 {
        if state == NodeState::Down {
            return 0;
        }
        let tasks = self.settings.tasks_per_node;
        let passed = self.now_ms().saturating_sub(entry.availability_ms);
        match entry.availability {
            Availability::Active | Availability::Pause => tasks,
            Availability::Drain => {
                let left = self.settings.task_stop_ms.saturating_sub(passed);
                let share = (u64::from(tasks) * left).div_ceil(self.settings.task_stop_ms.max(1));
                u32::try_from(share).unwrap_or(tasks)
            }
        }
    }

    /// What machines reported of their boots to the leader that `via` reaches: of those that did not join, and of
    /// those with a volume.
    pub fn boot_findings(&mut self, via: &Address, now_ms: u64) -> Vec<(Address, BootFinding)> {
        self.advance(now_ms);
        if self.read_standing(via) != Ok(None) {
            return Vec::new();
        }
        let home = self.swarm.as_ref().map_or(0, |swarm| swarm.home);
        let mut found: Vec<(Address, BootFinding)> = self
            .machines
            .values()
            .filter(|machine| machine.runs() && machine.island == home)
            .filter(|machine| machine.boot.has_volume || machine.node.is_none())
            .filter_map(|machine| Some((machine.boot.address.clone(), machine.finding.clone()?)))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }

    /// Carries out a call to the Swarm on the leader.
    pub(crate) fn apply_to_swarm(&mut self, action: &Action) -> Result<DeedEffect, CallError> {
        match action {
            Action::SetAvailability { node, version, availability } => {
                let now = self.now_ms();
                self.change_node(node, *version, |entry| {
                    if entry.availability == *availability {
                        return false;
                    }
                    entry.availability = *availability;
                    entry.availability_ms = now;
                    true
                })
                .map(|(_, effect)| effect)
            }
            Action::SetLabels { node, version, labels } => self
                .change_node(node, *version, |entry| {
                    let differs = entry.labels != *labels;
                    entry.labels.clone_from(labels);
                    differs
                })
                .map(|(_, effect)| effect),
            Action::SetRole { node, version, role } => {
                self.refuse_last_manager(node, *role)?;
                let (key, effect) = self.change_node(node, *version, |entry| {
                    let differs = entry.role != *role;
                    entry.role = *role;
                    differs
                })?;
                if effect == DeedEffect::Changed {
                    let role_ms = self.takes(self.settings.role_ms);
                    self.at(role_ms, Timer::RoleSettles(key));
                }
                Ok(effect)
            }
            Action::RemoveNode { node } => {
                let key = self.entry_key(node)?;
                let Some(swarm) = &self.swarm else { return Err(no_such_node(node)) };
                if swarm.voters.contains(&key) {
                    let why = format!("{node} is a manager and a member of the Raft cluster: demote it first");
                    return Err(refusal(ErrorClass::NotYet, "FailedPrecondition", why));
                }
                let down = swarm.entries.get(&key).is_some_and(|entry| {
                    entry.link.state(key, swarm.elected_ms, self.now_ms(), &self.settings) == NodeState::Down
                });
                if !down {
                    let why = format!("{node} is not down and cannot be removed");
                    return Err(refusal(ErrorClass::NotYet, "FailedPrecondition", why));
                }
                self.remove_entry(key);
                Ok(DeedEffect::Changed)
            }
            _ => Err(refusal(ErrorClass::Fatal, "Unimplemented", "the Swarm knows no such call".to_owned())),
        }
    }

    fn refuse_last_manager(&self, node: &NodeId, role: NodeRole) -> Result<(), CallError> {
        let key = self.entry_key(node)?;
        match &self.swarm {
            Some(swarm) if role == NodeRole::Worker && swarm.voters.len() == 1 && swarm.voters.contains(&key) => {
                let why = format!("{node} is the last manager of the Swarm");
                Err(refusal(ErrorClass::Fatal, "FailedPrecondition", why))
            }
            _ => Ok(()),
        }
    }

    fn entry_key(&self, node: &NodeId) -> Result<Key, CallError> {
        node_key(node)
            .filter(|key| self.swarm.as_ref().is_some_and(|swarm| swarm.entries.contains_key(key)))
            .ok_or_else(|| no_such_node(node))
    }

    fn change_node(
        &mut self,
        node: &NodeId,
        version: u64,
        change: impl FnOnce(&mut Entry) -> bool,
    ) -> Result<(Key, DeedEffect), CallError> {
        let key = self.entry_key(node)?;
        let Some(swarm) = &mut self.swarm else { return Err(no_such_node(node)) };
        let next = swarm.next_version + 1;
        let Some(entry) = swarm.entries.get_mut(&key) else { return Err(no_such_node(node)) };
        if entry.version != version {
            return Err(refusal(ErrorClass::NotYet, "Unknown", "update out of sequence".to_owned()));
        }
        if !change(entry) {
            return Ok((key, DeedEffect::Already));
        }
        entry.version = next;
        swarm.next_version = next;
        self.touch();
        Ok((key, DeedEffect::Changed))
    }
}

fn no_such_node(node: &NodeId) -> CallError {
    refusal(ErrorClass::Fatal, "NotFound", format!("the Swarm has no node {node}"))
}

pub(crate) fn refusal(class: ErrorClass, code: &str, message: String) -> CallError {
    CallError { class, code: code.to_owned(), message }
}
