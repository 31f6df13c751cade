//! Where a command writes: standard output for what was asked for, standard error for what went wrong.

use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

use clap::ValueEnum;

use crate::failure::Failure;
use crate::printable::printable;

/// Output is gathered in pieces of this size, so that a graph of megabytes is written in few calls.
const BUFFER_BYTES: usize = 64 * 1024;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The two streams, and whether each is coloured.
pub(crate) struct Console {
    out: BufWriter<Stdout>,
    err: Stderr,
    color_out: bool,
    color_err: bool,
}

impl Console {
    /// Looks at the streams once.
    pub(crate) fn new(color: Color) -> Console {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colored = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && allowed && !dumb(),
        };
        let (out, err) = (io::stdout(), io::stderr());
        let (color_out, color_err) = (colored(out.is_terminal()), colored(err.is_terminal()));
        Console { out: BufWriter::with_capacity(BUFFER_BYTES, out), err, color_out, color_err }
    }

    /// Standard output.
    pub(crate) fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Standard error; what stands in the buffer of standard output is written first, so that the two keep their order.
    pub(crate) fn err(&mut self) -> &mut impl Write {
        let _ = self.out.flush();
        &mut self.err
    }

    /// Standard output is coloured.
    pub(crate) fn color_out(&self) -> bool {
        self.color_out
    }

    /// Standard error is coloured.
    pub(crate) fn color_err(&self) -> bool {
        self.color_err
    }

    /// Standard output is a terminal with a person before it.
    pub(crate) fn is_interactive(&self) -> bool {
        io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// Writes what is in the buffer.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    /// Says on standard error why the command stopped.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        let Failure::Coded(failure) = failure else { return };
        let (bold, red, cyan, plain) =
            if self.color_err { ("\x1b[1m", "\x1b[31m", "\x1b[36m", "\x1b[0m") } else { ("", "", "", "") };
        let mut text = format!("{bold}{red}error{plain}{bold}[{}]{plain}: {}\n", failure.code, failure.message);
        for cause in &failure.causes {
            text.push_str(&format!("  {}\n", printable(cause)));
        }
        if let Some(help) = &failure.help {
            text.push_str(&format!("  {cyan}help:{plain} {help}\n"));
        }
        // Nobody is left to tell if standard error fails too.
        let _ = self.err().write_all(text.as_bytes());
    }
}
