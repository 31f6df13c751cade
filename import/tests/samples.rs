//! Documents beside the files that come of them, pages, and documents of any kind.
//!
//! `KIT_OVERWRITE=1 cargo test -p kit-import` writes what comes out now beside the samples; read the difference before you
//! commit it.
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use kit_compiler::Sources;
use kit_import::{CODES, Imported, MAX_DOCUMENT_BYTES, Options, infrakit};
use kit_lang::{Diagnostic, SourceId};
use serde_json::{Value, json};

fn import(text: &str) -> Result<Imported, Vec<Diagnostic>> {
    infrakit(SourceId(0), text, Options { name: None, document: "groups.json" })
}

fn samples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/infrakit");
    let mut found: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    found.sort();
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// Why the text is no file that a person could go on with.
fn faults(text: &str) -> String {
    let mut sources = Sources::new();
    let root = sources.add("imported.kit", text);
    let found = kit_compiler::check(&mut sources, root).diagnostics;
    let mut faults: String = found.iter().map(|found| format!("{}: {}\n", found.code, found.message)).collect();
    if kit_lang::format(text).ok().as_deref() != Some(text) {
        faults.push_str("it is not laid out\n");
    }
    faults
}

#[test]
fn each_sample_becomes_the_file_beside_it() {
    for path in samples() {
        let document = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let imported = infrakit(SourceId(0), &document, Options { name: None, document: name });
        let imported = imported.unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert_eq!(faults(&imported.text), "", "{name}\n{}", imported.text);
        let beside = path.with_extension("kit");
        if std::env::var_os("KIT_OVERWRITE").is_some() {
            fs::write(&beside, &imported.text).unwrap();
        }
        assert_eq!(imported.text, fs::read_to_string(&beside).unwrap(), "{name}");
        for note in &imported.notes {
            assert!(note.line >= 1 && note.line as usize <= document.lines().count(), "{note:?}");
            let last = note.path.rsplit(['.', '[', ']']).find(|step| !step.is_empty()).unwrap();
            let line = document.lines().nth(note.line as usize - 1).unwrap();
            let shown = last.parse::<usize>().is_ok() || line.contains(last.trim_matches('"'));
            assert!(shown, "{name}: `{}` is not in line {}: {line}", note.path, note.line);
        }
    }
}

/// The block of JSON under a line that is `word`.
fn example<'p>(page: &'p str, word: &str) -> &'p str {
    let rest = page.split_once(&format!("\n{word}:\n")).expect("an example").1;
    let body = rest.split_once("```json\n").expect("a block").1;
    body.split_once("```").expect("an end").0
}

#[test]
fn each_page_shows_what_its_code_means() {
    for info in CODES {
        let errors = import(example(info.page, "Wrong")).expect_err("an error");
        let codes: Vec<&str> = errors.iter().map(|error| error.code.as_str()).collect();
        assert_eq!(codes, [info.code.as_str()], "{errors:?}");
        let imported = import(example(info.page, "Right")).unwrap_or_else(|errors| panic!("{}: {errors:?}", info.code));
        assert_eq!(faults(&imported.text), "", "{}", imported.text);
    }
}

