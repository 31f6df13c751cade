//! A leader that is cut off, frozen or killed: what each manager's detector and store say meanwhile, with bounds.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kit_contract::SwarmWorld as _;
use kit_model::{
    Address, CommitResult, Head, HeadVersion, LeaderDetector as _, Leadership, SpecStore as _, StoreError, Versioned,
};
use kit_swarm::ManagerEngine;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::lab::{Lab, leader, say, swarm};

/// The longest that a leader which commits nothing any more may go on saying that it leads, as measured and half as much
/// again. The planner does not trust it; it bounds how long an operator sees two.
const MAX_STALE_CLAIM: Duration = Duration::from_secs(35);

/// How long an election may take on a machine that has other work.
const MAX_ELECTION: Duration = Duration::from_secs(60);

/// How long any look or write may take: the engine's limits, and some time for the machine.
const MAX_CALL: Duration = Duration::from_secs(13);

/// What each manager's detector says, all the time.
struct Claims {
    begun: Instant,
    seen: Arc<Mutex<Vec<(Duration, usize, Leadership)>>>,
    watchers: JoinSet<()>,
    names: Vec<Address>,
}

impl Claims {
    fn watch(lab: &Lab) -> Self {
        let (begun, seen, mut watchers) = (Instant::now(), Arc::new(Mutex::new(Vec::new())), JoinSet::new());
        for (index, (_, beside)) in lab.managers().iter().enumerate() {
            let (beside, seen) = (beside.clone(), Arc::clone(&seen));
            watchers.spawn(async move {
                loop {
                    let asked = Instant::now();
                    let said = beside.look().await;
                    assert!(asked.elapsed() < MAX_CALL, "a look took {:?}", asked.elapsed());
                    seen.lock().unwrap().push((begun.elapsed(), index, said));
                    sleep(Duration::from_millis(250)).await;
                }
            });
        }
        Self { begun, seen, watchers, names: lab.managers().iter().map(|(address, _)| address.clone()).collect() }
    }

