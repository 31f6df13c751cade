//! Time comes in as a value.

use serde::{Deserialize, Serialize};

/// The time of one machine at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Now {
    /// Milliseconds of CLOCK_BOOTTIME: goes on while the machine sleeps, never steps, and means
    /// nothing on another machine or after a boot. Every permit and wait is measured on it.
    pub boot_ms: u64,
    /// Milliseconds since 1970: for people and for records that outlive a boot; it may step.
    pub wall_ms: u64,
}

impl Now {
    /// Milliseconds on the boot clock since `earlier_ms`; 0 if that lies ahead.
    #[must_use]
    pub const fn since(&self, earlier_ms: u64) -> u64 {
        self.boot_ms.saturating_sub(earlier_ms)
    }
}
