//! The types of expressions: found from inside, or wanted from outside.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::{Checker, MAX_DEPENDENCY_DEPTH, Place};
use crate::codes;
use crate::hir::{Expr, ExprId, Piece, UnaryOp};
use crate::types::{Lit, Ty, general};

impl Checker<'_> {
    /// The type of an expression, found from inside.
    pub(crate) fn infer(&mut self, module: u16, expr: ExprId) -> Ty {
        if self.depth >= MAX_DEPENDENCY_DEPTH {
            self.too_deep(self.program.expr_span(module, expr));
            self.mark_wrong(module, expr);
            return Ty::Error;
        }
        self.depth += 1;
        let ty = self.infer_inner(module, expr);
        self.depth -= 1;
        if matches!(ty, Ty::Error) {
            self.mark_wrong(module, expr);
        }
        ty
    }

    fn infer_inner(&mut self, module: u16, expr: ExprId) -> Ty {
        match self.expr(module, expr) {
            Expr::Error => Ty::Error,
            Expr::None => Ty::None,
            Expr::Bool(_) => Ty::Bool,
            Expr::Int(number) => Ty::Lit(Lit::Int(*number)),
            Expr::Str(text) => Ty::Lit(Lit::Str(text.clone())),
            Expr::Ip(_) => Ty::Ip,
            Expr::Cidr(_) => Ty::Cidr,
            Expr::Bytes(_) => Ty::Bytes,
            Expr::Duration(_) => Ty::Duration,
            Expr::Percent(_) => Ty::Percent,
            Expr::Script(_) => Ty::Script,
            Expr::Interpolation(pieces) => self.interpolation(module, pieces),
            Expr::Local(slot) => {
                let ty = self.local(*slot);
                self.narrowed(module, expr, ty)
            }
            Expr::Def(def) => {
                let ty = self.def_type(*def, Some((module, expr)));
                self.narrowed(module, expr, ty)
            }
            Expr::Meta(path, args) => self.metadata(module, expr, path, args.as_deref()),
            Expr::Field { base, name, name_start } => {
                let base_ty = self.infer(module, *base);
                let ty = self.field_of(module, *base, &base_ty, *name, *name_start);
                self.narrowed(module, expr, ty)
            }
            Expr::Index { base, index } => self.index(module, *base, *index),
            Expr::CallFn { function, args } => self.call(module, expr, *function, args),
            Expr::CallMethod { base, name, name_start, args } => {
                self.method(module, expr, *base, *name, *name_start, args)
            }
            Expr::Unary { op: UnaryOp::Not, operand } => {
                self.check(module, *operand, &Ty::Bool, Place::Operand);
                Ty::Bool
            }
            Expr::Unary { op: UnaryOp::Negate, operand } => self.negate(module, *operand),
            Expr::Binary { op, left, right } => self.binary(module, expr, *op, *left, *right),
            Expr::With { base, items } => self.with(module, *base, items),
            Expr::Record(items) => self.infer_braces(module, items),
            Expr::Construct { def, items } => {
                let ty = self.component_used(module, expr, *def);
                self.description_fields(module, items, *def);
                ty
            }
            Expr::List(items) => {
                let mut element = Ty::Never;
                self.infer_elements(module, items, &mut element);
                Ty::List(Rc::new(element))
            }
            Expr::If { condition, then, otherwise } => self.infer_if(module, expr, *condition, *then, *otherwise),
            Expr::Match { value, arms } => self.infer_match(module, expr, *value, arms, None),
        }
    }

    /// Without `?` where a condition has excluded `none`; in an arm of a `match`, what the pattern says.
    fn narrowed(&self, module: u16, expr: ExprId, ty: Ty) -> Ty {
        if let Some(matched) = self.matched_type(module, expr) {
            return matched.clone();
        }
        match self.program.strip(&ty) {
            Ty::Opt(inner) if self.is_present(module, expr) => (**inner).clone(),
            _ => ty,
        }
    }

    /// Whether an expression has the type that is wanted where it stands; reports it if not.
    pub(crate) fn check(&mut self, module: u16, expr: ExprId, wanted: &Ty, place: Place) {
        if self.depth >= MAX_DEPENDENCY_DEPTH {
            self.too_deep(self.program.expr_span(module, expr));
            self.mark_wrong(module, expr);
            return;
        }
        self.depth += 1;
        self.check_inner(module, expr, wanted, place);
        self.depth -= 1;
    }

    fn check_inner(&mut self, module: u16, expr: ExprId, wanted: &Ty, place: Place) {
        if self.checked.is_wrong(module, expr) {
            return;
        }
        let program = self.program;
        let target = match program.strip(wanted) {
            Ty::Opt(inner) => program.strip(inner),
            other => other,
        };
        match (self.expr(module, expr), target) {
            (Expr::Record(items), Ty::Record(record)) => self.record_fields(module, expr, items, record),
            (Expr::Record(items), Ty::Desc(def)) => self.description_fields(module, items, *def),
            (Expr::Record(items), Ty::Map(value)) => self.map_entries(module, items, value),
            (Expr::Record(items), Ty::Error) => {
                self.infer_braces(module, items);
            }
            (Expr::List(items), Ty::List(element)) => self.list_elements(module, items, element),
            (Expr::If { condition, then, otherwise }, _) => {
                self.check(module, *condition, &Ty::Bool, Place::Condition);
                self.given(module, *condition, true, |checker| checker.check(module, *then, wanted, place));
                self.given(module, *condition, false, |checker| checker.check(module, *otherwise, wanted, place));
            }
            (Expr::Match { value, arms }, _) => {
                self.infer_match(module, expr, *value, arms, Some((wanted, place)));
            }
            _ => {
                let found = self.infer(module, expr);
                if !self.program.fits(&found, wanted) {
                    self.mismatch(module, expr, wanted, &found, place);
                }
            }
        }
    }

    fn interpolation(&mut self, module: u16, pieces: &[Piece]) -> Ty {
        let mut secret = false;
        for piece in pieces {
            let Piece::Value(value) = piece else { continue };
            let ty = self.infer(module, *value);
            let inner = match self.program.strip(&ty) {
                Ty::Secret(inner) => {
                    secret = true;
                    (**inner).clone()
                }
                other => other.clone(),
            };
            if matches!(inner, Ty::Error) || self.program.is_scalar(&inner) {
                continue;
            }
            let shown = self.program.show(&ty);
            match inner {
                Ty::Opt(_) | Ty::None => {
                    let span = self.program.expr_span(module, *value);
                    self.report.push(|_| {
                        Diagnostic::error(codes::MAY_BE_NONE, span, "this may be `none`, which has no text")
                            .with_help("give it a value for that case: `${x ?? \"…\"}`")
                    });
                    self.mark_wrong(module, *value);
                }
                _ => self.error_expr(codes::MISMATCH, module, *value, || {
                    format!("{} cannot stand in a text: only single values can", with_article(&shown))
                }),
            }
        }
        if secret { Ty::Secret(Rc::new(Ty::Str)) } else { Ty::Str }
    }

    fn infer_if(&mut self, module: u16, expr: ExprId, condition: ExprId, then: ExprId, otherwise: ExprId) -> Ty {
        self.check(module, condition, &Ty::Bool, Place::Condition);
        let a = self.given(module, condition, true, |checker| checker.infer(module, then));
        let b = self.given(module, condition, false, |checker| checker.infer(module, otherwise));
        self.joined(module, expr, &a, &b, (then, otherwise))
    }

    /// The common type of two branches.
    pub(super) fn joined(&mut self, module: u16, expr: ExprId, a: &Ty, b: &Ty, branches: (ExprId, ExprId)) -> Ty {
        if let Some(ty) = self.program.join(a, b) {
            return ty;
        }
        let (first, second) = (self.program.expr_span(module, branches.0), self.program.expr_span(module, branches.1));
        let (shown_a, shown_b) = (self.program.show(&general(a)), self.program.show(&general(b)));
        self.report.push(|_| {
            Diagnostic::error(
                codes::MISMATCH,
                second,
                format!("this is {}, and the other case is {}", with_article(&shown_b), with_article(&shown_a)),
            )
            .with_label(first, format!("{} here", with_article(&shown_a)))
            .with_help("all cases of one value have one type")
        });
        self.mark_wrong(module, expr);
        Ty::Error
    }

    fn with(&mut self, module: u16, base: ExprId, items: &[crate::hir::Item]) -> Ty {
        let ty = self.infer(module, base);
        match self.program.strip(&ty).clone() {
            Ty::Error => {
                self.infer_braces(module, items);
                Ty::Error
            }
            Ty::Desc(def) => {
                self.description_fields(module, items, def);
                ty
            }
            Ty::Record(record) => {
                // A record that was inferred from literals may get others of their kind.
                let whole = if matches!(ty, Ty::Alias(_)) { ty } else { general(&ty) };
                match &whole {
                    Ty::Record(widened) => self.some_record_fields(module, items, widened),
                    _ => self.some_record_fields(module, items, &record),
                }
                whole
            }
            Ty::Map(value) => {
                self.map_entries(module, items, &value);
                ty
            }
            Ty::Script => {
                self.script_variables(module, items);
                Ty::Script
            }
            Ty::Secret(_) => {
                self.infer_braces(module, items);
                self.secret_taken_apart(module, base, self.program.expr_span(module, base));
                Ty::Error
            }
            Ty::Ref(def) => {
                let shown = self.program.path_of(def);
                let span = self.program.expr_span(module, base);
                self.report.push(|_| {
                    Diagnostic::error(
                        codes::DESCRIPTION_OR_THING,
                        span,
                        format!("this is a declared {shown}, and `with` changes descriptions only"),
                    )
                    .with_help("name the description with `let`, and use it both in the `resource` and here")
                });
                Ty::Error
            }
            other => {
                let shown = self.program.show(&general(&other));
                self.error_expr(codes::MISMATCH, module, base, || {
                    format!("`with` completes a record, a description or a script; this is {}", with_article(&shown))
                });
                Ty::Error
            }
        }
    }
}

/// `an ip`, `a string`; what names itself already stays.
pub(crate) fn with_article(shown: &str) -> String {
    let bare = shown.starts_with(|first: char| !first.is_alphabetic())
        || matches!(shown, "none" | "nothing" | "bytes")
        || shown.starts_with("the ")
        || shown.starts_with("a ");
    if bare {
        return match shown {
            "bytes" => "a size in bytes".to_owned(),
            _ => shown.to_owned(),
        };
    }
    let article = if shown.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {shown}")
}
