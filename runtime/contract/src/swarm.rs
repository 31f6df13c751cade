//! The promises of a Swarm: [`LeaderDetector`], [`SwarmControl`] and the [`SpecStore`] behind them.

use async_trait::async_trait;
use kit_model::{
    Action, Address, Authority, Availability, Call, CallId, CommitResult, Epoch, Head, LeaderDetector, Leadership,
    Node, NodeRole, NodeState, Outcome, SpecStore, SwarmControl, Versioned,
};

/// A formed Swarm of three managers and one worker, with a head, all ready.
#[async_trait]
pub trait SwarmWorld: Send + Sync {
    /// What stands beside each manager.
    type Beside: LeaderDetector + SwarmControl + SpecStore;
    /// The three managers.
    fn managers(&self) -> &[(Address, Self::Beside)];
    /// Ends a manager's machine for good.
    async fn kill(&self, manager: &Address);
    /// Cuts a manager off from all others.
    async fn cut(&self, manager: &Address);
    /// Undoes every cut.
    async fn mend(&self);
    /// Lets so much time pass.
    async fn pass(&self, ms: u64);
    /// How long an election, and the judgement of nodes after it, may take.
    fn patience_ms(&self) -> u64;
}

/// In how many steps a wait looks again.
const LOOKS: u64 = 60;

/// Waits until `look` gives something.
async fn until<W: SwarmWorld, T>(world: &W, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..=LOOKS {
        if let Some(seen) = look().await {
            return seen;
        }
        world.pass(world.patience_ms().div_ceil(LOOKS)).await;
    }
    panic!("{} ms passed without {what}", world.patience_ms());
}

/// The manager among `indices` that says it leads and lists the nodes.
async fn leader_among<W: SwarmWorld>(world: &W, indices: &[usize]) -> usize {
    until(world, "a leader", async || {
        for index in indices {
            let beside = &world.managers()[*index].1;
            if beside.look().await == Leadership::Leader && beside.nodes().await.is_ok() {
                return Some(*index);
            }
        }
        None
    })
    .await
}

async fn leader<W: SwarmWorld>(world: &W) -> usize {
    leader_among(world, &[0, 1, 2]).await
}

fn others(index: usize) -> Vec<usize> {
    (0..3).filter(|other| *other != index).collect()
}

async fn nodes<W: SwarmWorld>(world: &W, via: usize) -> Vec<Node> {
    world.managers()[via].1.nodes().await.expect("the nodes are readable").nodes
}

async fn node_of<W: SwarmWorld>(world: &W, via: usize, address: &Address) -> Node {
    let found = nodes(world, via).await.into_iter().find(|node| node.address.as_ref() == Some(address));
    found.expect("the node is listed")
}

async fn head<W: SwarmWorld>(world: &W, via: usize) -> Versioned<Head> {
    world.managers()[via].1.head().await.expect("the head is readable").expect("there is a head")
}

async fn send<W: SwarmWorld>(world: &W, via: usize, action: Action) -> Outcome {
    let call = Call {
        id: CallId(1),
        address: "contract".into(),
        authority: Authority::Permit(Epoch(1)),
        not_after_boot_ms: u64::MAX,
        action,
    };
    SwarmControl::send(&world.managers()[via].1, &call, &|| Ok(())).await
}

async fn worker<W: SwarmWorld>(world: &W, via: usize) -> Node {
    nodes(world, via).await.into_iter().find(|node| node.manager.is_none()).expect("there is a worker")
}

/// One manager says that it leads; each other says that it follows that one.
pub async fn one_manager_leads_and_the_others_name_it(world: &impl SwarmWorld) {
    let leader = leader(world).await;
    let address = world.managers()[leader].0.clone();
    for other in others(leader) {
        assert_eq!(world.managers()[other].1.look().await, Leadership::Follower(Some(address.clone())));
    }
}

