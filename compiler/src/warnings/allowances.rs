//! Comments that allow a warning of one line, and say why: `# allow KIT6001: the team next door reads it`.

use std::rc::Rc;

use kit_lang::{Diagnostic, NodeOrToken, Parse, Span, SyntaxKind};

use super::WARNINGS;
use crate::codes;
use crate::hir::{Allowance, Program, TextSpan};
use crate::report::Report;

/// What each of them begins with, behind `#`.
const BEGINNING: &str = "allow KIT";

/// The allowances of a text. One without any costs a look through its bytes.
pub(crate) fn allowances_in(text: &str, parsed: &Parse) -> Vec<Allowance> {
    if !text.contains(BEGINNING) {
        return Vec::new();
    }
    let tokens = parsed.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let comments = tokens.filter(|token| token.kind() == SyntaxKind::COMMENT);
    comments.flat_map(|token| in_comment(text, token.text_range().start().into(), token.text())).collect()
}

/// The codes that a comment allows, each for itself.
fn in_comment(text: &str, start: u32, comment: &str) -> Vec<Allowance> {
    let rest = comment.trim_start_matches('#').trim_start();
    if !rest.starts_with(BEGINNING) {
        return Vec::new();
    }
    let (codes, reason) = rest.split_once(':').unwrap_or((rest, ""));
    let line = line_meant(text, start as usize);
    let mut all = Vec::new();
    for word in codes.split([' ', ',']).skip(1).filter(|word| !word.is_empty()) {
        if !word.starts_with("KIT") {
            break;
        }
        // The word is a part of the comment: their distance is its place.
        let at = start + offset(word.as_ptr() as usize - comment.as_ptr() as usize);
        let span = TextSpan { start: at, end: at + offset(word.len()) };
        let code = (Rc::from(word.trim_end()), span);
        all.push(Allowance { code, has_reason: !reason.trim().is_empty(), line });
    }
    all
}

/// The line that a comment is about: its own, or if it has that for itself, the next that is more than a comment.
fn line_meant(text: &str, comment: usize) -> TextSpan {
    let mut start = text[..comment].rfind('\n').map_or(0, |newline| newline + 1);
    loop {
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length + 1);
        let line = text[start..end].trim_start();
        if end == text.len() || !(line.is_empty() || line.starts_with('#')) {
            return TextSpan { start: offset(start), end: offset(end) };
        }
        start = end;
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Takes away the warnings that the file allows, and says by their numbers which allowances took none.
pub(crate) fn allow(program: &Program, report: &mut Report) -> Vec<(Span, Allowance)> {
    let files = program.modules.iter().filter(|module| !module.is_component);
    let all = files.flat_map(|module| {
        let source = module.source;
        let at = move |span: TextSpan| Span { source, start: span.start, end: span.end };
        module.allowances.iter().map(move |one| (at(one.code.1), one.clone()))
    });
    let mut all: Vec<(Span, Allowance, bool)> = all.map(|(span, one)| (span, one, false)).collect();
    if all.is_empty() {
        return Vec::new();
    }
    report.retain_warnings(|warning| {
        let mut allowed = false;
        for (span, one, used) in &mut all {
            let here = warning.span.source == span.source
                && (one.line.start..one.line.end.max(one.line.start + 1)).contains(&warning.span.start);
            if here && warning.code.as_str() == &*one.code.0 {
                (allowed, *used) = (true, true);
            }
        }
        !allowed
    });
    all.into_iter().filter(|(.., used)| !used).map(|(span, one, _)| (span, one)).collect()
}

/// Takes away what the file allows, and warns of allowances that are of no use.
pub(super) fn judge(program: &Program, report: &mut Report) {
    let idle = allow(program, report);
    for module in program.modules.iter().filter(|module| !module.is_component) {
        for one in module.allowances.iter().filter(|one| !one.has_reason) {
            let span = Span { source: module.source, start: one.code.1.start, end: one.code.1.end };
            report.push(|_| {
                Diagnostic::warning(codes::NO_REASON, span, format!("{} is allowed without a reason", one.code.0))
                    .with_help(format!("write it behind a colon: `# allow {}: …`", one.code.0))
            });
        }
    }
    for (span, one) in idle {
        let code = &*one.code.0;
        report.push(|suggester| {
            if WARNINGS.iter().any(|known| known.as_str() == code) {
                return Diagnostic::warning(codes::ALLOWS_NOTHING, span, format!("this line has no {code} to allow"))
                    .with_help("take the comment out; it stands behind the line that it is about, or above it");
            }
            let known = WARNINGS.iter().map(|known| known.as_str());
            let (message, help) = if codes::CODES.iter().chain(kit_lang::CODES).any(|info| info.code.as_str() == code) {
                (format!("{code} is no warning that could be allowed"), None)
            } else {
                (format!("there is no warning {code}"), suggester.did_you_mean(code, known.clone()))
            };
            let help = help.unwrap_or_else(|| format!("the warnings are {}", crate::report::listed(known, "and")));
            Diagnostic::warning(codes::NO_SUCH_WARNING, span, message).with_help(help)
        });
    }
}
