//! Calls of functions and lookups: arguments against parameters.

use kit_lang::Diagnostic;

use super::{Checker, Place};
use crate::codes;
use crate::hir::{DefKind, DefRef, ExprId, FnParam, MetaKind};
use crate::report::listed;
use crate::types::Ty;

impl Checker<'_> {
    pub(super) fn call(&mut self, module: u16, expr: ExprId, function: DefRef, args: &[ExprId]) -> Ty {
        let program = self.program;
        let DefKind::Fn { params, ret, .. } = &program.def(function).kind else { return Ty::Error };
        // The body is checked before it is used, so a circle of calls shows.
        let inferred = self.def_type(function, Some((module, expr)));
        let name = program.path_of(function);
        self.arguments(module, expr, &name, params, args);
        ret.clone().unwrap_or(inferred)
    }

    /// Arguments against parameters, of functions and lookups.
    pub(super) fn arguments(&mut self, module: u16, expr: ExprId, name: &str, params: &[FnParam], args: &[ExprId]) {
        let required = params.iter().filter(|param| param.default.is_none()).count();
        for (param, arg) in params.iter().zip(args) {
            self.check(module, *arg, &param.ty, Place::Argument(param.name));
        }
        for extra in args.iter().skip(params.len()) {
            self.infer(module, *extra);
        }
        if args.len() < required || args.len() > params.len() {
            let names: Vec<&str> = params.iter().map(|param| self.program.names.text(param.name)).collect();
            let given = args.len();
            let span = self.program.expr_span(module, expr);
            self.report.push(|_| {
                let wants = match params.len() {
                    0 => "no argument".to_owned(),
                    1 => format!("one argument, `{}`", names[0]),
                    count => format!("{count} arguments, {}", listed(names.iter().copied(), "and")),
                };
                Diagnostic::error(codes::BAD_ARGUMENTS, span, format!("`{name}` takes {wants}; {given} given"))
            });
            self.mark_wrong(module, expr);
        }
    }

    pub(super) fn metadata(
        &mut self,
        module: u16,
        expr: ExprId,
        path: &crate::hir::MetaPath,
        args: Option<&[ExprId]>,
    ) -> Ty {
        let program = self.program;
        let Some(MetaKind::Value { params, ty, .. }) = program.meta_entry(path).map(|entry| &entry.kind) else {
            return Ty::Error;
        };
        let name = format!("meta.{}", program.meta_name(path));
        match (params, args) {
            (Some(params), Some(args)) => self.arguments(module, expr, &name, params, args),
            (None, None) => {}
            (Some(params), None) => {
                let first = params.first().map_or("…", |param| program.names.text(param.name));
                self.error_expr(codes::BAD_ARGUMENTS, module, expr, || {
                    format!("`{name}` is a lookup with arguments: `{name}({first})`")
                });
                return Ty::Error;
            }
            (None, Some(_)) => {
                self.error_expr(codes::BAD_ARGUMENTS, module, expr, || {
                    format!("`{name}` is a value and takes no arguments")
                });
                return Ty::Error;
            }
        }
        ty.clone()
    }
}
