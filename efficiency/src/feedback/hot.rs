//! Statements on where instructions are: lines, loops, functions, branches.

use super::statement::{Fact, Heading, Statement};
use super::{Input, shown};
use crate::result::{HotBranch, SampleResult};

/// What has less is not hot, percent.
const PERCENT_MIN: f64 = 5.0;
const LINES_MAX: usize = 3;
const LOOPS_MAX: usize = 2;
const FUNCTIONS_MAX: usize = 3;
/// Characters of a source line.
const TEXT_CHARS_MAX: usize = 80;

/// ``line 11 `if (abs(a[i]-a[j])<t)` 91% of instr; loop line 10 ran 12.5M times (avg 2500 x 5000)``
pub(super) fn hot(input: &Input<'_>, out: &mut Vec<Statement>) {
    let Some(hot) = &input.result.hot else {
        return;
    };
    let mut lines: Vec<usize> = (0..hot.lines.len())
        .filter(|i| hot.lines[*i].line > 0 && hot.lines[*i].instr_percent >= PERCENT_MIN)
        .collect();
    lines.sort_by(|a, b| {
        hot.lines[*b]
            .instr_percent
            .total_cmp(&hot.lines[*a].instr_percent)
    });
    for (rank, index) in lines.iter().take(LINES_MAX).enumerate() {
        out.push(line(input, *index, [670, 400, 350][rank]));
    }
    let loops = (0..hot.loops.len()).filter(|i| hot.loops[*i].instr_percent >= PERCENT_MIN);
    let mut loops: Vec<usize> = loops.collect();
    // Inner loops have their percents in those of outer ones: what turns most often is what costs.
    loops.sort_by_key(|i| std::cmp::Reverse(hot.loops[*i].trips));
    for (rank, index) in loops.iter().take(LOOPS_MAX).enumerate() {
        out.push(loop_turns(input.result, *index, [600, 380][rank]));
    }
    if lines.is_empty() {
        functions(input.result, out);
    }
}

fn line(input: &Input<'_>, index: usize, importance: u32) -> Statement {
    let result = input.result;
    let hot = result
        .hot
        .as_ref()
        .map(|hot| &hot.lines[index])
        .expect("hot");
    let mut statement = at(
        Statement::new(Heading::Hot, importance),
        result,
        "lines",
        index,
    );
    if let Some((text, from)) = input.line_text(index) {
        let text = shown::clipped(&text, TEXT_CHARS_MAX);
        let fact = Fact::text("source", &text, from);
        statement = statement.words(" `").fact(fact).words("`");
    }
    let from = format!("result#/hot/lines/{index}/instr_percent");
    let percent = hot.instr_percent;
    statement
        .words(" ")
        .fact(Fact::number(
            "percent",
            percent,
            shown::percent(percent),
            [from],
        ))
        .words(" of instr")
}

fn loop_turns(result: &SampleResult, index: usize, importance: u32) -> Statement {
    let l = result
        .hot
        .as_ref()
        .map(|hot| &hot.loops[index])
        .expect("hot");
    let from = |field: &str| format!("result#/hot/loops/{index}/{field}");
    let count = |name, value| Fact::count(name, value, shown::count(value), from(name));
    let statement = Statement::new(Heading::Hot, importance).words("loop ");
    at(statement, result, "loops", index)
        .words(" ran ")
        .fact(count("trips", l.trips))
        .words(" times (avg ")
        .fact(Fact::number(
            "average",
            l.average,
            shown::average(l.average),
            [from("average")],
        ))
        .words(" x ")
        .fact(count("entries", l.entries))
        .words(")")
}

