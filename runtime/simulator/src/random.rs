//! Chance that comes from a seed, and from nothing else.

/// A generator whose numbers never change between versions: a seed printed today must show the same run
/// next year. That rules out a library whose stream may improve; SplitMix64 is three lines and passes the
/// usual batteries.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of `seed`; `stream` keeps purposes apart, so that dropping a fault from a schedule does
    /// not change the latencies of another machine.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        Self(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ stream.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// A number from `low` to `high`, both included.
    pub(crate) const fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many cases of a hundred.
    pub(crate) const fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// Mostly near `usual`, seldom much more: how long things on a network take.
    pub(crate) const fn latency(&mut self, usual: u64) -> u64 {
        let base = self.within(usual / 2, usual + usual / 2);
        if self.percent(3) { base + self.within(usual, usual * 10) } else { base }
    }

    /// As [`Self::latency`], but now and then as long as `longest`: an expired credential, a busy disk.
    pub(crate) const fn slow_latency(&mut self, usual: u64, longest: u64) -> u64 {
        if self.percent(3) { self.within(usual, longest) } else { self.latency(usual) }
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_stream_never_changes() {
        let mut random = Random::new(1, 2);
        let first: Vec<u64> = (0..3).map(|_| random.below(1000)).collect();
        let mut again = Random::new(1, 2);
        let second: Vec<u64> = (0..3).map(|_| again.below(1000)).collect();
        assert_eq!(first, second);
        let mut other = Random::new(1, 3);
        assert_ne!(first, (0..3).map(|_| other.below(1000)).collect::<Vec<u64>>());
    }
}
