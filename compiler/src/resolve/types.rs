//! Types as they are written.

use std::rc::Rc;

use kit_lang::Diagnostic;
use kit_lang::ast::{self, AstNode};

use super::{DeclKind, Resolver};
use crate::codes;
use crate::hir::{DefKind, DefRef, ExprRef, Item, Program};
use crate::report::Report;
use crate::types::{FieldTy, Lit, MAX_TYPE_PARTS, RecordTy, Ty};

/// Names of the types that the language has, those of single values first.
const BUILT_IN: &[&str] =
    &["bool", "int", "string", "ip", "cidr", "bytes", "duration", "percent", "script", "list", "map", "ref", "secret"];

/// Names of the types of single values.
pub(super) const SCALARS: &[&str] = BUILT_IN.first_chunk::<8>().unwrap().as_slice();

impl Resolver<'_> {
    pub(super) fn read_type(&mut self, ty: &ast::Type) -> Ty {
        match ty {
            ast::Type::Named(named) => self.named_type(named),
            ast::Type::Optional(optional) => {
                let inner = self.ty(optional.inner());
                if matches!(inner, Ty::Opt(_)) {
                    self.error(codes::MISMATCH, Self::text_span(optional), || {
                        "a type is optional once: `T??` would have two ways of being absent".to_owned()
                    });
                    return inner;
                }
                Ty::Opt(Rc::new(inner))
            }
            ast::Type::Union(union) => {
                let mut alternatives = Vec::new();
                let mut is_wrong = false;
                for alternative in union.alternatives() {
                    let span = Self::text_span(&alternative);
                    match self.read_type(&alternative) {
                        Ty::Union(inner) => alternatives.extend(inner.iter().cloned()),
                        Ty::Error => is_wrong = true,
                        scalar @ (Ty::Bool
                        | Ty::Int
                        | Ty::Str
                        | Ty::Ip
                        | Ty::Cidr
                        | Ty::Bytes
                        | Ty::Duration
                        | Ty::Percent
                        | Ty::Lit(_)
                        | Ty::Alias(_)) => alternatives.push(scalar),
                        _ => {
                            self.error(codes::MISMATCH, span, || {
                                "a union joins literals and types of single values, such as `int | percent`".to_owned()
                            });
                            is_wrong = true;
                        }
                    }
                }
                if is_wrong { Ty::Error } else { Ty::Union(alternatives.into()) }
            }
            ast::Type::Record(record) => {
                let mut fields = Vec::new();
                for field in record.fields().into_iter().flat_map(|fields| fields.fields()) {
                    self.field_decl(&field, &mut fields);
                }
                Ty::Record(Rc::new(RecordTy { fields }))
            }
            ast::Type::Literal(literal) => match literal.value() {
                Some(ast::LiteralTypeValue::String(text)) => match text.plain_text() {
                    Some(text) => Ty::Lit(Lit::Str(text.into())),
                    None => {
                        self.error(codes::MISMATCH, Self::text_span(literal), || "a type holds no `${…}`".to_owned());
                        Ty::Error
                    }
                },
                Some(ast::LiteralTypeValue::Literal(value)) => match value.value() {
                    Some(ast::LiteralValue::Int(number)) => Ty::Lit(Lit::Int(number)),
                    None => Ty::Error,
                    Some(_) => {
                        self.error(codes::MISMATCH, Self::text_span(literal), || {
                            "only texts and whole numbers stand as types of one value".to_owned()
                        });
                        Ty::Error
                    }
                },
                None => Ty::Error,
            },
            ast::Type::Paren(paren) => self.ty(paren.inner()),
        }
    }

    fn named_type(&mut self, named: &ast::NamedType) -> Ty {
        let Some(name) = named.name() else { return Ty::Error };
        if let Some(module) = named.module() {
            let found = self.type_in_module(&module, &name);
            return self.type_of_definition(found, named);
        }
        let argument = named.argument();
        let generic = matches!(name.text(), "list" | "map" | "ref" | "secret");
        if generic != argument.is_some() {
            let span = Self::text_span(named);
            let text = name.text().to_owned();
            if BUILT_IN.contains(&name.text()) {
                self.error(codes::MISMATCH, span, || {
                    if generic {
                        format!("`{text}` of what? Write `{text}<…>`, for instance `{text}<string>`")
                    } else {
                        format!("`{text}` takes no type in `<…>`")
                    }
                });
            } else {
                self.error(codes::MISMATCH, span, || format!("`{text}` takes no type in `<…>`"));
            }
            return Ty::Error;
        }
        if generic {
            let span = argument.as_ref().map_or_else(|| Self::text_span(named), Self::text_span);
            let inner = self.ty(argument);
            return match (name.text(), inner) {
                (_, Ty::Error) => Ty::Error,
                ("list", inner) => Ty::List(Rc::new(inner)),
                ("map", inner) => Ty::Map(Rc::new(inner)),
                // What a named type holds is not known yet.
                (
                    "secret",
                    inner @ (Ty::List(_)
                    | Ty::Map(_)
                    | Ty::Opt(_)
                    | Ty::Record(_)
                    | Ty::Desc(_)
                    | Ty::Ref(_)
                    | Ty::Secret(_)
                    | Ty::Script),
                ) => {
                    let at = self.span(span);
                    let optional = matches!(inner, Ty::Opt(_));
                    self.report.push(|_| crate::check::secret_of_many(at, optional));
                    Ty::Error
                }
                ("secret", inner) => Ty::Secret(Rc::new(inner)),
                (_, Ty::Desc(def)) => Ty::Ref(def),
                (_, _) => {
                    self.error(codes::MISMATCH, span, || "`ref<…>` names the type of a resource".to_owned());
                    Ty::Error
                }
            };
        }
        if let Some(scalar) = scalar(name.text()) {
            return scalar;
        }
        match name.text() {
            "script" => Ty::Script,
            text if text.starts_with(|first: char| first.is_lowercase()) => {
                let span = self.span(Self::name_span(&name));
                let in_union =
                    name.token().parent_ancestors().any(|node| node.kind() == kit_lang::SyntaxKind::UNION_TYPE);
                self.report.push(|suggester| {
                    let help = meant(text)
                        .map(|known| format!("did you mean `{known}`?"))
                        .or_else(|| {
                            in_union.then(|| match text {
                                "none" | "null" | "nil" => {
                                    "a type that may be `none` is written with `?`: `int?`".to_owned()
                                }
                                _ => format!("a text that a value may be stands in quotes: \"{text}\""),
                            })
                        })
                        .or_else(|| suggester.did_you_mean(text, BUILT_IN.iter().copied()))
                        .unwrap_or_else(|| {
                            format!(
                                "the types of the language are {}",
                                crate::report::listed(SCALARS.iter().copied(), "and")
                            )
                        });
                    Diagnostic::error(codes::UNDEFINED, span, format!("there is no type `{text}`")).with_help(help)
                });
                Ty::Error
            }
            _ => {
                let found = self.type_here(&name);
                self.type_of_definition(found, named)
            }
        }
    }

    fn type_of_definition(&mut self, found: Option<(DefRef, DeclKind)>, at: &impl AstNode) -> Ty {
        match found {
            Some((def, DeclKind::Type)) => Ty::Alias(def),
            Some((def, DeclKind::ExternResource | DeclKind::Component)) => Ty::Desc(def),
            Some((_, DeclKind::Refused)) | None => Ty::Error,
            Some((def, _)) => {
                let path = self.program_path(def);
                self.error(codes::WRONG_PLACE, Self::text_span(at), || format!("`{path}` is no type"));
                Ty::Error
            }
        }
    }

    /// A field as a record type or an extern declares it.
    pub(super) fn field_decl(&mut self, field: &ast::FieldDecl, fields: &mut Vec<FieldTy>) {
        let Some(written) = field.name() else { return };
        let name = self.program.names.intern(written.text());
        let span = Self::name_span(&written);
        if let Some(first) = fields.iter().find(|field| field.name == name) {
            let (at, first) = (self.span(span), self.span(first.span));
            self.report.push(|_| {
                Diagnostic::error(codes::FIELD_TWICE, at, format!("the field `{written}` is declared twice"))
                    .with_label(first, "it is declared here first")
            });
            return;
        }
        let ty = self.ty(field.ty());
        let outer = std::mem::take(&mut self.scope);
        let default = field.default().map(|value| ExprRef { module: self.module, expr: self.expr(&value) });
        self.scope = outer;
        let refinement = field.refinement().map(|refinement| self.refinement(&refinement));
        fields.push(FieldTy { name, ty, default, refinement, live: field.is_live(), span });
    }

    /// The fields and requires of an extern; the requires see the fields, those of a role also its group.
    pub(super) fn extern_body(
        &mut self,
        items: impl Iterator<Item = ast::ExternItem>,
        is_role: bool,
    ) -> (RecordTy, Vec<Item>) {
        let mut fields = Vec::new();
        let mut others = Vec::new();
        for item in items {
            match item {
                ast::ExternItem::Field(field) => self.field_decl(&field, &mut fields),
                other => others.push(other),
            }
        }
        self.scope = fields.iter().map(|field| (field.name, field.span)).collect();
        if is_role {
            for extra in ROLE_VARIABLES {
                self.scope.push((self.program.names.intern(extra), Default::default()));
            }
        }
        let requires = others
            .into_iter()
            .filter_map(|item| match item {
                ast::ExternItem::Require(require) => Some(self.require(&require)),
                ast::ExternItem::For(repeated) => Some(self.for_block(&repeated)),
                ast::ExternItem::If(conditional) => Some(self.if_block(&conditional)),
                ast::ExternItem::Field(_) => None,
            })
            .collect();
        self.scope.clear();
        (RecordTy { fields }, requires)
    }
}

