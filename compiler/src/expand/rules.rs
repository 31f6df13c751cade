//! Rules of groups: a machine, members or a count, each IP once, and what the role requires.

use std::net::IpAddr;
use std::rc::Rc;

use kit_lang::{Diagnostic, Span};

use super::requires::ReadBy;
use crate::codes;
use crate::eval::{Evaluator, Leads, Same};
use crate::hir::{DefKind, DefRef, Expr, ExprId, Item};
use crate::names::own;
use crate::value::{Awaited, Data, Value};

impl<'a> Evaluator<'a> {
    /// Works out a group and checks it.
    pub(super) fn group(&mut self, def: DefRef, provider: Option<&Value>) {
        let DefKind::Group { role, .. } = &self.program.def(def).kind else { return };
        let role = *role;
        if std::mem::replace(&mut self.groups.entry(def).or_default().looked_at, true) {
            return;
        }
        let name = self.program.path_of(def);
        let machine = self.group_machine(def);
        let lost = self.has_lost(def);
        if self.group_field_expr(def, "machine").is_none() && !lost {
            let span = self.program.def_span(def);
            self.report.push(|_| {
                Diagnostic::error(codes::MISSING_FIELD, span, format!("the group `{name}` lacks `machine`"))
                    .with_help("add machine = …, the description that each of its machines begins from")
            });
        }
        if let Data::Description(description) = &machine.data {
            self.same_provider(description.def, machine.origin, provider);
        }
        let count_expr = self.group_field_expr(def, "count");
        let population = self.population(def);
        let has_member_items =
            self.group_items(def).iter().any(|item| !matches!(item, Item::Field { .. } | Item::Require(_)));
        match (count_expr, has_member_items) {
            (Some(count), true) => {
                let span = self.program.expr_span(def.module, count);
                let declared = self.program.def_span(def);
                self.report.push(|_| {
                    Diagnostic::error(codes::POPULATION, span, format!("the group `{name}` has members and a count"))
                        .with_label(declared, "it has members, and these are counted by themselves")
                        .with_help("keep the members, or the count")
                });
            }
            (None, false) if lost => return,
            (None, false) => {
                self.group_error(
                    def,
                    format!("the group `{name}` has neither members nor a count"),
                    "add `count = …`, or members: `member m1 { ip = …, volume = { size = … } }`",
                );
                // What the role requires of them has nothing to go by.
                return;
            }
            (Some(_), false) => self.counted_machines(def, &machine),
            (None, true) => {}
        }
        if let Ok(population) = &population
            && has_member_items
        {
            self.members(def, population.entries.len());
        }
        for item in self.group_items(def) {
            if matches!(item, Item::Require(_)) {
                let outer = std::mem::replace(&mut self.base, self.stack.len());
                let _ = self.requires(def.module, std::slice::from_ref(item), &[], None);
                self.base = outer;
            }
        }
        if let Some(role) = role {
            self.role(def, role);
        }
    }

    /// Machines without a name own no address and no volume.
    fn counted_machines(&mut self, def: DefRef, machine: &Value) {
        self.group_count(def);
        let Data::Description(description) = &machine.data else { return };
        let description = description.clone();
        self.complete(&description.fields, description.def, machine.origin, self.becomes(def, machine));
        let program = self.program;
        let group = program.path_of(def);
        for (field, value) in program.schema(description.def).fields.iter().zip(&description.fields) {
            let text = program.names.text(field.name);
            if !matches!(text, "ip" | "volume") || matches!(value.data, Data::None | Data::Missing | Data::Error) {
                continue;
            }
            let (span, declared) = (self.origin_span(value.origin), program.def_span(def));
            self.report.push(|_| {
                Diagnostic::error(
                    codes::PINNED_COUNT,
                    span,
                    format!("the machines of `{group}` have no names, so none of them can own the {text} given here"),
                )
                .with_label(declared, "this group has a count")
                .with_help("give the group members, or take it out of the group's machine")
            });
        }
    }

    /// Where a description becomes a thing, if that is another place than its own.
    fn becomes(&self, def: DefRef, machine: &Value) -> Option<(kit_lang::Span, String)> {
        let expr = self.group_field_expr(def, "machine")?;
        let span = self.program.expr_span(def.module, expr);
        (span != self.origin_span(machine.origin))
            .then(|| (span, format!("the machines of `{}` are made from it", self.program.path_of(def))))
    }

