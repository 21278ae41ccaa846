//! The lines of JSON: what [`reval`](crate::score::reval) reads, and more.

use std::sync::Arc;

use probity_analyses::coverage::LineCoverage;
use probity_analyses::steps::{Number, Steps, VariableValue};
use serde::Serialize;
use serde_json::Value;

use super::{Input, TruthProgram};
use crate::Status;
use crate::judge::watched::Watched;
use crate::score::reval::{Kind, Question, Truth};

/// What a line that is not executed has for a next line, and the last one that is.
const NOWHERE: i64 = -1;
/// What REval has for a variable on a line that is not executed.
const NIL: &str = "Nil";
/// Bytes of an output that are told: more is no answer that anyone gives.
const OUTPUT_BYTES: usize = 1 << 20;

/// One right answer, and more about it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The question with its answer.
    #[serde(flatten)]
    pub truth: Truth,
    /// What else is known.
    #[serde(flatten)]
    pub more: More,
}

/// What else is known of an answer, by its kind.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum More {
    /// A line.
    Coverage {
        /// Whether there was a step on it.
        executed: bool,
        /// How many; of a program in Python, how often control came to the line from another one.
        count: u64,
    },
    /// What follows a line.
    Path {
        /// Which step on the line, from 1; 0 if there is none.
        occurrence: u64,
        /// The next line.
        next: i64,
    },
    /// A variable behind a line.
    State {
        /// Which step on the line, from 1; 0 if there is none.
        occurrence: u64,
        /// Which activation of a function it is in, from 1; 0 if there is none.
        activation: u64,
        /// The variable's type.
        r#type: Arc<str>,
        /// What a debugger shows.
        value: Option<String>,
    },
    /// What was printed.
    Output {
        /// How the run ended.
        status: Status,
        /// Why not well.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Whether only its beginning is told.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
        /// The file that lines are of.
        file: String,
        /// Name and version of the compiler.
        #[serde(skip_serializing_if = "String::is_empty")]
        toolchain: String,
        /// What it was told.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        flags: Vec<String>,
    },
    /// The steps of the run.
    Steps {
        /// How many.
        steps: u64,
        /// Of what: `lines`, or the variable that counted them.
        of: String,
        /// How many steps on lines `path` and `state` tell of.
        kept: u64,
        /// How many there were.
        lines: u64,
        /// How the run ended.
        status: Status,
    },
}

/// All rows of a run.
pub(super) fn rows(
    program: &TruthProgram,
    input: &Input,
    watched: &Watched,
    steps: &Steps,
) -> Vec<Row> {
    let mut rows = Rows::new(program, input);
    rows.output(watched);
    rows.steps(steps, watched.status);
    rows.coverage(steps.lines.iter().map(|line| (line.line, line.count)));
    rows.path(steps);
    rows.state(steps);
    rows.rows
}

/// All rows of a run of a program in Python, whose lines are these.
pub(super) fn of_python(
    program: &TruthProgram,
    input: &Input,
    watched: &Watched,
    lines: &[LineCoverage],
) -> Vec<Row> {
    let mut rows = Rows::new(program, input);
    rows.output(watched);
    rows.coverage(lines.iter().map(|line| (line.line, line.count)));
    rows.rows
}

struct Rows<'a> {
    program: &'a TruthProgram,
    input: &'a Input,
    rows: Vec<Row>,
}

impl<'a> Rows<'a> {
    fn new(program: &'a TruthProgram, input: &'a Input) -> Rows<'a> {
        Rows {
            program,
            input,
            rows: Vec::new(),
        }
    }
}

