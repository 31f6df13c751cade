//! The key of a cluster: with it the fingerprints of its secrets are made. It is kept beside the cluster, for its
//! operators and replicas alone, and stands in no graph, no store of revisions and no tag.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use kit_graph::{ClusterKey, KEY_BYTES};

use crate::error::OperatorError;
use crate::{atomic_file, codes, file_name};

/// The key of a cluster; none where it has none yet.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn key_of(cluster: &str, clouds: &Path) -> Result<Option<ClusterKey>, OperatorError> {
    read(&path_of(cluster, clouds))
}

/// A key that no other cluster has.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn new_key() -> Result<ClusterKey, OperatorError> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).map_err(|error| {
        OperatorError::new(codes::STATE_UNREADABLE, format!("the kernel gave no random number: {error}"))
    })?;
    Ok(ClusterKey::new(bytes))
}

/// Keeps the key of a cluster that has none yet.
///
/// # Errors
/// When it cannot be written, or the cluster has another one by now: what was worked out with this one does not hold.
pub fn keep_key(cluster: &str, clouds: &Path, key: &ClusterKey) -> Result<(), OperatorError> {
    let path = path_of(cluster, clouds);
    let unwritten =
        |error: io::Error| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {error}", path.display()));
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(unwritten)?;
    }
    if write_new(&path, key.expose()).map_err(unwritten)? {
        return Ok(());
    }
    match read(&path)? {
        Some(kept) if kept.expose() == key.expose() => Ok(()),
        _ => Err(OperatorError::new(
            codes::STATE_UNREADABLE,
            format!("{cluster} got its key from another process meanwhile"),
        )
        .with_help("do the same again")),
    }
}

fn path_of(cluster: &str, clouds: &Path) -> PathBuf {
    clouds.join(file_name::of(cluster)).join("key")
}

fn read(path: &Path) -> Result<Option<ClusterKey>, OperatorError> {
    let unreadable = |why: String| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {why}", path.display()));
    let bytes = atomic_file::read_limited(path, KEY_BYTES).map_err(|error| unreadable(error.to_string()))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let bytes = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| unreadable(format!("it has no {KEY_BYTES} bytes")))?;
    Ok(Some(ClusterKey::new(bytes)))
}

/// Writes a file that is not there, whole, for its owner alone. False where there is one.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = path.with_file_name(format!("key.{}.tmp", std::process::id()));
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    let written = written.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    // A link is made whole or not at all, and never over another.
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    // What is left of it is rubbish, and is written over by the next.
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_kept_once_and_for_its_owner_alone() {
        let clouds = tempfile::tempdir().unwrap();
        assert!(key_of("demo", clouds.path()).unwrap().is_none());
        let (key, other) = (new_key().unwrap(), new_key().unwrap());
        keep_key("demo", clouds.path(), &key).unwrap();
        keep_key("demo", clouds.path(), &key).unwrap();
        let refused = keep_key("demo", clouds.path(), &other).unwrap_err();
        assert!(refused.message.contains("another process"), "{}", refused.message);
        assert_eq!(key_of("demo", clouds.path()).unwrap().unwrap().expose(), key.expose());
        let path = clouds.path().join("demo/key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(clouds.path().join("demo")).unwrap().count(), 1);
        fs::write(&path, "short").unwrap();
        assert!(key_of("demo", clouds.path()).is_err());
    }
}
