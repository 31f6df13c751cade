//! Whatever the text is, the compiler ends with an answer.

use std::path::Path;

use kit_compiler::{Inputs, Lookup, Sources, TestOutcome, TestRun, run_tests};
use kit_graph::Value;
use proptest::prelude::*;

use crate::frame::{How, run};

const EXAMPLES: [&str; 4] = ["swarm-sim.kit", "swarm-docker.kit", "swarm-generated.kit", "swarm-aws.kit"];

/// Pieces of the language, so that an edit often makes something that parses.
const PIECES: [&str; 44] = [
    "member m1 { ip = 10.0.0.1 }",
    "for n in 1..=3 {",
    "}",
    "{",
    "if size > 2 {",
    "size",
    "managers.m1.ip",
    "node",
    "net",
    "net.id",
    "managers",
    "managers.count",
    "with { ip = none }",
    "none",
    "\"${size}\"",
    "20GiB",
    "5min",
    "25%",
    "1..=9",
    "==",
    "??",
    "in",
    "&&",
    "[for x in xs { x }]",
    "match size { 1 => 2, _ => 3 }",
    "let a = b",
    "let b = a",
    "type T = int where it > 1 else \"no\"",
    "fn f(n: int): int = f(n)",
    "resource r = sim.Volume { size = 1GiB }",
    "require size > 9 else \"x\"",
    "meta.sim.region",
    "param p: secret<string>",
    "ref<sim.Network>",
    "list<int>",
    "map<string>",
    "int | percent",
    "\n",
    "(",
    "9223372036854775807",
    "test \"a\" with { size = 5 } {",
    "test \"b\" with { size = size + workers.count } { require size == 5 else \"${size}\" }",
    "let c = managers.count",
    "fails_with = \"KIT5004\"",
];

fn check_and_compile(text: &str) {
    let checked = run("any.kit", text, &How::default());
    for diagnostic in &checked.findings.diagnostics {
        let source = checked.sources.get(diagnostic.span.source).expect("a place");
        assert!(diagnostic.span.end as usize <= source.text.len());
        assert!(!diagnostic.message.is_empty());
    }
    run("any.kit", text, &How { lookups: true, ..How::read("compile --set size=5") });
    let _ = run_the_tests(text);
}

fn run_the_tests(text: &str) -> TestRun {
    let mut sources = Sources::new();
    let root = sources.add("any.kit", text);
    let answer = |asked: &[Lookup]| Ok(asked.iter().map(|lookup| (lookup.key.clone(), Value::Int(1))).collect());
    let run = run_tests(&mut sources, root, &Inputs::new(), |_, _| true, answer);
    assert!(run.findings.has_errors() || run.outcomes.len() == run.declared);
    run
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_of_the_examples_end(
        example in 0..EXAMPLES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, 0..PIECES.len()), 1..6),
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(EXAMPLES[example]);
        let mut text = std::fs::read_to_string(path).unwrap();
        for (at, length, piece) in edits {
            let mut start = at.index(text.len().max(1)).min(text.len());
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, PIECES[piece]);
        }
        check_and_compile(&text);
    }

    #[test]
    fn any_text_ends(text in "\\PC{0,200}") {
        check_and_compile(&text);
    }
}

/// The stack of a program's main thread, which the command line runs on; a test's is a quarter of it.
const MAIN_STACK_BYTES: usize = 8 << 20;

#[test]
fn long_chains_are_refused_and_not_followed_to_the_end_of_the_stack() {
    std::thread::Builder::new().stack_size(MAIN_STACK_BYTES).spawn(long_chains).unwrap().join().unwrap();
}

