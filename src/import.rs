//! `kitc import`: documents of other tools become files of Kit.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kit_import::{Imported, Options, Outcome};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::printable::printable;
use crate::{files, formats};

/// Turn a document of another tool into a file of Kit
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    from: From,
}

/// Whose document it is.
#[derive(Debug, Subcommand)]
enum From {
    /// The groups of InfraKit, rendered, as JSON
    Infrakit(Infrakit),
}

/// The groups of InfraKit, rendered, as JSON
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc import infrakit groups.json                        look at it
  kitc import infrakit groups.json -o cluster.kit
  infrakit template --final URL | kitc import infrakit - -o cluster.kit

What could not be carried over is listed on standard error, with its place in the document, and stands
as comments in the file. The result has been checked before it is written.")]
struct Infrakit {
    /// The document; - is standard input
    #[arg(value_name = "FILE")]
    document: PathBuf,

    /// Write the file here instead of on standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The cluster's name; else what its tags say, or "imported"
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Import {
    /// Imports the document. Nothing is written unless all of it could be read and the result checks.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        match self.from {
            From::Infrakit(verb) => verb.run(console),
        }
    }
}

impl Infrakit {
    fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let mut findings = Findings::default();
        let (id, unreadable) = files::load(&self.document, &mut findings.sources);
        findings.diagnostics.extend(unreadable);
        let name = if self.document == Path::new(files::STANDARD_INPUT) {
            "standard input".to_owned()
        } else {
            self.document.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        let mut imported = None;
        if findings.diagnostics.is_empty()
            && let Some(source) = findings.sources.get(id)
        {
            let options = Options { name: self.name.as_deref(), document: &name };
            match kit_import::infrakit(id, &source.text, options) {
                Ok(found) => imported = Some(found),
                Err(found) => findings.diagnostics.extend(found),
            }
        }
        if let Some(imported) = &imported {
            let root = findings.sources.add(format!("<imported from {name}>"), imported.text.clone());
            let found = kit_compiler::check(&mut findings.sources, root);
            findings.diagnostics.extend(found.diagnostics);
            findings.omitted += found.omitted;
        }
        formats::show(&findings, console);
        let Some(imported) = imported.filter(|_| !findings.has_errors()) else { return Err(Failure::Reported) };
        match &self.output {
            Some(path) => files::write_atomically(path, imported.text.as_bytes())?,
            None => console.out().write_all(imported.text.as_bytes())?,
        }
        tell(&imported, &name, console);
        Ok(Exit::Fine)
    }
}

/// Lists what a person should look at, the worst first.
fn tell(imported: &Imported, document: &str, console: &mut Console) {
    let mut text = String::new();
    for (outcome, title) in [
        (Outcome::Lost, "not carried over"),
        (Outcome::Changed, "otherwise than in InfraKit"),
        (Outcome::Needless, "no longer needed"),
    ] {
        let notes = || imported.notes.iter().filter(|note| note.outcome == outcome);
        if notes().next().is_some() {
            text.push_str(&format!("{title}:\n"));
        }
        for (why, all) in kit_import::by_reason(notes()) {
            for note in all {
                text.push_str(&format!("  {document}:{}: {}\n", note.line, note.path));
            }
            text.push_str(&format!("    {why}\n"));
        }
    }
    if text.is_empty() {
        text.push_str("everything was carried over\n");
    }
    // A reader of standard error who went away changes nothing in the outcome.
    let _ = console.err().write_all(printable(&text).as_bytes());
}
