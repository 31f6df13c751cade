//! A member's volume and the state on it: made once, taken from the dead alone, given up by name alone.

use kit_model::{
    Action, Approval, Machine, Node, NodeRole, Operation, OperationKind, Reason, Role, Token, Volume, VolumeState,
};

use crate::bugs::{Bug, planted};
use crate::plan::{Round, Subject};

impl<'s> Round<'s> {
    /// Sees to the volume that a machine is to be made for. True once it is free.
    pub(crate) fn prepare_volume(&mut self, it: &Subject<'s>, operation: &Operation) -> bool {
        let address = &it.address;
        let renewed = self.approved(&Approval::ReplaceVolume(address.clone()));
        match it.sight.volume() {
            None => {
                if !self.is_volume_lacking(address) {
                    return false;
                }
                if self.has_lost_state(it) {
                    if !renewed {
                        self.block(Some(address), Reason::VolumeGone);
                        if operation.request.is_none() && self.draft.head().operations.contains_key(address) {
                            // It waits for a person: nobody else waits for it meanwhile.
                            self.end(address);
                        }
                        return false;
                    }
                    if !self.clear_entries(it) {
                        return false;
                    }
                }
                self.create_volume(it, operation);
                false
            }
            Some(volume) if renewed && volume.marks.generation < operation.generation => {
                if !self.clear_entries(it) {
                    return false;
                }
                if let VolumeState::Held(holder) = &volume.state {
                    self.take_from(it, volume, &holder.machine);
                    return false;
                }
                let action = Action::RetireVolume { volume: volume.id.clone() };
                self.step(address, action, "a person approved the loss of its state".to_owned());
                false
            }
            Some(volume) => match &volume.state {
                VolumeState::Available => {
                    if renewed {
                        // It has begun anew: what was allowed is done.
                        self.draft.use_up(address);
                    }
                    true
                }
                VolumeState::Held(_) | VolumeState::Creating | VolumeState::Unknown => {
                    self.await_volume(it, volume);
                    false
                }
            },
        }
    }

    /// Says what a volume that is not free waits for; takes it from a machine that is dead.
    fn await_volume(&mut self, it: &Subject<'s>, volume: &Volume) {
        match &volume.state {
            VolumeState::Creating => self.block(Some(&it.address), Reason::VolumeCreating),
            VolumeState::Unknown => {
                self.block(Some(&it.address), Reason::VolumeUnknown { volume: volume.id.clone() });
            }
            VolumeState::Held(holder) => self.take_from(it, volume, &holder.machine),
            VolumeState::Available => {}
        }
    }

    /// Takes a volume from a machine, if that is dead.
    pub(crate) fn take_from(&mut self, it: &Subject<'s>, volume: &Volume, machine: &kit_model::MachineId) {
        let scene = self.scene;
        let holder = scene.inventory.machines.binary_search_by(|seen| seen.id.cmp(machine));
        let holder = holder.ok().and_then(|index| scene.inventory.machines.get(index));
        let dead = holder.is_some_and(|holder| holder.state.is_terminal());
        if !dead && !planted(Bug::ForceDetachFromLive) {
            // What is not listed is not known to be dead.
            let reason = Reason::VolumeElsewhere { volume: volume.id.clone(), machine: machine.clone() };
            self.block(Some(&it.address), reason);
            return;
        }
        let revision = &scene.spec.revision;
        if !self.open(&it.address, OperationKind::Repair, revision, 0) {
            return;
        }
        let action = Action::ForceDetach { volume: volume.id.clone(), machine: machine.clone() };
        self.step(&it.address, action, format!("its volume is still held by {machine}, which is terminated"));
    }

    pub(crate) fn create_volume(&mut self, it: &Subject<'s>, operation: &Operation) {
        let Some(properties) = it.member.and_then(|member| member.volume.clone()) else { return };
        let token = Token::of_volume(&self.scene.head.uid, &it.address, operation.generation);
        if self.scene.memory.attempts.was_in_vain(&it.address, &token, self.scene.now) {
            // The provider keeps answering with a volume that is no more.
            self.failed(it, operation, "the volume that was made never showed in a listing", None);
            return;
        }
        let action =
            Action::CreateVolume { address: it.address.clone(), generation: operation.generation, properties, token };
        self.step(&it.address, action, "it has no volume".to_owned());
    }

    /// Whether the Swarm, or the provider, remembers a node or machine whose state was on the volume.
    pub(crate) fn has_lost_state(&self, it: &Subject<'s>) -> bool {
        match it.group.role {
            Role::Manager => it.sight.nodes().next().is_some(),
            Role::Worker | Role::Plain => it.sight.nodes().next().is_some() || !it.sight.machines.is_empty(),
        }
    }

