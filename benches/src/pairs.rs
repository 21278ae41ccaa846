//! Samples of two contenders that are measured in turns. The ratio is the median of the pairs' ratios, not the ratio of
//! medians: both halves of a pair see the same load of the machine.

use crate::report::median;

/// The samples so far, in nanoseconds.
#[derive(Default)]
pub struct Pairs {
    ours: Vec<u64>,
    theirs: Vec<u64>,
}

impl Pairs {
    /// Adds a pair.
    pub fn push(&mut self, ours: u64, theirs: u64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    /// Median of ours / theirs (the upper one of two).
    pub fn ratio(&self) -> Option<f64> {
        let pairs = self.ours.iter().zip(&self.theirs);
        let mut ratios: Vec<f64> = pairs
            .map(|(&a, &b)| a.max(1) as f64 / b.max(1) as f64)
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }

    /// The shortest times of both, whether or not they are of one pair.
    pub fn fastest(&self) -> Option<(u64, u64)> {
        let ours = self.ours.iter().min()?;
        Some((*ours, *self.theirs.iter().min()?))
    }

    /// Ours / theirs of the shortest times.
    pub fn ratio_of_fastest(&self) -> Option<f64> {
        let (ours, theirs) = self.fastest()?;
        Some(ours.max(1) as f64 / theirs.max(1) as f64)
    }

    /// Medians of both.
    pub fn medians(&self) -> Option<(u64, u64)> {
        median(&mut self.ours.clone()).zip(median(&mut self.theirs.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_each_pair() {
        let mut pairs = Pairs::default();
        assert_eq!((pairs.ratio(), pairs.medians()), (None, None));
        // The machine was slow for one pair, and one sample of ours for itself.
        for (ours, theirs) in [(10, 10), (100, 100), (90, 10)] {
            pairs.push(ours, theirs);
        }
        assert_eq!(pairs.ratio(), Some(1.0));
        assert_eq!(pairs.medians(), Some((90, 10)));
        assert_eq!(pairs.fastest(), Some((10, 10)));
        assert_eq!(pairs.ratio_of_fastest(), Some(1.0));
    }
}
