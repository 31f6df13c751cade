//! Declarations: what stands at the top of a file, in a component, in an extern.

use crate::ast::{
    AstNode, Block, Expr, Field, For, If, LiteralExpr, Name, StringExpr, Type, TypePath, ast_enum, ast_nodes, child,
    children, name, nth_child, token,
};
use crate::source::{SourceId, Span};
use crate::syntax_kind::{SyntaxKind, SyntaxToken};

ast_nodes! {
    /// A whole file.
    File = FILE,
    /// `use std/aws`
    Use = USE,
    /// `param name: T = default where … else "…"`
    Param = PARAM,
    /// `let name = value` or `let name: T = value`
    Let = LET,
    /// `type Name = T where … else "…"`
    TypeDecl = TYPE_DECL,
    /// `fn name(a: T): R = body`
    Fn = FN,
    /// `a: T`, of a function or a lookup.
    FnParam = FN_PARAM,
    /// `cluster { … }`
    Cluster = CLUSTER,
    /// `resource name = description`
    Resource = RESOURCE,
    /// `group name: role.Type { … }`
    Group = GROUP,
    /// `component Name { declarations }`
    Component = COMPONENT,
    /// The declarations of a component.
    DeclBlock = DECL_BLOCK,
    /// `metadata name { … }`
    Metadata = METADATA,
    /// The entries of metadata.
    MetadataBlock = METADATA_BLOCK,
    /// `ambient? name: T`, `name(args): T` or `name { … }`
    MetadataEntry = METADATA_ENTRY,
    /// `require condition else "message"`
    Require = REQUIRE,
    /// `output name = value`
    Output = OUTPUT,
    /// `test "name" with { … } { … }`
    Test = TEST,
    /// `extern resource Name { … }`
    ExternResource = EXTERN_RESOURCE,
    /// `extern role Name { … }`
    ExternRole = EXTERN_ROLE,
    /// The fields that an extern or a record type declares.
    FieldDecls = FIELD_DECLS,
    /// `live? name: T = default where … else "…"`
    FieldDecl = FIELD_DECL,
    /// `where condition else "message"`
    Refinement = REFINEMENT,
}

ast_enum! {
    /// Any declaration.
    Decl {
        /// `use`
        Use(Use) = USE,
        /// `param`
        Param(Param) = PARAM,
        /// `let`
        Let(Let) = LET,
        /// `type`
        Type(TypeDecl) = TYPE_DECL,
        /// `fn`
        Fn(Fn) = FN,
        /// `cluster`
        Cluster(Cluster) = CLUSTER,
        /// `resource`
        Resource(Resource) = RESOURCE,
        /// `group`
        Group(Group) = GROUP,
        /// `component`
        Component(Component) = COMPONENT,
        /// `metadata`
        Metadata(Metadata) = METADATA,
        /// `require`
        Require(Require) = REQUIRE,
        /// Repeated requires.
        For(For) = FOR,
        /// Conditional requires.
        If(If) = IF,
        /// `output`
        Output(Output) = OUTPUT,
        /// `test`
        Test(Test) = TEST,
        /// `extern resource`
        ExternResource(ExternResource) = EXTERN_RESOURCE,
        /// `extern role`
        ExternRole(ExternRole) = EXTERN_ROLE,
    }
}

ast_enum! {
    /// What stands in an `extern` or a record type.
    ExternItem {
        /// A declared field.
        Field(FieldDecl) = FIELD_DECL,
        /// A condition on the fields.
        Require(Require) = REQUIRE,
        /// Repeated requires.
        For(For) = FOR,
        /// Conditional requires.
        If(If) = IF,
    }
}

ast_enum! {
    /// What stands in a `test`.
    TestItem {
        /// What the test says of itself: the error that it expects.
        Field(Field) = FIELD,
        /// A name for a value.
        Let(Let) = LET,
        /// What must hold.
        Require(Require) = REQUIRE,
        /// Repeated.
        For(For) = FOR,
        /// Conditional.
        If(If) = IF,
    }
}

impl Decl {
    /// The name that it declares. `use`, `cluster`, `require` and `test` declare none.
    pub fn name(&self) -> Option<Name> {
        match self {
            Decl::Use(_) | Decl::Cluster(_) | Decl::Require(_) | Decl::Test(_) | Decl::For(_) | Decl::If(_) => None,
            _ => name(self.syntax()),
        }
    }
}

