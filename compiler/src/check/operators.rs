//! The types of operators and methods.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{BinaryOp, Expr, ExprId, Program};
use crate::names::Name;
use crate::report::{DiagnosticExt as _, listed};
use crate::types::{Lit, Ty, base, widen};

/// A method of a built-in type: name, types of the arguments, how many may be left out, type of the result.
pub(crate) struct Method {
    pub(crate) params: Vec<Ty>,
    pub(crate) result: Ty,
}

/// The names of the methods of a type.
pub(crate) fn method_names(ty: &Ty) -> &'static [&'static str] {
    match ty {
        Ty::Int | Ty::Lit(Lit::Int(_)) => &["div", "max", "min", "mod"],
        Ty::Bytes | Ty::Duration => &["div", "max", "min", "mod"],
        Ty::Percent => &["of"],
        Ty::Cidr => &["contains", "host", "overlaps", "subnet"],
        Ty::Str | Ty::Lit(Lit::Str(_)) => {
            &["contains", "ends_with", "lower", "replace", "split", "starts_with", "trim", "upper"]
        }
        Ty::List(_) => &["distinct", "join", "reverse"],
        Ty::Map(_) => &["get"],
        _ => &[],
    }
}

/// The signature of a method.
fn method_of(program: &Program, ty: &Ty, name: &str) -> Option<Method> {
    let (params, result) = match (ty, name) {
        (Ty::Int | Ty::Lit(Lit::Int(_)), "div" | "mod" | "min" | "max") => (vec![Ty::Int], Ty::Int),
        (Ty::Bytes, "div") => (vec![Ty::Int], Ty::Bytes),
        (Ty::Bytes, "mod" | "min" | "max") => (vec![Ty::Bytes], Ty::Bytes),
        (Ty::Duration, "div") => (vec![Ty::Int], Ty::Duration),
        (Ty::Duration, "mod" | "min" | "max") => (vec![Ty::Duration], Ty::Duration),
        (Ty::Percent, "of") => (vec![Ty::Int], Ty::Int),
        (Ty::Cidr, "contains") => (vec![Ty::Union([Ty::Ip, Ty::Cidr].into())], Ty::Bool),
        (Ty::Cidr, "overlaps") => (vec![Ty::Cidr], Ty::Bool),
        (Ty::Cidr, "host") => (vec![Ty::Int], Ty::Ip),
        (Ty::Cidr, "subnet") => (vec![Ty::Int, Ty::Int], Ty::Cidr),
        (Ty::Str | Ty::Lit(Lit::Str(_)), "contains" | "starts_with" | "ends_with") => (vec![Ty::Str], Ty::Bool),
        (Ty::Str | Ty::Lit(Lit::Str(_)), "lower" | "upper" | "trim") => (vec![], Ty::Str),
        (Ty::Str | Ty::Lit(Lit::Str(_)), "replace") => (vec![Ty::Str, Ty::Str], Ty::Str),
        (Ty::Str | Ty::Lit(Lit::Str(_)), "split") => (vec![Ty::Str], Ty::List(Rc::new(Ty::Str))),
        (Ty::List(_), "distinct" | "reverse") => (vec![], ty.clone()),
        (Ty::List(element), "join") if program.fits(element, &Ty::Str) => (vec![Ty::Str], Ty::Str),
        (Ty::Map(value), "get") => (vec![Ty::Str], Ty::Opt(value.clone())),
        _ => return None,
    };
    Some(Method { params, result })
}

