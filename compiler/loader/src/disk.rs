//! The files of this machine.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kit_lang::MAX_SOURCE_BYTES;

use crate::files::Files;

/// Entries of a directory that are compared with a name that is not there; a directory with more is not worth the wait.
const MAX_NAMES: usize = 1000;

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read(&self, identity: &Path) -> io::Result<Vec<u8>> {
        // Asked before it is opened: opening a pipe waits until somebody writes.
        regular(&fs::metadata(identity)?)?;
        let file = File::open(identity)?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        let limit = MAX_SOURCE_BYTES as u64 + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn names_in(&self, directory: &Path) -> Vec<String> {
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        entries.take(MAX_NAMES).flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

fn regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe or a device"));
    }
    Ok(())
}
