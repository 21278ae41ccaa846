//! What a sample came to, reduced to what metrics want: of a line of some kilobytes a few hundred bytes.

use std::collections::HashMap;

use crate::compare::costed;
use crate::result::{Cost, SampleResult};
use crate::task::{Role, TestKind};
use crate::{Column, Status};

/// Columns of a run, by their numbers.
const COLUMNS: usize = Column::ALL.len();
/// Bytes of a page of linear memory.
const PAGE_BYTES: f64 = 65536.0;

/// Numbers of a task's tests, by name.
pub(super) type TestIds = HashMap<String, u32>;

/// Flags that stand for an alert of memory safety; what a `:` follows says where.
const ALERTS: [&str; 6] = [
    "out_of_bounds",
    "use_after_free",
    "double_free",
    "double_frees",
    "invalid_free",
    "wrong_free",
];

/// What a sample, or a reference, came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Which of the model's attempts.
    pub sample_id: u64,
    /// The reference's name; empty for samples.
    pub reference: String,
    /// What metrics take the reference for.
    pub role: Option<Role>,
    /// How it ended.
    pub status: Status,
    /// Whether it passed every test.
    pub is_correct: bool,
    /// Over the measured tests, by column.
    costs: [Option<u64>; COLUMNS],
    /// Cost times memory, summed over the measured tests: memory by heap, and by pages.
    cost_memory: [Option<f64>; 2],
    /// In the order they were run.
    pub tests: Box<[TestRun]>,
    /// Alerts of memory safety, each once.
    pub alerts: Box<[String]>,
    /// The score that the reference already has, if its origin gave it one (EvalPerf).
    pub dps: Option<f64>,
}

/// One test of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestRun {
    /// Which of the task's tests: the same in all runs of the task.
    pub test: u32,
    /// Level of difficulty.
    pub level: Option<u32>,
    /// Whether it counts for costs: it is a stress test, or the run has none.
    pub is_measured: bool,
    /// Whether it is passed.
    pub pass: bool,
    /// How it ended.
    pub status: Status,
    /// Cost in the chosen column.
    pub cost: Option<f64>,
}

impl Run {
    /// Of a result line. Tests keep their cost in `column`.
    pub(super) fn of(result: SampleResult, column: Column, test_ids: &mut TestIds) -> Run {
        let has_stress = result.tests.iter().any(|t| t.kind == TestKind::Stress);
        let is_measured = |kind| !has_stress || kind == TestKind::Stress;
        let measured = || costed(&result.tests).map(|test| &test.cost);
        let mut costs = [None; COLUMNS];
        for (cost, column) in costs.iter_mut().zip(Column::ALL) {
            *cost = column.of_all(measured());
        }
        let cost_memory = [0, 1].map(|way| {
            let products =
                measured().map(|cost| Some(column.of(cost)? as f64 * memory_bytes(cost)[way]?));
            let sum: Option<f64> = products.sum();
            sum.filter(|_| !result.tests.is_empty())
        });
        let tests = result.tests.iter().map(|test| {
            let next = test_ids.len() as u32;
            TestRun {
                test: *test_ids.entry(test.id.clone()).or_insert(next),
                level: test.level,
                is_measured: is_measured(test.kind),
                pass: test.pass,
                status: match test.pass {
                    true => Status::Ok,
                    false => test.status.unwrap_or(result.status),
                },
                cost: column.of(&test.cost).map(|cost| cost as f64),
            }
        });
        let tests = tests.collect();
        let is_alert = |flag: &&String| ALERTS.contains(&flag.split(':').next().unwrap_or(""));
        let mut alerts: Vec<String> = result.flags.iter().filter(is_alert).cloned().collect();
        alerts.sort_unstable();
        alerts.dedup();
        let reference = result.reference.clone().unwrap_or_default();
        Run {
            sample_id: result.sample_id,
            role: result.role,
            reference,
            status: result.status,
            is_correct: result.is_correct(),
            costs,
            cost_memory,
            tests,
            alerts: alerts.into(),
            dps: result.scores.get("dps").copied(),
        }
    }

    /// Cost in a column.
    pub fn cost(&self, column: Column) -> Option<f64> {
        self.costs[column as usize].map(|cost| cost as f64)
    }

    /// Peak memory of two runs, bytes: by heap if both were measured so, else by pages.
    pub fn memory(&self, other: &Run) -> Option<(f64, f64)> {
        let both = |column| Some((self.cost(column)?, other.cost(column)?));
        both(Column::PeakHeap).or_else(|| both(Column::MemoryPages))
    }

    /// The same of cost times memory.
    pub fn cost_memory(&self, other: &Run) -> Option<(f64, f64)> {
        let both = |way: usize| Some((self.cost_memory[way]?, other.cost_memory[way]?));
        both(0).or_else(|| both(1))
    }
}

/// Memory of a test by its heap and by its pages, bytes; what was not measured is `None`.
fn memory_bytes(cost: &Cost) -> [Option<f64>; 2] {
    let of = |column: Column| column.of(cost).map(|value| value as f64);
    let pages = of(Column::MemoryPages);
    [of(Column::PeakHeap), pages.map(|pages| pages * PAGE_BYTES)]
}
