//! Reads what the user names and writes what the user asks for.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use kit_compiler::Sources;
use kit_lang::{Diagnostic, MAX_SOURCE_BYTES, SourceId, Span};

use crate::codes;
use crate::failure::{CodedFailure, Failure};
use crate::findings::Findings;
use crate::printable::printable;

/// The path that stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// A path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// Adds the text of a file, as far as it could be read, and says what is wrong with reading it.
pub(crate) fn load(path: &Path, sources: &mut Sources) -> (SourceId, Option<Diagnostic>) {
    let name = if path == Path::new(STANDARD_INPUT) { "<stdin>".to_owned() } else { shown(path) };
    // The number that the next text gets.
    let next = sources.next_id();
    let (text, found) = match read(path) {
        Ok(bytes) => kit_lang::decode(&bytes, next),
        Err(unreadable) => {
            let place = Span { source: next, start: 0, end: 0 };
            let mut found = Diagnostic::error(unreadable.code, place, unreadable.message);
            found.help = unreadable.help;
            (String::new(), Some(found))
        }
    };
    (sources.add(name, text), found)
}

/// Adds the text of a file and of all modules that it uses, and says what is wrong with reading them. None if there is
/// no text to go on with.
pub(crate) fn load_program(path: &Path, findings: &mut Findings) -> Option<SourceId> {
    let (root, unreadable) = load(path, &mut findings.sources);
    if unreadable.is_some() {
        findings.diagnostics.extend(unreadable);
        return None;
    }
    load_modules(path, root, findings);
    Some(root)
}

/// Adds the text of all modules that the text of a file uses.
pub(crate) fn load_modules(path: &Path, root: SourceId, findings: &mut Findings) {
    let place = Some(path).filter(|path| *path != Path::new(STANDARD_INPUT));
    let found =
        kit_loader::load(&mut findings.sources, root, place, &kit_loader::Disk, &mut kit_loader::Locked::beside(place));
    findings.diagnostics.extend(found.diagnostics);
    findings.omitted += found.omitted;
}

/// Whether nobody but its owner can read a file. What comes by standard input lies nowhere.
pub(crate) fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path == Path::new(STANDARD_INPUT) || fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 == 0)
}

/// The bytes of a file, one more than a source may have at most; so `decode` sees that it is too large.
fn read(path: &Path) -> Result<Vec<u8>, CodedFailure> {
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new(STANDARD_INPUT) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
        return Ok(bytes);
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        return Err(CodedFailure::new(codes::IS_DIRECTORY, format!("`{}` is a directory", shown(path)))
            .with_help("name the files themselves, for example with `*.kit`"));
    }
    bytes.reserve_exact(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
    file.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> CodedFailure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let failure = CodedFailure::new(codes::NOT_FOUND, format!("there is no file `{}`", shown(path)));
            match nearest(path) {
                Some(found) => failure.with_help(format!("did you mean `{}`?", shown(&found))),
                None => failure,
            }
        }
        _ => CodedFailure::new(codes::UNREADABLE, format!("`{}` cannot be read: {error}", shown(path))),
    }
}

/// Entries of a directory that are compared with a name that is not there; a directory with more is not worth the wait.
const MAX_ENTRIES_COMPARED: usize = 1000;

/// The file beside a missing one whose name is nearly the same.
fn nearest(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = fs::read_dir(parent.unwrap_or(Path::new("."))).ok()?;
    let names = entries.take(MAX_ENTRIES_COMPARED).flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let limit = (wanted.chars().count() / 3).max(1);
    let best = names
        .map(|name| (strsim::damerau_levenshtein(wanted, &name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()?;
    Some(path.with_file_name(best.1))
}

/// Writes a file in one step: a reader sees the old one or the new one, whole. The permissions of an old one are kept; a link stays a link.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let result = replace(path, bytes);
    result.map_err(|error| Failure::new(codes::NOT_WRITTEN, format!("`{}` cannot be written: {error}", shown(path))))
}

/// Writes a file that is not there yet, whole or not at all.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::metadata(directory)?;
        let mut file = tempfile::Builder::new().prefix(".kitc-").suffix(".tmp").tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(new_file_permissions()?)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => crate::init::exists(path),
        _ => Failure::new(codes::NOT_WRITTEN, format!("`{}` cannot be written: {error}", shown(path))),
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What is no regular file (a terminal, a pipe, /dev/stdout) cannot be replaced: it is written to.
    let old = fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file() && !old.is_dir()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    if old.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let target = if old.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A directory that is not there is said to be so, without the name of a file that nobody asked for.
    fs::metadata(directory)?;
    let mut file = tempfile::Builder::new().prefix(".kitc-").suffix(".tmp").tempfile_in(directory)?;
    file.write_all(bytes)?;
    match &old {
        Some(old) => file.as_file().set_permissions(old.permissions())?,
        None => file.as_file().set_permissions(new_file_permissions()?)?,
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// What a new file may be read by: as `open` would make it. A temporary file is for its owner alone.
fn new_file_permissions() -> io::Result<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(mask);
    Ok(fs::Permissions::from_mode(0o666 & !mask.bits()))
}
