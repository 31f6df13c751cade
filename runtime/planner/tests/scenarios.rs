//! Scenarios: what is seen, and what is decided. Each file in `tests/scenarios` tells a world in lines; the block
//! after `=>` is what the planner says. `KIT_UPDATE=1` writes what it says now into the files.
#![allow(clippy::disallowed_methods, reason = "a test reads its scenarios from files")]

mod world;

use std::path::PathBuf;

use world::{World, render};

#[test]
fn each_scenario_is_decided_as_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    assert!(files.len() >= 4, "the scenarios are missing");
    let update = std::env::var("KIT_UPDATE").is_ok();
    let mut wrong = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable scenario");
        let decided = decide(&text);
        if update {
            std::fs::write(&path, &decided).expect("a writable scenario");
        } else if decided != text {
            wrong.push(format!("{}\n--- written\n{text}\n--- decided\n{decided}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The same text, with what the planner says in each `=>` block.
fn decide(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    let mut world = World::new();
    let mut told = false;
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line == "```world" {
            world = World::new();
            told = true;
            for line in lines.by_ref() {
                out.push_str(line);
                out.push('\n');
                if line == "```" {
                    break;
                }
                if !line.trim().is_empty() {
                    world.tell(line);
                }
            }
        } else if line == "```plan" {
            assert!(told, "a plan needs a world before it");
            let plan = world.plan();
            assert_eq!(plan, world.plan(), "the same inputs give the same plan");
            out.push_str(&render(&world, &plan));
            for line in lines.by_ref() {
                if line == "```" {
                    break;
                }
            }
            out.push_str("```\n");
        }
    }
    out
}
