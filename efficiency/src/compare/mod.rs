//! What changed between two results files, or two results.
//!
//! Samples are matched by task, model and number. Everything is in a fixed order: samples by name, tests as the task has them,
//! places by how much they change, then by name.

mod delta;
pub mod gate;
mod key;
mod places;
mod sample;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

pub use delta::Delta;
pub use key::{Key, by_key, read};
pub use places::{FunctionDelta, LineDelta, LoopDelta};
pub(crate) use sample::ended;
pub use sample::{Correctness, CostDelta, SampleComparison, TestDelta};
pub use text::Shown;

use crate::Column;
use crate::result::{SampleResult, TestResult};
use crate::task::TestKind;

/// Version of the form of comparisons and verdicts in JSON.
pub const SCHEMA: u32 = 1;

/// Results by the name of the sample.
pub type Results = BTreeMap<Key, SampleResult>;

/// A sample of both files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Its name.
    #[serde(flatten)]
    pub key: Key,
    /// What changed.
    #[serde(flatten)]
    pub comparison: SampleComparison,
}

/// What changed between two files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Samples of both.
    pub samples: Vec<Compared>,
    /// Samples that only the first file has.
    pub only_before: Vec<Key>,
    /// Samples that only the second file has.
    pub only_after: Vec<Key>,
}

impl Comparison {
    /// Of two files' results.
    pub fn new(before: &Results, after: &Results) -> Comparison {
        let only = |own: &Results, other: &Results| -> Vec<Key> {
            let keys = own.keys().filter(|key| !other.contains_key(key));
            keys.cloned().collect()
        };
        let both = before.iter().filter_map(|(key, old)| {
            Some(Compared {
                key: key.clone(),
                comparison: SampleComparison::new(old, after.get(key)?),
            })
        });
        Comparison {
            schema: SCHEMA,
            samples: both.collect(),
            only_before: only(before, after),
            only_after: only(after, before),
        }
    }
}

/// The tests that costs are of: stress tests alone if there are any.
pub fn costed(tests: &[TestResult]) -> impl Iterator<Item = &TestResult> + Clone {
    let has_stress = tests.iter().any(|test| test.kind == TestKind::Stress);
    tests
        .iter()
        .filter(move |test| !has_stress || test.kind == TestKind::Stress)
}

/// Cost over [`costed`] tests: added up, or the most of them for what is a peak. `None` if one of them lacks it, or there is
/// none.
pub fn total(tests: &[TestResult], column: Column) -> Option<u64> {
    column.of_all(costed(tests).map(|test| &test.cost))
}
