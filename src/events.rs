//! `kitc events`: what the replicas did and decided.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use kit_lang::Code;

use crate::cluster::{AnyCluster, block_on};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::Format;
use crate::{event_text, interrupt};

/// Show what the replicas of a cluster did and decided, the newest last
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc events --last 50
  kitc events --follow --format json")]
pub(crate) struct Events {
    #[command(flatten)]
    cluster: AnyCluster,

    /// Go on showing what comes
    #[arg(long, short)]
    follow: bool,

    /// Only so many of the newest
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,

    /// How events are written: human or json (one object a line)
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

/// How often the logs are looked at while following.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Events {
    /// Prints the events.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let (operator, _) = self.cluster.open(console)?;
        let site = &operator.site;
        if site.has_replicas_elsewhere() && !site.goes_through().is_some_and(|manager| site.hosts(manager)) {
            let whose = site.goes_through().map_or_else(|| "each manager".to_owned(), ToString::to_string);
            return Err(Failure::new(
                Code(kit_runtime::codes::NO_WAY),
                format!("the events of {whose} lie on its own machine, and only its engine is reached from here"),
            )
            .with_help("run `kitc events` on the machine of a manager, as by ssh USER@MANAGER kitc events"));
        }
        let mut reader = kit_runtime::EventReader::new(&*operator.site);
        let mut events = reader.news()?;
        if let Some(last) = self.last {
            events.drain(..events.len().saturating_sub(last));
        }
        loop {
            for event in &events {
                match self.format {
                    Format::Human => {
                        let line = event_text::line(event, console.color_out());
                        writeln!(console.out(), "{line}")?;
                    }
                    Format::Json => {
                        let line = serde_json::to_string(event).map_err(std::io::Error::from)?;
                        writeln!(console.out(), "{line}")?;
                    }
                }
            }
            console.flush()?;
            if !self.follow {
                return Ok(Exit::Fine);
            }
            let ended = block_on(async {
                tokio::select! {
                    () = interrupt::received() => Ok(true),
                    () = tokio::time::sleep(LOOK_EVERY) => Ok(false),
                }
            })?;
            if ended {
                return Ok(Exit::Fine);
            }
            events = reader.news()?;
        }
    }
}
