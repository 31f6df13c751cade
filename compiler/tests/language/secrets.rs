//! No secret that is given is found again: in a graph, in what is said, or in the texts that are drawn beside it.

use std::fmt::Write as _;

use kit_compiler::{Inputs, Sources, Step, compile};
use kit_graph::Value;

use crate::frame::{framed, show};

/// What each secret holds, and nothing else does.
const CANARY: &str = "c4n4ry";

/// One way in which a parameter is given.
type Give<'a> = &'a dyn Fn(&mut Inputs, &mut Sources);

const TYPES: &str = "type Long = string where it.length > 40 else \"${it} is too short\"\ntype Known = string where { \"a\" = 1 }[it] == 1 else \"no\"\n";

/// Compiles with what is given by each way; the graph as bytes if there is one, and all that is said and may be drawn.
fn everything(declarations: &str, name: &str, text: &str, json: &str) -> Vec<(bool, String)> {
    let ways: [Give<'_>; 5] = [
        &|inputs, sources| inputs.set(sources, &format!("{name}={text}")).unwrap(),
        &|inputs, sources| inputs.variable(sources, "KIT_PARAM_X", name, text),
        &|inputs, sources| {
            let source = sources.add("params.json", format!("{{\n  \"{name}\": {json}}}\n"));
            inputs.params_file(sources, source, true).unwrap();
        },
        &|inputs, sources| {
            let text = ["a", "b", "k"]
                .iter()
                .fold(json.to_owned(), |text, key| text.replace(&format!("\"{key}\": "), &format!("{key} = ")));
            let source = sources.add("params.kit", format!("{name} = {text}\n"));
            inputs.params_in_kit(sources, source, true).unwrap();
        },
        &|inputs, sources| inputs.secret(sources, "--secret", name, text.to_owned()),
    ];
    let mut all = Vec::new();
    for give in ways {
        let mut sources = Sources::new();
        let root = sources.add("secret.kit", framed(&format!("{declarations}\n{TYPES}")));
        let mut inputs = Inputs::new();
        give(&mut inputs, &mut sources);
        let mut said = format!("{inputs:?}");
        let done = match compile(&mut sources, root, &inputs) {
            Step::Done(compiled) => {
                said.push_str(&String::from_utf8(compiled.graph.to_canonical_bytes()).unwrap());
                write!(said, "{:?}{compiled:?}", compiled.graph.explain("")).unwrap();
                true
            }
            Step::Failed(findings) => {
                said.push_str(&show(&sources, &findings));
                false
            }
            Step::Need(lookups) => panic!("nothing is looked up: {lookups:?}"),
        };
        sources.iter().filter(|source| !source.name.starts_with("std/")).for_each(|source| said.push_str(&source.text));
        all.push((done, said));
    }
    all
}

#[track_caller]
fn silent(done: bool, declarations: &str, name: &str, text: &str, json: &str) {
    for (found, said) in everything(declarations, name, text, json) {
        assert_eq!(found, done, "{declarations}\n{said}");
        assert!(!said.contains(CANARY), "{declarations}\n{said}");
    }
}

const SETUP: &str = "let node = sim.Machine { image = \"debian-12\", network = net, setup = sh\"\"\"true\"\"\" with { T = t } }\ngroup all: plain.Node { machine = node, count = 1 }\nuse std/plain\n";

#[test]
fn a_secret_that_fits_is_a_name_in_the_graph() {
    let text = format!("{CANARY}-1");
    let json = format!("\"{text}\"");
    for declarations in [
        "param x: secret<string>\nlet t = x",
        "param x: secret<string>\nlet t = \"Bearer ${x} ${net.id}\"",
        "param x: secret<string>\nfn f(s: secret<string>): secret<string> = \"${s}!\"\nlet t = f(x)",
        "param x: secret<string>\nlet t = [for y in [x] { y }][0]",
        "param x: secret<string>\nlet t = ({ a = x, b = 2 } with { b = 1 }).a",
        "param x: secret<string>\ncomponent C {\n  param s: secret<string>\n  output o = \"${s}\"\n}\nresource c = C { s = x }\nlet t = c.o",
    ] {
        silent(true, &format!("{declarations}\n{SETUP}"), "x", &text, &json);
    }
    let optional = SETUP.replace("{ T = t }", "{ if x != none { T = x } }");
    silent(true, &format!("param x: secret<string>?\n{optional}"), "x", &text, &json);
    silent(
        true,
        &format!("param x: list<secret<string>>\nlet t = x[0]\n{SETUP}"),
        "x",
        &format!("[{json}]"),
        &format!("[{json}]"),
    );
    let pair = format!("{{\"a\": \"b\", \"k\": {json}}}");
    silent(true, &format!("param x: {{ a: string, k: secret<string> }}\nlet t = x.k\n{SETUP}"), "x", &pair, &pair);
    silent(true, &format!("param x: map<secret<string>>\nlet t = x[\"k\"]\n{SETUP}"), "x", &pair, &pair);
}

