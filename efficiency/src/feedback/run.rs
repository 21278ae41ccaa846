//! Statements on a run as a whole: whether it is right, cost, growth, memory, what was not executed.

use super::hot::at;
use super::statement::{Fact, Heading, Statement};
use super::{Input, of_tests, pack::ALWAYS, shown};
use crate::Status;
use crate::compare::{Column, costed, ended, total};
use crate::result::SampleResult;

/// Ranges of lines that are listed.
const RANGES_MAX: usize = 6;
/// Slopes that are listed.
const SLOPES_MAX: usize = 8;

/// `CORRECT 24/24. Cost 638.0M instr (best known 3.5M, 182x). Most expensive test: t2 (n=5000)`
pub(super) fn status(input: &Input<'_>, out: &mut Vec<Statement>) {
    let result = input.result;
    let mut first = Statement::new(Heading::Status, ALWAYS).words(word(result.status));
    if !result.tests.is_empty() {
        let passed = result.tests.iter().filter(|test| test.pass).count() as u64;
        let all = result.tests.len() as u64;
        let from = "result#/tests/*/pass";
        first = first
            .words(" ")
            .fact(Fact::count("passed", passed, passed.to_string(), from))
            .words("/")
            .fact(Fact::count("tests", all, all.to_string(), from));
    }
    out.push(first);
    if result.is_correct() {
        cost(input, out);
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "CORRECT",
        Status::CompileError => "COMPILE ERROR",
        Status::Wrong => "WRONG",
        Status::Exit => "EXIT WITH FAILURE",
        Status::Trap => "TRAP",
        Status::Fuel => "FUEL LIMIT",
        Status::Memory => "MEMORY LIMIT",
        Status::Stack => "STACK OVERFLOW",
        Status::Wall => "TIME LIMIT",
        Status::Output => "OUTPUT LIMIT",
        Status::Unsupported => "NOT JUDGED, unsupported",
        Status::Internal => "NOT JUDGED, the judge failed",
    }
}

fn cost(input: &Input<'_>, out: &mut Vec<Statement>) {
    let (result, column) = (input.result, input.column);
    let Some(cost) = input.cost() else {
        return;
    };
    let name = Fact::text("column", column.name(), format!("result#/tests/*/{column}"));
    let own = of_tests("result", column.name());
    let mut statement = Statement::new(Heading::Status, 800)
        .words("Cost ")
        .fact(Fact::count("cost", cost, shown::count(cost), own.clone()))
        .words(" ")
        .fact(name);
    if let Some((_, best)) = input.best_known() {
        let theirs = of_tests("reference", column.name());
        let known = Fact::count("best_known", best, shown::count(best), theirs.clone());
        statement = statement.words(" (best known ").fact(known);
        if best > 0 {
            let ratio = cost as f64 / best as f64;
            let fact = Fact::number("ratio", ratio, shown::ratio(ratio), [own, theirs]);
            statement = statement.words(", ").fact(fact);
        }
        statement = statement.words(")");
    }
    out.push(statement);
    most_expensive(result, column, out);
    modelled(result, column, out);
}

fn most_expensive(result: &SampleResult, column: Column, out: &mut Vec<Statement>) {
    if costed(&result.tests).count() < 2 {
        return;
    }
    // Of equally expensive ones the first.
    let tests = costed(&result.tests).filter_map(|test| Some((column.of(&test.cost)?, test)));
    let Some((_, test)) = tests.rev_max() else {
        return;
    };
    let index = result
        .tests
        .iter()
        .position(|t| t.id == test.id)
        .unwrap_or(0);
    let mut statement = Statement::new(Heading::Status, 500)
        .words("Most expensive test: ")
        .fact(Fact::text(
            "test",
            &test.id,
            format!("result#/tests/{index}/id"),
        ));
    if let Some(size) = test.size {
        let from = format!("result#/tests/{index}/size");
        statement = statement
            .words(" (n=")
            .fact(Fact::count("size", size, size.to_string(), from))
            .words(")");
    }
    out.push(statement);
}

/// The first of the largest.
trait RevMax<T> {
    fn rev_max(self) -> Option<(u64, T)>;
}

impl<T, I: Iterator<Item = (u64, T)>> RevMax<T> for I {
    fn rev_max(self) -> Option<(u64, T)> {
        self.reduce(|most, next| if next.0 > most.0 { next } else { most })
    }
}

/// Counts alone say nothing of caches and branch prediction.
fn modelled(result: &SampleResult, column: Column, out: &mut Vec<Statement>) {
    let cycles: Column = "vcycles".parse().expect("a column");
    let Some(total) = total(&result.tests, cycles).filter(|_| column != cycles) else {
        return;
    };
    let from = of_tests("result", cycles.name());
    out.push(
        Statement::new(Heading::Status, 300)
            .words("Modelled cycles: ")
            .fact(Fact::count("vcycles", total, shown::count(total), from)),
    );
}

/// `data_segment_grew`
pub(super) fn flags(result: &SampleResult, out: &mut Vec<Statement>) {
    for (i, flag) in result.flags.iter().enumerate() {
        let fact = Fact::text("flag", flag, format!("result#/flags/{i}"));
        out.push(Statement::new(Heading::Flags, 650).fact(fact));
    }
}

