//! The parameters of a file as a JSON Schema, by which editors and other tools help whoever writes a file of parameters.

use kit_lang::SourceId;
use kit_lang::ast::{AstNode as _, Decl};
use serde_json::{Map, Value, json};

use crate::compile::{Findings, load};
use crate::hir::{BinaryOp, DefKind, Expr, ExprId, Item, Program, Refinement, UnaryOp};
use crate::report::Report;
use crate::sources::Sources;
use crate::types::{Lit, Ty};

/// The schema of the JSON object that gives the parameters of a file.
///
/// # Errors
/// What is wrong with the file.
pub fn parameter_schema(sources: &mut Sources, root: SourceId) -> Result<Value, Findings> {
    let docs: Vec<(String, String)> = sources
        .parse(root)
        .file()
        .declarations()
        .filter_map(|declaration| match &declaration {
            Decl::Param(param) => Some((param.name()?.text().to_owned(), declaration.doc()?)),
            _ => None,
        })
        .collect();
    let mut report = Report::default();
    let (program, _) = load(sources, root, &mut report);
    if report.has_errors() {
        return Err(Findings::of(report));
    }
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for def in &program.module(0).defs {
        let DefKind::Param { ty, default, refinement } = &def.kind else { continue };
        let name = program.names.text(def.name);
        let mut schema = of_type(&program, ty);
        let mut description: Vec<String> =
            docs.iter().filter(|(known, _)| known == name).map(|(_, doc)| doc.clone()).collect();
        if let Some(refinement) = refinement {
            refine(&program, refinement, ty, &mut schema);
            description.extend(message(&program, refinement));
        }
        if !description.is_empty() {
            schema.insert("description".to_owned(), json!(description.join("\n")));
        }
        match default {
            Some(default) => {
                if let Some(value) = literal(&program, *default) {
                    schema.insert("default".to_owned(), value);
                }
            }
            None if matches!(program.strip(ty), Ty::Opt(_)) => {}
            None => required.push(json!(name)),
        }
        properties.insert(name.to_owned(), Value::Object(schema));
    }
    let title = sources.get(root).map_or("", |source| source.name.as_str());
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("The parameters of {title}"),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = Value::Array(required);
    }
    Ok(schema)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn of_type(program: &Program, ty: &Ty) -> Map<String, Value> {
    let inner = |ty: &Ty| Value::Object(of_type(program, ty));
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    object(match ty {
        Ty::Alias(def) => {
            let mut schema = of_type(program, program.alias_target(*def));
            if let DefKind::Type { ty, refinement: Some(refinement) } = &program.def(*def).kind {
                refine(program, refinement, ty, &mut schema);
                if let Some(message) = message(program, refinement) {
                    schema.insert("description".to_owned(), json!(message));
                }
            }
            return schema;
        }
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Int => json!({ "type": "integer" }),
        Ty::Str | Ty::Script => json!({ "type": "string" }),
        Ty::Ip => json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
        Ty::Cidr => text("^[0-9a-fA-F:.]+/[0-9]{1,3}$"),
        Ty::Bytes => text("^-?[0-9]+(B|KiB|MiB|GiB|TiB)$"),
        Ty::Duration => text("^-?[0-9]+(ms|s|min|h|d)$"),
        Ty::Percent => text("^-?[0-9]+%$"),
        Ty::Lit(one) => json!({ "const": lit(one) }),
        Ty::List(element) => json!({ "type": "array", "items": inner(element) }),
        Ty::Map(of) => json!({ "type": "object", "additionalProperties": inner(of) }),
        Ty::Opt(some) => json!({ "anyOf": [inner(some), { "type": "null" }] }),
        Ty::Secret(of) => {
            let mut schema = of_type(program, of);
            schema.insert("writeOnly".to_owned(), json!(true));
            return schema;
        }
        Ty::Union(alternatives) => {
            let literals: Option<Vec<Value>> = alternatives
                .iter()
                .map(|one| match program.strip(one) {
                    Ty::Lit(one) => Some(lit(one)),
                    _ => None,
                })
                .collect();
            match literals {
                Some(literals) => json!({ "enum": literals }),
                None => json!({ "anyOf": alternatives.iter().map(inner).collect::<Vec<Value>>() }),
            }
        }
        Ty::Record(record) => {
            let given = || record.fields.iter().filter(|field| !field.live);
            let properties: Map<String, Value> = given()
                .map(|field| {
                    let mut schema = of_type(program, &field.ty);
                    if let Some(refinement) = &field.refinement {
                        refine(program, refinement, &field.ty, &mut schema);
                    }
                    (program.names.text(field.name).to_owned(), Value::Object(schema))
                })
                .collect();
            let required: Vec<&str> =
                given().filter(|field| !field.may_be_absent()).map(|field| program.names.text(field.name)).collect();
            let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            schema
        }
        // Nothing from outside is one of the others.
        _ => json!({ "not": {} }),
    })
}

