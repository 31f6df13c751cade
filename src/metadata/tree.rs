//! `kitc metadata ls` and `tree`: what there is, as it is declared.

use std::io::Write as _;
use std::path::Path;

use kit_compiler::{MetadataKind, MetadataNode};
use serde_json::json;

use super::{Below, asking, no_path};
use crate::cluster::kept_by_default;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::findings::Findings;
use crate::formats::{self, Format};
use crate::given::Given;
use crate::printable::printable;

/// Names that come without a question: nobody is asked but this machine.
const CHEAP: [&str; 3] = ["env.", "vars.", "sim."];

/// Lists the nodes directly below a path.
pub(super) fn ls(below: &Below, console: &mut Console) -> Result<Exit, Failure> {
    let roots = roots(below.of.file.as_deref(), console)?;
    let found = at(&roots, &below.path)?;
    let out = console.out();
    if matches!(below.of.format, Format::Json) {
        let names: Vec<_> = found
            .iter()
            .map(|node| json!({ "name": node.name, "path": node.path, "branch": is_branch(node) }))
            .collect();
        writeln!(out, "{:#}", serde_json::Value::from(names))?;
        return Ok(Exit::Fine);
    }
    for node in found {
        let mark = if is_branch(node) { "/" } else { "" };
        writeln!(out, "{}{mark}", node.name)?;
    }
    Ok(Exit::Fine)
}

/// Shows all below a path.
pub(super) fn tree(below: &Below, console: &mut Console) -> Result<Exit, Failure> {
    let roots = roots(below.of.file.as_deref(), console)?;
    let found = at(&roots, &below.path)?;
    let mut lines = Vec::new();
    for node in &found {
        write_node(node, 0, below.of.file.as_deref(), &below.of.given, &mut lines);
    }
    let out = console.out();
    if matches!(below.of.format, Format::Json) {
        let nodes: Vec<_> = found.iter().map(|node| in_json(node, below.of.file.as_deref(), &below.of.given)).collect();
        writeln!(out, "{:#}", serde_json::Value::from(nodes))?;
        return Ok(Exit::Fine);
    }
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= MAX_ALIGNED).max();
    for (line, doc) in &lines {
        let width = width.unwrap_or(0);
        match doc {
            Some(doc) => writeln!(out, "{:width$}  ## {}", printable(line), printable(doc))?,
            None => writeln!(out, "{}", printable(line))?,
        }
    }
    Ok(Exit::Fine)
}

/// A declaration longer than this does not push the documentation of all others to the right.
const MAX_ALIGNED: usize = 60;

/// The metadata of a file, or of the standard library.
pub(super) fn roots(file: Option<&Path>, console: &mut Console) -> Result<Vec<MetadataNode>, Failure> {
    let mut findings = Findings::default();
    let root = match file {
        Some(file) => files::load_program(file, &mut findings),
        None => Some(findings.sources.add("the standard library", asking::all_modules())),
    };
    let nodes = root.map(|root| {
        let (nodes, found) = kit_compiler::metadata(&mut findings.sources, root);
        findings.diagnostics.extend(found.diagnostics);
        findings.omitted += found.omitted;
        nodes
    });
    if findings.has_errors() {
        formats::show(&findings, console);
        return Err(Failure::Reported);
    }
    Ok(nodes.unwrap_or_default())
}

