//! Opt@k (Shetty et al., 2025, GSO).
//!
//! A sample is optimised if it is correct, faster than the base on the whole (arithmetic means), at least 1.2 times as
//! fast by the geometric mean over tests, and about as fast as the expert: harmonic mean above 0.95. Opt@k is the share of
//! tasks where one of the first k samples is; GSO's program merges the reports of the first k runs so. (The 1.2 is
//! MIN_PROB_SPEEDUP of most versions of that program; others have 1.1 or 1.3, which the parameter `gm` gives.)

use super::metric::{Formula, mean};
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;
use super::speedup::speedup;
use crate::task::Role;

/// In percent; over tasks that have a base and an expert reference measured on the same tests.
pub(super) fn formula(given: &Given) -> Formula {
    let (k, column, cap) = (given.k as usize, given.column, given.parameter("cap"));
    let (gm_min, hm_min) = (given.parameter("gm"), given.parameter("hm"));
    Formula::mean(100.0, move |task: &TaskView| {
        let base = task.role(Role::Base, column)?;
        let expert = task.role(Role::Expert, column)?;
        let is_optimised = |run: &Run| {
            let Some(base) = pairs(base, run) else {
                return false;
            };
            let Some(expert) = pairs(expert, run) else {
                return false;
            };
            run.is_correct && is_faster(&base, gm_min, cap) && harmonic(&expert, cap) > hm_min
        };
        let mut first = task.measured(column).take(k).peekable();
        first.peek()?;
        Some(f64::from(u8::from(first.any(is_optimised))))
    })
}

/// Costs of a reference and a sample on each measured test of the reference; `None` if the sample lacks one.
fn pairs(reference: &Run, run: &Run) -> Option<Vec<(f64, f64)>> {
    let measured = reference.tests.iter().filter(|test| test.is_measured);
    let pairs = measured.map(|test| {
        let same = run.tests.iter().find(|other| other.test == test.test)?;
        Some((test.cost?, same.cost?))
    });
    let pairs: Vec<(f64, f64)> = pairs.collect::<Option<_>>()?;
    (!pairs.is_empty()).then_some(pairs)
}

fn is_faster(pairs: &[(f64, f64)], gm_min: f64, cap: f64) -> bool {
    let before: f64 = pairs.iter().map(|(before, _)| before).sum();
    let after: f64 = pairs.iter().map(|(_, after)| after).sum();
    let logs = pairs
        .iter()
        .map(|(before, after)| speedup(*before, *after, cap).ln());
    let geometric = mean(logs).map_or(0.0, f64::exp);
    before > after && geometric >= gm_min
}

fn harmonic(pairs: &[(f64, f64)], cap: f64) -> f64 {
    let inverses = pairs
        .iter()
        .map(|(before, after)| speedup(*before, *after, cap).recip());
    mean(inverses).map_or(0.0, f64::recip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::speedup::CAP;

    #[test]
    fn means_by_hand() {
        // Speedups 4 and 1: geometric 2, harmonic 2 / (1/4 + 1) = 1.6.
        let pairs = [(8.0, 2.0), (3.0, 3.0)];
        assert!(is_faster(&pairs, 2.0 - 1e-12, CAP));
        assert!(!is_faster(&pairs, 2.01, CAP));
        assert_eq!(harmonic(&pairs, CAP), 1.6);
        // Twice as fast by the geometric mean (8 and 1/2), yet slower on the whole: 8 + 10 against 1 + 20.
        assert!(!is_faster(&[(8.0, 1.0), (10.0, 20.0)], 1.2, CAP));
    }
}
