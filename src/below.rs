//! The files of Kit in a directory, and below it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::{codes, files};

/// Files that are looked at below the directories that are named. A repository has some hundred; one with more is not
/// where the clusters are.
const MAX_FILES: usize = 10_000;

/// How deep directories are looked into.
pub(crate) const MAX_DEPTH: usize = 16;

/// The files of Kit below a directory, by their names.
pub(crate) fn below(directory: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    let mut left = MAX_FILES;
    look(directory, 0, &mut left, &mut found).map_err(|what| {
        Failure::new(codes::TOO_MANY_FILES, what).with_help("name the directories or the files that are meant")
    })?;
    Ok(found)
}

fn look(directory: &Path, depth: usize, left: &mut usize, found: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(directory)
        .map_err(|error| format!("the directory `{}` cannot be read: {error}", files::shown(directory)))?;
    for entry in entries.flatten() {
        *left = left.checked_sub(1).ok_or_else(|| format!("there are more than {MAX_FILES} files to look through"))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Copies of others' modules are looked after by others.
        if name.starts_with('.') || name == kit_loader::COPIES_NAME {
            continue;
        }
        let path = if directory == Path::new(".") { PathBuf::from(entry.file_name()) } else { entry.path() };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if depth == MAX_DEPTH {
                return Err(format!("`{}` lies more than {MAX_DEPTH} directories deep", files::shown(&path)));
            }
            look(&path, depth + 1, left, found)?;
        } else if name.ends_with(".kit") && (kind.is_file() || leads_to_no_directory(&path)) {
            found.insert(path);
        }
    }
    Ok(())
}

/// A link to a file is that file, and one to nothing is told of by whoever reads it. Directories behind links are not
/// looked into: they may lead in a circle.
fn leads_to_no_directory(path: &Path) -> bool {
    path.is_symlink() && !path.is_dir()
}
