//! Lookups of metadata: asked for, never performed.

use std::fmt::Write as _;

use kit_lang::Span;

use super::{Blame, Evaluator};
use crate::codes;
use crate::hir::{ExprId, MetaKind, MetaPath};
use crate::outside;
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
        let answered = answer.is_some();
        let span = program.expr_span(module, expr);
        self.lookups
            .entry(key.clone())
            .and_modify(|lookup| lookup.answered |= answered)
            .or_insert_with(|| PendingLookup { path: path.clone(), args: given, span, answered });
        if let Ty::Secret(_) = program.strip(ty) {
            return Value::new(Data::Opaque(std::rc::Rc::new(Opaque::Secret(key.into()))), origin);
        }
        let Some(answer) = answer else {
            return Value::new(Data::Awaited(Awaited::Lookup(module, expr)), origin);
        };
        match outside::from_graph(program, answer, ty, origin) {
            Ok(value) => {
                let blame =
                    Blame { mismatch: codes::METADATA_TYPE, refinement: codes::METADATA_TYPE, span: Some(span) };
                self.conform(value, ty, &blame)
            }
            Err(problem) => {
                self.report
                    .push(|_| problem.into_diagnostic(codes::METADATA_TYPE, span, &format!("the answer to `{key}`")));
                Value::new(Data::Error, origin)
            }
        }
    }
}

/// An argument in the key of a lookup.
fn key_text(value: &kit_graph::Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
