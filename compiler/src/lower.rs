//! From worked-out declarations to the graph, with where each value came from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use kit_graph::{
    Cluster, FORMAT_VERSION, Graph, Group, Instance, Member, OriginKind as GraphOrigin, Population, Properties,
    Resource, Value as GraphValue,
};
use kit_lang::Diagnostic;

use crate::codes;
use crate::eval::{Evaluator, MAX_PARTS, write_ip};
use crate::expand::{Expanded, MemberValue};
use crate::hir::{DefKind, DefRef, ExprId, Program};
use crate::outside;
use crate::sources::Sources;
use crate::value::{Data, Description, Origin, OriginKind, Value};

/// Values of a graph, those in others included: a hundred thousand machines have fewer, and they are some hundred megabytes.
const MAX_GRAPH_PARTS: usize = 2_000_000;

/// Builds the graph of a program in which nothing is wrong and nothing is awaited.
pub(crate) struct Lowering<'l, 'a> {
    evaluator: &'l mut Evaluator<'a>,
    sources: &'l Sources,
    provenance: Vec<(String, kit_graph::Origin)>,
    /// How many values were lowered, those in others included.
    parts: usize,
    /// The origins of what is lowered now are known from a neighbour.
    silent: bool,
    /// Origins met before: what a `for` makes has the same ones again and again.
    origins: IndexMap<Origin, Option<kit_graph::Origin>, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
}

impl<'l, 'a> Lowering<'l, 'a> {
    pub(crate) fn new(evaluator: &'l mut Evaluator<'a>, sources: &'l Sources) -> Self {
        Self { evaluator, sources, provenance: Vec::new(), parts: 0, silent: false, origins: IndexMap::default() }
    }

