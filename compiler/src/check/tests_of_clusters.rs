//! Tests: what they give the file is checked against its parameters, and what they require as elsewhere.

use kit_lang::Diagnostic;

use super::{Checker, Place};
use crate::codes;
use crate::hir::{Binding, DefKind, DefRef, ExprId, Item, TestDecl, TextSpan};
use crate::names::Name;
use crate::types::Ty;

impl Checker<'_> {
    pub(super) fn test(&mut self, module: u16, test: &TestDecl) {
        for item in &test.given {
            match item {
                Item::Field { name, span, value } => self.test_param(module, *name, *span, *value),
                other => self.misplaced(module, other, "a test gives parameters, each as `name = value`"),
            }
        }
        let before = self.locals.len();
        for declared in &test.lets {
            let ty = match &declared.ty {
                Some(ty) => {
                    self.check(module, declared.value, ty, Place::Let(declared.name));
                    ty.clone()
                }
                None => self.infer(module, declared.value),
            };
            self.locals.push(ty);
        }
        self.requires(module, &test.items);
        self.locals.truncate(before);
    }

    /// A parameter that a test gives.
    fn test_param(&mut self, module: u16, name: Name, span: TextSpan, value: ExprId) {
        let program = self.program;
        let inside = program.module(module);
        if let Some(Binding::Def(index)) = inside.by_name.get(&name)
            && let DefKind::Param { ty, .. } = &program.def(DefRef { module, index: *index }).kind
        {
            if let Ty::Secret(_) = program.strip(ty) {
                self.secret_given(module, name, span);
                return;
            }
            self.check(module, value, ty, Place::Param(name));
            return;
        }
        let at = program.span(module, span);
        let text = program.names.text(name);
        self.report.push(|suggester| {
            let known = || {
                let params = inside.defs.iter().filter(|def| matches!(def.kind, DefKind::Param { .. }));
                params.map(|def| program.names.text(def.name))
            };
            let help = suggester.did_you_mean(text, known()).unwrap_or_else(|| crate::report::parameters_are(known()));
            Diagnostic::error(codes::PARAM_UNKNOWN, at, format!("the file has no parameter `{text}`")).with_help(help)
        });
        let _: Ty = self.infer(module, value);
    }

    /// A secret would stand in the file, in clear.
    fn secret_given(&mut self, module: u16, name: Name, span: TextSpan) {
        let at = self.program.span(module, span);
        let text = self.program.names.text(name);
        self.report.push(|_| {
            Diagnostic::error(codes::MISMATCH, at, format!("a test does not give the secret `{text}`"))
                .with_help("leave it out: each test has a stand-in for it, as nothing can be worked out from a secret")
        });
    }
}
