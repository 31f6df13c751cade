//! Names that are declared and asked for by nothing.

use kit_lang::{Diagnostic, Span};

use super::warn;
use crate::codes;
use crate::hir::{Module, Program, UnusedKind};
use crate::report::Report;

/// In the file of the cluster nobody else can ask for a name. In a module others can, but for those that begin with `_`.
pub(super) fn find(program: &Program, module: &Module, text: &str, is_root: bool, report: &mut Report) {
    for unused in &module.unused {
        let name = program.names.text(unused.name);
        let span = Span { source: module.source, start: unused.span.start, end: unused.span.end };
        match unused.kind {
            UnusedKind::Declared(what) => {
                if !is_root && !module.is_component && !name.starts_with('_') {
                    continue;
                }
                let help = match what {
                    "parameter" => "whoever gives it changes nothing: use it, or take it out",
                    _ => "use it, or take it out",
                };
                warn(report, codes::UNUSED, span, format!("nothing uses the {what} `{name}`"), help);
            }
            UnusedKind::Module => {
                let diagnostic =
                    Diagnostic::warning(codes::UNUSED_MODULE, span, format!("nothing of the module `{name}` is used"))
                        .with_help("take the line out");
                report.push(|_| match whole_line(text, span) {
                    Some(line) => diagnostic.with_fix(line, "", true),
                    None => diagnostic,
                });
            }
            // What begins with `_` says of itself that it is there for its place alone.
            UnusedKind::Variable if name.starts_with('_') => {}
            UnusedKind::Variable => {
                let help = format!("if it is only there to repeat or to be given, name it `_{name}`");
                warn(report, codes::UNUSED_VARIABLE, span, format!("nothing reads the variable `{name}`"), help);
            }
        }
    }
}

/// The line of a `use`, with its end, if there is nothing else on it.
fn whole_line(text: &str, path: Span) -> Option<Span> {
    let start = text.get(..path.start as usize)?.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text.get(start..)?.find('\n').map_or(text.len(), |length| start + length + 1);
    let line = text.get(start..end)?.trim();
    if !line.starts_with("use ") || line.contains('#') {
        return None;
    }
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Some(Span { start: offset(start), end: offset(end), ..path })
}
