//! The graph as a drawing: Graphviz or Mermaid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::graph::{Graph, Group, Population};
use crate::value::Value;

/// Members of a group drawn one by one; of larger groups the rest is counted, as no one reads more.
const MAX_DRAWN_MEMBERS: usize = 24;

/// A box: its address, its lines of text, and whether it is a group's member.
struct Node {
    address: String,
    lines: Vec<String>,
}

/// An arrow from what needs to what is needed.
struct Edge {
    from: String,
    to: String,
}

/// A group: a frame around its members.
struct Frame {
    address: String,
    title: String,
    nodes: Vec<Node>,
}

struct Drawing {
    title: String,
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    edges: Vec<Edge>,
}

fn drawing(graph: &Graph) -> Drawing {
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    for resource in &graph.resources {
        nodes.push(Node {
            address: resource.address.clone(),
            lines: vec![resource.address.clone(), resource.kind.clone()],
        });
        edges.extend(resource.depends_on.iter().map(|to| Edge { from: resource.address.clone(), to: to.clone() }));
    }
    let frames = graph.groups.iter().map(|group| frame(group, graph.cluster.leader.as_deref())).collect();
    for group in &graph.groups {
        edges.extend(group.depends_on.iter().map(|to| Edge { from: group.name.clone(), to: to.clone() }));
    }
    Drawing { title: graph.cluster.name.clone(), nodes, frames, edges }
}

/// The instance of a component that a resource or a group stands in: what comes before the last dot of its address.
fn instance(address: &str) -> &str {
    address.rsplit_once('.').map_or("", |(instance, _)| instance)
}

/// Boxes and groups by the instance that they stand in; those of the file first.
fn by_instance(drawing: &Drawing) -> BTreeMap<&str, (Vec<&Node>, Vec<&Frame>)> {
    let mut all: BTreeMap<&str, (Vec<&Node>, Vec<&Frame>)> = BTreeMap::new();
    for node in &drawing.nodes {
        all.entry(instance(&node.address)).or_default().0.push(node);
    }
    for frame in &drawing.frames {
        all.entry(instance(&frame.address)).or_default().1.push(frame);
    }
    all
}

fn frame(group: &Group, leader: Option<&str>) -> Frame {
    let leads = if leader == Some(group.name.as_str()) { ", leads" } else { "" };
    let mut nodes = Vec::new();
    match &group.population {
        Population::Members(members) => {
            for member in members.iter().take(MAX_DRAWN_MEMBERS) {
                let mut lines = vec![member.id.clone()];
                lines.extend(member.ip.clone());
                let size = member.volume.as_ref().and_then(|volume| volume.get("size")).and_then(Value::as_str);
                if member.volume.is_some() {
                    lines.push(size.map_or_else(|| "volume".to_owned(), |size| format!("volume {size}")));
                }
                nodes.push(Node { address: format!("{}.{}", group.name, member.id), lines });
            }
            if members.len() > MAX_DRAWN_MEMBERS {
                let rest = members.len() - MAX_DRAWN_MEMBERS;
                nodes.push(Node { address: format!("{}.…", group.name), lines: vec![format!("and {rest} more")] });
            }
        }
        Population::Count(count) => {
            nodes.push(Node {
                address: format!("{}.count", group.name),
                lines: vec![if *count == 1 { "1 machine".to_owned() } else { format!("{count} machines") }],
            });
        }
    }
    Frame { address: group.name.clone(), title: format!("{} ({}{leads})", group.name, group.role.kind), nodes }
}

