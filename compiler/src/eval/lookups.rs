//! Lookups of metadata: asked for, never performed.

use std::fmt::Write as _;

use kit_lang::{Diagnostic, Span};

use super::{Blame, Evaluator};
use crate::codes;
use crate::hir::{ExprId, MetaKind, MetaPath};
use crate::inputs::{Answer, ParamValue};
use crate::outside;
use crate::report::DiagnosticExt as _;
use crate::types::Ty;
use crate::value::{Awaited, Data, Opaque, Origin, OriginKind, Value};

/// A lookup that the program makes.
#[derive(Debug, Clone)]
pub(crate) struct PendingLookup {
    pub(crate) path: MetaPath,
    /// The arguments, defaults included.
    pub(crate) args: Vec<(String, kit_graph::Value)>,
    pub(crate) span: Span,
    pub(crate) answered: bool,
    /// The answer as data, if it is no secret.
    pub(crate) data: Option<kit_graph::Value>,
}

impl Evaluator<'_> {
    pub(super) fn lookup(
        &mut self,
        module: u16,
        expr: ExprId,
        path: &MetaPath,
        args: Option<&[ExprId]>,
        origin: Origin,
    ) -> Value {
        let program = self.program;
        let Some(MetaKind::Value { params, ty, .. }) = program.meta_entry(path).map(|entry| &entry.kind) else {
            return Value::new(Data::Error, origin);
        };
        let mut key = program.meta_name(path);
        let mut given: Vec<(String, kit_graph::Value)> = Vec::new();
        if let Some(params) = params {
            let args = args.unwrap_or_default();
            let mut shown: Vec<String> = Vec::new();
            for (index, param) in params.iter().enumerate() {
                let default = param.default.map(|default| {
                    let at = crate::hir::ExprRef { module: path.module, expr: default };
                    self.field_default(at, &param.ty)
                });
                let value = match (args.get(index), &default) {
                    (Some(arg), _) => self.eval(module, *arg),
                    (None, Some(default)) => default.clone(),
                    (None, None) => return Value::new(Data::Error, origin),
                };
                if let Some(open) = value.first_unsettled() {
                    let open = open.clone();
                    return self.undecided(module, expr, open, origin);
                }
                if value.has_opaque() {
                    return self.opaque_used(module, *args.get(index).unwrap_or(&expr));
                }
                let name = program.names.text(param.name).to_owned();
                let is_default = default.is_some_and(|default| default.data == value.data);
                let lowered = outside::to_graph(program, &value, &|thing| self.address(thing));
                if !is_default {
                    let text = key_text(&lowered);
                    shown.push(if param.default.is_some() { format!("{name} = {text}") } else { text });
                }
                given.push((name, lowered));
            }
            let _ = write!(key, "({})", shown.join(", "));
        }
        let origin = Origin { kind: OriginKind::Lookup, ..origin };
        let answer = self.answers.and_then(|answers| answers.get(&key));
        let is_secret = matches!(program.strip(ty), Ty::Secret(_));
        if is_secret && answer.is_some_and(|answer| answer.span.is_some()) {
            let help = "take it out: a snapshot is made to be shared, and nothing is worked out from a secret";
            let message = || format!("the snapshot answers `{key}`, which is a secret");
            return self.fail(codes::SECRET_IN_SNAPSHOT, module, expr, message, Some(help));
        }
        let value = answer.map(|answer| self.read_answer(module, expr, path, &key, answer, origin));
        let data = match &value {
            Some(value) if !is_secret => value.first_unsettled().is_none().then(|| {
                // An answer holds no thing, so no address is asked for.
                outside::to_graph(program, value, &|_| String::new())
            }),
            _ => None,
        };
        self.lookup_keys.insert((module, expr.0), key.clone());
        let span = program.expr_span(module, expr);
        self.lookups.entry(key.clone()).or_insert_with(|| PendingLookup {
            path: path.clone(),
            args: given,
            span,
            answered: value.is_some(),
            data,
        });
        if is_secret {
            let name = format!("meta.{key}");
            return match value {
                Some(value) => {
                    let (mismatch, refinement) = (codes::METADATA_TYPE, codes::METADATA_TYPE);
                    let blame = Blame { mismatch, refinement, span: Some(span), ..Blame::default() };
                    self.hide_secrets(value, ty, &name, &blame)
                }
                None => Value::new(Data::Opaque(std::rc::Rc::new(Opaque::Secret(name.into()))), origin),
            };
        }
        let Some(value) = value else {
            return Value::new(Data::Awaited(Awaited::Lookup(module, expr)), origin);
        };
        let span = answer.and_then(|answer| answer.span).unwrap_or(span);
        let declared = program.meta_entry(path).map(|entry| program.span(path.module, entry.span));
        let parts = answer.and_then(|answer| answer.parts.clone());
        let (mismatch, refinement) = (codes::METADATA_TYPE, codes::METADATA_TYPE);
        let blame = Blame { mismatch, refinement, span: Some(span), parts, declared };
        self.conform(value, ty, &blame)
    }

    /// An answer as the declared type reads it; one that is of another type is reported with both.
    fn read_answer(
        &mut self,
        module: u16,
        expr: ExprId,
        path: &MetaPath,
        key: &str,
        answer: &Answer,
        origin: Origin,
    ) -> Value {
        let program = self.program;
        let Some((entry, MetaKind::Value { ty, .. })) = program.meta_entry(path).map(|entry| (entry, &entry.kind))
        else {
            return Value::new(Data::Error, origin);
        };
        let read = match &answer.value {
            ParamValue::Text(text) => outside::from_text(program, text, ty, origin),
            ParamValue::Data(value) => outside::from_graph(program, value, ty, origin),
            // No answer stands in a file of parameters.
            ParamValue::Written => return Value::new(Data::Error, origin),
        };
        let problem = match read {
            Ok(value) => return value,
            Err(problem) => problem,
        };
        let asked = program.expr_span(module, expr);
        let declared = program.span(path.module, entry.span);
        let shown = program.show(ty);
        let subject = match answer.by.as_str() {
            "" => format!("the answer to `{key}`"),
            by => format!("the answer of {by} to `{key}`"),
        };
        let at = problem.place(answer.parts.as_ref(), answer.span.unwrap_or(asked));
        let is_secret = matches!(program.strip(ty), Ty::Secret(_));
        self.report.push(|_| {
            let found = if is_secret {
                // What was answered is not repeated.
                Diagnostic::error(codes::METADATA_TYPE, at, format!("{subject} is no {shown}"))
            } else {
                problem.into_diagnostic(codes::METADATA_TYPE, at, &subject)
            };
            found
                .with_label(declared, format!("it is declared here as {shown}"))
                .maybe_label((at != asked).then(|| (asked, "it is asked for here".to_owned())))
        });
        Value::new(Data::Error, origin)
    }
}

/// An argument in the key of a lookup.
fn key_text(value: &kit_graph::Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
