//! Values of the evaluator. Each knows where it came from.

use std::net::IpAddr;
use std::rc::Rc;

use indexmap::IndexMap;
use ipnet::IpNet;

use crate::hir::{DefRef, ExprId};
use crate::names::Name;

/// A map of a program, in the order of the source.
pub(crate) type ValueMap = IndexMap<Rc<str>, Value, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>;

/// A value and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) data: Data,
    pub(crate) origin: Origin,
}

/// Where a value came from: eight bytes, as each value carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) kind: OriginKind,
    pub(crate) module: u16,
    pub(crate) index: u32,
}

/// What decided a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OriginKind {
    /// An expression of the module; `index` is its number.
    Expr,
    /// The same, standing as a field's or parameter's default.
    Default,
    /// Given by the operator; `index` is the number of the parameter's definition.
    Param,
    /// Looked up; `index` is the expression.
    Lookup,
    /// A place kept by the evaluator, such as a member's ID; `index` is its number there.
    Place,
    /// Decided by a definition as a whole, such as how many members a group has; `index` is its number.
    Def,
}

impl Origin {
    pub(crate) fn expr(module: u16, expr: ExprId) -> Self {
        Self { kind: OriginKind::Expr, module, index: expr.0 }
    }
}

/// Why a value is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A parameter that was not given.
    Param(DefRef),
    /// A lookup that was not answered: the expression that asks.
    Lookup(u16, ExprId),
}

/// A thing that has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thing {
    pub(crate) kind: ThingKind,
    pub(crate) def: DefRef,
    /// Which entry of a resource that is a map, or which member of the group.
    pub(crate) index: u32,
}

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ThingKind {
    Resource,
    /// One of a resource that is a map.
    Entry,
    Group,
    Members,
    Member,
    Machine,
    Volume,
}

/// A value that is known only at run time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Opaque {
    /// A live field: `net.id`.
    Live(String),
    /// Text with live parts.
    Concat(Vec<Value>),
    /// A secret parameter, by name.
    Secret(Rc<str>),
}

/// A description of a resource: its fields in the order of the schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) def: DefRef,
    pub(crate) fields: Vec<Value>,
}

/// A script: its text, which no value enters, and its variables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Script {
    pub(crate) text: Rc<str>,
    pub(crate) variables: ValueMap,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Wrong, and reported: whatever is computed from it is silent.
    Error,
    /// A field that was not given.
    Missing,
    Awaited(Awaited),
    None,
    Bool(bool),
    Int(i64),
    Str(Rc<str>),
    Ip(IpAddr),
    Cidr(IpNet),
    Bytes(i64),
    /// In milliseconds.
    Duration(i64),
    Percent(i64),
    Range(i64, i64),
    List(Rc<Vec<Value>>),
    Map(Rc<ValueMap>),
    Record(Rc<Vec<(Name, Value)>>),
    Description(Rc<Description>),
    Script(Rc<Script>),
    Thing(Thing),
    Opaque(Rc<Opaque>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::Missing, Self::Missing) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b))
            | (Self::Bytes(a), Self::Bytes(b))
            | (Self::Duration(a), Self::Duration(b))
            | (Self::Percent(a), Self::Percent(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Ip(a), Self::Ip(b)) => a == b,
            (Self::Cidr(a), Self::Cidr(b)) => a == b,
            (Self::Range(a, b), Self::Range(c, d)) => (a, b) == (c, d),
            (Self::Range(first, last), Self::List(items)) | (Self::List(items), Self::Range(first, last)) => {
                let length = last.checked_sub(*first).and_then(|n| n.checked_add(1)).map_or(0, |n| n.max(0));
                i64::try_from(items.len()).is_ok_and(|n| n == length)
                    && items.iter().zip(*first..=*last).all(|(item, n)| item.data == Self::Int(n))
            }
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Record(a), Self::Record(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(name, value)| b.iter().any(|(other, found)| other == name && found == value))
            }
            (Self::Description(a), Self::Description(b)) => a == b,
            (Self::Script(a), Self::Script(b)) => a == b,
            (Self::Thing(a), Self::Thing(b)) => a == b,
            (Self::Opaque(a), Self::Opaque(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    pub(crate) fn new(data: Data, origin: Origin) -> Self {
        Self { data, origin }
    }

    /// Not yet known, or wrong: what depends on it waits or is silent.
    pub(crate) fn is_unsettled(&self) -> bool {
        matches!(self.data, Data::Error | Data::Awaited(_) | Data::Missing)
    }

    /// How many values it is made of, itself included, counted until there are more than `most`.
    pub(crate) fn parts(&self, most: usize) -> usize {
        fn count(value: &Value, most: usize, parts: &mut usize) {
            *parts += 1;
            let mut all = |values: &mut dyn Iterator<Item = &Value>| {
                for value in values {
                    if *parts > most {
                        return;
                    }
                    count(value, most, parts);
                }
            };
            match &value.data {
                Data::List(items) => all(&mut items.iter()),
                Data::Map(entries) => all(&mut entries.values()),
                Data::Script(script) => all(&mut script.variables.values()),
                Data::Record(fields) => all(&mut fields.iter().map(|(_, value)| value)),
                Data::Description(description) => all(&mut description.fields.iter()),
                _ => {}
            }
        }
        let mut parts = 0;
        count(self, most, &mut parts);
        parts
    }

    /// A value that is not known, anywhere inside; the first one found.
    pub(crate) fn first_unsettled(&self) -> Option<&Value> {
        match &self.data {
            Data::Error | Data::Awaited(_) | Data::Missing => Some(self),
            Data::List(items) => items.iter().find_map(Value::first_unsettled),
            Data::Map(entries) => entries.values().find_map(Value::first_unsettled),
            Data::Script(script) => script.variables.values().find_map(Value::first_unsettled),
            Data::Record(fields) => fields.iter().find_map(|(_, value)| value.first_unsettled()),
            // What a description lacks is for whoever makes a thing of it to say; live fields always are.
            Data::Description(description) => {
                let given = description.fields.iter().filter(|field| !matches!(field.data, Data::Missing));
                given.filter_map(Value::first_unsettled).next()
            }
            Data::Opaque(opaque) => match &**opaque {
                Opaque::Concat(parts) => parts.iter().find_map(Value::first_unsettled),
                _ => None,
            },
            _ => None,
        }
    }

    /// A value known only at run time, anywhere inside.
    pub(crate) fn has_opaque(&self) -> bool {
        match &self.data {
            Data::Opaque(_) => true,
            Data::List(items) => items.iter().any(Value::has_opaque),
            Data::Map(entries) => entries.values().any(Value::has_opaque),
            Data::Script(script) => script.variables.values().any(Value::has_opaque),
            Data::Record(fields) => fields.iter().any(|(_, value)| value.has_opaque()),
            _ => false,
        }
    }
}
