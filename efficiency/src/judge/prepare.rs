//! A task made ready: its inputs generated, its references built and measured, the outputs that it does not give taken from them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::{Judge, Program};
use crate::result::SampleResult;
use crate::task::{Entry, Limits, Role, Source, Task, Test, TestKind};
use crate::toolchain::{BuildError, Built};
use crate::{Column, Status};

/// A task that samples can be judged by.
#[derive(Debug)]
pub struct Prepared {
    /// The task.
    pub task: Arc<Task>,
    /// All its tests, those of the generator last.
    pub tests: Vec<PreparedTest>,
    /// What the references cost, in the task's order.
    pub references: Vec<SampleResult>,
    /// What its generator was given, if it has one.
    pub seed: Option<u64>,
    /// Bytes of the data of the reference that has most of it.
    pub(super) data_bytes: Option<u64>,
}

/// A test, with everything that it takes.
#[derive(Debug, Clone)]
pub struct PreparedTest {
    /// Its name within the task.
    pub id: String,
    /// What the program reads.
    pub stdin: Vec<u8>,
    /// What a function is called with, or the arguments of a `stdio` program.
    pub args: Vec<Value>,
    /// The output: a text for `stdio`.
    pub expected: Value,
    /// What it is for.
    pub kind: TestKind,
    /// The size of its input.
    pub size: Option<u64>,
    /// Level of difficulty.
    pub level: Option<u32>,
}

impl PreparedTest {
    /// A test of one input, given to find out what a program costs with it.
    pub fn of_input(stdin: Vec<u8>, args: &[String], expected: Value) -> PreparedTest {
        PreparedTest {
            id: "run".to_owned(),
            stdin,
            args: args.iter().cloned().map(Value::String).collect(),
            expected,
            kind: TestKind::Correct,
            size: None,
            level: None,
        }
    }

    /// Arguments as programs have them.
    pub fn argv(&self) -> Vec<String> {
        let text = |arg: &Value| match arg {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.args.iter().map(text).collect()
    }
}

/// Why samples cannot be judged by a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareError {
    message: String,
    is_unsupported: bool,
}

impl PrepareError {
    /// Whether all that is missing is a compiler.
    pub fn is_unsupported(&self) -> bool {
        self.is_unsupported
    }

    fn about(mut self, task: &Task) -> PrepareError {
        self.message = format!("prepare task `{}`: {}", task.task_id, self.message);
        self
    }
}

impl From<String> for PrepareError {
    fn from(message: String) -> PrepareError {
        PrepareError {
            message,
            is_unsupported: false,
        }
    }
}

impl From<PrepareError> for String {
    fn from(error: PrepareError) -> String {
        error.message
    }
}

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PrepareError {}

/// What a generator may use: it makes what the judge itself works on.
const GENERATOR_LIMITS: Limits = Limits {
    fuel: 1 << 40,
    memory_mb: 2048,
    stack_mb: 64,
    wall_s: 300,
    stdout_mb: 1024,
};

impl Prepared {
    /// A task of one test, without references.
    pub(super) fn of_test(task: Task, test: PreparedTest) -> Prepared {
        Prepared {
            task: Arc::new(task),
            tests: vec![test],
            references: Vec::new(),
            seed: None,
            data_bytes: None,
        }
    }

    /// The same with the test of the smallest input alone.
    pub fn smallest(&self) -> Prepared {
        self.with(self.tests.iter().min_by_key(|test| test.stdin.len()))
    }

    /// The same with the test of the largest input alone: of the largest size if sizes are known.
    pub fn largest(&self) -> Prepared {
        self.with(
            self.tests
                .iter()
                .max_by_key(|test| (test.size, test.stdin.len())),
        )
    }

    /// The same with each test so many times.
    pub fn repeated(&self, times: usize) -> Prepared {
        self.with((0..times).flat_map(|_| &self.tests))
    }

