//! The values of expressions.

use std::rc::Rc;

use super::text::write_scalar;
use super::{Blame, Evaluator, MAX_ELEMENTS, MAX_TEXT_BYTES};
use crate::codes;
use crate::hir::{Arm, DefKind, DefRef, Expr, ExprId, Pattern, Piece, UnaryOp};
use crate::value::{Data, Opaque, Origin, OriginKind, Script, Value, ValueMap};

/// What goes on after an item: nothing, or not at all, as a head is not known.
pub(crate) type Flow = Result<(), Value>;

impl<'a> Evaluator<'a> {
    pub(super) fn eval_inner(&mut self, module: u16, expr: ExprId, origin: Origin) -> Value {
        let program = self.program;
        let node = program.expr(module, expr);
        if matches!(node, Expr::Field { .. } | Expr::CallFn { .. } | Expr::CallMethod { .. })
            && let Some(value) = self.known_round(module, expr, origin)
        {
            return value;
        }
        let data = match node {
            Expr::Error => Data::Error,
            Expr::None => Data::None,
            Expr::Bool(truth) => Data::Bool(*truth),
            Expr::Int(number) => Data::Int(*number),
            Expr::Str(text) => Data::Str(text.clone()),
            Expr::Ip(ip) => Data::Ip(*ip),
            Expr::Cidr(cidr) => Data::Cidr(*cidr),
            Expr::Bytes(bytes) => Data::Bytes(*bytes),
            Expr::Duration(duration_ms) => Data::Duration(*duration_ms),
            Expr::Percent(percent) => Data::Percent(*percent),
            Expr::Script(text) => {
                let script = Script { text: text.clone(), variables: ValueMap::default() };
                Data::Script(Rc::new(script))
            }
            Expr::Interpolation(pieces) => return self.interpolation(module, expr, pieces, origin),
            Expr::Local(slot) => {
                return match self.stack.get(self.base + *slot as usize) {
                    Some(value) => value.clone(),
                    None => Value::new(Data::Error, origin),
                };
            }
            Expr::Def(def) => return self.named(self.here(module, *def), origin),
            Expr::Meta(path, args) => return self.lookup(module, expr, path, args.as_deref(), origin),
            Expr::Field { base, name, .. } => return self.field(module, expr, *base, *name, origin),
            Expr::Index { base, index } => return self.index(module, expr, *base, *index, origin),
            Expr::CallFn { function, args } => return self.call(module, self.here(module, *function), args, origin),
            Expr::CallMethod { base, name, args, .. } => return self.method(module, expr, *base, *name, args, origin),
            Expr::Unary { op, operand } => return self.unary(module, expr, *op, *operand, origin),
            Expr::Binary { op, left, right } => return self.binary(module, expr, *op, *left, *right, origin),
            Expr::With { base, items } => {
                let value = self.with(module, *base, items, origin);
                return self.put_together(module, expr, value);
            }
            Expr::Record(items) => {
                let value = self.braces(module, items, origin);
                return self.put_together(module, expr, value);
            }
            Expr::Construct { def, items } => {
                let value = self.construct(module, *def, items, origin);
                return self.put_together(module, expr, value);
            }
            Expr::List(items) => {
                let value = self.list(module, expr, items, origin);
                return self.put_together(module, expr, value);
            }
            Expr::If { condition, then, otherwise } => {
                let verdict = self.eval(module, *condition);
                return match verdict.data {
                    Data::Bool(true) => self.eval(module, *then),
                    Data::Bool(false) => self.eval(module, *otherwise),
                    _ => self.undecided(module, *condition, verdict, origin),
                };
            }
            Expr::Match { value, arms } => return self.matched(module, expr, *value, arms, origin),
        };
        Value::new(data, origin)
    }

    /// What cannot be decided because of a value that is not known: it waits too, or is an error.
    pub(crate) fn undecided(&mut self, module: u16, expr: ExprId, value: Value, origin: Origin) -> Value {
        match value.data {
            Data::Awaited(awaited) => Value::new(Data::Awaited(awaited), origin),
            Data::Opaque(_) => self.opaque_used(module, expr),
            _ => Value::new(Data::Error, origin),
        }
    }

    /// A computation with a value that only the run knows.
    pub(crate) fn opaque_used(&mut self, module: u16, expr: ExprId) -> Value {
        self.fail(
            codes::OPAQUE_USED,
            module,
            expr,
            || "this is known only at run time, and cannot be computed with".to_owned(),
            Some("a live or secret value can be passed on whole, have a field read, or stand in a text"),
        )
    }

