//! Scripts with their variables.

use kit_lang::Diagnostic;

use super::Evaluator;
use crate::check::no_variable;
use crate::codes;
use crate::hir::Item;
use crate::value::{Data, Opaque, Script, Value, ValueMap};

/// The most variables of one script: what follows them is to be the greater part.
const MAX_VARIABLES: usize = 1_000;

impl<'a> Evaluator<'a> {
    /// A script with more variables, or others in their places.
    pub(super) fn script_variables(
        &mut self,
        module: u16,
        script: &Script,
        items: &'a [Item],
    ) -> Result<Script, Value> {
        let mut given = ValueMap::default();
        self.entries(module, items, &mut given)?;
        let mut variables = script.variables.clone();
        for (name, value) in given {
            let span = self.origin_span(value.origin);
            if matches!(value.data, Data::Error) {
                return Err(value);
            }
            let wrong = if holds_nul(&value) {
                let message = format!("the variable {name} would hold a NUL, which no shell can hold");
                Some(Diagnostic::error(codes::SCRIPT_VALUE, span, message))
            } else if variables.len() >= MAX_VARIABLES {
                let message = format!("a script has at most {MAX_VARIABLES} variables");
                Some(Diagnostic::error(codes::TOO_MUCH, span, message))
            } else {
                // A name that is written down was looked at before; this is one that was computed.
                no_variable(&name, span)
            };
            if let Some(wrong) = wrong {
                self.report.push(|_| wrong);
                return Err(Value::new(Data::Error, value.origin));
            }
            variables.insert(name, value);
        }
        Ok(Script { text: script.text.clone(), variables })
    }
}

fn holds_nul(value: &Value) -> bool {
    match &value.data {
        Data::Str(text) => text.contains('\0'),
        Data::Opaque(opaque) => match &**opaque {
            Opaque::Concat(parts) => parts.iter().any(holds_nul),
            Opaque::Live(_) | Opaque::Secret(_) => false,
        },
        _ => false,
    }
}
