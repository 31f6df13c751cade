//! The operator: brings the cluster into being, commits changes, and does what only a person may do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kit_model::{
    Address, Authority, Call, CallId, CommitResult, Head, Inventory, Now, Outcome, Plan, Reason, Spec, Versioned,
};
use kit_planner::{Attempts, Resume, bootstrap, commit_revision, outage, pause, recover, resume, rollback_target};

use kit_sim::Sender;

use super::{Due, Reply, World};
use crate::records::{Actor, Admission, Purpose, View};
use crate::subject::{Edition, Subject};
use crate::timeline::Who;

/// How often the operator's process looks while it brings a cluster into being, in milliseconds.
const BOOTSTRAP_EVERY_MS: u64 = 2_000;
/// How often it looks while something is to be committed, in milliseconds.
const COMMIT_EVERY_MS: u64 = 3_000;
/// How often a person looks at a cluster that runs, in milliseconds.
const WATCH_EVERY_MS: u64 = 20_000;
/// How often in a row a person must see the same trouble before doing something about it.
const SEEN_BEFORE_ACTING: u32 = 3;
/// How often in a row a person must see a Swarm without a leader before taking it for one that does not come back
/// by itself: ten minutes, in which managers rescue what they can.
const SEEN_BEFORE_RECOVERING: u32 = 30;
/// The way of an operator's call, usually, in milliseconds.
const CALL_MS: u64 = 120;

/// What is to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    Commit(Edition),
    Rollback,
    Pause,
    Resume(ResumeWish),
}

/// What a person allows, in an order that does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ResumeWish {
    pub(crate) address: Option<Address>,
    pub(crate) replace_volume: bool,
    pub(crate) outage: bool,
}

/// The operator.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    /// What the file says now, in the operator's hands.
    edition: Edition,
    /// What is to be committed, in order.
    wishes: VecDeque<Wish>,
    /// What a person saw that only a person can change, and how often in a row.
    troubles: BTreeMap<ResumeWish, u32>,
    /// How often in a row the Swarm had no leader.
    leaderless: u32,
    recovering: bool,
    /// The head that condemns the only manager's machine, as it was read last.
    outage: Option<Box<Head>>,
    calls: u64,
    /// What its process sent, and what became of it.
    attempts: Attempts,
    /// How often it was to look: only the newest such wish counts.
    looks: u64,
    formed: bool,
    /// Operator's calls under way.
    in_flight: usize,
    /// The revision that is to be true, once committed.
    pub(crate) wanted: Arc<Spec>,
}

impl Operator {
    pub(crate) fn new(subject: &Subject) -> Self {
        Self {
            edition: Edition::FIRST,
            wishes: VecDeque::new(),
            troubles: BTreeMap::new(),
            leaderless: 0,
            recovering: false,
            outage: None,
            calls: 0,
            attempts: Attempts::default(),
            looks: 0,
            formed: false,
            in_flight: 0,
            wanted: Arc::clone(subject.spec()),
        }
    }

    pub(crate) fn has_wishes(&self) -> bool {
        !self.wishes.is_empty()
    }

    pub(crate) fn wish(&mut self, wish: Wish) {
        self.wishes.push_back(wish);
    }

    pub(crate) fn wish_roll(&mut self) {
        self.edition.image += 1;
        self.wishes.push_back(Wish::Commit(self.edition));
    }

    pub(crate) fn wish_scale(&mut self) {
        self.edition.scale += 1;
        self.wishes.push_back(Wish::Commit(self.edition));
    }
}

impl World {
    /// The operator's process looks at once, and not only when it would have.
    pub(super) fn operate_soon(&mut self) {
        self.operator.looks += 1;
        let look = self.operator.looks;
        self.schedule(self.at_ms, Due::Operator { look });
    }

    fn operate_in(&mut self, wait_ms: u64) {
        self.operator.looks += 1;
        let look = self.operator.looks;
        self.schedule(self.at_ms + wait_ms, Due::Operator { look });
    }