    fn interpolation(&mut self, module: u16, expr: ExprId, pieces: &[Piece], origin: Origin) -> Value {
        let mut text = String::new();
        let mut parts: Vec<Value> = Vec::new();
        let mut waits: Option<Data> = None;
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(inner) => {
                    let value = self.eval(module, *inner);
                    match &value.data {
                        Data::Opaque(opaque) => {
                            if !text.is_empty() {
                                let before = Data::Str(std::mem::take(&mut text).into());
                                parts.push(Value::new(before, origin));
                            }
                            match &**opaque {
                                Opaque::Concat(inner) => parts.extend(inner.iter().cloned()),
                                _ => parts.push(value),
                            }
                        }
                        data if write_scalar(data, &mut text) => {}
                        Data::Awaited(_) => waits = waits.or(Some(value.data)),
                        // The checker has let only single values through; the rest was reported.
                        _ => waits = Some(Data::Error),
                    }
                }
            }
            if text.len() > MAX_TEXT_BYTES {
                return self.fail(
                    codes::TOO_MUCH,
                    module,
                    expr,
                    || format!("this text has more than {MAX_TEXT_BYTES} bytes"),
                    None,
                );
            }
        }
        if let Some(waits) = waits {
            return Value::new(waits, origin);
        }
        if parts.is_empty() {
            return Value::new(Data::Str(text.into()), origin);
        }
        if parts.len() >= MAX_ELEMENTS {
            return self.fail(codes::TOO_MUCH, module, expr, || "this text has too many parts".to_owned(), None);
        }
        if !text.is_empty() {
            parts.push(Value::new(Data::Str(text.into()), origin));
        }
        Value::new(Data::Opaque(Rc::new(Opaque::Concat(parts))), origin)
    }

    fn call(&mut self, module: u16, function: DefRef, args: &[ExprId], origin: Origin) -> Value {
        let program = self.program;
        let DefKind::Fn { params, ret, body } = &program.def(function).kind else {
            return Value::new(Data::Error, origin);
        };
        let mut values = Vec::with_capacity(params.len());
        for (index, param) in params.iter().enumerate() {
            let value = match (args.get(index), param.default) {
                (Some(arg), _) => self.eval(module, *arg),
                (None, Some(default)) => {
                    self.field_default(crate::hir::ExprRef { module: function.module, expr: default }, &param.ty)
                }
                (None, None) => Value::new(Data::Error, origin),
            };
            let value = if program.needs_conform(&param.ty) {
                self.conform(value, &param.ty, &Blame::default())
            } else {
                value
            };
            values.push(value);
        }
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        self.stack.extend(values);
        let around = self.enter(function.module);
        let mut result = self.eval(function.module, *body);
        self.leave(around);
        self.stack.truncate(self.base);
        self.base = outer;
        if let Some(ret) = ret
            && program.needs_conform(ret)
        {
            result = self.conform(result, ret, &Blame::default());
        }
        // What a function makes was decided by whoever called it.
        if result.origin.module != module && result.origin.kind == OriginKind::Expr {
            result.origin = origin;
        }
        result
    }

    fn unary(&mut self, module: u16, expr: ExprId, op: UnaryOp, operand: ExprId, origin: Origin) -> Value {
        let value = self.eval(module, operand);
        match (op, &value.data) {
            (UnaryOp::Not, Data::Bool(truth)) => Value::new(Data::Bool(!truth), origin),
            (UnaryOp::Negate, Data::Int(number)) => match number.checked_neg() {
                Some(number) => Value::new(Data::Int(number), origin),
                None => self.overflow(module, expr),
            },
            _ => self.undecided(module, operand, value, origin),
        }
    }

    fn matched(&mut self, module: u16, expr: ExprId, value: ExprId, arms: &[Arm], origin: Origin) -> Value {
        let found = self.eval(module, value);
        if found.first_unsettled().is_some() || matches!(found.data, Data::Opaque(_)) {
            return self.undecided(module, value, found, origin);
        }
        for arm in arms {
            if arm.patterns.is_empty() {
                return self.eval(module, arm.value);
            }
            for pattern in &arm.patterns {
                let hit = match pattern {
                    Pattern::Type(ty, _) => self.is_of(&found, ty),
                    Pattern::Value(pattern) => match (self.eval(module, *pattern).data, &found.data) {
                        (Data::Range(first, last), Data::Int(number)) => (first..=last).contains(number),
                        (pattern, found) => pattern == *found,
                    },
                };
                if hit {
                    return self.eval(module, arm.value);
                }
            }
        }
        // The checker has seen to it that no value is left out.
        Value::new(Data::Error, Origin::expr(module, expr))
    }
}
