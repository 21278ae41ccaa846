//! What tools give.

use std::collections::BTreeMap;

use probity_efficiency::result::{Coverage, Hot, SampleResult, TestResult};
use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;
use serde_json::Value;

/// How a program did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Judged {
    /// Whether every test is passed.
    pub correct: bool,
    /// ok, compile_error, wrong, exit, trap, fuel, memory, stack, wall, output.
    pub status: String,
    /// What is to be said of another status than ok: the compiler's errors, the trap, the difference.
    pub message: Option<String>,
    /// Compiler and version.
    pub toolchain: String,
    /// What makes the program suspect, or needs a look.
    pub flags: Vec<String>,
}

/// What came of one test.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tested {
    /// Its name.
    pub id: String,
    /// Whether it is passed.
    pub pass: bool,
    /// How it ended, if it is not.
    pub status: Option<String>,
    /// What is to be said of that.
    pub message: Option<String>,
}

/// What `check` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    #[serde(flatten)]
    pub judged: Judged,
    /// The tests that were run.
    pub tests: Vec<Tested>,
}

/// What one test cost.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Costs {
    #[serde(flatten)]
    pub tested: Tested,
    /// The size of its input, if it has one.
    pub size: Option<u64>,
    /// Numbers by name: fuel, instr, loads, stores, bytes, memory_pages, wall_ns and others; what was not measured is not there.
    pub cost: BTreeMap<String, u64>,
    /// Instructions executed, by class.
    pub classes: BTreeMap<String, u64>,
}

/// What `measure` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Measured {
    #[serde(flatten)]
    pub judged: Judged,
    /// Which cost the total is: the count that orders programs most often as time does.
    pub column: String,
    /// Cost of all tests that were run; exact, and equal in every run.
    pub total: u64,
    /// Instructions of them.
    pub instr: u64,
    /// The rule that instructions are counted by.
    pub count_rule: String,
    /// The tests that were run.
    pub tests: Vec<Costs>,
}

/// Instructions of a function.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Instructions in itself, callees not included.
    pub instr: u64,
    /// The same, in percent of all.
    pub instr_percent: f64,
}

/// Instructions of a line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The source file; `main.*` is the program's own.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// Its text.
    pub text: String,
    /// How often it was executed.
    pub count: u64,
    /// Instructions.
    pub instr: u64,
    /// The same, in percent of all.
    pub instr_percent: f64,
}

/// A loop.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Loop {
    /// The source file.
    pub file: String,
    /// The line that it begins at; 0 if that is not known.
    pub line: u32,
    /// The function that it is in.
    pub function: String,
    /// How often it was entered.
    pub entries: u64,
    /// How often its body was begun.
    pub trips: u64,
    /// trips / entries.
    pub average: f64,
    /// Instructions of its body, inner loops included, in percent of all.
    pub instr_percent: f64,
}

/// What `profile` gives, over all tests together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Profiled {
    #[serde(flatten)]
    pub judged: Judged,
    /// Functions, hottest first.
    pub functions: Vec<Function>,
    /// Source lines, hottest first.
    pub lines: Vec<Line>,
    /// Loops, hottest first.
    pub loops: Vec<Loop>,
    /// Percent of the lines with code that were executed.
    pub line_coverage: Option<f64>,
    /// Percent of the ways of branches that were taken.
    pub branch_coverage: Option<f64>,
    /// Lines that were never executed.
    pub uncovered: Vec<String>,
}

/// One test of two programs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// Its name.
    pub id: String,
    /// Cost before.
    pub before: Option<u64>,
    /// Cost after.
    pub after: Option<u64>,
    /// Change in percent of before; negative is cheaper.
    pub percent: Option<f64>,
}

/// What `compare` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Compared {
    /// The program before.
    pub before: Judged,
    /// The program after.
    pub after: Judged,
    /// Which cost is compared: the count that orders programs most often as time does.
    pub column: String,
    /// Every test that either of them ran.
    pub tests: Vec<Change>,
    /// Cost before / cost after, over the tests that both passed.
    pub speedup: Option<f64>,
    /// The hottest lines before.
    pub lines_before: Vec<Line>,
    /// The hottest lines after.
    pub lines_after: Vec<Line>,
}

