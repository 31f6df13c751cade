//! Conditions that read nothing which could make them other than they are.

use super::warn;
use crate::codes;
use crate::hir::{DefKind, Expr, ExprId, Item, Module, Piece, Program};
use crate::report::Report;

/// What is asked in a test is asked of one cluster, and may be as plain as it likes.
pub(super) fn find(program: &Program, index: u16, report: &mut Report) {
    let module = program.module(index);
    let mut found = Vec::new();
    for expr in &module.exprs {
        match expr {
            Expr::If { condition, .. } => found.push(*condition),
            Expr::List(items) | Expr::Record(items) => of_items(items, &mut found),
            Expr::Construct { items, .. } | Expr::With { items, .. } => of_items(items, &mut found),
            _ => {}
        }
    }
    of_items(&module.requires, &mut found);
    for def in &module.defs {
        match &def.kind {
            DefKind::Group { items, .. } => of_items(items, &mut found),
            DefKind::Param { refinement: Some(refinement), .. }
            | DefKind::Type { refinement: Some(refinement), .. } => {
                found.push(refinement.condition);
            }
            _ => {}
        }
    }
    for condition in found.into_iter().filter(|condition| is_fixed(module, *condition)) {
        let span = program.expr_span(index, condition);
        let message = "this condition is the same whatever the cluster is".to_owned();
        warn(report, codes::FIXED_CONDITION, span, message, "ask for something that differs, or take it out");
    }
}

/// The conditions among items, and in the items below them. As deep as the tree, which the parser bounds.
fn of_items(items: &[Item], found: &mut Vec<ExprId>) {
    for item in items {
        match item {
            Item::Require(require) => found.push(require.condition),
            Item::If(conditional) => {
                found.push(conditional.condition);
                of_items(&conditional.items, found);
            }
            Item::For(repeated) => {
                found.extend(repeated.condition);
                of_items(&repeated.items, found);
            }
            Item::Member(member) => of_items(&member.items, found),
            Item::Field { .. } | Item::Entry { .. } | Item::Element(_) => {}
        }
    }
}

/// It reads no name, or compares one thing with itself.
fn is_fixed(module: &Module, expr: ExprId) -> bool {
    let at = |expr: ExprId| &module.exprs[expr.0 as usize];
    match at(expr) {
        Expr::Binary { op, left, right } => {
            (op.compares() && is_same(module, *left, *right)) || (is_fixed(module, *left) && is_fixed(module, *right))
        }
        Expr::Unary { operand, .. } => is_fixed(module, *operand),
        Expr::Interpolation(pieces) => pieces.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Value(value) => is_fixed(module, *value),
        }),
        Expr::List(items) => {
            items.iter().all(|item| matches!(item, Item::Element(element) if is_fixed(module, *element)))
        }
        Expr::None
        | Expr::Bool(_)
        | Expr::Int(_)
        | Expr::Str(_)
        | Expr::Ip(_)
        | Expr::Cidr(_)
        | Expr::Bytes(_)
        | Expr::Duration(_)
        | Expr::Percent(_) => true,
        _ => false,
    }
}

/// Two ways to one thing.
fn is_same(module: &Module, a: ExprId, b: ExprId) -> bool {
    match (&module.exprs[a.0 as usize], &module.exprs[b.0 as usize]) {
        (Expr::Local(x), Expr::Local(y)) => x == y,
        (Expr::Def(x), Expr::Def(y)) => x == y,
        (Expr::Field { base: x, name: m, .. }, Expr::Field { base: y, name: n, .. }) => {
            m == n && is_same(module, *x, *y)
        }
        _ => false,
    }
}
