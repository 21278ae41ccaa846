//! How often a cost orders two programs as time does.

use serde::Serialize;

/// By how much the times of two programs have to differ for their order to count.
pub const FACTORS: [f64; 4] = [1.1, 1.25, 1.5, 2.0];

/// Pairs whose times differ by at least a factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// The factor.
    pub factor: f64,
    /// Pairs that the cost orders as time does; one for which both cost the same is none of them.
    pub same: usize,
    /// All pairs.
    pub pairs: usize,
    /// Standard error of the share, by the jackknife over programs: pairs with a program in common are not independent.
    pub standard_error: f64,
}

impl Agreement {
    /// Of the pairs, those that are ordered alike; 1 if there is none.
    pub fn share(&self) -> f64 {
        share(self.same, self.pairs)
    }
}

fn share(same: usize, pairs: usize) -> f64 {
    match pairs {
        0 => 1.0,
        pairs => same as f64 / pairs as f64,
    }
}

/// Agreement of costs with times, for each of [`FACTORS`]; `counts` says which pairs are looked at, by their indices. The longer time of
/// a pair has to be longer than `shortest` by the factor as well.
///
/// # Panics
/// If there are not as many costs as times.
pub fn agreement(
    times: &[f64],
    costs: &[f64],
    shortest: f64,
    counts: impl Fn(usize, usize) -> bool,
) -> Vec<Agreement> {
    assert_eq!(times.len(), costs.len(), "a cost for each time");
    FACTORS
        .iter()
        .map(|&factor| {
            let n = times.len();
            // What each program has a part in, to be left out again.
            let (mut same, mut pairs) = (vec![0; n], vec![0; n]);
            for a in 0..n {
                for b in a + 1..n {
                    let (fast, slow) = if times[a] <= times[b] { (a, b) } else { (b, a) };
                    if !counts(a, b) || times[slow] < factor * times[fast].max(shortest) {
                        continue;
                    }
                    let is_same = usize::from(costs[slow] > costs[fast]);
                    for of in [a, b] {
                        pairs[of] += 1;
                        same[of] += is_same;
                    }
                }
            }
            // Each pair was noted at both of its programs.
            let (all_same, all_pairs) = (
                same.iter().sum::<usize>() / 2,
                pairs.iter().sum::<usize>() / 2,
            );
            let without = |i: usize| share(all_same - same[i], all_pairs - pairs[i]);
            Agreement {
                factor,
                same: all_same,
                pairs: all_pairs,
                standard_error: jackknife(&(0..n).map(without).collect::<Vec<f64>>()),
            }
        })
        .collect()
}

/// The standard error of a number, from its values with each observation left out: sqrt((n - 1) / n sum((x - mean)^2)) (Efron 1982).
pub(super) fn jackknife(left_out: &[f64]) -> f64 {
    let n = left_out.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = left_out.iter().sum::<f64>() / n;
    let squares: f64 = left_out.iter().map(|x| (x - mean).powi(2)).sum();
    ((n - 1.0) / n * squares).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times 10, 12, 20, 40 and costs 5, 4, 9, 9. Pairs by factor of times: 10-12 1.2, 10-20 2, 10-40 4, 12-20 1.67, 12-40 3.33, 20-40 2.
    /// Costs order 10-12 the other way and 20-40 not at all. At 1.1: 4 of 6. At 1.25 and 1.5: without 10-12, 4 of 5. At 2: 10-20, 10-40,
    /// 12-40, 20-40, of which 3 are ordered alike.
    #[test]
    fn pairs_by_hand() {
        let (times, costs) = ([10.0, 12.0, 20.0, 40.0], [5.0, 4.0, 9.0, 9.0]);
        let found = agreement(&times, &costs, 0.0, |_, _| true);
        let counts: Vec<_> = found.iter().map(|a| (a.same, a.pairs)).collect();
        assert_eq!(counts, [(4, 6), (4, 5), (4, 5), (3, 4)]);
        assert_eq!(found[0].share(), 4.0 / 6.0);
        // Without the first at 1.1: 12-20 and 12-40 of 3; without the second 10-20, 10-40 of 3; the third 10-40, 12-40 of 3; the
        // fourth 10-20, 12-20 of 3. All are 2/3.
        assert!(found[0].standard_error < 1e-12);
        // Where 11 is the shortest that is told: 12 is less than 1.1 times that, and 20 less than twice.
        let found = agreement(&times, &costs, 11.0, |_, _| true);
        let counts: Vec<_> = found.iter().map(|a| (a.same, a.pairs)).collect();
        assert_eq!(counts, [(4, 5), (4, 5), (4, 5), (2, 3)]);
    }

    #[test]
    fn only_pairs_that_count() {
        let found = agreement(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0], 0.0, |a, b| a + b == 1);
        assert_eq!((found[0].same, found[0].pairs), (1, 1));
        let none = agreement(&[1.0], &[1.0], 0.0, |_, _| true);
        assert_eq!((none[0].pairs, none[0].share()), (0, 1.0));
    }

    /// Values 1, 2, 3: mean 2, squares 2, (3 - 1) / 3 * 2 = 4 / 3.
    #[test]
    fn the_jackknife_by_hand() {
        assert!((jackknife(&[1.0, 2.0, 3.0]) - (4.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(jackknife(&[1.0]), 0.0);
    }
}