/// A type of single values by its name.
pub(super) fn scalar(name: &str) -> Option<Ty> {
    Some(match name {
        "bool" => Ty::Bool,
        "int" => Ty::Int,
        "string" => Ty::Str,
        "ip" => Ty::Ip,
        "cidr" => Ty::Cidr,
        "bytes" => Ty::Bytes,
        "duration" => Ty::Duration,
        "percent" => Ty::Percent,
        _ => return None,
    })
}

/// The type of the language that a word of another language means.
pub(super) fn meant(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    Some(match lower.as_str() {
        "str" | "text" => "string",
        "number" | "integer" | "float" => "int",
        "boolean" => "bool",
        "size" | "byte" => "bytes",
        "network" => "cidr",
        "array" => "list",
        "object" | "dict" => "map",
        known => return BUILT_IN.iter().find(|built_in| **built_in == known && known != word).copied(),
    })
}

/// Types whose names hide that they stand where they cannot: `T??`, and a union with a list.
pub(super) fn refuse_hidden(program: &Program, report: &mut Report, module: u16) {
    fn walk(program: &Program, ty: &Ty) -> Option<(&'static str, DefRef)> {
        match ty {
            Ty::Opt(inner) => match (&**inner, program.strip(inner)) {
                (Ty::Alias(def), Ty::Opt(_)) => Some(("would be optional twice", *def)),
                _ => walk(program, inner),
            },
            Ty::List(inner) | Ty::Map(inner) | Ty::Secret(inner) => walk(program, inner),
            Ty::Union(alternatives) => alternatives.iter().find_map(|one| match one {
                Ty::Alias(def) if !program.is_scalar(one) && !matches!(program.strip(one), Ty::Error) => {
                    Some(("cannot be: a union joins literals and types of single values", *def))
                }
                _ => None,
            }),
            Ty::Record(record) => record.fields.iter().find_map(|field| walk(program, &field.ty)),
            _ => None,
        }
    }
    let count = u32::try_from(program.module(module).defs.len()).unwrap_or(u32::MAX);
    for def in (0..count).map(|index| DefRef { module, index }) {
        let found = match &program.def(def).kind {
            DefKind::Param { ty, .. } | DefKind::Type { ty, .. } => walk(program, ty),
            DefKind::Let { ty, .. } | DefKind::Output { ty, .. } => ty.as_ref().and_then(|ty| walk(program, ty)),
            DefKind::Fn { params, ret, .. } => {
                params.iter().map(|param| &param.ty).chain(ret).find_map(|ty| walk(program, ty))
            }
            _ => None,
        };
        let Some((problem, alias)) = found else { continue };
        let (name, hidden) = (program.path_of(def), program.path_of(alias));
        let span = program.def_span(def);
        report.error(codes::MISMATCH, span, || {
            format!("a type of `{name}` {problem}, and `{hidden}` is {}", program.show(program.alias_target(alias)))
        });
    }
}

