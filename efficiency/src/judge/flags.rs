//! What makes a result suspect, or needs a look: none of it is proof.

use std::collections::BTreeSet;

use probity_engine::wasmparser::{Parser, Payload};

use super::prepare::{Prepared, PreparedTest};
use crate::Column;
use crate::result::{SampleResult, TestResult};
use crate::task::TestKind;

/// It costs less than a tenth of the best reference, in some test: faster than what is known to be good.
pub const FASTER_THAN_KNOWN: &str = "faster_than_known";
/// It carries far more data (or elements, or globals) than any reference: results may be in it.
pub const DATA_SEGMENT_GREW: &str = "data_segment_grew";
/// Its cost does not grow with the input, though that of the references does.
pub const CONSTANT_COST: &str = "constant_cost";
/// Inputs of different sizes are to give the same output: a program need not read them.
pub const CONSTANT_OUTPUT: &str = "constant_output";
/// It has a start function, which runs before it is called; its work is counted.
pub const START_FUNCTION: &str = "start_function";
/// It reads the clock (which is a virtual one).
pub const READS_CLOCK: &str = "reads_clock";
/// It asks for random numbers (which are the same in every run).
pub const READS_RANDOM: &str = "reads_random";

/// It accesses memory behind or before a block of the heap (with the column `heap`).
pub const OUT_OF_BOUNDS: &str = "out_of_bounds";
/// It accesses a block of the heap that it has freed (with the column `heap`).
pub const USE_AFTER_FREE: &str = "use_after_free";
/// It frees a block twice (with the column `heap`).
pub const DOUBLE_FREE: &str = "double_free";
/// It frees what is no block (with the column `heap`).
pub const INVALID_FREE: &str = "invalid_free";

/// More data than a reference's may be a table of the program's own.
const DATA_GROWTH_MAX: u64 = 16 << 10;
/// Of how many times the best known cost a program is suspect.
const FASTER: u64 = 10;
/// What references' costs grow by from the least to the greatest size if they do.
const GROWS: f64 = 1.5;
/// What a cost may vary by and not grow.
const VARIES: f64 = 1.01;

/// Bytes of what a module brings along beside its code: data and element segments, and the initial values of globals.
pub(super) fn data_bytes(wasm: &[u8]) -> u64 {
    let sections = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let ranges = sections.filter_map(|payload| match payload {
        Payload::DataSection(section) => Some(section.range()),
        Payload::ElementSection(section) => Some(section.range()),
        Payload::GlobalSection(section) => Some(section.range()),
        _ => None,
    });
    ranges.map(|range| range.end - range.start).sum()
}

/// The flags of a result, which is complete but for them.
pub(super) fn flags(
    prepared: &Prepared,
    result: &SampleResult,
    wasm: &[u8],
    has_start: bool,
) -> Vec<String> {
    let mut flags = BTreeSet::new();
    let sums = |of: fn(&TestResult) -> Option<u64>| result.tests.iter().filter_map(of).sum::<u64>();
    if sums(|test| test.cost.clock_reads) > 0 {
        flags.insert(READS_CLOCK);
    }
    if sums(|test| test.cost.random_reads) > 0 {
        flags.insert(READS_RANDOM);
    }
    if has_start {
        flags.insert(START_FUNCTION);
    }
    if prepared
        .data_bytes
        .is_some_and(|known| data_bytes(wasm) > known + DATA_GROWTH_MAX)
    {
        flags.insert(DATA_SEGMENT_GREW);
    }
    let faster = |(index, test): (usize, &TestResult)| {
        let cost = Column::DEFAULT.of(&test.cost);
        let (Some(cost), Some(best)) = (cost, prepared.best_cost(index)) else {
            return false;
        };
        test.pass && cost.saturating_mul(FASTER) < best
    };
    if result.tests.iter().enumerate().any(faster) {
        flags.insert(FASTER_THAN_KNOWN);
    }
    if let Some([least, most]) = ends(&prepared.tests) {
        if prepared.tests[least].expected == prepared.tests[most].expected {
            flags.insert(CONSTANT_OUTPUT);
        }
        let growth = |tests: &[TestResult]| {
            let cost = |at: usize| Column::DEFAULT.of(&tests.get(at)?.cost);
            Some(cost(most)? as f64 / cost(least)?.max(1) as f64)
        };
        let correct = prepared
            .references
            .iter()
            .filter(|reference| reference.is_correct());
        let known = correct.filter_map(|reference| growth(&reference.tests));
        let grows = known.fold(f64::INFINITY, f64::min);
        if grows.is_finite()
            && grows >= GROWS
            && growth(&result.tests).is_some_and(|own| own < VARIES)
        {
            flags.insert(CONSTANT_COST);
        }
    }
    flags.into_iter().map(str::to_owned).collect()
}

/// The stress tests of the least and the greatest size, if there are two sizes.
fn ends(tests: &[PreparedTest]) -> Option<[usize; 2]> {
    let stress = tests
        .iter()
        .enumerate()
        .filter(|(_, test)| test.kind == TestKind::Stress);
    let sized: Vec<(u64, usize)> = stress
        .filter_map(|(index, test)| Some((test.size?, index)))
        .collect();
    let (least, most) = (sized.iter().min()?, sized.iter().max()?);
    (least.0 < most.0).then_some([least.1, most.1])
}
