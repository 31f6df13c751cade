//! The typed view gives the parts of a file.
#![allow(clippy::unwrap_used)]

use kit_lang::ast::{
    AstNode, BinaryOp, Decl, Element, Expr, ExternItem, FieldKey, File, Item, LiteralValue, PatternAlternative,
    StringPart, Type, UsePath,
};
use kit_lang::{SourceId, parse};

fn file(text: &str) -> File {
    let parsed = parse(text);
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics(SourceId(0)));
    parsed.file()
}

fn declaration(text: &str) -> Decl {
    file(text).declarations().next().unwrap()
}

fn value(text: &str) -> Expr {
    match declaration(&format!("let x = {text}")) {
        Decl::Let(binding) => binding.value().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn documentation() {
    let file = file(
        "## Of the file,\n## two lines.\n\n# no\n## Of the parameter.\nparam a: int\n\n## Not of it.\n\nlet b = 1\n",
    );
    assert_eq!(file.documentation().as_deref(), Some("Of the file,\ntwo lines."));
    let docs: Vec<_> = file.declarations().map(|declaration| declaration.doc()).collect();
    assert_eq!(docs, [Some("Of the parameter.".to_owned()), None]);
    assert_eq!(self::file("## Of a.\nlet a = 1\n\n").documentation(), None);
}

#[test]
fn parameters() {
    let Decl::Param(param) = declaration("param size: int | percent = 4 where it > 3 else \"more\"") else { panic!() };
    assert_eq!(param.name().unwrap().text(), "size");
    assert!(matches!(param.ty(), Some(Type::Union(union)) if union.alternatives().count() == 2));
    assert!(matches!(param.default(), Some(Expr::Literal(literal)) if literal.value() == Some(LiteralValue::Int(4))));
    let refinement = param.refinement().unwrap();
    assert!(matches!(refinement.condition(), Some(Expr::Binary(binary)) if binary.op() == Some(BinaryOp::Greater)));
    assert!(matches!(refinement.message(), Some(Expr::String(text)) if text.plain_text().as_deref() == Some("more")));
}

#[test]
fn uses() {
    let paths: Vec<_> = file("use std/aws\nuse \"./net.kit\"")
        .declarations()
        .map(|declaration| match declaration {
            Decl::Use(used) => (matches!(used.path(), Some(UsePath::Module(_))), used.path_text().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(paths, [(true, "std/aws".to_owned()), (false, "./net.kit".to_owned())]);
}

#[test]
fn groups_and_members() {
    let text = "group g: swarm.Manager {\n  machine = node\n  member m1 { ip = 10.0.0.1 }\n  for n in 1..=3 if n != 2 { member \"m${n}\" {} }\n  require a else \"b\"\n}";
    let Decl::Group(group) = declaration(text) else { panic!() };
    let role = group.role().unwrap();
    assert_eq!((role.module().unwrap().text(), role.name().unwrap().text()), ("swarm", "Manager"));
    let items: Vec<Item> = group.block().unwrap().items().collect();
    let [Item::Field(field), Item::Member(member), Item::For(repeated), Item::Require(_)] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert!(matches!(field.key(), Some(FieldKey::Name(name)) if name.text() == "machine"));
    assert!(matches!(field.value(), Some(Expr::Name(_))));
    assert_eq!(member.id().unwrap().plain_text().as_deref(), Some("m1"));
    assert_eq!(member.block().unwrap().fields().count(), 1);
    assert_eq!(repeated.names().map(|name| name.text().to_owned()).collect::<Vec<_>>(), ["n"]);
    assert!(matches!(repeated.iterable(), Some(Expr::Binary(range)) if range.op() == Some(BinaryOp::Range)));
    assert!(matches!(repeated.condition(), Some(Expr::Binary(_))));
    let Some(Item::Member(generated)) = repeated.block().unwrap().items().next() else { panic!() };
    assert_eq!(generated.id().unwrap().plain_text(), None);
}

#[test]
fn strings() {
    let Expr::String(string) = value(r#""a\n${b}\${c}""#) else { panic!() };
    let parts: Vec<StringPart> = string.parts().collect();
    assert!(matches!(&parts[0], StringPart::Text(text) if text == "a\n"));
    assert!(matches!(&parts[1], StringPart::Interpolation(inner) if matches!(inner.expr(), Some(Expr::Name(_)))));
    assert!(matches!(&parts[2], StringPart::Text(text) if text == "${c}"));
    let Expr::With(with) = value("sh\"\"\"echo \"$A\"\"\"\" with { A = b }") else { panic!() };
    assert!(matches!(with.base(), Some(Expr::Script(script)) if script.text().unwrap().text() == "echo \"$A\""));
}

#[test]
fn precedence() {
    fn shown(expr: Expr) -> String {
        match expr {
            Expr::Binary(binary) => {
                let op = binary.op().unwrap().as_str();
                format!("({} {op} {})", shown(binary.left().unwrap()), shown(binary.right().unwrap()))
            }
            Expr::Unary(unary) => format!("(~{})", shown(unary.operand().unwrap())),
            Expr::If(choice) => format!(
                "(if {} {} {})",
                shown(choice.condition().unwrap()),
                shown(choice.then_value().unwrap()),
                shown(choice.else_value().unwrap())
            ),
            other => other.syntax().text().to_string(),
        }
    }
    for (text, expected) in [
        ("a - b - c", "((a - b) - c)"),
        ("a + b * c + d", "((a + (b * c)) + d)"),
        ("a ?? b ?? c", "(a ?? (b ?? c))"),
        ("a || b && c == d", "(a || (b && (c == d)))"),
        ("a in b ?? c", "(a in (b ?? c))"),
        ("1 ..= n + 1", "(1 ..= (n + 1))"),
        ("!a.b && -c * d > e", "((~a.b) && (((~c) * d) > e))"),
        ("if a then b else if c then d else e + f", "(if a b (if c d (e + f)))"),
        ("if a then if b then c else d else e", "(if a (if b c d) e)"),
    ] {
        assert_eq!(shown(value(text)), expected, "{text}");
    }
}

#[test]
fn lists_and_calls() {
    let Expr::List(list) = value("[1, for x in xs { x }, if c { 2 }, if c then 3 else 4]") else { panic!() };
    let elements: Vec<Element> = list.elements().collect();
    assert!(matches!(
        elements.as_slice(),
        [Element::Expr(Expr::Literal(_)), Element::For(_), Element::If(_), Element::Expr(Expr::If(_))]
    ));
    let Element::If(choice) = &elements[2] else { panic!() };
    assert!(matches!(choice.condition(), Some(Expr::Name(_))));
    assert_eq!(choice.element_block().unwrap().elements().count(), 1);
    let Expr::Call(call) = value("meta.aws.image(\"debian\", owner)") else { panic!() };
    assert!(matches!(call.callee(), Some(Expr::Field(field)) if field.field().unwrap().text() == "image"));
    assert_eq!(call.args().count(), 2);
    let Expr::Index(index) = value("a.b[\"c\"]") else { panic!() };
    assert!(matches!((index.base(), index.index()), (Some(Expr::Field(_)), Some(Expr::String(_)))));
}

#[test]
fn matches_have_arms() {
    let Expr::Match(choice) = value("match kind { \"a\" | \"b\" => 1, 2..=3 => 2, _ => none }") else { panic!() };
    assert!(matches!(choice.scrutinee(), Some(Expr::Name(_))));
    let arms: Vec<_> = choice.arms().map(|arm| arm.pattern().unwrap().alternatives().collect::<Vec<_>>()).collect();
    assert_eq!(arms.len(), 3);
    assert_eq!(arms[0].len(), 2);
    assert!(matches!(arms[1][0], PatternAlternative::Value(Expr::Binary(_))));
    assert!(matches!(arms[2][0], PatternAlternative::Rest(_)));
    assert!(choice.arms().all(|arm| arm.value().is_some()));
}

#[test]
fn externs_and_metadata() {
    let Decl::ExternResource(machine) =
        declaration("extern resource M {\n  ip: ip? = none\n  live id: string\n  require a else \"b\"\n}")
    else {
        panic!()
    };
    let items: Vec<ExternItem> = machine.items().collect();
    let [ExternItem::Field(ip), ExternItem::Field(id), ExternItem::Require(_)] = items.as_slice() else { panic!() };
    assert!(!ip.is_live() && matches!(ip.ty(), Some(Type::Optional(_))) && ip.default().is_some());
    assert!(id.is_live());
    let Decl::Metadata(metadata) =
        declaration("metadata aws { ambient region: string, image(name: string, n: int = 3): string, sub { x: int } }")
    else {
        panic!()
    };
    let entries: Vec<_> = metadata.entries().collect();
    assert!(entries[0].is_ambient() && !entries[0].is_lookup());
    assert!(entries[1].is_lookup() && entries[1].params().count() == 2 && entries[1].ty().is_some());
    assert!(entries[1].params().nth(1).unwrap().default().is_some());
    assert_eq!(entries[2].entries().unwrap().count(), 1);
}

#[test]
fn places_leave_out_the_space() {
    let text = "let x = a  +  b  # c\n";
    let Decl::Let(binding) = declaration(text) else { panic!() };
    let Some(Expr::Binary(sum)) = binding.value() else { panic!() };
    let shown = |span: kit_lang::Span| &text[span.start as usize..span.end as usize];
    assert_eq!(shown(binding.span(SourceId(0))), "let x = a  +  b");
    assert_eq!(shown(sum.left().unwrap().span(SourceId(0))), "a");
    assert_eq!(shown(sum.op_span(SourceId(0)).unwrap()), "+");
}
