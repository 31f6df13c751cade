//! Modules of other hosts as they were locked: copies beside the root file, no network.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kit_lang::MAX_SOURCE_BYTES;
use url::Url;

use crate::codes;
use crate::lock::{LOCK_NAME, Lock, MAX_LOCK_BYTES, Pin};
use crate::remotes::{Refusal, Remotes};

/// The directory of the copies, beside the lock file. Each is named by its hash, so that none is ever rewritten, and two
/// branches that add copies do not collide.
pub const COPIES_NAME: &str = "kit.modules";

/// The modules that a lock file pins. It is read when the first of them is asked for.
#[derive(Debug)]
pub struct Locked {
    directory: PathBuf,
    root: String,
    lock: Option<Result<Lock, Refusal>>,
}

impl Locked {
    /// What is locked for a root file; for a text without a file, in the current directory.
    #[must_use]
    pub fn beside(root: Option<&Path>) -> Locked {
        let directory = root.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let root = root.map_or_else(|| "FILE".to_owned(), |path| path.to_string_lossy().into_owned());
        Locked { directory, root, lock: None }
    }
}

impl Remotes for Locked {
    fn get(&mut self, url: &Url) -> Result<Vec<u8>, Refusal> {
        let command = format!("run `kitc lock {}`, which fetches it and writes down what it is", self.root);
        let directory = &self.directory;
        let lock = self.lock.get_or_insert_with(|| read_lock(directory));
        let lock = lock.as_ref().map_err(Clone::clone)?;
        let Some(pin) = lock.modules.get(url.as_str()) else {
            return Err(
                Refusal::new(codes::NOT_LOCKED, format!("{LOCK_NAME} says nothing of {url}")).with_help(command)
            );
        };
        match read_copy(directory, pin) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => {
                let missing = format!("{url} is locked, but its copy {} is missing", shown(&copy(directory, pin)));
                Err(Refusal::new(codes::NOT_LOCKED, missing).with_help(command))
            }
            Err(refused) => Err(refused.with_help(format!("delete it and {command}"))),
        }
    }
}

/// The lock file of a directory; where there is none, nothing is locked.
pub(crate) fn read_lock(directory: &Path) -> Result<Lock, Refusal> {
    let path = directory.join(LOCK_NAME);
    let bytes = match read(&path, MAX_LOCK_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
        Err(error) => {
            return Err(Refusal::new(codes::BAD_LOCK, format!("{} cannot be read: {error}", shown(&path))));
        }
    };
    Lock::parse(&bytes).map_err(|reason| {
        Refusal::new(codes::BAD_LOCK, format!("{} is {reason}", shown(&path))).with_help(
            "take it from version control, or delete it and run `kitc lock`, which trusts what it then fetches",
        )
    })
}

/// The copy of a module, if it is there and is what it should be.
pub(crate) fn read_copy(directory: &Path, pin: &Pin) -> Result<Option<Vec<u8>>, Refusal> {
    let path = copy(directory, pin);
    let bytes = match read(&path, MAX_SOURCE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Refusal::new(codes::UNREADABLE, format!("{} cannot be read: {error}", shown(&path))));
        }
    };
    let found = Pin::of(&bytes);
    if found != *pin {
        let message = format!("{} was changed: {LOCK_NAME} says {pin}, and it has {found}", shown(&path));
        return Err(Refusal::new(codes::CHANGED, message));
    }
    Ok(Some(bytes))
}

/// Where the copy of a module is.
pub(crate) fn copy(directory: &Path, pin: &Pin) -> PathBuf {
    directory.join(COPIES_NAME).join(format!("{}.kit", pin.digits()))
}

/// At most one byte more than the limit.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
