//! One decision: from what is seen to what is done and what waits.

use kit_model::{
    Action, Address, Approval, Blocked, Generation, GroupSpec, Head, Inventory, Machine, MachineId, MachineState,
    MemberSpec, NodeState, Now, OperationKind, Plan, Policy, Reason, ReplicaIdentity, ResourceSpec, RevisionId, Risk,
    Role, Spec, Step, SwarmView,
};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::bugs::{Bug, planted};
use crate::draft::Draft;
use crate::majority::Voters;
use crate::memory::{Lack, Memory};
use crate::request::manager_ips;
use crate::retire::former_group;
use crate::specs::Specs;
use crate::survey::{Sight, Survey, Walk};

/// Everything that a decision goes by, unchanged while it is made.
pub(crate) struct Scene<'a> {
    pub(crate) specs: &'a Specs,
    pub(crate) spec: &'a Spec,
    pub(crate) inventory: &'a Inventory,
    pub(crate) swarm: &'a SwarmView,
    pub(crate) head: &'a Head,
    pub(crate) memory: &'a Memory,
    pub(crate) policy: &'a Policy,
    pub(crate) me: &'a Address,
    pub(crate) now: Now,
    pub(crate) survey: Survey<'a>,
    pub(crate) voters: Voters,
    /// Whether some volume of the group that leads bears the mark.
    pub(crate) formed: bool,
    /// Whether every resource of the spec can be used.
    pub(crate) unready: Option<Address>,
    pub(crate) manager_ips: Vec<IpAddr>,
    /// Stands for a group that the revision no longer has, of voters or of others.
    pub(crate) former_voters: GroupSpec,
    pub(crate) former_workers: GroupSpec,
    /// Who holds which address, looked up by the first who asks.
    pub(crate) ips: OnceCell<BTreeMap<IpAddr, &'a Machine>>,
    /// How many machines each group has or was asked to have, counted by the first who asks.
    pub(crate) taken: OnceCell<BTreeMap<&'a str, usize>>,
}

impl<'a> Scene<'a> {
    /// Which of our machines still holds this address.
    pub(crate) fn holder_of(&self, ip: IpAddr) -> Option<&'a Machine> {
        let ips = self.ips.get_or_init(|| {
            let live = self.inventory.machines.iter().filter(|machine| !machine.state.is_terminal());
            live.filter_map(|machine| Some((machine.ip?, machine))).collect()
        });
        ips.get(&ip).copied()
    }
}

/// A decision while it is made.
pub(crate) struct Round<'s> {
    pub(crate) scene: &'s Scene<'s>,
    pub(crate) draft: Draft,
    pub(crate) steps: Vec<Step>,
    pub(crate) blocked: Vec<Blocked>,
    pub(crate) hand_over: Option<Address>,
    /// Healthy voters that this round's steps may take away at once.
    pub(crate) stopped_voters: BTreeSet<Address>,
    /// Waves, by generation, and whether their requests are rendered here as they were journaled.
    pub(crate) reproduced: BTreeMap<Generation, bool>,
}

/// A member or slot, with everything about it at hand.
pub(crate) struct Subject<'s> {
    pub(crate) address: Address,
    pub(crate) group: &'s GroupSpec,
    pub(crate) member: Option<&'s MemberSpec>,
    pub(crate) sight: Sight<'s, 's>,
}

/// Decides.
///
/// `specs` holds every revision that `head` needs ([`Specs::missing`] is empty); a revision that is not loaded is
/// reported and nothing is done that would need it. The same inputs give the same plan.
#[must_use]
#[allow(clippy::too_many_arguments, reason = "a decision's inputs, each of its own kind")]
pub fn plan(
    specs: &Specs,
    inventory: &Inventory,
    swarm: &SwarmView,
    head: &Head,
    memory: &Memory,
    policy: &Policy,
    me: &ReplicaIdentity,
    now: Now,
) -> Plan {
    let whole = |reason| Plan { blocked: vec![Blocked { address: None, reason }], ..Plan::default() };
    if head.destroying {
        return whole(Reason::Destroying);
    }
    if let Some(why) = &head.paused
        && !planted(Bug::PauseIgnored)
    {
        return whole(Reason::Paused { why: why.clone() });
    }
    let mut revision = &head.revision;
    if planted(Bug::OldRevisionUsed)
        && let Some(old) = head.last_good.values().find(|old| specs.get(old).is_some())
    {
        revision = old;
    }
    let Some(spec) = specs.get(revision) else {
        return whole(Reason::RevisionUnreadable { why: format!("{revision} is not loaded") });
    };
    let survey = Survey::new(spec, inventory, swarm);
    let formed = inventory
        .volumes
        .iter()
        .any(|volume| volume.formed && spec.leader.as_deref() == Some(volume.marks.address.group()));
    // A cluster with several voters was formed, whatever became of the volume that first bore the mark.
    let formed = formed || swarm.nodes.iter().filter(|node| node.manager.is_some()).count() > 1;
    let unready = spec.resources.iter().find(|resource| !is_ready(inventory, resource)).map(|r| r.address.clone());
    let scene = Scene {
        specs,
        spec,
        inventory,
        swarm,
        head,
        memory,
        policy,
        me: &me.member,
        now,
        survey,
        voters: Voters::of(swarm),
        formed,
        unready,
        manager_ips: manager_ips(spec),
        former_voters: former_group(Role::Manager),
        former_workers: former_group(Role::Worker),
        ips: OnceCell::new(),
        taken: OnceCell::new(),
    };
    let mut round = Round {
        scene: &scene,
        draft: Draft::new(head, now.wall_ms),
        steps: Vec::new(),
        blocked: Vec::new(),
        hand_over: None,
        stopped_voters: BTreeSet::new(),
        reproduced: BTreeMap::new(),
    };
    round.decide();
    round.finish()
}

