//! The executor against a world that hangs, panics and counts.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use kit_model::{
    Action, Address, Admission, Authority, BootDocument, BootFinding, CallId, Epoch, LeaderDetector, MachineId, Permit,
    Provider, ProviderError, SwarmControl, VolumeId,
};

use super::*;
use crate::clock::Clock;
use crate::surroundings::{Host, HostState};

/// A world of which each call takes as long as the test says.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) now_ms: AtomicU64,
    /// How long a reading of the time takes.
    pub(crate) tick_ms: u64,
    /// How long the provider prepares a call before it asks for admission.
    pub(crate) prepares: Duration,
    pub(crate) hangs: bool,
    /// Which look at the engine panics, counted from 1.
    pub(crate) look_that_panics: usize,
    /// Which question about the machine panics, counted from 1.
    pub(crate) state_that_panics: usize,
    pub(crate) looks: AtomicUsize,
    pub(crate) states: AtomicUsize,
    pub(crate) under_way: AtomicUsize,
    pub(crate) most: AtomicUsize,
    pub(crate) sent: AtomicUsize,
}

impl Clock for Arc<World> {
    fn now(&self) -> Now {
        // Each reading takes a while, so that a replica that reads the time again and again sees it go on.
        Now { boot_ms: self.now_ms.fetch_add(self.tick_ms, Ordering::SeqCst), wall_ms: 0 }
    }
}

#[async_trait]
impl Provider for World {
    async fn anchor(&self, _: &str) -> Result<Option<Anchor>, ProviderError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(Some(Anchor { uid: ClusterUid::from("u") }))
    }

    async fn claim_anchor(&self, _: &str, uid: ClusterUid) -> Result<Anchor, ProviderError> {
        Ok(Anchor { uid })
    }

    async fn release_anchor(&self, _: &str, _: &ClusterUid) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn list(&self, _: &ClusterUid, _: &[IpAddr]) -> Result<Inventory, ProviderError> {
        Err(ProviderError { code: "Throttled".to_owned(), message: "slower".to_owned() })
    }

    async fn send(&self, _: &ClusterUid, _: &Call, admission: Admission<'_>) -> Outcome {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.prepares).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if let Err(why) = admission() {
            return Outcome::NotSent(why);
        }
        self.sent.fetch_add(1, Ordering::SeqCst);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Outcome::Done
    }

    async fn remove_resource(&self, _: &ClusterUid, _: &Address) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn remove_volume(&self, _: &ClusterUid, _: &VolumeId) -> Result<(), ProviderError> {
        Ok(())
    }
}

#[async_trait]
impl LeaderDetector for World {
    async fn look(&self) -> Leadership {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        assert!(self.looks.fetch_add(1, Ordering::SeqCst) + 1 != self.look_that_panics, "a planted panic");
        Leadership::Leader
    }
}

#[async_trait]
impl SwarmControl for World {
    async fn nodes(&self) -> Result<SwarmView, String> {
        Err("no quorum".to_owned())
    }

    async fn send(&self, _: &Call, _: Admission<'_>) -> Outcome {
        Outcome::Done
    }

    async fn stop_local_engine(&self) -> Result<(), String> {
        Ok(())
    }

    async fn start_local_engine(&self) -> Result<(), String> {
        Ok(())
    }
}

#[async_trait]
impl Host for World {
    async fn state(&self) -> HostState {
        assert!(self.states.fetch_add(1, Ordering::SeqCst) + 1 != self.state_that_panics, "a planted panic");
        HostState::Running(kit_model::BootId::from("boot-1"))
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        None
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        Vec::new()
    }
}

pub(crate) fn surroundings(world: &Arc<World>, directory: &std::path::Path) -> Surroundings {
    let store = Arc::new(crate::FileStore::open(directory.join("store")).unwrap());
    Surroundings {
        cluster: "demo".to_owned(),
        provider: Arc::clone(world) as _,
        detector: Arc::clone(world) as _,
        swarm: Arc::clone(world) as _,
        store,
        host: Arc::clone(world) as _,
        clock: Arc::new(Arc::clone(world)),
    }
}

