//! `match`: patterns of the right type, each reached, no value left out.

use std::rc::Rc;

use kit_lang::{Diagnostic, Span};

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{Arm, BinaryOp, Expr, ExprId, Pattern, Program};
use crate::types::{Lit, Ty, widen};

/// What an earlier alternative takes.
#[derive(Clone, Copy)]
enum Taken<'a> {
    Value(&'a Expr),
    Type(&'a Ty),
}

impl<'a> Checker<'a> {
    pub(super) fn infer_match(
        &mut self,
        module: u16,
        expr: ExprId,
        value: ExprId,
        arms: &'a [Arm],
        wanted: Option<(&Ty, Place)>,
    ) -> Ty {
        let mut scrutinee = self.infer(module, value);
        if self.program.holds_secret(&scrutinee) {
            let span = self.program.expr_span(module, value);
            let message = "a secret decides nothing: what comes of it would tell what the secret is".to_owned();
            self.secret_used(module, value, span, message);
            scrutinee = Ty::Error;
        }
        // A constant that happens to be `"prod"` is written to be changed: what else it might be has its arms.
        if let Ty::Lit(_) = self.program.strip(&scrutinee) {
            scrutinee = widen(self.program.strip(&scrutinee));
        }
        let narrowed = self.patterns(module, expr, &scrutinee, arms);
        let mut result: Option<(Ty, ExprId)> = None;
        for (arm, narrowed) in arms.iter().zip(narrowed) {
            self.matched.push((module, value, narrowed));
            match wanted {
                Some((wanted, place)) => self.check(module, arm.value, wanted, place),
                None => {
                    let ty = self.infer(module, arm.value);
                    result = Some(match result {
                        None => (ty, arm.value),
                        Some((before, first)) => (self.joined(module, expr, &before, &ty, (first, arm.value)), first),
                    });
                }
            }
            self.matched.pop();
        }
        match (wanted, result) {
            (Some((wanted, _)), _) => wanted.clone(),
            (None, Some((ty, _))) => ty,
            (None, None) => Ty::Error,
        }
    }

    /// Patterns of the right type, none twice, no value left out. The type that what is matched has in each arm.
    fn patterns(&mut self, module: u16, expr: ExprId, scrutinee: &Ty, arms: &'a [Arm]) -> Vec<Ty> {
        let program = self.program;
        let mut taken: Vec<Taken<'a>> = Vec::new();
        let mut rest: Option<&Arm> = None;
        let mut narrowed: Vec<Ty> = Vec::with_capacity(arms.len());
        for arm in arms {
            if let Some(rest) = rest {
                let (at, first) = (program.span(module, arm.span), program.span(module, rest.span));
                self.report.push(|_| {
                    Diagnostic::error(codes::MATCH_ARMS, at, "this arm is never reached")
                        .with_label(first, "`_` takes all that is left")
                });
                narrowed.push(Ty::Error);
                continue;
            }
            if arm.patterns.is_empty() {
                rest = Some(arm);
                narrowed.push(what_is_left(program, scrutinee, &taken).unwrap_or_else(|| scrutinee.clone()));
                continue;
            }
            let mut types: Vec<Ty> = Vec::new();
            for pattern in &arm.patterns {
                types.push(match pattern {
                    Pattern::Value(value) => self.value_pattern(module, *value, scrutinee, &mut taken),
                    Pattern::Type(ty, span) => {
                        let span = program.span(module, *span);
                        self.type_pattern(ty, span, scrutinee, &mut taken)
                    }
                });
            }
            narrowed.push(either(types));
        }
        // Whatever a wrong pattern was meant for is not left out.
        let is_lost = taken.iter().any(|known| matches!(known, Taken::Value(Expr::Error)));
        if rest.is_some() || is_lost || matches!(program.strip(scrutinee), Ty::Error) {
            return narrowed;
        }
        let left_out = self.left_out(scrutinee, &taken);
        if !left_out.is_empty() {
            let span = program.expr_span(module, expr);
            self.report.push(|_| {
                Diagnostic::error(codes::MATCH_ARMS, span, format!("no arm for {}", left_out.join(", ")))
                    .with_help("add an arm for it, or `_ => …` for all that is left")
            });
            self.mark_wrong(module, expr);
        }
        narrowed
    }

    /// The type of the values that a literal or a range takes.
    fn value_pattern(&mut self, module: u16, pattern: ExprId, scrutinee: &Ty, taken: &mut Vec<Taken<'a>>) -> Ty {
        let program = self.program;
        let ty = self.infer(module, pattern);
        let described = self.expr(module, pattern);
        let ty = match (described, ty) {
            (Expr::Binary { op: BinaryOp::Range, .. }, Ty::List(element)) => (*element).clone(),
            (_, ty) => ty,
        };
        let whole = taken.iter().any(|known| matches!(known, Taken::Type(of) if **of == widen(&ty)));
        if !program.comparable(&ty, scrutinee) {
            let span = program.expr_span(module, pattern);
            self.unfit_pattern(&widen(&ty), span, scrutinee);
            self.mark_wrong(module, pattern);
        } else if let Some(Ty::Lit(lit)) = self.pattern_literal(described)
            && let Some(allowed) = literals_of(program, scrutinee)
            && !allowed.contains(&lit)
        {
            let shown = program.show(scrutinee);
            self.error_expr(codes::MATCH_ARMS, module, pattern, || {
                format!("this arm is never reached: the value is one of {shown}")
            });
        } else if whole {
            let shown = program.show(&widen(&ty));
            self.error_expr(codes::MATCH_ARMS, module, pattern, || {
                format!("this arm is never reached: an earlier one takes {} whatever it is", with_article(&shown))
            });
        }
        if taken.iter().any(|known| matches!(known, Taken::Value(known) if same_literal(known, described))) {
            self.error_expr(codes::MATCH_ARMS, module, pattern, || {
                "this arm is never reached: an earlier one has the same pattern".to_owned()
            });
        }
        taken.push(Taken::Value(described));
        ty
    }

    /// The type that a pattern is.
    fn type_pattern(&mut self, ty: &'a Ty, span: Span, scrutinee: &Ty, taken: &mut Vec<Taken<'a>>) -> Ty {
        if taken.iter().any(|known| matches!(known, Taken::Type(known) if *known == ty)) {
            self.report.error(codes::MATCH_ARMS, span, || {
                "this arm is never reached: an earlier one has the same pattern".to_owned()
            });
        } else if !self.program.comparable(ty, scrutinee) {
            self.unfit_pattern(ty, span, scrutinee);
        }
        taken.push(Taken::Type(ty));
        // Of literals it takes those that are of the type.
        either(self.program.alternatives(scrutinee).into_iter().filter(|one| widen(self.program.strip(one)) == *ty))
    }

    fn unfit_pattern(&mut self, ty: &Ty, span: Span, scrutinee: &Ty) {
        let (pattern, value) = (self.program.show(ty), self.program.show(scrutinee));
        self.report.error(codes::MISMATCH, span, || {
            format!("this pattern is {}, but the value is {}", with_article(&pattern), with_article(&value))
        });
    }

    pub(super) fn pattern_literal(&self, pattern: &Expr) -> Option<Ty> {
        match pattern {
            Expr::Str(text) => Some(Ty::Lit(Lit::Str(text.clone()))),
            Expr::Int(number) => Some(Ty::Lit(Lit::Int(*number))),
            _ => None,
        }
    }

    fn left_out(&self, scrutinee: &Ty, taken: &[Taken<'_>]) -> Vec<String> {
        let has = |wanted: &Expr| {
            taken.iter().any(|known| matches!(known, Taken::Value(known) if same_literal(known, wanted)))
        };
        if is_taken(self.program, scrutinee, taken) {
            return Vec::new();
        }
        match self.program.strip(scrutinee) {
            Ty::Bool => [true, false]
                .iter()
                .filter(|truth| !has(&Expr::Bool(**truth)))
                .map(|truth| format!("`{truth}`"))
                .collect(),
            Ty::Opt(inner) => {
                let mut left = self.left_out(inner, taken);
                if !has(&Expr::None) {
                    left.insert(0, "`none`".to_owned());
                }
                left
            }
            Ty::Union(alternatives) => alternatives.iter().flat_map(|one| self.left_out(one, taken)).collect(),
            other @ Ty::Lit(_) => vec![format!("`{}`", self.program.show(other))],
            other => vec![format!("the other values of type `{}`", self.program.show(other))],
        }
    }
}

impl Program {
    /// The types that a value may be of, each for itself, `none` among them.
    fn alternatives(&self, ty: &Ty) -> Vec<Ty> {
        match self.strip(ty) {
            Ty::Union(alternatives) => alternatives.iter().flat_map(|one| self.alternatives(one)).collect(),
            Ty::Opt(inner) => {
                let mut all = self.alternatives(inner);
                all.push(Ty::None);
                all
            }
            // A type by its name stays it: its refinement goes with it.
            _ => vec![ty.clone()],
        }
    }
}

/// The type of values that are of one of some types.
fn either(types: impl IntoIterator<Item = Ty>) -> Ty {
    let mut all: Vec<Ty> = Vec::new();
    for ty in types {
        if matches!(ty, Ty::Error) {
            return Ty::Error;
        }
        if !all.contains(&ty) {
            all.push(ty);
        }
    }
    let optional = all.len() > 1 && all.contains(&Ty::None);
    if optional {
        all.retain(|one| *one != Ty::None);
    }
    let ty = match all.len() {
        0 => Ty::Error,
        1 => all.swap_remove(0),
        _ => Ty::Union(all.into()),
    };
    if optional { Ty::Opt(Rc::new(ty)) } else { ty }
}

/// The type of what earlier arms leave; none if they leave nothing, or if one of its types is in part taken.
fn what_is_left(program: &Program, scrutinee: &Ty, taken: &[Taken<'_>]) -> Option<Ty> {
    let left: Vec<Ty> =
        program.alternatives(scrutinee).into_iter().filter(|one| !is_taken(program, one, taken)).collect();
    (!left.is_empty()).then(|| either(left))
}

/// Whether earlier alternatives take all values of a type that is no union.
fn is_taken(program: &Program, ty: &Ty, taken: &[Taken<'_>]) -> bool {
    let ty = program.strip(ty);
    taken.iter().any(|taken| match (taken, ty) {
        (Taken::Type(of), ty) => widen(ty) == **of,
        (Taken::Value(Expr::None), Ty::None) => true,
        (Taken::Value(Expr::Str(text)), Ty::Lit(Lit::Str(wanted))) => text == wanted,
        (Taken::Value(Expr::Int(number)), Ty::Lit(Lit::Int(wanted))) => number == wanted,
        _ => false,
    })
}

/// The literals that a type allows, if it allows literals only.
fn literals_of(program: &Program, ty: &Ty) -> Option<Vec<Lit>> {
    match program.strip(ty) {
        Ty::Lit(lit) => Some(vec![lit.clone()]),
        Ty::Opt(inner) => literals_of(program, inner),
        Ty::Union(alternatives) => {
            let mut all = Vec::new();
            for one in alternatives.iter() {
                all.extend(literals_of(program, one)?);
            }
            Some(all)
        }
        _ => None,
    }
}

fn same_literal(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::None, Expr::None) => true,
        (Expr::Bool(a), Expr::Bool(b)) => a == b,
        (Expr::Str(a), Expr::Str(b)) => a == b,
        (Expr::Int(a), Expr::Int(b))
        | (Expr::Bytes(a), Expr::Bytes(b))
        | (Expr::Duration(a), Expr::Duration(b))
        | (Expr::Percent(a), Expr::Percent(b)) => a == b,
        (Expr::Ip(a), Expr::Ip(b)) => a == b,
        (Expr::Cidr(a), Expr::Cidr(b)) => a == b,
        _ => false,
    }
}
