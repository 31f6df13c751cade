//! A single question of metadata: a path, as it would stand in the file, with the file's declarations around it.

use std::path::Path;

use kit_compiler::{Answer, Evaluation, Inputs, MAX_LOOKUP_ROUNDS, ParamValue, evaluate};
use kit_graph::Value;
use kit_lang::ast::{AstNode as _, Decl, Expr};
use kit_lang::{Diagnostic, SourceId, Span};

use crate::codes;
use crate::console::Console;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::given::Given;
use crate::lookups::{Asked, Asker};
use crate::{files, formats};

/// The name of what is asked, behind the file's own declarations.
const NAME: &str = "kitc_asked";

/// A file with nothing in it but the modules of the standard library.
pub(super) fn all_modules() -> String {
    kit_stdlib::MODULES.iter().map(|module| format!("use {}\n", module.path)).collect()
}

/// A path behind the text of a file.
pub(super) struct Question {
    file: std::path::PathBuf,
    findings: Findings,
    inputs: Inputs,
    root: SourceId,
    /// The text of the path alone, and where it begins in the file's text.
    path: SourceId,
    begins: u32,
}

impl Question {
    /// The question for `path`, in the file `file` or in none. What is wrong with either is shown.
    pub(super) fn new(
        path: &str,
        file: Option<&Path>,
        given: &Given,
        console: &mut Console,
    ) -> Result<Question, Failure> {
        let question = Question::read(path, file, given)?;
        if question.findings.has_errors() {
            formats::show(&question.findings, console);
            return Err(Failure::Reported);
        }
        Ok(question)
    }

    fn read(path: &str, file: Option<&Path>, given: &Given) -> Result<Question, Failure> {
        let written = path.strip_prefix("meta.").unwrap_or(path);
        let mut findings = Findings::default();
        let (name, own) = match file {
            Some(file) => {
                let mut alone = kit_compiler::Sources::default();
                let (source, unreadable) = files::load(file, &mut alone);
                if let Some(unreadable) = unreadable {
                    return Err(Failure::new(unreadable.code, unreadable.message));
                }
                let source = alone.get(source).map(|source| (source.name.clone(), source.text.clone()));
                source.unwrap_or_default()
            }
            None => ("the standard library".to_owned(), all_modules()),
        };
        let before = format!("{own}\nlet {NAME} = meta.");
        let begins = u32::try_from(before.len()).unwrap_or(u32::MAX);
        let text = format!("{before}{written}\n");
        is_path(&text, written)?;
        let root = findings.sources.add(name, text);
        let path = findings.sources.add("PATH", written);
        let place = file.filter(|file| *file != Path::new(files::STANDARD_INPUT));
        let found = kit_loader::load(
            &mut findings.sources,
            root,
            place,
            &kit_loader::Disk,
            &mut kit_loader::Locked::beside(place),
        );
        findings.diagnostics.extend(found.diagnostics);
        findings.omitted += found.omitted;
        let (inputs, wrong) = given.read(&mut findings.sources);
        findings.diagnostics.extend(wrong);
        let file = file.unwrap_or(Path::new("")).to_owned();
        Ok(Question { file, findings, inputs, root, path, begins })
    }

    /// The answer, and who gave it. What is wrong is shown.
    pub(super) fn answered(
        &mut self,
        clusters: &Path,
        console: &mut Console,
    ) -> Result<(Value, Option<Asked>), Failure> {
        let mut asker = Asker::new(&self.file, clusters);
        match self.ask(&mut asker) {
            Some(value) => Ok((value, asker.into_asked().into_values().next_back())),
            None => {
                formats::show(&self.findings, console);
                Err(Failure::Reported)
            }
        }
    }