    /// The graph; none if things depend on each other in a circle, which is reported.
    pub(crate) fn graph(mut self, expanded: &Expanded) -> Option<(Graph, Vec<u8>)> {
        let program = self.evaluator.program;
        let cluster = self.cluster(expanded)?;
        let mut resources = Vec::new();
        let mut groups = Vec::new();
        let instances = self.evaluator.instances.iter().map(|instance| instance.module);
        let modules: Vec<u16> = std::iter::once(0).chain(instances).collect();
        for module in modules {
            for index in 0..u32::try_from(program.module(module).defs.len()).unwrap_or(u32::MAX) {
                let def = DefRef { module, index };
                match &program.def(def).kind {
                    DefKind::Resource { .. } => self.resources(def, &mut resources),
                    DefKind::Group { role, .. } => groups.extend(self.group(def, *role)),
                    _ => {}
                }
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, value) in &expanded.outputs {
            let name = program.names.text(*name).to_owned();
            let lowered = self.value(&format!("outputs.{name}"), value);
            outputs.insert(name, lowered);
        }
        self.edges(&mut resources, &mut groups)?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        let lookups = self.lookups();
        let graph = Graph {
            version: FORMAT_VERSION,
            hash: String::new(),
            cluster,
            resources,
            groups,
            outputs,
            lookups,
            // Who knows the key of the cluster makes them.
            fingerprints: BTreeMap::new(),
            provenance: self.provenance.into_iter().collect(),
        };
        Some(graph.sealed_with_bytes())
    }

    fn lookups(&self) -> BTreeMap<String, GraphValue> {
        let used = self.evaluator.lookups.iter();
        used.filter_map(|(key, lookup)| Some((key.clone(), lookup.data.clone()?))).collect()
    }

    fn cluster(&mut self, expanded: &Expanded) -> Option<Cluster> {
        let name = expanded.name.as_ref()?;
        let provider = expanded.provider.as_ref()?;
        let Data::Str(text) = &name.data else { return None };
        let Data::Description(description) = &provider.data else { return None };
        self.came_from("cluster.name", name.origin);
        Some(Cluster {
            name: text.to_string(),
            provider: self.instance("cluster.provider", description, &[]),
            leader: expanded.leader.map(|def| self.evaluator.program.path_of(def)),
        })
    }

    /// A type and its fields, but for some.
    fn instance(&mut self, at: &str, description: &Description, but: &[&str]) -> Instance {
        let properties = self.properties(at, description.def, &description.fields, but);
        Instance { kind: self.evaluator.program.path_of(description.def), properties }
    }

    fn properties(&mut self, at: &str, def: DefRef, fields: &[Value], but: &[&str]) -> Properties {
        let program = self.evaluator.program;
        let mut properties = Properties::new();
        for (field, value) in program.schema(def).fields.iter().zip(fields) {
            let name = program.names.text(field.name);
            if field.live || but.contains(&name) || matches!(value.data, Data::None | Data::Missing) {
                continue;
            }
            let lowered = self.value(&below(at, name), value);
            properties.insert(name.to_owned(), lowered);
        }
        properties
    }

    /// A value for the graph; its parts remember where they came from.
    fn value(&mut self, at: &str, value: &Value) -> GraphValue {
        let program = self.evaluator.program;
        if let Some(open) = value.first_unsettled() {
            // Whatever is wrong was reported before; this is the last guard that no hole gets into a graph.
            let span = self.evaluator.origin_span(open.origin);
            let message = || format!("`{at}` could not be worked out from this");
            self.evaluator.report.error(codes::NEEDED_EARLIER, span, message);
            return GraphValue::Null;
        }
        self.parts += value.parts(MAX_PARTS);
        if self.parts > MAX_GRAPH_PARTS {
            let span = self.evaluator.origin_span(value.origin);
            let message = || format!("with this the graph has more than {MAX_GRAPH_PARTS} values");
            self.evaluator.report.error(codes::TOO_MUCH, span, message);
            return GraphValue::Null;
        }
        let seen = self.seen(value);
        let value = seen.as_ref().unwrap_or(value);
        match &value.data {
            Data::Record(fields) => {
                for (name, field) in fields.iter() {
                    if !matches!(field.data, Data::None) {
                        self.parts_came_from(&format!("{at}.{}", program.names.text(*name)), field);
                    }
                }
            }
            Data::Script(script) => {
                self.came_from(at, value.origin);
                for (name, variable) in &script.variables {
                    self.came_from(&below(at, name), variable.origin);
                }
            }
            Data::Description(description) => {
                return GraphValue::Map(self.properties(at, description.def, &description.fields, &[]));
            }
            _ => self.came_from(at, value.origin),
        }
        let evaluator = &*self.evaluator;
        outside::to_graph(program, value, &|thing| evaluator.address(thing))
    }

    /// A value with what is seen of them in place of instances of components: the graph holds what an instance is
    /// made of, and not the instance. None if no instance is in it.
    fn seen(&mut self, value: &Value) -> Option<Value> {
        let data = match &value.data {
            Data::Thing(thing) => {
                let outputs = self.evaluator.outputs_of(*thing)?;
                return Some(self.seen(&outputs).unwrap_or(outputs));
            }
            Data::List(items) => {
                let seen: Vec<Option<Value>> = items.iter().map(|item| self.seen(item)).collect();
                if seen.iter().all(Option::is_none) {
                    return None;
                }
                let items = items.iter().zip(seen).map(|(item, seen)| seen.unwrap_or_else(|| item.clone()));
                Data::List(Rc::new(items.collect()))
            }
            Data::Map(entries) => {
                let seen: Vec<Option<Value>> = entries.values().map(|entry| self.seen(entry)).collect();
                if seen.iter().all(Option::is_none) {
                    return None;
                }
                let entries = entries.iter().zip(seen);
                let entries = entries.map(|((key, entry), seen)| (key.clone(), seen.unwrap_or_else(|| entry.clone())));
                Data::Map(Rc::new(entries.collect()))
            }
            Data::Record(fields) => {
                let seen: Vec<Option<Value>> = fields.iter().map(|(_, field)| self.seen(field)).collect();
                if seen.iter().all(Option::is_none) {
                    return None;
                }
                let fields = fields.iter().zip(seen);
                let fields = fields.map(|((name, field), seen)| (*name, seen.unwrap_or_else(|| field.clone())));
                Data::Record(Rc::new(fields.collect()))
            }
            _ => return None,
        };
        Some(Value::new(data, value.origin))
    }

    fn parts_came_from(&mut self, at: &str, value: &Value) {
        let program = self.evaluator.program;
        match &value.data {
            Data::Record(fields) => {
                for (name, field) in fields.iter() {
                    self.parts_came_from(&format!("{at}.{}", program.names.text(*name)), field);
                }
            }
            _ => self.came_from(at, value.origin),
        }
    }

    fn came_from(&mut self, at: &str, origin: Origin) {
        if self.silent {
            return;
        }
        let known = match self.origins.get(&origin) {
            Some(known) => known.clone(),
            None => {
                let found = self.origin(origin);
                self.origins.insert(origin, found.clone());
                found
            }
        };
        if let Some(known) = known {
            self.provenance.push((at.to_owned(), known));
        }
    }

    fn origin(&self, origin: Origin) -> Option<kit_graph::Origin> {
        let span = self.evaluator.origin_span(origin);
        let source = self.sources.get(span.source)?;
        let place = source.position(span.start);
        let program = self.evaluator.program;
        let kind = match origin.kind {
            OriginKind::Default => GraphOrigin::Default,
            OriginKind::Param => GraphOrigin::Param(
                program.names.text(program.def(DefRef { module: 0, index: origin.index }).name).to_owned(),
            ),
            OriginKind::Lookup => {
                let key = self.evaluator.lookup_keys.get(&(origin.module, origin.index));
                GraphOrigin::Lookup(key.cloned().unwrap_or_default())
            }
            OriginKind::Expr if program.expr(origin.module, ExprId(origin.index)).is_literal() => GraphOrigin::Literal,
            OriginKind::Expr | OriginKind::Place | OriginKind::Def => GraphOrigin::Computed,
        };
        Some(kit_graph::Origin { file: source.name.as_str().into(), line: place.line, column: place.column, kind })
    }

    fn resources(&mut self, def: DefRef, resources: &mut Vec<Resource>) {
        let value = self.evaluator.def_value(def);
        let name = self.evaluator.program.path_of(def);
        match &value.data {
            Data::Description(description) => self.resource(name, description, resources),
            Data::Map(entries) => {
                for (key, entry) in entries.iter() {
                    if let Data::Description(description) = &entry.data {
                        self.resource(format!("{name}[\"{key}\"]"), description, resources);
                    }
                }
            }
            _ => {}
        }
    }

    fn resource(&mut self, address: String, description: &Description, resources: &mut Vec<Resource>) {
        if self.evaluator.program.component(description.def).is_some() {
            // An instance is what is in it; its own resources stand under its address.
            return;
        }
        let Instance { kind, properties } = self.instance(&address, description, &[]);
        resources.push(Resource { address, kind, properties, depends_on: Vec::new() });
    }

    fn group(&mut self, def: DefRef, role: Option<DefRef>) -> Option<Group> {
        let role = role?;
        let name = self.evaluator.program.path_of(def);
        let machine = self.evaluator.group_machine(def);
        let Data::Description(description) = &machine.data else { return None };
        let description = description.clone();
        let fields = self.evaluator.groups.get(&def).map(|state| state.role.clone()).unwrap_or_default();
        let role = Instance {
            kind: self.evaluator.program.path_of(role),
            properties: self.properties(&name, role, &fields, &[]),
        };
        let counted = self.evaluator.group_field_expr(def, "count").is_some();
        let machine_at = format!("{name}.machine");
        let (machine, population) = if counted {
            let count = self.evaluator.group_count(def);
            self.came_from(&format!("{name}.count"), count.origin);
            let Data::Int(number) = count.data else { return None };
            let machine = self.instance(&machine_at, &description, &[]);
            (machine, Population::Count(u32::try_from(number).ok()?))
        } else {
            let machine = self.instance(&machine_at, &description, &["ip", "volume"]);
            (machine, Population::Members(self.members(def, &name, &description)))
        };
        Some(Group { name, role, machine, depends_on: Vec::new(), population })
    }

    fn members(&mut self, def: DefRef, group: &str, machine: &Description) -> Vec<Member> {
        let Ok(population) = self.evaluator.population(def) else { return Vec::new() };
        let mut members: Vec<Member> = Vec::with_capacity(population.entries.len());
        // Members that one `for` makes mostly have the same origins; those are written once, under `*`.
        let alike = match population.entries.as_slice() {
            [first, rest @ ..] => !rest.is_empty() && rest.iter().all(|entry| std::ptr::eq(entry.decl, first.decl)),
            [] => false,
        };
        let mut pattern: Option<(Rc<MemberValue>, Member)> = None;
        for (index, entry) in population.entries.iter().enumerate() {
            let Some(member) = self.evaluator.member_value(def, u32::try_from(index).unwrap_or(u32::MAX)) else {
                continue;
            };
            let repeated = pattern.as_ref().filter(|(first, _)| same_origins(first, &member));
            let mut lowered = match repeated {
                Some((_, first)) => self.member_like(first, group, &entry.id, machine, &member),
                None => {
                    let at = below(group, if alike && pattern.is_none() { "*" } else { &entry.id });
                    self.member(&at, machine, &member)
                }
            };
            if alike && pattern.is_none() {
                pattern = Some((member, lowered.clone()));
            }
            lowered.id = String::from(&*entry.id);
            members.push(lowered);
        }
        members
    }

    fn member(&mut self, at: &str, machine: &Description, member: &MemberValue) -> Member {
        let program = self.evaluator.program;
        let ip = match &member.ip.data {
            Data::Ip(ip) => {
                self.came_from(&below(at, "ip"), member.ip.origin);
                Some(ip_text(*ip))
            }
            _ => None,
        };
        let volume = match &member.volume.data {
            Data::Description(volume) => {
                Some(Arc::new(self.properties(&below(at, "volume"), volume.def, &volume.fields, &[])))
            }
            _ => None,
        };
        let mut overrides = Properties::new();
        for (position, value) in &member.overrides {
            let name = program.names.text(program.schema(machine.def).fields[*position].name);
            let lowered = self.value(&format!("{at}.machine.{name}"), value);
            overrides.insert(name.to_owned(), lowered);
        }
        Member { id: String::new(), ip, volume, machine: overrides }
    }

    /// A member whose values came from the same places as those of `first`, which are known: see
    /// [`same_origins`]. What the two share is not made again.
    fn member_like(
        &mut self,
        first: &Member,
        group: &str,
        id: &str,
        machine: &Description,
        member: &MemberValue,
    ) -> Member {
        let program = self.evaluator.program;
        let ip = match &member.ip.data {
            Data::Ip(ip) => Some(ip_text(*ip)),
            _ => None,
        };
        self.silent = true;
        let mut overrides = Properties::new();
        for (position, value) in &member.overrides {
            let name = program.names.text(program.schema(machine.def).fields[*position].name);
            let lowered = match (&value.data, first.machine.get(name)) {
                // The very same value, as its origins are the same.
                (Data::Record(_) | Data::Description(_), Some(known)) => known.clone(),
                _ => self.value(&format!("{group}.{id}.machine.{name}"), value),
            };
            overrides.insert(name.to_owned(), lowered);
        }
        self.silent = false;
        Member { id: String::new(), ip, volume: first.volume.clone(), machine: overrides }
    }

    /// What must exist before what, and the resources in that order; ties by address.
    fn edges(&mut self, resources: &mut [Resource], groups: &mut [Group]) -> Option<()> {
        let addresses: BTreeSet<String> = resources
            .iter()
            .map(|resource| resource.address.clone())
            .chain(groups.iter().map(|group| group.name.clone()))
            .collect();
        let find = |reference: &str| -> Option<String> {
            // `net.id` is a field of `net`, `nets["a"].id` of `nets["a"]`, and `zone.net.id` of what stands in an
            // instance: the longest beginning that is an address. Each round takes a part away.
            let mut at = reference;
            loop {
                if let Some(address) = addresses.get(at) {
                    return Some(address.clone());
                }
                at = &at[..at.rfind('.')?];
            }
        };
        let collect = |properties: &Properties, into: &mut BTreeSet<String>| {
            for value in properties.values() {
                value.each_ref(&mut |reference| into.extend(find(reference)));
            }
        };
        let mut before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for resource in resources.iter_mut() {
            let mut needs = BTreeSet::new();
            collect(&resource.properties, &mut needs);
            resource.depends_on = needs.iter().cloned().collect();
            before.insert(resource.address.clone(), needs);
        }
        for group in groups.iter_mut() {
            let mut needs = BTreeSet::new();
            collect(&group.machine.properties, &mut needs);
            collect(&group.role.properties, &mut needs);
            for member in group.members() {
                collect(&member.machine, &mut needs);
                if let Some(volume) = &member.volume {
                    collect(volume, &mut needs);
                }
            }
            group.depends_on = needs.iter().cloned().collect();
            before.insert(group.name.clone(), needs);
        }
        let order = topological(&before).or_else(|| {
            self.circle(&before);
            None
        })?;
        let position: BTreeMap<&str, usize> =
            order.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        resources.sort_by_key(|resource| position.get(resource.address.as_str()).copied());
        Some(())
    }

    fn circle(&mut self, before: &BTreeMap<String, BTreeSet<String>>) {
        let program: &Program = self.evaluator.program;
        let mut left: BTreeMap<&String, &BTreeSet<String>> = before.iter().collect();
        // Each round takes at least one away, so there are no more rounds than things.
        loop {
            let free: Vec<&String> = left
                .iter()
                .filter(|(_, needs)| !needs.iter().any(|need| left.contains_key(need)))
                .map(|(name, _)| *name)
                .collect();
            if free.is_empty() {
                break;
            }
            for name in free {
                left.remove(name);
            }
        }
        let names: Vec<&str> = left.keys().map(|name| name.as_str()).collect();
        let root = names.first().map(|name| name.split(['[', '.']).next().unwrap_or(name));
        let def = root
            .and_then(|name| program.names.find(name))
            .and_then(|name| program.module(0).by_name.get(&name).copied());
        let Some(crate::hir::Binding::Def(index)) = def else { return };
        let span = program.def_span(DefRef { module: 0, index });
        let listed = crate::report::listed(names.iter().copied(), "and");
        self.evaluator.report.push(|_| {
            Diagnostic::error(codes::CYCLE, span, format!("{listed} need each other: none of them can be made first"))
        });
    }
}

/// Whether all values of two members came from the same places.
fn same_origins(a: &MemberValue, b: &MemberValue) -> bool {
    let same = |a: &Value, b: &Value| {
        a.origin == b.origin
            && match (&a.data, &b.data) {
                (Data::Record(a), Data::Record(b)) => Rc::ptr_eq(a, b),
                (Data::Description(a), Data::Description(b)) => Rc::ptr_eq(a, b),
                (Data::Record(_) | Data::Description(_), _) | (_, Data::Record(_) | Data::Description(_)) => false,
                _ => true,
            }
    };
    same(&a.ip, &b.ip)
        && same(&a.volume, &b.volume)
        && a.overrides.len() == b.overrides.len()
        && a.overrides.iter().zip(&b.overrides).all(|((at, a), (bt, b))| at == bt && same(a, b))
}

fn ip_text(ip: IpAddr) -> String {
    /// What the longest IPv4 address takes.
    const MOST: usize = 15;
    let mut text = String::with_capacity(MOST);
    write_ip(ip, &mut text);
    text
}

/// `at.name`
fn below(at: &str, name: &str) -> String {
    let mut text = String::with_capacity(at.len() + 1 + name.len());
    text.push_str(at);
    text.push('.');
    text.push_str(name);
    text
}

/// Names after those that they need, ties by name; none for a circle.
fn topological(before: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, needs) in before {
        open.insert(name, needs.len());
        for need in needs {
            dependents.entry(need).or_default().push(name);
        }
    }
    let mut free: BTreeSet<&str> = open.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(name) = free.pop_first() {
        order.push(name.to_owned());
        for dependent in dependents.remove(name).unwrap_or_default() {
            if let Some(count) = open.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    free.insert(dependent);
                }
            }
        }
    }
    (order.len() == before.len()).then_some(order)
}
