//! Components: files in braces, which see of the file around them what does not differ from cluster to cluster.

use std::cell::RefCell;
use std::hash::BuildHasherDefault;

use indexmap::IndexMap;
use kit_lang::Diagnostic;
use kit_lang::ast;

use super::{DeclKind, Found, Resolver, types};
use crate::codes;
use crate::hir::{Binding, Def, DefKind, DefRef, ExprRef, Module, TextSpan};
use crate::names::Name;
use crate::report::DiagnosticExt as _;
use crate::types::{FieldTy, RecordTy};

/// The file around a component, as far as its names are read.
#[derive(Clone, Copy)]
pub(super) struct Outer<'a> {
    pub(super) module: u16,
    pub(super) name_spans: &'a [(Name, TextSpan)],
    kinds: &'a [DeclKind],
    by_name: &'a IndexMap<Name, Binding, BuildHasherDefault<rustc_hash::FxHasher>>,
    asked: &'a RefCell<Vec<bool>>,
}

impl Outer<'_> {
    pub(super) fn find(&self, name: Name) -> Option<Found> {
        let (index, _, binding) = self.by_name.get_full(&name)?;
        Resolver::ask(self.asked, index);
        Some(match binding {
            Binding::Def(index) => {
                let def = DefRef { module: self.module, index: *index };
                Found::Def(def, self.kinds[*index as usize])
            }
            Binding::Module(module, _) => Found::Module(*module),
        })
    }

    /// Where a name is declared that a component sees.
    pub(super) fn visible_span(&self, name: Name) -> Option<TextSpan> {
        match self.by_name.get(&name)? {
            Binding::Def(index) if is_hidden(self.kinds[*index as usize]) => None,
            Binding::Def(index) => Some(self.name_spans[*index as usize].1),
            Binding::Module(_, span) => Some(*span),
        }
    }

    /// Notes that the metadata of a module is asked for.
    pub(super) fn ask_module(&self, module: u16) {
        ask_module(self.by_name, self.asked, module);
    }

    /// The modules that the file uses.
    pub(super) fn modules(&self) -> impl Iterator<Item = u16> + use<'_> {
        self.by_name.values().filter_map(|binding| match binding {
            Binding::Module(module, _) => *module,
            Binding::Def(_) => None,
        })
    }
}

/// Notes that the metadata of a module is asked for, by which its name is not told.
pub(super) fn ask_module(
    by_name: &IndexMap<Name, Binding, BuildHasherDefault<rustc_hash::FxHasher>>,
    asked: &RefCell<Vec<bool>>,
    module: u16,
) {
    for (index, binding) in by_name.values().enumerate() {
        if matches!(binding, Binding::Module(Some(known), _) if *known == module) {
            Resolver::ask(asked, index);
        }
    }
}

/// What belongs to one cluster, and reaches a component only as a parameter.
fn is_hidden(kind: DeclKind) -> bool {
    matches!(kind, DeclKind::Param | DeclKind::Resource | DeclKind::Group)
}

