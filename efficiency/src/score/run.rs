//! What a sample came to, reduced to what metrics want: of a line of some kilobytes a few hundred bytes.

use std::collections::HashMap;

use super::cost::{Column, memory_bytes};
use crate::Status;
use crate::result::SampleResult;
use crate::task::{Role, TestKind};

/// Columns of a run, by their index in [`Column::ALL`].
const COLUMNS: usize = Column::ALL.len();

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
    costs: [Option<f64>; COLUMNS],
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
        let measured = || result.tests.iter().filter(|test| is_measured(test.kind));
        let costs = Column::ALL
            .map(|column| column.of_tests(measured().map(|test| column.of_test(&test.cost))));
        let cost_memory = [0, 1].map(|way| {
            Column::Instr.of_tests(
                measured()
                    .map(|test| Some(column.of_test(&test.cost)? * memory_bytes(&test.cost)[way]?)),
            )
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
                cost: column.of_test(&test.cost),
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
        let index = Column::ALL.iter().position(|c| *c == column)?;
        self.costs[index]
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