/// What the requires of a role see beside its fields, in the order of their slots: how many machines the
/// group has, its members, and whether it is the group that leads.
pub(crate) const ROLE_VARIABLES: [&str; 3] = ["count", "members", "leads"];

/// How deep named types may stand for each other: no one follows a tenth of this.
const MAX_TYPE_DEPTH: u32 = 32;

/// Types that contain themselves, or lead through too many others, are errors; they are cut, so that nothing later runs in circles.
pub(super) fn cut_alias_cycles(program: &mut Program, report: &mut Report, module: u16) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    #[derive(Clone, Copy, Default)]
    struct Size {
        depth: u32,
        parts: usize,
    }
    #[derive(Clone, Copy)]
    enum Wrong {
        Circle,
        Deep,
        Large,
    }
    struct Search<'s> {
        program: &'s Program,
        module: u16,
        states: Vec<State>,
        /// How deep types contain others below each that is done, and of how many parts it is.
        sizes: Vec<Size>,
        wrong: Vec<(u32, Wrong)>,
    }
    impl Search<'_> {
        fn visit(&mut self, index: u32, level: u32) -> Size {
            self.states[index as usize] = State::Open;
            let program = self.program;
            let mut below = Size::default();
            if let DefKind::Type { ty, .. } = &program.def(DefRef { module: self.module, index }).kind {
                below = self.walk(ty, level + 1);
            }
            let wrong = match below {
                Size { depth: MAX_TYPE_DEPTH.., .. } => Some(Wrong::Deep),
                Size { parts, .. } if parts > MAX_TYPE_PARTS => Some(Wrong::Large),
                _ => None,
            };
            if let Some(wrong) = wrong {
                self.wrong.push((index, wrong));
                below = Size::default();
            }
            self.states[index as usize] = State::Done;
            let size = Size { depth: below.depth + 1, parts: below.parts };
            self.sizes[index as usize] = size;
            size
        }

        fn walk(&mut self, ty: &Ty, level: u32) -> Size {
            let one = Size { depth: 0, parts: 1 };
            match ty {
                Ty::Alias(def) if def.module == self.module => match self.states[def.index as usize] {
                    State::New if level > MAX_TYPE_DEPTH => Size { depth: MAX_TYPE_DEPTH, parts: 1 },
                    State::New => self.visit(def.index, level),
                    State::Open => {
                        self.wrong.push((def.index, Wrong::Circle));
                        one
                    }
                    State::Done => self.sizes[def.index as usize],
                },
                Ty::Alias(_) => Size { depth: 0, parts: self.program.parts_of(ty) },
                Ty::List(inner) | Ty::Map(inner) | Ty::Opt(inner) | Ty::Secret(inner) => self.walk(inner, level),
                Ty::Union(alternatives) => self.all(alternatives.iter(), level),
                Ty::Record(record) => self.all(record.fields.iter().map(|field| &field.ty), level),
                _ => one,
            }
        }

        fn all<'t>(&mut self, types: impl Iterator<Item = &'t Ty>, level: u32) -> Size {
            types.fold(Size { depth: 0, parts: 1 }, |size, ty| {
                let part = self.walk(ty, level);
                Size { depth: size.depth.max(part.depth), parts: size.parts.saturating_add(part.parts) }
            })
        }
    }
    let count = program.module(module).defs.len();
    let mut search = Search {
        program,
        module,
        states: vec![State::New; count],
        sizes: vec![Size::default(); count],
        wrong: Vec::new(),
    };
    for index in 0..count {
        if search.states[index] == State::New
            && matches!(search.program.module(module).defs[index].kind, DefKind::Type { .. })
        {
            search.visit(u32::try_from(index).unwrap_or(u32::MAX), 0);
        }
    }
    let wrong = search.wrong;
    for (index, wrong) in wrong {
        let def = DefRef { module, index };
        let (span, name) = (program.def_span(def), program.path_of(def));
        let (code, what) = match wrong {
            Wrong::Circle => (codes::CYCLE, "contains itself".to_owned()),
            Wrong::Deep => (codes::TOO_MUCH, format!("stands for others more than {MAX_TYPE_DEPTH} levels deep")),
            Wrong::Large => (codes::TOO_MUCH, format!("is made of more than {MAX_TYPE_PARTS} parts")),
        };
        report.error(code, span, || format!("the type `{name}` {what}"));
        if let DefKind::Type { ty, .. } = &mut program.modules[module as usize].defs[index as usize].kind {
            *ty = Ty::Error;
        }
    }
}