#[test]
fn a_secret_that_does_not_fit_is_not_repeated() {
    let text = format!("{CANARY}-1");
    let json = format!("\"{text}\"");
    for ty in [
        "secret<int>",
        "secret<ip>",
        "secret<bytes>",
        "secret<\"a\" | \"b\">",
        "secret<int | percent>",
        "secret<Long>",
        "secret<Known>",
        "secret<int>?",
        "list<secret<string>>",
        "map<secret<string>>",
        "{ a: string, k: secret<string> }",
    ] {
        silent(false, &format!("param x: {ty}"), "x", &text, &json);
    }
    // Within others; and as what is no secret beside one.
    for (ty, given) in [
        ("list<secret<int>>", format!("[1, {json}]")),
        ("map<secret<Known>>", format!("{{\"k\": {json}}}")),
        ("{ a: string, k: secret<Long> }", format!("{{\"a\": \"b\", \"k\": {json}}}")),
        ("{ a: int, k: secret<string> }", format!("{{\"a\": 1, \"b\": 2, \"k\": {json}}}")),
        ("{ a: int, k: secret<string> }", format!("{{\"k\": {json}}}")),
        ("{ a: { k: secret<string> } }", format!("{{\"a\": {json}}}")),
    ] {
        silent(false, &format!("param x: {ty}"), "x", &given, &given);
    }
    // Under a misspelt name, and where something else is wrong.
    silent(false, "param xx: secret<string>", "x", &text, &json);
    silent(false, "param x: secret<string>\nparam other: int", "x", &text, &json);
    silent(false, "param x: secret<string>\nlet a: int = \"b\"", "x", &text, &json);
    // What is no JSON at all.
    for broken in [format!("[{text}"), format!("{{\"k\": {json}, \"k\": {json}}}"), format!("{{\"k\": 1.5, {json}}}")] {
        let found = everything("param x: map<secret<string>>", "x", &broken, "1");
        assert!(found.iter().all(|(done, said)| !done && !said.contains(CANARY)), "{broken}\n{found:?}");
    }
}

/// Each secret has a name of its own, by which whoever uses the graph finds it.
#[test]
fn names_lead_to_the_secret() {
    let mut sources = Sources::new();
    let text = "param login: { user: string, password: secret<string> }\nparam keys: list<secret<string>>\nlet t = \"${login.password} ${keys[1]}\"\n";
    let root = sources.add("secret.kit", framed(&format!("{text}{SETUP}")));
    let mut inputs = Inputs::new();
    inputs.set(&mut sources, "login={\"user\": \"ada\", \"password\": \"a\"}").unwrap();
    inputs.set(&mut sources, "keys=[\"b\", \"c\"]").unwrap();
    let Step::Done(compiled) = compile(&mut sources, root, &inputs) else { panic!("it compiles") };
    let Value::Script(setup) = &compiled.graph.groups[0].machine.properties["setup"] else { panic!("a script") };
    let secret = |name: &str| Value::Secret(name.to_owned());
    assert_eq!(setup.variables["T"], Value::Concat(vec![secret("login.password"), " ".into(), secret("keys[1]")]));
}

/// The search finds what is there to be found; what is given as a secret is taken for nothing else.
#[test]
fn what_is_no_secret_is_found() {
    let text = format!("{CANARY}-1");
    let found = everything("param x: string\noutput o = x", "x", &text, &format!("\"{text}\""));
    assert!(found[..4].iter().all(|(done, said)| *done && said.contains(CANARY)));
    let found = everything("param x: int", "x", &text, &format!("\"{text}\""));
    assert!(found[..4].iter().all(|(done, said)| !done && said.contains(CANARY)));
}
