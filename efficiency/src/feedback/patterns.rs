//! Advice: patterns that numbers of the run point to, each with the number that does.
//!
//! These are hints of where to look, not findings: the thresholds are round numbers chosen such that a program that has
//! nothing to gain there is not bothered. What is as good as the best known is not called bad.

use super::hot::{at, runs, taken, taken_percent};
use super::memory::l1_miss;
use super::statement::{Fact, Heading, Statement, Value};
use super::{Input, of_column, of_tests, shown};
use crate::compare::total;
use crate::growth::Class;

/// A program that costs so many times the best known has more to gain than a constant factor.
const RATIO_MIN: f64 = 10.0;
/// Allocations in a loop that are worth a word, and in how many of its turns.
const LOOP_ALLOCS_MIN: u64 = 100;
const ALLOCS_PER_TURN_MIN: f64 = 0.1;
/// Executions of a branch, how biased it is, and how hot its line, percent.
const BRANCH_RUNS_MIN: u64 = 10_000;
const BIAS_MAX: f64 = 1.0;
const BRANCH_LINE_MIN: f64 = 10.0;
/// First-level misses in percent of accesses, and how many.
const MISS_MIN: f64 = 5.0;
const MISSES_MIN: u64 = 10_000;
/// Calls, how little is done in one, and how much in all of them, percent.
const CALLS_MIN: u64 = 10_000;
const INSTR_PER_CALL_MAX: u64 = 40;
const CALLS_PERCENT_MIN: f64 = 20.0;
/// How often a loop is begun, how long it turns, and how hot it is, percent.
const PASSES_MIN: u64 = 100;
const TURNS_MIN: f64 = 100.0;
const PASSES_PERCENT_MIN: f64 = 50.0;
/// Bytes copied, in all and for each byte written.
const COPIED_MIN: u64 = 1_000_000;
const COPIED_PER_BYTE_MIN: u64 = 10;

/// `better algorithm [slope 2.00]; biased branch [line 11: 0.0% taken of 12.5M]`
pub(super) fn patterns(input: &Input<'_>, out: &mut Vec<Statement>) {
    if !input.result.is_correct() {
        // What is slow about a wrong program is not what is wrong with it.
        return;
    }
    let found = [
        algorithm(input),
        repeated_work(input),
        loop_allocations(input),
        string_building(input),
        cache(input),
        calls(input),
        biased_branch(input),
    ];
    out.extend(found.into_iter().flatten());
}

fn pattern(importance: u32, name: &'static str) -> Statement {
    Statement::new(Heading::Patterns, importance)
        .words(name)
        .words(" [")
}

/// The program's class of growth.
fn class(input: &Input<'_>) -> Option<Class> {
    Class::of_name(&input.result.complexity.as_ref()?.best)
}

/// That of the best known program.
fn best_class(input: &Input<'_>) -> Option<Class> {
    Class::of_name(&input.best_known()?.0.complexity.as_ref()?.best)
}

/// Whether cost grows fast, and not just as fast as that of the best known program.
fn is_steep(input: &Input<'_>) -> bool {
    class(input)
        .is_some_and(|class| class.is_steep() && best_class(input).is_none_or(|best| best < class))
}

