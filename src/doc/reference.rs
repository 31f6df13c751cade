//! What a file offers, as its declarations and its `##` comments say it.

use kit_lang::ast::{self, AstNode, Decl, ExternItem};

/// A file.
#[derive(Debug)]
pub(super) struct Module {
    /// Its path.
    pub(super) path: String,
    /// The `##` lines at its head.
    pub(super) doc: String,
    /// What it declares, by kind and in the order of the file.
    pub(super) entries: Vec<Entry>,
}

/// A declaration.
#[derive(Debug)]
pub(super) struct Entry {
    /// What it is: one of `KINDS`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// It in one line of Kit.
    pub(super) signature: String,
    pub(super) doc: String,
    pub(super) fields: Vec<Field>,
    pub(super) requires: Vec<Require>,
}

/// A field, a parameter of a component, an output, a value of metadata.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) default: Option<String>,
    /// What is special about it, in a word.
    pub(super) mark: Option<&'static str>,
    pub(super) doc: String,
}

/// What must hold.
#[derive(Debug)]
pub(super) struct Require {
    pub(super) condition: String,
    pub(super) message: String,
}

/// The kinds of entries in the order of the page, each with its heading.
pub(super) const KINDS: [(&str, &str); 11] = [
    ("parameter", "Parameters"),
    ("output", "Outputs"),
    ("resource type", "Types of resources"),
    ("role", "Roles"),
    ("component", "Components"),
    ("type", "Types"),
    ("function", "Functions"),
    ("metadata", "Metadata"),
    ("constant", "Constants"),
    ("resource", "Resources"),
    ("group", "Groups"),
];

impl Module {
    /// Reads a file. What begins with `_` is its own.
    pub(super) fn of(path: &str, file: &ast::File) -> Module {
        let mut entries: Vec<Entry> = file.declarations().filter_map(|one| entry(&one)).collect();
        entries.retain(|entry| !entry.name.starts_with('_'));
        entries.sort_by_key(|entry| KINDS.iter().position(|(kind, _)| *kind == entry.kind));
        Module { path: path.to_owned(), doc: file.documentation().unwrap_or_default(), entries }
    }
}

fn entry(declaration: &Decl) -> Option<Entry> {
    let name = declaration.name()?.text().to_owned();
    let typed = |ty: Option<ast::Type>| ty.map(|ty| format!(": {}", text(&ty))).unwrap_or_default();
    let valued = |value: Option<ast::Expr>| value.map(|value| format!(" = {}", text(&value))).unwrap_or_default();
    let (mut fields, mut requires) = (Vec::new(), Vec::new());
    let (kind, signature) = match declaration {
        Decl::Param(param) => {
            requires.extend(param.refinement().map(|one| refinement(&one)));
            ("parameter", format!("param {name}{}{}", typed(param.ty()), valued(param.default())))
        }
        Decl::Output(output) => ("output", format!("output {name}{}{}", typed(output.ty()), valued(output.value()))),
        Decl::Let(one) => ("constant", format!("let {name}{}{}", typed(one.ty()), short(one.value()))),
        Decl::Type(one) => {
            requires.extend(one.refinement().map(|one| refinement(&one)));
            let ty = one.ty();
            match &ty {
                Some(ast::Type::Record(record)) => {
                    fields.extend(record.fields().into_iter().flat_map(|all| all.fields()).map(|one| field(&one)));
                    ("type", format!("type {name}"))
                }
                _ => ("type", format!("type {name} = {}", ty.map(|ty| text(&ty)).unwrap_or_default())),
            }
        }
        Decl::Fn(function) => {
            let arguments = arguments(function.params());
            ("function", format!("fn {name}({arguments}){}", typed(function.result())))
        }
        Decl::Resource(resource) => ("resource", format!("resource {name}{}", short(resource.value()))),
        Decl::Group(group) => {
            let role = group.role().map(|role| format!(": {}", text(&role))).unwrap_or_default();
            ("group", format!("group {name}{role}"))
        }
        Decl::Component(component) => {
            for inner in component.declarations() {
                inside(&inner, &mut fields, &mut requires);
            }
            ("component", format!("component {name}"))
        }
        Decl::Metadata(metadata) => {
            for entry in metadata.entries() {
                metadata_entry(&format!("meta.{name}"), &entry, &mut fields);
            }
            ("metadata", format!("metadata {name}"))
        }
        Decl::ExternResource(one) => {
            one.items().for_each(|item| extern_item(&item, &mut fields, &mut requires));
            ("resource type", format!("resource {name}"))
        }
        Decl::ExternRole(one) => {
            one.items().for_each(|item| extern_item(&item, &mut fields, &mut requires));
            ("role", format!("role {name}"))
        }
        Decl::Use(_) | Decl::Cluster(_) | Decl::Require(_) | Decl::For(_) | Decl::If(_) | Decl::Test(_) => return None,
    };
    Some(Entry { kind, name, signature, doc: doc(declaration), fields, requires })
}

