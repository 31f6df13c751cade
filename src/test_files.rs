//! Which files `kitc test` runs: those that are named, and those with tests in directories that are named.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::below::below;
use crate::failure::Failure;
use crate::{beside, files};

/// A file and the tests of it that are run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    /// The file that is tested.
    pub(crate) file: PathBuf,
    /// The file of tests beside it.
    pub(crate) tests: Option<PathBuf>,
    /// The tests that stand in the file itself are run too.
    pub(crate) own: bool,
}

/// The files of the paths, each once, in the order of the paths and in a directory of the names.
pub(crate) fn units(paths: &[PathBuf]) -> Result<Vec<Unit>, Failure> {
    let mut units: Vec<Unit> = Vec::new();
    for path in paths {
        let found = if path != Path::new(files::STANDARD_INPUT) && path.is_dir() {
            below(path)?.iter().filter_map(|path| with_tests(path)).collect::<BTreeSet<Unit>>().into_iter().collect()
        } else {
            vec![named(path)]
        };
        for unit in found {
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
    }
    Ok(units)
}

/// A file that is named: with its own tests, and those beside it; or those beside it alone.
fn named(path: &Path) -> Unit {
    if let Some(file) = beside::tested(path) {
        return Unit { file, tests: Some(path.to_owned()), own: false };
    }
    let tests = beside::tests_of(path).filter(|tests| tests.is_file());
    Unit { file: path.to_owned(), tests, own: true }
}

/// What is tested of a file that was found, if it has tests.
fn with_tests(path: &Path) -> Option<Unit> {
    if let Some(file) = beside::tested(path) {
        // Those of a file that is there are found with it.
        return (!file.is_file()).then(|| Unit { file, tests: Some(path.to_owned()), own: false });
    }
    let unit = named(path);
    // What cannot be read is not passed over: whoever runs its tests says why they cannot be.
    let has_own = start_of(path).is_none_or(|text| text.lines().any(begins_a_test));
    (has_own || unit.tests.is_some()).then_some(unit)
}

/// The text of a file, as far as a source may reach.
fn start_of(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(kit_lang::MAX_SOURCE_BYTES as u64).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A line may begin a test, wherever it stands in its line: a file need not be laid out to be tested.
fn begins_a_test(line: &str) -> bool {
    let line = line.trim_start_matches(['\u{feff}', ' ', '\t']);
    line.starts_with("test ") || line.starts_with("test\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::below::MAX_DEPTH;

    #[test]
    fn a_test_is_found_in_a_file_that_is_not_laid_out() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("indented.kit", "let a = 1\n  test \"a\" {}\n"),
            ("marked.kit", "\u{feff}test \"a\" {}\r\n"),
            ("none.kit", "let a = 1 # test\n"),
        ] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        fs::write(directory.path().join("latin.kit"), b"# caf\xe9\ntest \"a\" {}\n").unwrap();
        let found = units(&[directory.path().to_owned()]).unwrap();
        let names: Vec<_> = found.iter().filter_map(|unit| unit.file.file_name()?.to_str()).collect();
        assert_eq!(names, ["indented.kit", "latin.kit", "marked.kit"]);
    }

    #[test]
    fn a_test_is_found_behind_a_link_and_no_circle_is_followed() {
        use std::os::unix::fs::symlink;
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("far.kit"), "test \"a\" {}\n").unwrap();
        symlink(elsewhere.path().join("far.kit"), directory.path().join("link.kit")).unwrap();
        symlink(elsewhere.path().join("nothing.kit"), directory.path().join("lost.kit")).unwrap();
        symlink(directory.path(), directory.path().join("circle")).unwrap();
        symlink(elsewhere.path(), directory.path().join("directory.kit")).unwrap();
        let found = units(&[directory.path().to_owned()]).unwrap();
        let names: Vec<_> = found.iter().filter_map(|unit| unit.file.file_name()?.to_str()).collect();
        assert_eq!(names, ["link.kit", "lost.kit"]);
    }

    #[test]
    fn no_test_is_passed_over_in_silence_for_its_depth() {
        let directory = tempfile::tempdir().unwrap();
        let mut deep = directory.path().to_owned();
        deep.extend(std::iter::repeat_n("d", MAX_DEPTH));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("a.kit"), "test \"a\" {}\n").unwrap();
        assert_eq!(units(&[directory.path().to_owned()]).unwrap().len(), 1);
        fs::create_dir(deep.join("d")).unwrap();
        assert!(units(&[directory.path().to_owned()]).is_err());
    }
}