    /// One look of the operator's process.
    pub(super) fn operate(&mut self, look: u64) {
        if look != self.operator.looks {
            return;
        }
        self.touch();
        if !self.operator.formed {
            self.bring_into_being();
            self.operate_in(BOOTSTRAP_EVERY_MS);
            return;
        }
        if let Some(wish) = self.operator.wishes.front().cloned() {
            self.commit_wish(&wish);
        }
        self.look_after();
        let busy = self.operator.has_wishes() || self.operator.recovering || self.operator.outage.is_some();
        let every_ms = if busy { COMMIT_EVERY_MS } else { WATCH_EVERY_MS };
        self.operate_in(every_ms);
    }

    fn bring_into_being(&mut self) {
        let cluster = self.subject.spec().cluster.clone();
        if self.cloud.anchor(&cluster).is_none() {
            let uid = self.uid.clone();
            self.uid = self.cloud.claim_anchor(&cluster, uid, self.at_ms).uid;
            self.timeline.add(self.at_ms, Who::Operator, "anchor", None, || {
                format!("claims the name \"{cluster}\" for this cluster")
            });
        }
        let Ok(inventory) = self.list(&Sender::Operator, Now::default()) else { return };
        if inventory.complete && kit_planner::is_formed(&inventory) {
            self.operator.formed = true;
            self.timeline.add(self.at_ms, Who::Operator, "formed", None, || {
                "sees that the Swarm is formed: the leader does the rest".to_owned()
            });
            return;
        }
        if self.operator.in_flight == 0 {
            let spec = Arc::clone(self.subject.spec());
            let now = self.operators_now();
            let plan = bootstrap(&spec, &self.uid, &inventory, &mut self.operator.attempts, now);
            self.send_as_operator(plan, &inventory, Purpose::Bootstrap);
        }
    }

    /// The time on the operator's own machine, which is the one of the world.
    fn operators_now(&self) -> Now {
        Now { boot_ms: self.at_ms, ..Now::default() }
    }

    fn send_as_operator(&mut self, plan: Plan, inventory: &Arc<Inventory>, purpose: Purpose) {
        let mut leave_ms = self.at_ms;
        for step in plan.steps {
            let now = self.operators_now();
            if self.operator.attempts.may_send(&step.address, &step.action, now).is_err() {
                continue;
            }
            leave_ms += self.random.latency(CALL_MS);
            self.operator.calls += 1;
            if self.timeline.is_kept() {
                let what = step.action.verb();
                self.timeline
                    .add(self.at_ms, Who::Operator, "step", Some(&step.address), || format!("{what}: {}", step.why));
            }
            let call = Call {
                id: CallId(self.operator.calls),
                address: step.address,
                authority: Authority::Operator,
                not_after_boot_ms: u64::MAX,
                action: step.action,
            };
            self.operator.attempts.sent(&call, now, &self.policy);
            let view = View { inventory: Some(Arc::clone(inventory)), ..View::default() };
            let admission = Admission { at_ms: self.at_ms, by: Actor::Operator { purpose }, call, view };
            self.admitted(&admission);
            self.operator.in_flight += 1;
            self.on_the_way += 1;
            self.schedule(leave_ms, Due::Arrive { admission: Box::new(admission), process: 0, reply: Reply::Comes });
        }
    }

    /// One of the operator's calls was answered.
    pub(super) fn operator_called(&mut self, admission: &Admission, outcome: Outcome, _: Reply) {
        self.operator.in_flight = self.operator.in_flight.saturating_sub(1);
        let now = self.operators_now();
        self.operator.attempts.answered(&admission.call, &outcome, now, &self.policy);
        if let Outcome::Refused(error) = outcome {
            self.timeline.add(self.at_ms, Who::Operator, "refused", Some(&admission.call.address), || {
                format!("{} was refused: {error}", admission.call.action.verb())
            });
        }
    }

    /// A manager through whose engine the operator may write: one that says it leads.
    fn leader_engine(&mut self) -> Option<Address> {
        let managers = self.subject.managers().to_vec();
        managers.into_iter().find(|member| self.says_it_leads(member))
    }

