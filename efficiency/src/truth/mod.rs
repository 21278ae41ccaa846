//! Ground truth for benchmarks of reasoning about code: what a program does, line by line, to hold predictions against.
//!
//! REval (Chen et al. 2024) traces Python by `sys.settrace`; SX-Bench (Yan et al. 2025) has programs count their own
//! steps. Here the program is compiled, and its debug information says which code is which line. What is asked means
//! this:
//!
//! - *Line*: of one source file, the program's own, as the compiler's line table has it. Lines that are nothing but
//!   brackets and punctuation are none where the source is known, nor are jumps by which a compiler joins branches, nor
//!   is what a compiler puts in front of a function (REval: a `def` line is not traced by a call). See
//!   [`probity_analyses::steps`] for when a step on a line begins and ends.
//! - *Coverage* (REval `get_coverage`): whether there is a step on the line in the run; `count` says how many.
//! - *Path* (REval `get_next_line`): the line of the next step *in the order of execution*, whatever function it is in:
//!   behind a call it is the callee's first line, behind a callee's last line it is the caller's next. -1 behind the
//!   last step, and for lines that are not executed. All next lines of a line are right answers. As in REval, steps on
//!   one line that follow each other without another line between are one. Two differences: activations are told apart,
//!   so that a function that calls itself on its first line is followed by that line again; and coming back to a line
//!   whose rest is then executed is not a step again (REval has one there if the frame returns from that line, since
//!   `settrace` tells of it, and none else).
//! - *State* (REval `interpret_var`): what a variable is behind the step, for each step on the line; any of them is a
//!   right answer, and `"Nil"` is on lines that are not executed. It is read when the activation comes to its next
//!   line, in its own frame (REval takes whatever frame the next traced line is in, which behind a call is the
//!   callee's). Parameters and local variables of the function, from the line on that declares them: one that is not
//!   set yet is what is in its place.
//! - *Output*: what is printed to stdout, or what the function gives.
//! - *Steps*: SX-Bench's programs have a counter `run_steps`; if the program has such a variable outside of functions,
//!   its last value is the answer (`"of": "run_steps"`). Else it is the number of steps on lines (`"of": "lines"`).
//!
//! Of programs in Python, coverage and output are known alone: the debug information is the interpreter's.
//!
//! Each is a line of JSON that [`score::reval`](crate::score::reval) reads as truth, with more fields for people and
//! other programs.

mod file;
mod flags;
mod python;
mod rows;

use std::collections::BTreeSet;
use std::fmt;

use probity_analyses::Session;
use probity_analyses::steps::{StepLimits, StepOptions};
use probity_probes::source::{Origin, Source};
use serde_json::Value;

pub use file::{jumps, no_statements};
pub use flags::unoptimised;
pub use rows::Row;

use crate::Status;
use crate::judge::Judge;
use crate::judge::watched::{self, WatchedProgram};
use crate::score::reval::Kind;
use crate::task::{Entry, Limits};
use crate::toolchain::Built;

/// What can be told of a program.
pub fn kinds_of(built: &Built) -> BTreeSet<Kind> {
    match built.python {
        Some(_) => BTreeSet::from(python::KINDS),
        None => BTreeSet::from(KINDS),
    }
}

const KINDS: [Kind; 5] = [
    Kind::Coverage,
    Kind::State,
    Kind::Path,
    Kind::Output,
    Kind::Steps,
];

/// The variable that SX-Bench's programs count their steps in.
pub const COUNTER: &str = "run_steps";

/// What is wanted.
#[derive(Debug, Clone)]
pub struct TruthOptions {
    /// What rows call the program.
    pub task_id: String,
    /// What of it is called.
    pub entry: Entry,
    /// Arguments of a program that is started, behind its name.
    pub argv: Vec<String>,
    /// The source file that lines are of, by the end of its path; `None`: the one with the function that is called.
    pub file: Option<String>,
    /// Its text, if it is known.
    pub source: Option<String>,
    /// Where the module came from: its source map may be beside it.
    pub origin: Origin,
    /// What the compiler was told, for the record.
    pub flags: Vec<String>,
    /// Kinds of rows.
    pub kinds: BTreeSet<Kind>,
    /// Whether values with addresses in them are told, which nobody can know.
    pub addresses: bool,
    /// The variable that counts steps, if there is such a one.
    pub counter: String,
    /// How much is kept.
    pub steps: StepLimits,
    /// What the program may use.
    pub limits: Limits,
}

