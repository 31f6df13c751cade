//! What replicas report, as structured events.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kit_model::{Address, Level, Report};
use serde::{Deserialize, Serialize};

/// How large the file of events grows before it is put aside; one older file is kept. Together they hold
/// some ten thousand events: the story of a bad night.
const MAX_LOG_BYTES: u64 = 1 << 20;

/// One event of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// When, in milliseconds since 1970 on the replica's machine.
    pub wall_ms: u64,
    /// The member whose replica reports; none for the operator's own process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<Address>,
    /// The stable code of the reason, where something waits (`kitc explain`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was reported.
    #[serde(flatten)]
    pub report: Report,
}

impl EventRecord {
    /// The record of a report.
    #[must_use]
    pub fn new(wall_ms: u64, replica: Option<Address>, report: Report) -> Self {
        let code = report.reason.as_ref().map(|reason| reason.code().to_owned());
        Self { wall_ms, replica, code, report }
    }
}

/// A report of this level about nothing in particular.
pub(crate) fn report(level: Level, kind: &str, message: impl Into<String>) -> Report {
    Report { level, kind: kind.to_owned(), address: None, message: message.into(), reason: None }
}

/// Where events go.
pub trait EventSink: Send + Sync {
    /// Takes one event. It never fails: who cannot write an event goes on without it.
    fn event(&self, event: &EventRecord);
}

/// Events as JSON lines in a file of bounded size.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    /// One writer at a time, so that lines never mix.
    writing: Mutex<()>,
}

impl EventLog {
    /// The log in `directory`.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let path = directory.join("events.jsonl");
        // A crash may have cut the last line off: what comes next must not be appended to it.
        if fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
            let _ = OpenOptions::new().append(true).open(&path).and_then(|mut file| file.write_all(b"\n"));
        }
        Self { path, writing: Mutex::new(()) }
    }

    /// Reads the events of `directory`, oldest first, those put aside too. Lines that are no events, such as
    /// one that a crash cut off, are left out.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn read(directory: &Path) -> std::io::Result<Vec<EventRecord>> {
        let mut events = Vec::new();
        for name in ["events.1.jsonl", "events.jsonl"] {
            match fs::read(directory.join(name)) {
                Ok(bytes) => events
                    .extend(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(events)
    }

    fn append(&self, event: &EventRecord) -> std::io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if fs::metadata(&self.path).is_ok_and(|file| file.len() > MAX_LOG_BYTES) {
            fs::rename(&self.path, self.path.with_file_name("events.1.jsonl"))?;
        }
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        // In one write, so that a crash cuts a line off but never mixes two.
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(&line)
    }
}

impl EventSink for EventLog {
    fn event(&self, event: &EventRecord) {
        // A full disk must not stop the replica; what it does stands in the head as well.
        let _ = self.append(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, message: &str) -> EventRecord {
        EventRecord::new(number, Some(Address::from("managers.m1")), report(Level::Info, "step", message))
    }

    #[test]
    fn the_log_keeps_the_latest_events_in_order_and_stays_small() {
        let directory = tempfile::tempdir().unwrap();
        let log = EventLog::in_directory(directory.path());
        let message = "x".repeat(1000);
        for number in 0..3000 {
            log.event(&event(number, &message));
        }
        let read = EventLog::read(directory.path()).unwrap();
        assert_eq!(read.last().unwrap().wall_ms, 2999);
        assert!(read.windows(2).all(|pair| pair[0].wall_ms + 1 == pair[1].wall_ms));
        let size: u64 =
            fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(size < 3 * MAX_LOG_BYTES, "{size}");
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        EventLog::in_directory(directory.path()).event(&event(1, "whole"));
        let path = directory.path().join("events.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"wall_ms\":2,\"lev");
        fs::write(&path, bytes).unwrap();
        EventLog::in_directory(directory.path()).event(&event(3, "next"));
        assert_eq!(EventLog::read(directory.path()).unwrap(), [event(1, "whole"), event(3, "next")]);
    }
}
