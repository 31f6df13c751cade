//! What is read of a value: a definition by name, a field, an entry.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::{Evaluator, MAX_ELEMENTS};
use crate::codes;
use crate::hir::{DefKind, DefRef, ExprId};
use crate::names::Name;
use crate::value::{Data, Opaque, Origin, Thing, ThingKind, Value, ValueMap};

impl<'a> Evaluator<'a> {
    /// A definition as a value: parameters and constants as they are, what has an address as a thing.
    pub(super) fn named(&mut self, def: DefRef, origin: Origin) -> Value {
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

    pub(super) fn field(&mut self, module: u16, expr: ExprId, base: ExprId, name: Name, origin: Origin) -> Value {
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
    pub(super) fn thing_field(&mut self, thing: Thing, name: Name, origin: Origin) -> Value {
        let program = self.program;
        match thing.kind {
            ThingKind::Resource | ThingKind::Entry => {
                let described = self.description_of(thing);
                match &described.data {
                    Data::Description(description) if program.component(description.def).is_some() => {
                        let description = description.clone();
                        match self.instance(thing, &description, described.origin) {
                            Some(instance) => match program.offered(instance, name) {
                                Some(offered) => self.def_value(offered),
                                None => Value::new(Data::Error, origin),
                            },
                            None => Value::new(Data::Error, origin),
                        }
                    }
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

    /// What a declared thing is made from.
    pub(super) fn description_of(&mut self, thing: Thing) -> Value {
        let described = self.def_value(thing.def);
        match (&described.data, thing.kind) {
            (Data::Map(entries), ThingKind::Entry) => match entries.get_index(thing.index as usize) {
                Some((_, value)) => value.clone(),
                None => described,
            },
            _ => described,
        }
    }

    /// A live field: the graph refers to it by address.
    pub(crate) fn live(&mut self, thing: Thing, name: Name, origin: Origin) -> Value {
        let address = format!("{}.{}", self.address(thing), self.program.names.text(name));
        Value::new(Data::Opaque(Rc::new(Opaque::Live(address))), origin)
    }

    pub(super) fn index(&mut self, module: u16, expr: ExprId, base: ExprId, index: ExprId, origin: Origin) -> Value {
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
                            || {
                                format!(
                                    "the list has {count} element{} and none at {position}: the first is at 0",
                                    if count == 1 { "" } else { "s" }
                                )
                            },
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
}
