//! Static types: what each expression is, before anything is computed.

mod access;
mod blocks;
mod calls;
mod components;
mod declarations;
mod expressions;
mod metadata;
mod mismatch;
mod operators;
mod patterns;
mod scripts;
mod secrets;
mod tests_of_clusters;

pub(crate) use expressions::with_article;
pub(crate) use mismatch::literal_texts;
pub(crate) use scripts::no_variable;
pub(crate) use secrets::secret_of_many;

use std::rc::Rc;

use indexmap::IndexMap;
use kit_lang::{Code, Span};

use crate::codes;
use crate::hir::{DefKind, DefRef, Expr, ExprId, Program, TextSpan};
use crate::names::Name;
use crate::report::Report;
use crate::types::Ty;

/// How deep definitions and their expressions may lead into each other: both this pass and evaluation
/// recurse. A definition that leads through hundreds of others forwards is generated or a mistake.
pub(crate) const MAX_DEPENDENCY_DEPTH: u32 = 250;

/// What the checker leaves for evaluation.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// By module and expression: wrong, and reported; evaluation stays silent about it.
    wrong: Vec<Vec<bool>>,
    /// Groups by definition.
    groups: IndexMap<DefRef, Rc<GroupInfo>>,
}

impl Checked {
    #[inline]
    pub(crate) fn is_wrong(&self, module: u16, expr: ExprId) -> bool {
        self.wrong[module as usize][expr.0 as usize]
    }

    pub(crate) fn group(&self, def: DefRef) -> Option<&Rc<GroupInfo>> {
        self.groups.get(&def)
    }
}

/// What is known of a group before its members are computed.
#[derive(Debug, Default)]
pub(crate) struct GroupInfo {
    /// The type of its machine.
    pub(crate) machine: Option<DefRef>,
    /// Members that stand there by name, and whether they give an IP and a volume.
    pub(crate) members: IndexMap<Name, MemberInfo, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
    /// Others are made by `for`, `if` or a computed name.
    pub(crate) has_generated: bool,
    /// Something in it could not be read, or means nothing in a group that has neither members nor a count: what the
    /// group lacks was meant by it.
    pub(crate) has_lost: bool,
    machine_has_ip: bool,
    machine_has_volume: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct MemberInfo {
    has_ip: bool,
    has_volume: bool,
}

/// Where a definition is on its way to a type.
#[derive(Debug, Clone)]
enum State {
    New,
    Open,
    Done(Ty),
}

/// Where a value stands, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Field(Name),
    Param(Name),
    Let(Name),
    Output(Name),
    Argument(Name),
    Element,
    Entry,
    Condition,
    Message,
    Key,
    Result,
    Operand,
}

