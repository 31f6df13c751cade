//! What a machine does with the disk that it finds for its state: only a disk that is known to be new and blank is formatted.

use kit_graph::sha256_hex;
use kit_model::{Address, BootDisk, ClusterUid};

/// What a disk is told by that Kit formats: the name and the UUID of its file system, both worked out from whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskName {
    /// The name, of at most 16 bytes.
    pub label: String,
    /// The UUID.
    pub uuid: String,
}

impl DiskName {
    /// That of the disk of `address` in the cluster `uid`.
    #[must_use]
    pub fn of(uid: &ClusterUid, address: &Address) -> Self {
        let hash = sha256_hex(format!("{uid} {address}").as_bytes());
        let digits = hash.trim_start_matches("sha256:");
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        // Version 8: a UUID whose content is its maker's own.
        let uuid = format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
        Self { label: format!("kit-{}", part(0, 12)), uuid }
    }
}

/// What a disk is found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundDisk {
    /// Nothing: no signature of any kind, and zeros wherever it was read.
    Blank,
    /// Something without a signature.
    Written,
    /// Something that has a signature: its kind, and the name and UUID that it bears.
    Signed {
        /// Its kind, such as ext4.
        kind: String,
        /// Its name.
        label: String,
        /// Its UUID.
        uuid: String,
    },
}

/// What a machine does with its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskStep {
    /// Makes a file system on it, and mounts that.
    Format,
    /// Mounts what it holds.
    Mount,
    /// Neither, and why.
    Refuse(String),
}

/// What a machine does with `disk`, whose file system would be `name`, where it holds `found`.
#[must_use]
pub fn disk(disk: &BootDisk, name: &DiskName, found: &FoundDisk) -> DiskStep {
    match found {
        FoundDisk::Blank if disk.is_new => DiskStep::Format,
        FoundDisk::Blank => DiskStep::Refuse("it is blank, and once held the state of this member".to_owned()),
        FoundDisk::Written => DiskStep::Refuse("it holds something that bears no name".to_owned()),
        FoundDisk::Signed { kind, uuid, .. } if *uuid == name.uuid && kind == "ext4" => DiskStep::Mount,
        FoundDisk::Signed { kind, label, .. } if label.starts_with("kit-") => {
            DiskStep::Refuse(format!("it is that of another member or cluster ({kind} named {label})"))
        }
        FoundDisk::Signed { kind, label, .. } if label.is_empty() => {
            DiskStep::Refuse(format!("it holds {kind}, which Kit did not make"))
        }
        FoundDisk::Signed { kind, label, .. } => {
            DiskStep::Refuse(format!("it holds {kind} named {label}, which Kit did not make"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_and_blank_is_formatted() {
        let name = DiskName::of(&"u".into(), &"managers.m1".into());
        let signed = |kind: &str, label: &str, uuid: &str| FoundDisk::Signed {
            kind: kind.into(),
            label: label.into(),
            uuid: uuid.into(),
        };
        let other = DiskName::of(&"u".into(), &"managers.m2".into());
        let table = [
            (FoundDisk::Blank, "format", "it is blank, and once"),
            (FoundDisk::Written, "bears no name", "bears no name"),
            (signed("ext4", &name.label, &name.uuid), "mount", "mount"),
            (signed("xfs", &name.label, &name.uuid), "another member", "another member"),
            (signed("ext4", &other.label, &other.uuid), "another member", "another member"),
            (signed("ext4", "", "x"), "holds ext4, which", "holds ext4, which"),
            (signed("ext4", "data", "x"), "ext4 named data", "ext4 named data"),
            (signed("gpt", "", ""), "holds gpt", "holds gpt"),
        ];
        for (found, new, old) in table {
            for (is_new, expected) in [(true, new), (false, old)] {
                let step = match disk(&BootDisk { serial: "s".into(), is_new }, &name, &found) {
                    DiskStep::Format => "format".to_owned(),
                    DiskStep::Mount => "mount".to_owned(),
                    DiskStep::Refuse(why) => why,
                };
                assert!(step.contains(expected), "{found:?}, new: {is_new}: {step}");
            }
        }
    }

    #[test]
    fn whose_disk_it_is_stands_in_its_name() {
        let name = DiskName::of(&"u".into(), &"managers.m1".into());
        assert_eq!((name.label.len(), name.uuid.len()), (16, 36));
        assert_ne!(name, DiskName::of(&"v".into(), &"managers.m1".into()));
        assert_ne!(name, DiskName::of(&"u".into(), &"managers.m2".into()));
    }
}
