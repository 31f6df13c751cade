//! Flat rows of operands and operators become nested nodes: by precedence, as they come, without recursion.

use rowan::Checkpoint;

use super::{ExprFrame, Frame, FrameKind, MAX_HEIGHT, Operator, OperatorKind, TreeBuilder};
use crate::messages;
use crate::precedence::{self, Precedence};
use crate::syntax_kind::SyntaxKind;

impl TreeBuilder<'_> {
    pub(super) fn expr(&mut self) -> Option<&mut ExprFrame> {
        match self.frames.last_mut() {
            Some(Frame { kind: FrameKind::Expr(expr), .. }) => Some(expr),
            _ => None,
        }
    }

    /// The operand that a suffix belongs to.
    pub(super) fn operand(&mut self) -> Option<Checkpoint> {
        self.expr().map(|expr| expr.operand)
    }

    /// A node begins; in an expression that expects one, it is the operand, in a type the next alternative.
    pub(super) fn operand_begins(&mut self) {
        let checkpoint = self.green.checkpoint();
        match self.frames.last_mut() {
            Some(Frame { kind: FrameKind::Expr(expr), height, .. }) if expr.expects_operand => {
                expr.operand = checkpoint;
                expr.expects_operand = false;
                *height = 0;
            }
            Some(Frame { kind: FrameKind::Type { atom, .. }, .. }) => *atom = checkpoint,
            _ => {}
        }
    }

    /// A token between the operands of an expression; only trivia lie before it.
    pub(super) fn operator(&mut self, kind: SyntaxKind, start: usize, end: usize) {
        if self.too_high.is_some() {
            self.trivia(start);
            self.token(kind, end);
            return;
        }
        let expects_operand = self.expr().is_some_and(|expr| expr.expects_operand);
        match kind {
            SyntaxKind::MINUS | SyntaxKind::BANG if expects_operand => {
                let checkpoint = self.green.checkpoint();
                self.green.start_node(SyntaxKind::UNARY_EXPR.into());
                self.push_operator(OperatorKind::Prefix, checkpoint, 0, start);
            }
            SyntaxKind::IF_KW if expects_operand => {
                let checkpoint = self.green.checkpoint();
                self.push_operator(OperatorKind::Condition, checkpoint, 0, start);
            }
            SyntaxKind::THEN_KW => self.then(start),
            SyntaxKind::ELSE_KW => self.otherwise(start),
            SyntaxKind::DOT => {
                if let Some(operand) = self.operand() {
                    self.green.start_node_at(operand, SyntaxKind::FIELD_EXPR.into());
                }
                if let Some(expr) = self.expr() {
                    expr.after_dot = true;
                }
            }
            _ => {
                if let Some(precedence) = precedence::of(kind)
                    && !expects_operand
                {
                    self.begin_binary(precedence, start);
                    self.next_operand();
                }
            }
        }
        self.trivia(start);
        self.token(kind, end);
    }

    /// Every operator that waits for its right side will be a level of the tree.
    pub(super) fn push_operator(&mut self, kind: OperatorKind, checkpoint: Checkpoint, left_height: u32, start: usize) {
        self.operators.push(Operator { kind, checkpoint, left_height, start });
        if self.operators.len() > MAX_HEIGHT as usize && self.too_high.is_none() {
            self.too_high = Some(start);
        }
    }

    /// The innermost operator of the expression at hand.
    pub(super) fn top(&mut self) -> Option<OperatorKind> {
        let first = self.expr()?.operators;
        self.operators.get(first..)?.last().map(|operator| operator.kind)
    }

    pub(super) fn begin_binary(&mut self, precedence: Precedence, start: usize) {
        while let Some(top) = self.top() {
            let binds = match top {
                OperatorKind::Prefix => true,
                OperatorKind::Binary(left) => left > precedence || (left == precedence && !precedence.is_right()),
                _ => false,
            };
            if !binds {
                break;
            }
            if precedence == Precedence::Comparison && top == OperatorKind::Binary(Precedence::Comparison) {
                let first = self.operators.last().map_or(start, |operator| operator.start);
                // Where something is missing between them, nothing was to be chained.
                if !self.error_since(first) {
                    self.errors.push_with(|| messages::chained_comparison(first, start));
                }
            }
            self.reduce();
        }
        if let Some(operand) = self.operand() {
            let height = self.frames.last().map_or(0, |frame| frame.height);
            self.green.start_node_at(operand, SyntaxKind::BINARY_EXPR.into());
            self.push_operator(OperatorKind::Binary(precedence), operand, height, start);
        }
    }

    /// The right side of the innermost operator is complete: its node ends, and is the operand at hand.
    pub(super) fn reduce(&mut self) {
        let Some(operator) = self.operators.pop() else { return };
        if self.too_high.is_some() {
            // The tree is given up; to nest further would only cost time.
            return;
        }
        let at = self.last.1;
        match operator.kind {
            OperatorKind::Condition => {
                self.green.start_node_at(operator.checkpoint, SyntaxKind::IF_EXPR.into());
                self.errors.push_with(|| messages::missing_then(operator.start, at));
            }
            OperatorKind::Then => self.errors.push_with(|| messages::missing_else(self.text, operator.start, at)),
            OperatorKind::Prefix | OperatorKind::Binary(_) | OperatorKind::Else => {}
        }
        self.green.finish_node();
        if let Some(frame) = self.frames.last_mut() {
            frame.height = frame.height.max(operator.left_height) + 1;
            let height = frame.height;
            if let FrameKind::Expr(expr) = &mut frame.kind {
                expr.operand = operator.checkpoint;
            }
            self.raise(height);
        }
    }

    /// The operators of this expression contain one of a kind.
    pub(super) fn has_operator(&mut self, kind: OperatorKind) -> bool {
        let Some(first) = self.expr().map(|expr| expr.operators) else { return false };
        self.operators.get(first..).is_some_and(|all| all.iter().any(|operator| operator.kind == kind))
    }

    pub(super) fn reduce_until(&mut self, kind: OperatorKind) {
        while let Some(top) = self.top() {
            if top == kind {
                break;
            }
            self.reduce();
        }
    }

    pub(super) fn reduce_all(&mut self) {
        while self.top().is_some() {
            self.reduce();
        }
    }

    /// `then`: the condition of the innermost `if` is complete.
    pub(super) fn then(&mut self, start: usize) {
        let height = self.frames.last().map_or(0, |frame| frame.height);
        if self.has_operator(OperatorKind::Condition) {
            self.reduce_until(OperatorKind::Condition);
            if let Some(operator) = self.operators.last_mut() {
                operator.kind = OperatorKind::Then;
                operator.left_height = height;
                self.green.start_node_at(operator.checkpoint, SyntaxKind::IF_EXPR.into());
            }
        } else {
            self.reduce_all();
            if self.parent_of_expr() == Some(SyntaxKind::IF) {
                self.errors.push_with(|| messages::then_in_block(start));
            } else {
                self.errors.push_with(|| messages::stray_word("then", start));
            }
        }
        self.next_operand();
    }

    /// `else`: of the innermost `if`, or before the message of a condition.
    pub(super) fn otherwise(&mut self, start: usize) {
        let height = self.frames.last().map_or(0, |frame| frame.height);
        if self.has_operator(OperatorKind::Then) {
            self.reduce_until(OperatorKind::Then);
            if let Some(operator) = self.operators.last_mut() {
                operator.kind = OperatorKind::Else;
                operator.left_height = operator.left_height.max(height);
            }
        } else {
            self.reduce_all();
            let takes_message = self.expr_belongs_to_condition();
            let follows_error = self.misnested || self.frames.last().is_some_and(|frame| self.error_since(frame.start));
            if let Some(expr) = self.expr()
                && takes_message
                && !expr.in_message
            {
                expr.in_message = true;
            } else if !follows_error && !self.else_of_outer_condition() {
                self.errors.push_with(|| messages::stray_word("else", start));
            }
        }
        self.next_operand();
    }

    pub(super) fn next_operand(&mut self) {
        if let Some(expr) = self.expr() {
            expr.expects_operand = true;
        }
    }

    /// An `else` in brackets which belongs to the condition around them: they were not closed.
    fn else_of_outer_condition(&mut self) -> bool {
        let in_condition = self
            .frames
            .iter()
            .any(|frame| matches!(frame.kind, FrameKind::Node(SyntaxKind::REQUIRE | SyntaxKind::REFINEMENT)));
        let end = self.last.1;
        match self.brackets.last().copied() {
            Some((bracket @ (b'(' | b'['), opened)) if in_condition => {
                self.errors.push_with(|| messages::unclosed(bracket, opened, end));
                self.misnested = true;
                true
            }
            _ => false,
        }
    }

    /// The expression at hand is that of a `require` or a `where`.
    pub(super) fn expr_belongs_to_condition(&self) -> bool {
        matches!(self.parent_of_expr(), Some(SyntaxKind::REQUIRE | SyntaxKind::REFINEMENT))
    }

    /// The node in which the expression at hand stands.
    pub(super) fn parent_of_expr(&self) -> Option<SyntaxKind> {
        match self.frames.iter().rev().nth(1)?.kind {
            FrameKind::Node(kind) => Some(kind),
            _ => None,
        }
    }

    pub(super) fn leave_expr(&mut self) {
        let first = self.expr().map_or(0, |expr| expr.operators);
        while self.operators.len() > first + 1 {
            self.reduce();
        }
        if self.top() == Some(OperatorKind::Condition) {
            // Perhaps an `if` with a block of elements: what comes next decides.
            self.pending_if = self.operators.pop();
        } else {
            self.reduce_all();
        }
        let takes_message = self.expr_belongs_to_condition();
        if let Some(Frame { kind: FrameKind::Expr(expr), start, height, .. }) = self.frames.pop() {
            self.raise(height);
            if takes_message && !expr.in_message && !self.error_since(start) {
                let at = self.last.1;
                self.errors.push_with(|| messages::missing_message(start, at));
            }
        }
    }

    /// No block followed the condition: then it was `if … then` without its `then`.
    pub(super) fn resolve_pending_if(&mut self) {
        if let Some(condition) = self.pending_if.take() {
            self.green.start_node_at(condition.checkpoint, SyntaxKind::IF_EXPR.into());
            self.green.finish_node();
            let at = self.last.1;
            self.errors.push_with(|| messages::missing_then(condition.start, at));
        }
    }
}
