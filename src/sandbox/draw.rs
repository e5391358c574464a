//! Chance from a seed: the same seed draws the same day.

/// A small generator (splitmix64); good enough to vary test data, useless for secrets.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Starts the sequence of `seed`.
    pub fn from_seed(seed: u64) -> Draw {
        Draw(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits().checked_rem(limit).unwrap_or(0)
    }

    /// True in `percent` of a hundred draws.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// One of `choices`, which must not be empty.
    pub fn one<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        &choices[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let (mut one, mut two, mut other) = (Draw::from_seed(7), Draw::from_seed(7), Draw::from_seed(8));
        let drawn: Vec<u64> = (0..5).map(|_| one.bits()).collect();
        assert_eq!(drawn, (0..5).map(|_| two.bits()).collect::<Vec<_>>());
        assert_ne!(drawn, (0..5).map(|_| other.bits()).collect::<Vec<_>>());
        assert!((0..1000).all(|_| one.below(6) < 6));
    }
}
