//! Prose tests: files of sentences with examples. Under a line of an example stands what is found in it:
//! `#  ^^^^ KIT3001: part of the message`, and for further places `#  ^^^^ also: part of the label`. What is
//! found outside the example is written as `# at --set: KIT4003: part of the message`, or with its place, `# at --set:1:6: …`.

use std::path::Path;

use crate::frame::{How, framed, place, run, show};

struct Expected {
    line: u32,
    column: u32,
    end: u32,
    code: String,
    part: String,
}

/// The expectations in an example.
fn expectations(text: &str) -> (Vec<Expected>, Vec<(String, String, String)>) {
    let mut inside = Vec::new();
    let mut outside = Vec::new();
    let mut line_of_code = 0;
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap();
        let trimmed = line.trim_start();
        let carets = trimmed.strip_prefix('#').map(str::trim_start);
        match carets {
            Some(rest) if rest.starts_with('^') => {
                let before = line.find('^').unwrap();
                let column = u32::try_from(line[..before].chars().count() + 1).unwrap();
                let width = rest.chars().take_while(|c| *c == '^').count();
                let rest = rest.trim_start_matches('^').trim_start();
                let (code, part) = rest.split_once(':').unwrap_or((rest, ""));
                inside.push(Expected {
                    line: line_of_code,
                    column,
                    end: column + u32::try_from(width).unwrap(),
                    code: code.trim().to_owned(),
                    part: part.trim().to_owned(),
                });
            }
            Some(rest) if rest.starts_with("at ") => {
                let rest = &rest["at ".len()..];
                let mut parts = rest.splitn(3, ": ");
                let mut next = || parts.next().unwrap_or_default().trim().to_owned();
                outside.push((next(), next(), next()));
            }
            _ => line_of_code = number,
        }
    }
    (inside, outside)
}

fn run_file(path: &Path) -> (usize, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut failures = String::new();
    let mut count = 0;
    let mut rest = text.as_str();
    let mut before = String::new();
    while let Some(at) = rest.find("```kit") {
        before = rest[..at].trim().lines().last().unwrap_or(&before).to_owned();
        let after = &rest[at + "```kit".len()..];
        let (info, body) = after.split_once('\n').unwrap();
        let (example, next) = body.split_once("```").unwrap();
        rest = next;
        count += 1;
        if let Some(failure) = run_example(example, info) {
            failures.push_str(&format!("{} after \"{before}\":\n{example}\n{failure}\n", path.display()));
        }
    }
    (count, failures)
}

fn run_example(example: &str, info: &str) -> Option<String> {
    let how = How::read(info);
    let text = if how.alone { example.to_owned() } else { framed(example) };
    let outcome = run("example.kit", &text, &how);
    let (inside, outside) = expectations(example);
    let mut unmet = String::new();
    let mut seen = vec![false; outcome.findings.diagnostics.len()];
    let mut last: Option<usize> = None;
    for expected in &inside {
        let fits = |span: kit_lang::Span| {
            let (source, line, column, end) = place(&outcome.sources, span);
            source.0 == 0
                && line == expected.line
                && column == expected.column
                && (end == expected.end || end == u32::MAX || (end == column && expected.end == column + 1))
        };
        if expected.code == "also" {
            let hit = last.is_some_and(|last| {
                outcome.findings.diagnostics[last]
                    .labels
                    .iter()
                    .any(|label| fits(label.span) && label.message.contains(&expected.part))
            }) || outcome.findings.diagnostics.iter().any(|found| {
                found.labels.iter().any(|label| fits(label.span) && label.message.contains(&expected.part))
            });
            if !hit {
                unmet.push_str(&format!(
                    "no label {:?} at line {} column {}\n",
                    expected.part, expected.line, expected.column
                ));
            }
            continue;
        }
        let hit = outcome.findings.diagnostics.iter().enumerate().position(|(index, found)| {
            !seen[index]
                && found.code.as_str() == expected.code
                && fits(found.span)
                && (found.message.contains(&expected.part)
                    || found.help.as_ref().is_some_and(|help| help.contains(&expected.part)))
        });
        match hit {
            Some(index) => {
                seen[index] = true;
                last = Some(index);
            }
            None => unmet.push_str(&format!(
                "no {}: {:?} at line {} column {}\n",
                expected.code, expected.part, expected.line, expected.column
            )),
        }
    }
    for (name, code, part) in &outside {
        let hit = outcome.findings.diagnostics.iter().enumerate().position(|(index, found)| {
            let source = outcome.sources.get(found.span.source).map_or("", |source| source.name.as_str());
            let (_, line, column, _) = place(&outcome.sources, found.span);
            let is_there = source == name || format!("{source}:{line}:{column}") == *name;
            !seen[index] && is_there && found.code.as_str() == code && found.message.contains(part)
        });
        match hit {
            Some(index) => seen[index] = true,
            None => unmet.push_str(&format!("no {code}: {part:?} at {name}\n")),
        }
    }
    if unmet.is_empty() && seen.iter().all(|seen| *seen) {
        return None;
    }
    Some(format!("{unmet}found:\n{}", show(&outcome.sources, &outcome.findings)))
}

#[test]
fn what_is_written_of_the_language_holds() {
    let (examples, failures) = run_directory("../tests/lang");
    assert!(failures.is_empty(), "\n{failures}");
    assert!(examples > 40, "only {examples} examples were found");
}

#[test]
fn the_reference_is_of_the_language_that_there_is() {
    let (examples, failures) = run_directory("../lang/reference");
    assert!(failures.is_empty(), "\n{failures}");
    assert!(examples > 40, "only {examples} examples were found");
}

/// What is right stays so in another layout: with the line ends of Windows, with comments behind its lines, with many
/// empty lines before it, and as the formatter lays it out.
#[test]
fn what_is_right_is_so_in_any_layout() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/lang/right.md")).unwrap();
    let mut wrong = String::new();
    let mut count = 0;
    for block in text.split("```kit").skip(1) {
        let (info, body) = block.split_once('\n').unwrap();
        let (example, _) = body.split_once("```").unwrap();
        let how = How::read(info);
        // What begins a file of several is told by its line.
        let of_several = example.contains("# -- ");
        let mut layouts = vec![("windows", example.replace('\n', "\r\n")), ("far down", "\n".repeat(500) + example)];
        if !of_several {
            layouts.push(("laid out", kit_lang::format(example).unwrap()));
        }
        if !example.contains("\"\"\"") {
            layouts.push(("commented", example.replace('\n', " # so\n")));
        }
        for (layout, example) in layouts.into_iter().filter(|(layout, _)| !of_several || *layout == "far down") {
            count += 1;
            let text = if how.alone { example.clone() } else { framed(&example) };
            let outcome = run("example.kit", &text, &how);
            if !outcome.findings.diagnostics.is_empty() {
                wrong.push_str(&format!("{layout}:\n{example}\n{}\n", show(&outcome.sources, &outcome.findings)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 150, "only {count} layouts were looked at");
}

/// Runs every example of a directory; how many there are, and what is wrong with them.
fn run_directory(path: &str) -> (usize, String) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    let mut examples = 0;
    let mut failures = String::new();
    for path in paths {
        let (count, failed) = run_file(&path);
        examples += count;
        failures.push_str(&failed);
    }
    (examples, failures)
}
