//! What a name stands for: of this file, of the one around it, of another module.

use kit_lang::Diagnostic;
use kit_lang::ast;

use super::{DeclKind, Found, Resolver, types};
use crate::codes;
use crate::hir::{Binding, DefKind, DefRef};
use crate::names::Name;
use crate::report::DiagnosticExt as _;

impl Resolver<'_> {
    /// A new variable; hiding another name is an error, and the new one counts from here on.
    pub(super) fn enter(&mut self, written: &ast::Name) {
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
    pub(super) fn find(&self, name: Name) -> Option<Found> {
        let Some((index, _, binding)) = self.by_name.get_full(&name) else {
            return self.outer.as_ref().and_then(|outer| outer.find(name));
        };
        Self::ask(&self.asked, index);
        Some(match binding {
            Binding::Def(index) => Found::Def(self.def_ref(*index), self.kinds[*index as usize]),
            Binding::Module(module, _) => Found::Module(*module),
        })
    }

    pub(super) fn def_ref(&self, index: u32) -> DefRef {
        DefRef { module: self.module, index }
    }

    /// A name of another module: `aws.reserved`.
    pub(super) fn find_in_module(&mut self, module: u16, written: &ast::Name) -> Option<(DefRef, DeclKind)> {
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

    /// The path of a definition, of this module too, which is not in the program yet.
    pub(super) fn program_path(&self, def: DefRef) -> String {
        if let Some(outer) = self.outer.as_ref().filter(|outer| outer.module == def.module) {
            self.program.names.text(outer.name_spans[def.index as usize].0).to_owned()
        } else if def.module == self.module {
            self.program.names.text(self.name_spans[def.index as usize].0).to_owned()
        } else {
            self.program.path_of(def)
        }
    }

    /// A type by its path: `aws.Machine` or `Port`.
    pub(super) fn type_path(&mut self, path: &ast::TypePath) -> Option<(DefRef, DeclKind)> {
        let name = path.name()?;
        match path.module() {
            Some(module) => self.type_in_module(&module, &name),
            None => self.type_here(&name),
        }
    }

    pub(super) fn type_in_module(&mut self, module: &ast::Name, name: &ast::Name) -> Option<(DefRef, DeclKind)> {
        let module = self.module_named(module)?;
        self.find_in_module(module, name)
    }

    /// The module that a name before a dot stands for.
    pub(super) fn module_named(&mut self, written: &ast::Name) -> Option<u16> {
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

    pub(super) fn undefined_module(&mut self, written: &ast::Name) {
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

    pub(super) fn type_here(&mut self, written: &ast::Name) -> Option<(DefRef, DeclKind)> {
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
}
