//! Values as the graph holds them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::script::Script;

/// The fields of a thing, by name, in the order of their names.
pub type Properties = BTreeMap<String, Value>;

/// A value that needs no evaluation: a literal, a reference to a live field, a concatenation, the
/// name of a secret, or a script.
///
/// Addresses, networks, sizes (`20GiB`), durations (`30s`) and percentages (`25%`) are strings in
/// their canonical spelling: see [`crate::parse_bytes`] and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Absent (`none`).
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text, and the canonical spelling of each domain type.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A record or a map.
    Map(Properties),
    /// `{"$ref": "net.id"}`: a declared thing, or a live field of one.
    Ref(String),
    /// `{"$concat": […]}`: text joined from parts that are known only at run time.
    Concat(Vec<Value>),
    /// `{"$secret": "name"}`: looked up by name where it is used; never stands here in clear.
    Secret(String),
    /// `{"$script": {"text": "…", "variables": {…}}}`: what a shell carries out.
    Script(Box<Script>),
}

impl Value {
    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The fields, if this is a record or a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Properties> {
        match self {
            Self::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// Field `name` of a record or a map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map().and_then(|fields| fields.get(name))
    }

    /// Calls `visit` with each address that this value refers to.
    pub fn each_ref(&self, visit: &mut impl FnMut(&str)) {
        match self {
            Self::Ref(address) => visit(address),
            Self::List(items) | Self::Concat(items) => items.iter().for_each(|item| item.each_ref(visit)),
            Self::Map(fields) => fields.values().for_each(|item| item.each_ref(visit)),
            Self::Script(script) => script.variables.values().for_each(|item| item.each_ref(visit)),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::String(_) | Self::Secret(_) => {}
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        fn single<S: Serializer>(out: S, key: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
            let mut map = out.serialize_map(Some(1))?;
            map.serialize_entry(key, value)?;
            map.end()
        }
        match self {
            Self::Null => out.serialize_unit(),
            Self::Bool(truth) => out.serialize_bool(*truth),
            Self::Int(number) => out.serialize_i64(*number),
            Self::String(text) => out.serialize_str(text),
            Self::List(items) => items.serialize(out),
            Self::Map(fields) => fields.serialize(out),
            Self::Ref(address) => single(out, "$ref", address),
            Self::Concat(parts) => single(out, "$concat", parts),
            Self::Secret(name) => single(out, "$secret", name),
            Self::Script(script) => single(out, "$script", script),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a graph: text, a whole number, true, false, null, a list or an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Int).map_err(|_| E::custom("a whole number beyond 64 bits"))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Err(E::custom(format!("{number} is no whole number")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Properties::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if fields.contains_key(&key) {
                return Err(de::Error::custom(format!("the key \"{key}\" stands twice")));
            }
            fields.insert(key, value);
        }
        let special = fields.len() == 1 && fields.keys().next().is_some_and(|key| key.starts_with('$'));
        if !special {
            return Ok(Value::Map(fields));
        }
        match fields.pop_first() {
            Some((key, Value::String(address))) if key == "$ref" => Ok(Value::Ref(address)),
            Some((key, Value::String(name))) if key == "$secret" => Ok(Value::Secret(name)),
            Some((key, Value::List(parts))) if key == "$concat" => Ok(Value::Concat(parts)),
            Some((key, Value::Map(fields))) if key == "$script" => script(fields),
            Some((key, _)) => Err(de::Error::custom(format!("\"{key}\" is no form that a graph knows"))),
            None => Ok(Value::Map(fields)),
        }
    }
}

impl Serialize for Script {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("text", &self.text)?;
        if !self.variables.is_empty() {
            map.serialize_entry("variables", &self.variables)?;
        }
        map.end()
    }
}

/// A script from its fields.
fn script<E: de::Error>(mut fields: Properties) -> Result<Value, E> {
    let text = match fields.remove("text") {
        Some(Value::String(text)) => text,
        _ => return Err(E::custom("a script has a \"text\"")),
    };
    let variables = match fields.remove("variables") {
        None => Properties::new(),
        Some(Value::Map(variables)) => variables,
        Some(_) => return Err(E::custom("the \"variables\" of a script are an object")),
    };
    let single = |value: &Value| {
        matches!(
            value,
            Value::Bool(_) | Value::Int(_) | Value::String(_) | Value::Ref(_) | Value::Concat(_) | Value::Secret(_)
        )
    };
    if let Some((name, _)) = variables.iter().find(|(_, value)| !single(value)) {
        return Err(E::custom(format!("the variable {name:?} of a script is no single value")));
    }
    match fields.pop_first() {
        Some((name, _)) => Err(E::custom(format!("a script has no {name:?}"))),
        None => Ok(Value::Script(Box::new(Script { text, variables }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_written_in_one_way_and_read_back() {
        let variables = [("A".to_owned(), Value::Secret("token".to_owned())), ("B".to_owned(), Value::Int(1))];
        let script = Value::Script(Box::new(Script { text: "echo\n".to_owned(), variables: variables.into() }));
        let text = serde_json::to_string(&script).unwrap();
        assert_eq!(text, r#"{"$script":{"text":"echo\n","variables":{"A":{"$secret":"token"},"B":1}}}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), script);
        let bare = Value::Script(Box::new(Script { text: String::new(), variables: Properties::new() }));
        let text = serde_json::to_string(&bare).unwrap();
        assert_eq!(text, r#"{"$script":{"text":""}}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), bare);
    }

    #[test]
    fn what_is_no_script_is_refused() {
        for wrong in [
            r#"{"$script": "echo"}"#,
            r#"{"$script": {}}"#,
            r#"{"$script": {"text": 1}}"#,
            r#"{"$script": {"text": "", "variables": []}}"#,
            r#"{"$script": {"text": "", "variables": {"A": []}}}"#,
            r#"{"$script": {"text": "", "variables": {"A": {"$script": {"text": ""}}}}}"#,
            r#"{"$script": {"text": "", "shell": "bash"}}"#,
        ] {
            assert!(serde_json::from_str::<Value>(wrong).is_err(), "{wrong}");
        }
    }
}