    /// Each member's machine is whole and as its requires want it.
    fn members(&mut self, def: DefRef, count: usize) {
        let (kind, base) = self.machine_fields(def);
        let Some(kind) = kind else { return };
        let machine = self.group_machine(def);
        let program = self.program;
        let schema = program.schema(kind);
        let (ip_at, volume_at) = (schema.position(own::IP), schema.position(own::VOLUME));
        let (requires, names) = self.requires_of(kind);
        let ReadBy { masks } = self.reads_of(kind);
        // A require that reads nothing of a member's own has one answer for all of them.
        let mut answered = vec![false; requires.len()];
        let bit = |position: usize| if position < 64 { 1u64 << position } else { u64::MAX };
        let pinned = ip_at.map_or(0, bit) | volume_at.map_or(0, bit);
        // The group's fields stand on the stack all the time; a member's own ones take their places in turn.
        let bottom = self.stack.len();
        self.stack.extend_from_slice(&base);
        let same = Same::before(u32::try_from(base.len()).unwrap_or(u32::MAX)).without(pinned);
        let around = self.begin_rounds(bottom, same);
        for index in 0..count {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let Some(member) = self.member_value(def, index) else { continue };
            self.member_ip_known(def, index, &member.ip);
            let outer = std::mem::replace(&mut self.base, bottom);
            let mut given = pinned;
            for (position, value) in &member.overrides {
                self.stack[self.base + position] = value.clone();
                given |= bit(*position);
            }
            // What the member says itself is the same in no other round.
            let rounds = (given != pinned).then(|| self.begin_rounds(bottom, same.without(given)));
            if let Some(position) = ip_at {
                self.stack[self.base + position] = member.ip.clone();
            }
            if let Some(position) = volume_at {
                self.stack[self.base + position] = member.volume.clone();
            }
            let whole = schema
                .fields
                .iter()
                .zip(&self.stack[self.base..])
                .all(|(field, value)| field.live || !matches!(value.data, Data::Missing));
            if !whole {
                let fields = self.stack[self.base..].to_vec();
                self.nothing_missing(&fields, kind, machine.origin, self.becomes(def, &machine));
            }
            for (at, item) in requires.iter().enumerate() {
                let shared = masks.get(at).is_some_and(|mask| mask & given == 0);
                if shared && std::mem::replace(&mut answered[at], true) {
                    continue;
                }
                let _ = self.requires(kind.module, std::slice::from_ref(item), &names, Some(machine.origin));
            }
            if let Some(rounds) = rounds {
                self.end_rounds(rounds);
            }
            // IP and volume are set for each member; the others are the group's again.
            for (position, _) in &member.overrides {
                self.stack[bottom + position] = base[*position].clone();
            }
            self.base = outer;
        }
        self.end_rounds(around);
        self.stack.truncate(bottom);
    }

    /// A member's IP is known before anything is looked up.
    fn member_ip_known(&mut self, def: DefRef, index: u32, ip: &Value) {
        if matches!(ip.data, Data::Ip(_) | Data::None | Data::Error | Data::Missing) {
            return;
        }
        if matches!(ip.data, Data::Awaited(Awaited::Param(_))) {
            return;
        }
        let Ok(population) = self.population(def) else { return };
        let Some(entry) = population.entries.get(index as usize) else { return };
        let program = self.program;
        let expr = entry.decl.items.iter().find_map(|item| match item {
            Item::Field { name, value, .. } if program.names.text(*name) == "ip" => Some(*value),
            _ => None,
        });
        if let Some(expr) = expr.or_else(|| self.group_field_expr(def, "machine")) {
            self.known_early(ip, def.module, expr, "the IP of a member");
        }
    }

    /// One address, one member: in all groups together.
    pub(super) fn addresses_used_twice(&mut self) {
        let mut all: Vec<(IpAddr, DefRef, u32)> = Vec::new();
        let groups: Vec<DefRef> = self.groups.keys().copied().collect();
        for def in groups {
            let Ok(population) = self.population(def) else { continue };
            for index in 0..population.entries.len() {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                if let Some(member) = self.member_value(def, index)
                    && let Data::Ip(ip) = member.ip.data
                {
                    all.push((ip, def, index));
                }
            }
        }
        // By address, and among equal ones in the order of the file.
        all.sort_unstable();
        let mut told = Vec::new();
        let mut first = 0;
        for at in 1..all.len() {
            if all[at].0 != all[first].0 {
                first = at;
                continue;
            }
            let (ip, ..) = all[at];
            let (before, now) = (all[first], all[at]);
            self.ip_twice(ip, (before.1, before.2), (now.1, now.2), &mut told);
        }
    }

    fn ip_twice(&mut self, ip: IpAddr, first: (DefRef, u32), second: (DefRef, u32), told: &mut Vec<Span>) {
        let place = |evaluator: &mut Self, (def, index): (DefRef, u32)| {
            let member = evaluator.member_value(def, index)?;
            let population = evaluator.population(def).ok()?;
            let entry = population.entries.get(index as usize)?;
            let own = entry.decl.items.iter().find_map(|item| match item {
                Item::Field { name, value, .. } if evaluator.program.names.text(*name) == "ip" => Some(*value),
                _ => None,
            });
            let span = match own {
                Some(expr) => evaluator.program.expr_span(def.module, expr),
                None => evaluator.origin_span(member.ip.origin),
            };
            Some((span, format!("{}.{}", evaluator.program.path_of(def), entry.id)))
        };
        let (Some((first_span, first_name)), Some((span, name))) = (place(self, first), place(self, second)) else {
            return;
        };
        // An address that each round of a `for` gives again is one mistake.
        if first_span == span && told.contains(&span) {
            return;
        }
        told.push(span);
        self.report.push(|_| {
            let diagnostic =
                Diagnostic::error(codes::IP_TWICE, span, format!("{ip} is the IP of both {first_name} and {name}"))
                    .with_help("an IP belongs to one member for life: give one of them another");
            if first_span == span {
                diagnostic
            } else {
                diagnostic.with_label(first_span, format!("{first_name} has it here"))
            }
        });
    }