impl TruthOptions {
    /// Everything, of a program that is started. Of one in Python that is too much: [`kinds_of`].
    pub fn new(task_id: impl Into<String>) -> TruthOptions {
        TruthOptions {
            task_id: task_id.into(),
            entry: Entry::Stdio,
            argv: Vec::new(),
            file: None,
            source: None,
            origin: Origin::default(),
            flags: Vec::new(),
            kinds: BTreeSet::from(KINDS),
            addresses: false,
            counter: COUNTER.to_owned(),
            steps: StepLimits::default(),
            limits: Limits::default(),
        }
    }
}

/// One input of a program.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// What rows call it; empty if there is but one.
    pub name: String,
    /// What the program reads.
    pub stdin: Vec<u8>,
    /// What a function is called with.
    pub args: Vec<Value>,
}

/// What a program did with an input.
#[derive(Debug, Clone)]
pub struct Run {
    /// How it ended. If not well, the rows say what it did until then.
    pub status: Status,
    /// Why it did not end well.
    pub message: Option<String>,
    /// The truth.
    pub rows: Vec<Row>,
}

/// Why there is no truth of a program, as a fragment that fits "failed to ...".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthError(String);

impl fmt::Display for TruthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TruthError {}

/// A program whose runs are told.
pub struct TruthProgram {
    program: WatchedProgram,
    toolchain: String,
    file: String,
    skipped: BTreeSet<u32>,
    is_python: bool,
    options: TruthOptions,
}

impl TruthProgram {
    /// Makes a program ready.
    ///
    /// # Errors
    /// If it is no module that can be run, nothing says which lines it is of, it is not clear which file is meant, or a kind is wanted
    /// that cannot be told of it.
    pub fn new(
        judge: &Judge,
        built: &Built,
        options: TruthOptions,
    ) -> Result<TruthProgram, TruthError> {
        if built.python.is_some() {
            python::check(&options)?;
        }
        let program = judge.watch(built, options.limits).map_err(TruthError)?;
        if built.python.is_some() {
            return Ok(TruthProgram {
                program,
                toolchain: built.toolchain.clone(),
                file: python::FILE.to_owned(),
                skipped: BTreeSet::new(),
                is_python: true,
                options,
            });
        }
        let source = Source::new(program.module(), options.origin.clone());
        let Some(map) = source.map() else {
            return Err(TruthError(match source.problem() {
                Some(problem) => problem.to_owned(),
                None => "find its source lines: the module has no DWARF and names no source map; \
                    build it with -g and without stripping (C, C++, Rust), or with --sourceMap (AssemblyScript)"
                    .to_owned(),
            }));
        };
        let wanted = options.file.as_deref();
        let file = file::choose(map, program.module(), &options.entry, wanted);
        let file = file.map_err(TruthError)?;
        let skipped = options.source.as_deref().map(no_statements);
        Ok(TruthProgram {
            program,
            toolchain: built.toolchain.clone(),
            file,
            skipped: skipped.unwrap_or_default(),
            is_python: false,
            options,
        })
    }

    /// The file that lines are of, as the compiler had it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Runs it with an input.
    ///
    /// # Errors
    /// If it cannot be run at all: imports that nothing defines, no such entry, arguments that do not fit. What fails
    /// while it runs is in the result.
    pub fn run(&self, input: &Input) -> Result<Run, TruthError> {
        let given = watched::Run {
            entry: &self.options.entry,
            argv: &self.options.argv,
            stdin: &input.stdin,
            args: &input.args,
        };
        if self.is_python {
            return python::run(self, input, given);
        }
        let mut session = Session::new();
        let wanted = StepOptions {
            origin: self.options.origin.clone(),
            file: self.file.clone(),
            skipped: self.skipped.clone(),
            jumps: self.options.source.as_deref().map(jumps),
            counter: Some(self.options.counter.clone()),
            limits: self.options.steps,
        };
        let handle = session
            .add_steps(wanted)
            .map_err(|e| TruthError(e.to_string()))?;
        let watched = self.program.run(given, session);
        let watched = watched.map_err(|e| TruthError(format!("run it: {e}")))?;
        let steps = handle.steps(self.program.module());
        let rows = rows::rows(self, input, &watched, &steps);
        Ok(Run {
            status: watched.status,
            message: watched.message,
            rows,
        })
    }
}
