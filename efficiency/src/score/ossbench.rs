//! Compile, test and sanitizer scores (Jiang et al., 2025, OSS-Bench), as its `score.py` computes them, on one sample each
//! or more.
//!
//! Alerts of memory safety are a result's flags of that name (`out_of_bounds`, `use_after_free`, `double_free`), which may
//! say where behind a `:`.

use super::metric::{Formula, ratio};
use super::results::TaskView;
use super::spec::Given;
use crate::Status;

/// What the score of a model with very many alerts is.
const SANITIZER_MIN: f64 = 0.01;

/// The share of samples that the compiler takes, in percent.
pub(super) fn compile(_: &Given) -> Formula {
    let of = |task: &TaskView| {
        let (mut compiled, mut all) = (0u64, 0u64);
        for run in task.judged() {
            all += 1;
            compiled += u64::from(run.status != Status::CompileError);
        }
        (all > 0).then_some([compiled as f64, all as f64, 0.0, 0.0])
    };
    Formula::new(of, |sums| ratio(sums).map(|share| 100.0 * share))
}

/// Tests passed by tests run, times the share of samples that could be tested at all, in percent.
pub(super) fn test(_: &Given) -> Formula {
    let of = |task: &TaskView| {
        let mut sums = [0.0; 4];
        for run in task.judged() {
            let passed = run.tests.iter().filter(|test| test.pass).count();
            let is_tested = !run.tests.is_empty();
            super::metric::add(
                &mut sums,
                &[
                    passed as f64,
                    run.tests.len() as f64,
                    f64::from(u8::from(is_tested)),
                    1.0,
                ],
            );
        }
        (sums[3] > 0.0).then_some(sums)
    };
    Formula::new(of, |&[passed, tests, tested, samples]| {
        if samples == 0.0 {
            return None;
        }
        let pass_rate = if tests > 0.0 { passed / tests } else { 0.0 };
        Some(100.0 * pass_rate * tested / samples)
    })
}

/// `100 - penalty * alerts`, and 0.01 where that is below 0. Alerts that are the same, in the samples of a task, are one.
pub(super) fn sanitizer(given: &Given) -> Formula {
    let penalty = given.parameter("penalty");
    let of = |task: &TaskView| {
        let (mut alerts, mut samples) = (Vec::new(), 0u64);
        for run in task.judged() {
            samples += 1;
            alerts.extend(run.alerts.iter());
        }
        alerts.sort_unstable();
        alerts.dedup();
        (samples > 0).then_some([alerts.len() as f64, 0.0, 0.0, 0.0])
    };
    Formula::new(of, move |sums| {
        let score = 100.0 - penalty * sums[0];
        Some(if score < 0.0 { SANITIZER_MIN } else { score })
    })
}
