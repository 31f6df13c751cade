//! What is right and hardly meant. Said only of a file without errors, and not where the file itself allows it.

mod allowances;
mod conditions;
mod unused;

pub(crate) use allowances::allowances_in;

use kit_lang::{Code, Diagnostic, Span};

use crate::codes;
use crate::hir::Program;
use crate::report::Report;
use crate::sources::Sources;

/// The codes that warnings have: what a line may allow, and what may be denied.
const WARNINGS: [Code; 4] = [codes::UNUSED, codes::UNUSED_MODULE, codes::UNUSED_VARIABLE, codes::FIXED_CONDITION];

/// What a remote module is named by; it is another's, who has checked it.
const REMOTE: &str = "https://";

/// Finds the warnings of a program without errors.
pub(crate) fn find(program: &Program, sources: &Sources, report: &mut Report) {
    for (index, module) in program.modules.iter().enumerate() {
        let Some(source) = sources.get(module.source) else { continue };
        if module.is_std || source.name.starts_with(REMOTE) {
            continue;
        }
        let is_offered = module.source != program.module(0).source || program.module(0).is_for_others();
        unused::find(program, module, &source.text, !is_offered, report);
        conditions::find(program, u16::try_from(index).unwrap_or(u16::MAX), report);
    }
    allowances::judge(program, report);
}

fn warn(report: &mut Report, code: Code, span: Span, message: String, help: impl Into<String>) {
    report.push(|_| Diagnostic::warning(code, span, message).with_help(help));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::load;

    /// Whoever uses it is not told of what is unused in it; so it is looked at here.
    #[test]
    fn the_standard_library_has_no_warnings() {
        let uses: String = kit_stdlib::MODULES.iter().map(|module| format!("use {}\n", module.path)).collect();
        let mut sources = Sources::new();
        let root = sources.add("all.kit", uses);
        let mut report = Report::default();
        let (program, _) = load(&mut sources, root, &mut report);
        let mut report = Report::default();
        for (index, module) in program.modules.iter().enumerate().filter(|(_, module)| module.is_std) {
            let text = sources.get(module.source).map_or("", |source| source.text.as_str());
            unused::find(&program, module, text, false, &mut report);
            conditions::find(&program, u16::try_from(index).unwrap(), &mut report);
        }
        assert_eq!(report.into_sorted(), []);
        assert!(program.modules.len() > 4);
    }
}