impl Rows<'_> {
    fn push(
        &mut self,
        kind: Kind,
        line: Option<u32>,
        var: Option<&str>,
        expected: Value,
        more: More,
    ) {
        let options = &self.program.options;
        if !options.kinds.contains(&kind) {
            return;
        }
        let question = Question {
            task_id: options.task_id.clone(),
            input: self.input.name.clone(),
            kind,
            line: line.map(u64::from),
            var: var.map(str::to_owned),
        };
        self.rows.push(Row {
            truth: Truth { question, expected },
            more,
        });
    }

    fn output(&mut self, watched: &Watched) {
        let shown = watched.stdout.get(..OUTPUT_BYTES);
        let text = String::from_utf8_lossy(shown.unwrap_or(&watched.stdout));
        let expected = watched.value.clone();
        let expected = expected.unwrap_or_else(|| text.into_owned().into());
        let more = More::Output {
            status: watched.status,
            message: watched.message.clone(),
            truncated: shown.is_some(),
            file: self.program.file.clone(),
            toolchain: self.program.toolchain.clone(),
            flags: self.program.options.flags.clone(),
        };
        self.push(Kind::Output, None, None, expected, more);
    }

    fn steps(&mut self, steps: &Steps, status: Status) {
        let counted = steps.counter.and_then(|count| u64::try_from(count).ok());
        let (count, of) = match counted {
            Some(count) => (count, self.program.options.counter.clone()),
            None => (steps.total, "lines".to_owned()),
        };
        let more = More::Steps {
            steps: count,
            of,
            kept: steps.kept.len() as u64,
            lines: steps.total,
            status,
        };
        self.push(Kind::Steps, None, None, count.into(), more);
    }

    fn coverage(&mut self, lines: impl IntoIterator<Item = (u32, u64)>) {
        for (line, count) in lines {
            let executed = count > 0;
            let more = More::Coverage { executed, count };
            self.push(Kind::Coverage, Some(line), None, executed.into(), more);
        }
    }

    fn path(&mut self, steps: &Steps) {
        let mut next = |line: u32, occurrence: u64, next: i64| {
            let more = More::Path { occurrence, next };
            self.push(Kind::Path, Some(line), None, next.into(), more);
        };
        for pair in steps.kept.windows(2) {
            next(pair[0].line, pair[0].occurrence, pair[1].line.into());
        }
        if let Some(last) = steps.kept.last()
            && steps.total == steps.kept.len() as u64
        {
            next(last.line, last.occurrence, NOWHERE);
        }
        for late in &steps.late {
            let to = late.next.map_or(NOWHERE, i64::from);
            next(late.line, late.occurrence, to);
        }
        for line in steps.lines.iter().filter(|line| line.count == 0) {
            next(line.line, 0, NOWHERE);
        }
    }

    fn state(&mut self, steps: &Steps) {
        for step in &steps.kept {
            for value in &step.values {
                if value.has_addresses && !self.program.options.addresses {
                    continue;
                }
                let more = More::State {
                    occurrence: step.occurrence,
                    activation: step.activation,
                    r#type: value.ty.clone(),
                    value: Some(value.text.clone()),
                };
                let (line, var) = (Some(step.line), Some(&*value.name));
                self.push(Kind::State, line, var, answer(value), more);
            }
        }
        for line in steps.lines.iter().filter(|line| line.count == 0) {
            for (name, ty) in &line.variables {
                let more = More::State {
                    occurrence: 0,
                    activation: 0,
                    r#type: ty.clone(),
                    value: None,
                };
                let (line, var) = (Some(line.line), Some(&**name));
                self.push(Kind::State, line, var, NIL.into(), more);
            }
        }
    }
}

/// A number as such, all else as a debugger shows it.
fn answer(value: &VariableValue) -> Value {
    let number = match value.number {
        Some(Number::Int(int)) => i64::try_from(int)
            .map(Value::from)
            .or_else(|_| u64::try_from(int).map(Value::from))
            .ok(),
        // What is not finite is none of JSON's.
        Some(Number::Float(float)) => serde_json::Number::from_f64(float).map(Value::Number),
        None => None,
    };
    number.unwrap_or_else(|| value.text.clone().into())
}
