//! The examples that users copy are right, and one of them has a golden for each phase.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kit_graph::{Graph, Value};

use crate::frame::{How, run, show};

/// The examples, and what is given to compile them.
const EXAMPLES: [(&str, &str); 5] = [
    ("swarm-sim.kit", "compile"),
    ("swarm-docker.kit", "compile"),
    ("swarm-generated.kit", "compile"),
    (
        "swarm-aws.kit",
        r#"compile --params {"ssh_key": "ops", "admins": "198.51.100.0/24"} --metadata {"aws.region": "eu-west-1", "aws.image(\"debian-12-amd64-*\")": "ami-0a1b2c3d"}"#,
    ),
    ("swarm-zones.kit", "compile"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(name)).unwrap()
}

fn compiled(name: &str, how: &str) -> Graph {
    let outcome = run(&format!("examples/{name}"), &read(name), &How::read(how));
    match outcome.graph {
        Some(graph) => graph,
        None => panic!("{name}:\n{}", show(&outcome.sources, &outcome.findings)),
    }
}

/// Compares with a file; `KIT_UPDATE_GOLDENS=1` writes it.
fn golden(name: &str, found: &str) {
    let path = root().join("tests/goldens").join(name);
    if std::env::var_os("KIT_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    let line = wanted.lines().zip(found.lines()).position(|(a, b)| a != b);
    assert!(
        wanted == found,
        "{name} differs first at line {:?}; if that is meant, run again with KIT_UPDATE_GOLDENS=1",
        line.map(|line| line + 1)
    );
}

#[test]
fn the_examples_check_clean() {
    for (name, _) in EXAMPLES {
        let outcome = run(name, &read(name), &How::default());
        assert!(outcome.findings.diagnostics.is_empty(), "{}", show(&outcome.sources, &outcome.findings));
    }
}

#[test]
fn each_example_compiles_to_a_graph_of_the_schema() {
    let schema = serde_json::from_str(kit_graph::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, how) in EXAMPLES {
        let graph = compiled(name, how);
        let bytes = graph.to_canonical_bytes();
        let json = serde_json::from_slice(&bytes).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path)).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert_eq!(Graph::from_bytes(&bytes).unwrap(), graph, "{name} reads back as it was written");
        assert_eq!(compiled(name, how).to_canonical_bytes(), bytes, "{name} has the same bytes each time");
        let (sealed, made) = graph.clone().sealed_with_bytes();
        assert_eq!((sealed, made), (graph, bytes), "{name} is sealed as it is written");
    }
}

#[test]
fn the_schema_refuses_what_is_no_graph() {
    let schema = serde_json::from_str(kit_graph::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let graph: serde_json::Value =
        serde_json::from_slice(&compiled("swarm-sim.kit", "compile").to_canonical_bytes()).unwrap();
    let spoiled: [(&str, serde_json::Value); 5] = [
        ("/version", 2.into()),
        ("/hash", "sha256:abc".into()),
        ("/groups/0/role/type", "Manager".into()),
        ("/groups/1/count", (-1).into()),
        ("/resources/0/properties/cidr", serde_json::json!({"$ref": 5})),
    ];
    for (pointer, value) in spoiled {
        let mut copy = graph.clone();
        *copy.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&copy), "{pointer} may be anything");
    }
}

#[test]
fn one_example_has_a_golden_for_each_phase() {
    let text = read("swarm-sim.kit");
    golden("swarm-sim.tree", &format!("{:#?}", kit_lang::parse(&text).syntax()));
    let mut sources = kit_compiler::Sources::new();
    let root = sources.add("examples/swarm-sim.kit", text.as_str());
    golden("swarm-sim.types", &kit_compiler::describe(&mut sources, root));
    golden("swarm-sim.graph.json", &compiled("swarm-sim.kit", "compile").to_pretty_string());
}

#[test]
fn drawings_show_groups_members_and_edges() {
    let graph = compiled("swarm-sim.kit", "compile");
    golden("swarm-sim.dot", &kit_graph::draw::dot(&graph));
    golden("swarm-sim.mermaid", &kit_graph::draw::mermaid(&graph));
}

#[test]
fn an_address_is_explained() {
    let graph = compiled("swarm-sim.kit", "compile --set size=6");
    let mut text = String::new();
    for address in ["managers.m1", "managers.members[\"m2\"].ip", "workers", "cluster.name", "outputs.entry"] {
        for one in graph.explain(address) {
            let origin = one.origin.expect("an origin");
            let value = serde_json::to_string(&one.value).unwrap();
            let _ = writeln!(
                text,
                "{} = {value}  {}:{}:{} {:?}",
                one.address, origin.file, origin.line, origin.column, origin.kind
            );
        }
    }
    golden("swarm-sim.explained", &text);
    assert!(graph.explain("managers.m9").is_empty());
    let generated = compiled("swarm-generated.kit", "compile").explain("managers.m2.ip");
    let origin = generated.first().and_then(|one| one.origin.as_ref()).map(|origin| (origin.line, origin.column));
    assert_eq!(origin, Some((37, 16)), "{generated:?}");
}

#[test]
fn a_line_moved_changes_no_hash_and_a_value_does() {
    let text = read("swarm-sim.kit");
    let hash = |text: &str| run("a.kit", text, &How::read("compile")).graph.unwrap().hash;
    let first = hash(&text);
    assert_eq!(first, hash(&format!("# moved\n\n{text}")));
    assert_ne!(first, hash(&text.replace("20GiB", "21GiB")));
}

#[test]
fn a_test_changes_no_graph() {
    let text = read("swarm-sim.kit");
    let bytes = |text: &str| run("a.kit", text, &How::read("compile")).graph.unwrap().to_canonical_bytes();
    let tested = format!(
        "{text}\ntest \"five\" with {{ size = 5 }} {{\n  let spare = workers.count - 1\n  require spare == 9 else \"it is not\"\n}}\n"
    );
    assert_eq!(bytes(&text), bytes(&tested));
    // The test is one: it is run, and fails.
    let outcome = run("a.kit", &tested, &How::read("test"));
    let codes: Vec<&str> = outcome.findings.diagnostics.iter().map(|found| found.code.as_str()).collect();
    assert_eq!(codes, ["KIT5004"]);
}

#[test]
fn answers_are_fixed_in_the_graph() {
    let graph = compiled(EXAMPLES[3].0, EXAMPLES[3].1);
    let lookups: BTreeMap<String, Value> = [
        ("aws.region".to_owned(), Value::String("eu-west-1".to_owned())),
        ("aws.image(\"debian-12-amd64-*\")".to_owned(), Value::String("ami-0a1b2c3d".to_owned())),
    ]
    .into();
    assert_eq!(graph.lookups, lookups);
}
