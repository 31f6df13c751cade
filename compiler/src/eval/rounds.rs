//! What is worked out again and again: each round of a `for`, and each member of a group. An expression that
//! reads nothing that differs between rounds is worked out in the first of them.

use super::Evaluator;
use crate::hir::{Expr, ExprId, Item, Program};
use crate::types::FieldTy;
use crate::value::{Origin, Value};

/// By expression: its value if it is the same in each round.
type Known = indexmap::IndexMap<(u16, ExprId), Option<Value>, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>;

/// The rounds that are being gone through.
#[derive(Default)]
pub(crate) struct Rounds {
    /// Where the variables of the rounds begin: those of a body that is called from a round are others.
    base: usize,
    same: Same,
    known: Known,
    /// The same of fields, as their types want them.
    fields: Known,
}

/// Variables that are the same in each round: a bit for each slot. One that has no bit counts as different.
#[derive(Clone, Copy, Default)]
pub(crate) struct Same(u64);

impl Same {
    /// The variables before this slot.
    pub(crate) fn before(slot: u32) -> Self {
        Self(1u64.checked_shl(slot).map_or(u64::MAX, |bit| bit - 1))
    }

    pub(crate) fn without(self, bits: u64) -> Self {
        Self(self.0 & !bits)
    }

    fn has(self, slot: u32) -> bool {
        1u64.checked_shl(slot).is_some_and(|bit| self.0 & bit != 0)
    }
}

impl Evaluator<'_> {
    /// Begins rounds; what it returns is for `end_rounds`.
    pub(crate) fn begin_rounds(&mut self, base: usize, same: Same) -> Option<Rounds> {
        self.rounds.replace(Rounds { base, same, ..Rounds::default() })
    }

    pub(crate) fn end_rounds(&mut self, outer: Option<Rounds>) {
        self.rounds = outer;
    }

    /// Begins the work on a member that a `for` made: one more of the rounds over all of them.
    pub(crate) fn enter_members(&mut self) -> Option<Rounds> {
        let rounds = std::mem::take(&mut self.member_rounds);
        self.rounds.replace(Rounds { base: self.base, ..rounds })
    }

    pub(crate) fn leave_members(&mut self, outer: Option<Rounds>) {
        self.member_rounds = std::mem::replace(&mut self.rounds, outer).unwrap_or_default();
    }

    /// The value of a field in a round.
    pub(crate) fn field_in_rounds(&mut self, module: u16, expr: ExprId, field: &FieldTy) -> Value {
        let key = (module, expr);
        let known = self.rounds.as_ref().and_then(|rounds| rounds.fields.get(&key));
        if let Some(Some(value)) = known {
            return value.clone();
        }
        let is_new = known.is_none();
        let value = self.eval(module, expr);
        let value = self.field_value(value, field);
        if is_new && let Some(rounds) = &mut self.rounds {
            let same = !reads_other(self.program, module, expr, rounds.same);
            rounds.fields.insert(key, same.then(|| value.clone()));
        }
        value
    }

    /// The value of an expression that was found to be the same in each round.
    pub(super) fn known_round(&mut self, module: u16, expr: ExprId, origin: Origin) -> Option<Value> {
        let base = self.base;
        let rounds = self.rounds.as_mut().filter(|rounds| rounds.base == base)?;
        match rounds.known.get(&(module, expr)) {
            Some(known) => known.clone(),
            None => {
                // Met again while it is worked out, it is worked out as any other.
                rounds.known.insert((module, expr), None);
                let same = rounds.same;
                if reads_other(self.program, module, expr, same) {
                    return None;
                }
                let value = self.eval_inner(module, expr, origin);
                if let Some(rounds) = self.rounds.as_mut().filter(|rounds| rounds.base == base) {
                    rounds.known.insert((module, expr), Some(value.clone()));
                }
                Some(value)
            }
        }
    }
}

/// Whether an expression may read a variable that is not the same in each round; one that has variables of its
/// own may as well.
fn reads_other(program: &Program, module: u16, expr: ExprId, same: Same) -> bool {
    let reads = |expr: &ExprId| reads_other(program, module, *expr, same);
    match program.expr(module, expr) {
        Expr::Local(slot) => !same.has(*slot),
        Expr::Field { base, .. } => reads(base),
        Expr::Index { base, index } => reads(base) || reads(index),
        Expr::Unary { operand, .. } => reads(operand),
        Expr::Binary { left, right, .. } => reads(left) || reads(right),
        Expr::CallFn { args, .. } => args.iter().any(reads),
        Expr::CallMethod { base, args, .. } => reads(base) || args.iter().any(reads),
        Expr::Record(items) | Expr::Construct { items, .. } | Expr::List(items) => {
            items.iter().any(|item| match item {
                Item::Field { value, .. } | Item::Element(value) => reads(value),
                Item::Entry { key, value } => reads(key) || reads(value),
                _ => true,
            })
        }
        Expr::Error
        | Expr::None
        | Expr::Bool(_)
        | Expr::Int(_)
        | Expr::Str(_)
        | Expr::Ip(_)
        | Expr::Cidr(_)
        | Expr::Bytes(_)
        | Expr::Duration(_)
        | Expr::Percent(_)
        | Expr::Script(_)
        | Expr::Def(_) => false,
        // Rarely the same for each round, and never wrong to work out again.
        Expr::Interpolation(_) | Expr::Meta(..) | Expr::With { .. } | Expr::If { .. } | Expr::Match { .. } => true,
    }
}