/// `n=1k 2k 4k 8k -> slopes 2.00 2.00 2.00; fits n^2`
pub(super) fn growth(result: &SampleResult, out: &mut Vec<Statement>) {
    let Some(complexity) = &result.complexity else {
        return;
    };
    let first = complexity.slopes.len().saturating_sub(SLOPES_MAX);
    let slopes = complexity.slopes.iter().enumerate().skip(first);
    let slopes = slopes.map(|(i, slope)| {
        let from = format!("result#/complexity/slopes/{i}");
        Fact::number("slope", *slope, shown::slope(*slope), [from])
    });
    // The smallest size is only what is subtracted: there is one more than slopes of those behind it.
    let sizes = complexity.sizes.iter().enumerate().skip(first + 1);
    let sizes: Vec<Fact> = sizes
        .map(|(i, size)| {
            let from = format!("result#/complexity/sizes/{i}");
            Fact::count("size", *size, shown::size(*size), from)
        })
        .collect();
    let mut statement = Statement::new(Heading::Growth, 560);
    if !sizes.is_empty() {
        statement = statement.words("n=").facts(" ", sizes).words(" -> ");
    }
    if !complexity.slopes.is_empty() {
        out.push(statement.words("slopes ").facts(" ", slopes));
    }
    let fits = |importance| {
        Statement::new(Heading::Growth, importance)
            .words("fits ")
            .fact(Fact::text(
                "best",
                &complexity.best,
                "result#/complexity/best",
            ))
    };
    if complexity.best.is_empty() {
        return;
    }
    if complexity.alternatives.is_empty() {
        out.push(fits(680));
        return;
    }
    let others = complexity
        .alternatives
        .iter()
        .enumerate()
        .map(|(i, class)| {
            let from = format!("result#/complexity/alternatives/{i}");
            Fact::text("alternative", class, from)
        });
    out.push(
        fits(680)
            .words(" (not distinguishable from ")
            .facts(", ", others)
            .words(")"),
    );
}

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
    let accesses = loads.saturating_add(stores);
    let percent = 100.0 * misses as f64 / accesses.max(1) as f64;
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
    let Some((allocs, index)) = counted.rev_max() else {
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

/// `lines 14, 20-23 never executed - behaviour there is unchecked`
pub(super) fn untested(result: &SampleResult, out: &mut Vec<Statement>) {
    let Some(coverage) = result.coverage.as_ref().filter(|c| !c.uncovered.is_empty()) else {
        return;
    };
    let ranges = ranges(&coverage.uncovered);
    let is_one_file = ranges.iter().all(|range| range.file == ranges[0].file);
    let all = coverage.uncovered.len() as u64;
    let from = "result#/coverage/uncovered";
    let count = || Fact::count("uncovered", all, shown::count(all), from);
    let short = Statement::new(Heading::Untested, 410)
        .fact(count())
        .words(if all == 1 { " line" } else { " lines" })
        .words(" never executed");
    let mut statement = Statement::new(Heading::Untested, 410);
    let listed = &ranges[..ranges.len().min(RANGES_MAX)];
    statement = statement.words(if all == 1 { "line " } else { "lines " });
    for (i, range) in listed.iter().enumerate() {
        if i > 0 {
            statement = statement.words(", ");
        }
        if !is_one_file && !range.file.is_empty() {
            let file = Fact::text("file", range.file, format!("{from}/{}", range.first.0));
            statement = statement.fact(file).words(":");
        }
        let line = |(index, line): (usize, u32)| {
            let from = format!("{from}/{index}");
            Fact::count("line", line.into(), line.to_string(), from)
        };
        statement = statement.fact(line(range.first));
        if range.last.1 > range.first.1 {
            statement = statement.words("-").fact(line(range.last));
        }
    }
    if ranges.len() > listed.len() {
        statement = statement
            .words(" and others, ")
            .fact(count())
            .words(" in all,");
    }
    let statement = statement.words(" never executed - behaviour there is unchecked");
    out.push(statement.or_short(short));
}

/// Neighbouring lines; each end with its index among the uncovered.
struct Range<'a> {
    file: &'a str,
    first: (usize, u32),
    last: (usize, u32),
}

/// Of `file:line`, in ascending order. What has no line is left out.
fn ranges(uncovered: &[String]) -> Vec<Range<'_>> {
    let lines = uncovered.iter().enumerate().filter_map(|(i, place)| {
        let (file, line) = place.rsplit_once(':')?;
        Some((file, line.parse::<u32>().ok()?, i))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for (file, line, index) in lines {
        match ranges.last_mut() {
            Some(range) if range.file == file && line <= range.last.1.saturating_add(1) => {
                range.last = (index, line);
            }
            _ => ranges.push(Range {
                file,
                first: (index, line),
                last: (index, line),
            }),
        }
    }
    ranges
}

/// How many tests ended in each way but well, the most frequent first.
pub(super) fn failures(result: &SampleResult) -> Vec<(Status, u64)> {
    let mut counts: Vec<(Status, u64)> = Vec::new();
    for test in result.tests.iter().filter(|test| !test.pass) {
        let status = ended(test);
        match counts.iter_mut().find(|(other, _)| *other == status) {
            Some((_, count)) => *count += 1,
            None => counts.push((status, 1)),
        }
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts
}
