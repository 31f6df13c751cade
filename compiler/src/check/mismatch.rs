//! What to say of a value that is not of the type that is wanted.

use kit_lang::{Diagnostic, Span};

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{DefRef, Expr, ExprId, Program, TextSpan};
use crate::names::Name;
use crate::report::{DiagnosticExt as _, listed};
use crate::types::{FieldTy, Lit, Ty, general, widen};

impl Place {
    /// `` `ip` `` and the like, as the subject of a sentence.
    pub(crate) fn subject(self, program: &Program) -> String {
        match self {
            Place::Field(name) | Place::Let(name) | Place::Output(name) => format!("`{}`", program.names.text(name)),
            Place::Param(name) => format!("the parameter `{}`", program.names.text(name)),
            Place::Argument(name) => format!("the argument of `{}`", program.names.text(name)),
            Place::Element => "an element of this list".to_owned(),
            Place::Entry => "an entry of this map".to_owned(),
            Place::Condition => "a condition".to_owned(),
            Place::Message => "a message".to_owned(),
            Place::Key => "what stands in brackets".to_owned(),
            Place::Result => "the result".to_owned(),
            Place::Operand => "this operand".to_owned(),
        }
    }
}

impl Checker<'_> {
    pub(crate) fn name_span(&self, module: u16, name: Name, start: u32) -> Span {
        let length = u32::try_from(self.program.names.text(name).len()).unwrap_or(0);
        self.program.span(module, TextSpan { start, end: start.saturating_add(length) })
    }

    pub(crate) fn mismatch(&mut self, module: u16, expr: ExprId, wanted: &Ty, found: &Ty, place: Place) {
        self.mark_wrong(module, expr);
        if let Some(diagnostic) = self.secret_mismatch(module, expr, wanted, found, place) {
            self.report.push(|_| diagnostic);
            return;
        }
        let program = self.program;
        let span = program.expr_span(module, expr);
        let literal = self.expr(module, expr);
        let subject = place.subject(program);
        let stripped = program.strip(wanted);
        let plain = match stripped {
            Ty::Opt(inner) => program.strip(inner),
            other => other,
        };
        let found = program.strip(found);
        let wanted_shown = program.show(&widen(plain));
        let found_shown = program.show(&general(found));
        self.report.push(|suggester| match (plain, found) {
            (_, Ty::None) => Diagnostic::error(
                codes::MAY_BE_NONE,
                span,
                format!("{subject} needs {}; it cannot be `none`", with_article(&wanted_shown)),
            ),
            (_, Ty::Opt(inner)) if program.fits(inner, wanted) => Diagnostic::error(
                codes::MAY_BE_NONE,
                span,
                format!("{subject} needs {}, and this may be `none`", with_article(&wanted_shown)),
            )
            .with_help("give it a value for that case: `… ?? value`"),
            (Ty::Ref(def), Ty::Desc(found)) if def == found => {
                let name = program.path_of(*def);
                let owner = described_by(program, module, literal);
                Diagnostic::error(
                    codes::DESCRIPTION_OR_THING,
                    span,
                    format!("{subject} refers to a declared {name}, and this is only a description of one"),
                )
                .maybe_label(owner)
                .with_help(format!("declare it with `resource name = {name} {{ … }}` and write that name here"))
            }
            (Ty::Desc(def), Ty::Ref(found)) if def == found => {
                let name = program.path_of(*def);
                let declared = described_by(program, module, literal);
                Diagnostic::error(
                    codes::DESCRIPTION_OR_THING,
                    span,
                    format!("{subject} owns its {name}, and this is one that is declared on its own"),
                )
                .maybe_label(declared)
                .with_help("write the description itself here, `{ … }`; what stands here is made for this place alone")
            }
            (Ty::Lit(_) | Ty::Union(_), Ty::Lit(value)) if only_literals(program, plain) => {
                let allowed = literal_texts(program, plain);
                let text = lit_text(value);
                let help = suggester
                    .did_you_mean_text(&text, allowed.iter().map(String::as_str))
                    .unwrap_or_else(|| format!("it is one of {}", listed(allowed.iter().map(String::as_str), "or")));
                Diagnostic::error(codes::NOT_ALLOWED, span, format!("{subject} cannot be {}", program.show(found)))
                    .with_help(help)
            }
            _ => {
                let help = literal_hint(literal, plain).or_else(|| thing_hint(program, module, literal, plain));
                let unquoted = help.as_deref().and_then(|help| help.strip_prefix(UNQUOTED)).map(str::to_owned);
                let diagnostic = Diagnostic::error(
                    codes::MISMATCH,
                    span,
                    format!(
                        "{subject} needs {}, and this is {}",
                        with_article(&wanted_shown),
                        with_article(&found_shown)
                    ),
                )
                .maybe_help(help);
                match unquoted {
                    Some(value) => diagnostic.with_fix(span, value, true),
                    None => diagnostic,
                }
            }
        });
    }

    /// A field that a record or an attribute list does not have.
    pub(super) fn no_field(&mut self, module: u16, name: Name, name_start: u32, owner: &str, known: &[Name]) {
        let program = self.program;
        let span = self.name_span(module, name, name_start);
        let text = program.names.text(name);
        self.report.push(|suggester| {
            let names = || known.iter().map(|name| program.names.text(*name));
            let help =
                suggester.did_you_mean(text, names()).unwrap_or_else(|| format!("it has {}", listed(names(), "and")));
            Diagnostic::error(codes::UNKNOWN_FIELD, span, format!("{owner} has no field `{text}`")).with_help(help)
        });
    }

    /// A field that a type of resource does not have.
    pub(super) fn no_schema_field(&mut self, module: u16, name: Name, name_start: u32, def: DefRef) {
        let known: Vec<Name> = self.program.schema(def).fields.iter().map(|field| field.name).collect();
        let owner = with_article(&self.program.path_of(def));
        self.no_field(module, name, name_start, &owner, &known);
    }

    pub(super) fn live_of_description(
        &mut self,
        module: u16,
        base: ExprId,
        field: &FieldTy,
        def: DefRef,
        name_start: u32,
    ) {
        let program = self.program;
        let span = self.name_span(module, field.name, name_start);
        let name = program.names.text(field.name);
        let kind = program.path_of(def);
        let owner = described_by(program, module, self.expr(module, base));
        self.report.push(|_| {
            Diagnostic::error(
                codes::LIVE_OF_DESCRIPTION,
                span,
                format!("`{name}` is a live field: only a {kind} that exists has one, and this is a mere description"),
            )
            .maybe_label(owner)
            .with_help(
                "declare the thing with `resource`, or read the field of a group's member: `managers.m1.machine`",
            )
        });
    }
}

