//! One replica of kitc beside one manager's engine, as a process: it starts, stands still, dies, and starts
//! again.

use std::collections::{BTreeSet, VecDeque};

use kit_model::{BootId, Call, MachineId, Now};
use kit_planner::{Gate, Reconciler};

use crate::records::View;

/// 2026-01-01 on every machine's wall clock when a run begins.
pub(crate) const WALL_BASE_MS: u64 = 1_767_225_600_000;

/// What a machine's boot clock shows when kitc could first look at it: nothing starts at zero.
const BOOT_BASE_MS: u64 = 5_000;

/// The clocks of one machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    /// When it booted, in virtual time.
    pub(crate) booted_ms: u64,
    /// How much faster its boot clock runs, in millionths; slower if negative.
    pub(crate) drift_ppm: i64,
    /// How far its wall clock is ahead.
    pub(crate) wall_skew_ms: i64,
}

impl Clocks {
    pub(crate) fn now(&self, at_ms: u64) -> Now {
        let elapsed = at_ms.saturating_sub(self.booted_ms);
        let drift = i64::try_from(elapsed).unwrap_or(0) * self.drift_ppm / 1_000_000;
        Now {
            boot_ms: BOOT_BASE_MS + elapsed.saturating_add_signed(drift),
            wall_ms: (WALL_BASE_MS + at_ms).saturating_add_signed(self.wall_skew_ms),
        }
    }

    /// When the boot clock shows `boot_ms`, in virtual time; not before `at_ms`.
    pub(crate) fn when(&self, boot_ms: u64, at_ms: u64) -> u64 {
        let elapsed = i64::try_from(boot_ms.saturating_sub(BOOT_BASE_MS)).unwrap_or(i64::MAX / 2_000_000);
        let virtual_ms = i128::from(elapsed) * 1_000_000 / i128::from(1_000_000 + self.drift_ppm);
        let mut when = self.booted_ms + u64::try_from(virtual_ms).unwrap_or(u64::MAX / 4);
        // Rounding must never wake before the time that was asked for: that would be a loop.
        while self.now(when).boot_ms < boot_ms {
            when += 1;
        }
        when.max(at_ms)
    }
}

/// What lies in wait for the next thing that a replica does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trap {
    /// It is killed when its next head write is answered.
    CrashOnCommit,
    /// It is killed right after its next call left.
    CrashOnSend,
    /// It stands still between the check of its next call and the send.
    FreezeOnSend { for_ms: u64 },
    /// The answer to its next call is lost.
    LoseReply,
    /// The answer to its next head write is lost.
    LoseCommit,
    /// Its next call never arrives.
    LoseCall,
    /// Its next call arrives late, and its answer is lost.
    DelayCall { for_ms: u64 },
}

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) machine: MachineId,
    pub(crate) boot_id: BootId,
    pub(crate) clocks: Clocks,
    /// Which process this is: what was meant for a former one is dropped.
    pub(crate) process: u64,
    /// None while its supervisor has not started it.
    pub(crate) running: Option<Running>,
    /// Until when it stands still.
    pub(crate) frozen_until_ms: u64,
    pub(crate) traps: Vec<Trap>,
}

/// What is lost when the process ends.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) reconciler: Reconciler,
    pub(crate) gate: Gate,
    pub(crate) view: View,
    /// Calls that wait for one of the driver's ten hands.
    pub(crate) calls: VecDeque<Call>,
    pub(crate) in_flight: usize,
    /// The number of the newest wake-up asked for.
    pub(crate) wake: u64,
}

impl Running {
    pub(crate) fn start(reconciler: Reconciler) -> Self {
        let gate = reconciler.gate();
        Self { reconciler, gate, view: View::default(), calls: VecDeque::new(), in_flight: 0, wake: 0 }
    }
}

impl Replica {
    /// Takes the first trap that `matches` out.
    pub(crate) fn spring(&mut self, matches: impl Fn(&Trap) -> bool) -> Option<Trap> {
        let index = self.traps.iter().position(matches)?;
        Some(self.traps.remove(index))
    }
}

/// What a member keeps on its state volume beside the Swarm's own state.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateVolume {
    /// Revisions that a replica there has read.
    pub(crate) revisions: BTreeSet<kit_model::RevisionId>,
    /// The head that a replica there saw last.
    pub(crate) head: Option<kit_model::Versioned<kit_model::Head>>,
}

#[cfg(test)]
mod tests {
    use super::Clocks;

    #[test]
    fn nobody_is_woken_early() {
        for drift_ppm in [-20_000, -1, 0, 1, 20_000] {
            let clocks = Clocks { booted_ms: 123_456, drift_ppm, wall_skew_ms: 0 };
            for at_ms in [123_456, 200_000, 5_000_000, 80_000_000] {
                let now = clocks.now(at_ms);
                let when = clocks.when(now.boot_ms + 1_500, at_ms);
                assert!(clocks.now(when).boot_ms >= now.boot_ms + 1_500);
                assert!(when <= at_ms + 1_600, "{drift_ppm} {at_ms} {when}");
            }
        }
    }
}
