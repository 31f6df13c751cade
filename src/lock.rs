//! `kitc lock`: fetches the modules of other hosts, and writes down what they are.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use kit_loader::{Change, Disk, Fetcher, LOCK_NAME, Limits, Locking};

use crate::codes;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{CodedFailure, Failure};
use crate::findings::Findings;
use crate::printable::printable;
use crate::{files, formats};

/// Fetch the modules that a file uses by their addresses, and pin them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc lock cluster.kit                               fetch and pin what is not pinned yet
  kitc lock cluster.kit --update                      take what is new of all
  kitc lock cluster.kit --update=https://host/a.kit   take what is new of one
  kitc lock cluster.kit --verify                      fetch again and compare; change nothing
  kitc lock cluster.kit --offline                     see that all is here, without a network

kit.lock and the copies in kit.modules stand beside FILE and belong into version control. No other
verb fetches anything. The authorities of this machine are trusted, or those in SSL_CERT_FILE.")]
pub(crate) struct Lock {
    /// The file whose modules are locked, through others too
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Take what is new, of one address or of all; may be repeated
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with_all = ["verify", "offline"])]
    update: Vec<String>,

    /// Fetch everything again, compare, and change nothing
    #[arg(long, conflicts_with = "offline")]
    verify: bool,

    /// Fetch nothing; fail if something would have to be
    #[arg(long)]
    offline: bool,

    /// Trust the authorities in this file of PEM too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Lock {
    /// Locks what the file uses. Nothing is written unless all of it could be had.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        if self.file == Path::new(files::STANDARD_INPUT) {
            return Err(Failure::wrong_usage(
                codes::NOT_FOUND,
                "standard input has no place where a lock file could stand",
            ));
        }
        let mut locking = Locking::beside(&self.file, self.fetcher()?).map_err(refused)?;
        if self.verify {
            locking = locking.verifying();
        } else if !self.update.is_empty() {
            locking = locking.updating(self.update.iter().filter(|address| !address.is_empty()).cloned());
        }
        let mut findings = Findings::default();
        let (root, unreadable) = files::load(&self.file, &mut findings.sources);
        findings.diagnostics.extend(unreadable);
        if !findings.has_errors() {
            let found = kit_loader::load(&mut findings.sources, root, Some(&self.file), &Disk, &mut locking);
            findings.diagnostics.extend(found.diagnostics);
            findings.omitted += found.omitted;
        }
        if findings.has_errors() {
            formats::show(&findings, console);
            return Err(Failure::Reported);
        }
        locking.all_used().map_err(refused)?;
        for write in locking.writes() {
            if let Some(directory) = write.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                std::fs::create_dir_all(directory).map_err(|error| {
                    Failure::new(codes::NOT_WRITTEN, format!("`{}` cannot be made: {error}", files::shown(directory)))
                })?;
            }
            files::write_atomically(&write.path, &write.bytes)?;
        }
        report(&locking, console)
    }

    fn fetcher(&self) -> Result<Option<Fetcher>, Failure> {
        if self.offline {
            return Ok(None);
        }
        let authorities = match &self.ca {
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                Failure::new(codes::UNREADABLE, format!("`{}` cannot be read: {error}", files::shown(path)))
            })?),
            None => None,
        };
        Fetcher::new(authorities.as_deref(), Limits::default()).map(Some).map_err(|error| refused(error.into()))
    }
}

fn refused(refusal: kit_loader::Refusal) -> Failure {
    let failure = CodedFailure::new(refusal.code, refusal.message);
    Failure::Coded(match refusal.help {
        Some(help) => failure.with_help(help),
        None => failure,
    })
}

fn report(locking: &Locking, console: &mut Console) -> Result<Exit, Failure> {
    let out = console.out();
    let mut same = 0;
    for (address, change) in locking.changes() {
        let address = printable(address);
        match change {
            Change::Added(pin) => writeln!(out, "added    {address} {pin}")?,
            Change::Updated { from, to } => writeln!(out, "updated  {address} {from} -> {to}")?,
            Change::Same(_) => same += 1,
        }
    }
    match (locking.changes().len(), same) {
        (0, _) => writeln!(out, "the file uses no modules of other hosts")?,
        (all, same) if all == same => writeln!(out, "{LOCK_NAME} holds: {}", counted(same))?,
        (_, 0) => {}
        (_, same) => writeln!(out, "as it was: {}", counted(same))?,
    }
    Ok(Exit::Fine)
}

fn counted(modules: usize) -> String {
    if modules == 1 { "1 module".to_owned() } else { format!("{modules} modules") }
}