impl File {
    /// The declarations in the order of the file.
    pub fn declarations(&self) -> impl Iterator<Item = Decl> + use<> {
        children(self.syntax())
    }

    /// The values at the top level, `name = value`: what a file of parameters is made of.
    pub fn values(&self) -> impl Iterator<Item = Field> + use<> {
        children(self.syntax())
    }

    /// The `##` lines at the head of the file, before a blank line.
    pub fn documentation(&self) -> Option<String> {
        super::doc_of_file(self.syntax())
    }
}

/// What is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UsePath {
    /// `std/aws`: a module that Kit brings.
    Module(SyntaxToken),
    /// `"./net.kit"`, `"https://…"`
    Location(StringExpr),
}

impl Use {
    /// What is used.
    pub fn path(&self) -> Option<UsePath> {
        if let Some(path) = token(self.syntax(), SyntaxKind::MODULE_PATH) {
            return Some(UsePath::Module(path));
        }
        child(self.syntax()).map(UsePath::Location)
    }

    /// The name after `as`, which the module gets instead of its own.
    pub fn alias(&self) -> Option<Name> {
        // `as` itself is a word like any other, and stands before it.
        super::names(self.syntax()).nth(1)
    }

    /// The path as plain text: `std/aws`, `./net.kit`.
    pub fn path_text(&self) -> Option<String> {
        match self.path()? {
            UsePath::Module(path) => Some(path.text().to_owned()),
            UsePath::Location(location) => location.plain_text(),
        }
    }

    /// Where the path stands.
    pub fn path_span(&self, source: SourceId) -> Option<Span> {
        Some(match self.path()? {
            UsePath::Module(path) => Span::new(source, path.text_range()),
            UsePath::Location(location) => location.span(source),
        })
    }
}

macro_rules! named {
    ($($node:ident)*) => {$(
        impl $node {
            /// The declared name.
            pub fn name(&self) -> Option<Name> {
                name(self.syntax())
            }
        }
    )*};
}
named! { Param Let TypeDecl Fn FnParam Resource Group Component Metadata MetadataEntry Output ExternResource ExternRole FieldDecl }

macro_rules! typed {
    ($($node:ident)*) => {$(
        impl $node {
            /// The type that is written.
            pub fn ty(&self) -> Option<Type> {
                child(self.syntax())
            }
        }
    )*};
}
typed! { Param Let TypeDecl FnParam Output FieldDecl MetadataEntry }

macro_rules! valued {
    ($($node:ident)*) => {$(
        impl $node {
            /// The value after `=`.
            pub fn value(&self) -> Option<Expr> {
                child(self.syntax())
            }
        }
    )*};
}
valued! { Let Resource Output }

macro_rules! defaulted {
    ($($node:ident)*) => {$(
        impl $node {
            /// The value after `=`, where there is one.
            pub fn default(&self) -> Option<Expr> {
                child(self.syntax())
            }
        }
    )*};
}
defaulted! { Param FieldDecl FnParam }

macro_rules! refined {
    ($($node:ident)*) => {$(
        impl $node {
            /// `where … else "…"`, where there is one.
            pub fn refinement(&self) -> Option<Refinement> {
                child(self.syntax())
            }
        }
    )*};
}
refined! { Param FieldDecl TypeDecl }

impl Fn {
    /// The parameters.
    pub fn params(&self) -> impl Iterator<Item = FnParam> + use<> {
        fn_params(self.syntax())
    }

    /// The type of the result.
    pub fn result(&self) -> Option<Type> {
        child(self.syntax())
    }

    /// The value.
    pub fn body(&self) -> Option<Expr> {
        child(self.syntax())
    }
}

/// The parameters in the `( … )` below a node.
fn fn_params(node: &crate::syntax_kind::SyntaxNode) -> impl Iterator<Item = FnParam> + use<> {
    node.children()
        .filter(|child| child.kind() == SyntaxKind::FN_PARAMS)
        .flat_map(|list| list.children().filter_map(FnParam::cast))
}

impl Cluster {
    /// The fields.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }
}

