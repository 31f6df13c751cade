//! `kitc metadata`: what a file can ask for, as a tree of paths that a person walks through.

mod asking;
mod tree;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use kit_compiler::Snapshot;
use kit_runtime::VarsStore;

use crate::cluster::{Place, block_on, kept_by_default};
use crate::codes;
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats::Format;
use crate::given::Given;
use crate::moment::now_rfc3339;
use crate::printable::printable;

/// Look into the metadata of a file, set values of a cluster, write a snapshot
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc metadata ls                                        what can be asked at all
  kitc metadata tree -f cluster.kit                       all that the file can ask, with types and documentation
  kitc metadata cat sim.region
  kitc metadata cat 'sim.image(\"debian-12\")' -f cluster.kit
  kitc metadata set workers=5 db.zone=b -f cluster.kit    values that the file reads as meta.vars
  kitc metadata snapshot cluster.kit -o snapshot.json     all answers, for check --metadata

What a provider knows is declared by the standard library; what stands in `env`, `file`, `http` and `vars`,
the file declares itself: metadata env { HOME: string }, metadata file { motd(path: string = \"motd.txt\"): string }.
Text that is answered is read as --set reads it: lists, maps and records are JSON.")]
pub(crate) struct Metadata {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// List what is directly below a path; below the root without one
    Ls(Below),
    /// Print the value at a path
    Cat(Cat),
    /// Show all that is below a path: types, documentation, and values that cost nothing
    Tree(Below),
    /// Set values for a cluster, which its file reads as meta.vars
    Set(Set),
    /// Unset values of a cluster
    Unset(Unset),
    /// Ask all that a file needs, and write the answers into a snapshot; secrets are left out
    Snapshot(Write),
}

/// Whose metadata is looked at, and how it is written.
#[derive(Debug, Args)]
struct Of {
    /// The file whose metadata it is; without it, that of the standard library
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    given: Given,

    /// How it is written: human or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// A branch of the tree.
#[derive(Debug, Args)]
struct Below {
    /// A path, such as aws, or vars.db
    #[arg(value_name = "PATH", default_value = "", hide_default_value = true)]
    path: String,

    #[command(flatten)]
    of: Of,
}

/// One value.
#[derive(Debug, Args)]
struct Cat {
    /// A path, with the arguments of a lookup: aws.region, 'aws.image("debian-12-*")'
    #[arg(value_name = "PATH")]
    path: String,

    #[command(flatten)]
    of: Of,
}

/// Values of a cluster.
#[derive(Debug, Args)]
struct Set {
    /// Values by their names: workers=5
    #[arg(required = true, value_name = "NAME=VALUE", value_parser = crate::given::assignment)]
    values: Vec<String>,

    /// The cluster's file, by whose declarations the values are checked
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    place: Place,
}

/// Values of a cluster that go.
#[derive(Debug, Args)]
struct Unset {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    place: Place,
}

/// A snapshot.
#[derive(Debug, Args)]
struct Write {
    #[command(flatten)]
    input: Input,

    /// Write a file, whole or not at all, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Metadata {
    /// Does what is asked.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        match self.deed {
            Deed::Ls(below) => tree::ls(&below, console),
            Deed::Tree(below) => tree::tree(&below, console),
            Deed::Cat(cat) => cat.run(console),
            Deed::Set(set) => set.run(console),
            Deed::Unset(unset) => unset.run(console),
            Deed::Snapshot(write) => write.run(console),
        }
    }
}

impl Cat {
    fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let mut question = asking::Question::new(&self.path, self.of.file.as_deref(), &self.of.given, console)?;
        let (value, asked) = question.answered(&kept_by_default(), console)?;
        let out = console.out();
        match (self.of.format, &value) {
            // As it is, as `cat` writes what is in a file; but nothing commands a terminal.
            (Format::Human, kit_graph::Value::String(text)) => writeln!(out, "{}", printable(text))?,
            (Format::Human, value) => writeln!(out, "{}", printable(&json(value)))?,
            (Format::Json, value) => {
                let (by, at) = asked.map_or((None, None), |asked| (Some(asked.by), asked.at));
                let entry = serde_json::json!({
                    "path": self.path,
                    "value": value,
                    "answered_by": by,
                    "asked_at": at,
                });
                writeln!(out, "{entry:#}")?;
            }
        }
        Ok(Exit::Fine)
    }
}

impl Set {
    fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let mut cluster = None;
        let mut changes = Vec::with_capacity(self.values.len());
        let mut wrong = false;
        for assignment in &self.values {
            let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
            if let Some(file) = &self.file {
                // All that is wrong is said in one run.
                match asking::checked_value(name, value, file, &self.given, console) {
                    Ok(named) => cluster = Some(named),
                    Err(Failure::Reported) => wrong = true,
                    Err(other) => return Err(other),
                }
            }
            changes.push((name.to_owned(), Some(value.to_owned())));
        }
        if wrong {
            return Err(Failure::Reported);
        }
        change(&self.place, cluster, &changes, console)
    }
}

impl Unset {
    fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let changes: Vec<(String, Option<String>)> = self.names.into_iter().map(|name| (name, None)).collect();
        change(&self.place, None, &changes, console)
    }
}

fn change(
    place: &Place,
    cluster: Option<String>,
    changes: &[(String, Option<String>)],
    console: &mut Console,
) -> Result<Exit, Failure> {
    let cluster = place.name(cluster)?;
    let store = VarsStore::of(place.clusters(), &cluster);
    let before = store.read()?;
    let now = block_on(async { Ok(store.change(changes).await?) })?;
    let out = console.out();
    for (name, _) in changes {
        let shown = |value: Option<&String>| value.map_or("nothing".to_owned(), |value| format!("{value:?}"));
        let (old, new) = (shown(before.values.get(name)), shown(now.values.get(name)));
        if old == new {
            writeln!(out, "{name} is {} as before", printable(&new))?;
        } else {
            writeln!(out, "{name}: {} -> {}", printable(&old), printable(&new))?;
        }
    }
    if now.version != before.version {
        writeln!(
            out,
            "set for the cluster {}, version {}; a plan with --refresh shows what it changes",
            printable(&cluster),
            now.version
        )?;
    }
    Ok(Exit::Fine)
}

impl Write {
    fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.graph(console)?;
        let snapshot = Snapshot { asked_at: Some(now_rfc3339()), answers: graph.lookups };
        let text = snapshot.to_text();
        match &self.output {
            Some(path) => files::write_atomically(path, text.as_bytes())?,
            None => console.out().write_all(text.as_bytes())?,
        }
        Ok(Exit::Fine)
    }
}

/// A value as JSON.
fn json(value: &kit_graph::Value) -> String {
    // Values have no key that is not text, so this cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// Nothing has this path.
fn no_path(path: &str, help: String) -> Failure {
    Failure::new(codes::NO_METADATA, format!("there is no metadata {}", printable(path))).with_help(help)
}
