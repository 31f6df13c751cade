//! The command line of Kit: one file per verb, no logic of its own.

use std::process::ExitCode;

mod apply;
mod ask;
mod below;
mod beside;
mod boot;
mod check;
mod cluster;
mod codes;
mod command_line;
mod commit;
mod compile;
mod completions;
mod console;
mod deferred;
mod destroy;
mod doc;
mod event_text;
mod events;
mod exit;
mod explain;
mod failure;
mod files;
mod findings;
mod fix;
mod fmt;
mod formats;
mod github;
mod given;
mod graph;
mod history;
mod import;
mod init;
mod interrupt;
mod json_diagnostics;
mod junit;
mod last_resort;
mod listen;
mod lock;
mod lookups;
mod metadata;
mod moment;
mod pause;
mod plan;
mod printable;
mod progress;
mod recover;
mod render;
mod resume;
mod rollback;
mod sarif;
mod shell_check;
mod sim;
mod simulate;
mod status;
mod test;
mod test_files;
mod through_manager;
mod timeline;
mod watch_end;

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
        Command::Init(verb) => verb.0.run(console),
        Command::Check(verb) => verb.0.run(console),
        Command::Fmt(verb) => verb.0.run(console),
        Command::Lock(verb) => verb.0.run(console),
        Command::Metadata(verb) => verb.0.run(console),
        Command::Import(verb) => verb.0.run(console),
        Command::Compile(verb) => verb.0.run(console),
        Command::Doc(verb) => verb.0.run(console),
        Command::Graph(verb) => verb.0.run(console),
        Command::Plan(verb) => verb.0.run(console),
        Command::Apply(verb) => verb.0.run(console),
        Command::Commit(verb) => verb.0.run(console),
        Command::Rollback(verb) => verb.0.run(console),
        Command::Pause(verb) => verb.0.run(console),
        Command::Resume(verb) => verb.0.run(console),
        Command::Recover(verb) => verb.0.run(console),
        Command::Destroy(verb) => verb.0.run(console),
        Command::Status(verb) => verb.0.run(console),
        Command::History(verb) => verb.0.run(console),
        Command::Events(verb) => verb.0.run(console),
        Command::Sim(verb) => verb.0.run(console),
        Command::Simulate(verb) => verb.0.run(console),
        Command::Test(verb) => verb.0.run(console),
        Command::Explain(verb) => verb.0.run(console),
        Command::Boot(verb) => verb.0.run(console),
        Command::Completions(verb) => verb.0.run(console),
    }
}
