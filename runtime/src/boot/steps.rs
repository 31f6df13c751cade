//! Each step of a boot as an event, and how many changed something.

use kit_model::{Address, Level, Report};

use crate::clock::{Clock as _, SystemClock};
use crate::error::OperatorError;
use crate::event_log::{EventRecord, EventSink, report};

pub(super) struct Steps<'a> {
    address: Address,
    events: &'a dyn EventSink,
    changed: usize,
}

impl<'a> Steps<'a> {
    pub(super) fn new(address: &Address, events: &'a dyn EventSink) -> Self {
        Self { address: address.clone(), events, changed: 0 }
    }

    /// A step that found all as it should be.
    pub(super) fn is(&self, kind: &str, what: String) {
        self.tell(report(Level::Info, kind, what), None);
    }

    /// A step that changed something.
    pub(super) fn did(&mut self, kind: &str, what: String) {
        self.changed += 1;
        self.is(kind, what);
    }

    pub(super) const fn changed(&self) -> usize {
        self.changed
    }

    pub(super) fn end(&self, changed: usize) {
        let what = if changed == 0 { "booted: nothing was to be changed" } else { "booted" };
        self.is("booted", what.to_owned());
    }

    pub(super) fn failed(&self, error: &OperatorError) {
        self.tell(report(Level::Error, "boot-failed", error.in_one_line()), Some(error.code));
    }

    fn tell(&self, report: Report, code: Option<&str>) {
        let mut record = EventRecord::new(SystemClock.now().wall_ms, Some(self.address.clone()), report);
        record.code = code.map(str::to_owned);
        self.events.event(&record);
    }
}
