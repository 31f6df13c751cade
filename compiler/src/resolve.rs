//! From a file's syntax to its program: each name finds what it stands for.

mod blocks;
mod broken;
mod components;
mod declarations;
mod expressions;
mod metadata;
mod names;
mod tests_of_clusters;
mod types;

pub(crate) use broken::Broken;
use components::Outer;
pub(crate) use tests_of_clusters::given_fields;
pub(crate) use types::ROLE_VARIABLES;

use std::cell::RefCell;

use indexmap::IndexMap;
use kit_lang::ast::{self, AstNode};
use kit_lang::{Code, Diagnostic, SourceId, Span};
use std::hash::BuildHasherDefault;

use crate::codes;
use crate::hir::{Binding, Def, DefKind, DefRef, Expr, ExprId, Module, Program, TextSpan, Unused, UnusedKind};
use crate::names::Name;
use crate::report::Report;
use crate::types::Ty;

/// What a definition will be, known before its body is read, as a file has no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeclKind {
    Param,
    Let,
    Type,
    Fn,
    Resource,
    Group,
    ExternResource,
    ExternRole,
    Component,
    Output,
    Refused,
}

/// What a name was found to be.
#[derive(Clone, Copy, Debug)]
enum Found {
    Def(DefRef, DeclKind),
    /// A module that was used; none if it could not be found, which was reported.
    Module(Option<u16>),
}

/// Reads one file, or one component, into the program.
pub(crate) struct Resolver<'a> {
    program: &'a mut Program,
    report: &'a mut Report,
    source: SourceId,
    module: u16,
    /// Part of the standard library, which may declare what others may not.
    is_std: bool,
    exprs: Vec<Expr>,
    spans: Vec<TextSpan>,
    kinds: Vec<DeclKind>,
    name_spans: Vec<(Name, TextSpan)>,
    by_name: IndexMap<Name, Binding, BuildHasherDefault<rustc_hash::FxHasher>>,
    /// Which of `by_name` something asked for, by their order; whoever is not listed was not asked for.
    asked: RefCell<Vec<bool>>,
    /// Variables of the body being read: name, place.
    scope: Vec<(Name, TextSpan)>,
    /// All variables so far, and whether something reads each.
    variables: IndexMap<TextSpan, (Name, bool), BuildHasherDefault<rustc_hash::FxHasher>>,
    in_function: bool,
    /// The file around the component that is read; none for a file.
    outer: Option<Outer<'a>>,
    /// A file of parameters, in which nothing has a name.
    is_of_values: bool,
    /// How deep the expression being read is nested.
    depth: u32,
    /// Where the text is wrong.
    broken: std::rc::Rc<Broken>,
    /// Up to here reaches a text without quotes that was reported.
    reported_to: u32,
}

/// A module that a file uses: the name it gets there, which module, and where that is written.
pub(crate) type Used = (Name, Option<u16>, TextSpan);

/// Reads a file into its place of the program; the modules that it uses have been read.
pub(crate) fn resolve(
    program: &mut Program,
    report: &mut Report,
    file: &ast::File,
    module: u16,
    uses: impl IntoIterator<Item = Used>,
    broken: Broken,
) {
    let Module { source, is_std, ref name, ref mut allowances, .. } = program.modules[module as usize];
    let mut built = Module { allowances: std::mem::take(allowances), ..Module::empty(source, name.clone(), is_std) };
    let declarations: Vec<ast::Decl> = file.declarations().collect();
    let mut resolver = Resolver::new(program, report, source, module, is_std);
    resolver.broken = broken.into();
    // A file of another language lacks more than a cluster.
    let is_foreign = declarations.is_empty() && resolver.broken.is_anywhere_in(file);
    built.has_lost_cluster = resolver.refuse_values(file) || is_foreign || resolver.broken.may_have_cluster();
    for (name, module, span) in uses {
        resolver.bind(name, Binding::Module(module, span), span);
    }
    let built = resolver.read(&declarations, built);
    program.modules[module as usize] = built;
    types::cut_alias_cycles(program, report, module);
    types::refuse_hidden(program, report, module);
}

/// Reads a file of parameters into a module of the program that has nothing but values.
pub(crate) fn resolve_values(program: &mut Program, report: &mut Report, file: &ast::File, source: SourceId) {
    let module = u16::try_from(program.modules.len()).unwrap_or(u16::MAX);
    program.modules.push(Module::empty(source, std::rc::Rc::from(""), false));
    let mut resolver = Resolver::new(program, report, source, module, false);
    resolver.is_of_values = true;
    let mut values: Vec<(Name, ExprId)> = Vec::new();
    for field in file.values() {
        let (Some(key), Some(value)) = (field.key().and_then(|key| key.plain_text()), field.value()) else { continue };
        let name = resolver.program.names.intern(&key);
        let value = resolver.expr(&value);
        // One that stands twice was reported.
        if !values.iter().any(|(known, _)| *known == name) {
            values.push((name, value));
        }
    }
    let (exprs, spans) = (resolver.exprs, resolver.spans);
    let built = &mut program.modules[module as usize];
    (built.exprs, built.spans) = (exprs, spans);
    program.params_files.push(crate::hir::ParamsFile { module, values });
}

impl<'a> Resolver<'a> {
    /// One that has read nothing, for a file; `outer` makes it one for a component.
    fn new(program: &'a mut Program, report: &'a mut Report, source: SourceId, module: u16, is_std: bool) -> Self {
        Self {
            program,
            report,
            source,
            module,
            is_std,
            exprs: Vec::new(),
            spans: Vec::new(),
            kinds: Vec::new(),
            name_spans: Vec::new(),
            by_name: IndexMap::default(),
            asked: RefCell::default(),
            scope: Vec::new(),
            variables: IndexMap::default(),
            in_function: false,
            outer: None,
            is_of_values: false,
            depth: 0,
            broken: std::rc::Rc::default(),
            reported_to: 0,
        }
    }
}