/// Cost at a size.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Point {
    /// Size of the input.
    pub size: u64,
    /// What it costs.
    pub cost: u64,
}

/// What `scale` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Scaled {
    #[serde(flatten)]
    pub judged: Judged,
    /// Which cost it is: the count that orders programs most often as time does.
    pub column: String,
    /// The sizes that were run.
    pub points: Vec<Point>,
    /// How cost grows, in one line; null if there are too few sizes.
    pub answer: Option<String>,
    /// The class that fits best: `n log n`.
    pub best: Option<String>,
    /// Classes that cannot be told from it.
    pub alternatives: Vec<String>,
    /// Slopes between neighbouring sizes in log-log scale.
    pub slopes: Vec<f64>,
    /// What is to be known beside.
    pub notes: Vec<String>,
}

/// What `explain_line` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    #[serde(flatten)]
    pub judged: Judged,
    /// The line, from 1.
    pub line: u32,
    /// Its text.
    pub text: String,
    /// In words.
    pub answer: String,
    /// Whether any test executed it; null if it has no code of its own, or is not among the lines that are known of.
    pub executed: Option<bool>,
    /// What it costs, if it is among the hottest.
    pub cost: Option<Line>,
    /// The loops that begin at it.
    pub loops: Vec<Loop>,
}

impl Judged {
    pub fn of(result: &SampleResult) -> Judged {
        Judged {
            correct: result.is_correct(),
            status: result.status.to_string(),
            message: result.message.clone(),
            toolchain: result.toolchain.clone(),
            flags: result.flags.clone(),
        }
    }
}

impl Tested {
    pub fn of(test: &TestResult) -> Tested {
        Tested {
            id: test.id.clone(),
            pass: test.pass,
            status: test.status.map(|status| status.to_string()),
            message: test.message.clone(),
        }
    }
}

impl Costs {
    pub fn of(test: &TestResult) -> Costs {
        // Every column by its name, whatever columns there are.
        let all = match serde_json::to_value(&test.cost) {
            Ok(Value::Object(all)) => all,
            _ => Default::default(),
        };
        let numbers = all
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_u64()?)));
        Costs {
            tested: Tested::of(test),
            size: test.size,
            cost: numbers.collect(),
            classes: test.cost.classes.clone(),
        }
    }
}

pub fn functions(hot: &Hot) -> Vec<Function> {
    let functions = hot.functions.iter().map(|function| Function {
        name: function.name.clone(),
        calls: function.calls,
        instr: function.instr,
        instr_percent: function.instr_percent,
    });
    functions.collect()
}

pub fn lines(hot: &Hot) -> Vec<Line> {
    let lines = hot.lines.iter().map(|line| Line {
        file: line.file.clone(),
        line: line.line,
        text: line.text.clone(),
        count: line.count,
        instr: line.instr,
        instr_percent: line.instr_percent,
    });
    lines.collect()
}

pub fn loops(hot: &Hot) -> Vec<Loop> {
    let loops = hot.loops.iter().map(|found| Loop {
        file: found.file.clone(),
        line: found.line,
        function: found.function.clone(),
        entries: found.entries,
        trips: found.trips,
        average: found.average,
        instr_percent: found.instr_percent,
    });
    loops.collect()
}

impl Profiled {
    pub fn of(result: &SampleResult) -> Profiled {
        let hot = result.hot.clone().unwrap_or_default();
        let coverage: Option<&Coverage> = result.coverage.as_ref();
        Profiled {
            judged: Judged::of(result),
            functions: functions(&hot),
            lines: lines(&hot),
            loops: loops(&hot),
            line_coverage: coverage.map(|coverage| coverage.line),
            branch_coverage: coverage.map(|coverage| coverage.branch),
            uncovered: coverage
                .map(|coverage| coverage.uncovered.clone())
                .unwrap_or_default(),
        }
    }
}
