//! What came of a sample: one line of a results file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Status;
use crate::task::{Role, TestKind};

/// Version of the form of results.
pub const SCHEMA: u32 = 1;
/// The rule that `instr` is counted by.
pub const COUNT_RULE: &str = "instr.v1";

/// What came of a sample. What was not measured is not there, never 0. Everything but `wall_ns` is the same in every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleResult {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The task.
    pub task_id: String,
    /// Which of the attempts of this model at this task, from 0.
    pub sample_id: u64,
    /// Who wrote it; empty if that is not known.
    pub model: String,
    /// The name of a reference, if it is one of the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What metrics take the reference for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// SHA-256 of the module, in hexadecimal; empty if there is none.
    #[serde(default)]
    pub wasm_sha256: String,
    /// Compiler and version; empty for what came built.
    #[serde(default)]
    pub toolchain: String,
    /// Engine and version.
    #[serde(default)]
    pub engine: String,
    /// [`COUNT_RULE`].
    #[serde(default)]
    pub count_rule: String,
    /// How it ended: the status of the first test that is not passed.
    pub status: Status,
    /// What is to be said of a status other than `ok`: the compiler's errors, the trap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Size of the module, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm_bytes: Option<u64>,
    /// The seed of the inputs that the task's generator made, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The tests that were run, in the task's order.
    #[serde(default)]
    pub tests: Vec<TestResult>,
    /// Where it spends its instructions, over all tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot: Option<Hot>,
    /// What of it was executed, by any test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// How its cost grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    /// Metrics of this sample alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
    /// What makes it suspect, or needs a look.
    #[serde(default)]
    pub flags: Vec<String>,
}

impl SampleResult {
    /// Whether every test is passed.
    pub fn is_correct(&self) -> bool {
        self.status == Status::Ok
    }
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TestResult {
    /// Its name within the task.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub kind: TestKind,
    /// The size of its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Level of difficulty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Whether it is passed.
    pub pass: bool,
    /// How it ended, if it is not passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What is to be said of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it cost.
    #[serde(flatten)]
    pub cost: Cost,
}

/// Numbers of one run; what was not measured is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// Operators executed, by rule [`COUNT_RULE`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instr: Option<u64>,
    /// Fuel, by rule v1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Instructions + 10 first-level misses + 100 last-level misses + 10 mispredictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcycles: Option<u64>,
    /// Operators executed, by class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, u64>,
    /// Loads executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loads: Option<u64>,
    /// Stores executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stores: Option<u64>,
    /// Bytes that loads and stores accessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes that bulk operations wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_bytes: Option<u64>,
    /// Table elements that bulk operations wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_elements: Option<u64>,
    /// Pages that memories grew by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages_grown: Option<u64>,
    /// Misses of the simulated first-level cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_miss: Option<u64>,
    /// Misses of the simulated last-level cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ll_miss: Option<u64>,
    /// Mispredictions of the simulated branch predictor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_miss: Option<u64>,
    /// Calls of functions that allocate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocs: Option<u64>,
    /// Bytes that they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alloc_bytes: Option<u64>,
    /// The most bytes that were allocated at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_heap: Option<u64>,
    /// Size of the linear memories at the end, 64 KiB pages; they never shrink, so it is the peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_pages: Option<u64>,
    /// Calls of host functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u64>,
    /// Bytes read from stdin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_read: Option<u64>,
    /// Bytes written to stdout and stderr.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_written: Option<u64>,
    /// Readings of the (virtual) clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_reads: Option<u64>,
    /// Requests for (seeded) random numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_reads: Option<u64>,
    /// Time, nanoseconds; the one number that is not the same in every run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ns: Option<u64>,
}

/// Where a program spends its instructions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hot {
    /// Functions, hottest first.
    pub functions: Vec<HotFunction>,
    /// Source lines, hottest first.
    pub lines: Vec<HotLine>,
    /// Loops, hottest first.
    pub loops: Vec<HotLoop>,
    /// Conditional branches, most executed first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<HotBranch>,
}

/// Instructions of one function.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HotFunction {
    /// Its name.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Instructions in itself, callees not included.
    pub instr: u64,
    /// The same, in percent of all.
    pub instr_percent: f64,
}

/// Instructions of one source line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HotLine {
    /// The source file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// Its text, without white space around it, if the source is known.
    pub text: String,
    /// How often it was executed: the most executed of its instructions.
    pub count: u64,
    /// Instructions.
    pub instr: u64,
    /// The same, in percent of all.
    pub instr_percent: f64,
    /// Calls, from this line, of functions that allocate, directly or through functions without lines of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocs: Option<u64>,
}

/// A conditional branch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HotBranch {
    /// The source file; empty if that is not known.
    pub file: String,
    /// Its line, from 1; 0 if that is not known.
    pub line: u32,
    /// The function that it is in.
    pub function: String,
    /// How often it was taken.
    pub taken: u64,
    /// How often it was not.
    pub not_taken: u64,
}

/// A loop.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HotLoop {
    /// The source file; empty if that is not known.
    pub file: String,
    /// The line that it begins at, from 1; 0 if that is not known.
    pub line: u32,
    /// The function that it is in.
    pub function: String,
    /// How often it was entered.
    pub entries: u64,
    /// How often its body was begun.
    pub trips: u64,
    /// `trips / entries`.
    pub average: f64,
    /// Instructions of its body, inner loops included, in percent of all.
    pub instr_percent: f64,
    /// Calls, from its body, of functions that allocate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocs: Option<u64>,
}

/// What was executed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Percent of the source lines that have code.
    pub line: f64,
    /// Percent of the ways of branches.
    pub branch: f64,
    /// Lines of the program's own files that were never executed: `file:line`.
    pub uncovered: Vec<String>,
}

/// How cost grows with the size of the input.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Complexity {
    /// The class that fits best: `n log n`.
    pub best: String,
    /// Its normalised root mean square.
    pub rms: f64,
    /// Slopes between neighbouring sizes in log-log scale.
    pub slopes: Vec<f64>,
    /// Classes that cannot be told from the best one.
    pub alternatives: Vec<String>,
    /// Which cost: `fuel`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub column: String,
    /// The sizes, ascending; the smallest one's cost is subtracted, the largest one is held out. `slopes` are between the
    /// second and the third, and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<u64>,
    /// What they cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<u64>,
    /// How far off the best class's prediction of the largest size is, in parts of what that costs beyond the smallest; below
    /// 0 if too small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_error: Option<f64>,
    /// What is to be known beside, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
