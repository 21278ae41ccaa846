//! Statements on what the last change did.

use super::statement::{Fact, Heading, Statement};
use super::{Input, of_column, shown};
use crate::compare::{LineDelta, SampleComparison};
use crate::result::SampleResult;

/// Lines of which the change is told.
const LINES_MAX: usize = 2;
/// Percent of instructions that a line has to have, before or after.
const PERCENT_MIN: f64 = 5.0;

/// `-12% fuel; line 11 91%->88%`
pub(super) fn change(input: &Input<'_>, out: &mut Vec<Statement>) {
    let Some(previous) = input.previous else {
        return;
    };
    let result = input.result;
    let comparison = SampleComparison::new(previous, result);
    if previous.status != result.status {
        out.push(
            Statement::new(Heading::Change, 750)
                .fact(Fact::text(
                    "status_before",
                    previous.status.name(),
                    "previous#/status",
                ))
                .words(" -> ")
                .fact(Fact::text("status", result.status.name(), "result#/status")),
        );
    }
    if comparison.is_same_module {
        out.push(
            Statement::new(Heading::Change, 700)
                .words("the same module as before, ")
                .fact(Fact::text(
                    "wasm_sha256",
                    &shown::clipped(&result.wasm_sha256, 12),
                    "result#/wasm_sha256",
                )),
        );
        return;
    }
    if let Some(statement) = cost(input, &comparison) {
        out.push(statement);
    }
    growth(previous, result, out);
    let lines = comparison
        .lines
        .iter()
        .filter_map(|delta| line(previous, result, delta));
    out.extend(lines.take(LINES_MAX));
}

/// What it costs; of a program that is wrong that is no progress, and is not told.
fn cost(input: &Input<'_>, comparison: &SampleComparison) -> Option<Statement> {
    if !input.result.is_correct() {
        return None;
    }
    let percent = comparison.cost(input.column).percent()?;
    let from = ["previous", "result"].map(|whose| of_column(whose, input.column));
    let name = Fact::texts("column", input.column.name(), from[1].clone());
    Some(
        Statement::new(Heading::Change, 700)
            .fact(Fact::number(
                "cost_percent",
                percent,
                shown::change(percent),
                from.concat(),
            ))
            .words(" ")
            .fact(name),
    )
}

fn growth(previous: &SampleResult, result: &SampleResult, out: &mut Vec<Statement>) {
    let (Some(before), Some(after)) = (&previous.complexity, &result.complexity) else {
        return;
    };
    if before.best != after.best {
        out.push(
            Statement::new(Heading::Change, 580)
                .words("growth ")
                .fact(Fact::text(
                    "best_before",
                    &before.best,
                    "previous#/complexity/best",
                ))
                .words(" -> ")
                .fact(Fact::text("best", &after.best, "result#/complexity/best")),
        );
    }
}

/// `line 11 91%->88%`, or `line 11->13 91%->88%` of one that moved. Nothing if it is not hot, or no less and no more than before.
fn line(previous: &SampleResult, result: &SampleResult, delta: &LineDelta) -> Option<Statement> {
    let index = |result: &SampleResult, line: u32, instr: Option<u64>| {
        let lines = &result.hot.as_ref()?.lines;
        lines
            .iter()
            .position(|l| l.line == line && Some(l.instr) == instr)
    };
    let (line_before, line_after) = (delta.line_before?, delta.line_after?);
    let (before, after) = (delta.percent_before?, delta.percent_after?);
    if before.max(after) < PERCENT_MIN || shown::percent(before) == shown::percent(after) {
        return None;
    }
    let at_before = index(previous, line_before, delta.instr.before)?;
    let at_after = index(result, line_after, delta.instr.after)?;
    let from =
        |whose: &str, index: usize, field: &str| format!("{whose}#/hot/lines/{index}/{field}");
    let count = |name, line: u32, from| Fact::count(name, line.into(), line.to_string(), from);
    let mut statement = Statement::new(Heading::Change, 420)
        .words("line ")
        .fact(count(
            "line_before",
            line_before,
            from("previous", at_before, "line"),
        ));
    if line_after != line_before {
        let fact = count("line", line_after, from("result", at_after, "line"));
        statement = statement.words("->").fact(fact);
    }
    let percent = |name, value, from| Fact::number(name, value, shown::percent(value), [from]);
    Some(
        statement
            .words(" ")
            .fact(percent(
                "percent_before",
                before,
                from("previous", at_before, "instr_percent"),
            ))
            .words("->")
            .fact(percent(
                "percent",
                after,
                from("result", at_after, "instr_percent"),
            )),
    )
}
