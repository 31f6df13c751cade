//! What one holder remembers between its looks. It restarts when the holder changes.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{
    Address, Availability, BootFinding, Call, ErrorClass, Generation, Head, Inventory, MachineId, MachineState, Node,
    NodeId, NodeState, Now, Outcome, Policy, Role, Spec, SwarmView,
};
use serde::{Deserialize, Serialize};

use crate::attempts::Attempts;
use crate::bugs::{Bug, planted};
use crate::survey::{Sight, Survey, Walk};

/// The memory of one holder. All times are milliseconds of its boot clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When it began.
    began_ms: u64,
    /// Which node leads, and since when.
    leader: Option<(NodeId, u64)>,
    /// When it last took in a look.
    looked_ms: Option<u64>,
    /// Members that are whole, and since when: those of the group that leads, and those with an open operation
    /// or counted failures.
    whole: BTreeMap<Address, u64>,
    /// The machine that a watched member was last whole with.
    served: BTreeMap<Address, MachineId>,
    /// Addresses without a live machine in the listings.
    absent: BTreeMap<Address, Absence>,
    /// Members without a volume in the listings.
    absent_volumes: BTreeMap<Address, Absence>,
    /// Nodes that are down though their machine runs.
    down: BTreeMap<Address, u64>,
    /// Machines that were made and whose node has not come yet.
    joining: BTreeMap<Address, (MachineId, u64)>,
    /// Since when an operation of this generation is known.
    operations: BTreeMap<Address, (Generation, u64)>,
    /// Nodes with an open operation that take no tasks any more, and since when that is seen.
    draining: BTreeMap<Address, u64>,
    /// What was sent, and what became of it.
    pub(crate) attempts: Attempts,
    /// Addresses whose creating call may still take effect.
    unknown: BTreeMap<Address, u64>,
    /// Members whose reboot this holder sent, and since when the answer is in hand.
    reboots: BTreeMap<Address, u64>,
    /// Members and slots for which this holder sent an end, and when last.
    ends: BTreeMap<Address, u64>,
    /// What machines found when they booted.
    findings: BTreeMap<Address, BootFinding>,
    /// Definite refusals that are not journaled yet.
    refused: BTreeMap<Address, String>,
}

/// Something that complete listings lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Absence {
    first_ms: u64,
    confirmed: bool,
}

/// Whether something that listings lack is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    Confirmed,
    Seen { first_ms: u64 },
    NotSeen,
}

/// A pause between two looks in which an election may have passed unseen: a replica that stood still finds that it leads
/// as before. A leader that is cut off says for 11 to 20 s that it leads, and no sooner leads again.
const UNSEEN_MS: u64 = 20_000;

