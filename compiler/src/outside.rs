//! Values that come from outside: parameters, answers of metadata. And values on their way out.

use std::rc::Rc;

use kit_graph::Value as GraphValue;
use kit_lang::ast::LiteralValue;
use kit_lang::{Code, Diagnostic, Span};

use crate::check::with_article;
use crate::eval::show_value;
use crate::hir::Program;
use crate::parts::{self, Parts};
use crate::report::DiagnosticExt as _;
use crate::types::{Lit, Ty, widen};
use crate::value::{Data, Opaque, Origin, Script, Thing, Value, ValueMap};

/// Why a value from outside was refused.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    help: Option<String>,
    /// The way to the part that it is about, the last step first.
    steps: Vec<String>,
}

/// How a message begins that is about a part of the value.
const AT: &str = "at `";

impl Problem {
    fn new(message: String) -> Self {
        Self { message, help: None, steps: Vec::new() }
    }

    /// The same of a value that this one is a part of: `step` leads to it.
    fn inside(mut self, step: &str) -> Self {
        self.steps.push(step.to_owned());
        self.message = match self.message.strip_prefix(AT) {
            Some(further) if further.starts_with('[') => format!("{AT}{step}{further}"),
            Some(further) => format!("{AT}{step}.{further}"),
            None => format!("{AT}{step}` {}", self.message),
        };
        self
    }

    /// Where the part that it is about stands.
    pub(crate) fn place(&self, parts: Option<&Rc<Parts>>, span: Span) -> Span {
        let steps: Vec<String> = self.steps.iter().rev().cloned().collect();
        parts.map_or(span, |parts| parts.place(&steps))
    }

    pub(crate) fn into_diagnostic(self, code: Code, span: Span, subject: &str) -> Diagnostic {
        Diagnostic::error(code, span, format!("{subject} {}", self.message)).maybe_help(self.help)
    }
}

/// A text from the command line or the environment, as the type reads it.
pub(crate) fn from_text(program: &Program, text: &str, ty: &Ty, origin: Origin) -> Result<Value, Problem> {
    let value = |data| Ok(Value::new(data, origin));
    match program.strip(ty) {
        Ty::Str => value(Data::Str(text.into())),
        Ty::Script => value(script(text)?),
        Ty::Secret(inner) => from_text(program, text, inner, origin).map_err(|_| hidden(program, inner)),
        Ty::Opt(_) if text == "none" => value(Data::None),
        Ty::Opt(inner) => from_text(program, text, inner, origin),
        Ty::Lit(Lit::Str(_)) => value(Data::Str(text.into())),
        Ty::Union(alternatives) => union_from_text(program, text, alternatives, ty, origin),
        wanted @ (Ty::Bool
        | Ty::Int
        | Ty::Ip
        | Ty::Cidr
        | Ty::Bytes
        | Ty::Duration
        | Ty::Percent
        | Ty::Lit(Lit::Int(_))) => {
            let wanted = widen(wanted);
            match read_literal(text, &wanted) {
                Ok(data) if fits_scalar(&data, &wanted) => value(data),
                Ok(_) => Err(Problem {
                    message: format!("needs {}, and this is `{text}`", with_article(&program.show(&wanted))),
                    help: example(&wanted),
                    steps: Vec::new(),
                }),
                Err(problem) => Err(problem),
            }
        }
        Ty::List(_) | Ty::Map(_) | Ty::Record(_) => match serde_json::from_str::<GraphValue>(text) {
            Ok(json) => from_graph(program, &json, ty, origin),
            Err(error) => Err(Problem {
                message: {
                    // What is wrong may repeat what it is wrong with.
                    let why = if program.holds_secret(ty) { String::new() } else { format!(": {error}") };
                    format!("needs {}, which is written as JSON here{why}", with_article(&program.show(ty)))
                },
                help: Some(format!("for instance '{}'", json_example(program, ty))),
                steps: Vec::new(),
            }),
        },
        Ty::Error => value(Data::Error),
        other => {
            Err(Problem::new(format!("is {}, which cannot be given from outside", with_article(&program.show(other)))))
        }
    }
}

