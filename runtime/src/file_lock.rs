//! A lock that ends with its process, however that ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

/// A held lock on a file. It is released when this value is dropped, or by the kernel when the process ends.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// How long between two tries of a lock that another process holds: short against what is done under it.
const RETRY: Duration = Duration::from_millis(10);

impl FileLock {
    /// Takes the lock on `path` if nobody holds it. The file is made where there is none and never removed:
    /// removing it would let two processes lock two files of one name.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the lock, waiting at most `patience` for another holder to end.
    ///
    /// # Errors
    /// When the file cannot be opened, or the wait is over ([`io::ErrorKind::TimedOut`]).
    pub async fn take(path: &Path, patience: Duration) -> io::Result<Self> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{} has been locked by another process for {} s", path.display(), patience.as_secs()),
                ));
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_has_one_holder_and_is_free_when_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = FileLock::try_take(&path).unwrap().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        let waited = FileLock::take(&path, Duration::from_millis(30)).await.unwrap_err();
        assert_eq!(waited.kind(), io::ErrorKind::TimedOut);
        drop(first);
        FileLock::take(&path, Duration::from_millis(30)).await.unwrap();
    }
}
