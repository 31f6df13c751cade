//! From a file's syntax to its program: each name finds what it stands for.

mod blocks;
mod broken;
mod components;
mod expressions;
mod metadata;
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
use crate::hir::{
    Binding, Cluster, Def, DefKind, DefRef, Expr, ExprId, FnParam, Module, Program, Refinement, TextSpan, Unused,
    UnusedKind,
};
use crate::names::Name;
use crate::report::{DiagnosticExt as _, Report};
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
    let built = Module { allowances: std::mem::take(allowances), ..Module::empty(source, name.clone(), is_std) };
    let declarations: Vec<ast::Decl> = file.declarations().collect();
    let mut resolver = Resolver::new(program, report, source, module, is_std);
    resolver.broken = broken.into();
    resolver.refuse_values(file);
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
            let first_span = match first {
                Binding::Def(index) => self.name_spans[index as usize].1,
                Binding::Module(_, span) => span,
            };
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

    /// First pass: the name of a declaration, so that others find it whatever the order.
    fn declare(&mut self, declaration: &ast::Decl) -> Option<u32> {
        let kind = match declaration {
            ast::Decl::Param(_) => DeclKind::Param,
            ast::Decl::Let(_) => DeclKind::Let,
            ast::Decl::Type(_) => DeclKind::Type,
            ast::Decl::Fn(_) => DeclKind::Fn,
            ast::Decl::Resource(_) => DeclKind::Resource,
            ast::Decl::Group(_) => DeclKind::Group,
            ast::Decl::ExternResource(_) => DeclKind::ExternResource,
            ast::Decl::ExternRole(_) => DeclKind::ExternRole,
            ast::Decl::Component(_) => DeclKind::Component,
            ast::Decl::Output(_) => DeclKind::Output,
            ast::Decl::Use(_)
            | ast::Decl::Cluster(_)
            | ast::Decl::Require(_)
            | ast::Decl::For(_)
            | ast::Decl::If(_)
            | ast::Decl::Test(_)
            | ast::Decl::Metadata(_) => return None,
        };
        let written = declaration.name()?;
        let span = Self::name_span(&written);
        let name = self.program.names.intern(written.text());
        if matches!(written.text(), "meta" | "it") {
            self.error(codes::DECLARED_TWICE, span, || {
                format!("`{}` has a meaning of its own in each file and cannot be declared", written.text())
            });
        }
        if self.misplaced_in_component(declaration) {
            return None;
        }
        let index = u32::try_from(self.kinds.len()).ok()?;
        if kind == DeclKind::Output {
            return self.declare_output(name, span, index);
        }
        self.kinds.push(kind);
        self.name_spans.push((name, span));
        self.refuse_hiding(name, span);
        self.bind(name, Binding::Def(index), span);
        Some(index)
    }

    /// Second pass: what a name stands for.
    fn definition(&mut self, declaration: &ast::Decl) -> DefKind {
        match declaration {
            ast::Decl::Param(param) => {
                if self.broken.touches(param) {
                    let default = Some(self.wrong(Self::text_span(param)));
                    return DefKind::Param { ty: Ty::Error, default, refinement: None };
                }
                let ty = self.ty(param.ty());
                let default = param.default().map(|value| self.expr(&value));
                let refinement = param.refinement().map(|refinement| self.refinement(&refinement));
                DefKind::Param { ty, default, refinement }
            }
            ast::Decl::Let(declaration) => {
                let ty = declaration.ty().filter(|_| !self.broken.touches(declaration)).map(|ty| self.ty(Some(ty)));
                let value = self.value_of(declaration.value(), declaration);
                DefKind::Let { ty, value }
            }
            ast::Decl::Type(declaration) => {
                if self.broken.touches(declaration) {
                    return DefKind::Type { ty: Ty::Error, refinement: None };
                }
                let ty = self.ty(declaration.ty());
                let refinement = declaration.refinement().map(|refinement| self.refinement(&refinement));
                DefKind::Type { ty, refinement }
            }
            ast::Decl::Fn(function) => self.function(function),
            ast::Decl::Resource(resource) => {
                let value = self.value_of(resource.value(), resource);
                DefKind::Resource { value }
            }
            ast::Decl::Group(group) => self.group(group),
            ast::Decl::ExternResource(declaration) => {
                self.refuse_outside_std("extern resource", Self::text_span(declaration));
                let (schema, requires) = self.extern_body(declaration.items(), false);
                DefKind::ExternResource { schema, requires }
            }
            ast::Decl::ExternRole(declaration) => {
                self.refuse_outside_std("extern role", Self::text_span(declaration));
                let (schema, requires) = self.extern_body(declaration.items(), true);
                DefKind::ExternRole { schema, requires }
            }
            ast::Decl::Component(component) => self.component(component),
            ast::Decl::Output(output) => {
                let ty = output.ty().filter(|_| !self.broken.touches(output)).map(|ty| self.ty(Some(ty)));
                let value = self.value_of(output.value(), output);
                DefKind::Output { ty, value }
            }
            ast::Decl::Use(_)
            | ast::Decl::Cluster(_)
            | ast::Decl::Metadata(_)
            | ast::Decl::Require(_)
            | ast::Decl::For(_)
            | ast::Decl::If(_)
            | ast::Decl::Test(_) => DefKind::Refused,
        }
    }

    /// Second pass: declarations without a name in the namespace.
    fn other_declaration(&mut self, declaration: &ast::Decl, module: &mut Module) {
        if self.outer.is_some() && !matches!(declaration, ast::Decl::Require(_) | ast::Decl::For(_) | ast::Decl::If(_))
        {
            // What cannot stand in a component was reported when its names were read.
            self.misplaced_in_component(declaration);
            return;
        }
        match declaration {
            ast::Decl::Cluster(cluster) => {
                let items = self.block(cluster.block());
                module.clusters.push(Cluster { span: Self::text_span(cluster), items });
            }
            ast::Decl::For(repeated) => {
                let item = self.for_block(repeated);
                module.requires.push(item);
            }
            ast::Decl::If(conditional) => {
                let item = self.if_block(conditional);
                module.requires.push(item);
            }
            ast::Decl::Require(require) => {
                let item = self.require(require);
                module.requires.push(item);
            }
            ast::Decl::Test(test) => {
                if let Some(test) = self.test(test, &module.tests) {
                    module.tests.push(test);
                }
            }
            // Metadata was read before all else. A declaration whose name is missing, which the parser has reported; or
            // `use`, read already.
            _ => {}
        }
    }

    fn refuse_outside_std(&mut self, what: &str, span: TextSpan) {
        if self.is_std {
            return;
        }
        let span = self.span(TextSpan { start: span.start, end: span.start + u32::try_from(what.len()).unwrap_or(0) });
        self.report.push(|_| {
            Diagnostic::error(codes::STDLIB_ONLY, span, format!("`{what}` belongs to the standard library only"))
                .with_help(
                    "what a provider or a role is, `kitc` has to know too: use one of the modules that come with it",
                )
        });
    }

    /// A value at the top level of a file that is no file of parameters.
    fn refuse_values(&mut self, file: &ast::File) {
        for field in file.values() {
            let Some(key) = field.key().and_then(|key| key.plain_text()) else { continue };
            let start = Self::text_span(&field).start;
            let span = self.span(TextSpan { start, end: start + u32::try_from(key.len()).unwrap_or(0) });
            self.report.push(|_| {
                Diagnostic::error(codes::VALUE_IN_FILE, span, format!("`{key} = …` declares nothing"))
                    .with_help(format!("write `let {key} = …`, or `param {key}: …`; values for parameters stand in a file of their own, which --params names"))
            });
        }
    }

    /// Using a module makes nothing and asks for nothing: what does stands in the file of the cluster.
    fn refuse_in_module(&mut self, declaration: &ast::Decl) {
        let (what, instead) = match declaration {
            ast::Decl::Param(_) => ("param", "give the value where it is needed, as the argument of a function"),
            ast::Decl::Cluster(_) => ("cluster", "it stands in the file that uses the others"),
            ast::Decl::Output(_) => ("output", "a `let` can be read by whoever uses the module"),
            ast::Decl::Metadata(_) => {
                ("metadata", "declare it in the file of the cluster, and give what it says as an argument")
            }
            ast::Decl::Resource(_) => {
                ("resource", "offer a description with `let`, and declare the resource in the file that uses it")
            }
            ast::Decl::Group(_) => {
                ("group", "offer a machine with `let`, and declare the group in the file that uses it")
            }
            _ => return,
        };
        if self.module == 0 || self.outer.is_some() || self.is_std {
            return;
        }
        let start = Self::text_span(declaration).start;
        let span = self.span(TextSpan { start, end: start + u32::try_from(what.len()).unwrap_or(0) });
        self.report.push(|_| {
            Diagnostic::error(codes::IN_MODULE, span, format!("a module that is used has no `{what}`"))
                .with_help(instead)
        });
    }

    fn function(&mut self, function: &ast::Fn) -> DefKind {
        if self.broken.touches(function) {
            return DefKind::Refused;
        }
        let params = self.fn_params(function.params());
        for param in function.params() {
            if let Some(name) = param.name() {
                self.enter(&name);
            }
        }
        let ret = function.result().map(|ty| self.ty(Some(ty)));
        self.in_function = true;
        let body = self.expr_or_error(function.body(), Self::text_span(function));
        self.in_function = false;
        DefKind::Fn { params, ret, body }
    }

    fn fn_params(&mut self, params: impl Iterator<Item = ast::FnParam>) -> Vec<FnParam> {
        let mut all = Vec::new();
        for param in params {
            let Some(name) = param.name() else { continue };
            let ty = self.ty(param.ty());
            let default = param.default().map(|value| self.expr(&value));
            all.push(FnParam { name: self.program.names.intern(name.text()), ty, default });
        }
        all
    }

    /// `where it … else "…"`: `it` is the only variable.
    fn refinement(&mut self, refinement: &ast::Refinement) -> Refinement {
        let outer = std::mem::take(&mut self.scope);
        let it = self.program.names.intern("it");
        let span = Self::text_span(refinement);
        self.scope.push((it, span));
        let condition = self.expr_or_error(refinement.condition(), span);
        let message = refinement.message().map(|message| self.expr(&message));
        self.scope = outer;
        Refinement { module: self.module, condition, message, span }
    }

    /// A new variable; hiding another name is an error, and the new one counts from here on.
    fn enter(&mut self, written: &ast::Name) {
        let name = self.program.names.intern(written.text());
        let span = Self::name_span(written);
        let hidden = match self.scope.iter().find(|(known, _)| *known == name) {
            Some((_, span)) => Some(*span),
            None => match self.by_name.get(&name) {
                Some(Binding::Def(index)) => Some(self.name_spans[*index as usize].1),
                Some(Binding::Module(_, span)) => Some(*span),
                None => self.outer.as_ref().and_then(|outer| outer.visible_span(name)),
            },
        };
        if let Some(hidden) = hidden {
            let (at, hidden) = (self.span(span), self.span(hidden));
            self.report.push(|_| {
                Diagnostic::error(codes::SHADOWED, at, format!("`{written}` hides another `{written}`"))
                    .with_label(hidden, "which is declared here")
                    .with_help("give the variable a name of its own")
            });
        }
        self.scope.push((name, span));
        self.variables.insert(span, (name, false));
    }

    /// What a name of the top level stands for; who asks uses it.
    fn find(&self, name: Name) -> Option<Found> {
        let Some((index, _, binding)) = self.by_name.get_full(&name) else {
            return self.outer.as_ref().and_then(|outer| outer.find(name));
        };
        Self::ask(&self.asked, index);
        Some(match binding {
            Binding::Def(index) => Found::Def(self.def_ref(*index), self.kinds[*index as usize]),
            Binding::Module(module, _) => Found::Module(*module),
        })
    }

    fn def_ref(&self, index: u32) -> DefRef {
        DefRef { module: self.module, index }
    }

    /// A name of another module: `aws.reserved`.
    fn find_in_module(&mut self, module: u16, written: &ast::Name) -> Option<(DefRef, DeclKind)> {
        let target = self.program.module(module);
        let text = written.text();
        let found = self.program.names.find(text).and_then(|name| target.by_name.get(&name).copied());
        if let Some(Binding::Def(index)) = found
            && !text.starts_with('_')
        {
            let def = DefRef { module, index };
            let kind = match &self.program.def(def).kind {
                DefKind::Param { .. } => DeclKind::Param,
                DefKind::Let { .. } => DeclKind::Let,
                DefKind::Type { .. } => DeclKind::Type,
                DefKind::Fn { .. } => DeclKind::Fn,
                DefKind::Resource { .. } => DeclKind::Resource,
                DefKind::Group { .. } => DeclKind::Group,
                DefKind::ExternResource { .. } => DeclKind::ExternResource,
                DefKind::ExternRole { .. } => DeclKind::ExternRole,
                DefKind::Component { .. } => DeclKind::Component,
                DefKind::Output { .. } => DeclKind::Output,
                DefKind::Refused => DeclKind::Refused,
            };
            return Some((def, kind));
        }
        let span = self.span(Self::name_span(written));
        let names = &self.program.names;
        self.report.push(|suggester| {
            let offered: Vec<&str> = target
                .by_name
                .iter()
                .filter(|(_, binding)| matches!(binding, Binding::Def(_)))
                .map(|(name, _)| names.text(*name))
                .filter(|name| !name.starts_with('_'))
                .collect();
            let message = if found.is_some() && text.starts_with('_') {
                format!("`{text}` is private to the module `{}`", target.name)
            } else {
                format!("the module `{}` has no `{text}`", target.name)
            };
            let help = suggester
                .did_you_mean(text, offered.iter().copied())
                .unwrap_or_else(|| format!("it offers {}", crate::report::listed(offered.iter().copied(), "and")));
            Diagnostic::error(codes::NOT_IN_MODULE, span, message).maybe_help(Some(help))
        });
        None
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

    fn group(&mut self, group: &ast::Group) -> DefKind {
        let role = group.role();
        let role_span = role.as_ref().map_or_else(|| Self::text_span(group), Self::text_span);
        let role = role.and_then(|path| self.type_path(&path)).and_then(|(def, kind)| match kind {
            DeclKind::ExternRole => Some(def),
            DeclKind::Refused => None,
            _ => {
                let path = self.program_path(def);
                let at = self.span(role_span);
                self.report.push(|_| {
                    Diagnostic::error(codes::WRONG_PLACE, at, format!("`{path}` is no role"))
                        .with_help("a group has a role, such as swarm.Manager, swarm.Worker or plain.Node")
                });
                None
            }
        });
        let items = self.block(group.block());
        DefKind::Group { role, items }
    }

    /// The path of a definition, of this module too, which is not in the program yet.
    fn program_path(&self, def: DefRef) -> String {
        if let Some(outer) = self.outer.as_ref().filter(|outer| outer.module == def.module) {
            self.program.names.text(outer.name_spans[def.index as usize].0).to_owned()
        } else if def.module == self.module {
            self.program.names.text(self.name_spans[def.index as usize].0).to_owned()
        } else {
            self.program.path_of(def)
        }
    }

    /// A type by its path: `aws.Machine` or `Port`.
    fn type_path(&mut self, path: &ast::TypePath) -> Option<(DefRef, DeclKind)> {
        let name = path.name()?;
        match path.module() {
            Some(module) => self.type_in_module(&module, &name),
            None => self.type_here(&name),
        }
    }

    fn type_in_module(&mut self, module: &ast::Name, name: &ast::Name) -> Option<(DefRef, DeclKind)> {
        let module = self.module_named(module)?;
        self.find_in_module(module, name)
    }

    /// The module that a name before a dot stands for.
    fn module_named(&mut self, written: &ast::Name) -> Option<u16> {
        let name = self.program.names.intern(written.text());
        match self.find(name) {
            Some(Found::Module(module)) => module,
            Some(Found::Def(_, kind)) => {
                if kind != DeclKind::Refused {
                    self.error(codes::WRONG_PLACE, Self::name_span(written), || format!("`{written}` is no module"));
                }
                None
            }
            None => {
                self.undefined_module(written);
                None
            }
        }
    }

    fn undefined_module(&mut self, written: &ast::Name) {
        if self.broken.may_declare(written.text()) {
            return;
        }
        let span = self.span(Self::name_span(written));
        let names = &self.program.names;
        let by_name = &self.by_name;
        self.report.push(|suggester| {
            let text = written.text();
            let used = by_name
                .iter()
                .filter(|(_, binding)| matches!(binding, Binding::Module(..)))
                .map(|(name, _)| names.text(*name));
            let help = match kit_stdlib::MODULES.iter().find(|module| module.name == text) {
                Some(module) => Some(format!("write `use {}` at the top of the file", module.path)),
                None => suggester.did_you_mean(text, used),
            };
            Diagnostic::error(codes::UNDEFINED, span, format!("no module `{text}` is used in this file"))
                .maybe_help(help)
        });
        // One `use` is missing, however often the module is named.
        let name = self.program.names.intern(written.text());
        self.by_name.insert(name, Binding::Module(None, Self::name_span(written)));
    }

    fn type_here(&mut self, written: &ast::Name) -> Option<(DefRef, DeclKind)> {
        let name = self.program.names.intern(written.text());
        if let Some(Found::Def(def, kind)) = self.find(name) {
            return Some((def, kind));
        }
        if self.broken.may_declare(written.text()) {
            return None;
        }
        let span = self.span(Self::name_span(written));
        let (program, by_name, kinds) = (&*self.program, &self.by_name, &self.kinds);
        self.report.push(|suggester| {
            let text = written.text();
            // The type may be one of a module that is used, or that could be.
            let offering = by_name.iter().find_map(|(module_name, binding)| match binding {
                Binding::Module(Some(module), _) if program.module(*module).by_name.contains_key(&name) => {
                    Some(program.names.text(*module_name))
                }
                _ => None,
            });
            let help = offering.map(|module| format!("did you mean `{module}.{text}`?")).or_else(|| {
                let types = by_name.iter().filter_map(|(name, binding)| match binding {
                    Binding::Def(index) if matches!(kinds[*index as usize], DeclKind::Type | DeclKind::Component) => {
                        Some(program.names.text(*name))
                    }
                    _ => None,
                });
                suggester.did_you_mean(text, types)
            });
            let help = help.or_else(|| types::meant(text).map(|known| format!("did you mean `{known}`?")));
            Diagnostic::error(codes::UNDEFINED, span, format!("there is no type `{text}`")).maybe_help(help)
        });
        None
    }

    fn ty(&mut self, ty: Option<ast::Type>) -> Ty {
        match ty {
            Some(ty) => self.read_type(&ty),
            None => Ty::Error,
        }
    }
}
