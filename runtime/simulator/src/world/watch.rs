//! Watching the truth: what changed, since when, and whether all is as it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit_model::{
    Action, Address, Approval, Availability, Blocked, BootId, Leadership, MachineId, MachineState, NodeId, Operation,
    Outcome, ReplicaIdentity, Role, VolumeId,
};
use kit_planner::Reconciler;

use super::replica::{Clocks, Replica, Running};
use super::{Due, World};
use crate::records::{Admission, Disruption, Moment, Repeat};
use crate::timeline::Who;
use crate::truth::{TrueVoter, Truth};

/// From the boot of a machine until kitc on it starts, usually, in milliseconds.
const START_MS: u64 = 800;

/// By how much a machine's boot clock may run fast or slow, in millionths: ten times what hardware shows, so
/// that what the permit leaves for it is used.
const MAX_DRIFT_PPM: u64 = 10_000;

/// By how much the wall clocks of machines differ, in milliseconds.
const MAX_SKEW_MS: u64 = 2_000;

/// Above so many machines, workers are looked at only so often, in milliseconds.
const MANY_MACHINES: usize = 100;
const MANY_EVERY_MS: u64 = 20_000;

/// What was watched so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// True if something may have changed since the last look.
    dirty: bool,
    /// True if something changed since convergence was last ruled out.
    maybe_converged: bool,
    workers_looked_ms: u64,
    leader: Option<Address>,
    commits_seen: u64,
    changes_seen: u64,
    /// Whom each fault befell.
    victims: BTreeMap<usize, Address>,
    /// What members were before they were hurt, and what became of them.
    pub(super) patients: BTreeMap<Address, Patient>,
}

/// A member that a fault befell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patient {
    pub(super) hurt_ms: u64,
    pub(super) whole_ms: Option<u64>,
    pub(super) before: Identity,
    pub(super) after: Identity,
    /// True once it was truly broken.
    pub(super) was_broken: bool,
}

/// What makes a member the same as before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) machine: Option<MachineId>,
    pub(super) ip: Option<std::net::IpAddr>,
    pub(super) volume: Option<VolumeId>,
    pub(super) node: Option<NodeId>,
}

impl Watch {
    pub(super) fn struck(&mut self, victim: &Address, fault: usize, at_ms: u64, before: Identity) {
        self.victims.insert(fault, victim.clone());
        self.patients.entry(victim.clone()).or_insert_with(|| Patient {
            hurt_ms: at_ms,
            whole_ms: None,
            before,
            after: Identity::default(),
            was_broken: false,
        });
    }

    pub(super) fn victim_of(&self, fault: usize) -> Option<Address> {
        self.victims.get(&fault).cloned()
    }
}

impl World {
    pub(super) fn touch(&mut self) {
        self.watch.dirty = true;
        self.watch.maybe_converged = true;
    }

    /// Notes what changed since the last look, and checks what must hold at any time.
    pub(super) fn watch_changes(&mut self) {
        let changes = self.cloud.changes();
        if changes != self.watch.changes_seen {
            self.touch();
        }
        if !std::mem::take(&mut self.watch.dirty) || self.breach.is_some() {
            return;
        }
        self.keep_hurting();
        self.watch.changes_seen = self.cloud.changes();
        self.note_commits();
        self.follow_boots();
        let voters = Truth::of(&self.cloud, &self.uid).voters();
        self.follow_voters(&voters);
        self.follow_leader();
        self.follow_workers();
        self.follow_patients();
        self.check(Moment::Changed);
    }

    /// Heads that were committed since the last look, late ones too.
    pub(super) fn note_commits(&mut self) {
        let count = self.cloud.truth().commit_count();
        if count == self.watch.commits_seen {
            return;
        }
        let new = usize::try_from(count - self.watch.commits_seen).unwrap_or(usize::MAX);
        self.watch.commits_seen = count;
        let mut commits: Vec<_> = self.cloud.truth().commits().rev().take(new).cloned().collect();
        commits.reverse();
        for commit in commits {
            let old = self.records.head.clone();
            if let Some(holder) = &commit.head.holder
                && let Some(write) = self.records.writes.get_mut(&(holder.member.clone(), commit.head.epoch))
            {
                write.committed = true;
            }
            self.check(Moment::Committed { old: old.as_deref(), new: &commit.head });
            self.records.note_committed(Arc::clone(&commit.head), self.at_ms);
            self.touch();
        }
    }

