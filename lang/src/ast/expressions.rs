//! Expressions.

use crate::ast::{
    AstNode, Block, Element, LiteralExpr, Name, Script, StringExpr, ast_enum, ast_nodes, child, children, name, names,
    nth_child, tokens,
};
use crate::source::{SourceId, Span};
use crate::syntax_kind::{SyntaxKind, SyntaxToken};

ast_nodes! {
    /// `name`
    NameExpr = NAME_EXPR,
    /// `{ … }`: a record, or a map where the keys are strings.
    RecordExpr = RECORD_EXPR,
    /// `[ … ]`
    ListExpr = LIST_EXPR,
    /// `( … )`
    ParenExpr = PAREN_EXPR,
    /// `aws.Machine { … }`
    ConstructExpr = CONSTRUCT_EXPR,
    /// `aws.Machine`
    TypePath = TYPE_PATH,
    /// `!a`, `-a`
    UnaryExpr = UNARY_EXPR,
    /// `a + b`
    BinaryExpr = BINARY_EXPR,
    /// `a.name`
    FieldExpr = FIELD_EXPR,
    /// `f(a, b)`
    CallExpr = CALL_EXPR,
    /// `(a, b)` of a call.
    ArgList = ARG_LIST,
    /// `a["key"]`
    IndexExpr = INDEX_EXPR,
    /// `a with { … }`
    WithExpr = WITH_EXPR,
    /// `if c then a else b`
    IfExpr = IF_EXPR,
    /// `match a { p => b }`
    MatchExpr = MATCH_EXPR,
    /// `p | q => b`
    MatchArm = MATCH_ARM,
    /// `p | q`, or `_`
    Pattern = PATTERN,
}

ast_enum! {
    /// Any expression.
    Expr {
        /// A number, an address, `true`, `none`, …
        Literal(LiteralExpr) = LITERAL_EXPR,
        /// `"…"`
        String(StringExpr) = STRING,
        /// `sh"""…"""`
        Script(Script) = SCRIPT,
        /// `name`
        Name(NameExpr) = NAME_EXPR,
        /// `{ … }`
        Record(RecordExpr) = RECORD_EXPR,
        /// `[ … ]`
        List(ListExpr) = LIST_EXPR,
        /// `( … )`
        Paren(ParenExpr) = PAREN_EXPR,
        /// `aws.Machine { … }`
        Construct(ConstructExpr) = CONSTRUCT_EXPR,
        /// `!a`, `-a`
        Unary(UnaryExpr) = UNARY_EXPR,
        /// `a + b`
        Binary(BinaryExpr) = BINARY_EXPR,
        /// `a.name`
        Field(FieldExpr) = FIELD_EXPR,
        /// `f(a, b)`
        Call(CallExpr) = CALL_EXPR,
        /// `a["key"]`
        Index(IndexExpr) = INDEX_EXPR,
        /// `a with { … }`
        With(WithExpr) = WITH_EXPR,
        /// `if c then a else b`
        If(IfExpr) = IF_EXPR,
        /// `match a { p => b }`
        Match(MatchExpr) = MATCH_EXPR,
    }
}

impl Expr {
    /// The expression without the parentheses around it.
    pub fn unparenthesized(self) -> Option<Expr> {
        let mut expr = self;
        // Bounded by the depth of the tree, which the parser bounds.
        while let Expr::Paren(paren) = &expr {
            expr = paren.inner()?;
        }
        Some(expr)
    }
}

impl NameExpr {
    /// The name.
    pub fn name(&self) -> Option<Name> {
        name(self.syntax())
    }
}

impl RecordExpr {
    /// The braces and what stands in them.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }
}

impl ListExpr {
    /// The elements.
    pub fn elements(&self) -> impl Iterator<Item = Element> + use<> {
        children(self.syntax())
    }
}

impl ParenExpr {
    /// What stands in the parentheses.
    pub fn inner(&self) -> Option<Expr> {
        child(self.syntax())
    }
}

impl ConstructExpr {
    /// The type.
    pub fn type_path(&self) -> Option<TypePath> {
        child(self.syntax())
    }

    /// The fields.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }
}

impl TypePath {
    /// The module before the dot, where there is one.
    pub fn module(&self) -> Option<Name> {
        let mut all = names(self.syntax());
        let first = all.next()?;
        all.next().map(|_| first)
    }

    /// The type's own name.
    pub fn name(&self) -> Option<Name> {
        names(self.syntax()).last()
    }
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

impl UnaryExpr {
    /// The operator.
    pub fn op(&self) -> Option<UnaryOp> {
        tokens(self.syntax()).find_map(|token| match token.kind() {
            SyntaxKind::BANG => Some(UnaryOp::Not),
            SyntaxKind::MINUS => Some(UnaryOp::Negate),
            _ => None,
        })
    }

    /// The operand.
    pub fn operand(&self) -> Option<Expr> {
        child(self.syntax())
    }
}

/// An operator between its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    /// `a ?? b`
    Coalesce,
    /// `a in b`
    In,
    /// `a..=b`
    Range,
}

