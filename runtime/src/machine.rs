//! The machine that a replica runs on, where it is a real one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kit_graph::{Graph, sha256_hex};
use kit_model::{Address, BootDocument, BootFinding, BootId, RevisionId};

use crate::clock::boot_id;
use crate::error::OperatorError;
use crate::file_store::MAX_REVISION_BYTES;
use crate::surroundings::{Host, HostState};
use crate::{atomic_file, codes};

/// Where a machine finds what it was told when it was made.
pub const BOOT_DOCUMENT: &str = "/var/lib/kit/boot.json";

/// The most that a boot document may take, in bytes: it holds a few names and the addresses of the managers.
const MAX_DOCUMENT_BYTES: usize = 64 << 10;

/// Where the machine that begins a Swarm finds the revision that it is to put into the store, beside its document.
const REVISION: &str = "revision.json";

/// This machine.
#[derive(Debug, Clone)]
pub struct ThisMachine {
    document: PathBuf,
}

impl ThisMachine {
    /// The machine that this process runs on, with its boot document at `document`.
    #[must_use]
    pub fn new(document: impl Into<PathBuf>) -> Self {
        Self { document: document.into() }
    }

    /// What this machine was made as.
    ///
    /// # Errors
    /// When nobody made it, or what it was told cannot be read.
    pub fn made_as(&self) -> Result<BootDocument, OperatorError> {
        let path = self.document.display();
        match boot_document_at(&self.document) {
            Ok(Some(document)) => Ok(document),
            Ok(None) => {
                let why = format!("there is no {path}: this machine was not made by Kit");
                Err(OperatorError::new(codes::NOT_A_MANAGER, why))
            }
            Err(error) => Err(OperatorError::new(codes::STATE_UNREADABLE, format!("{path}: {error}"))),
        }
    }

    /// The revision that it was given for the store, if that is the one which is asked for.
    pub(crate) fn given_revision(&self, revision: &RevisionId) -> Option<Graph> {
        let bytes = atomic_file::read_limited(&self.document.with_file_name(REVISION), MAX_REVISION_BYTES).ok()??;
        Graph::from_bytes(&bytes).ok().filter(|graph| graph.hash == revision.as_str())
    }
}

/// What the document at `path` says; none where there is none.
///
/// # Errors
/// When it cannot be read, or is no boot document.
pub fn boot_document_at(path: &Path) -> io::Result<Option<BootDocument>> {
    atomic_file::read_limited(path, MAX_DOCUMENT_BYTES)?
        .map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from))
        .transpose()
}

#[async_trait]
impl Host for ThisMachine {
    async fn state(&self) -> HostState {
        match boot_of_machine() {
            Ok(boot) => HostState::Running(boot),
            Err(error) => HostState::Down(format!("this machine does not say which boot it is: {error}")),
        }
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        boot_document_at(&self.document).ok()?
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        // What another machine found is told to the leader when it joins, which is not a replica's to ask for.
        Vec::new()
    }
}

/// This boot of this machine. The kernel's own ID does not tell machines from each other that are containers on one
/// kernel, nor one of them from itself after a restart: when its first process began does.
fn boot_of_machine() -> io::Result<BootId> {
    let stat = fs::read_to_string("/proc/1/stat")?;
    let began = start_of(&stat).ok_or_else(|| io::Error::other("/proc/1/stat holds no time of its start"))?;
    let namespace = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    let whole = sha256_hex(format!("{} {began} {namespace}", boot_id()?).as_bytes());
    Ok(BootId::new(&whole["sha256:".len()..][..32]))
}

/// The 22nd field: the name of the process before it stands in parentheses and may hold anything.
fn start_of(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_read_whatever_its_name_is() {
        let stat = "1 (a) b) (c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 1000 2";
        assert_eq!(start_of(stat), Some(9876));
        assert_eq!(start_of("1 (tini) S 0"), None);
        assert_eq!(boot_of_machine().unwrap(), boot_of_machine().unwrap());
    }

    #[test]
    fn a_boot_document_is_read_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("boot.json");
        assert!(boot_document_at(&path).unwrap().is_none());
        fs::write(&path, "{").unwrap();
        boot_document_at(&path).unwrap_err();
        let document = BootDocument {
            uid: "u".into(),
            address: "managers.m1".into(),
            generation: kit_model::Generation(0),
            revision: "sha256:0".into(),
            manager: true,
            manager_ips: Vec::new(),
            seed: false,
            has_volume: true,
            disk: None,
        };
        fs::write(&path, serde_json::to_vec(&document).unwrap()).unwrap();
        assert_eq!(boot_document_at(&path).unwrap(), Some(document));
    }
}
