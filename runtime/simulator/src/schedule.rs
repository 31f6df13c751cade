//! Schedules of faults, drawn from a seed.
//!
//! Independent faults alone seldom meet: half of all schedules follow a pattern that brings together what
//! hurts together (two managers lost at once, a frozen holder while another member dies, a roll under fire).

use std::collections::BTreeSet;

use kit_model::Address;

use crate::fault::{Fault, FaultKind, Origin, Shape, Target};
use crate::random::Random;
use crate::subject::Subject;

/// The most faults that a drawn schedule has: more of them only hide each other.
const MAX_FAULTS: u64 = 7;

/// How often another fault is drawn for a schedule that has none.
const MAX_REDRAWS: u32 = 32;

/// How long faults go on from the beginning of a bootstrap, in milliseconds: three managers stand after some
/// two minutes.
const BOOTSTRAP_WINDOW_MS: u64 = 3 * 60 * 1000;

/// How long faults go on after the first may come, in milliseconds: about as long as a roll of three
/// managers takes, so that faults meet every phase of it.
const WINDOW_MS: u64 = 8 * 60 * 1000;

/// From which stream schedules are drawn.
const STREAM: u64 = 1;

/// Draws a schedule of `kinds` for `subject`.
#[must_use]
pub(crate) fn draw(seed: u64, subject: &Subject, kinds: &BTreeSet<FaultKind>) -> Vec<Fault> {
    if kinds.is_empty() {
        return Vec::new();
    }
    let mut random = Random::new(seed, STREAM);
    // One schedule in eight hits the bootstrap; the others spare its minutes and begin with a whole cluster.
    let (from, window_ms) =
        if random.percent(12) { (Origin::Boot, BOOTSTRAP_WINDOW_MS) } else { (Origin::Whole, WINDOW_MS) };
    let mut draw = Draw { random, subject, kinds, from, window_ms, faults: Vec::new(), lost: BTreeSet::new() };
    match draw.random.below(20) {
        0..=1 => draw.lose_many(false),
        2 => draw.lose_many(true),
        3..=5 => draw.roll_under_fire(),
        6 => draw.one_member_again_and_again(),
        7..=10 => draw.answers_lost_while_healing(),
        11..=12 => draw.two_who_think_they_lead(),
        _ => {}
    }
    let many = draw.random.within(u64::from(draw.faults.is_empty()), MAX_FAULTS - 1);
    for _ in 0..draw.random.within(u64::from(draw.faults.is_empty()), many) {
        draw.any();
    }
    // What was drawn may be of no use at its time: a schedule without faults would explore nothing.
    for _ in 0..MAX_REDRAWS {
        if draw.faults.is_empty() {
            draw.any();
        }
    }
    let mut faults = draw.faults;
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

struct Draw<'a> {
    random: Random,
    subject: &'a Subject,
    kinds: &'a BTreeSet<FaultKind>,
    from: Origin,
    window_ms: u64,
    faults: Vec<Fault>,
    /// Managers whose state a fault takes away: always fewer than would lose the Swarm for good.
    lost: BTreeSet<Address>,
}

