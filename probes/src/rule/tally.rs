//! What actions add up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_engine::Func;

use super::value::{Number, Value};

/// What one action has seen at one place, or under one key.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Times that the action was done.
    pub count: u64,
    /// Times that it could not be: there was no number.
    pub skipped: u64,
    pub number: Option<Number>,
    pub buckets: BTreeMap<i16, u64>,
    pub stacks: BTreeMap<Arc<str>, u64>,
}

/// The tallies of one action at one site.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// Without keys.
    pub all: Tally,
    pub by_key: HashMap<Vec<Value>, Tally>,
    /// Texts of the stacks that have been seen, so that each is made once.
    pub stacks: HashMap<Box<[Func]>, Arc<str>>,
}

impl Tallies {
    pub fn under(&mut self, key: Vec<Value>) -> &mut Tally {
        match key.is_empty() {
            true => &mut self.all,
            false => self.by_key.entry(key).or_default(),
        }
    }
}

impl Tally {
    /// Takes a value in by `add`; what is no number is skipped.
    pub fn number(&mut self, value: &Value, add: impl FnOnce(&mut Tally, Number)) {
        match value.number() {
            Some(number) => {
                self.count += 1;
                add(self, number);
            }
            None => self.skipped += 1,
        }
    }

    pub fn sum(&mut self, number: Number) {
        self.number = Some(self.number.map_or(number, |sum| sum.plus(number)));
    }

    pub fn min(&mut self, number: Number) {
        let less = |known: &Number| number.compare(*known).is_some_and(|order| order.is_lt());
        if self.number.as_ref().is_none_or(less) {
            self.number = Some(number);
        }
    }

    pub fn max(&mut self, number: Number) {
        let more = |known: &Number| number.compare(*known).is_some_and(|order| order.is_gt());
        if self.number.as_ref().is_none_or(more) {
            self.number = Some(number);
        }
    }

    pub fn hist(&mut self, number: Number) {
        *self.buckets.entry(bucket(number)).or_default() += 1;
    }

    pub fn stack(&mut self, stack: Arc<str>) {
        self.count += 1;
        *self.stacks.entry(stack).or_default() += 1;
    }

    /// Adds another tally of the same action; `add` is how its numbers add up.
    pub fn merge(&mut self, other: &Tally, add: fn(&mut Tally, Number)) {
        self.count += other.count;
        self.skipped += other.skipped;
        if let Some(number) = other.number {
            add(self, number);
        }
        for (&bucket, &times) in &other.buckets {
            *self.buckets.entry(bucket).or_default() += times;
        }
        for (stack, &times) in &other.stacks {
            *self.stacks.entry(stack.clone()).or_default() += times;
        }
    }
}

/// Power of two below a number: `k` for 2^(k-1) up to 2^k - 1, `-k` for their
/// negatives, 0 for what is less than 1 away from 0.
fn bucket(number: Number) -> i16 {
    let whole = match number {
        Number::Int(number) => number,
        Number::Float(number) => number as i128,
    };
    let size = whole
        .unsigned_abs()
        .checked_ilog2()
        .map_or(0, |log| log as i16 + 1);
    if whole < 0 { -size } else { size }
}

/// The least and the greatest integer of a bucket.
pub(super) fn bounds(bucket: i16) -> (i128, i128) {
    let size = u32::from(bucket.unsigned_abs());
    if size == 0 {
        return (0, 0);
    }
    let low = 1u128 << (size - 1);
    let high = low - 1 + low;
    let clamp = |value: u128| i128::try_from(value).unwrap_or(i128::MAX);
    match bucket > 0 {
        true => (clamp(low), clamp(high)),
        false => (-clamp(high), -clamp(low)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_numbers() {
        for (number, expected, low, high) in [
            (0, 0, 0, 0),
            (1, 1, 1, 1),
            (2, 2, 2, 3),
            (3, 2, 2, 3),
            (4, 3, 4, 7),
            (-1, -1, -1, -1),
            (-5, -3, -7, -4),
            (i128::from(u64::MAX), 64, 1 << 63, (1 << 64) - 1),
            (i128::MAX, 127, 1 << 126, i128::MAX),
        ] {
            assert_eq!(bucket(Number::Int(number)), expected, "{number}");
            assert_eq!(bounds(expected), (low, high), "{number}");
        }
        assert_eq!(bucket(Number::Int(i128::MIN)), -128);
        for (number, expected) in [(0.9, 0), (-0.9, 0), (7.9, 3), (f64::INFINITY, 127)] {
            assert_eq!(bucket(Number::Float(number)), expected, "{number}");
        }
    }

    #[test]
    fn numbers_add_up() {
        let ints = [3, -4, 10].map(Number::Int);
        let mixed = [Number::Int(1), Number::Float(0.5)];
        let all = |numbers: &[Number], add: fn(&mut Tally, Number)| {
            let mut tally = Tally::default();
            numbers.iter().for_each(|number| add(&mut tally, *number));
            tally.number
        };
        assert_eq!(all(&ints, Tally::sum), Some(Number::Int(9)));
        assert_eq!(all(&ints, Tally::min), Some(Number::Int(-4)));
        assert_eq!(all(&ints, Tally::max), Some(Number::Int(10)));
        assert_eq!(all(&mixed, Tally::sum), Some(Number::Float(1.5)));
        assert_eq!(all(&mixed, Tally::min), Some(Number::Float(0.5)));
        assert_eq!(all(&[], Tally::sum), None);
    }
}
