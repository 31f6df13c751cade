//! One member or slot: one step a round, then another look.

use kit_model::{
    Action, BootFinding, Machine, MachineState, Node, NodeRole, NodeState, Operation, OperationKind, Reason, Role,
};

use crate::bugs::{Bug, planted};
use crate::plan::{Round, Subject};

impl<'s> Round<'s> {
    /// Decides what is next for one member or slot that is not as it should be, or that has an open operation.
    pub(crate) fn advance(&mut self, it: &Subject<'s>) {
        let operation = self.operation_of(it);
        if let Some(operation) = &operation {
            let condemned = operation.condemned.iter().filter_map(|id| it.sight.machine(id));
            if let Some(machine) = condemned.into_iter().find(|machine| !machine.state.is_terminal()) {
                self.end_machine(it, machine);
                return;
            }
        }
        let ignored = |machine: &&Machine| {
            (planted(Bug::StoppedAsGone) && machine.state == MachineState::Stopped)
                || (planted(Bug::UnknownMachineAsDead) && machine.state == MachineState::Unknown)
                || (planted(Bug::CreateBeforeTerminated) && machine.state == MachineState::ShuttingDown)
        };
        let live: Vec<&Machine> = it.sight.live().filter(|machine| !ignored(machine)).collect();
        match live.as_slice() {
            [] => self.without_machine(it, operation.as_ref()),
            [machine] => self.with_machine(it, operation.as_ref(), machine),
            several => self.with_several(it, several),
        }
    }

    /// The open operation, as the journal of this round has it; one in a wave looks like one that stands alone.
    pub(crate) fn operation_of(&self, it: &Subject<'s>) -> Option<Operation> {
        if let Some(operation) = self.draft.head().operations.get(&it.address) {
            return Some(operation.clone());
        }
        let intent = self.draft.head().intent(&it.address)?;
        Some(Operation {
            kind: intent.kind,
            generation: intent.generation,
            revision: intent.revision.clone(),
            request: None,
            condemned: std::collections::BTreeSet::new(),
            rebooted: false,
            availability: None,
            begun_wall_ms: intent.begun_wall_ms,
        })
    }

    /// A condemned machine that is not gone yet.
    pub(crate) fn end_machine(&mut self, it: &Subject<'s>, machine: &Machine) {
        let address = &it.address;
        match machine.state {
            MachineState::ShuttingDown => {
                if let Some(volume) = it.sight.volume()
                    && planted(Bug::ForceDetachFromLive)
                {
                    self.take_from(it, volume, &machine.id);
                }
                self.block(Some(address), Reason::ShuttingDown { machine: machine.id.clone() });
                return;
            }
            MachineState::Unknown => {
                self.block(Some(address), Reason::StateUnknown { machine: machine.id.clone() });
                return;
            }
            _ => {}
        }
        // Its own machine may be condemned by another leader: its engine leads again and must let go first.
        if !self.may_end(it) {
            let scene = self.scene;
            // Of several voters; the only one's end is for the operator, whenever that comes.
            if self.hand_over.is_none()
                && scene.voters.entries() > 1
                && scene.memory.was_spared(address, scene.now, scene.policy)
                && let Some(operation) = self.draft.operation(address, None)
            {
                // It was condemned and came back before it was ended. A roll of it waits for its turn again and a
                // repair is done, so that what is broken meanwhile does not wait for it.
                operation.condemned.remove(&machine.id);
            }
            return;
        }
        self.note_stopped(it);
        let action = Action::TerminateMachine { machine: machine.id.clone() };
        self.step(address, action, format!("its machine {} is condemned", machine.id));
    }