    fn at(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What a manager said last, if it said so since `since`.
    fn last(&self, index: usize, since: Duration) -> Option<Leadership> {
        let seen = self.seen.lock().unwrap();
        seen.iter().rev().find(|(at, who, _)| *who == index && *at >= since).map(|(_, _, said)| said.clone())
    }

    /// When a manager last said that it leads.
    fn last_claim(&self, index: usize) -> Option<Duration> {
        let seen = self.seen.lock().unwrap();
        seen.iter().rev().find(|(_, who, said)| *who == index && *said == Leadership::Leader).map(|(at, _, _)| *at)
    }

    /// Waits until one of `others` says that it leads; how long that took.
    async fn elected(&self, others: &[usize], since: Duration) -> usize {
        while self.at() < since + MAX_ELECTION {
            let found = others.iter().find(|index| self.last(**index, since) == Some(Leadership::Leader));
            if let Some(index) = found {
                return *index;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody was elected within {MAX_ELECTION:?}")
    }

    /// Waits until a manager no longer says that it leads; when it last did.
    async fn let_go(&self, index: usize, since: Duration) -> Duration {
        while self.at() < since + MAX_STALE_CLAIM + MAX_CALL {
            if self.last(index, since).is_some_and(|said| said != Leadership::Leader) {
                return self.last_claim(index).unwrap_or_default();
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("{} went on saying that it leads", self.names[index])
    }

    /// Tells when each manager said what, and each time that two said that they lead.
    fn told(self, drill: &str) -> Vec<(Duration, Duration)> {
        drop(self.watchers);
        let seen = self.seen.lock().unwrap();
        let mut text = format!("{drill}:");
        let mut last: Vec<Option<Leadership>> = vec![None; self.names.len()];
        let (mut overlaps, mut since) = (Vec::new(), None);
        for (at, index, said) in seen.iter() {
            if last[*index].as_ref() != Some(said) {
                let _ = write!(text, "\n  {:6.1} s  {}  {said:?}", at.as_secs_f64(), self.names[*index]);
                last[*index] = Some(said.clone());
            }
            let claims = last.iter().filter(|said| **said == Some(Leadership::Leader)).count();
            match (claims > 1, since) {
                (true, None) => since = Some(*at),
                (false, Some(begun)) => {
                    overlaps.push((begun, *at));
                    since = None;
                }
                _ => {}
            }
        }
        overlaps.extend(since.map(|begun| (begun, self.begun.elapsed())));
        for (begun, ended) in &overlaps {
            let _ = write!(
                text,
                "\n  two claimed to lead from {:.1} s on, for {:.1} s",
                begun.as_secs_f64(),
                (*ended - *begun).as_secs_f64()
            );
        }
        say(&text);
        overlaps
    }
}

fn others(index: usize) -> Vec<usize> {
    (0..3).filter(|other| *other != index).collect()
}

async fn head(beside: &ManagerEngine) -> Versioned<Head> {
    beside.head().await.expect("the head is readable").expect("there is a head")
}

/// The head with another pause, so that each write is told from each other one.
fn marked(head: &Head, mark: &str) -> Head {
    Head { paused: Some(mark.to_owned()), ..head.clone() }
}

/// Writes, and bounds how long the answer took.
async fn write(beside: &ManagerEngine, base: HeadVersion, head: &Head) -> CommitResult {
    let asked = Instant::now();
    let result = beside.update_head(base, head).await;
    assert!(asked.elapsed() < MAX_CALL * 2, "a write took {:?}", asked.elapsed());
    result
}

/// Waits until the store behind a manager shows this head.
async fn shows(beside: &ManagerEngine, expected: &Versioned<Head>) {
    let deadline = Instant::now() + MAX_ELECTION;
    loop {
        let read = beside.head().await;
        match &read {
            Ok(Some(head)) if head == expected => return,
            Ok(Some(_)) | Err(StoreError::Unavailable(_)) if Instant::now() < deadline => {}
            _ => panic!("{read:?} is not {expected:?}"),
        }
        sleep(Duration::from_millis(300)).await;
    }
}

/// Whatever a hurt leader says of itself, no write through it is committed, and what the new one commits stands.
async fn loses_its_lead(
    lab: &Lab,
    claims: &Claims,
    old: usize,
    since: Duration,
    base: &Versioned<Head>,
) -> Versioned<Head> {
    let (_, stale) = &lab.managers()[old];
    let mark = marked(&base.value, "by the old leader");
    let others = others(old);
    let writes = async {
        let mut told = Vec::new();
        loop {
            let result = write(stale, base.version, &mark).await;
            assert!(!matches!(result, CommitResult::Committed(_)), "the old leader committed: {result:?}");
            told.push(result);
            sleep(Duration::from_secs(1)).await;
        }
    };
    let new = tokio::select! {
        new = claims.elected(&others, since) => new,
        () = writes => unreachable!("it goes on writing"),
    };
    let took = claims.at() - since;
    let (_, beside) = &lab.managers()[new];
    let before = head(beside).await;
    let CommitResult::Committed(version) =
        write(beside, before.version, &marked(&before.value, "by the new one")).await
    else {
        panic!("the new leader commits nothing")
    };
    let committed = Versioned { version, value: marked(&before.value, "by the new one") };
    say(&format!("  {} leads {:.1} s after {} was hurt", claims.names[new], took.as_secs_f64(), claims.names[old]));
    let late = write(stale, base.version, &mark).await;
    assert!(!matches!(late, CommitResult::Committed(_)), "a late write was committed: {late:?}");
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_goes_on_claiming_for_a_while_and_commits_nothing() {
    let Some(lab) = swarm().await else { return };
    let old = leader(&lab).await;
    let (address, beside) = lab.managers()[old].clone();
    let claims = Claims::watch(&lab);
    let base = head(&beside).await;
    sleep(Duration::from_secs(1)).await;
    let since = claims.at();
    lab.cut(&address).await;
    // What is read on it is what it knew, or nothing; never another head.
    let known = beside.head().await;
    assert!(matches!(known, Ok(Some(_)) | Err(StoreError::Unavailable(_))), "{known:?}");
    let committed = loses_its_lead(&lab, &claims, old, since, &base).await;
    let claimed = claims.let_go(old, since).await;
    say(&format!("  cut off, it said that it leads for {:.1} s", claimed.saturating_sub(since).as_secs_f64()));
    assert!(claimed.saturating_sub(since) < MAX_STALE_CLAIM);
    lab.mend().await;
    shows(&beside, &committed).await;
    claims.told("a leader cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_leader_says_nothing_and_commits_nothing_when_it_thaws() {
    let Some(lab) = swarm().await else { return };
    let old = leader(&lab).await;
    let (address, beside) = lab.managers()[old].clone();
    let claims = Claims::watch(&lab);
    let base = head(&beside).await;
    sleep(Duration::from_secs(1)).await;
    let since = claims.at();
    lab.freeze(&address);
    let committed = loses_its_lead(&lab, &claims, old, since, &base).await;
    let before = claims.at();
    assert!(!matches!(claims.last(old, since), Some(Leadership::Leader | Leadership::Follower(_))), "it is frozen");
    // It goes on in the belief that it had.
    let stale = marked(&committed.value, "by the thawed one");
    let named = HeadVersion(committed.version.0 - 1);
    lab.thaw(&address);
    for _ in 0..3 {
        let result = write(&beside, named, &stale).await;
        assert!(!matches!(result, CommitResult::Committed(_)), "the thawed leader committed: {result:?}");
    }
    shows(&beside, &committed).await;
    let claimed = claims.let_go(old, before).await;
    say(&format!("  thawed, it said that it leads for {:.1} s", claimed.saturating_sub(before).as_secs_f64()));
    assert!(claimed.saturating_sub(before) < MAX_STALE_CLAIM);
    claims.told("a leader frozen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_says_nothing_and_another_has_its_head() {
    let Some(lab) = swarm().await else { return };
    let old = leader(&lab).await;
    let (address, beside) = lab.managers()[old].clone();
    let claims = Claims::watch(&lab);
    let base = head(&beside).await;
    sleep(Duration::from_secs(1)).await;
    let since = claims.at();
    lab.kill(&address).await;
    assert!(matches!(beside.look().await, Leadership::Unknown(_)), "a dead engine is not known");
    assert!(matches!(beside.head().await, Err(StoreError::Unavailable(_))), "and its store says nothing");
    loses_its_lead(&lab, &claims, old, since, &base).await;
    assert!(claims.told("a leader killed").is_empty(), "the dead claim nothing");
}

/// A write whose answer was given up may be committed once the managers reach each other again: it opened nothing, and
/// whoever reads again sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_without_an_answer_is_found_by_reading_again() {
    let Some(lab) = swarm().await else { return };
    let old = leader(&lab).await;
    let (address, beside) = lab.managers()[old].clone();
    let before = head(&beside).await;
    lab.cut(&address).await;
    let late = marked(&before.value, "late");
    let result = write(&beside, before.version, &late).await;
    assert!(matches!(result, CommitResult::Unknown(_)), "{result:?}");
    lab.mend().await;
    let deadline = Instant::now() + MAX_ELECTION * 2;
    let via = &lab.managers()[others(old)[0]].1;
    // Each write that gets through settles it: whatever was under way names a version that no longer stands.
    let settled = loop {
        assert!(Instant::now() < deadline, "the Swarm does not come back");
        if let Ok(Some(stands)) = via.head().await {
            assert!(stands.value == before.value || stands.value == late, "a third head: {stands:?}");
            let next = marked(&stands.value, "settled");
            if let CommitResult::Committed(version) = write(via, stands.version, &next).await {
                say(&format!(
                    "  the write without an answer was {}committed",
                    if stands.value == late { "" } else { "not " }
                ));
                break Versioned { version, value: next };
            }
        }
        sleep(Duration::from_millis(500)).await;
    };
    for (_, beside) in lab.managers() {
        shows(beside, &settled).await;
    }
    let again = write(&beside, before.version, &late).await;
    assert!(!matches!(again, CommitResult::Committed(_)), "{again:?}");
    shows(via, &settled).await;
}