    /// Machines of managers that booted or ended: their replicas start or are gone.
    fn follow_boots(&mut self) {
        let managers = self.subject.managers().to_vec();
        for member in managers {
            let boot = self.booted_machine(&member);
            let known = self.replicas.get(&member).map(|replica| (&replica.machine, &replica.boot_id));
            if boot.as_ref().map(|boot| (&boot.0, &boot.1)) == known {
                continue;
            }
            self.replicas.remove(&member);
            let Some((machine, boot_id)) = boot else { continue };
            self.processes += 1;
            let process = self.processes;
            let drift = i64::try_from(self.random.within(0, 2 * MAX_DRIFT_PPM)).unwrap_or(0);
            let skew = i64::try_from(self.random.within(0, 2 * MAX_SKEW_MS)).unwrap_or(0);
            let clocks = Clocks {
                booted_ms: self.at_ms,
                drift_ppm: drift - i64::try_from(MAX_DRIFT_PPM).unwrap_or(0),
                wall_skew_ms: skew - i64::try_from(MAX_SKEW_MS).unwrap_or(0),
            };
            let replica =
                Replica { machine, boot_id, clocks, process, running: None, frozen_until_ms: 0, traps: Vec::new() };
            self.replicas.insert(member.clone(), replica);
            let start_ms = self.at_ms + self.random.latency(START_MS);
            self.schedule(start_ms, Due::Start { member, process });
        }
    }

    /// The supervisor starts kitc.
    pub(super) fn start_replica(&mut self, member: &Address) {
        let policy = self.policy.clone();
        let uid = Some(self.uid.clone());
        let Some(replica) = self.replicas.get_mut(member) else { return };
        let identity = ReplicaIdentity { member: member.clone(), boot_id: replica.boot_id.clone(), uid };
        let now = replica.clocks.now(self.at_ms);
        let mut reconciler = Reconciler::new(identity, policy);
        if let Some(boot) = self.cloud.boot_document(member).filter(|boot| boot.seed) {
            reconciler = reconciler.made_as_seed(boot.revision.clone());
        }
        if let Some(head) = self.volumes.get(member).and_then(|volume| volume.head.clone())
            && let Some(spec) = self.records.specs.get(&head.value.revision)
        {
            reconciler.recall(head, Arc::clone(spec), now);
        }
        replica.running = Some(Running::start(reconciler));
        self.hand(member, kit_model::Event::Tick);
    }

    fn follow_voters(&mut self, voters: &[TrueVoter]) {
        let at_ms = self.at_ms;
        let silent = &mut self.records.voter_silent_since;
        silent.retain(|node, _| voters.iter().any(|voter| voter.node == *node));
        for voter in voters {
            if voter.healthy {
                silent.remove(&voter.node);
            } else {
                silent.entry(voter.node.clone()).or_insert(at_ms);
            }
        }
        // Machines that run, as the provider counts them, against the voters that there are.
        let members = self.subject.managers().len().max(voters.len());
        let quorum = self.managers_present() > members / 2;
        let healthy = voters.iter().filter(|voter| voter.healthy).count();
        if !voters.is_empty() {
            note_span(&mut self.records.no_quorum, !quorum, at_ms);
            note_span(&mut self.records.too_few_answer, healthy <= voters.len() / 2, at_ms);
        }
        if self.records.formed_since.is_none() && Truth::of(&self.cloud, &self.uid).any_formed() {
            self.records.formed_since = Some(at_ms);
        }
        // A machine of another revision that serves is made anew too, but it did not fail.
        let subject = Arc::clone(&self.subject);
        for member in subject.managers() {
            let serves = self.does_its_part(member);
            self.note_service(member, serves);
        }
        let wanted = self.records.head.as_ref().and_then(|head| self.records.specs.get(&head.revision)).cloned();
        let answering: BTreeSet<&Address> =
            voters.iter().filter(|voter| voter.healthy).map(|voter| &voter.address).collect();
        let head = self.records.head.as_ref();
        let operations = head.map(|head| &head.operations);
        self.records.disruptions.retain(|member, disruption| {
            // Whose state a person gave up does not come back from what we did to it.
            let given_up = Approval::ReplaceVolume(member.clone());
            let gone = head.is_some_and(|head| head.approvals.contains(&given_up));
            let gone = gone || wanted.as_ref().is_some_and(|spec| !spec.members.contains_key(member));
            let answers = answering.contains(member);
            disruption.was_silent |= !answers;
            if disruption.ended_ms.is_none() && (gone || (answers && disruption.was_silent)) {
                disruption.ended_ms = Some(at_ms);
            }
            // What never took effect disrupted nobody; it is known to be so once its operation is over, or its
            // condemnation is withdrawn.
            let stands = |operation: &Operation| disruption.what != "ended" || !operation.condemned.is_empty();
            disruption.was_silent || operations.is_some_and(|operations| operations.get(member).is_some_and(stands))
        });
    }

