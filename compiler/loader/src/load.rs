//! Reads what a program uses, from file to file, and links the texts.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use kit_compiler::{Findings, MAX_MODULES, Sources};
use kit_lang::{Diagnostic, DiagnosticSink, MAX_SOURCE_BYTES, SourceId, Span, ast};
use url::Url;

use crate::codes;
use crate::files::Files;
use crate::location::{Base, EXTENSION, Location, locate};
use crate::remotes::Remotes;
use crate::shown::shown;

/// The most bytes that all texts of a program have together: as many as one may have, so that cutting a file into
/// modules changes nothing.
pub const MAX_PROGRAM_BYTES: usize = MAX_SOURCE_BYTES;

/// Reads all that the text `root` uses, itself or through others, adds it to the texts, and says which text each
/// `use "…"` means. `path` is where the root is a file; without it, its paths begin in the current directory.
///
/// A path is read from the directory of the file in which it stands. Links are followed, and a file counts as what it
/// really is and where it really lies: by whatever paths it is used, it is one module.
pub fn load(
    sources: &mut Sources,
    root: SourceId,
    path: Option<&Path>,
    files: &dyn Files,
    remotes: &mut dyn Remotes,
) -> Findings {
    Loading::new(sources, root, path, files, remotes).run()
}

/// What makes a module the one that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// The one path of its file.
    File(PathBuf),
    /// The address by which it is used, wherever a server sends us from there.
    Remote(String),
}

/// A text whose uses are still to be read.
struct Open {
    source: SourceId,
    base: Base,
}

/// A program that is being read.
struct Loading<'a> {
    sources: &'a mut Sources,
    files: &'a dyn Files,
    remotes: &'a mut dyn Remotes,
    /// The directory of the root file, as the user wrote it and as it is.
    directory: (PathBuf, PathBuf),
    /// What was read; none if there was no use in reading it.
    known: BTreeMap<Identity, Option<SourceId>>,
    open: VecDeque<Open>,
    bytes: usize,
    found: DiagnosticSink,
}

/// Why a text cannot be had; what is to be said about it was said if it is none.
type Refused = Option<Box<Diagnostic>>;

impl<'a> Loading<'a> {
    fn new(
        sources: &'a mut Sources,
        root: SourceId,
        path: Option<&Path>,
        files: &'a dyn Files,
        remotes: &'a mut dyn Remotes,
    ) -> Self {
        let identity = path.and_then(|path| files.identity(path).ok());
        let written = path.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let real = match identity.as_deref().and_then(Path::parent) {
            Some(parent) => parent.to_owned(),
            None => {
                let directory = if written.as_os_str().is_empty() { Path::new(".") } else { written.as_path() };
                files.identity(directory).unwrap_or_else(|_| directory.to_owned())
            }
        };
        let bytes = sources.get(root).map_or(0, |source| source.text.len());
        let open = VecDeque::from([Open { source: root, base: Base::Directory(real.clone()) }]);
        let known = identity.map(|identity| (Identity::File(identity), Some(root))).into_iter().collect();
        Self { sources, files, remotes, directory: (written, real), known, open, bytes, found: DiagnosticSink::new() }
    }

    /// Bounded: each file is read once, and there are at most `MAX_MODULES`.
    fn run(mut self) -> Findings {
        while let Some(open) = self.open.pop_front() {
            let file = self.sources.parse(open.source).file();
            let uses = file.declarations().filter_map(|declaration| match declaration {
                ast::Decl::Use(declaration) => Some(declaration),
                _ => None,
            });
            for declaration in uses {
                // A path with an interpolation, or none, was found wrong by whoever reads the syntax.
                let (Some(ast::UsePath::Location(_)), Some(path), Some(span)) =
                    (declaration.path(), declaration.path_text(), declaration.path_span(open.source))
                else {
                    continue;
                };
                if self.sources.is_linked(open.source, &path) {
                    continue;
                }
                let target = match self.module(&path, span, &open.base) {
                    Ok(target) => target,
                    Err(refused) => {
                        self.found.extend(refused.map(|diagnostic| *diagnostic));
                        None
                    }
                };
                self.sources.link(open.source, path, target);
            }
        }
        let omitted = self.found.dropped();
        Findings { diagnostics: self.found.into_sorted(), omitted }
    }

    /// The text that a path means.
    fn module(&mut self, path: &str, span: Span, base: &Base) -> Result<Option<SourceId>, Refused> {
        if self.found.is_full() {
            self.found.count_dropped();
            return Err(None);
        }
        let location = locate(path, base).map_err(|unclear| {
            let message = format!("\"{path}\" leads to no module: {}", unclear.message);
            refusal(Diagnostic::error(codes::BAD_LOCATION, span, message).with_help(unclear.help))
        })?;
        match location {
            Location::File(file) => self.file(path, &file, span),
            Location::Remote(url) => self.remote(&url, span),
        }
    }

