//! The variables of scripts: names that a shell has, and single values.

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{Expr, ExprId, Item};
use crate::report::DiagnosticExt as _;
use crate::types::{Ty, widen};

impl Checker<'_> {
    /// What stands in braces behind the `with` of a script.
    pub(super) fn script_variables(&mut self, module: u16, items: &[Item]) {
        let program = self.program;
        for item in items {
            match item {
                Item::Field { name, span, value } => {
                    self.script_variable(module, *value);
                    if let Some(diagnostic) = no_variable(program.names.text(*name), program.span(module, *span)) {
                        self.report.push(|_| diagnostic);
                        self.mark_wrong(module, *value);
                    }
                }
                Item::Entry { key, value } => {
                    self.check(module, *key, &Ty::Str, Place::Key);
                    self.script_variable(module, *value);
                    if let Expr::Str(text) = self.expr(module, *key)
                        && let Some(diagnostic) = no_variable(text, program.expr_span(module, *key))
                    {
                        self.report.push(|_| diagnostic);
                        self.mark_wrong(module, *key);
                    }
                }
                Item::For(repeated) => {
                    self.repeated(module, repeated, |checker| checker.script_variables(module, &repeated.items));
                }
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.script_variables(module, &conditional.items);
                    });
                }
                other => self.misplaced(module, other, "a variable of a script has a name: `NAME = value`"),
            }
        }
    }

    /// A value that a shell can hold in a variable.
    fn script_variable(&mut self, module: u16, value: ExprId) {
        let program = self.program;
        let ty = self.infer(module, value);
        let plain = match program.strip(&ty) {
            Ty::Secret(inner) => program.strip(inner),
            other => other,
        };
        if matches!(plain, Ty::Error) || program.is_scalar(plain) {
            return;
        }
        let shown = program.show(&widen(plain));
        let span = program.expr_span(module, value);
        self.mark_wrong(module, value);
        self.report.push(|_| {
            if matches!(plain, Ty::None | Ty::Opt(_)) {
                return Diagnostic::error(
                    codes::MAY_BE_NONE,
                    span,
                    "this may be `none`, and a variable of a script has a value",
                )
                .with_help("give it a value for that case: `… ?? \"\"`; or leave it out: `if x != none { NAME = x }`");
            }
            let help = match plain {
                Ty::List(element) if program.fits(element, &Ty::Str) => Some("join its elements: `.join(\" \")`"),
                Ty::List(_) => Some("make one text of it: `[for x in xs { \"${x}\" }].join(\" \")`"),
                Ty::Map(_) => Some("give each entry by itself: `for key, value in m { \"${key}\" = value }`"),
                Ty::Record(_) => Some("give each field by itself: `NAME = x.field`"),
                Ty::Script => Some("a script holds no other: write both into one"),
                Ty::Ref(_) | Ty::Desc(_) | Ty::Group(_) | Ty::Members(_) | Ty::Member(_) => {
                    Some("give a field of it: `NAME = net.id`")
                }
                _ => None,
            };
            Diagnostic::error(
                codes::SCRIPT_VALUE,
                span,
                format!("a variable of a script is a single value, and this is {}", with_article(&shown)),
            )
            .maybe_help(help.map(str::to_owned))
        });
    }
}

/// What to say of a name that cannot be a variable's.
pub(crate) fn no_variable(name: &str, span: kit_lang::Span) -> Option<Diagnostic> {
    if name.is_empty() {
        // It could not be read, which was reported.
        return None;
    }
    let why = kit_graph::why_no_variable(name)?;
    let shown = if name.len() > MAX_SHOWN_NAME { "this name".to_owned() } else { format!("{name:?}") };
    Some(
        Diagnostic::error(codes::SCRIPT_NAME, span, format!("{shown} cannot be a variable of a script: {why}"))
            .with_help("choose another name; what the shell itself needs, the script's text can set"),
    )
}

/// Bytes of a name that a message repeats.
const MAX_SHOWN_NAME: usize = 60;
