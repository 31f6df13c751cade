//! Declarations of metadata: each is one that its source can answer.

use kit_lang::{Diagnostic, Span};

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{FnParam, MetaEntry, MetaKind, Program};
use crate::types::Ty;

/// How the entries of a source are asked for.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// By name alone, on one level: `env`.
    Flat,
    /// By name alone, on any level: `vars`.
    Named,
    /// By one text: the path of a file, the address of a page.
    By(&'static str),
    /// As the standard library declares it.
    Any,
}

impl Checker<'_> {
    pub(super) fn metadata_declared(&mut self, module: u16) {
        let program = self.program;
        let is_std = program.module(module).is_std;
        for root in &program.module(module).metadata {
            let MetaKind::Group(entries) = &root.kind else { continue };
            let asked = match program.names.text(root.name) {
                _ if is_std => Asked::Any,
                "env" => Asked::Flat,
                "vars" => Asked::Named,
                "file" => Asked::By("path"),
                "http" => Asked::By("url"),
                _ => Asked::Any,
            };
            self.metadata_entries(module, program.names.text(root.name), entries, asked);
        }
    }

    fn metadata_entries(&mut self, module: u16, source: &str, entries: &[MetaEntry], asked: Asked) {
        let program = self.program;
        for entry in entries {
            let span = program.span(module, entry.span);
            let name = program.names.text(entry.name);
            match &entry.kind {
                MetaKind::Group(_) if asked == Asked::Flat => self.no_such_shape(
                    span,
                    format!("`{source}` has no branches, and `{name}` is one"),
                    "a variable of the environment has one name: declare it by that".to_owned(),
                ),
                MetaKind::Group(inner) => self.metadata_entries(module, source, inner, asked),
                MetaKind::Value { ambient, params, ty } => {
                    if *ambient && asked != Asked::Any {
                        let message =
                            format!("`{name}` cannot be `ambient`: `{source}` is never asked through a provider");
                        self.no_such_shape(span, message, "leave `ambient` away".to_owned());
                    }
                    self.metadata_params(module, span, source, name, params.as_deref(), asked);
                    self.metadata_type(span, name, ty);
                    if asked == Asked::Named && matches!(program.strip(ty), Ty::Secret(_)) {
                        let message = format!("`{name}` cannot be a secret: what operators set is kept in clear");
                        self.no_such_shape(
                            span,
                            message,
                            "read it by `file` or `env`, or make it a parameter".to_owned(),
                        );
                    }
                }
            }
        }
    }

    fn metadata_params(
        &mut self,
        module: u16,
        span: Span,
        source: &str,
        name: &str,
        params: Option<&[FnParam]>,
        asked: Asked,
    ) {
        let program = self.program;
        for param in params.unwrap_or_default() {
            if let Some(default) = param.default {
                self.check(module, default, &param.ty, Place::Argument(param.name));
            }
        }
        match (asked, params) {
            (Asked::Any, _) | (Asked::Flat | Asked::Named, None) => {}
            (Asked::Flat | Asked::Named, Some(_)) => self.no_such_shape(
                span,
                format!("`{source}` is asked by name alone, and `{name}` has parentheses"),
                format!("write `{name}: …`"),
            ),
            (Asked::By(word), Some([only]))
                if program.names.text(only.name) == word && *program.strip(&only.ty) == Ty::Str => {}
            (Asked::By(word), _) => self.no_such_shape(
                span,
                format!("`{source}` is asked by one text, `{word}`, and `{name}` is declared otherwise"),
                format!("write `{name}({word}: string): …`, or with a default: `{name}({word}: string = \"…\"): …`"),
            ),
        }
    }

    /// What is answered is data, or a secret as a whole.
    fn metadata_type(&mut self, span: Span, name: &str, ty: &Ty) {
        let program = self.program;
        self.secret_type(span, ty);
        let whole = match program.strip(ty) {
            Ty::Secret(inner) => inner,
            other => other,
        };
        if let Some(other) = no_data(program, whole) {
            let shown = program.show(other);
            let help = match other {
                Ty::Secret(_) => "declare the secret as an entry of its own".to_owned(),
                _ => "an answer is data: texts, numbers, addresses, lists, maps and records of them".to_owned(),
            };
            self.no_such_shape(span, format!("`{name}` cannot be answered with {}", with_article(&shown)), help);
        }
    }

    fn no_such_shape(&mut self, span: Span, message: String, help: String) {
        self.report.push(|_| Diagnostic::error(codes::METADATA_SHAPE, span, message).with_help(help));
    }
}

/// The part of a type that no source can answer with.
fn no_data<'t>(program: &'t Program, ty: &'t Ty) -> Option<&'t Ty> {
    match program.strip(ty) {
        Ty::Error
        | Ty::Bool
        | Ty::Int
        | Ty::Str
        | Ty::Ip
        | Ty::Cidr
        | Ty::Bytes
        | Ty::Duration
        | Ty::Percent
        | Ty::Script
        | Ty::Lit(_) => None,
        Ty::List(inner) | Ty::Map(inner) | Ty::Opt(inner) => no_data(program, inner),
        Ty::Union(alternatives) => alternatives.iter().find_map(|one| no_data(program, one)),
        Ty::Record(record) => record.fields.iter().find_map(|field| no_data(program, &field.ty)),
        other => Some(other),
    }
}