fn algorithm(input: &Input<'_>) -> Option<Statement> {
    let ratio = input.best_known().and_then(|(_, best)| {
        let ratio = input.cost()? as f64 / best as f64;
        (ratio.is_finite() && ratio >= RATIO_MIN).then_some(ratio)
    });
    let slope = input.result.complexity.as_ref().filter(|_| is_steep(input));
    if ratio.is_none() && slope.is_none() {
        return None;
    }
    let mut statement = pattern(190, "better algorithm");
    if let Some(complexity) = slope {
        statement = match complexity.slopes.last() {
            Some(slope) => {
                let from = format!("result#/complexity/slopes/{}", complexity.slopes.len() - 1);
                let fact = Fact::number("slope", *slope, shown::slope(*slope), [from]);
                statement.words("slope ").fact(fact)
            }
            None => statement.words("fits ").fact(Fact::text(
                "best",
                &complexity.best,
                "result#/complexity/best",
            )),
        };
        if let Some(best) = best_class(input) {
            let fact = Fact::text("best_known", best.name(), "reference#/complexity/best");
            statement = statement.words(", best known fits ").fact(fact);
        }
    }
    if let Some(ratio) = ratio {
        let from = ["result", "reference"].map(|whose| of_column(whose, input.column));
        statement = statement
            .words(if slope.is_some() { ", " } else { "" })
            .fact(Fact::number(
                "ratio",
                ratio,
                shown::ratio(ratio),
                from.concat(),
            ))
            .words(" the best known");
    }
    Some(statement.words("]"))
}

fn repeated_work(input: &Input<'_>) -> Option<Statement> {
    let hot = input.result.hot.as_ref()?;
    if class(input) == Some(Class::Exponential) {
        let most = hot
            .functions
            .iter()
            .enumerate()
            .max_by_key(|(_, f)| f.calls);
        let (index, function) = most.filter(|(_, f)| f.calls >= PASSES_MIN)?;
        let from = |field: &str| format!("result#/hot/functions/{index}/{field}");
        let calls = shown::count(function.calls);
        return Some(
            pattern(180, "repeated work, keep results")
                .words("function ")
                .fact(Fact::text(
                    "function",
                    &shown::clipped(&function.name, 80),
                    from("name"),
                ))
                .words(" called ")
                .fact(Fact::count("calls", function.calls, calls, from("calls")))
                .words(" times, fits ")
                .fact(Fact::text(
                    "best",
                    Class::Exponential.name(),
                    "result#/complexity/best",
                ))
                .words("]"),
        );
    }
    if class(input).is_some() && !is_steep(input) {
        return None;
    }
    let loops = hot.loops.iter().enumerate().filter(|(_, l)| {
        l.entries >= PASSES_MIN && l.average >= TURNS_MIN && l.instr_percent >= PASSES_PERCENT_MIN
    });
    let (index, l) = loops.max_by_key(|(_, l)| l.trips)?;
    let from = |field: &str| format!("result#/hot/loops/{index}/{field}");
    let average = shown::average(l.average);
    let statement = at(
        pattern(180, "repeated work").words("loop "),
        input.result,
        "loops",
        index,
    );
    Some(
        statement
            .words(": ")
            .fact(Fact::count(
                "entries",
                l.entries,
                shown::count(l.entries),
                from("entries"),
            ))
            .words(" passes of ")
            .fact(Fact::number(
                "average",
                l.average,
                average,
                [from("average")],
            ))
            .words(" turns]"),
    )
}

fn loop_allocations(input: &Input<'_>) -> Option<Statement> {
    let loops = &input.result.hot.as_ref()?.loops;
    let found = loops.iter().enumerate().filter_map(|(index, l)| {
        let allocs = l.allocs.filter(|allocs| *allocs >= LOOP_ALLOCS_MIN)?;
        let each = allocs as f64 / l.trips.max(1) as f64;
        (each >= ALLOCS_PER_TURN_MIN).then_some((allocs, each, index))
    });
    let (allocs, each, index) = found.max_by(|a, b| a.0.cmp(&b.0).then(b.2.cmp(&a.2)))?;
    let from = |field: &str| format!("result#/hot/loops/{index}/{field}");
    let count = Fact::count("loop_allocs", allocs, shown::count(allocs), from("allocs"));
    let statement = pattern(170, "allocation in loops")
        .fact(count)
        .words(" in loop ");
    let turns = [from("allocs"), from("trips")];
    Some(
        at(statement, input.result, "loops", index)
            .words(", ")
            .fact(Fact::number(
                "allocs_per_turn",
                each,
                format!("{each:.1}"),
                turns,
            ))
            .words(" a turn]"),
    )
}

