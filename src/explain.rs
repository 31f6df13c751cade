//! `kitc explain`: what a code means.

use std::io::Write as _;

use clap::Args;

use crate::codes;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Say what an error code means, or where the values of an address come from
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code, such as KIT5001; without it, all codes are listed
    subject: Option<String>,
}

impl Explain {
    /// Prints the page of a code, or the list of all.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let Some(subject) = self.subject else {
            for info in codes::all() {
                writeln!(console.out(), "{}  {}", info.code, info.title)?;
            }
            return Ok(Exit::Fine);
        };
        let Some(info) = codes::all().find(|info| info.code.as_str().eq_ignore_ascii_case(&subject)) else {
            return Err(Failure::new(codes::NOTHING_TO_EXPLAIN, format!("there is no code {subject}"))
                .with_help("`kitc explain` alone lists all codes"));
        };
        let body = info.page.split_once('\n').map_or("", |(_, body)| body);
        write!(console.out(), "{}: {}\n{body}", info.code, info.title)?;
        Ok(Exit::Fine)
    }
}