    /// The cluster that the question is for, and whether `value` would be an answer to it.
    fn with_answer(&mut self, value: &str, console: &mut Console) -> Result<String, Failure> {
        let mut cluster = None;
        let mut step = evaluate(&mut self.findings.sources, self.root, &self.inputs, NAME);
        if let Evaluation::Need(lookups) = &step {
            let answers: Vec<(String, Answer)> = lookups
                .iter()
                .map(|lookup| {
                    cluster.clone_from(&lookup.cluster);
                    let value = ParamValue::Text(value.to_owned());
                    (lookup.key.clone(), Answer { value, by: "this value".to_owned(), span: None, parts: None })
                })
                .collect();
            self.inputs.answer(answers);
            step = evaluate(&mut self.findings.sources, self.root, &self.inputs, NAME);
        }
        if let Evaluation::Failed(found) = step {
            self.found(found);
            formats::show(&self.findings, console);
            return Err(Failure::Reported);
        }
        cluster.ok_or_else(|| {
            Failure::new(codes::NO_METADATA, "the name of the cluster is not known")
                .with_help("name it: --cluster NAME")
        })
    }

    fn ask(&mut self, asker: &mut Asker) -> Option<Value> {
        // One more than the rounds, since the last of them ends in a value or in an error.
        for _ in 0..=MAX_LOOKUP_ROUNDS {
            match evaluate(&mut self.findings.sources, self.root, &self.inputs, NAME) {
                Evaluation::Done(value) => return Some(value),
                Evaluation::Failed(found) => {
                    self.found(found);
                    return None;
                }
                Evaluation::Need(lookups) => {
                    if let Some(secret) = lookups.iter().find(|lookup| lookup.secret) {
                        let found = Diagnostic::error(
                            codes::SECRET_NOT_SHOWN,
                            secret.span,
                            format!("meta.{} is a secret, and is shown to nobody", secret.key),
                        );
                        self.add(found);
                        return None;
                    }
                    match asker.answer(&lookups) {
                        Ok(answers) => self.inputs.answer(answers),
                        Err(unanswered) => {
                            unanswered.into_iter().for_each(|found| self.add(found));
                            return None;
                        }
                    }
                }
            }
        }
        None
    }

    fn found(&mut self, found: kit_compiler::Findings) {
        found.diagnostics.into_iter().for_each(|found| self.add(found));
        self.findings.omitted += found.omitted;
    }

    /// What is found behind the file's own text stands in the path that was asked for.
    fn add(&mut self, mut found: Diagnostic) {
        let (root, path, begins) = (self.root, self.path, self.begins);
        let moved = |span: Span| match span.source == root && span.end > begins {
            true => {
                Span { source: path, start: span.start.saturating_sub(begins), end: span.end.saturating_sub(begins) }
            }
            false => span,
        };
        found.span = moved(found.span);
        for label in &mut found.labels {
            label.span = moved(label.span);
        }
        self.findings.diagnostics.push(found);
    }
}

/// Refuses what would be more than one path where it stands.
fn is_path(text: &str, written: &str) -> Result<(), Failure> {
    let last = kit_lang::parse(text).file().declarations().last();
    let value = match last {
        Some(Decl::Let(value)) if value.name().is_some_and(|name| name.text() == NAME) => value.value(),
        _ => None,
    };
    let is_one = value.is_some_and(|value| {
        matches!(value, Expr::Field(_) | Expr::Call(_)) && value.syntax().text() == format!("meta.{written}").as_str()
    });
    if is_one {
        return Ok(());
    }
    Err(super::no_path(written, "a path is names with dots, such as aws.region, and a lookup has its arguments behind it: 'aws.image(\"debian-12-*\")'".to_owned()))
}

/// The value at a path, if it can be had; why it cannot is not told.
pub(super) fn value_if_any(path: &str, file: Option<&Path>, given: &Given, clusters: &Path) -> Option<Value> {
    let mut question = Question::read(path, file, given).ok()?;
    if question.findings.has_errors() {
        return None;
    }
    question.ask(&mut Asker::new(&question.file.clone(), clusters))
}

/// The cluster of a file, after it was seen that the file declares the value of this name, and takes this one for it.
pub(super) fn checked_value(
    name: &str,
    value: &str,
    file: &Path,
    given: &Given,
    console: &mut Console,
) -> Result<String, Failure> {
    Question::new(&format!("vars.{name}"), Some(file), given, console)?.with_answer(value, console)
}
