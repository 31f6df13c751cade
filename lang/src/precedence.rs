//! How tightly binary operators bind.

use crate::syntax_kind::SyntaxKind;

/// From loose to tight. Unary operators bind tighter, and `.name`, `( )`, `[ ]` and `with` tighter still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precedence {
    Or,
    And,
    /// `==`, `<`, `in`, …; they do not chain.
    Comparison,
    /// `??`, to the right: `a ?? b ?? c` is `a ?? (b ?? c)`.
    Coalesce,
    Range,
    Sum,
    Product,
}

impl Precedence {
    pub(crate) fn is_right(self) -> bool {
        self == Precedence::Coalesce
    }
}

/// The precedence of a binary operator.
pub(crate) fn of(kind: SyntaxKind) -> Option<Precedence> {
    Some(match kind {
        SyntaxKind::OR_OR => Precedence::Or,
        SyntaxKind::AND_AND => Precedence::And,
        SyntaxKind::EQ_EQ
        | SyntaxKind::NOT_EQ
        | SyntaxKind::LESS
        | SyntaxKind::LESS_EQ
        | SyntaxKind::GREATER
        | SyntaxKind::GREATER_EQ
        | SyntaxKind::IN_KW => Precedence::Comparison,
        SyntaxKind::COALESCE => Precedence::Coalesce,
        SyntaxKind::RANGE => Precedence::Range,
        SyntaxKind::PLUS | SyntaxKind::MINUS => Precedence::Sum,
        SyntaxKind::STAR => Precedence::Product,
        _ => return None,
    })
}
