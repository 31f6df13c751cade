//! Scripts in the graph: as they are written there, read back, explained, drawn and hashed.

use kit_graph::{Graph, Script, Value};

use crate::frame::{How, framed, run, show};

const TEXT: &str = r#"use std/plain
param name: string = "x"
let base = sh"""
  #!/bin/bash -eu
  echo "${NAME}" "$ID"
""" with { NAME = name, ID = net.id, LEVEL = 3 }
let node = sim.Machine { image = "debian-12", network = net, setup = base }
group stores: plain.Node {
  machine = node
  member s1 { ip = 10.0.1.11 }
  member s2 { ip = 10.0.1.12, setup = base with { NAME = "two" } }
}
"#;

fn compiled(text: &str, how: &str) -> Graph {
    let outcome = run("scripts.kit", &framed(text), &How::read(how));
    outcome.graph.unwrap_or_else(|| panic!("{}", show(&outcome.sources, &outcome.findings)))
}

fn setup(graph: &Graph) -> Script {
    match &graph.groups[0].machine.properties["setup"] {
        Value::Script(script) => (**script).clone(),
        other => panic!("{other:?} is no script"),
    }
}

#[test]
fn a_script_reaches_its_machines() {
    let graph = compiled(TEXT, "compile");
    let wanted = serde_json::json!({ "$script": {
        "text": "#!/bin/bash -eu\necho \"${NAME}\" \"$ID\"\n",
        "variables": { "ID": { "$ref": "net.id" }, "LEVEL": 3, "NAME": "x" },
    } });
    assert_eq!(serde_json::to_value(&graph.groups[0].machine.properties["setup"]).unwrap(), wanted);
    let own = &graph.groups[0].members()[1].machine["setup"];
    assert_eq!(serde_json::to_value(own).unwrap().pointer("/$script/variables/NAME").unwrap(), "two");
    assert!(graph.groups[0].members()[0].machine.is_empty());
    let bytes = graph.to_canonical_bytes();
    assert_eq!(Graph::from_bytes(&bytes).unwrap(), graph);
    assert_eq!(compiled(TEXT, "compile").to_canonical_bytes(), bytes);
    let schema = serde_json::from_str(kit_graph::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert!(validator.is_valid(&json), "{:?}", validator.iter_errors(&json).map(|e| e.to_string()).collect::<Vec<_>>());
    let at = "/groups/0/machine/properties/setup/$script";
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "text": 1 }),
        serde_json::json!({ "text": "", "variables": { "A-B": 1 } }),
        serde_json::json!({ "text": "", "variables": { "A": [] } }),
        serde_json::json!({ "text": "", "shell": "sh" }),
    ] {
        let mut spoiled = json.clone();
        *spoiled.pointer_mut(at).unwrap() = wrong.clone();
        assert!(!validator.is_valid(&spoiled), "{wrong}");
    }
}

#[test]
fn what_a_script_needs_is_made_first_and_drawn() {
    let graph = compiled(TEXT, "compile");
    assert_eq!(graph.groups[0].depends_on, ["net"]);
    let other = "resource other = sim.Network { cidr = 10.1.0.0/16, subnet = 10.1.1.0/24 }\n";
    let graph = compiled(&format!("{}{other}", TEXT.replace("ID = net.id", "ID = other.id")), "compile");
    assert_eq!(graph.groups[0].depends_on, ["net", "other"]);
    assert!(kit_graph::draw::dot(&graph).contains(r#"-> "other""#));
}

#[test]
fn a_script_and_its_variables_are_explained_apart() {
    let graph = compiled(TEXT, "compile --set name=y");
    let lines: Vec<String> = graph
        .explain("stores.machine.setup")
        .iter()
        .map(|one| {
            let origin = one.origin.as_ref().expect("an origin");
            let value = serde_json::to_string(&one.value).unwrap();
            format!("{} = {value}  {}:{}:{}", one.address, origin.file, origin.line, origin.column)
        })
        .collect();
    assert_eq!(
        lines,
        [
            r##"stores.machine.setup = {"$script":{"text":"#!/bin/bash -eu\necho \"${NAME}\" \"$ID\"\n"}}  scripts.kit:3:12"##,
            r#"stores.machine.setup.ID = {"$ref":"net.id"}  scripts.kit:6:30"#,
            r#"stores.machine.setup.LEVEL = 3  scripts.kit:6:46"#,
            r#"stores.machine.setup.NAME = "y"  --set:1:6"#,
        ]
    );
}

/// Where the script stands in its file, and in which order its variables are given, changes no machine; text and values do.
#[test]
fn only_what_a_script_says_changes_its_hash() {
    let hash = |text: &str| compiled(text, "compile").hash;
    let first = hash(TEXT);
    assert_eq!(first, hash(&TEXT.replace("\n  #!/bin/bash -eu\n  echo", "\n\t#!/bin/bash -eu\n\techo")));
    assert_eq!(first, hash(&TEXT.replace("NAME = name, ID = net.id", "ID = net.id, NAME = name")));
    assert_eq!(setup(&compiled(TEXT, "compile")), setup(&compiled(&TEXT.replace('\n', "\r\n"), "compile")));
    for (from, to) in [("echo", "printf"), ("LEVEL = 3", "LEVEL = \"3\""), ("LEVEL", "DEPTH"), ("-eu", "-e")] {
        assert_ne!(first, hash(&TEXT.replace(from, to)), "{from} -> {to}");
    }
}

#[test]
fn the_layout_leaves_a_script_alone() {
    let text = "let a=sh\"\"\"\n   if x ;then\n\t y  \n fi\n\"\"\"  with{A=1,B   = 2}\n";
    let formatted = kit_lang::format(text).expect("it has no errors");
    assert_eq!(formatted, "let a = sh\"\"\"\n   if x ;then\n\t y  \n fi\n\"\"\" with { A = 1, B = 2 }\n");
    assert_eq!(kit_lang::format(&formatted).expect("nor now"), formatted);
}