impl BinaryOp {
    /// The operator of a token.
    pub fn from_kind(kind: SyntaxKind) -> Option<BinaryOp> {
        Some(match kind {
            SyntaxKind::PLUS => BinaryOp::Add,
            SyntaxKind::MINUS => BinaryOp::Subtract,
            SyntaxKind::STAR => BinaryOp::Multiply,
            SyntaxKind::EQ_EQ => BinaryOp::Equal,
            SyntaxKind::NOT_EQ => BinaryOp::NotEqual,
            SyntaxKind::LESS => BinaryOp::Less,
            SyntaxKind::LESS_EQ => BinaryOp::LessOrEqual,
            SyntaxKind::GREATER => BinaryOp::Greater,
            SyntaxKind::GREATER_EQ => BinaryOp::GreaterOrEqual,
            SyntaxKind::AND_AND => BinaryOp::And,
            SyntaxKind::OR_OR => BinaryOp::Or,
            SyntaxKind::COALESCE => BinaryOp::Coalesce,
            SyntaxKind::IN_KW => BinaryOp::In,
            SyntaxKind::RANGE => BinaryOp::Range,
            _ => return None,
        })
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::And => "&&",
            BinaryOp::Or => "||",
            BinaryOp::Coalesce => "??",
            BinaryOp::In => "in",
            BinaryOp::Range => "..=",
        }
    }
}

impl BinaryExpr {
    /// The operator.
    pub fn op(&self) -> Option<BinaryOp> {
        self.op_token().and_then(|token| BinaryOp::from_kind(token.kind()))
    }

    /// The operator's token.
    pub fn op_token(&self) -> Option<SyntaxToken> {
        tokens(self.syntax()).find(|token| BinaryOp::from_kind(token.kind()).is_some())
    }

    /// The operator's place.
    pub fn op_span(&self, source: SourceId) -> Option<Span> {
        self.op_token().map(|token| Span::new(source, token.text_range()))
    }

    /// The left operand.
    pub fn left(&self) -> Option<Expr> {
        nth_child(self.syntax(), 0)
    }

    /// The right operand.
    pub fn right(&self) -> Option<Expr> {
        nth_child(self.syntax(), 1)
    }
}

impl FieldExpr {
    /// What has the field.
    pub fn base(&self) -> Option<Expr> {
        child(self.syntax())
    }

    /// The field's name.
    pub fn field(&self) -> Option<Name> {
        name(self.syntax())
    }
}

impl CallExpr {
    /// What is called: a name, or a field for a method or a lookup.
    pub fn callee(&self) -> Option<Expr> {
        child(self.syntax())
    }

    /// The arguments.
    pub fn args(&self) -> impl Iterator<Item = Expr> + use<> {
        child::<ArgList>(self.syntax()).into_iter().flat_map(|list| children(list.syntax()))
    }

    /// The parentheses.
    pub fn arg_list(&self) -> Option<ArgList> {
        child(self.syntax())
    }
}

impl IndexExpr {
    /// What is indexed.
    pub fn base(&self) -> Option<Expr> {
        nth_child(self.syntax(), 0)
    }

    /// What stands in the brackets.
    pub fn index(&self) -> Option<Expr> {
        nth_child(self.syntax(), 1)
    }
}

impl WithExpr {
    /// What is completed or overridden.
    pub fn base(&self) -> Option<Expr> {
        child(self.syntax())
    }

    /// The fields that replace.
    pub fn block(&self) -> Option<Block> {
        child(self.syntax())
    }
}

impl IfExpr {
    /// The condition.
    pub fn condition(&self) -> Option<Expr> {
        nth_child(self.syntax(), 0)
    }

    /// The value if it holds.
    pub fn then_value(&self) -> Option<Expr> {
        nth_child(self.syntax(), 1)
    }

    /// The value if not.
    pub fn else_value(&self) -> Option<Expr> {
        nth_child(self.syntax(), 2)
    }
}

impl MatchExpr {
    /// What is looked at.
    pub fn scrutinee(&self) -> Option<Expr> {
        child(self.syntax())
    }

    /// The arms.
    pub fn arms(&self) -> impl Iterator<Item = MatchArm> + use<> {
        self.syntax()
            .children()
            .filter(|node| node.kind() == SyntaxKind::MATCH_ARMS)
            .flat_map(|arms| arms.children().filter_map(MatchArm::cast))
    }
}

impl MatchArm {
    /// What is matched.
    pub fn pattern(&self) -> Option<Pattern> {
        child(self.syntax())
    }

    /// The value.
    pub fn value(&self) -> Option<Expr> {
        child(self.syntax())
    }
}

/// One alternative of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternAlternative {
    /// A literal, a string or a range of literals.
    Value(Expr),
    /// `_`: whatever is left.
    Rest(Name),
}

impl Pattern {
    /// The alternatives.
    pub fn alternatives(&self) -> impl Iterator<Item = PatternAlternative> + use<> {
        children::<Expr>(self.syntax()).filter_map(|expr| match expr {
            Expr::Name(rest) => rest.name().map(PatternAlternative::Rest),
            value => Some(PatternAlternative::Value(value)),
        })
    }
}
