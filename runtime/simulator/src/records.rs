//! What happened in a run, as the invariants need it: heads, permits, what was sent, what each actor had seen.
//!
//! Nothing here comes from the planner's own memory: a bug there must not hide itself here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit_model::{
    Address, Approval, Call, Epoch, Generation, Head, Inventory, MachineId, NodeId, Outcome, Policy, RevisionId, Spec,
    SwarmView, Token,
};

/// How many heads are remembered: late calls are at most 5 minutes late, and no holder writes more than one
/// head a second for so long.
const MAX_HEADS: usize = 512;

/// Everything that the invariants look back at.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) policy: Policy,
    /// Specs by revision: what an operator ever committed.
    pub(crate) specs: BTreeMap<RevisionId, Arc<Spec>>,
    /// The head in the store, as truth has it.
    pub(crate) head: Option<Arc<Head>>,
    /// Heads that opened or closed a permit, by epoch; the first that was committed under it.
    pub(crate) epochs: BTreeMap<Epoch, Committed>,
    /// Head writes that were begun, by writer and epoch.
    pub(crate) writes: BTreeMap<(Address, Epoch), Write>,
    /// Tokens that were sent, and the request that each stood for.
    pub(crate) tokens: BTreeMap<Token, String>,
    /// Disruptions of managers by us.
    pub(crate) disruptions: BTreeMap<Address, Disruption>,
    /// Since when a voter does not answer, in truth.
    pub(crate) voter_silent_since: BTreeMap<NodeId, u64>,
    /// Since when a worker is not whole, in truth.
    pub(crate) worker_broken_since: BTreeMap<Address, u64>,
    /// The last time that too few managers ran to commit a write, in truth: since when, and until when.
    pub(crate) no_quorum: Option<(u64, Option<u64>)>,
    /// The last time that too few voters answered to commit a write, whatever the provider says of their machines:
    /// since when, and until when.
    pub(crate) too_few_answer: Option<(u64, Option<u64>)>,
    /// Since when a volume is marked as formed, in truth.
    pub(crate) formed_since: Option<u64>,
    /// Addresses that a machine was ever asked for.
    pub(crate) asked_for: BTreeSet<Address>,
    /// Which token each making was asked for under.
    pub(crate) made_under: BTreeMap<(Address, Generation), Token>,
    /// When a leader was elected last, in truth.
    pub(crate) leader_since: u64,
    /// Machines made for an address, one after the other, since it was whole or an operator said to try again.
    pub(crate) makes: BTreeMap<Address, Vec<Make>>,
    /// The last action for an address, and how often it was sent while nothing changed.
    pub(crate) repeats: BTreeMap<Address, Repeat>,
}

/// A head that was committed.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    pub(crate) head: Arc<Head>,
    /// The highest epoch committed by another holder since, and when.
    pub(crate) replaced: Option<(Epoch, u64)>,
}

/// A head write that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// When, in virtual time.
    pub(crate) begun_ms: u64,
    /// What the writer had seen when it decided.
    pub(crate) view: View,
    /// True once it was committed.
    pub(crate) committed: bool,
}

/// What an actor saw last.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) inventory: Option<Arc<Inventory>>,
    pub(crate) swarm: Option<Arc<SwarmView>>,
    /// True if the last question for a listing got no answer.
    pub(crate) listing_failed: bool,
    /// Since when complete listings lack a member's or slot's machine, on the actor's own boot clock.
    pub(crate) absent_since: BTreeMap<Address, u64>,
    /// Members and slots whose machines were all terminated when they were listed last.
    pub(crate) seen_dead: BTreeSet<Address>,
}

/// A manager whom we stopped, rebooted, demoted or ended.
#[derive(Debug, Clone)]
pub(crate) struct Disruption {
    pub(crate) what: &'static str,
    /// True once it was silent: between the gate and the arrival of a call it still answers.
    pub(crate) was_silent: bool,
    /// When it was whole again, or gone for good as the revision wants.
    pub(crate) ended_ms: Option<u64>,
}

