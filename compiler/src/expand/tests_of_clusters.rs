//! A test beside what its file declares: its parameters in place of the file's, its `let`s and `require`s after them.

use super::Expanded;
use crate::codes;
use crate::eval::{Blame, Evaluator};
use crate::hir::{Binding, DefKind, DefRef, ExprId, TestDecl};
use crate::names::Name;
use crate::resolve::given_fields;
use crate::value::Value;

impl<'a> Evaluator<'a> {
    /// Works out all that a file declares, as a test of it gives its parameters, and the test.
    pub(crate) fn expand_with(&mut self, test: Option<&'a TestDecl>) -> Expanded {
        let Some(test) = test else { return self.expand() };
        self.in_test = true;
        let by_name = &self.program.module(0).by_name;
        self.given_by_test = given_fields(test)
            .filter_map(|(name, _, value)| match by_name.get(&name) {
                Some(Binding::Def(index)) => Some((*index, value)),
                _ => None,
            })
            .collect();
        let expanded = self.expand();
        self.test(test);
        expanded
    }

    fn test(&mut self, test: &'a TestDecl) {
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        let mut names: Vec<Name> = Vec::with_capacity(test.lets.len());
        for declared in &test.lets {
            let value = self.eval(0, declared.value);
            let value = match &declared.ty {
                Some(ty) => self.conform(value, ty, &Blame::default()),
                None => value,
            };
            self.stack.push(value);
            names.push(declared.name);
        }
        // A condition that waits for a lookup is asked again when the answer is there.
        let _ = self.requires(0, &test.items, &names, None);
        self.stack.truncate(self.base);
        self.base = outer;
    }

    /// A parameter's value as a test gives it.
    pub(crate) fn param_of_test(&mut self, def: DefRef, given: ExprId) -> Value {
        let program = self.program;
        let DefKind::Param { ty, refinement, .. } = &program.def(def).kind else {
            return Value::new(crate::value::Data::Error, Self::def_origin(def));
        };
        let value = self.eval(def.module, given);
        let blame = Blame {
            mismatch: codes::PARAM_TYPE,
            refinement: codes::PARAM_REFINED,
            span: Some(program.expr_span(def.module, given)),
            ..Blame::default()
        };
        let value = self.conform(value, ty, &blame);
        self.refined(value, refinement.as_ref(), &blame, program.names.text(program.def(def).name))
    }
}
