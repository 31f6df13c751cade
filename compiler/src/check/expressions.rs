//! The types of expressions: found from inside, or wanted from outside.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::{Checker, MAX_DEPENDENCY_DEPTH, Place};
use crate::codes;
use crate::hir::{Arm, BinaryOp, DefKind, DefRef, Expr, ExprId, FnParam, MetaKind, Piece, UnaryOp};
use crate::names::Name;
use crate::report::{DiagnosticExt as _, listed};
use crate::types::{FieldTy, Lit, RecordTy, Ty, base as base_of, widen};

impl Checker<'_> {
    /// The type of an expression, found from inside.
    pub(crate) fn infer(&mut self, module: u16, expr: ExprId) -> Ty {
        if self.depth >= MAX_DEPENDENCY_DEPTH {
            self.too_deep(self.program.expr_span(module, expr));
            self.mark_wrong(module, expr);
            return Ty::Error;
        }
        self.depth += 1;
        let ty = self.infer_inner(module, expr);
        self.depth -= 1;
        if matches!(ty, Ty::Error) {
            self.mark_wrong(module, expr);
        }
        ty
    }

    fn infer_inner(&mut self, module: u16, expr: ExprId) -> Ty {
        match self.expr(module, expr) {
            Expr::Error => Ty::Error,
            Expr::None => Ty::None,
            Expr::Bool(_) => Ty::Bool,
            Expr::Int(number) => Ty::Lit(Lit::Int(*number)),
            Expr::Str(text) => Ty::Lit(Lit::Str(text.clone())),
            Expr::Ip(_) => Ty::Ip,
            Expr::Cidr(_) => Ty::Cidr,
            Expr::Bytes(_) => Ty::Bytes,
            Expr::Duration(_) => Ty::Duration,
            Expr::Percent(_) => Ty::Percent,
            Expr::Interpolation(pieces) => self.interpolation(module, pieces),
            Expr::Local(slot) => {
                let ty = self.local(*slot);
                self.narrowed(module, expr, ty)
            }
            Expr::Def(def) => {
                let ty = self.def_type(*def, Some((module, expr)));
                self.narrowed(module, expr, ty)
            }
            Expr::Meta(path, args) => self.metadata(module, expr, path, args.as_deref()),
            Expr::Field { base, name, name_start } => {
                let base_ty = self.infer(module, *base);
                let ty = self.field_of(module, *base, &base_ty, *name, *name_start);
                self.narrowed(module, expr, ty)
            }
            Expr::Index { base, index } => self.index(module, *base, *index),
            Expr::CallFn { function, args } => self.call(module, expr, *function, args),
            Expr::CallMethod { base, name, name_start, args } => {
                self.method(module, expr, *base, *name, *name_start, args)
            }
            Expr::Unary { op: UnaryOp::Not, operand } => {
                self.check(module, *operand, &Ty::Bool, Place::Operand);
                Ty::Bool
            }
            Expr::Unary { op: UnaryOp::Negate, operand } => self.negate(module, *operand),
            Expr::Binary { op, left, right } => self.binary(module, expr, *op, *left, *right),
            Expr::With { base, items } => self.with(module, *base, items),
            Expr::Record(items) => self.infer_braces(module, items),
            Expr::Construct { def, items } => {
                self.description_fields(module, items, *def);
                Ty::Desc(*def)
            }
            Expr::List(items) => {
                let mut element = Ty::Never;
                self.infer_elements(module, items, &mut element);
                Ty::List(Rc::new(element))
            }
            Expr::If { condition, then, otherwise } => self.infer_if(module, expr, *condition, *then, *otherwise),
            Expr::Match { value, arms } => self.infer_match(module, expr, *value, arms, None),
        }
    }

    /// Without `?` where a condition has excluded `none`.
    fn narrowed(&self, module: u16, expr: ExprId, ty: Ty) -> Ty {
        match self.program.strip(&ty) {
            Ty::Opt(inner) if self.is_present(module, expr) => (**inner).clone(),
            _ => ty,
        }
    }

    /// Whether an expression has the type that is wanted where it stands; reports it if not.
    pub(crate) fn check(&mut self, module: u16, expr: ExprId, wanted: &Ty, place: Place) {
        if self.depth >= MAX_DEPENDENCY_DEPTH {
            self.too_deep(self.program.expr_span(module, expr));
            self.mark_wrong(module, expr);
            return;
        }
        self.depth += 1;
        self.check_inner(module, expr, wanted, place);
        self.depth -= 1;
    }

    fn check_inner(&mut self, module: u16, expr: ExprId, wanted: &Ty, place: Place) {
        if self.checked.is_wrong(module, expr) {
            return;
        }
        let program = self.program;
        let target = match program.strip(wanted) {
            Ty::Opt(inner) => program.strip(inner),
            other => other,
        };
        match (self.expr(module, expr), target) {
            (Expr::Record(items), Ty::Record(record)) => self.record_fields(module, expr, items, record),
            (Expr::Record(items), Ty::Desc(def)) => self.description_fields(module, items, *def),
            (Expr::Record(items), Ty::Map(value)) => self.map_entries(module, items, value),
            (Expr::Record(items), Ty::Error) => {
                self.infer_braces(module, items);
            }
            (Expr::List(items), Ty::List(element)) => self.list_elements(module, items, element),
            (Expr::If { condition, then, otherwise }, _) => {
                self.check(module, *condition, &Ty::Bool, Place::Condition);
                self.given(module, *condition, true, |checker| checker.check(module, *then, wanted, place));
                self.given(module, *condition, false, |checker| checker.check(module, *otherwise, wanted, place));
            }
            (Expr::Match { value, arms }, _) => {
                self.infer_match(module, expr, *value, arms, Some((wanted, place)));
            }
            _ => {
                let found = self.infer(module, expr);
                if !self.program.fits(&found, wanted) {
                    self.mismatch(module, expr, wanted, &found, place);
                }
            }
        }
    }

    fn interpolation(&mut self, module: u16, pieces: &[Piece]) -> Ty {
        let mut secret = false;
        for piece in pieces {
            let Piece::Value(value) = piece else { continue };
            let ty = self.infer(module, *value);
            let inner = match self.program.strip(&ty) {
                Ty::Secret(inner) => {
                    secret = true;
                    (**inner).clone()
                }
                other => other.clone(),
            };
            if matches!(inner, Ty::Error) || self.program.is_scalar(&inner) {
                continue;
            }
            let shown = self.program.show(&ty);
            match inner {
                Ty::Opt(_) | Ty::None => {
                    let span = self.program.expr_span(module, *value);
                    self.report.push(|_| {
                        Diagnostic::error(codes::MAY_BE_NONE, span, "this may be `none`, which has no text")
                            .with_help("give it a value for that case: `${x ?? \"…\"}`")
                    });
                    self.mark_wrong(module, *value);
                }
                _ => self.error_expr(codes::MISMATCH, module, *value, || {
                    format!("{} cannot stand in a text: only single values can", with_article(&shown))
                }),
            }
        }
        if secret { Ty::Secret(Rc::new(Ty::Str)) } else { Ty::Str }
    }

    /// The field of a value.
    pub(super) fn field_of(&mut self, module: u16, base: ExprId, base_ty: &Ty, name: Name, name_start: u32) -> Ty {
        let program = self.program;
        match program.strip(base_ty) {
            Ty::Error => Ty::Error,
            Ty::Record(record) => match record.field(name) {
                Some(field) => field.ty.clone(),
                None => {
                    let known: Vec<Name> = record.fields.iter().map(|field| field.name).collect();
                    self.no_field(module, name, name_start, "this record", &known);
                    Ty::Error
                }
            },
            Ty::Desc(def) => match program.schema(*def).field(name) {
                Some(field) if field.live => {
                    self.live_of_description(module, base, field, *def, name_start);
                    Ty::Error
                }
                Some(field) => field.ty.clone(),
                None => {
                    self.no_schema_field(module, name, name_start, *def);
                    Ty::Error
                }
            },
            Ty::Ref(def) => match program.schema(*def).field(name) {
                Some(field) => field.ty.clone(),
                None => {
                    self.no_schema_field(module, name, name_start, *def);
                    Ty::Error
                }
            },
            Ty::Group(def) => self.group_field(module, *def, name, name_start),
            Ty::Member(def) => {
                let info = self.group_info(*def);
                let exact = match self.expr(module, base) {
                    Expr::Field { name, .. } => info.members.get(name).copied(),
                    _ => None,
                };
                self.member_field(module, *def, exact, name, name_start)
            }
            Ty::Opt(inner) => {
                let shown = program.show(inner);
                let span = program.expr_span(module, base);
                let text = program.names.text(name);
                self.report.push(|_| {
                    Diagnostic::error(
                        codes::MAY_BE_NONE,
                        span,
                        format!("this may be `none`, and `none` has no `{text}`"),
                    )
                    .with_help(format!(
                        "give {} for that case with `??`, or ask first: `if x != none then x.{text} else …`",
                        with_article(&shown)
                    ))
                });
                Ty::Error
            }
            other => match attribute(&base_of(other), program.names.text(name)) {
                Some(ty) => ty,
                None => {
                    let shown = program.show(&widen(other));
                    let text = program.names.text(name).to_owned();
                    let known: Vec<&str> = attributes_of(other).to_vec();
                    let is_method = super::operators::method_names(other).contains(&text.as_str());
                    let span = self.name_span(module, name, name_start);
                    self.report.push(|suggester| {
                        let help = if is_method {
                            Some(format!("`{text}` is a method; call it: `.{text}(…)`"))
                        } else {
                            suggester.did_you_mean(&text, known.iter().copied()).or_else(|| {
                                (!known.is_empty()).then(|| {
                                    format!("{} has {}", with_article(&shown), listed(known.iter().copied(), "and"))
                                })
                            })
                        };
                        Diagnostic::error(
                            codes::UNKNOWN_FIELD,
                            span,
                            format!("{} has no `{text}`", with_article(&shown)),
                        )
                        .maybe_help(help)
                    });
                    Ty::Error
                }
            },
        }
    }

    fn group_field(&mut self, module: u16, def: DefRef, name: Name, name_start: u32) -> Ty {
        let program = self.program;
        match program.names.text(name) {
            "count" => return Ty::Int,
            "members" => return Ty::Members(def),
            "name" => return Ty::Str,
            _ => {}
        }
        let info = self.group_info(def);
        if info.members.contains_key(&name) {
            return Ty::Member(def);
        }
        let span = self.name_span(module, name, name_start);
        let text = program.names.text(name);
        let group = program.path_of(def);
        self.report.push(|suggester| {
            let members = info.members.keys().map(|name| program.names.text(*name));
            let help = if info.has_generated {
                format!("a member that is made by `for` is reached by its ID: `{group}.members[\"{text}\"]`")
            } else {
                suggester.did_you_mean(text, members.clone().chain(["count", "members", "name"])).unwrap_or_else(|| {
                    let all: Vec<&str> = members.collect();
                    if all.is_empty() {
                        format!("`{group}` has no members, only a count: its machines have no names")
                    } else {
                        format!("its members are {}", listed(all.iter().copied(), "and"))
                    }
                })
            };
            Diagnostic::error(codes::UNKNOWN_FIELD, span, format!("the group `{group}` has no member `{text}`"))
                .with_help(help)
        });
        Ty::Error
    }

    fn member_field(
        &mut self,
        module: u16,
        def: DefRef,
        exact: Option<super::MemberInfo>,
        name: Name,
        name_start: u32,
    ) -> Ty {
        let program = self.program;
        let info = self.group_info(def);
        let text = program.names.text(name);
        if self.open_groups.contains(&def) && text != "id" {
            let span = self.name_span(module, name, name_start);
            let group = program.path_of(def);
            self.report.error(codes::CYCLE, span, || {
                format!("the machine of `{group}` is defined by the members that are made from it")
            });
            return Ty::Error;
        }
        let Some(machine) = info.machine else {
            return if text == "id" { Ty::Str } else { Ty::Error };
        };
        match text {
            "id" => Ty::Str,
            "machine" => Ty::Ref(machine),
            "ip" => {
                let given = info.machine_has_ip || exact.is_some_and(|member| member.has_ip);
                if given { Ty::Ip } else { Ty::Opt(Rc::new(Ty::Ip)) }
            }
            "volume" => {
                let schema = program.schema(machine);
                let volume = schema.field(name).map(|field| match program.strip(&field.ty) {
                    Ty::Opt(inner) => program.strip(inner).clone(),
                    other => other.clone(),
                });
                let Some(Ty::Desc(volume)) = volume else { return Ty::Error };
                let given = info.machine_has_volume || exact.is_some_and(|member| member.has_volume);
                if given { Ty::Ref(volume) } else { Ty::Opt(Rc::new(Ty::Ref(volume))) }
            }
            _ => {
                let span = self.name_span(module, name, name_start);
                let is_machine_field = program.schema(machine).field(name).is_some();
                self.report.push(|suggester| {
                    let help = if is_machine_field {
                        format!("it is a field of the member's machine: `.machine.{text}`")
                    } else {
                        suggester
                            .did_you_mean(text, ["id", "ip", "machine", "volume"])
                            .unwrap_or_else(|| "a member has `id`, `ip`, `machine` and `volume`".to_owned())
                    };
                    Diagnostic::error(codes::UNKNOWN_FIELD, span, format!("a member has no `{text}`")).with_help(help)
                });
                Ty::Error
            }
        }
    }

    fn index(&mut self, module: u16, base: ExprId, index: ExprId) -> Ty {
        let base_ty = self.infer(module, base);
        match self.program.strip(&base_ty).clone() {
            Ty::Error => {
                self.infer(module, index);
                Ty::Error
            }
            Ty::List(element) => {
                self.check(module, index, &Ty::Int, Place::Key);
                (*element).clone()
            }
            Ty::Map(value) => {
                self.check(module, index, &Ty::Str, Place::Key);
                (*value).clone()
            }
            Ty::Members(def) => {
                self.check(module, index, &Ty::Str, Place::Key);
                Ty::Member(def)
            }
            Ty::Group(def) => {
                let group = self.program.path_of(def);
                self.error_expr(codes::MISMATCH, module, base, || {
                    format!("a group has no entries; its members do: `{group}.members[…]`")
                });
                Ty::Error
            }
            other => {
                let shown = self.program.show(&widen(&other));
                self.error_expr(codes::MISMATCH, module, base, || {
                    format!("{} has no entries: only a list and a map have", with_article(&shown))
                });
                Ty::Error
            }
        }
    }

    fn call(&mut self, module: u16, expr: ExprId, function: DefRef, args: &[ExprId]) -> Ty {
        let program = self.program;
        let DefKind::Fn { params, ret, .. } = &program.def(function).kind else { return Ty::Error };
        // The body is checked before it is used, so a circle of calls shows.
        let inferred = self.def_type(function, Some((module, expr)));
        let name = program.path_of(function);
        self.arguments(module, expr, &name, params, args);
        ret.clone().unwrap_or(inferred)
    }

    /// Arguments against parameters, of functions and lookups.
    fn arguments(&mut self, module: u16, expr: ExprId, name: &str, params: &[FnParam], args: &[ExprId]) {
        let required = params.iter().filter(|param| param.default.is_none()).count();
        for (param, arg) in params.iter().zip(args) {
            self.check(module, *arg, &param.ty, Place::Argument(param.name));
        }
        for extra in args.iter().skip(params.len()) {
            self.infer(module, *extra);
        }
        if args.len() < required || args.len() > params.len() {
            let names: Vec<&str> = params.iter().map(|param| self.program.names.text(param.name)).collect();
            let given = args.len();
            let span = self.program.expr_span(module, expr);
            self.report.push(|_| {
                let wants = match params.len() {
                    0 => "no argument".to_owned(),
                    1 => format!("one argument, `{}`", names[0]),
                    count => format!("{count} arguments, {}", listed(names.iter().copied(), "and")),
                };
                Diagnostic::error(codes::BAD_ARGUMENTS, span, format!("`{name}` takes {wants}; {given} given"))
            });
            self.mark_wrong(module, expr);
        }
    }

    fn metadata(&mut self, module: u16, expr: ExprId, path: &crate::hir::MetaPath, args: Option<&[ExprId]>) -> Ty {
        let program = self.program;
        let Some(MetaKind::Value { params, ty, .. }) = program.meta_entry(path).map(|entry| &entry.kind) else {
            return Ty::Error;
        };
        let name = format!("meta.{}", program.meta_name(path));
        match (params, args) {
            (Some(params), Some(args)) => self.arguments(module, expr, &name, params, args),
            (None, None) => {}
            (Some(params), None) => {
                let first = params.first().map_or("…", |param| program.names.text(param.name));
                self.error_expr(codes::BAD_ARGUMENTS, module, expr, || {
                    format!("`{name}` is a lookup with arguments: `{name}({first})`")
                });
                return Ty::Error;
            }
            (None, Some(_)) => {
                self.error_expr(codes::BAD_ARGUMENTS, module, expr, || {
                    format!("`{name}` is a value and takes no arguments")
                });
                return Ty::Error;
            }
        }
        ty.clone()
    }

    fn infer_if(&mut self, module: u16, expr: ExprId, condition: ExprId, then: ExprId, otherwise: ExprId) -> Ty {
        self.check(module, condition, &Ty::Bool, Place::Condition);
        let a = self.given(module, condition, true, |checker| checker.infer(module, then));
        let b = self.given(module, condition, false, |checker| checker.infer(module, otherwise));
        self.joined(module, expr, &a, &b, (then, otherwise))
    }

    /// The common type of two branches.
    fn joined(&mut self, module: u16, expr: ExprId, a: &Ty, b: &Ty, branches: (ExprId, ExprId)) -> Ty {
        if let Some(ty) = self.program.join(a, b) {
            return ty;
        }
        let (first, second) = (self.program.expr_span(module, branches.0), self.program.expr_span(module, branches.1));
        let (shown_a, shown_b) = (self.program.show(&widen(a)), self.program.show(&widen(b)));
        self.report.push(|_| {
            Diagnostic::error(
                codes::MISMATCH,
                second,
                format!("this is {}, and the other case is {}", with_article(&shown_b), with_article(&shown_a)),
            )
            .with_label(first, format!("{} here", with_article(&shown_a)))
            .with_help("all cases of one value have one type")
        });
        self.mark_wrong(module, expr);
        Ty::Error
    }

    fn infer_match(
        &mut self,
        module: u16,
        expr: ExprId,
        value: ExprId,
        arms: &[Arm],
        wanted: Option<(&Ty, Place)>,
    ) -> Ty {
        let scrutinee = self.infer(module, value);
        self.patterns(module, expr, &scrutinee, arms);
        let mut result: Option<(Ty, ExprId)> = None;
        for arm in arms {
            match wanted {
                Some((wanted, place)) => self.check(module, arm.value, wanted, place),
                None => {
                    let ty = self.infer(module, arm.value);
                    result = Some(match result {
                        None => (ty, arm.value),
                        Some((before, first)) => (self.joined(module, expr, &before, &ty, (first, arm.value)), first),
                    });
                }
            }
        }
        match (wanted, result) {
            (Some((wanted, _)), _) => wanted.clone(),
            (None, Some((ty, _))) => ty,
            (None, None) => Ty::Error,
        }
    }

    /// Patterns of the right type, none twice, no value left out.
    fn patterns(&mut self, module: u16, expr: ExprId, scrutinee: &Ty, arms: &[Arm]) {
        let program = self.program;
        let mut covered: Vec<&Expr> = Vec::new();
        let mut rest: Option<&Arm> = None;
        for arm in arms {
            if let Some(rest) = rest {
                let (at, first) = (program.span(module, arm.span), program.span(module, rest.span));
                self.report.push(|_| {
                    Diagnostic::error(codes::MATCH_ARMS, at, "this arm is never reached")
                        .with_label(first, "`_` takes all that is left")
                });
                continue;
            }
            if arm.patterns.is_empty() {
                rest = Some(arm);
            }
            for pattern in &arm.patterns {
                let ty = self.infer(module, *pattern);
                let described = self.expr(module, *pattern);
                let ty = match (described, ty) {
                    (Expr::Binary { op: BinaryOp::Range, .. }, Ty::List(element)) => (*element).clone(),
                    (_, ty) => ty,
                };
                if !program.comparable(&ty, scrutinee) {
                    let (pattern_shown, shown) = (program.show(&widen(&ty)), program.show(scrutinee));
                    self.error_expr(codes::MISMATCH, module, *pattern, || {
                        format!(
                            "this pattern is {}, but the value is {}",
                            with_article(&pattern_shown),
                            with_article(&shown)
                        )
                    });
                } else if let Some(Ty::Lit(lit)) = self.pattern_literal(described)
                    && let Some(allowed) = literals_of(program, scrutinee)
                    && !allowed.contains(&lit)
                {
                    let shown = program.show(scrutinee);
                    self.error_expr(codes::MATCH_ARMS, module, *pattern, || {
                        format!("this arm is never reached: the value is one of {shown}")
                    });
                }
                if covered.iter().any(|known| same_literal(known, described)) {
                    self.error_expr(codes::MATCH_ARMS, module, *pattern, || {
                        "this arm is never reached: an earlier one has the same pattern".to_owned()
                    });
                }
                covered.push(described);
            }
        }
        if rest.is_some() || matches!(program.strip(scrutinee), Ty::Error) {
            return;
        }
        let left_out = self.left_out(scrutinee, &covered);
        if !left_out.is_empty() {
            let span = program.expr_span(module, expr);
            self.report.push(|_| {
                Diagnostic::error(codes::MATCH_ARMS, span, format!("no arm for {}", left_out.join(", ")))
                    .with_help("add an arm for it, or `_ => …` for all that is left")
            });
            self.mark_wrong(module, expr);
        }
    }

    fn pattern_literal(&self, pattern: &Expr) -> Option<Ty> {
        match pattern {
            Expr::Str(text) => Some(Ty::Lit(Lit::Str(text.clone()))),
            Expr::Int(number) => Some(Ty::Lit(Lit::Int(*number))),
            _ => None,
        }
    }

    fn left_out(&self, scrutinee: &Ty, covered: &[&Expr]) -> Vec<String> {
        let has = |wanted: &Expr| covered.iter().any(|known| same_literal(known, wanted));
        match self.program.strip(scrutinee) {
            Ty::Bool => [true, false]
                .iter()
                .filter(|truth| !has(&Expr::Bool(**truth)))
                .map(|truth| format!("`{truth}`"))
                .collect(),
            Ty::None if has(&Expr::None) => Vec::new(),
            Ty::Opt(inner) => {
                let mut left = self.left_out(inner, covered);
                if !has(&Expr::None) {
                    left.insert(0, "`none`".to_owned());
                }
                left
            }
            Ty::Lit(Lit::Str(text)) if has(&Expr::Str(text.clone())) => Vec::new(),
            Ty::Lit(Lit::Int(number)) if has(&Expr::Int(*number)) => Vec::new(),
            Ty::Union(alternatives) => alternatives.iter().flat_map(|one| self.left_out(one, covered)).collect(),
            other @ Ty::Lit(_) => vec![format!("`{}`", self.program.show(other))],
            other => vec![format!("the other values of type `{}`", self.program.show(other))],
        }
    }

    fn with(&mut self, module: u16, base: ExprId, items: &[crate::hir::Item]) -> Ty {
        let ty = self.infer(module, base);
        match self.program.strip(&ty).clone() {
            Ty::Error => {
                self.infer_braces(module, items);
                Ty::Error
            }
            Ty::Desc(def) => {
                self.description_fields(module, items, def);
                ty
            }
            Ty::Record(record) => {
                // A record that was inferred from literals may get others of their kind.
                let widened = RecordTy {
                    fields: record
                        .fields
                        .iter()
                        .map(|field| FieldTy { ty: widen(&field.ty), ..field.clone() })
                        .collect(),
                };
                let widened = if matches!(ty, Ty::Alias(_)) { (*record).clone() } else { widened };
                self.some_record_fields(module, items, &widened);
                if matches!(ty, Ty::Alias(_)) { ty } else { Ty::Record(Rc::new(widened)) }
            }
            Ty::Map(value) => {
                self.map_entries(module, items, &value);
                ty
            }
            Ty::Ref(def) => {
                let shown = self.program.path_of(def);
                let span = self.program.expr_span(module, base);
                self.report.push(|_| {
                    Diagnostic::error(
                        codes::DESCRIPTION_OR_THING,
                        span,
                        format!("this is a declared {shown}, and `with` changes descriptions only"),
                    )
                    .with_help("name the description with `let`, and use it both in the `resource` and here")
                });
                Ty::Error
            }
            other => {
                let shown = self.program.show(&widen(&other));
                self.error_expr(codes::MISMATCH, module, base, || {
                    format!("`with` completes a record or a description; this is {}", with_article(&shown))
                });
                Ty::Error
            }
        }
    }
}

