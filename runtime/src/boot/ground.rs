//! The place where an engine keeps its state: whether a volume stands there, and what it says of itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use kit_model::BootDocument;
use kit_planner::{Found, FoundRecord, FoundSwarm, VolumeRecord};
use kit_swarm::node_on_disk;

use crate::error::OperatorError;
use crate::{atomic_file, codes};

/// Where a volume says whose it is, below the engine's directory: among what belongs to Kit there.
const RECORD: &str = "kit/volume.json";

/// The most that a record may take, in bytes: it holds three names.
const MAX_RECORD_BYTES: usize = 16 << 10;

/// What stands on an empty volume: what a new file system has, and what is Kit's own.
const NOTHING: [&str; 2] = ["lost+found", "kit"];

/// What stands mounted, as the kernel says it.
const MOUNTS: &str = "/proc/self/mountinfo";

pub(super) struct Ground {
    state: PathBuf,
}

impl Ground {
    pub(super) fn at(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// What is found there.
    pub(super) fn look(&self) -> Result<Found, OperatorError> {
        let unreadable = |why: String| OperatorError::new(codes::STATE_UNREADABLE, why);
        let mounts = fs::read_to_string(MOUNTS).map_err(|error| unreadable(format!("{MOUNTS}: {error}")))?;
        let other = self.other().map_err(|error| unreadable(format!("{}: {error}", self.state.display())))?;
        let record = match self.record() {
            Ok(None) => FoundRecord::None,
            Ok(Some(record)) => FoundRecord::Whole(record),
            Err(error) => FoundRecord::Unreadable(format!("{}: {error}", self.state.join(RECORD).display())),
        };
        let swarm = match node_on_disk(&self.state) {
            Ok(None) => FoundSwarm::None,
            Ok(Some(found)) => FoundSwarm::Node {
                raft_lost: found.is_manager && !found.has_raft,
                node: found.node,
                expires_s: found.expires_s,
            },
            Err(error) => FoundSwarm::Unreadable(error.to_string()),
        };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Found { mounted: stands_in(&mounts, &self.state), record, other, swarm, now_s })
    }

    /// Has the volume say whose it is. False if it says so already.
    pub(super) fn write(&self, record: &VolumeRecord) -> Result<bool, OperatorError> {
        let path = self.state.join(RECORD);
        let failed =
            |error: io::Error| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {error}", path.display()));
        if self.record().map_err(failed)?.as_ref() == Some(record) {
            return Ok(false);
        }
        let bytes = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| atomic_file::replace(&path, &bytes)).map_err(failed)?;
        Ok(true)
    }

    pub(super) fn shown(&self, document: &BootDocument) -> String {
        let state = self.state.display();
        if document.has_volume {
            format!("its volume stands at {state}")
        } else {
            format!("it has no volume: {state} is its own disk")
        }
    }

    fn record(&self) -> io::Result<Option<VolumeRecord>> {
        let bytes = atomic_file::read_limited(&self.state.join(RECORD), MAX_RECORD_BYTES)?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)).transpose()
    }

    /// One name of what stands there and is neither a new file system's nor Kit's.
    fn other(&self) -> io::Result<Option<String>> {
        let entries = match fs::read_dir(&self.state) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        let other = names.into_iter().find(|name| !NOTHING.iter().any(|nothing| name == *nothing));
        Ok(other.map(|name| name.display().to_string()))
    }
}

/// Whether something is mounted at `path`, as the kernel lists it: the fifth word of a line, with odd bytes in octal.
fn stands_in(mounts: &str, path: &Path) -> bool {
    let shown = path.display().to_string().replace('\\', "\\134").replace(' ', "\\040");
    mounts.lines().any(|line| line.split(' ').nth(4) == Some(shown.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_is_told_by_the_whole_path() {
        let mounts = "36 35 98:0 /mnt1 /var/lib/docker rw,noatime master:1 - ext4 /dev/root rw\n\
                      37 35 98:0 / /a\\040b rw - ext4 /dev/root rw\n";
        for (path, stands) in
            [("/var/lib/docker", true), ("/var/lib", false), ("/var/lib/docker/x", false), ("/a b", true)]
        {
            assert_eq!(stands_in(mounts, Path::new(path)), stands, "{path}");
        }
    }

    #[test]
    fn a_volume_says_whose_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground::at(directory.path());
        let empty = ground.look().unwrap();
        assert_eq!((&empty.record, &empty.other, empty.mounted), (&FoundRecord::None, &None, false));
        fs::create_dir(directory.path().join("lost+found")).unwrap();
        let record = VolumeRecord { uid: "u".into(), address: "managers.m1".into(), node: None };
        assert!(ground.write(&record).unwrap());
        assert!(!ground.write(&record).unwrap());
        let found = ground.look().unwrap();
        assert_eq!((found.record, found.other), (FoundRecord::Whole(record.clone()), None));
        assert!(ground.write(&VolumeRecord { node: Some("n".into()), ..record }).unwrap());
        fs::write(directory.path().join("a file"), "x").unwrap();
        assert_eq!(ground.look().unwrap().other.as_deref(), Some("a file"));
        fs::write(directory.path().join(RECORD), "{").unwrap();
        assert!(matches!(ground.look().unwrap().record, FoundRecord::Unreadable(_)));
    }
}
