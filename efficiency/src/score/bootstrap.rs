//! Percentile bootstrap over tasks: how much a score hangs on which tasks were chosen.

use super::metric::{Sums, add};

/// How intervals are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Times that tasks are drawn anew; 0 for no intervals.
    pub resamples: u32,
    /// Where the random numbers start; the same seed gives the same intervals.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Bootstrap {
        Bootstrap {
            resamples: 1000,
            seed: 0,
        }
    }
}

/// Share of the resamples within the interval.
pub const LEVEL: f64 = 0.95;

impl Bootstrap {
    /// The interval that the middle 95 % of the resampled values are in (Efron's percentile interval). `None` with fewer
    /// than two tasks, where there is nothing to draw from.
    pub fn interval(
        self,
        tasks: &[Sums],
        finish: &dyn Fn(&Sums) -> Option<f64>,
    ) -> Option<(f64, f64)> {
        if tasks.len() < 2 {
            return None;
        }
        let mut random = SplitMix(self.seed);
        let mut values = Vec::with_capacity(self.resamples as usize);
        for _ in 0..self.resamples {
            let mut sums = Sums::default();
            for _ in tasks {
                add(&mut sums, &tasks[random.below(tasks.len())]);
            }
            values.extend(finish(&sums));
        }
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let tail = (1.0 - LEVEL) / 2.0;
        let low = (tail * values.len() as f64).floor() as usize;
        Some((values[low.min(last)], values[last - low.min(last)]))
    }
}

/// SplitMix64 (Steele et al., 2014): small, and the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, by the upper half of a product: the bias is below n / 2^64.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::metric::ratio;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first three outputs for seed 1234567 that its authors' program prints.
        let mut random = SplitMix(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn intervals_of_a_share() {
        // 50 of 100 tasks: the standard error is sqrt(0.25 / 100) = 0.05, so 95 % lie within 0.5 +- 0.098.
        let tasks: Vec<Sums> = (0..100)
            .map(|i| [f64::from(i % 2), 1.0, 0.0, 0.0])
            .collect();
        let bootstrap = Bootstrap::default();
        let (low, high) = bootstrap.interval(&tasks, &ratio).expect("an interval");
        assert!((low - 0.402).abs() < 0.02, "{low}");
        assert!((high - 0.598).abs() < 0.02, "{high}");
        assert_eq!(bootstrap.interval(&tasks, &ratio), Some((low, high)));
        let other = Bootstrap {
            seed: 1,
            ..bootstrap
        };
        assert_ne!(other.interval(&tasks, &ratio), None);
    }

    #[test]
    fn without_spread_or_tasks() {
        let bootstrap = Bootstrap::default();
        let same = [[3.0, 1.0, 0.0, 0.0]; 4];
        assert_eq!(bootstrap.interval(&same, &ratio), Some((3.0, 3.0)));
        assert_eq!(bootstrap.interval(&same[..1], &ratio), None);
        assert_eq!(bootstrap.interval(&[], &ratio), None);
        let none = Bootstrap {
            resamples: 0,
            ..bootstrap
        };
        assert_eq!(none.interval(&same, &ratio), None);
    }
}
