//! The two things the compiler does: check a file, and compile it.

use std::collections::BTreeMap;

use kit_graph::{Graph, Instance, SecretText};
use kit_lang::{Diagnostic, Severity, SourceId, Span};

use crate::check::{Checked, Checker};
use crate::codes;
use crate::eval::{Evaluator, GivenParam, GivenValue, Mode};
use crate::expand::Expanded;
use crate::hir::{DefKind, MetaKind, Program, TestDecl};
use crate::inputs::{GivenBy, Inputs, MAX_LOOKUP_ROUNDS, ParamInput, ParamValue};
use crate::lower::Lowering;
use crate::outside;
use crate::report::{DiagnosticExt as _, Report};
use crate::sources::Sources;
use crate::types::Ty;
use crate::value::{Data, Origin, OriginKind, Value};
use crate::warnings;

/// What was found, by place.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The first of them, up to a limit.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were.
    pub omitted: usize,
}

impl Findings {
    /// Whether there is an error among them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.omitted > 0 || self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(crate) fn of(report: Report) -> Self {
        let omitted = report.dropped();
        Self { diagnostics: report.into_sorted(), omitted }
    }
}

/// A lookup that has to be made before compilation can go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The key under which the answer is given: `aws.image("debian-12-amd64-*")`.
    pub key: String,
    /// The path: `aws.image`.
    pub path: String,
    /// The arguments by name, defaults included, in the order of the declaration.
    pub args: Vec<(String, kit_graph::Value)>,
    /// Whether it is answered without asking the cluster's provider.
    pub ambient: bool,
    /// Whether the answer is a secret, which is shown to nobody and kept in no snapshot.
    pub secret: bool,
    /// Whether that there is nothing is an answer too.
    pub optional: bool,
    /// The cluster that it is asked for; none if its name is not known.
    pub cluster: Option<String>,
    /// The provider to ask; none if its own settings wait for a lookup, or if there is no need of one.
    pub provider: Option<Instance>,
    /// Where the file asks.
    pub span: Span,
}

