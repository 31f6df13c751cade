//! Computes values: lazily, each once, and with what is not known left open.

mod access;
mod collections;
mod conform;
mod descriptions;
mod expressions;
mod instances;
mod lookups;
mod methods;
mod operators;
mod rounds;
mod scripts;
mod secrets;
mod text;

use std::collections::BTreeMap;
use std::rc::Rc;

use indexmap::IndexMap;
use kit_graph::SecretText;
use kit_lang::{Code, Diagnostic, Span};

use crate::check::{Checked, MAX_DEPENDENCY_DEPTH};
use crate::codes;
use crate::expand::GroupState;
use crate::hir::{DefKind, DefRef, ExprId, Program, Refinement};
use crate::inputs::Answer;
use crate::parts::Parts;
use crate::report::{DiagnosticExt as _, Report};
use crate::value::{Awaited, Data, Origin, OriginKind, Value};

pub(crate) use conform::Blame;
pub(crate) use instances::Instance;
pub(crate) use lookups::PendingLookup;
pub(crate) use rounds::{Rounds, Same};
pub(crate) use text::{show_value, write_ip};

/// Steps of one evaluation. 10,000 members with their checks take about a million; a file that needs more
/// than this would keep an operator waiting for seconds.
const MAX_STEPS: u64 = 10_000_000;

/// Elements of one list, entries of one map, and rounds of one `for`: ten times the machines of the
/// largest cluster that Kit was measured with.
pub(crate) const MAX_ELEMENTS: usize = 100_000;

/// Values that one value is made of: ten of the longest lists. One that holds another twice doubles it, and the graph has
/// both.
pub(crate) const MAX_PARTS: usize = 1_000_000;

/// Parts of a value that are looked at in one step: to look at a part costs far less than to work it out.
const PARTS_OF_A_STEP: u64 = 16;

/// Bytes of one text that is put together: what a cloud takes as user data is a quarter of it.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 10;

/// What the evaluation may take for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Parameters may be awaited.
    Check,
    /// Parameters without a value are errors.
    Compile,
}

/// The value of a parameter that was given.
#[derive(Debug, Clone)]
pub(crate) enum GivenValue {
    Known(Value),
    /// It stands in a file of parameters.
    Written(u16, ExprId),
}

/// A parameter that was given.
#[derive(Debug, Clone)]
pub(crate) struct GivenParam {
    pub(crate) value: GivenValue,
    pub(crate) span: Span,
    pub(crate) parts: Option<Rc<Parts>>,
}

/// Where a definition is on its way to a value.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    New,
    Open,
    Done(Value),
}

/// Which group leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leads {
    /// There is no cluster that would say so, or what it says is wrong and was reported: nobody is blamed for it.
    #[default]
    Unknown,
    Nobody,
    /// And where the cluster says so.
    Group(DefRef, Origin),
}