    fn follow_leader(&mut self) {
        // A leader that was cut off so shortly that nobody else was elected leads on: nothing it knew of the nodes is
        // lost. One that was elected again knows nothing of them, even if it led before.
        self.records.leader_since = self.cloud.elections().0;
        let leader = self.true_leader();
        if leader == self.watch.leader {
            return;
        }
        if let Some(leader) = &leader {
            let former = self.watch.leader.clone();
            self.timeline.add(self.at_ms, Who::Swarm, "leader", Some(leader), || match former {
                Some(former) => format!("{leader} leads the Swarm; before, {former} did"),
                None => format!("{leader} leads the Swarm"),
            });
        } else {
            self.timeline.add(self.at_ms, Who::Swarm, "leader", None, || "the Swarm has no leader".to_owned());
        }
        self.watch.leader = leader;
    }

    fn follow_workers(&mut self) {
        let wanted = self.records.head.as_ref().and_then(|head| self.records.specs.get(&head.revision)).cloned();
        let Some(spec) = wanted else { return };
        let machines: usize = spec.groups.values().map(|group| usize::try_from(group.count).unwrap_or(0)).sum();
        if machines > MANY_MACHINES && self.at_ms < self.watch.workers_looked_ms + MANY_EVERY_MS {
            return;
        }
        self.watch.workers_looked_ms = self.at_ms;
        let mut broken: BTreeSet<Address> = BTreeSet::new();
        for group in spec.groups.values().filter(|group| group.role != Role::Manager) {
            let slots = 1..=if group.members.is_empty() { group.count } else { 0 };
            let slots = slots.map(|slot| Address::of_slot(&group.name, slot));
            for address in group.members.iter().cloned().chain(slots) {
                let serves = self.does_its_part(&address);
                self.note_service(&address, serves);
                if !(serves && self.is_as_wanted(&address)) {
                    broken.insert(address);
                }
            }
        }
        let at_ms = self.at_ms;
        let since = &mut self.records.worker_broken_since;
        since.retain(|address, _| broken.contains(address));
        for address in broken {
            since.entry(address).or_insert(at_ms);
        }
    }

    fn follow_patients(&mut self) {
        if self.watch.patients.is_empty() {
            return;
        }
        let addresses: Vec<Address> = self.watch.patients.keys().cloned().collect();
        for address in addresses {
            let identity = self.is_whole(&address).then(|| self.identity(&address));
            let at_ms = self.at_ms;
            let Some(patient) = self.watch.patients.get_mut(&address) else { continue };
            match identity {
                None => {
                    patient.was_broken = true;
                    patient.whole_ms = None;
                }
                Some(identity) if patient.was_broken && patient.whole_ms.is_none() => {
                    patient.whole_ms = Some(at_ms);
                    patient.after = identity;
                    let waited_ms = at_ms - patient.hurt_ms;
                    self.timeline.add(at_ms, Who::Swarm, "whole", Some(&address), || {
                        format!("{address} is whole again, {} s after it was hurt", waited_ms / 1000)
                    });
                }
                Some(_) => {}
            }
        }
    }

    /// A machine that serves did not fail, and what was sent for it was not in vain.
    fn note_service(&mut self, address: &Address, serves: bool) {
        if serves {
            self.records.makes.remove(address);
            if self.records.repeats.get(address).is_some_and(|repeat| repeat.was_broken) {
                self.records.repeats.remove(address);
            }
        } else if let Some(repeat) = self.records.repeats.get_mut(address) {
            repeat.was_broken = true;
        }
    }

    /// Notes that a manager is taken away from the Swarm by us.
    pub(super) fn note_disruption(&mut self, address: &Address, what: &'static str) {
        self.records.disruptions.insert(address.clone(), Disruption { what, was_silent: false, ended_ms: None });
    }

    /// Notes that a machine that was never whole is ended by us: that making failed.
    pub(super) fn note_failed_make(&mut self, machine: &MachineId) {
        let truth = Truth::of(&self.cloud, &self.uid);
        let Some(found) = truth.machine(machine) else { return };
        if let Some(make) = self
            .records
            .makes
            .get_mut(&found.address)
            .and_then(|makes| makes.iter_mut().find(|make| make.generation == found.generation))
        {
            make.failed = true;
        }
    }