/// A machine that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Make {
    pub(crate) generation: Generation,
    /// True once we ended it although it was never whole, or the provider refused it for good.
    pub(crate) failed: bool,
}

/// How often the same thing was sent.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    pub(crate) what: String,
    pub(crate) times: u32,
    /// True if the member did not serve at some time since: if it does again, what was sent has helped.
    pub(crate) was_broken: bool,
}

/// Who sends a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actor {
    Replica { member: Address, machine: MachineId },
    Operator { purpose: Purpose },
}

/// What an operator's process is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To bring a cluster into being.
    Bootstrap,
    /// To start again what formed a Swarm, after all managers were lost.
    Recover,
    /// To end the only manager's condemned machine and make it again, as a person allowed.
    Outage,
}

/// A call that passed the gate.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    pub(crate) at_ms: u64,
    pub(crate) by: Actor,
    pub(crate) call: Call,
    /// What the sender had seen last when it was sent.
    pub(crate) view: View,
}

/// What has just happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment<'a> {
    /// A head was committed over another.
    Committed { old: Option<&'a Head>, new: &'a Head },
    /// A call passed the gate and is about to leave.
    Admitted(&'a Admission),
    /// A call arrived where it goes, this much after it was admitted.
    Delivered {
        admission: &'a Admission,
        outcome: &'a Outcome,
        late_ms: u64,
        /// True if the machine that it names carried a node that answered, until now.
        served_before: bool,
    },
    /// The engine beside this replica is about to be stopped, so that another leads.
    HandingOver { member: &'a Address, view: &'a View },
    /// Something changed by itself, or a fault struck.
    Changed,
}

impl Records {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            specs: BTreeMap::new(),
            head: None,
            epochs: BTreeMap::new(),
            writes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            disruptions: BTreeMap::new(),
            voter_silent_since: BTreeMap::new(),
            worker_broken_since: BTreeMap::new(),
            no_quorum: None,
            too_few_answer: None,
            formed_since: None,
            asked_for: BTreeSet::new(),
            made_under: BTreeMap::new(),
            leader_since: 0,
            makes: BTreeMap::new(),
            repeats: BTreeMap::new(),
        }
    }

    /// The head under whose permit `epoch` was given.
    pub(crate) fn of_epoch(&self, epoch: Epoch) -> Option<&Committed> {
        self.epochs.get(&epoch)
    }

    /// True if the committed head holds this approval: it is used up once the head no longer does.
    pub(crate) fn approves(&self, approval: &Approval) -> bool {
        self.head.as_ref().is_some_and(|head| head.approvals.contains(approval))
    }

    /// How many machines were asked for, each making once.
    pub(crate) fn machines_asked_for(&self) -> usize {
        self.tokens.values().filter(|request| request.starts_with("machine ")).count()
    }

    /// Notes that a replica began to write a head.
    pub(crate) fn note_write(&mut self, member: &Address, head: &Head, write: Write) {
        // A write without an answer, from before a restart, may have named the same epoch.
        let key = (member.clone(), head.epoch);
        if self.writes.get(&key).is_none_or(|former| !former.committed) {
            self.writes.insert(key, write);
        }
        while self.writes.len() > MAX_HEADS {
            self.writes.pop_first();
        }
    }

    /// Notes that a head was committed.
    pub(crate) fn note_committed(&mut self, head: Arc<Head>, at_ms: u64) {
        for committed in self.epochs.values_mut() {
            if committed.replaced.is_none() && head.holder != committed.head.holder && head.epoch > committed.head.epoch
            {
                committed.replaced = Some((head.epoch, at_ms));
            }
        }
        self.epochs.entry(head.epoch).or_insert_with(|| Committed { head: Arc::clone(&head), replaced: None });
        while self.epochs.len() > MAX_HEADS {
            self.epochs.pop_first();
        }
        // Another revision is another beginning for what failed.
        if self.head.as_ref().is_some_and(|old| old.revision != head.revision) {
            self.makes.clear();
        }
        self.head = Some(head);
    }
}
