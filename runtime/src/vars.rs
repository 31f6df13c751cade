//! What operators set for a cluster (`meta.vars`): texts by name, which outlive every process.
//!
//! They stand where the cluster's state lives, in one file that says its version and the hash of what it holds. It may be
//! there before the cluster is: a file that needs them cannot be applied earlier.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};

use crate::error::OperatorError;
use crate::file_lock::FileLock;
use crate::file_store::{envelope, open_envelope};
use crate::{atomic_file, codes, file_name};

/// The most bytes of all of them: they go into the Swarm's own store with a cluster that has one, whose configs hold
/// half a million.
const MAX_VARS_BYTES: usize = 256 << 10;

/// The most bytes of a name: a path of a few words.
const MAX_NAME_BYTES: usize = 128;

/// How long a change waits for another one, which takes two syncs of a small file.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// What begins the file.
const KIND: &str = "kit-vars";

/// The values of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vars {
    /// Counts the changes.
    pub version: u64,
    /// The values by their names, such as `db.zone`.
    pub values: BTreeMap<String, String>,
}

/// Where the values of one cluster are kept.
#[derive(Debug, Clone)]
pub struct VarsStore {
    directory: PathBuf,
}

impl VarsStore {
    /// Those of the cluster `cluster`; `clusters` is where clusters are kept.
    #[must_use]
    pub fn of(clusters: &Path, cluster: &str) -> Self {
        Self { directory: clusters.join(file_name::of(cluster)) }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("vars")
    }

    /// What is set now; nothing where nothing was ever set.
    ///
    /// # Errors
    /// When the file cannot be read, or was damaged.
    pub fn read(&self) -> Result<Vars, OperatorError> {
        let path = self.path();
        let bytes = atomic_file::read_limited(&path, 2 * MAX_VARS_BYTES)
            .map_err(|error| unreadable(&path, &error.to_string()))?;
        let Some(bytes) = bytes else { return Ok(Vars::default()) };
        let (version, content) = open_envelope(&path, &bytes, KIND)
            .map_err(|error| OperatorError::new(codes::STATE_UNREADABLE, error.to_string()))?;
        let version = version.parse().map_err(|_| unreadable(&path, "its version is no number"))?;
        let values = serde_json::from_slice(content).map_err(|error| unreadable(&path, &error.to_string()))?;
        Ok(Vars { version, values })
    }

    /// Sets the names in `changes`, or unsets those without a value, all of them or none, and gives what is set then.
    ///
    /// # Errors
    /// When a name is none, the whole becomes too large, or the file cannot be read or written. Then nothing is changed.
    pub async fn change(&self, changes: &[(String, Option<String>)]) -> Result<Vars, OperatorError> {
        for (name, _) in changes {
            if !is_name(name) {
                return Err(OperatorError::new(codes::BAD_VARS, format!("{name:?} is no name of a value"))
                    .with_help("a name is one of metadata, such as `size`, or a path, such as `db.zone`"));
            }
        }
        let path = self.path();
        let failed = |error: &std::io::Error| unreadable(&path, &error.to_string());
        std::fs::create_dir_all(&self.directory).map_err(|error| failed(&error))?;
        let _lock =
            FileLock::take(&self.directory.join("vars.lock"), LOCK_PATIENCE).await.map_err(|error| failed(&error))?;
        let mut vars = self.read()?;
        let before = vars.values.clone();
        for (name, value) in changes {
            match value {
                Some(value) => drop(vars.values.insert(name.clone(), value.clone())),
                None => drop(vars.values.remove(name)),
            }
        }
        if vars.values == before {
            return Ok(vars);
        }
        let content = serde_json::to_vec(&vars.values).map_err(|error| unreadable(&path, &error.to_string()))?;
        if content.len() > MAX_VARS_BYTES {
            return Err(OperatorError::new(
                codes::BAD_VARS,
                format!(
                    "the values of a cluster take at most {MAX_VARS_BYTES} bytes together, and these would take {}",
                    content.len()
                ),
            ));
        }
        vars.version += 1;
        atomic_file::replace(&path, &envelope(KIND, &vars.version.to_string(), &content))
            .map_err(|error| failed(&error))?;
        Ok(vars)
    }
}

