//! The modules of a program: the user's file, and what it uses, each read once and before whoever uses it.

use std::collections::BTreeMap;
use std::rc::Rc;

use kit_lang::ast::{self, UsePath};
use kit_lang::{Diagnostic, SourceId, Span};

use crate::codes;
use crate::hir::{Module, Program, TextSpan};
use crate::report::Report;
use crate::resolve::{Broken, Used, resolve};
use crate::sources::Sources;
use crate::warnings::allowances_in;

/// Modules of one program, those of the standard library aside. A large cluster has a dozen; this is where a mistake shows before the memory does.
pub const MAX_MODULES: usize = 256;

/// How far the reading of a module has come.
#[derive(Clone, Copy, PartialEq)]
enum Progress {
    Begun,
    Read,
}

/// A file whose uses are being read.
struct Open {
    module: u16,
    source: SourceId,
    file: ast::File,
    broken: Broken,
    uses: std::vec::IntoIter<ast::Use>,
    used: Vec<Used>,
}

/// Reads the file `root` and, by the links between the texts, all that it uses. The user's file is module 0, so that
/// what is its own is told at sight.
pub(crate) fn read(sources: &mut Sources, root: SourceId, report: &mut Report) -> Program {
    let mut program = Program::new();
    let mut known: BTreeMap<SourceId, (u16, Progress)> = BTreeMap::new();
    let mut open = vec![begin(&mut program, &mut known, sources, root, Rc::from(""), false, report)];
    // Bounded: each text is begun once, and each of its uses is looked at once.
    while let Some(mut at) = open.pop() {
        let Some(declaration) = at.uses.next() else {
            resolve(&mut program, report, &at.file, at.module, at.used, at.broken);
            known.insert(at.source, (at.module, Progress::Read));
            continue;
        };
        let Some((target, stem, is_std, span)) = target(sources, &declaration, at.source, report) else {
            open.push(at);
            continue;
        };
        let text_span = TextSpan { start: span.start, end: span.end };
        let name = declaration.alias().map(|alias| alias.text().to_owned()).or_else(|| {
            // What is no module has no name that could be wrong too.
            if target.is_none() { Some(stem.clone()) } else { name_of(&stem, span, report) }
        });
        let Some(name) = name else {
            open.push(at);
            continue;
        };
        let interned = program.names.intern(&name);
        match target.map(|target| (target, known.get(&target).copied())) {
            None => at.used.push((interned, None, text_span)),
            Some((_, Some((module, Progress::Read)))) => at.used.push((interned, Some(module), text_span)),
            Some((target, Some((_, Progress::Begun)))) => {
                cycle(sources, open.iter().chain([&at]).map(|open| open.source), target, span, report);
                at.used.push((interned, None, text_span));
            }
            Some((_, None))
                if !is_std && program.modules.iter().filter(|module| !module.is_std).count() > MAX_MODULES =>
            {
                report.error(codes::TOO_MUCH, span, || {
                    format!("this is one module more than the {MAX_MODULES} that a file may use, through others too")
                });
                at.used.push((interned, None, text_span));
            }
            Some((target, None)) => {
                let next = begin(&mut program, &mut known, sources, target, Rc::from(stem), is_std, report);
                at.used.push((interned, Some(next.module), text_span));
                open.push(at);
                open.push(next);
                continue;
            }
        }
        open.push(at);
    }
    program
}

