//! Ratios of costs, and their three means.
//!
//! The ratio of sums weighs tasks by their cost, the geometric mean weighs ratios alike, the harmonic mean leans to the
//! slow ones. They can disagree about which of two models is better, so none is called "the" speedup.

use super::metric::{Formula, Sums, ratio};
use super::results::TaskView;
use super::spec::Given;

/// Speedups count as at most this, unless the metric is given another cap, and as at least its inverse: a sample that costs
/// nothing would make every mean infinite.
pub const CAP: f64 = 1e6;

/// How many times less `cost` is than `reference`, within `1/cap..=cap`. Two costs of 0 are the same.
pub fn speedup(reference: f64, cost: f64, cap: f64) -> f64 {
    if reference == cost {
        return 1.0;
    }
    (reference / cost).clamp(1.0 / cap, cap)
}

/// COFFE's: the sum of what the best reference costs by the sum of what correct samples cost, each sample of a task adding
/// its reference once. No cap, but none of the sums may be 0.
pub(super) fn ratio_of_sums(given: &Given) -> Formula {
    let column = given.column;
    let of = move |task: &TaskView| {
        let reference = task.least_cost(column)?;
        let costs = task.correct_costs(column);
        sums(costs.map(|cost| (reference, cost)))
    };
    Formula::new(of, ratio)
}

/// The geometric mean over the correct samples of all tasks (KernelBench's mean of ratios).
pub(super) fn geometric(given: &Given) -> Formula {
    means(given, f64::ln, f64::exp)
}

/// The harmonic mean over the correct samples of all tasks.
pub(super) fn harmonic(given: &Given) -> Formula {
    means(given, f64::recip, f64::recip)
}

/// A mean of `forth` of each speedup, turned `back`.
fn means(given: &Given, forth: fn(f64) -> f64, back: fn(f64) -> f64) -> Formula {
    let (column, cap) = (given.column, given.parameter("cap"));
    let of = move |task: &TaskView| {
        let reference = task.least_cost(column)?;
        let costs = task.correct_costs(column);
        sums(costs.map(|cost| (forth(speedup(reference, cost, cap)), 1.0)))
    };
    Formula::new(of, move |sums| ratio(sums).map(back))
}

/// Both parts of pairs, added up; `None` of no pair.
fn sums(pairs: impl Iterator<Item = (f64, f64)>) -> Option<Sums> {
    let mut pairs = pairs.peekable();
    pairs.peek()?;
    let (a, b) = pairs.fold((0.0, 0.0), |(a, b), (more_a, more_b)| {
        (a + more_a, b + more_b)
    });
    Some([a, b, 0.0, 0.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_are_capped() {
        assert_eq!(speedup(6.0, 3.0, CAP), 2.0);
        assert_eq!(speedup(3.0, 6.0, CAP), 0.5);
        assert_eq!(speedup(1.0, 0.0, CAP), CAP);
        assert_eq!(speedup(0.0, 1.0, CAP), 1.0 / CAP);
        assert_eq!(speedup(0.0, 0.0, CAP), 1.0);
    }
}
