//! Statements on memory: allocations, and misses of the simulated cache.

use super::hot::at;
use super::run::first_of_largest;
use super::statement::{Fact, Heading, Statement};
use super::{of_tests, shown};
use crate::Column;
use crate::compare::total;
use crate::result::SampleResult;

/// `120 allocations of 3.4 MB, peak heap 1.2 MB; L1 miss 0.1%`
pub(super) fn memory(result: &SampleResult, out: &mut Vec<Statement>) {
    allocations_in_loops(result, out);
    let column = |name: &str| name.parse::<Column>().ok();
    let sum = |name: &str| total(&result.tests, column(name)?);
    let count = |name: &'static str, shown: fn(u64) -> String| {
        Some(Fact::count(
            name,
            sum(name)?,
            shown(sum(name)?),
            of_tests("result", name),
        ))
    };
    if let Some(allocs) = count("allocs", shown::count) {
        let mut statement = Statement::new(Heading::Memory, 390)
            .fact(allocs)
            .words(" allocations");
        if let Some(fact) = count("alloc_bytes", shown::bytes) {
            statement = statement.words(" of ").fact(fact);
        }
        if let Some(fact) = count("peak_heap", shown::bytes) {
            statement = statement.words(", peak heap ").fact(fact);
        }
        out.push(statement);
    }
    allocations_at_lines(result, out);
    if let Some(fact) = l1_miss(result) {
        out.push(
            Statement::new(Heading::Memory, 440)
                .words("L1 miss ")
                .fact(fact),
        );
    }
}

/// Misses of the first-level cache in percent of accesses.
pub(super) fn l1_miss(result: &SampleResult) -> Option<Fact> {
    let names = ["l1_miss", "loads", "stores"];
    let mut sums = [0; 3];
    for (sum, name) in sums.iter_mut().zip(names) {
        *sum = total(&result.tests, name.parse().ok()?)?;
    }
    let [misses, loads, stores] = sums;
    let accesses = loads as f64 + stores as f64;
    let percent = 100.0 * misses as f64 / accesses.max(1.0);
    let from = names.map(|name| of_tests("result", name));
    Some(Fact::number(
        "l1_miss_percent",
        percent,
        shown::percent(percent),
        from,
    ))
}

/// `0 allocations in loops`, or those in the loop that has most of them.
fn allocations_in_loops(result: &SampleResult, out: &mut Vec<Statement>) {
    let loops = result.hot.as_ref().map_or(&[][..], |hot| &hot.loops);
    let counted = loops.iter().enumerate();
    let counted = counted.filter_map(|(i, l)| Some((l.allocs?, i)));
    let Some((allocs, index)) = first_of_largest(counted) else {
        return;
    };
    let statement = Statement::new(Heading::Memory, 450);
    if allocs == 0 {
        let none = Fact::count(
            "loop_allocs",
            0,
            "0".to_owned(),
            "result#/hot/loops/*/allocs",
        );
        out.push(statement.fact(none).words(" allocations in loops"));
        return;
    }
    let from = format!("result#/hot/loops/{index}/allocs");
    let fact = Fact::count("loop_allocs", allocs, shown::count(allocs), from);
    let statement = statement.fact(fact).words(" allocations in loop ");
    out.push(at(statement, result, "loops", index));
}

/// `250.0k of them at line 7`
fn allocations_at_lines(result: &SampleResult, out: &mut Vec<Statement>) {
    let lines = result.hot.as_ref().map_or(&[][..], |hot| &hot.lines);
    let counted = lines.iter().enumerate().filter(|(_, line)| line.line > 0);
    let counted = counted.filter_map(|(i, line)| Some((line.allocs?, i)));
    if let Some((allocs, index)) = first_of_largest(counted).filter(|(allocs, _)| *allocs > 0) {
        let from = format!("result#/hot/lines/{index}/allocs");
        let statement = Statement::new(Heading::Memory, 385)
            .fact(Fact::count(
                "line_allocs",
                allocs,
                shown::count(allocs),
                from,
            ))
            .words(" allocations at ");
        out.push(at(statement, result, "lines", index));
    }
}