    /// The role's fields, and what the role requires of the group.
    fn role(&mut self, def: DefRef, role: DefRef) {
        let program = self.program;
        let schema = program.schema(role);
        let origin = Self::def_origin(def);
        let mut fields = vec![Value::new(Data::Missing, origin); schema.fields.len()];
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        for item in self.group_items(def) {
            let Item::Field { name, value, .. } = item else { continue };
            let Some(position) = schema.position(*name) else { continue };
            let value = self.eval(def.module, *value);
            fields[position] = self.field_value(value, &schema.fields[position]);
        }
        self.fill_defaults(role, &mut fields, origin);
        self.nothing_missing(&fields, role, origin, None);
        self.stack.extend_from_slice(&fields);
        let count = self.group_count(def);
        self.stack.push(count);
        let (requires, names) = self.requires_of(role);
        let members_slot = u32::try_from(schema.fields.len() + 1).unwrap_or(u32::MAX);
        let members = if reads_slot(program, role.module, requires, members_slot) {
            self.member_records(def)
        } else {
            Value::new(Data::Missing, origin)
        };
        self.stack.push(members);
        self.stack.push(match self.leads {
            Leads::Group(leader, said) if leader == def => Value::new(Data::Bool(true), said),
            Leads::Group(..) => Value::new(Data::Bool(false), origin),
            Leads::Nobody => Value::new(Data::Bool(false), origin),
            Leads::Unknown => Value::new(Data::Error, origin),
        });
        let _ = self.requires(role.module, requires, &names, Some(origin));
        self.stack.truncate(self.base);
        self.base = outer;
        if let Some(state) = self.groups.get_mut(&def) {
            state.role = fields;
        }
    }

    /// The members as the requires of the role see them.
    fn member_records(&mut self, def: DefRef) -> Value {
        let origin = Self::def_origin(def);
        let population = match self.population(def) {
            Ok(population) => population,
            Err(waits) => return Value::new(waits.data, origin),
        };
        let program = self.program;
        let names = ["id", "ip", "volume"].map(|text| program.names.find(text));
        let [Some(id), Some(ip), Some(volume)] = names else { return Value::new(Data::Error, origin) };
        let mut records = Vec::with_capacity(population.entries.len());
        for (index, entry) in population.entries.iter().enumerate() {
            let Some(member) = self.member_value(def, u32::try_from(index).unwrap_or(u32::MAX)) else { continue };
            let here = self.place_origin(program.span(def.module, entry.decl.span));
            // What a member lacks is blamed on the member.
            let own = |value: &Value| match value.data {
                Data::None => Value::new(Data::None, here),
                _ => value.clone(),
            };
            let fields = vec![
                (id, Value::new(Data::Str(entry.id.clone()), here)),
                (ip, own(&member.ip)),
                (volume, own(&member.volume)),
            ];
            records.push(Value::new(Data::Record(Rc::new(fields)), here));
        }
        Value::new(Data::List(Rc::new(records)), origin)
    }
}

/// Whether some of the requires read a variable.
fn reads_slot(program: &crate::hir::Program, module: u16, items: &[Item], slot: u32) -> bool {
    fn reads(program: &crate::hir::Program, module: u16, expr: ExprId, slot: u32) -> bool {
        match program.expr(module, expr) {
            Expr::Local(found) => *found == slot,
            Expr::Field { base, .. } => reads(program, module, *base, slot),
            Expr::Index { base, index } => [base, index].iter().any(|part| reads(program, module, **part, slot)),
            Expr::Unary { operand, .. } => reads(program, module, *operand, slot),
            Expr::Binary { left, right, .. } => [left, right].iter().any(|part| reads(program, module, **part, slot)),
            Expr::CallFn { args, .. } => args.iter().any(|part| reads(program, module, *part, slot)),
            Expr::CallMethod { base, args, .. } => {
                reads(program, module, *base, slot) || args.iter().any(|part| reads(program, module, *part, slot))
            }
            Expr::If { condition, then, otherwise } => {
                [condition, then, otherwise].iter().any(|part| reads(program, module, **part, slot))
            }
            // Rare in requires: better to work the members out than to miss one.
            Expr::Match { .. } | Expr::Record(_) | Expr::List(_) | Expr::With { .. } | Expr::Construct { .. } => true,
            _ => false,
        }
    }
    items.iter().any(|item| match item {
        Item::Require(require) => reads(program, module, require.condition, slot),
        Item::For(repeated) => {
            reads(program, module, repeated.iterated, slot) || reads_slot(program, module, &repeated.items, slot)
        }
        Item::If(conditional) => {
            reads(program, module, conditional.condition, slot) || reads_slot(program, module, &conditional.items, slot)
        }
        _ => false,
    })
}
