//! Descriptions, and `with`, which completes what it stands behind.

use std::rc::Rc;

use super::expressions::Flow;
use super::{Blame, Evaluator};
use crate::hir::{DefRef, ExprId, Item};
use crate::names::Name;
use crate::value::{Data, Description, Origin, Value, ValueMap};

impl<'a> Evaluator<'a> {
    /// A description, with what was not given left missing: a member may complete it.
    pub(super) fn construct(&mut self, module: u16, def: DefRef, items: &'a [Item], origin: Origin) -> Value {
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
        let is_component = program.component(def).is_some();
        let mut unknown = None;
        for item in items {
            match item {
                Item::Field { name, value, .. } => {
                    let Some(position) = schema.position(*name) else {
                        unknown = Some(*value);
                        continue;
                    };
                    let field = &schema.fields[position];
                    if field.live {
                        continue;
                    }
                    let value = self.eval(module, *value);
                    // What a component is given is looked at inside, where its parameter has a name.
                    fields[position] = if is_component { value } else { self.field_value(value, field) };
                }
                Item::If(conditional) if self.holds(module, conditional.condition)? => {
                    self.set_fields(module, def, &conditional.items, fields)?;
                }
                _ => {}
            }
        }
        if let Some(unknown) = unknown {
            // A field that there is not was meant for one that is missing, and has been reported.
            let wrong = Value::new(Data::Error, Origin::expr(module, unknown));
            for field in fields.iter_mut().filter(|field| matches!(field.data, Data::Missing)) {
                *field = wrong.clone();
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
        if program.component(def).is_some() {
            // The default of a component's parameter may depend on its other parameters.
            return;
        }
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

    pub(super) fn with(&mut self, module: u16, base: ExprId, items: &'a [Item], origin: Origin) -> Value {
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
            Data::Script(script) => match self.script_variables(module, script, items) {
                Ok(script) => Value::new(Data::Script(Rc::new(script)), origin),
                Err(waits) => Value::new(waits.data, origin),
            },
            _ => self.undecided(module, base, value, origin),
        }
    }

    pub(super) fn replace_fields(&mut self, module: u16, items: &'a [Item], fields: &mut Vec<(Name, Value)>) -> Flow {
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
