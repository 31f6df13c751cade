//! JSON that knows where each of its values stands. Raw values of serde point into the document, so a place is how far
//! they lie from its start; a level is read when somebody asks for it.

use std::fmt;
use std::rc::Rc;

use kit_lang::{SourceId, Span};
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The elements that one list or object may have: far more than a cluster has machines or a group has settings.
pub(crate) const MAX_ELEMENTS: usize = 20_000;

/// How much of a name a path shows.
const MAX_SHOWN_NAME: usize = 80;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node<'d> {
    document: &'d str,
    raw: &'d str,
    way: Option<Rc<Step>>,
}

/// The last step of the way to a value. A way is put together where it is shown: a document has many values and few notes.
#[derive(Debug)]
struct Step {
    before: Option<Rc<Step>>,
    step: Name,
}

#[derive(Debug)]
enum Name {
    Index(usize),
    Field(String),
}

/// What a value that was asked for its elements has too many of.
#[derive(Debug)]
pub(crate) struct TooMany(pub(crate) usize);

impl<'d> Node<'d> {
    /// The value that a document is.
    pub(crate) fn document(document: &'d str) -> Result<Node<'d>, serde_json::Error> {
        // The whole is read once as what it is: raw values are looked at no closer than their outline. This also bounds how
        // deep it may be nested.
        serde_json::from_str::<Value>(document)?;
        let raw: &RawValue = serde_json::from_str(document)?;
        Ok(Node { document, raw: raw.get(), way: None })
    }

    fn child(&self, raw: &'d RawValue, step: Name) -> Node<'d> {
        let way = Step { before: self.way.clone(), step };
        Node { document: self.document, raw: raw.get(), way: Some(Rc::new(way)) }
    }

    /// The way to the value: `[0].Properties.ID`.
    pub(crate) fn path(&self) -> String {
        let mut steps = Vec::new();
        let mut next = self.way.as_deref();
        while let Some(step) = next {
            steps.push(&step.step);
            next = step.before.as_deref();
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Name::Index(index) => path.push_str(&format!("[{index}]")),
                Name::Field(name) => {
                    let shown: String = name.chars().take(MAX_SHOWN_NAME).collect();
                    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    if shown.is_empty() || !shown.chars().all(is_word) {
                        path.push_str(&format!("[{}]", Value::from(shown)));
                    } else {
                        path.push_str(if path.is_empty() { "" } else { "." });
                        path.push_str(&shown);
                    }
                }
            }
        }
        if path.is_empty() { "the document".to_owned() } else { path }
    }

    pub(crate) fn start(&self) -> u32 {
        let distance = (self.raw.as_ptr() as usize).saturating_sub(self.document.as_ptr() as usize);
        u32::try_from(distance).unwrap_or(u32::MAX)
    }

    /// Where the value stands; of one over several lines, its first.
    pub(crate) fn span(&self, source: SourceId) -> Span {
        let first = self.raw.lines().next().unwrap_or_default().len();
        let start = self.start();
        Span { source, start, end: start.saturating_add(u32::try_from(first).unwrap_or(u32::MAX)) }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.raw.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b'"') => "a text",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.raw == "null"
    }

    pub(crate) fn is_object(&self) -> bool {
        self.raw.starts_with('{')
    }

    pub(crate) fn is_list(&self) -> bool {
        self.raw.starts_with('[')
    }

    /// Null, false, or empty: what a document says where it says nothing.
    pub(crate) fn says_nothing(&self) -> bool {
        fn nothing(value: &Value) -> bool {
            match value {
                Value::Object(fields) => fields.values().all(nothing),
                Value::Array(items) => items.is_empty(),
                Value::String(text) => text.is_empty(),
                Value::Null | Value::Bool(false) => true,
                _ => false,
            }
        }
        serde_json::from_str(self.raw).is_ok_and(|value| nothing(&value))
    }

    pub(crate) fn string(&self) -> Option<String> {
        serde_json::from_str(self.raw).ok()
    }

    pub(crate) fn whole_number(&self) -> Option<u64> {
        serde_json::from_str(self.raw).ok()
    }

    /// The elements of a list; none if it is no list.
    pub(crate) fn items(&self) -> Option<Result<Vec<Node<'d>>, TooMany>> {
        let raw: Vec<&'d RawValue> = serde_json::from_str(self.raw).ok()?;
        if raw.len() > MAX_ELEMENTS {
            return Some(Err(TooMany(raw.len())));
        }
        let nodes = raw.into_iter().enumerate().map(|(index, raw)| self.child(raw, Name::Index(index)));
        Some(Ok(nodes.collect()))
    }

    /// The fields of an object, those of one name too; none if it is no object.
    pub(crate) fn fields(&self) -> Option<Result<Vec<(String, Node<'d>)>, TooMany>> {
        let mut reader = serde_json::Deserializer::from_str(self.raw);
        let pairs = reader.deserialize_map(Pairs).ok()?;
        if pairs.len() > MAX_ELEMENTS {
            return Some(Err(TooMany(pairs.len())));
        }
        Some(Ok(pairs.into_iter().map(|(key, raw)| (key.clone(), self.child(raw, Name::Field(key)))).collect()))
    }
}

/// The pairs of an object, in order, those of one name too.
struct Pairs;

impl<'d> Visitor<'d> for Pairs {
    type Value = Vec<(String, &'d RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            pairs.push((key, map.next_value::<&'d RawValue>()?));
        }
        Ok(pairs)
    }
}

/// The fields of an object, taken one by one, so that what nobody took is known. Names are found as Go finds them: whatever
/// their capitals.
#[derive(Debug)]
pub(crate) struct Fields<'d> {
    rest: Vec<(String, Node<'d>)>,
}

impl<'d> Fields<'d> {
    pub(crate) fn new(rest: Vec<(String, Node<'d>)>) -> Fields<'d> {
        Fields { rest }
    }

    /// Takes a field. Null is as good as none.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'d>> {
        let exact = self.rest.iter().position(|(key, _)| key == name);
        let index = exact.or_else(|| self.rest.iter().position(|(key, _)| key.eq_ignore_ascii_case(name)))?;
        Some(self.rest.remove(index).1).filter(|node| !node.is_null())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.rest.iter().any(|(key, node)| key.eq_ignore_ascii_case(name) && !node.is_null())
    }

    pub(crate) fn into_rest(self) -> Vec<(String, Node<'d>)> {
        self.rest
    }
}
