//! Declarations as things: resources, groups and their members, with the rules that hold for them.

mod groups;
mod requires;
mod rules;
mod tests_of_clusters;
mod trail;

use std::rc::Rc;

use indexmap::IndexMap;
use kit_lang::{Diagnostic, Span};

use crate::check::with_article;
use crate::codes;
use crate::eval::{Evaluator, Leads};
use crate::hir::{DefKind, DefRef, Item, MemberDecl};
use crate::names::Name;
use crate::value::{Awaited, Data, Description, Origin, OriginKind, Thing, ThingKind, Value};

/// A group while it is expanded.
#[derive(Debug, Default)]
pub(crate) struct GroupState<'a> {
    machine: Option<Value>,
    count: Option<Value>,
    population: Option<Result<Rc<Population<'a>>, Value>>,
    members: Vec<MemberSlot>,
    /// The population is being worked out.
    open: bool,
    /// What it must be was looked at.
    looked_at: bool,
    /// The role's fields, in the order of its schema.
    pub(crate) role: Vec<Value>,
}

/// The members of a group before their fields are worked out.
#[derive(Debug, Default)]
pub(crate) struct Population<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    by_id: IndexMap<Rc<str>, u32, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
}

/// A member before its fields are worked out.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) id: Rc<str>,
    pub(crate) decl: &'a MemberDecl,
    /// The variables of the `for`s around it.
    env: Option<Box<[Value]>>,
}

#[derive(Debug, Clone)]
enum MemberSlot {
    New,
    Open,
    Done(Rc<MemberValue>),
}

/// A member's fields.
#[derive(Debug)]
pub(crate) struct MemberValue {
    pub(crate) ip: Value,
    pub(crate) volume: Value,
    /// Fields of the machine that differ from the group's, by position in the schema.
    pub(crate) overrides: Vec<(usize, Value)>,
}

/// What the file's cluster asks for, with everything worked out.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) name: Option<Value>,
    pub(crate) provider: Option<Value>,
    pub(crate) leader: Option<DefRef>,
    pub(crate) outputs: Vec<(Name, Value)>,
}

impl<'a> Evaluator<'a> {
    /// Works out all that a file declares and checks it.
    pub(crate) fn expand(&mut self) -> Expanded {
        let program = self.program;
        let module = program.module(0);
        let expanded = self.cluster();
        // The group that leads comes first: where it may not, no other is blamed for not being it.
        if let Leads::Group(leader, _) = self.leads {
            let found = self.report.count();
            self.group(leader, expanded.provider.as_ref());
            if self.report.count() > found {
                self.leads = Leads::Unknown;
            }
        }
        self.declarations(0, expanded.provider.as_ref());
        self.addresses_used_twice();
        for (index, module) in program.modules.iter().enumerate() {
            if module.is_component {
                continue;
            }
            let number = u16::try_from(index).unwrap_or(u16::MAX);
            for item in &module.requires {
                // A condition that waits is asked again when its parts are known.
                let _ = self.requires(number, std::slice::from_ref(item), &[], None);
            }
            if index > 0 && !module.is_std {
                for index in 0..u32::try_from(module.defs.len()).unwrap_or(u32::MAX) {
                    let def = DefRef { module: number, index };
                    if matches!(program.def(def).kind, DefKind::Let { .. }) {
                        self.def_value(def);
                    }
                }
            }
        }
        if self.mode == crate::eval::Mode::Check {
            self.unused_components(expanded.provider.as_ref());
        }
        let mut expanded = expanded;
        for index in &module.outputs {
            let def = DefRef { module: 0, index: *index };
            let value = self.def_value(def);
            expanded.outputs.push((program.def(def).name, value));
        }
        expanded
    }

