//! What stands in braces and in lists: fields, members, elements, `for`, `if`.

use crate::ast::{
    AstNode, Expr, Name, Require, StringExpr, ast_enum, ast_nodes, child, children, name, names, nth_child,
};
use crate::source::{SourceId, Span};
use crate::syntax_kind::{SyntaxKind, SyntaxNode};

ast_nodes! {
    /// `{ … }`: fields, members, requires, `for`, `if`.
    Block = BLOCK,
    /// `{ … }` of a `for` or an `if` in a list: elements.
    ElementBlock = ELEMENT_BLOCK,
    /// `name = value` or `"key" = value`
    Field = FIELD,
    /// `member m1 { … }` or `member "m${n}" { … }`
    Member = MEMBER,
    /// `for x in xs if c { … }`
    For = FOR,
    /// `if c { … }`
    If = IF,
}

ast_enum! {
    /// What stands in a block.
    Item {
        /// A field or an entry.
        Field(Field) = FIELD,
        /// A member of a group.
        Member(Member) = MEMBER,
        /// Repeated items.
        For(For) = FOR,
        /// Conditional items.
        If(If) = IF,
        /// A condition.
        Require(Require) = REQUIRE,
    }
}

/// What stands in a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// One value.
    Expr(Expr),
    /// Repeated elements.
    For(For),
    /// Conditional elements.
    If(If),
}

impl AstNode for Element {
    fn cast(node: SyntaxNode) -> Option<Element> {
        match node.kind() {
            SyntaxKind::FOR => For::cast(node).map(Element::For),
            SyntaxKind::IF => If::cast(node).map(Element::If),
            _ => Expr::cast(node).map(Element::Expr),
        }
    }

    fn syntax(&self) -> &SyntaxNode {
        match self {
            Element::Expr(node) => node.syntax(),
            Element::For(node) => node.syntax(),
            Element::If(node) => node.syntax(),
        }
    }
}

impl Block {
    /// What stands inside.
    pub fn items(&self) -> impl Iterator<Item = Item> + use<> {
        children(self.syntax())
    }

    /// Whether something stands directly inside that could not be read.
    pub fn has_junk(&self) -> bool {
        self.syntax().children().any(|child| child.kind() == SyntaxKind::ERROR)
    }

    /// The fields alone, those directly inside.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        children(self.syntax())
    }
}

impl ElementBlock {
    /// The elements.
    pub fn elements(&self) -> impl Iterator<Item = Element> + use<> {
        children(self.syntax())
    }
}

/// The name of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldKey {
    /// `name`
    Name(Name),
    /// `"name"`, perhaps with `${…}`
    String(StringExpr),
}

impl FieldKey {
    /// Its place.
    pub fn span(&self, source: SourceId) -> Span {
        match self {
            FieldKey::Name(name) => name.span(source),
            FieldKey::String(string) => string.span(source),
        }
    }

    /// The text, where no `${…}` is in it.
    pub fn plain_text(&self) -> Option<String> {
        match self {
            FieldKey::Name(name) => Some(name.text().to_owned()),
            FieldKey::String(string) => string.plain_text(),
        }
    }
}

/// The name or the string with which a field or a member begins.
fn key(node: &SyntaxNode) -> Option<FieldKey> {
    for element in node.children_with_tokens() {
        match element.kind() {
            SyntaxKind::IDENT | SyntaxKind::TYPE_IDENT => return name(node).map(FieldKey::Name),
            SyntaxKind::STRING => return element.into_node().and_then(StringExpr::cast).map(FieldKey::String),
            SyntaxKind::EQ => return None,
            _ => {}
        }
    }
    None
}

impl Field {
    /// Its name.
    pub fn key(&self) -> Option<FieldKey> {
        key(self.syntax())
    }

    /// What stands after `=`.
    pub fn value(&self) -> Option<Expr> {
        let mut past_equals = false;
        for element in self.syntax().children_with_tokens() {
            match element {
                rowan::NodeOrToken::Token(token) => {
                    past_equals |= matches!(token.kind(), SyntaxKind::EQ | SyntaxKind::COLON)
                }
                rowan::NodeOrToken::Node(node) if past_equals => return Expr::cast(node),
                rowan::NodeOrToken::Node(_) => {}
            }
        }
        None
    }
}

impl Member {
    /// Its ID.
    pub fn id(&self) -> Option<FieldKey> {
        key(self.syntax())
    }

    /// Its fields.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }
}

impl For {
    /// The names: one for the elements of a list, or two for keys and values of a map.
    pub fn names(&self) -> impl Iterator<Item = Name> + use<> {
        names(self.syntax())
    }

    /// What is gone through.
    pub fn iterable(&self) -> Option<Expr> {
        self.after(SyntaxKind::IN_KW)
    }

    /// The condition after `if`, where there is one.
    pub fn condition(&self) -> Option<Expr> {
        self.after(SyntaxKind::IF_KW)
    }

    /// What is repeated, in a block.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }

    /// What is repeated, in a list.
    pub fn element_block(&self) -> Option<ElementBlock> {
        child(self.syntax())
    }

    /// The expression behind a keyword.
    fn after(&self, keyword: SyntaxKind) -> Option<Expr> {
        let mut found = false;
        for element in self.syntax().children_with_tokens() {
            match element {
                rowan::NodeOrToken::Token(token) if token.kind() == keyword => found = true,
                rowan::NodeOrToken::Token(token) if matches!(token.kind(), SyntaxKind::IF_KW) && found => return None,
                rowan::NodeOrToken::Node(node) if found => return Expr::cast(node),
                _ => {}
            }
        }
        None
    }
}

impl If {
    /// The condition.
    pub fn condition(&self) -> Option<Expr> {
        nth_child(self.syntax(), 0)
    }

    /// What stands there if it holds, in a block.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }

    /// What stands there if it holds, in a list.
    pub fn element_block(&self) -> Option<ElementBlock> {
        child(self.syntax())
    }
}
