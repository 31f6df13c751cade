//! The kinds of tokens and nodes in the tree, and the tree's types.

macro_rules! syntax_kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a token or a node of the tree is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[allow(missing_docs, non_camel_case_types, clippy::upper_case_acronyms)]
        pub enum SyntaxKind { $($(#[$doc])* $name,)* }

        /// Every kind at the index of its own number: the way back from rowan's number without `unsafe`.
        const ALL: &[SyntaxKind] = &[$(SyntaxKind::$name,)*];
    };
}

syntax_kinds! {
    // Trivia.
    /// Spaces, tabs and carriage returns.
    WHITESPACE,
    /// One `\n`.
    NEWLINE,
    /// `# …` to the end of the line.
    COMMENT,
    /// `## …` to the end of the line.
    DOC_COMMENT,

    // Tokens with a text of their own.
    /// A name that begins with a lower-case letter or `_`.
    IDENT,
    /// A name that begins with a capital.
    TYPE_IDENT,
    /// What stands after `use` when it is no string: `std/aws`.
    MODULE_PATH,
    INT,
    IP,
    CIDR,
    BYTES,
    DURATION,
    PERCENT,
    /// Looks like a number or an address, but is none; an error tells why.
    BAD_LITERAL,
    /// The quote that opens or closes a string.
    QUOTE,
    /// Raw text of a string, escapes included.
    STRING_TEXT,
    /// `${`
    INTERPOLATION_START,
    /// `sh"""`
    SCRIPT_START,
    /// Raw text of a script.
    SCRIPT_TEXT,
    /// `"""`
    SCRIPT_END,
    /// Characters which have no place in the language.
    UNKNOWN,

    // Keywords. All are contextual: the grammar decides where a word is one.
    USE_KW,
    PARAM_KW,
    LET_KW,
    TYPE_KW,
    FN_KW,
    CLUSTER_KW,
    RESOURCE_KW,
    GROUP_KW,
    COMPONENT_KW,
    METADATA_KW,
    REQUIRE_KW,
    OUTPUT_KW,
    TEST_KW,
    EXTERN_KW,
    ROLE_KW,
    LIVE_KW,
    AMBIENT_KW,
    MEMBER_KW,
    FOR_KW,
    IN_KW,
    IF_KW,
    THEN_KW,
    ELSE_KW,
    WHERE_KW,
    WITH_KW,
    MATCH_KW,
    TRUE_KW,
    FALSE_KW,
    NONE_KW,

    // Punctuation and operators.
    L_BRACE,
    R_BRACE,
    L_PAREN,
    R_PAREN,
    L_BRACKET,
    R_BRACKET,
    COMMA,
    COLON,
    DOT,
    QUESTION,
    EQ,
    FAT_ARROW,
    PIPE,
    PLUS,
    MINUS,
    STAR,
    BANG,
    EQ_EQ,
    NOT_EQ,
    LESS,
    LESS_EQ,
    GREATER,
    GREATER_EQ,
    AND_AND,
    OR_OR,
    COALESCE,
    RANGE,

    // Nodes: declarations.
    FILE,
    /// What could not be understood; an error tells why.
    ERROR,
    USE,
    PARAM,
    LET,
    TYPE_DECL,
    FN,
    FN_PARAMS,
    FN_PARAM,
    CLUSTER,
    RESOURCE,
    GROUP,
    COMPONENT,
    /// `{ … }` of a component: declarations.
    DECL_BLOCK,
    METADATA,
    /// `{ … }` of metadata.
    METADATA_BLOCK,
    /// `name: T`, `ambient name: T`, `name(args): T` or `name { … }` in metadata.
    METADATA_ENTRY,
    REQUIRE,
    OUTPUT,
    TEST,
    EXTERN_RESOURCE,
    EXTERN_ROLE,
    /// `{ … }` of declared fields: a record type, an extern.
    FIELD_DECLS,
    /// `live? name: T = default where … else "…"`
    FIELD_DECL,
    /// `where it … else "…"`
    REFINEMENT,

    // Nodes: what stands in braces.
    /// `{ … }` of fields, members, requires, `for` and `if`.
    BLOCK,
    /// `{ … }` of a `for` or an `if` in a list: elements.
    ELEMENT_BLOCK,
    FIELD,
    MEMBER,
    /// `for x in xs if c { … }`
    FOR,
    /// `if c { … }`
    IF,

    // Nodes: expressions.
    LITERAL_EXPR,
    STRING,
    /// `${expr}` in a string.
    INTERPOLATION,
    SCRIPT,
    NAME_EXPR,
    RECORD_EXPR,
    LIST_EXPR,
    PAREN_EXPR,
    /// `aws.Machine { … }`
    CONSTRUCT_EXPR,
    /// `aws.Machine`, where a type is named.
    TYPE_PATH,
    UNARY_EXPR,
    BINARY_EXPR,
    FIELD_EXPR,
    CALL_EXPR,
    ARG_LIST,
    INDEX_EXPR,
    /// `base with { … }`
    WITH_EXPR,
    /// `if c then a else b`
    IF_EXPR,
    MATCH_EXPR,
    MATCH_ARMS,
    MATCH_ARM,
    /// Alternatives, separated by `|`, or `_`.
    PATTERN,

    // Nodes: types.
    /// `int`, `list<T>`, `aws.Machine`
    NAMED_TYPE,
    /// `T?`
    OPTIONAL_TYPE,
    /// `A | B`
    UNION_TYPE,
    /// `{ a: int, b: string? }`
    RECORD_TYPE,
    /// `"t3.small"` where a type stands
    LITERAL_TYPE,
    PAREN_TYPE,
}

impl SyntaxKind {
    /// The kind with a number, which is what `as` makes of it.
    pub(crate) fn from_number(number: u32) -> Option<SyntaxKind> {
        ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Space, a newline or a comment: what never changes the meaning.
    pub fn is_trivia(self) -> bool {
        self <= SyntaxKind::DOC_COMMENT
    }

    /// A comment, documenting or not.
    pub fn is_comment(self) -> bool {
        matches!(self, SyntaxKind::COMMENT | SyntaxKind::DOC_COMMENT)
    }

    /// The keyword which this word is, where the grammar wants one.
    pub fn from_keyword(word: &str) -> Option<SyntaxKind> {
        use SyntaxKind::*;
        Some(match word {
            "use" => USE_KW,
            "param" => PARAM_KW,
            "let" => LET_KW,
            "type" => TYPE_KW,
            "fn" => FN_KW,
            "cluster" => CLUSTER_KW,
            "resource" => RESOURCE_KW,
            "group" => GROUP_KW,
            "component" => COMPONENT_KW,
            "metadata" => METADATA_KW,
            "require" => REQUIRE_KW,
            "output" => OUTPUT_KW,
            "test" => TEST_KW,
            "extern" => EXTERN_KW,
            "role" => ROLE_KW,
            "live" => LIVE_KW,
            "ambient" => AMBIENT_KW,
            "member" => MEMBER_KW,
            "for" => FOR_KW,
            "in" => IN_KW,
            "if" => IF_KW,
            "then" => THEN_KW,
            "else" => ELSE_KW,
            "where" => WHERE_KW,
            "with" => WITH_KW,
            "match" => MATCH_KW,
            "true" => TRUE_KW,
            "false" => FALSE_KW,
            "none" => NONE_KW,
            _ => return None,
        })
    }
}

impl From<SyntaxKind> for rowan::SyntaxKind {
    fn from(kind: SyntaxKind) -> Self {
        rowan::SyntaxKind(kind as u16)
    }
}

/// Kit, for rowan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kit {}

impl rowan::Language for Kit {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        SyntaxKind::from_number(raw.0.into()).unwrap_or(SyntaxKind::UNKNOWN)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        kind.into()
    }
}

/// A node of the lossless tree.
pub type SyntaxNode = rowan::SyntaxNode<Kit>;
/// A token of the lossless tree.
pub type SyntaxToken = rowan::SyntaxToken<Kit>;
/// A node or a token.
pub type SyntaxElement = rowan::SyntaxElement<Kit>;
