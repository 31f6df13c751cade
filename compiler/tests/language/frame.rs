//! Runs an example: what it lacks to be a whole file is added behind it, so that its lines stay its own.

use std::collections::BTreeMap;

use kit_compiler::{Findings, Inputs, Sources, Step, check, compile, run_tests};
use kit_graph::{Graph, Value};
use kit_lang::{Diagnostic, Severity, SourceId, Span};

/// How an example is run: `compile --set a=1 --params {…} --metadata {…}`, `test --metadata {…}`, or nothing for a check.
#[derive(Debug, Default, Clone)]
pub struct How {
    pub compile: bool,
    pub test: bool,
    pub sets: Vec<String>,
    pub params: Option<String>,
    /// A file of parameters in the language; `;` stands for a new line.
    pub values: Option<String>,
    pub secrets: Vec<String>,
    pub variables: Vec<String>,
    pub metadata: Option<String>,
    pub lookups: bool,
    /// It is a whole file, and lacks nothing.
    pub alone: bool,
    /// Warnings count. Elsewhere an example may declare what it does not use.
    pub warnings: bool,
}

impl How {
    /// Reads the words behind ```` ```kit ````, or those in a page.
    pub fn read(text: &str) -> How {
        let mut how = How {
            compile: text.contains("compile"),
            test: text.trim_start().starts_with("test") || text.contains("`kitc test"),
            lookups: text.contains("lookups"),
            alone: text.split_whitespace().any(|word| word == "alone"),
            warnings: text.trim_start().starts_with("warnings"),
            ..How::default()
        };
        let mut rest = text;
        while let Some(at) = rest.find("--") {
            let (flag, after) = rest[at + 2..].split_once(' ').unwrap_or((&rest[at + 2..], ""));
            let end = after.find(" --").or_else(|| after.find('`')).unwrap_or(after.len());
            let value = after[..end].trim().to_owned();
            match flag {
                "set" => how.sets.push(value),
                "params" => how.params = Some(value),
                "values" => how.values = Some(value),
                "secret" => how.secrets.push(value),
                "variable" => how.variables.push(value),
                "metadata" => how.metadata = Some(value),
                other => panic!("no flag --{other} in {text:?}"),
            }
            rest = &after[end..];
        }
        how
    }
}

/// What an example lacks.
const FRAME: [(&str, &str); 6] = [
    ("use std/sim", "use std/sim\n"),
    ("use std/swarm", "use std/swarm\n"),
    ("use std/plain", "use std/plain\n"),
    ("cluster {", "cluster { name = \"demo\", provider = sim.Provider {}LEADER }\n"),
    ("resource net ", "resource net = sim.Network { cidr = 10.0.0.0/16, subnet = 10.0.1.0/24 }\n"),
    ("let node ", "let node = sim.Machine { image = \"debian-12\", network = net }\n"),
];

/// Stands between an example and its frame.
const FRAME_BEGINS: &str = "# (frame)\n";

pub fn framed(example: &str) -> String {
    let mut text = example.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(FRAME_BEGINS);
    for (sign, line) in FRAME {
        if !example.lines().any(|own| own.starts_with(sign)) {
            text.push_str(&line.replace("LEADER", &leader_of(example)));
        }
    }
    text
}

/// The first group of managers leads.
fn leader_of(example: &str) -> String {
    let managers = example.lines().find_map(|line| line.strip_prefix("group ")?.split_once(": swarm.Manager"));
    managers.map_or_else(String::new, |(name, _)| format!(", leader = {name}"))
}

pub struct Outcome {
    pub sources: Sources,
    pub findings: Findings,
    pub graph: Option<Graph>,
}

