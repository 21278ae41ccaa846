//! Statements on a run as a whole: whether it is right, what it costs, how that grows.

use super::statement::{Fact, Heading, Statement};
use super::{Input, of_column, pack::ALWAYS, shown};
use crate::compare::{costed, ended, total};
use crate::growth::UNLIKE;
use crate::result::{Complexity, SampleResult};
use crate::{Column, Status};

/// From where on it is told how far a class is off.
const OFF_MIN: f64 = 0.05;
/// Slopes that are listed.
const SLOPES_MAX: usize = 8;

/// `CORRECT 24/24. Cost 638.0M fuel (best known 3.5M, 182x). Most expensive test: t2 (n=5000)`
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
    let own = of_column("result", column);
    let name = Fact::texts("column", column.name(), own.clone());
    let mut statement = Statement::new(Heading::Status, 800)
        .words("Cost ")
        .fact(Fact::cost("cost", cost, shown::count(cost), own.clone()))
        .words(" ")
        .fact(name);
    if let Some((_, best)) = input.best_known() {
        let theirs = of_column("reference", column);
        let known = Fact::cost("best_known", best, shown::count(best), theirs.clone());
        statement = statement.words(" (best known ").fact(known);
        if best > 0 {
            let ratio = cost as f64 / best as f64;
            let fact = Fact::number("ratio", ratio, shown::ratio(ratio), [own, theirs].concat());
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
    let Some((_, test)) = first_of_largest(tests) else {
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

/// Of equally large ones the first.
pub(super) fn first_of_largest<T>(items: impl Iterator<Item = (u64, T)>) -> Option<(u64, T)> {
    items.reduce(|most, next| if next.0 > most.0 { next } else { most })
}

/// Counts alone say nothing of caches and branch prediction.
fn modelled(result: &SampleResult, column: Column, out: &mut Vec<Statement>) {
    let cycles = Column::Vcycles;
    let Some(total) = total(&result.tests, cycles).filter(|_| column != cycles) else {
        return;
    };
    let from = of_column("result", cycles);
    out.push(
        Statement::new(Heading::Status, 300)
            .words("Modelled cycles: ")
            .fact(Fact::cost("vcycles", total, shown::count(total), from)),
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
    if let Some(statement) = fits(complexity) {
        out.push(statement);
    }
}

/// `fits n^2`, `fits n (not distinguishable from n log n)`, `fits none of the classes, nearest 2^n (58% off)`
fn fits(complexity: &Complexity) -> Option<Statement> {
    let best = Fact::text("best", &complexity.best, "result#/complexity/best");
    let statement = Statement::new(Heading::Growth, 680);
    let off = complexity
        .rms
        .max(complexity.prediction_error.map_or(0.0, f64::abs));
    let mut statement = match off > UNLIKE {
        true => statement
            .words("fits none of the classes, nearest ")
            .fact(best),
        false => statement.words("fits ").fact(best),
    };
    if off > OFF_MIN {
        let from = match off > complexity.rms {
            true => "result#/complexity/prediction_error",
            false => "result#/complexity/rms",
        };
        let percent = 100.0 * off;
        let fact = Fact::number(
            "off_percent",
            percent,
            shown::percent(percent),
            [from.to_owned()],
        );
        statement = statement.words(" (").fact(fact).words(" off)");
    }
    if !complexity.alternatives.is_empty() {
        let others = complexity
            .alternatives
            .iter()
            .enumerate()
            .map(|(i, class)| {
                let from = format!("result#/complexity/alternatives/{i}");
                Fact::text("alternative", class, from)
            });
        statement = statement
            .words(" (not distinguishable from ")
            .facts(", ", others)
            .words(")");
    }
    (!complexity.best.is_empty()).then_some(statement)
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
