//! Secrets that are given: each is checked as what it is, and from then on is only a name.

use std::rc::Rc;

use kit_graph::SecretText;
use kit_lang::Diagnostic;

use super::text::write_scalar;
use super::{Blame, Evaluator};
use crate::hir::{DefKind, Expr};
use crate::report::Report;
use crate::types::Ty;
use crate::value::{Data, Opaque, Value};

impl Evaluator<'_> {
    /// A value that was given, with a name in the place of each secret in it: that of its parameter and the way from
    /// there, `login.password`, `tokens[0]`.
    pub(crate) fn hide_secrets(&mut self, value: Value, ty: &Ty, path: &str, blame: &Blame) -> Value {
        let program = self.program;
        if !program.holds_secret(ty) {
            return value;
        }
        let origin = value.origin;
        match (program.strip(ty), &value.data) {
            (_, Data::Error | Data::Awaited(_) | Data::Missing | Data::Opaque(_)) | (Ty::Opt(_), Data::None) => value,
            (Ty::Opt(inner), _) => self.hide_secrets(value, inner, path, blame),
            (Ty::Secret(inner), _) => self.hidden(value, inner, path, blame),
            (Ty::List(element), Data::List(items)) => {
                let items = items.clone();
                let hide = |(index, item): (usize, &Value)| {
                    self.hide_secrets(item.clone(), element, &format!("{path}[{index}]"), blame)
                };
                Value::new(Data::List(Rc::new(items.iter().enumerate().map(hide).collect())), origin)
            }
            (Ty::Map(of), Data::Map(entries)) => {
                let entries = entries.clone();
                let hide = |(key, entry): (&Rc<str>, &Value)| {
                    (key.clone(), self.hide_secrets(entry.clone(), of, &format!("{path}[{key:?}]"), blame))
                };
                Value::new(Data::Map(Rc::new(entries.iter().map(hide).collect())), origin)
            }
            (Ty::Map(of), Data::Record(fields)) => {
                let fields = fields.clone();
                let hide = |(name, entry): &(crate::names::Name, Value)| {
                    let key = program.names.shared(*name);
                    let at = format!("{path}[{key:?}]");
                    (key, self.hide_secrets(entry.clone(), of, &at, blame))
                };
                Value::new(Data::Map(Rc::new(fields.iter().map(hide).collect())), origin)
            }
            (Ty::Record(record), Data::Record(fields)) => {
                let fields = fields.clone();
                let mut hidden = Vec::with_capacity(fields.len());
                for (name, field) in fields.iter() {
                    let field = match record.field(*name) {
                        Some(of) => {
                            let at = format!("{path}.{}", program.names.text(*name));
                            self.hide_secrets(field.clone(), &of.ty, &at, blame)
                        }
                        None => field.clone(),
                    };
                    hidden.push((*name, field));
                }
                Value::new(Data::Record(Rc::new(hidden)), origin)
            }
            // Of another type than wanted, which was reported when it was read.
            _ => Value::new(Data::Error, origin),
        }
    }

    /// One secret. What is found wrong with it may repeat it, so none of that is said.
    fn hidden(&mut self, value: Value, inner: &Ty, path: &str, blame: &Blame) -> Value {
        let origin = value.origin;
        let outer = std::mem::take(self.report);
        let checked = self.conform(value, inner, &Blame::default());
        let wrong: Report = std::mem::replace(self.report, outer);
        if !wrong.has_errors() && !matches!(checked.data, Data::Error) {
            let mut text = String::new();
            if write_scalar(&checked.data, &mut text) {
                self.secrets.insert(path.to_owned(), SecretText::new(text));
            }
            return Value::new(Data::Opaque(Rc::new(Opaque::Secret(path.into()))), origin);
        }
        let span = blame.span.unwrap_or_else(|| self.origin_span(origin));
        let because = self.allowed_in_words(inner).map_or_else(String::new, |words| format!(": {words}"));
        self.report.push(|_| {
            Diagnostic::error(
                blame.refinement,
                span,
                format!("`{path}` is a secret that its type does not allow{because}"),
            )
        });
        Value::new(Data::Error, origin)
    }

    /// What a named type says of values that it does not allow, if that says nothing of the value itself.
    fn allowed_in_words(&self, ty: &Ty) -> Option<String> {
        let Ty::Alias(def) = ty else { return None };
        let DefKind::Type { refinement: Some(refinement), .. } = &self.program.def(*def).kind else { return None };
        match self.program.expr(self.program.written(refinement.module), refinement.message?) {
            Expr::Str(words) => Some(words.to_string()),
            _ => None,
        }
    }
}
