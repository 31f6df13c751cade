//! The one head and its revisions in a directory.
//!
//! `head` is replaced atomically under a lock; `revisions/` holds one file for each revision, which never
//! changes. Each file says in its first lines what it is and the hash of what follows, so that a damaged
//! one is refused by name and never taken for another state.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kit_graph::sha256_hex;
use kit_model::{
    CommitResult, Head, HeadError, HeadVersion, MAX_HEAD_BYTES, RevisionId, SpecStore, StoreError, Versioned,
};

use crate::file_lock::FileLock;
use crate::{atomic_file, file_name};

/// The largest revision that is kept, in bytes: a graph of 10,000 members with its provenance takes about
/// 6 MB, and a reader must not be made to fill its memory.
pub const MAX_REVISION_BYTES: usize = 16 << 20;

/// How many revisions are kept at least: the current one and nine that can be gone back to.
pub const KEPT_REVISIONS: usize = 10;

/// A revision is pruned only when it is older than this: a commit puts its revision first and the head
/// afterwards, and must not lose the one before it has written the other.
const PRUNE_AFTER: Duration = Duration::from_secs(3600);

/// How long a write waits for another process's write, which takes two syncs of a small file.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The most that the lines before the content take, in bytes.
const MAX_PREFACE_BYTES: usize = 256;

/// A store in a directory, shared by the processes of one machine.
#[derive(Debug)]
pub struct FileStore {
    directory: PathBuf,
}

impl FileStore {
    /// The store in `directory`, which is made if there is none.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(directory.join("revisions"))?;
        Ok(Self { directory })
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn head_path(&self) -> PathBuf {
        self.directory.join("head")
    }

    fn revision_path(&self, revision: &RevisionId) -> PathBuf {
        self.directory.join("revisions").join(file_name::of(revision.as_str()))
    }

    fn read_head(&self) -> Result<Option<Versioned<Head>>, StoreError> {
        let path = self.head_path();
        let Some(bytes) = read(&path, MAX_HEAD_BYTES)? else { return Ok(None) };
        let (version, content) = open_envelope(&path, &bytes, "kit-head")?;
        let version = version
            .parse()
            .map(HeadVersion)
            .map_err(|_| corrupt(&path, &format!("\"{version}\" is no version of a head")))?;
        let value = Head::from_bytes(content).map_err(|error| match error {
            HeadError::TooNew { format } => StoreError::TooNew { format },
            other @ (HeadError::Malformed(_) | HeadError::TooLarge { .. }) => corrupt(&path, &other.to_string()),
        })?;
        Ok(Some(Versioned { version, value }))
    }

    /// Writes the head if the one there has the version `base`. Held under the lock from read to rename.
    async fn write_head(&self, base: Option<HeadVersion>, head: &Head) -> CommitResult {
        let content = match head.to_bytes() {
            Ok(content) => content,
            // Never sent, so never committed; the contract has no third answer, and this opens nothing.
            Err(error) => return CommitResult::Unknown(error.to_string()),
        };
        let _lock = match FileLock::take(&self.directory.join("lock"), LOCK_PATIENCE).await {
            Ok(lock) => lock,
            Err(error) => return CommitResult::Unknown(error.to_string()),
        };
        let current = match self.read_head() {
            Ok(current) => current.map(|head| head.version),
            Err(error) => return CommitResult::Unknown(error.to_string()),
        };
        if current != base {
            return CommitResult::Stale;
        }
        // The head is never deleted, so that counting on from it never gives a version twice.
        let Some(next) = current.map_or(Some(1), |version| version.0.checked_add(1)) else {
            return CommitResult::Unknown("the versions of the head are used up".to_owned());
        };
        let bytes = envelope("kit-head", &next.to_string(), &content);
        match atomic_file::replace(&self.head_path(), &bytes) {
            Ok(()) => CommitResult::Committed(HeadVersion(next)),
            Err(error) => CommitResult::Unknown(format!("{}: {error}", self.head_path().display())),
        }
    }

