//! Makes the lossless tree from what the grammar recognised. It nests the flat rows of operators by
//! precedence, turns what is missing or junk into errors, and reads the text between captures as plain tokens.

mod expressions;
mod findings;
mod unparsed;

use rowan::{Checkpoint, GreenNode, GreenNodeBuilder};

use crate::literal;
use crate::messages;
use crate::plain_token;
use crate::precedence::Precedence;
use crate::string_escape;
use crate::syntax_error::{SyntaxError, SyntaxErrors};
use crate::syntax_kind::SyntaxKind;

pub(crate) use unparsed::unparsed;

/// How high a tree may be. A row of operators nests to the left, one level each; brackets add a few levels
/// each. What reads the tree recurses, and this bounds its stack.
pub(crate) const MAX_HEIGHT: u32 = 512;

/// What the grammar captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A node.
    Node(SyntaxKind),
    /// A token whose kind the grammar knows.
    Token(SyntaxKind),
    /// A name, whatever keyword it looks like.
    Name,
    /// A comment.
    Comment,
    /// A number, an address: a node around one token whose kind the text decides.
    Literal,
    /// A flat row of operands and operators.
    Expr,
    /// A flat row of alternatives.
    Type,
    /// A node around the operand before it; perhaps with a node for the suffix itself.
    Suffix(SyntaxKind, Option<SyntaxKind>),
    /// An operator of another language.
    ForeignOperator,
    /// One before its operand.
    ForeignPrefix,
    /// A text over several lines, which Kit does not have.
    TextBlock,
    /// `{ … }` after a `for` or an `if` among elements.
    ElementBlock,
    /// Something that ought to be here; of no width.
    Missing(Missing),
    /// Something that ought not to be here.
    Junk(Junk),
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Value,
    Operand,
    FieldName,
    Name,
    Type,
    Annotation,
    Role,
    Equals,
    Block,
    Close,
    Quote,
    ScriptEnd,
    In,
    Arrow,
    Comma,
    Path,
    Angle,
    Params,
}

impl Missing {
    /// After another error in the same node, it is that one's consequence.
    fn follows_others(self) -> bool {
        use Missing::*;
        matches!(self, Annotation | Role | Equals | Block | In | Arrow | Angle | Params | Comma)
    }
}

/// Where junk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Junk {
    Declaration,
    AfterDeclaration,
    Item,
    AfterItem,
    Element,
    Interpolation,
    LoneComma,
    SurplusMark,
    SurplusName,
    SurplusType,
    Orphan,
    /// A declaration among fields.
    Misplaced,
    /// `{ … }` directly in `${ … }`.
    Doubled,
    InnerWhere,
    SurplusHead,
    SurplusOpen,
    SurplusClose,
    SurplusNames,
}

/// A node that is open.
struct Frame {
    kind: FrameKind,
    /// How high the nodes in it are; in an expression, how high the operand at hand is.
    height: u32,
    /// Where it begins.
    start: usize,
}

enum FrameKind {
    Node(SyntaxKind),
    Expr(ExprFrame),
    Type {
        start: Checkpoint,
        atom: Checkpoint,
        is_union: bool,
    },
    /// A suffix; two nodes are open where the flag is set.
    Suffix(bool),
    Junk,
    /// An `if` among elements whose block this is, or the block alone.
    ElementBlock {
        of_if: bool,
    },
}

struct ExprFrame {
    /// The operators of this expression begin here in `TreeBuilder::operators`.
    operators: usize,
    /// Where the operand at hand begins.
    operand: Checkpoint,
    expects_operand: bool,
    after_dot: bool,
    /// `else` was met that introduces the message of a condition.
    in_message: bool,
}

/// An operator whose right side is not complete.
struct Operator {
    kind: OperatorKind,
    checkpoint: Checkpoint,
    left_height: u32,
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OperatorKind {
    Prefix,
    Binary(Precedence),
    /// `if` whose `then` is to come: its node is not begun, as it may be a block's.
    Condition,
    Then,
    Else,
}

pub(crate) struct TreeBuilder<'text> {
    text: &'text str,
    green: GreenNodeBuilder<'static>,
    /// How far the text is in the tree.
    at: usize,
    frames: Vec<Frame>,
    operators: Vec<Operator>,
    /// An `if` with its condition, whose block must come next.
    pending_if: Option<Operator>,
    /// Brackets that are open, with their places.
    brackets: Vec<(u8, usize)>,
    /// Braces that were taken for closed because the next declaration began.
    assumed_closed: usize,
    /// The last token that is no trivia.
    last: (usize, usize),
    /// Where the declaration at the top of the file begins that was met last.
    declaration: usize,
    /// In it a bracket was closed by one of another kind: what else is open or closed in it follows from that.
    misnested: bool,
    /// The bracket that is closed next is open, and that has been said.
    said_open: bool,
    too_high: Option<usize>,
    /// A text over several lines was begun, which Kit does not have; so far it reaches.
    ran_over: Option<usize>,
    errors: SyntaxErrors,
}