/// The graph in the language of Graphviz: `dot -Tsvg`.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let drawing = drawing(graph);
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let frames: BTreeSet<&str> = drawing.frames.iter().map(|frame| frame.address.as_str()).collect();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "digraph {} {{", quoted(&drawing.title));
    out.push_str("  compound=true;\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    let node = |out: &mut String, indent: &str, node: &Node| {
        let label = node.lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect::<Vec<_>>();
        let _ = writeln!(out, "{indent}{} [label=\"{}\"];", quoted(&node.address), label.join("\\n"));
    };
    for (instance, (nodes, frames)) in by_instance(&drawing) {
        let indent = if instance.is_empty() { "  " } else { "    " };
        if !instance.is_empty() {
            let _ = writeln!(out, "  subgraph {} {{", quoted(&format!("cluster_{instance}")));
            let _ = writeln!(out, "    label={};\n    style=dashed;", quoted(instance));
        }
        for one in nodes {
            node(&mut out, indent, one);
        }
        for frame in frames {
            let _ = writeln!(out, "{indent}subgraph {} {{", quoted(&format!("cluster_{}", frame.address)));
            let _ = writeln!(out, "{indent}  label={};", quoted(&frame.title));
            if !instance.is_empty() {
                let _ = writeln!(out, "{indent}  style=solid;");
            }
            for one in &frame.nodes {
                node(&mut out, &format!("{indent}  "), one);
            }
            let _ = writeln!(out, "{indent}}}");
        }
        if !instance.is_empty() {
            out.push_str("  }\n");
        }
    }
    // An arrow ends at a box; that of a group begins at its first and is cut at its frame.
    let first = |address: &str| -> Option<&str> {
        let frame = drawing.frames.iter().find(|frame| frame.address == address)?;
        frame.nodes.first().map(|node| node.address.as_str())
    };
    for Edge { from, to } in &drawing.edges {
        let mut attributes = Vec::new();
        let mut end = |address: &str, attribute: &str| -> Option<String> {
            if !frames.contains(address) {
                return Some(quoted(address));
            }
            attributes.push(format!("{attribute}={}", quoted(&format!("cluster_{address}"))));
            first(address).map(quoted)
        };
        let (Some(tail), Some(head)) = (end(from, "ltail"), end(to, "lhead")) else { continue };
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(out, "  {tail} -> {head}{attributes};");
    }
    out.push_str("}\n");
    out
}

/// The graph in the language of Mermaid, which many sites draw where it stands.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let drawing = drawing(graph);
    let text = |text: &str| text.replace('"', "&quot;");
    let mut names: Vec<&str> = Vec::new();
    for frame in &drawing.frames {
        names.push(&frame.address);
        names.extend(frame.nodes.iter().map(|node| node.address.as_str()));
    }
    names.extend(drawing.nodes.iter().map(|node| node.address.as_str()));
    let instances = by_instance(&drawing);
    names.extend(instances.keys().copied().filter(|instance| !instance.is_empty()));
    // Mermaid takes few characters in a name, so each address gets a number.
    names.sort_unstable();
    let id = |address: &str| names.binary_search(&address).map_or_else(|_| "n".to_owned(), |index| format!("n{index}"));
    let mut out = String::from("flowchart LR\n");
    let node = |out: &mut String, indent: &str, node: &Node| {
        let label: Vec<String> = node.lines.iter().map(|line| text(line)).collect();
        let _ = writeln!(out, "{indent}{}[\"{}\"]", id(&node.address), label.join("<br/>"));
    };
    for (instance, (nodes, frames)) in &instances {
        let indent = if instance.is_empty() { "  " } else { "    " };
        if !instance.is_empty() {
            let _ = writeln!(out, "  subgraph {}[\"{}\"]", id(instance), text(instance));
        }
        for one in nodes {
            node(&mut out, indent, one);
        }
        for frame in frames {
            let _ = writeln!(out, "{indent}subgraph {}[\"{}\"]", id(&frame.address), text(&frame.title));
            for one in &frame.nodes {
                node(&mut out, &format!("{indent}  "), one);
            }
            let _ = writeln!(out, "{indent}end");
        }
        if !instance.is_empty() {
            out.push_str("  end\n");
        }
    }
    for Edge { from, to } in &drawing.edges {
        let _ = writeln!(out, "  {} --> {}", id(from), id(to));
    }
    out
}