fn is_ready(inventory: &Inventory, wanted: &ResourceSpec) -> bool {
    inventory.resources.iter().any(|resource| resource.address == wanted.address && resource.ready)
}

impl<'s> Round<'s> {
    fn decide(&mut self) {
        let scene = self.scene;
        if !scene.formed {
            self.form();
            return;
        }
        self.count_refusals();
        self.forgive();
        self.drop_idle_approvals();
        self.strangers();
        self.phantoms();
        let leader = scene.spec.leader_group();
        if let Some(group) = leader {
            self.members(group);
            self.roll_managers(group);
        }
        self.retire(true);
        let wanted = leader.map_or(0, |group| crate::majority::majority(group.count));
        let enough = scene.voters.healthy() >= wanted;
        for group in scene.spec.groups.values() {
            if leader.is_some_and(|leader| leader.name == group.name) {
                continue;
            }
            if !enough {
                let address = Address::new(scene.spec.leader.clone().unwrap_or_default());
                self.block(Some(&Address::from(group.name.as_str())), Reason::DependsOn { address });
                continue;
            }
            if group.members.is_empty() {
                self.slots(group);
            } else {
                self.members(group);
                self.roll_members(group);
            }
        }
        self.retire(false);
        self.draft.forget_groups(|name| scene.spec.groups.contains_key(name));
        for group in scene.spec.groups.values() {
            self.conclude(group);
        }
    }

    fn finish(mut self) -> Plan {
        if !self.steps.is_empty()
            && let Some(address) = self.hand_over.take()
        {
            // Whoever hands over sends nothing any more: what is to be sent goes first.
            self.block(Some(&address), Reason::HandOver);
        }
        self.blocked.sort_by(|one, other| one.address.cmp(&other.address));
        let voters = &self.scene.voters;
        let lost = u32::try_from(self.stopped_voters.len()).unwrap_or(u32::MAX);
        let after = self.scene.spec.leader_group().map_or(0, |group| group.count);
        Plan {
            head: self.draft.finish(),
            steps: self.steps,
            blocked: self.blocked,
            hand_over: self.hand_over,
            risk: Risk {
                voters: voters.entries(),
                majority: voters.majority(),
                healthy_before: voters.healthy(),
                healthy_during: voters.healthy().saturating_sub(lost),
                healthy_after: after,
            },
        }
    }

    /// Nothing is formed: the seed marks its own volume, and nothing else happens before that.
    fn form(&mut self) {
        let scene = self.scene;
        let seed = scene.spec.members.get(scene.me).zip(scene.spec.group_of(scene.me));
        if let Some((member, group)) = seed {
            let subject = self.subject(group, member);
            if subject.sight.live().count() == 1 && crate::memory::is_whole(scene.spec, scene.me, subject.sight) {
                self.advance(&subject);
            }
        }
        self.block(None, Reason::NotFormed);
    }

    /// Definite refusals of creations are failures.
    fn count_refusals(&mut self) {
        let scene = self.scene;
        for (address, why) in scene.memory.refusals() {
            // What stood in a wave comes to stand alone, so that it may be ended alone.
            if self.draft.operation(address, None).is_none() {
                continue;
            }
            let count = self.draft.fail(address, why);
            if count >= scene.policy.max_failures && !planted(Bug::FreezeIgnored) {
                self.draft.end(address);
            }
        }
    }

    /// An approval to give up a volume is for the loss that a person saw. A member that serves has lost nothing: the
    /// approval must not lie in wait for its next, ordinary death.
    fn drop_idle_approvals(&mut self) {
        let scene = self.scene;
        for approval in &scene.head.approvals {
            let Approval::ReplaceVolume(address) = approval else { continue };
            let serves = scene.memory.whole_for(address, scene.now).is_some_and(|ms| ms >= scene.policy.stable_ms);
            if serves && scene.head.intent(address).is_none() {
                self.draft.withdraw(approval);
            }
        }
    }

