//! Values as a type takes them: records completed by defaults and made descriptions, refinements checked.

use std::borrow::Cow;
use std::rc::Rc;

use kit_lang::{Code, Diagnostic, Span};

use super::Evaluator;
use super::text::show_value;
use crate::check::with_article;
use crate::codes;
use crate::hir::{DefKind, DefRef};
use crate::parts::{self, Parts};
use crate::report::{DiagnosticExt as _, listed};
use crate::types::{Lit, RecordTy, Ty};
use crate::value::{Data, Description, Value, ValueMap};

/// Whom to blame for a value that does not fit: its own origin, or a place outside the file.
#[derive(Debug, Clone)]
pub(crate) struct Blame {
    pub(crate) mismatch: Code,
    pub(crate) refinement: Code,
    pub(crate) span: Option<Span>,
    /// Where the values within it stand outside.
    pub(crate) parts: Option<Rc<Parts>>,
    /// Where it is declared what is wanted.
    pub(crate) declared: Option<Span>,
}

impl Default for Blame {
    fn default() -> Self {
        Self { mismatch: codes::MISMATCH, refinement: codes::REFINEMENT, span: None, parts: None, declared: None }
    }
}

impl Blame {
    /// For the value that a step leads to.
    fn inside(&self, step: impl FnOnce() -> String) -> Cow<'_, Self> {
        let Some(parts) = self.parts.as_ref().and_then(|parts| parts.step(&step())) else {
            return Cow::Borrowed(self);
        };
        Cow::Owned(Self { span: Some(parts.span), parts: Some(Rc::clone(parts)), ..self.clone() })
    }
}