    fn file(&mut self, path: &str, file: &Path, span: Span) -> Result<Option<SourceId>, Refused> {
        let identity = self.files.identity(file).map_err(|error| self.unreadable(path, file, span, &error))?;
        if let Some(known) = self.known.get(&Identity::File(identity.clone())) {
            return Ok(*known);
        }
        if identity.extension().is_none_or(|extension| extension != EXTENSION.trim_start_matches('.')) {
            let real = shown(&self.directory.0, &self.directory.1, &identity);
            let message = format!("\"{path}\" is a link to `{real}`, whose name does not end in {EXTENSION}");
            return Err(refusal(Diagnostic::error(codes::NO_FILE, span, message)));
        }
        let bytes = self.files.read(&identity).map_err(|error| self.unreadable(path, file, span, &error))?;
        self.room_for(bytes.len(), span)?;
        let name = shown(&self.directory.0, &self.directory.1, &identity);
        let base = Base::Directory(identity.parent().unwrap_or(Path::new("/")).to_owned());
        let source = self.add(name, &bytes, base);
        self.known.insert(Identity::File(identity), source);
        Ok(source)
    }

    fn remote(&mut self, url: &Url, span: Span) -> Result<Option<SourceId>, Refused> {
        let identity = Identity::Remote(url.as_str().to_owned());
        if let Some(known) = self.known.get(&identity) {
            return Ok(*known);
        }
        self.room_for(0, span)?;
        let bytes = self.remotes.get(url).map_err(|refused| {
            let diagnostic = Diagnostic::error(refused.code, span, refused.message);
            refusal(match refused.help {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            })
        });
        // One that is used often is asked for once, and missed once.
        let source = match bytes.and_then(|bytes| self.room_for(bytes.len(), span).map(|()| bytes)) {
            Ok(bytes) => self.add(url.as_str().to_owned(), &bytes, Base::Remote(url.clone())),
            Err(refused) => {
                self.known.insert(identity, None);
                return Err(refused);
            }
        };
        self.known.insert(identity, source);
        Ok(source)
    }

    /// Adds a text and what it uses; what is no text is said in its own place, and used by nobody.
    fn add(&mut self, name: String, bytes: &[u8], base: Base) -> Option<SourceId> {
        let (text, wrong) = kit_lang::decode(bytes, self.sources.next_id());
        self.bytes += text.len();
        let source = self.sources.add(name, text);
        if let Some(wrong) = wrong {
            self.found.push(wrong);
            return None;
        }
        self.open.push_back(Open { source, base });
        Some(source)
    }

    /// Whether there may be one more module, of so many bytes.
    fn room_for(&self, bytes: usize, span: Span) -> Result<(), Refused> {
        let message = if self.known.len() > MAX_MODULES {
            format!("this is one module more than the {MAX_MODULES} that a program may have")
        } else if bytes <= MAX_SOURCE_BYTES && self.bytes + bytes > MAX_PROGRAM_BYTES {
            format!("with this module the program has more than {MAX_PROGRAM_BYTES} bytes")
        } else {
            return Ok(());
        };
        Err(refusal(Diagnostic::error(codes::TOO_MANY, span, message)))
    }

    fn unreadable(&self, path: &str, file: &Path, span: Span, error: &io::Error) -> Refused {
        let diagnostic = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                let found = Diagnostic::error(codes::NO_MODULE, span, format!("there is no file \"{path}\""));
                match self.nearest(path, file) {
                    Some(nearest) => found.with_help(format!("did you mean \"{nearest}\"?")),
                    None => found.with_help("a path is read from the directory of the file in which it stands"),
                }
            }
            io::ErrorKind::IsADirectory => {
                Diagnostic::error(codes::NO_FILE, span, format!("\"{path}\" is a directory"))
                    .with_help(format!("name a file in it: \"{path}/name.kit\""))
            }
            io::ErrorKind::InvalidInput => {
                Diagnostic::error(codes::NO_FILE, span, format!("\"{path}\" is no file: {error}"))
            }
            _ => Diagnostic::error(codes::UNREADABLE, span, format!("\"{path}\" cannot be read: {error}")),
        };
        refusal(diagnostic)
    }

    /// The path with the name of the module beside it that is nearly the same.
    fn nearest(&self, path: &str, file: &Path) -> Option<String> {
        let wanted = file.file_name()?.to_str()?;
        let directory = self.files.identity(file.parent()?).ok()?;
        let limit = (wanted.trim_end_matches(EXTENSION).chars().count() / 3).max(1);
        let names = self.files.names_in(&directory).into_iter().filter(|name| name.ends_with(EXTENSION));
        let (_, best) = names
            .map(|name| (strsim::damerau_levenshtein(wanted, &name), name))
            .filter(|(distance, _)| (1..=limit).contains(distance))
            .min()?;
        Some(format!("{}{best}", path.strip_suffix(wanted)?))
    }
}

fn refusal(diagnostic: Diagnostic) -> Refused {
    Some(Box::new(diagnostic))
}
