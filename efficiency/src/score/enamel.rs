//! eff@k (Qiu et al., 2025, ENAMEL).
//!
//! Tests have levels of difficulty. In each the slowest test counts, against the reference's slowest test of that level; what
//! ran out of time, memory or fuel at a level gets nothing from it on, and nothing at all if that was the first level.

use std::collections::BTreeMap;

use super::estimate::best_of_k;
use super::metric::Formula;
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;
use crate::Status;
use crate::task::Role;

/// T in multiples of the slowest level's reference, where the tasks file has none: ENAMEL's own.
pub const TIMEOUT_FACTOR: f64 = 2.0;

/// `max(0, T - t) / (T - ref)`; above 1 for who is faster than the reference. Where nothing lies between reference and
/// limit, it is 1 for who is not slower than the reference and 0 for others.
pub fn level_efficiency(cost: f64, reference: f64, limit: f64) -> f64 {
    if limit <= reference {
        return f64::from(u8::from(cost <= reference));
    }
    (limit - cost).max(0.0) / (limit - reference)
}

/// eff@k, over tasks that have a reference and at least k samples. The reference is the expert's. Levels are those of the
/// reference's tests; a task without levels has one. Hardness is the tasks file's, or else 1 for each level; a level behind
/// the end of that list has none.
pub(super) fn formula(given: &Given) -> Formula {
    let (k, column) = (given.k, given.column);
    Formula::mean(1.0, move |task: &TaskView| {
        let levels = Levels::of(task, column)?;
        let values: Vec<f64> = task
            .measured(column)
            .map(|run| levels.of_run(run))
            .collect();
        best_of_k(&values, k)
    })
}

/// What the reference costs at each level, and what that weighs.
struct Levels {
    /// Level, hardness, reference; rising.
    levels: Vec<(Option<u32>, f64, f64)>,
    limit: f64,
}

impl Levels {
    fn of(task: &TaskView, column: crate::Column) -> Option<Levels> {
        let reference = slowest(task.role(Role::Expert, column)?);
        let scoring = task.task.scoring.as_ref();
        let hardness = scoring.map(|s| s.hardness.as_slice()).unwrap_or(&[]);
        let of_level = |level: Option<u32>| match hardness {
            [] => 1.0,
            hardness => *hardness.get(level.unwrap_or(0) as usize).unwrap_or(&0.0),
        };
        let has_levels = reference.keys().any(Option::is_some);
        let mut levels = Vec::new();
        for (level, cost) in reference {
            // Tests without a level, beside those that have one, are only to be passed.
            if level.is_some() || !has_levels {
                levels.push((level, of_level(level), cost?));
            }
        }
        let weighed = levels.iter().filter(|(_, hardness, _)| *hardness > 0.0);
        let slowest = weighed.map(|(_, _, cost)| *cost).max_by(f64::total_cmp)?;
        let factor = scoring.and_then(|scoring| scoring.timeout_factor);
        Some(Levels {
            limit: factor.unwrap_or(TIMEOUT_FACTOR) * slowest,
            levels,
        })
    }

    /// The mean over levels, weighed by hardness.
    fn of_run(&self, run: &Run) -> f64 {
        let failed = run.tests.iter().filter(|test| !test.pass);
        let is_limit = |status| matches!(status, Status::Fuel | Status::Wall | Status::Memory);
        let is_wrong = failed.clone().any(|test| !is_limit(test.status));
        if is_wrong || !(run.is_correct || is_limit(run.status)) {
            return 0.0;
        }
        let costs = slowest(run);
        let (mut sum, mut weight) = (0.0, 0.0);
        let mut is_out = false;
        for (at, (level, hardness, reference)) in self.levels.iter().enumerate() {
            let cost = costs.get(level).copied().flatten();
            is_out |= cost.is_none();
            if is_out && at == 0 {
                return 0.0;
            }
            weight += hardness;
            if let Some(cost) = cost.filter(|_| !is_out) {
                sum += hardness * level_efficiency(cost, *reference, self.limit);
            }
        }
        if weight > 0.0 { sum / weight } else { 0.0 }
    }
}

/// The slowest test of each level; `None` if one of them was not passed, or not measured. All tests count, whatever their kind.
fn slowest(run: &Run) -> BTreeMap<Option<u32>, Option<f64>> {
    let mut levels: BTreeMap<Option<u32>, Option<f64>> = BTreeMap::new();
    for test in &run.tests {
        let cost = test.cost.filter(|_| test.pass);
        let level = levels.entry(test.level).or_insert(cost);
        *level = level.zip(cost).map(|(a, b)| a.max(b));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_efficiency_by_hand() {
        // T = 20, reference 10: half way between at 15; faster than the reference is above 1.
        assert_eq!(level_efficiency(10.0, 10.0, 20.0), 1.0);
        assert_eq!(level_efficiency(15.0, 10.0, 20.0), 0.5);
        assert_eq!(level_efficiency(25.0, 10.0, 20.0), 0.0);
        assert_eq!(level_efficiency(5.0, 10.0, 20.0), 1.5);
        // No room between reference and limit.
        assert_eq!(level_efficiency(0.0, 0.0, 0.0), 1.0);
        assert_eq!(level_efficiency(1.0, 0.0, 0.0), 0.0);
    }
}
