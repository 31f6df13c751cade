//! The simulated cloud in one file, shared by the processes of one machine.
//!
//! A lock on a file beside it keeps others out; the file is replaced as a whole, so that whoever dies at any moment
//! leaves the old or the new one. What was read is kept as long as the file is the same, and a look that changes
//! nothing writes nothing.

mod member;
mod provider;

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kit_model::Now;
use serde::{Deserialize, Serialize};

pub use member::SimMember;
pub use provider::SimProvider;

use crate::cloud::SimCloud;
use crate::settings::SimSettings;

/// The format that this version writes.
const FORMAT: u32 = 1;
/// What the file says that it is.
const KIND: &str = "kit simulated cloud";
/// How long to wait for another process: each holds the lock for milliseconds, so this long means that one hangs.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// The first pause between two attempts at the lock, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
/// The longest pause between two attempts at the lock.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The most bytes that are read: a file beyond it was not written by the simulated cloud.
const MAX_BYTES: u64 = 1 << 30;
/// How many log entries stay in the file: it is written as a whole, and the log is for tests.
const LOG_IN_FILE: usize = 200;
/// How many committed heads stay in the file.
const COMMITS_IN_FILE: usize = 8;

/// A simulated cloud in a file. Clones share it.
#[derive(Debug, Clone)]
pub struct SimFile {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    lock_path: PathBuf,
    clock: SimClock,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    stamp: Stamp,
    /// Held open so that no later file gets its inode while the stamp is compared with it.
    held: File,
    cloud: SimCloud,
}

/// What tells one content of the file from another: it is only ever replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// The change of the inode itself: set when the file is put in its place.
    changed: (i64, i64),
}

/// Where the time of the simulated cloud comes from.
#[derive(Debug, Clone)]
pub enum SimClock {
    /// The clock on the wall; within the file it never goes back.
    Wall,
    /// Milliseconds that a test sets.
    Manual(Arc<AtomicU64>),
}

/// Why the file could not be used.
#[derive(Debug)]
pub enum SimFileError {
    /// There is none.
    Missing(PathBuf),
    /// It could not be read or written.
    Io(PathBuf, io::Error),
    /// Another process held it for too long.
    Locked(PathBuf),
    /// It is something else.
    Foreign(PathBuf),
    /// A newer kitc wrote it.
    Newer(PathBuf, u64),
    /// It cannot be read any more; nothing was changed.
    Damaged(PathBuf, String),
}

impl fmt::Display for SimFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no simulated cloud at {}", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Locked(path) => {
                write!(f, "another process held {} for {} s: is one stuck?", path.display(), LOCK_WAIT.as_secs())
            }
            Self::Foreign(path) => write!(f, "{} holds no simulated cloud; it was left as it is", path.display()),
            Self::Newer(path, format) => {
                write!(f, "{} has format {format}; this kitc knows {FORMAT}: use a newer kitc", path.display())
            }
            Self::Damaged(path, why) => {
                write!(f, "the simulated cloud in {} cannot be read ({why}); it was left as it is", path.display())
            }
        }
    }
}

impl std::error::Error for SimFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Frame {
    kind: String,
    format: u64,
}

#[derive(Deserialize)]
struct Content {
    cloud: SimCloud,
}

#[derive(Serialize)]
struct ContentRef<'a> {
    kind: &'a str,
    format: u32,
    cloud: &'a SimCloud,
}

impl SimFile {
    /// The simulated cloud in `directory`; a new one with these settings if there is none. An existing one keeps
    /// its seed and takes on the settings.
    ///
    /// # Errors
    /// When the directory or the file cannot be used.
    pub fn open(directory: &Path, settings: SimSettings, seed: u64) -> Result<Self, SimFileError> {
        Self::open_with(directory, settings, seed, SimClock::Wall)
    }