impl Resolver<'_> {
    fn span(&self, span: TextSpan) -> Span {
        Span { source: self.source, start: span.start, end: span.end }
    }

    fn error(&mut self, code: Code, span: TextSpan, message: impl FnOnce() -> String) {
        let span = self.span(span);
        self.report.error(code, span, message);
    }

    /// Reads the declarations of a file or a component into its module.
    fn read(mut self, declarations: &[ast::Decl], mut built: Module) -> Module {
        let bound: Vec<Option<u32>> = declarations.iter().map(|declaration| self.declare(declaration)).collect();
        self.declare_metadata(declarations);
        let mut defs: Vec<Option<Def>> = (0..self.kinds.len()).map(|_| None).collect();
        for (declaration, index) in declarations.iter().zip(bound) {
            self.scope.clear();
            self.refuse_in_module(declaration);
            match index {
                Some(index) => {
                    let kind = self.definition(declaration);
                    let (name, name_span) = self.name_spans[index as usize];
                    if matches!(kind, DefKind::Output { .. }) {
                        built.outputs.push(index);
                    }
                    defs[index as usize] = Some(Def { name, name_span, kind });
                }
                None => self.other_declaration(declaration, &mut built),
            }
        }
        built.unused = self.unused();
        built.defs = defs.into_iter().flatten().collect();
        built.exprs = self.exprs;
        built.spans = self.spans;
        built.by_name = self.by_name;
        built.metadata = std::mem::take(&mut self.program.modules[self.module as usize].metadata);
        built
    }

    /// What is declared here and asked for by nothing in the file.
    fn unused(&self) -> Vec<Unused> {
        let asked = self.asked.borrow();
        let names = self.by_name.iter().enumerate().filter(|(at, _)| !asked.get(*at).copied().unwrap_or(false));
        let names = names.filter_map(|(_, (name, binding))| {
            let (kind, span) = match binding {
                Binding::Module(Some(_), span) => (UnusedKind::Module, *span),
                Binding::Module(None, _) => return None,
                Binding::Def(index) => {
                    let kind = match self.kinds[*index as usize] {
                        DeclKind::Param => UnusedKind::Declared("parameter"),
                        DeclKind::Let => UnusedKind::Declared("constant"),
                        DeclKind::Type => UnusedKind::Declared("type"),
                        DeclKind::Fn => UnusedKind::Declared("function"),
                        DeclKind::Component => UnusedKind::Declared("component"),
                        _ => return None,
                    };
                    (kind, self.name_spans[*index as usize].1)
                }
            };
            Some(Unused { name: *name, span, kind })
        });
        let variables = self.variables.iter().filter(|(_, (_, read))| !read);
        let variables =
            variables.map(|(span, (name, _))| Unused { name: *name, span: *span, kind: UnusedKind::Variable });
        names.chain(variables).collect()
    }

    /// Notes that something asks for a name of the top level.
    fn ask(asked: &RefCell<Vec<bool>>, index: usize) {
        let mut asked = asked.borrow_mut();
        if asked.len() <= index {
            asked.resize(index + 1, false);
        }
        asked[index] = true;
    }

    fn text_span(node: &impl AstNode) -> TextSpan {
        let range = node.syntax().text_range();
        TextSpan { start: range.start().into(), end: range.end().into() }
    }

    fn name_span(name: &ast::Name) -> TextSpan {
        let range = name.token().text_range();
        TextSpan { start: range.start().into(), end: range.end().into() }
    }

    fn push(&mut self, expr: Expr, span: TextSpan) -> ExprId {
        let id = ExprId(u32::try_from(self.exprs.len()).unwrap_or(u32::MAX));
        self.exprs.push(expr);
        self.spans.push(span);
        id
    }

    /// Gives a name of the top level its meaning; one that is taken is an error with both places.
    fn bind(&mut self, name: Name, binding: Binding, span: TextSpan) {
        if let Some(first) = self.by_name.get(&name).copied() {
            if matches!(binding, Binding::Module(None, _)) {
                // What could not be had may have been meant to be another.
                return;
            }
            let first_span = match first {
                Binding::Def(index) => self.name_spans[index as usize].1,
                Binding::Module(_, span) => span,
            };
            if let (Binding::Def(index), Binding::Def(_)) = (first, binding) {
                // Nobody knows which of them is meant where the name is used.
                self.kinds[index as usize] = DeclKind::Refused;
            }
            let (span, first_span) = (self.span(span), self.span(first_span));
            let text = self.program.names.text(name);
            self.report.push(|_| {
                Diagnostic::error(codes::DECLARED_TWICE, span, format!("`{text}` is declared twice"))
                    .with_label(first_span, format!("`{text}` is declared here first"))
                    .with_help("one file has one namespace, whatever the declaration: give one of them another name")
            });
            return;
        }
        self.by_name.insert(name, binding);
    }

    fn expr_or_error(&mut self, expr: Option<ast::Expr>, span: TextSpan) -> ExprId {
        match expr {
            Some(expr) => self.expr(&expr),
            None => self.push(Expr::Error, span),
        }
    }

    /// The value of an item, wrong where the item itself is.
    fn value_of(&mut self, value: Option<ast::Expr>, item: &impl AstNode) -> ExprId {
        if self.broken.touches(item) {
            return self.wrong(Self::text_span(item));
        }
        self.expr_or_error(value, Self::text_span(item))
    }

    fn ty(&mut self, ty: Option<ast::Type>) -> Ty {
        match ty {
            Some(ty) => self.read_type(&ty),
            None => Ty::Error,
        }
    }
}
