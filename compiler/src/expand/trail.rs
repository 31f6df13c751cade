//! The way of a value that is looked up to where it has to be known before.

use kit_lang::{Label, Span};

use crate::eval::Evaluator;
use crate::hir::{DefKind, DefRef, Expr, ExprId, Item, Piece, Program};
use crate::value::{Awaited, Data, OriginKind, Value};

/// Expressions that are looked through for one way: a hundred declarations of a hundred parts each. What is longer is
/// told by its ends alone.
const MAX_LOOKED_THROUGH: u32 = 10_000;

/// A search for one lookup.
struct Search {
    target: (u16, ExprId),
    left: u32,
    /// The places so far, from the lookup on.
    way: Vec<Label>,
}

impl Evaluator<'_> {
    /// The places through which the lookup `target` reaches an expression: what is looked up first, then each
    /// declaration, call and argument that hands it on.
    pub(super) fn trail(&mut self, module: u16, expr: ExprId, target: (u16, ExprId)) -> Vec<Label> {
        let mut search = Search { target, left: MAX_LOOKED_THROUGH, way: Vec::new() };
        if !self.leads(module, expr, &mut search) {
            search.way = vec![looked_up(self.program.expr_span(target.0, target.1))];
        }
        // What is needed early is the error's own place.
        let here = self.program.expr_span(module, expr);
        search.way.retain(|label| label.span != here);
        search.way
    }

    /// Whether the lookup is in an expression, or in what it names.
    fn leads(&mut self, module: u16, expr: ExprId, search: &mut Search) -> bool {
        if search.left == 0 {
            return false;
        }
        search.left -= 1;
        let program = self.program;
        let span = program.expr_span(module, expr);
        let written = |at: (u16, ExprId)| (program.written(at.0), at.1);
        if written((module, expr)) == written(search.target) {
            search.way.push(looked_up(span));
            return true;
        }
        match program.expr(module, expr) {
            Expr::Def(def) => self.leads_through(self.here(module, *def), search),
            Expr::Local(slot) => match self.stack.get(self.base + *slot as usize).cloned() {
                Some(value) => self.leads_from(&value, search),
                None => false,
            },
            Expr::CallFn { function, args } => {
                if args.iter().any(|arg| self.leads(module, *arg, search)) {
                    let name = program.path_of(*function);
                    search.way.push(Label { span, message: format!("and goes through the function `{name}`") });
                    return true;
                }
                match &program.def(*function).kind {
                    DefKind::Fn { body, .. } => self.leads(function.module, *body, search),
                    _ => false,
                }
            }
            _ => {
                let mut parts = Vec::new();
                each_part(program, module, expr, &mut parts);
                parts.into_iter().any(|part| self.leads(module, part, search))
            }
        }
    }

    fn leads_through(&mut self, def: DefRef, search: &mut Search) -> bool {
        let program = self.program;
        let found = match &program.def(def).kind {
            DefKind::Let { value, .. } | DefKind::Output { value, .. } | DefKind::Resource { value } => {
                self.leads(def.module, *value, search)
            }
            DefKind::Param { .. } => match &self.slots[def.module as usize][def.index as usize] {
                crate::eval::Slot::Done(value) => {
                    let value = value.clone();
                    self.leads_from(&value, search)
                }
                _ => false,
            },
            _ => false,
        };
        if found {
            let message = format!("so `{}` waits for it", program.path_of(def));
            search.way.push(Label { span: program.def_span(def), message });
        }
        found
    }

    /// Whether a value waits for the lookup; the way begins where the value was written.
    fn leads_from(&mut self, value: &Value, search: &mut Search) -> bool {
        let waits = |one: &Value| matches!(one.data, Data::Awaited(Awaited::Lookup(module, expr)) if (module, expr) == search.target);
        if !value.first_unsettled().is_some_and(waits) {
            return false;
        }
        match value.origin.kind {
            OriginKind::Expr => self.leads(value.origin.module, ExprId(value.origin.index), search),
            _ => false,
        }
    }
}

fn looked_up(span: Span) -> Label {
    Label { span, message: "this is looked up".to_owned() }
}

/// The expressions that an expression is made of.
fn each_part(program: &Program, module: u16, expr: ExprId, parts: &mut Vec<ExprId>) {
    match program.expr(module, expr) {
        Expr::Field { base, .. } => parts.push(*base),
        Expr::Index { base, index } => parts.extend([*base, *index]),
        Expr::CallMethod { base, args, .. } => {
            parts.push(*base);
            parts.extend(args.iter());
        }
        Expr::Meta(_, Some(args)) => parts.extend(args.iter()),
        Expr::Unary { operand, .. } => parts.push(*operand),
        Expr::Binary { left, right, .. } => parts.extend([*left, *right]),
        Expr::If { condition, then, otherwise } => parts.extend([*condition, *then, *otherwise]),
        Expr::Match { value, arms } => {
            parts.push(*value);
            parts.extend(arms.iter().map(|arm| arm.value));
        }
        Expr::Interpolation(pieces) => parts.extend(pieces.iter().filter_map(|piece| match piece {
            Piece::Value(value) => Some(*value),
            Piece::Text(_) => None,
        })),
        Expr::With { base, items } => {
            parts.push(*base);
            each_of(items, parts);
        }
        Expr::Record(items) | Expr::Construct { items, .. } | Expr::List(items) => each_of(items, parts),
        _ => {}
    }
}

fn each_of(items: &[Item], parts: &mut Vec<ExprId>) {
    for item in items {
        match item {
            Item::Field { value, .. } | Item::Element(value) => parts.push(*value),
            Item::Entry { key, value } => parts.extend([*key, *value]),
            Item::For(repeated) => {
                parts.push(repeated.iterated);
                parts.extend(repeated.condition);
                each_of(&repeated.items, parts);
            }
            Item::If(conditional) => {
                parts.push(conditional.condition);
                each_of(&conditional.items, parts);
            }
            Item::Member(_) | Item::Require(_) => {}
        }
    }
}