impl Resolver<'_> {
    /// Reads a component into a module of its own.
    pub(super) fn component(&mut self, component: &ast::Component) -> DefKind {
        let module = u16::try_from(self.program.modules.len()).unwrap_or(u16::MAX);
        let empty = || Module {
            is_component: true,
            ..Module::empty(self.source, self.program.modules[self.module as usize].name.clone(), self.is_std)
        };
        let built = empty();
        self.program.modules.push(empty());
        let declarations: Vec<ast::Decl> = component.declarations().collect();
        let outer = Outer {
            module: self.module,
            name_spans: &self.name_spans,
            kinds: &self.kinds,
            by_name: &self.by_name,
            asked: &self.asked,
        };
        let mut inner = Resolver::new(self.program, self.report, self.source, module, self.is_std);
        inner.outer = Some(outer);
        inner.broken = self.broken.clone();
        let built = inner.read(&declarations, built);
        let schema = RecordTy { fields: built.defs.iter().filter_map(|def| field_of(module, def)).collect() };
        for index in &built.outputs {
            let output = &built.defs[*index as usize];
            let Some(field) = schema.field(output.name) else { continue };
            let (span, first) = (self.span(output.name_span), self.span(field.span));
            let text = self.program.names.text(output.name);
            self.report.push(|_| {
                Diagnostic::error(
                    codes::DECLARED_TWICE,
                    span,
                    format!("`{text}` is both a parameter and an output of the component"),
                )
                .with_label(first, "it is a parameter here")
                .with_help("a parameter can be read from outside as it is; give the output a name of its own")
            });
        }
        self.program.modules[module as usize] = built;
        types::cut_alias_cycles(self.program, self.report, module);
        types::refuse_hidden(self.program, self.report, module);
        DefKind::Component { module, schema }
    }

    /// The name of an output, which is in no namespace.
    pub(super) fn declare_output(&mut self, name: Name, span: TextSpan, index: u32) -> Option<u32> {
        let first = (self.kinds.iter().zip(&self.name_spans))
            .find(|(kind, (known, _))| **kind == DeclKind::Output && *known == name)
            .map(|(_, (_, span))| *span);
        if let Some(first) = first {
            let (span, first) = (self.span(span), self.span(first));
            let text = self.program.names.text(name);
            self.report.push(|_| {
                Diagnostic::error(codes::DECLARED_TWICE, span, format!("the output `{text}` is declared twice"))
                    .with_label(first, "it is declared here first")
            });
            return None;
        }
        self.kinds.push(DeclKind::Output);
        self.name_spans.push((name, span));
        Some(index)
    }

    /// Inside a component no name hides one of the file that the component sees.
    pub(super) fn refuse_hiding(&mut self, name: Name, span: TextSpan) {
        let Some(first) = self.outer.as_ref().and_then(|outer| outer.visible_span(name)) else { return };
        let (span, first) = (self.span(span), self.span(first));
        let text = self.program.names.text(name);
        self.report.push(|_| {
            Diagnostic::error(codes::SHADOWED, span, format!("`{text}` hides the `{text}` of the file"))
                .with_label(first, "which the component sees")
                .with_help("give one of them another name")
        });
    }

    /// Reports what stands at the top of a file only.
    pub(super) fn misplaced_in_component(&mut self, declaration: &ast::Decl) -> bool {
        if self.outer.is_none() {
            return false;
        }
        let (word, help) = match declaration {
            ast::Decl::Cluster(_) => {
                ("cluster", "a component is a part of a cluster: the file that uses it has the `cluster`")
            }
            ast::Decl::Component(_) => ("component", "declare it beside this one: components see each other"),
            ast::Decl::Use(_) => ("use", "write it at the top of the file: its components see what the file uses"),
            ast::Decl::Metadata(_) => ("metadata", "it belongs to the standard library"),
            ast::Decl::ExternResource(_) | ast::Decl::ExternRole(_) => ("extern", "it belongs to the standard library"),
            ast::Decl::Test(_) => ("test", "a test of a cluster stands at the top of a file"),
            _ => return false,
        };
        let whole = Self::text_span(declaration);
        let span = self.span(TextSpan { end: whole.start + u32::try_from(word.len()).unwrap_or(0), ..whole });
        self.report.push(|_| {
            Diagnostic::error(codes::WRONG_PLACE, span, format!("`{word}` cannot stand in a component"))
                .maybe_help(Some(help.to_owned()))
        });
        true
    }

    /// A component asks for something that belongs to the one cluster its file may describe.
    pub(super) fn hidden_from_component(&mut self, def: DefRef, kind: DeclKind, span: TextSpan) -> bool {
        if self.outer.as_ref().is_none_or(|outer| outer.module != def.module) || !is_hidden(kind) {
            return false;
        }
        let path = self.program_path(def);
        let at = self.span(span);
        self.report.push(|_| {
            Diagnostic::error(codes::COMPONENT_SCOPE, at, format!("a component does not see `{path}` of its file"))
                .with_help(format!(
                    "declare `param {path}: …` in the component, and give it where the component is used: it sees its own declarations, and the constants, functions and types of the file"
                ))
        });
        true
    }
}

/// A parameter as a field of its component. Its refinement is asked where the parameter gets its value.
fn field_of(module: u16, def: &Def) -> Option<FieldTy> {
    let DefKind::Param { ty, default, .. } = &def.kind else { return None };
    let default = default.map(|expr| ExprRef { module, expr });
    Some(FieldTy { name: def.name, ty: ty.clone(), default, refinement: None, live: false, span: def.name_span })
}