impl<'text> TreeBuilder<'text> {
    pub(crate) fn new(text: &'text str) -> TreeBuilder<'text> {
        TreeBuilder {
            text,
            green: GreenNodeBuilder::new(),
            at: 0,
            frames: Vec::new(),
            operators: Vec::new(),
            pending_if: None,
            brackets: Vec::new(),
            assumed_closed: 0,
            last: (0, 0),
            declaration: 0,
            misnested: false,
            said_open: false,
            too_high: None,
            ran_over: None,
            errors: SyntaxErrors::default(),
        }
    }

    /// The tree and the errors.
    pub(crate) fn finish(self) -> (GreenNode, SyntaxErrors) {
        match self.too_high {
            Some(place) => unparsed(self.text, messages::too_high(place, self.text)),
            None => (self.green.finish(), self.errors),
        }
    }

    /// A capture begins.
    pub(crate) fn enter(&mut self, part: Part, start: usize) {
        if self.too_high.is_some() {
            return;
        }
        if self.pending_if.is_some() && part != Part::ElementBlock && !matches!(part, Part::Comment) {
            self.resolve_pending_if();
        }
        if part == Part::Comment && self.is_before_operator() {
            return;
        }
        if part == Part::ForeignOperator {
            // As with every operator, the space before it is not its left operand's.
            self.begin_binary(Precedence::Or, start);
        }
        self.plain_tokens(start);
        match part {
            Part::Node(SyntaxKind::FILE) => {
                // The space before the first declaration belongs to the file.
                self.open(SyntaxKind::FILE, 0);
            }
            Part::Node(kind) => {
                self.operand_begins();
                self.open(kind, start);
            }
            Part::Literal | Part::TextBlock => {
                self.operand_begins();
                self.green.start_node(SyntaxKind::LITERAL_EXPR.into());
            }
            Part::Token(_) | Part::Name | Part::Comment => {}
            Part::Expr => {
                let frame = ExprFrame {
                    operators: self.operators.len(),
                    operand: self.green.checkpoint(),
                    expects_operand: true,
                    after_dot: false,
                    in_message: false,
                };
                self.push(FrameKind::Expr(frame), start);
            }
            Part::Type => {
                let start_of_type = self.green.checkpoint();
                self.push(FrameKind::Type { start: start_of_type, atom: start_of_type, is_union: false }, start);
            }
            Part::Suffix(outer, inner) => {
                if let Some(operand) = self.operand() {
                    self.green.start_node_at(operand, outer.into());
                } else {
                    self.green.start_node(outer.into());
                }
                if let Some(inner) = inner {
                    self.green.start_node(inner.into());
                }
                self.push(FrameKind::Suffix(inner.is_some()), start);
            }
            Part::ForeignOperator | Part::ForeignPrefix => {
                self.push(FrameKind::Junk, start);
                self.green.start_node(SyntaxKind::ERROR.into());
            }
            Part::ElementBlock => {
                let of_if = match self.pending_if.take() {
                    Some(condition) => {
                        self.green.start_node_at(condition.checkpoint, SyntaxKind::IF.into());
                        true
                    }
                    None => false,
                };
                if !of_if && !self.parent_is(SyntaxKind::FOR) {
                    self.errors.push_with(|| messages::block_of_nothing(start));
                }
                self.green.start_node(SyntaxKind::ELEMENT_BLOCK.into());
                self.push(FrameKind::ElementBlock { of_if }, start);
            }
            Part::Missing(missing) => self.missing(missing),
            Part::Junk(_) => {
                self.green.start_node(SyntaxKind::ERROR.into());
                self.push(FrameKind::Junk, start);
            }
        }
    }

    /// A capture ends.
    pub(crate) fn leave(&mut self, part: Part, end: usize) {
        if self.too_high.is_some() {
            return;
        }
        match part {
            Part::Token(kind) => self.text_token(kind, end),
            Part::Name => self.name(end),
            Part::Comment if self.is_before_operator() => {}
            Part::Comment => {
                let text = &self.text[self.at..end];
                // Without the carriage return of a Windows line; that is space.
                let length = text.trim_end_matches('\r').len();
                self.token(plain_token::comment_kind(text), self.at + length);
            }
            Part::Literal => self.literal(end),
            Part::TextBlock => {
                let start = self.at;
                self.errors.push_with(|| messages::text_block(start));
                self.token(SyntaxKind::BAD_LITERAL, end);
                self.green.finish_node();
                self.raise(1);
            }
            Part::Missing(_) => {}
            Part::Junk(junk) => {
                self.plain_tokens(end);
                self.leave_junk(junk, end);
            }
            Part::Expr => {
                self.plain_tokens(end);
                self.leave_expr();
            }
            Part::ForeignOperator => {
                let (start, source) = (self.at, self.text);
                self.plain_tokens(end);
                if !self.line_is_lost(start) {
                    let call = match self.brackets.last() {
                        Some((b'(', opened)) => Some(*opened),
                        _ => None,
                    };
                    self.errors.push_with(|| messages::foreign_operator(source, start, end, call));
                }
                self.close_frame();
                self.next_operand();
            }
            Part::ForeignPrefix => {
                let start = self.at;
                self.plain_tokens(end);
                self.errors.push_with(|| messages::foreign_prefix(start));
                self.close_frame();
            }
            Part::Node(_) | Part::Type | Part::Suffix(..) | Part::ElementBlock => {
                self.resolve_pending_if();
                self.plain_tokens(end);
                self.close_frame();
            }
        }
    }

    // ---- Frames

    fn push(&mut self, kind: FrameKind, start: usize) {
        self.frames.push(Frame { kind, height: 0, start });
    }

    fn open(&mut self, kind: SyntaxKind, start: usize) {
        // One that is indented may be part of the one above, which was closed too early.
        if self.frames.len() == 1 && (start == 0 || self.text.as_bytes()[start - 1] == b'\n') {
            self.declaration = start;
            self.misnested = false;
        }
        self.green.start_node(kind.into());
        self.push(FrameKind::Node(kind), start);
    }

    fn close_frame(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        let levels = match &frame.kind {
            FrameKind::Node(_) => {
                self.green.finish_node();
                1
            }
            FrameKind::Suffix(both) => {
                self.green.finish_node();
                if *both {
                    self.green.finish_node();
                }
                2
            }
            FrameKind::ElementBlock { of_if } => {
                self.green.finish_node();
                if *of_if {
                    self.green.finish_node();
                }
                2
            }
            FrameKind::Type { is_union, .. } => {
                if *is_union {
                    self.green.finish_node();
                }
                1
            }
            FrameKind::Junk => {
                self.green.finish_node();
                1
            }
            FrameKind::Expr(_) => 0,
        };
        self.raise(frame.height + levels);
    }

    /// The node at hand contains one of this height.
    fn raise(&mut self, height: u32) {
        if height > MAX_HEIGHT && self.too_high.is_none() {
            self.too_high = Some(self.last.0);
        }
        if let Some(parent) = self.frames.last_mut() {
            parent.height = parent.height.max(height);
        }
    }

    fn parent_is(&self, kind: SyntaxKind) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: FrameKind::Node(found), .. }) if *found == kind)
    }

    /// Names in these nodes are never keywords.
    fn only_names_here(&self) -> bool {
        matches!(
            self.frames.last(),
            Some(Frame {
                kind: FrameKind::Node(SyntaxKind::TYPE_PATH | SyntaxKind::NAMED_TYPE | SyntaxKind::NAME_EXPR),
                ..
            })
        )
    }

    // ---- Tokens

    fn token(&mut self, kind: SyntaxKind, end: usize) {
        if end <= self.at {
            return;
        }
        self.green.token(kind.into(), &self.text[self.at..end]);
        if !kind.is_trivia() {
            self.last = (self.at, end);
        }
        self.at = end;
    }

    /// Reads the text up to a place as plain tokens.
    fn plain_tokens(&mut self, end: usize) {
        while self.at < end {
            let (kind, length) = plain_token::first(&self.text[self.at..end]);
            if kind.is_trivia() && self.expr().is_some_and(|expr| !expr.expects_operand) {
                // The operator behind the space ends nodes, and the space is not theirs.
                let start = self.after_trivia(end);
                if start < end {
                    let (kind, length) = plain_token::first(&self.text[start..end]);
                    self.operator(kind, start, start + length);
                    continue;
                }
            }
            self.plain_token(kind, self.at + length);
        }
    }

    /// A comment here stands before an operator, which ends nodes. It is not theirs, and is read with the operator.
    fn is_before_operator(&mut self) -> bool {
        self.expr().is_some_and(|expr| !expr.expects_operand)
    }

    /// Where the trivia at hand end, at most a limit.
    fn after_trivia(&self, limit: usize) -> usize {
        let mut at = self.at;
        while at < limit {
            let (kind, length) = plain_token::first(&self.text[at..limit]);
            if !kind.is_trivia() {
                break;
            }
            at += length;
        }
        at
    }

    /// Reads the trivia up to a place.
    fn trivia(&mut self, end: usize) {
        while self.at < end {
            let (kind, length) = plain_token::first(&self.text[self.at..end]);
            self.token(kind, self.at + length);
        }
    }

    fn plain_token(&mut self, kind: SyntaxKind, end: usize) {
        if kind.is_trivia() {
            self.token(kind, end);
            return;
        }
        let in_junk = matches!(self.frames.last(), Some(Frame { kind: FrameKind::Junk, .. }));
        match kind {
            // In junk brackets open and close nothing.
            _ if in_junk => {}
            SyntaxKind::L_BRACE | SyntaxKind::L_PAREN | SyntaxKind::L_BRACKET | SyntaxKind::INTERPOLATION_START => {
                self.brackets.push((self.text.as_bytes()[self.at], self.at));
            }
            SyntaxKind::R_BRACE | SyntaxKind::R_PAREN | SyntaxKind::R_BRACKET => {
                self.brackets.pop();
            }
            _ => {}
        }
        match self.frames.last_mut() {
            Some(Frame { kind: FrameKind::Expr(_), .. }) => self.operator(kind, self.at, end),
            Some(Frame { kind: FrameKind::Type { start, atom, is_union }, .. }) => {
                if kind == SyntaxKind::PIPE && !*is_union {
                    *is_union = true;
                    self.green.start_node_at(*start, SyntaxKind::UNION_TYPE.into());
                } else if matches!(kind, SyntaxKind::QUESTION | SyntaxKind::COALESCE) {
                    let atom = *atom;
                    if kind == SyntaxKind::COALESCE {
                        let start = self.at;
                        self.errors.push_with(|| messages::twice_optional(start));
                    }
                    self.green.start_node_at(atom, SyntaxKind::OPTIONAL_TYPE.into());
                    self.token(kind, end);
                    self.green.finish_node();
                    let height = self.frames.last().map_or(0, |frame| frame.height);
                    self.raise(height + 1);
                    return;
                }
                self.token(kind, end);
            }
            Some(Frame { kind: FrameKind::Node(SyntaxKind::SCRIPT), .. }) if kind == SyntaxKind::IDENT => {
                // `sh` and the three quotes behind it are one token.
                let end = self.text[self.at..].find("\"\"\"").map_or(end, |quotes| self.at + quotes + 3);
                self.token(SyntaxKind::SCRIPT_START, end);
            }
            _ => {
                let kind = if self.only_names_here() && is_word(kind) {
                    plain_token::name_kind(&self.text[self.at..end])
                } else {
                    kind
                };
                self.token(kind, end);
            }
        }
    }

    fn text_token(&mut self, kind: SyntaxKind, end: usize) {
        if kind == SyntaxKind::STRING_TEXT {
            let text = &self.text[self.at..end];
            if text.as_bytes().contains(&b'\\') {
                for bad in string_escape::bad_escapes(text) {
                    let start = self.at + bad.start;
                    self.errors.push_with(|| messages::bad_escape(self.text, start, start + bad.length));
                }
            }
        }
        self.token(kind, end);
    }

    fn name(&mut self, end: usize) {
        let kind = plain_token::name_kind(&self.text[self.at..end]);
        self.check_case(kind, end);
        self.token(kind, end);
        if let Some(Frame { kind: FrameKind::Expr(expr), .. }) = self.frames.last_mut()
            && expr.after_dot
        {
            expr.after_dot = false;
            self.finish_field_access();
        }
    }

    fn finish_field_access(&mut self) {
        self.green.finish_node();
        if let Some(frame) = self.frames.last() {
            let height = frame.height + 1;
            self.raise(height);
        }
    }

    fn literal(&mut self, end: usize) {
        let text = &self.text[self.at..end];
        let kind = match literal::read(text) {
            Ok(value) => value.kind(),
            Err(problem) if self.text[..self.at].ends_with('-') && messages::begins_as_name(self.text, self.at) => {
                let (source, at) = (self.text, self.at);
                self.errors.push_with(|| messages::unquoted(problem.code, source, at));
                SyntaxKind::BAD_LITERAL
            }
            Err(problem) => {
                let start = self.at;
                self.errors.push_with(|| SyntaxError {
                    help: problem.help,
                    fix: problem.instead.map(|(text, safe)| (start, end, text, safe)),
                    ..SyntaxError::new(problem.code, start, end, problem.message)
                });
                SyntaxKind::BAD_LITERAL
            }
        };
        self.token(kind, end);
        self.green.finish_node();
        self.raise(1);
    }
}

fn is_word(kind: SyntaxKind) -> bool {
    (SyntaxKind::USE_KW..=SyntaxKind::NONE_KW).contains(&kind)
        || matches!(kind, SyntaxKind::IDENT | SyntaxKind::TYPE_IDENT)
}
