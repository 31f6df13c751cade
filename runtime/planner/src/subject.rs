//! One member or slot: one step a round, then another look.

use std::net::IpAddr;
use std::sync::Arc;

use kit_model::{
    Action, Address, Approval, Availability, BootFinding, GroupSpec, Machine, MachineState, Node, NodeRole, NodeState,
    Operation, OperationKind, Reason, RevisionId, Role, Spec, Token, Volume, VolumeState,
};

use crate::bugs::{Bug, planted};
use crate::plan::{Round, Subject};
use crate::request::{render, token_of};

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
    fn operation_of(&self, it: &Subject<'s>) -> Option<Operation> {
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
                self.block(Some(address), Reason::ShuttingDown { machine: machine.id.clone() });
                return;
            }
            MachineState::Unknown => {
                self.block(Some(address), Reason::StateUnknown { machine: machine.id.clone() });
                return;
            }
            _ => {}
        }
        if address == self.scene.me && !planted(Bug::OwnMachineDestroyed) {
            // It was condemned by another leader, and its engine leads again: it must let go first.
            self.pass_on(it);
            return;
        }
        if self.is_voter_group(it)
            && let Err(reason) = self.may_mend(it)
        {
            self.block(Some(address), reason);
            return;
        }
        self.note_stopped(it);
        let action = Action::TerminateMachine { machine: machine.id.clone() };
        self.step(address, action, format!("its machine {} is condemned", machine.id));
    }

    /// Nothing live of it is listed.
    fn without_machine(&mut self, it: &Subject<'s>, operation: Option<&Operation>) {
        let address = &it.address;
        let scene = self.scene;
        let dead = it.sight.dead();
        let newest_node = it.sight.nodes().filter_map(|node| node.generation).max();
        let terminal_seen = dead.is_some_and(|dead| newest_node.is_none_or(|node| node <= dead.marks.generation))
            && (it.group.role != Role::Plain || scene.inventory.strong)
            && scene.inventory.complete;
        if !terminal_seen && !self.is_lacking(address) {
            return;
        }
        if self.frozen(address) {
            self.end(address);
            return;
        }
        if !terminal_seen && operation.is_none() && self.is_mass_failure(it) {
            return;
        }
        let Some(operation) = operation else {
            self.begin_making(it, dead);
            return;
        };
        if let Some(dead) = dead
            && dead.marks.generation >= operation.generation
            && !operation.condemned.contains(&dead.id)
        {
            self.failed(it, operation, &format!("its machine {} ended before it was whole", dead.id), None);
            return;
        }
        let wanted = self.wanted_revision(it, operation, dead);
        if *wanted != operation.revision {
            let left_ms = match operation.request {
                None if scene.head.operations.contains_key(address) => 0,
                _ => scene.memory.unknown_left(address, scene.now, scene.policy),
            };
            if left_ms == 0 {
                let wanted = wanted.clone();
                if let Err(reason) = self.draft.begin(address, operation.kind, &wanted, 0, scene.policy) {
                    self.block(Some(address), reason);
                    return;
                }
                let renewed = self.draft.head().operations.get(address).cloned();
                if let Some(renewed) = renewed {
                    self.make(it, &renewed);
                }
                return;
            }
        }
        self.make(it, operation);
    }

    /// Which revision an operation without a machine should be made from now.
    fn wanted_revision(&self, it: &Subject<'s>, operation: &Operation, dead: Option<&Machine>) -> &'s RevisionId {
        match operation.kind {
            OperationKind::Roll if self.roll_stopped(it.group).is_none() => &self.scene.spec.revision,
            _ => {
                let current = &self.scene.spec.revision;
                let repair = self.repair_revision(it.group, dead.map(|dead| &dead.marks.content));
                // An operation that already is of one of the two stays what it is.
                if operation.revision == *current { current } else { repair }
            }
        }
    }

    /// Begins making what is not there.
    fn begin_making(&mut self, it: &Subject<'s>, dead: Option<&Machine>) {
        let address = &it.address;
        let was_there = dead.is_some() || it.sight.nodes().next().is_some();
        let kind = if was_there { OperationKind::Repair } else { OperationKind::Create };
        if self.is_voter_group(it)
            && kind == OperationKind::Create
            && let Some(other) = self.other_busy(it)
        {
            // New voters come one after the other.
            self.block(Some(address), Reason::AnotherDisrupted { address: other });
            return;
        }
        let revision = self.repair_revision(it.group, dead.map(|dead| &dead.marks.content)).clone();
        let reserved = if self.is_voter_group(it) { 0 } else { RESERVED_FOR_VOTERS };
        let left_ms = if was_there { 0 } else { self.unsettled(it) };
        if left_ms > 0 {
            let what = "create machine".to_owned();
            self.block(Some(address), Reason::OutcomeUnknown { what, left_ms });
            return;
        }
        let before = self.steps.len();
        if !self.open(address, kind, &revision, reserved) {
            return;
        }
        if let Some(operation) = self.operation_of(it) {
            self.make(it, &operation);
        }
        if self.steps.len() == before {
            // Nothing can be sent for it now: what is not begun keeps nobody else waiting.
            self.draft.take_back(address);
        }
    }

    /// How long a former creation that the journal no longer shows may still take effect, as far as this holder
    /// sent it.
    fn unsettled(&self, it: &Subject<'s>) -> u64 {
        if self.scene.memory.is_unknown(&it.address) {
            self.scene.memory.unknown_left(&it.address, self.scene.now, self.scene.policy)
        } else {
            0
        }
    }

    /// Makes the machine of an open operation, and its volume before it.
    fn make(&mut self, it: &Subject<'s>, operation: &Operation) {
        let address = &it.address;
        let scene = self.scene;
        if it.member.is_some_and(|member| member.volume.is_some()) && !self.prepare_volume(it, operation) {
            return;
        }
        if let Some(ip) = it.member.and_then(|member| member.ip) {
            if let Some(stranger) = scene.inventory.strangers.iter().find(|stranger| stranger.ip == ip) {
                self.block(Some(address), Reason::IpHeldByStranger { what: stranger.what.clone() });
                return;
            }
            let holder = scene.holder_of(ip);
            if let Some(holder) = holder
                && !planted(Bug::CreateBeforeTerminated)
                && !planted(Bug::StoppedAsGone)
                && !planted(Bug::UnknownMachineAsDead)
            {
                self.block(Some(address), Reason::IpHeldByMachine { machine: holder.id.clone() });
                return;
            }
        }
        if let Some(missing) = &scene.unready {
            self.block(Some(address), Reason::DependsOn { address: missing.clone() });
            return;
        }
        let Some(spec) = scene.specs.get(&operation.revision) else {
            let why = format!("{} is not loaded", operation.revision);
            self.block(Some(address), Reason::RevisionUnreadable { why });
            return;
        };
        let uid = &scene.head.uid;
        let token = if planted(Bug::FreshTokenPerTry) {
            Token::new(format!("{address}-{}", scene.now.boot_ms))
        } else {
            token_of(uid, address, operation.generation)
        };
        // The group or member may no longer be in the revision that was journaled; then nobody can render it.
        let Some(group) = spec.groups.get(&it.group.name) else {
            self.block(Some(address), Reason::CannotReproduce);
            return;
        };
        let member = spec.members.get(address);
        if member.is_none() && spec.content_of(address).is_none() {
            self.block(Some(address), Reason::CannotReproduce);
            return;
        }
        let ips;
        let manager_ips = if std::ptr::eq(Arc::as_ptr(spec), scene.spec) {
            &scene.manager_ips
        } else {
            ips = spec.manager_ips();
            &ips
        };
        let request = render(uid, spec, group, member, address, operation.generation, token, manager_ips);
        let same = match &operation.request {
            Some(journaled) => *journaled == request.request,
            None => self.reproduces_wave(address, spec, group, manager_ips),
        };
        if !same {
            self.block(Some(address), Reason::CannotReproduce);
            self.renounce(it, operation);
            return;
        }
        if scene.memory.was_in_vain(address, request.token.as_str(), scene.now) {
            // The provider keeps answering with a machine that is no more.
            self.failed(it, operation, "what was made never showed in a listing", None);
            return;
        }
        let hash = request.request.clone();
        let why = match it.sight.dead() {
            Some(dead) => format!("its machine {} is gone", dead.id),
            None => "it has no machine".to_owned(),
        };
        let begun = operation.generation == self.draft.generation();
        let sent = self.step(address, Action::CreateMachine(Arc::new(request)), why);
        if sent
            && operation.request.is_none()
            && (begun || scene.head.operations.contains_key(address))
            && let Some(journaled) = self.draft.operation(address, None)
        {
            journaled.request = Some(hash);
        }
    }

    /// What cannot be rendered as it was journaled is begun anew, once what was sent can no longer take effect.
    fn renounce(&mut self, it: &Subject<'s>, operation: &Operation) {
        let scene = self.scene;
        if scene.memory.unknown_left(&it.address, scene.now, scene.policy) > 0 {
            return;
        }
        let revision = self.repair_revision(it.group, None).clone();
        if let Err(reason) = self.draft.begin(&it.address, operation.kind, &revision, 0, scene.policy) {
            self.block(Some(&it.address), reason);
        }
    }

    /// Whether the wave that `address` stands in, if any, is rendered here as it was where it was begun.
    fn reproduces_wave(&mut self, address: &Address, spec: &Spec, group: &GroupSpec, manager_ips: &[IpAddr]) -> bool {
        let scene = self.scene;
        let head = &scene.head;
        if head.waves.is_empty() || head.operations.contains_key(address) {
            return true;
        }
        let Some(slot) = address.slot() else { return true };
        let Some(wave) = head.waves.iter().find(|wave| wave.group == address.group() && wave.has(slot)) else {
            return true;
        };
        if let Some(known) = self.reproduced.get(&wave.generation) {
            return *known;
        }
        let first = Address::of_slot(&wave.group, wave.request_slot);
        let token = token_of(&head.uid, &first, wave.generation);
        let rendered = render(&head.uid, spec, group, None, &first, wave.generation, token, manager_ips);
        let same = rendered.request == wave.request;
        self.reproduced.insert(wave.generation, same);
        same
    }

    /// Sees to the volume that a machine is to be made for. True once it is free.
    fn prepare_volume(&mut self, it: &Subject<'s>, operation: &Operation) -> bool {
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
                VolumeState::Creating => {
                    self.block(Some(address), Reason::VolumeCreating);
                    false
                }
                VolumeState::Unknown => {
                    self.block(Some(address), Reason::VolumeUnknown { volume: volume.id.clone() });
                    false
                }
                VolumeState::Held(holder) => {
                    self.take_from(it, volume, &holder.machine);
                    false
                }
            },
        }
    }

    /// Takes a volume from a machine, if that is dead.
    fn take_from(&mut self, it: &Subject<'s>, volume: &Volume, machine: &kit_model::MachineId) {
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

    fn create_volume(&mut self, it: &Subject<'s>, operation: &Operation) {
        let Some(properties) = it.member.and_then(|member| member.volume.clone()) else { return };
        let action = Action::CreateVolume {
            address: it.address.clone(),
            generation: operation.generation,
            properties,
            token: Token::of_volume(&self.scene.head.uid, &it.address, operation.generation),
        };
        self.step(&it.address, action, "it has no volume".to_owned());
    }

    /// Whether the Swarm, or the provider, remembers a node or machine whose state was on the volume.
    fn has_lost_state(&self, it: &Subject<'s>) -> bool {
        match it.group.role {
            Role::Manager => it.sight.nodes().next().is_some(),
            Role::Worker | Role::Plain => it.sight.nodes().next().is_some() || !it.sight.machines.is_empty(),
        }
    }

    /// Takes the entries of a node that can never come back off the Swarm's list: its vote first. True once none
    /// is left.
    fn clear_entries(&mut self, it: &Subject<'s>) -> bool {
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
    fn demote(&mut self, it: &Subject<'s>, node: &Node) {
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

    /// One machine of it is live.
    fn with_machine(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine) {
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

    /// Sees to it that a running machine holds its volume. True once it does, or needs none.
    fn holds_volume(&mut self, it: &Subject<'s>, machine: &Machine) -> bool {
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
            VolumeState::Held(holder) => {
                self.take_from(it, volume, &holder.machine);
                false
            }
            VolumeState::Creating => {
                self.block(Some(address), Reason::VolumeCreating);
                false
            }
            VolumeState::Unknown => {
                self.block(Some(address), Reason::VolumeUnknown { volume: volume.id.clone() });
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

    /// The machine runs and has what it needs; now its node.
    fn with_running(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine) {
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
                if node.role == NodeRole::Worker {
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
            if node.state == NodeState::Unknown && !planted(Bug::UnknownNodeAsDown) {
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
    fn judge_health(&mut self, it: &Subject<'s>, machine: &Machine, node: Option<&Node>) {
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
        let grace_left_ms = it.group.grace_ms.saturating_sub(down);
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
        if address == scene.me && !planted(Bug::OwnMachineDestroyed) {
            // It leads, and its own node does not answer: another must lead to mend it.
            self.pass_on(it);
            return;
        }
        if self.is_voter_group(it)
            && let Err(reason) = self.may_mend(it)
        {
            self.block(Some(address), reason);
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
    fn condemn_down(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine) {
        let scene = self.scene;
        let left_ms = scene.memory.election_left(scene.now, scene.policy);
        if left_ms > 0 {
            self.block(Some(&it.address), Reason::AfterElection { left_ms });
            return;
        }
        if self.is_mass_failure(it) {
            return;
        }
        if self.is_voter_group(it)
            && let Err(reason) = self.may_mend(it)
        {
            self.block(Some(&it.address), reason);
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

    /// A making failed: count it, and make anew or freeze.
    fn failed(&mut self, it: &Subject<'s>, operation: &Operation, why: &str, machine: Option<&Machine>) {
        let address = &it.address;
        let scene = self.scene;
        if self.frozen(address) {
            return;
        }
        if machine.is_some() {
            if address == scene.me && !planted(Bug::OwnMachineDestroyed) {
                self.pass_on(it);
                return;
            }
            if self.is_voter_group(it)
                && let Err(reason) = self.may_mend(it)
            {
                self.block(Some(address), reason);
                return;
            }
        }
        let count = self.draft.fail(address, why);
        let rolled = operation.kind == OperationKind::Roll
            && operation.revision == scene.head.revision
            && scene.head.last_good.get(&it.group.name).is_some_and(|good| *good != scene.head.revision);
        if rolled {
            self.draft.stop_roll(&it.group.name, address);
        }
        if count >= scene.policy.max_failures && !planted(Bug::FreezeIgnored) {
            self.frozen(address);
            self.end(address);
            return;
        }
        let revision = if rolled {
            scene.head.last_good.get(&it.group.name).unwrap_or(&scene.spec.revision)
        } else {
            self.repair_revision(it.group, None)
        };
        let kind = if rolled { OperationKind::Repair } else { operation.kind };
        if let Err(reason) = self.draft.begin(address, kind, revision, 0, scene.policy) {
            self.block(Some(address), reason);
            return;
        }
        if let Some(machine) = machine {
            self.condemn(it, machine, why);
        }
    }

    /// A member's state is lost: with a person's approval it begins anew, with another volume and as another node.
    fn renew(&mut self, it: &Subject<'s>, machine: &Machine, reason: Reason) {
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

    /// It answers: what remains is its marks, its place in the Swarm, and time.
    fn complete(&mut self, it: &Subject<'s>, operation: Option<&Operation>, machine: &Machine, node: Option<&Node>) {
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
        if let Some(node) = node {
            if !self.remove_stale_entries(it, node) || !self.settle_node(it, operation, node) {
                return;
            }
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
    fn remove_stale_entries(&mut self, it: &Subject<'s>, own: &Node) -> bool {
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
    fn settle_node(&mut self, it: &Subject<'s>, operation: Option<&Operation>, node: &Node) -> bool {
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
    fn with_several(&mut self, it: &Subject<'s>, several: &[&Machine]) {
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
    fn go_on_rolling(&mut self, it: &Subject<'s>, operation: &Operation, machine: &Machine, node: Option<&Node>) {
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
            let left_ms = it.group.drain_ms.saturating_sub(scene.memory.operation_for(address, scene.now));
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

/// Operations that stay free for the group that leads: workers never keep it from being healed.
pub(crate) const RESERVED_FOR_VOTERS: usize = 8;
