//! The command line of Kit: one file per verb, no logic of its own.

use std::process::ExitCode;

mod check;
mod codes;
mod command_line;
mod compile;
mod completions;
mod console;
mod exit;
mod explain;
mod failure;
mod files;
mod findings;
mod fmt;
mod given;
mod json_diagnostics;
mod last_resort;
mod lookups;
mod printable;
mod render;

use command_line::{Command, CommandLine};
use console::Console;
use exit::Exit;
use failure::Failure;

fn main() -> ExitCode {
    last_resort::guard(|| {
        let arguments = match command_line::parse(std::env::args_os()) {
            Ok(arguments) => arguments,
            Err(exit) => return exit,
        };
        let mut console = Console::new(arguments.color);
        match run(arguments, &mut console).and_then(|exit| console.flush().map(|()| exit)) {
            Ok(exit) => exit,
            // Whoever read our output has seen enough: nothing is wrong.
            Err(Failure::OutputClosed) => Exit::Fine,
            Err(failure) => {
                console.fail(&failure);
                failure.exit()
            }
        }
    })
    .into()
}

fn run(arguments: CommandLine, console: &mut Console) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Check(verb) => verb.run(console),
        Command::Fmt(verb) => verb.run(console),
        Command::Compile(verb) => verb.run(console),
        Command::Explain(verb) => verb.run(console),
        Command::Completions(verb) => verb.run(console),
    }
}
