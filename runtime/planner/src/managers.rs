//! Pinned members: what binds them together, and their rolls.

use kit_model::{
    Address, Approval, GroupSpec, MachineState, Node, NodeState, Operation, OperationKind, Reason, Role, VolumeState,
};

use crate::bugs::{Bug, planted};
use crate::memory::is_whole;
use crate::plan::{Round, Subject};
use crate::survey::Walk;

impl<'s> Round<'s> {
    /// Goes over the pinned members of a group: those with open operations first, in order of their beginning.
    pub(crate) fn members(&mut self, group: &'s GroupSpec) {
        let scene = self.scene;
        let mut subjects = Vec::new();
        let mut walk = Walk::default();
        for (index, address) in (0u32..).zip(&group.members) {
            let sight = scene.survey.next(&mut walk, scene.survey.key_in(group, index));
            let subject = Subject { address: address.clone(), group, member: scene.spec.members.get(address), sight };
            if self.needs_no_look(&subject) {
                continue;
            }
            subjects.push(subject);
        }
        subjects.sort_by_key(|it| {
            let generation = self.generation(&it.address);
            (generation.is_none(), generation)
        });
        for subject in &subjects {
            self.advance(subject);
        }
    }

    /// The common case: whole, settled, and nothing is open.
    fn needs_no_look(&self, it: &Subject<'s>) -> bool {
        let scene = self.scene;
        let [(_, machine)] = it.sight.machines else { return false };
        if machine.state != MachineState::Running || scene.head.intent(&it.address).is_some() {
            return false;
        }
        if it.member.is_some_and(|member| member.volume.is_some()) {
            let [(_, volume)] = it.sight.volumes else { return false };
            let VolumeState::Held(held) = &volume.state else { return false };
            if held.machine != machine.id || !held.attached || (it.group.role == Role::Manager && !volume.formed) {
                return false;
            }
        }
        match (it.group.role, it.sight.nodes) {
            (Role::Plain, _) => true,
            (role, [(_, node)]) => {
                node.generation == Some(machine.marks.generation)
                    && has_labels(it.group, node)
                    && if role == Role::Manager { node.is_healthy_voter() } else { node.state == NodeState::Ready }
            }
            _ => false,
        }
    }

