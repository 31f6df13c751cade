//! Who leads: a majority of all entries that vote, elections with delay, and leaders that do not know yet that they
//! no longer lead.

use std::sync::Arc;

use kit_model::{Address, NodeState};

use super::{Claim, Swarm};
use crate::cloud::{SimCloud, Timer};
use crate::records::Key;

/// How a machine stands to the Raft group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its engine does not answer.
    Down,
    /// Its engine is no manager.
    NoManager,
    /// It leads and can commit.
    Leads,
    /// It believes that it leads and cannot commit.
    Claims,
    /// It follows a leader that it reaches.
    Follows,
    /// It follows a leader of which it has not heard for a moment.
    Believes,
    /// It knows of no leader.
    Leaderless,
}

impl Swarm {
    /// Half of all that vote, phantoms too, and one.
    pub(crate) fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }
}

impl SimCloud {
    /// How many voters run on `island`.
    pub(crate) fn voters_up(&self, island: u64) -> usize {
        let Some(swarm) = &self.swarm else { return 0 };
        swarm.voters.iter().filter(|node| self.voter_island(**node) == Some(island)).count()
    }

    /// Where the voter runs, if it does.
    pub(crate) fn voter_island(&self, node: Key) -> Option<u64> {
        let entry = self.swarm.as_ref()?.entries.get(&node)?;
        let machine = self.machines.get(&entry.machine?)?;
        (machine.engine_runs() && machine.broken.is_none()).then_some(machine.island)
    }

    /// How the machine of `member` stands to the Raft group.
    pub(crate) fn standing(&self, member: &Address) -> Standing {
        let Some(key) = self.machine_of(member) else { return Standing::Down };
        let Some(machine) = self.machines.get(&key).filter(|machine| machine.engine_runs()) else {
            return Standing::Down;
        };
        let Some(swarm) = &self.swarm else { return Standing::NoManager };
        if !machine.node.is_some_and(|node| swarm.voters.contains(&node)) {
            return Standing::NoManager;
        }
        let now = self.now_ms();
        if swarm.leader == Some(key) {
            return Standing::Leads;
        }
        if swarm.claims.get(&key).is_some_and(|claim| now < claim.until_ms) {
            return Standing::Claims;
        }
        if swarm.leader.is_some() && swarm.home == machine.island {
            return Standing::Follows;
        }
        let lost_ms = machine.island_since_ms.max(if swarm.leader.is_none() { swarm.lost_ms } else { 0 });
        if now < lost_ms.saturating_add(self.settings.belief.to_ms) { Standing::Believes } else { Standing::Leaderless }
    }

    /// After anything changed on a machine: its node's link, and the Raft group.
    pub(crate) fn settle(&mut self, key: Key) {
        self.touch();
        let Some(machine) = self.machines.get(&key) else { return };
        if machine.engine_runs() && self.swarm.as_ref().is_some_and(|swarm| swarm.waiting.contains(&key)) {
            let join = self.takes(self.settings.join_ms);
            self.at(join, Timer::Join(key));
        }
        let Some(machine) = self.machines.get(&key) else { return };
        let Some(node) = machine.node else { return };
        let (runs, island) = (machine.engine_runs() && machine.broken.is_none(), machine.island);
        self.set_link(node, runs, island);
        if self.swarm.as_ref().is_some_and(|swarm| swarm.voters.contains(&node)) {
            self.settle_raft();
        }
    }

    fn set_link(&mut self, node: Key, runs: bool, island: u64) {
        let now = self.now_ms();
        let settings = &self.settings;
        let Some(swarm) = &mut self.swarm else { return };
        let (elected_ms, home) = (swarm.elected_ms, swarm.home);
        if let Some(entry) = swarm.entries.get_mut(&node) {
            let up = runs && island == home;
            if entry.link.up != up {
                let before = entry.link.state(node, elected_ms, now, settings);
                entry.link = super::Link { up, since_ms: now, before };
            }
        }
    }

    /// After a voter came, went, or was cut off: may the leader still lead, may one be elected?
    pub(crate) fn settle_raft(&mut self) {
        let now = self.now_ms();
        let Some(swarm) = &self.swarm else { return };
        let needed = swarm.majority();
        if let Some(leader) = swarm.leader {
            let votes = self.leader_votes(leader);
            if votes >= needed {
                if self.machines.get(&leader).is_some_and(|machine| machine.island != swarm.home) {
                    self.lead(leader, false);
                }
                return;
            }
            self.lose_leader(leader);
            return;
        }
        // One that still believes and reaches a majority again leads on, as long as no other was elected.
        let due = swarm.election_due;
        let again = swarm
            .claims
            .iter()
            .find(|(key, claim)| now < claim.until_ms && due.is_some() && self.leader_votes(**key) >= needed)
            .map(|(key, _)| *key);
        if let Some(leader) = again {
            self.lead(leader, false);
            return;
        }
        if due.is_none() && self.electable_island().is_some() {
            let delay = self.settings.re_election.pick(&mut self.random);
            self.schedule_election(delay);
        }
    }

    /// How many votes `machine` would have as the leader; 0 if it cannot lead.
    fn leader_votes(&self, key: Key) -> usize {
        let Some(swarm) = &self.swarm else { return 0 };
        let votes = self.machines.get(&key).filter(|machine| machine.engine_runs() && machine.broken.is_none());
        match votes {
            Some(machine) if machine.node.is_some_and(|node| swarm.voters.contains(&node)) => {
                self.voters_up(machine.island)
            }
            _ => 0,
        }
    }

