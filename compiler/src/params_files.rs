//! Files of parameters in the language itself: lines `size = 6`, whose values are constants.

use std::collections::BTreeMap;

use kit_lang::ast::AstNode as _;
use kit_lang::{Diagnostic, SourceId, Span};

use crate::check::{Checker, Place};
use crate::codes;
use crate::hir::{DefKind, ExprId, Program};
use crate::inputs::{GivenBy, Inputs, ParamInput, ParamValue};
use crate::report::Report;
use crate::resolve::resolve_values;
use crate::sources::Sources;

impl Inputs {
    /// A file of parameters as the language writes them: `size = 6`, a line each. `private` says that nobody but its owner
    /// can read it, so that a secret may stand in it.
    ///
    /// # Errors
    /// With all that is wrong in it: what is no value, and what stands twice.
    pub fn params_in_kit(
        &mut self,
        sources: &mut Sources,
        source: SourceId,
        private: bool,
    ) -> Result<(), Vec<Diagnostic>> {
        let parsed = sources.parse(source);
        // What is wrong with its text may be a part of a secret, so it is named by its kind alone.
        let kind = |one: Diagnostic| {
            let title = one.code.info().map_or("this cannot be read", |info| info.title);
            Diagnostic::error(one.code, one.span, title)
        };
        let mut wrong: Vec<Diagnostic> = parsed.diagnostics(source).into_iter().map(kind).collect();
        let file = parsed.file();
        for declaration in file.declarations() {
            let whole = declaration.span(source);
            let text = sources.get(source).map_or("", |source| source.text.as_str());
            let word =
                text.get(whole.start as usize..).and_then(|text| text.split_whitespace().next()).unwrap_or_default();
            let span = Span { end: whole.start + u32::try_from(word.len()).unwrap_or(0), ..whole };
            wrong.push(
                Diagnostic::error(codes::IN_PARAMS_FILE, span, format!("a file of parameters has no `{word}`"))
                    .with_help(
                        "it has values alone, `name = value`; what they are for is declared in the file of the cluster",
                    ),
            );
        }
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for value in file.values() {
            // What has no plain name or no value was reported.
            let (Some(name), Some(_)) = (value.key().and_then(|key| key.plain_text()), value.value()) else { continue };
            let span = value.span(source);
            let name_span = Span { end: span.start + u32::try_from(name.len()).unwrap_or(0), ..span };
            if let Some(first) = seen.insert(name.clone(), name_span) {
                wrong.push(
                    Diagnostic::error(codes::FIELD_TWICE, name_span, format!("`{name}` is given twice"))
                        .with_label(first, "it is given here first"),
                );
                continue;
            }
            let value_span = value.value().map_or(span, |value| value.span(source));
            let input =
                ParamInput { value: ParamValue::Written, span: value_span, by: GivenBy::File { private }, parts: None };
            self.param(name, input);
        }
        if !self.files.contains(&source) {
            self.files.push(source);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// Reads the files of parameters into the program, before it is checked.
pub(crate) fn read(program: &mut Program, sources: &mut Sources, inputs: &Inputs, report: &mut Report) {
    for source in &inputs.files {
        let parsed = sources.parse(*source);
        let mut found = Report::default();
        resolve_values(program, &mut found, &parsed.file(), *source);
        let mut found = found.into_sorted();
        for (_, input) in
            inputs.params.iter().filter(|(name, input)| input.span.source == *source && program.may_be_secret(name))
        {
            let (within, others): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|one| input.span.start <= one.span.start && one.span.end <= input.span.end);
            found = others;
            found.extend(unsaid(within, input.span));
        }
        report.extend(found);
    }
}

/// What is found wrong with a secret, without its words: they may repeat what was given.
fn unsaid(found: Vec<Diagnostic>, span: Span) -> Vec<Diagnostic> {
    let first =
        found.first().map(|first| Diagnostic::error(first.code, span, "what is given for this secret does not fit"));
    first.into_iter().collect()
}

impl Program {
    /// Whether what is given under this name is a secret, or may be one whose name is misspelt.
    pub(crate) fn may_be_secret(&self, name: &str) -> bool {
        let found = self.module(0).defs.iter().find_map(|def| match &def.kind {
            DefKind::Param { ty, .. } if self.names.text(def.name) == name => Some(ty),
            _ => None,
        });
        found.is_none_or(|ty| self.holds_secret(ty))
    }

    /// The value that a file of parameters gives to one.
    pub(crate) fn value_in_params_file(&self, source: SourceId, name: &str) -> Option<(u16, ExprId)> {
        let file = self.params_files.iter().find(|file| self.module(file.module).source == source)?;
        let (_, value) = file.values.iter().find(|(known, _)| self.names.text(*known) == name)?;
        Some((file.module, *value))
    }
}

impl Checker<'_> {
    /// The values of files of parameters against the types of the parameters.
    pub(crate) fn params_files(&mut self) {
        let program = self.program;
        for file in &program.params_files {
            for (name, value) in &file.values {
                let param = program.module(0).defs.iter().find(|def| def.name == *name);
                match param.map(|param| &param.kind) {
                    Some(DefKind::Param { ty, .. }) => {
                        // What is given is no secret yet; it becomes one.
                        let given = program.before_it_is_secret(ty);
                        let outer = std::mem::take(self.report);
                        self.check(file.module, *value, &given, Place::Param(*name));
                        let found = std::mem::replace(self.report, outer).into_sorted();
                        let secret = program.holds_secret(ty);
                        let span = program.expr_span(file.module, *value);
                        self.report.extend(if secret { unsaid(found, span) } else { found });
                    }
                    // That there is no such parameter is said where it is given.
                    _ => drop(self.infer(file.module, *value)),
                }
            }
        }
    }
}
