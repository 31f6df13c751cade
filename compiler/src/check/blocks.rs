//! The types of what stands in braces and brackets.

use std::rc::Rc;

use kit_lang::Diagnostic;

use super::expressions::with_article;
use super::{Checker, Place};
use crate::codes;
use crate::hir::{DefRef, Expr, ExprId, ForItem, Item, TextSpan};
use crate::types::{FieldTy, MAX_TYPE_PARTS, RecordTy, Ty, general, widen};

impl Checker<'_> {
    /// The fields of a description. What is missing shows later: a member may complete its group's machine.
    pub(super) fn description_fields(&mut self, module: u16, items: &[Item], def: DefRef) {
        let program = self.program;
        let schema = program.schema(def);
        self.fields(module, items, schema, &with_article(&program.path_of(def)));
    }

    /// The fields of a record that has to be whole.
    pub(super) fn record_fields(&mut self, module: u16, expr: ExprId, items: &[Item], record: &RecordTy) {
        self.fields(module, items, record, "this record");
        let program = self.program;
        let conditional = items.iter().any(|item| matches!(item, Item::If(_)));
        // What is missing was meant by a field that there is not.
        let unknown =
            items.iter().any(|item| matches!(item, Item::Field { name, .. } if record.field(*name).is_none()));
        let missing: Vec<&FieldTy> = record
            .fields
            .iter()
            .filter(|field| !field.may_be_absent())
            .filter(|field| !items.iter().any(|item| matches!(item, Item::Field { name, .. } if *name == field.name)))
            .collect();
        if unknown {
            self.mark_wrong(module, expr);
            return;
        }
        if missing.is_empty() || conditional {
            return;
        }
        let names: Vec<&str> = missing.iter().map(|field| program.names.text(field.name)).collect();
        let span = program.expr_span(module, expr);
        self.report.push(|_| {
            let types: Vec<String> = missing
                .iter()
                .map(|field| format!("{} = … ({})", program.names.text(field.name), program.show(&field.ty)))
                .collect();
            Diagnostic::error(
                codes::MISSING_FIELD,
                span,
                format!("this record lacks {}", crate::report::listed(names.iter().copied(), "and")),
            )
            .with_help(format!("add {}", types.join(", ")))
        });
        self.mark_wrong(module, expr);
    }

    /// The fields that `with` replaces.
    pub(super) fn some_record_fields(&mut self, module: u16, items: &[Item], record: &RecordTy) {
        self.fields(module, items, record, "this record");
    }

    /// Each field against the one of its name.
    pub(super) fn fields(&mut self, module: u16, items: &[Item], record: &RecordTy, owner: &str) {
        for item in items {
            match item {
                Item::Field { name, span, value } => match record.field(*name) {
                    Some(field) if field.live => {
                        let text = self.program.names.text(*name);
                        self.error_at(codes::LIVE_GIVEN, module, *span, || {
                            format!("`{text}` is a live field: it is known once the thing exists, and cannot be given")
                        });
                        self.infer(module, *value);
                    }
                    Some(field) => self.check(module, *value, &field.ty, Place::Field(*name)),
                    // What the parser could not read.
                    None if self.is_unread(module, *value, *span) => {}
                    None => {
                        let known: Vec<_> =
                            record.fields.iter().filter(|field| !field.live).map(|field| field.name).collect();
                        self.no_field(module, *name, span.start, owner, &known);
                        self.infer(module, *value);
                    }
                },
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.fields(module, &conditional.items, record, owner);
                    });
                }
                other => self.misplaced(module, other, "a field has a name: `name = value`"),
            }
        }
    }

    /// Whether the parser could not read a field, so that its name says nothing.
    pub(super) fn is_unread(&self, module: u16, value: ExprId, field: TextSpan) -> bool {
        // Of a field that was read only the value is wrong.
        matches!(self.expr(module, value), Expr::Error) && self.program.expr_span(module, value).start <= field.start
    }

    /// The entries of a map whose values have a type.
    pub(super) fn map_entries(&mut self, module: u16, items: &[Item], value_ty: &Ty) {
        for item in items {
            match item {
                Item::Field { value, .. } => self.check(module, *value, value_ty, Place::Entry),
                Item::Entry { key, value } => {
                    self.check(module, *key, &Ty::Str, Place::Key);
                    self.check(module, *value, value_ty, Place::Entry);
                }
                Item::For(repeated) => {
                    self.repeated(module, repeated, |checker| checker.map_entries(module, &repeated.items, value_ty));
                }
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.map_entries(module, &conditional.items, value_ty);
                    });
                }
                other => self.misplaced(module, other, "an entry has a key: `\"key\" = value`"),
            }
        }
    }

    /// Braces of which nothing is known: a record, or a map if a key is computed.
    pub(super) fn infer_braces(&mut self, module: u16, items: &[Item]) -> Ty {
        let is_record = items.iter().all(|item| matches!(item, Item::Field { .. }));
        let junk = |item: &Item| matches!(item, Item::Field { name, .. } if self.program.names.text(*name).is_empty());
        if items.iter().any(junk) {
            return Ty::Error;
        }
        if is_record {
            let fields = items
                .iter()
                .filter_map(|item| match item {
                    Item::Field { name, span, value } => Some(FieldTy {
                        name: *name,
                        ty: self.infer(module, *value),
                        default: None,
                        refinement: None,
                        live: false,
                        span: *span,
                    }),
                    _ => None,
                })
                .collect();
            let ty = Ty::Record(Rc::new(RecordTy { fields }));
            return if self.program.parts_of(&ty) > MAX_TYPE_PARTS { self.too_large(module, items) } else { ty };
        }
        let mut value = Ty::Never;
        self.infer_entries(module, items, &mut value);
        Ty::Map(Rc::new(value))
    }

    /// A record that holds others twice, which hold others twice.
    fn too_large(&mut self, module: u16, items: &[Item]) -> Ty {
        if let Some(Item::Field { span, .. }) = items.first() {
            let span = self.program.span(module, *span);
            let message = || format!("this record is made of more than {MAX_TYPE_PARTS} parts");
            self.report.error(codes::TOO_MUCH, span, message);
        }
        Ty::Error
    }

    fn infer_entries(&mut self, module: u16, items: &[Item], value_ty: &mut Ty) {
        for item in items {
            match item {
                Item::Field { value, .. } => self.join_into(module, *value, value_ty, "entries"),
                Item::Entry { key, value } => {
                    self.check(module, *key, &Ty::Str, Place::Key);
                    self.join_into(module, *value, value_ty, "entries");
                }
                Item::For(repeated) => {
                    self.repeated(module, repeated, |checker| checker.infer_entries(module, &repeated.items, value_ty));
                }
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.infer_entries(module, &conditional.items, value_ty);
                    });
                }
                other => self.misplaced(module, other, "an entry has a key: `\"key\" = value`"),
            }
        }
    }

    fn join_into(&mut self, module: u16, value: ExprId, common: &mut Ty, what: &str) {
        let ty = self.infer(module, value);
        match self.program.join(common, &ty) {
            Some(joined) => *common = joined,
            None => {
                let (shown, before) = (self.program.show(&general(&ty)), self.program.show(&general(common)));
                self.error_expr(codes::MISMATCH, module, value, || {
                    format!("this is {}, and the {what} before are {}", with_article(&shown), before)
                });
            }
        }
    }

    pub(super) fn infer_elements(&mut self, module: u16, items: &[Item], element: &mut Ty) {
        for item in items {
            match item {
                Item::Element(value) => self.join_into(module, *value, element, "elements"),
                Item::For(repeated) => {
                    self.repeated(module, repeated, |checker| checker.infer_elements(module, &repeated.items, element));
                }
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.infer_elements(module, &conditional.items, element);
                    });
                }
                other => self.misplaced(module, other, "a list holds values"),
            }
        }
    }

    pub(super) fn list_elements(&mut self, module: u16, items: &[Item], element: &Ty) {
        for item in items {
            match item {
                Item::Element(value) => self.check(module, *value, element, Place::Element),
                Item::For(repeated) => {
                    self.repeated(module, repeated, |checker| checker.list_elements(module, &repeated.items, element));
                }
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.list_elements(module, &conditional.items, element);
                    });
                }
                other => self.misplaced(module, other, "a list holds values"),
            }
        }
    }

    /// `require`s, perhaps repeated or conditional.
    pub(super) fn requires(&mut self, module: u16, items: &[Item]) {
        for item in items {
            match item {
                Item::Require(require) => {
                    self.check(module, require.condition, &Ty::Bool, Place::Condition);
                    if let Some(message) = require.message {
                        self.given(module, require.condition, false, |checker| {
                            checker.check(module, message, &Ty::Str, Place::Message);
                        });
                    }
                }
                Item::For(repeated) => {
                    self.repeated(module, repeated, |checker| checker.requires(module, &repeated.items));
                }
                Item::If(conditional) => {
                    self.check(module, conditional.condition, &Ty::Bool, Place::Condition);
                    self.given(module, conditional.condition, true, |checker| {
                        checker.requires(module, &conditional.items);
                    });
                }
                other => self.misplaced(module, other, "only `require` stands here"),
            }
        }
    }

    /// The variables of a `for`, its condition, and what it repeats.
    pub(super) fn repeated(&mut self, module: u16, repeated: &ForItem, work: impl FnOnce(&mut Self)) {
        let ty = self.infer(module, repeated.iterated);
        let program = self.program;
        let (first, second) = match program.strip(&ty) {
            Ty::List(element) if !repeated.pair => ((**element).clone(), None),
            Ty::Map(value) if repeated.pair => (Ty::Str, Some((**value).clone())),
            // Braces with plain names are a map as well, where their values have one type.
            Ty::Record(record)
                if repeated.pair
                    && let Some(value) = self.common_type(record) =>
            {
                (Ty::Str, Some(value))
            }
            Ty::Members(def) if repeated.pair => (Ty::Str, Some(Ty::Member(*def))),
            Ty::Members(def) => (Ty::Member(*def), None),
            Ty::Error => (Ty::Error, repeated.pair.then_some(Ty::Error)),
            Ty::Secret(_) => {
                let span = program.expr_span(module, repeated.iterated);
                self.secret_taken_apart(module, repeated.iterated, span);
                (Ty::Error, repeated.pair.then_some(Ty::Error))
            }
            other => {
                let shown = program.show(&widen(other));
                let span = program.expr_span(module, repeated.iterated);
                let (is_list, is_map) = (matches!(other, Ty::List(_)), matches!(other, Ty::Map(_)));
                let is_group = matches!(other, Ty::Group(_));
                self.report.push(|_| {
                    let help = if is_list {
                        "a list gives one variable: `for x in …`"
                    } else if is_map {
                        "a map gives two variables: `for key, value in …`"
                    } else if is_group {
                        "go through its members: `for m in group.members`"
                    } else {
                        "a `for` goes through a list, a range such as 1..=3, or a map"
                    };
                    Diagnostic::error(
                        codes::MISMATCH,
                        span,
                        format!("`for` cannot go through {} like this", with_article(&shown)),
                    )
                    .with_help(help)
                });
                self.mark_wrong(module, repeated.iterated);
                (Ty::Error, repeated.pair.then_some(Ty::Error))
            }
        };
        let before = self.locals.len();
        self.locals.push(first);
        self.locals.extend(second);
        if let Some(condition) = repeated.condition {
            self.check(module, condition, &Ty::Bool, Place::Condition);
            self.given(module, condition, true, work);
        } else {
            work(self);
        }
        self.locals.truncate(before);
    }

    /// The type that all fields of a record have in common.
    fn common_type(&self, record: &RecordTy) -> Option<Ty> {
        record.fields.iter().try_fold(Ty::Never, |common, field| self.program.join(&common, &field.ty))
    }

    /// An item that has no meaning where it stands.
    pub(super) fn misplaced(&mut self, module: u16, item: &Item, rule: &str) {
        match item {
            // What could not be read was reported.
            Item::Field { name, .. } if self.program.names.text(*name).is_empty() => {}
            Item::Field { span, value, .. } => {
                self.error_at(codes::WRONG_PLACE, module, *span, || format!("a field cannot stand here: {rule}"));
                self.infer(module, *value);
            }
            Item::Entry { key, value } => {
                let help = match self.expr(module, *key) {
                    Expr::Str(text) => Some(format!("write it without quotes: {text} = …")),
                    _ => None,
                };
                let span = self.program.expr_span(module, *key);
                self.report.push(|_| {
                    let diagnostic = Diagnostic::error(
                        codes::WRONG_PLACE,
                        span,
                        format!("an entry of a map cannot stand here: {rule}"),
                    );
                    match help {
                        Some(help) => diagnostic.with_help(help),
                        None => diagnostic,
                    }
                });
                self.mark_wrong(module, *key);
                self.infer(module, *value);
            }
            Item::Element(value) => {
                self.error_expr(codes::WRONG_PLACE, module, *value, || {
                    format!("a value alone cannot stand here: {rule}")
                });
            }
            Item::Member(member) => {
                self.error_at(codes::WRONG_PLACE, module, member.span, || {
                    format!("a member stands in a group: {rule}")
                });
            }
            Item::Require(require) => {
                self.error_expr(codes::WRONG_PLACE, module, require.condition, || {
                    format!("`require` cannot stand here: {rule}")
                });
            }
            Item::For(repeated) => {
                self.error_expr(codes::WRONG_PLACE, module, repeated.iterated, || {
                    format!("`for` cannot stand here: {rule}")
                });
            }
            Item::If(conditional) => {
                self.error_expr(codes::WRONG_PLACE, module, conditional.condition, || {
                    format!("`if` cannot stand here: {rule}")
                });
            }
        }
    }
}