impl Group {
    /// The role.
    pub fn role(&self) -> Option<TypePath> {
        child(self.syntax())
    }

    /// Fields and members.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }
}

impl Component {
    /// The declarations inside.
    pub fn declarations(&self) -> impl Iterator<Item = Decl> + use<> {
        child::<DeclBlock>(self.syntax()).into_iter().flat_map(|block| block.declarations())
    }
}

impl DeclBlock {
    /// The declarations.
    pub fn declarations(&self) -> impl Iterator<Item = Decl> + use<> {
        children(self.syntax())
    }
}

impl Metadata {
    /// The entries.
    pub fn entries(&self) -> impl Iterator<Item = MetadataEntry> + use<> {
        child::<MetadataBlock>(self.syntax()).into_iter().flat_map(|block| block.entries())
    }
}

impl MetadataBlock {
    /// The entries.
    pub fn entries(&self) -> impl Iterator<Item = MetadataEntry> + use<> {
        children(self.syntax())
    }
}

impl MetadataEntry {
    /// It needs no provider.
    pub fn is_ambient(&self) -> bool {
        token(self.syntax(), SyntaxKind::AMBIENT_KW).is_some()
    }

    /// It is a lookup with arguments (perhaps none, but with parentheses).
    pub fn is_lookup(&self) -> bool {
        self.syntax().children().any(|child| child.kind() == SyntaxKind::FN_PARAMS)
    }

    /// The parameters of a lookup.
    pub fn params(&self) -> impl Iterator<Item = FnParam> + use<> {
        fn_params(self.syntax())
    }

    /// The entries below, where this is a branch of the tree.
    pub fn entries(&self) -> Option<impl Iterator<Item = MetadataEntry> + use<>> {
        child::<MetadataBlock>(self.syntax()).map(|block| block.entries())
    }
}

impl Require {
    /// What must hold.
    pub fn condition(&self) -> Option<Expr> {
        nth_child(self.syntax(), 0)
    }

    /// What is said where it does not.
    pub fn message(&self) -> Option<Expr> {
        nth_child(self.syntax(), 1)
    }
}

impl Refinement {
    /// What must hold of `it`.
    pub fn condition(&self) -> Option<Expr> {
        nth_child(self.syntax(), 0)
    }

    /// What is said where it does not.
    pub fn message(&self) -> Option<Expr> {
        nth_child(self.syntax(), 1)
    }
}

impl Test {
    /// Its name.
    pub fn name(&self) -> Option<StringExpr> {
        child(self.syntax())
    }

    /// The parameters that it gives the file: `with { … }`.
    pub fn given(&self) -> Option<Block> {
        if self.is_given() { child(self.syntax()) } else { None }
    }

    /// What stands inside.
    pub fn items(&self) -> impl Iterator<Item = TestItem> + use<> {
        let block: Option<Block> = nth_child(self.syntax(), usize::from(self.is_given()));
        block.into_iter().flat_map(|block| children(block.syntax()))
    }

    fn is_given(&self) -> bool {
        token(self.syntax(), SyntaxKind::WITH_KW).is_some()
    }
}

impl ExternResource {
    /// Fields and requires.
    pub fn items(&self) -> impl Iterator<Item = ExternItem> + use<> {
        child::<FieldDecls>(self.syntax()).into_iter().flat_map(|fields| fields.items())
    }
}

impl ExternRole {
    /// Fields and requires.
    pub fn items(&self) -> impl Iterator<Item = ExternItem> + use<> {
        child::<FieldDecls>(self.syntax()).into_iter().flat_map(|fields| fields.items())
    }
}

impl FieldDecls {
    /// Fields and requires.
    pub fn items(&self) -> impl Iterator<Item = ExternItem> + use<> {
        children(self.syntax())
    }

    /// The fields alone.
    pub fn fields(&self) -> impl Iterator<Item = FieldDecl> + use<> {
        children(self.syntax())
    }
}

impl FieldDecl {
    /// It is known only once the thing exists.
    pub fn is_live(&self) -> bool {
        token(self.syntax(), SyntaxKind::LIVE_KW).is_some()
    }
}

impl From<LiteralExpr> for Expr {
    fn from(literal: LiteralExpr) -> Expr {
        Expr::Literal(literal)
    }
}
