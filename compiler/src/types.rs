//! Types, and when a value of one may stand where another is wanted.

use std::rc::Rc;

use crate::hir::{DefRef, ExprRef, Program, Refinement, TextSpan};
use crate::names::Name;

/// A type. Cheap to copy: what is large is shared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    /// Unknown because of an error that was reported: fits everywhere, says nothing more.
    Error,
    /// Of a type that depends on the provider: fits nowhere but in a comparison with `none`.
    Any,
    /// The type of the elements of `[]`.
    Never,
    /// The type of `none`.
    None,
    Bool,
    Int,
    Str,
    Ip,
    Cidr,
    Bytes,
    Duration,
    Percent,
    Script,
    /// One text or number: `"t3.small"`.
    Lit(Lit),
    List(Rc<Ty>),
    Map(Rc<Ty>),
    Opt(Rc<Ty>),
    Union(Rc<[Ty]>),
    Record(Rc<RecordTy>),
    /// A type that the file names.
    Alias(DefRef),
    /// A description of a resource.
    Desc(DefRef),
    /// A declared resource.
    Ref(DefRef),
    Secret(Rc<Ty>),
    /// A group.
    Group(DefRef),
    /// `managers.members`
    Members(DefRef),
    /// One member of a group.
    Member(DefRef),
}

/// A literal as a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lit {
    Str(Rc<str>),
    Int(i64),
}

/// The type of a record, and the schema of an extern resource or role.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordTy {
    pub(crate) fields: Vec<FieldTy>,
}

/// A field of a record type.
#[derive(Clone, Debug)]
pub(crate) struct FieldTy {
    pub(crate) name: Name,
    pub(crate) ty: Ty,
    pub(crate) default: Option<ExprRef>,
    pub(crate) refinement: Option<Refinement>,
    /// Known only when the thing exists.
    pub(crate) live: bool,
    pub(crate) span: TextSpan,
}

impl PartialEq for RecordTy {
    fn eq(&self, other: &Self) -> bool {
        self.fields.len() == other.fields.len()
            && self.fields.iter().zip(&other.fields).all(|(a, b)| a.name == b.name && a.ty == b.ty)
    }
}

impl RecordTy {
    /// The place of a field among its neighbours.
    pub(crate) fn position(&self, name: Name) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    pub(crate) fn field(&self, name: Name) -> Option<&FieldTy> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl FieldTy {
    /// Whether a record without this field is complete.
    pub(crate) fn may_be_absent(&self) -> bool {
        self.live || self.default.is_some() || matches!(self.ty, Ty::Opt(_) | Ty::Error)
    }
}

/// How many literals a union made by inference may hold before it is plain text or a number: an `if` with
/// a few outcomes keeps them, a list of thousands must not.
const MAX_INFERRED_ALTERNATIVES: usize = 16;

/// Parts of one type, those of the types in it included: types that hold others twice double with each, and every rule
/// looks at all of them. A hundred times what the standard library's largest has.
pub(crate) const MAX_TYPE_PARTS: usize = 10_000;

impl Program {
    /// How many parts a type has, counted until there are too many.
    pub(crate) fn parts_of(&self, ty: &Ty) -> usize {
        fn count(program: &Program, ty: &Ty, parts: &mut usize) {
            *parts += 1;
            if *parts > MAX_TYPE_PARTS {
                return;
            }
            match program.strip(ty) {
                Ty::List(inner) | Ty::Map(inner) | Ty::Opt(inner) | Ty::Secret(inner) => count(program, inner, parts),
                Ty::Union(alternatives) => alternatives.iter().for_each(|one| count(program, one, parts)),
                Ty::Record(record) => record.fields.iter().for_each(|field| count(program, &field.ty, parts)),
                _ => {}
            }
        }
        let mut parts = 0;
        count(self, ty, &mut parts);
        parts
    }

    /// The type behind aliases.
    pub(crate) fn strip<'a>(&'a self, mut ty: &'a Ty) -> &'a Ty {
        // Cycles of aliases are reported and cut when the modules are read; the bound is a second guard.
        for _ in 0..64 {
            match ty {
                Ty::Alias(def) => ty = self.alias_target(*def),
                _ => return ty,
            }
        }
        &Ty::Error
    }

