//! The types of declarations.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, GroupInfo, MemberInfo, Place};
use crate::codes;
use crate::hir::{Cluster, DefKind, DefRef, Expr, FnParam, Item, MemberId, Refinement, TextSpan};
use crate::names::{Name, own};
use crate::report::DiagnosticExt as _;
use crate::types::{FieldTy, RecordTy, Ty, widen};

impl Checker<'_> {
    /// Checks a definition and gives its type.
    pub(super) fn definition(&mut self, def: DefRef) -> Ty {
        let program = self.program;
        let module = def.module;
        let name = program.def(def).name;
        match &program.def(def).kind {
            DefKind::Param { ty, default, refinement } => {
                self.secret_type(program.def_span(def), ty);
                if let Some(default) = default {
                    self.check(module, *default, ty, Place::Param(name));
                }
                self.refinement(refinement.as_ref(), ty);
                ty.clone()
            }
            DefKind::Let { ty: Some(ty), value } => {
                self.check(module, *value, ty, Place::Let(name));
                ty.clone()
            }
            DefKind::Let { ty: None, value } => self.infer(module, *value),
            DefKind::Type { ty, refinement } => {
                self.secret_type(program.def_span(def), ty);
                self.type_defaults(ty);
                self.refinement(refinement.as_ref(), ty);
                Ty::Error
            }
            DefKind::Fn { params, ret, body } => self.function(module, params, ret.as_ref(), *body),
            DefKind::Resource { value } => {
                let ty = self.infer(module, *value);
                match program.strip(&ty) {
                    Ty::Desc(of) => Ty::Ref(*of),
                    Ty::Map(inner) => match program.strip(inner) {
                        Ty::Desc(of) => Ty::Map(Rc::new(Ty::Ref(*of))),
                        Ty::Error => Ty::Error,
                        other => {
                            let shown = program.show(other);
                            self.error_expr(codes::MISMATCH, module, *value, || {
                                format!("a `resource` that is a map holds descriptions, and this one holds {shown}")
                            });
                            Ty::Error
                        }
                    },
                    Ty::Error => Ty::Error,
                    other => {
                        let shown = program.show(&widen(other));
                        let declared = matches!(other, Ty::Ref(_));
                        let span = program.expr_span(module, *value);
                        self.report.push(|_| {
                            let help = if declared {
                                "it is declared already: refer to it by its name"
                            } else {
                                "write a type and its fields: `resource name = aws.Network { … }`"
                            };
                            Diagnostic::error(
                                codes::MISMATCH,
                                span,
                                format!(
                                    "a `resource` is made from a description, and this is {}",
                                    with_article(&shown)
                                ),
                            )
                            .with_help(help)
                        });
                        self.mark_wrong(module, *value);
                        Ty::Error
                    }
                }
            }
            DefKind::Group { role, items, .. } => {
                self.group_info(def);
                self.group(def, *role, items);
                Ty::Group(def)
            }
            DefKind::ExternResource { schema, requires } | DefKind::ExternRole { schema, requires } => {
                let is_role = matches!(program.def(def).kind, DefKind::ExternRole { .. });
                self.schema_defaults(schema);
                for field in &schema.fields {
                    self.locals.push(field.ty.clone());
                }
                if is_role {
                    let members = member_record(program);
                    self.locals.push(Ty::Int);
                    self.locals.push(members);
                    self.locals.push(Ty::Bool);
                }
                self.requires(module, requires);
                Ty::Error
            }
            DefKind::Component { module, .. } => {
                self.component(def, *module);
                Ty::Error
            }
            DefKind::Output { ty, value } => self.output(def, ty.as_ref(), *value),
            DefKind::Refused => Ty::Error,
        }
    }

    fn function(&mut self, module: u16, params: &[FnParam], ret: Option<&Ty>, body: crate::hir::ExprId) -> Ty {
        for param in params {
            if let Some(default) = param.default {
                self.check(module, default, &param.ty, Place::Argument(param.name));
            }
        }
        for param in params {
            self.locals.push(param.ty.clone());
        }
        match ret {
            Some(ret) => {
                self.check(module, body, ret, Place::Result);
                ret.clone()
            }
            None => self.infer(module, body),
        }
    }

    /// Defaults and refinements inside a type.
    fn type_defaults(&mut self, ty: &Ty) {
        match ty {
            Ty::Record(record) => self.schema_defaults(record),
            Ty::List(inner) | Ty::Map(inner) | Ty::Opt(inner) | Ty::Secret(inner) => self.type_defaults(inner),
            _ => {}
        }
    }

    fn schema_defaults(&mut self, schema: &RecordTy) {
        for field in &schema.fields {
            self.field_default(field);
        }
    }

    fn field_default(&mut self, field: &FieldTy) {
        if let Some(default) = field.default {
            self.check(default.module, default.expr, &field.ty, Place::Field(field.name));
        }
        self.refinement(field.refinement.as_ref(), &field.ty);
        self.type_defaults(&field.ty);
    }

    fn refinement(&mut self, refinement: Option<&Refinement>, ty: &Ty) {
        let Some(refinement) = refinement else { return };
        let outer = std::mem::replace(&mut self.base, self.locals.len());
        self.locals.push(ty.clone());
        self.check(refinement.module, refinement.condition, &Ty::Bool, Place::Condition);
        if let Some(message) = refinement.message {
            self.given(refinement.module, refinement.condition, false, |checker| {
                checker.check(refinement.module, message, &Ty::Str, Place::Message);
            });
        }
        self.locals.truncate(self.base);
        self.base = outer;
    }

    /// What is known of a group from its text alone.
    pub(crate) fn group_info(&mut self, def: DefRef) -> Rc<GroupInfo> {
        if let Some(info) = self.checked.groups.get(&def) {
            return info.clone();
        }
        let program = self.program;
        let DefKind::Group { items, .. } = &program.def(def).kind else { return Rc::default() };
        let mut info = GroupInfo::default();
        let mut machine = None;
        for item in items {
            match item {
                Item::Field { name, value, .. } if program.names.text(*name) == "machine" => machine = Some(*value),
                Item::Member(member) => match member.id {
                    MemberId::Name(name) => {
                        let given = |wanted: Name| {
                            member.items.iter().any(|item| {
                                matches!(item, Item::Field { name, value, .. }
                                    if *name == wanted && !matches!(program.expr(def.module, *value), Expr::None))
                            })
                        };
                        let member = MemberInfo { has_ip: given(own::IP), has_volume: given(own::VOLUME) };
                        // The first of a name counts; the second is an error that is reported later.
                        info.members.entry(name).or_insert(member);
                    }
                    MemberId::Computed(_) => info.has_generated = true,
                },
                Item::For(_) | Item::If(_) => info.has_generated = true,
                _ => {}
            }
        }
        info.has_lost = self.has_lost(def);
        let Some(machine) = machine else {
            return self.remember_group(def, info);
        };
        info.machine_has_ip = self.gives(def.module, machine, own::IP);
        info.machine_has_volume = self.gives(def.module, machine, own::VOLUME);
        // Its members may be asked for while the machine's type is worked out.
        let members = info.members.clone();
        let (has_generated, has_lost) = (info.has_generated, info.has_lost);
        let known = GroupInfo { members, has_generated, has_lost, ..GroupInfo::default() };
        self.remember_group(def, known);
        self.open_groups.push(def);
        let outer = std::mem::replace(&mut self.base, self.locals.len());
        let ty = self.infer(def.module, machine);
        self.base = outer;
        self.open_groups.pop();
        if let Ty::Desc(of) = program.strip(&ty)
            && program.component(*of).is_none()
        {
            info.machine = Some(*of);
        }
        self.remember_group(def, info)
    }

    /// Whether a field of a group that means nothing stands for what the group lacks.
    fn has_lost(&self, def: DefRef) -> bool {
        let program = self.program;
        let DefKind::Group { role, items } = &program.def(def).kind else { return false };
        let schema = role.map(|role| program.schema(role));
        let is_whole = items.iter().any(|item| match item {
            Item::Field { name, .. } => program.names.text(*name) == "count",
            _ => true,
        });
        items.iter().any(|item| match item {
            Item::Field { name, value, .. } => {
                let known = matches!(program.names.text(*name), "machine" | "count")
                    || schema.is_some_and(|schema| schema.field(*name).is_some());
                !known && (!is_whole || matches!(self.expr(def.module, *value), Expr::Error))
            }
            _ => false,
        })
    }

    fn remember_group(&mut self, def: DefRef, info: GroupInfo) -> Rc<GroupInfo> {
        let info = Rc::new(info);
        self.checked.groups.insert(def, info.clone());
        info
    }

    /// Whether a description, as it is written, gives a field.
    fn gives(&self, module: u16, expr: crate::hir::ExprId, wanted: Name) -> bool {
        let given =
            |items: &[Item]| items.iter().any(|item| matches!(item, Item::Field { name, .. } if *name == wanted));
        match self.expr(module, expr) {
            Expr::Construct { items, .. } => given(items),
            Expr::With { base, items } => given(items) || self.gives(module, *base, wanted),
            Expr::Def(def) => match &self.program.def(*def).kind {
                DefKind::Let { value, .. } if def.module == module => {
                    // A `let` that names itself is an error elsewhere; one step is enough here.
                    match self.expr(module, *value) {
                        Expr::Construct { items, .. } => given(items),
                        _ => false,
                    }
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn group(&mut self, def: DefRef, role: Option<DefRef>, items: &[Item]) {
        let program = self.program;
        let info = self.group_info(def);
        let module = def.module;
        let schema = role.map(|role| program.schema(role));
        for item in items {
            match item {
                Item::Field { name, span, value } => match (program.names.text(*name), schema) {
                    ("machine", _) => {
                        let ty = self.infer(module, *value);
                        match program.strip(&ty) {
                            Ty::Error => {}
                            Ty::Desc(of) if program.component(*of).is_none() => {}
                            other => {
                                let shown = program.show(&widen(other));
                                self.error_expr(codes::MISMATCH, module, *value, || {
                                    format!(
                                        "`machine` needs the description of a machine, and this is {}",
                                        with_article(&shown)
                                    )
                                });
                            }
                        }
                    }
                    ("count", _) => self.check(module, *value, &Ty::Int, Place::Field(*name)),
                    (_, Some(schema)) => match schema.field(*name) {
                        Some(field) => self.check(module, *value, &field.ty, Place::Field(*name)),
                        // What the parser could not read.
                        None if self.is_unread(module, *value, *span) => {}
                        None => {
                            self.no_group_field(module, *name, *span, role, schema, info.machine);
                            self.infer(module, *value);
                        }
                    },
                    (_, None) => {
                        self.infer(module, *value);
                    }
                },
                other => self.group_item(module, other, &info),
            }
        }
    }

    fn group_item(&mut self, module: u16, item: &Item, info: &GroupInfo) {
        let program = self.program;
        match item {
            Item::Member(member) => {
                if let MemberId::Computed(id) = member.id {
                    self.check(module, id, &Ty::Str, Place::Key);
                }
                self.paired_volume(module, &member.items);
                match info.machine {
                    Some(machine) => self.description_fields(module, &member.items, machine),
                    None => {
                        for item in &member.items {
                            if let Item::Field { value, .. } = item {
                                self.infer(module, *value);
                            }
                        }
                    }
                }
            }
            Item::Require(_) => self.requires(module, std::slice::from_ref(item)),
            Item::For(repeated) => self.repeated(module, repeated, |checker| {
                for item in &repeated.items {
                    checker.group_item(module, item, info);
                }
            }),
            Item::If(conditional) => {
                self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                self.given(module, conditional.condition, true, |checker| {
                    for item in &conditional.items {
                        checker.group_item(module, item, info);
                    }
                });
            }
            Item::Field { name, .. } if matches!(program.names.text(*name), "count" | "machine") => {
                let rule = "what depends is a value: `count = if c then 5 else 2`";
                self.misplaced(module, item, rule);
            }
            other => self.misplaced(module, other, "a group repeats members and requires only"),
        }
    }

    /// A volume that is declared on its own and given to a second member: worse than the first mistake.
    fn paired_volume(&mut self, module: u16, items: &[Item]) {
        let program = self.program;
        let given = items.iter().find_map(|item| match item {
            Item::Field { name, value, .. } if program.names.text(*name) == "volume" => Some(*value),
            _ => None,
        });
        let Some(value) = given else { return };
        if !matches!(self.expr(module, value), Expr::Def(_) | Expr::Field { .. } | Expr::Index { .. }) {
            return;
        }
        if !matches!(program.strip(&self.infer(module, value)), Ty::Ref(_)) {
            return;
        }
        let Some((_, first)) = self.paired.iter().find(|(known, _)| self.same_path(module, *known, value)).copied()
        else {
            self.paired.push((value, program.expr_span(module, value)));
            return;
        };
        let span = program.expr_span(module, value);
        self.mark_wrong(module, value);
        self.report.push(|_| {
            Diagnostic::error(codes::VOLUME_TWICE, span, "this volume is paired with two members")
                .with_label(first, "it is given to another member here")
                .with_help("a volume belongs to one member for life: describe one for each, `volume = { size = … }`")
        });
    }

    fn no_group_field(
        &mut self,
        module: u16,
        name: Name,
        span: TextSpan,
        role: Option<DefRef>,
        schema: &RecordTy,
        machine: Option<DefRef>,
    ) {
        let program = self.program;
        let at = program.span(module, span);
        let text = program.names.text(name);
        let role = role.map_or_else(|| "group".to_owned(), |role| program.path_of(role));
        let of_machine = machine.is_some_and(|machine| program.schema(machine).field(name).is_some());
        self.report.push(|suggester| {
            let known = schema.fields.iter().map(|field| program.names.text(field.name)).chain(["machine", "count"]);
            let help = if text.starts_with("member") {
                Some("a member stands in the group itself, each by itself: `member m1 { … }`".to_owned())
            } else if of_machine && matches!(text, "ip" | "volume") {
                Some(format!("it belongs to a member: `member m1 {{ {text} = … }}`"))
            } else if of_machine {
                Some(format!(
                    "it is a field of the machine: `machine = node with {{ {text} = … }}`, or give it in a member"
                ))
            } else {
                suggester.did_you_mean(text, known).or_else(|| {
                    machine.is_none().then(|| {
                        format!("what describes a machine stands in its description: `machine = sim.Machine {{ {text} = … }}`")
                    })
                })
            };
            Diagnostic::error(codes::UNKNOWN_FIELD, at, format!("a group of {role} has no field `{text}`"))
                .maybe_help(help)
        });
    }

    pub(super) fn cluster(&mut self, module: u16, cluster: &Cluster) {
        let program = self.program;
        for item in &cluster.items {
            let Item::Field { name, span, value } = item else {
                self.misplaced(module, item, "a cluster has `name`, `provider` and `leader`");
                continue;
            };
            match program.names.text(*name) {
                "name" => self.check(module, *value, &Ty::Str, Place::Field(*name)),
                "provider" => {
                    let ty = self.infer(module, *value);
                    match program.strip(&ty) {
                        Ty::Error => {}
                        Ty::Desc(of)
                            if program.component(*of).is_none()
                                && program.names.text(program.def(*of).name) == "Provider" => {}
                        other => {
                            let shown = program.show(&widen(other));
                            self.error_expr(codes::MISMATCH, module, *value, || {
                                format!(
                                    "`provider` needs a provider, such as sim.Provider {{ … }}, and this is {}",
                                    with_article(&shown)
                                )
                            });
                        }
                    }
                }
                "leader" => {
                    let ty = self.infer(module, *value);
                    match program.strip(&ty) {
                        Ty::Group(_) | Ty::Error => {}
                        other => {
                            let shown = program.show(&widen(other));
                            self.error_expr(codes::BAD_LEADER, module, *value, || {
                                format!(
                                    "`leader` names the group whose members lead, and this is {}",
                                    with_article(&shown)
                                )
                            });
                        }
                    }
                }
                _ if matches!(self.expr(module, *value), Expr::Error) => {}
                text => {
                    let at = program.span(module, *span);
                    self.report.push(|suggester| {
                        let help = suggester
                            .did_you_mean(text, ["name", "provider", "leader"])
                            .unwrap_or_else(|| "a cluster has `name`, `provider` and `leader`".to_owned());
                        Diagnostic::error(codes::UNKNOWN_FIELD, at, format!("a cluster has no field `{text}`"))
                            .with_help(help)
                    });
                    self.infer(module, *value);
                }
            }
        }
    }
}

/// A member as the requires of its role see it.
fn member_record(program: &crate::hir::Program) -> Ty {
    let field = |text: &str, ty: Ty| {
        program.names.find(text).map(|name| FieldTy {
            name,
            ty,
            default: None,
            refinement: None,
            live: false,
            span: TextSpan::default(),
        })
    };
    let fields = [field("id", Ty::Str), field("ip", Ty::Opt(Rc::new(Ty::Ip))), field("volume", Ty::Any)];
    Ty::List(Rc::new(Ty::Record(Rc::new(RecordTy { fields: fields.into_iter().flatten().collect() }))))
}
