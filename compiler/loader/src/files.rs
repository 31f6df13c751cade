//! What the loader needs to know about files. An editor answers for those that it has open.

use std::io;
use std::path::{Path, PathBuf};

/// Files, wherever they are kept.
pub trait Files {
    /// The one path of a file, whatever links lead to it; so a file is one module, however it is named.
    ///
    /// # Errors
    /// When there is no such file, or the way to it is closed.
    fn identity(&self, path: &Path) -> io::Result<PathBuf>;

    /// The bytes of a regular file; of one that is larger than a source may be, at least one byte more than that.
    ///
    /// # Errors
    /// `IsADirectory` for a directory, `InvalidInput` for anything else that is no regular file, and whatever the system
    /// says.
    fn read(&self, identity: &Path) -> io::Result<Vec<u8>>;

    /// Some names in a directory, in any order, to compare a name with that is not there.
    fn names_in(&self, directory: &Path) -> Vec<String>;
}