/// Checks the types of a program.
pub(crate) struct Checker<'a> {
    pub(crate) program: &'a Program,
    pub(crate) report: &'a mut Report,
    states: Vec<Vec<State>>,
    checked: Checked,
    /// Types of the variables of the body being checked; `base` is where it begins.
    locals: Vec<Ty>,
    base: usize,
    /// Paths known not to be `none` here.
    present: Vec<(u16, ExprId)>,
    /// Paths that are matched, and their types in the arm being checked.
    matched: Vec<(u16, ExprId, Ty)>,
    /// Groups whose machine is being worked out.
    open_groups: Vec<DefRef>,
    /// Components that are being checked, each because the one before it makes an instance of it.
    open_components: Vec<DefRef>,
    /// Volumes that were given to members, and where.
    paired: Vec<(ExprId, Span)>,
    depth: u32,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(program: &'a Program, report: &'a mut Report) -> Self {
        let states = program.modules.iter().map(|module| vec![State::New; module.defs.len()]).collect();
        let wrong = program.modules.iter().map(|module| vec![false; module.exprs.len()]).collect();
        let checked = Checked { wrong, groups: IndexMap::new() };
        Self {
            program,
            report,
            states,
            checked,
            locals: Vec::new(),
            base: 0,
            present: Vec::new(),
            matched: Vec::new(),
            open_groups: Vec::new(),
            open_components: Vec::new(),
            paired: Vec::new(),
            depth: 0,
        }
    }

    /// Checks all of a module.
    pub(crate) fn check_module(&mut self, module: u16) {
        let program = self.program;
        self.metadata_declared(module);
        let count = u32::try_from(program.module(module).defs.len()).unwrap_or(u32::MAX);
        for index in 0..count {
            self.def_type(DefRef { module, index }, None);
        }
        for item in &program.module(module).requires {
            self.requires(module, std::slice::from_ref(item));
        }
        for cluster in &program.module(module).clusters {
            self.cluster(module, cluster);
        }
        for test in &program.module(module).tests {
            self.test(module, test);
        }
    }

    pub(crate) fn finish(mut self) -> Checked {
        self.params_files();
        self.checked
    }

    /// The type of a definition; asked for at `from`, which is blamed for a circle.
    pub(crate) fn def_type(&mut self, def: DefRef, from: Option<(u16, ExprId)>) -> Ty {
        match &self.states[def.module as usize][def.index as usize] {
            State::Done(ty) => return ty.clone(),
            State::Open => {
                let ty = self.circle(def, from);
                return ty;
            }
            State::New => {}
        }
        if self.depth >= MAX_DEPENDENCY_DEPTH {
            self.too_deep(self.program.def_span(def));
            return Ty::Error;
        }
        self.states[def.module as usize][def.index as usize] = State::Open;
        let outer_base = std::mem::replace(&mut self.base, self.locals.len());
        let outer_present = std::mem::take(&mut self.present);
        let outer_matched = std::mem::take(&mut self.matched);
        let ty = self.definition(def);
        self.locals.truncate(self.base);
        self.base = outer_base;
        self.present = outer_present;
        self.matched = outer_matched;
        let ty = match &self.states[def.module as usize][def.index as usize] {
            // A circle through it was reported meanwhile.
            State::Done(ty) => ty.clone(),
            _ => ty,
        };
        self.states[def.module as usize][def.index as usize] = State::Done(ty.clone());
        ty
    }

    pub(crate) fn too_deep(&mut self, span: Span) {
        self.report.error(codes::TOO_MUCH, span, || {
            format!("definitions lead into each other more than {MAX_DEPENDENCY_DEPTH} levels deep")
        });
    }

    /// A definition that is asked for while it is being worked out.
    fn circle(&mut self, def: DefRef, from: Option<(u16, ExprId)>) -> Ty {
        let program = self.program;
        // A group is asked for by its own members, and a type of its own is known from its name alone.
        match &program.def(def).kind {
            DefKind::Group { .. } => return Ty::Group(def),
            DefKind::Param { ty, .. } => return ty.clone(),
            DefKind::Component { .. } => return self.component_circle(def, from),
            _ => {}
        }
        let name = program.path_of(def);
        let declared = program.def_span(def);
        let span = from.map_or(declared, |(module, expr)| program.expr_span(module, expr));
        let what = if matches!(program.def(def).kind, DefKind::Fn { .. }) {
            format!("the function `{name}` calls itself, directly or through others; every program has to end")
        } else {
            format!("`{name}` is defined by itself, directly or through others")
        };
        self.report.push(|_| {
            let diagnostic = kit_lang::Diagnostic::error(codes::CYCLE, span, what);
            if span == declared {
                diagnostic
            } else {
                diagnostic.with_label(declared, format!("`{name}` is declared here"))
            }
        });
        self.states[def.module as usize][def.index as usize] = State::Done(Ty::Error);
        Ty::Error
    }

    pub(crate) fn mark_wrong(&mut self, module: u16, expr: ExprId) {
        self.checked.wrong[module as usize][expr.0 as usize] = true;
    }

    pub(crate) fn error_at(&mut self, code: Code, module: u16, span: TextSpan, message: impl FnOnce() -> String) {
        let span = self.program.span(module, span);
        self.report.error(code, span, message);
    }

    pub(crate) fn error_expr(&mut self, code: Code, module: u16, expr: ExprId, message: impl FnOnce() -> String) {
        let span = self.program.expr_span(module, expr);
        self.report.error(code, span, message);
        self.mark_wrong(module, expr);
    }

    pub(crate) fn local(&self, slot: u32) -> Ty {
        self.locals.get(self.base + slot as usize).cloned().unwrap_or(Ty::Error)
    }

    pub(crate) fn expr(&self, module: u16, expr: ExprId) -> &'a Expr {
        self.program.expr(module, expr)
    }

    /// Runs `work` where some paths are known not to be `none`: those that a condition excludes when it
    /// is `truth`.
    pub(crate) fn given<R>(
        &mut self,
        module: u16,
        condition: ExprId,
        truth: bool,
        work: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let before = self.present.len();
        self.learn(module, condition, truth);
        let result = work(self);
        self.present.truncate(before);
        result
    }

    fn learn(&mut self, module: u16, condition: ExprId, truth: bool) {
        use crate::hir::{BinaryOp, UnaryOp};
        match self.expr(module, condition) {
            Expr::Unary { op: UnaryOp::Not, operand } => self.learn(module, *operand, !truth),
            Expr::Binary { op: BinaryOp::And, left, right } if truth => {
                self.learn(module, *left, true);
                self.learn(module, *right, true);
            }
            Expr::Binary { op: BinaryOp::Or, left, right } if !truth => {
                self.learn(module, *left, false);
                self.learn(module, *right, false);
            }
            Expr::Binary { op, left, right }
                if (*op == BinaryOp::NotEq && truth) || (*op == BinaryOp::Eq && !truth) =>
            {
                if matches!(self.expr(module, *right), Expr::None) {
                    self.present.push((module, *left));
                } else if matches!(self.expr(module, *left), Expr::None) {
                    self.present.push((module, *right));
                }
            }
            _ => {}
        }
    }

    /// Whether a path is known not to be `none`.
    pub(crate) fn is_present(&self, module: u16, expr: ExprId) -> bool {
        self.present.iter().any(|(known_module, known)| *known_module == module && self.same_path(module, *known, expr))
    }

    /// The type of a path in the arm of a `match` of it.
    pub(crate) fn matched_type(&self, module: u16, expr: ExprId) -> Option<&Ty> {
        let mut inner_first = self.matched.iter().rev();
        let found = inner_first.find(|(of, path, _)| *of == module && self.same_path(module, *path, expr))?;
        Some(&found.2)
    }

    fn same_path(&self, module: u16, a: ExprId, b: ExprId) -> bool {
        match (self.expr(module, a), self.expr(module, b)) {
            (Expr::Local(x), Expr::Local(y)) => x == y,
            (Expr::Def(x), Expr::Def(y)) => x == y,
            (Expr::Field { base: x, name: m, .. }, Expr::Field { base: y, name: n, .. }) => {
                m == n && self.same_path(module, *x, *y)
            }
            _ => false,
        }
    }
}
