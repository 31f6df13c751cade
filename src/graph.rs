//! `kitc graph`: draws a file's graph.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kit_graph::draw;

use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;

/// Draw the graph of a file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc graph cluster.kit | dot -Tsvg > cluster.svg
  kitc graph cluster.kit --format mermaid")]
pub(crate) struct Draw {
    #[command(flatten)]
    input: Input,

    /// The language of the drawing: dot (Graphviz) or mermaid
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Language,

    /// Write a file, whole or not at all, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What draws it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid, as many places draw it within Markdown
    Mermaid,
}

impl Draw {
    /// Compiles, and writes the drawing.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let graph = self.input.graph(console)?;
        let drawing = match self.format {
            Language::Dot => draw::dot(&graph),
            Language::Mermaid => draw::mermaid(&graph),
        };
        match &self.output {
            Some(path) => files::write_atomically(path, drawing.as_bytes())?,
            None => console.out().write_all(drawing.as_bytes())?,
        }
        Ok(Exit::Fine)
    }
}