fn functions(result: &SampleResult, out: &mut Vec<Statement>) {
    let functions = result.hot.as_ref().map_or(&[][..], |hot| &hot.functions);
    let hot = functions.iter().enumerate();
    let hot = hot.filter(|(_, function)| function.instr_percent >= PERCENT_MIN);
    for (rank, (index, function)) in hot.take(FUNCTIONS_MAX).enumerate() {
        let from = |field: &str| format!("result#/hot/functions/{index}/{field}");
        let name = shown::clipped(&function.name, TEXT_CHARS_MAX);
        let percent = function.instr_percent;
        out.push(
            Statement::new(Heading::Hot, [670, 400, 350][rank])
                .words("function ")
                .fact(Fact::text("function", &name, from("name")))
                .words(" ")
                .fact(Fact::number(
                    "percent",
                    percent,
                    shown::percent(percent),
                    [from("instr_percent")],
                ))
                .words(" of instr in ")
                .fact(Fact::count(
                    "calls",
                    function.calls,
                    shown::count(function.calls),
                    from("calls"),
                ))
                .words(" calls"),
        );
    }
}

/// `line 11: 0.0% taken of 12.5M`
pub(super) fn branch(result: &SampleResult, out: &mut Vec<Statement>) {
    let branches = result.hot.as_ref().map_or(&[][..], |hot| &hot.branches);
    if let Some((index, branch)) = branches.iter().enumerate().find(|(_, b)| runs(b) > 0) {
        let statement = Statement::new(Heading::Branch, 430);
        let statement = at(statement, result, "branches", index).words(": ");
        out.push(statement.facts(" taken of ", taken(index, branch)));
    }
}

/// How often it was executed.
pub(super) fn runs(branch: &HotBranch) -> u64 {
    branch.taken.saturating_add(branch.not_taken)
}

/// How many percent were taken; 0 if it was not executed.
pub(super) fn taken_percent(branch: &HotBranch) -> f64 {
    // The sum of counts may be more than 64 bits.
    let all = branch.taken as f64 + branch.not_taken as f64;
    100.0 * branch.taken as f64 / all.max(1.0)
}

/// How many percent were taken, of how many.
pub(super) fn taken(index: usize, branch: &HotBranch) -> [Fact; 2] {
    let from = ["taken", "not_taken"].map(|way| format!("result#/hot/branches/{index}/{way}"));
    let runs = runs(branch);
    let percent = taken_percent(branch);
    let mut all = Fact::count("executed", runs, shown::count(runs), from[0].clone());
    all.from = from.to_vec();
    [
        Fact::number("taken_percent", percent, shown::percent(percent), from),
        all,
    ]
}

/// Adds where an element of a list of [`crate::result::Hot`] is: `line 11`, with the file's name if there are several files; of
/// what has no line `in f`.
pub(super) fn at(
    statement: Statement,
    result: &SampleResult,
    list: &'static str,
    index: usize,
) -> Statement {
    let Some(hot) = &result.hot else {
        return statement;
    };
    let (file, line, function) = match list {
        "lines" => (&hot.lines[index].file, hot.lines[index].line, ""),
        "loops" => {
            let l = &hot.loops[index];
            (&l.file, l.line, l.function.as_str())
        }
        _ => {
            let branch = &hot.branches[index];
            (&branch.file, branch.line, branch.function.as_str())
        }
    };
    let from = |field: &str| format!("result#/hot/{list}/{index}/{field}");
    if line == 0 {
        let name = shown::clipped(function, TEXT_CHARS_MAX);
        return statement
            .words("in ")
            .fact(Fact::text("function", &name, from("function")));
    }
    let mut statement = statement.words("line ");
    if has_files(result) {
        let file = Fact::text("file", base(file), from("file"));
        statement = statement.fact(file).words(":");
    }
    statement.fact(Fact::count(
        "line",
        line.into(),
        line.to_string(),
        from("line"),
    ))
}

/// Whether hot places are in more than one file.
fn has_files(result: &SampleResult) -> bool {
    let Some(hot) = &result.hot else {
        return false;
    };
    let lines = hot.lines.iter().map(|line| &line.file);
    let loops = hot.loops.iter().map(|l| &l.file);
    let branches = hot.branches.iter().map(|branch| &branch.file);
    let mut files = lines
        .chain(loops)
        .chain(branches)
        .filter(|file| !file.is_empty());
    files
        .next()
        .is_some_and(|first| files.any(|file| file != first))
}

/// The last part of a path.
fn base(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