    /// Notes how often the same thing was accepted while nothing changed for its address.
    pub(super) fn note_repeat(&mut self, admission: &Admission, outcome: &Outcome) {
        if !matches!(outcome, Outcome::Done) {
            return;
        }
        let address = &admission.call.address;
        let what = format!("{} {:?}", fingerprint(&admission.call.action), self.identity(address));
        let repeat = self.records.repeats.entry(address.clone()).or_insert_with(|| Repeat {
            what: String::new(),
            times: 0,
            was_broken: false,
        });
        if repeat.what == what {
            repeat.times += 1;
        } else {
            *repeat = Repeat { what, times: 1, was_broken: false };
        }
    }

    /// True if the machine that an action names carries a node that answers.
    pub(super) fn target_serves(&self, action: &Action) -> bool {
        let (Action::TerminateMachine { machine } | Action::RebootMachine { machine }) = action else { return false };
        Truth::of(&self.cloud, &self.uid).node_on(machine).is_some_and(|node| node.serves)
    }

    /// What makes a member the same as before.
    pub(super) fn identity(&self, address: &Address) -> Identity {
        let truth = Truth::of(&self.cloud, &self.uid);
        let machine = truth.live_machines_of(address).next();
        Identity {
            ip: machine.as_ref().and_then(|machine| machine.ip),
            volume: truth.volume_id_of(address),
            node: machine.as_ref().and_then(|machine| truth.node_on(&machine.id)).map(|node| node.id),
            machine: machine.map(|machine| machine.id),
        }
    }

    /// True if a member or slot is all that the operator wants it to be, in truth.
    pub(super) fn is_whole(&self, address: &Address) -> bool {
        self.does_its_part(address) && self.is_as_wanted(address)
    }

    fn is_as_wanted(&self, address: &Address) -> bool {
        let wanted = self.wanted().content_of(address);
        self.cloud.live_machines_at(address).any(|machine| Some(&machine.marks.content) == wanted)
    }

    /// True if the one machine of a member serves at its place, whether or not it is made as the revision says.
    fn does_its_part(&self, address: &Address) -> bool {
        let spec = self.wanted();
        let truth = Truth::of(&self.cloud, &self.uid);
        let mut live = truth.live_machines_of(address);
        let (Some(machine), None) = (live.next(), live.next()) else { return false };
        let member = spec.members.get(address);
        if machine.state != MachineState::Running
            || member.is_some_and(|member| member.ip.is_some() && member.ip != machine.ip)
            || (member.is_some_and(|member| member.volume.is_some()) && !truth.holds_own_volume(&machine))
        {
            return false;
        }
        let Some(group) = spec.group_of(address) else { return false };
        if group.role == Role::Plain {
            return true;
        }
        truth.node_on(&machine.id).is_some_and(|node| {
            node.serves
                && node.availability == Availability::Active
                && node.generation == machine.generation
                && (group.role != Role::Manager || node.votes)
        })
    }

    /// The machine of `member` and its boot, if it is booted.
    fn booted_machine(&self, member: &Address) -> Option<(MachineId, BootId)> {
        let boot_id = self.cloud.boot_id(member)?;
        let machine = self.cloud.live_machines_at(member).last()?;
        (machine.state == MachineState::Running).then(|| (machine.id.clone(), boot_id))
    }

    /// The member whose engine truly leads.
    pub(super) fn true_leader(&self) -> Option<Address> {
        self.cloud.leader()
    }

    /// True if the engine of `member` says that it leads.
    pub(super) fn says_it_leads(&mut self, member: &Address) -> bool {
        matches!(self.cloud.leadership(member, self.at_ms), Leadership::Leader)
    }

    /// True if the store answers beside this member.
    pub(super) fn store_answers(&mut self, member: &Address) -> bool {
        self.cloud.head_version(member, self.at_ms).is_ok()
    }

    /// True if a call to the provider from this member's machine leaves it.
    pub(super) fn reaches_cloud(&self, member: &Address) -> bool {
        self.cloud.live_machines_at(member).last().is_some_and(|machine| !machine.cloud_cut)
    }

    /// How many machines of managers run with their volumes: present means whole.
    fn managers_present(&self) -> usize {
        let truth = Truth::of(&self.cloud, &self.uid);
        self.subject
            .managers()
            .iter()
            .filter(|member| {
                truth
                    .live_machines_of(member)
                    .any(|machine| machine.state == MachineState::Running && truth.holds_own_volume(&machine))
            })
            .count()
    }

