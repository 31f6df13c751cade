//! Asks before something is changed.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use kit_lang::Code;

use crate::console::Console;
use crate::failure::Failure;

/// Goes on if `yes` was given or a person types `yes`; fails otherwise, with nothing changed.
pub(crate) fn confirm(console: &mut Console, question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    console.flush()?;
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody can be asked: standard input is no terminal").with_help("`--yes` goes on unasked"));
    }
    let err = console.err();
    // Nobody is left to tell if standard error fails too.
    let _ = write!(err, "{question} Type `yes` to go on: ").and_then(|()| err.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| refused(&format!("no answer: {error}")))?;
    if answer.trim() == "yes" { Ok(()) } else { Err(refused("the answer was not `yes`; nothing was changed")) }
}

/// Goes on if `given` is the name of what is to go, or a person types it; fails otherwise, with nothing changed.
pub(crate) fn confirm_by_name(
    console: &mut Console,
    question: &str,
    name: &str,
    given: Option<&str>,
) -> Result<(), Failure> {
    if given == Some(name) {
        return Ok(());
    }
    console.flush()?;
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody can be asked: standard input is no terminal")
            .with_help(format!("`--yes {name}` goes on unasked")));
    }
    let err = console.err();
    // Nobody is left to tell if standard error fails too.
    let _ = write!(err, "{question} Type its name to go on: ").and_then(|()| err.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| refused(&format!("no answer: {error}")))?;
    if answer.trim() == name { Ok(()) } else { Err(refused("that was not its name; nothing was changed")) }
}

fn refused(why: &str) -> Failure {
    Failure::new(Code(kit_runtime::codes::NOT_CONFIRMED), why)
}
