//! The columns that cost a run of their own.

use probity_analyses::Session;
use probity_analyses::report::AnalysisReport;
use probity_analyses::report::table::Value;

use super::runner::{Observer, Runner};
use super::{Judge, PreparedTest, given};
use crate::Status;
use crate::result::{Cost, TestResult};
use crate::task::Limits;

impl Judge {
    /// The costs of a test, with the columns that are wanted. A run that a clock ended is not repeated.
    pub(super) fn deep<'a>(
        &self,
        runner: &impl Fn(Observer) -> Result<Runner<'a>, String>,
        test: &PreparedTest,
        tested: &TestResult,
        limits: &Limits,
    ) -> Cost {
        let columns = self.config.columns;
        let mut cost = tested.cost.clone();
        if tested.status == Some(Status::Wall) {
            return cost;
        }
        if columns.wall_runs > 0
            && let Ok(mut plain) = runner(Observer::Nothing)
        {
            let mut run = || plain.run(&given(test, limits), &test.args, Some(&test.expected));
            let times = (0..columns.wall_runs).filter_map(|_| run().cost.wall_ns);
            cost.wall_ns = times.min().or(cost.wall_ns);
        }
        let mut session = Session::new();
        let mut add = |name: &str, wanted: bool| {
            if wanted {
                // Both are in the registry, with their defaults.
                drop(session.add(name, &[]));
            }
        };
        add("cache", columns.cache);
        add("heap", columns.heap);
        if !(columns.cache || columns.heap) {
            return cost;
        }
        let Ok(mut watched) = runner(Observer::Session(session)) else {
            return cost;
        };
        // Simulations take many times as long: their time is not the program's.
        let patient = Limits {
            wall_s: limits.wall_s.saturating_mul(PATIENCE),
            ..*limits
        };
        watched.run(&given(test, &patient), &test.args, Some(&test.expected));
        let Some((mut session, Some(mut store))) = watched.into_session() else {
            return cost;
        };
        for report in session.finish(&mut store) {
            let fact = |name: &str| fact(&report, name);
            match report.name {
                "cache" => {
                    let sum =
                        |names: &[&str]| names.iter().map(|name| fact(name)).sum::<Option<u64>>();
                    cost.l1_miss = sum(&["d1_read_misses", "d1_write_misses"]);
                    cost.ll_miss = sum(&["ll_read_misses", "ll_write_misses"]);
                    cost.branch_miss = sum(&["mispredicted", "indirect_mispredicted"]);
                    cost.vcycles = fact("cycles");
                }
                _ => {
                    cost.allocs = fact("allocations");
                    cost.alloc_bytes = fact("allocated_bytes");
                    cost.peak_heap = fact("peak_bytes");
                }
            }
        }
        cost
    }
}

/// How many times the task's limit of time a watched run may take.
pub(super) const PATIENCE: u64 = 60;

/// A number that an analysis found.
pub(super) fn fact(report: &AnalysisReport, name: &str) -> Option<u64> {
    let fact = report.facts.iter().find(|fact| fact.column.name == name)?;
    match fact.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}
