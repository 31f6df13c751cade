//! What a reading of a document has found so far: errors stop it at its end, notes go into the file.

use std::collections::BTreeMap;

use kit_lang::{Code, Diagnostic, MAX_DIAGNOSTICS, SourceId};

use crate::codes;
use crate::json::{Fields, MAX_ELEMENTS, Node, TooMany};
use crate::notes::{Note, Outcome, Place};

/// A text of the document that is kept in the file.
const MAX_TEXT_BYTES: usize = 4096;

pub(crate) struct Reading<'d> {
    pub(crate) source: SourceId,
    pub(crate) text: &'d str,
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) notes: Vec<Note>,
    /// What the notes of now belong to.
    pub(crate) place: Place,
    seen: BTreeMap<(Unique, String), Node<'d>>,
}

/// What belongs to one thing each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unique {
    Group,
    LogicalId,
    Attachment,
}

impl<'d> Reading<'d> {
    pub(crate) fn new(source: SourceId, text: &'d str) -> Reading<'d> {
        Reading { source, text, errors: Vec::new(), notes: Vec::new(), place: Place::Cluster, seen: BTreeMap::new() }
    }

    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        if self.errors.len() < MAX_DIAGNOSTICS {
            self.errors.push(diagnostic);
        }
    }

    pub(crate) fn wrong(&mut self, code: Code, node: &Node<'d>, message: impl Into<String>, help: &str) {
        let error = Diagnostic::error(code, node.span(self.source), message);
        self.error(if help.is_empty() { error } else { error.with_help(help) });
    }

    /// The node is not what is wanted here.
    pub(crate) fn unexpected(&mut self, node: &Node<'d>, wanted: &str) {
        if !self.template(node) {
            let message = format!("`{}` is {}, where {wanted} is wanted", node.path(), node.kind());
            self.wrong(codes::NOT_GROUPS, node, message, "");
        }
    }

    pub(crate) fn note(&mut self, outcome: Outcome, node: &Node<'d>, why: impl Into<String>) {
        let note =
            Note { outcome, path: node.path(), line: 0, why: why.into(), at: node.start(), place: self.place.clone() };
        self.notes.push(note);
    }

    pub(crate) fn into_errors(mut self) -> Vec<Diagnostic> {
        self.errors.sort_by_key(|error| error.span.start);
        self.errors
    }

    /// The fields of an object. One that stands twice is an error: which of the two holds would be a guess.
    pub(crate) fn fields(&mut self, node: &Node<'d>, wanted: &str) -> Option<Fields<'d>> {
        let fields = match node.fields() {
            Some(Ok(fields)) => fields,
            Some(Err(many)) => {
                self.too_many(node, &many);
                return None;
            }
            None => {
                self.unexpected(node, wanted);
                return None;
            }
        };
        let mut seen = BTreeMap::new();
        for (key, value) in &fields {
            if let Some(before) = seen.insert(key.clone(), value.clone()) {
                let error = Diagnostic::error(
                    codes::TWICE,
                    value.span(self.source),
                    format!("`{}` stands twice in one object", value.path()),
                );
                self.error(error.with_label(before.span(self.source), "it has a value here already"));
            }
        }
        Some(Fields::new(fields))
    }

    pub(crate) fn items(&mut self, node: &Node<'d>, wanted: &str) -> Option<Vec<Node<'d>>> {
        match node.items() {
            Some(Ok(items)) => return Some(items),
            Some(Err(many)) => self.too_many(node, &many),
            None => self.unexpected(node, wanted),
        }
        None
    }

    /// Something that belongs to one thing of the document.
    pub(crate) fn once(&mut self, kind: Unique, id: &str, node: &Node<'d>) {
        let what = match kind {
            Unique::Group => "the ID of two groups",
            Unique::LogicalId => "the logical ID of two machines",
            Unique::Attachment => "attached to two machines",
        };
        if let Some(before) = self.seen.get(&(kind, id.to_owned())) {
            let message = format!("\"{id}\" is {what}");
            let error = Diagnostic::error(codes::TWICE, node.span(self.source), message);
            let error = error.with_label(before.span(self.source), "it stands here already");
            self.error(error);
            return;
        }
        self.seen.insert((kind, id.to_owned()), node.clone());
    }

    fn too_many(&mut self, node: &Node<'d>, many: &TooMany) {
        let message = format!("`{}` has {} elements, more than {MAX_ELEMENTS}", node.path(), many.0);
        self.wrong(codes::TOO_LARGE, node, message, "");
    }

    /// A string that goes into the file, so it must have been rendered.
    pub(crate) fn string(&mut self, node: &Node<'d>, wanted: &str) -> Option<String> {
        let Some(text) = node.string() else {
            self.unexpected(node, wanted);
            return None;
        };
        if self.template(node) {
            return None;
        }
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("`{}` has {} bytes, more than {MAX_TEXT_BYTES}", node.path(), text.len());
            self.wrong(codes::TOO_LARGE, node, message, "");
            return None;
        }
        Some(text)
    }

    pub(crate) fn optional_string(&mut self, node: Option<Node<'d>>, wanted: &str) -> Option<String> {
        node.and_then(|node| self.string(&node, wanted)).filter(|text| !text.is_empty())
    }

    pub(crate) fn whole_number(&mut self, node: &Node<'d>, wanted: &str) -> Option<u64> {
        let number = node.whole_number();
        if number.is_none() {
            self.unexpected(node, wanted);
        }
        number
    }

    /// The map of texts that tags and labels are, in the document's order.
    pub(crate) fn map_of_strings(&mut self, node: &Node<'d>) -> Vec<(String, String)> {
        let Some(fields) = self.fields(node, "an object with a text for each name") else { return Vec::new() };
        let mut found = Vec::new();
        for (key, value) in fields.into_rest() {
            if key.contains("{{") {
                self.template(&value);
            }
            if let Some(text) = self.string(&value, "a text") {
                found.push((key, text));
            }
        }
        found
    }

    /// What of an object nobody took: its values that say something.
    pub(crate) fn leftovers(&mut self, fields: Fields<'d>, why: &str) {
        for (_, value) in fields.into_rest() {
            if !value.says_nothing() {
                self.note(Outcome::Lost, &value, why);
            }
        }
    }

    fn template(&mut self, node: &Node<'d>) -> bool {
        let found = node.string().is_some_and(|text| text.contains("{{")) || node.path().contains("{{");
        if found {
            self.wrong(
                codes::NOT_RENDERED,
                node,
                format!("`{}` is a template that nobody has rendered", node.path()),
                codes::RENDER,
            );
        }
        found
    }
}
