//! The metadata of a file as a tree, and single lookups of it: for those who explore.

use kit_graph::Value as GraphValue;
use kit_lang::{Diagnostic, SourceId};

use crate::codes;
use crate::compile::{Findings, Lookup, given_params, load, load_with, needed, unanswered};
use crate::eval::{Evaluator, Mode};
use crate::expand::Expanded;
use crate::hir::{Binding, DefRef, MetaEntry, MetaKind, Program};
use crate::inputs::{Inputs, MAX_LOOKUP_ROUNDS};
use crate::outside;
use crate::report::Report;
use crate::sources::Sources;
use crate::types::Ty;
use crate::value::{Awaited, Data};

/// A branch or a leaf of the metadata that a file may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataNode {
    /// Its own name.
    pub name: String,
    /// Its path from the root: `aws.image`.
    pub path: String,
    /// What it is, from its documentation.
    pub doc: Option<String>,
    /// What it is.
    pub kind: MetadataKind,
}

/// What a node of the metadata is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataKind {
    /// A branch, and what is below it.
    Branch(Vec<MetadataNode>),
    /// A leaf.
    Leaf {
        /// The type of its value, as it is written.
        ty: String,
        /// What it is asked with; none if it is asked by its name alone.
        params: Option<Vec<MetadataParam>>,
        /// It is answered without asking the cluster's provider.
        ambient: bool,
        /// The answer is shown to nobody.
        secret: bool,
    },
}

/// A parameter of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataParam {
    /// Its name.
    pub name: String,
    /// Its type, as it is written.
    pub ty: String,
    /// Its default, as it is written.
    pub default: Option<String>,
}

/// The metadata that a file may ask for: its own, and that of the modules it uses.
pub fn metadata(sources: &mut Sources, root: SourceId) -> (Vec<MetadataNode>, Findings) {
    let mut report = Report::default();
    let (program, _) = load(sources, root, &mut report);
    let mut modules = vec![0];
    modules.extend(program.module(0).by_name.values().filter_map(|binding| match binding {
        Binding::Module(module, _) => *module,
        Binding::Def(_) => None,
    }));
    let mut nodes: Vec<MetadataNode> = modules
        .into_iter()
        .flat_map(|module| nodes(&program, sources, module, &program.module(module).metadata, ""))
        .collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    (nodes, Findings::of(report))
}

/// As deep as the tree that was parsed, which is bounded.
fn nodes(program: &Program, sources: &Sources, module: u16, entries: &[MetaEntry], above: &str) -> Vec<MetadataNode> {
    let written = |expr| {
        let span = program.expr_span(module, expr);
        let text = sources.get(span.source).map_or("", |source| source.text.as_str());
        text.get(span.start as usize..span.end as usize).unwrap_or_default().to_owned()
    };
    entries
        .iter()
        .map(|entry| {
            let name = program.names.text(entry.name).to_owned();
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            let kind = match &entry.kind {
                MetaKind::Group(inner) => MetadataKind::Branch(nodes(program, sources, module, inner, &path)),
                MetaKind::Value { ambient, params, ty } => MetadataKind::Leaf {
                    ty: program.show(ty),
                    params: params.as_ref().map(|params| {
                        params
                            .iter()
                            .map(|param| MetadataParam {
                                name: program.names.text(param.name).to_owned(),
                                ty: program.show(&param.ty),
                                default: param.default.map(written),
                            })
                            .collect()
                    }),
                    ambient: *ambient || !program.module(module).is_std,
                    secret: matches!(program.strip(ty), Ty::Secret(_)),
                },
            };
            MetadataNode { name, path, doc: entry.doc.clone(), kind }
        })
        .collect()
}

/// How far a single value came.
#[derive(Debug)]
pub enum Evaluation {
    /// Make these lookups, give the answers, and ask again.
    Need(Vec<Lookup>),
    /// The value.
    Done(GraphValue),
    /// The file or what was given beside it is wrong.
    Failed(Findings),
}

/// The value of one `let` of a file, with the lookups that it needs and no others. Parameters that it does not need
/// may be missing.
pub fn evaluate(sources: &mut Sources, root: SourceId, inputs: &Inputs, name: &str) -> Evaluation {
    let mut report = Report::default();
    let (program, checked) = load_with(sources, root, inputs, &mut report);
    let params = given_params(&program, inputs, &mut report);
    let found = program.names.find(name).and_then(|name| program.module(0).by_name.get(&name).copied());
    let (Some(Binding::Def(index)), false) = (found, report.has_errors()) else {
        return Evaluation::Failed(Findings::of(report));
    };
    let mut evaluator = Evaluator::new(&program, &checked, &mut report, Mode::Check, &params, Some(&inputs.answers));
    let value = evaluator.def_value(DefRef { module: 0, index });
    let lookups = evaluator.lookups.clone();
    // A file without a cluster asks providers as they are by default.
    let has_cluster = !program.module(0).clusters.is_empty();
    let expanded = if has_cluster { evaluator.cluster() } else { Expanded::default() };
    evaluator.lookups = lookups;
    if evaluator.report.has_errors() {
        return Evaluation::Failed(Findings::of(report));
    }
    let needed = needed(&evaluator, &expanded);
    match &value.data {
        Data::Awaited(Awaited::Param(def)) => {
            let span = evaluator.origin_span(value.origin);
            let name = program.path_of(*def);
            report.push(|_| {
                Diagnostic::error(codes::PARAM_MISSING, span, format!("the parameter `{name}` was not given"))
                    .with_help(format!("give it with --set {name}=…"))
            });
        }
        _ if needed.is_empty() => {
            let lowered = outside::to_graph(&program, &value, &|thing| evaluator.address(thing));
            return Evaluation::Done(lowered);
        }
        _ if inputs.snapshot.is_some() => unanswered(inputs, &needed, &mut report),
        _ if inputs.rounds >= MAX_LOOKUP_ROUNDS => {
            let span = needed[0].span;
            report.error(codes::TOO_MANY_ROUNDS, span, || {
                format!("after {MAX_LOOKUP_ROUNDS} rounds of lookups this one is still open")
            });
        }
        _ => match needed.iter().find(|lookup| has_cluster && !lookup.ambient && lookup.provider.is_none()) {
            Some(unasked) => report.error(codes::NEEDED_EARLIER, unasked.span, || {
                format!(
                    "`meta.{}` is asked through the cluster's provider, whose own settings are not known",
                    unasked.path
                )
            }),
            None => return Evaluation::Need(needed),
        },
    }
    Evaluation::Failed(Findings::of(report))
}