    /// Whether a value of type `from` may stand where `to` is wanted.
    pub(crate) fn fits(&self, from: &Ty, to: &Ty) -> bool {
        if let (Ty::Alias(a), Ty::Alias(b)) = (from, to)
            && a == b
        {
            return true;
        }
        let (from, to) = (self.strip(from), self.strip(to));
        match (from, to) {
            (Ty::Error | Ty::Never, _) | (_, Ty::Error | Ty::Any) => true,
            (Ty::Union(alternatives), _) => alternatives.iter().all(|one| self.fits(one, to)),
            (Ty::None, Ty::Opt(_) | Ty::None) => true,
            (Ty::Opt(inner), Ty::Opt(wanted)) => self.fits(inner, wanted),
            (_, Ty::Opt(wanted)) => self.fits(from, wanted),
            (_, Ty::Union(alternatives)) => alternatives.iter().any(|one| self.fits(from, one)),
            (Ty::Lit(a), Ty::Lit(b)) => a == b,
            (Ty::Lit(Lit::Str(_)), Ty::Str) | (Ty::Lit(Lit::Int(_)), Ty::Int) => true,
            (Ty::List(a), Ty::List(b)) | (Ty::Map(a), Ty::Map(b)) => self.fits(a, b),
            (Ty::Secret(a), Ty::Secret(b)) => self.fits(a, b),
            (Ty::Record(a), Ty::Record(b)) => {
                a.fields.iter().all(|field| b.field(field.name).is_some_and(|wanted| self.fits(&field.ty, &wanted.ty)))
                    && b.fields.iter().all(|wanted| a.field(wanted.name).is_some() || wanted.may_be_absent())
            }
            (Ty::Record(a), Ty::Map(wanted)) => a.fields.iter().all(|field| self.fits(&field.ty, wanted)),
            (Ty::Record(a), Ty::Desc(def)) => {
                let schema = self.schema(*def);
                a.fields.iter().all(|field| {
                    schema.field(field.name).is_some_and(|wanted| !wanted.live && self.fits(&field.ty, &wanted.ty))
                })
            }
            (a, b) => a == b,
        }
    }

    /// The type of either of two values.
    pub(crate) fn join(&self, a: &Ty, b: &Ty) -> Option<Ty> {
        match (a, b) {
            (Ty::Error, _) | (_, Ty::Error) => return Some(Ty::Error),
            (Ty::None, Ty::Opt(_) | Ty::None) => return Some(b.clone()),
            (Ty::Opt(_), Ty::None) => return Some(a.clone()),
            (Ty::None, other) | (other, Ty::None) => return Some(Ty::Opt(Rc::new(other.clone()))),
            (Ty::Opt(x), Ty::Opt(y)) => return self.join(x, y).map(|ty| Ty::Opt(Rc::new(ty))),
            _ => {}
        }
        if self.fits(a, b) {
            return Some(b.clone());
        }
        if self.fits(b, a) {
            return Some(a.clone());
        }
        match (a, b) {
            (Ty::Opt(x), y) | (y, Ty::Opt(x)) => return self.join(x, y).map(|ty| Ty::Opt(Rc::new(ty))),
            (Ty::List(x), Ty::List(y)) => return self.join(x, y).map(|ty| Ty::List(Rc::new(ty))),
            (Ty::Map(x), Ty::Map(y)) => return self.join(x, y).map(|ty| Ty::Map(Rc::new(ty))),
            (Ty::Record(x), Ty::Record(y)) => return self.join_records(x, y),
            _ => {}
        }
        let mut alternatives: Vec<Ty> = Vec::new();
        for side in [a, b] {
            match self.strip(side) {
                Ty::Union(inner) => alternatives.extend(inner.iter().cloned()),
                other => alternatives.push(other.clone()),
            }
        }
        let scalar = |ty: &Ty| self.is_scalar(ty);
        let first = widen(alternatives.first()?);
        if !alternatives.iter().all(|one| scalar(one) && widen(one) == first) {
            return None;
        }
        if alternatives.len() > MAX_INFERRED_ALTERNATIVES {
            return Some(first);
        }
        alternatives.dedup();
        Some(Ty::Union(alternatives.into()))
    }

    /// Two records of the same fields: each field holds what it holds in either.
    fn join_records(&self, a: &RecordTy, b: &RecordTy) -> Option<Ty> {
        if a.fields.len() != b.fields.len() {
            return None;
        }
        let joined = |field: &FieldTy| {
            let other = b.field(field.name)?;
            Some(FieldTy { ty: self.join(&field.ty, &other.ty)?, ..field.clone() })
        };
        let fields = a.fields.iter().map(joined).collect::<Option<Vec<FieldTy>>>()?;
        Some(Ty::Record(Rc::new(RecordTy { fields })))
    }

