//! `match`: patterns of the right type, each reached, no value left out.

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{Arm, BinaryOp, Expr, ExprId};
use crate::types::{Lit, Ty, widen};

impl Checker<'_> {
    pub(super) fn infer_match(
        &mut self,
        module: u16,
        expr: ExprId,
        value: ExprId,
        arms: &[Arm],
        wanted: Option<(&Ty, Place)>,
    ) -> Ty {
        let mut scrutinee = self.infer(module, value);
        if self.program.holds_secret(&scrutinee) {
            let span = self.program.expr_span(module, value);
            let message = "a secret decides nothing: what comes of it would tell what the secret is".to_owned();
            self.secret_used(module, value, span, message);
            scrutinee = Ty::Error;
        }
        self.patterns(module, expr, &scrutinee, arms);
        let mut result: Option<(Ty, ExprId)> = None;
        for arm in arms {
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
        }
        match (wanted, result) {
            (Some((wanted, _)), _) => wanted.clone(),
            (None, Some((ty, _))) => ty,
            (None, None) => Ty::Error,
        }
    }

    /// Patterns of the right type, none twice, no value left out.
    pub(super) fn patterns(&mut self, module: u16, expr: ExprId, scrutinee: &Ty, arms: &[Arm]) {
        let program = self.program;
        let mut covered: Vec<&Expr> = Vec::new();
        let mut rest: Option<&Arm> = None;
        for arm in arms {
            if let Some(rest) = rest {
                let (at, first) = (program.span(module, arm.span), program.span(module, rest.span));
                self.report.push(|_| {
                    Diagnostic::error(codes::MATCH_ARMS, at, "this arm is never reached")
                        .with_label(first, "`_` takes all that is left")
                });
                continue;
            }
            if arm.patterns.is_empty() {
                rest = Some(arm);
            }
            for pattern in &arm.patterns {
                let ty = self.infer(module, *pattern);
                let described = self.expr(module, *pattern);
                let ty = match (described, ty) {
                    (Expr::Binary { op: BinaryOp::Range, .. }, Ty::List(element)) => (*element).clone(),
                    (_, ty) => ty,
                };
                if !program.comparable(&ty, scrutinee) {
                    let (pattern_shown, shown) = (program.show(&widen(&ty)), program.show(scrutinee));
                    self.error_expr(codes::MISMATCH, module, *pattern, || {
                        format!(
                            "this pattern is {}, but the value is {}",
                            with_article(&pattern_shown),
                            with_article(&shown)
                        )
                    });
                } else if let Some(Ty::Lit(lit)) = self.pattern_literal(described)
                    && let Some(allowed) = literals_of(program, scrutinee)
                    && !allowed.contains(&lit)
                {
                    let shown = program.show(scrutinee);
                    self.error_expr(codes::MATCH_ARMS, module, *pattern, || {
                        format!("this arm is never reached: the value is one of {shown}")
                    });
                }
                if covered.iter().any(|known| same_literal(known, described)) {
                    self.error_expr(codes::MATCH_ARMS, module, *pattern, || {
                        "this arm is never reached: an earlier one has the same pattern".to_owned()
                    });
                }
                covered.push(described);
            }
        }
        if rest.is_some() || matches!(program.strip(scrutinee), Ty::Error) {
            return;
        }
        let left_out = self.left_out(scrutinee, &covered);
        if !left_out.is_empty() {
            let span = program.expr_span(module, expr);
            self.report.push(|_| {
                Diagnostic::error(codes::MATCH_ARMS, span, format!("no arm for {}", left_out.join(", ")))
                    .with_help("add an arm for it, or `_ => …` for all that is left")
            });
            self.mark_wrong(module, expr);
        }
    }

    pub(super) fn pattern_literal(&self, pattern: &Expr) -> Option<Ty> {
        match pattern {
            Expr::Str(text) => Some(Ty::Lit(Lit::Str(text.clone()))),
            Expr::Int(number) => Some(Ty::Lit(Lit::Int(*number))),
            _ => None,
        }
    }

    pub(super) fn left_out(&self, scrutinee: &Ty, covered: &[&Expr]) -> Vec<String> {
        let has = |wanted: &Expr| covered.iter().any(|known| same_literal(known, wanted));
        match self.program.strip(scrutinee) {
            Ty::Bool => [true, false]
                .iter()
                .filter(|truth| !has(&Expr::Bool(**truth)))
                .map(|truth| format!("`{truth}`"))
                .collect(),
            Ty::None if has(&Expr::None) => Vec::new(),
            Ty::Opt(inner) => {
                let mut left = self.left_out(inner, covered);
                if !has(&Expr::None) {
                    left.insert(0, "`none`".to_owned());
                }
                left
            }
            Ty::Lit(Lit::Str(text)) if has(&Expr::Str(text.clone())) => Vec::new(),
            Ty::Lit(Lit::Int(number)) if has(&Expr::Int(*number)) => Vec::new(),
            Ty::Union(alternatives) => alternatives.iter().flat_map(|one| self.left_out(one, covered)).collect(),
            other @ Ty::Lit(_) => vec![format!("`{}`", self.program.show(other))],
            other => vec![format!("the other values of type `{}`", self.program.show(other))],
        }
    }
}

/// The literals that a type allows, if it allows literals only.
fn literals_of(program: &crate::hir::Program, ty: &Ty) -> Option<Vec<Lit>> {
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
