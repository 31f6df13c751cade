//! Findings in the formats of others: each of the wrong files, held against what they published.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn kitc(directory: &Path, arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kitc"))
        .args(arguments)
        .args(files)
        .current_dir(directory)
        .output()
        .expect("kitc runs")
}

/// The wrong files, and one with a warning.
fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/wrong")).expect("the corpus").flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Path::new("tests/wrong").join(entry.file_name()))
        .filter(|path| path.extension().is_some_and(|end| end == "kit"))
        // The large ones say nothing here that others do not.
        .filter(|path| fs::metadata(root().join(path)).is_ok_and(|file| file.len() < 4096))
        .collect();
    files.sort();
    assert!(files.len() >= 100, "only {} wrong files were found", files.len());
    files.push(PathBuf::from("tests/cli/fix.in/wrong.kit"));
    files.push(PathBuf::from("tests/cli/warnings.kit"));
    files.push(PathBuf::from("there is no such file.kit"));
    files
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn sarif_keeps_to_its_schema() {
    let schema = json(&fs::read(root().join("tests/schemas/sarif-2.1.0.json")).expect("the schema"));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let output = kitc(root(), &["check", "--format", "sarif"], &files());
    assert_eq!(output.status.code(), Some(1));
    let log = json(&output.stdout);
    let wrong: Vec<String> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    let listed = json(&kitc(root(), &["check", "--format", "json"], &files()).stdout);
    assert_eq!(results.len(), listed.as_array().map_or(0, Vec::len), "the same findings as in JSON");
    assert!(results.iter().any(|one| one["level"] == "warning"), "no warning");
    assert!(results.iter().any(|one| one["fixes"].is_array()), "no fix");
    assert!(results.iter().any(|one| one["relatedLocations"].is_array()), "no related location");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("a small number");
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    // It can fail.
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = Value::from("fatal");
    assert!(!validator.is_valid(&broken));
}

/// `compile` and `test` write the same log.
#[test]
fn other_verbs_keep_to_the_schema_too() {
    let schema = json(&fs::read(root().join("tests/schemas/sarif-2.1.0.json")).expect("the schema"));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let compile = ["compile", "tests/wrong/cluster-ip-twice.kit", "--format", "sarif", "-o", "/dev/null"];
    for arguments in [&compile[..], &["test", "tests/cli/tests", "--format", "sarif"]] {
        let output = kitc(root(), arguments, &[]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let log = json(&output.stdout);
        assert!(validator.is_valid(&log), "{arguments:?}");
        assert!(log["runs"][0]["results"].as_array().is_some_and(|results| !results.is_empty()), "{arguments:?}");
    }
}

#[test]
fn nothing_wrong_is_a_log_without_results() {
    let output = kitc(root(), &["check", "--format", "sarif", "examples/swarm-sim.kit"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json(&output.stdout)["runs"][0]["results"], Value::Array(Vec::new()));
}

#[test]
fn github_gets_one_command_for_each_finding() {
    let listed = json(&kitc(root(), &["check", "--format", "json"], &files()).stdout);
    let output = kitc(root(), &["check", "--format", "github"], &files());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), listed.as_array().map_or(0, Vec::len));
    for line in text.lines() {
        assert!(line.starts_with("::error ") || line.starts_with("::warning "), "{line}");
        assert!(line.contains("title=KIT"), "{line}");
    }
}

/// Mending ends, a second time changes nothing, and what is sure is gone.
#[test]
fn what_is_mended_stays_mended() {
    let directory = tempfile::tempdir().expect("a directory");
    let listed = json(&kitc(root(), &["check", "--format", "json"], &files()).stdout);
    let mut names: Vec<&str> = listed
        .as_array()
        .expect("an array")
        .iter()
        .filter(|one| one["fix"]["safe"] == true)
        .filter_map(|one| one["file"].as_str())
        .collect();
    names.dedup();
    assert!(names.len() >= 10, "only {names:?} can be mended");
    for name in names {
        let before = fs::read(root().join(name)).expect("a file");
        let copy = directory.path().join("copy.kit");
        fs::write(&copy, &before).expect("a copy");
        kitc(directory.path(), &["check", "--fix", "copy.kit"], &[]);
        let once = fs::read(&copy).expect("a copy");
        assert!(once != before, "{name} was not mended");
        let again = kitc(directory.path(), &["check", "--fix", "--format", "json", "copy.kit"], &[]);
        assert!(fs::read(&copy).expect("a copy") == once, "{name}: the second time changes more");
        let left = json(&again.stdout);
        let sure: Vec<&Value> =
            left.as_array().expect("an array").iter().filter(|one| one["fix"]["safe"] == true).collect();
        assert!(sure.is_empty(), "{name}: {sure:?}");
    }
}