    /// One machine of it is live.
    pub(crate) fn with_machine(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine) {
        let address = &it.address;
        let scene = self.scene;
        let id = || machine.id.clone();
        match machine.state {
            MachineState::Unknown => self.block(Some(address), Reason::StateUnknown { machine: id() }),
            MachineState::Stopping => self.block(Some(address), Reason::MachineStopping { machine: id() }),
            MachineState::ShuttingDown => self.block(Some(address), Reason::ShuttingDown { machine: id() }),
            MachineState::Stopped => {
                if self.open(address, OperationKind::Repair, &scene.spec.revision, 0) {
                    let action = Action::StartMachine { machine: id() };
                    self.step(address, action, format!("its machine {} is stopped", machine.id));
                }
            }
            MachineState::Pending => {
                let since = scene.memory.joining_for(address, &machine.id, scene.now);
                match operation {
                    Some(operation) if since >= scene.policy.join_ms => {
                        let why = format!("{} never came to run", machine.id);
                        self.failed(it, operation, &why, Some(machine));
                    }
                    _ => self.block(Some(address), Reason::MachinePending { machine: id() }),
                }
            }
            MachineState::Running => {
                if self.holds_volume(it, machine) {
                    self.with_running(it, operation, machine);
                }
            }
            // Live machines alone come here.
            MachineState::Terminated => {}
        }
    }

    /// The machine runs and has what it needs; now its node.
    pub(crate) fn with_running(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine) {
        let address = &it.address;
        let scene = self.scene;
        if it.group.role == Role::Plain {
            self.complete(it, operation, machine, None);
            return;
        }
        let node = it.sight.node_of(machine);
        let answers = node.is_some_and(|node| match it.group.role {
            Role::Manager => node.is_healthy_voter(),
            Role::Worker | Role::Plain => node.state == NodeState::Ready,
        });
        if let Some(node) = node
            && answers
        {
            self.complete(it, operation, machine, Some(node));
            return;
        }
        if let Some(node) = node {
            if node.state == NodeState::Ready && it.group.role == Role::Manager && node.manager.is_none() {
                if let Some(former) = it.sight.nodes().find(|other| other.id != node.id && other.manager.is_some()) {
                    // One place, one vote: the entry that this node came in place of gives its vote up first.
                    if self.open(address, OperationKind::Repair, &scene.spec.revision, 0) {
                        self.demote(it, former);
                    }
                } else if node.role == NodeRole::Worker {
                    if self.open(address, OperationKind::Repair, &scene.spec.revision, 0) {
                        let (node, version) = (node.id.clone(), node.version);
                        let action = Action::SetRole { node, version, role: NodeRole::Manager };
                        self.step(address, action, "it is to be a manager and has no vote".to_owned());
                    }
                } else {
                    self.block(Some(address), Reason::Joining { machine: machine.id.clone() });
                }
                return;
            }
            if node.is_unknown() && !planted(Bug::UnknownNodeAsDown) {
                self.block(Some(address), Reason::NodeUnknown { node: node.id.clone() });
                return;
            }
        }
        let formed = it.sight.volume().is_some_and(|volume| volume.formed);
        let lost = match scene.memory.finding(address) {
            Some(BootFinding::Newcomer(found)) if formed => Some(found.to_string()),
            Some(BootFinding::Refused(why)) => Some(why.clone()),
            _ => None,
        };
        if let Some(why) = lost {
            self.renew(it, machine, Reason::Newcomer { node: node.map(|node| node.id.clone()), why });
            return;
        }
        let rebooted = operation.is_some_and(|operation| operation.rebooted);
        if rebooted {
            let left_ms = scene.policy.reboot_ms.saturating_sub(scene.memory.operation_for(address, scene.now));
            if left_ms > 0 {
                self.block(Some(address), Reason::Rebooting { left_ms });
            } else {
                self.condemn_down(it, operation, machine);
            }
            return;
        }
        match operation {
            Some(operation)
                if operation.kind == OperationKind::Roll
                    && operation.condemned.is_empty()
                    && machine.marks.generation < operation.generation =>
            {
                // Its former machine went down in its own turn: the roll goes on.
                self.go_on_rolling(it, operation, machine, node);
            }
            Some(operation) => {
                let since = scene.memory.joining_for(address, &machine.id, scene.now);
                if since < scene.policy.join_ms {
                    self.block(Some(address), Reason::Joining { machine: machine.id.clone() });
                } else {
                    let why = format!("the node of {} did not come", machine.id);
                    self.failed(it, operation, &why, Some(machine));
                }
            }
            None => self.judge_health(it, machine, node),
        }
    }