fn begin(
    program: &mut Program,
    known: &mut BTreeMap<SourceId, (u16, Progress)>,
    sources: &mut Sources,
    source: SourceId,
    name: Rc<str>,
    is_std: bool,
    report: &mut Report,
) -> Open {
    let parsed = sources.take_parsed(source);
    let errors = parsed.diagnostics(source);
    let broken = Broken::new(&errors, &parsed.syntax());
    report.extend(errors);
    let module = u16::try_from(program.modules.len()).unwrap_or(u16::MAX);
    let mut empty = Module::empty(source, name, is_std);
    if let Some(text) = sources.get(source).filter(|_| !is_std) {
        empty.allowances = allowances_in(&text.text, &parsed);
    }
    program.modules.push(empty);
    known.insert(source, (module, Progress::Begun));
    let file = parsed.file();
    let uses: Vec<ast::Use> = file
        .declarations()
        .filter_map(|declaration| match declaration {
            ast::Decl::Use(declaration) => Some(declaration),
            _ => None,
        })
        .collect();
    Open { module, source, file, broken, uses: uses.into_iter(), used: Vec::new() }
}

/// Which text a `use` means, none if it cannot be had, which is reported; the name of that text's file; whether it is
/// of the standard library; and where the path stands.
fn target(
    sources: &mut Sources,
    declaration: &ast::Use,
    user: SourceId,
    report: &mut Report,
) -> Option<(Option<SourceId>, String, bool, Span)> {
    let path = declaration.path_text()?;
    let span = declaration.path_span(user)?;
    let last = path.rsplit('/').next().unwrap_or(&path);
    if let Some(UsePath::Location(_)) = declaration.path() {
        let stem = last.strip_suffix(".kit").unwrap_or(last).to_owned();
        let linked = sources.linked(user, &path);
        if linked.is_none() {
            report.push(|_| {
                Diagnostic::error(
                    codes::UNSUPPORTED,
                    span,
                    format!("the module \"{path}\" was not read: here are only the modules of the standard library"),
                )
                .with_help("check the file with `kitc check`, which reads what it uses")
            });
        }
        return Some((linked.flatten(), stem, false, span));
    }
    let Some(module) = kit_stdlib::module(&path) else {
        let known = || kit_stdlib::MODULES.iter().map(|module| module.path);
        let named = |last: &str| kit_stdlib::MODULES.iter().find(|module| module.name == last);
        let near = named(path.rsplit(['/', '.', ':']).next().unwrap_or(&path))
            .or_else(|| report.nearest(&path, known()).and_then(kit_stdlib::module));
        report.push(|suggester| {
            let meant = near.map(|module| format!("did you mean `{}`?", module.path));
            let is_file = path.starts_with(['.', '/']) || path.ends_with(".kit");
            let help = is_file
                .then(|| format!("a file is named in quotes: `use \"{path}\"`"))
                .or_else(|| suggester.did_you_mean(&path, known()))
                .or(meant)
                .unwrap_or_else(|| format!("the standard library has {}", crate::report::listed(known(), "and")));
            Diagnostic::error(codes::UNKNOWN_MODULE, span, format!("there is no module `{path}`")).with_help(help)
        });
        // By the name of the one that was meant, so that what uses it is not wrong a second time.
        return Some((None, near.map_or(last, |module| module.name).to_owned(), true, span));
    };
    Some((Some(sources.module(module)), module.name.to_owned(), true, span))
}

/// The stem of a file as a name, if it is one.
fn name_of(stem: &str, span: Span, report: &mut Report) -> Option<String> {
    let first = stem.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    if first && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Some(stem.to_owned());
    }
    report.push(|_| {
        Diagnostic::error(codes::MODULE_NAME, span, format!("`{stem}` is no name that a module can have"))
            .with_help("give it one behind the path: `use \"…\" as name`")
    });
    None
}

fn cycle(sources: &Sources, open: impl Iterator<Item = SourceId>, target: SourceId, span: Span, report: &mut Report) {
    let name = |source: SourceId| sources.get(source).map_or("", |source| source.name.as_str());
    let mut way: Vec<&str> = open.skip_while(|source| *source != target).map(name).collect();
    way.push(name(target));
    report.push(|_| {
        Diagnostic::error(
            codes::MODULE_CYCLE,
            span,
            format!("these modules use each other in a circle: {}", way.join(" -> ")),
        )
        .with_help("move what both need into a module of its own")
    });
}
