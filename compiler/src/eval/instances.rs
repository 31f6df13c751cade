//! Instances of components: each has the definitions of its component, and values of its own.

use std::rc::Rc;

use kit_lang::Span;

use super::{Blame, Evaluator, Slot};
use crate::codes;
use crate::hir::{DefKind, DefRef};
use crate::types::Ty;
use crate::value::{Awaited, Data, Description, Origin, Thing, ThingKind, Value};

/// Instances of one file: as many networks, zones or pools as a hundred large clusters have.
const MAX_INSTANCES: usize = 10_000;

/// Instances within instances: no one follows more levels, and an address of them would fill a line.
const MAX_INSTANCE_DEPTH: u32 = 16;

/// An instance of a component.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Its number among the modules.
    pub(crate) module: u16,
    /// What it is made from.
    description: Rc<Description>,
    /// Where that is written.
    origin: Origin,
    /// How many instances stand around it.
    depth: u32,
    /// Of a component that the file never uses: looked at with nothing given, so that what is wrong in any case shows.
    is_dry: bool,
}

/// What was being worked out before an instance was entered.
pub(crate) struct Around {
    module: u16,
    context: Option<(Span, String)>,
}

impl Evaluator<'_> {
    /// From here on, definitions of a module or an instance are worked out.
    pub(crate) fn enter(&mut self, module: u16) -> Around {
        let context = (module != self.current).then(|| self.instance_label(module)).flatten();
        let before = std::mem::replace(&mut self.current, module);
        let context = if before == module {
            self.report.context.clone()
        } else {
            std::mem::replace(&mut self.report.context, context)
        };
        Around { module: before, context }
    }

    pub(crate) fn leave(&mut self, around: Around) {
        self.current = around.module;
        self.report.context = around.context;
    }

    fn instance_label(&self, module: u16) -> Option<(Span, String)> {
        Some((self.made_at(module)?, "in the instance that is made here".to_owned()))
    }

    /// A definition that stands in a component, as that of the instance that asks for it.
    #[inline]
    pub(crate) fn here(&self, module: u16, def: DefRef) -> DefRef {
        if def.module != module && self.program.written(module) == def.module {
            return DefRef { module, ..def };
        }
        def
    }

    /// Where an expression of a type is worked out: one that stands in a component, in the instance at hand.
    pub(super) fn home(&self, module: u16) -> u16 {
        if self.program.written(self.current) == module { self.current } else { module }
    }

    /// The instance that a declared thing is; none if it cannot be, which is reported.
    pub(crate) fn instance(&mut self, thing: Thing, description: &Rc<Description>, origin: Origin) -> Option<u16> {
        let entry = if thing.kind == ThingKind::Entry { thing.index } else { u32::MAX };
        if let Some(known) = self.instance_of.get(&(thing.def, entry)) {
            return Some(*known);
        }
        let depth = self
            .program
            .instance_index(thing.def.module)
            .and_then(|index| self.instances.get(index))
            .map_or(1, |around| around.depth + 1);
        let address = self.address(thing);
        let too_deep = depth > MAX_INSTANCE_DEPTH;
        if too_deep || self.instances.len() >= MAX_INSTANCES {
            let span = self.origin_span(origin);
            self.report.error(codes::TOO_MUCH, span, || {
                if too_deep {
                    format!("`{address}` is an instance more than {MAX_INSTANCE_DEPTH} levels inside others")
                } else {
                    format!("this is one instance more than the {MAX_INSTANCES} that a file may have")
                }
            });
            return None;
        }
        let module = self.add_instance(description.clone(), origin, depth, address, false)?;
        self.instance_of.insert((thing.def, entry), module);
        Some(module)
    }

    /// An instance of a component with nothing given, for a check.
    pub(crate) fn dry_instance(&mut self, def: DefRef) -> Option<u16> {
        let origin = Self::def_origin(def);
        let fields = vec![Value::new(Data::Missing, origin); self.program.schema(def).fields.len()];
        let description = Rc::new(Description { def, fields });
        self.add_instance(description, origin, 1, self.program.path_of(def), true)
    }

    fn add_instance(
        &mut self,
        description: Rc<Description>,
        origin: Origin,
        depth: u32,
        address: String,
        is_dry: bool,
    ) -> Option<u16> {
        let component = self.program.component(description.def)?;
        let module = self.program.add_instance(component, address.into())?;
        self.slots.push(vec![Slot::New; self.program.module(component).defs.len()]);
        self.instances.push(Instance { module, description, origin, depth, is_dry });
        Some(module)
    }

    /// What is seen of an instance, as a record of its outputs; none for what is no instance.
    pub(crate) fn outputs_of(&mut self, thing: Thing) -> Option<Value> {
        if !matches!(thing.kind, ThingKind::Resource | ThingKind::Entry) {
            return None;
        }
        let described = self.description_of(thing);
        let Data::Description(description) = &described.data else { return None };
        self.program.component(description.def)?;
        let instance = self.instance(thing, description, described.origin)?;
        let inside = self.program.module(instance);
        let mut outputs = Vec::with_capacity(inside.outputs.len());
        for index in &inside.outputs {
            let value = self.def_value(DefRef { module: instance, index: *index });
            outputs.push((inside.defs[*index as usize].name, value));
        }
        Some(Value::new(Data::Record(Rc::new(outputs)), described.origin))
    }

    /// A component of which the file makes no instance.
    pub(crate) fn is_unused(&self, component: DefRef) -> bool {
        !self.instances.iter().any(|instance| instance.description.def == component)
    }

    /// A parameter of an instance: what it was given, or else its default.
    pub(super) fn instance_param(&mut self, index: usize, def: DefRef) -> Value {
        let program = self.program;
        let origin = Self::def_origin(def);
        let (Some(instance), DefKind::Param { ty, default, refinement }) =
            (self.instances.get(index), &program.def(def).kind)
        else {
            return Value::new(Data::Error, origin);
        };
        let name = program.def(def).name;
        let is_dry = instance.is_dry;
        let position = program.schema(instance.description.def).position(name);
        let given = position.and_then(|position| instance.description.fields.get(position)).cloned();
        let blame = Blame::default();
        let given = given.filter(|given| !matches!(given.data, Data::Missing));
        let value = match (given, default) {
            (Some(given), _) => self.conform(given, ty, &blame),
            (None, Some(default)) => {
                let value = self.eval(def.module, *default);
                let value = self.conform(value, ty, &blame);
                self.as_default(value)
            }
            (None, None) if matches!(program.strip(ty), Ty::Opt(_)) => Value::new(Data::None, origin),
            (None, None) if is_dry => return Value::new(Data::Awaited(Awaited::Param(def)), origin),
            // That it is missing is said of the description.
            (None, None) => return Value::new(Data::Error, origin),
        };
        self.refined(value, refinement.as_ref(), &blame, program.names.text(name))
    }

    /// Where an instance is made; none for what is no instance, and for one that is only looked at.
    pub(crate) fn made_at(&self, module: u16) -> Option<Span> {
        let instance = self.instances.get(self.program.instance_index(module)?)?;
        (!instance.is_dry).then(|| self.origin_span(instance.origin))
    }
}