/// All managers list the same entries, three of which vote and one of which leads.
pub async fn each_manager_lists_the_same_voters(world: &impl SwarmWorld) {
    let leader = leader(world).await;
    let expected: Vec<_> = nodes(world, leader).await.into_iter().map(|node| node.id).collect();
    for via in 0..3 {
        let seen = nodes(world, via).await;
        assert_eq!(seen.iter().filter(|node| node.is_healthy_voter()).count(), 3);
        assert_eq!(seen.iter().filter(|node| node.manager.is_some_and(|status| status.leader)).count(), 1);
        assert_eq!(seen.into_iter().map(|node| node.id).collect::<Vec<_>>(), expected);
    }
}

/// A head that is committed through a follower is read through each manager.
pub async fn what_is_committed_through_one_is_read_through_all(world: &impl SwarmWorld) {
    let via = others(leader(world).await)[0];
    let mut changed = head(world, via).await;
    changed.value.epoch.0 += 1;
    let CommitResult::Committed(version) = world.managers()[via].1.update_head(changed.version, &changed.value).await
    else {
        panic!("not committed")
    };
    for through in 0..3 {
        assert_eq!(head(world, through).await, Versioned { version, value: changed.value.clone() });
    }
}

/// When the leader's machine ends, another leads, and the head is what it was.
pub async fn a_lost_leader_is_followed_by_another(world: &impl SwarmWorld) {
    let first = leader(world).await;
    let before = head(world, first).await;
    world.kill(&world.managers()[first].0).await;
    let next = leader_among(world, &others(first)).await;
    assert_eq!(head(world, next).await, before);
}

/// After an election no node that answers is called down, and in the end the dead one is, and only it.
pub async fn nodes_are_judged_again_after_an_election(world: &impl SwarmWorld) {
    let first = leader(world).await;
    let dead = world.managers()[first].0.clone();
    world.kill(&dead).await;
    let next = leader_among(world, &others(first)).await;
    let is_dead = |node: &Node| node.address.as_ref() == Some(&dead);
    until(world, "the dead node down and the others ready", async || {
        let seen = nodes(world, next).await;
        let wrong = seen.iter().find(|node| !is_dead(node) && node.state == NodeState::Down);
        assert_eq!(wrong, None, "a node that answers is called down");
        seen.iter()
            .all(|node| node.state == if is_dead(node) { NodeState::Down } else { NodeState::Ready })
            .then_some(())
    })
    .await;
}

/// A leader that is cut off may still say that it leads; what it writes is not committed while it is cut off. If it has no
/// answer, it may be once the cut is mended: another leader is given it, and it names the version that still stands.
pub async fn a_cut_off_leader_commits_nothing(world: &impl SwarmWorld) {
    let old = leader(world).await;
    let (address, beside) = &world.managers()[old];
    let mut stale = head(world, old).await;
    world.cut(address).await;
    let new = leader_among(world, &others(old)).await;
    let before = head(world, new).await;
    stale.value.epoch.0 += 100;
    let result = beside.update_head(stale.version, &stale.value).await;
    assert!(!matches!(result, CommitResult::Committed(_)), "{result:?}");
    assert_eq!(head(world, new).await, before);
    world.mend().await;
    world.pass(world.patience_ms()).await;
    let new = leader(world).await;
    let after = head(world, new).await;
    let late = matches!(result, CommitResult::Unknown(_)) && after.value == stale.value;
    assert!(after == before || late, "{result:?}, and then {after:?} after {before:?}");
}

/// Once it reaches the others again, a former leader follows and reads what they committed meanwhile.
pub async fn a_mended_leader_follows(world: &impl SwarmWorld) {
    let old = leader(world).await;
    world.cut(&world.managers()[old].0).await;
    let new = leader_among(world, &others(old)).await;
    let mut changed = head(world, new).await;
    changed.value.epoch.0 += 1;
    let result = world.managers()[new].1.update_head(changed.version, &changed.value).await;
    assert!(matches!(result, CommitResult::Committed(_)), "{result:?}");
    world.mend().await;
    until(world, "the former leader following", async || {
        let beside = &world.managers()[old].1;
        matches!(beside.look().await, Leadership::Follower(Some(_))).then_some(())
    })
    .await;
    assert_eq!(head(world, old).await.value, changed.value);
}