/// How a value of a type that holds others may look as JSON.
fn json_example(program: &Program, ty: &Ty) -> String {
    match program.strip(ty) {
        Ty::Opt(inner) => json_example(program, inner),
        Ty::List(inner) => format!("[{}]", json_example(program, inner)),
        Ty::Map(inner) => format!("{{\"a\": {}}}", json_example(program, inner)),
        Ty::Record(record) => {
            let fields = record.fields.iter().take(MAX_EXAMPLE_FIELDS);
            let fields = fields
                .map(|field| format!("{:?}: {}", program.names.text(field.name), json_example(program, &field.ty)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Ty::Bool => "true".to_owned(),
        Ty::Int => "3".to_owned(),
        scalar => format!("{:?}", scalar_example(scalar).unwrap_or("a")),
    }
}

/// Fields that an example shows.
const MAX_EXAMPLE_FIELDS: usize = 3;

/// A whole script that is given; as it is no part of another, it has no variables.
fn script(text: &str) -> Result<Data, Problem> {
    match kit_graph::shell_of(text) {
        Ok(_) => Ok(Data::Script(Rc::new(Script { text: text.into(), variables: ValueMap::default() }))),
        Err(why) => Err(Problem::new(format!("is none of a shell: {why}"))),
    }
}

/// A text for a union: the literal that it spells, or the first type that reads it.
fn union_from_text(
    program: &Program,
    text: &str,
    alternatives: &[Ty],
    ty: &Ty,
    origin: Origin,
) -> Result<Value, Problem> {
    let mut strings = false;
    for one in alternatives {
        match program.strip(one) {
            Ty::Lit(Lit::Str(allowed)) => {
                if &**allowed == text {
                    return Ok(Value::new(Data::Str(allowed.clone()), origin));
                }
                strings = true;
            }
            Ty::Str => strings = true,
            _ => {
                if let Ok(value) = from_text(program, text, one, origin) {
                    return Ok(value);
                }
            }
        }
    }
    if strings {
        // Whether the text is one of the allowed ones is for the type to say.
        return Ok(Value::new(Data::Str(text.into()), origin));
    }
    Err(Problem::new(format!("needs {}, and this is `{text}`", with_article(&program.show(ty)))))
}

/// A text as the literal that it is.
fn read_literal(text: &str, wanted: &Ty) -> Result<Data, Problem> {
    match (wanted, text) {
        (Ty::Bool, "true") => return Ok(Data::Bool(true)),
        (Ty::Bool, "false") => return Ok(Data::Bool(false)),
        (Ty::Bool, _) => {
            return Err(Problem {
                message: format!("needs a bool, and this is `{text}`"),
                help: Some("a bool is `true` or `false`".to_owned()),
                steps: Vec::new(),
            });
        }
        _ => {}
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) if matches!(wanted, Ty::Int) => (true, rest),
        _ => (false, text),
    };
    let literal = kit_lang::literal::read(digits).map_err(|problem| Problem {
        message: format!("cannot be `{text}`: {}", problem.message),
        help: problem.help,
        steps: Vec::new(),
    })?;
    let amount = |number: u64| {
        i64::try_from(number).map_err(|_| Problem::new(format!("cannot be `{text}`: it does not fit into 64 bits")))
    };
    Ok(match literal {
        LiteralValue::Bool(truth) => Data::Bool(truth),
        LiteralValue::None => Data::None,
        LiteralValue::Int(number) => Data::Int(if negative { -number } else { number }),
        LiteralValue::Ip(ip) => Data::Ip(ip),
        LiteralValue::Cidr(net) => Data::Cidr(net),
        LiteralValue::Bytes(bytes) => Data::Bytes(amount(bytes)?),
        LiteralValue::DurationMs(duration_ms) => Data::Duration(amount(duration_ms)?),
        LiteralValue::Percent(percent) => Data::Percent(i64::from(percent)),
    })
}

fn fits_scalar(data: &Data, ty: &Ty) -> bool {
    matches!(
        (data, ty),
        (Data::Bool(_), Ty::Bool)
            | (Data::Int(_), Ty::Int)
            | (Data::Ip(_), Ty::Ip)
            | (Data::Cidr(_), Ty::Cidr)
            | (Data::Bytes(_), Ty::Bytes)
            | (Data::Duration(_), Ty::Duration)
            | (Data::Percent(_), Ty::Percent)
    )
}

fn example(ty: &Ty) -> Option<String> {
    scalar_example(ty).map(|example| format!("for instance {example}"))
}

fn scalar_example(ty: &Ty) -> Option<&'static str> {
    Some(match ty {
        Ty::Int => "3",
        Ty::Ip => "10.0.0.5",
        Ty::Cidr => "10.0.0.0/16",
        Ty::Bytes => "20GiB",
        Ty::Duration => "30s",
        Ty::Percent => "25%",
        _ => return None,
    })
}

/// Data from a file of parameters or an answer of metadata, as the type reads it: no coercion.
pub(crate) fn from_graph(program: &Program, value: &GraphValue, ty: &Ty, origin: Origin) -> Result<Value, Problem> {
    let made = |data| Ok(Value::new(data, origin));
    let stripped = program.strip(ty);
    match (stripped, value) {
        (Ty::Error, _) => made(Data::Error),
        (Ty::Opt(_), GraphValue::Null) => made(Data::None),
        (Ty::Opt(inner), _) => from_graph(program, value, inner, origin),
        (Ty::Secret(inner), _) => from_graph(program, value, inner, origin).map_err(|_| hidden(program, inner)),
        (Ty::Bool, GraphValue::Bool(truth)) => made(Data::Bool(*truth)),
        (Ty::Int | Ty::Lit(Lit::Int(_)), GraphValue::Int(number)) => made(Data::Int(*number)),
        (Ty::Str | Ty::Lit(Lit::Str(_)), GraphValue::String(text)) => made(Data::Str(text.as_str().into())),
        (Ty::Script, GraphValue::String(text)) => made(script(text)?),
        (Ty::Ip | Ty::Cidr | Ty::Bytes | Ty::Duration | Ty::Percent, GraphValue::String(text)) => {
            from_text(program, text, stripped, origin)
        }
        (Ty::Union(alternatives), _) => {
            let mut strings = false;
            for one in alternatives.iter() {
                match program.strip(one) {
                    Ty::Lit(Lit::Str(allowed)) => {
                        if value.as_str() == Some(allowed) {
                            return made(Data::Str(allowed.clone()));
                        }
                        strings = true;
                    }
                    _ => {
                        if let Ok(value) = from_graph(program, value, one, origin) {
                            return Ok(value);
                        }
                    }
                }
            }
            match value {
                GraphValue::String(text) if strings => made(Data::Str(text.as_str().into())),
                _ => Err(wrong_kind(program, value, ty)),
            }
        }
        (Ty::List(element), GraphValue::List(items)) => {
            let mut all = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let item = from_graph(program, item, element, origin);
                all.push(item.map_err(|problem| problem.inside(&parts::element(index)))?);
            }
            made(Data::List(Rc::new(all)))
        }
        (Ty::Map(of), GraphValue::Map(entries)) => {
            let mut all = ValueMap::default();
            for (key, entry) in entries {
                if key.starts_with('$') {
                    let message = format!("has the key {key:?}: what begins with `$` has a meaning in a graph");
                    return Err(Problem::new(message));
                }
                let entry = from_graph(program, entry, of, origin).map_err(|problem| problem.inside(key))?;
                all.insert(key.as_str().into(), entry);
            }
            made(Data::Map(Rc::new(all)))
        }
        (Ty::Record(record), GraphValue::Map(entries)) => {
            let mut all = Vec::with_capacity(entries.len());
            for (key, entry) in entries {
                let field = program.names.find(key).and_then(|name| record.field(name));
                let Some(field) = field else {
                    let names: Vec<&str> = record.fields.iter().map(|field| program.names.text(field.name)).collect();
                    return Err(Problem {
                        message: format!("has no field `{key}`"),
                        help: Some(format!("it has {}", crate::report::listed(names.iter().copied(), "and"))),
                        steps: Vec::new(),
                    });
                };
                let entry = from_graph(program, entry, &field.ty, origin).map_err(|problem| problem.inside(key))?;
                all.push((field.name, entry));
            }
            made(Data::Record(Rc::new(all)))
        }
        _ => Err(wrong_kind(program, value, ty)),
    }
}

