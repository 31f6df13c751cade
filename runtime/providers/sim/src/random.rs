//! Chance from a seed, as part of the state: the same seed and the same calls give the same world.

use serde::{Deserialize, Serialize};

/// SplitMix64: a few lines, one word of state that is written down with the cloud, and good enough to choose times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Random(u64);

/// The increment of SplitMix64: the golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads a number over 64 bits; no two numbers give the same.
pub(crate) const fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Random {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        spread(self.0)
    }

    /// A number below `end`; 0 if that is 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.number() % end }
    }

    /// True in `permille` of a thousand cases. Draws nothing where the answer is certain.
    pub const fn chance(&mut self, permille: u32) -> bool {
        permille > 0 && (permille >= 1000 || self.below(1000) < permille as u64)
    }
}
