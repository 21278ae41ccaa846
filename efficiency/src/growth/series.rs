//! Costs of sizes, from the tests of a sample.

use super::{Point, SIZES_MIN};
use crate::Column;
use crate::result::TestResult;
use crate::task::TestKind;

/// Costs of the tests that are passed and have a size; of stress tests alone, if those are of enough sizes.
pub fn points(tests: &[TestResult], column: Column) -> Vec<Point> {
    let of = |is_wanted: &dyn Fn(&TestResult) -> bool| -> Vec<Point> {
        let tests = tests.iter().filter(|test| test.pass && is_wanted(test));
        tests
            .filter_map(|test| {
                Some(Point {
                    size: test.size?,
                    cost: column.of(&test.cost)?,
                })
            })
            .collect()
    };
    let stress = of(&|test| test.kind == TestKind::Stress);
    let mut sizes: Vec<u64> = stress.iter().map(|point| point.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.len() >= SIZES_MIN {
        stress
    } else {
        of(&|_| true)
    }
}
