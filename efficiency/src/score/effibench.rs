//! Time, memory, and time times memory against a canonical solution (Huang et al., 2024, EffiBench; Qing et al., 2025,
//! EffiBench-X).
//!
//! EffiBench: what correct samples cost by what the canonical solution costs, as a ratio of sums (its program prints that,
//! though the paper writes a mean of ratios). EffiBench-X turns it round and punishes failure: the mean over all problems
//! of canonical / sample, within 0 and 1, a failure being 0.
//!
//! Memory is the peak of the heap if that was measured for both, else of linear memory. Their memory usage over time (TMU,
//! MI) is an integral of samples of the memory taken in the run; here it is cost times peak memory, test by test.

use super::metric;
use super::metric::{Formula, Sums, mean, ratio};
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;
use crate::Column;
use crate::task::Role;

/// What is compared of a sample and the canonical solution.
type Pair = fn(&Run, &Run, Column) -> Option<(f64, f64)>;

const TIME: Pair =
    |sample, canonical, column| Some((sample.cost(column)?, canonical.cost(column)?));
const MEMORY: Pair = |sample, canonical, _| sample.memory(canonical);
const BOTH: Pair = |sample, canonical, _| sample.cost_memory(canonical);

/// NET: normalised execution time.
pub(super) fn net(given: &Given) -> Formula {
    normalised(given, TIME)
}

/// NMU: normalised maximum memory usage.
pub(super) fn nmu(given: &Given) -> Formula {
    normalised(given, MEMORY)
}

/// NTMU: normalised total memory usage.
pub(super) fn ntmu(given: &Given) -> Formula {
    normalised(given, BOTH)
}

/// EffiBench-X's execution time, in percent.
pub(super) fn net_x(given: &Given) -> Formula {
    clipped(given, TIME)
}

/// EffiBench-X's memory peak, in percent.
pub(super) fn nmu_x(given: &Given) -> Formula {
    clipped(given, MEMORY)
}

/// EffiBench-X's memory integral, in percent.
pub(super) fn ntmu_x(given: &Given) -> Formula {
    clipped(given, BOTH)
}

/// Those in the role `canonical`; without one the least costly reference.
fn canonical<'r>(task: &TaskView<'r>, column: Column) -> Vec<&'r Run> {
    let named = task
        .references(column)
        .map(|(run, _)| run)
        .filter(|run| run.role == Some(Role::Canonical));
    let named: Vec<&Run> = named.collect();
    match named.is_empty() {
        false => named,
        true => task.role(Role::Canonical, column).into_iter().collect(),
    }
}

fn normalised(given: &Given, pair: Pair) -> Formula {
    let column = given.column;
    let of = move |task: &TaskView| {
        let canonical = *canonical(task, column).first()?;
        let mut sums: Option<Sums> = None;
        for run in task.judged().filter(|run| run.is_correct) {
            if let Some((sample, canonical)) = pair(run, canonical, column) {
                metric::add(sums.get_or_insert_default(), &[sample, canonical, 0.0, 0.0]);
            }
        }
        sums
    };
    Formula::new(of, ratio)
}

fn clipped(given: &Given, pair: Pair) -> Formula {
    let column = given.column;
    Formula::mean(100.0, move |task: &TaskView| {
        let canonical = canonical(task, column);
        if canonical.is_empty() {
            return None;
        }
        mean(task.measured(column).filter_map(|run| {
            if !run.is_correct {
                return Some(0.0);
            }
            // Of several canonical solutions the best in what is compared.
            let pairs = canonical.iter().filter_map(|c| pair(run, c, column));
            let (sample, best) = pairs.min_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(share(best, sample))
        }))
    })
}

/// `clip(canonical / sample, 0, 1)`; 1 if the sample costs nothing.
pub fn share(canonical: f64, sample: f64) -> f64 {
    if sample <= canonical {
        return 1.0;
    }
    (canonical / sample).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_by_hand() {
        assert_eq!(share(1.0, 4.0), 0.25);
        assert_eq!(share(4.0, 1.0), 1.0);
        assert_eq!(share(0.0, 0.0), 1.0);
        assert_eq!(share(0.0, 2.0), 0.0);
    }
}
