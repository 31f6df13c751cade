//! The typed view of the tree. Each type is a handle on one node; an accessor that gives `None` met a
//! file with an error there, which the parser has reported.

mod blocks;
mod declarations;
mod expressions;
mod literals;
mod types;

pub use blocks::{Block, Element, ElementBlock, Field, FieldKey, For, If, Item, Member};
pub use declarations::{
    Cluster, Component, Decl, DeclBlock, ExternItem, ExternResource, ExternRole, FieldDecl, FieldDecls, File, Fn,
    FnParam, Group, Let, Metadata, MetadataBlock, MetadataEntry, Output, Param, Refinement, Require, Resource, Test,
    TestItem, TypeDecl, Use, UsePath,
};
pub use expressions::{
    ArgList, BinaryExpr, BinaryOp, CallExpr, ConstructExpr, Expr, FieldExpr, IfExpr, IndexExpr, ListExpr, MatchArm,
    MatchExpr, NameExpr, ParenExpr, Pattern, PatternAlternative, RecordExpr, TypePath, UnaryExpr, UnaryOp, WithExpr,
};
pub use literals::{Interpolation, LiteralExpr, Script, StringExpr, StringPart};
pub use types::{LiteralType, LiteralTypeValue, NamedType, OptionalType, ParenType, RecordType, Type, UnionType};

pub use crate::literal::LiteralValue;

use crate::source::{SourceId, Span};
use crate::syntax_kind::{SyntaxKind, SyntaxNode, SyntaxToken};

/// A handle on one node of the tree.
pub trait AstNode: Sized {
    /// The handle, where the node is of this kind.
    fn cast(node: SyntaxNode) -> Option<Self>;

    /// The node.
    fn syntax(&self) -> &SyntaxNode;

    /// Its place, without the space and the comments around it.
    fn span(&self, source: SourceId) -> Span {
        Span::new(source, self.syntax().text_range())
    }

    /// The `## …` lines directly above, without their `## `, joined by newlines.
    fn doc(&self) -> Option<String> {
        doc_above(self.syntax())
    }
}

/// A name as it is written at one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(SyntaxToken);

impl Name {
    /// The name.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Its place.
    pub fn span(&self, source: SourceId) -> Span {
        Span::new(source, self.0.text_range())
    }

    /// The token.
    pub fn token(&self) -> &SyntaxToken {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

macro_rules! ast_nodes {
    ($($(#[$doc:meta])* $name:ident = $kind:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(crate::syntax_kind::SyntaxNode);

        impl crate::ast::AstNode for $name {
            fn cast(node: crate::syntax_kind::SyntaxNode) -> Option<Self> {
                (node.kind() == crate::syntax_kind::SyntaxKind::$kind).then_some($name(node))
            }

            fn syntax(&self) -> &crate::syntax_kind::SyntaxNode {
                &self.0
            }
        }
    )*};
}

macro_rules! ast_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident($node:ident) = $kind:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant($node),)* }

        impl crate::ast::AstNode for $name {
            fn cast(node: crate::syntax_kind::SyntaxNode) -> Option<Self> {
                match node.kind() {
                    $(crate::syntax_kind::SyntaxKind::$kind => <$node as crate::ast::AstNode>::cast(node).map($name::$variant),)*
                    _ => None,
                }
            }

            fn syntax(&self) -> &crate::syntax_kind::SyntaxNode {
                match self { $($name::$variant(node) => crate::ast::AstNode::syntax(node),)* }
            }
        }
    };
}

pub(crate) use {ast_enum, ast_nodes};

/// The first child node of a type.
pub(crate) fn child<N: AstNode>(node: &SyntaxNode) -> Option<N> {
    node.children().find_map(N::cast)
}

/// All child nodes of a type.
pub(crate) fn children<N: AstNode>(node: &SyntaxNode) -> impl Iterator<Item = N> + use<N> {
    node.children().filter_map(N::cast)
}

/// The child node of a type at a position among those of its type.
pub(crate) fn nth_child<N: AstNode>(node: &SyntaxNode, index: usize) -> Option<N> {
    node.children().filter_map(N::cast).nth(index)
}

/// The first token of a kind among the direct children.
pub(crate) fn token(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxToken> {
    tokens(node).find(|token| token.kind() == kind)
}

/// The tokens among the direct children, trivia included.
pub(crate) fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> + use<> {
    node.children_with_tokens().filter_map(rowan::NodeOrToken::into_token)
}

/// The names among the direct children.
pub(crate) fn names(node: &SyntaxNode) -> impl Iterator<Item = Name> + use<> {
    tokens(node).filter(|token| matches!(token.kind(), SyntaxKind::IDENT | SyntaxKind::TYPE_IDENT)).map(Name)
}

/// The first name among the direct children.
pub(crate) fn name(node: &SyntaxNode) -> Option<Name> {
    names(node).next()
}

/// Comment text without its marks.
fn comment_text(text: &str) -> &str {
    let text = text.trim_start_matches('#');
    text.strip_prefix(' ').unwrap_or(text).trim_end()
}

/// The documentation directly above a node: no blank line in between.
fn doc_above(node: &SyntaxNode) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut newlines = 0;
    let mut before = node.prev_sibling_or_token();
    while let Some(rowan::NodeOrToken::Token(token)) = before {
        match token.kind() {
            SyntaxKind::WHITESPACE => {}
            SyntaxKind::NEWLINE if newlines == 0 => newlines += 1,
            SyntaxKind::DOC_COMMENT if newlines == 1 => {
                lines.push(comment_text(token.text()).to_owned());
                newlines = 0;
            }
            _ => break,
        }
        before = token.prev_sibling_or_token();
    }
    lines.reverse();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The documentation at the head of a file: `##` lines which a blank line follows.
fn doc_of_file(file: &SyntaxNode) -> Option<String> {
    let mut lines: Vec<&str> = Vec::new();
    let mut newlines = 0;
    let all: Vec<SyntaxToken> = file.children_with_tokens().map_while(rowan::NodeOrToken::into_token).collect();
    for token in &all {
        match token.kind() {
            SyntaxKind::DOC_COMMENT => {
                lines.push(comment_text(token.text()));
                newlines = 0;
            }
            SyntaxKind::NEWLINE if !lines.is_empty() => {
                newlines += 1;
                if newlines == 2 {
                    return Some(lines.join("\n"));
                }
            }
            SyntaxKind::WHITESPACE | SyntaxKind::NEWLINE => {}
            _ => return None,
        }
    }
    // A file of nothing but its documentation.
    let has_declarations = file.first_child().is_some();
    (!lines.is_empty() && !has_declarations).then(|| lines.join("\n"))
}