    fn commit_wish(&mut self, wish: &Wish) {
        let Some(via) = self.leader_engine() else { return };
        let Ok(Some(Versioned { version, value: head })) = self.cloud.head(&via, self.at_ms) else { return };
        let Some(change) = self.changed_head(wish, &head) else {
            // Done already, or not possible any more: a person would shrug.
            self.operator.wishes.pop_front();
            return;
        };
        let (next, wanted, what) = change;
        match self.cloud.update_head(&via, version, &next, self.at_ms) {
            CommitResult::Committed(_) => {
                self.operator.wishes.pop_front();
                if let Some(wanted) = wanted {
                    self.operator.wanted = wanted;
                }
                if let Wish::Resume(resume) = wish {
                    self.operator_resumed(resume);
                }
                self.timeline.add(self.at_ms, Who::Operator, "commit", None, || what);
            }
            // Refused or without an answer: the head is read again.
            CommitResult::Stale | CommitResult::Unknown(_) => {}
        }
        self.note_commits();
    }

    fn changed_head(&mut self, wish: &Wish, head: &Head) -> Option<(Head, Option<Arc<Spec>>, String)> {
        let committed = self.records.specs.get(&head.revision).cloned()?;
        match wish {
            Wish::Commit(edition) => {
                let new = self.subject.edition(*edition);
                if head.revision == new.revision {
                    // An answer was lost, and it is committed all the same.
                    self.operator.wanted = new;
                    return None;
                }
                self.records.specs.insert(new.revision.clone(), Arc::clone(&new));
                let next = commit_revision(head, &head.revision, &committed, &new).ok()?;
                let what = describe(&committed, &new);
                Some((next, Some(new), what))
            }
            Wish::Rollback => {
                let revision = rollback_target(head, None).ok()?;
                let new = self.records.specs.get(&revision).cloned()?;
                let next = commit_revision(head, &head.revision, &committed, &new).ok()?;
                Some((next, Some(new), "goes back to the former revision".to_owned()))
            }
            Wish::Pause if head.paused.is_none() => {
                let next = pause(head, "a person looks into something").ok()?;
                Some((next, None, "pauses the cluster".to_owned()))
            }
            Wish::Pause => None,
            Wish::Resume(wish) => {
                let what = Resume {
                    address: wish.address.clone(),
                    replace_volumes: wish.address.iter().filter(|_| wish.replace_volume).cloned().collect(),
                    outages: wish.address.iter().filter(|_| wish.outage).cloned().collect(),
                };
                let next = resume(head, &committed, &what).ok()?;
                let whom = wish.address.as_ref().map_or("the cluster".to_owned(), ToString::to_string);
                let allowed = match (wish.replace_volume, wish.outage) {
                    (true, _) => ", and gives up what was on its volume",
                    (false, true) => ", and allows an outage for it",
                    (false, false) => "",
                };
                (next != *head).then(|| (next, None, format!("resumes {whom}{allowed}")))
            }
        }
    }

    /// What a person would do on seeing the cluster's state again and again.
    fn look_after(&mut self) {
        let over = self.at_ms >= self.faults_over_ms();
        let mut seen: BTreeSet<ResumeWish> = BTreeSet::new();
        for blocked in self.holder_blocked() {
            let address = blocked.address.clone();
            let replace = ResumeWish { address: address.clone(), replace_volume: true, outage: false };
            let again = ResumeWish { address, replace_volume: false, outage: false };
            match blocked.reason {
                Reason::VolumeGone | Reason::Newcomer { .. } => seen.insert(replace),
                Reason::Frozen { .. } if over => seen.insert(again),
                Reason::RollStopped { because } if over => {
                    seen.insert(ResumeWish { address: Some(because), replace_volume: false, outage: false })
                }
                Reason::NeedsOutage => seen.insert(ResumeWish { outage: true, ..again }),
                Reason::Paused { .. } if over => seen.insert(ResumeWish::default()),
                _ => false,
            };
        }
        self.operator.troubles.retain(|trouble, _| seen.contains(trouble));
        for trouble in seen {
            let times = self.operator.troubles.entry(trouble.clone()).or_default();
            *times += 1;
            if *times >= SEEN_BEFORE_ACTING && !self.operator.wishes.contains(&Wish::Resume(trouble.clone())) {
                *times = 0;
                self.operator.wish(Wish::Resume(trouble));
            }
        }
        self.carry_out_outage();
        if self.operator.outage.is_none() {
            self.recover_if_all_lost();
        }
    }