/// Where the definition that an expression names is declared.
fn described_by(program: &Program, module: u16, expr: &Expr) -> Option<(Span, String)> {
    let def = match expr {
        Expr::Def(def) => *def,
        Expr::Field { base, .. } => match program.expr(module, *base) {
            Expr::Def(def) => *def,
            _ => return None,
        },
        _ => return None,
    };
    Some((program.def_span(def), format!("`{}` is declared here", program.path_of(def))))
}

fn only_literals(program: &Program, ty: &Ty) -> bool {
    match program.strip(ty) {
        Ty::Lit(_) => true,
        Ty::Union(alternatives) => alternatives.iter().all(|one| only_literals(program, one)),
        _ => false,
    }
}

/// The texts of the literals that a type allows, without quotes.
pub(crate) fn literal_texts(program: &Program, ty: &Ty) -> Vec<String> {
    match program.strip(ty) {
        Ty::Lit(lit) => vec![lit_text(lit)],
        Ty::Union(alternatives) => alternatives.iter().flat_map(|one| literal_texts(program, one)).collect(),
        _ => Vec::new(),
    }
}

fn lit_text(lit: &Lit) -> String {
    match lit {
        Lit::Str(text) => text.to_string(),
        Lit::Int(number) => number.to_string(),
    }
}

