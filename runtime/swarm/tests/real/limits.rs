//! What a real Swarm bears of what the store gives it, and how long that takes.

use std::time::{Duration, Instant};

use kit_contract::{StoreWorld as _, SwarmWorld as _};
use kit_graph::sha256_hex;
use kit_model::{CommitResult, Head, MAX_HEAD_BYTES, RevisionId, SpecStore as _};

use crate::lab::{leader, say, swarm};

/// How long a commit may take on a machine that has other work: a tenth of a permit.
const MAX_COMMIT: Duration = Duration::from_secs(1);

/// Bytes that do not get smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn a_head_of_the_greatest_length_and_a_revision_of_the_most_parts_are_kept() {
    let Some(lab) = swarm().await else { return };
    let world = lab.fresh_store();
    let store = world.store();
    let mut head = Head::first("limits".into(), "sha256:0".into());
    let CommitResult::Committed(version) = store.create_head(&head).await else { panic!("not created") };
    let used = head.to_bytes().unwrap().len() + r#","paused":"""#.len();
    head.paused = Some("x".repeat(MAX_HEAD_BYTES - used));
    assert_eq!(head.to_bytes().unwrap().len(), MAX_HEAD_BYTES);
    assert!(matches!(store.update_head(version, &head).await, CommitResult::Committed(_)));
    assert_eq!(store.head().await.unwrap().unwrap().value, head);

    let bytes = noise(3_990_000);
    let revision = RevisionId::new(sha256_hex(&bytes));
    let begun = Instant::now();
    store.put_revision(&revision, &bytes).await.unwrap();
    let put = begun.elapsed();
    assert_eq!(store.revision(&revision).await.unwrap().as_ref(), bytes);
    say(&format!(
        "a revision of four parts: put in {:.1} s, read in {:.1} s",
        put.as_secs_f64(),
        (begun.elapsed() - put).as_secs_f64()
    ));
}

#[tokio::test]
async fn a_commit_takes_little_of_a_permit() {
    let Some(lab) = swarm().await else { return };
    let leads = leader(&lab).await;
    for (via, who) in [(leads, "the leader"), ((leads + 1) % 3, "a follower")] {
        let beside = &lab.managers()[via].1;
        let mut stands = beside.head().await.unwrap().unwrap();
        let mut took = Vec::new();
        for epoch in 1..=50 {
            stands.value.epoch.0 += epoch;
            let begun = Instant::now();
            let CommitResult::Committed(version) = beside.update_head(stands.version, &stands.value).await else {
                panic!("not committed")
            };
            took.push(begun.elapsed());
            stands.version = version;
        }
        took.sort_unstable();
        say(&format!("a commit through {who}: {:?} at the median, {:?} at the worst of 50", took[25], took[49]));
        assert!(took[25] < MAX_COMMIT, "{took:?}");
    }
}
