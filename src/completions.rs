//! `kitc completions`: what a shell needs to complete our verbs and flags.

use std::io::Write as _;

use clap::Args;
use clap_complete::{Shell, generate};

use crate::command_line;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc completions bash > /etc/bash_completion.d/kitc
  kitc completions zsh > ~/.zfunc/_kitc
  kitc completions fish > ~/.config/fish/completions/kitc.fish")]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

impl Completions {
    /// Prints them.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let shell = match self.shell.as_str() {
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            _ => Shell::Bash,
        };
        // `generate` panics if its writer fails, so that it writes to memory.
        let mut script = Vec::new();
        generate(shell, &mut command_line::definition(), "kitc", &mut script);
        console.out().write_all(&script)?;
        Ok(Exit::Fine)
    }
}
