//! No text is slow, deep or long enough to hang, to overflow the stack or to flood the reader.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use kit_lang::ast::AstNode as _;
use kit_lang::{MAX_DEPTH, MAX_DIAGNOSTICS, SourceId, format, parse};

/// Calls of rules that the parser may make for one of the texts here, some 100 KB: it makes up to fifty for a byte, and a
/// parser that goes back again and again makes thousands. Counted, not timed, as other things run beside the tests.
const MAX_CALLS: NonZeroUsize = NonZeroUsize::new(20_000_000).unwrap();

/// What all of it may take, tree and errors as well: nothing here takes a second even unoptimised on a busy machine, and what
/// is quadratic takes minutes.
const LIMIT: Duration = Duration::from_secs(30);

#[track_caller]
fn quick(what: &str, text: &str) {
    // The one limit of all tests in this process.
    pest::set_call_limit(Some(MAX_CALLS));
    let start = Instant::now();
    let parsed = parse(text);
    let found = parsed.diagnostics(SourceId(0));
    let took = start.elapsed();
    assert!(took < LIMIT, "{what}: {took:?}");
    assert_eq!(parsed.syntax().text(), text);
    assert!(found.len() <= MAX_DIAGNOSTICS);
    // Who runs out of calls refuses the whole text.
    let refused = found.first().is_some_and(|error| error.code.as_str() == "KIT1009" && error.span.start == 0);
    assert!(!refused, "{what}: more than {MAX_CALLS} calls");
}

/// Every construct that nests: what opens it and what closes it.
const NESTS: &[(&str, &str, &str)] = &[
    ("lists", "[", "]"),
    ("parentheses", "(", ")"),
    ("records", "{ a = ", " }"),
    ("records on lines", "{\n a = ", "\n}"),
    ("calls", "f(", ")"),
    ("indexes", "a[", "]"),
    ("interpolations", "\"${", "}\""),
    ("comprehensions", "[for x in xs { ", " }]"),
    ("conditional elements", "[if c { ", " }]"),
    ("constructions", "A { b = ", " }"),
    ("with", "a with { b = ", " }"),
    ("matches", "match a { _ => ", " }"),
    ("scrutinees", "match (", ") { _ => 1 }"),
    ("mixed", "[{ a = (f(", ")) }]"),
];

/// What the count of brackets takes for closed and the grammar does not: pest's guard of the stack ends these, and is
/// not there without its feature `std`.
#[test]
fn what_is_deeper_than_it_looks_is_refused() {
    for (what, before, line) in [
        ("a line that begins as a declaration does", "let x = ", format!("{}\nlet in ", "[".repeat(60))),
        ("components on one line", "", format!("{}\nlet a = 1, ", "component a { ".repeat(60))),
        ("a comment that is none", "let x = ", "[\"${#\",".to_owned()),
    ] {
        let text = format!("{before}{}", line.repeat(200_000 / line.len()));
        let parsed = parse(&text);
        assert!(parsed.has_errors(), "{what}");
        assert_eq!(parsed.syntax().text(), text.as_str(), "{what}");
    }
}

#[test]
fn a_thousand_of_every_bracket() {
    for (what, open, close) in NESTS {
        quick(what, &format!("let x = {}1{}\n", open.repeat(1_000), close.repeat(1_000)));
        quick(what, &format!("let x = {}\n", open.repeat(200)));
        quick(what, &format!("let x = {}\nlet y = 1\n", open.repeat(50)));
        quick(what, &format!("let x = 1{}\n", close.repeat(200)));
    }
    for (open, close) in [("list<", ">"), ("{ a: ", " }"), ("(", ")")] {
        quick(open, &format!("type X = {}int{}\n", open.repeat(1_000), close.repeat(1_000)));
        quick(open, &format!("type X = {}\n", open.repeat(60)));
    }
    for open in
        ["group a: B {\n", "component A {\n", "metadata a { b {\n", "cluster { if a {\n", "for x in {", "member a {"]
    {
        quick(open, &open.repeat(200));
        quick(open, &open.repeat(20));
    }
}