    /// Members whose machine is whole and is not what the revision says.
    fn outdated(&self, group: &'s GroupSpec) -> Vec<Subject<'s>> {
        let scene = self.scene;
        let mut walk = Walk::default();
        (0u32..)
            .zip(&group.members)
            .filter_map(|(index, address)| {
                let sight = scene.survey.next(&mut walk, scene.survey.key_in(group, index));
                let member = scene.spec.members.get(address)?;
                let machine = sight.live().next()?;
                (machine.marks.content != member.content
                    && self.draft.head().intent(address).is_none()
                    && is_whole(scene.spec, address, sight))
                .then(|| Subject { address: address.clone(), group, member: Some(member), sight })
            })
            .collect()
    }

    /// Managers are made anew one at a time, the leader last.
    pub(crate) fn roll_managers(&mut self, group: &'s GroupSpec) {
        let scene = self.scene;
        let outdated = self.outdated(group);
        if let Some(because) = self.roll_stopped(group) {
            for it in &outdated {
                self.block(Some(&it.address), Reason::RollStopped { because: because.clone() });
            }
            return;
        }
        let next = outdated
            .iter()
            .find(|it| it.address != *scene.me || planted(Bug::OwnMachineDestroyed))
            .or_else(|| outdated.first());
        let Some(next) = next else { return };
        for other in outdated.iter().filter(|other| other.address != next.address) {
            self.block(Some(&other.address), Reason::TakesTurns { after: next.address.clone() });
        }
        if next.address == *scene.me && !planted(Bug::OwnMachineDestroyed) {
            self.pass_on(next);
            return;
        }
        if let Err(reason) = self.may_take_down(next) {
            self.block(Some(&next.address), reason);
            return;
        }
        if self.frozen(&next.address) || !self.open(&next.address, OperationKind::Roll, &scene.spec.revision, 0) {
            return;
        }
        if let Some(machine) = next.sight.live().next() {
            self.condemn(next, machine, "its machine is not what the revision says");
        }
    }

    /// Pinned members that do not vote are made anew within the group's budget.
    pub(crate) fn roll_members(&mut self, group: &'s GroupSpec) {
        let scene = self.scene;
        let outdated = self.outdated(group);
        if outdated.is_empty() {
            return;
        }
        let mut walk = Walk::default();
        let away = (0u32..)
            .zip(&group.members)
            .filter(|(index, address)| {
                let sight = scene.survey.next(&mut walk, scene.survey.key_in(group, *index));
                self.draft.head().intent(address).is_some() || !is_whole(scene.spec, address, sight)
            })
            .count();
        self.roll_within_budget(group, outdated, u32::try_from(away).unwrap_or(u32::MAX));
    }

    /// Begins rolls of as many as may be away.
    pub(crate) fn roll_within_budget(&mut self, group: &'s GroupSpec, outdated: Vec<Subject<'s>>, mut away: u32) {
        let scene = self.scene;
        let allowed = group.max_unavailable.of(group.count);
        for it in outdated {
            if let Some(because) = self.roll_stopped(group) {
                self.block(Some(&it.address), Reason::RollStopped { because: because.clone() });
                continue;
            }
            if away >= allowed && !planted(Bug::BudgetIgnored) {
                self.block(Some(&it.address), Reason::Budget { unavailable: away, allowed });
                // One is enough to say: the others wait for the same.
                return;
            }
            if self.frozen(&it.address) {
                continue;
            }
            let reserved = crate::subject::RESERVED_FOR_VOTERS;
            if !self.open(&it.address, OperationKind::Roll, &scene.spec.revision, reserved) {
                return;
            }
            away = away.saturating_add(1);
            self.advance(&it);
        }
    }

    pub(crate) fn is_voter_group(&self, it: &Subject<'s>) -> bool {
        it.group.role == Role::Manager
    }

    /// Notes that a step of this round stops a voter that answers.
    pub(crate) fn note_stopped(&mut self, it: &Subject<'s>) {
        if it.sight.nodes().any(Node::is_healthy_voter) {
            self.stopped_voters.insert(it.address.clone());
        }
    }

    /// Another member of the group with an open operation.
    pub(crate) fn other_open(&self, it: &Subject<'s>) -> Option<Address> {
        if planted(Bug::TwoAtOnce) {
            return None;
        }
        let operations = &self.draft.head().operations;
        operations.keys().find(|address| **address != it.address && self.is_voter(address)).cloned()
    }

    /// Another member with an open operation that takes something down or makes something: not one that only waits
    /// for its turn.
    pub(crate) fn other_busy(&self, it: &Subject<'s>) -> Option<Address> {
        let operations = &self.draft.head().operations;
        let busy = operations.iter().find(|(address, operation)| {
            **address != it.address && self.is_voter(address) && !self.only_waits(address, operation)
        });
        busy.map(|(address, _)| address.clone())
    }

    /// Whether an operation has taken nothing down yet and its member still serves.
    fn only_waits(&self, address: &Address, operation: &Operation) -> bool {
        let scene = self.scene;
        matches!(operation.kind, OperationKind::Roll | OperationKind::Retire)
            && operation.condemned.is_empty()
            && scene.memory.whole_for(address, scene.now).is_some_and(|ms| ms >= scene.policy.stable_ms)
    }

    /// Whether `address` belongs to the group that leads, by its name: that group never changes.
    fn is_voter(&self, address: &Address) -> bool {
        self.scene.spec.leader.as_deref() == Some(address.group())
    }

    /// Whether a manager that does not answer may be rebooted or ended.
    ///
    /// Of several open operations the one that was begun first goes on; one that has taken nothing down yet
    /// waits for the others, so that no two wait for each other.
    pub(crate) fn may_mend(&self, it: &Subject<'s>) -> Result<(), Reason> {
        let scene = self.scene;
        scene.voters.may_stop(&it.address)?;
        if planted(Bug::TwoAtOnce) {
            return Ok(());
        }
        let operations = &self.draft.head().operations;
        let own = operations.get(&it.address).map(|operation| (operation.generation, &it.address));
        for (address, operation) in operations {
            if *address == it.address || !self.is_voter(address) {
                continue;
            }
            let idle = self.only_waits(address, operation);
            let first = own.is_none_or(|own| (operation.generation, address) < own);
            if !idle && first {
                return Err(Reason::AnotherDisrupted { address: address.clone() });
            }
        }
        // What was given up is still down: a person sees to it first. Once it serves again, it must go on doing so.
        for (address, failures) in &self.draft.head().failures {
            let frozen = failures.count >= scene.policy.max_failures;
            let whole = scene.memory.whole_for(address, scene.now).is_some_and(|ms| ms >= scene.policy.stable_ms);
            if frozen && !whole && *address != it.address && self.is_voter(address) {
                return Err(Reason::AnotherDisrupted { address: address.clone() });
            }
        }
        // So is one that lost its entry to us and has not come back, and that waits for its turn to begin anew.
        if own.is_none()
            && let Some(other) = self.half_made(it)
        {
            return Err(Reason::AnotherDisrupted { address: other });
        }
        let healthy_target = it.sight.nodes().any(Node::is_healthy_voter);
        let phantoms = scene.voters.phantoms();
        let own_phantom = |id: &kit_model::NodeId| it.sight.nodes().any(|node| node.id == *id);
        if !phantoms.is_empty() && (healthy_target || phantoms.iter().any(|id| !own_phantom(id))) {
            return Err(Reason::Phantom { nodes: phantoms.to_vec() });
        }
        Ok(())
    }

    /// Another member whose machine lives, of which the Swarm has no entry, and for which no operation is open.
    fn half_made(&self, it: &Subject<'s>) -> Option<Address> {
        let scene = self.scene;
        let group = scene.spec.leader_group().filter(|_| it.sight.nodes().next().is_some())?;
        let half = |address: &&Address| {
            let sight = scene.survey.sight(address);
            **address != it.address
                && sight.live().next().is_some()
                && sight.nodes().next().is_none()
                && self.draft.head().intent(address).is_none()
        };
        group.members.iter().find(half).cloned()
    }

    /// Whether a manager that answers may be taken down: every other one answers, and has done so for a while.
    pub(crate) fn may_take_down(&self, it: &Subject<'s>) -> Result<(), Reason> {
        let scene = self.scene;
        if !scene.voters.phantoms().is_empty() {
            return Err(Reason::Phantom { nodes: scene.voters.phantoms().to_vec() });
        }
        scene.voters.may_stop(&it.address)?;
        self.others_are_stable(it)
    }

    /// Whether no other manager has an open operation and each has been whole for a while.
    pub(crate) fn others_are_stable(&self, it: &Subject<'s>) -> Result<(), Reason> {
        let scene = self.scene;
        if let Some(address) = self.other_open(it) {
            return Err(Reason::AnotherDisrupted { address });
        }
        if planted(Bug::TwoAtOnce) || planted(Bug::NoQuorumCheck) || planted(Bug::UnhealthyCountsAsHealthy) {
            return Ok(());
        }
        let Some(group) = scene.spec.leader_group() else { return Ok(()) };
        for other in group.members.iter().filter(|other| **other != it.address) {
            match scene.memory.whole_for(other, scene.now) {
                None if is_whole(scene.spec, other, scene.survey.sight(other)) => {
                    return Err(Reason::Stabilizing { left_ms: scene.policy.stable_ms });
                }
                None => return Err(Reason::AnotherDisrupted { address: other.clone() }),
                Some(whole) if whole < scene.policy.stable_ms && !planted(Bug::NoStabilityWait) => {
                    return Err(Reason::Stabilizing { left_ms: scene.policy.stable_ms - whole });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The leader's own turn: another must lead first. The journal says so before the engine stops.
    pub(crate) fn pass_on(&mut self, it: &Subject<'s>) {
        let scene = self.scene;
        let address = &it.address;
        if it.group.count == 1 && scene.voters.entries() <= 1 {
            self.pass_to_operator(it);
            return;
        }
        if let Err(reason) = self.may_take_down(it) {
            self.block(Some(address), reason);
            return;
        }
        if self.draft.head().intent(address).is_none()
            && !self.open(address, OperationKind::Roll, &scene.spec.revision, 0)
        {
            return;
        }
        self.note_stopped(it);
        self.hand_over = Some(address.clone());
        self.block(Some(address), Reason::HandOver);
    }

    /// The only manager's turn: nobody succeeds it. Once a person allows the outage its machine is condemned, and the
    /// operator's own process ends exactly that one; until then its engine goes on.
    fn pass_to_operator(&mut self, it: &Subject<'s>) {
        let scene = self.scene;
        let address = &it.address;
        let Some(machine) = it.sight.live().next().map(|machine| machine.id.clone()) else { return };
        let operations = &self.draft.head().operations;
        let condemned = operations.get(address).is_some_and(|operation| operation.condemned.contains(&machine));
        if !condemned {
            if !self.approved(&Approval::Outage(address.clone())) {
                self.block(Some(address), Reason::NeedsOutage);
                return;
            }
            if !self.open(address, OperationKind::Roll, &scene.spec.revision, 0) {
                return;
            }
            if let Some(operation) = self.draft.operation(address, None) {
                operation.condemned.insert(machine.clone());
            }
        }
        self.block(Some(address), Reason::OperatorEnds { machine });
    }

    /// Whether so much of the group is unhealthy at once that machines are not the cause.
    pub(crate) fn is_mass_failure(&mut self, it: &Subject<'s>) -> bool {
        let scene = self.scene;
        if planted(Bug::MassFailureIgnored) || planted(Bug::NoQuorumCheck) {
            return false;
        }
        let on_purpose = |address: &Address| {
            scene.head.intent(address).is_some_and(|intent| {
                matches!(intent.kind, OperationKind::Roll | OperationKind::Retire | OperationKind::Create)
            })
        };
        let group = it.group.name.as_str();
        let down = scene.memory.down_in(group).filter(|address| !on_purpose(address)).count();
        let gone = scene
            .memory
            .absent_in(group)
            .filter(|address| {
                let sight = scene.survey.sight(address);
                sight.machines.is_empty() && sight.nodes().next().is_some() && !on_purpose(address)
            })
            .count();
        let unhealthy = u32::try_from(down + gone).unwrap_or(u32::MAX);
        let total = it.group.count;
        // One alone is no mass, however small the group.
        let mass = unhealthy >= 2
            && u64::from(unhealthy) * 100 > u64::from(total) * u64::from(scene.policy.mass_failure_percent);
        if mass {
            self.block(Some(&it.address), Reason::MassFailure { unhealthy, total });
        }
        mass
    }
}

/// Whether a node bears the group's labels.
pub(crate) fn has_labels(group: &GroupSpec, node: &Node) -> bool {
    group.labels.iter().all(|(name, value)| node.labels.get(name) == Some(value))
}