    /// Takes the entries of a node that can never come back off the Swarm's list: its vote first. True once none
    /// is left.
    pub(crate) fn clear_entries(&mut self, it: &Subject<'s>) -> bool {
        let address = &it.address;
        let voters: Vec<&Node> = it.sight.nodes().filter(|node| node.manager.is_some()).collect();
        if let Some(node) = voters.first()
            && !planted(Bug::DemotionNotAwaited)
        {
            self.demote(it, node);
            return false;
        }
        let mut none = true;
        let nodes: Vec<&Node> = it.sight.nodes().collect();
        for node in nodes {
            none = false;
            if it.sight.is_gone(node) || planted(Bug::RemoveNodeEarly) {
                let action = Action::RemoveNode { node: node.id.clone() };
                self.step(address, action, format!("the node {} can never come back", node.id));
                break;
            }
            self.block(Some(address), Reason::NodeUnknown { node: node.id.clone() });
        }
        none
    }

    /// Takes the vote of an entry whose state is lost.
    pub(crate) fn demote(&mut self, it: &Subject<'s>, node: &Node) {
        if node.role == NodeRole::Worker {
            self.block(Some(&it.address), Reason::Demoting { node: node.id.clone() });
            return;
        }
        let answering = node.is_healthy_voter().then_some(&it.address);
        let allowed = self.may_mend(it).and_then(|()| self.scene.voters.may_demote(answering));
        if let Err(reason) = allowed {
            self.block(Some(&it.address), reason);
            return;
        }
        let action = Action::SetRole { node: node.id.clone(), version: node.version, role: NodeRole::Worker };
        self.step(&it.address, action, format!("the state of {} is lost, and it still votes", node.id));
    }

    /// Sees to it that a running machine holds its volume. True once it does, or needs none.
    pub(crate) fn holds_volume(&mut self, it: &Subject<'s>, machine: &Machine) -> bool {
        let address = &it.address;
        let scene = self.scene;
        if it.member.is_none_or(|member| member.volume.is_none()) {
            return true;
        }
        let Some(volume) = it.sight.volume() else {
            if !self.is_volume_lacking(address) {
                return false;
            }
            if self.has_lost_state(it) && it.group.role == Role::Manager {
                self.renew(it, machine, Reason::VolumeGone);
            } else if self.open(address, OperationKind::Repair, &scene.spec.revision, 0)
                && let Some(operation) = self.operation_of(it)
            {
                self.create_volume(it, &operation);
            }
            return false;
        };
        match &volume.state {
            VolumeState::Held(holder) if holder.machine == machine.id && holder.attached => true,
            VolumeState::Held(holder) if holder.machine == machine.id => {
                let reason = Reason::VolumeBusy { volume: volume.id.clone(), machine: machine.id.clone() };
                self.block(Some(address), reason);
                false
            }
            VolumeState::Held(_) | VolumeState::Creating | VolumeState::Unknown => {
                self.await_volume(it, volume);
                false
            }
            VolumeState::Available => {
                if self.open(address, OperationKind::Repair, &scene.spec.revision, 0) {
                    let mut chosen = &volume.id;
                    if planted(Bug::OtherVolumeAttached)
                        && let Some(other) = scene.inventory.volumes.iter().find(|v| v.state == VolumeState::Available)
                    {
                        chosen = &other.id;
                    }
                    let action = Action::AttachVolume { volume: chosen.clone(), machine: machine.id.clone() };
                    self.step(address, action, format!("{} runs without its volume", machine.id));
                }
                false
            }
        }
    }

    /// A member's state is lost: with a person's approval it begins anew, with another volume and as another node.
    pub(crate) fn renew(&mut self, it: &Subject<'s>, machine: &Machine, reason: Reason) {
        let address = &it.address;
        let scene = self.scene;
        if !self.approved(&Approval::ReplaceVolume(address.clone())) {
            self.block(Some(address), reason);
            return;
        }
        if self.frozen(address) {
            return;
        }
        if self.is_voter_group(it)
            && let Err(reason) = self.may_mend(it)
        {
            self.block(Some(address), reason);
            return;
        }
        let revision = self.repair_revision(it.group, Some(&machine.marks.content)).clone();
        match self.draft.begin(address, OperationKind::Repair, &revision, 0, scene.policy) {
            Ok(()) => self.condemn(it, machine, "a person approved that it begins anew"),
            Err(reason) => self.block(Some(address), reason),
        }
    }
}