/// Computes the values of a program.
pub(crate) struct Evaluator<'a> {
    pub(crate) program: &'a Program,
    pub(crate) checked: &'a Checked,
    pub(crate) report: &'a mut Report,
    pub(crate) mode: Mode,
    /// Given parameters by the index of their definition.
    pub(crate) params: &'a BTreeMap<u32, GivenParam>,
    /// Answered lookups by key; none while none may be used.
    pub(crate) answers: Option<&'a BTreeMap<String, Answer>>,
    /// Parameters that a test gives, by the index of their definition.
    pub(crate) given_by_test: BTreeMap<u32, ExprId>,
    /// A test is run: secrets that are not given have stand-ins.
    pub(crate) in_test: bool,
    /// The lookups that the program makes, by key.
    pub(crate) lookups: IndexMap<String, PendingLookup>,
    /// The key that an expression asked for, the last one where it is repeated.
    pub(crate) lookup_keys: BTreeMap<(u16, u32), String>,
    /// What the secrets are that were given, by their names.
    pub(crate) secrets: BTreeMap<String, SecretText>,
    pub(crate) slots: Vec<Vec<Slot>>,
    pub(crate) groups: IndexMap<DefRef, GroupState<'a>, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
    /// Variables of the bodies being evaluated; `base` is where the innermost begins.
    pub(crate) stack: Vec<Value>,
    pub(crate) base: usize,
    /// Defaults of fields, by expression: they are constants.
    defaults: IndexMap<(u16, ExprId), Value, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
    /// Places that values came from and that are no expressions.
    pub(crate) places: Vec<Span>,
    /// The rounds of a `for`, or over the members of a group, that are being gone through.
    rounds: Option<Rounds>,
    /// Those over the members that a `for` made: each member is worked out when it is asked for.
    member_rounds: Rounds,
    /// Room for a member's own fields, used again for each.
    pub(crate) scratch: Vec<Value>,
    /// Instances of components, in the order in which they were met, and each by what declares it.
    pub(crate) instances: Vec<Instance>,
    instance_of: IndexMap<(DefRef, u32), u16, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
    /// The module or instance whose definition is being worked out.
    current: u16,
    /// The group that leads, once the cluster's block said so.
    pub(crate) leads: Leads,
    steps: u64,
    /// It was said that no step is left.
    spent: bool,
    depth: u32,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        program: &'a Program,
        checked: &'a Checked,
        report: &'a mut Report,
        mode: Mode,
        params: &'a BTreeMap<u32, GivenParam>,
        answers: Option<&'a BTreeMap<String, Answer>>,
    ) -> Self {
        program.forget_instances();
        let slots = program.modules.iter().map(|module| vec![Slot::New; module.defs.len()]).collect();
        Self {
            program,
            checked,
            report,
            mode,
            params,
            answers,
            given_by_test: BTreeMap::new(),
            in_test: false,
            lookups: IndexMap::new(),
            lookup_keys: BTreeMap::new(),
            secrets: BTreeMap::new(),
            slots,
            groups: IndexMap::default(),
            stack: Vec::new(),
            base: 0,
            defaults: IndexMap::default(),
            places: Vec::new(),
            member_rounds: Rounds::default(),
            rounds: None,
            scratch: Vec::new(),
            instances: Vec::new(),
            instance_of: IndexMap::default(),
            current: 0,
            leads: Leads::Unknown,
            steps: 0,
            spent: false,
            depth: 0,
        }
    }

    /// The value of an expression.
    pub(crate) fn eval(&mut self, module: u16, expr: ExprId) -> Value {
        let origin = Origin::expr(module, expr);
        // What is wrong costs a step too: it may be repeated as often as what is right.
        self.steps += 1;
        if self.checked.is_wrong(self.program.written(module), expr) {
            return Value::new(Data::Error, origin);
        }
        if self.steps >= MAX_STEPS || self.depth >= MAX_DEPENDENCY_DEPTH {
            return self.out_of_bounds(module, expr);
        }
        self.depth += 1;
        let value = self.eval_inner(module, expr, origin);
        self.depth -= 1;
        value
    }

    /// Takes the steps that it takes to look at all of a value.
    fn look_through(&mut self, value: &Value) -> usize {
        let parts = value.parts(MAX_PARTS);
        self.steps += u64::try_from(parts).unwrap_or(u64::MAX) / PARTS_OF_A_STEP;
        parts
    }

    /// A value that was put together, if it did not grow too large.
    fn put_together(&mut self, module: u16, expr: ExprId, value: Value) -> Value {
        if self.look_through(&value) <= MAX_PARTS {
            return value;
        }
        self.fail(codes::TOO_MUCH, module, expr, || format!("this is made of more than {MAX_PARTS} values"), None)
    }

    /// Takes the step of one more round of a `for`; an error when no step is left, so that the loop ends.
    pub(crate) fn next_round(&mut self, module: u16, iterated: ExprId) -> Result<(), Value> {
        self.steps += 1;
        if self.steps < MAX_STEPS { Ok(()) } else { Err(self.out_of_bounds(module, iterated)) }
    }

    #[cold]
    fn out_of_bounds(&mut self, module: u16, expr: ExprId) -> Value {
        // Once is enough: all that is left of the work ends here too.
        if self.steps < MAX_STEPS || !std::mem::replace(&mut self.spent, true) {
            let span = self.program.expr_span(module, expr);
            let steps = self.steps >= MAX_STEPS;
            self.report.error(codes::TOO_MUCH, span, || {
                if steps {
                    format!("the file takes more than {MAX_STEPS} steps to work out: it repeats too much")
                } else {
                    format!("definitions lead into each other more than {MAX_DEPENDENCY_DEPTH} levels deep")
                }
            });
        }
        Value::new(Data::Error, Origin::expr(module, expr))
    }

    /// Reports that an expression has no value.
    pub(crate) fn fail(
        &mut self,
        code: Code,
        module: u16,
        expr: ExprId,
        message: impl FnOnce() -> String,
        help: Option<&str>,
    ) -> Value {
        let span = self.program.expr_span(module, expr);
        self.report.push(|_| Diagnostic::error(code, span, message()).maybe_help(help.map(str::to_owned)));
        Value::new(Data::Error, Origin::expr(module, expr))
    }

    /// The value of a parameter, constant or resource. For a resource it is the description, or a map of them.
    pub(crate) fn def_value(&mut self, def: DefRef) -> Value {
        match &self.slots[def.module as usize][def.index as usize] {
            Slot::Done(value) => return value.clone(),
            Slot::Open => {
                let span = self.program.def_span(def);
                let name = self.program.path_of(def);
                let has_where = matches!(self.program.def(def).kind, DefKind::Param { refinement: Some(_), .. });
                self.report.push(|_| {
                    let message = format!("`{name}` is defined by itself, directly or through others");
                    let help = has_where.then(|| format!("in its `where`, `{name}` is called `it`"));
                    Diagnostic::error(codes::CYCLE, span, message).maybe_help(help)
                });
                return Value::new(Data::Error, Self::def_origin(def));
            }
            Slot::New => {}
        }
        self.slots[def.module as usize][def.index as usize] = Slot::Open;
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        let around = self.enter(def.module);
        let value = self.compute_def(def);
        self.leave(around);
        self.stack.truncate(self.base);
        self.base = outer;
        self.slots[def.module as usize][def.index as usize] = Slot::Done(value.clone());
        value
    }

    /// The origin of what a definition as a whole decides.
    pub(crate) fn def_origin(def: DefRef) -> Origin {
        Origin { kind: OriginKind::Def, module: def.module, index: def.index }
    }

    fn compute_def(&mut self, def: DefRef) -> Value {
        let program = self.program;
        match &program.def(def).kind {
            DefKind::Param { ty, default, refinement } => {
                if let Some(index) = program.instance_index(def.module) {
                    return self.instance_param(index, def);
                }
                if let Some(given) = self.given_by_test.get(&def.index).copied().filter(|_| def.module == 0) {
                    return self.param_of_test(def, given);
                }
                if let Some(given) = self.params.get(&def.index).filter(|_| def.module == 0) {
                    let blame = Blame {
                        mismatch: codes::PARAM_TYPE,
                        refinement: codes::PARAM_REFINED,
                        span: Some(given.span),
                        parts: given.parts.clone(),
                        declared: Some(program.def_span(def)),
                    };
                    let name = program.names.text(program.def(def).name);
                    let value = match &given.value {
                        GivenValue::Known(value) => value.clone(),
                        GivenValue::Written(module, value) => {
                            let origin = Origin { kind: OriginKind::Param, module: 0, index: def.index };
                            Value { origin, ..self.eval(*module, *value) }
                        }
                    };
                    let value = self.hide_secrets(value, ty, name, &blame);
                    let value = self.conform(value, ty, &blame);
                    return self.refined(value, refinement.as_ref(), &blame, name);
                }
                if let crate::types::Ty::Secret(_) = program.strip(ty) {
                    let name = program.names.shared(program.def(def).name);
                    if default.is_none() && self.mode == Mode::Check {
                        return Value::new(Data::Awaited(Awaited::Param(def)), Self::def_origin(def));
                    }
                    // Nothing is worked out from what a secret is, so a test needs none to be like any other run.
                    if default.is_none() && self.in_test && def.module == 0 {
                        return Value::new(
                            Data::Opaque(Rc::new(crate::value::Opaque::Secret(name))),
                            Self::def_origin(def),
                        );
                    }
                }
                match default {
                    Some(default) => {
                        let value = self.eval(def.module, *default);
                        let blame = Blame::default();
                        let value = self.conform(value, ty, &blame);
                        let value =
                            self.refined(value, refinement.as_ref(), &blame, program.names.text(program.def(def).name));
                        self.as_default(value)
                    }
                    None if self.mode == Mode::Check => {
                        Value::new(Data::Awaited(Awaited::Param(def)), Self::def_origin(def))
                    }
                    // What may be absent is, as in a record.
                    None if matches!(program.strip(ty), crate::types::Ty::Opt(_)) => {
                        Value::new(Data::None, Self::def_origin(def))
                    }
                    None => {
                        let name = program.names.text(program.def(def).name);
                        let shown = program.show(ty);
                        let span = program.def_span(def);
                        self.report.push(|_| {
                            let help = if matches!(program.strip(ty), crate::types::Ty::Secret(_)) {
                                format!("give it with --secret {name}=@FILE")
                            } else {
                                format!("give it with --set {name}=… ({shown}), in a file with --params, or give it a default here")
                            };
                            Diagnostic::error(codes::PARAM_MISSING, span, format!("the parameter `{name}` was not given"))
                                .with_help(help)
                        });
                        Value::new(Data::Error, Self::def_origin(def))
                    }
                }
            }
            DefKind::Let { ty, value } | DefKind::Output { ty, value } => {
                let value = self.eval(def.module, *value);
                match ty {
                    Some(ty) => self.conform(value, ty, &Blame::default()),
                    None => value,
                }
            }
            DefKind::Resource { value } => self.eval(def.module, *value),
            _ => Value::new(Data::Error, Self::def_origin(def)),
        }
    }

    /// Marks a value as coming from a default; what it refers to keeps its own origin.
    pub(crate) fn as_default(&self, mut value: Value) -> Value {
        if value.origin.kind == OriginKind::Expr {
            value.origin.kind = OriginKind::Default;
        }
        value
    }

    /// The default of a field, which is a constant.
    pub(crate) fn field_default(&mut self, default: crate::hir::ExprRef, ty: &crate::types::Ty) -> Value {
        let default = crate::hir::ExprRef { module: self.home(default.module), ..default };
        let key = (default.module, default.expr);
        if let Some(value) = self.defaults.get(&key) {
            return value.clone();
        }
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        let value = self.eval(default.module, default.expr);
        self.base = outer;
        let value = self.conform(value, ty, &Blame::default());
        let value = self.as_default(value);
        self.defaults.insert(key, value.clone());
        value
    }

    /// A value that has to satisfy `where … else "…"`.
    pub(crate) fn refined(
        &mut self,
        value: Value,
        refinement: Option<&Refinement>,
        blame: &Blame,
        subject: &str,
    ) -> Value {
        let Some(refinement) = refinement else { return value };
        if value.first_unsettled().is_some() || value.has_opaque() || matches!(value.data, Data::None) {
            return value;
        }
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        self.stack.push(value.clone());
        let home = self.home(refinement.module);
        let verdict = self.eval(home, refinement.condition);
        let failed = matches!(verdict.data, Data::Bool(false));
        let message = match (failed, refinement.message) {
            (true, Some(message)) => match self.eval(home, message).data {
                Data::Str(text) => text.to_string(),
                _ => String::new(),
            },
            _ => String::new(),
        };
        self.stack.truncate(self.base);
        self.base = outer;
        if !failed {
            return value;
        }
        let span = blame.span.unwrap_or_else(|| self.origin_span(value.origin));
        let declared = self.program.span(refinement.module, refinement.span);
        let shown = show_value(self.program, &value);
        let own = !self.program.module(refinement.module).is_std;
        self.report.push(|_| {
            let says_it = subject.is_empty() && message.split_whitespace().any(|word| word == shown);
            let subject = if subject.is_empty() { shown } else { format!("`{subject}` is {shown}") };
            let text = match message.as_str() {
                "" => format!("{subject}: which is not allowed"),
                // The message names the value itself.
                _ if says_it => message,
                _ => format!("{subject}: {message}"),
            };
            Diagnostic::error(blame.refinement, span, text)
                .maybe_label(own.then(|| (declared, "allowed is what satisfies this".to_owned())))
        });
        Value::new(Data::Error, value.origin)
    }

    /// The place that a value came from.
    pub(crate) fn origin_span(&self, origin: Origin) -> Span {
        match origin.kind {
            OriginKind::Param => match self.params.get(&origin.index) {
                Some(given) => given.span,
                None => self.program.def_span(DefRef { module: origin.module, index: origin.index }),
            },
            OriginKind::Place => self.places.get(origin.index as usize).copied().unwrap_or_default(),
            OriginKind::Def => self.program.def_span(DefRef { module: origin.module, index: origin.index }),
            OriginKind::Expr | OriginKind::Default | OriginKind::Lookup => {
                self.program.expr_span(origin.module, ExprId(origin.index))
            }
        }
    }

    /// Whether a value came from what the operator wrote, not from the standard library.
    pub(crate) fn is_own(&self, origin: Origin) -> bool {
        !self.program.module(origin.module).is_std
    }

    /// Why a value is awaited, in words.
    pub(crate) fn awaited_words(&self, awaited: Awaited) -> String {
        match awaited {
            Awaited::Param(def) => format!("the parameter `{}`", self.program.path_of(def)),
            Awaited::Lookup(module, expr) => match self.program.expr(module, expr) {
                crate::hir::Expr::Meta(path, _) => format!("`meta.{}`", self.program.meta_name(path)),
                _ => "a lookup".to_owned(),
            },
        }
    }
}
