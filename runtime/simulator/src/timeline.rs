//! What a person reads of one run.

use kit_model::{Address, Level};

/// The most lines that a run keeps: ten thousand are more than anybody reads, and a run of a day must not
/// fill the memory.
pub(crate) const MAX_LINES: usize = 10_000;

/// Who did something, or to whom it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The operator's process.
    Operator,
    /// The schedule of faults.
    Fault,
    /// The provider.
    Cloud,
    /// The Swarm.
    Swarm,
    /// The replica of this member.
    Replica(Address),
    /// An invariant that broke.
    Invariant(&'static str),
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, in milliseconds of virtual time.
    pub at_ms: u64,
    /// Who.
    pub who: Who,
    /// What kind of event, a stable word (`fault`, `leader`, `step`, `blocked`, `converged`, …).
    pub kind: String,
    /// How much it matters.
    pub level: Level,
    /// The member, slot or resource that it is about.
    pub address: Option<Address>,
    /// What happened, as a sentence.
    pub what: String,
}

/// The lines of a run, or nothing where nobody will read them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    lines: Option<Vec<Line>>,
}

impl Timeline {
    /// One that keeps what it is told.
    pub(crate) const fn kept() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    /// True if somebody will read it: who is not read need not make sentences.
    pub(crate) const fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) fn add(
        &mut self,
        at_ms: u64,
        who: Who,
        kind: &str,
        address: Option<&Address>,
        what: impl FnOnce() -> String,
    ) {
        self.add_at_level(at_ms, who, kind, Level::Info, address, what);
    }

    pub(crate) fn add_at_level(
        &mut self,
        at_ms: u64,
        who: Who,
        kind: &str,
        level: Level,
        address: Option<&Address>,
        what: impl FnOnce() -> String,
    ) {
        if let Some(lines) = &mut self.lines
            && lines.len() < MAX_LINES
        {
            lines.push(Line { at_ms, who, kind: kind.to_owned(), level, address: address.cloned(), what: what() });
        }
    }

    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines.unwrap_or_default()
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator => f.pad("operator"),
            Self::Fault => f.pad("fault"),
            Self::Cloud => f.pad("cloud"),
            Self::Swarm => f.pad("swarm"),
            Self::Replica(member) => f.pad(member.as_str()),
            Self::Invariant(name) => f.pad(name),
        }
    }
}