impl Draw<'_> {
    fn add(&mut self, kind: FaultKind, target: Option<Target>, at_ms: u64, for_ms: u64) {
        if self.kinds.contains(&kind) {
            self.faults.push(Fault { kind, target, from: self.from, at_ms, for_ms });
        }
    }

    fn time(&mut self) -> u64 {
        self.random.below(self.window_ms)
    }

    fn manager(&mut self) -> Target {
        if self.random.percent(35) {
            return Target::Leader;
        }
        if self.random.percent(15) {
            return Target::Follower;
        }
        self.named_manager()
    }

    fn named_manager(&mut self) -> Target {
        self.random.pick(self.subject.managers()).cloned().map_or(Target::Leader, Target::Address)
    }

    fn anyone(&mut self) -> Target {
        if self.random.percent(30) {
            let others = self.subject.others();
            if let Some(address) = self.random.pick(&others) {
                return Target::Address(address.clone());
            }
        }
        self.manager()
    }

    /// A member whose state may be lost, if one more loss still leaves a majority of identities.
    fn losable(&mut self) -> Option<Target> {
        let managers = self.subject.managers();
        let address = self.random.pick(managers)?.clone();
        if !self.lost.contains(&address) && self.lost.len() >= (managers.len().max(1) - 1) / 2 {
            return None;
        }
        self.lost.insert(address.clone());
        Some(Target::Address(address))
    }

    fn length(&mut self, kind: FaultKind) -> u64 {
        let (low, high) = match kind {
            FaultKind::Cut | FaultKind::Isolate => (3_000, 120_000),
            FaultKind::Freeze | FaultKind::FreezeMachine => (1_000, 150_000),
            FaultKind::FreezeOnSend => (2_000, 200_000),
            FaultKind::DelayCall => (5_000, 299_000),
            FaultKind::Stranger => (60_000, 300_000),
            FaultKind::FailDocker if self.random.percent(15) => (1_200_000, 2_400_000),
            FaultKind::FailDocker => (30_000, 400_000),
            _ => (10_000, 200_000),
        };
        self.random.within(low, high)
    }

    fn any(&mut self) {
        let kinds: Vec<FaultKind> = self.kinds.iter().copied().collect();
        let Some(kind) = self.random.pick(&kinds).copied() else { return };
        let at_ms = self.time();
        self.one(kind, at_ms);
    }

    fn one(&mut self, kind: FaultKind, at_ms: u64) {
        let for_ms = match kind.info().shape {
            Shape::For | Shape::Everywhere => self.length(kind),
            Shape::At | Shape::Operator => 0,
        };
        let target = match kind {
            // While there are only one or two voters, the loss of one is for good: a person begins anew.
            FaultKind::LoseVolume | FaultKind::Wipe | FaultKind::Expire | FaultKind::Phantom
                if self.from == Origin::Boot =>
            {
                return;
            }
            FaultKind::LoseVolume | FaultKind::Wipe | FaultKind::Expire | FaultKind::Phantom => match self.losable() {
                Some(target) => Some(target),
                None => return,
            },
            FaultKind::Stranger => Some(self.named_manager()),
            FaultKind::Kill
            | FaultKind::Stop
            | FaultKind::FreezeMachine
            | FaultKind::Cut
            | FaultKind::Isolate
            | FaultKind::UnknownState
            | FaultKind::FailDocker => Some(self.anyone()),
            _ => match kind.info().shape {
                Shape::At | Shape::For => Some(self.manager()),
                Shape::Everywhere | Shape::Operator => None,
            },
        };
        self.add(kind, target, at_ms, for_ms);
    }

    /// Two of three, or all of them, within seconds.
    fn lose_many(&mut self, all: bool) {
        let managers = self.subject.managers().to_vec();
        let many = if all { managers.len() } else { managers.len() / 2 + 1 };
        let skip = usize::try_from(self.random.below(managers.len() as u64)).unwrap_or(0);
        let at_ms = self.time();
        for address in managers.iter().cycle().skip(skip).take(many) {
            let at_ms = at_ms + self.random.below(25_000);
            let kind = if self.random.percent(75) { FaultKind::Kill } else { FaultKind::Stop };
            self.add(kind, Some(Target::Address(address.clone())), at_ms, 0);
        }
    }

    fn roll_under_fire(&mut self) {
        let at_ms = self.random.below(self.window_ms / 4);
        self.add(FaultKind::Roll, None, at_ms, 0);
        for _ in 0..self.random.within(0, 2) {
            let at_ms = at_ms + self.random.below(180_000);
            self.any_of(
                &[FaultKind::Kill, FaultKind::Cut, FaultKind::CrashOnSend, FaultKind::Freeze, FaultKind::Rollback],
                at_ms,
            );
        }
    }

    fn one_member_again_and_again(&mut self) {
        let target = self.named_manager();
        let mut at_ms = self.random.below(60_000);
        if self.random.percent(50) {
            self.add(FaultKind::FailDocker, Some(target), at_ms, 2_400_000);
            return;
        }
        for _ in 0..self.random.within(2, 4) {
            self.add(FaultKind::Kill, Some(target.clone()), at_ms, 0);
            at_ms += self.random.within(5_000, 120_000);
        }
    }

    /// A member dies; around its healing answers are lost and calls are late.
    fn answers_lost_while_healing(&mut self) {
        let at_ms = self.time();
        let target = self.anyone();
        let kind = if self.random.percent(70) { FaultKind::Kill } else { FaultKind::Stop };
        self.add(kind, Some(target), at_ms, 0);
        for _ in 0..self.random.within(1, 3) {
            let at_ms = at_ms + self.random.below(60_000);
            self.any_of(
                &[
                    FaultKind::LoseReply,
                    FaultKind::LoseCommit,
                    FaultKind::LoseCall,
                    FaultKind::DelayCall,
                    FaultKind::CrashOnCommit,
                    FaultKind::CrashOnSend,
                    FaultKind::FreezeOnSend,
                    FaultKind::Lag,
                    FaultKind::PartialListing,
                ],
                at_ms,
            );
        }
    }

    /// The leader is frozen or cut off in the middle of healing, and another takes over.
    fn two_who_think_they_lead(&mut self) {
        let at_ms = self.time();
        let victim = self.anyone();
        self.add(FaultKind::Kill, Some(victim), at_ms, 0);
        let at_ms = at_ms + self.random.below(40_000);
        let kinds = [FaultKind::Cut, FaultKind::Freeze, FaultKind::FreezeMachine, FaultKind::FreezeOnSend];
        if let Some(kind) = self.random.pick(&kinds).copied() {
            let for_ms = self.length(kind);
            self.add(kind, Some(Target::Leader), at_ms, for_ms);
            if self.random.percent(50) {
                let at_ms = at_ms + self.random.below(30_000);
                self.add(FaultKind::Cut, Some(Target::Leader), at_ms, for_ms);
            }
        }
    }

    fn any_of(&mut self, kinds: &[FaultKind], at_ms: u64) {
        if let Some(kind) = self.random.pick(kinds).copied() {
            self.one(kind, at_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::draw;
    use crate::fault::{FAULTS, FaultKind, Target};
    use crate::subject::Subject;

    #[test]
    fn schedules_cover_every_kind_and_spare_a_majority_of_identities() {
        let subject = Subject::of_size(3, 2).expect("a subject");
        let all: BTreeSet<FaultKind> = FAULTS.iter().map(|info| info.kind).collect();
        let mut seen = BTreeSet::new();
        for seed in 0..2_000 {
            let schedule = draw(seed, &subject, &all);
            assert!(!schedule.is_empty());
            let lost: BTreeSet<&Target> = schedule
                .iter()
                .filter(|fault| {
                    matches!(
                        fault.kind,
                        FaultKind::LoseVolume | FaultKind::Wipe | FaultKind::Expire | FaultKind::Phantom
                    )
                })
                .filter_map(|fault| fault.target.as_ref())
                .collect();
            assert!(lost.len() <= 1, "{schedule:?}");
            seen.extend(schedule.iter().map(|fault| fault.kind));
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn only_the_kinds_asked_for_are_drawn() {
        let subject = Subject::of_size(5, 0).expect("a subject");
        let kinds = BTreeSet::from([FaultKind::Kill]);
        for seed in 0..200 {
            assert!(draw(seed, &subject, &kinds).iter().all(|fault| fault.kind == FaultKind::Kill));
        }
        assert!(draw(1, &subject, &BTreeSet::new()).is_empty());
    }
}