    /// As [`Self::open`], with another clock.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        directory: &Path,
        mut settings: SimSettings,
        seed: u64,
        clock: SimClock,
    ) -> Result<Self, SimFileError> {
        fs::create_dir_all(directory).map_err(|error| SimFileError::Io(directory.to_owned(), error))?;
        settings.log_limit = settings.log_limit.min(LOG_IN_FILE);
        settings.commits_limit = settings.commits_limit.min(COMMITS_IN_FILE);
        let file = Self::at(directory, clock);
        file.locked(|inner| {
            if inner.path.exists() {
                return Ok(());
            }
            inner.write(&SimCloud::new(settings.clone(), seed)).map(|_| ())
        })?;
        file.with(|cloud| cloud.set_settings(settings))?;
        Ok(file)
    }

    /// The simulated cloud in `directory`, which must exist; it keeps its settings.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn open_existing(directory: &Path) -> Result<Self, SimFileError> {
        let file = Self::at(directory, SimClock::Wall);
        if !file.inner.path.exists() {
            return Err(SimFileError::Missing(file.inner.path.clone()));
        }
        file.with(|_| ())?;
        Ok(file)
    }

    fn at(directory: &Path, clock: SimClock) -> Self {
        let inner = Inner {
            path: directory.join("cloud.json"),
            lock_path: directory.join("cloud.lock"),
            clock,
            cached: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where it is kept.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Brings the cloud to the present, lets `change` look at it or change it, and keeps what changed.
    ///
    /// # Errors
    /// When the file cannot be locked, read or written; then nothing has changed.
    pub fn with<T>(&self, change: impl FnOnce(&mut SimCloud) -> T) -> Result<T, SimFileError> {
        self.locked(|inner| {
            let mut kept = inner.cached.lock().unwrap_or_else(PoisonError::into_inner);
            let stamp = inner.stamp()?;
            let mut cached = match kept.take() {
                Some(cached) if cached.stamp == stamp => cached,
                _ => Cached { stamp, held: inner.hold()?, cloud: inner.read()? },
            };
            let before = cached.cloud.changes();
            cached.cloud.advance(inner.clock.now_ms());
            let answer = change(&mut cached.cloud);
            if cached.cloud.changes() != before {
                cached.stamp = inner.write(&cached.cloud)?;
                cached.held = inner.hold()?;
            }
            *kept = Some(cached);
            Ok(answer)
        })
    }

    /// The time of this machine, as replicas measure it.
    #[must_use]
    pub fn now(&self) -> Now {
        match &self.inner.clock {
            SimClock::Wall => Now { boot_ms: boot_clock_ms(), wall_ms: wall_ms() },
            SimClock::Manual(ms) => {
                let ms = ms.load(Ordering::SeqCst);
                Now { boot_ms: ms, wall_ms: ms }
            }
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&Inner) -> Result<T, SimFileError>) -> Result<T, SimFileError> {
        let inner = &*self.inner;
        let io = |error| SimFileError::Io(inner.lock_path.clone(), error);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&inner.lock_path)
            .map_err(io)?;
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(SimFileError::Locked(inner.path.clone())),
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
        }
        // Closing the file lets go of the lock, also when this process dies.
        work(inner)
    }
}

impl Inner {
    fn stamp(&self) -> Result<Stamp, SimFileError> {
        let metadata = fs::metadata(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SimFileError::Missing(self.path.clone()),
            _ => SimFileError::Io(self.path.clone(), error),
        })?;
        Ok(Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    fn hold(&self) -> Result<File, SimFileError> {
        File::open(&self.path).map_err(|error| SimFileError::Io(self.path.clone(), error))
    }

    fn read(&self) -> Result<SimCloud, SimFileError> {
        let io = |error| SimFileError::Io(self.path.clone(), error);
        if fs::metadata(&self.path).map_err(io)?.len() > MAX_BYTES {
            return Err(SimFileError::Foreign(self.path.clone()));
        }
        let bytes = fs::read(&self.path).map_err(io)?;
        let damaged = |error: serde_json::Error| SimFileError::Damaged(self.path.clone(), error.to_string());
        // Something else in our place is told from our own file that was cut short.
        let frame = match serde_json::from_slice::<Frame>(&bytes) {
            Ok(frame) => frame,
            Err(error) if bytes.starts_with(format!("{{\"kind\":\"{KIND}\"").as_bytes()) => return Err(damaged(error)),
            Err(_) => return Err(SimFileError::Foreign(self.path.clone())),
        };
        if frame.kind != KIND {
            return Err(SimFileError::Foreign(self.path.clone()));
        }
        if frame.format > u64::from(FORMAT) {
            return Err(SimFileError::Newer(self.path.clone(), frame.format));
        }
        serde_json::from_slice::<Content>(&bytes).map(|content| content.cloud).map_err(damaged)
    }

    /// Replaces the file as a whole. A process that is killed leaves the old or the new one; that power may fail is
    /// no matter for a simulated cloud, so nothing waits for the disk.
    fn write(&self, cloud: &SimCloud) -> Result<Stamp, SimFileError> {
        let io = |error| SimFileError::Io(self.path.clone(), error);
        let content = ContentRef { kind: KIND, format: FORMAT, cloud };
        let bytes = serde_json::to_vec(&content)
            .map_err(|error| SimFileError::Damaged(self.path.clone(), error.to_string()))?;
        // One name is enough: whoever writes holds the lock, and what a dead process left is written over.
        let next = self.path.with_extension("json.next");
        let mut file = File::create(&next).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        drop(file);
        fs::rename(&next, &self.path).map_err(io)?;
        self.stamp()
    }
}

impl SimClock {
    fn now_ms(&self) -> u64 {
        match self {
            Self::Wall => wall_ms(),
            Self::Manual(ms) => ms.load(Ordering::SeqCst),
        }
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn boot_clock_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let milliseconds = u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(milliseconds)
}
