//! Metadata: trees of typed paths that are declared, and the paths that ask for them.

use kit_lang::Diagnostic;
use kit_lang::ast::{self, AstNode as _};

use super::Resolver;
use crate::codes;
use crate::hir::{Binding, Expr, ExprId, MetaEntry, MetaKind, MetaPath, TextSpan};
use crate::report::DiagnosticExt as _;

/// The sources whose schema the file of the cluster declares. All others have the one of the standard library.
pub(crate) const DECLARED_BY_FILES: [&str; 4] = ["env", "file", "http", "vars"];

impl Resolver<'_> {
    /// Reads what the file declares of metadata. First of all, as a file has no order.
    pub(super) fn declare_metadata(&mut self, declarations: &[ast::Decl]) {
        for declaration in declarations {
            let ast::Decl::Metadata(metadata) = declaration else { continue };
            // Reported as misplaced, in a component or a module.
            if self.outer.is_some() || (self.module != 0 && !self.is_std) {
                continue;
            }
            let Some(written) = metadata.name() else { continue };
            let span = Self::name_span(&written);
            if !self.is_std && !DECLARED_BY_FILES.contains(&written.text()) {
                self.not_declared_by_files(&written, span);
            }
            let name = self.program.names.intern(written.text());
            let entries = self.metadata_entries(metadata.entries());
            let known = &self.program.module(self.module).metadata;
            if let Some(first) = known.iter().find(|entry| entry.name == name) {
                self.metadata_twice(&written, first.span, "one declaration has all that the file reads of a source");
                continue;
            }
            let kind = MetaKind::Group(entries);
            let doc = metadata.doc();
            self.program.modules[self.module as usize].metadata.push(MetaEntry { name, span, doc, kind });
        }
    }

    fn not_declared_by_files(&mut self, written: &ast::Name, span: TextSpan) {
        let at = self.span(span);
        self.report.push(|suggester| {
            let text = written.text();
            let help = match kit_stdlib::MODULES.iter().find(|module| module.name == text) {
                Some(module) => format!("the standard library declares it: write `use {}`", module.path),
                None => suggester.did_you_mean(text, DECLARED_BY_FILES).unwrap_or_else(|| {
                    format!("a file declares what it reads of {}", crate::report::listed(DECLARED_BY_FILES, "and"))
                }),
            };
            Diagnostic::error(codes::STDLIB_ONLY, at, format!("a file declares no metadata of `{text}`"))
                .with_help(help)
        });
    }

    fn metadata_twice(&mut self, written: &ast::Name, first: TextSpan, help: &str) {
        let (at, first) = (self.span(Self::name_span(written)), self.span(first));
        self.report.push(|_| {
            Diagnostic::error(codes::DECLARED_TWICE, at, format!("the metadata `{written}` is declared twice"))
                .with_label(first, "it is declared here first")
                .with_help(help)
        });
    }

    fn metadata_entries(&mut self, entries: impl Iterator<Item = ast::MetadataEntry>) -> Vec<MetaEntry> {
        let mut all: Vec<MetaEntry> = Vec::new();
        for entry in entries {
            let Some(written) = entry.name() else { continue };
            let name = self.program.names.intern(written.text());
            let span = Self::name_span(&written);
            let kind = match entry.entries() {
                Some(inner) => MetaKind::Group(self.metadata_entries(inner)),
                None => {
                    let params = entry.is_lookup().then(|| self.fn_params(entry.params()));
                    let ty = self.ty(entry.ty());
                    MetaKind::Value { ambient: entry.is_ambient(), params, ty }
                }
            };
            if let Some(first) = all.iter().find(|known| known.name == name) {
                self.metadata_twice(&written, first.span, "give one of them another name");
                continue;
            }
            all.push(MetaEntry { name, span, doc: entry.doc(), kind });
        }
        all
    }

    /// `meta.aws.region`, `meta.aws.image("…")`, and fields of what they give.
    pub(super) fn metadata(&mut self, expr: &ast::Expr, args: Option<Vec<ExprId>>, span: TextSpan) -> Expr {
        let mut path: Vec<ast::Name> = Vec::new();
        let mut at = expr.clone();
        // Bounded by the depth of the tree.
        while let ast::Expr::Field(field) = &at {
            path.extend(field.field());
            let Some(base) = field.base() else { return Expr::Error };
            at = base;
        }
        path.reverse();
        let modules: Vec<u16> = self
            .by_name
            .values()
            .filter_map(|binding| match binding {
                Binding::Module(module, _) => *module,
                Binding::Def(_) => None,
            })
            .chain(self.outer.iter().flat_map(|outer| outer.modules()))
            .chain([self.outer.as_ref().map_or(self.module, |outer| outer.module)])
            .collect();
        let Some(first) = path.first() else { return Expr::Error };
        let names = &self.program.names;
        let root = names.find(first.text());
        let declared = modules.iter().find_map(|module| {
            let index = self.program.module(*module).metadata.iter().position(|entry| Some(entry.name) == root)?;
            Some((*module, index))
        });
        let Some((module, index)) = declared else {
            let at = self.span(Self::name_span(first));
            let program = &*self.program;
            self.report.push(|suggester| {
                let roots = || {
                    modules
                        .iter()
                        .flat_map(|module| &program.module(*module).metadata)
                        .map(|entry| names.text(entry.name))
                };
                let text = first.text();
                let help = match kit_stdlib::MODULES.iter().find(|module| module.name == text) {
                    Some(module) => Some(format!("write `use {}` at the top of the file", module.path)),
                    None if DECLARED_BY_FILES.contains(&text) => {
                        Some(format!("declare what the file reads of it: `metadata {text} {{ … }}`"))
                    }
                    None => suggester.did_you_mean(text, roots()).or_else(|| {
                        let known: Vec<&str> = roots().collect();
                        (!known.is_empty()).then(|| {
                            format!(
                                "the file and the modules that it uses know {}",
                                crate::report::listed(known.iter().copied(), "and")
                            )
                        })
                    }),
                };
                Diagnostic::error(codes::UNKNOWN_METADATA, at, format!("there is no metadata `meta.{text}`"))
                    .maybe_help(help)
            });
            return Expr::Error;
        };
        super::components::ask_module(&self.by_name, &self.asked, module);
        if let Some(outer) = &self.outer {
            outer.ask_module(module);
        }
        let mut indexes = vec![u32::try_from(index).unwrap_or(u32::MAX)];
        for (depth, written) in path.iter().enumerate().skip(1) {
            let here = MetaPath { module, indexes: indexes.clone() };
            let Some(MetaKind::Group(entries)) = self.program.meta_entry(&here).map(|entry| &entry.kind) else {
                // A leaf is reached, and what follows are fields of its value.
                return self.metadata_field(here, &path[depth..], args, span);
            };
            let wanted = names.find(written.text());
            let Some(found) = entries.iter().position(|entry| Some(entry.name) == wanted) else {
                let at = self.span(Self::name_span(written));
                let known: Vec<&str> = entries.iter().map(|entry| names.text(entry.name)).collect();
                let prefix = self.program.meta_name(&here);
                self.report.push(|suggester| {
                    let help = suggester.did_you_mean(written.text(), known.iter().copied()).unwrap_or_else(|| {
                        format!("meta.{prefix} has {}", crate::report::listed(known.iter().copied(), "and"))
                    });
                    Diagnostic::error(
                        codes::UNKNOWN_METADATA,
                        at,
                        format!("there is no metadata `meta.{prefix}.{written}`"),
                    )
                    .with_help(help)
                });
                return Expr::Error;
            };
            indexes.push(u32::try_from(found).unwrap_or(u32::MAX));
        }
        let path = MetaPath { module, indexes };
        match self.program.meta_entry(&path).map(|entry| &entry.kind) {
            Some(MetaKind::Value { .. }) => Expr::Meta(Box::new(path), args.map(Into::into)),
            _ => {
                let name = self.program.meta_name(&path);
                self.error(codes::UNKNOWN_METADATA, span, || {
                    format!("`meta.{name}` is a branch of the metadata; name a value below it")
                });
                Expr::Error
            }
        }
    }

    /// `meta.aws.image.name`: fields, or a method, of a value that was looked up.
    fn metadata_field(
        &mut self,
        path: MetaPath,
        rest: &[ast::Name],
        args: Option<Vec<ExprId>>,
        span: TextSpan,
    ) -> Expr {
        let mut base = self.push(Expr::Meta(Box::new(path), None), span);
        let Some((last, fields)) = rest.split_last() else { return Expr::Error };
        for written in fields {
            let name = self.program.names.intern(written.text());
            base = self.push(Expr::Field { base, name, name_start: Self::name_span(written).start }, span);
        }
        let name = self.program.names.intern(last.text());
        let name_start = Self::name_span(last).start;
        match args {
            Some(args) => Expr::CallMethod { base, name, name_start, args: args.into() },
            None => Expr::Field { base, name, name_start },
        }
    }
}
