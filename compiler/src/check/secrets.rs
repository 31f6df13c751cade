//! Secrets: what is refused since it would show one, or something of it.

use kit_lang::{Diagnostic, Span};

use super::{Checker, Place};
use crate::codes;
use crate::hir::{BinaryOp, DefRef, Expr, ExprId};
use crate::report::DiagnosticExt as _;
use crate::types::Ty;

/// What is to be done with a secret instead.
const PASS_ON: &str =
    "a secret is passed on whole: as a variable of a script, or within a text, which then is secret too";

impl Checker<'_> {
    /// An operator beside a secret. None if it may stand there, or there is no secret.
    pub(super) fn secret_operand(
        &mut self,
        module: u16,
        expr: ExprId,
        op: BinaryOp,
        left: &Ty,
        right: &Ty,
    ) -> Option<()> {
        let program = self.program;
        let secret = |ty: &Ty| program.holds_secret(ty);
        let is_none = |ty: &Ty| matches!(program.strip(ty), Ty::None);
        let allowed = match op {
            BinaryOp::Coalesce => true,
            // Whether it was given is no secret.
            BinaryOp::Eq | BinaryOp::NotEq => is_none(left) || is_none(right),
            // Neither are the keys of a map.
            BinaryOp::In => !secret(left) && matches!(program.strip(right), Ty::Map(_)),
            _ => false,
        };
        if allowed || !(secret(left) || secret(right)) {
            return None;
        }
        let message = if op.compares() || op == BinaryOp::In {
            "a secret is compared with nothing: what comes of it would tell something of the secret".to_owned()
        } else {
            format!("`{}` would compute with a secret", op.symbol())
        };
        self.secret_used(module, expr, program.expr_span(module, expr), message);
        Some(())
    }

    /// Reports what would be worked out from a secret.
    pub(super) fn secret_used(&mut self, module: u16, wrong: ExprId, span: Span, message: String) {
        self.mark_wrong(module, wrong);
        self.report.push(|_| Diagnostic::error(codes::SECRET_USED, span, message).with_help(PASS_ON));
    }

    /// A secret that is asked for something of it.
    pub(super) fn secret_taken_apart(&mut self, module: u16, wrong: ExprId, span: Span) {
        self.secret_used(module, wrong, span, "a secret is not taken apart".to_owned());
    }

    /// A secret where none is wanted, or none where one is: what is wrong with it. None for any other mismatch.
    pub(super) fn secret_mismatch(
        &self,
        module: u16,
        expr: ExprId,
        wanted: &Ty,
        found: &Ty,
        place: Place,
    ) -> Option<Diagnostic> {
        let program = self.program;
        let span = program.expr_span(module, expr);
        if program.holds_secret(found) && !program.holds_secret(wanted) {
            return Some(match place {
                Place::Condition => Diagnostic::error(
                    codes::SECRET_USED,
                    span,
                    "a secret decides nothing: what comes of it would tell what the secret is",
                )
                .with_help("decide by a parameter that is no secret"),
                Place::Operand => {
                    Diagnostic::error(codes::SECRET_USED, span, "nothing is computed with a secret").with_help(PASS_ON)
                }
                _ => {
                    let subject = match place {
                        Place::Key => "a name or a key".to_owned(),
                        other => other.subject(program),
                    };
                    Diagnostic::error(
                        codes::SECRET_SHOWN,
                        span,
                        format!("{subject} would show a secret: what stands here can be read by anyone"),
                    )
                    .with_help(PASS_ON)
                }
            });
        }
        let plain = match program.strip(wanted) {
            Ty::Opt(inner) => program.strip(inner),
            other => other,
        };
        let Ty::Secret(inner) = plain else { return None };
        let written = self.expr(module, expr).is_literal() && !matches!(self.expr(module, expr), Expr::None);
        (written && program.fits(found, inner)).then(|| {
            Diagnostic::error(
                codes::SECRET_SHOWN,
                span,
                "what stands in a file is no secret: whoever reads the file reads it",
            )
            .with_help("leave it out here, and give it when the file is compiled")
        })
    }

    /// An output of the file that would show a secret.
    pub(super) fn secret_output(&mut self, def: DefRef, value: ExprId, ty: &Ty) -> bool {
        let program = self.program;
        // What a component gives out is for the file that uses it, and stays secret there.
        if program.module(def.module).is_component || !program.holds_secret(ty) {
            return false;
        }
        let span = program.expr_span(def.module, value);
        self.mark_wrong(def.module, value);
        self.report.push(|_| {
            Diagnostic::error(codes::SECRET_SHOWN, span, "an output is shown, and this holds a secret")
                .maybe_help(Some("give out what is no secret of it".to_owned()))
        });
        true
    }

    /// The type of a declaration that would make many values one secret; those that are written down were reported.
    pub(super) fn secret_type(&mut self, span: Span, ty: &Ty) {
        if self.program.secret_of_many(ty) {
            self.report.push(|_| secret_of_many(span, false));
        }
    }
}

/// What to say of `secret<…>` around more than a single value.
pub(crate) fn secret_of_many(span: Span, optional: bool) -> Diagnostic {
    let help = if optional {
        "write `secret<…>?`: whether a secret is given is none"
    } else {
        "make each value in it a secret of its own: `{ user: string, password: secret<string> }`, `list<secret<string>>`"
    };
    Diagnostic::error(codes::SECRET_TYPE, span, "`secret<…>` holds a single value").with_help(help)
}