/// Why a secret was refused, without a word of what was given.
fn hidden(program: &Program, ty: &Ty) -> Problem {
    Problem::new(format!("holds a secret that is not {}", with_article(&program.show(ty))))
}

fn wrong_kind(program: &Program, value: &GraphValue, ty: &Ty) -> Problem {
    let found = match value {
        // It may be a secret that stands one step too far outside.
        GraphValue::String(_) if program.holds_secret(ty) => "a text".to_owned(),
        GraphValue::Bool(_) | GraphValue::Int(_) if program.holds_secret(ty) => "a single value".to_owned(),
        GraphValue::Null => "null".to_owned(),
        GraphValue::Bool(truth) => format!("the bool {truth}"),
        GraphValue::Int(number) => format!("the number {number}"),
        GraphValue::String(text) => format!("the text {text:?}"),
        GraphValue::List(_) => "a list".to_owned(),
        GraphValue::Map(_) => "an object".to_owned(),
        GraphValue::Ref(_) | GraphValue::Concat(_) | GraphValue::Secret(_) | GraphValue::Script(_) => {
            "a form that only graphs hold".to_owned()
        }
    };
    let help = match (program.strip(ty), value) {
        (Ty::Int, GraphValue::String(text)) if text.parse::<i64>().is_ok() => {
            Some(format!("write the number without quotes: {text}"))
        }
        (Ty::Str, GraphValue::Int(number)) => Some(format!("write it in quotes: \"{number}\"")),
        (wanted @ (Ty::Bytes | Ty::Duration | Ty::Percent), GraphValue::Int(_)) => {
            example(wanted).map(|example| format!("{example}, in quotes and with its unit"))
        }
        _ => None,
    };
    Problem {
        message: format!("needs {}, and this is {found}", with_article(&program.show(ty))),
        help,
        steps: Vec::new(),
    }
}

