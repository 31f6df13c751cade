//! The promises of a [`SpecStore`].

use futures_util::future::join;
use kit_graph::sha256_hex;
use kit_model::{CommitResult, Head, HeadVersion, MAX_HEAD_BYTES, RevisionId, SpecStore, StoreError, Versioned};

/// A fresh, empty store.
pub trait StoreWorld: Send + Sync {
    /// The store.
    fn store(&self) -> &dyn SpecStore;
}

/// Larger than any store keeps.
const BEYOND_EVERY_LIMIT: usize = 64 << 20;

fn head(epoch: u64) -> Head {
    let mut head = Head::first("contract".into(), "sha256:0".into());
    head.epoch.0 = epoch;
    head
}

fn committed(result: &CommitResult) -> HeadVersion {
    match result {
        CommitResult::Committed(version) => *version,
        other => panic!("not committed: {other:?}"),
    }
}

async fn read(store: &dyn SpecStore) -> Versioned<Head> {
    store.head().await.expect("the head is readable").expect("there is a head")
}

fn revision_of(bytes: &[u8]) -> RevisionId {
    RevisionId::new(sha256_hex(bytes))
}

/// A fresh store says that it has no head: that is no error.
pub async fn there_is_no_head_at_first(world: &impl StoreWorld) {
    assert_eq!(world.store().head().await, Ok(None));
}

/// The second to create a head is refused, and the first's stays.
pub async fn the_first_head_is_created_once(world: &impl StoreWorld) {
    let store = world.store();
    let version = committed(&store.create_head(&head(1)).await);
    assert_eq!(store.create_head(&head(2)).await, CommitResult::Stale);
    assert_eq!(read(store).await, Versioned { version, value: head(1) });
}

/// What was answered as committed is what the next read gives, with the version that was answered.
pub async fn what_was_committed_is_read_back(world: &impl StoreWorld) {
    let store = world.store();
    let first = committed(&store.create_head(&head(1)).await);
    let version = committed(&store.update_head(first, &head(2)).await);
    assert_eq!(read(store).await, Versioned { version, value: head(2) });
}

/// An update of a version that is no longer the head's is refused.
pub async fn an_update_names_the_version_that_it_replaces(world: &impl StoreWorld) {
    let store = world.store();
    let first = committed(&store.create_head(&head(1)).await);
    committed(&store.update_head(first, &head(2)).await);
    assert_eq!(store.update_head(first, &head(3)).await, CommitResult::Stale);
}

/// What was refused is not there, neither now nor after the next update.
pub async fn a_refused_update_leaves_no_trace(world: &impl StoreWorld) {
    let store = world.store();
    let first = committed(&store.create_head(&head(1)).await);
    let second = committed(&store.update_head(first, &head(2)).await);
    assert_eq!(store.update_head(first, &head(3)).await, CommitResult::Stale);
    assert_eq!(read(store).await, Versioned { version: second, value: head(2) });
    let third = committed(&store.update_head(second, &head(4)).await);
    assert_eq!(read(store).await, Versioned { version: third, value: head(4) });
}

/// An update where nothing was created is refused and creates nothing.
pub async fn there_is_nothing_to_update_before_the_first(world: &impl StoreWorld) {
    let store = world.store();
    assert_eq!(store.update_head(HeadVersion(1), &head(1)).await, CommitResult::Stale);
    assert_eq!(store.head().await, Ok(None));
}

/// The same content again has another version.
pub async fn versions_never_repeat(world: &impl StoreWorld) {
    let store = world.store();
    let mut version = committed(&store.create_head(&head(1)).await);
    let mut seen = vec![version];
    for _ in 0..20 {
        version = committed(&store.update_head(version, &head(1)).await);
        assert!(!seen.contains(&version), "version {version} came again");
        seen.push(version);
    }
}

/// Of two that replace the same version at the same time, one is committed and the other refused.
pub async fn of_two_updates_of_one_version_one_is_committed(world: &impl StoreWorld) {
    let store = world.store();
    let first = committed(&store.create_head(&head(1)).await);
    let (two, three) = (head(2), head(3));
    let (one, other) = join(store.update_head(first, &two), store.update_head(first, &three)).await;
    let expected = match (&one, &other) {
        (CommitResult::Committed(version), CommitResult::Stale) => Versioned { version: *version, value: two },
        (CommitResult::Stale, CommitResult::Committed(version)) => Versioned { version: *version, value: three },
        both => panic!("not one of the two: {both:?}"),
    };
    assert_eq!(read(store).await, expected);
}

/// A head that is too large is not committed, and the former stays.
pub async fn a_head_beyond_the_limit_is_not_committed(world: &impl StoreWorld) {
    let store = world.store();
    let version = committed(&store.create_head(&head(1)).await);
    let mut large = head(2);
    large.paused = Some("x".repeat(MAX_HEAD_BYTES));
    let result = store.update_head(version, &large).await;
    assert!(!matches!(result, CommitResult::Committed(_)), "a head of more than {MAX_HEAD_BYTES} bytes: {result:?}");
    assert_eq!(read(store).await, Versioned { version, value: head(1) });
}

/// A revision is given back byte for byte, and keeping it again is no error.
pub async fn a_revision_is_read_back(world: &impl StoreWorld) {
    let store = world.store();
    for bytes in [&b""[..], b"{}", &[0, 255, 10, 13, 128]] {
        let revision = revision_of(bytes);
        for _ in 0..2 {
            store.put_revision(&revision, bytes).await.expect("kept");
        }
        assert_eq!(store.revision(&revision).await.expect("readable").as_ref(), bytes);
    }
}

/// A revision that was never kept is told from a store that does not answer.
pub async fn a_revision_that_was_never_kept_is_missing_by_name(world: &impl StoreWorld) {
    let revision = revision_of(b"never kept");
    match world.store().revision(&revision).await {
        Err(StoreError::NoRevision(named)) => assert!(named.contains(revision.as_str()), "it names {named}"),
        other => panic!("not missing: {other:?}"),
    }
}

/// Other bytes under the same name do not replace what is kept.
pub async fn a_revision_never_changes(world: &impl StoreWorld) {
    let store = world.store();
    let revision = revision_of(b"first");
    store.put_revision(&revision, b"first").await.expect("kept");
    let _refused_or_ignored = store.put_revision(&revision, b"second").await;
    assert_eq!(store.revision(&revision).await.expect("readable").as_ref(), b"first");
}

/// A revision that is too large is refused with its size and the limit, and is not there.
pub async fn a_revision_beyond_every_limit_is_refused(world: &impl StoreWorld) {
    let store = world.store();
    let large = vec![b'x'; BEYOND_EVERY_LIMIT];
    let revision = revision_of(b"too large");
    match store.put_revision(&revision, &large).await {
        Err(StoreError::TooLarge { bytes, limit }) => assert!(bytes == large.len() && limit < bytes),
        other => panic!("not refused: {other:?}"),
    }
    assert!(matches!(store.revision(&revision).await, Err(StoreError::NoRevision(_))));
}

/// Each revision is listed once, in order of ID.
pub async fn revisions_are_listed_in_order(world: &impl StoreWorld) {
    let store = world.store();
    let mut kept = Vec::new();
    for bytes in [b"one", b"two", b"six"] {
        let revision = revision_of(bytes);
        store.put_revision(&revision, bytes).await.expect("kept");
        kept.push(revision);
    }
    kept.sort();
    assert_eq!(store.revisions().await.expect("listed"), kept);
}