/// A file that was compiled.
#[derive(Debug)]
pub struct Compiled {
    /// The graph.
    pub graph: Graph,
    /// Its canonical bytes, which its hash was made from.
    pub bytes: Vec<u8>,
    /// What the secrets are that were given, by the names that the graph has for them. They go no further than to whoever
    /// knows the key of the cluster.
    pub secrets: BTreeMap<String, SecretText>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// How far a compilation came.
#[derive(Debug)]
pub enum Step {
    /// Make these lookups, give the answers with [`Inputs::answer`], and compile again.
    Need(Vec<Lookup>),
    /// Done.
    Done(Box<Compiled>),
    /// The file or what was given beside it is wrong.
    Failed(Findings),
}

/// Checks a file: without parameters and lookups, and postponing what depends on them. Of a file without errors it
/// also says what is right and yet hardly meant.
pub fn check(sources: &mut Sources, root: SourceId) -> Findings {
    let mut report = Report::default();
    let (program, checked) = load(sources, root, &mut report);
    let params = BTreeMap::new();
    Evaluator::new(&program, &checked, &mut report, Mode::Check, &params, None).expand();
    if !report.has_errors() {
        // A name in a place that is wrong is not read, and would seem unused.
        warnings::find(&program, sources, &mut report);
    }
    Findings::of(report)
}

/// Checks a file with what is given: the parameters, and the answers of a snapshot, which then has to have all that is
/// asked for. Parameters that are not given are awaited, as in [`check`].
pub fn check_with(sources: &mut Sources, root: SourceId, inputs: &Inputs) -> Findings {
    let mut report = Report::default();
    let (program, checked) = load_with(sources, root, inputs, &mut report);
    hide_given(&program, sources, inputs);
    let params = given_params(&program, inputs, &mut report);
    let mut evaluator = Evaluator::new(&program, &checked, &mut report, Mode::Check, &params, Some(&inputs.answers));
    let expanded = evaluator.expand();
    let mut needed = needed(&evaluator, &expanded);
    needed.retain(|lookup| !lookup.secret);
    if inputs.snapshot.is_some() && !evaluator.report.has_errors() {
        unanswered(inputs, &needed, evaluator.report);
    }
    Findings::of(report)
}

/// Compiles a file as far as the given answers allow.
pub fn compile(sources: &mut Sources, root: SourceId, inputs: &Inputs) -> Step {
    let mut report = Report::default();
    let (program, checked) = load_with(sources, root, inputs, &mut report);
    hide_given(&program, sources, inputs);
    step(&program, &checked, sources, report, inputs, None)
}

/// Works a program out as far as the given answers allow, and with it what a test of it says.
pub(crate) fn step(
    program: &Program,
    checked: &Checked,
    sources: &Sources,
    mut report: Report,
    inputs: &Inputs,
    test: Option<&TestDecl>,
) -> Step {
    let params = given_params(program, inputs, &mut report);
    // First as if nothing were looked up: what must be known earlier shows, whatever the answers are.
    let mut evaluator = Evaluator::new(program, checked, &mut report, Mode::Compile, &params, None);
    let expanded = evaluator.expand_with(test);
    if evaluator.report.has_errors() {
        return Step::Failed(Findings::of(report));
    }
    if evaluator.lookups.is_empty() {
        return lower(evaluator, &expanded, sources, report_of);
    }
    drop(evaluator);
    let mut evaluator = Evaluator::new(program, checked, &mut report, Mode::Compile, &params, Some(&inputs.answers));
    let expanded = evaluator.expand_with(test);
    if evaluator.report.has_errors() {
        return Step::Failed(Findings::of(report));
    }
    let mut needed = needed(&evaluator, &expanded);
    // No snapshot holds a secret, and nothing is worked out from one; so a test needs none either.
    needed.retain(|lookup| !lookup.secret || (inputs.snapshot.is_none() && test.is_none()));
    if needed.is_empty() {
        return lower(evaluator, &expanded, sources, report_of);
    }
    // Who is to be asked has to be known before; the answers that it waits for come first.
    let unasked = needed.iter().find(|lookup| !lookup.ambient && lookup.provider.is_none()).cloned();
    needed.retain(|lookup| lookup.ambient || lookup.provider.is_some());
    if let (Some(unasked), true) = (unasked, needed.is_empty()) {
        report.error(codes::NEEDED_EARLIER, unasked.span, || {
            format!(
                "`meta.{}` is asked through the cluster's provider, and the provider's own settings wait for it",
                unasked.path
            )
        });
        return Step::Failed(Findings::of(report));
    }
    if inputs.snapshot.is_some() {
        unanswered(inputs, &needed, &mut report);
        return Step::Failed(Findings::of(report));
    }
    if inputs.rounds >= MAX_LOOKUP_ROUNDS {
        let span = needed.first().map(|lookup| lookup.span).unwrap_or_default();
        report.error(codes::TOO_MANY_ROUNDS, span, || {
            format!("after {MAX_LOOKUP_ROUNDS} rounds of lookups this one is still open: lookups may hold the answers of others, but not so deep")
        });
        return Step::Failed(Findings::of(report));
    }
    Step::Need(needed)
}

/// What the snapshot does not answer is asked of nobody.
pub(crate) fn unanswered(inputs: &Inputs, needed: &[Lookup], report: &mut Report) {
    for lookup in needed {
        let key = &lookup.key;
        let path = |key: &str| key.split('(').next().map(str::to_owned);
        let same = inputs.answers.keys().find(|known| path(known) == path(key));
        report.push(|suggester| {
            let near =
                same.map(String::as_str).or_else(|| suggester.nearest(key, inputs.answers.keys().map(String::as_str)));
            let help = match near {
                Some(near) => format!("it has an answer to {near:?}"),
                None => format!("add the key {key:?}, or ask again: kitc metadata snapshot FILE -o SNAPSHOT.json"),
            };
            Diagnostic::error(codes::SNAPSHOT_LACKS, lookup.span, format!("the snapshot has no answer to `{key}`"))
                .with_help(help)
        });
    }
}

fn report_of(report: &mut Report) -> Findings {
    Findings::of(std::mem::take(report))
}

fn lower(
    mut evaluator: Evaluator<'_>,
    expanded: &Expanded,
    sources: &Sources,
    findings: fn(&mut Report) -> Findings,
) -> Step {
    let graph = Lowering::new(&mut evaluator, sources).graph(expanded);
    let found = findings(evaluator.report);
    let secrets = std::mem::take(&mut evaluator.secrets);
    match graph {
        // A module has none: its tests fail by what they find, and here they find nothing.
        Some((graph, bytes)) if !found.has_errors() => {
            Step::Done(Box::new(Compiled { graph, bytes, secrets, warnings: found.diagnostics }))
        }
        _ => Step::Failed(found),
    }
}

/// What each definition of a file is: a line with its place, its name and its type. For tests and for
/// those who work on the compiler.
pub fn describe(sources: &mut Sources, root: SourceId) -> String {
    let mut report = Report::default();
    let (program, _) = load(sources, root, &mut report);
    let mut checker = Checker::new(&program, &mut report);
    let mut text = String::new();
    for (index, def) in program.module(0).defs.iter().enumerate() {
        let kind = match &def.kind {
            DefKind::Param { .. } => "param",
            DefKind::Let { .. } => "let",
            DefKind::Type { .. } => "type",
            DefKind::Fn { .. } => "fn",
            DefKind::Resource { .. } => "resource",
            DefKind::Group { .. } => "group",
            DefKind::ExternResource { .. } => "extern resource",
            DefKind::ExternRole { .. } => "extern role",
            DefKind::Component { .. } => "component",
            DefKind::Output { .. } => "output",
            DefKind::Refused => "refused",
        };
        let at = crate::hir::DefRef { module: 0, index: u32::try_from(index).unwrap_or(u32::MAX) };
        let ty = match &def.kind {
            DefKind::Type { ty, .. } => ty.clone(),
            _ => checker.def_type(at, None),
        };
        let line = sources.get(root).map_or(0, |source| source.position(def.name_span.start).line);
        text.push_str(&format!("{line}: {kind} {}: {}\n", program.names.text(def.name), program.show(&ty)));
    }
    text
}

/// Reads a file and the modules it uses, resolves its names and checks its types.
pub(crate) fn load(sources: &mut Sources, root: SourceId, report: &mut Report) -> (Program, Checked) {
    load_with(sources, root, &Inputs::new(), report)
}

/// The same, with the files of parameters that were given.
pub(crate) fn load_with(
    sources: &mut Sources,
    root: SourceId,
    inputs: &Inputs,
    report: &mut Report,
) -> (Program, Checked) {
    let mut program = crate::modules::read(sources, root, report);
    crate::params_files::read(&mut program, sources, inputs, report);
    let mut checker = Checker::new(&program, report);
    for module in 0..program.modules.len() {
        // Of the standard library only what is used is checked.
        if !program.modules[module].is_std && !program.modules[module].is_component {
            checker.check_module(u16::try_from(module).unwrap_or(u16::MAX));
        }
    }
    let checked = checker.finish();
    (program, checked)
}

/// Hides what is given for secrets from whoever draws the text that it stands in. What no parameter has the name of may
/// be a secret under a misspelt one.
pub(crate) fn hide_given(program: &Program, sources: &mut Sources, inputs: &Inputs) {
    for (key, answer) in &inputs.answers {
        if let Some(span) = answer.span.filter(|_| program.is_secret_lookup(key)) {
            sources.hide(span);
        }
    }
    for (_, input) in inputs.params.iter().filter(|(name, _)| program.may_be_secret(name)) {
        sources.hide(input.span);
    }
}

/// The parameters that were given, read by their types.
pub(crate) fn given_params(program: &Program, inputs: &Inputs, report: &mut Report) -> BTreeMap<u32, GivenParam> {
    let module = program.module(0);
    let mut given = BTreeMap::new();
    for (name, input) in &inputs.params {
        let found = module
            .defs
            .iter()
            .position(|def| matches!(def.kind, DefKind::Param { .. }) && program.names.text(def.name) == name);
        let Some(index) = found else {
            if input.by == GivenBy::Variable {
                unused_variable(program, name, input, report);
                continue;
            }
            report.push(|suggester| {
                let known: Vec<&str> = module
                    .defs
                    .iter()
                    .filter(|def| matches!(def.kind, DefKind::Param { .. }))
                    .map(|def| program.names.text(def.name))
                    .collect();
                // Not as an edit: what is wrong is the name, and the place is the value's.
                let help = match suggester.nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => crate::report::parameters_are(known.iter().copied()),
                };
                Diagnostic::error(codes::PARAM_UNKNOWN, input.span, format!("the file has no parameter `{name}`"))
                    .with_help(help)
            });
            continue;
        };
        let def = &module.defs[index];
        let DefKind::Param { ty, .. } = &def.kind else { continue };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let origin = Origin { kind: OriginKind::Param, module: 0, index };
        if !as_secret(program, def, name, input, report) {
            given.insert(
                index,
                GivenParam { value: GivenValue::Known(Value::new(Data::Error, origin)), span: input.span, parts: None },
            );
            continue;
        }
        let read = match &input.value {
            ParamValue::Text(text) => outside::from_text(program, text, ty, origin),
            ParamValue::Data(value) => outside::from_graph(program, value, ty, origin),
            ParamValue::Written => {
                if let Some((module, value)) = program.value_in_params_file(input.span.source, name) {
                    given.insert(
                        index,
                        GivenParam { value: GivenValue::Written(module, value), span: input.span, parts: None },
                    );
                }
                continue;
            }
        };
        let value = match read {
            Ok(value) => value,
            Err(problem) => {
                let declared = program.span(0, def.name_span);
                let shown = program.show(ty);
                let span = problem.place(input.parts.as_ref(), input.span);
                report.push(|_| {
                    problem
                        .into_diagnostic(codes::PARAM_TYPE, span, &format!("the parameter `{name}`"))
                        .maybe_label(Some((declared, format!("it is declared here as {shown}"))))
                });
                Value::new(Data::Error, origin)
            }
        };
        given.insert(
            index,
            GivenParam { value: GivenValue::Known(value), span: input.span, parts: input.parts.clone() },
        );
    }
    given
}