impl Evaluator<'_> {
    /// The value as the type takes it; an error is reported and gives an error.
    pub(crate) fn conform(&mut self, value: Value, ty: &Ty, blame: &Blame) -> Value {
        if matches!(value.data, Data::Error | Data::Awaited(_) | Data::Opaque(_) | Data::Missing) {
            return value;
        }
        self.steps += 1;
        if self.steps >= super::MAX_STEPS {
            // Whoever works out the next value says that no step is left.
            return Value::new(Data::Error, value.origin);
        }
        let program = self.program;
        match (ty, &value.data) {
            (Ty::Alias(def), _) => {
                let DefKind::Type { ty, refinement } = &program.def(*def).kind else { return value };
                let value = self.conform(value, ty, blame);
                self.refined(value, refinement.as_ref(), blame, "")
            }
            (Ty::Error | Ty::Any, _) | (Ty::Opt(_) | Ty::None, Data::None) => value,
            (Ty::Opt(inner), _) => self.conform(value, inner, blame),
            // What was given was hidden when it came in, and nothing in a file is a secret.
            (Ty::Secret(_), _) => Value::new(Data::Error, value.origin),
            (Ty::Bool, Data::Bool(_))
            | (Ty::Int, Data::Int(_))
            | (Ty::Str, Data::Str(_))
            | (Ty::Ip, Data::Ip(_))
            | (Ty::Cidr, Data::Cidr(_))
            | (Ty::Bytes, Data::Bytes(_))
            | (Ty::Duration, Data::Duration(_))
            | (Ty::Percent, Data::Percent(_))
            | (Ty::Script, Data::Script(_))
            | (Ty::Ref(_) | Ty::Group(_) | Ty::Members(_) | Ty::Member(_), Data::Thing(_)) => value,
            (Ty::Lit(Lit::Str(wanted)), Data::Str(text)) if wanted == text => value,
            (Ty::Lit(Lit::Int(wanted)), Data::Int(number)) if wanted == number => value,
            (Ty::List(element), Data::List(items)) => {
                // What stands in a file was checked there; what comes from outside is looked at here.
                if blame.span.is_none() && !program.needs_conform(element) {
                    return value;
                }
                let items = items.clone();
                let conformed = |(index, item): (usize, &Value)| {
                    self.conform(item.clone(), element, &blame.inside(|| parts::element(index)))
                };
                let items = items.iter().enumerate().map(conformed).collect();
                Value::new(Data::List(Rc::new(items)), value.origin)
            }
            (Ty::List(element), Data::Range(..)) if matches!(**element, Ty::Int | Ty::Error) => value,
            (Ty::Map(of), Data::Record(fields)) => {
                let fields = fields.clone();
                let mut entries = ValueMap::default();
                for (name, field) in fields.iter() {
                    let key = program.names.shared(*name);
                    let field = self.conform(field.clone(), of, &blame.inside(|| key.to_string()));
                    entries.insert(key, field);
                }
                Value::new(Data::Map(Rc::new(entries)), value.origin)
            }
            (Ty::Map(of), Data::Map(entries)) => {
                if blame.span.is_none() && !program.needs_conform(of) {
                    return value;
                }
                let entries = entries.clone();
                let conformed = |(key, entry): (&Rc<str>, &Value)| {
                    (key.clone(), self.conform(entry.clone(), of, &blame.inside(|| key.to_string())))
                };
                let entries = entries.iter().map(conformed).collect();
                Value::new(Data::Map(Rc::new(entries)), value.origin)
            }
            (Ty::Record(record), Data::Record(_)) => self.conform_record(value, record, blame),
            (Ty::Desc(def), Data::Record(_)) => self.describe(value, *def, blame),
            (Ty::Desc(def), Data::Description(description)) if description.def == *def => {
                let description = description.clone();
                self.complete(&description.fields, *def, value.origin, None);
                value
            }
            (Ty::Union(alternatives), _) => {
                let hit = alternatives.iter().find(|one| self.is_of(&value, one));
                match hit {
                    Some(one) => self.conform(value, one, blame),
                    None => self.unfit(&value, ty, blame),
                }
            }
            _ => self.unfit(&value, ty, blame),
        }
    }

    /// Whether a single value is of a type of a union, its refinement aside.
    pub(super) fn is_of(&self, value: &Value, ty: &Ty) -> bool {
        match (self.program.strip(ty), &value.data) {
            (Ty::Bool, Data::Bool(_))
            | (Ty::Int, Data::Int(_))
            | (Ty::Str, Data::Str(_))
            | (Ty::Ip, Data::Ip(_))
            | (Ty::Cidr, Data::Cidr(_))
            | (Ty::Bytes, Data::Bytes(_))
            | (Ty::Duration, Data::Duration(_))
            | (Ty::Percent, Data::Percent(_)) => true,
            (Ty::Lit(Lit::Str(wanted)), Data::Str(text)) => wanted == text,
            (Ty::Lit(Lit::Int(wanted)), Data::Int(number)) => wanted == number,
            (Ty::Union(alternatives), _) => alternatives.iter().any(|one| self.is_of(value, one)),
            _ => false,
        }
    }

    /// Reports a value that does not fit. The checker has found these in the file already, so this speaks
    /// of what came from outside.
    fn unfit(&mut self, value: &Value, ty: &Ty, blame: &Blame) -> Value {
        let program = self.program;
        let span = blame.span.unwrap_or_else(|| self.origin_span(value.origin));
        let shown = show_value(program, value);
        let allowed = crate::check::literal_texts(program, ty);
        self.report.push(|suggester| {
            let wanted = program.show(ty);
            let text = match &value.data {
                Data::Str(text) => text.to_string(),
                _ => shown.clone(),
            };
            let (message, help) = if allowed.is_empty() {
                (format!("{shown} is not {}", with_article(&wanted)), None)
            } else {
                let near = suggester.nearest(&text, allowed.iter().map(String::as_str));
                let help = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("it is one of {}", listed(allowed.iter().map(String::as_str), "or")),
                };
                (format!("{shown} is not one of the allowed values"), Some(help))
            };
            Diagnostic::error(blame.mismatch, span, message)
                .maybe_help(help)
                .maybe_label(blame.declared.map(|declared| (declared, format!("it is declared here as {wanted}"))))
        });
        Value::new(Data::Error, value.origin)
    }

    /// A record with the fields of its type, in their order.
    fn conform_record(&mut self, value: Value, record: &RecordTy, blame: &Blame) -> Value {
        let Data::Record(given) = &value.data else { return value };
        let given = given.clone();
        let program = self.program;
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            let found = given.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value.clone());
            let conformed = match (found, field.default) {
                (Some(found), _) => {
                    let name = program.names.text(field.name);
                    let blame = &*blame.inside(|| name.to_owned());
                    let found = self.conform(found, &field.ty, blame);
                    self.refined(found, field.refinement.as_ref(), blame, name)
                }
                (None, Some(default)) => self.field_default(default, &field.ty),
                (None, None) if matches!(field.ty, Ty::Opt(_)) => Value::new(Data::None, value.origin),
                (None, None) => {
                    let span = blame.span.unwrap_or_else(|| self.origin_span(value.origin));
                    let name = program.names.text(field.name);
                    self.report.error(codes::MISSING_FIELD, span, || format!("this record lacks `{name}`"));
                    Value::new(Data::Error, value.origin)
                }
            };
            fields.push((field.name, conformed));
        }
        Value::new(Data::Record(Rc::new(fields)), value.origin)
    }

    /// A record where a description is wanted.
    fn describe(&mut self, value: Value, def: DefRef, _blame: &Blame) -> Value {
        let Data::Record(given) = &value.data else { return value };
        let given = given.clone();
        let schema = self.program.schema(def);
        // A field that there is not was meant for one that is missing, and has been reported.
        let unknown = given.iter().any(|(name, _)| schema.position(*name).is_none());
        let missing = if unknown { Data::Error } else { Data::Missing };
        let mut fields = vec![Value::new(missing, value.origin); schema.fields.len()];
        for (name, found) in given.iter() {
            let Some(position) = schema.position(*name) else { continue };
            fields[position] = match self.program.component(def) {
                Some(_) => found.clone(),
                None => self.field_value(found.clone(), &schema.fields[position]),
            };
        }
        self.fill_defaults(def, &mut fields, value.origin);
        self.complete(&fields, def, value.origin, None);
        Value::new(Data::Description(Rc::new(Description { def, fields })), value.origin)
    }
}
