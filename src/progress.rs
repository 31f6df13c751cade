//! How long work goes on: a line that changes on a terminal, lines for a log elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kit_runtime::{EventRecord, EventSink, Progress};

use crate::event_text;
use crate::printable::printable;

/// Progress on standard error.
pub(crate) struct Shown {
    bar: Option<ProgressBar>,
    last: Mutex<String>,
    /// How many are done of how many, as counted last.
    counted: Mutex<Option<(usize, usize)>>,
    color: bool,
}

impl Shown {
    /// On a terminal the last line is drawn again and again.
    pub(crate) fn new(color: bool) -> Shown {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Shown { bar, last: Mutex::new(String::new()), counted: Mutex::new(None), color }
    }

    /// Takes the last line away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write_line(text)),
            None => write_line(text),
        }
    }
}

/// One line on standard error. Nobody is left to tell if that fails.
fn write_line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl Progress for Shown {
    fn step(&self, message: &str) {
        self.line(&printable(message));
    }

    fn waiting(&self, done: usize, total: usize, message: &str) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((done, total));
        self.waits_for(message);
    }

    fn waits_for(&self, message: &str) {
        let counted = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match counted {
            Some((done, total)) if message == "done" => format!("{done} of {total} are as asked"),
            Some((done, total)) => format!("{done} of {total} are as asked; waits: {}", printable(message)),
            None => format!("waits: {}", printable(message)),
        };
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => {
                // A log gets a line when something changed, not one a second.
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                if *last != text {
                    write_line(&text);
                    *last = text;
                }
            }
        }
    }
}

impl EventSink for Shown {
    fn event(&self, event: &EventRecord) {
        if event.report.level > kit_model::Level::Debug {
            self.line(&event_text::line(event, self.color));
        }
    }
}