pub fn run(name: &str, text: &str, how: &How) -> Outcome {
    let mut sources = Sources::new();
    let root = add_files(&mut sources, name, text);
    if !how.compile && !how.test {
        let mut findings = check(&mut sources, root);
        // What the frame adds is used or not as the example likes.
        let own = sources.get(root).and_then(|source| source.text.find(FRAME_BEGINS)).unwrap_or(usize::MAX);
        let is_own = |span: Span| how.warnings && (span.source != root || (span.start as usize) < own);
        findings.diagnostics.retain(|found| found.severity == Severity::Error || is_own(found.span));
        return Outcome { sources, findings, graph: None };
    }
    let mut inputs = Inputs::new();
    let mut refused: Vec<Diagnostic> = Vec::new();
    if let Some(params) = &how.params {
        let source = sources.add("params.json", params.as_str());
        refused.extend(inputs.params_file(&sources, source, false).err().map(|error| *error));
    }
    if let Some(values) = &how.values {
        let source = sources.add("values.kit", values.replace("; ", "\n"));
        refused.extend(inputs.params_in_kit(&mut sources, source, true).err().into_iter().flatten());
    }
    for variable in &how.variables {
        let (name, text) = variable.split_once('=').expect("a name and a text");
        inputs.variable(&mut sources, name, &name.trim_start_matches("KIT_PARAM_").to_lowercase(), text);
    }
    for secret in &how.secrets {
        let (name, text) = secret.split_once('=').expect("a name and a text");
        inputs.secret(&mut sources, &format!("{name}=@file"), name, text.to_owned());
    }
    if let Some(metadata) = &how.metadata {
        let source = sources.add("metadata.json", metadata.as_str());
        refused.extend(inputs.snapshot(&sources, source).err().map(|error| *error));
    }
    for assignment in &how.sets {
        refused.extend(inputs.set(&mut sources, assignment).err().map(|error| *error));
    }
    if !refused.is_empty() {
        return Outcome { sources, findings: Findings { diagnostics: refused, omitted: 0 }, graph: None };
    }
    if how.test {
        return run_all_tests(sources, root, &inputs, how);
    }
    // More rounds than the compiler allows, so that it has to stop by itself.
    for round in 0..20 {
        match compile(&mut sources, root, &inputs) {
            Step::Done(compiled) => {
                let findings = Findings { diagnostics: compiled.warnings, omitted: 0 };
                return Outcome { sources, findings, graph: Some(compiled.graph) };
            }
            Step::Failed(findings) => return Outcome { sources, findings, graph: None },
            Step::Need(lookups) => {
                assert!(how.lookups, "{name} asks for {lookups:?}");
                let answers: BTreeMap<String, Value> = lookups
                    .iter()
                    .map(|lookup| (lookup.key.clone(), Value::String(format!("round-{round}"))))
                    .collect();
                inputs.answer(answers);
            }
        }
    }
    panic!("{name}: the compiler asks without end");
}

/// What the tests of an example find, together.
fn run_all_tests(mut sources: Sources, root: SourceId, inputs: &Inputs, how: &How) -> Outcome {
    let run = run_tests(
        &mut sources,
        root,
        inputs,
        |_, _| true,
        |lookups| {
            assert!(how.lookups, "a test asks for {lookups:?}");
            Ok(lookups.iter().map(|lookup| (lookup.key.clone(), Value::String("answer".to_owned()))).collect())
        },
    );
    let mut findings = run.findings;
    if !findings.has_errors() {
        assert_eq!(run.outcomes.len(), run.declared, "each test is run");
        assert!(run.declared > 0, "an example of tests has none");
    }
    for outcome in run.outcomes {
        findings.diagnostics.extend(outcome.findings.diagnostics);
        findings.omitted += outcome.findings.omitted;
    }
    Outcome { sources, findings, graph: None }
}

/// A place as `name:line:column-end`.
pub fn place(sources: &Sources, span: Span) -> (SourceId, u32, u32, u32) {
    let source = sources.get(span.source).expect("a source");
    let (start, end) = (source.position(span.start), source.position(span.end));
    let end = if end.line == start.line { end.column } else { u32::MAX };
    (span.source, start.line, start.column, end)
}

pub fn show(sources: &Sources, findings: &Findings) -> String {
    let mut text = String::new();
    let at = |span: Span| {
        let source = sources.get(span.source).expect("a source");
        let (start, end) = (source.position(span.start), source.position(span.end));
        format!("{}:{}:{}-{}:{}", source.name, start.line, start.column, end.line, end.column)
    };
    for diagnostic in &findings.diagnostics {
        text.push_str(&format!("{} {}: {}\n", at(diagnostic.span), diagnostic.code, diagnostic.message));
        for label in &diagnostic.labels {
            text.push_str(&format!("  {} {}\n", at(label.span), label.message));
        }
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("  help: {help}\n"));
        }
    }
    if findings.omitted > 0 {
        text.push_str(&format!("and {} more\n", findings.omitted));
    }
    text
}

/// An example of several files: a line `# -- net.kit` begins each, and the last is the one that is run. Each can use
/// the others as `./net.kit`. The lines of the last keep their numbers.
fn add_files(sources: &mut Sources, name: &str, text: &str) -> SourceId {
    let Some(last) = text.rfind("# -- ") else { return sources.add(name, text) };
    let blank: String = text[..last].chars().filter(|c| *c == '\n').collect();
    let mut files = vec![(sources.add(name, blank + &text[last..]), name)];
    for section in text[..last].split("# -- ").skip(1) {
        let (module, body) = section.split_once('\n').expect("a name and a text");
        files.push((sources.add(module, body), module));
    }
    for (user, _) in &files {
        for (target, module) in &files {
            sources.link(*user, format!("./{module}"), Some(*target));
        }
    }
    files[0].0
}
