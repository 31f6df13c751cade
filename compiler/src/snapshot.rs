//! A snapshot of metadata: the answers of a moment, in a file that a person can read, write and compare.

use std::collections::BTreeMap;

use kit_graph::Value;
use kit_lang::{Diagnostic, SourceId, Span};

use crate::codes;
use crate::inputs::{Answer, Entry, ParamValue, entries};
use crate::report::listed;
use crate::sources::Sources;

/// The form that this compiler reads and writes.
const VERSION: i64 = 1;

/// What a snapshot says of itself. The key of a lookup has a dot, so neither is taken for the other.
const HEADER: [&str; 2] = ["version", "asked_at"];

/// Answers to lookups by their keys, such as
/// `{"version": 1, "aws.region": "eu-west-1", "aws.image(\"debian-12-*\")": "ami-1"}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// When they were asked for, as whoever wrote it says.
    pub asked_at: Option<String>,
    /// The answers. No secret is among them.
    pub answers: BTreeMap<String, Value>,
}

impl Snapshot {
    /// As it stands in a file: one answer a line, in the order of the keys, so that two are compared line by line.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut all = serde_json::Map::new();
        all.insert("version".to_owned(), VERSION.into());
        if let Some(asked_at) = &self.asked_at {
            all.insert("asked_at".to_owned(), asked_at.as_str().into());
        }
        let mut lines: Vec<String> = all.iter().map(|(key, value)| line(key, &value.to_string())).collect();
        // A value of the graph is JSON whatever it holds.
        lines.extend(
            self.answers.iter().map(|(key, value)| line(key, &serde_json::to_string(value).unwrap_or_default())),
        );
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Reads a snapshot, and tells each answer with its place.
    pub(crate) fn read(
        sources: &Sources,
        source: SourceId,
    ) -> Result<(Self, BTreeMap<String, Answer>), Box<Diagnostic>> {
        let name = sources.get(source).map_or("", |source| source.name.as_str());
        let mut snapshot = Self::default();
        let mut answers = BTreeMap::new();
        for Entry { key, value, span, parts } in
            entries(sources, source, "{\"version\": 1, \"aws.region\": \"eu-west-1\"}")?
        {
            if key.contains('.') {
                snapshot.answers.insert(key.clone(), value.clone());
                let value = ParamValue::Data(value);
                answers.insert(key, Answer { value, by: name.to_owned(), span: Some(span), parts });
                continue;
            }
            match (key.as_str(), value) {
                ("version", Value::Int(VERSION)) => {}
                ("version", _) => {
                    return Err(refused(
                        span,
                        &format!("this kitc reads snapshots of version {VERSION}, and this is none"),
                    ));
                }
                ("asked_at", Value::String(text)) => snapshot.asked_at = Some(text),
                ("asked_at", _) => return Err(refused(span, "`asked_at` is a text")),
                _ => return Err(refused(span, &format!("`{key}` is the key of no lookup"))),
            }
        }
        Ok((snapshot, answers))
    }
}

fn line(key: &str, value: &str) -> String {
    format!("  {}: {value}", serde_json::Value::from(key))
}

fn refused(span: Span, message: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(codes::INPUT_UNREADABLE, span, message).with_help(format!(
        "a snapshot is one JSON object of {} and the keys of lookups, such as \"aws.region\"; `kitc metadata snapshot` writes one",
        listed(HEADER, "and")
    )))
}
