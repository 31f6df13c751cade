//! The values of expressions.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::text::write_scalar;
use super::{Blame, Evaluator, MAX_ELEMENTS, MAX_TEXT_BYTES, Slot};
use crate::codes;
use crate::hir::{Arm, DefKind, DefRef, Expr, ExprId, ForItem, Item, Piece, UnaryOp};
use crate::names::Name;
use crate::value::{Data, Description, Opaque, Origin, OriginKind, Thing, ThingKind, Value, ValueMap};

/// What goes on after an item: nothing, or not at all, as a head is not known.
pub(crate) type Flow = Result<(), Value>;

impl<'a> Evaluator<'a> {
    pub(super) fn eval_inner(&mut self, module: u16, expr: ExprId, origin: Origin) -> Value {
        let program = self.program;
        let data = match program.expr(module, expr) {
            Expr::Error => Data::Error,
            Expr::None => Data::None,
            Expr::Bool(truth) => Data::Bool(*truth),
            Expr::Int(number) => Data::Int(*number),
            Expr::Str(text) => Data::Str(text.clone()),
            Expr::Ip(ip) => Data::Ip(*ip),
            Expr::Cidr(cidr) => Data::Cidr(*cidr),
            Expr::Bytes(bytes) => Data::Bytes(*bytes),
            Expr::Duration(duration_ms) => Data::Duration(*duration_ms),
            Expr::Percent(percent) => Data::Percent(*percent),
            Expr::Interpolation(pieces) => return self.interpolation(module, expr, pieces, origin),
            Expr::Local(slot) => {
                return match self.stack.get(self.base + *slot as usize) {
                    Some(value) => value.clone(),
                    None => Value::new(Data::Error, origin),
                };
            }
            Expr::Def(def) => return self.named(*def, origin),
            Expr::Meta(path, args) => return self.lookup(module, expr, path, args.as_deref(), origin),
            Expr::Field { base, name, .. } => return self.field(module, expr, *base, *name, origin),
            Expr::Index { base, index } => return self.index(module, expr, *base, *index, origin),
            Expr::CallFn { function, args } => return self.call(module, *function, args, origin),
            Expr::CallMethod { base, name, args, .. } => return self.method(module, expr, *base, *name, args, origin),
            Expr::Unary { op, operand } => return self.unary(module, expr, *op, *operand, origin),
            Expr::Binary { op, left, right } => return self.binary(module, expr, *op, *left, *right, origin),
            Expr::With { base, items } => return self.with(module, *base, items, origin),
            Expr::Record(items) => return self.braces(module, items, origin),
            Expr::Construct { def, items } => return self.construct(module, *def, items, origin),
            Expr::List(items) => return self.list(module, expr, items, origin),
            Expr::If { condition, then, otherwise } => {
                let verdict = self.eval(module, *condition);
                return match verdict.data {
                    Data::Bool(true) => self.eval(module, *then),
                    Data::Bool(false) => self.eval(module, *otherwise),
                    _ => self.undecided(module, *condition, verdict, origin),
                };
            }
            Expr::Match { value, arms } => return self.matched(module, expr, *value, arms, origin),
        };
        Value::new(data, origin)
    }

    /// What cannot be decided because of a value that is not known: it waits too, or is an error.
    pub(crate) fn undecided(&mut self, module: u16, expr: ExprId, value: Value, origin: Origin) -> Value {
        match value.data {
            Data::Awaited(awaited) => Value::new(Data::Awaited(awaited), origin),
            Data::Opaque(_) => self.opaque_used(module, expr),
            _ => Value::new(Data::Error, origin),
        }
    }

    /// A computation with a value that only the run knows.
    pub(crate) fn opaque_used(&mut self, module: u16, expr: ExprId) -> Value {
        self.fail(
            codes::OPAQUE_USED,
            module,
            expr,
            || "this is known only at run time, and cannot be computed with".to_owned(),
            Some("a live or secret value can be passed on whole, have a field read, or stand in a text"),
        )
    }

