//! Wrong files, as nasty as we could think of. Each must be refused with a code and a place, quickly, and in the words of its golden
//! file: what a person sees, then what a program gets.
//!
//! `KIT_BLESS=1 cargo test --test wrong` writes the golden files anew; read the difference before you commit it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Far more than any of these takes in an unoptimised build on a busy machine; a hang takes longer.
const LONGEST: Duration = Duration::from_secs(10);

/// A golden file keeps so many bytes of a line, and the test compares no more: some of these files are one long line.
const MAX_LINE: usize = 400;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

/// Runs kitc on what a test gives it; one that hangs is ended, and answers as if a signal had ended it.
fn kitc(arguments: &[&str]) -> Output {
    let mut stdout = tempfile::tempfile().expect("a file");
    let mut stderr = tempfile::tempfile().expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_kitc"))
        .args(arguments)
        .current_dir(directory())
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().expect("a handle"))
        .stderr(stderr.try_clone().expect("a handle"))
        .spawn()
        .expect("kitc runs");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("kitc is our child") {
            break status;
        }
        if began.elapsed() > LONGEST {
            child.kill().expect("kitc is our child");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let written = |file: &mut File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).expect("what kitc wrote");
        bytes
    };
    Output { status, stdout: written(&mut stdout), stderr: written(&mut stderr) }
}

fn utf8(bytes: Vec<u8>, what: &str) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| panic!("{what} is not UTF-8: {error}"))
}

/// What is wrong with the answer to one file, or its golden text.
fn answer(name: &str) -> Result<String, String> {
    let human = kitc(&["check", "--color", "never", name]);
    let shown = utf8(human.stderr, name);
    if human.status.code() != Some(1) {
        return Err(format!("{name}: ends with {:?}, and not with 1:\n{shown}", human.status));
    }
    if shown.contains('\x1b') || shown.contains('\u{202e}') {
        return Err(format!("{name}: what a terminal obeys reaches it"));
    }
    let json = kitc(&["check", "--format", "json", name]);
    if json.status.code() != Some(1) {
        return Err(format!("{name}: --format json ends with {:?}", json.status));
    }
    let entries: Vec<Value> =
        serde_json::from_slice(&json.stdout).map_err(|error| format!("{name}: not a JSON array: {error}"))?;
    if entries.is_empty() {
        return Err(format!("{name}: no error is listed"));
    }
    let bytes = fs::read(directory().join(name)).map_err(|error| format!("{name}: {error}"))?;
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    let mut golden = shown + "--- json\n";
    for entry in &entries {
        check_entry(name, entry, lines)?;
        let _ = writeln!(golden, "{entry}");
    }
    Ok(golden.lines().fold(String::new(), |mut text, line| {
        let end = (0..=MAX_LINE.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        let _ = writeln!(text, "{}", &line[..end]);
        text
    }))
}

/// Each entry has a known code, words, and a place that is in the file.
fn check_entry(name: &str, entry: &Value, lines: u64) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{name}: {what}: {entry}"));
    if !entry["code"].as_str().is_some_and(|code| code.starts_with("KIT") && code.len() == 7) {
        return wrong("no code");
    }
    if entry["message"].as_str().is_none_or(str::is_empty) {
        return wrong("no message");
    }
    let places = std::iter::once(entry).chain(entry["labels"].as_array().into_iter().flatten());
    for place in places {
        let (file, line, column) = (place["file"].as_str(), place["line"].as_u64(), place["column"].as_u64());
        let (Some(file), Some(line), Some(column)) = (file, line, column) else { return wrong("no place") };
        if file.is_empty() || line == 0 || column == 0 || (file == name && line > lines) {
            return wrong("a place that is nowhere");
        }
    }
    if entry["file"] != name {
        return wrong("the place is not in the file that was checked");
    }
    let (end_line, end_column) = (entry["end_line"].as_u64(), entry["end_column"].as_u64());
    if (end_line, end_column) < (entry["line"].as_u64(), entry["column"].as_u64()) {
        return wrong("the place ends before it begins");
    }
    Ok(())
}

#[test]
fn wrong_files_are_refused_with_a_code_and_a_place() {
    let mut names: Vec<String> = fs::read_dir(directory())
        .expect("the corpus")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".kit"))
        .collect();
    names.sort();
    assert!(names.len() >= 150, "only {} wrong files were found", names.len());
    let bless = std::env::var_os("KIT_BLESS").is_some();
    let mut problems = String::new();
    for name in &names {
        let golden_path = directory().join(name).with_extension("golden");
        match answer(name) {
            Err(problem) => problems += &format!("{problem}\n\n"),
            Ok(answer) if bless => fs::write(golden_path, answer).expect("a golden file is written"),
            Ok(answer) => {
                let golden = fs::read_to_string(&golden_path).unwrap_or_default();
                if golden != answer {
                    let difference = similar::TextDiff::from_lines(&golden, &answer);
                    problems += &format!("{name}\n{}\n", difference.unified_diff().context_radius(1));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems}\nKIT_BLESS=1 writes the golden files anew");
}

#[test]
fn five_thousand_errors_are_capped_and_cost_little() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("many.kit");
    let text: String = (0..5000).map(|n| format!("let a{n} = undefined_{n}\n")).collect();
    fs::write(&path, text).expect("a file");
    let output = kitc(&["check", "--format", "json", path.to_str().expect("UTF-8")]);
    let entries: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON array");
    assert_eq!(output.status.code(), Some(1));
    let last = entries.last().expect("an entry");
    assert_eq!(last["code"], "KIT0007", "{last}");
    assert!(entries.len() <= 101, "{} entries", entries.len());
}

#[test]
fn files_that_are_none_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let code_of = |file: &str| {
        let output = kitc(&["check", "--format", "json", file]);
        let entries: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON array");
        assert_eq!(output.status.code(), Some(1), "{file}");
        entries[0]["code"].as_str().expect("a code").to_owned()
    };
    assert_eq!(code_of(&path("absent.kit")), "KIT0001");
    assert_eq!(code_of("/proc/self/mem"), "KIT0003");
    // Endless: it is read up to the limit, and no further.
    assert_eq!(code_of("/dev/zero"), "KIT1022");
    std::os::unix::fs::symlink("loop.kit", directory.path().join("loop.kit")).expect("a link");
    assert_eq!(code_of(&path("loop.kit")), "KIT0003");
}
