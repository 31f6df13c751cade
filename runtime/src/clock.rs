//! The time of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use kit_model::{BootId, Now};
use rustix::time::{ClockId, clock_gettime};

/// Where a replica reads the time; a test gives it a clock of its own.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Now;
}

/// The clocks of this machine's kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        // BOOTTIME and not MONOTONIC: a permit must run out while the machine sleeps.
        let boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
        let milliseconds = u64::try_from(boot.tv_nsec).unwrap_or(0) / 1_000_000;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Now {
            boot_ms: seconds.saturating_mul(1000).saturating_add(milliseconds),
            wall_ms: u64::try_from(wall).unwrap_or(u64::MAX),
        }
    }
}

/// The kernel's ID of this boot of this machine.
///
/// # Errors
/// When the kernel does not show it.
pub fn boot_id() -> std::io::Result<BootId> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(BootId::new(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_go_on_and_the_boot_has_an_id() {
        let first = SystemClock.now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let second = SystemClock.now();
        assert!(second.boot_ms >= first.boot_ms + 4);
        assert!(first.wall_ms > 1_600_000_000_000);
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
    }
}