    /// Its node is down, and no operation is open for it.
    pub(crate) fn judge_health(&mut self, it: &Subject<'s>, machine: &Machine, node: Option<&Node>) {
        let address = &it.address;
        let scene = self.scene;
        if node.is_none() {
            // It was made without the journal, by a rescue or by one who died, and joins by itself or not at all.
            let since = scene.memory.joining_for(address, &machine.id, scene.now);
            if since < scene.policy.join_ms {
                self.block(Some(address), Reason::Joining { machine: machine.id.clone() });
                return;
            }
        }
        let down = scene.memory.down_for(address, scene.now).unwrap_or(0);
        let mut grace_left_ms = it.group.grace_ms.saturating_sub(down);
        if planted(Bug::AfterElectionIgnored) || planted(Bug::UnknownNodeAsDown) {
            grace_left_ms = 0;
        }
        if node.is_some() && grace_left_ms > 0 {
            self.block(Some(address), Reason::NodeDown { grace_left_ms });
            return;
        }
        let left_ms = scene.memory.election_left(scene.now, scene.policy);
        if left_ms > 0 {
            self.block(Some(address), Reason::AfterElection { left_ms });
            return;
        }
        if self.frozen(address) || self.is_mass_failure(it) {
            return;
        }
        if !self.may_end(it) {
            return;
        }
        let reserved = if self.is_voter_group(it) { 0 } else { RESERVED_FOR_VOTERS };
        let revision = self.repair_revision(it.group, Some(&machine.marks.content)).clone();
        if self.open(address, OperationKind::Repair, &revision, reserved)
            && let Some(operation) = self.draft.operation(address, None)
        {
            operation.rebooted = true;
            self.note_stopped(it);
            let action = Action::RebootMachine { machine: machine.id.clone() };
            self.step(address, action, format!("its node has been down for {} s", down / 1000));
        }
    }

    /// A reboot did not help.
    pub(crate) fn condemn_down(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine) {
        let scene = self.scene;
        let left_ms = scene.memory.election_left(scene.now, scene.policy);
        if left_ms > 0 {
            self.block(Some(&it.address), Reason::AfterElection { left_ms });
            return;
        }
        if self.is_mass_failure(it) {
            return;
        }
        if !self.may_end(it) {
            return;
        }
        if operation.is_some()
            && let Some(operation) = self.draft.operation(&it.address, None)
        {
            operation.rebooted = false;
            let why = "its node stayed down after a reboot";
            let joined = it.group.role != Role::Manager && it.sight.node_of(machine).is_some();
            if !joined && !scene.memory.has_served(&it.address, &machine.id) {
                // As far as anybody here knows it never served: its making failed.
                let count = self.draft.fail(&it.address, why);
                if count >= scene.policy.max_failures && !planted(Bug::FreezeIgnored) {
                    self.frozen(&it.address);
                    self.end(&it.address);
                    return;
                }
            }
            self.condemn(it, machine, why);
        }
    }

    /// Whether a machine that does not serve may be rebooted or ended here and now, which is said if not: one's own is
    /// for another leader, which must lead first, and a manager's is only while enough others answer.
    pub(crate) fn may_end(&mut self, it: &Subject<'s>) -> bool {
        if it.address == *self.scene.me && !planted(Bug::OwnMachineDestroyed) {
            self.pass_on(it);
            return false;
        }
        if self.is_voter_group(it)
            && let Err(reason) = self.may_mend(it)
        {
            self.block(Some(&it.address), reason);
            return false;
        }
        true
    }

    /// Writes a machine into the journal as one that is to end, and ends it.
    pub(crate) fn condemn(&mut self, it: &Subject<'s>, machine: &Machine, why: &str) {
        if it.address == *self.scene.me && !planted(Bug::OwnMachineDestroyed) {
            self.pass_on(it);
            return;
        }
        let Some(operation) = self.draft.operation(&it.address, None) else {
            self.block(Some(&it.address), Reason::JournalFull);
            return;
        };
        if !planted(Bug::TerminateUncondemned) {
            operation.condemned.insert(machine.id.clone());
        }
        self.note_stopped(it);
        let action = Action::TerminateMachine { machine: machine.id.clone() };
        self.step(&it.address, action, why.to_owned());
    }
}

/// Operations that stay free for the group that leads: workers never keep it from being healed.
pub(crate) const RESERVED_FOR_VOTERS: usize = 8;
