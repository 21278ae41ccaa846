//! fast_p (Ouyang et al., 2025, KernelBench).

use super::metric::{Formula, mean};
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;
use super::speedup::speedup;
use crate::task::Role;

/// The share of samples that are correct and more than p times as fast as the base, in percent; over samples, then over tasks
/// (KernelBench has one sample a task). fast_0 is the share that is correct.
pub(super) fn formula(given: &Given) -> Formula {
    let (column, p, cap) = (given.column, given.threshold(), given.parameter("cap"));
    Formula::mean(100.0, move |task: &TaskView| {
        let base = task.role(Role::Base, column)?.cost(column)?;
        let is_fast = |run: &Run| {
            let cost = run.cost(column).filter(|_| run.is_correct);
            cost.is_some_and(|cost| speedup(base, cost, cap) > p)
        };
        let marks = task.measured(column).map(is_fast);
        mean(marks.map(|is_fast| f64::from(u8::from(is_fast))))
    })
}