fn string_building(input: &Input<'_>) -> Option<Statement> {
    let tests = &input.result.tests;
    let sum = |name: &str| total(tests, name.parse().ok()?);
    let (copied, written) = (sum("bulk_bytes")?, sum("bytes_written")?);
    let allocs = sum("allocs")?;
    let is_much = copied >= COPIED_MIN && copied / COPIED_PER_BYTE_MIN >= written.max(1);
    if !is_much || allocs < LOOP_ALLOCS_MIN {
        return None;
    }
    let fact = |name, value, shown| Fact::count(name, value, shown, of_tests("result", name));
    Some(
        pattern(160, "copying, as of strings that are built piece by piece")
            .fact(fact("bulk_bytes", copied, shown::bytes(copied)))
            .words(" copied, ")
            .fact(fact("bytes_written", written, shown::bytes(written)))
            .words(" written, ")
            .fact(fact("allocs", allocs, shown::count(allocs)))
            .words(" allocations]"),
    )
}

fn cache(input: &Input<'_>) -> Option<Statement> {
    let misses = total(&input.result.tests, "l1_miss".parse().ok()?)?;
    let fact = l1_miss(input.result)?;
    let is_much = matches!(fact.value, Value::Number(percent) if percent >= MISS_MIN);
    (is_much && misses >= MISSES_MIN).then(|| {
        pattern(150, "cache-hostile access")
            .words("L1 miss ")
            .fact(fact)
            .words("]")
    })
}

fn calls(input: &Input<'_>) -> Option<Statement> {
    let functions = &input.result.hot.as_ref()?.functions;
    let (index, function) = functions.iter().enumerate().find(|(_, function)| {
        function.calls >= CALLS_MIN
            && function.instr / function.calls.max(1) <= INSTR_PER_CALL_MAX
            && function.instr_percent >= CALLS_PERCENT_MIN
    })?;
    let from = |field: &str| format!("result#/hot/functions/{index}/{field}");
    let each = function.instr as f64 / function.calls.max(1) as f64;
    let percent = function.instr_percent;
    Some(
        pattern(140, "calls dominate")
            .fact(Fact::text(
                "function",
                &shown::clipped(&function.name, 80),
                from("name"),
            ))
            .words(" ")
            .fact(Fact::count(
                "calls",
                function.calls,
                shown::count(function.calls),
                from("calls"),
            ))
            .words(" calls of ")
            .fact(Fact::number(
                "instr_per_call",
                each,
                format!("{each:.1}"),
                [from("instr"), from("calls")],
            ))
            .words(" instr, ")
            .fact(Fact::number(
                "percent",
                percent,
                shown::percent(percent),
                [from("instr_percent")],
            ))
            .words(" of instr]"),
    )
}

fn biased_branch(input: &Input<'_>) -> Option<Statement> {
    let hot = input.result.hot.as_ref()?;
    let (index, branch) = hot.branches.iter().enumerate().find(|(_, branch)| {
        let runs = runs(branch);
        let percent = taken_percent(branch);
        let is_place = |file: &str, line: u32| line == branch.line && file == branch.file;
        let line = hot
            .lines
            .iter()
            .find(|line| is_place(&line.file, line.line));
        // What ends a loop, or goes on with it, goes one way nearly always, which is no news.
        let is_loop = hot.loops.iter().any(|l| is_place(&l.file, l.line));
        runs >= BRANCH_RUNS_MIN
            && (percent <= BIAS_MAX || percent >= 100.0 - BIAS_MAX)
            && line.is_some_and(|line| line.instr_percent >= BRANCH_LINE_MIN)
            && !is_loop
    })?;
    let statement = at(
        pattern(130, "biased branch"),
        input.result,
        "branches",
        index,
    );
    let statement = statement
        .words(": ")
        .facts(" taken of ", taken(index, branch));
    Some(statement.words("]"))
}
