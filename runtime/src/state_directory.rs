//! What one replica keeps on its machine: on the state volume, so that the member's next machine finds it.
//!
//! Nothing here is truth. The head in the store is; what lies here serves a rescue, when no store answers,
//! and the operator who looks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kit_model::{Head, MAX_HEAD_BYTES, Versioned};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic_file;
use crate::file_lock::FileLock;
use crate::file_store::FileStore;

/// The most that a status or a memory may take when it is read, in bytes: 10,000 members with their
/// reasons take about 10 MB.
const MAX_FILE_BYTES: usize = 64 << 20;

/// The directory of one replica.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    revisions: FileStore,
}

impl StateDirectory {
    /// The directory at `path`, which is made if there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        Ok(Self { revisions: FileStore::open(path.join("cache"))?, path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock of the member's one replica; none if another process holds it.
    ///
    /// # Errors
    /// When the file of the lock cannot be opened.
    pub fn lock(&self) -> io::Result<Option<FileLock>> {
        FileLock::try_take(&self.path.join("replica.lock"))
    }

    /// Revisions that this replica has read.
    #[must_use]
    pub const fn revisions(&self) -> &FileStore {
        &self.revisions
    }

    /// The head that this replica last read; none where there is none or it cannot be read any more.
    #[must_use]
    pub fn cached_head(&self) -> Option<Versioned<Head>> {
        let bytes = atomic_file::read_limited(&self.path.join("head.json"), 2 * MAX_HEAD_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps the head that was read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn cache_head(&self, head: &Versioned<Head>) -> io::Result<()> {
        atomic_file::replace(&self.path.join("head.json"), &serde_json::to_vec(head)?)
    }

    /// Writes a file that is only looked at.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show<T: Serialize>(&self, name: &str, content: &T) -> io::Result<()> {
        atomic_file::replace_unsynced(&self.path.join(name), &serde_json::to_vec(content)?)
    }

    /// Reads a file that [`StateDirectory::show`] wrote into the directory at `path`, without making anything.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn look<T: DeserializeOwned>(path: &Path, name: &str) -> io::Result<Option<T>> {
        atomic_file::read_limited(&path.join(name), MAX_FILE_BYTES)?
            .map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from))
            .transpose()
    }
}
