//! Literals, strings and scripts.

use crate::ast::{AstNode, Expr, LiteralValue, ast_nodes, child, token};
use crate::literal;
use crate::script_text::{self, ScriptText};
use crate::string_escape;
use crate::syntax_kind::{SyntaxKind, SyntaxToken};

ast_nodes! {
    /// A number, an address, `true`, `none`, …
    LiteralExpr = LITERAL_EXPR,
    /// `"…"`, perhaps with `${…}` inside.
    StringExpr = STRING,
    /// `${expr}`
    Interpolation = INTERPOLATION,
    /// `sh"""…"""`
    Script = SCRIPT,
}

impl LiteralExpr {
    /// The token.
    pub fn token(&self) -> Option<SyntaxToken> {
        self.syntax().first_token()
    }

    /// The value; `None` for one that is malformed, which the parser has reported.
    pub fn value(&self) -> Option<LiteralValue> {
        let token = self.token()?;
        match token.kind() {
            SyntaxKind::BAD_LITERAL => None,
            SyntaxKind::TRUE_KW => Some(LiteralValue::Bool(true)),
            SyntaxKind::FALSE_KW => Some(LiteralValue::Bool(false)),
            SyntaxKind::NONE_KW => Some(LiteralValue::None),
            _ => literal::read(token.text()).ok(),
        }
    }
}

/// A piece of a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StringPart {
    /// Text, escapes already read.
    Text(String),
    /// `${expr}`
    Interpolation(Interpolation),
}

impl StringExpr {
    /// The pieces, in order.
    pub fn parts(&self) -> impl Iterator<Item = StringPart> + use<> {
        self.syntax().children_with_tokens().filter_map(|element| match element {
            rowan::NodeOrToken::Token(token) if token.kind() == SyntaxKind::STRING_TEXT => {
                Some(StringPart::Text(string_escape::unescape(token.text()).into_owned()))
            }
            rowan::NodeOrToken::Token(_) => None,
            rowan::NodeOrToken::Node(node) => Interpolation::cast(node).map(StringPart::Interpolation),
        })
    }

    /// The text, where no `${…}` is in it.
    pub fn plain_text(&self) -> Option<String> {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                StringPart::Text(piece) => text.push_str(&piece),
                StringPart::Interpolation(_) => return None,
            }
        }
        Some(text)
    }
}

impl Interpolation {
    /// What is put in.
    pub fn expr(&self) -> Option<Expr> {
        child(self.syntax())
    }
}

impl Script {
    /// What it says, without the indentation that all its lines share.
    pub fn content(&self) -> ScriptText {
        script_text::read(self.text().as_ref().map_or("", |token| token.text()))
    }

    /// The raw text between the quotes.
    pub fn text(&self) -> Option<SyntaxToken> {
        token(self.syntax(), SyntaxKind::SCRIPT_TEXT)
    }
}