#[test]
fn rows_without_brackets() {
    for piece in [
        "1 + ",
        "!",
        "-",
        "if a then ",
        "if a then b else ",
        "if ",
        "a.",
        "a ?? ",
        "a == ",
        "else ",
        "then ",
        "match ",
        "a with {} with {} ",
    ] {
        quick(piece, &format!("let x = {}1\n", piece.repeat(5_000)));
    }
    quick("optional", &format!("type X = int{}\n", "?".repeat(5_000)));
    quick("union", &format!("type X = int{}\n", " | int".repeat(5_000)));
    quick("continuations", &format!("let x = a{}\n", "\n.b".repeat(5_000)));
    quick("comments", &format!("let x = (a{}", "\n# c".repeat(5_000)));
}

#[test]
fn the_deepest_that_is_allowed_is_read() {
    for (what, open, close) in NESTS {
        // Some open two brackets, and an interpolation counts its string too.
        for depth in [MAX_DEPTH / 4, MAX_DEPTH / 2, MAX_DEPTH] {
            let text = format!("let x = {}1{}\n", open.repeat(depth), close.repeat(depth));
            let parsed = parse(&text);
            assert_eq!(parsed.syntax().text(), text.as_str());
            if depth <= MAX_DEPTH / 4 {
                assert!(!parsed.has_errors(), "{what}: {:?}", parsed.diagnostics(SourceId(0)));
            }
            let _ = format(&text);
        }
    }
}

#[test]
fn a_row_of_200_operators_is_read_and_one_of_2000_is_refused() {
    let row = |n: usize| format!("let x = 1{}\n", " + 1".repeat(n));
    assert!(!parse(&row(200)).has_errors());
    let refused = parse(&row(2_000)).diagnostics(SourceId(0));
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code.as_str(), "KIT1009");
}

/// A longer word than `sh` before three quotes begins no script, so it hides nothing of what follows.
#[test]
fn only_sh_begins_a_script() {
    for word in ["fish", "_sh", "sh_sh", "1sh", "Ash"] {
        for line in [format!("let a = {word}\"\"\""), format!("{word}\"\"\""), format!("let a = [{word}\"\"\"")] {
            let parsed = parse(&format!("{line}\nlet b = 1\n"));
            assert!(parsed.file().declarations().any(|decl| decl.syntax().text() == "let b = 1"), "{line}");
            let deep = parse(&format!("{line}\n{}\n", "(".repeat(1_000))).diagnostics(SourceId(0));
            assert_eq!(deep.len(), 1, "{line}");
            assert!(deep[0].code.as_str() == "KIT1009" && deep[0].span.start as usize > line.len(), "{line}: {deep:?}");
        }
    }
    let script = format!("let a = [sh\"\"\"\n{}\n\"\"\"]\n", "(".repeat(1_000));
    assert!(!parse(&script).has_errors());
}

#[test]
fn five_thousand_lines_of_junk() {
    quick("words", &"lorem ipsum dolor sit amet\n".repeat(5_000));
    quick("marks", &"@@ ;; }} ]] )) '' ??\n".repeat(5_000));
    quick("units", &"let a = 10GB\n".repeat(5_000));
    quick("fields", &format!("cluster {{\n{}}}\n", "  a: 1GB\n".repeat(5_000)));
    quick("open braces", &"resource a = B {\n".repeat(5_000));
    quick("open strings", &"let a = \"b\n".repeat(5_000));
    quick("open interpolations", &"let a = \"${b\n".repeat(5_000));
    let parsed = parse(&"let a = 10GB\n".repeat(5_000));
    assert_eq!(parsed.error_count(), 5_000);
    assert_eq!(parsed.diagnostics(SourceId(0)).len(), MAX_DIAGNOSTICS);
}
