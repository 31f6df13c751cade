//! What a machine finds when it boots, where cloud-init would put it: the user-data, the boot document, and for the
//! machine that begins the Swarm the revision.

use std::io;
use std::path::Path;

use futures_util::stream::{self, Stream, StreamExt as _};
use kit_model::BootDocument;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// What the parts of an archive are multiples of.
const BLOCK_BYTES: u64 = 512;

/// How much of the program goes at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Where a machine finds its `kitc`.
pub const KITC: &str = "/usr/local/bin/kitc";
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

/// What a machine is given before it starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// The revision, for the machine that begins the Swarm.
    pub(crate) revision: Option<&'a [u8]>,
    /// The `kitc` of whoever makes it, where its image has none.
    pub(crate) kitc: Option<&'a Path>,
}

/// An archive of the files, from the root; the program among them goes piece by piece, for it is large and many machines
/// are made at once.
pub(crate) async fn archive(
    boot: &BootDocument,
    given: Given<'_>,
) -> io::Result<impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static> {
    let mut files = small_files(boot, given.revision)?;
    let program = match given.kitc {
        None => None,
        Some(path) => {
            let file = File::open(path).await?;
            let bytes = file.metadata().await?.len();
            let mut header = header(0o755, bytes);
            header.set_path(KITC.trim_start_matches('/'))?;
            header.set_cksum();
            files.extend_from_slice(header.as_bytes());
            Some((file, bytes))
        }
    };
    let end = program.as_ref().map_or(0, |(_, bytes)| (BLOCK_BYTES - bytes % BLOCK_BYTES) % BLOCK_BYTES);
    // An archive ends with two empty blocks.
    let end = vec![0; usize::try_from(end + 2 * BLOCK_BYTES).unwrap_or_default()];
    let pieces = stream::try_unfold(program, |program| async move {
        let Some((mut file, left)) = program.filter(|(_, left)| *left > 0) else { return Ok(None) };
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES)];
        file.read_exact(&mut piece).await?;
        let left = left.saturating_sub(piece.len() as u64);
        Ok(Some((piece, Some((file, left)))))
    });
    Ok(stream::once(async { Ok(files) }).chain(pieces).chain(stream::once(async { Ok(end) })))
}

/// The files but for the program, without the end of an archive.
fn small_files(boot: &BootDocument, revision: Option<&[u8]>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for directory in ["var/lib/kit/", "var/lib/cloud/", "var/lib/cloud/seed/"] {
        let mut header = header(0o755, 0);
        header.set_entry_type(tar::EntryType::Directory);
        archive.append_data(&mut header, directory, io::empty())?;
    }
    let document = serde_json::to_vec(boot)?;
    let files = [(BOOT_DOCUMENT, 0o600, document.as_slice()), (USER_DATA, 0o700, SCRIPT.as_bytes())];
    // Only root reads them: a revision may name what is nobody else's business.
    for (path, mode, bytes) in files.into_iter().chain(revision.map(|bytes| (REVISION, 0o600, bytes))) {
        archive.append_data(&mut header(mode, bytes.len() as u64), path.trim_start_matches('/'), bytes)?;
    }
    let mut bytes = archive.into_inner()?;
    bytes.truncate(bytes.len().saturating_sub(usize::try_from(2 * BLOCK_BYTES).unwrap_or_default()));
    Ok(bytes)
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

    async fn bytes_of(boot: &BootDocument, given: Given<'_>) -> Vec<u8> {
        let pieces: Vec<io::Result<Vec<u8>>> = archive(boot, given).await.unwrap().collect().await;
        pieces.into_iter().flat_map(Result::unwrap).collect()
    }

    #[tokio::test]
    async fn a_machine_finds_its_document_the_seed_its_revision_and_the_program() {
        let boot = BootDocument {
            uid: "uid".into(),
            address: "managers.m1".into(),
            generation: kit_model::Generation(0),
            revision: "sha256:1".into(),
            manager: true,
            manager_ips: Vec::new(),
            seed: true,
            has_volume: true,
            disk: None,
        };
        let directory = tempfile::tempdir().unwrap();
        // Larger than a piece, and no whole number of blocks.
        let program: Vec<u8> = (0..PIECE_BYTES + 777).map(|number| number.to_le_bytes()[0]).collect();
        let path = directory.path().join("kitc");
        std::fs::write(&path, &program).unwrap();
        let given = Given { revision: Some(b"the graph"), kitc: Some(&path) };
        let bytes = bytes_of(&boot, given).await;
        assert_eq!(bytes, bytes_of(&boot, given).await);
        assert_eq!(bytes.len() % 512, 0);
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((entry.path().unwrap().display().to_string(), entry.header().mode().unwrap(), content));
        }
        let content_of = |path: &str| &found.iter().find(|(name, ..)| format!("/{name}") == path).unwrap().2;
        assert_eq!(serde_json::from_slice::<BootDocument>(content_of(BOOT_DOCUMENT)).unwrap(), boot);
        assert_eq!(content_of(REVISION), b"the graph");
        assert!(String::from_utf8_lossy(content_of(USER_DATA)).contains(BOOT_DOCUMENT));
        assert_eq!(*content_of(KITC), program);
        let less = bytes_of(&boot, Given { revision: None, kitc: None }).await;
        let names = tar::Archive::new(less.as_slice()).entries().unwrap().count();
        assert_eq!(names, found.len() - 2);
    }
}