/// Every way into a value.
fn ways(value: &Value, way: &str, found: &mut Vec<String>) {
    found.push(way.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                ways(value, &format!("{way}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                ways(value, &format!("{way}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn whatever_stands_in_a_document_it_is_refused_or_becomes_a_right_file() {
    let strange = [
        json!(null),
        json!(0),
        json!(-1),
        json!(""),
        json!([]),
        json!({}),
        json!("{{ var `x` }}"),
        json!("\u{0}\n# \"${x}\" */ \u{202e}"),
        json!("10.0.0.1"),
        json!(["255.255.255.254", "group"]),
        json!({ "Plugin": "combo", "Properties": { "Plugin": "combo" } }),
    ];
    let (mut right, mut refused) = (0, 0);
    for path in samples() {
        let document: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut all = Vec::new();
        ways(&document, "", &mut all);
        for (index, way) in all.iter().enumerate() {
            // Each place gets some of them, so that all together stay quick.
            for turn in 0..2 {
                let mut changed = document.clone();
                *changed.pointer_mut(way).unwrap() = strange[(index * 2 + turn) % strange.len()].clone();
                let text = serde_json::to_string_pretty(&changed).unwrap();
                match import(&text) {
                    Ok(imported) => {
                        right += 1;
                        assert_eq!(faults(&imported.text), "", "{way} in\n{text}\n{}", imported.text);
                    }
                    Err(errors) => {
                        refused += 1;
                        assert!(!errors.is_empty(), "{text}");
                        for error in errors {
                            assert!((error.span.end as usize) <= text.len(), "{error:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(right > 100 && refused > 100, "{right} right, {refused} refused");
}

#[test]
fn a_document_that_is_cut_anywhere_is_refused_in_its_place() {
    let path = samples().remove(0);
    let document = fs::read_to_string(path).unwrap();
    let whole = document.trim_end().len();
    for cut in (0..whole).filter(|cut| document.is_char_boundary(*cut)) {
        let errors = import(&document[..cut]).expect_err("half a document");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].code.as_str(), "KIT0030");
        assert!((errors[0].span.end as usize) <= cut);
    }
}

#[test]
fn what_is_no_json_is_told_what_it_is() {
    let help = |text: &str| import(text).expect_err("an error").remove(0).help.unwrap_or_default();
    assert!(help("").contains("empty"));
    assert!(help("\u{feff}[]").contains("byte order mark"));
    assert!(help("- Plugin: group\n  Properties:\n").contains("YAML"));
    assert_eq!(help("[{]"), "");
}

#[test]
fn documents_beyond_all_measure_are_refused_soon() {
    let refused = |text: &str| import(text).expect_err("an error").remove(0).code.as_str();
    assert_eq!(refused(&" ".repeat(MAX_DOCUMENT_BYTES + 1)), "KIT0034");
    assert_eq!(refused(&"[".repeat(100_000)), "KIT0030");
    assert_eq!(refused(&format!("[{}1]", "1,".repeat(1_000_000))), "KIT0034");
    let group = |allocation: &str| {
        format!(
            r#"{{"ID":"w","Properties":{{"Allocation":{allocation},"Instance":{{"Plugin":"file"}},"Flavor":{{"Plugin":"swarm/worker"}}}}}}"#
        )
    };
    let many = |count: u32| {
        let ids: Vec<String> =
            (0..count).map(|n| format!("\"10.{}.{}.{}\"", n >> 16, (n >> 8) & 255, n & 255)).collect();
        format!("{{\"LogicalIDs\":[{}]}}", ids.join(","))
    };
    assert_eq!(refused(&group(&many(10_001))), "KIT0034");
    assert_eq!(refused(&group(&many(30_000))), "KIT0034");
    assert_eq!(refused(&format!("[{}]", vec![group("{\"Size\":1}"); 201].join(","))), "KIT0034");
}

#[test]
fn ten_thousand_machines_in_one_line_are_no_matter() {
    let ids: Vec<String> = (256..10_000).map(|n| format!("10.0.{}.{}", n >> 8, n & 255)).collect();
    let attachments: serde_json::Map<String, Value> =
        ids.iter().map(|id| (id.clone(), json!([{ "ID": id, "Type": "ebs" }]))).collect();
    let document = json!({
        "ID": "w",
        "Properties": {
            "Allocation": { "LogicalIDs": ids },
            "Instance": { "Plugin": "simulator/compute" },
            "Flavor": { "Plugin": "swarm/worker", "Properties": { "Attachments": attachments } },
        },
    });
    let begun = std::time::Instant::now();
    let imported = import(&document.to_string()).expect("a file");
    // What grows with the square of the machines takes a minute here.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    assert_eq!(imported.text.matches("  member ").count(), ids.len());
}

#[test]
fn all_mistakes_are_found_in_one_run() {
    let document = r#"[
      { "ID": "m", "Properties": { "Allocation": { "LogicalIDs": ["10.0.1.11", "10.0.1.11"] },
        "Instance": { "Plugin": 3 }, "Flavor": { "Plugin": "swarm/manager" } } },
      { "ID": "w", "Properties": { "Allocation": { "Size": 1, "LogicalIDs": ["a"] }, "Instance": { "Plugin": "file" } } },
      { "Properties": {} }
    ]"#;
    let errors = import(document).expect_err("errors");
    let shown: Vec<String> = errors.iter().map(|error| format!("{} {}", error.code, error.message)).collect();
    assert_eq!(
        shown,
        [
            "KIT0033 \"10.0.1.11\" is the logical ID of two machines",
            "KIT0031 `[0].Properties.Instance.Plugin` is a number, where the name of a plugin is wanted",
            "KIT0031 the group \"w\" has no `Flavor`",
            "KIT0031 `[1].Properties.Allocation` has both a Size and LogicalIDs",
            "KIT0031 `[2]` is a group without an ID",
        ]
    );
}
