//! Each file in `cases/` is wrong in one way; beside it stands what Kit says about it.
//! `UPDATE_GOLDENS=1 cargo test -p kit-lang --test errors` writes the answers anew: read the difference.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kit_lang::{CODES, Diagnostic, LineIndex, SourceId, Span, parse};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn kit_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "kit"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no case in {}", directory.display());
    files
}

fn show(text: &str, diagnostics: &[Diagnostic]) -> String {
    let lines = LineIndex::new(text);
    let place = |span: Span| {
        let (from, to) = (lines.position(text, span.start), lines.position(text, span.end));
        format!("{}:{} to {}:{}", from.line, from.column, to.line, to.column)
    };
    let mut out = String::new();
    for found in diagnostics {
        writeln!(out, "{} {}: {}", found.code, place(found.span), found.message).unwrap();
        for label in &found.labels {
            writeln!(out, "    {}: {}", place(label.span), label.message).unwrap();
        }
        if let Some(help) = &found.help {
            writeln!(out, "    help: {help}").unwrap();
        }
        if let Some(fix) = &found.fix {
            let how = if fix.safe { "fix" } else { "perhaps" };
            for edit in &fix.edits {
                writeln!(out, "    {how}: {}: {:?}", place(edit.span), edit.replacement).unwrap();
            }
        }
    }
    out
}

fn golden(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs", path.display());
}

#[test]
fn wrong_files_say_what_is_wrong() {
    for file in kit_files(&directory("cases")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let parsed = parse(&text);
        assert_eq!(parsed.syntax().text(), text.as_str(), "{}", file.display());
        let diagnostics = parsed.diagnostics(SourceId(0));
        assert!(!diagnostics.is_empty(), "{} is not wrong", file.display());
        for found in &diagnostics {
            assert!(found.code.info().is_some(), "{} has no page", found.code);
        }
        golden(&file.with_extension("txt"), &show(&text, &diagnostics));
    }
}

#[test]
fn every_code_of_the_grammar_is_met_in_a_case() {
    let met: Vec<_> = kit_files(&directory("cases"))
        .iter()
        .flat_map(|file| parse(&std::fs::read_to_string(file).unwrap()).diagnostics(SourceId(0)))
        .map(|found| found.code)
        .collect();
    for info in CODES {
        // These two are found in bytes, before there is a text; `decode` has tests of its own.
        let of_bytes = matches!(info.code.as_str(), "KIT1001" | "KIT1022");
        assert!(of_bytes || met.contains(&info.code), "no case for {}", info.code);
    }
}

#[test]
fn the_tree_of_the_flagship() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/swarm-aws.kit");
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = parse(&text);
    assert!(!parsed.has_errors());
    golden(&directory("trees").join("swarm-aws.tree"), &format!("{:#?}", parsed.syntax()));
}

#[test]
fn every_page_shows_a_wrong_file_and_a_right_one() {
    for info in CODES {
        let examples: Vec<&str> =
            info.page.split("```kit\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(
            info.page.starts_with(&format!("# {}: {}\n", info.code, info.title)),
            "{} has another title",
            info.code
        );
        if matches!(info.code.as_str(), "KIT1001" | "KIT1022") {
            continue;
        }
        assert_eq!(examples.len(), 2, "{} has not two examples", info.code);
        let wrong = parse(examples[0]).diagnostics(SourceId(0));
        assert!(
            wrong.iter().any(|found| found.code == info.code),
            "the wrong example of {} gives {wrong:?}",
            info.code
        );
        let right = parse(examples[1]).diagnostics(SourceId(0));
        assert!(right.is_empty(), "the right example of {} gives {right:?}", info.code);
    }
}
