//! Types as they are written.

use crate::ast::{
    AstNode, FieldDecls, LiteralExpr, Name, StringExpr, ast_enum, ast_nodes, child, children, names, nth_child, token,
};
use crate::syntax_kind::SyntaxKind;

ast_nodes! {
    /// `int`, `list<T>`, `Port`, `aws.Machine`
    NamedType = NAMED_TYPE,
    /// `T?`
    OptionalType = OPTIONAL_TYPE,
    /// `A | B | C`
    UnionType = UNION_TYPE,
    /// `{ a: int, b: string? }`
    RecordType = RECORD_TYPE,
    /// `"t3.small"`, `1`
    LiteralType = LITERAL_TYPE,
    /// `(T)`
    ParenType = PAREN_TYPE,
}

ast_enum! {
    /// Any type.
    Type {
        /// `int`, `list<T>`, `aws.Machine`
        Named(NamedType) = NAMED_TYPE,
        /// `T?`
        Optional(OptionalType) = OPTIONAL_TYPE,
        /// `A | B`
        Union(UnionType) = UNION_TYPE,
        /// `{ a: int }`
        Record(RecordType) = RECORD_TYPE,
        /// `"t3.small"`
        Literal(LiteralType) = LITERAL_TYPE,
        /// `(T)`
        Paren(ParenType) = PAREN_TYPE,
    }
}

impl NamedType {
    /// The module before the dot, where there is one.
    pub fn module(&self) -> Option<Name> {
        token(self.syntax(), SyntaxKind::DOT)?;
        names(self.syntax()).next()
    }

    /// The name of the type.
    pub fn name(&self) -> Option<Name> {
        names(self.syntax()).last()
    }

    /// The type in `<…>`, where there is one.
    pub fn argument(&self) -> Option<Type> {
        child(self.syntax())
    }
}

impl OptionalType {
    /// The type before `?`.
    pub fn inner(&self) -> Option<Type> {
        child(self.syntax())
    }
}

impl ParenType {
    /// The type inside.
    pub fn inner(&self) -> Option<Type> {
        child(self.syntax())
    }
}

impl UnionType {
    /// The alternatives.
    pub fn alternatives(&self) -> impl Iterator<Item = Type> + use<> {
        children(self.syntax())
    }
}

impl RecordType {
    /// The fields.
    pub fn fields(&self) -> Option<FieldDecls> {
        nth_child(self.syntax(), 0)
    }
}

/// The value that a literal type allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LiteralTypeValue {
    /// A string.
    String(StringExpr),
    /// Another literal.
    Literal(LiteralExpr),
}

impl LiteralType {
    /// The one value of this type.
    pub fn value(&self) -> Option<LiteralTypeValue> {
        if let Some(string) = child(self.syntax()) {
            return Some(LiteralTypeValue::String(string));
        }
        child(self.syntax()).map(LiteralTypeValue::Literal)
    }
}