/// The nodes below a path, or the leaf at it.
fn at<'n>(roots: &'n [MetadataNode], path: &str) -> Result<Vec<&'n MetadataNode>, Failure> {
    let mut here: Vec<&MetadataNode> = roots.iter().collect();
    let mut walked = String::new();
    let words = path.strip_prefix("meta.").unwrap_or(path);
    for word in words.split(['.', '/']).filter(|word| !word.is_empty()) {
        let Some(found) = here.iter().copied().find(|node| node.name == word) else {
            let near = here
                .iter()
                .map(|node| (strsim::damerau_levenshtein(word, &node.name), node))
                .min_by_key(|(distance, _)| *distance);
            let help = match near {
                Some((distance, node)) if distance <= (word.chars().count() / 3).max(1) => {
                    format!("did you mean {}?", node.path)
                }
                Some(_) => {
                    format!("there is {}", here.iter().map(|node| node.path.as_str()).collect::<Vec<_>>().join(", "))
                }
                None if walked.is_empty() => "the file can ask for nothing".to_owned(),
                None => format!("{walked} is a value: kitc metadata cat {walked}"),
            };
            return Err(no_path(words, help));
        };
        walked.clone_from(&found.path);
        match &found.kind {
            MetadataKind::Branch(inner) => here = inner.iter().collect(),
            MetadataKind::Leaf { .. } => return Ok(vec![found]),
        }
    }
    Ok(here)
}

fn is_branch(node: &MetadataNode) -> bool {
    matches!(node.kind, MetadataKind::Branch(_))
}

/// A node and what is below it, a line each.
fn write_node(
    node: &MetadataNode,
    depth: usize,
    file: Option<&Path>,
    given: &Given,
    lines: &mut Vec<(String, Option<String>)>,
) {
    let indent = "  ".repeat(depth);
    let doc = node.doc.as_ref().map(|doc| doc.lines().collect::<Vec<_>>().join(" "));
    match &node.kind {
        MetadataKind::Branch(inner) => {
            lines.push((format!("{indent}{}", node.name), doc));
            for node in inner {
                write_node(node, depth + 1, file, given, lines);
            }
        }
        MetadataKind::Leaf { .. } => {
            let value = cheap_value(node, file, given).map(|value| match value {
                kit_graph::Value::Null => " = none".to_owned(),
                value => format!(" = {}", super::json(&value)),
            });
            lines.push((format!("{indent}{}{}", declaration(node), value.unwrap_or_default()), doc));
        }
    }
}

/// A leaf as it is declared.
fn declaration(node: &MetadataNode) -> String {
    let MetadataKind::Leaf { ty, params, .. } = &node.kind else { return node.name.clone() };
    let params = params.as_ref().map(|params| {
        let params: Vec<String> = params
            .iter()
            .map(|param| match &param.default {
                Some(default) => format!("{}: {} = {default}", param.name, param.ty),
                None => format!("{}: {}", param.name, param.ty),
            })
            .collect();
        format!("({})", params.join(", "))
    });
    format!("{}{}: {ty}", node.name, params.unwrap_or_default())
}

/// The value of a leaf that costs nothing to ask; none for a secret, and for one that has no answer.
fn cheap_value(node: &MetadataNode, file: Option<&Path>, given: &Given) -> Option<kit_graph::Value> {
    let MetadataKind::Leaf { params: None, secret: false, .. } = &node.kind else { return None };
    if !CHEAP.iter().any(|cheap| node.path.starts_with(cheap)) {
        return None;
    }
    asking::value_if_any(&node.path, file, given, &kept_by_default())
}

fn in_json(node: &MetadataNode, file: Option<&Path>, given: &Given) -> serde_json::Value {
    let mut entry = json!({ "name": node.name, "path": node.path, "documentation": node.doc });
    match &node.kind {
        MetadataKind::Branch(inner) => {
            entry["children"] = inner.iter().map(|node| in_json(node, file, given)).collect();
        }
        MetadataKind::Leaf { ty, params, ambient, secret } => {
            entry["type"] = ty.as_str().into();
            entry["ambient"] = (*ambient).into();
            entry["secret"] = (*secret).into();
            if let Some(params) = params {
                entry["parameters"] = params
                    .iter()
                    .map(|param| json!({ "name": param.name, "type": param.ty, "default": param.default }))
                    .collect();
            }
            if let Some(value) = cheap_value(node, file, given) {
                entry["value"] = json!(value);
            }
        }
    }
    entry
}
