//! What a replica shows of itself in its directory: `status.json` and, while it holds the head, `memory.json`.

use std::path::Path;
use std::sync::Arc;

use kit_model::{Address, BootId, Now};
use kit_planner::{Memory, Reconciler, Status};
use serde::{Deserialize, Serialize};

use crate::state_directory::StateDirectory;

const STATUS: &str = "status.json";
const MEMORY: &str = "memory.json";

/// How often the status is written at most: often enough for a person, and a batch of answers is one change.
const STATUS_EVERY_MS: u64 = 250;

/// How often it is written at least, so that its age says whether the replica still looks.
pub(crate) const STATUS_AT_LEAST_EVERY_MS: u64 = 5_000;

/// How often the memory is written at most: it is large, and only `kitc plan` reads it.
const MEMORY_EVERY_MS: u64 = 5_000;

/// What a replica says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownStatus {
    /// The member that it runs beside.
    pub replica: Address,
    /// The boot of its machine.
    pub boot_id: BootId,
    /// Its process.
    pub process: u32,
    /// When it said so last, in milliseconds since 1970: at least every few seconds while it runs.
    pub wall_ms: u64,
    /// What it does.
    pub status: Status,
}

/// What a holder remembers, and whose memory it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownMemory {
    /// The member that it runs beside.
    pub replica: Address,
    /// The boot on whose clock the times in it are.
    pub boot_id: BootId,
    /// When it was so, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The memory.
    pub memory: Memory,
}

/// The status that the replica in this directory shows; none if it never showed any.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn status_in(directory: &Path) -> std::io::Result<Option<ShownStatus>> {
    StateDirectory::look(directory, STATUS)
}

/// The memory that the replica in this directory shows.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn memory_in(directory: &Path) -> std::io::Result<Option<ShownMemory>> {
    StateDirectory::look(directory, MEMORY)
}

pub(crate) struct StatusFile {
    state: Arc<StateDirectory>,
    member: Address,
    boot_id: BootId,
    last: Option<(u64, Status)>,
    /// When it was written last, on the boot clock.
    written_ms: u64,
}

impl StatusFile {
    pub(crate) const fn new(state: Arc<StateDirectory>, member: Address, boot_id: BootId) -> Self {
        Self { state, member, boot_id, last: None, written_ms: 0 }
    }

    pub(crate) fn show(&mut self, reconciler: &Reconciler, now: Now) {
        if self.last.as_ref().is_some_and(|(at, _)| now.since(*at) < STATUS_EVERY_MS) {
            return;
        }
        let status = reconciler.status();
        if let Some((at, last)) = &mut self.last
            && *last == status
            && now.since(self.written_ms) < STATUS_AT_LEAST_EVERY_MS
        {
            *at = now.boot_ms;
            return;
        }
        let shown = ShownStatus {
            replica: self.member.clone(),
            boot_id: self.boot_id.clone(),
            process: std::process::id(),
            wall_ms: now.wall_ms,
            status,
        };
        // A status that cannot be written must not stop the replica; the next one may be.
        if self.state.show(STATUS, &shown).is_ok() {
            self.last = Some((now.boot_ms, shown.status));
            self.written_ms = now.boot_ms;
        }
    }
}

pub(crate) struct MemoryFile {
    state: Arc<StateDirectory>,
    member: Address,
    boot_id: BootId,
    last: Option<(u64, Memory)>,
}

impl MemoryFile {
    pub(crate) const fn new(state: Arc<StateDirectory>, member: Address, boot_id: BootId) -> Self {
        Self { state, member, boot_id, last: None }
    }

    pub(crate) fn show(&mut self, reconciler: &Reconciler, now: Now) {
        let Some(memory) = reconciler.memory() else { return };
        if self.last.as_ref().is_some_and(|(at, last)| now.since(*at) < MEMORY_EVERY_MS || last == memory) {
            return;
        }
        let shown = ShownMemory {
            replica: self.member.clone(),
            boot_id: self.boot_id.clone(),
            wall_ms: now.wall_ms,
            memory: memory.clone(),
        };
        if self.state.show(MEMORY, &shown).is_ok() {
            self.last = Some((now.boot_ms, shown.memory));
        }
    }
}
