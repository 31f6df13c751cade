//! `kitc explain`: what a code means, and where the values at an address come from.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use kit_graph::{Explained, OriginKind, Value};

use crate::codes;
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::given::Given;
use crate::printable::printable;

/// Say what an error code means, or where the values of an address come from
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc explain                          all codes
  kitc explain KIT5002                  what a code means, with a wrong example and a right one
  kitc explain managers.m1 cluster.kit  each value of a member, and the line that it comes from
  kitc explain managers cluster.kit --set size=5")]
pub(crate) struct Explain {
    /// A code, such as KIT5002, or an address in FILE; without it, all codes are listed
    subject: Option<String>,

    /// The file in which the address is
    #[arg(value_name = "FILE", requires = "subject")]
    file: Option<PathBuf>,

    #[command(flatten)]
    given: Given,
}

impl Explain {
    /// Prints the page of a code, the values at an address, or the list of all codes.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        match (self.subject, self.file) {
            (None, _) => list(console),
            (Some(code), None) => page(&code, console),
            (Some(address), Some(file)) => values(&address, Input::new(file, self.given), console),
        }
    }
}

fn list(console: &mut Console) -> Result<Exit, Failure> {
    for info in codes::all() {
        writeln!(console.out(), "{}  {}", info.code, info.title)?;
    }
    Ok(Exit::Fine)
}

fn page(subject: &str, console: &mut Console) -> Result<Exit, Failure> {
    if let Some(info) = codes::all().find(|info| info.code.eq_ignore_ascii_case(subject)) {
        console.out().write_all(info.page.trim_start_matches("# ").as_bytes())?;
        return Ok(Exit::Fine);
    }
    let shown = printable(subject);
    let is_code = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("KIT"));
    Err(if is_code {
        Failure::new(codes::NOTHING_TO_EXPLAIN, format!("there is no code {shown}"))
            .with_help("`kitc explain` alone lists all codes")
    } else {
        Failure::new(codes::NOTHING_TO_EXPLAIN, format!("{shown} is no code"))
            .with_help(format!("if it is an address, name its file too: kitc explain {shown} FILE"))
    })
}

fn values(address: &str, input: Input, console: &mut Console) -> Result<Exit, Failure> {
    let graph = input.graph(console)?;
    let found = graph.explain(address);
    if found.is_empty() {
        let mut known: Vec<&str> = graph.resources.iter().map(|resource| resource.address.as_str()).collect();
        known.extend(graph.groups.iter().map(|group| group.name.as_str()));
        return Err(Failure::new(
            codes::NOTHING_TO_EXPLAIN,
            format!("nothing in the file has the address {}", printable(address)),
        )
        .with_help(format!("its addresses begin with {}, cluster or outputs", known.join(", "))));
    }
    let lines: Vec<(String, String)> =
        found.iter().map(|one| (format!("{} = {}", one.address, shown(&one.value)), why(one))).collect();
    let width = lines.iter().map(|(value, _)| value.chars().count()).filter(|width| *width <= MAX_ALIGNED).max();
    for (value, why) in lines {
        let width = width.unwrap_or(0);
        writeln!(console.out(), "{:width$}  {}", printable(&value), printable(&why))?;
    }
    Ok(Exit::Fine)
}

/// A value longer than this does not push the reasons of all others to the right.
const MAX_ALIGNED: usize = 60;

/// A value as the graph holds it.
fn shown(value: &Value) -> String {
    // Values have no key that is not text, so this cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn why(explained: &Explained) -> String {
    let Some(origin) = &explained.origin else { return String::new() };
    let place = format!("{}:{}:{}", origin.file, origin.line, origin.column);
    match &origin.kind {
        OriginKind::Literal => format!("written at {place}"),
        OriginKind::Computed => format!("computed at {place}"),
        OriginKind::Default => format!("the default, at {place}"),
        OriginKind::Param(name) => format!("the parameter {name}, given by {place}"),
        OriginKind::Lookup(key) => format!("looked up: meta.{key}, asked at {place}"),
    }
}