fn long_chains() {
    let mut forwards = String::new();
    for n in 0..20_000 {
        forwards.push_str(&format!("let a{n} = a{}\n", n + 1));
    }
    forwards.push_str("let a20000 = 1\n");
    check_and_compile(&forwards);
    let types: String = (0..20_000).map(|n| format!("type A{n} = A{}\n", n + 1)).collect();
    check_and_compile(&format!("{types}type A20000 = int\nlet a: A0 = 1\n"));
    let sum = vec!["1"; 20_000].join(" + ");
    check_and_compile(&format!("let a = {sum}\n"));
    let fields = "x".to_owned() + &".x".repeat(20_000);
    check_and_compile(&format!("let a = {fields}\n"));
    let functions: String = (0..5_000).map(|n| format!("fn f{n}(n: int): int = f{}(n)\n", n + 1)).collect();
    check_and_compile(&format!("{functions}fn f5000(n: int): int = n\nlet a = f0(1)\n"));
}

#[test]
fn growth_is_bounded() {
    let mut doubling = String::from("let t0 = \"0123456789\"\n");
    for n in 0..60 {
        doubling.push_str(&format!("let t{} = \"${{t{n}}}${{t{n}}}\"\n", n + 1));
    }
    check_and_compile(&doubling);
    let mut lists = String::from("let l0 = [1]\n");
    for n in 0..60 {
        lists.push_str(&format!("let l{} = [for x in l{n} {{ x }}, for y in l{n} {{ y }}]\n", n + 1));
    }
    check_and_compile(&lists);
    // What holds another twice, by each way in which one can: values that are compared and given out, types, and both.
    for (first, next, last) in [
        ("let v0 = [1]", "let v{n} = [v{m}, v{m}]", "require v60 == v60 else \"no\"\noutput all = v60"),
        ("let v0 = [1]", "let v{n} = [v{m}, v{m}]", "output same = v60 == [v59, v59]"),
        ("let v0 = { a = 1 }", "let v{n} = { a = v{m}, b = v{m} }", "output all = v60"),
        ("let v0 = { \"a\" = 1 }", "let v{n} = { \"a\" = v{m}, \"b\" = v{m} }", "output all = v60"),
        ("type T0 = { a: int }", "type T{n} = { a: T{m}, b: T{m} }", "param p: T20"),
        (
            "type T0 = list<int>\nlet v0: T0 = [1]",
            "type T{n} = list<T{m}>\nlet v{n}: T{n} = [v{m}, v{m}]",
            "output all = v25",
        ),
    ] {
        let mut text = format!("{first}\n");
        for n in 1..=60 {
            text.push_str(&next.replace("{n}", &n.to_string()).replace("{m}", &(n - 1).to_string()));
            text.push('\n');
        }
        text.push_str(last);
        check_and_compile(&text);
    }
    // What is small enough by itself is given out again and again.
    let mut many = String::from("let v0 = [1]\n");
    for n in 1..=18 {
        many.push_str(&format!("let v{n} = [v{m}, v{m}]\n", m = n - 1));
    }
    for n in 0..100 {
        many.push_str(&format!("output o{n} = v18\n"));
    }
    check_and_compile(&many);
}

/// Tests of one file, each of which works the file out anew.
const MANY_TESTS: usize = 200;

#[test]
fn tests_end_whatever_they_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/swarm-sim.kit");
    let example = std::fs::read_to_string(path).unwrap();
    // What is given leads back to itself through a group, at once, or from another parameter.
    let circles =
        ["size = workers.count + 1", "size = size", "size = managers.count + workers.count", "name = \"${name}\""];
    for circle in circles {
        let run = run_the_tests(&format!("{example}\ntest \"circle\" with {{ {circle} }} {{}}\n"));
        let codes: Vec<&str> = run.outcomes[0].findings.diagnostics.iter().map(|found| found.code.as_str()).collect();
        assert_eq!(codes, ["KIT2004"], "{circle}");
    }
    let many: String = (0..MANY_TESTS)
        .map(|n| format!("test \"t{n}\" with {{ size = {} }} {{ require workers.count > 0 else \"none\" }}\n", n + 4))
        .collect();
    let run = run_the_tests(&format!("{example}\n{many}"));
    assert_eq!(run.outcomes.iter().filter(|outcome| TestOutcome::passed(outcome)).count(), MANY_TESTS);
}
