//! Descriptions that become things: whole, and as their `require`s want them.

use kit_lang::{Diagnostic, Span};

use crate::check::with_article;
use crate::codes;
use crate::eval::{Evaluator, show_value};
use crate::hir::{DefKind, DefRef, Expr, ExprId, Item, Piece, Program, RequireDecl};
use crate::names::Name;
use crate::report::DiagnosticExt as _;
use crate::value::{Data, Origin, Value};

/// A value of the operator's that an expression mentions.
pub(crate) struct Mention {
    pub(crate) span: Span,
    pub(crate) text: String,
    is_default: bool,
    /// The module or instance that it came from.
    module: u16,
}

/// What a `require` reads of the variables of its type.
#[derive(Debug, Clone)]
pub(crate) struct ReadBy {
    /// By `require`: bits of the fields that it reads; all of them where there are more than bits.
    pub(crate) masks: Vec<u64>,
}

impl<'a> Evaluator<'a> {
    /// A description that becomes a thing: nothing is missing, and its requires hold.
    pub(crate) fn complete(&mut self, fields: &[Value], def: DefRef, origin: Origin, place: Option<(Span, String)>) {
        self.nothing_missing(fields, def, origin, place);
        let outer = std::mem::replace(&mut self.base, self.stack.len());
        self.stack.extend_from_slice(fields);
        let (requires, names) = self.requires_of(def);
        // One that waits is asked again when its parts are known.
        let _ = self.requires(def.module, requires, &names, Some(origin));
        self.stack.truncate(self.base);
        self.base = outer;
    }

    /// The requires of an extern type, and the names of the variables that they see.
    pub(crate) fn requires_of(&self, def: DefRef) -> (&'a [Item], Vec<Name>) {
        let program = self.program;
        match &program.def(def).kind {
            DefKind::ExternResource { schema, requires } => {
                (requires, schema.fields.iter().map(|field| field.name).collect())
            }
            DefKind::ExternRole { schema, requires } => {
                let extra = crate::resolve::ROLE_VARIABLES.iter().filter_map(|text| program.names.find(text));
                (requires, schema.fields.iter().map(|field| field.name).chain(extra).collect())
            }
            _ => (&[], Vec::new()),
        }
    }

    pub(crate) fn nothing_missing(
        &mut self,
        fields: &[Value],
        def: DefRef,
        origin: Origin,
        place: Option<(Span, String)>,
    ) {
        let program = self.program;
        let schema = program.schema(def);
        let missing = |(field, value): &(&crate::types::FieldTy, &Value)| {
            !field.live && !field.may_be_absent() && matches!(value.data, Data::Missing)
        };
        let missing: Vec<_> = schema.fields.iter().zip(fields).filter(missing).map(|(field, _)| field).collect();
        if missing.is_empty() {
            return;
        }
        let span = self.origin_span(origin);
        let names: Vec<&str> = missing.iter().map(|field| program.names.text(field.name)).collect();
        let kind = program.path_of(def);
        self.report.push(|_| {
            let wanted: Vec<String> = missing
                .iter()
                .map(|field| format!("{} = … ({})", program.names.text(field.name), program.show(&field.ty)))
                .collect();
            Diagnostic::error(
                codes::MISSING_FIELD,
                span,
                format!("this {kind} lacks {}", crate::report::listed(names.iter().copied(), "and")),
            )
            .maybe_label(place)
            .with_help(format!("add {}", wanted.join(", ")))
        });
    }