    /// A definition as a value: parameters and constants as they are, what has an address as a thing.
    fn named(&mut self, def: DefRef, origin: Origin) -> Value {
        match &self.program.def(def).kind {
            DefKind::Param { .. } | DefKind::Let { .. } => self.def_value(def),
            DefKind::Resource { .. } => {
                let described = self.def_value(def);
                match described.data {
                    Data::Map(entries) => {
                        let things: ValueMap = entries
                            .iter()
                            .enumerate()
                            .map(|(index, (key, value))| {
                                let index = u32::try_from(index).unwrap_or(u32::MAX);
                                let data = if value.is_unsettled() {
                                    value.data.clone()
                                } else {
                                    Data::Thing(Thing { kind: ThingKind::Entry, def, index })
                                };
                                (key.clone(), Value::new(data, value.origin))
                            })
                            .collect();
                        Value::new(Data::Map(Rc::new(things)), origin)
                    }
                    // What is named exists even if its description waits: the edge is known.
                    Data::Description(_) | Data::Awaited(_) => {
                        Value::new(Data::Thing(Thing { kind: ThingKind::Resource, def, index: 0 }), origin)
                    }
                    _ => Value::new(Data::Error, origin),
                }
            }
            DefKind::Group { .. } => Value::new(Data::Thing(Thing { kind: ThingKind::Group, def, index: 0 }), origin),
            _ => Value::new(Data::Error, origin),
        }
    }