    pub(crate) fn cluster(&mut self) -> Expanded {
        let program = self.program;
        let module = program.module(0);
        let mut expanded = Expanded::default();
        let Some(cluster) = module.clusters.first() else {
            self.no_cluster();
            return expanded;
        };
        let first = program.span(0, cluster.span);
        for second in module.clusters.iter().skip(1) {
            let span = program.span(0, second.span);
            self.report.push(|_| {
                Diagnostic::error(
                    codes::CLUSTER_COUNT,
                    keyword(span, "cluster"),
                    "a second `cluster`: a file describes one",
                )
                .with_label(keyword(first, "cluster"), "the first is here")
            });
        }
        for item in &cluster.items {
            let Item::Field { name, value, .. } = item else { continue };
            let found = self.eval(0, *value);
            match program.names.text(*name) {
                "name" => {
                    if let Some(found) = self.known_early(&found, 0, *value, "the name of the cluster") {
                        self.cluster_name(&found);
                        expanded.name = Some(found);
                    } else {
                        expanded.name = Some(found);
                    }
                }
                "provider" => {
                    if let Data::Description(description) = &found.data {
                        let description = description.clone();
                        self.complete(&description.fields, description.def, found.origin, None);
                    }
                    expanded.provider = Some(found);
                }
                "leader" => {
                    if let Data::Thing(thing) = found.data {
                        expanded.leader = Some(thing.def);
                        self.leads = Leads::Group(thing.def, Origin::expr(0, *value));
                    }
                }
                _ => {}
            }
        }
        // A field that the cluster does not have was reported, and may have been meant for one that is missing.
        let misspelt = cluster.items.iter().any(|item| {
            matches!(item, Item::Field { name, .. } if !matches!(program.names.text(*name), "name" | "provider" | "leader"))
        });
        let says = |field: &str| {
            let named = |item: &Item| matches!(item, Item::Field { name, .. } if program.names.text(*name) == field);
            cluster.items.iter().any(named)
        };
        for (field, wanted) in [("name", "name = \"demo\""), ("provider", "provider = sim.Provider {}")] {
            if !says(field) && !misspelt {
                self.report.push(|_| {
                    Diagnostic::error(
                        codes::MISSING_FIELD,
                        keyword(first, "cluster"),
                        format!("the cluster lacks `{field}`"),
                    )
                    .with_help(format!("add {wanted}"))
                });
            }
        }
        if !says("leader") && !misspelt {
            self.leads = Leads::Nobody;
        }
        expanded
    }

    /// What offers something to other files may be checked and tested by itself; nothing else is made of it.
    fn no_cluster(&mut self) {
        let module = self.program.module(0);
        let span = Span { source: module.source, start: 0, end: 0 };
        let is_module = module.is_for_others();
        if module.has_lost_cluster || is_module && (self.in_test || self.mode == crate::eval::Mode::Check) {
            return;
        }
        self.report.push(|_| {
            let found = Diagnostic::error(codes::CLUSTER_COUNT, span, "the file has no `cluster`");
            found.with_help(if is_module {
                "it is a module: name the file of the cluster that uses it"
            } else {
                "add `cluster { name = \"…\", provider = sim.Provider {}, leader = managers }`"
            })
        });
    }

    fn cluster_name(&mut self, value: &Value) {
        /// What fits into tags and host names of each provider, with room for a member's ID.
        const MAX_CLUSTER_NAME: usize = 40;
        let Data::Str(text) = &value.data else { return };
        if is_label(text, MAX_CLUSTER_NAME) {
            return;
        }
        let span = self.origin_span(value.origin);
        self.report.push(|_| {
            Diagnostic::error(codes::BAD_NAME, span, format!("{text:?} cannot be the name of a cluster"))
                .with_help(format!("up to {MAX_CLUSTER_NAME} lower-case letters, digits, `-` and `_`, beginning with a letter: it becomes part of host names and tags"))
        });
    }

    fn resource(&mut self, def: DefRef, provider: Option<&Value>) {
        let value = self.def_value(def);
        match &value.data {
            Data::Description(description) => {
                let thing = Thing { kind: ThingKind::Resource, def, index: 0 };
                self.described(thing, &description.clone(), value.origin, provider);
            }
            Data::Map(entries) => {
                for (index, (key, entry)) in entries.clone().iter().enumerate() {
                    self.resource_key(key, entry.origin);
                    if let Data::Description(description) = &entry.data {
                        let index = u32::try_from(index).unwrap_or(u32::MAX);
                        let thing = Thing { kind: ThingKind::Entry, def, index };
                        self.described(thing, description, entry.origin, provider);
                    }
                }
            }
            Data::Awaited(Awaited::Lookup(..)) | Data::Opaque(_) => {
                if let DefKind::Resource { value: expr } = self.program.def(def).kind {
                    self.known_early(&value, def.module, expr, "which resources there are");
                }
            }
            _ => {}
        }
    }

    /// A description that becomes a thing: a resource of the provider, or an instance with all that is in it.
    fn described(&mut self, thing: Thing, description: &Rc<Description>, origin: Origin, provider: Option<&Value>) {
        if self.program.component(description.def).is_none() {
            self.same_provider(description.def, origin, provider);
            self.complete(&description.fields, description.def, origin, None);
            return;
        }
        self.nothing_missing(&description.fields, description.def, origin, None);
        if let Some(instance) = self.instance(thing, description, origin) {
            self.expand_instance(instance, provider);
        }
    }

    fn expand_instance(&mut self, instance: u16, provider: Option<&Value>) {
        let around = self.enter(instance);
        self.declarations(instance, provider);
        let inside = self.program.module(instance);
        for item in &inside.requires {
            let _ = self.requires(instance, std::slice::from_ref(item), &[], None);
        }
        for index in &inside.outputs {
            self.def_value(DefRef { module: instance, index: *index });
        }
        self.leave(around);
    }

