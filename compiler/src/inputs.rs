//! What the operator gives beside the file: parameters, and answers of metadata.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use kit_graph::Value;
use kit_lang::{Diagnostic, SourceId, Span};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::codes;
use crate::parts::Parts;
use crate::snapshot::Snapshot;
use crate::sources::Sources;

/// Rounds of lookups in which the answers of one may be the arguments of the next.
pub const MAX_LOOKUP_ROUNDS: u32 = 8;

/// A parameter's value as it came in.
#[derive(Clone, PartialEq)]
pub enum ParamValue {
    /// Text from a flag or the environment; the parameter's type says how it is read.
    Text(String),
    /// Data from a file: a number is a number, a text a text.
    Data(Value),
    /// It stands in a file of parameters, as the language writes it.
    Written,
}

impl fmt::Debug for ParamValue {
    /// Not what it is: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParamValue(…)")
    }
}

/// A parameter that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamInput {
    /// The value.
    pub value: ParamValue,
    /// Where it was given: the flag, the file, the variable.
    pub span: Span,
    /// How it was given.
    pub by: GivenBy,
    /// Where the values in it were given, if there are any.
    pub parts: Option<Rc<Parts>>,
}

/// How a parameter was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenBy {
    /// By a flag, whose text others of the machine can read while the process runs, and the shell remembers.
    Flag,
    /// By a variable of the environment, which several files may share: it may be meant for another one.
    Variable,
    /// In a file.
    File {
        /// Nobody but its owner can read it.
        private: bool,
    },
    /// As a secret: from a file of its own, a variable that is named, or standard input.
    Secret,
}

/// The answer to a lookup.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was answered: text, which the declared type says how to read, or data.
    pub value: ParamValue,
    /// Who answered, in words: the name of a file, of a source.
    pub by: String,
    /// Where the answer stands, if it stands in a text.
    pub span: Option<Span>,
    /// Where the values in it stand, if there are any and it stands in a text.
    pub parts: Option<Rc<Parts>>,
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self { value: ParamValue::Data(value), by: String::new(), span: None, parts: None }
    }
}

/// Parameters and answers.
///
/// What is given later wins: give a file first, then the environment, then flags.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub(crate) params: BTreeMap<String, ParamInput>,
    pub(crate) answers: BTreeMap<String, Answer>,
    pub(crate) rounds: u32,
    /// The files of parameters in the language itself.
    pub(crate) files: Vec<SourceId>,
    /// There is a snapshot: what it has no answer to is asked of nobody.
    pub(crate) snapshot: Option<Snapshot>,
}

impl Inputs {
    /// Nothing given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One parameter.
    pub fn param(&mut self, name: impl Into<String>, input: ParamInput) {
        self.params.insert(name.into(), input);
    }

    /// A flag `--set name=value`, given as `name=value`.
    ///
    /// # Errors
    /// When there is no `=` or no name before it.
    pub fn set(&mut self, sources: &mut Sources, assignment: &str) -> Result<(), Box<Diagnostic>> {
        let source = sources.add("--set", assignment);
        let span = |start: usize, end: usize| place(source, start, end);
        let name = assignment.split('=').next().unwrap_or_default();
        if name.is_empty() || name.len() == assignment.len() {
            let diagnostic = Diagnostic::error(
                codes::INPUT_UNREADABLE,
                span(0, assignment.len()),
                format!("--set takes name=value, and this is `{assignment}`"),
            )
            .with_help("for instance --set size=4");
            return Err(Box::new(diagnostic));
        }
        let start = name.len() + 1;
        let value = ParamValue::Text(assignment[start..].to_owned());
        let span = span(start, assignment.len());
        let parts = Parts::of_json(&assignment[start..], span);
        self.param(name, ParamInput { value, span, by: GivenBy::Flag, parts });
        Ok(())
    }

    /// A parameter from a variable of the environment.
    pub fn variable(&mut self, sources: &mut Sources, variable: &str, name: &str, text: &str) {
        let source = sources.add(variable, text);
        let value = ParamValue::Text(text.to_owned());
        let span = place(source, 0, text.len());
        let parts = Parts::of_json(text, span);
        self.param(name, ParamInput { value, span, by: GivenBy::Variable, parts });
    }

