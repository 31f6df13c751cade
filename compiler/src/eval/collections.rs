//! Records, maps and lists, and the `for` and `if` in them.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::expressions::Flow;
use super::{Evaluator, MAX_ELEMENTS, Same};
use crate::codes;
use crate::hir::{ExprId, ForItem, Item};
use crate::value::{Data, Origin, Value, ValueMap};

impl<'a> Evaluator<'a> {
    /// Braces: a record, or a map if a key is computed.
    pub(super) fn braces(&mut self, module: u16, items: &'a [Item], origin: Origin) -> Value {
        if items.iter().all(|item| matches!(item, Item::Field { .. })) {
            let mut fields = Vec::with_capacity(items.len());
            for item in items {
                if let Item::Field { name, value, .. } = item {
                    fields.push((*name, self.eval(module, *value)));
                }
            }
            return Value::new(Data::Record(Rc::new(fields)), origin);
        }
        let mut entries = ValueMap::default();
        match self.entries(module, items, &mut entries) {
            Ok(()) => Value::new(Data::Map(Rc::new(entries)), origin),
            Err(waits) => Value::new(waits.data, origin),
        }
    }

    pub(super) fn entries(&mut self, module: u16, items: &'a [Item], entries: &mut ValueMap) -> Flow {
        for item in items {
            match item {
                Item::Field { name, value, .. } => {
                    let key = self.program.names.shared(*name);
                    let value = self.eval(module, *value);
                    entries.insert(key, value);
                }
                Item::Entry { key, value } => {
                    let key_value = self.eval(module, *key);
                    let Data::Str(text) = &key_value.data else {
                        let origin = Origin::expr(module, *key);
                        let waits = self.undecided(module, *key, key_value, origin);
                        return Err(waits);
                    };
                    let value = self.eval(module, *value);
                    if text.starts_with('$') {
                        let message =
                            || format!("{text:?} cannot be a key: what begins with `$` has a meaning in a graph");
                        return Err(self.fail(codes::BAD_NAME, module, *key, message, None));
                    }
                    if let Some(before) = entries.get(text) {
                        let (span, first) = (self.program.expr_span(module, *key), self.origin_span(before.origin));
                        self.report.push(|_| {
                            Diagnostic::error(codes::FIELD_TWICE, span, format!("the key \"{text}\" stands twice"))
                                .with_label(first, "its first value is here")
                        });
                        continue;
                    }
                    if entries.len() >= MAX_ELEMENTS {
                        return Err(self.too_many(module, *key));
                    }
                    entries.insert(text.clone(), value);
                }
                Item::For(repeated) => {
                    self.repeat(module, repeated, |evaluator| evaluator.entries(module, &repeated.items, entries))?;
                }
                Item::If(conditional) => {
                    if self.holds(module, conditional.condition)? {
                        self.entries(module, &conditional.items, entries)?;
                    }
                }
                Item::Element(_) | Item::Member(_) | Item::Require(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn too_many(&mut self, module: u16, at: ExprId) -> Value {
        self.fail(codes::TOO_MUCH, module, at, || format!("more than {MAX_ELEMENTS} of one kind"), None)
    }

    pub(super) fn list(&mut self, module: u16, expr: ExprId, items: &'a [Item], origin: Origin) -> Value {
        let mut elements = Vec::with_capacity(items.len());
        match self.elements(module, expr, items, &mut elements) {
            Ok(()) => Value::new(Data::List(Rc::new(elements)), origin),
            Err(waits) => Value::new(waits.data, origin),
        }
    }

    pub(super) fn elements(&mut self, module: u16, expr: ExprId, items: &'a [Item], elements: &mut Vec<Value>) -> Flow {
        for item in items {
            match item {
                Item::Element(value) => {
                    if elements.len() >= MAX_ELEMENTS {
                        return Err(self.too_many(module, expr));
                    }
                    let value = self.eval(module, *value);
                    elements.push(value);
                }
                Item::For(repeated) => {
                    self.repeat(module, repeated, |evaluator| {
                        evaluator.elements(module, expr, &repeated.items, elements)
                    })?;
                }
                Item::If(conditional) => {
                    if self.holds(module, conditional.condition)? {
                        self.elements(module, expr, &conditional.items, elements)?;
                    }
                }
                Item::Field { .. } | Item::Entry { .. } | Item::Member(_) | Item::Require(_) => {}
            }
        }
        Ok(())
    }

    /// Whether a condition holds; one that is not known stops what it stands in.
    pub(crate) fn holds(&mut self, module: u16, condition: ExprId) -> Result<bool, Value> {
        let verdict = self.eval(module, condition);
        match verdict.data {
            Data::Bool(truth) => Ok(truth),
            _ => {
                let origin = Origin::expr(module, condition);
                Err(self.undecided(module, condition, verdict, origin))
            }
        }
    }

    /// Runs `work` for each round of a `for`, with its variables on the stack.
    pub(crate) fn repeat(
        &mut self,
        module: u16,
        repeated: &'a ForItem,
        mut work: impl FnMut(&mut Self) -> Flow,
    ) -> Flow {
        let iterated = self.eval(module, repeated.iterated);
        let origin = Origin::expr(module, repeated.iterated);
        let count = match &iterated.data {
            Data::Range(first, last) => last
                .checked_sub(*first)
                .and_then(|difference| difference.checked_add(1))
                .map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(0)),
            Data::List(items) => items.len(),
            Data::Map(entries) => entries.len(),
            Data::Record(fields) => fields.len(),
            Data::Thing(_) => 0,
            _ => return Err(self.undecided(module, repeated.iterated, iterated, origin)),
        };
        if count > MAX_ELEMENTS {
            return Err(self.fail(
                codes::TOO_MUCH,
                module,
                repeated.iterated,
                || format!("this `for` has more than {MAX_ELEMENTS} rounds"),
                None,
            ));
        }
        let mut round = |evaluator: &mut Self, first: Value, second: Option<Value>| -> Flow {
            evaluator.next_round(module, repeated.iterated)?;
            let depth = evaluator.stack.len();
            debug_assert_eq!(depth - evaluator.base, repeated.slot as usize, "slots are numbered by depth");
            evaluator.stack.push(first);
            evaluator.stack.extend(second);
            let result = match repeated.condition.map(|condition| evaluator.holds(module, condition)) {
                None | Some(Ok(true)) => work(evaluator),
                Some(Ok(false)) => Ok(()),
                Some(Err(waits)) => Err(waits),
            };
            evaluator.stack.truncate(depth);
            result
        };
        let outer = self.begin_rounds(self.base, Same::before(repeated.slot));
        let flow = self.go_through(&iterated.data, repeated.pair, origin, &mut round);
        self.end_rounds(outer);
        flow
    }

    /// Calls `round` with what a `for` goes through, one after the other: a value, or a key and a value.
    fn go_through(
        &mut self,
        iterated: &Data,
        pair: bool,
        origin: Origin,
        round: &mut impl FnMut(&mut Self, Value, Option<Value>) -> Flow,
    ) -> Flow {
        match iterated {
            Data::Range(first, last) => {
                for number in *first..=*last {
                    round(self, Value::new(Data::Int(number), origin), None)?;
                }
            }
            Data::List(items) => {
                for item in items.iter() {
                    round(self, item.clone(), None)?;
                }
            }
            Data::Map(entries) => {
                for (key, value) in entries.iter() {
                    round(self, Value::new(Data::Str(key.clone()), value.origin), Some(value.clone()))?;
                }
            }
            Data::Record(fields) => {
                for (name, value) in fields.iter() {
                    let key = self.program.names.shared(*name);
                    round(self, Value::new(Data::Str(key), value.origin), Some(value.clone()))?;
                }
            }
            Data::Thing(thing) => {
                let members = self.member_things(*thing, origin)?;
                for (id, member) in members {
                    if pair {
                        round(self, id, Some(member))?;
                    } else {
                        round(self, member, None)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