    /// Removes revisions beyond the newest [`KEPT_REVISIONS`] that nothing names and that are older than an
    /// hour. Called under the lock.
    fn prune(&self, now: SystemTime, put: Option<&RevisionId>) -> Result<(), StoreError> {
        let Some(head) = self.read_head()? else { return Ok(()) };
        let named: BTreeSet<RevisionId> = head.value.revisions().cloned().collect();
        self.prune_but(&named, now, put)
    }

    /// The same for a cache, which has no head of its own: `named` is what the head that is cached names.
    pub(crate) fn prune_unnamed(&self, named: &[RevisionId]) -> Result<(), StoreError> {
        self.prune_but(&named.iter().cloned().collect(), SystemTime::now(), None)
    }

    fn prune_but(
        &self,
        named: &BTreeSet<RevisionId>,
        now: SystemTime,
        put: Option<&RevisionId>,
    ) -> Result<(), StoreError> {
        let mut spare: Vec<(SystemTime, PathBuf)> = self
            .revision_files()?
            .into_iter()
            .filter(|(revision, _)| !named.contains(revision) && put != Some(revision))
            .filter_map(|(_, path)| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        spare.sort_unstable();
        let kept = KEPT_REVISIONS.saturating_sub(named.len());
        let surplus = spare.len().saturating_sub(kept);
        for (written, path) in spare.into_iter().take(surplus) {
            if now.duration_since(written).is_ok_and(|age| age > PRUNE_AFTER) {
                // One that cannot be removed now is one too many, not one too few: the next commit tries again.
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn revision_files(&self) -> Result<Vec<(RevisionId, PathBuf)>, StoreError> {
        let directory = self.directory.join("revisions");
        let entries = fs::read_dir(&directory).map_err(|error| unavailable(&directory, &error))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unavailable(&directory, &error))?;
            if let Some(revision) = entry.file_name().to_str().and_then(file_name::text_of) {
                found.push((RevisionId::new(revision), entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

#[async_trait]
impl SpecStore for FileStore {
    async fn head(&self) -> Result<Option<Versioned<Head>>, StoreError> {
        self.read_head()
    }

    async fn create_head(&self, head: &Head) -> CommitResult {
        self.write_head(None, head).await
    }

    async fn update_head(&self, base: HeadVersion, head: &Head) -> CommitResult {
        self.write_head(Some(base), head).await
    }

    async fn revision(&self, revision: &RevisionId) -> Result<Arc<[u8]>, StoreError> {
        let path = self.revision_path(revision);
        let bytes =
            read(&path, MAX_REVISION_BYTES)?.ok_or_else(|| StoreError::NoRevision(revision.as_str().to_owned()))?;
        let (name, content) = open_envelope(&path, &bytes, "kit-revision")?;
        if name != revision.as_str() {
            return Err(corrupt(&path, &format!("it holds the revision {name}")));
        }
        Ok(content.into())
    }

    async fn put_revision(&self, revision: &RevisionId, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() > MAX_REVISION_BYTES {
            return Err(StoreError::TooLarge { bytes: bytes.len(), limit: MAX_REVISION_BYTES });
        }
        let lock = self.directory.join("lock");
        let _lock = FileLock::take(&lock, LOCK_PATIENCE).await.map_err(|error| unavailable(&lock, &error))?;
        let path = self.revision_path(revision);
        // A revision never changes: the bytes kept first stay. One that is damaged is none, and is written anew.
        if matches!(self.revision(revision).await, Err(StoreError::NoRevision(_) | StoreError::Corrupt(_))) {
            let content = envelope("kit-revision", revision.as_str(), bytes);
            atomic_file::replace(&path, &content).map_err(|error| unavailable(&path, &error))?;
        } else {
            // Put again is as good as new: it must outlive the prunes until a head names it.
            let renewed =
                fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            renewed.map_err(|error| unavailable(&path, &error))?;
        }
        // A prune that fails must not fail the put, and never takes what was just put: a head is about to name it.
        let _ = self.prune(SystemTime::now(), Some(revision));
        Ok(())
    }

    async fn revisions(&self) -> Result<Vec<RevisionId>, StoreError> {
        Ok(self.revision_files()?.into_iter().map(|(revision, _)| revision).collect())
    }
}

pub(crate) fn envelope(kind: &str, name: &str, content: &[u8]) -> Vec<u8> {
    let first = format!("{kind} {name}\n");
    let mut bytes = format!("{first}{}\n", sha256_hex(&[first.as_bytes(), content].concat())).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

/// The name and the content of a file of the kind `kind`.
pub(crate) fn open_envelope<'a>(path: &Path, bytes: &'a [u8], kind: &str) -> Result<(&'a str, &'a [u8]), StoreError> {
    let line = |bytes: &'a [u8]| {
        let end = bytes.iter().take(MAX_PREFACE_BYTES).position(|byte| *byte == b'\n')?;
        Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
    };
    let (name, hash, content) = line(bytes)
        .and_then(|(first, rest)| {
            let name = first.strip_prefix(kind)?.strip_prefix(' ')?;
            let (hash, content) = line(rest)?;
            Some((name, hash, content))
        })
        .ok_or_else(|| corrupt(path, &format!("it does not begin as a {kind} file does")))?;
    if sha256_hex(&[kind.as_bytes(), b" ", name.as_bytes(), b"\n", content].concat()) != hash {
        return Err(corrupt(path, "its content does not give the hash written in it: it was damaged or edited"));
    }
    Ok((name, content))
}

fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    atomic_file::read_limited(path, limit + 2 * MAX_PREFACE_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => corrupt(path, &error.to_string()),
        _ => unavailable(path, &error),
    })
}

fn corrupt(path: &Path, why: &str) -> StoreError {
    StoreError::Corrupt(format!("{}: {why}", path.display()))
}

fn unavailable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use kit_model::ClusterUid;

    use super::*;

    fn head(revision: &str) -> Head {
        Head::first(ClusterUid::new("uid-1"), RevisionId::new(revision))
    }

    fn committed(result: CommitResult) -> HeadVersion {
        match result {
            CommitResult::Committed(version) => version,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_update_must_name_the_version_that_stands_and_versions_never_repeat() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        assert_eq!(store.head().await.unwrap(), None);
        let first = committed(store.create_head(&head("a")).await);
        assert_eq!(store.create_head(&head("b")).await, CommitResult::Stale);
        let second = committed(store.update_head(first, &head("b")).await);
        assert_eq!(store.update_head(first, &head("c")).await, CommitResult::Stale);
        let third = committed(store.update_head(second, &head("a")).await);
        assert!(first != second && second != third && first != third);
        // Another process sees the same.
        let other = FileStore::open(directory.path()).unwrap();
        assert_eq!(other.head().await.unwrap().unwrap(), Versioned { version: third, value: head("a") });
    }

    #[tokio::test]
    async fn of_many_writers_of_one_version_one_wins() {
        let directory = tempfile::tempdir().unwrap();
        let base = committed(FileStore::open(directory.path()).unwrap().create_head(&head("a")).await);
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..16 {
            let store = FileStore::open(directory.path()).unwrap();
            writers.spawn(async move { store.update_head(base, &head(&format!("r{number}"))).await });
        }
        let results = writers.join_all().await;
        assert_eq!(results.iter().filter(|result| matches!(result, CommitResult::Committed(_))).count(), 1);
        assert_eq!(results.iter().filter(|result| **result == CommitResult::Stale).count(), 15);
    }

    #[tokio::test]
    async fn each_damaged_byte_of_a_head_is_noticed_and_the_file_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        committed(store.create_head(&head("a")).await);
        let path = directory.path().join("head");
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 1;
            fs::write(&path, &damaged).unwrap();
            match store.head().await {
                Err(StoreError::Corrupt(why)) => assert!(why.contains("head"), "{why}"),
                other => panic!("byte {index}: {other:?}"),
            }
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(store.head().await, Err(StoreError::Corrupt(_))), "cut to {length}");
            assert!(matches!(store.create_head(&head("b")).await, CommitResult::Unknown(_)), "cut to {length}");
        }
    }

    #[tokio::test]
    async fn a_newer_head_is_told_from_a_damaged_one() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        let newer = envelope("kit-head", "7", br#"{"format":99,"new":true}"#);
        fs::write(directory.path().join("head"), newer).unwrap();
        assert_eq!(store.head().await, Err(StoreError::TooNew { format: 99 }));
    }

    #[tokio::test]
    async fn a_revision_never_changes_and_comes_back_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        let names = ["sha256:00ff", "r 1/../x", ".hidden", "ü"].map(RevisionId::new);
        for name in &names {
            store.put_revision(name, name.as_str().as_bytes()).await.unwrap();
            store.put_revision(name, b"other").await.unwrap();
            assert_eq!(&*store.revision(name).await.unwrap(), name.as_str().as_bytes());
        }
        let mut sorted = names.to_vec();
        sorted.sort();
        assert_eq!(store.revisions().await.unwrap(), sorted);
        assert!(matches!(store.revision(&RevisionId::new("none")).await, Err(StoreError::NoRevision(_))));
        let large = vec![0; MAX_REVISION_BYTES + 1];
        assert!(matches!(store.put_revision(&names[0], &large).await, Err(StoreError::TooLarge { .. })));
    }

    #[tokio::test]
    async fn a_revision_that_is_put_again_is_as_good_as_new() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        let old = SystemTime::now() - 2 * PRUNE_AFTER;
        let mut current = head("n00");
        current.history = (1..10).map(|number| RevisionId::new(format!("n{number:02}"))).collect();
        committed(store.create_head(&current).await);
        let again = RevisionId::new("again");
        for revision in [&again, &RevisionId::new("other")] {
            store.put_revision(revision, b"{}").await.unwrap();
            fs::File::options().append(true).open(store.revision_path(revision)).unwrap().set_modified(old).unwrap();
        }
        store.put_revision(&again, b"{}").await.unwrap();
        store.put_revision(&RevisionId::new("next"), b"{}").await.unwrap();
        assert!(store.revision(&again).await.is_ok(), "a head is about to name it");
        assert!(store.revision(&RevisionId::new("other")).await.is_err(), "nothing names it");
    }