    /// A type of single values: no list, map, record or thing.
    pub(crate) fn is_scalar(&self, ty: &Ty) -> bool {
        match self.strip(ty) {
            Ty::Bool | Ty::Int | Ty::Str | Ty::Ip | Ty::Cidr | Ty::Bytes | Ty::Duration | Ty::Percent | Ty::Lit(_) => {
                true
            }
            Ty::Union(alternatives) => alternatives.iter().all(|one| self.is_scalar(one)),
            _ => false,
        }
    }

    /// Whether a value of this type is a secret, or holds one.
    pub(crate) fn holds_secret(&self, ty: &Ty) -> bool {
        match self.strip(ty) {
            Ty::Secret(_) => true,
            Ty::List(inner) | Ty::Map(inner) | Ty::Opt(inner) => self.holds_secret(inner),
            Ty::Record(record) => record.fields.iter().any(|field| self.holds_secret(&field.ty)),
            Ty::Union(alternatives) => alternatives.iter().any(|one| self.holds_secret(one)),
            _ => false,
        }
    }

    /// The type of what is given for one that holds secrets: what stands in a file of parameters is none yet.
    pub(crate) fn before_it_is_secret(&self, ty: &Ty) -> Ty {
        if !self.holds_secret(ty) {
            return ty.clone();
        }
        let inner = |ty: &Ty| Rc::new(self.before_it_is_secret(ty));
        match self.strip(ty) {
            Ty::Secret(of) => (**of).clone(),
            Ty::List(of) => Ty::List(inner(of)),
            Ty::Map(of) => Ty::Map(inner(of)),
            Ty::Opt(of) => Ty::Opt(inner(of)),
            Ty::Record(record) => {
                let given = |field: &FieldTy| FieldTy { ty: self.before_it_is_secret(&field.ty), ..field.clone() };
                Ty::Record(Rc::new(RecordTy { fields: record.fields.iter().map(given).collect() }))
            }
            other => other.clone(),
        }
    }

    /// A secret in this type that is no single value, if there is one.
    pub(crate) fn secret_of_many(&self, ty: &Ty) -> bool {
        match self.strip(ty) {
            Ty::Secret(inner) => !matches!(self.strip(inner), Ty::Error) && !self.is_scalar(inner),
            Ty::List(inner) | Ty::Map(inner) | Ty::Opt(inner) => self.secret_of_many(inner),
            Ty::Record(record) => record.fields.iter().any(|field| self.secret_of_many(&field.ty)),
            _ => false,
        }
    }

    /// Whether two values of these types can ever be equal.
    pub(crate) fn comparable(&self, a: &Ty, b: &Ty) -> bool {
        let (a, b) = (self.strip(a), self.strip(b));
        match (a, b) {
            (Ty::Error | Ty::Never, _) | (_, Ty::Error | Ty::Never) => true,
            (Ty::None, Ty::Opt(_) | Ty::None | Ty::Any) | (Ty::Opt(_) | Ty::Any, Ty::None) => true,
            (Ty::Any, _) | (_, Ty::Any) => false,
            (Ty::Opt(inner), other) | (other, Ty::Opt(inner)) => self.comparable(inner, other),
            (Ty::Union(alternatives), other) | (other, Ty::Union(alternatives)) => {
                alternatives.iter().any(|one| self.comparable(one, other))
            }
            // Two literals differ or not; the answer may be dull, but the question makes sense.
            (Ty::Lit(_), _) | (_, Ty::Lit(_)) => {
                let (a, b) = (base(a), base(b));
                a == b
            }
            (Ty::List(x), Ty::List(y)) | (Ty::Map(x), Ty::Map(y)) => self.comparable(x, y),
            (a, b) => self.fits(a, b) || self.fits(b, a),
        }
    }

    /// Whether a value of this type has to be completed or checked where it is bound: a field with a
    /// default, a refinement or a description may hide in it.
    pub(crate) fn needs_conform(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Alias(_) | Ty::Record(_) | Ty::Desc(_) => true,
            Ty::List(inner) | Ty::Opt(inner) | Ty::Secret(inner) => self.needs_conform(inner),
            // A record of plain fields may stand for a map.
            Ty::Map(_) => true,
            Ty::Union(alternatives) => alternatives.iter().any(|one| self.needs_conform(one)),
            _ => false,
        }
    }

