//! An event as a line for people.

use kit_model::Level;
use kit_runtime::EventRecord;

use crate::printable::printable;

/// The line of an event: when, which replica, what kind, about what, and the code of a reason.
pub(crate) fn line(event: &EventRecord, color: bool) -> String {
    let replica = event.replica.as_ref().map_or("kitc", |replica| replica.as_str());
    let mut text = format!("{} {replica:<12} {:<12} ", clock(event.wall_ms), event.report.kind);
    if let Some(address) = &event.report.address
        && event.replica.as_ref() != Some(address)
    {
        text.push_str(&format!("{address}: "));
    }
    text.push_str(&printable(&event.report.message));
    if let Some(code) = &event.code {
        text.push_str(&format!(" [{code}]"));
    }
    let paint = match event.report.level {
        Level::Error if color => "\x1b[31m",
        Level::Warn if color => "\x1b[33m",
        _ => return text,
    };
    format!("{paint}{text}\x1b[0m")
}

/// The time of day in UTC, with milliseconds.
pub(crate) fn clock(wall_ms: u64) -> String {
    let (seconds, milliseconds) = (wall_ms / 1000, wall_ms % 1000);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!("{:02}:{:02}:{:02}.{milliseconds:03}Z", hours % 24, minutes % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_of_the_day() {
        assert_eq!(clock(0), "00:00:00.000Z");
        assert_eq!(clock(86_400_000 + 3_723_004), "01:02:03.004Z");
    }
}
