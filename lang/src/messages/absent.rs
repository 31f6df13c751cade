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
    if let Some(error) = dashed_name(text, start, end, kind == Some(SyntaxKind::MEMBER)) {
        return error;
    }
    let after = |code, what: &str| missing_after(code, what, text, start, end);
    match missing {
        Missing::Name => match kind {
            Some(SyntaxKind::MEMBER) => after(codes::EXPECTED_PART, "the member's name"),
            Some(SyntaxKind::TEST) => after(codes::EXPECTED_PART, "the test's name, in quotes,"),
            _ => after(codes::EXPECTED_PART, "a name"),
        },
        Missing::Type => after(codes::EXPECTED_PART, "a type"),
        Missing::Annotation => after(codes::EXPECTED_PART, "`:` and a type"),
        Missing::Role => {
            after(codes::EXPECTED_PART, "`:` and a role").help("such as `group managers: swarm.Manager { … }`")
        }
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
            misplaced(start, &text[start..end])
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

/// `my-name`, where `my` is read and `-` is in the way.
fn dashed_name(text: &str, start: usize, end: usize, may_be_quoted: bool) -> Option<SyntaxError> {
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-';
    let length = text.as_bytes()[start..].iter().take_while(|byte| is_name_byte(byte)).count();
    let name = &text[start..start + length];
    let dashed =
        start + length > end + 1 && text[end..].starts_with('-') && name.starts_with(|c: char| c.is_ascii_alphabetic());
    dashed.then(|| {
        SyntaxError::new(codes::UNEXPECTED, start, start + length, format!("{} is no name: it has a `-`", quoted(name)))
            .help(if may_be_quoted {
                format!("write it in quotes: `\"{name}\"`")
            } else {
                format!("write `{}`", name.replace('-', "_"))
            })
    })
}

fn missing_equals(text: &str, start: usize, end: usize, next: usize, inside: Option<Inside>) -> SyntaxError {
    let rest = text[next..].trim_start_matches([' ', '\t']);
    let name = quoted(&text[start..end]);
    let error = missing_after(codes::EXPECTED_PART, "`=`", text, start, end);
    if inside.is_some_and(|inside| inside.kind == SyntaxKind::RESOURCE) {
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
            Some(Inside { kind: SyntaxKind::FN, .. }) => {
                error.help("the body of a function is one value: `fn f(…): int = …`")
            }
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
        Some(SyntaxKind::CONSTRUCT_EXPR) if matches!(word, "True" | "False" | "None") => {
            error.help(format!("write `{}`", word.to_ascii_lowercase())).fix(start, end, word.to_ascii_lowercase())
        }
        Some(SyntaxKind::CONSTRUCT_EXPR) => error.help("a name with a capital is a type; its fields stand in braces"),
        _ => error,
    }
}
