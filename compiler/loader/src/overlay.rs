//! The files that an editor has open, over those below.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::Files;

/// Texts that stand for files, saved or not; all others come from below.
#[derive(Debug)]
pub struct Overlay<'a, F> {
    open: BTreeMap<PathBuf, String>,
    below: &'a F,
}

impl<'a, F: Files> Overlay<'a, F> {
    /// Nothing open yet.
    pub fn new(below: &'a F) -> Self {
        Self { open: BTreeMap::new(), below }
    }

    /// A file that is open with this text, saved or not.
    pub fn open(&mut self, path: &Path, text: impl Into<String>) {
        let unsaved = || Some(self.below.identity(path.parent()?).ok()?.join(path.file_name()?));
        let identity = self.below.identity(path).ok().or_else(unsaved).unwrap_or_else(|| path.to_owned());
        self.open.insert(identity, text.into());
    }
}

impl<F: Files> Files for Overlay<'_, F> {
    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        self.below.identity(path).or_else(|error| {
            // One that was never saved is in a directory that is there.
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Err(error) };
            let unsaved = self.below.identity(directory)?.join(name);
            if self.open.contains_key(&unsaved) { Ok(unsaved) } else { Err(error) }
        })
    }

    fn read(&self, identity: &Path) -> io::Result<Vec<u8>> {
        match self.open.get(identity) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.below.read(identity),
        }
    }

    fn names_in(&self, directory: &Path) -> Vec<String> {
        let mut names = self.below.names_in(directory);
        let open = self.open.keys().filter(|path| path.parent() == Some(directory));
        names.extend(open.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())));
        names
    }
}
