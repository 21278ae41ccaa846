//! Metrics that ask whether samples are right, and COFFE's, which asks whether they are fast as well.

use super::estimate::pass_at_k;
use super::metric::Formula;
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;

/// pass@k: the unbiased estimator, over tasks that have at least k samples.
pub(super) fn pass(given: &Given) -> Formula {
    let k = given.k;
    Formula::mean(1.0, move |task: &TaskView| {
        let (n, c) = count(task.judged(), |run| run.is_correct);
        pass_at_k(n, c, k)
    })
}

/// efficient@k (COFFE): pass@k's estimator with those that are correct and cost strictly less than the best reference.
pub(super) fn efficient(given: &Given) -> Formula {
    let (k, column) = (given.k, given.column);
    Formula::mean(1.0, move |task: &TaskView| {
        let best = task.least_cost(column)?;
        let is_efficient =
            |run: &Run| run.is_correct && run.cost(column).is_some_and(|cost| cost < best);
        let (n, c) = count(task.measured(column), is_efficient);
        pass_at_k(n, c, k)
    })
}

/// %Correct (PIE): the share of tasks with a correct sample among the first k, in percent. Tasks with fewer samples count
/// with those they have.
pub(super) fn percent_correct(given: &Given) -> Formula {
    let k = given.k as usize;
    Formula::mean(100.0, move |task: &TaskView| {
        let mut first = task.judged().take(k).peekable();
        first.peek()?;
        Some(f64::from(u8::from(first.any(|run| run.is_correct))))
    })
}

fn count<'r>(runs: impl Iterator<Item = &'r Run>, is_counted: impl Fn(&Run) -> bool) -> (u64, u64) {
    runs.fold((0, 0), |(n, c), run| {
        (n + 1, c + u64::from(is_counted(run)))
    })
}
