//! What serves: marks, availability, labels, former entries, and the end of its operation.

use kit_model::{
    Action, Availability, Machine, MachineState, Node, NodeState, Operation, OperationKind, Reason, Role, Volume,
};

use crate::bugs::{Bug, planted};
use crate::plan::{Round, Subject};

impl<'s> Round<'s> {
    /// It answers: what remains is its marks, its place in the Swarm, and time.
    pub(crate) fn complete(
        &mut self,
        it: &Subject<'s>,
        operation: Option<&Operation>,
        machine: &Machine,
        node: Option<&Node>,
    ) {
        let address = &it.address;
        let scene = self.scene;
        let revision = &scene.spec.revision;
        if let Some(volume) = it.sight.volume()
            && it.group.role == Role::Manager
            && !volume.formed
        {
            if self.open(address, OperationKind::Create, revision, 0) {
                let action = Action::MarkFormed { volume: volume.id.clone() };
                self.step(address, action, "its volume holds the state of a voter".to_owned());
            }
            return;
        }
        if let Some(operation) = operation
            && operation.kind == OperationKind::Roll
            && operation.condemned.is_empty()
            && machine.marks.generation < operation.generation
        {
            self.go_on_rolling(it, operation, machine, node);
            return;
        }
        if let Some(node) = node
            && (!self.remove_stale_entries(it, node) || !self.settle_node(it, operation, node))
        {
            return;
        }
        let Some(operation) = operation else { return };
        if operation.rebooted {
            // A reboot that may still arrive must find its operation open.
            let left_ms = scene.memory.reboot_left(address, scene.now, scene.policy);
            if left_ms > 0 {
                self.block(Some(address), Reason::OutcomeUnknown { what: "reboot machine".to_owned(), left_ms });
                return;
            }
        }
        let patient =
            self.is_voter_group(it) && operation.kind != OperationKind::Create || operation.kind == OperationKind::Roll;
        if patient && !planted(Bug::NoStabilityWait) {
            let whole = scene.memory.whole_for(address, scene.now).unwrap_or(0);
            let left_ms = scene.policy.stable_ms.saturating_sub(whole);
            if left_ms > 0 {
                self.block(Some(address), Reason::Stabilizing { left_ms });
                return;
            }
        }
        if scene.head.operations.contains_key(address) {
            self.end(address);
        }
        self.draft.use_up(address);
    }

    /// Entries of former machines. True once none is left that may go.
    pub(crate) fn remove_stale_entries(&mut self, it: &Subject<'s>, own: &Node) -> bool {
        if !self.scene.inventory.complete {
            // A machine that would come back as one of them may be on the page that did not arrive.
            return true;
        }
        let stale: Vec<&Node> = it
            .sight
            .nodes()
            .filter(|node| node.id != own.id && node.manager.is_none())
            .filter(|node| it.sight.is_gone(node) || planted(Bug::RemoveNodeEarly))
            .collect();
        let Some(node) = stale.first() else { return true };
        if self.open(&it.address, OperationKind::Repair, &self.scene.spec.revision, 0) {
            let action = Action::RemoveNode { node: node.id.clone() };
            self.step(&it.address, action, format!("the machine of node {} is gone for good", node.id));
        }
        false
    }

    /// Availability and labels. True once they are right.
    pub(crate) fn settle_node(&mut self, it: &Subject<'s>, operation: Option<&Operation>, node: &Node) -> bool {
        let address = &it.address;
        let revision = &self.scene.spec.revision;
        if let Some(former) = operation.and_then(|operation| operation.availability)
            && node.availability != former
        {
            let (node, version) = (node.id.clone(), node.version);
            let action = Action::SetAvailability { node, version, availability: former };
            self.step(address, action, "it gets back the availability that it had".to_owned());
            return false;
        }
        let wrong = it.group.labels.iter().any(|(name, value)| node.labels.get(name) != Some(value));
        if !wrong {
            return true;
        }
        if self.open(address, OperationKind::Repair, revision, 0) {
            let mut labels = node.labels.clone();
            labels.extend(it.group.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
            let action = Action::SetLabels { node: node.id.clone(), version: node.version, labels };
            self.step(address, action, "its labels differ from the revision's".to_owned());
        }
        false
    }

    /// Several machines of one member or slot are live: the one that serves stays.
    pub(crate) fn with_several(&mut self, it: &Subject<'s>, several: &[&Machine]) {
        let address = &it.address;
        let scene = self.scene;
        if let Some(unknown) = several.iter().find(|machine| machine.state == MachineState::Unknown) {
            self.block(Some(address), Reason::StateUnknown { machine: unknown.id.clone() });
            return;
        }
        if !scene.inventory.complete {
            self.block(Some(address), Reason::PartialListing);
            return;
        }
        let holder = it.sight.volume().and_then(Volume::holder).map(|holder| &holder.machine);
        let rank = |machine: &Machine| {
            let holds = holder == Some(&machine.id);
            let answers = it.sight.node_of(machine).is_some_and(|node| node.state == NodeState::Ready);
            (holds, answers, machine.marks.generation, machine.id.clone())
        };
        let Some(kept) = several.iter().max_by_key(|machine| rank(machine)) else { return };
        let reason = Reason::TwoMachines { machines: several.iter().map(|machine| machine.id.clone()).collect() };
        let surplus =
            several.iter().find(|machine| machine.id != kept.id && machine.state != MachineState::ShuttingDown);
        self.block(Some(address), reason);
        let Some(surplus) = surplus else { return };
        if planted(Bug::SurplusKept) || address == scene.me {
            return;
        }
        if self.is_voter_group(it)
            && let Err(reason) = self.may_mend(it)
        {
            self.block(Some(address), reason);
            return;
        }
        if self.open(address, OperationKind::Repair, &scene.spec.revision, 0) {
            self.condemn(it, surplus, &format!("{} serves in its place", kept.id));
        }
    }

    /// A roll whose former machine is still there.
    pub(crate) fn go_on_rolling(
        &mut self,
        it: &Subject<'s>,
        operation: &Operation,
        machine: &Machine,
        node: Option<&Node>,
    ) {
        let address = &it.address;
        let scene = self.scene;
        if it.group.role == Role::Manager {
            if address == scene.me && !planted(Bug::OwnMachineDestroyed) {
                self.pass_on(it);
                return;
            }
            let down = node.is_none_or(|node| !node.is_healthy_voter());
            let allowed = if down { self.may_mend(it) } else { self.may_take_down(it) };
            match allowed {
                Ok(()) => self.condemn(it, machine, "its machine is not what the revision says"),
                Err(reason) => self.block(Some(address), reason),
            }
            return;
        }
        if let Some(node) = node
            && node.state == NodeState::Ready
            && !planted(Bug::DrainSkipped)
        {
            let left_ms = it.group.drain_ms.saturating_sub(scene.memory.draining_for(address, scene.now));
            if node.availability != Availability::Drain {
                let former = operation.availability.unwrap_or(node.availability);
                if let Some(operation) = self.draft.operation(address, None)
                    && operation.availability != Some(former)
                {
                    operation.availability = Some(former);
                }
                let (id, version) = (node.id.clone(), node.version);
                let action = Action::SetAvailability { node: id, version, availability: Availability::Drain };
                if self.step(address, action, "its tasks move away before its machine ends".to_owned()) || left_ms > 0 {
                    return;
                }
            } else if node.running_tasks > 0 && left_ms > 0 {
                self.block(Some(address), Reason::Draining { tasks: node.running_tasks, left_ms });
                return;
            }
        }
        self.condemn(it, machine, "its machine is not what the revision says");
    }
}
