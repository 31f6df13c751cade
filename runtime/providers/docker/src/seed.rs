//! What a machine finds when it boots, where cloud-init would put it: the user-data, the boot document, and for the
//! machine that begins the Swarm the revision.

use kit_model::BootDocument;

/// Where a machine finds its boot document.
pub const BOOT_DOCUMENT: &str = "/var/lib/kit/boot.json";
/// Where the machine that begins the Swarm finds the revision that it is to put into the store.
pub const REVISION: &str = "/var/lib/kit/revision.json";
/// Where a machine finds its user-data.
pub const USER_DATA: &str = "/var/lib/cloud/seed/user-data";

/// The user-data of a machine: the same for each, for what differs stands in the boot document.
const SCRIPT: &str = "#!/bin/sh
# Written by Kit. What this machine is stands in /var/lib/kit/boot.json.
exec kitc boot /var/lib/kit/boot.json
";

/// An archive of the files, from the root.
pub(crate) fn archive(boot: &BootDocument, revision: Option<&[u8]>) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for directory in ["var/lib/kit/", "var/lib/cloud/", "var/lib/cloud/seed/"] {
        let mut header = header(0o755, 0);
        header.set_entry_type(tar::EntryType::Directory);
        archive.append_data(&mut header, directory, std::io::empty())?;
    }
    let document = serde_json::to_vec(boot)?;
    let files = [(BOOT_DOCUMENT, 0o600, document.as_slice()), (USER_DATA, 0o700, SCRIPT.as_bytes())];
    // Only root reads them: a revision may name what is nobody else's business.
    for (path, mode, bytes) in files.into_iter().chain(revision.map(|bytes| (REVISION, 0o600, bytes))) {
        archive.append_data(&mut header(mode, bytes.len() as u64), path.trim_start_matches('/'), bytes)?;
    }
    archive.into_inner()
}

fn header(mode: u32, bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_size(bytes);
    // No time: the same machine gets the same bytes from whoever makes it.
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_machine_finds_its_document_and_the_seed_its_revision() {
        let boot = BootDocument {
            uid: "uid".into(),
            address: "managers.m1".into(),
            generation: kit_model::Generation(0),
            revision: "sha256:1".into(),
            manager: true,
            manager_ips: Vec::new(),
            seed: true,
            has_volume: true,
        };
        let bytes = archive(&boot, Some(b"the graph")).unwrap();
        assert_eq!(bytes, archive(&boot, Some(b"the graph")).unwrap());
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), text));
        }
        let text_of = |path: &str| &found.iter().find(|(name, _)| format!("/{name}") == path).unwrap().1;
        assert_eq!(serde_json::from_str::<BootDocument>(text_of(BOOT_DOCUMENT)).unwrap(), boot);
        assert_eq!(text_of(REVISION), "the graph");
        assert!(text_of(USER_DATA).contains(BOOT_DOCUMENT));
        assert!(archive(&boot, None).unwrap().len() < bytes.len());
    }
}
