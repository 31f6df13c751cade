//! From text to tree. The one place where pest is known: it recognises, in one pass, what is where; the tree
//! builder makes the lossless tree from that.

use pest::Parser as _;
use pest::Token;

use crate::ast;
use crate::ast::AstNode as _;
use crate::depth;
use crate::diagnostic::Diagnostic;
use crate::messages;
use crate::source::SourceId;
use crate::syntax_error::SyntaxErrors;
use crate::syntax_kind::{SyntaxKind, SyntaxNode};
use crate::tree_builder::{Junk, Missing, Part, TreeBuilder, unparsed};

// The generated parser documents nothing and exports its rules.
#[allow(missing_docs, unreachable_pub)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "kit.pest"]
    pub(super) struct Grammar;
}
use grammar::{Grammar, Rule};

/// A text that was parsed: a tree whose text is the input, byte for byte, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Parse {
    green: rowan::GreenNode,
    errors: SyntaxErrors,
}

impl Parse {
    /// The root of the tree, a `FILE`.
    pub fn syntax(&self) -> SyntaxNode {
        SyntaxNode::new_root(self.green.clone())
    }

    /// The tree, typed.
    pub fn file(&self) -> ast::File {
        match ast::File::cast(self.syntax()) {
            Some(file) => file,
            None => unreachable!("the tree builder makes the root a FILE"),
        }
    }

    /// The text has errors.
    pub fn has_errors(&self) -> bool {
        self.errors.count() > 0
    }

    /// How many errors the text has, those included that `diagnostics` leaves out.
    pub fn error_count(&self) -> usize {
        self.errors.count()
    }

    /// The errors, at most `MAX_DIAGNOSTICS`, by place.
    pub fn diagnostics(&self, source: SourceId) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = self.errors.kept().iter().map(|error| error.diagnostic(source)).collect();
        found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        found
    }

    /// A tree that is known to be that of a right text, such as one that was parsed before.
    pub(crate) fn without_errors(green: rowan::GreenNode) -> Parse {
        Parse { green, errors: SyntaxErrors::default() }
    }

    /// The tree as rowan keeps it, for those who go through all of it.
    pub(crate) fn green(&self) -> &rowan::GreenNodeData {
        &self.green
    }
}

/// Parses a text. It never fails: whatever the text, there is a tree of all of it.
pub fn parse(text: &str) -> Parse {
    if let Some(place) = depth::first_too_deep(text) {
        return into_parse(unparsed(text, messages::too_deep(place, text)));
    }
    // Where pest itself gives up, its guard found the stack short: deeper than the depth we allow.
    let Ok(pairs) = Grammar::parse(Rule::file, text) else {
        return into_parse(unparsed(text, messages::too_deep(0, text)));
    };
    let mut builder = TreeBuilder::new(text);
    for token in pairs.tokens() {
        match token {
            Token::Start { rule, pos } => {
                if let Some(part) = part(rule) {
                    builder.enter(part, pos.pos());
                }
            }
            Token::End { rule, pos } => {
                if let Some(part) = part(rule) {
                    builder.leave(part, pos.pos());
                }
            }
        }
    }
    into_parse(builder.finish())
}

fn into_parse((green, errors): (rowan::GreenNode, SyntaxErrors)) -> Parse {
    Parse { green, errors }
}

