//! Declarations: their names first, so that others find them whatever the order, and then what they say.

use kit_lang::Diagnostic;
use kit_lang::ast;

use super::{DeclKind, Resolver};
use crate::codes;
use crate::hir::{Binding, Cluster, DefKind, FnParam, Item, Module, Refinement, TextSpan};
use crate::types::Ty;

impl Resolver<'_> {
    /// First pass: the name of a declaration, so that others find it whatever the order.
    pub(super) fn declare(&mut self, declaration: &ast::Decl) -> Option<u32> {
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
        if matches!(written.text(), "meta" | "it") && !self.broken.is_at(span.start) {
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
    pub(super) fn definition(&mut self, declaration: &ast::Decl) -> DefKind {
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
    pub(super) fn other_declaration(&mut self, declaration: &ast::Decl, module: &mut Module) {
        if self.outer.is_some() && !matches!(declaration, ast::Decl::Require(_) | ast::Decl::For(_) | ast::Decl::If(_))
        {
            // What cannot stand in a component was reported when its names were read.
            self.misplaced_in_component(declaration);
            return;
        }
        match declaration {
            ast::Decl::Cluster(cluster) => {
                let mut items = self.block(cluster.block());
                let name = self.program.names.intern("name");
                let is_named =
                    items.iter().any(|item| matches!(item, Item::Field { name: given, .. } if *given == name));
                if !is_named && self.broken.touches(cluster) {
                    // Its name stands before the braces.
                    let span = Self::text_span(cluster);
                    items.push(Item::Field { name, span, value: self.wrong(span) });
                }
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

    pub(super) fn refuse_outside_std(&mut self, what: &str, span: TextSpan) {
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
    /// Whether a field of the cluster is among them.
    pub(super) fn refuse_values(&mut self, file: &ast::File) -> bool {
        let mut of_cluster = false;
        for field in file.values() {
            let Some(key) = field.key().and_then(|key| key.plain_text()) else { continue };
            let start = Self::text_span(&field).start;
            let span = self.span(TextSpan { start, end: start + u32::try_from(key.len()).unwrap_or(0) });
            let is_of_cluster = matches!(key.as_str(), "name" | "provider" | "leader");
            of_cluster |= is_of_cluster;
            self.report.push(|_| {
                let help = if is_of_cluster {
                    format!("it is a field of the cluster: `cluster {{ {key} = … }}`")
                } else {
                    format!("write `let {key} = …`, or `param {key}: …`; values for parameters stand in a file of their own, which --params names")
                };
                Diagnostic::error(codes::VALUE_IN_FILE, span, format!("`{key} = …` declares nothing")).with_help(help)
            });
        }
        of_cluster
    }

    /// Using a module makes nothing and asks for nothing: what does stands in the file of the cluster.
    pub(super) fn refuse_in_module(&mut self, declaration: &ast::Decl) {
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

    pub(super) fn function(&mut self, function: &ast::Fn) -> DefKind {
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
        let body = match function.body().filter(|body| !self.broken.is_anywhere_in(body)) {
            Some(body) => self.expr(&body),
            None => self.wrong(Self::text_span(function)),
        };
        self.in_function = false;
        DefKind::Fn { params, ret, body }
    }

    pub(super) fn fn_params(&mut self, params: impl Iterator<Item = ast::FnParam>) -> Vec<FnParam> {
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
    pub(super) fn refinement(&mut self, refinement: &ast::Refinement) -> Refinement {
        let outer = std::mem::take(&mut self.scope);
        let it = self.program.names.intern("it");
        let span = Self::text_span(refinement);
        self.scope.push((it, span));
        let condition = self.expr_or_error(refinement.condition(), span);
        let message = refinement.message().map(|message| self.expr(&message));
        self.scope = outer;
        Refinement { module: self.module, condition, message, span }
    }

    pub(super) fn group(&mut self, group: &ast::Group) -> DefKind {
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
        let mut items = self.block(group.block());
        if self.broken.may_declare("member") {
            // A member stands outside of its group, perhaps of this one.
            items.push(self.lost(role_span));
        }
        DefKind::Group { role, items }
    }
}