fn executor(world: &Arc<World>, directory: &std::path::Path) -> Arc<Executor> {
    let state = Arc::new(StateDirectory::open(directory).unwrap());
    Arc::new(Executor::new(surroundings(world, directory), state, Policy::default(), Some(ClusterUid::from("u"))))
}

fn call(number: u64) -> Call {
    Call {
        id: CallId(number),
        address: Address::from("managers.m1"),
        authority: Authority::Permit(Epoch(1)),
        not_after_boot_ms: 10_000,
        action: Action::StartMachine { machine: MachineId::from("i-1") },
    }
}

fn open() -> Gate {
    Gate::permit(Permit { epoch: Epoch(1), not_after_boot_ms: 10_000 })
}

fn outcome(event: Event) -> Outcome {
    match event {
        Event::Called(_, outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_has_an_unknown_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let world = Arc::new(World { hangs: true, ..World::default() });
    let executor = executor(&world, directory.path());
    executor.publish(open());
    assert!(matches!(outcome(executor.send(call(1)).await), Outcome::Unknown(_)));
    assert_eq!(world.sent.load(Ordering::SeqCst), 1, "one attempt");
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_asked_as_it_stands_when_the_bytes_would_leave() {
    let directory = tempfile::tempdir().unwrap();
    let world = Arc::new(World { prepares: Duration::from_secs(2), ..World::default() });
    let executor = executor(&world, directory.path());
    executor.publish(open());
    let sending = tokio::spawn({
        let executor = Arc::clone(&executor);
        async move { executor.send(call(1)).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    executor.publish(Gate::closed());
    assert!(matches!(outcome(sending.await.unwrap()), Outcome::NotSent(_)), "it was open when the call began");
    executor.publish(open());
    world.now_ms.store(9_500, Ordering::SeqCst);
    assert!(matches!(outcome(executor.send(call(2)).await), Outcome::NotSent(_)), "too little of the permit remains");
    assert_eq!(world.sent.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_ten_calls_are_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let world = Arc::new(World { prepares: Duration::from_millis(100), ..World::default() });
    let executor = executor(&world, directory.path());
    executor.publish(open());
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..64 {
        let executor = Arc::clone(&executor);
        calls.spawn(async move { executor.send(call(number)).await });
    }
    assert!(calls.join_all().await.into_iter().all(|event| outcome(event) == Outcome::Done));
    assert_eq!(world.most.load(Ordering::SeqCst), MAX_CALLS);
    assert_eq!(world.sent.load(Ordering::SeqCst), 64);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_world_that_hangs_ends_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let world = Arc::new(World { hangs: true, ..World::default() });
    let Event::Observed(_, seen) = executor(&world, directory.path()).observe(EffectId(1), true).await else {
        panic!("no observation")
    };
    assert!(matches!(seen.leadership, Leadership::Unknown(_)));
    assert!(matches!(seen.inventory, Some(Err(_))), "a listing that failed is no empty one");
    assert!(matches!(seen.swarm, Some(Err(_))));
    assert!(matches!(seen.head, Ok(None)));
}

#[tokio::test]
async fn a_head_that_was_seen_is_kept_for_a_rescue() {
    let directory = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let executor = executor(&world, directory.path());
    let head = Head::first(ClusterUid::from("u"), RevisionId::from("sha256:00"));
    assert!(matches!(executor.surroundings.store.create_head(&head).await, CommitResult::Committed(_)));
    let _ = executor.observe(EffectId(1), false).await;
    assert_eq!(executor.state.cached_head().unwrap().value, head);
}

#[tokio::test]
async fn a_revision_whose_bytes_are_another_graph_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let executor = executor(&Arc::new(World::default()), directory.path());
    let revision = RevisionId::from("sha256:00");
    executor.surroundings.store.put_revision(&revision, b"{}").await.unwrap();
    assert!(matches!(executor.load(EffectId(1), revision).await, Event::Revision(_, _, Err(_))));
}