    /// A parameter that is a secret; `shown` is what a diagnostic shows in place of its text, such as the flag.
    pub fn secret(&mut self, sources: &mut Sources, shown: &str, name: &str, text: String) {
        let source = sources.add("--secret", shown);
        let span = place(source, 0, shown.len());
        self.param(name, ParamInput { value: ParamValue::Text(text), span, by: GivenBy::Secret, parts: None });
    }

    /// A file of parameters: one JSON object. `private` says that nobody but its owner can read it, so that a secret may
    /// stand in it.
    ///
    /// # Errors
    /// When it is no JSON object, or a key stands twice.
    pub fn params_file(&mut self, sources: &Sources, source: SourceId, private: bool) -> Result<(), Box<Diagnostic>> {
        for Entry { key, value, span, parts } in entries(sources, source, "{\"size\": 4}")? {
            let value = ParamValue::Data(value);
            self.param(key, ParamInput { value, span, by: GivenBy::File { private }, parts });
        }
        Ok(())
    }

    /// A snapshot of metadata, which answers all lookups: what it lacks is an error.
    ///
    /// # Errors
    /// When it is no snapshot, or a key stands twice.
    pub fn snapshot(&mut self, sources: &Sources, source: SourceId) -> Result<(), Box<Diagnostic>> {
        let (snapshot, answers) = Snapshot::read(sources, source)?;
        self.answers.extend(answers);
        self.snapshot = Some(snapshot);
        Ok(())
    }

    /// When the answers of the snapshot were asked for, if there is one and it says so.
    #[must_use]
    pub fn snapshot_asked_at(&self) -> Option<&str> {
        self.snapshot.as_ref()?.asked_at.as_deref()
    }

    /// The answers to a round of lookups, by their keys.
    pub fn answer<A: Into<Answer>>(&mut self, answers: impl IntoIterator<Item = (String, A)>) {
        self.rounds += 1;
        self.answers.extend(answers.into_iter().map(|(key, answer)| (key, answer.into())));
    }
}

fn place(source: SourceId, start: usize, end: usize) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { source, start: offset(start), end: offset(end) }
}

/// An entry of a JSON object.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Value,
    /// Where the value stands.
    pub(crate) span: Span,
    /// Where those in it stand.
    pub(crate) parts: Option<Rc<Parts>>,
}

/// The entries of a JSON object, each with its place. `example` is one that is right.
pub(crate) fn entries(sources: &Sources, source: SourceId, example: &str) -> Result<Vec<Entry>, Box<Diagnostic>> {
    let text = sources.get(source).map_or("", |source| source.text.as_str());
    let failed = |error: &serde_json::Error, from: usize| {
        let at = from + offset_of(&text[from..], error.line(), error.column());
        // What is no value of Kit is not repeated: it may be a secret.
        let reason = match error.is_data() {
            true => "a fraction, a number beyond 64 bits or a key that stands twice is no value of Kit".to_owned(),
            false => error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
        };
        Box::new(
            Diagnostic::error(
                codes::INPUT_UNREADABLE,
                place(source, at, at),
                format!("this is no JSON object: {reason}"),
            )
            .with_help(format!("write one object, such as {example}")),
        )
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let raw = reader
        .deserialize_map(Entries)
        .and_then(|raw| reader.end().map(|()| raw))
        .map_err(|error| failed(&error, 0))?;
    let mut found: Vec<Entry> = Vec::with_capacity(raw.len());
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for (key, raw) in raw {
        // The raw value is a part of the text, so its place is the distance between them.
        let start = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let span = place(source, start, start + raw.get().len());
        let value = serde_json::from_str::<Value>(raw.get()).map_err(|error| failed(&error, start))?;
        if let Some(first) = seen.insert(key.clone(), span) {
            return Err(Box::new(
                Diagnostic::error(codes::INPUT_UNREADABLE, span, format!("the key \"{key}\" stands twice"))
                    .with_label(first, "it stands here first"),
            ));
        }
        let parts = Parts::of_json(raw.get(), span);
        found.push(Entry { key, value, span, parts });
    }
    Ok(found)
}

/// The byte at a line and a column, both from 1, as the reader of JSON counts them.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Reads an object without reading its values.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = map.next_entry()? {
            all.push(entry);
        }
        Ok(all)
    }
}