    /// After a long quiet time the count of failures is forgotten.
    fn forgive(&mut self) {
        let scene = self.scene;
        for address in scene.head.failures.keys() {
            let quiet = scene.memory.whole_for(address, scene.now).is_some_and(|ms| ms >= scene.policy.forgive_ms);
            if quiet || (scene.spec.content_of(address).is_none() && scene.head.intent(address).is_none()) {
                self.draft.forgive(address);
            }
        }
    }

    /// Entries of the Swarm that stand where another answers: only their own demotion is done about them.
    fn phantoms(&mut self) {
        let scene = self.scene;
        if scene.voters.phantoms().is_empty() {
            return;
        }
        for node in &scene.swarm.nodes {
            let Some(address) = &node.address else { continue };
            if !scene.voters.phantoms().contains(&node.id) {
                continue;
            }
            let sight = scene.survey.sight(address);
            // Which is which shows only once one of them has stopped answering: one that is not known yet may be the
            // newcomer, while the former still seems ready.
            let answering = node.state != NodeState::Ready
                && !node.is_unknown()
                && sight.nodes().any(|other| other.id != node.id && other.is_healthy_voter());
            let leads = node.manager.is_some_and(|status| status.leader);
            let phantom = || Reason::Phantom { nodes: scene.voters.phantoms().to_vec() };
            if !answering || leads {
                self.block(Some(address), phantom());
                continue;
            }
            if let Err(reason) = scene.voters.may_demote(None) {
                self.block(Some(address), reason);
                continue;
            }
            if !self.open(address, OperationKind::Repair, &scene.head.revision, 0) {
                continue;
            }
            let action =
                Action::SetRole { node: node.id.clone(), version: node.version, role: kit_model::NodeRole::Worker };
            self.step(address, action, format!("another node answers at {address}, and {} still votes", node.id));
        }
    }

    /// The group's last good revision, once everything in it is of the head's.
    fn conclude(&mut self, group: &GroupSpec) {
        let scene = self.scene;
        if scene.head.last_good.get(&group.name) == Some(&scene.head.revision) {
            return;
        }
        let head = self.draft.head();
        let busy = head.operations.keys().any(|address| address.group() == group.name)
            || head.waves.iter().any(|wave| wave.group == group.name)
            || head.stopped_rolls.contains_key(&group.name);
        if busy || !scene.inventory.complete {
            return;
        }
        let mut walk = Walk::default();
        let within: Box<dyn Iterator<Item = u32>> = if group.members.is_empty() {
            Box::new(1..=group.count)
        } else {
            Box::new((0u32..).take(group.members.len()))
        };
        for index in within {
            let sight = scene.survey.next(&mut walk, scene.survey.key_in(group, index));
            let mut live = sight.live();
            let (Some(machine), None) = (live.next(), live.next()) else { return };
            let wanted = if group.members.is_empty() {
                &group.content
            } else {
                let Some(member) = group.members.get(index as usize).and_then(|id| scene.spec.members.get(id)) else {
                    return;
                };
                &member.content
            };
            let answers = match group.role {
                Role::Plain => true,
                Role::Worker => sight.node_of(machine).is_some_and(|n| n.state == NodeState::Ready),
                Role::Manager => sight.node_of(machine).is_some_and(kit_model::Node::is_healthy_voter),
            };
            if machine.state != MachineState::Running || machine.marks.content != *wanted || !answers {
                return;
            }
        }
        self.draft.set_last_good(&group.name, &scene.head.revision);
    }

    /// A stranger at one of our addresses is reported by whoever needs the address; here only, whatever it is.
    fn strangers(&mut self) {
        if !planted(Bug::StrangerTerminated) {
            return;
        }
        for stranger in &self.scene.inventory.strangers {
            let machine = MachineId::new(stranger.what.as_str());
            let address = self.scene.me.clone();
            self.steps.push(Step { address, action: Action::TerminateMachine { machine }, why: String::new() });
        }
    }