/// A variable of the environment that gives nothing. The environment is shared by several files, so only one that was
/// probably meant for a parameter of this one is told.
fn unused_variable(program: &Program, name: &str, input: &ParamInput, report: &mut Report) {
    let params = program.module(0).defs.iter().filter(|def| matches!(def.kind, DefKind::Param { .. }));
    let Some(near) = report.nearest(name, params.map(|def| program.names.text(def.name))) else { return };
    report.push(|_| {
        Diagnostic::warning(
            codes::VARIABLE_UNUSED,
            input.span,
            format!("the file has no parameter `{name}`, so this variable gives nothing"),
        )
        .with_help(format!("did you mean `{near}`? If it is for another file, unset it here"))
    });
}

/// Whether a parameter may be given in the way in which it was: a secret not where others read it, and as a secret nothing
/// that is none.
fn as_secret(program: &Program, def: &crate::hir::Def, name: &str, input: &ParamInput, report: &mut Report) -> bool {
    let DefKind::Param { ty, .. } = &def.kind else { return true };
    let declared = program.span(0, def.name_span);
    let is_secret = program.holds_secret(ty);
    match input.by {
        GivenBy::Flag if is_secret => report.push(|_| {
            Diagnostic::warning(
                codes::SECRET_IN_FLAG,
                input.span,
                format!("the secret `{name}` stands in a flag, which the shell remembers and every user of the machine can read"),
            )
            .with_help(format!("give it with --secret {name}=@FILE, --secret {name}=env:VARIABLE, or --secret {name}=@- for standard input"))
        }),
        GivenBy::File { private: false } if is_secret => {
            report.push(|_| {
                Diagnostic::error(
                    codes::SECRET_EXPOSED,
                    input.span,
                    format!("the secret `{name}` stands in a file that other users can read"),
                )
                .with_label(declared, "it is declared as a secret here")
                .with_help(format!("let its owner alone read the file (chmod 600), or give the secret with --secret {name}=@FILE"))
            });
            return false;
        }
        GivenBy::Secret if !is_secret => {
            report.push(|_| {
                Diagnostic::error(
                    codes::NO_SECRET,
                    input.span,
                    format!("`{name}` is given as a secret and declared as none, so it would stand in the graph in clear"),
                )
                .with_label(declared, "it is declared here")
                .with_help(format!("declare it as `{name}: secret<{}>`, or give it with --set", program.show(ty)))
            });
            return false;
        }
        _ => {}
    }
    true
}