fn inside(declaration: &Decl, fields: &mut Vec<Field>, requires: &mut Vec<Require>) {
    let Some(name) = declaration.name().map(|name| name.text().to_owned()) else {
        if let Decl::Require(one) = declaration {
            requires.push(require(one));
        }
        return;
    };
    match declaration {
        Decl::Param(param) => {
            requires.extend(param.refinement().map(|one| refinement(&one)));
            fields.push(Field {
                name,
                ty: param.ty().map(|ty| text(&ty)).unwrap_or_default(),
                default: param.default().map(|value| text(&value)),
                mark: None,
                doc: doc(declaration),
            });
        }
        Decl::Output(output) => fields.push(Field {
            name,
            ty: output.ty().map(|ty| text(&ty)).unwrap_or_default(),
            default: None,
            mark: Some("output"),
            doc: doc(declaration),
        }),
        _ => {}
    }
}

fn extern_item(item: &ExternItem, fields: &mut Vec<Field>, requires: &mut Vec<Require>) {
    match item {
        ExternItem::Field(one) => {
            requires.extend(one.refinement().map(|one| refinement(&one)));
            fields.push(field(one));
        }
        ExternItem::Require(one) => requires.push(require(one)),
        ExternItem::For(repeated) => {
            let inner = repeated.block().into_iter().flat_map(|block| block.items());
            requires.extend(inner.filter_map(|item| match item {
                ast::Item::Require(one) => Some(require(&one)),
                _ => None,
            }));
        }
        ExternItem::If(conditional) => {
            let inner = conditional.block().into_iter().flat_map(|block| block.items());
            requires.extend(inner.filter_map(|item| match item {
                ast::Item::Require(one) => Some(require(&one)),
                _ => None,
            }));
        }
    }
}

fn field(field: &ast::FieldDecl) -> Field {
    Field {
        name: field.name().map(|name| name.text().to_owned()).unwrap_or_default(),
        ty: field.ty().map(|ty| text(&ty)).unwrap_or_default(),
        default: field.default().map(|value| text(&value)),
        mark: field.is_live().then_some("live"),
        doc: doc(field),
    }
}

fn metadata_entry(path: &str, entry: &ast::MetadataEntry, fields: &mut Vec<Field>) {
    let Some(name) = entry.name().map(|name| format!("{path}.{name}")) else { return };
    if let Some(inner) = entry.entries() {
        inner.for_each(|entry| metadata_entry(&name, &entry, fields));
        return;
    }
    let name = if entry.is_lookup() { format!("{name}({})", arguments(entry.params())) } else { name };
    fields.push(Field {
        name,
        ty: entry.ty().map(|ty| text(&ty)).unwrap_or_default(),
        default: None,
        mark: entry.is_ambient().then_some("ambient"),
        doc: doc(entry),
    });
}

fn arguments(params: impl Iterator<Item = ast::FnParam>) -> String {
    let all: Vec<String> = params.map(|param| text(&param)).collect();
    all.join(", ")
}

fn require(require: &ast::Require) -> Require {
    let part = |part: Option<ast::Expr>| part.map(|part| text(&part)).unwrap_or_default();
    Require { condition: part(require.condition()), message: unquoted(&part(require.message())) }
}

fn refinement(refinement: &ast::Refinement) -> Require {
    let part = |part: Option<ast::Expr>| part.map(|part| text(&part)).unwrap_or_default();
    Require { condition: part(refinement.condition()), message: unquoted(&part(refinement.message())) }
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    inner.replace("\\\"", "\"")
}

/// The value of a declaration, as far as it says what it is.
fn short(value: Option<ast::Expr>) -> String {
    let Some(value) = value else { return String::new() };
    let text = text(&value);
    match text.split_once('{') {
        Some((before, _)) if !before.trim().is_empty() => format!(" = {} {{ … }}", before.trim()),
        _ => format!(" = {text}"),
    }
}

/// The text of a node in one line.
fn text(node: &impl AstNode) -> String {
    let text = node.syntax().text().to_string();
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

fn doc(node: &impl AstNode) -> String {
    node.doc().unwrap_or_default()
}