    fn lose_leader(&mut self, leader: Key) {
        let now = self.now_ms();
        // What is off claims nothing; what is frozen or cut off does.
        let believes = self.machines.get(&leader).is_some_and(|machine| {
            (machine.engine_runs() || machine.frozen) && machine.booted && machine.broken.is_none()
        });
        let nodes = Arc::new(self.true_nodes());
        let claim_ms = self.settings.claim.pick(&mut self.random);
        if let Some(swarm) = &mut self.swarm {
            if believes {
                let claim = Claim { until_ms: now + claim_ms, head: swarm.head.clone(), nodes };
                swarm.claims.insert(leader, claim);
            }
            swarm.leader = None;
            swarm.lost_ms = now;
        }
        let delay = self.settings.election.pick(&mut self.random);
        self.schedule_election(delay);
    }

    fn schedule_election(&mut self, in_ms: u64) {
        let due = self.now_ms() + in_ms;
        if let Some(swarm) = &mut self.swarm {
            swarm.election_due = Some(due);
        }
        self.at(in_ms, Timer::Election(due));
    }

    /// The island on which a majority of all voters runs.
    fn electable_island(&self) -> Option<u64> {
        let swarm = self.swarm.as_ref()?;
        let needed = swarm.majority();
        swarm.voters.iter().filter_map(|node| self.voter_island(*node)).find(|island| self.voters_up(*island) >= needed)
    }

    pub(crate) fn election(&mut self, due_ms: u64) {
        let Some(swarm) = &mut self.swarm else { return };
        if swarm.election_due != Some(due_ms) {
            return;
        }
        swarm.election_due = None;
        if swarm.leader.is_some() {
            return;
        }
        // Without a majority nobody is elected; the next voter that comes back begins again.
        let Some(island) = self.electable_island() else { return };
        let Some(swarm) = &self.swarm else { return };
        let candidates: Vec<Key> = swarm
            .voters
            .iter()
            .filter(|node| self.voter_island(**node) == Some(island))
            .filter_map(|node| swarm.entries.get(node)?.machine)
            .collect();
        let chosen = self.random.below(candidates.len() as u64);
        if let Some(leader) = usize::try_from(chosen).ok().and_then(|index| candidates.get(index)) {
            self.lead(*leader, true);
        }
    }

    /// Makes the machine the leader: newly elected, or again without an election.
    pub(crate) fn lead(&mut self, leader: Key, elected: bool) {
        let now = self.now_ms();
        let Some(island) = self.machines.get(&leader).map(|machine| machine.island) else { return };
        let address = self.machines.get(&leader).map(|machine| machine.boot.address.clone());
        let Some(swarm) = &mut self.swarm else { return };
        let moved = swarm.home != island;
        swarm.leader = Some(leader);
        swarm.last_leader = address;
        swarm.home = island;
        swarm.election_due = None;
        swarm.claims.remove(&leader);
        let machines = &self.machines;
        // For a frozen machine no time passes.
        let frozen = |key: &Key| machines.get(key).is_some_and(|machine| machine.frozen);
        swarm.claims.retain(|key, claim| now < claim.until_ms || frozen(key));
        if elected {
            swarm.elected_ms = now;
            swarm.elections += 1;
        }
        if moved {
            let nodes: Vec<Key> = swarm.entries.keys().copied().collect();
            for node in nodes {
                self.relink(node);
            }
        }
        self.settle_limbo(elected);
        self.retry_joins();
        self.touch();
    }

    fn relink(&mut self, node: Key) {
        let machine = self
            .swarm
            .as_ref()
            .and_then(|swarm| swarm.entries.get(&node)?.machine)
            .and_then(|machine| self.machines.get(&machine));
        let (runs, island) =
            machine.map_or((false, 0), |machine| (machine.engine_runs() && machine.broken.is_none(), machine.island));
        self.set_link(node, runs, island);
    }

    /// A thawed or mended machine that believed it led goes on believing for a moment.
    pub(crate) fn believe_on(&mut self, key: Key) {
        let now = self.now_ms();
        let belief = self.settings.belief.pick(&mut self.random);
        if let Some(swarm) = &mut self.swarm
            && swarm.leader.is_some_and(|leader| leader != key)
            && let Some(claim) = swarm.claims.get_mut(&key)
        {
            // Mended: it soon hears of a later term. Thawed: its own clock stood still.
            claim.until_ms = now + belief;
        }
    }
}

impl super::Link {
    /// What the Swarm says of a node with this link.
    pub(crate) fn state(self, node: Key, elected_ms: u64, now: u64, settings: &crate::SimSettings) -> NodeState {
        if self.up {
            if self.since_ms < elected_ms {
                // Known to the former leader; the new one must hear from it first.
                return if now >= elected_ms + settings.unknown_ms { NodeState::Ready } else { NodeState::Unknown };
            }
            if self.before == NodeState::Ready || now >= self.since_ms + settings.ready_ms {
                return NodeState::Ready;
            }
            return self.before;
        }
        // Nodes miss their heartbeats at different times.
        let spread = settings.down.to_ms.saturating_sub(settings.down.from_ms) + 1;
        let patience = settings.down.from_ms + node % spread;
        if now >= self.since_ms.max(elected_ms) + patience {
            NodeState::Down
        } else if self.since_ms < elected_ms {
            NodeState::Unknown
        } else {
            self.before
        }
    }
}