impl Memory {
    /// A new memory, begun now.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self { began_ms: now.boot_ms, ..Self::default() }
    }

    /// Takes in one look around. `inventory` and `swarm` are from the same look.
    pub fn observe(
        &mut self,
        spec: &Spec,
        inventory: &Inventory,
        swarm: &SwarmView,
        head: &Head,
        now: Now,
        policy: &Policy,
    ) {
        let survey = Survey::new(spec, inventory, swarm);
        self.observe_leader(swarm, now);
        let before = std::mem::take(self);
        *self = Self {
            began_ms: before.began_ms,
            leader: before.leader.clone(),
            looked_ms: Some(now.boot_ms),
            findings: before.findings.clone(),
            refused: before.refused.clone(),
            unknown: before.unknown.clone(),
            attempts: before.attempts.clone(),
            reboots: before.reboots.clone(),
            served: before.served.clone(),
            ends: before
                .ends
                .iter()
                .filter(|(_, at)| now.since(**at) < policy.settle_ms)
                .map(|(a, at)| (a.clone(), *at))
                .collect(),
            ..Self::default()
        };
        let mut walk = Walk::default();
        for group in spec.groups.values() {
            if group.members.is_empty() {
                for slot in 1..=group.count {
                    let sight = survey.next(&mut walk, survey.key_in(group, slot));
                    // A strong listing needs no second one, so thousands of slots to be filled need no note.
                    let told =
                        sight.machines.is_empty() && sight.nodes.is_empty() && inventory.strong && inventory.complete;
                    if told || self.is_unremarkable(group.role, sight) {
                        continue;
                    }
                    let address = Address::of_slot(&group.name, slot);
                    self.observe_one(&before, &address, group.role, false, sight, inventory, head, now, policy);
                }
            } else {
                for (index, address) in (0u32..).zip(&group.members) {
                    let sight = survey.next(&mut walk, survey.key_in(group, index));
                    let volume = spec.members.get(address).is_some_and(|member| member.volume.is_some());
                    self.observe_one(&before, address, group.role, volume, sight, inventory, head, now, policy);
                    if group.role == Role::Manager {
                        self.note_whole(&before, spec, address, sight, now);
                    }
                }
            }
        }
        let watched: BTreeSet<&Address> = head.operations.keys().chain(head.failures.keys()).collect();
        for address in watched {
            let sight = survey.sight(address);
            self.note_whole(&before, spec, address, sight, now);
            if spec.content_of(address).is_none() {
                // Not in the spec any more: on its way out.
                self.observe_one(&before, address, Role::Plain, false, sight, inventory, head, now, policy);
            }
        }
        for (address, operation) in &head.operations {
            let since = match before.operations.get(address) {
                Some((generation, since)) if *generation == operation.generation => *since,
                _ => now.boot_ms,
            };
            self.operations.insert(address.clone(), (operation.generation, since));
            if survey.sight(address).nodes().any(|node| node.availability == Availability::Drain) {
                let since = before.draining.get(address).copied().unwrap_or(now.boot_ms);
                self.draining.insert(address.clone(), since);
            }
        }
        self.settle(&survey, head, now, policy);
    }

    /// Takes in what machines reported of their boots.
    pub fn hear_boots(&mut self, findings: &[(Address, BootFinding)]) {
        self.findings = findings.iter().cloned().collect();
    }

    fn observe_leader(&mut self, swarm: &SwarmView, now: Now) {
        let leads = |node: &&Node| node.manager.is_some_and(|status| status.leader);
        let seen = swarm.nodes.iter().find(leads).map(|node| &node.id);
        let unseen = self.looked_ms.is_some_and(|looked| now.since(looked) >= UNSEEN_MS);
        match (seen, &self.leader) {
            (Some(seen), Some((known, _))) if seen == known && !unseen => {}
            (Some(seen), _) => self.leader = Some((seen.clone(), now.boot_ms)),
            (None, _) => self.leader = None,
        }
    }

    /// The common case among thousands, told without an address: one machine runs and its node answers.
    fn is_unremarkable(&self, role: Role, sight: Sight<'_, '_>) -> bool {
        let [(_, machine)] = sight.machines else { return false };
        if machine.state != MachineState::Running {
            return false;
        }
        match (role, sight.nodes) {
            (Role::Plain, []) => true,
            (Role::Worker, [(_, node)]) => {
                node.state == NodeState::Ready && node.generation == Some(machine.marks.generation)
            }
            _ => false,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one look's parts, which the loop has at hand")]
    fn observe_one(
        &mut self,
        before: &Self,
        address: &Address,
        role: Role,
        volume: bool,
        sight: Sight<'_, '_>,
        inventory: &Inventory,
        head: &Head,
        now: Now,
        policy: &Policy,
    ) {
        let Some(machine) = sight.live().last() else {
            note_absence(&mut self.absent, &before.absent, address, inventory, policy);
            if volume && sight.volumes.is_empty() {
                note_absence(&mut self.absent_volumes, &before.absent_volumes, address, inventory, policy);
            }
            return;
        };
        if volume && sight.volumes.is_empty() {
            note_absence(&mut self.absent_volumes, &before.absent_volumes, address, inventory, policy);
        }
        if role == Role::Plain && machine.state == MachineState::Running {
            return;
        }
        let node = sight.node_of(machine);
        let answers = node.is_some_and(|node| match role {
            Role::Manager => node.is_healthy_voter(),
            Role::Worker | Role::Plain => node.state == NodeState::Ready,
        });
        if answers {
            return;
        }
        let unknown = node.is_some_and(kit_model::Node::is_unknown);
        let told = !unknown || planted(Bug::UnknownNodeAsDown);
        if told && machine.state == MachineState::Running && node.is_some() {
            let since = before.down.get(address).copied().unwrap_or(now.boot_ms);
            self.down.insert(address.clone(), since);
        }
        let pending = matches!(machine.state, MachineState::Pending | MachineState::Running);
        if pending && (node.is_none() || head.intent(address).is_some()) {
            let since = match before.joining.get(address) {
                Some((id, since)) if *id == machine.id => *since,
                _ => now.boot_ms,
            };
            self.joining.insert(address.clone(), (machine.id.clone(), since));
        }
    }

    fn note_whole(&mut self, before: &Self, spec: &Spec, address: &Address, sight: Sight<'_, '_>, now: Now) {
        if is_whole(spec, address, sight) {
            let since = before.whole.get(address).copied().unwrap_or(now.boot_ms);
            self.whole.insert(address.clone(), since);
            if let Some(machine) = sight.live().next()
                && self.served.get(address) != Some(&machine.id)
            {
                self.served.insert(address.clone(), machine.id.clone());
            }
        }
    }

    /// An outcome is settled when the thing is seen, or when the call can no longer take effect.
    fn settle(&mut self, survey: &Survey<'_>, head: &Head, now: Now, policy: &Policy) {
        self.unknown.retain(|address, since| {
            let generation = head.intent(address).map(|intent| intent.generation);
            let seen = survey
                .sight(address)
                .machines
                .iter()
                .any(|(_, machine)| generation.is_none_or(|generation| machine.marks.generation >= generation));
            !seen && now.since(*since) < policy.settle_ms
        });
        let over = |address: &Address| self.whole.contains_key(address) && !head.operations.contains_key(address);
        self.attempts.forget(over, now, policy);
    }

    /// Notes that a call is being sent.
    pub fn sent(&mut self, call: &Call, now: Now, policy: &Policy) {
        self.attempts.sent(call, now, policy);
        if matches!(call.action, kit_model::Action::RebootMachine { .. }) {
            self.reboots.remove(&call.address);
        }
        if matches!(call.action, kit_model::Action::TerminateMachine { .. }) {
            self.ends.insert(call.address.clone(), now.boot_ms);
        }
    }

    /// Notes what became of a call.
    pub fn answered(&mut self, call: &Call, outcome: &Outcome, now: Now, policy: &Policy) {
        if matches!(call.action, kit_model::Action::RebootMachine { .. }) && !matches!(outcome, Outcome::Unknown(_)) {
            self.reboots.insert(call.address.clone(), now.boot_ms);
        }
        let creates = matches!(
            call.action,
            kit_model::Action::CreateMachine(_)
                | kit_model::Action::CreateVolume { .. }
                | kit_model::Action::CreateResource { .. }
        );
        if !self.attempts.answered(call, outcome, now, policy) || !creates {
            return;
        }
        match outcome {
            // Accepted is not seen: until a listing shows it, nothing else is made in its place.
            Outcome::Done | Outcome::Unknown(_) => {
                self.unknown.insert(call.address.clone(), now.boot_ms);
            }
            Outcome::Refused(error) if matches!(error.class, ErrorClass::Conflict | ErrorClass::Fatal) => {
                self.refused.insert(call.address.clone(), error.to_string());
            }
            Outcome::Refused(_) | Outcome::NotSent(_) => {}
        }
    }

    /// The refusals that were known when a plan was made are journaled with it.
    pub(crate) fn forget_refusals(&mut self) {
        self.refused.clear();
    }

    /// Creations that were definitely refused, and why.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&Address, &str)> {
        self.refused.iter().map(|(address, why)| (address, why.as_str()))
    }

    pub(crate) fn absence(&self, address: &Address) -> Lack {
        lack(&self.absent, address)
    }

    pub(crate) fn volume_absence(&self, address: &Address) -> Lack {
        lack(&self.absent_volumes, address)
    }

    pub(crate) fn whole_for(&self, address: &Address, now: Now) -> Option<u64> {
        self.whole.get(address).map(|since| now.since(*since))
    }

    /// Whether this holder saw the member whole with this machine.
    pub(crate) fn has_served(&self, address: &Address, machine: &MachineId) -> bool {
        self.served.get(address) == Some(machine)
    }

    pub(crate) fn down_for(&self, address: &Address, now: Now) -> Option<u64> {
        self.down.get(address).map(|since| now.since(*since))
    }

    pub(crate) fn joining_for(&self, address: &Address, machine: &MachineId, now: Now) -> u64 {
        self.joining.get(address).map_or(0, |(id, since)| if id == machine { now.since(*since) } else { 0 })
    }

    pub(crate) fn operation_for(&self, address: &Address, now: Now) -> u64 {
        self.operations.get(address).map_or(0, |(_, since)| now.since(*since))
    }

    /// How long the node of `address`, which has an open operation, has been seen to take no tasks any more. An operation
    /// may be older than its drain: what was being made, or rolled, is retired under the same one.
    pub(crate) fn draining_for(&self, address: &Address, now: Now) -> u64 {
        self.draining.get(address).map_or(0, |since| now.since(*since))
    }

    pub(crate) fn finding(&self, address: &Address) -> Option<&BootFinding> {
        self.findings.get(address)
    }

    /// How long until health may be judged after the last change of leader that this holder knows of.
    pub(crate) fn election_left(&self, now: Now, policy: &Policy) -> u64 {
        if planted(Bug::AfterElectionIgnored) || planted(Bug::UnknownNodeAsDown) {
            return 0;
        }
        let since = self.leader.as_ref().map_or(now.boot_ms, |(_, since)| *since).max(self.began_ms);
        policy.after_election_ms.saturating_sub(now.since(since))
    }

    /// How long a creating call for `address` may still take effect. An operation that another holder began is
    /// unknown from when this memory began.
    pub(crate) fn unknown_left(&self, address: &Address, now: Now, policy: &Policy) -> u64 {
        if planted(Bug::NewGenerationWhileUnknown) {
            return 0;
        }
        let since = self.unknown.get(address).copied().unwrap_or(self.began_ms).max(self.began_ms);
        policy.settle_ms.saturating_sub(now.since(since))
    }

    /// How long a reboot of `address` may still arrive. One that another holder sent is unknown from when this
    /// memory began.
    pub(crate) fn reboot_left(&self, address: &Address, now: Now, policy: &Policy) -> u64 {
        if self.reboots.contains_key(address) {
            return 0;
        }
        let since = self.operations.get(address).map_or(self.began_ms, |(_, since)| *since);
        policy.settle_ms.saturating_sub(now.since(since))
    }

    /// Whether `address` has been whole for so long that no call to end its machine can still arrive, this holder's
    /// or a former one's.
    pub(crate) fn was_spared(&self, address: &Address, now: Now, policy: &Policy) -> bool {
        let sent = self.ends.get(address).is_some_and(|sent| now.since(*sent) < policy.settle_ms);
        !sent && self.whole_for(address, now).is_some_and(|ms| ms >= policy.settle_ms)
    }

    pub(crate) fn is_unknown(&self, address: &Address) -> bool {
        self.unknown.contains_key(address)
    }

    /// Members and slots whose creating call may still take effect.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &Address> {
        self.unknown.keys()
    }

    /// Members and slots of `group` whose node is down though their machine runs.
    pub(crate) fn down_in<'m>(&'m self, group: &'m str) -> impl Iterator<Item = &'m Address> {
        self.down.keys().filter(move |address| address.group() == group)
    }

    /// Members and slots of `group` that no listing shows alive.
    pub(crate) fn absent_in<'m>(&'m self, group: &'m str) -> impl Iterator<Item = &'m Address> {
        self.absent.keys().filter(move |address| address.group() == group)
    }
}

