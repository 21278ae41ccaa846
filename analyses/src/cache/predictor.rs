//! A branch predictor like cachegrind's (valgrind's manual, 5.7.2, "Branch prediction simulation").
//!
//! Conditional branches: 16,384 counters of two bits, one for each combination of seven bits of the branch's offset and the
//! ways of the last seven branches. Indirect ones: 512 last targets, by nine bits of the offset.

const HISTORY_BITS: u32 = 7;
const OFFSET_BITS: u32 = 7;
const TARGETS_BITS: u32 = 9;

/// No target.
const NONE: u64 = u64::MAX;

/// What has been learnt.
pub(super) struct Predictor {
    /// 0 and 1 predict that a branch is not taken.
    counters: Box<[u8]>,
    /// The last branches, the newest lowest.
    history: u32,
    targets: Box<[u64]>,
}

impl Predictor {
    /// Predicts that nothing is taken.
    pub fn new() -> Predictor {
        Predictor {
            counters: vec![0; 1 << (HISTORY_BITS + OFFSET_BITS)].into(),
            history: 0,
            targets: vec![NONE; 1 << TARGETS_BITS].into(),
        }
    }

    /// A conditional branch went a way: whether that was not predicted.
    #[inline]
    pub fn misses(&mut self, offset: u32, taken: bool) -> bool {
        let history = self.history & ((1 << HISTORY_BITS) - 1);
        let index = history << OFFSET_BITS | offset & ((1 << OFFSET_BITS) - 1);
        let counter = &mut self.counters[index as usize];
        let predicted = *counter >= 2;
        *counter = match taken {
            true => (*counter + 1).min(3),
            false => counter.saturating_sub(1),
        };
        self.history = self.history << 1 | u32::from(taken);
        predicted != taken
    }

    /// An indirect branch went to a target: whether it is another one than the last time.
    #[inline]
    pub fn misses_target(&mut self, offset: u32, target: u64) -> bool {
        let last = &mut self.targets[(offset & ((1 << TARGETS_BITS) - 1)) as usize];
        std::mem::replace(last, target) != target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A branch that is always taken: each of the first eight histories is new, and the eighth stays.
    #[test]
    fn a_loop_is_learnt() {
        let mut predictor = Predictor::new();
        let missed = (0..20).filter(|_| predictor.misses(100, true)).count();
        // With histories 0, 1, 3, ..., 63 once each, and twice with 127, until its counter is 2.
        assert_eq!(missed, 7 + 2);
        assert!(predictor.misses(100, false));
    }

    #[test]
    fn targets_are_those_of_the_last_time() {
        let mut predictor = Predictor::new();
        let targets = [0, 0, 1, 0, 0];
        let missed = targets.map(|target| predictor.misses_target(7, target));
        assert_eq!(missed, [true, false, true, true, false]);
        assert!(predictor.misses_target(7 + 512, 1), "they share a place");
    }
}