    /// `kitc apply --allow-outage`: the only manager's condemned machine ends, and comes back.
    fn carry_out_outage(&mut self) {
        if self.subject.managers().len() > 1 {
            return;
        }
        if let Some(via) = self.leader_engine()
            && let Ok(Some(Versioned { value: head, .. })) = self.cloud.head(&via, self.at_ms)
        {
            self.operator.outage = Some(Box::new(head));
        }
        let Some(head) = self.operator.outage.clone() else { return };
        let Some(spec) = self.records.specs.get(&head.revision).cloned() else { return };
        let Ok(inventory) = self.list(&Sender::Operator, Now::default()) else { return };
        let absent = self.absent_managers(&inventory);
        let now = self.operators_now();
        match outage(&spec, &self.uid, &head, &inventory, &absent, &mut self.operator.attempts, now) {
            None => self.operator.outage = None,
            Some(plan) if self.operator.in_flight == 0 => self.send_as_operator(plan, &inventory, Purpose::Outage),
            Some(_) => {}
        }
    }

    /// Machines that the provider forgot are as absent as those that it shows terminated: the operator has been looking
    /// for longer than a minute.
    fn absent_managers(&self, inventory: &Inventory) -> BTreeSet<Address> {
        let gone = |member: &&Address| inventory.complete && inventory.machines_of(member).next().is_none();
        self.subject.managers().iter().filter(gone).cloned().collect()
    }

    fn recover_if_all_lost(&mut self) {
        if self.true_leader().is_some() {
            self.operator.leaderless = 0;
        } else {
            self.operator.leaderless += 1;
        }
        let none_runs = self.managers_running() == 0;
        let patience = if none_runs { SEEN_BEFORE_ACTING } else { SEEN_BEFORE_RECOVERING };
        if self.operator.leaderless >= patience && !self.operator.recovering {
            self.operator.recovering = true;
            self.timeline.add(self.at_ms, Who::Operator, "recover", None, || {
                let seen = if none_runs { "no manager runs" } else { "the Swarm has had no leader for long" };
                format!("sees that {seen}, and types `kitc recover`")
            });
        }
        if !self.operator.recovering {
            return;
        }
        if self.true_leader().is_some() {
            self.operator.recovering = false;
            return;
        }
        if self.operator.in_flight > 0 {
            return;
        }
        let Ok(inventory) = self.list(&Sender::Operator, Now::default()) else { return };
        let absent = self.absent_managers(&inventory);
        let spec = self
            .records
            .head
            .as_ref()
            .and_then(|head| self.records.specs.get(&head.revision))
            .map_or_else(|| Arc::clone(self.subject.spec()), Arc::clone);
        let now = self.operators_now();
        let plan = recover(&spec, &self.uid, &inventory, &absent, &mut self.operator.attempts, now);
        self.send_as_operator(plan, &inventory, Purpose::Recover);
    }

    fn operator_resumed(&mut self, wish: &ResumeWish) {
        match &wish.address {
            Some(address) => {
                self.records.makes.remove(address);
            }
            None => self.records.makes.clear(),
        }
    }

    /// What is to be true.
    pub(super) fn wanted(&self) -> &Arc<Spec> {
        &self.operator.wanted
    }

    /// True if the operator's process has nothing left to do.
    pub(super) fn operator_is_done(&self) -> bool {
        self.operator.formed && !self.operator.has_wishes() && !self.operator.recovering && self.operator.in_flight == 0
    }
}

fn describe(old: &Spec, new: &Spec) -> String {
    let scaled = new.groups.iter().find_map(|(name, group)| {
        let before = old.groups.get(name)?.count;
        (before != group.count).then(|| format!("commits {} {name} where there were {before}", group.count))
    });
    scaled.unwrap_or_else(|| "commits another image: every machine is to be made anew, one after the other".to_owned())
}