fn lack(absences: &BTreeMap<Address, Absence>, address: &Address) -> Lack {
    match absences.get(address) {
        Some(absence) if absence.confirmed => Lack::Confirmed,
        Some(absence) => Lack::Seen { first_ms: absence.first_ms },
        None => Lack::NotSeen,
    }
}

fn note_absence(
    absences: &mut BTreeMap<Address, Absence>,
    before: &BTreeMap<Address, Absence>,
    address: &Address,
    inventory: &Inventory,
    policy: &Policy,
) {
    let known = before.get(address).copied();
    if !inventory.complete && !planted(Bug::PartialListingAsAbsence) {
        // It says nothing, neither that the thing is there nor that it is not.
        if let Some(known) = known {
            absences.insert(address.clone(), known);
        }
        return;
    }
    let first_ms = known.map_or(inventory.at.boot_ms, |known| known.first_ms);
    let confirmed = inventory.strong || inventory.at.boot_ms.saturating_sub(first_ms) >= policy.absence_ms;
    absences.insert(address.clone(), Absence { first_ms, confirmed });
}

/// Whether a member or slot is all that it should be, but for what it was made from.
pub(crate) fn is_whole(spec: &Spec, address: &Address, sight: Sight<'_, '_>) -> bool {
    let Some(group) = spec.group_of(address) else { return false };
    let mut live = sight.live();
    let (Some(machine), None) = (live.next(), live.next()) else { return false };
    if machine.state != MachineState::Running {
        return false;
    }
    let wants_volume = spec.members.get(address).is_some_and(|member| member.volume.is_some());
    if wants_volume {
        let held = sight.volume().and_then(kit_model::Volume::holder);
        if held.is_none_or(|held| held.machine != machine.id || !held.attached) {
            return false;
        }
    }
    match group.role {
        Role::Plain => true,
        Role::Worker => sight.node_of(machine).is_some_and(|node| node.state == NodeState::Ready),
        Role::Manager => {
            sight.node_of(machine).is_some_and(Node::is_healthy_voter)
                && sight.nodes().filter(|node| node.manager.is_some()).count() == 1
        }
    }
}
