//! The rule of the majority: every entry counts as a voter, each address once as healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use kit_model::{Address, Node, NodeId, NodeState, Reason, SwarmView};

use crate::bugs::{Bug, planted};

/// Where a voter stands: two entries at one place are one voter that may answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Address(Address),
    Ip(IpAddr),
    Entry(NodeId),
}

impl Place {
    fn of(node: &Node) -> Self {
        match (&node.address, node.ip) {
            (Some(address), _) => Self::Address(address.clone()),
            (None, Some(ip)) => Self::Ip(ip),
            (None, None) => Self::Entry(node.id.clone()),
        }
    }
}

/// The voters of a Swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voters {
    entries: u32,
    healthy: BTreeSet<Place>,
    phantoms: Vec<NodeId>,
}

/// How many of `entries` must agree.
#[must_use]
pub const fn majority(entries: u32) -> u32 {
    entries / 2 + 1
}

impl Voters {
    /// Counts them.
    #[must_use]
    pub fn of(swarm: &SwarmView) -> Self {
        let mut places: BTreeMap<Place, Vec<&Node>> = BTreeMap::new();
        for node in swarm.nodes.iter().filter(|node| node.manager.is_some()) {
            places.entry(Place::of(node)).or_default().push(node);
        }
        let entries: usize = places
            .values()
            .map(|nodes| if planted(Bug::PhantomsNotCounted) { nodes.len().min(1) } else { nodes.len() })
            .sum();
        let healthy = places
            .iter()
            .filter(|(_, nodes)| {
                planted(Bug::UnhealthyCountsAsHealthy) || nodes.iter().any(|node| node.is_healthy_voter())
            })
            .map(|(place, _)| place.clone())
            .collect();
        let phantoms = places
            .values()
            .filter(|nodes| nodes.len() > 1 && !planted(Bug::PhantomsNotCounted))
            .flat_map(|nodes| phantoms_among(nodes))
            .collect();
        Self { entries: u32::try_from(entries).unwrap_or(u32::MAX), healthy, phantoms }
    }

    /// Every entry of a manager.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// How many must agree.
    #[must_use]
    pub const fn majority(&self) -> u32 {
        majority(self.entries)
    }

    /// How many places answer.
    #[must_use]
    pub fn healthy(&self) -> u32 {
        u32::try_from(self.healthy.len()).unwrap_or(u32::MAX)
    }

    /// Entries that stand at a place where another one answers, or where nobody can tell which is which.
    #[must_use]
    pub fn phantoms(&self) -> &[NodeId] {
        &self.phantoms
    }

    /// How many places would answer without `address`.
    #[must_use]
    pub fn healthy_without(&self, address: &Address) -> u32 {
        let gone = self.healthy.contains(&Place::Address(address.clone()));
        self.healthy().saturating_sub(u32::from(gone))
    }

    /// Whether the voter at `address` may be stopped or ended: enough must answer without it.
    ///
    /// # Errors
    /// With what would be left.
    pub fn may_stop(&self, address: &Address) -> Result<(), Reason> {
        let healthy = self.healthy_without(address);
        let needed = self.majority();
        if healthy >= needed || planted(Bug::NoQuorumCheck) {
            Ok(())
        } else {
            Err(Reason::WouldLoseQuorum { healthy, needed })
        }
    }

    /// Whether an entry may lose its vote: enough must answer to commit that, and enough of those that are left
    /// afterwards. `answering` is the place that no longer answers then, if the entry is the one that does there.
    ///
    /// # Errors
    /// With what would be left.
    pub fn may_demote(&self, answering: Option<&Address>) -> Result<(), Reason> {
        if planted(Bug::NoQuorumCheck) {
            return Ok(());
        }
        let (healthy, needed) = (self.healthy(), self.majority());
        if healthy < needed {
            return Err(Reason::WouldLoseQuorum { healthy, needed });
        }
        let healthy = answering.map_or(healthy, |address| self.healthy_without(address));
        let needed = majority(self.entries.saturating_sub(1));
        if healthy < needed { Err(Reason::WouldLoseQuorum { healthy, needed }) } else { Ok(()) }
    }
}

