//! The columns that cost a run of their own.

use probity_analyses::Session;
use probity_analyses::report::AnalysisReport;
use probity_analyses::report::table::Value;

use super::runner::{Observer, Runner};
use super::{Judge, PreparedTest, flags, given_again};
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
    ) -> Deep {
        let columns = self.config.columns;
        let mut deep = Deep {
            cost: tested.cost.clone(),
            memory_errors: Vec::new(),
        };
        let cost = &mut deep.cost;
        if tested.status == Some(Status::Wall) {
            return deep;
        }
        if columns.wall_runs > 0
            && let Ok(mut plain) = runner(Observer::Nothing)
        {
            let mut run = || {
                plain.run(
                    &given_again(test, tested, limits),
                    &test.args,
                    Some(&test.expected),
                )
            };
            let times = (0..columns.wall_runs).filter_map(|_| run().cost.wall_ns);
            cost.wall_ns = times.min().or(cost.wall_ns);
        }
        if !(columns.cache || columns.heap) {
            return deep;
        }
        let session = || {
            let mut session = Session::new();
            let check = [("check".to_owned(), "on".to_owned())];
            // Both are in the registry, and have these options.
            if columns.cache {
                drop(session.add("cache", &[]));
            }
            if columns.heap {
                drop(session.add("heap", &check));
            }
            session
        };
        // Simulations take many times as long: their time is not the program's.
        let patient = patient(limits);
        let given = given_again(test, tested, &patient);
        let watch = |session: Session, is_start: bool| -> Option<Vec<AnalysisReport>> {
            let mut watched = runner(Observer::Session(session)).ok()?;
            if is_start && !watched.only_start() {
                return None;
            }
            watched.run(&given, &test.args, Some(&test.expected));
            let (mut session, store) = watched.into_session()?;
            Some(session.finish(&mut store?))
        };
        let Some(reports) = watch(session(), false) else {
            return deep;
        };
        // An interpreter that starts for each program does so in all that was watched.
        let starts = watch(session(), true).unwrap_or_default();
        for report in reports {
            let start = starts.iter().find(|start| start.name == report.name);
            let whole = |name: &str| fact(&report, name);
            let fact = |name: &str| {
                let start = start.and_then(|start| fact(start, name)).unwrap_or(0);
                Some(whole(name)?.saturating_sub(start))
            };
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
                    // The interpreter's blocks stay.
                    cost.peak_heap = whole("peak_bytes");
                    let found = |(name, _): &(&str, &'static str)| {
                        fact(name).is_some_and(|count| count > 0)
                    };
                    let flags = MEMORY_ERRORS.iter().filter(|error| found(error));
                    deep.memory_errors = flags.map(|(_, flag)| *flag).collect();
                }
            }
        }
        deep
    }
}

/// What a watched run found.
pub(super) struct Deep {
    pub cost: Cost,
    /// The flags of accesses and calls that no right program makes.
    pub memory_errors: Vec<&'static str>,
}

/// What the heap analysis counts, and the flag that it leads to.
const MEMORY_ERRORS: [(&str, &str); 4] = [
    ("out_of_bounds", flags::OUT_OF_BOUNDS),
    ("use_after_free", flags::USE_AFTER_FREE),
    ("double_frees", flags::DOUBLE_FREE),
    ("invalid_frees", flags::INVALID_FREE),
];

/// How many times the task's limit of time a watched run may take.
const PATIENCE: u64 = 60;

/// The limits of a watched run.
pub(super) fn patient(limits: &Limits) -> Limits {
    Limits {
        wall_s: limits.wall_s.saturating_mul(PATIENCE),
        ..*limits
    }
}

/// A number that an analysis found.
pub(super) fn fact(report: &AnalysisReport, name: &str) -> Option<u64> {
    let fact = report.facts.iter().find(|fact| fact.column.name == name)?;
    match fact.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}
