//! The same call again only after a pause that grows: where a listing lags, or the provider refuses, an operator's process
//! would otherwise repeat it as fast as it is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use kit_model::{Policy, Step};
use tokio::time::Instant;

/// When each call may be sent again.
#[derive(Debug)]
pub(super) struct Again {
    first: Duration,
    longest: Duration,
    /// By address and verb: when it may go again, and the pause after that.
    sent: BTreeMap<String, (Instant, Duration)>,
}

impl Again {
    /// Nothing was sent yet. A replica pauses as long between its tries.
    pub(super) const fn new(policy: &Policy) -> Self {
        let first = Duration::from_millis(policy.backoff_ms);
        Self { first, longest: Duration::from_millis(policy.backoff_max_ms), sent: BTreeMap::new() }
    }

    /// Whether `step` may be sent now; if so, the next time is later.
    pub(super) fn may_send(&mut self, step: &Step) -> bool {
        self.may(format!("{} {}", step.address, step.action.verb()))
    }

    /// The same for a call that is no step, by what it is.
    pub(super) fn may(&mut self, what: String) -> bool {
        let now = Instant::now();
        let (next, pause) = self.sent.entry(what).or_insert((now, self.first));
        if now < *next {
            return false;
        }
        *next = now + *pause;
        *pause = (*pause * 2).min(self.longest);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_again_comes_ever_later_and_another_at_once() {
        let mut again = Again::new(&Policy::default());
        let begun = Instant::now();
        let mut sent_at = Vec::new();
        while begun.elapsed() < Duration::from_secs(600) {
            if again.may("managers.m1 terminate machine".to_owned()) {
                sent_at.push(begun.elapsed().as_secs());
            }
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        assert_eq!(sent_at, [0, 5, 15, 35, 75, 155, 275, 395, 515]);
        assert!(again.may("managers.m2 terminate machine".to_owned()), "another call waits for none of it");
    }
}
