//! The shortest schedule that still breaks: what a person wants to read instead of twenty faults.

use crate::fault::Fault;

/// The most runs that one shrinking may take: with a few milliseconds each, a person still waits for it.
const MAX_TRIALS: usize = 400;

/// Times are rounded to the first of these that still breaks, in milliseconds: `--kill leader@1min` reads
/// better than `--kill leader@61237ms`.
const ROUNDINGS_MS: [u64; 3] = [60_000, 10_000, 1_000];

/// Takes faults out of `schedule`, then shortens and rounds their times, as long as `breaks` holds.
///
/// Deterministic, and bounded: after [`MAX_TRIALS`] trials the best so far is returned.
pub fn shrink(schedule: &[Fault], mut breaks: impl FnMut(&[Fault]) -> bool) -> Vec<Fault> {
    let mut trials = 0_usize;
    let mut holds = |candidate: &[Fault]| {
        trials += 1;
        trials <= MAX_TRIALS && breaks(candidate)
    };
    let mut best = schedule.to_vec();
    drop_parts(&mut best, &mut holds);
    shorten(&mut best, &mut holds);
    round(&mut best, &mut holds);
    best
}

/// Leaves out ever smaller parts: halves first, single faults last, until no single one can go.
fn drop_parts(best: &mut Vec<Fault>, holds: &mut impl FnMut(&[Fault]) -> bool) {
    let mut size = best.len().div_ceil(2).max(1);
    while !best.is_empty() {
        let mut dropped = false;
        let mut from = 0;
        while from < best.len() {
            let to = (from + size).min(best.len());
            let candidate: Vec<Fault> = best[..from].iter().chain(&best[to..]).cloned().collect();
            if holds(&candidate) {
                *best = candidate;
                dropped = true;
            } else {
                from = to;
            }
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if !dropped {
            return;
        }
    }
}

fn shorten(best: &mut [Fault], holds: &mut impl FnMut(&[Fault]) -> bool) {
    for index in 0..best.len() {
        // Halving from a day down to a second takes 17 steps.
        for _ in 0..17 {
            let mut candidate = best.to_vec();
            candidate[index].for_ms /= 2;
            if candidate[index].for_ms < 1_000 || !holds(&candidate) {
                break;
            }
            best.clone_from_slice(&candidate);
        }
    }
}

fn round(best: &mut [Fault], holds: &mut impl FnMut(&[Fault]) -> bool) {
    for index in 0..best.len() {
        for field in [at_ms, for_ms] {
            for rounding in ROUNDINGS_MS {
                let mut candidate = best.to_vec();
                let time = field(&mut candidate[index]);
                let rounded = *time / rounding * rounding;
                if *time == rounded {
                    break;
                }
                *time = rounded;
                if rounded > 0 && holds(&candidate) {
                    best.clone_from_slice(&candidate);
                    break;
                }
            }
        }
    }
}

const fn at_ms(fault: &mut Fault) -> &mut u64 {
    &mut fault.at_ms
}

const fn for_ms(fault: &mut Fault) -> &mut u64 {
    &mut fault.for_ms
}

#[cfg(test)]
mod tests {
    use super::{MAX_TRIALS, shrink};
    use crate::fault::{Fault, FaultKind, Origin};

    fn fault(kind: FaultKind, at_ms: u64, for_ms: u64) -> Fault {
        Fault { kind, target: None, from: Origin::Whole, at_ms, for_ms }
    }

    #[test]
    fn only_what_is_needed_stays_and_times_are_round() {
        let schedule: Vec<Fault> = (0..20)
            .map(|n| fault(if n % 7 == 3 { FaultKind::Throttle } else { FaultKind::Lag }, 10_123 + n * 7_001, 90_777))
            .collect();
        let short = shrink(&schedule, |candidate| {
            candidate.iter().filter(|fault| fault.kind == FaultKind::Throttle && fault.for_ms > 20_000).count() >= 2
        });
        assert_eq!(short.len(), 2);
        assert!(short.iter().all(|fault| fault.at_ms % 10_000 == 0 && fault.for_ms < 46_000), "{short:?}");
    }

    #[test]
    fn it_ends() {
        let schedule: Vec<Fault> = (0..500).map(|n| fault(FaultKind::Lag, n, n)).collect();
        let mut trials = 0;
        shrink(&schedule, |_| {
            trials += 1;
            false
        });
        assert!(trials <= MAX_TRIALS);
    }
}
