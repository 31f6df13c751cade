//! What may be written after `kitc`: the frame of all verbs, their groups, and the help.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::console::Color;
use crate::deferred::Deferred;
use crate::exit::Exit;

/// Clusters whose machines have names: check, run and repair them from one file
#[derive(Debug, Parser)]
#[command(
    name = "kitc",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{before-help}Options:\n{options}{after-help}\n"
)]
pub(crate) struct CommandLine {
    /// Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One verb each; its arguments and its work are in the file of its name.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Begin a file: a cluster that checks, to be changed
    Init(Deferred<crate::init::Init>),

    /// Find all the errors of a file, without a network
    Check(Deferred<crate::check::Check>),

    /// Lay files out in the one way that Kit has
    Fmt(Deferred<crate::fmt::Fmt>),

    /// Run the tests that stand in files
    Test(Deferred<crate::test::Test>),

    /// Fetch the modules that a file uses by their addresses, and pin them
    Lock(Deferred<crate::lock::Lock>),

    /// Turn a document of another tool into a file of Kit
    Import(Deferred<crate::import::Import>),

    /// Print the graph of a file as JSON
    Compile(Deferred<crate::compile::Compile>),

    /// Look into the metadata of a file, set values of a cluster, write a snapshot
    Metadata(Deferred<crate::metadata::Metadata>),

    /// Write a page about files, from the `##` comments in them
    Doc(Deferred<crate::doc::Doc>),

    /// Draw the graph of a file
    Graph(Deferred<crate::graph::Draw>),

    /// Show what applying a file would do, and why; change nothing
    Plan(Deferred<crate::plan::Plan>),

    /// Make a cluster what its file says, and follow until it is
    Apply(Deferred<crate::apply::Apply>),

    /// Change what a running cluster is to be, and let its leader do it
    Commit(Deferred<crate::commit::Commit>),

    /// Commit an older revision again
    Rollback(Deferred<crate::rollback::Rollback>),

    /// Stop everything but looking, until `kitc resume`
    Pause(Deferred<crate::pause::Pause>),

    /// Go on after a pause, or try again what was frozen
    Resume(Deferred<crate::resume::Resume>),

    /// Bring back a cluster of which too few managers run to elect a leader
    Recover(Deferred<crate::recover::Recover>),

    /// End a cluster: its machines and resources, and the volumes that are named
    Destroy(Deferred<crate::destroy::Destroy>),

    /// Show each member, what Kit is doing, and what waits and why
    Status(Deferred<crate::status::Status>),

    /// List the revisions that can be gone back to
    History(Deferred<crate::history::History>),

    /// Show what the replicas did and decided
    Events(Deferred<crate::events::Events>),

    /// Hurt a simulated cloud, or show what is true in it
    Sim(Deferred<crate::sim::Sim>),

    /// Run a file's cluster through faults, in virtual time
    Simulate(Deferred<crate::simulate::Simulate>),

    /// Say what an error code means, or where the values of an address come from
    Explain(Deferred<crate::explain::Explain>),

    /// Boot a machine that Kit made: its volume, its engine, the Swarm, its replica
    Boot(Deferred<crate::boot::Boot>),

    /// Print the completions of a shell
    Completions(Deferred<crate::completions::Completions>),
}

/// The verbs as the help shows them. A test holds that none is missing.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Write a file",
        &["init", "check", "fmt", "test", "lock", "import", "compile", "graph", "metadata", "doc", "explain"],
    ),
    ("Run a cluster", &["plan", "apply", "commit", "rollback", "pause", "resume", "recover", "destroy"]),
    ("Look at a cluster", &["status", "history", "events"]),
    ("Try it without a cloud", &["simulate", "sim"]),
    ("The rest", &["boot", "completions"]),
];

const EXAMPLES: &str = "\
Examples:
  kitc check cluster.kit                            all the errors of a file
  kitc plan cluster.kit --set size=5                what would happen, and why
  kitc apply cluster.kit                            make it so, and ask first
  kitc simulate cluster.kit --kill leader@60s       how it heals, in virtual time
  kitc explain KIT5001                              what an error code means

Exit codes: 0 fine, 1 the input or the cluster has a problem, 2 wrong usage,
3 there is something to do (plan --exit-code), 70 a bug in kitc.
`kitc VERB --help` says all about a verb.";

/// The definition of the whole command line, from which help and completions are made too.
pub(crate) fn definition() -> clap::Command {
    let command = CommandLine::command();
    let verbs = grouped(&command);
    command.before_help(verbs).after_help(EXAMPLES)
}

fn grouped(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, verbs) in GROUPS {
        let mut lines = String::new();
        for verb in *verbs {
            let Some(found) = command.find_subcommand(verb) else { continue };
            let about = found.get_about().map(ToString::to_string).unwrap_or_default();
            lines.push_str(&format!("  {verb:<12} {about}\n"));
        }
        if !lines.is_empty() {
            text.push_str(&format!("{title}:\n{lines}\n"));
        }
    }
    text
}

/// Reads the command line. `Err` when there is nothing more to do: help was printed, or the usage is wrong and was said to be.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, Exit> {
    let parsed =
        definition().try_get_matches_from(arguments).and_then(|matches| CommandLine::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // A closed pipe is no reason to complain.
        let _ = error.print();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Fine,
            _ => Exit::WrongUsage,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn the_help_shows_each_verb_once() {
        let command = CommandLine::command();
        for verb in command.get_subcommands() {
            let shown = GROUPS.iter().flat_map(|(_, verbs)| *verbs).filter(|name| **name == verb.get_name()).count();
            assert_eq!(shown, 1, "`{}` stands {shown} times in GROUPS", verb.get_name());
            assert!(verb.get_about().is_some(), "`{}` has no line of help", verb.get_name());
        }
    }
}
