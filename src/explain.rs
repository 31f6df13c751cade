//! `kitc explain`: what a code means, and where the values at an address come from.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use kit_graph::{Explained, Graph, OriginKind, Population, Value};

use crate::codes;
use crate::compile::{Declared, Input};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::given::Given;
use crate::lookups::Asked;
use crate::printable::printable;

/// Say what an error code means, or where the values of an address come from
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc explain                          all codes
  kitc explain KIT5002                  what a code means, with a wrong example and a right one
  kitc explain managers.m1 cluster.kit  each value of a member, and the line that it comes from
  kitc explain machine_type cluster.kit a parameter or a `let`: where it stands, and what comes from it
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
    let number = format!("KIT{subject}");
    let named = |code: &str| code.eq_ignore_ascii_case(subject) || code == number;
    if let Some(info) = codes::all().find(|info| named(info.code)) {
        console.out().write_all(info.page.trim_start_matches("# ").as_bytes())?;
        return Ok(Exit::Fine);
    }
    let shown = printable(subject);
    let digits = subject.chars().all(|character| character.is_ascii_digit());
    let is_code = digits || subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("KIT"));
    Err(if is_code {
        Failure::new(codes::NOTHING_TO_EXPLAIN, format!("there is no code {shown}"))
            .with_help("`kitc explain` alone lists all codes")
    } else {
        Failure::new(codes::NOTHING_TO_EXPLAIN, format!("{shown} is no code"))
            .with_help(format!("if it is an address, name its file too: kitc explain {shown} FILE"))
    })
}

fn values(address: &str, input: Input, console: &mut Console) -> Result<Exit, Failure> {
    let (graph, asked) = input.graph_and_answers(console)?;
    let mut found = graph.explain(address);
    found.extend(of_the_group(&graph, address, &found));
    if found.is_empty() {
        // Outputs by their own names: `entry` is `outputs.entry`.
        found = graph.explain(&format!("outputs.{address}"));
    }
    let declared = input.declaration(address);
    if let Some(declared) = &declared {
        let place = format!("{}:{}:{}", declared.file, declared.line, declared.column);
        writeln!(console.out(), "{}  declared at {place}", printable(&declared.text))?;
        found.extend(values_of(&graph, declared));
    }
    if found.is_empty() && declared.is_none() {
        let mut known: Vec<&str> = graph.resources.iter().map(|resource| resource.address.as_str()).collect();
        known.extend(graph.groups.iter().map(|group| group.name.as_str()));
        known.extend(graph.outputs.keys().map(String::as_str));
        return Err(Failure::new(
            codes::NOTHING_TO_EXPLAIN,
            format!("nothing in the file has the address {}", printable(address)),
        )
        .with_help(format!("its addresses begin with {}, cluster or outputs", known.join(", "))));
    }
    let lines: Vec<(String, String)> =
        found.iter().map(|one| (format!("{} = {}", one.address, shown(&one.value)), why(one, &asked))).collect();
    let width = lines.iter().map(|(value, _)| value.chars().count()).filter(|width| *width <= MAX_ALIGNED).max();
    for (value, why) in lines {
        let width = width.unwrap_or(0);
        writeln!(console.out(), "{:width$}  {}", printable(&value), printable(&why))?;
    }
    Ok(Exit::Fine)
}

/// What a member or a slot has from its group: the machine that each of the group begins from, but for what is its own.
fn of_the_group(graph: &Graph, address: &str, own: &[Explained]) -> Vec<Explained> {
    let Some((group, id)) = address.split_once('.') else { return Vec::new() };
    let Some(group) = graph.groups.iter().find(|one| one.name == group) else { return Vec::new() };
    let id = id.strip_prefix("members[\"").and_then(|id| id.strip_suffix("\"]")).unwrap_or(id);
    let is_one = match &group.population {
        Population::Members(members) => members.iter().any(|member| member.id == id),
        Population::Count(count) => id.parse::<u32>().is_ok_and(|slot| (1..=*count).contains(&slot)),
    };
    if !is_one {
        return Vec::new();
    }
    let of_group = graph.explain(&format!("{}.machine", group.name)).into_iter();
    of_group
        .map(|one| {
            let rest = one.address.strip_prefix(group.name.as_str()).unwrap_or_default().to_owned();
            Explained { address: format!("{}.{id}{rest}", group.name), ..one }
        })
        .filter(|one| !own.iter().any(|own| own.address == one.address))
        .collect()
}

/// The values of the graph that come from a declaration: those that its parameter was given for, and those that stand in it.
fn values_of(graph: &Graph, declared: &Declared) -> Vec<Explained> {
    let comes_from = |one: &Explained| {
        one.origin.as_ref().is_some_and(|origin| match &origin.kind {
            OriginKind::Param(name) => declared.is_param && *name == declared.name,
            _ => *origin.file == *declared.file && (declared.line..=declared.last_line).contains(&origin.line),
        })
    };
    let roots = graph.resources.iter().map(|one| one.address.as_str());
    let roots = roots.chain(graph.groups.iter().map(|one| one.name.as_str())).chain(["cluster", "outputs"]);
    roots.flat_map(|root| graph.explain(root)).filter(comes_from).collect()
}

/// A value longer than this does not push the reasons of all others to the right.
const MAX_ALIGNED: usize = 60;

/// A value as the graph holds it.
fn shown(value: &Value) -> String {
    // Values have no key that is not text, so this cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn why(explained: &Explained, asked: &BTreeMap<String, Asked>) -> String {
    let Some(origin) = &explained.origin else { return String::new() };
    let place = format!("{}:{}:{}", origin.file, origin.line, origin.column);
    match &origin.kind {
        OriginKind::Literal => format!("written at {place}"),
        OriginKind::Computed => format!("computed at {place}"),
        OriginKind::Default => format!("the default, at {place}"),
        OriginKind::Param(name) => format!("the parameter {name}, given by {place}"),
        OriginKind::Lookup(key) => {
            let answered = asked.get(key).map_or_else(String::new, |asked| match &asked.at {
                Some(at) => format!(", answered by {} at {at}", asked.by),
                None => format!(", answered by {}", asked.by),
            });
            format!("looked up: meta.{key}, asked at {place}{answered}")
        }
    }
}
