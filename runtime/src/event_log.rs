//! What replicas report, as structured events.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kit_model::{Address, Level, Report};
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::error::OperatorError;
use crate::site::Site;

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

/// Reads the events of all replicas of a cluster, again and again.
pub struct EventReader {
    members: PathBuf,
    /// How far the log of each replica was read.
    read: BTreeMap<PathBuf, u64>,
}

impl EventReader {
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(site: &dyn Site) -> Self {
        Self { members: site.directory().join("members"), read: BTreeMap::new() }
    }

    /// What came since the last time, in order of time.
    ///
    /// # Errors
    /// When a log that is there cannot be read.
    pub fn news(&mut self) -> Result<Vec<EventRecord>, OperatorError> {
        let mut events = Vec::new();
        for directory in directories_in(&self.members).map_err(|error| unreadable(&self.members, &error))? {
            let before = self.read.get(&directory).copied();
            let length = fs::metadata(directory.join("events.jsonl")).map_or(0, |file| file.len());
            let bytes = match before {
                // Begun anew since: the rest of the former file was put aside.
                Some(read) if length < read => read_from(&directory.join("events.1.jsonl"), read)
                    .and_then(|old| Ok((old, read_from(&directory.join("events.jsonl"), 0)?))),
                Some(read) => read_from(&directory.join("events.jsonl"), read).map(|new| (Vec::new(), new)),
                None => read_from(&directory.join("events.1.jsonl"), 0)
                    .and_then(|old| Ok((old, read_from(&directory.join("events.jsonl"), 0)?))),
            };
            let (old, new) = bytes.map_err(|error| unreadable(&directory, &error))?;
            // A line that is being written is read whole the next time.
            let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            let begun = before.filter(|read| length >= *read).unwrap_or(0);
            self.read.insert(directory, begun + whole as u64);
            for bytes in [old.as_slice(), &new[..whole]] {
                events.extend(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()));
            }
        }
        events.sort_by_key(|event: &EventRecord| event.wall_ms);
        Ok(events)
    }
}

fn directories_in(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    match fs::read_dir(path) {
        Ok(entries) => {
            let mut found: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
            found.sort();
            Ok(found)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What stands in the file after `offset`; nothing if there is no file.
fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Ok(mut file) => {
            file.seek(SeekFrom::Start(offset))?;
            // The log is put aside when it passes its limit: twice that is more than it ever holds.
            file.take(2 * MAX_LOG_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(bytes),
        Err(error) => Err(error),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> OperatorError {
    OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, message: &str) -> EventRecord {
        EventRecord::new(number, Some(Address::from("managers.m1")), report(Level::Info, "step", message))
    }

    fn reader(members: &Path) -> EventReader {
        EventReader { members: members.to_owned(), read: BTreeMap::new() }
    }

    #[test]
    fn the_log_stays_small_and_a_reader_that_keeps_up_misses_nothing() {
        let members = tempfile::tempdir().unwrap();
        let directory = members.path().join("managers.m1");
        fs::create_dir(&directory).unwrap();
        let log = EventLog::in_directory(&directory);
        let message = "x".repeat(1000);
        let mut keeps_up = reader(members.path());
        let mut seen = 0;
        for number in 0..3000 {
            log.event(&event(number, &message));
            if number % 100 == 99 {
                for read in keeps_up.news().unwrap() {
                    assert_eq!(read.wall_ms, seen);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 3000);
        let late = reader(members.path()).news().unwrap();
        assert_eq!(late.last().unwrap().wall_ms, 2999);
        assert!(late.windows(2).all(|pair| pair[0].wall_ms + 1 == pair[1].wall_ms));
        let size: u64 = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(size < 3 * MAX_LOG_BYTES, "{size}");
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_left_out_and_harms_none_after_it() {
        let members = tempfile::tempdir().unwrap();
        let directory = members.path().join("managers.m1");
        fs::create_dir(&directory).unwrap();
        EventLog::in_directory(&directory).event(&event(1, "whole"));
        let path = directory.join("events.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"wall_ms\":2,\"lev");
        fs::write(&path, bytes).unwrap();
        EventLog::in_directory(&directory).event(&event(3, "next"));
        assert_eq!(reader(members.path()).news().unwrap(), [event(1, "whole"), event(3, "next")]);
    }
}