    #[tokio::test]
    async fn a_cache_without_a_head_is_pruned_by_what_the_cached_head_names() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        let names: Vec<RevisionId> = (0..14).map(|number| RevisionId::new(format!("r{number:02}"))).collect();
        for name in &names {
            store.put_revision(name, b"{}").await.unwrap();
        }
        let later = SystemTime::now() + 2 * PRUNE_AFTER;
        store.prune_but(&names[..2].iter().cloned().collect(), later, None).unwrap();
        let kept = store.revisions().await.unwrap();
        assert!(kept.len() == KEPT_REVISIONS && kept.contains(&names[0]) && kept.contains(&names[1]), "{kept:?}");
    }

    #[tokio::test]
    async fn only_old_revisions_that_nothing_names_are_pruned() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(directory.path()).unwrap();
        for number in 0..14 {
            store.put_revision(&RevisionId::new(format!("r{number:02}")), b"{}").await.unwrap();
        }
        let mut current = head("r00");
        current.history = vec![RevisionId::new("r01")];
        committed(store.create_head(&current).await);
        store.prune(SystemTime::now(), None).unwrap();
        assert_eq!(store.revisions().await.unwrap().len(), 14, "none is an hour old");
        store.prune(SystemTime::now() + 2 * PRUNE_AFTER, None).unwrap();
        let kept = store.revisions().await.unwrap();
        assert_eq!(kept.len(), KEPT_REVISIONS);
        assert!(kept.contains(&RevisionId::new("r00")) && kept.contains(&RevisionId::new("r01")));
    }
}
