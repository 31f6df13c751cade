//! The words for what is not there: a name, a sign, a block.

use super::{DECLARATIONS, misplaced, missing_after, quoted};
use crate::codes;
use crate::syntax_error::SyntaxError;
use crate::syntax_kind::SyntaxKind;
use crate::tree_builder::Missing;

/// What something is missing in.
#[derive(Clone, Copy)]
pub(crate) struct Inside {
    /// The node that is open.
    pub(crate) kind: SyntaxKind,
    /// It stands in the block of a group itself.
    pub(crate) of_group: bool,
}

pub(crate) fn missing(
    missing: Missing,
    inside: Option<Inside>,
    text: &str,
    last: (usize, usize),
    next: usize,
) -> SyntaxError {
    let (start, end) = last;
    let kind = inside.map(|inside| inside.kind);
    let after = |code, what: &str| missing_after(code, what, text, start, end);
    match missing {
        Missing::Name => match kind {
            Some(SyntaxKind::MEMBER) => after(codes::EXPECTED_PART, "the member's name"),
            Some(SyntaxKind::TEST) => after(codes::EXPECTED_PART, "the test's name, in quotes,"),
            _ => after(codes::EXPECTED_PART, "a name"),
        },
        Missing::Type => after(codes::EXPECTED_PART, "a type"),
        Missing::Annotation => missing_annotation(text, last, kind),
        Missing::Role => lower_role(text, end).unwrap_or_else(|| {
            after(codes::EXPECTED_PART, "`:` and a role").help("such as `group managers: swarm.Manager { … }`")
        }),
        Missing::Equals
            if DECLARATIONS.contains(&&text[start..end])
                && !matches!(
                    kind,
                    Some(
                        SyntaxKind::LET
                            | SyntaxKind::OUTPUT
                            | SyntaxKind::RESOURCE
                            | SyntaxKind::FN
                            | SyntaxKind::TYPE_DECL
                    )
                ) =>
        {
            misplaced(start, &text[start..end], None)
        }
        Missing::Equals => missing_equals(text, start, end, next, inside),
        Missing::Block => missing_block(text, start, end, kind),
        Missing::In => after(codes::EXPECTED_PART, "`in`").help("such as `for n in 1..=3 { … }`"),
        Missing::Arrow => {
            after(codes::EXPECTED_PART, "`=>` and a value").help("such as `\"small\" => 1`; what is left is `_`")
        }
        Missing::Path => after(codes::EXPECTED_PART, "a module").help("such as `std/aws` or `\"./net.kit\"`"),
        Missing::Angle => after(codes::UNCLOSED, "`>`"),
        Missing::Params => after(codes::EXPECTED_PART, "`(` and the parameters"),
        _ => after(codes::EXPECTED_VALUE, "a value"),
    }
}

/// `group a: swarm.worker`
fn lower_role(text: &str, end: usize) -> Option<SyntaxError> {
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let start = text.len() - rest.len();
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(rest.len());
    let role = &rest[..length];
    let last = role.rfind('.').map_or(0, |dot| dot + 1);
    let mut right = role.to_owned();
    right.get_mut(last..=last)?.make_ascii_uppercase();
    (right != role && text[..end].ends_with(':')).then(|| {
        SyntaxError::new(
            codes::EXPECTED_PART,
            start,
            start + length,
            format!("{}: a role begins with a capital", quoted(role)),
        )
        .help(format!("write `{right}`"))
    })
}

fn missing_annotation(text: &str, (start, end): (usize, usize), inside: Option<SyntaxKind>) -> SyntaxError {
    let error = missing_after(codes::EXPECTED_PART, "`:` and a type", text, start, end);
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let Some(value) = rest.strip_prefix('=').map(|rest| rest.trim_start_matches([' ', '\t'])) else { return error };
    let name = &text[start..end];
    let ty = type_of(value);
    match inside {
        Some(SyntaxKind::PARAM) => error.help(format!("the type of a parameter is written: `param {name}: {ty} = …`")),
        Some(SyntaxKind::FIELD_DECL) => error.help("in a type, a field is written `name: type`, such as `port: int`"),
        _ => error,
    }
}

/// The type of a value, as far as its first token shows it.
fn type_of(value: &str) -> &'static str {
    if value.starts_with('"') {
        return "string";
    }
    if value.starts_with('[') {
        return "list<…>";
    }
    let word = value.split(|c: char| c.is_whitespace() || c == ',').next().unwrap_or_default();
    match word {
        "true" | "false" => "bool",
        _ => match crate::literal::read(word).map(|value| value.kind()) {
            Ok(SyntaxKind::INT) => "int",
            Ok(SyntaxKind::IP) => "ip",
            Ok(SyntaxKind::CIDR) => "cidr",
            Ok(SyntaxKind::BYTES) => "bytes",
            Ok(SyntaxKind::DURATION) => "duration",
            Ok(SyntaxKind::PERCENT) => "percent",
            _ => "…",
        },
    }
}

fn missing_equals(text: &str, start: usize, end: usize, next: usize, inside: Option<Inside>) -> SyntaxError {
    let kind = inside.map(|inside| inside.kind);
    let rest = text[next..].trim_start_matches([' ', '\t']);
    let name = quoted(&text[start..end]);
    let error = missing_after(codes::EXPECTED_PART, "`=`", text, start, end);
    if kind == Some(SyntaxKind::FN) && rest.starts_with('{') {
        return error.help(super::ONE_EXPRESSION);
    }
    if kind == Some(SyntaxKind::FIELD) && matches!(&text[start..end], "assert" | "check" | "expect") {
        return error.help("a condition is written `require … else \"what is wrong\"`");
    }
    if kind == Some(SyntaxKind::RESOURCE) {
        return error.help("such as `resource net = aws.Network { … }`");
    }
    if rest.starts_with(':') {
        let colon = text.len() - rest.len();
        return SyntaxError::new(codes::EXPECTED_PART, end, end, format!("expected `=` after {name}, not `:`"))
            .help("a field is set with `=`; `:` stands before a type")
            .fix(end, colon + 1, " =");
    }
    if rest.starts_with("=>") || rest.starts_with("==") {
        let sign = text.len() - rest.len();
        return error.help("a field is set with a single `=`").fix(sign, sign + 2, "=");
    }
    if rest.starts_with('{') {
        let name = &text[start..end];
        return match inside {
            // A member that lacks its first word, or a field.
            Some(Inside { of_group: true, .. }) => {
                error.help(format!("a member is written `member {name} {{ … }}`, a field `{name} = {{ … }}`"))
            }
            _ => error.help(format!("a block is a value like others: `{name} = {{ … }}`")).fix(end, end, " ="),
        };
    }
    error
}

fn missing_block(text: &str, start: usize, end: usize, inside: Option<SyntaxKind>) -> SyntaxError {
    let error = missing_after(codes::EXPECTED_PART, "`{ … }`", text, start, end);
    let word = &text[start..end];
    match inside {
        Some(SyntaxKind::CONSTRUCT_EXPR) if matches!(word.to_ascii_lowercase().as_str(), "true" | "false" | "none") => {
            error.help(format!("write `{}`", word.to_ascii_lowercase())).fix(start, end, word.to_ascii_lowercase())
        }
        Some(SyntaxKind::CONSTRUCT_EXPR) => error.help("a name with a capital is a type; its fields stand in braces"),
        _ => error,
    }
}