    fn interpolation(&mut self, module: u16, expr: ExprId, pieces: &[Piece], origin: Origin) -> Value {
        let mut text = String::new();
        let mut parts: Vec<Value> = Vec::new();
        let mut waits: Option<Data> = None;
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(inner) => {
                    let value = self.eval(module, *inner);
                    match &value.data {
                        Data::Opaque(opaque) => {
                            if !text.is_empty() {
                                let before = Data::Str(std::mem::take(&mut text).into());
                                parts.push(Value::new(before, origin));
                            }
                            match &**opaque {
                                Opaque::Concat(inner) => parts.extend(inner.iter().cloned()),
                                _ => parts.push(value),
                            }
                        }
                        data if write_scalar(data, &mut text) => {}
                        Data::Awaited(_) => waits = waits.or(Some(value.data)),
                        // The checker has let only single values through; the rest was reported.
                        _ => waits = Some(Data::Error),
                    }
                }
            }
            if text.len() > MAX_TEXT_BYTES {
                return self.fail(
                    codes::TOO_MUCH,
                    module,
                    expr,
                    || format!("this text has more than {MAX_TEXT_BYTES} bytes"),
                    None,
                );
            }
        }
        if let Some(waits) = waits {
            return Value::new(waits, origin);
        }
        if parts.is_empty() {
            return Value::new(Data::Str(text.into()), origin);
        }
        if parts.len() >= MAX_ELEMENTS {
            return self.fail(codes::TOO_MUCH, module, expr, || "this text has too many parts".to_owned(), None);
        }
        if !text.is_empty() {
            parts.push(Value::new(Data::Str(text.into()), origin));
        }
        Value::new(Data::Opaque(Rc::new(Opaque::Concat(parts))), origin)
    }

    fn field(&mut self, module: u16, expr: ExprId, base: ExprId, name: Name, origin: Origin) -> Value {
        let value = self.eval(module, base);
        let program = self.program;
        match &value.data {
            Data::Record(fields) => match fields.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => value.clone(),
                None => Value::new(Data::Error, origin),
            },
            Data::Description(description) => {
                let position = program.schema(description.def).position(name);
                match position.and_then(|position| description.fields.get(position)) {
                    Some(value) => value.clone(),
                    None => Value::new(Data::Error, origin),
                }
            }
            Data::Thing(thing) => self.thing_field(*thing, name, origin),
            Data::Awaited(awaited) => Value::new(Data::Awaited(*awaited), origin),
            Data::Opaque(_) => self.opaque_used(module, expr),
            data => match self.attribute(data, name, origin) {
                Some(value) => value,
                None => Value::new(Data::Error, origin),
            },
        }
    }

    /// A field of a thing: of its description if it is known now, live if it is known once the thing exists.
    fn thing_field(&mut self, thing: Thing, name: Name, origin: Origin) -> Value {
        let program = self.program;
        match thing.kind {
            ThingKind::Resource | ThingKind::Entry => {
                let described = self.def_value(thing.def);
                let described = match (&described.data, thing.kind) {
                    (Data::Map(entries), ThingKind::Entry) => match entries.get_index(thing.index as usize) {
                        Some((_, value)) => value.clone(),
                        None => described,
                    },
                    _ => described,
                };
                match &described.data {
                    Data::Description(description) => {
                        let schema = program.schema(description.def);
                        let Some(position) = schema.position(name) else { return Value::new(Data::Error, origin) };
                        if schema.fields[position].live {
                            return self.live(thing, name, origin);
                        }
                        match description.fields.get(position) {
                            Some(value) if !matches!(value.data, Data::Missing) => value.clone(),
                            _ => Value::new(Data::Error, origin),
                        }
                    }
                    Data::Awaited(awaited) => Value::new(Data::Awaited(*awaited), origin),
                    _ => Value::new(Data::Error, origin),
                }
            }
            ThingKind::Group | ThingKind::Members | ThingKind::Member | ThingKind::Machine | ThingKind::Volume => {
                self.group_thing_field(thing, name, origin)
            }
        }
    }

    /// A live field: the graph refers to it by address.
    pub(crate) fn live(&mut self, thing: Thing, name: Name, origin: Origin) -> Value {
        let address = format!("{}.{}", self.address(thing), self.program.names.text(name));
        Value::new(Data::Opaque(Rc::new(Opaque::Live(address))), origin)
    }

    fn index(&mut self, module: u16, expr: ExprId, base: ExprId, index: ExprId, origin: Origin) -> Value {
        let value = self.eval(module, base);
        let key = self.eval(module, index);
        for side in [&value, &key] {
            if side.is_unsettled() || matches!(side.data, Data::Opaque(_)) {
                let side = side.clone();
                return self.undecided(module, expr, side, origin);
            }
        }
        match (&value.data, &key.data) {
            (Data::List(items), Data::Int(position)) => {
                match usize::try_from(*position).ok().and_then(|position| items.get(position)) {
                    Some(item) => item.clone(),
                    None => {
                        let (count, position) = (items.len(), *position);
                        self.fail(
                            codes::NO_ENTRY,
                            module,
                            index,
                            || format!("the list has {count} elements and none at {position}: the first is at 0"),
                            None,
                        )
                    }
                }
            }
            (Data::Range(first, last), Data::Int(position)) => {
                match first.checked_add(*position).filter(|number| *position >= 0 && number <= last) {
                    Some(number) => Value::new(Data::Int(number), origin),
                    None => {
                        let (first, last, position) = (*first, *last, *position);
                        self.fail(
                            codes::NO_ENTRY,
                            module,
                            index,
                            || format!("the range {first}..={last} has no element {position}: the first is at 0"),
                            None,
                        )
                    }
                }
            }
            (Data::Map(entries), Data::Str(wanted)) => match entries.get(wanted) {
                Some(entry) => entry.clone(),
                None => {
                    let entries = entries.clone();
                    self.no_entry(module, index, wanted, entries.keys().map(|key| &**key), "the map has no entry")
                }
            },
            (Data::Record(fields), Data::Str(wanted)) => {
                let found = fields.iter().find(|(name, _)| self.program.names.text(*name) == &**wanted);
                match found {
                    Some((_, value)) => value.clone(),
                    None => {
                        let program = self.program;
                        let fields = fields.clone();
                        let names = fields.iter().map(|(name, _)| program.names.text(*name));
                        self.no_entry(module, index, wanted, names, "the map has no entry")
                    }
                }
            }
            (Data::Thing(thing), Data::Str(wanted)) if thing.kind == ThingKind::Members => {
                self.member_by_id(module, index, thing.def, wanted, origin)
            }
            _ => Value::new(Data::Error, origin),
        }
    }

    pub(crate) fn no_entry<'k>(
        &mut self,
        module: u16,
        at: ExprId,
        wanted: &str,
        keys: impl Iterator<Item = &'k str> + Clone,
        what: &str,
    ) -> Value {
        let span = self.program.expr_span(module, at);
        self.report.push(|suggester| {
            let help = suggester
                .did_you_mean(wanted, keys.clone())
                .unwrap_or_else(|| format!("it has {}", crate::report::listed(keys.clone().take(MAX_ELEMENTS), "and")));
            Diagnostic::error(codes::NO_ENTRY, span, format!("{what} \"{wanted}\"")).with_help(help)
        });
        Value::new(Data::Error, Origin::expr(module, at))
    }

    fn call(&mut self, module: u16, function: DefRef, args: &[ExprId], origin: Origin) -> Value {
        let program = self.program;
        let DefKind::Fn { params, ret, body } = &program.def(function).kind else {
            return Value::new(Data::Error, origin);
        };
        let mut values = Vec::with_capacity(params.len());
        for (index, param) in params.iter().enumerate() {
            let value = match (args.get(index), param.default) {
                (Some(arg), _) => self.eval(module, *arg),
                (None, Some(default)) => {
                    self.field_default(crate::hir::ExprRef { module: function.module, expr: default }, &param.ty)
                }
                (None, None) => Value::new(Data::Error, origin),
            };
            let value = if program.needs_conform(&param.ty) {
                self.conform(value, &param.ty, &Blame::default())
            } else {
                value
            };
            values.push(value);
        }
        if let Slot::LastCall(last) = &self.slots[function.module as usize][function.index as usize]
            && last.0 == values
        {
            return last.1.clone();
        }
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        self.stack.extend(values.iter().cloned());
        let mut result = self.eval(function.module, *body);
        self.stack.truncate(self.base);
        self.base = outer;
        if let Some(ret) = ret
            && program.needs_conform(ret)
        {
            result = self.conform(result, ret, &Blame::default());
        }
        // What a function makes was decided by whoever called it.
        if result.origin.module != module && result.origin.kind == OriginKind::Expr {
            result.origin = origin;
        }
        let remembered = Slot::LastCall(Rc::new((values, result.clone())));
        self.slots[function.module as usize][function.index as usize] = remembered;
        result
    }

    fn unary(&mut self, module: u16, expr: ExprId, op: UnaryOp, operand: ExprId, origin: Origin) -> Value {
        let value = self.eval(module, operand);
        match (op, &value.data) {
            (UnaryOp::Not, Data::Bool(truth)) => Value::new(Data::Bool(!truth), origin),
            (UnaryOp::Negate, Data::Int(number)) => match number.checked_neg() {
                Some(number) => Value::new(Data::Int(number), origin),
                None => self.overflow(module, expr),
            },
            _ => self.undecided(module, operand, value, origin),
        }
    }

    fn matched(&mut self, module: u16, expr: ExprId, value: ExprId, arms: &[Arm], origin: Origin) -> Value {
        let found = self.eval(module, value);
        if found.first_unsettled().is_some() || matches!(found.data, Data::Opaque(_)) {
            return self.undecided(module, value, found, origin);
        }
        for arm in arms {
            if arm.patterns.is_empty() {
                return self.eval(module, arm.value);
            }
            for pattern in &arm.patterns {
                let pattern = self.eval(module, *pattern);
                let hit = match (&pattern.data, &found.data) {
                    (Data::Range(first, last), Data::Int(number)) => (first..=last).contains(&number),
                    (pattern, found) => pattern == found,
                };
                if hit {
                    return self.eval(module, arm.value);
                }
            }
        }
        // The checker has seen to it that no value is left out.
        Value::new(Data::Error, Origin::expr(module, expr))
    }

    /// Braces: a record, or a map if a key is computed.
    fn braces(&mut self, module: u16, items: &'a [Item], origin: Origin) -> Value {
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

    fn entries(&mut self, module: u16, items: &'a [Item], entries: &mut ValueMap) -> Flow {
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

    fn too_many(&mut self, module: u16, at: ExprId) -> Value {
        self.fail(codes::TOO_MUCH, module, at, || format!("more than {MAX_ELEMENTS} of one kind"), None)
    }

    fn list(&mut self, module: u16, expr: ExprId, items: &'a [Item], origin: Origin) -> Value {
        let mut elements = Vec::with_capacity(items.len());
        match self.elements(module, expr, items, &mut elements) {
            Ok(()) => Value::new(Data::List(Rc::new(elements)), origin),
            Err(waits) => Value::new(waits.data, origin),
        }
    }

    fn elements(&mut self, module: u16, expr: ExprId, items: &'a [Item], elements: &mut Vec<Value>) -> Flow {
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
        match &iterated.data {
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
                    if repeated.pair {
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

    /// A description, with what was not given left missing: a member may complete it.
    fn construct(&mut self, module: u16, def: DefRef, items: &'a [Item], origin: Origin) -> Value {
        let program = self.program;
        let schema = program.schema(def);
        let mut fields = Vec::with_capacity(schema.fields.len());
        fields.resize(schema.fields.len(), Value::new(Data::Missing, origin));
        if let Err(waits) = self.set_fields(module, def, items, &mut fields) {
            return Value::new(waits.data, origin);
        }
        self.fill_defaults(def, &mut fields, origin);
        Value::new(Data::Description(Rc::new(Description { def, fields })), origin)
    }

    /// Gives the fields that stand in braces; those of the wrong name were reported.
    pub(crate) fn set_fields(&mut self, module: u16, def: DefRef, items: &'a [Item], fields: &mut [Value]) -> Flow {
        let program = self.program;
        let schema = program.schema(def);
        for item in items {
            match item {
                Item::Field { name, value, .. } => {
                    let Some(position) = schema.position(*name) else { continue };
                    let field = &schema.fields[position];
                    if field.live {
                        continue;
                    }
                    let value = self.eval(module, *value);
                    fields[position] = self.field_value(value, field);
                }
                Item::If(conditional) if self.holds(module, conditional.condition)? => {
                    self.set_fields(module, def, &conditional.items, fields)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A value as the field takes it.
    pub(crate) fn field_value(&mut self, value: Value, field: &crate::types::FieldTy) -> Value {
        let mut value = value;
        if self.program.needs_conform(&field.ty) {
            value = self.conform(value, &field.ty, &Blame::default());
        }
        if field.refinement.is_some() {
            let program = self.program;
            value = self.refined(value, field.refinement.as_ref(), &Blame::default(), program.names.text(field.name));
        }
        value
    }

    /// Defaults and `none` for what was not given.
    pub(crate) fn fill_defaults(&mut self, def: DefRef, fields: &mut [Value], origin: Origin) {
        let program = self.program;
        for (field, value) in program.schema(def).fields.iter().zip(fields.iter_mut()) {
            if !matches!(value.data, Data::Missing) || field.live {
                continue;
            }
            if let Some(default) = field.default {
                *value = self.field_default(default, &field.ty);
            } else if matches!(field.ty, crate::types::Ty::Opt(_)) {
                *value = Value::new(Data::None, origin);
            }
        }
    }

    fn with(&mut self, module: u16, base: ExprId, items: &'a [Item], origin: Origin) -> Value {
        let value = self.eval(module, base);
        match &value.data {
            Data::Description(description) => {
                let mut fields = description.fields.clone();
                match self.set_fields(module, description.def, items, &mut fields) {
                    Ok(()) => {
                        Value::new(Data::Description(Rc::new(Description { def: description.def, fields })), origin)
                    }
                    Err(waits) => Value::new(waits.data, origin),
                }
            }
            Data::Record(fields) => {
                let mut fields = (**fields).clone();
                match self.replace_fields(module, items, &mut fields) {
                    Ok(()) => Value::new(Data::Record(Rc::new(fields)), origin),
                    Err(waits) => Value::new(waits.data, origin),
                }
            }
            Data::Map(entries) => {
                let mut overriding = ValueMap::default();
                match self.entries(module, items, &mut overriding) {
                    Ok(()) => {
                        let mut entries = (**entries).clone();
                        entries.extend(overriding);
                        Value::new(Data::Map(Rc::new(entries)), origin)
                    }
                    Err(waits) => Value::new(waits.data, origin),
                }
            }
            _ => self.undecided(module, base, value, origin),
        }
    }

    fn replace_fields(&mut self, module: u16, items: &'a [Item], fields: &mut Vec<(Name, Value)>) -> Flow {
        for item in items {
            match item {
                Item::Field { name, value, .. } => {
                    let value = self.eval(module, *value);
                    match fields.iter_mut().find(|(known, _)| known == name) {
                        Some((_, field)) => *field = value,
                        None => fields.push((*name, value)),
                    }
                }
                Item::If(conditional) if self.holds(module, conditional.condition)? => {
                    self.replace_fields(module, &conditional.items, fields)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