/// What is said of a value that is quoted and should not be.
const UNQUOTED: &str = "write it without quotes: ";

/// How what is wanted of a thing or a description is written, where something near it stands.
fn thing_hint(program: &Program, module: u16, given: &Expr, wanted: &Ty) -> Option<String> {
    match (given, wanted) {
        (Expr::Str(text), Ty::Ref(_) | Ty::Desc(_) | Ty::Group(_)) => {
            let named = program.names.find(text).and_then(|name| program.module(module).by_name.get(&name));
            named.map(|_| format!("write the name without quotes: {text}"))
        }
        (Expr::Field { base, .. }, Ty::Ref(_)) => match program.expr(module, *base) {
            Expr::Def(def) if matches!(program.def(*def).kind, crate::hir::DefKind::Resource { .. }) => {
                Some(format!("a reference is the name alone: {}", program.path_of(*def)))
            }
            _ => None,
        },
        (Expr::Bytes(_), Ty::Desc(def)) => {
            let field = program.schema(*def).fields.iter().find(|field| matches!(field.ty, Ty::Bytes))?;
            Some(format!("write its fields in braces: {{ {} = … }}", program.names.text(field.name)))
        }
        _ => None,
    }
}

/// How a literal would have to be written to be what is wanted.
fn literal_hint(literal: &Expr, wanted: &Ty) -> Option<String> {
    if let Ty::Union(alternatives) = wanted {
        return alternatives.iter().find_map(|one| literal_hint(literal, one));
    }
    Some(match (literal, wanted) {
        (Expr::Str(_) | Expr::Interpolation(_), Ty::Script) => {
            "write it as a script: sh\"\"\"…\"\"\"; values enter it as variables, by `with { NAME = … }`".to_owned()
        }
        (Expr::Str(text), Ty::Int) if text.parse::<i64>().is_ok() => format!("{UNQUOTED}{text}"),
        (Expr::Str(text), Ty::Ip) if text.parse::<std::net::IpAddr>().is_ok() => {
            format!("{UNQUOTED}{text}")
        }
        (Expr::Str(text), Ty::Cidr) if text.parse::<ipnet::IpNet>().is_ok() => {
            format!("{UNQUOTED}{text}")
        }
        (Expr::Str(text), Ty::Bytes) if kit_graph::parse_bytes(text).is_ok() => {
            format!("{UNQUOTED}{text}")
        }
        (Expr::Str(text), Ty::Duration) if kit_graph::parse_duration_ms(text).is_ok() => {
            format!("{UNQUOTED}{text}")
        }
        (Expr::Str(text), Ty::Percent) if kit_graph::parse_percent(text).is_ok() => {
            format!("{UNQUOTED}{text}")
        }
        (Expr::Str(text), Ty::Bool) if matches!(&**text, "true" | "false") => {
            format!("{UNQUOTED}{text}")
        }
        (Expr::Int(number), Ty::Bytes) => format!("give it a unit: {number}GiB, {number}MiB"),
        (Expr::Int(number), Ty::Duration) => format!("give it a unit: {number}s, {number}min"),
        (Expr::Int(number), Ty::Percent) => format!("write {number}% for a percentage"),
        (Expr::Int(number), Ty::Str) => format!("write it in quotes: \"{number}\""),
        (Expr::Ip(ip), Ty::Str) => format!("write it in quotes: \"{ip}\""),
        (Expr::Ip(ip), Ty::Cidr) => match ip {
            std::net::IpAddr::V4(ip) => format!("a network of this one address is {ip}/32"),
            std::net::IpAddr::V6(ip) => format!("a network of this one address is {ip}/128"),
        },
        (Expr::Def(_) | Expr::Field { .. } | Expr::Local(_), Ty::Str) => "put it into a text: \"${…}\"".to_owned(),
        _ => return None,
    })
}
