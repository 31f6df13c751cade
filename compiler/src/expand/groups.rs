//! Groups: who is in them, and what each member's machine is.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::{Entry, GroupState, MAX_ID_BYTES, MemberSlot, MemberValue, Population, is_label};
use crate::codes;
use crate::eval::{Evaluator, MAX_ELEMENTS};
use crate::hir::{DefKind, DefRef, Expr, ExprId, Item, MemberId};
use crate::names::{Name, own};
use crate::report::DiagnosticExt as _;
use crate::value::{Data, Origin, Thing, ThingKind, Value};

/// Machines that a group may ask for: ten times the largest cluster that Kit was measured with.
const MAX_COUNT: i64 = 100_000;

impl<'a> Evaluator<'a> {
    pub(crate) fn group_items(&self, def: DefRef) -> &'a [Item] {
        match &self.program.def(def).kind {
            DefKind::Group { items, .. } => items,
            _ => &[],
        }
    }

    /// The expression of a group's field, if it is given.
    pub(crate) fn group_field_expr(&self, def: DefRef, wanted: &str) -> Option<ExprId> {
        let program = self.program;
        self.group_items(def).iter().find_map(|item| match item {
            Item::Field { name, value, .. } if program.names.text(*name) == wanted => Some(*value),
            _ => None,
        })
    }

    pub(super) fn count_field(&self, def: DefRef) -> Option<ExprId> {
        self.group_field_expr(def, "count")
    }

    fn state(&mut self, def: DefRef) -> &mut GroupState<'a> {
        self.groups.entry(def).or_default()
    }

    /// Evaluates an expression of a group's own level.
    fn eval_apart(&mut self, module: u16, expr: ExprId) -> Value {
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        let value = self.eval(module, expr);
        self.base = outer;
        value
    }

    /// The description that each machine of the group begins from.
    pub(crate) fn group_machine(&mut self, def: DefRef) -> Value {
        if let Some(machine) = &self.state(def).machine {
            return machine.clone();
        }
        let origin = Self::def_origin(def);
        // Found again while it is worked out, it is an error that the checker has reported.
        self.state(def).machine = Some(Value::new(Data::Error, origin));
        let machine = match self.group_field_expr(def, "machine") {
            Some(expr) => self.eval_apart(def.module, expr),
            None => Value::new(Data::Error, origin),
        };
        self.state(def).machine = Some(machine.clone());
        machine
    }

    /// How many machines the group has.
    pub(crate) fn group_count(&mut self, def: DefRef) -> Value {
        let origin = Self::def_origin(def);
        if let Some(count) = &self.state(def).count {
            return count.clone();
        }
        let Some(expr) = self.count_field(def) else {
            return match self.population(def) {
                Ok(population) => {
                    Value::new(Data::Int(i64::try_from(population.entries.len()).unwrap_or(i64::MAX)), origin)
                }
                Err(waits) => Value::new(waits.data, origin),
            };
        };
        if self.state(def).open {
            return self.group_circle(def);
        }
        self.state(def).open = true;
        let mut count = self.eval_apart(def.module, expr);
        self.state(def).open = false;
        if matches!(count.data, Data::Opaque(_)) {
            count = self.fail(
                codes::NEEDED_EARLIER,
                def.module,
                expr,
                || "a count must be known before anything is made, and this is known only at run time".to_owned(),
                Some("take it from a parameter, write it down, or look it up"),
            );
        }
        if let Data::Int(number) = count.data
            && !(0..=MAX_COUNT).contains(&number)
        {
            self.bad_count(def, expr, number);
            count = Value::new(Data::Error, count.origin);
        }
        self.state(def).count = Some(count.clone());
        count
    }

    fn bad_count(&mut self, def: DefRef, expr: ExprId, number: i64) {
        let span = self.program.expr_span(def.module, expr);
        let name = self.program.path_of(def);
        let labels = self.mentions(def.module, expr, &[]);
        let is_written = matches!(self.program.expr(def.module, expr), Expr::Int(_) | Expr::Unary { .. });
        self.report.push(|_| {
            let (code, message, help) = if number < 0 {
                (
                    codes::NEGATIVE_COUNT,
                    format!("the group `{name}` would have {number} machines"),
                    if is_written {
                        "a count is 0 or more"
                    } else {
                        "there are more machines in the other groups than in all: raise the total or lower theirs"
                    },
                )
            } else {
                (
                    codes::TOO_MUCH,
                    format!("the group `{name}` would have {number} machines, more than {MAX_COUNT}"),
                    "ask for fewer",
                )
            };
            let mut diagnostic = Diagnostic::error(code, span, message).with_help(help);
            for mention in labels {
                if mention.span != span {
                    diagnostic = diagnostic.with_label(mention.span, mention.text);
                }
            }
            diagnostic
        });
    }

    fn group_circle(&mut self, def: DefRef) -> Value {
        let span = self.program.def_span(def);
        let name = self.program.path_of(def);
        self.report.error(codes::CYCLE, span, || format!("who is in the group `{name}` depends on who is in it"));
        Value::new(Data::Error, Self::def_origin(def))
    }

    /// The members of a group; an error if they cannot be known yet.
    pub(crate) fn population(&mut self, def: DefRef) -> Result<Rc<Population<'a>>, Value> {
        if let Some(population) = &self.state(def).population {
            return population.clone();
        }
        if self.state(def).open {
            return Err(self.group_circle(def));
        }
        self.state(def).open = true;
        let mut population = Population::default();
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        let result = if self.has_lost(def) {
            Err(Value::new(Data::Error, Self::def_origin(def)))
        } else {
            self.populate(def, self.group_items(def), &mut population)
        };
        self.stack.truncate(self.base);
        self.base = outer;
        let result = match result {
            Ok(()) => Ok(Rc::new(population)),
            Err(waits) => Err(waits),
        };
        let members = result.as_ref().map_or(0, |population| population.entries.len());
        let state = self.state(def);
        state.open = false;
        state.members = vec![MemberSlot::New; members];
        state.population = Some(result.clone());
        result
    }

    fn populate(&mut self, def: DefRef, items: &'a [Item], population: &mut Population<'a>) -> Result<(), Value> {
        let module = def.module;
        for item in items {
            match item {
                Item::Member(decl) => {
                    let id = match &decl.id {
                        MemberId::Name(name) => self.program.names.shared(*name),
                        MemberId::Computed(expr) => {
                            let value = self.eval(module, *expr);
                            match self.known_early(&value, module, *expr, "the ID of a member").map(|known| known.data)
                            {
                                Some(Data::Str(text)) => text,
                                _ => return Err(value),
                            }
                        }
                    };
                    let span = self.program.span(module, decl.span);
                    // A capital at its beginning was reported by the parser.
                    let told = matches!(decl.id, MemberId::Name(_)) && id.starts_with(char::is_uppercase);
                    if !told && !is_label(&id, MAX_ID_BYTES) {
                        self.report.push(|_| {
                            Diagnostic::error(codes::BAD_NAME, span, format!("{id:?} cannot be the ID of a member"))
                                .with_help(format!("up to {MAX_ID_BYTES} lower-case letters, digits, `-` and `_`, beginning with a letter: it becomes a host name"))
                        });
                    }
                    if population.entries.len() >= MAX_ELEMENTS {
                        self.report.error(codes::TOO_MUCH, span, || format!("more than {MAX_ELEMENTS} members"));
                        return Err(Value::new(Data::Error, Self::def_origin(def)));
                    }
                    let index = u32::try_from(population.entries.len()).unwrap_or(u32::MAX);
                    match population.by_id.entry(id.clone()) {
                        indexmap::map::Entry::Occupied(first) => {
                            let first = population.entries[*first.get() as usize].decl.span;
                            self.member_twice(def, &id, (decl.span, first));
                        }
                        indexmap::map::Entry::Vacant(free) => {
                            free.insert(index);
                        }
                    }
                    let env = (self.stack.len() > self.base).then(|| Box::from(&self.stack[self.base..]));
                    population.entries.push(Entry { id, decl, env });
                }
                Item::For(repeated) => {
                    self.head_known(module, repeated.iterated)?;
                    self.repeat(module, repeated, |evaluator| evaluator.populate(def, &repeated.items, population))?;
                }
                Item::If(conditional) => {
                    self.head_known(module, conditional.condition)?;
                    if self.holds(module, conditional.condition)? {
                        self.populate(def, &conditional.items, population)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn head_known(&mut self, module: u16, head: ExprId) -> Result<(), Value> {
        let value = self.eval(module, head);
        let known = self.known_early(&value, module, head, "which members there are").is_some();
        if known { Ok(()) } else { Err(value) }
    }

    fn member_twice(&mut self, def: DefRef, id: &str, spans: (crate::hir::TextSpan, crate::hir::TextSpan)) {
        let (span, first) = (self.program.span(def.module, spans.0), self.program.span(def.module, spans.1));
        let group = self.program.path_of(def);
        self.report.push(|_| {
            let diagnostic =
                Diagnostic::error(codes::MEMBER_TWICE, span, format!("the group `{group}` has two members `{id}`"))
                    .with_help("a member owns one IP and one volume for life: give one of them another ID");
            if first == span {
                diagnostic
            } else {
                diagnostic.with_label(first, format!("`{id}` is declared here first"))
            }
        });
    }

    /// The fields of a member's machine before the member's own.
    pub(crate) fn machine_fields(&mut self, def: DefRef) -> (Option<DefRef>, Vec<Value>) {
        let machine = self.group_machine(def);
        match &machine.data {
            Data::Description(description) => (Some(description.def), description.fields.clone()),
            data => {
                // What it will be is not known; its type may be.
                let kind = self.checked.group(self.program.written_def(def)).and_then(|info| info.machine);
                let count = kind.map_or(0, |kind| self.program.schema(kind).fields.len());
                let open = if matches!(data, Data::Awaited(_)) { data.clone() } else { Data::Error };
                (kind, vec![Value::new(open, machine.origin); count])
            }
        }
    }

    /// A member's own fields.
    pub(crate) fn member_value(&mut self, def: DefRef, index: u32) -> Option<Rc<MemberValue>> {
        if let Some(MemberSlot::Done(value)) = self.groups.get(&def).and_then(|state| state.members.get(index as usize))
        {
            return Some(value.clone());
        }
        let population = self.population(def).ok()?;
        match self.state(def).members.get(index as usize)? {
            MemberSlot::Done(value) => return Some(value.clone()),
            MemberSlot::Open => {
                let entry = &population.entries[index as usize];
                let span = self.program.span(def.module, entry.decl.span);
                self.report.error(codes::CYCLE, span, || format!("the member `{}` is defined by itself", entry.id));
                return None;
            }
            MemberSlot::New => {}
        }
        self.state(def).members[index as usize] = MemberSlot::Open;
        let entry = &population.entries[index as usize];
        let machine = self.group_machine(def);
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        if let Some(env) = &entry.env {
            self.stack.extend_from_slice(env);
        }
        let value = Rc::new(self.member_fields(def, &machine, entry));
        self.stack.truncate(self.base);
        self.base = outer;
        self.state(def).members[index as usize] = MemberSlot::Done(value.clone());
        Some(value)
    }

    fn member_fields(&mut self, def: DefRef, machine: &Value, entry: &Entry<'a>) -> MemberValue {
        let program = self.program;
        let origin = Self::def_origin(def);
        let described = match &machine.data {
            Data::Description(description) => Some(description.def),
            // What it will be is not known; its type may be.
            _ => self.checked.group(self.program.written_def(def)).and_then(|info| info.machine),
        };
        let Some(kind) = described else {
            let error = Value::new(Data::Error, origin);
            return MemberValue { ip: error.clone(), volume: error, overrides: Vec::new() };
        };
        let schema = program.schema(kind);
        let mut given = std::mem::take(&mut self.scratch);
        // Each member leaves it empty again, so that it is filled once for a group.
        if given.len() != schema.fields.len() {
            given.clear();
            given.resize(schema.fields.len(), Value::new(Data::Missing, origin));
        }
        let waits = self.member_own(def.module, kind, entry, &mut given).err();
        let mut member = MemberValue {
            ip: Value::new(Data::None, origin),
            volume: Value::new(Data::None, origin),
            overrides: Vec::new(),
        };
        for (position, (field, own)) in schema.fields.iter().zip(&mut given).enumerate() {
            let is_given = !matches!(own.data, Data::Missing);
            let pinned = match field.name {
                own::IP => &mut member.ip,
                own::VOLUME => &mut member.volume,
                _ => {
                    if is_given {
                        member.overrides.push((position, std::mem::replace(own, Value::new(Data::Missing, origin))));
                    }
                    continue;
                }
            };
            *pinned = match (&waits, &machine.data) {
                _ if is_given => std::mem::replace(own, Value::new(Data::Missing, origin)),
                (Some(waits), _) => waits.clone(),
                (None, Data::Description(description)) => description.fields[position].clone(),
                (None, Data::Awaited(awaited)) => Value::new(Data::Awaited(*awaited), machine.origin),
                (None, _) => Value::new(Data::Error, machine.origin),
            };
        }
        self.scratch = given;
        member
    }

    /// The fields that stand in a member; those that are the same for each round of a `for` are worked out
    /// once.
    fn member_own(&mut self, module: u16, kind: DefRef, entry: &Entry<'a>, given: &mut [Value]) -> Result<(), Value> {
        let items = &entry.decl.items;
        if entry.env.is_none() || items.iter().any(|item| !matches!(item, Item::Field { .. })) {
            return self.set_fields(module, kind, items, given);
        }
        let schema = self.program.schema(kind);
        let outer = self.enter_members();
        let mut unknown = false;
        for item in items {
            let Item::Field { name, value: expr, .. } = item else { continue };
            let Some(position) = schema.position(*name) else {
                unknown = true;
                continue;
            };
            let field = &schema.fields[position];
            if field.live {
                continue;
            }
            given[position] = self.field_in_rounds(module, *expr, field);
        }
        self.leave_members(outer);
        if unknown {
            // A field that there is not was meant for one that is missing, and has been reported.
            for field in given.iter_mut().filter(|field| matches!(field.data, Data::Missing)) {
                field.data = Data::Error;
            }
        }
        Ok(())
    }

    /// Whether what a group lacks was meant by something in it that was reported.
    pub(super) fn has_lost(&self, def: DefRef) -> bool {
        self.checked.group(self.program.written_def(def)).is_some_and(|info| info.has_lost)
    }

    /// A field of a group or of what is in it.
    pub(crate) fn group_thing_field(&mut self, thing: Thing, name: Name, origin: Origin) -> Value {
        let program = self.program;
        let text = program.names.text(name);
        let def = thing.def;
        match (thing.kind, text) {
            (ThingKind::Group | ThingKind::Members, "count") => self.group_count(def),
            (ThingKind::Group, "members") => {
                Value::new(Data::Thing(Thing { kind: ThingKind::Members, ..thing }), origin)
            }
            (ThingKind::Group, "name") => Value::new(Data::Str(program.names.shared(program.def(def).name)), origin),
            (ThingKind::Group, _) => match self.population(def) {
                Ok(population) => match population.by_id.get(text) {
                    Some(index) => {
                        Value::new(Data::Thing(Thing { kind: ThingKind::Member, def, index: *index }), origin)
                    }
                    None => Value::new(Data::Error, origin),
                },
                Err(waits) => Value::new(waits.data, origin),
            },
            (ThingKind::Member, "id") => match self.population(def) {
                Ok(population) => match population.entries.get(thing.index as usize) {
                    Some(entry) => Value::new(Data::Str(entry.id.clone()), origin),
                    None => Value::new(Data::Error, origin),
                },
                Err(waits) => Value::new(waits.data, origin),
            },
            (ThingKind::Member, "machine") => {
                Value::new(Data::Thing(Thing { kind: ThingKind::Machine, ..thing }), origin)
            }
            (ThingKind::Member, "ip") => match self.member_value(def, thing.index) {
                Some(member) => member.ip.clone(),
                None => Value::new(Data::Error, origin),
            },
            (ThingKind::Member, "volume") => match self.member_value(def, thing.index) {
                Some(member) => match &member.volume.data {
                    Data::Description(_) => Value::new(Data::Thing(Thing { kind: ThingKind::Volume, ..thing }), origin),
                    other => Value::new(other.clone(), origin),
                },
                None => Value::new(Data::Error, origin),
            },
            (ThingKind::Machine, _) => {
                let (kind, mut fields) = self.machine_fields(def);
                let Some(kind) = kind else { return Value::new(Data::Error, origin) };
                let schema = program.schema(kind);
                let Some(position) = schema.position(name) else { return Value::new(Data::Error, origin) };
                if schema.fields[position].live {
                    return self.live(thing, name, origin);
                }
                let Some(member) = self.member_value(def, thing.index) else {
                    return Value::new(Data::Error, origin);
                };
                match text {
                    "ip" => member.ip.clone(),
                    "volume" => member.volume.clone(),
                    _ => match member.overrides.iter().find(|(at, _)| *at == position) {
                        Some((_, value)) => value.clone(),
                        None => fields.swap_remove(position),
                    },
                }
            }
            (ThingKind::Volume, _) => {
                let Some(member) = self.member_value(def, thing.index) else {
                    return Value::new(Data::Error, origin);
                };
                let Data::Description(volume) = &member.volume.data else { return Value::new(Data::Error, origin) };
                let schema = program.schema(volume.def);
                match schema.position(name) {
                    Some(position) if schema.fields[position].live => self.live(thing, name, origin),
                    Some(position) => volume.fields[position].clone(),
                    None => Value::new(Data::Error, origin),
                }
            }
            _ => Value::new(Data::Error, origin),
        }
    }

    /// `managers.members["m1"]`
    pub(crate) fn member_by_id(&mut self, module: u16, at: ExprId, def: DefRef, id: &str, origin: Origin) -> Value {
        match self.population(def) {
            Ok(population) => match population.by_id.get(id) {
                Some(index) => Value::new(Data::Thing(Thing { kind: ThingKind::Member, def, index: *index }), origin),
                None => {
                    let keys = population.by_id.keys().map(|key| &**key);
                    let what = format!("the group `{}` has no member", self.program.path_of(def));
                    self.no_entry(module, at, id, keys, &what)
                }
            },
            Err(waits) => Value::new(waits.data, origin),
        }
    }

    /// The members that a `for` goes through: ID and member.
    pub(crate) fn member_things(&mut self, thing: Thing, origin: Origin) -> Result<Vec<(Value, Value)>, Value> {
        if thing.kind != ThingKind::Members {
            return Err(Value::new(Data::Error, origin));
        }
        let population = self.population(thing.def)?;
        let all = population.entries.iter().enumerate().map(|(index, entry)| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let member = Data::Thing(Thing { kind: ThingKind::Member, def: thing.def, index });
            (Value::new(Data::Str(entry.id.clone()), origin), Value::new(member, origin))
        });
        Ok(all.collect())
    }

    /// Where a thing is found in the graph and in commands.
    pub(crate) fn address(&self, thing: Thing) -> String {
        let name = self.program.path_of(thing.def);
        let member = || {
            let population = self.groups.get(&thing.def).and_then(|state| state.population.as_ref());
            let id = population
                .and_then(|known| known.as_ref().ok())
                .and_then(|known| known.entries.get(thing.index as usize));
            id.map_or_else(String::new, |entry| format!("{name}.{}", entry.id))
        };
        match thing.kind {
            ThingKind::Resource | ThingKind::Group | ThingKind::Members => name,
            ThingKind::Entry => {
                let described = match &self.slots[thing.def.module as usize][thing.def.index as usize] {
                    crate::eval::Slot::Done(Value { data: Data::Map(entries), .. }) => {
                        entries.get_index(thing.index as usize).map(|(key, _)| key.clone())
                    }
                    _ => None,
                };
                format!("{name}[\"{}\"]", described.unwrap_or_else(|| "".into()))
            }
            ThingKind::Member => member(),
            ThingKind::Machine => format!("{}.machine", member()),
            ThingKind::Volume => format!("{}.volume", member()),
        }
    }

    /// Reports a group that is wrong as a whole.
    pub(super) fn group_error(&mut self, def: DefRef, message: String, help: &str) {
        let span = self.program.def_span(def);
        self.report.push(|_| Diagnostic::error(codes::POPULATION, span, message).maybe_help(Some(help.to_owned())));
    }
}