    /// The same with other tests; what references cost is of the tests that there were.
    fn with<'t>(&self, tests: impl IntoIterator<Item = &'t PreparedTest>) -> Prepared {
        Prepared {
            task: self.task.clone(),
            tests: tests.into_iter().cloned().collect(),
            references: Vec::new(),
            seed: self.seed,
            data_bytes: self.data_bytes,
        }
    }

    /// The least that a correct reference costs in a test, by [`Column::DEFAULT`].
    pub fn best_cost(&self, test: usize) -> Option<u64> {
        let correct = self.references.iter().filter(|result| result.is_correct());
        correct
            .filter_map(|result| Column::DEFAULT.of(&result.tests.get(test)?.cost))
            .min()
    }
}

impl Judge {
    /// Makes a task ready. `dir` is what its paths are relative to; `seed` is what its generator is given instead of the task's
    /// own seed; `known` are results of its references that need not be measured again, by their names.
    ///
    /// # Errors
    /// If the generator or all references fail, or a file is not there: nothing can be judged by the task then.
    pub fn prepare(
        &self,
        task: &Arc<Task>,
        dir: &Path,
        seed: Option<u64>,
        known: &HashMap<String, SampleResult>,
    ) -> Result<Prepared, PrepareError> {
        let prepared = self.prepare_tests(task, dir, seed, known);
        prepared.map_err(|error| error.about(task))
    }

    fn prepare_tests(
        &self,
        task: &Arc<Task>,
        dir: &Path,
        seed: Option<u64>,
        known: &HashMap<String, SampleResult>,
    ) -> Result<Prepared, PrepareError> {
        let mut open: Vec<(Test, Vec<u8>)> = Vec::new();
        for test in &task.tests {
            open.push((test.clone(), test.stdin.clone().into_bytes()));
        }
        open.extend(self.generate(task, dir, seed)?);
        let mut references: Vec<(usize, Result<Built, SampleResult>)> = Vec::new();
        for (index, reference) in task.references.iter().enumerate() {
            let lang = reference.lang.as_deref().unwrap_or(&task.lang);
            let (text, lang) = self.read(&reference.source, lang, dir)?;
            let built = self.build(task, &lang, &text);
            let built = built.map_err(|error| self.not_built(task, &error));
            references.push((index, built));
        }
        let mut expected = self.outputs(task, &open, &references)?;
        let tests = open
            .into_iter()
            .enumerate()
            .map(|(index, (test, stdin))| PreparedTest {
                expected: test
                    .expected
                    .or_else(|| expected.remove(&index))
                    .unwrap_or(Value::Null),
                id: test.id,
                stdin,
                args: test.args,
                kind: test.kind,
                size: test.size,
                level: test.level,
            });
        let mut prepared = Prepared {
            task: task.clone(),
            tests: tests.collect(),
            references: Vec::new(),
            seed: task.generator.as_ref().map(|own| seed.unwrap_or(own.seed)),
            data_bytes: None,
        };
        let mut results = Vec::new();
        for (index, built) in references {
            let reference = &task.references[index];
            let mut result = match built {
                Ok(built) => {
                    let bytes = super::flags::data_bytes(&built.wasm);
                    prepared.data_bytes = prepared.data_bytes.max(Some(bytes));
                    match known.get(&reference.id) {
                        // Measured with the same inputs, that is.
                        Some(known)
                            if known.wasm_sha256 == built.sha256 && known.seed == prepared.seed =>
                        {
                            known.clone()
                        }
                        _ => self.judge_module(&prepared, &built, None),
                    }
                }
                Err(result) => result,
            };
            result.reference = Some(reference.id.clone());
            result.role = reference.role;
            // What is remarkable about a candidate is what references are for.
            result.flags.clear();
            results.push(result);
        }
        prepared.references = results;
        Ok(prepared)
    }