    pub(crate) fn subject(&self, group: &'s GroupSpec, member: &'s MemberSpec) -> Subject<'s> {
        Subject {
            address: member.address.clone(),
            group,
            member: Some(member),
            sight: self.scene.survey.sight(&member.address),
        }
    }

    /// The spec that machines of this group are made from now: the head's, or the last good one while a roll is
    /// stopped or under way.
    pub(crate) fn repair_revision(
        &self,
        group: &GroupSpec,
        dead_content: Option<&kit_model::ContentHash>,
    ) -> &'s RevisionId {
        let scene = self.scene;
        let current = &scene.spec.revision;
        let Some(last_good) = scene.head.last_good.get(&group.name) else { return current };
        let Some(former) = scene.specs.get(last_good) else { return current };
        let stopped = self.roll_stopped(group).is_some();
        let rolling = scene
            .head
            .operations
            .iter()
            .any(|(address, op)| op.kind == OperationKind::Roll && address.group() == group.name);
        let was_former =
            dead_content.is_none_or(|content| former.groups.get(&group.name).is_some_and(|g| g.content == *content));
        if stopped || (rolling && was_former) { last_good } else { current }
    }

    pub(crate) fn roll_stopped(&self, group: &GroupSpec) -> Option<&'s Address> {
        let stopped = self.scene.head.stopped_rolls.get(&group.name)?;
        (stopped.revision == self.scene.head.revision).then_some(&stopped.because)
    }

    /// Whether complete listings say that nothing live of `address` is there.
    pub(crate) fn is_lacking(&mut self, address: &Address) -> bool {
        let scene = self.scene;
        let lack = scene.memory.absence(address);
        self.judge_lack(address, lack)
    }

    pub(crate) fn is_volume_lacking(&mut self, address: &Address) -> bool {
        let scene = self.scene;
        let lack = scene.memory.volume_absence(address);
        self.judge_lack(address, lack)
    }

    fn judge_lack(&mut self, address: &Address, lack: Lack) -> bool {
        let scene = self.scene;
        if !scene.inventory.complete && !planted(Bug::PartialListingAsAbsence) {
            self.block(Some(address), Reason::PartialListing);
            return false;
        }
        if scene.inventory.strong || planted(Bug::PartialListingAsAbsence) {
            return true;
        }
        match lack {
            Lack::Confirmed => true,
            Lack::Seen { first_ms } => {
                let until_boot_ms = first_ms.saturating_add(scene.policy.absence_ms);
                self.block(Some(address), Reason::ConfirmingAbsence { seen_boot_ms: first_ms, until_boot_ms });
                false
            }
            Lack::NotSeen => {
                let seen_boot_ms = scene.now.boot_ms;
                let until_boot_ms = seen_boot_ms.saturating_add(scene.policy.absence_ms);
                self.block(Some(address), Reason::ConfirmingAbsence { seen_boot_ms, until_boot_ms });
                false
            }
        }
    }

    pub(crate) fn block(&mut self, address: Option<&Address>, reason: Reason) {
        self.blocked.push(Blocked { address: address.cloned(), reason });
    }

    /// Adds a step, unless the same one is still to take effect or the batch is full.
    pub(crate) fn step(&mut self, address: &Address, action: Action, why: String) -> bool {
        let scene = self.scene;
        if self.steps.len() >= scene.policy.max_batch {
            return false;
        }
        if let Err((why, left_ms)) = scene.memory.attempts.may_send(address, &action, scene.now) {
            self.block(Some(address), Reason::Backoff { why, left_ms });
            return false;
        }
        self.steps.push(Step { address: address.clone(), action, why });
        true
    }

    /// Makes sure that the journal has an operation for `address`.
    pub(crate) fn open(
        &mut self,
        address: &Address,
        kind: OperationKind,
        revision: &RevisionId,
        reserved: usize,
    ) -> bool {
        if self.draft.head().intent(address).is_some() {
            return true;
        }
        match self.draft.begin(address, kind, revision, reserved, self.scene.policy) {
            Ok(()) => true,
            Err(reason) => {
                self.block(Some(address), reason);
                false
            }
        }
    }

    /// Ends the operation of `address`, unless something is sent for it in this round.
    pub(crate) fn end(&mut self, address: &Address) {
        if !self.steps.iter().any(|step| step.address == *address) {
            self.draft.end(address);
        }
    }

    /// Whether replacements of `address` are frozen, which is said if so.
    pub(crate) fn frozen(&mut self, address: &Address) -> bool {
        if planted(Bug::FreezeIgnored) {
            return false;
        }
        let Some(failures) = self.draft.head().failures.get(address) else {
            let failed = if address.slot().is_some() { self.draft.failed_slots(address.group()) } else { 0 };
            if failed < crate::draft::MAX_FAILED_SLOTS {
                return false;
            }
            let last = format!("{failed} other slots of the group failed");
            self.block(Some(address), Reason::Frozen { failures: 0, last });
            return true;
        };
        if failures.count < self.scene.policy.max_failures {
            return false;
        }
        let reason = Reason::Frozen { failures: failures.count, last: failures.last.clone() };
        self.block(Some(address), reason);
        true
    }

    pub(crate) fn approved(&self, approval: &Approval) -> bool {
        // One that this round used up allows nothing more.
        self.draft.head().approvals.contains(approval)
    }

    /// The generation of the open operation of `address`.
    pub(crate) fn generation(&self, address: &Address) -> Option<Generation> {
        self.draft.head().intent(address).map(|intent| intent.generation)
    }
}
