//! Guards of the planner, each asked alone: true if it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use kit_model::{
    Address, Availability, BootId, ClusterUid, ContentHash, Effect, Event, Generation, Head, HeadVersion, Holder,
    Inventory, Leadership, ManagerStatus, Marks, Node, NodeId, NodeRole, NodeState, Now, Observation, PermitState,
    Policy, Reachability, ReplicaIdentity, SwarmView, Token, Versioned, Volume, VolumeId, VolumeState,
};
use kit_planner::{Attempts, Reconciler, ReplicaRole, Voters, bootstrap};
use kit_simulator::Subject;

fn uid() -> ClusterUid {
    ClusterUid::from("uid")
}

fn voter(id: &str, address: &str, state: NodeState) -> Node {
    Node {
        id: NodeId::from(id),
        address: Some(Address::from(address)),
        generation: None,
        ip: None,
        role: NodeRole::Manager,
        availability: Availability::Active,
        state,
        manager: Some(ManagerStatus { leader: false, reachability: Reachability::Reachable }),
        running_tasks: 0,
        labels: BTreeMap::new(),
        version: 1,
    }
}

/// Four entries at three places: one more that is gone leaves two of the three that the Swarm needs.
pub(crate) fn counts_phantoms() -> bool {
    let nodes = vec![
        voter("a", "managers.m1", NodeState::Down),
        voter("b", "managers.m1", NodeState::Ready),
        voter("c", "managers.m2", NodeState::Ready),
        voter("d", "managers.m3", NodeState::Ready),
    ];
    Voters::of(&SwarmView { nodes }).may_stop(&Address::from("managers.m2")).is_err()
}

/// A volume that held a Swarm's state, and nothing else: the rest is the leader's to make.
pub(crate) fn leaves_what_is_formed_to_the_leader() -> bool {
    let subject = Subject::of_size(3, 1).expect("a subject");
    let volume = Volume {
        id: VolumeId::from("vol-1"),
        marks: Marks {
            uid: uid(),
            address: Address::from("managers.m1"),
            generation: Generation(1),
            content: ContentHash::from("content"),
            token: Token::from("token"),
        },
        state: VolumeState::Available,
        formed: true,
    };
    let inventory = Inventory { volumes: vec![volume], complete: true, strong: true, ..Inventory::default() };
    bootstrap(subject.spec(), &uid(), &inventory, &mut Attempts::default(), Now::default()).steps.is_empty()
}

/// Another's permit is open, and its head was first seen a second ago.
pub(crate) fn waits_for_the_former_permit() -> bool {
    !acts(PermitState::Open, 2_000, 1_000)
}

/// The former permit is closed, but what is listed was asked for a second before that was known.
pub(crate) fn distrusts_a_listing_from_before_the_head() -> bool {
    !acts(PermitState::Closed, 1_000, 2_000)
}

/// Whether a replica that finds itself beside the leader acts at once on a listing begun at `listed_ms`, where it
/// first saw the head of the holder before it at `seen_ms`.
fn acts(permit: PermitState, listed_ms: u64, seen_ms: u64) -> bool {
    let subject = Subject::of_size(3, 1).expect("a subject");
    let member = |name: &str| (Address::from(name), BootId::from(name));
    let (me, boot_id) = member("managers.m2");
    let mut reconciler = Reconciler::new(ReplicaIdentity { member: me, boot_id, uid: Some(uid()) }, Policy::default());
    let at = |boot_ms| Now { boot_ms, wall_ms: boot_ms };
    let (former, boot_id) = member("managers.m1");
    let mut head = Head::first(uid(), subject.spec().revision.clone());
    head.permit = permit;
    head.holder = Some(Holder { member: former, boot_id });
    let head = Versioned { version: HeadVersion(1), value: head };
    reconciler.recall(head.clone(), Arc::clone(subject.spec()), at(seen_ms));
    let begun = reconciler.handle(Event::Tick, at(listed_ms));
    let look = begun.iter().find_map(|effect| match effect {
        Effect::Observe { id, .. } => Some(*id),
        _ => None,
    });
    let observation = Observation {
        begun: at(listed_ms),
        leadership: Leadership::Leader,
        head: Ok(Some(head)),
        head_unreadable: None,
        inventory: Some(Ok(Arc::new(Inventory { complete: true, strong: true, ..Inventory::default() }))),
        swarm: Some(Ok(Arc::new(SwarmView::default()))),
        boot_findings: Vec::new(),
        anchor: None,
    };
    let look = look.expect("a replica begins with a look");
    let _effects = reconciler.handle(Event::Observed(look, Box::new(observation)), at(listed_ms.max(seen_ms)));
    reconciler.status().role == ReplicaRole::Holder
}