fn lit(lit: &Lit) -> Value {
    match lit {
        Lit::Str(text) => json!(&**text),
        Lit::Int(number) => json!(number),
    }
}

/// The bounds of a number. What a schema cannot say, the message says to a person.
fn refine(program: &Program, refinement: &Refinement, ty: &Ty, schema: &mut Map<String, Value>) {
    if matches!(program.strip(ty), Ty::Int) {
        bounds(program, refinement.module, refinement.condition, schema);
    }
}

/// As deep as the tree, which the parser bounds.
fn bounds(program: &Program, module: u16, condition: ExprId, schema: &mut Map<String, Value>) {
    let at = |expr: ExprId| program.expr(module, expr);
    let Expr::Binary { op, left, right } = at(condition) else { return };
    let mut bound = |name: &str, expr: ExprId| {
        if let Some(number) = int(at(expr)) {
            schema.insert(name.to_owned(), json!(number));
        }
    };
    match (op, at(*left), at(*right)) {
        (BinaryOp::And, ..) => {
            bounds(program, module, *left, schema);
            bounds(program, module, *right, schema);
        }
        (BinaryOp::In, Expr::Local(_), Expr::Binary { op: BinaryOp::Range, left, right }) => {
            bound("minimum", *left);
            bound("maximum", *right);
        }
        (BinaryOp::Greater, Expr::Local(_), _) => bound("exclusiveMinimum", *right),
        (BinaryOp::GreaterEq, Expr::Local(_), _) => bound("minimum", *right),
        (BinaryOp::Less, Expr::Local(_), _) => bound("exclusiveMaximum", *right),
        (BinaryOp::LessEq, Expr::Local(_), _) => bound("maximum", *right),
        _ => {}
    }
}

fn int(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Int(number) => Some(*number),
        _ => None,
    }
}

fn message(program: &Program, refinement: &Refinement) -> Option<String> {
    match program.expr(refinement.module, refinement.message?) {
        Expr::Str(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A default that is written as it is. One that is computed depends on others, and has no place in a schema.
fn literal(program: &Program, expr: ExprId) -> Option<Value> {
    Some(match program.expr(0, expr) {
        Expr::None => Value::Null,
        Expr::Bool(truth) => json!(truth),
        Expr::Int(number) => json!(number),
        Expr::Str(text) => json!(&**text),
        Expr::Ip(ip) => json!(ip.to_string()),
        Expr::Cidr(net) => json!(net.to_string()),
        Expr::Bytes(bytes) => json!(kit_graph::format_bytes(u64::try_from(*bytes).ok()?)),
        Expr::Duration(duration_ms) => json!(kit_graph::format_duration(u64::try_from(*duration_ms).ok()?)),
        Expr::Percent(percent) => json!(format!("{percent}%")),
        Expr::Unary { op: UnaryOp::Negate, operand } => json!(int(program.expr(0, *operand))?.checked_neg()?),
        Expr::List(items) => Value::Array(
            items
                .iter()
                .map(|item| match item {
                    Item::Element(element) => literal(program, *element),
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        Expr::Record(items) => Value::Object(
            items
                .iter()
                .map(|item| match item {
                    Item::Field { name, value, .. } => {
                        Some((program.names.text(*name).to_owned(), literal(program, *value)?))
                    }
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}
