//! What stands in braces and brackets.

use indexmap::IndexMap;
use kit_lang::Diagnostic;
use kit_lang::ast;

use super::Resolver;
use crate::codes;
use crate::hir::{Expr, ForItem, IfItem, Item, MemberDecl, MemberId, RequireDecl, TextSpan};
use crate::names::Name;

/// Bodies with more fields than this look for duplicates by hash; the others, nearly all, by comparison.
const FEW_FIELDS: usize = 16;

impl Resolver<'_> {
    pub(super) fn block(&mut self, block: Option<ast::Block>) -> Vec<Item> {
        let Some(block) = block else { return Vec::new() };
        let mut items = Vec::new();
        for item in block.items() {
            match item {
                ast::Item::Field(field) => items.extend(self.field(&field)),
                ast::Item::Member(member) => items.extend(self.member(&member)),
                ast::Item::For(repeated) => items.push(self.for_block(&repeated)),
                ast::Item::If(conditional) => items.push(self.if_block(&conditional)),
                ast::Item::Require(require) => items.push(self.require(&require)),
            }
        }
        if block.has_junk() || self.broken.swallows_in(&block) {
            // Nobody knows which field it was to be.
            items.push(self.lost(Self::text_span(&block)));
        }
        self.refuse_repeated_fields(&mut items);
        items
    }

    /// What could not be read and may have been any field.
    pub(super) fn lost(&mut self, span: TextSpan) -> Item {
        let name = self.program.names.intern("");
        Item::Field { name, span, value: self.wrong(span) }
    }

    fn refuse_repeated_fields(&mut self, items: &mut Vec<Item>) {
        let mut repeated: Vec<(usize, TextSpan)> = Vec::new();
        let field = |item: &Item| match item {
            Item::Field { name, span, .. } => Some((*name, *span)),
            _ => None,
        };
        if items.len() <= FEW_FIELDS {
            for (index, item) in items.iter().enumerate() {
                let Some((name, _)) = field(item) else { continue };
                let first = items[..index].iter().filter_map(field).find(|(known, _)| *known == name);
                repeated.extend(first.map(|(_, span)| (index, span)));
            }
        } else {
            let mut seen: IndexMap<Name, TextSpan, std::hash::BuildHasherDefault<rustc_hash::FxHasher>> =
                IndexMap::default();
            for (index, item) in items.iter().enumerate() {
                let Some((name, span)) = field(item) else { continue };
                match seen.get(&name) {
                    Some(first) => repeated.push((index, *first)),
                    None => {
                        seen.insert(name, span);
                    }
                }
            }
        }
        for (index, first) in &repeated {
            let Some((name, span)) = field(&items[*index]) else { continue };
            let (span, first) = (self.span(span), self.span(*first));
            let text = self.program.names.text(name);
            self.report.push(|_| {
                Diagnostic::error(codes::FIELD_TWICE, span, format!("`{text}` is given twice"))
                    .with_label(first, "it is given here first")
                    .with_help("keep one of them")
            });
        }
        if !repeated.is_empty() {
            let mut index = 0;
            let mut next = repeated.iter().map(|(index, _)| *index).peekable();
            items.retain(|_| {
                let drop = next.next_if_eq(&index).is_some();
                index += 1;
                !drop
            });
        }
    }

    fn field(&mut self, field: &ast::Field) -> Option<Item> {
        match field.key()? {
            ast::FieldKey::Name(written) => {
                let name = self.program.names.intern(written.text());
                let span = Self::name_span(&written);
                Some(Item::Field { name, span, value: self.value_of(field.value(), field) })
            }
            ast::FieldKey::String(key) => {
                let key = self.expr(&ast::Expr::String(key));
                Some(Item::Entry { key, value: self.value_of(field.value(), field) })
            }
        }
    }

    fn member(&mut self, member: &ast::Member) -> Option<Item> {
        let (id, span) = match member.id()? {
            ast::FieldKey::Name(written) => {
                (MemberId::Name(self.program.names.intern(written.text())), Self::name_span(&written))
            }
            ast::FieldKey::String(text) => {
                let span = Self::text_span(&text);
                match text.plain_text() {
                    Some(plain) => (MemberId::Name(self.program.names.intern(&plain)), span),
                    None => (MemberId::Computed(self.expr(&ast::Expr::String(text))), span),
                }
            }
        };
        let mut items = self.block(member.block());
        if member.block().is_none() {
            items.push(self.lost(span));
        }
        Some(Item::Member(Box::new(MemberDecl { id, span, items })))
    }

    pub(super) fn require(&mut self, require: &ast::Require) -> Item {
        let condition = self.value_of(require.condition(), require);
        let message = require.message().filter(|_| !self.broken.touches(require)).map(|message| self.expr(&message));
        Item::Require(Box::new(RequireDecl { condition, message }))
    }

    pub(super) fn for_block(&mut self, repeated: &ast::For) -> Item {
        self.for_item(repeated, |resolver| resolver.block(repeated.block()))
    }

    pub(super) fn if_block(&mut self, conditional: &ast::If) -> Item {
        let condition = self.value_of(conditional.condition(), conditional);
        let items = self.block(conditional.block());
        Item::If(Box::new(IfItem { condition, items }))
    }

    fn for_item(&mut self, repeated: &ast::For, read: impl FnOnce(&mut Self) -> Vec<Item>) -> Item {
        let span = Self::text_span(repeated);
        let iterated = self.value_of(repeated.iterable(), repeated);
        let slot = u32::try_from(self.scope.len()).unwrap_or(u32::MAX);
        let names: Vec<ast::Name> = repeated.names().collect();
        for name in names.iter().take(2) {
            self.enter(name);
        }
        if names.is_empty() {
            // The parser has said so; the slot keeps evaluation in step.
            let unnamed = self.program.names.intern("");
            self.scope.push((unnamed, span));
        }
        let pair = names.len() > 1;
        let condition = repeated.condition().map(|condition| self.expr(&condition));
        let items = read(self);
        self.scope.truncate(slot as usize);
        Item::For(Box::new(ForItem { slot, pair, iterated, condition, items }))
    }

    /// The elements of a list.
    pub(super) fn elements(&mut self, elements: &mut dyn Iterator<Item = ast::Element>) -> Vec<Item> {
        let mut items = Vec::new();
        for element in elements {
            items.push(match element {
                ast::Element::Expr(value) => Item::Element(self.value_of(Some(value.clone()), &value)),
                ast::Element::For(repeated) => self.for_item(&repeated, |resolver| {
                    resolver.elements(&mut repeated.element_block().into_iter().flat_map(|block| block.elements()))
                }),
                ast::Element::If(conditional) => {
                    let condition = self.expr_or_error(conditional.condition(), Self::text_span(&conditional));
                    let items =
                        self.elements(&mut conditional.element_block().into_iter().flat_map(|block| block.elements()));
                    Item::If(Box::new(IfItem { condition, items }))
                }
            });
        }
        items
    }

    /// An expression which is wrong and was reported.
    pub(super) fn wrong(&mut self, span: TextSpan) -> crate::hir::ExprId {
        self.push(Expr::Error, span)
    }
}