/// With two of three managers gone nothing is committed, however long one waits.
pub async fn without_a_majority_nothing_is_committed(world: &impl SwarmWorld) {
    let last = leader(world).await;
    let before = head(world, last).await;
    for other in others(last) {
        world.kill(&world.managers()[other].0).await;
    }
    let beside = &world.managers()[last].1;
    for _ in 0..2 {
        let result = beside.update_head(before.version, &before.value).await;
        assert!(!matches!(result, CommitResult::Committed(_)), "{result:?}");
        world.pass(world.patience_ms()).await;
    }
    assert_ne!(beside.look().await, Leadership::Leader);
}

/// A change of a node that names an earlier version is refused.
pub async fn a_node_is_changed_only_by_its_version(world: &impl SwarmWorld) {
    let via = leader(world).await;
    let node = worker(world, via).await;
    let labels = |text: &str| Action::SetLabels {
        node: node.id.clone(),
        version: node.version,
        labels: [("contract".to_owned(), text.to_owned())].into(),
    };
    assert_eq!(send(world, via, labels("one")).await, Outcome::Done);
    assert!(matches!(send(world, via, labels("two")).await, Outcome::Refused(_)));
    assert_eq!(worker(world, via).await.labels["contract"], "one");
}

/// An entry that votes stays on the list.
pub async fn a_voter_is_not_removed(world: &impl SwarmWorld) {
    let via = leader(world).await;
    let dead = world.managers()[others(via)[0]].0.clone();
    world.kill(&dead).await;
    until(world, "the node down", async || (node_of(world, via, &dead).await.state == NodeState::Down).then_some(()))
        .await;
    let node = node_of(world, via, &dead).await;
    assert!(matches!(send(world, via, Action::RemoveNode { node: node.id }).await, Outcome::Refused(_)));
    assert!(node_of(world, via, &dead).await.manager.is_some());
}

/// An entry that answers stays on the list.
pub async fn a_node_that_answers_is_not_removed(world: &impl SwarmWorld) {
    let via = leader(world).await;
    let node = worker(world, via).await;
    assert!(matches!(send(world, via, Action::RemoveNode { node: node.id }).await, Outcome::Refused(_)));
}

/// A demoted manager's entry ceases to vote after a while, and a dead one can then be removed.
pub async fn a_demoted_manager_loses_its_vote(world: &impl SwarmWorld) {
    let via = leader(world).await;
    let dead = world.managers()[others(via)[0]].0.clone();
    world.kill(&dead).await;
    until(world, "the node down", async || (node_of(world, via, &dead).await.state == NodeState::Down).then_some(()))
        .await;
    let node = node_of(world, via, &dead).await;
    let demote = Action::SetRole { node: node.id.clone(), version: node.version, role: NodeRole::Worker };
    assert_eq!(send(world, via, demote).await, Outcome::Done);
    until(world, "the vote gone", async || node_of(world, via, &dead).await.manager.is_none().then_some(())).await;
    assert_eq!(send(world, via, Action::RemoveNode { node: node.id }).await, Outcome::Done);
    assert!(nodes(world, via).await.iter().all(|node| node.address.as_ref() != Some(&dead)));
}

/// A drained node ends up without tasks, and stays ready.
pub async fn a_drained_node_gives_its_tasks_away(world: &impl SwarmWorld) {
    let via = leader(world).await;
    let node = worker(world, via).await;
    let drain = Action::SetAvailability { node: node.id, version: node.version, availability: Availability::Drain };
    assert_eq!(send(world, via, drain).await, Outcome::Done);
    until(world, "the last task gone", async || (worker(world, via).await.running_tasks == 0).then_some(())).await;
    let node = worker(world, via).await;
    assert_eq!((node.availability, node.state), (Availability::Drain, NodeState::Ready));
}

/// A leader that stops its own engine leads no more, and another does.
pub async fn a_stopped_engine_no_longer_leads(world: &impl SwarmWorld) {
    let first = leader(world).await;
    world.managers()[first].1.stop_local_engine().await.expect("stopped");
    assert_ne!(world.managers()[first].1.look().await, Leadership::Leader);
    let next = leader_among(world, &others(first)).await;
    assert_ne!(next, first);
}