/// The literals that a type allows, if it allows literals only.
fn literals_of(program: &crate::hir::Program, ty: &Ty) -> Option<Vec<Lit>> {
    match program.strip(ty) {
        Ty::Lit(lit) => Some(vec![lit.clone()]),
        Ty::Opt(inner) => literals_of(program, inner),
        Ty::Union(alternatives) => {
            let mut all = Vec::new();
            for one in alternatives.iter() {
                all.extend(literals_of(program, one)?);
            }
            Some(all)
        }
        _ => None,
    }
}

fn same_literal(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::None, Expr::None) => true,
        (Expr::Bool(a), Expr::Bool(b)) => a == b,
        (Expr::Str(a), Expr::Str(b)) => a == b,
        (Expr::Int(a), Expr::Int(b))
        | (Expr::Bytes(a), Expr::Bytes(b))
        | (Expr::Duration(a), Expr::Duration(b))
        | (Expr::Percent(a), Expr::Percent(b)) => a == b,
        (Expr::Ip(a), Expr::Ip(b)) => a == b,
        (Expr::Cidr(a), Expr::Cidr(b)) => a == b,
        _ => false,
    }
}

/// What the values of a built-in type have, read without a call.
pub(crate) fn attributes_of(ty: &Ty) -> &'static [&'static str] {
    match ty {
        Ty::Cidr => &["first", "last", "prefix"],
        Ty::List(_) => &["count", "first", "last"],
        Ty::Map(_) => &["count", "keys", "values"],
        Ty::Str | Ty::Lit(Lit::Str(_)) => &["length"],
        Ty::Members(_) => &["count"],
        _ => &[],
    }
}

fn attribute(ty: &Ty, name: &str) -> Option<Ty> {
    Some(match (ty, name) {
        (Ty::Cidr, "first" | "last") => Ty::Ip,
        (Ty::Cidr, "prefix") => Ty::Int,
        (Ty::List(_) | Ty::Map(_) | Ty::Members(_), "count") => Ty::Int,
        (Ty::List(element), "first" | "last") => Ty::Opt(element.clone()),
        (Ty::Map(_), "keys") => Ty::List(Rc::new(Ty::Str)),
        (Ty::Map(value), "values") => Ty::List(value.clone()),
        (Ty::Str | Ty::Lit(Lit::Str(_)), "length") => Ty::Int,
        _ => return None,
    })
}

/// `an ip`, `a string`; what names itself already stays.
pub(crate) fn with_article(shown: &str) -> String {
    let bare = shown.starts_with(|first: char| !first.is_alphabetic())
        || matches!(shown, "none" | "nothing" | "bytes")
        || shown.starts_with("the ")
        || shown.starts_with("a ");
    if bare {
        return match shown {
            "bytes" => "a size in bytes".to_owned(),
            _ => shown.to_owned(),
        };
    }
    let article = if shown.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {shown}")
}
