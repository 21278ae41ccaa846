//! Two results of a sample, or of two programs for the same task.

use serde::Serialize;

use super::places::{FunctionDelta, LineDelta, LoopDelta, functions, lines_and_loops};
use super::{Delta, total};
use crate::result::{SampleResult, TestResult};
use crate::{Column, Status, growth};

/// What became of being right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Correctness {
    /// Right before and after.
    Right,
    /// Right neither before nor after.
    Wrong,
    /// Wrong before, right after.
    Fixed,
    /// Right before, not after.
    Broken,
}

/// A cost before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostDelta {
    /// Which one.
    pub column: Column,
    /// The numbers.
    #[serde(flatten)]
    pub delta: Delta,
}

/// A test before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestDelta {
    /// Its name.
    pub id: String,
    /// The size of its input.
    pub size: Option<u64>,
    /// How it ended before; `None` if there was no such test.
    pub before: Option<Status>,
    /// How it ended after.
    pub after: Option<Status>,
    /// Costs that either side has.
    pub costs: Vec<CostDelta>,
}

/// A result before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleComparison {
    /// How it ended before.
    pub before: Status,
    /// How it ended after.
    pub after: Status,
    /// What became of being right.
    pub correctness: Correctness,
    /// Whether it is the same module.
    pub is_same_module: bool,
    /// Costs over the tests that both have: added up, or the most of them for what is a peak. Of a cost that a test lacks on
    /// one side there is none.
    pub costs: Vec<CostDelta>,
    /// Tests, in the order of the second result; those that it does not have last.
    pub tests: Vec<TestDelta>,
    /// Functions, those that change most first.
    pub functions: Vec<FunctionDelta>,
    /// Lines, those that change most first.
    pub lines: Vec<LineDelta>,
    /// Loops, those that change most first.
    pub loops: Vec<LoopDelta>,
    /// Class of growth before.
    pub growth_before: Option<String>,
    /// Class of growth after.
    pub growth_after: Option<String>,
    /// What makes the comparison doubtful.
    pub warnings: Vec<String>,
}

impl SampleComparison {
    /// Of two results, which need not be of the same sample.
    pub fn new(before: &SampleResult, after: &SampleResult) -> SampleComparison {
        let common = |own: &SampleResult, other: &SampleResult| -> Vec<TestResult> {
            let is_common = |test: &&TestResult| other.tests.iter().any(|t| t.id == test.id);
            own.tests.iter().filter(is_common).cloned().collect()
        };
        let (old, new) = (common(before, after), common(after, before));
        let costs = Column::ALL.iter().map(|column| CostDelta {
            column: *column,
            delta: Delta::new(total(&old, *column), total(&new, *column)),
        });
        let hot_before = before.hot.clone().unwrap_or_default();
        let hot_after = after.hot.clone().unwrap_or_default();
        let (lines, loops) = lines_and_loops(&hot_before, &hot_after);
        SampleComparison {
            before: before.status,
            after: after.status,
            correctness: match (before.is_correct(), after.is_correct()) {
                (true, true) => Correctness::Right,
                (false, false) => Correctness::Wrong,
                (false, true) => Correctness::Fixed,
                (true, false) => Correctness::Broken,
            },
            is_same_module: !before.wasm_sha256.is_empty()
                && before.wasm_sha256 == after.wasm_sha256,
            costs: costs.filter(|cost| !cost.delta.is_unknown()).collect(),
            tests: tests(before, after),
            functions: functions(&hot_before, &hot_after),
            lines,
            loops,
            growth_before: growth_of(before),
            growth_after: growth_of(after),
            warnings: warnings(before, after),
        }
    }

    /// A cost over the tests that both have.
    pub fn cost(&self, column: Column) -> Delta {
        let found = self.costs.iter().find(|cost| cost.column == column);
        found.map_or(Delta::default(), |cost| cost.delta)
    }

    /// Whether anything is not as before. Time is never quite the same, and not looked at.
    pub fn is_changed(&self) -> bool {
        let is_cost = |costs: &[CostDelta]| {
            let exact = costs.iter().filter(|cost| cost.column.is_exact());
            exact.into_iter().any(|cost| !cost.delta.is_same())
        };
        self.before != self.after
            || is_cost(&self.costs)
            || self
                .tests
                .iter()
                .any(|test| test.before != test.after || is_cost(&test.costs))
    }
}

fn tests(before: &SampleResult, after: &SampleResult) -> Vec<TestDelta> {
    let find = |result: &'_ SampleResult, id: &str| -> Option<TestResult> {
        result.tests.iter().find(|test| test.id == id).cloned()
    };
    let come = after
        .tests
        .iter()
        .map(|test| (find(before, &test.id), Some(test.clone())));
    let gone = before
        .tests
        .iter()
        .filter(|test| find(after, &test.id).is_none());
    let all = come.chain(gone.map(|test| (Some(test.clone()), None)));
    all.filter_map(|(a, b)| {
        let shown = b.as_ref().or(a.as_ref())?;
        let costs = Column::ALL.iter().map(|column| CostDelta {
            column: *column,
            delta: Delta::new(
                a.as_ref().and_then(|test| column.of(&test.cost)),
                b.as_ref().and_then(|test| column.of(&test.cost)),
            ),
        });
        Some(TestDelta {
            id: shown.id.clone(),
            size: shown.size,
            costs: costs.filter(|cost| !cost.delta.is_unknown()).collect(),
            before: a.as_ref().map(ended),
            after: b.as_ref().map(ended),
        })
    })
    .collect()
}

/// How a test ended; one that is not passed and says nothing more is wrong.
pub(crate) fn ended(test: &TestResult) -> Status {
    match (test.pass, test.status) {
        (true, _) => Status::Ok,
        (false, None | Some(Status::Ok)) => Status::Wrong,
        (false, Some(status)) => status,
    }
}

fn growth_of(result: &SampleResult) -> Option<String> {
    let complexity = result.complexity.as_ref()?;
    Some(growth::answer(&complexity.best, &complexity.alternatives))
}

fn warnings(before: &SampleResult, after: &SampleResult) -> Vec<String> {
    let mut warnings = Vec::new();
    if before.task_id != after.task_id {
        warnings.push(format!(
            "costs of different tasks ({}, {}) say nothing of each other",
            before.task_id, after.task_id
        ));
    }
    for (what, a, b) in [
        (
            "counted by different rules",
            &before.count_rule,
            &after.count_rule,
        ),
        (
            "built by different toolchains",
            &before.toolchain,
            &after.toolchain,
        ),
    ] {
        if a != b && !a.is_empty() && !b.is_empty() {
            warnings.push(format!("{what}: {a}, {b}"));
        }
    }
    warnings
}