    /// Checks `require`s, with their variables on the stack.
    pub(crate) fn requires(
        &mut self,
        module: u16,
        items: &'a [Item],
        names: &[Name],
        fallback: Option<Origin>,
    ) -> Result<(), Value> {
        for item in items {
            match item {
                Item::Require(require) => self.require(module, require, names, fallback),
                Item::For(repeated) => {
                    // A head that waits makes only what it repeats wait.
                    let _ = self.repeat(module, repeated, |evaluator| {
                        evaluator.requires(module, &repeated.items, names, fallback)
                    });
                }
                Item::If(conditional) => {
                    if matches!(self.holds(module, conditional.condition), Ok(true)) {
                        self.requires(module, &conditional.items, names, fallback)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn require(&mut self, module: u16, require: &RequireDecl, names: &[Name], fallback: Option<Origin>) {
        let verdict = self.eval(module, require.condition);
        if !matches!(verdict.data, Data::Bool(false)) {
            return;
        }
        let message = match require.message.map(|message| self.eval(module, message).data) {
            Some(Data::Str(text)) => text.to_string(),
            _ => "a requirement does not hold".to_owned(),
        };
        let condition = self.program.expr_span(module, require.condition);
        let mut labels = self.mentions(module, require.condition, names);
        // The cause is what the user wrote: the requirement itself in their own file, else the first
        // value of theirs that it mentions.
        let own = !self.program.module(module).is_std;
        let made_at = self.made_at(module);
        let primary = if let Some(made_at) = made_at {
            // In a component: what it was given there, or else where the instance is made.
            let given = |mention: &Mention| mention.module != module && !mention.is_default;
            match labels.iter().position(given).or_else(|| labels.iter().position(|mention| mention.module != module)) {
                Some(first) => labels.remove(first).span,
                None => made_at,
            }
        } else if own {
            condition
        } else {
            match labels.iter().position(|mention| !mention.is_default).or((!labels.is_empty()).then_some(0)) {
                Some(first) => labels.remove(first).span,
                None => fallback.map_or(condition, |origin| self.origin_span(origin)),
            }
        };
        let required_by = (!own).then(|| format!("required by std/{}", self.program.module(module).name));
        self.report.push(|_| {
            let mut diagnostic = Diagnostic::error(codes::REQUIRE_FAILED, primary, message).maybe_help(required_by);
            if made_at.is_some() && own {
                diagnostic = diagnostic.with_label(condition, "the component requires this");
            }
            for mention in labels {
                if mention.span != primary {
                    diagnostic = diagnostic.with_label(mention.span, mention.text);
                }
            }
            diagnostic
        });
    }

    /// The values of the user's that an expression mentions: where each came from, what it is, and whether
    /// it is a default.
    pub(crate) fn mentions(&mut self, module: u16, expr: ExprId, names: &[Name]) -> Vec<Mention> {
        let mut paths = Vec::new();
        collect_paths(self.program, module, expr, &mut paths);
        let mut found: Vec<Mention> = Vec::new();
        for path in paths {
            let Some((value, at)) = self.own_value(module, path) else { continue };
            let span = self.origin_span(value.origin);
            if found.iter().any(|known| known.span == span) {
                continue;
            }
            let is_default = value.origin.kind == crate::value::OriginKind::Default;
            let shown = show_value(self.program, &value);
            let text = match path_name(self.program, module, at, names) {
                Some(_) if matches!(value.data, Data::Thing(_) | Data::Description(_)) => "declared here".to_owned(),
                Some(name) if matches!(value.data, Data::List(_)) => format!("`{name}` comes from here"),
                Some(name) => format!("`{name}` is {shown}"),
                None => format!("this is {}", with_article(&shown)),
            };
            found.push(Mention { span, text, is_default, module: value.origin.module });
        }
        found
    }

    /// The value of a path, or of what it is read from, that came from the user's file.
    fn own_value(&mut self, module: u16, path: ExprId) -> Option<(Value, ExprId)> {
        let mut at = path;
        // A path is as long as it is written.
        loop {
            let value = self.eval(module, at);
            if matches!(value.data, Data::Error | Data::Awaited(_) | Data::Missing) {
                return None;
            }
            let itself = value.origin == Origin::expr(module, at);
            if self.is_own(value.origin) && (self.program.module(module).is_std || !itself) {
                return Some((value, at));
            }
            match self.program.expr(module, at) {
                Expr::Field { base, .. } => at = *base,
                _ => return None,
            }
        }
    }

    /// Which fields each require of a type reads.
    pub(crate) fn reads_of(&mut self, def: DefRef) -> ReadBy {
        let (requires, _) = self.requires_of(def);
        let program = self.program;
        let masks = requires
            .iter()
            .map(|item| match item {
                Item::Require(require) => {
                    let mut mask = 0u64;
                    let mut paths = Vec::new();
                    collect_paths(program, def.module, require.condition, &mut paths);
                    for path in paths {
                        match root_slot(program, def.module, path) {
                            Some(slot) if slot < 64 => mask |= 1 << slot,
                            Some(_) => mask = u64::MAX,
                            None => {}
                        }
                    }
                    mask
                }
                _ => u64::MAX,
            })
            .collect();
        ReadBy { masks }
    }
}

/// The variable that a path begins with.
fn root_slot(program: &Program, module: u16, mut path: ExprId) -> Option<u32> {
    loop {
        match program.expr(module, path) {
            Expr::Local(slot) => return Some(*slot),
            Expr::Field { base, .. } | Expr::Index { base, .. } => path = *base,
            _ => return None,
        }
    }
}

/// The paths (`a`, `a.b`) in an expression, in order.
fn collect_paths(program: &Program, module: u16, expr: ExprId, paths: &mut Vec<ExprId>) {
    match program.expr(module, expr) {
        Expr::Local(_) | Expr::Def(_) | Expr::Meta(..) => paths.push(expr),
        Expr::Field { base, .. } => {
            let mut root = *base;
            // A path is as long as it is written.
            while let Expr::Field { base, .. } = program.expr(module, root) {
                root = *base;
            }
            if matches!(program.expr(module, root), Expr::Local(_) | Expr::Def(_) | Expr::Meta(..)) {
                paths.push(expr);
            } else {
                collect_paths(program, module, root, paths);
            }
        }
        Expr::Index { base, index } => {
            collect_paths(program, module, *base, paths);
            collect_paths(program, module, *index, paths);
        }
        Expr::Unary { operand, .. } => collect_paths(program, module, *operand, paths),
        Expr::Binary { left, right, .. } => {
            collect_paths(program, module, *left, paths);
            collect_paths(program, module, *right, paths);
        }
        Expr::CallFn { args, .. } => args.iter().for_each(|arg| collect_paths(program, module, *arg, paths)),
        Expr::CallMethod { base, args, .. } => {
            collect_paths(program, module, *base, paths);
            args.iter().for_each(|arg| collect_paths(program, module, *arg, paths));
        }
        Expr::If { condition, then, otherwise } => {
            for part in [condition, then, otherwise] {
                collect_paths(program, module, *part, paths);
            }
        }
        Expr::Match { value, arms } => {
            collect_paths(program, module, *value, paths);
            arms.iter().for_each(|arm| collect_paths(program, module, arm.value, paths));
        }
        Expr::Interpolation(pieces) => {
            for piece in pieces {
                if let Piece::Value(value) = piece {
                    collect_paths(program, module, *value, paths);
                }
            }
        }
        Expr::List(items) => {
            for item in items {
                if let Item::Element(value) = item {
                    collect_paths(program, module, *value, paths);
                }
            }
        }
        _ => {}
    }
}

/// A path as it is written; none for a variable of a `for`, which the user cannot see.
fn path_name(program: &Program, module: u16, path: ExprId, names: &[Name]) -> Option<String> {
    match program.expr(module, path) {
        Expr::Local(slot) => names.get(*slot as usize).map(|name| program.names.text(*name).to_owned()),
        Expr::Def(def) => Some(program.path_of(*def)),
        Expr::Meta(meta, _) => Some(format!("meta.{}", program.meta_name(meta))),
        Expr::Field { base, name, .. } => {
            let field = program.names.text(*name);
            Some(match path_name(program, module, *base, names) {
                Some(base) => format!("{base}.{field}"),
                None => field.to_owned(),
            })
        }
        _ => None,
    }
}