/// Names of metadata, joined by dots.
fn is_name(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text.len() <= MAX_NAME_BYTES && text.split('.').all(is_word)
}

fn unreadable(path: &Path, why: &str) -> OperatorError {
    OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {why}", path.display()))
}

/// `meta.vars`, of the cluster that a lookup is for.
#[derive(Debug, Clone)]
pub struct VarsSource {
    clusters: PathBuf,
}

impl VarsSource {
    /// `clusters` is where clusters are kept.
    #[must_use]
    pub fn new(clusters: impl Into<PathBuf>) -> Self {
        Self { clusters: clusters.into() }
    }
}

impl MetadataSource for VarsSource {
    fn name(&self) -> &'static str {
        "vars"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        let Some(cluster) = &question.cluster else {
            return Err(MetadataError::new("values are set for a cluster, and the name of this one is not known"));
        };
        let vars = VarsStore::of(&self.clusters, cluster).read().map_err(|error| MetadataError::new(error.message))?;
        Ok(match vars.values.get(&question.path) {
            Some(text) => {
                MetadataAnswer::text(text.clone(), format!("the values set for {cluster} (version {})", vars.version))
            }
            None => MetadataAnswer::absent(format!("nobody has set {} for the cluster {cluster}", question.path)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> (String, Option<String>) {
        (name.to_owned(), Some(value.to_owned()))
    }

    #[tokio::test]
    async fn what_is_set_is_read_by_another_and_counts_its_changes() {
        let directory = tempfile::tempdir().unwrap();
        let store = VarsStore::of(directory.path(), "demo");
        assert_eq!(store.read().unwrap(), Vars::default());
        let first = store.change(&[set("size", "3"), set("db.zone", "a")]).await.unwrap();
        assert_eq!((first.version, first.values.len()), (1, 2));
        assert_eq!(store.change(&[set("size", "3")]).await.unwrap().version, 1, "nothing has changed");
        let second = VarsStore::of(directory.path(), "demo").change(&[("size".to_owned(), None)]).await.unwrap();
        assert_eq!((second.version, second.values.len()), (2, 1));
        assert_eq!(store.read().unwrap(), second);
        assert_eq!(VarsStore::of(directory.path(), "other").read().unwrap(), Vars::default());
    }

    #[tokio::test]
    async fn a_change_is_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let store = VarsStore::of(directory.path(), "demo");
        let refused = store.change(&[set("size", "3"), set("no name", "3")]).await.unwrap_err();
        assert_eq!(refused.code, codes::BAD_VARS);
        let refused = store.change(&[set("size", &"x".repeat(MAX_VARS_BYTES))]).await.unwrap_err();
        assert_eq!(refused.code, codes::BAD_VARS);
        assert_eq!(store.read().unwrap(), Vars::default());
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = VarsStore::of(directory.path(), "demo");
        store.change(&[set("size", "3")]).await.unwrap();
        let whole = std::fs::read(store.path()).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 2] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(store.path(), &damaged).unwrap();
            assert_eq!(store.read().unwrap_err().code, codes::STATE_UNREADABLE, "byte {at}");
            assert_eq!(store.change(&[set("size", "4")]).await.unwrap_err().code, codes::STATE_UNREADABLE);
            assert_eq!(std::fs::read(store.path()).unwrap(), damaged);
        }
    }

    #[tokio::test]
    async fn changes_at_once_are_all_kept() {
        let directory = tempfile::tempdir().unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let store = VarsStore::of(directory.path(), "demo");
                tokio::spawn(async move { store.change(&[set(&format!("n{number}"), "x")]).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let vars = VarsStore::of(directory.path(), "demo").read().unwrap();
        assert_eq!((vars.version, vars.values.len()), (20, 20));
    }
}
