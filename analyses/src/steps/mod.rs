//! A run as its source has it: which line after which, and what the variables are behind each.
//!
//! A *step* is the time that one activation of a function spends on one line of the file that is looked at. It begins
//! when control comes to code of the line (as the compiler's line table has it) while the activation is not on that
//! line yet, and ends when the activation comes to another line, or to its own end. So:
//! - a loop that is written on one line is one step, as are several statements on one line;
//! - a call is part of its line's step: the callee's steps come behind it, and coming back into the middle of the line
//!   begins no step;
//! - activations are told apart, those of a function that calls itself as well as those of one that is inlined: each
//!   has steps of its own, also where the line is the same;
//! - what the compiler adds to a function's beginning is of no step, nor is code of other files, or of lines that the
//!   caller says are no statements.
//!
//! What a variable is behind a step is read when the step ends, in the activation's own frame, as the debugger reads
//! it. A variable is read from the line on that declares it; one whose scope ends with the step only if it is in
//! memory, where it still is.
//!
//! Everything is bounded: steps are counted to the end, but kept up to a limit.

mod recorder;
mod sites;
mod values;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Probe, Site};
use probity_engine::{Module, Result};
use probity_probes::source::Origin;

use crate::analysis::{Analysis, Findings, Instrument, Run};
use recorder::Recorder;

/// The name of the analysis.
pub(crate) const NAME: &str = "steps";

/// What is looked at.
#[derive(Debug, Clone, Default)]
pub struct StepOptions {
    /// Where the module came from: its source map may be beside it.
    pub origin: Origin,
    /// The source file: its path as the compiler had it.
    pub file: String,
    /// Lines of it that are no statements: closing brackets and the like.
    pub skipped: BTreeSet<u32>,
    /// Lines of it on which a jump is a statement (`break`); if they are known, jumps on others are what the compiler
    /// joins branches by.
    pub jumps: Option<BTreeSet<u32>>,
    /// A variable outside of functions, by its name or the last part of it: its last value is kept.
    pub counter: Option<String>,
    /// How much is kept.
    pub limits: StepLimits,
}

/// How much is kept of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimits {
    /// Steps, from the beginning of the run.
    pub steps: usize,
    /// Variables of a step; inner ones go first.
    pub values: usize,
    /// Characters of a value.
    pub value_chars: usize,
    /// Bytes of a variable: larger ones are not read.
    pub value_bytes: u64,
}

impl Default for StepLimits {
    fn default() -> StepLimits {
        StepLimits {
            steps: 10_000,
            values: 32,
            value_chars: 400,
            value_bytes: 4096,
        }
    }
}

/// What a run was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Steps {
    /// The lines of the file that have code in the module, ascending.
    pub lines: Vec<LineSteps>,
    /// The steps that are kept, in the order in which they began.
    pub kept: Vec<Step>,
    /// Pairs of lines that follow each other for the first time behind those.
    pub late: Vec<LatePair>,
    /// Number of all steps.
    pub total: u64,
    /// What [`StepOptions::counter`] was in the end.
    pub counter: Option<i64>,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSteps {
    /// From 1.
    pub line: u32,
    /// How many steps were on it.
    pub count: u64,
    /// The variables that can be seen behind it, inner ones first: name and type.
    pub variables: Vec<(Arc<str>, Arc<str>)>,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The line, from 1.
    pub line: u32,
    /// Which step on this line it is, from 1.
    pub occurrence: u64,
    /// Which activation it is of, in the order in which they came to their first step, from 1.
    pub activation: u64,
    /// Whether it came to its end: what a trap ends has no values.
    pub is_complete: bool,
    /// What variables were behind it, inner ones first.
    pub values: Vec<VariableValue>,
}

/// A pair of lines that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatePair {
    /// The first line.
    pub line: u32,
    /// Which step on that line, from 1.
    pub occurrence: u64,
    /// The line of the next step; `None` at the end of the run.
    pub next: Option<u32>,
}

/// A variable with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableValue {
    /// Its name.
    pub name: Arc<str>,
    /// Its type, as the source names it.
    pub ty: Arc<str>,
    /// What the debugger shows; of a character and of a pointer to text without the number.
    pub text: String,
    /// The number that it is, if it is an integer or a float.
    pub number: Option<Number>,
    /// Whether there are addresses in it, which differ from build to build: it is a pointer, or has one in it. A
    /// pointer to text is not: its text is what is shown.
    pub has_addresses: bool,
}

/// A number of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i128),
    /// A float.
    Float(f64),
}

/// Gives the steps, when the run is over.
#[derive(Clone)]
pub struct StepsHandle {
    recorder: Arc<Mutex<Recorder>>,
}

impl StepsHandle {
    /// What was recorded of runs of a module, however they ended. No code of it is running.
    pub fn steps(&self, module: &Module) -> Steps {
        lock(&self.recorder).steps(module)
    }
}

/// A panic elsewhere leaves whole steps behind.
fn lock(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The analysis.
pub(crate) struct StepTrace {
    recorder: Arc<Mutex<Recorder>>,
}

impl StepTrace {
    pub fn new(options: StepOptions) -> (StepTrace, StepsHandle) {
        let recorder = Arc::new(Mutex::new(Recorder::new(options)));
        let handle = StepsHandle {
            recorder: recorder.clone(),
        };
        (StepTrace { recorder }, handle)
    }
}

impl Analysis for StepTrace {
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let operators = at.operators()?;
        let sites = lock(&self.recorder).sites(at.module, &at.info, &operators);
        if sites.is_empty() {
            return Ok(());
        }
        let shared = self.recorder.clone();
        let entry = Probe::call(move |context| {
            lock(&shared).enter(context);
            Ok(())
        });
        at.probes.insert(at.func, Site::Entry, entry)?;
        for (pc, levels) in sites {
            let shared = self.recorder.clone();
            let arrive = Probe::call(move |context| {
                lock(&shared).arrive(context, &levels);
                Ok(())
            });
            at.probes.insert(at.func, Site::Before(pc), arrive)?;
        }
        let shared = self.recorder.clone();
        let exit = Probe::call(move |context| {
            lock(&shared).leave(context);
            Ok(())
        });
        at.probes.insert(at.func, Site::Exit, exit)?;
        Ok(())
    }

    fn finish(&mut self, _run: &Run<'_>) -> Findings {
        // The handle gives them, also of a run whose store is gone.
        Findings::default()
    }
}
