//! Whether shells can read the scripts of a file: `sh -n`, or the shell that a script's first line names, which reads a
//! text to its end and carries nothing of it out.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kit_compiler::Sources;
use kit_lang::ast::{AstNode as _, Script};
use kit_lang::script_text::ScriptText;
use kit_lang::{Diagnostic, Source, Span};

use crate::codes;

/// How long a shell may read one script. It takes a few milliseconds; a shell that hangs must not hang a check.
const LONGEST: Duration = Duration::from_secs(5);

/// How long all scripts of a file may take together: thousands are read in this time, and a person who waits for more thinks
/// that kitc hangs.
const LONGEST_OF_ALL: Duration = Duration::from_secs(30);

/// How often it is looked whether the shell is done.
const STEP: Duration = Duration::from_millis(1);

/// Bytes that are read of what a shell says; the first line of it is enough.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Shows each script of these texts to its shell. The modules of the standard library hold none.
pub(crate) fn scripts_of(sources: &mut Sources) -> Vec<Diagnostic> {
    let ids: Vec<_> =
        sources.iter().filter(|source| source.text.contains("sh\"\"\"")).map(|source| source.id).collect();
    let mut found = Vec::new();
    let until = Instant::now() + LONGEST_OF_ALL;
    for id in ids {
        let parsed = sources.parse(id);
        if parsed.has_errors() {
            // A script without an end would be the rest of its file.
            continue;
        }
        let Some(source) = sources.get(id) else { continue };
        let scripts = parsed.syntax().descendants().filter_map(Script::cast);
        found.extend(scripts.filter_map(|script| one(source, &script, until)));
    }
    found
}

fn one(source: &Source, script: &Script, until: Instant) -> Option<Diagnostic> {
    let token = script.text()?;
    let content = script.content();
    // One that is none of a shell was reported before.
    let (shell, _) = kit_graph::shell_of(&content.text).ok()?;
    let shell = shell.program();
    let whole = Span::new(source.id, script.syntax().text_range());
    let answer = match ask(shell, &content.text, until) {
        Ok(answer) => answer,
        Err(why) => {
            let message = format!("nobody here can read this script: {why}");
            return Some(
                Diagnostic::error(codes::NO_SHELL, whole, message)
                    .with_help(format!("install {shell}, or check the file without --shell")),
            );
        }
    };
    let (line, said) = said(shell, &answer.text)?;
    let place = line.and_then(|line| place(source, token.text_range().into(), &content, line)).unwrap_or(whole);
    Some(if answer.accepted {
        Diagnostic::warning(codes::SCRIPT_SYNTAX, place, format!("{shell} reads this script with doubts: {said}"))
    } else {
        Diagnostic::error(codes::SCRIPT_SYNTAX, place, format!("{shell} cannot read this script: {said}"))
    })
}

struct Answer {
    /// The shell could read the script.
    accepted: bool,
    text: String,
}

/// Lets a shell read a script. What it says goes to a file: it is never stopped by a pipe that nobody empties.
fn ask(shell: &str, text: &str, until: Instant) -> Result<Answer, String> {
    let began = Instant::now();
    let until = until.min(began + LONGEST);
    if began >= until {
        return Err(format!("all scripts together took longer than {} s", LONGEST_OF_ALL.as_secs()));
    }
    let failed = |error: std::io::Error| format!("{shell}: {error}");
    let mut script = tempfile::tempfile().map_err(failed)?;
    script.write_all(text.as_bytes()).and_then(|()| script.seek(SeekFrom::Start(0))).map_err(failed)?;
    let mut said = tempfile::tempfile().map_err(failed)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut child = Command::new(shell)
        .arg("-n")
        // A shell may obey what stands in the environment (BASH_ENV) before it reads anything.
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(script)
        .stdout(Stdio::null())
        .stderr(said.try_clone().map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() > until {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{shell} did not come to its end within {} s", began.elapsed().as_secs()));
        }
        std::thread::sleep(STEP);
    };
    let mut bytes = Vec::new();
    said.seek(SeekFrom::Start(0)).and_then(|_| said.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(Answer { accepted: status.success(), text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// The first thing that a shell said, and the line of the script that it spoke of: `sh: 3: Syntax error: …` or
/// `bash: line 3: syntax error …`. None if it said nothing.
fn said<'a>(shell: &str, answer: &'a str) -> Option<(Option<u32>, &'a str)> {
    let first = answer.lines().find(|line| !line.trim().is_empty())?;
    let rest = first.strip_prefix(shell).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(first);
    let numbered = rest.strip_prefix("line ").unwrap_or(rest);
    let line = numbered.split_once(": ").and_then(|(number, message)| Some((number.parse().ok()?, message)));
    let (line, message) = line.map_or((None, rest), |(line, message)| (Some(line), message));
    let message = message.strip_prefix("warning: ").unwrap_or(message);
    Some((line, message.strip_prefix("Syntax error: ").unwrap_or(message)))
}

/// The place in the file of a line of a script, or of the last that it has.
fn place(source: &Source, raw: Range<usize>, content: &ScriptText, line: u32) -> Option<Span> {
    // A shell may speak of the line behind the last.
    let last = u32::try_from(content.text.trim_end().lines().count()).unwrap_or(u32::MAX);
    let first = source.position(offset(raw.start)).line + content.lines_before;
    let text = source.lines().line(&source.text, first + line.clamp(1, last.max(1)) - 1)?;
    // The slice is a part of the text: their distance is where the line begins.
    let begins = text.as_ptr() as usize - source.text.as_ptr() as usize;
    let (start, end) = (begins.max(raw.start), (begins + text.len()).min(raw.end));
    let own = source.text.get(start..end)?;
    let start = start + (own.len() - own.trim_start().len());
    Some(Span { source: source.id, start: offset(start), end: offset(start + own.trim().len()) })
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