    /// How many machines of managers run, as the provider counts.
    pub(super) fn managers_running(&self) -> usize {
        self.subject
            .managers()
            .iter()
            .filter(|member| self.cloud.live_machines_at(member).any(|machine| machine.state == MachineState::Running))
            .count()
    }

    /// What waits, as the replica that holds the head says.
    pub(super) fn holder_blocked(&self) -> Vec<Blocked> {
        // A leader that has nothing to write writes nothing: the head may name a former one.
        let holder = self.records.head.as_ref().and_then(|head| head.holder.as_ref()).map(|holder| &holder.member);
        let leader = self.cloud.leader();
        leader
            .as_ref()
            .or(holder)
            .and_then(|member| self.replicas.get(member))
            .and_then(|replica| replica.running.as_ref())
            .map(|running| running.reconciler.blocked().to_vec())
            .unwrap_or_default()
    }

    /// True if all is as the operator wants it, in truth, and nothing is under way.
    pub(super) fn is_converged(&mut self) -> bool {
        if !std::mem::take(&mut self.watch.maybe_converged) {
            return false;
        }
        self.missing().is_none()
    }

    /// What is not yet as it should be, in words.
    pub(crate) fn what_is_missing(&self) -> String {
        let waits: Vec<String> = self
            .holder_blocked()
            .iter()
            .map(|blocked| {
                let address = blocked.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
                format!("{address}{}", blocked.reason)
            })
            .collect();
        let missing = self.missing().unwrap_or_else(|| "nothing".to_owned());
        if waits.is_empty() { missing } else { format!("{missing} (waiting: {})", waits.join("; ")) }
    }

    fn missing(&self) -> Option<String> {
        if !self.operator_is_done() {
            return Some("the operator is not done".to_owned());
        }
        let Some(head) = self.records.head.as_deref() else { return Some("there is no head".to_owned()) };
        let wanted = self.wanted();
        if head.revision != wanted.revision {
            return Some("the head names another revision than the operator's".to_owned());
        }
        if let Some(why) = &head.paused {
            return Some(format!("the cluster is paused: {why}"));
        }
        if let Some(address) = head.operations.keys().next() {
            return Some(format!("an operation of {address} is open"));
        }
        if let Some(wave) = head.waves.first() {
            return Some(format!("a wave of {} is open", wave.group));
        }
        if let Some(address) = wanted.members.keys().find(|address| !self.is_whole(address)) {
            return Some(format!("{address} is not whole"));
        }
        for group in wanted.groups.values().filter(|group| group.members.is_empty()) {
            for slot in 1..=group.count {
                let address = Address::of_slot(&group.name, slot);
                if !self.is_whole(&address) {
                    return Some(format!("{address} is not whole"));
                }
            }
        }
        let machines: usize =
            wanted.groups.values().map(|group| usize::try_from(group.count).unwrap_or(usize::MAX)).sum();
        let truth = Truth::of(&self.cloud, &self.uid);
        let live = truth.count_live();
        if live != machines {
            return Some(format!("{live} machines live where {machines} are wanted"));
        }
        let nodes = truth.count_nodes();
        let in_swarm: usize = wanted
            .groups
            .values()
            .filter(|group| group.role != kit_model::Role::Plain)
            .map(|group| usize::try_from(group.count).unwrap_or(usize::MAX))
            .sum();
        if nodes != in_swarm {
            return Some(format!("the Swarm lists {nodes} nodes where {in_swarm} are wanted"));
        }
        None
    }
}

/// Notes since when something is so, or until when it was.
const fn note_span(span: &mut Option<(u64, Option<u64>)>, is_so: bool, at_ms: u64) {
    match span {
        Some((_, until @ None)) if !is_so => *until = Some(at_ms),
        None | Some((_, Some(_))) if is_so => *span = Some((at_ms, None)),
        _ => {}
    }
}

fn fingerprint(action: &Action) -> String {
    match action {
        // The version of a node changes with every write, by others too.
        Action::SetAvailability { node, availability, .. } => format!("availability {node} {availability:?}"),
        Action::SetRole { node, role, .. } => format!("role {node} {role:?}"),
        Action::SetLabels { node, labels, .. } => format!("labels {node} {labels:?}"),
        Action::CreateMachine(request) => format!("create machine {}", request.token),
        other => format!("{other:?}"),
    }
}