/// A value as the graph holds it. What is not known never gets here: compilation has failed before.
pub(crate) fn to_graph(program: &Program, value: &Value, address: &dyn Fn(Thing) -> String) -> GraphValue {
    match &value.data {
        Data::Bool(truth) => GraphValue::Bool(*truth),
        Data::Int(number) => GraphValue::Int(*number),
        Data::Str(text) => GraphValue::String(text.to_string()),
        Data::Ip(_) | Data::Cidr(_) | Data::Bytes(_) | Data::Duration(_) | Data::Percent(_) => {
            GraphValue::String(show_value(program, value))
        }
        Data::Range(first, last) => GraphValue::List((*first..=*last).map(GraphValue::Int).collect()),
        Data::List(items) => GraphValue::List(items.iter().map(|item| to_graph(program, item, address)).collect()),
        Data::Map(entries) => GraphValue::Map(
            entries.iter().map(|(key, entry)| (key.to_string(), to_graph(program, entry, address))).collect(),
        ),
        Data::Record(fields) => GraphValue::Map(
            fields
                .iter()
                .filter(|(_, field)| !matches!(field.data, Data::None))
                .map(|(name, field)| (program.names.text(*name).to_owned(), to_graph(program, field, address)))
                .collect(),
        ),
        Data::Description(description) => {
            let schema = program.schema(description.def);
            GraphValue::Map(
                schema
                    .fields
                    .iter()
                    .zip(&description.fields)
                    .filter(|(field, value)| !field.live && !matches!(value.data, Data::None | Data::Missing))
                    .map(|(field, value)| {
                        (program.names.text(field.name).to_owned(), to_graph(program, value, address))
                    })
                    .collect(),
            )
        }
        Data::Script(script) => GraphValue::Script(Box::new(kit_graph::Script {
            text: script.text.to_string(),
            variables: script
                .variables
                .iter()
                .map(|(name, value)| (name.to_string(), to_graph(program, value, address)))
                .collect(),
        })),
        Data::Opaque(opaque) => match &**opaque {
            Opaque::Live(address) => GraphValue::Ref(address.clone()),
            Opaque::Concat(parts) => {
                GraphValue::Concat(parts.iter().map(|part| to_graph(program, part, address)).collect())
            }
            Opaque::Secret(name) => GraphValue::Secret(name.to_string()),
        },
        Data::Thing(thing) => GraphValue::Ref(address(*thing)),
        Data::None | Data::Error | Data::Missing | Data::Awaited(_) => GraphValue::Null,
    }
}
