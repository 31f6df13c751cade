//! `kitc compile`: from a file to the graph that the runtime eats.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use kit_compiler::{Compiled, MAX_LOOKUP_ROUNDS, Step};
use kit_graph::{Graph, SecretText};
use kit_lang::SourceId;
use kit_lang::ast::{AstNode as _, Decl};

use crate::cluster::Place;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::formats::Reporting;
use crate::given::Given;
use crate::lookups::{Asked, Asker, Pinned};
use crate::{cluster, codes, files, formats};

/// A file that was compiled.
struct Built {
    graph: Graph,
    /// Its canonical bytes.
    bytes: Vec<u8>,
    /// The secrets that were given, by the names that the graph has for them.
    secrets: BTreeMap<String, SecretText>,
    /// The text that it was compiled from.
    root: SourceId,
}

/// A file, and what it is given.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// The file of the cluster; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    given: Given,
}

impl Input {
    /// The file at `file`, given this.
    pub(crate) fn new(file: PathBuf, given: Given) -> Input {
        Input { file, given }
    }

    /// The graph of the file. What is wrong with it, or with what it is given, is shown.
    pub(crate) fn graph(&self, console: &mut Console) -> Result<Graph, Failure> {
        Ok(self.graph_and_answers(console)?.0)
    }

    /// The graph of the file, and who answered its lookups.
    pub(crate) fn graph_and_answers(&self, console: &mut Console) -> Result<(Graph, BTreeMap<String, Asked>), Failure> {
        let mut asker = Asker::new(&self.file, &cluster::kept_by_default());
        let graph = self.graph_answered_by(&mut asker, console)?;
        Ok((graph, asker.into_asked()))
    }

    /// A JSON Schema of the parameters of the file; none where something is wrong with it.
    fn schema(&self, findings: &mut Findings) -> Option<(Vec<u8>, SourceId)> {
        let root = files::load_program(&self.file, findings).filter(|_| !findings.has_errors())?;
        match kit_compiler::parameter_schema(&mut findings.sources, root) {
            // Data without keys that are no text: it cannot fail to be written.
            Ok(schema) => Some((format!("{schema:#}\n").into_bytes(), root)),
            Err(found) => {
                findings.diagnostics.extend(found.diagnostics);
                findings.omitted += found.omitted;
                None
            }
        }
    }

    /// The graph of a cluster that is to be run or looked at here. A provider that this kitc does not serve is refused
    /// before anything is asked for: neither parameters nor answers would help. What the cluster's committed revision was
    /// made with stays what it is, unless it is to be asked anew.
    pub(crate) fn served_graph(&self, place: &Place, pinned: Pinned, console: &mut Console) -> Result<Graph, Failure> {
        // Standard input can be read once.
        if self.file != Path::new(files::STANDARD_INPUT)
            && let Some(provider) = self.provider()
        {
            place.serve(&provider)?;
        }
        let mut asker = Asker::new(&self.file, place.clusters()).of_a_change(pinned, place.manager_if_looked()?);
        let built = self.built(&mut asker, console)?;
        place.with_fingerprints(built.graph, &built.secrets)
    }

    /// The parameter or `let` of this name in the file.
    pub(crate) fn declaration(&self, name: &str) -> Option<Declared> {
        if self.file == Path::new(files::STANDARD_INPUT) {
            return None;
        }
        let mut sources = kit_compiler::Sources::default();
        let (root, _) = files::load(&self.file, &mut sources);
        let source = sources.get(root)?;
        let parse = kit_lang::parse(&source.text);
        let (span, is_param) = parse.file().declarations().find_map(|one| match one {
            Decl::Param(param) if param.name()?.text() == name => Some((param.span(root), true)),
            Decl::Let(value) if value.name()?.text() == name => Some((value.span(root), false)),
            _ => None,
        })?;
        let text = source.text.get(span.start as usize..span.end as usize)?;
        let (first, last) = (source.position(span.start), source.position(span.end));
        Some(Declared {
            name: name.to_owned(),
            is_param,
            file: source.name.clone(),
            text: text.lines().next().unwrap_or_default().to_owned(),
            line: first.line,
            last_line: last.line,
            column: first.column,
        })
    }

    /// The provider that the file names, where it names one of the standard library as it is.
    fn provider(&self) -> Option<String> {
        let mut sources = kit_compiler::Sources::default();
        let (root, unreadable) = files::load(&self.file, &mut sources);
        if unreadable.is_some() {
            return None;
        }
        let parse = kit_lang::parse(&sources.get(root)?.text);
        let cluster = parse.file().declarations().find_map(|one| match one {
            Decl::Cluster(cluster) => cluster.block(),
            _ => None,
        })?;
        let named = |field: &kit_lang::ast::Field| {
            field.key().and_then(|key| key.plain_text()).is_some_and(|key| key == "provider")
        };
        let value = cluster.fields().find(named)?.value()?.syntax().text().to_string();
        let kind = value.split('{').next()?.trim().to_owned();
        let module = kind.strip_suffix(".Provider")?;
        kit_stdlib::module(&format!("std/{module}")).map(|_| kind)
    }

    /// The graph of the file for a rehearsal: what no provider answers here gets a stand-in.
    pub(crate) fn rehearsed_graph(&self, console: &mut Console) -> Result<Graph, Failure> {
        let mut asker = Asker::new(&self.file, &cluster::kept_by_default()).rehearsing();
        self.graph_answered_by(&mut asker, console)
    }