    /// The tests that the task's generator makes.
    fn generate(
        &self,
        task: &Task,
        dir: &Path,
        seed: Option<u64>,
    ) -> Result<Vec<(Test, Vec<u8>)>, PrepareError> {
        let Some(generator) = &task.generator else {
            return Ok(Vec::new());
        };
        let lang = generator.lang.as_deref().unwrap_or(&task.lang);
        let source = Source(generator.source.clone());
        let (text, lang) = self.read(&source, lang, dir)?;
        let built = self.build(task, &lang, &text);
        let built = built.map_err(|error| PrepareError {
            message: format!("build the generator: {error}"),
            is_unsupported: matches!(error, BuildError::Unsupported(_)),
        })?;
        let seed = seed.unwrap_or(generator.seed);
        let mut tests = Vec::new();
        for &size in &generator.sizes {
            let stdin = self
                .generator_output(&built, size, seed)
                .map_err(|error| format!("generate an input of size {size}: {error}"))?;
            let test = Test {
                id: format!("size-{size}"),
                stdin: String::new(),
                args: Vec::new(),
                expected: None,
                kind: TestKind::Stress,
                size: Some(size),
                level: None,
            };
            tests.push((test, stdin));
        }
        Ok(tests)
    }

    /// What a generator prints for a size and a seed.
    ///
    /// # Errors
    /// How it failed.
    pub fn generator_output(&self, built: &Built, size: u64, seed: u64) -> Result<Vec<u8>, String> {
        let args = [size.to_string(), seed.to_string()];
        let program = Program {
            built,
            entry: &Entry::Stdio,
            limits: &GENERATOR_LIMITS,
        };
        self.output_of(&program, &args, &[])
    }

    /// The outputs of tests that say none: what the reference gives that is most to be trusted.
    fn outputs(
        &self,
        task: &Task,
        tests: &[(Test, Vec<u8>)],
        references: &[(usize, Result<Built, SampleResult>)],
    ) -> Result<BTreeMap<usize, Value>, PrepareError> {
        let open = |(index, (test, stdin)): (usize, &'_ (Test, Vec<u8>))| {
            test.expected
                .is_none()
                .then(|| (index, test.args.clone(), stdin.clone()))
        };
        let open: Vec<_> = tests.iter().enumerate().filter_map(open).collect();
        if open.is_empty() {
            return Ok(BTreeMap::new());
        }
        // The expert's, else the last: tasks list them from slow to fast.
        let mut order: Vec<_> = references.iter().rev().collect();
        order.sort_by_key(|(index, _)| task.references[*index].role != Some(Role::Expert));
        let mut problem = "there is no reference".to_owned();
        let mut is_unsupported = !references.is_empty();
        for (index, built) in order {
            let id = &task.references[*index].id;
            let built = match built {
                Ok(built) => built,
                Err(result) => {
                    let message = result.message.as_deref().unwrap_or_default();
                    problem = format!("build reference `{id}`: {message}");
                    is_unsupported &= result.status == Status::Unsupported;
                    continue;
                }
            };
            let program = Program {
                built,
                entry: &task.entry,
                limits: &task.limits,
            };
            match self.values_of(&program, &open) {
                Ok(values) => return Ok(values),
                Err(error) => {
                    problem = format!("run reference `{id}`: {error}");
                    is_unsupported = false;
                }
            }
        }
        Err(PrepareError {
            message: problem,
            is_unsupported,
        })
    }

    /// The text and language of a program that a task names.
    pub(crate) fn read(
        &self,
        source: &Source,
        lang: &str,
        dir: &Path,
    ) -> Result<(String, String), String> {
        let Some(path) = source.path() else {
            return Ok((source.0.clone(), lang.to_owned()));
        };
        let path = dir.join(path);
        let bytes = std::fs::read(&path).map_err(|e| format!("read {}: {e}", path.display()))?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| format!("read {}: it is not UTF-8", path.display()))?;
        let by_name = match path.extension().and_then(|end| end.to_str()) {
            Some("wat") => Some("wat"),
            _ => self.config.builder.toolchains.language_of(&path),
        };
        Ok((text, by_name.unwrap_or(lang).to_owned()))
    }
}
