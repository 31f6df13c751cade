//! `kitc doc`: a page about files, from the `##` comments in them.

mod page;
mod reference;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::{codes, files, formats};
use reference::Module;

/// Write a page about files, from the `##` comments in them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc doc cluster.kit -o cluster.html    the parameters, outputs and parts of a cluster
  kitc doc --std -o std.html              the reference of the standard library
  kitc doc --codes -o codes.html          what each error and warning means

The page is one file of HTML that needs nothing beside it.")]
pub(crate) struct Doc {
    /// Files to describe
    #[arg(value_name = "FILE", required_unless_present_any = ["std", "codes"])]
    files: Vec<PathBuf>,

    /// Describe the standard library
    #[arg(long)]
    std: bool,

    /// Describe each code of an error or a warning
    #[arg(long)]
    codes: bool,

    /// Write a file, whole or not at all, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Doc {
    /// Reads the files, and writes the page.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let mut findings = Findings::default();
        let mut modules = Vec::new();
        for path in &self.files {
            let (source, unreadable) = files::load(path, &mut findings.sources);
            findings.diagnostics.extend(unreadable);
            let parsed = findings.sources.parse(source);
            findings.diagnostics.extend(parsed.diagnostics(source));
            modules.push(Module::of(&files::shown(path), &parsed.file()));
        }
        if findings.has_errors() {
            formats::show(&findings, console);
            return Ok(Exit::Problem);
        }
        if self.std {
            modules.extend(
                kit_stdlib::MODULES.iter().map(|module| Module::of(module.path, &kit_lang::parse(module.text).file())),
            );
        }
        let title = match (self.files.first(), self.std) {
            (Some(first), _) => files::shown(first),
            (None, true) => "The standard library of Kit".to_owned(),
            (None, false) => "The codes of Kit".to_owned(),
        };
        let pages: Vec<codes::Page> = if self.codes { codes::all().collect() } else { Vec::new() };
        let html = page::html(&title, &modules, &pages);
        match &self.output {
            Some(path) => files::write_atomically(path, html.as_bytes())?,
            None => console.out().write_all(html.as_bytes())?,
        }
        Ok(Exit::Fine)
    }
}
