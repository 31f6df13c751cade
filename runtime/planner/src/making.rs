//! Making what is not there: which revision, which request, and what becomes of a making that failed.

use std::net::IpAddr;
use std::sync::Arc;

use kit_model::{
    Action, Address, GroupSpec, Machine, MachineState, Operation, OperationKind, Reason, RevisionId, Role, Spec, Token,
};

use crate::bugs::{Bug, planted};
use crate::plan::{Round, Subject};
use crate::request::{render, token_of};
use crate::subject::RESERVED_FOR_VOTERS;

impl<'s> Round<'s> {
    /// Nothing live of it is listed.
    pub(crate) fn without_machine(&mut self, it: &Subject<'s>, operation: Option<&Operation>) {
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
    pub(crate) fn wanted_revision(
        &self,
        it: &Subject<'s>,
        operation: &Operation,
        dead: Option<&Machine>,
    ) -> &'s RevisionId {
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
    pub(crate) fn begin_making(&mut self, it: &Subject<'s>, dead: Option<&Machine>) {
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
    pub(crate) fn unsettled(&self, it: &Subject<'s>) -> u64 {
        if self.scene.memory.is_unknown(&it.address) {
            self.scene.memory.unknown_left(&it.address, self.scene.now, self.scene.policy)
        } else {
            0
        }
    }

    /// Makes the machine of an open operation, and its volume before it.
    pub(crate) fn make(&mut self, it: &Subject<'s>, operation: &Operation) {
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
        if it.member.is_none() && self.waits_for_surplus(address, it.group) {
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
        if scene.memory.attempts.was_in_vain(address, &request.token, scene.now) {
            // The provider keeps answering with a machine that is no more.
            self.failed(it, operation, "what was made never showed in a listing", None);
            return;
        }
        if planted(Bug::NewGenerationWhileUnknown)
            && scene.memory.is_unknown(address)
            && operation.generation != self.draft.generation()
        {
            self.renounce(it, operation);
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
    pub(crate) fn renounce(&mut self, it: &Subject<'s>, operation: &Operation) {
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
    pub(crate) fn reproduces_wave(
        &mut self,
        address: &Address,
        spec: &Spec,
        group: &GroupSpec,
        manager_ips: &[IpAddr],
    ) -> bool {
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

    /// A making failed: count it, and make anew or freeze.
    pub(crate) fn failed(&mut self, it: &Subject<'s>, operation: &Operation, why: &str, machine: Option<&Machine>) {
        let address = &it.address;
        let scene = self.scene;
        if self.frozen(address) {
            return;
        }
        if let Some(machine) = machine {
            let left_ms = scene.memory.election_left(scene.now, scene.policy);
            // That a running machine's node did not come is the Swarm's word, which an election makes void.
            if machine.state == MachineState::Running && left_ms > 0 {
                self.block(Some(address), Reason::AfterElection { left_ms });
                return;
            }
            if !self.may_end(it) {
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
}