    fn graph_answered_by(&self, asker: &mut Asker, console: &mut Console) -> Result<Graph, Failure> {
        Ok(self.built(asker, console)?.graph)
    }

    /// The graph and what belongs to it. What was found is shown.
    fn built(&self, asker: &mut Asker, console: &mut Console) -> Result<Built, Failure> {
        let mut findings = Findings::default();
        let built = self.compile(&mut findings, asker);
        if !findings.diagnostics.is_empty() {
            formats::show(&findings, console);
        }
        built.ok_or(Failure::Reported)
    }

    fn compile(&self, findings: &mut Findings, asker: &mut Asker) -> Option<Built> {
        let root = files::load_program(&self.file, findings);
        let (mut inputs, wrong) = self.given.read(&mut findings.sources);
        findings.diagnostics.extend(wrong);
        let root = root?;
        if findings.has_errors() {
            // What else is wrong with the file is said in the same run.
            let found = kit_compiler::check(&mut findings.sources, root);
            findings.diagnostics.extend(found.diagnostics);
            findings.omitted += found.omitted;
            return None;
        }
        // One more than the rounds, since the last of them ends in a graph or in an error.
        for _ in 0..=MAX_LOOKUP_ROUNDS {
            match kit_compiler::compile(&mut findings.sources, root, &inputs) {
                Step::Done(compiled) => {
                    findings.diagnostics.extend(compiled.warnings);
                    if let Some(path) = self.given.snapshot() {
                        let at = inputs.snapshot_asked_at().map(str::to_owned);
                        asker.answered_by(compiled.graph.lookups.keys(), &files::shown(path), at);
                    }
                    let Compiled { graph, bytes, secrets, .. } = *compiled;
                    return Some(Built { graph, bytes, secrets, root });
                }
                Step::Failed(found) => {
                    findings.diagnostics.extend(found.diagnostics);
                    findings.omitted += found.omitted;
                    return None;
                }
                Step::Need(asked) => match asker.answer(&asked) {
                    Ok(answers) => inputs.answer(answers),
                    Err(unanswered) => {
                        findings.diagnostics.extend(unanswered);
                        return None;
                    }
                },
            }
        }
        None
    }
}

/// Where a parameter or a `let` stands.
#[derive(Debug)]
pub(crate) struct Declared {
    /// Its name.
    pub(crate) name: String,
    /// It is a parameter.
    pub(crate) is_param: bool,
    /// The file.
    pub(crate) file: String,
    /// Its first line.
    pub(crate) text: String,
    /// The number of that, from 1.
    pub(crate) line: u32,
    /// The number of its last line.
    pub(crate) last_line: u32,
    /// The column of its first character, from 1.
    pub(crate) column: u32,
}

/// Print the graph of a file as JSON
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc compile cluster.kit --set size=5
  kitc compile cluster.kit --params production.toml -o graph.json
  kitc compile cluster.kit --metadata snapshot.json --pretty
  kitc compile cluster.kit --schema > parameters.schema.json
  kitc compile cluster.kit -o graph.json --deny warnings --format github

The same input gives the same bytes. A parameter given by --secret or --set beats the variable KIT_PARAM_NAME,
which beats a file of parameters, a later one an earlier one, and all of them the default.")]
pub(crate) struct Compile {
    #[command(flatten)]
    input: Input,

    /// Write a file, whole or not at all, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Indent the JSON for a person; the content is the same
    #[arg(long)]
    pretty: bool,

    /// Print a JSON Schema of the file's parameters instead; it needs none of them
    #[arg(long, conflicts_with = "pretty")]
    schema: bool,

    #[command(flatten)]
    reporting: Reporting,
}

impl Compile {
    /// Compiles, and writes the graph.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        if self.output.is_none() && !self.reporting.is_for_people() {
            let what = "--format writes what is found to standard output, and the graph would go there too";
            return Err(
                Failure::wrong_usage(codes::OUTPUT_TWICE, what).with_help("write the graph into a file: -o FILE")
            );
        }
        let mut findings = Findings::default();
        let made = if self.schema { self.input.schema(&mut findings) } else { self.graph(&mut findings) };
        if let Some((_, root)) = made {
            self.reporting.look_for_warnings(root, &mut findings);
        }
        self.reporting.judge(&mut findings);
        // To a person who gets what was asked for, nothing is said of there being no errors.
        if !self.reporting.is_for_people() {
            self.reporting.write(std::slice::from_ref(&findings), console)?;
        } else if !findings.diagnostics.is_empty() {
            formats::show(&findings, console);
        }
        let Some((bytes, _)) = made.filter(|_| !findings.has_errors()) else { return Err(Failure::Reported) };
        match &self.output {
            Some(path) => files::write_atomically(path, &bytes)?,
            None => console.out().write_all(&bytes)?,
        }
        Ok(Exit::Fine)
    }

    fn graph(&self, findings: &mut Findings) -> Option<(Vec<u8>, SourceId)> {
        let mut asker = Asker::new(&self.input.file, &cluster::kept_by_default());
        let Built { graph, bytes, root, .. } = self.input.compile(findings, &mut asker)?;
        let bytes = if self.pretty { graph.to_pretty_string().into_bytes() } else { bytes };
        // The process ends when they are written: to take every member apart would be work for nothing.
        std::mem::forget(graph);
        Some((bytes, root))
    }
}
