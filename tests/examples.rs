//! The clusters that users copy: each is checked, laid out and compiled as they stand, and the README shows the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn examples() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples")).expect("examples").flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "kit")).collect();
    found.sort();
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// What no graph may show.
const SECRET: &str = "hunter2";

/// The parameters that a file has no value for.
fn given(text: &str) -> Vec<&'static str> {
    let values = [
        ("\nparam ssh_key: string\n", ["--set", "ssh_key=ops"]),
        ("\nparam admins: cidr\n", ["--set", "admins=10.0.0.0/8"]),
        ("\nparam registry_token: secret<string>\n", ["--secret", "registry_token=env:REGISTRY_TOKEN"]),
    ];
    values.into_iter().filter(|(param, _)| text.contains(param)).flat_map(|(_, flag)| flag).collect()
}

fn kitc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
    command.args(arguments).current_dir(root()).env("REGISTRY_TOKEN", SECRET).output().expect("kitc runs")
}

fn succeeds(arguments: &[&str]) -> Vec<u8> {
    let output = kitc(arguments);
    assert!(output.status.success(), "kitc {arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn examples_are_right_and_laid_out() {
    for path in examples() {
        let path = path.to_str().expect("UTF-8");
        succeeds(&["check", "--deny", "warnings", path]);
        succeeds(&["fmt", "--check", path]);
    }
}

#[test]
fn examples_compile_to_the_same_bytes_each_time() {
    for path in examples() {
        let text = fs::read_to_string(&path).expect("an example");
        let path = path.to_str().expect("UTF-8");
        let mut arguments = vec!["compile", path];
        arguments.extend(given(&text));
        if text.contains("meta.aws") {
            arguments.extend(["--metadata", "tests/cli/aws-snapshot.json"]);
        }
        let first = succeeds(&arguments);
        assert!(first.starts_with(b"{\"version\":1,"), "{path}");
        assert!(!String::from_utf8_lossy(&first).contains(SECRET), "{path} shows its secret");
        assert_eq!(first, succeeds(&arguments), "{path}");
        let directory = tempfile::tempdir().expect("a directory");
        let written = directory.path().join("graph.json");
        arguments.extend(["-o", written.to_str().expect("UTF-8")]);
        succeeds(&arguments);
        assert_eq!(fs::read(&written).expect("a graph"), first, "{path}");
    }
}

#[test]
fn the_list_of_examples_names_each() {
    let list = fs::read_to_string(root().join("examples/README.md")).expect("the list");
    for path in examples() {
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        assert!(list.contains(&format!("]({name})")), "examples/README.md does not name {name}");
    }
}

#[test]
fn examples_pass_the_tests_that_stand_in_them() {
    let mut tested = 0;
    for path in examples() {
        if fs::read_to_string(&path).expect("an example").contains("\ntest \"") {
            succeeds(&["test", path.to_str().expect("UTF-8")]);
            tested += 1;
        }
    }
    assert!(tested >= 6, "only {tested} have tests");
}

#[test]
fn examples_on_the_simulated_cloud_stand_and_heal() {
    let mut simulated = 0;
    for path in examples() {
        let text = fs::read_to_string(&path).expect("an example");
        if !text.contains("\nuse std/sim\n") {
            continue;
        }
        let path = path.to_str().expect("UTF-8");
        for faults in [["--kill", "leader@60s"], ["--runs", "3"]] {
            let mut arguments = vec!["simulate", path];
            arguments.extend(faults);
            arguments.extend(given(&text));
            succeeds(&arguments);
        }
        simulated += 1;
    }
    assert!(simulated >= 8, "only {simulated} are simulated");
}

#[test]
fn the_migrated_example_is_what_the_import_makes() {
    let imported = succeeds(&["import", "infrakit", "examples/swarm-infrakit.json"]);
    let example = fs::read(root().join("examples/swarm-infrakit.kit")).expect("the example");
    assert_eq!(String::from_utf8_lossy(&imported), String::from_utf8_lossy(&example));
}

/// Lines that say something: without comments and empty ones.
fn said(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let shown = readme.split("```kit\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of Kit");
    let example = fs::read_to_string(root().join("examples/swarm-sim.kit")).expect("the example");
    assert_eq!(said(shown), said(&example));
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let kitc = env!("CARGO_BIN_EXE_kitc");
    let script = format!("'{kitc}' compile examples/swarm-sim.kit | true; echo ${{PIPESTATUS[0]}}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(root()).output().expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    // A full disk is one, and has a code.
    let full = format!("'{kitc}' compile examples/swarm-sim.kit > /dev/full");
    let output = Command::new("bash").args(["-c", &full]).current_dir(root()).output().expect("bash runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("KIT0005"));
}