    /// A type in the user's words.
    pub(crate) fn show(&self, ty: &Ty) -> String {
        let mut text = String::new();
        self.write_type(ty, &mut text);
        text
    }

    fn write_type(&self, ty: &Ty, out: &mut String) {
        match ty {
            Ty::Error => out.push('?'),
            Ty::Any => out.push_str("any"),
            Ty::Never => out.push_str("nothing"),
            Ty::None => out.push_str("none"),
            Ty::Bool => out.push_str("bool"),
            Ty::Int => out.push_str("int"),
            Ty::Str => out.push_str("string"),
            Ty::Ip => out.push_str("ip"),
            Ty::Cidr => out.push_str("cidr"),
            Ty::Bytes => out.push_str("bytes"),
            Ty::Duration => out.push_str("duration"),
            Ty::Percent => out.push_str("percent"),
            Ty::Script => out.push_str("script"),
            Ty::Lit(Lit::Str(text)) => {
                out.push('"');
                out.push_str(text);
                out.push('"');
            }
            Ty::Lit(Lit::Int(number)) => out.push_str(&number.to_string()),
            Ty::List(inner) => self.write_generic("list", inner, out),
            Ty::Map(inner) => self.write_generic("map", inner, out),
            Ty::Secret(inner) => self.write_generic("secret", inner, out),
            Ty::Opt(inner) => {
                let union = matches!(**inner, Ty::Union(_));
                if union {
                    out.push('(');
                }
                self.write_type(inner, out);
                out.push_str(if union { ")?" } else { "?" });
            }
            Ty::Union(alternatives) => {
                for (index, one) in alternatives.iter().enumerate() {
                    if index > 0 {
                        out.push_str(" | ");
                    }
                    self.write_type(one, out);
                }
            }
            Ty::Record(record) => {
                out.push_str("{ ");
                for (index, field) in record.fields.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    out.push_str(self.names.text(field.name));
                    out.push_str(": ");
                    self.write_type(&field.ty, out);
                }
                out.push_str(" }");
            }
            Ty::Alias(def) | Ty::Desc(def) => out.push_str(&self.path_of(*def)),
            Ty::Ref(def) => {
                out.push_str("ref<");
                out.push_str(&self.path_of(*def));
                out.push('>');
            }
            Ty::Group(def) => {
                out.push_str("group ");
                out.push_str(&self.path_of(*def));
            }
            Ty::Members(def) => {
                out.push_str("the members of ");
                out.push_str(&self.path_of(*def));
            }
            Ty::Member(def) => {
                out.push_str("a member of ");
                out.push_str(&self.path_of(*def));
            }
        }
    }

    fn write_generic(&self, name: &str, inner: &Ty, out: &mut String) {
        out.push_str(name);
        out.push('<');
        self.write_type(inner, out);
        out.push('>');
    }
}

/// The one type that all values of a type belong to, where literals have made a union of it.
pub(crate) fn base(ty: &Ty) -> Ty {
    match ty {
        Ty::Union(alternatives) => match alternatives.split_first() {
            Some((first, rest)) if rest.iter().all(|one| base(one) == base(first)) => base(first),
            _ => ty.clone(),
        },
        other => widen(other),
    }
}

/// The type that a literal belongs to.
pub(crate) fn widen(ty: &Ty) -> Ty {
    match ty {
        Ty::Lit(Lit::Str(_)) => Ty::Str,
        Ty::Lit(Lit::Int(_)) => Ty::Int,
        other => other.clone(),
    }
}

/// The type that a person would name for what was inferred: without the literals that it was seen with.
pub(crate) fn general(ty: &Ty) -> Ty {
    let inner = |ty: &Ty| Rc::new(general(ty));
    match ty {
        Ty::List(of) => Ty::List(inner(of)),
        Ty::Map(of) => Ty::Map(inner(of)),
        Ty::Opt(of) => Ty::Opt(inner(of)),
        Ty::Record(record) => {
            let fields = record.fields.iter().map(|field| FieldTy { ty: general(&field.ty), ..field.clone() });
            Ty::Record(Rc::new(RecordTy { fields: fields.collect() }))
        }
        other => base(other),
    }
}
