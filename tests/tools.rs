//! What other tools take from `kitc`: a schema of parameters, a GitHub Action, the hooks of pre-commit.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn kitc(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kitc")).args(arguments).current_dir(root()).output().expect("kitc runs")
}

fn schema(file: &str) -> Value {
    let output = kitc(&["compile", "--schema", file]);
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_schema_of_each_example_is_one() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("examples")).expect("examples").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "kit") {
            let schema = schema(path.to_str().expect("UTF-8"));
            if let Err(error) = jsonschema::meta::validate(&schema) {
                panic!("{}: {error}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} examples");
}

/// A file of parameters is right for the schema exactly if it is for the compiler.
#[test]
fn the_schema_says_what_the_compiler_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("cluster.kit");
    let declared = "\
type Port = int where it in 1..=65535 else \"a port is a number from 1 to 65535\"

## Machines in all.
param size: int = 4 where it > 3 && it <= 9 else \"four to nine machines\"
param key: string
param admins: list<cidr> = [10.0.0.0/8]
param type: \"small\" | \"large\" = \"small\"
param listen: { port: Port, host: ip? } = { port: 80 }
param disk: bytes = 20GiB
param grace: duration? = 30s
param away: int | percent = 25%
param labels: map<string> = {}
param token: secret<string>? = none
";
    let declared = declared.replace("{ port: 80 }", "{ port = 80 }");
    let rest = "
use std/sim
cluster { name = \"demo\", provider = sim.Provider {} }
";
    fs::write(&file, declared + rest).expect("a file");
    let path = file.to_str().expect("UTF-8");
    let schema = schema(path);
    jsonschema::meta::validate(&schema).expect("it is a schema");
    assert_eq!(schema["properties"]["size"]["description"], "Machines in all.\nfour to nine machines");
    assert_eq!(schema["properties"]["size"]["default"], 4);
    assert_eq!(schema["properties"]["disk"]["default"], "20GiB");
    assert_eq!(schema["properties"]["admins"]["default"], json!(["10.0.0.0/8"]));
    assert_eq!(schema["required"], json!(["key"]));
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let given = directory.path().join("parameters.json");
    let samples = [
        (json!({ "key": "ops" }), true),
        (json!({ "key": "ops", "size": 9, "type": "large", "disk": "1TiB", "grace": null, "away": "5%" }), true),
        (
            json!({ "key": "ops", "listen": { "port": 443, "host": "fd00::1" }, "labels": { "a": "b" }, "away": 2 }),
            true,
        ),
        (json!({}), false),
        (json!({ "key": 3 }), false),
        (json!({ "key": "ops", "size": 3 }), false),
        (json!({ "key": "ops", "size": 10 }), false),
        (json!({ "key": "ops", "size": "4" }), false),
        (json!({ "key": "ops", "type": "medium" }), false),
        (json!({ "key": "ops", "disk": 20 }), false),
        (json!({ "key": "ops", "disk": "20GB" }), false),
        (json!({ "key": "ops", "admins": ["office"] }), false),
        (json!({ "key": "ops", "listen": { "host": "10.0.0.1" } }), false),
        (json!({ "key": "ops", "listen": { "port": 70000 } }), false),
        (json!({ "key": "ops", "listen": { "port": 80, "path": "/" } }), false),
        (json!({ "key": "ops", "sise": 4 }), false),
    ];
    for (sample, right) in samples {
        assert_eq!(validator.is_valid(&sample), right, "the schema: {sample}");
        fs::write(&given, sample.to_string()).expect("a file");
        let output = kitc(&["compile", path, "--params", given.to_str().expect("UTF-8")]);
        assert_eq!(output.status.success(), right, "{sample}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The script of the action, as a workflow runs it.
fn run_action(directory: &Path, files: &str, deny: &str) -> (Option<i32>, String) {
    let action = fs::read_to_string(root().join("action.yml")).expect("the action");
    let (_, script) = action.split_once("      run: |\n").expect("a script");
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(directory)
        .env("FILES", files)
        .env("DENY", deny)
        .env("KITC", env!("CARGO_BIN_EXE_kitc"))
        .env("SOURCE", root())
        .output()
        .expect("bash runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_action_shows_what_is_wrong_at_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    for (from, to) in [("examples/swarm-sim.kit", "right.kit"), ("tests/cli/warnings.kit", "warned.kit")] {
        fs::copy(root().join(from), directory.path().join(to)).expect("a copy");
    }
    assert_eq!(run_action(directory.path(), "right.kit", ""), (Some(0), String::new()));
    let (code, shown) = run_action(directory.path(), "*.kit", "");
    assert_eq!((code, shown.lines().count()), (Some(0), 2), "{shown}");
    assert!(shown.starts_with("::warning file=warned.kit,line=1,"), "{shown}");
    let (code, shown) = run_action(directory.path(), "*.kit", "KIT6001 KIT6002");
    assert_eq!((code, shown.lines().count()), (Some(1), 2), "{shown}");
    assert!(shown.starts_with("::error file=warned.kit,line=1,"), "{shown}");
    // A directory is looked through, and a module is checked by itself.
    assert_eq!(run_action(root(), "examples", "warnings"), (Some(0), String::new()));
    // What is no file is an error, and not nothing to check.
    assert_eq!(run_action(directory.path(), "none/*.kit", "").0, Some(1));
}

#[test]
fn each_hook_of_pre_commit_is_a_verb() {
    let hooks = fs::read_to_string(root().join(".pre-commit-hooks.yaml")).expect("the hooks");
    let verbs: Vec<&str> = hooks.lines().filter_map(|line| line.trim().strip_prefix("entry: kitc ")).collect();
    assert_eq!(verbs, ["check", "fmt", "test"]);
    for verb in verbs {
        assert!(kitc(&[verb, "--help"]).status.success(), "{verb}");
    }
}
