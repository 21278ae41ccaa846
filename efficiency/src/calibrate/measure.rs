//! One program, measured here and natively.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::native::{Native, Ready, limits};
use super::{NativeError, Natives, Row};
use crate::judge::Judge;
use crate::task::Limits;
use crate::toolchain::{BuildError, ProcessLimits};

/// A program, and what it reads.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name.
    pub program: String,
    /// What it is an answer to, or nothing.
    pub group: String,
    /// Its language.
    pub lang: String,
    /// Its text.
    pub text: String,
    /// What it reads from stdin.
    pub stdin: Vec<u8>,
    /// What it is called with.
    pub args: Vec<String>,
}

/// Measures programs.
pub struct Measurer<'a> {
    judge: &'a Judge,
    natives: &'a Natives,
    limits: Limits,
    runs: u32,
    /// What programs that do nothing take, by language.
    empty: BTreeMap<String, Row>,
}

/// Why a program has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeasureError {
    /// It could not be built, or did not end well, here.
    Here(String),
    /// The same, natively.
    Natively(NativeError),
    /// It printed something else natively than here: not the same program.
    Differs,
}

impl fmt::Display for MeasureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MeasureError::Here(message) => write!(f, "here: {message}"),
            MeasureError::Natively(error) => write!(f, "natively: {error}"),
            MeasureError::Differs => f.write_str("it prints something else natively than here"),
        }
    }
}

impl std::error::Error for MeasureError {}

impl From<NativeError> for MeasureError {
    fn from(error: NativeError) -> MeasureError {
        MeasureError::Natively(error)
    }
}

impl<'a> Measurer<'a> {
    /// Native times are the shortest of `runs` runs, at least 1, and those of the second measurement the shortest of as many others.
    pub fn new(judge: &'a Judge, natives: &'a Natives, limits: Limits, runs: u32) -> Measurer<'a> {
        Measurer {
            judge,
            natives,
            limits,
            runs: runs.max(1),
            empty: BTreeMap::new(),
        }
    }

    /// What a program takes more than an empty one.
    ///
    /// # Errors
    /// If it does not end well, here or natively, or prints different things.
    pub fn measure(&mut self, subject: &Subject) -> Result<Row, MeasureError> {
        let native = self.natives.get(&subject.lang)?;
        let empty = match self.empty.get(&subject.lang) {
            Some(empty) => empty.clone(),
            None => {
                let row = self.whole(native, &nothing(&subject.lang, native))?;
                self.empty.insert(subject.lang.clone(), row.clone());
                row
            }
        };
        Ok(self.whole(native, subject)?.without(&empty))
    }

    fn whole(&self, native: &Native, subject: &Subject) -> Result<Row, MeasureError> {
        let process = limits(Duration::from_secs(self.limits.wall_s));
        let builder = &self.judge.config().builder;
        // A compiler takes what it takes, however short programs are to run.
        let ready = native.ready(&subject.text, &limits(builder.limits.wall))?;
        let (row, stdout) = self.here(subject)?;
        let (times, printed) = self.times(&ready, subject, &process)?;
        if printed.as_bytes() != stdout {
            return Err(MeasureError::Differs);
        }
        let [time_ns, again_ns] = times;
        Ok(Row {
            time_ns,
            again_ns,
            ..row
        })
    }

    /// Counts, and what it printed.
    fn here(&self, subject: &Subject) -> Result<(Row, Vec<u8>), MeasureError> {
        let here = MeasureError::Here;
        let builder = &self.judge.config().builder;
        let built = builder
            .build(
                &subject.lang,
                &subject.text,
                None,
                self.limits.stack_mb << 20,
            )
            .map_err(|error: BuildError| here(error.to_string()))?;
        let card = self.judge.card(
            &subject.program,
            &built,
            subject.stdin.clone(),
            &subject.args,
            self.limits,
            None,
        );
        let result = &card.result;
        let test = result.tests.first().filter(|test| test.pass);
        let Some(test) = test else {
            let message = result.message.clone().unwrap_or_default();
            return Err(here(format!("{}: {message}", result.status)));
        };
        let cost = &test.cost;
        let row = Row {
            program: subject.program.clone(),
            group: subject.group.clone(),
            lang: subject.lang.clone(),
            instr: cost.instr.unwrap_or(0),
            fuel: cost.fuel.unwrap_or(0),
            vcycles: cost.vcycles,
            classes: cost.classes.clone(),
            time_ns: 0,
            again_ns: 0,
        };
        Ok((row, card.stdout))
    }

    /// Two measurements of time, whose runs alternate, and what was printed.
    fn times(
        &self,
        ready: &Ready,
        subject: &Subject,
        limits: &ProcessLimits,
    ) -> Result<([u64; 2], String), MeasureError> {
        let mut shortest = [u64::MAX; 2];
        let mut printed = String::new();
        for _ in 0..self.runs {
            for least in &mut shortest {
                let (took, output) = ready.run(&subject.args, &subject.stdin, limits)?;
                *least = (*least).min(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
                printed = output;
            }
        }
        Ok((shortest, printed))
    }
}

fn nothing(lang: &str, native: &Native) -> Subject {
    Subject {
        program: "nothing".to_owned(),
        group: String::new(),
        lang: lang.to_owned(),
        text: native.empty.clone(),
        stdin: Vec::new(),
        args: Vec::new(),
    }
}
