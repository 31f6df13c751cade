//! A manager that lost its state and was joined again by hand: its former entry stays on the list, and votes.

use std::time::{Duration, Instant};

use kit_contract::SwarmWorld as _;
use kit_model::{
    Action, Address, Authority, Availability, Call, CallId, CommitResult, Epoch, Node, NodeRole, NodeState, Outcome,
    SpecStore as _, SwarmControl, SwarmView,
};
use kit_swarm::ManagerEngine;
use tokio::time::sleep;

use crate::lab::{leader, say, swarm};

/// How long the Swarm may take to judge a node, or to take a vote from one.
const PATIENCE: Duration = Duration::from_secs(120);

async fn until<T>(beside: &ManagerEngine, what: &str, look: impl Fn(&SwarmView) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut last = Err("nothing was seen".to_owned());
    while Instant::now() < deadline {
        last = beside.nodes().await;
        if let Some(found) = last.as_ref().ok().and_then(&look) {
            return found;
        }
        sleep(Duration::from_millis(300)).await;
    }
    panic!("{PATIENCE:?} passed without {what}: {last:#?}")
}

async fn sent(beside: &ManagerEngine, action: Action) -> Outcome {
    let call = Call {
        id: CallId(1),
        address: "managers.m1".into(),
        authority: Authority::Permit(Epoch(1)),
        not_after_boot_ms: u64::MAX,
        action,
    };
    SwarmControl::send(beside, &call, &|| Ok(())).await
}

fn entries<'a>(seen: &'a SwarmView, address: &'a Address) -> Vec<&'a Node> {
    seen.nodes_of(address).collect()
}

#[tokio::test]
async fn a_wiped_manager_that_joins_again_leaves_a_voter_that_is_nobody() {
    let Some(lab) = swarm().await else { return };
    let leads = leader(&lab).await;
    let (through, beside) = lab.managers()[leads].clone();
    let wiped = lab.managers()[(leads + 1) % 3].0.clone();
    let former = until(&beside, "its entry", |seen| entries(seen, &wiped).first().map(|node| node.id.clone())).await;

    lab.rejoin_wiped(&wiped, &through);
    // Two entries of one member at one IP, and both vote: four votes at three addresses.
    let (ghost, new) = until(&beside, "two entries", |seen| {
        let ghost = entries(seen, &wiped).into_iter().find(|node| node.id == former)?.clone();
        let new = entries(seen, &wiped).into_iter().find(|node| node.id != former && node.is_healthy_voter())?.clone();
        let votes = seen.nodes.iter().filter(|node| node.manager.is_some()).count();
        (votes == 4).then_some((ghost, new))
    })
    .await;
    assert_eq!(ghost.ip, new.ip);
    assert_eq!(new.generation, ghost.generation);
    say(&format!("a wiped manager joined again: its former entry is {:?}, {:?}", ghost.state, ghost.manager));

    // Its vote is taken, and then its entry; never before, and never by force.
    let down = until(&beside, "the former entry down", |seen| {
        entries(seen, &wiped).into_iter().find(|node| node.id == former && node.state == NodeState::Down).cloned()
    })
    .await;
    let remove = Action::RemoveNode { node: former.clone() };
    assert!(matches!(sent(&beside, remove.clone()).await, Outcome::Refused(_)), "a voter stays");
    let demote = Action::SetRole { node: former.clone(), version: down.version, role: NodeRole::Worker };
    assert_eq!(sent(&beside, demote).await, Outcome::Done);
    until(&beside, "its vote gone", |seen| {
        entries(seen, &wiped).into_iter().find(|node| node.id == former)?.manager.is_none().then_some(())
    })
    .await;
    assert_eq!(sent(&beside, remove.clone()).await, Outcome::Done);
    assert_eq!(sent(&beside, remove).await, Outcome::Done, "what is off the list is removed");
    let left = until(&beside, "three voters", |seen| (seen.nodes.len() == 4).then(|| seen.clone())).await;
    assert_eq!(entries(&left, &wiped).iter().map(|node| &node.id).collect::<Vec<_>>(), [&new.id]);
    assert_eq!(left.nodes.iter().filter(|node| node.is_healthy_voter()).count(), 3);

    // And the new one does all that the former did.
    let (_, again) = lab.managers().iter().find(|(address, _)| *address == wiped).expect("a manager");
    let head = again.head().await.expect("readable").expect("there is a head");
    assert!(matches!(again.update_head(head.version, &head.value).await, CommitResult::Committed(_)));
    let drain = |node: &Node, availability| Action::SetAvailability {
        node: node.id.clone(),
        version: node.version,
        availability,
    };
    for availability in [Availability::Drain, Availability::Active] {
        let now = until(again, "the new entry", |seen| entries(seen, &wiped).first().map(|node| (*node).clone())).await;
        assert_eq!(sent(again, drain(&now, availability)).await, Outcome::Done);
        until(&beside, "it set", |seen| {
            entries(seen, &wiped).into_iter().find(|node| node.availability == availability).map(|_| ())
        })
        .await;
    }
}