/// The lookups without an answer.
pub(crate) fn needed(evaluator: &Evaluator<'_>, expanded: &Expanded) -> Vec<Lookup> {
    let program = evaluator.program;
    let provider = expanded
        .provider
        .as_ref()
        .filter(|provider| provider.first_unsettled().is_none_or(|open| matches!(open.data, Data::Missing)));
    let cluster = expanded.name.as_ref().and_then(|name| match &name.data {
        Data::Str(text) => Some(text.to_string()),
        _ => None,
    });
    evaluator
        .lookups
        .iter()
        .filter(|(_, lookup)| !lookup.answered)
        .map(|(key, lookup)| {
            let (ambient, secret, optional) = match program.meta_entry(&lookup.path).map(|entry| &entry.kind) {
                Some(MetaKind::Value { ambient, ty, .. }) => {
                    // What a file declares has a source of its own, whatever the provider.
                    let own = !program.module(lookup.path.module).is_std;
                    let (secret, whole) = match program.strip(ty) {
                        Ty::Secret(inner) => (true, program.strip(inner)),
                        other => (false, other),
                    };
                    (*ambient || own, secret, matches!(whole, Ty::Opt(_)))
                }
                _ => (false, false, false),
            };
            let instance = provider.filter(|_| !ambient).and_then(|provider| match &provider.data {
                Data::Description(description) => {
                    let lowered = outside::to_graph(program, provider, &|thing| evaluator.address(thing));
                    let properties = lowered.as_map().cloned().unwrap_or_default();
                    Some(Instance { kind: program.path_of(description.def), properties })
                }
                _ => None,
            });
            Lookup {
                key: key.clone(),
                path: program.meta_name(&lookup.path),
                args: lookup.args.clone(),
                ambient,
                secret,
                optional,
                cluster: cluster.clone(),
                provider: instance,
                span: lookup.span,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_need_not_be_parsed() {
        for module in kit_stdlib::MODULES {
            assert!(kit_lang::parse_by_outline(module.text, module.outline).is_some(), "{}", module.path);
        }
    }

    /// A file that uses a module checks only what it uses of it; here all of it is checked.
    #[test]
    fn the_standard_library_is_well_typed() {
        let uses: String = kit_stdlib::MODULES.iter().map(|module| format!("use {}\n", module.path)).collect();
        let mut sources = Sources::new();
        let root = sources.add("all.kit", uses);
        let mut report = Report::default();
        let (program, _) = load(&mut sources, root, &mut report);
        let files = program.modules.iter().filter(|module| !module.is_component).count();
        assert_eq!(files, 1 + kit_stdlib::MODULES.len());
        let mut checker = Checker::new(&program, &mut report);
        for module in 0..program.modules.len() {
            checker.check_module(u16::try_from(module).unwrap_or(u16::MAX));
        }
        checker.finish();
        assert_eq!(Findings::of(report).diagnostics, []);
    }
}
