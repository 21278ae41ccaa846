//! Relative improvement and share of optimised programs, metric by metric (Peng et al., 2025, SysLLMatic).
//!
//! Before / after for what should be small; after / before for throughput, which should be great. Only correct programs
//! count. Before is the reference in the role `base`; throughput is tests in a second, by `wall_ns`.

use super::metric::{Formula, mean};
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;
use super::speedup::speedup;
use crate::Column;
use crate::task::Role;

/// Improvement that makes a program an optimised one: 10 %.
pub const OPTIMISED: f64 = 1.10;

/// What can be improved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A column of costs.
    Cost(Column),
    /// Peak memory: by heap if both have it, else by pages.
    Memory,
    /// Tests in a second.
    Throughput,
}

impl Quantity {
    /// Of a name: that of a column, `memory` or `throughput`.
    pub fn of_name(name: &str) -> Option<Quantity> {
        match name {
            "memory" => Some(Quantity::Memory),
            "throughput" => Some(Quantity::Throughput),
            name => name.parse().ok().map(Quantity::Cost),
        }
    }

    /// Values before and after.
    fn of(self, before: &Run, after: &Run) -> Option<(f64, f64)> {
        match self {
            Quantity::Cost(column) => Some((before.cost(column)?, after.cost(column)?)),
            Quantity::Memory => before.memory(after),
            Quantity::Throughput => Some((throughput(before)?, throughput(after)?)),
        }
    }

    /// How many times better it became.
    fn improvement(self, before: f64, after: f64, cap: f64) -> f64 {
        match self {
            Quantity::Throughput => speedup(after, before, cap),
            _ => speedup(before, after, cap),
        }
    }
}

/// Measured tests in a second.
fn throughput(run: &Run) -> Option<f64> {
    let tests = run.tests.iter().filter(|test| test.is_measured).count();
    let wall_ns = run.cost(Column::WallNs)?;
    (wall_ns > 0.0).then(|| tests as f64 * 1e9 / wall_ns)
}

/// The mean relative improvement over correct samples, then over tasks.
pub(super) fn relative_improvement(given: &Given) -> Formula {
    over_samples(given, 1.0, |improvement| improvement)
}

/// The share of correct samples, in percent, that became at least 10 % better; over samples, then over tasks.
pub(super) fn percent_opt(given: &Given) -> Formula {
    over_samples(given, 100.0, |improvement| {
        f64::from(u8::from(improvement >= OPTIMISED))
    })
}

fn over_samples(given: &Given, factor: f64, value: fn(f64) -> f64) -> Formula {
    let (quantity, column) = (given.quantity(), given.column);
    let cap = given.parameter("cap");
    Formula::mean(factor, move |task: &TaskView| {
        let base = task.role(Role::Base, column)?;
        let correct = task.judged().filter(|run| run.is_correct);
        let improvements = correct.filter_map(|run| {
            let (before, after) = quantity.of(base, run)?;
            Some(quantity.improvement(before, after, cap))
        });
        mean(improvements.map(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_the_other_way_round() {
        // 10 to 5 is twice as good as a cost, and half as good as a throughput.
        assert_eq!(Quantity::Memory.improvement(10.0, 5.0, 1e6), 2.0);
        assert_eq!(Quantity::Throughput.improvement(10.0, 5.0, 1e6), 0.5);
    }
}
