//! Tests: they see the names of their file, and add nothing to it.

use kit_lang::Diagnostic;
use kit_lang::ast;
use std::rc::Rc;

use super::Resolver;
use crate::codes;
use crate::hir::{Item, TestDecl, TestLet, TextSpan};

/// The one field of a test.
const FAILS_WITH: &str = "fails_with";

impl Resolver<'_> {
    /// Reads a test; none if it has no name, which was reported.
    pub(super) fn test(&mut self, test: &ast::Test, others: &[TestDecl]) -> Option<TestDecl> {
        // One whose name is missing was reported by the parser.
        let written = test.name()?;
        let name_span = Self::text_span(&written);
        let name = self.test_name(&written, name_span, others);
        let given = self.block(test.given());
        let mut lets = Vec::new();
        let mut items = Vec::new();
        let mut fails_with = None;
        for item in test.items() {
            match item {
                ast::TestItem::Let(declared) => lets.extend(self.test_let(&declared)),
                ast::TestItem::Require(require) => items.push(self.require(&require)),
                ast::TestItem::For(repeated) => items.push(self.for_block(&repeated)),
                ast::TestItem::If(conditional) => items.push(self.if_block(&conditional)),
                ast::TestItem::Field(field) => self.test_field(&field, &mut fails_with),
            }
        }
        Some(TestDecl { name: name?, name_span, given, lets, items, fails_with })
    }

    /// The name of a test, by which it is asked for and reported.
    fn test_name(&mut self, written: &ast::StringExpr, span: TextSpan, others: &[TestDecl]) -> Option<Rc<str>> {
        let Some(text) = written.plain_text() else {
            self.error(codes::TEST_NAME, span, || "the name of a test is a text without `${…}`".to_owned());
            return None;
        };
        if text.trim().is_empty() {
            self.error(codes::TEST_NAME, span, || {
                "the name of a test says what must hold; this one is empty".to_owned()
            });
            return None;
        }
        if let Some(first) = others.iter().find(|other| *other.name == *text) {
            let (at, first) = (self.span(span), self.span(first.name_span));
            self.report.push(|_| {
                Diagnostic::error(codes::TEST_NAME, at, format!("two tests are named \"{text}\""))
                    .with_label(first, "the first is here")
                    .with_help("a failure is told by its name: give one of them another")
            });
            return None;
        }
        Some(Rc::from(text))
    }

    /// A `let`: a variable of what stands below it.
    fn test_let(&mut self, declared: &ast::Let) -> Option<TestLet> {
        let written = declared.name()?;
        let ty = declared.ty().map(|ty| self.ty(Some(ty)));
        let value = self.expr_or_error(declared.value(), Self::text_span(declared));
        self.enter(&written);
        Some(TestLet { name: self.program.names.intern(written.text()), ty, value })
    }

    /// `fails_with = "…"`, the only field there is.
    fn test_field(&mut self, field: &ast::Field, fails_with: &mut Option<(Rc<str>, TextSpan)>) {
        let span = Self::text_span(field);
        let key = field.key().and_then(|key| key.plain_text()).unwrap_or_default();
        if key != FAILS_WITH && self.broken.touches(field) {
            return;
        }
        if key != FAILS_WITH {
            let at = self.span(span);
            let is_param = self.program.names.find(&key).is_some_and(|name| self.by_name.contains_key(&name));
            self.report.push(|suggester| {
                let help = suggester.did_you_mean(&key, [FAILS_WITH]).filter(|_| !is_param).unwrap_or_else(|| {
                    format!("a parameter is given before the braces: `test \"…\" with {{ {key} = … }} {{ … }}`")
                });
                Diagnostic::error(codes::WRONG_PLACE, at, format!("`{key}` cannot be given inside a test"))
                    .with_help(help)
            });
            return;
        }
        if let Some((_, first)) = fails_with {
            let (at, first) = (self.span(span), self.span(*first));
            self.report.push(|_| {
                Diagnostic::error(codes::FIELD_TWICE, at, format!("`{FAILS_WITH}` is given twice"))
                    .with_label(first, "it is given here first")
                    .with_help("keep one of them, and write a test of its own for the other")
            });
            return;
        }
        let text = match field.value() {
            Some(ast::Expr::String(text)) => text.plain_text().filter(|text| !text.trim().is_empty()),
            // The parser has reported it.
            None => return,
            Some(_) => None,
        };
        match text {
            Some(text) => *fails_with = Some((Rc::from(text), span)),
            None => {
                let at = field.value().map_or(span, |value| Self::text_span(&value));
                let at = self.span(at);
                self.report.push(|_| {
                    Diagnostic::error(
                        codes::MISMATCH,
                        at,
                        format!("`{FAILS_WITH}` is a text without `${{…}}`, and not empty"),
                    )
                    .with_help(
                        "write the code of the error that must come, such as \"KIT5004\", or a part of its message",
                    )
                });
            }
        }
    }
}

/// The parameters that a test gives, each with its name and its place.
pub(crate) fn given_fields(
    test: &TestDecl,
) -> impl Iterator<Item = (crate::names::Name, TextSpan, crate::hir::ExprId)> {
    test.given.iter().filter_map(|item| match item {
        Item::Field { name, span, value } => Some((*name, *span, *value)),
        _ => None,
    })
}
