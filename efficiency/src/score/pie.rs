//! Speedup over a source program (Shypula et al., 2024, PIE; PerfRL has the same).
//!
//! Of the first k samples the fastest correct one counts, and the source itself if none is faster: a speedup is never below
//! 1. (The source program is the reference in the role `base`.)

use super::metric::Formula;
use super::results::TaskView;
use super::spec::Given;
use super::speedup::speedup;
use crate::task::Role;

/// The mean over tasks of the speedup of the best of the first k samples.
pub(super) fn best(given: &Given) -> Formula {
    let best = best_speedup(given);
    Formula::mean(1.0, best)
}

/// %OPT: the share of tasks where that speedup is at least the threshold, in percent.
pub(super) fn percent_opt(given: &Given) -> Formula {
    let (best, threshold) = (best_speedup(given), given.threshold());
    Formula::mean(100.0, move |task: &TaskView| {
        Some(f64::from(u8::from(best(task)? >= threshold)))
    })
}

fn best_speedup(given: &Given) -> impl Fn(&TaskView) -> Option<f64> + Send + Sync + use<> {
    let (k, column, cap) = (given.k as usize, given.column, given.parameter("cap"));
    move |task: &TaskView| {
        let source = task.role(Role::Base, column)?.cost(column)?;
        let mut first = task.measured(column).take(k).peekable();
        first.peek()?;
        let costs = first
            .filter(|run| run.is_correct)
            .filter_map(|run| run.cost(column));
        // No correct sample costs infinitely much.
        let best = costs.map(|cost| speedup(source, cost, cap));
        Some(best.fold(1.0, f64::max))
    }
}