/// What a captured rule is to the tree. Silent rules never come here.
fn part(rule: Rule) -> Option<Part> {
    use SyntaxKind::*;
    Some(match rule {
        Rule::file => Part::Node(FILE),
        Rule::use_decl => Part::Node(USE),
        Rule::param_decl => Part::Node(PARAM),
        Rule::let_decl => Part::Node(LET),
        Rule::type_decl => Part::Node(TYPE_DECL),
        Rule::fn_decl => Part::Node(FN),
        Rule::fn_params => Part::Node(FN_PARAMS),
        Rule::fn_param => Part::Node(FN_PARAM),
        Rule::cluster_decl => Part::Node(CLUSTER),
        Rule::resource_decl => Part::Node(RESOURCE),
        Rule::group_decl => Part::Node(GROUP),
        Rule::component_decl => Part::Node(COMPONENT),
        Rule::decl_block => Part::Node(DECL_BLOCK),
        Rule::metadata_decl => Part::Node(METADATA),
        Rule::metadata_block => Part::Node(METADATA_BLOCK),
        Rule::metadata_entry => Part::Node(METADATA_ENTRY),
        Rule::require => Part::Node(REQUIRE),
        Rule::output_decl => Part::Node(OUTPUT),
        Rule::test_decl => Part::Node(TEST),
        Rule::extern_resource => Part::Node(EXTERN_RESOURCE),
        Rule::extern_role => Part::Node(EXTERN_ROLE),
        Rule::field_decls => Part::Node(FIELD_DECLS),
        Rule::field_decl => Part::Node(FIELD_DECL),
        Rule::where_clause => Part::Node(REFINEMENT),
        Rule::block | Rule::group_block | Rule::test_block => Part::Node(BLOCK),
        Rule::element_block => Part::ElementBlock,
        Rule::field | Rule::field_first => Part::Node(FIELD),
        Rule::member => Part::Node(MEMBER),
        Rule::for_fields | Rule::for_group | Rule::for_elements => Part::Node(FOR),
        Rule::if_fields | Rule::if_group => Part::Node(IF),

        Rule::expr | Rule::expr_wide | Rule::scrutinee | Rule::pattern_value => Part::Expr,
        Rule::number | Rule::ipv6 => Part::Literal,
        Rule::text_block => Part::TextBlock,
        Rule::word_literal => Part::Node(LITERAL_EXPR),
        Rule::string => Part::Node(STRING),
        Rule::string_text => Part::Token(STRING_TEXT),
        Rule::interpolation => Part::Node(INTERPOLATION),
        Rule::script => Part::Node(SCRIPT),
        Rule::script_text => Part::Token(SCRIPT_TEXT),
        Rule::name_expr => Part::Node(NAME_EXPR),
        Rule::record => Part::Node(RECORD_EXPR),
        Rule::list => Part::Node(LIST_EXPR),
        Rule::paren => Part::Node(PAREN_EXPR),
        Rule::construct => Part::Node(CONSTRUCT_EXPR),
        Rule::type_path => Part::Node(TYPE_PATH),
        Rule::args => Part::Suffix(CALL_EXPR, Some(ARG_LIST)),
        Rule::index => Part::Suffix(INDEX_EXPR, None),
        Rule::with_clause => Part::Suffix(WITH_EXPR, None),
        Rule::foreign_operator => Part::ForeignOperator,
        Rule::foreign_prefix => Part::ForeignPrefix,
        Rule::match_expr => Part::Node(MATCH_EXPR),
        Rule::match_arms => Part::Node(MATCH_ARMS),
        Rule::match_arm => Part::Node(MATCH_ARM),
        Rule::pattern => Part::Node(PATTERN),

        Rule::type_expr => Part::Type,
        Rule::named_type => Part::Node(NAMED_TYPE),
        Rule::literal_type => Part::Node(LITERAL_TYPE),
        Rule::paren_type => Part::Node(PAREN_TYPE),
        Rule::record_type => Part::Node(RECORD_TYPE),

        Rule::name | Rule::access_name => Part::Name,
        Rule::comment => Part::Comment,
        Rule::module_path => Part::Token(MODULE_PATH),

        Rule::missing_value => Part::Missing(Missing::Value),
        Rule::missing_operand => Part::Missing(Missing::Operand),
        Rule::missing_field_name => Part::Missing(Missing::FieldName),
        Rule::missing_name => Part::Missing(Missing::Name),
        Rule::missing_type => Part::Missing(Missing::Type),
        Rule::missing_annotation => Part::Missing(Missing::Annotation),
        Rule::missing_role => Part::Missing(Missing::Role),
        Rule::missing_equals => Part::Missing(Missing::Equals),
        Rule::missing_block => Part::Missing(Missing::Block),
        Rule::missing_close => Part::Missing(Missing::Close),
        Rule::missing_quote => Part::Missing(Missing::Quote),
        Rule::missing_script_end => Part::Missing(Missing::ScriptEnd),
        Rule::missing_in => Part::Missing(Missing::In),
        Rule::missing_arrow => Part::Missing(Missing::Arrow),
        Rule::missing_comma => Part::Missing(Missing::Comma),
        Rule::missing_path => Part::Missing(Missing::Path),
        Rule::missing_angle => Part::Missing(Missing::Angle),
        Rule::missing_params => Part::Missing(Missing::Params),

        Rule::junk_top => Part::Junk(Junk::Declaration),
        Rule::junk_after_decl => Part::Junk(Junk::AfterDeclaration),
        Rule::junk_item => Part::Junk(Junk::Item),
        Rule::junk_decl => Part::Junk(Junk::Misplaced),
        Rule::doubled => Part::Junk(Junk::Doubled),
        Rule::inner_where => Part::Junk(Junk::InnerWhere),
        Rule::surplus_head => Part::Junk(Junk::SurplusHead),
        Rule::surplus_open => Part::Junk(Junk::SurplusOpen),
        Rule::surplus_close => Part::Junk(Junk::SurplusClose),
        Rule::surplus_names => Part::Junk(Junk::SurplusNames),
        Rule::junk_after => Part::Junk(Junk::AfterItem),
        Rule::junk_element => Part::Junk(Junk::Element),
        Rule::junk_interpolation => Part::Junk(Junk::Interpolation),
        Rule::lone_comma => Part::Junk(Junk::LoneComma),
        Rule::surplus_mark => Part::Junk(Junk::SurplusMark),
        Rule::surplus_name => Part::Junk(Junk::SurplusName),
        Rule::orphan_body | Rule::orphan_line => Part::Junk(Junk::Orphan),
        Rule::surplus_type => Part::Junk(Junk::SurplusType),
        _ => return None,
    })
}