/// Which of several entries at one place are not the voter that answers there: all but the one that is ready; all
/// of them, where that does not tell.
fn phantoms_among(nodes: &[&Node]) -> Vec<NodeId> {
    let ready: Vec<_> = nodes.iter().filter(|node| node.state == NodeState::Ready).collect();
    match ready.as_slice() {
        [one] => nodes.iter().filter(|node| node.id != one.id).map(|node| node.id.clone()).collect(),
        _ => nodes.iter().map(|node| node.id.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kit_model::{Availability, ManagerStatus, NodeRole, Reachability};

    use super::*;

    fn voter(id: &str, address: &str, state: NodeState, reachability: Reachability) -> Node {
        Node {
            id: NodeId::from(id),
            address: Some(Address::from(address)),
            generation: None,
            ip: None,
            role: NodeRole::Manager,
            availability: Availability::Active,
            state,
            manager: Some(ManagerStatus { leader: false, reachability }),
            running_tasks: 0,
            labels: BTreeMap::new(),
            version: 1,
        }
    }

    fn ready(id: &str, address: &str) -> Node {
        voter(id, address, NodeState::Ready, Reachability::Reachable)
    }

    fn down(id: &str, address: &str) -> Node {
        voter(id, address, NodeState::Down, Reachability::Unreachable)
    }

    fn swarm(nodes: Vec<Node>) -> Voters {
        Voters::of(&SwarmView { nodes })
    }

    #[test]
    fn three_healthy_voters_lose_one() {
        let voters = swarm(vec![ready("a", "m.1"), ready("b", "m.2"), ready("c", "m.3")]);
        assert_eq!((voters.entries(), voters.majority(), voters.healthy()), (3, 2, 3));
        assert_eq!(voters.may_stop(&Address::from("m.1")), Ok(()));
    }

    #[test]
    fn with_one_down_only_that_one_may_be_touched() {
        let voters = swarm(vec![down("a", "m.1"), ready("b", "m.2"), ready("c", "m.3")]);
        assert_eq!(voters.may_stop(&Address::from("m.1")), Ok(()));
        assert_eq!(voters.may_stop(&Address::from("m.2")), Err(Reason::WouldLoseQuorum { healthy: 1, needed: 2 }));
    }

    #[test]
    fn a_phantom_counts_as_a_voter_and_never_as_healthy() {
        // As measured: a wiped manager that rejoined at its address; Raft calls both entries reachable.
        let phantom = voter("a", "m.1", NodeState::Down, Reachability::Reachable);
        let voters = swarm(vec![phantom, ready("b", "m.2"), ready("c", "m.3"), ready("d", "m.1")]);
        assert_eq!((voters.entries(), voters.majority(), voters.healthy()), (4, 3, 3));
        assert_eq!(voters.phantoms(), [NodeId::from("a")]);
        assert!(voters.may_stop(&Address::from("m.2")).is_err());
        assert_eq!(voters.may_demote(None), Ok(()), "the phantom itself may go");
    }

    #[test]
    fn unknown_is_not_healthy_and_a_tie_of_entries_names_all() {
        let unknown = voter("a", "m.1", NodeState::Unknown, Reachability::Reachable);
        let voters = swarm(vec![unknown.clone(), ready("b", "m.2")]);
        assert_eq!(voters.healthy(), 1);
        let voters = swarm(vec![unknown, voter("b", "m.1", NodeState::Unknown, Reachability::Reachable)]);
        assert_eq!(voters.phantoms().len(), 2);
    }

    #[test]
    fn two_voters_become_one_by_demotion_but_never_by_stopping() {
        let voters = swarm(vec![ready("a", "m.1"), ready("b", "m.2")]);
        assert!(voters.may_stop(&Address::from("m.2")).is_err());
        assert_eq!(voters.may_demote(Some(&Address::from("m.2"))), Ok(()));
    }
}
