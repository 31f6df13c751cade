//! What is read of a value: a field, an entry, an attribute.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{DefRef, Expr, ExprId};
use crate::names::Name;
use crate::report::{DiagnosticExt as _, listed};
use crate::types::{Lit, Ty, base as base_of, widen};

impl Checker<'_> {
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
            Ty::Desc(def) | Ty::Ref(def) if let Some(inside) = program.component(*def) => {
                let exists = matches!(program.strip(base_ty), Ty::Ref(_));
                self.component_field(module, base, (*def, inside), exists, (name, name_start))
            }
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
            Ty::Secret(_) => {
                let span = self.name_span(module, name, name_start);
                self.secret_taken_apart(module, base, span);
                Ty::Error
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
                    let by_key = matches!(base_of(other), Ty::Map(_) | Ty::Members(_));
                    let have = if matches!(other, Ty::Members(_)) { "have" } else { "has" };
                    let is_method = super::operators::method_names(other).contains(&text.as_str());
                    let span = self.name_span(module, name, name_start);
                    self.report.push(|suggester| {
                        let help = if is_method {
                            Some(format!("`{text}` is a method; call it: `.{text}(…)`"))
                        } else {
                            suggester.did_you_mean(&text, known.iter().copied()).or_else(|| {
                                if by_key {
                                    return Some(format!("an entry is read by its key: `[\"{text}\"]`"));
                                }
                                (!known.is_empty()).then(|| {
                                    format!("{} {have} {}", with_article(&shown), listed(known.iter().copied(), "and"))
                                })
                            })
                        };
                        Diagnostic::error(
                            codes::UNKNOWN_FIELD,
                            span,
                            format!("{} {have} no `{text}`", with_article(&shown)),
                        )
                        .maybe_help(help)
                    });
                    Ty::Error
                }
            },
        }
    }

    pub(super) fn group_field(&mut self, module: u16, def: DefRef, name: Name, name_start: u32) -> Ty {
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
        if info.has_lost {
            return Ty::Error;
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

    pub(super) fn member_field(
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

    pub(super) fn index(&mut self, module: u16, base: ExprId, index: ExprId) -> Ty {
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
            Ty::Secret(_) => {
                self.infer(module, index);
                self.secret_taken_apart(module, base, self.program.expr_span(module, base));
                Ty::Error
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
}

/// What the values of a built-in type have, read without a call.
pub(super) fn attributes_of(ty: &Ty) -> &'static [&'static str] {
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