    /// What stands in a file or an instance, but for outputs and requires.
    fn declarations(&mut self, module: u16, provider: Option<&Value>) {
        let program = self.program;
        for index in 0..u32::try_from(program.module(module).defs.len()).unwrap_or(u32::MAX) {
            let def = DefRef { module, index };
            match &program.def(def).kind {
                DefKind::Param { .. } | DefKind::Let { .. } => {
                    self.def_value(def);
                }
                DefKind::Resource { .. } => self.resource(def, provider),
                DefKind::Group { .. } => self.group(def, provider),
                _ => {}
            }
        }
    }

    /// Components that the operator wrote and does not use: what is wrong whatever they are given shows all the same.
    fn unused_components(&mut self, provider: Option<&Value>) {
        let program = self.program;
        // A group in such a component leads nothing yet, and may be made to lead.
        let leads = std::mem::take(&mut self.leads);
        for (number, module) in program.modules.iter().enumerate() {
            if module.is_std || module.is_component {
                continue;
            }
            for index in 0..module.defs.len() {
                let (Ok(module), Ok(index)) = (u16::try_from(number), u32::try_from(index)) else { continue };
                let def = DefRef { module, index };
                if program.component(def).is_some()
                    && self.is_unused(def)
                    && let Some(instance) = self.dry_instance(def)
                {
                    self.expand_instance(instance, provider);
                }
            }
        }
        self.leads = leads;
    }

    fn resource_key(&mut self, key: &str, origin: Origin) {
        if !is_label(key, MAX_ID_BYTES) {
            let span = self.origin_span(origin);
            self.report.push(|_| {
                Diagnostic::error(codes::BAD_NAME, span, format!("{key:?} cannot be the key of a resource"))
                    .with_help("lower-case letters, digits, `-` and `_`, beginning with a letter: it becomes part of the resource's address")
            });
        }
    }

    /// A thing of the cluster's provider, not of another's.
    fn same_provider(&mut self, def: DefRef, origin: Origin, provider: Option<&Value>) {
        let Some(provider) = provider else { return };
        let Data::Description(description) = &provider.data else { return };
        if description.def.module == def.module {
            return;
        }
        // What a component of the standard library makes is told as the instance that makes it, where that stands.
        let component = self.program.written(origin.module);
        let made = (self.program.module(component).is_std).then(|| self.made_at(origin.module)).flatten();
        let thing = match made {
            Some(_) => self.program.path_of_component(component),
            None => self.program.path_of(def),
        };
        let cluster = self.program.path_of(description.def);
        let (span, label) = (made.unwrap_or_else(|| self.origin_span(origin)), self.origin_span(provider.origin));
        self.report.push(|_| {
            Diagnostic::error(
                codes::FOREIGN_PROVIDER,
                span,
                format!("{} cannot stand in a cluster of {cluster}", with_article(&thing)),
            )
            .with_label(label, format!("the cluster's provider is {cluster}"))
            .with_help("a cluster stands at one provider")
        });
    }

    /// A value that names or counts things: it has to be known before anything is looked up or made.
    /// None if it is not known; if it never can be, that is reported.
    pub(crate) fn known_early(
        &mut self,
        value: &Value,
        module: u16,
        expr: crate::hir::ExprId,
        what: &str,
    ) -> Option<Value> {
        let open = value.first_unsettled().cloned();
        let because = match open.as_ref().map(|open| &open.data) {
            None if value.has_opaque() => "a value that is known only at run time".to_owned(),
            None => return Some(value.clone()),
            Some(Data::Awaited(awaited @ Awaited::Lookup(..))) => {
                format!("{}, which is looked up later", self.awaited_words(*awaited))
            }
            Some(_) => return None,
        };
        let span = self.program.expr_span(module, expr);
        let way = match open.map(|open| open.data) {
            Some(Data::Awaited(Awaited::Lookup(lookup_module, lookup))) => {
                self.trail(module, expr, (lookup_module, lookup))
            }
            _ => Vec::new(),
        };
        self.report.push(|_| {
            let mut found = Diagnostic::error(
                codes::NEEDED_EARLIER,
                span,
                format!("{what} must be known before anything is looked up or made, and depends on {because}"),
            )
            .with_help("take it from a parameter or write it down");
            found.labels = way;
            found
        });
        None
    }

    /// An origin for a place that is no expression.
    pub(crate) fn place_origin(&mut self, span: Span) -> Origin {
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(span);
        Origin { kind: OriginKind::Place, module: 0, index }
    }
}

/// Bytes of a member's ID or a resource's key: with the cluster's name it makes a host name, of 63 bytes at most.
pub(crate) const MAX_ID_BYTES: usize = 40;

/// Lower-case letters, digits, hyphens and underscores, for which host names have hyphens.
pub(crate) fn is_label(text: &str, max_bytes: usize) -> bool {
    text.len() <= max_bytes
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}

/// The part of a block's place that is its keyword.
fn keyword(span: Span, word: &str) -> Span {
    Span { end: span.start + u32::try_from(word.len()).unwrap_or(0), ..span }
}