impl Checker<'_> {
    pub(super) fn method(
        &mut self,
        module: u16,
        expr: ExprId,
        receiver: ExprId,
        name: Name,
        name_start: u32,
        args: &[ExprId],
    ) -> Ty {
        let receiver_ty = self.infer(module, receiver);
        let program = self.program;
        let text = program.names.text(name);
        let stripped = base(program.strip(&receiver_ty));
        if matches!(stripped, Ty::Error) {
            for arg in args {
                self.infer(module, *arg);
            }
            return Ty::Error;
        }
        let of_secrets = match &stripped {
            Ty::List(element) => program.holds_secret(element),
            _ => false,
        };
        if matches!(stripped, Ty::Secret(_)) || (of_secrets && matches!(text, "distinct" | "join")) {
            for arg in args {
                self.infer(module, *arg);
            }
            let span = self.name_span(module, name, name_start);
            match text {
                "distinct" if of_secrets => {
                    self.secret_used(module, expr, span, "`distinct` would compare secrets".to_owned());
                }
                "join" if of_secrets => {
                    let message = "`join` makes no secret text: put each into a text, \"${a}, ${b}\"".to_owned();
                    self.secret_used(module, expr, span, message);
                }
                _ => self.secret_taken_apart(module, expr, span),
            }
            return Ty::Error;
        }
        let Some(method) = method_of(program, &stripped, text) else {
            for arg in args {
                self.infer(module, *arg);
            }
            let shown = program.show(&widen(&stripped));
            let span = self.name_span(module, name, name_start);
            let known = method_names(&stripped);
            let is_attribute = super::access::attributes_of(&stripped).contains(&text);
            let optional = matches!(stripped, Ty::Opt(_) | Ty::None);
            self.report.push(|suggester| {
                let help = if optional {
                    Some("it may be `none`: give it a value for that case with `??` first".to_owned())
                } else if is_attribute {
                    Some(format!("`{text}` is read without parentheses: `.{text}`"))
                } else {
                    suggester.did_you_mean(text, known.iter().copied()).or_else(|| {
                        (!known.is_empty()).then(|| format!("it has {}", listed(known.iter().copied(), "and")))
                    })
                };
                Diagnostic::error(
                    codes::UNKNOWN_METHOD,
                    span,
                    format!("{} has no method `{text}`", with_article(&shown)),
                )
                .maybe_help(help)
            });
            return Ty::Error;
        };
        if method.params.len() != args.len() {
            for arg in args {
                self.infer(module, *arg);
            }
            let (wanted, given) = (method.params.len(), args.len());
            self.error_expr(codes::BAD_ARGUMENTS, module, expr, || {
                let wants = match wanted {
                    0 => "no argument".to_owned(),
                    1 => "one argument".to_owned(),
                    count => format!("{count} arguments"),
                };
                format!("`{text}` takes {wants}; {given} given")
            });
            return Ty::Error;
        }
        for (param, arg) in method.params.iter().zip(args) {
            self.check(module, *arg, param, Place::Argument(name));
        }
        method.result
    }

    pub(super) fn negate(&mut self, module: u16, operand: ExprId) -> Ty {
        let ty = self.infer(module, operand);
        match base(self.program.strip(&ty)) {
            Ty::Error => Ty::Error,
            Ty::Int => Ty::Int,
            Ty::Secret(_) => {
                let span = self.program.expr_span(module, operand);
                self.secret_used(module, operand, span, "`-` would compute with a secret".to_owned());
                Ty::Error
            }
            other => {
                let shown = self.program.show(&other);
                self.error_expr(codes::BAD_OPERANDS, module, operand, || {
                    format!("`-` makes a number negative; this is {}", with_article(&shown))
                });
                Ty::Error
            }
        }
    }

    pub(super) fn binary(&mut self, module: u16, expr: ExprId, op: BinaryOp, left: ExprId, right: ExprId) -> Ty {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                self.check(module, left, &Ty::Bool, Place::Operand);
                self.given(module, left, op == BinaryOp::And, |checker| {
                    checker.check(module, right, &Ty::Bool, Place::Operand);
                });
                return Ty::Bool;
            }
            BinaryOp::Range => {
                self.check(module, left, &Ty::Int, Place::Operand);
                self.check(module, right, &Ty::Int, Place::Operand);
                return Ty::List(Rc::new(Ty::Int));
            }
            _ => {}
        }
        let (left_ty, right_ty) = (self.infer(module, left), self.infer(module, right));
        let program = self.program;
        let (a, b) = (base(program.strip(&left_ty)), base(program.strip(&right_ty)));
        let boolean = matches!(op, BinaryOp::Eq | BinaryOp::NotEq | BinaryOp::In)
            || matches!(op, BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq);
        if matches!(a, Ty::Error) || matches!(b, Ty::Error) {
            self.mark_wrong(module, expr);
            return if boolean { Ty::Bool } else { Ty::Error };
        }
        if self.secret_operand(module, expr, op, &left_ty, &right_ty).is_some() {
            return if boolean { Ty::Bool } else { Ty::Error };
        }
        let result = match op {
            BinaryOp::Add | BinaryOp::Sub => match (&a, &b) {
                (Ty::Int, Ty::Int) => Some(Ty::Int),
                (Ty::Bytes, Ty::Bytes) => Some(Ty::Bytes),
                (Ty::Duration, Ty::Duration) => Some(Ty::Duration),
                (Ty::Percent, Ty::Percent) => Some(Ty::Percent),
                _ => None,
            },
            BinaryOp::Mul => match (&a, &b) {
                (Ty::Int, Ty::Int) => Some(Ty::Int),
                (Ty::Int, Ty::Bytes) | (Ty::Bytes, Ty::Int) => Some(Ty::Bytes),
                (Ty::Int, Ty::Duration) | (Ty::Duration, Ty::Int) => Some(Ty::Duration),
                (Ty::Int, Ty::Percent) | (Ty::Percent, Ty::Int) => Some(Ty::Percent),
                _ => None,
            },
            BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq => {
                let orderable =
                    matches!(a, Ty::Int | Ty::Bytes | Ty::Duration | Ty::Percent | Ty::Str | Ty::Ip) && a == b;
                orderable.then_some(Ty::Bool)
            }
            BinaryOp::Eq | BinaryOp::NotEq => program.comparable(&left_ty, &right_ty).then_some(Ty::Bool),
            BinaryOp::In => {
                let fits = match (&a, &b) {
                    (element, Ty::List(of)) => program.comparable(element, of),
                    (Ty::Str, Ty::Map(_)) | (Ty::Ip | Ty::Cidr, Ty::Cidr) => true,
                    _ => false,
                };
                fits.then_some(Ty::Bool)
            }
            BinaryOp::Coalesce => return self.coalesce(module, expr, (left, &left_ty), (right, &right_ty)),
            BinaryOp::And | BinaryOp::Or | BinaryOp::Range => None,
        };
        if let Some(result) = result {
            return result;
        }
        self.bad_operands(module, expr, op, (left, &a), (right, &b));
        if boolean { Ty::Bool } else { Ty::Error }
    }

    fn coalesce(&mut self, module: u16, expr: ExprId, left: (ExprId, &Ty), right: (ExprId, &Ty)) -> Ty {
        let program = self.program;
        let inner = match program.strip(left.1) {
            Ty::Opt(inner) => (**inner).clone(),
            Ty::None => return right.1.clone(),
            other => {
                let shown = program.show(&widen(other));
                self.error_expr(codes::BAD_OPERANDS, module, left.0, || {
                    format!("this is {}, never `none`: what stands after `??` is never used", with_article(&shown))
                });
                return left.1.clone();
            }
        };
        self.joined_types(module, expr, &inner, right)
    }

    fn joined_types(&mut self, module: u16, expr: ExprId, inner: &Ty, right: (ExprId, &Ty)) -> Ty {
        if let Some(ty) = self.program.join(inner, right.1) {
            return ty;
        }
        let (shown, wanted) = (self.program.show(&widen(right.1)), self.program.show(inner));
        self.error_expr(codes::MISMATCH, module, right.0, || {
            format!("this is {}, but it stands for {}", with_article(&shown), with_article(&wanted))
        });
        self.mark_wrong(module, expr);
        Ty::Error
    }

    fn bad_operands(&mut self, module: u16, expr: ExprId, op: BinaryOp, left: (ExprId, &Ty), right: (ExprId, &Ty)) {
        let program = self.program;
        let span = program.expr_span(module, expr);
        let (left_span, right_span) = (program.expr_span(module, left.0), program.expr_span(module, right.0));
        let (a, b) = (program.show(left.1), program.show(right.1));
        let (left_ty, right_ty) = (left.1.clone(), right.1.clone());
        self.mark_wrong(module, expr);
        let is_comparison =
            |op: BinaryOp| matches!(op, BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq);
        if is_comparison(op) && matches!(self.expr(module, left.0), Expr::Binary { op, .. } if is_comparison(*op)) {
            // The parser has said that comparisons do not chain.
            return;
        }
        self.report.push(|_| {
            let optional = matches!(left_ty, Ty::Opt(_)) || matches!(right_ty, Ty::Opt(_));
            let help = if optional && op != BinaryOp::Eq && op != BinaryOp::NotEq {
                Some("one of them may be `none`: give it a value for that case with `??`".to_owned())
            } else {
                match (op, &left_ty, &right_ty) {
                    (BinaryOp::Add, Ty::Str, _) | (BinaryOp::Add, _, Ty::Str) => {
                        Some("texts are joined by interpolation: \"${a}${b}\"".to_owned())
                    }
                    (BinaryOp::Add, Ty::List(_), Ty::List(_)) => {
                        Some("lists are joined by repetition: [for x in a { x }, for x in b { x }]".to_owned())
                    }
                    (BinaryOp::Add, Ty::Ip, Ty::Int) => {
                        Some("an address is counted from its network: `net.subnet.host(n)`".to_owned())
                    }
                    (
                        BinaryOp::Add
                        | BinaryOp::Sub
                        | BinaryOp::Less
                        | BinaryOp::LessEq
                        | BinaryOp::Greater
                        | BinaryOp::GreaterEq,
                        Ty::Bytes,
                        Ty::Int,
                    )
                    | (
                        BinaryOp::Add
                        | BinaryOp::Sub
                        | BinaryOp::Less
                        | BinaryOp::LessEq
                        | BinaryOp::Greater
                        | BinaryOp::GreaterEq,
                        Ty::Int,
                        Ty::Bytes,
                    ) => Some("give the number a unit, such as 10GiB".to_owned()),
                    (
                        BinaryOp::Add
                        | BinaryOp::Sub
                        | BinaryOp::Less
                        | BinaryOp::LessEq
                        | BinaryOp::Greater
                        | BinaryOp::GreaterEq,
                        Ty::Duration,
                        Ty::Int,
                    )
                    | (
                        BinaryOp::Add
                        | BinaryOp::Sub
                        | BinaryOp::Less
                        | BinaryOp::LessEq
                        | BinaryOp::Greater
                        | BinaryOp::GreaterEq,
                        Ty::Int,
                        Ty::Duration,
                    ) => Some("give the number a unit, such as 30s".to_owned()),
                    (BinaryOp::In, _, Ty::Group(_)) => Some("look in `.members`, or count with `.count`".to_owned()),
                    (BinaryOp::Eq | BinaryOp::NotEq, ..) => Some("they can never be equal".to_owned()),
                    _ => None,
                }
            };
            Diagnostic::error(
                codes::BAD_OPERANDS,
                span,
                format!("`{}` does not join {} and {}", op.symbol(), with_article(&a), with_article(&b)),
            )
            .with_label(left_span, with_article(&a))
            .with_label(right_span, with_article(&b))
            .maybe_help(help)
        });
    }
}
