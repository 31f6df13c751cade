//! Components and outputs: what is inside, and what is seen of it from outside.

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, Place, State};
use crate::codes;
use crate::hir::{DefRef, ExprId};
use crate::names::Name;
use crate::report::{DiagnosticExt as _, listed};
use crate::types::Ty;

impl Checker<'_> {
    /// Checks what stands in a component, once for all its instances.
    pub(super) fn component(&mut self, def: DefRef, inside: u16) {
        self.open_components.push(def);
        self.check_module(inside);
        self.open_components.pop();
    }

    /// A description of a component is written: the component is looked at before it is used, so a circle shows.
    pub(super) fn component_used(&mut self, module: u16, expr: ExprId, def: DefRef) -> Ty {
        if self.program.component(def).is_none() {
            return Ty::Desc(def);
        }
        let circle = self.open_components.contains(&def);
        self.def_type(def, Some((module, expr)));
        if circle { Ty::Error } else { Ty::Desc(def) }
    }

    /// A component that is asked for by what stands in it.
    pub(super) fn component_circle(&mut self, def: DefRef, from: Option<(u16, ExprId)>) -> Ty {
        let program = self.program;
        let name = program.path_of(def);
        let declared = program.def_span(def);
        let span = from.map_or(declared, |(module, expr)| program.expr_span(module, expr));
        let way: Vec<String> = (self.open_components.iter())
            .skip_while(|open| **open != def)
            .chain([&def])
            .map(|open| program.path_of(*open))
            .collect();
        self.report.push(|_| {
            Diagnostic::error(
                codes::CYCLE,
                span,
                format!("the component `{name}` would contain itself without end: {}", way.join(" -> ")),
            )
            .with_label(declared, format!("`{name}` is declared here"))
        });
        self.states[def.module as usize][def.index as usize] = State::Done(Ty::Error);
        Ty::Error
    }

    /// An output: of a file a value for people and other tools, of a component anything but a description.
    pub(super) fn output(&mut self, def: DefRef, declared: Option<&Ty>, value: ExprId) -> Ty {
        let program = self.program;
        let module = def.module;
        let ty = match declared {
            Some(ty) => {
                self.check(module, value, ty, Place::Output(program.def(def).name));
                ty.clone()
            }
            None => self.infer(module, value),
        };
        if self.secret_output(def, value, &ty) {
            return Ty::Error;
        }
        let stripped = program.strip(&ty);
        let refused = match stripped {
            Ty::Desc(_) => true,
            Ty::Group(_) | Ty::Members(_) | Ty::Member(_) => !program.module(module).is_component,
            Ty::Ref(of) => program.component(*of).is_some() && !program.module(module).is_component,
            _ => false,
        };
        if !refused {
            return ty;
        }
        let shown = program.show(stripped);
        let of_component = matches!(stripped, Ty::Ref(_));
        self.error_expr(codes::MISMATCH, module, value, || {
            let what = with_article(&shown);
            if of_component {
                "an output is a value, and this is an instance of a component: give out one of its outputs".to_owned()
            } else {
                format!("an output is a value, and this is {what}: give out one of its fields")
            }
        });
        Ty::Error
    }

    /// What an instance of a component, or its description, shows under a name.
    pub(super) fn component_field(
        &mut self,
        module: u16,
        base: ExprId,
        (component, inside): (DefRef, u16),
        exists: bool,
        (name, name_start): (Name, u32),
    ) -> Ty {
        let program = self.program;
        let text = program.names.text(name);
        let kind = program.path_of(component);
        if let Some(found) = program.offered(inside, name) {
            if let Some(field) = program.schema(component).field(name) {
                return field.ty.clone();
            }
            if exists {
                return self.def_type(found, Some((module, base)));
            }
            let span = self.name_span(module, name, name_start);
            self.report.push(|_| {
                Diagnostic::error(
                    codes::LIVE_OF_DESCRIPTION,
                    span,
                    format!(
                        "`{text}` is an output: only an instance of {kind} has one, and this is a mere description"
                    ),
                )
                .with_help("make an instance with `resource`, and read its outputs")
            });
            return Ty::Error;
        }
        let span = self.name_span(module, name, name_start);
        let within = program.module(inside);
        let declared = match within.by_name.get(&name) {
            Some(crate::hir::Binding::Def(index)) => Some(program.def_span(DefRef { module: inside, index: *index })),
            _ => None,
        };
        self.report.push(|suggester| {
            let fields = program.schema(component).fields.iter().map(|field| field.name);
            let outputs = within.outputs.iter().map(|index| within.defs[*index as usize].name);
            let offered: Vec<&str> = fields.chain(outputs).map(|name| program.names.text(name)).collect();
            if let Some(declared) = declared.filter(|_| !within.is_std) {
                return Diagnostic::error(
                    codes::UNKNOWN_FIELD,
                    span,
                    format!("`{text}` is inside {kind} and not seen from outside"),
                )
                .with_label(declared, "it is declared here")
                .with_help(format!(
                    "give it, or what is wanted of it, out in the component: `output {text}_… = {text}.…`"
                ));
            }
            let help = suggester.did_you_mean(text, offered.iter().copied()).unwrap_or_else(|| {
                format!("its parameters and outputs are {}", listed(offered.iter().copied(), "and"))
            });
            let message = match declared {
                Some(_) => format!("`{text}` is inside {kind} and not seen from outside"),
                None => format!("{} has no `{text}`", with_article(&kind)),
            };
            Diagnostic::error(codes::UNKNOWN_FIELD, span, message).maybe_help(Some(help))
        });
        Ty::Error
    }
}
