//! The last question before the bytes of a call leave.

use std::fmt;

use kit_model::{Action, Authority, Call, Epoch, Now, Permit, Policy};
use serde::{Deserialize, Serialize};

use crate::bugs::{Bug, planted};

/// What a process believes it may send at this moment. Cheap to copy: the driver publishes it after each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gate {
    belief: Belief,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Belief {
    #[default]
    Nothing,
    Permit(Permit),
    Rescue {
        not_after_boot_ms: u64,
    },
    Operator,
}

/// Why a call must not be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Nothing may be sent now: no permit is open here.
    NoPermit,
    /// The call belongs to another permit than the one that is open.
    OtherEpoch {
        /// The call's.
        call: Epoch,
        /// The open one's.
        open: Epoch,
    },
    /// Too little of the permit remains.
    TooLate {
        /// How much remains, in milliseconds.
        left_ms: u64,
        /// How much must.
        needed_ms: u64,
    },
    /// The rule for a lost quorum does not cover this action.
    NotForRescue,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermit => write!(f, "no permit is open"),
            Self::OtherEpoch { call, open } => write!(f, "it belongs to epoch {call}; the open permit is of {open}"),
            Self::TooLate { left_ms, needed_ms } => {
                write!(f, "{left_ms} ms of the permit remain; {needed_ms} ms must")
            }
            Self::NotForRescue => write!(f, "a rescue may only start, create, attach, and take a volume from the dead"),
        }
    }
}

impl std::error::Error for Refusal {}

impl Gate {
    /// A gate that admits nothing.
    #[must_use]
    pub const fn closed() -> Self {
        Self { belief: Belief::Nothing }
    }

    /// A gate that admits what carries the permit's epoch, until it ends.
    #[must_use]
    pub const fn permit(permit: Permit) -> Self {
        Self { belief: Belief::Permit(permit) }
    }

    /// A gate that admits a rescue's calls.
    #[must_use]
    pub const fn rescue(not_after_boot_ms: u64) -> Self {
        Self { belief: Belief::Rescue { not_after_boot_ms } }
    }

    /// The gate of an operator's process: it admits the operator's own calls alone.
    #[must_use]
    pub const fn operator() -> Self {
        Self { belief: Belief::Operator }
    }

    /// Whether `call` may be sent now.
    ///
    /// # Errors
    /// With the reason why it must not.
    pub fn admit(&self, call: &Call, policy: &Policy, now: Now) -> Result<(), Refusal> {
        if planted(Bug::GateOpen) {
            return Ok(());
        }
        match (self.belief, call.authority) {
            (Belief::Permit(permit), Authority::Permit(epoch)) => {
                if epoch != permit.epoch {
                    return Err(Refusal::OtherEpoch { call: epoch, open: permit.epoch });
                }
                in_time(permit.not_after_boot_ms.min(call.not_after_boot_ms), policy, now)
            }
            (Belief::Rescue { not_after_boot_ms }, Authority::Rescue) => {
                let covered = matches!(
                    call.action,
                    Action::StartMachine { .. }
                        | Action::CreateMachine(_)
                        | Action::AttachVolume { .. }
                        | Action::ForceDetach { .. }
                );
                if !covered && !planted(Bug::RescueTerminates) {
                    return Err(Refusal::NotForRescue);
                }
                in_time(not_after_boot_ms.min(call.not_after_boot_ms), policy, now)
            }
            (Belief::Operator, Authority::Operator) => in_time(call.not_after_boot_ms, policy, now),
            _ => Err(Refusal::NoPermit),
        }
    }
}

fn in_time(not_after_boot_ms: u64, policy: &Policy, now: Now) -> Result<(), Refusal> {
    let left_ms = not_after_boot_ms.saturating_sub(now.boot_ms);
    let needed_ms = if planted(Bug::MarginIgnored) { 0 } else { policy.permit_margin_ms };
    if left_ms < needed_ms || left_ms == 0 { Err(Refusal::TooLate { left_ms, needed_ms }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use kit_model::{Address, CallId, MachineId};

    use super::*;

    fn call(authority: Authority, action: Action) -> Call {
        Call { id: CallId(1), address: Address::from("managers.m1"), authority, not_after_boot_ms: 10_000, action }
    }

    fn start() -> Action {
        Action::StartMachine { machine: MachineId::from("i-1") }
    }

    fn at(boot_ms: u64) -> Now {
        Now { boot_ms, wall_ms: 0 }
    }

    #[test]
    fn a_permit_admits_its_own_epoch_until_the_margin() {
        let policy = Policy::default();
        let gate = Gate::permit(Permit { epoch: Epoch(7), not_after_boot_ms: 10_000 });
        let call = call(Authority::Permit(Epoch(7)), start());
        assert_eq!(gate.admit(&call, &policy, at(9_000)), Ok(()));
        assert_eq!(gate.admit(&call, &policy, at(9_001)), Err(Refusal::TooLate { left_ms: 999, needed_ms: 1_000 }));
        let other = super::tests::call(Authority::Permit(Epoch(6)), start());
        assert_eq!(gate.admit(&other, &policy, at(0)), Err(Refusal::OtherEpoch { call: Epoch(6), open: Epoch(7) }));
    }

    #[test]
    fn a_rescue_ends_nothing() {
        let policy = Policy::default();
        let gate = Gate::rescue(10_000);
        assert_eq!(gate.admit(&call(Authority::Rescue, start()), &policy, at(0)), Ok(()));
        let take = Action::ForceDetach { volume: kit_model::VolumeId::from("vol-1"), machine: MachineId::from("i-1") };
        assert_eq!(gate.admit(&call(Authority::Rescue, take), &policy, at(0)), Ok(()));
        let end = Action::TerminateMachine { machine: MachineId::from("i-1") };
        assert_eq!(gate.admit(&call(Authority::Rescue, end), &policy, at(0)), Err(Refusal::NotForRescue));
        assert_eq!(gate.admit(&call(Authority::Permit(Epoch(1)), start()), &policy, at(0)), Err(Refusal::NoPermit));
    }

    #[test]
    fn a_closed_gate_admits_nothing() {
        let policy = Policy::default();
        for authority in [Authority::Permit(Epoch(0)), Authority::Rescue, Authority::Operator] {
            assert_eq!(Gate::closed().admit(&call(authority, start()), &policy, at(0)), Err(Refusal::NoPermit));
        }
    }
}
