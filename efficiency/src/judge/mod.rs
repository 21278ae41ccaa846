//! Builds programs, runs them on tests, and says what came of it.
//!
//! Every test is a run from the beginning, under limits, with a virtual clock and random numbers of a fixed seed: the same program has
//! the same result and the same counts in every run, on every machine, in every tier.

mod bound;
mod call;
mod counted;
mod deep;
mod ended;
mod explain;
mod explain_python;
pub mod flags;
mod host;
mod loaded;
mod meter;
mod prepare;
mod python;
mod runner;
mod scaling;
mod watchdog;
pub(crate) mod watched;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use probity_engine::{Engine, Tier};
use serde_json::Value;

pub(crate) use explain::is_own as is_own_file;
pub use prepare::{PrepareError, Prepared, PreparedTest};
pub use scaling::Scale;

use self::host::Given;
use self::loaded::Interpreters;
use self::runner::{Observer, Ran, Runner};
use self::watchdog::Watchdog;
use crate::growth::{self, Growth};
use crate::result::{COUNT_RULE, SCHEMA, SampleResult, TestResult};
use crate::sample::Sample;
use crate::task::{Checker, Entry, Limits, Task};
use crate::toolchain::{BuildError, Builder, Built, module, read_file};
use crate::{Column, Status};

/// Bytes of a program's text in a file.
const SOURCE_BYTES_MAX: u64 = 64 << 20;
/// Seed of the random numbers that programs ask for.
const RANDOM_SEED: u64 = 0;

/// What is measured beside counts. Each costs a run of its own, many times as long as a plain one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Columns {
    /// Simulated caches and branch prediction: `l1_miss`, `ll_miss`, `branch_miss`, `vcycles`.
    pub cache: bool,
    /// What is allocated: `allocs`, `alloc_bytes`, `peak_heap`.
    pub heap: bool,
    /// Where the instructions are, and what was not executed: `hot`, `coverage`.
    pub explain: bool,
    /// So many runs that nothing watches, of which `wall_ns` is the shortest; with 0 it is that of the counted run.
    pub wall_runs: u32,
}

/// How a judge works.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Builds programs.
    pub builder: Builder,
    /// How code is executed; results do not depend on it. The default is [`Tier::Auto`].
    pub tier: Option<Tier>,
    /// What is measured.
    pub columns: Columns,
}

/// Judges programs. Any number of threads may use it.
#[derive(Debug)]
pub struct Judge {
    config: Config,
    /// By the size of the stack, bytes.
    engines: Mutex<HashMap<usize, Engine>>,
    interpreters: Interpreters,
}

/// What one program costs with one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Its one test is the run.
    pub result: SampleResult,
    /// What it printed.
    pub stdout: Vec<u8>,
}

/// A program, and how it is run.
struct Program<'a> {
    built: &'a Built,
    entry: &'a Entry,
    limits: &'a Limits,
}

impl Judge {
    /// A judge.
    pub fn new(config: Config) -> Judge {
        Judge {
            config,
            engines: Mutex::default(),
            interpreters: Interpreters::default(),
        }
    }

    /// How it works.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Builds the program of a sample. `dir` is what its path of a module is relative to.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build_sample(
        &self,
        task: &Task,
        sample: &Sample,
        dir: &Path,
    ) -> Result<Built, BuildError> {
        if let Some(path) = &sample.wasm {
            let path = dir.join(path);
            let bytes = read_file(&path, self.config.builder.limits.file_bytes)
                .map_err(|e| BuildError::Internal(format!("read {}: {e}", path.display())))?;
            return module(&bytes, "");
        }
        let lang = sample.lang.as_deref().unwrap_or(&task.lang);
        self.build(task, lang, &source_of(task, sample, dir)?)
    }

    /// Builds a program by a task's settings.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build(&self, task: &Task, lang: &str, text: &str) -> Result<Built, BuildError> {
        let flags = task.build.flags.as_deref();
        let stack = task.limits.stack_mb << 20;
        self.config.builder.build(lang, text, flags, stack)
    }

    /// Builds a sample and judges it. What fails is in the result.
    pub fn judge(&self, prepared: &Prepared, sample: &Sample, dir: &Path) -> SampleResult {
        let built = self.build_sample(&prepared.task, sample, dir);
        let source = source_of(&prepared.task, sample, dir).ok();
        let result = match built {
            Ok(built) => self.judge_module(prepared, &built, source.as_deref()),
            Err(error) => self.not_built(&prepared.task, &error),
        };
        signed(result, sample)
    }

    /// The result of a program that was not built.
    pub fn not_built(&self, task: &Task, error: &BuildError) -> SampleResult {
        let (status, message) = match error {
            BuildError::Refused(message) | BuildError::Limit(message) => {
                (Status::CompileError, message)
            }
            BuildError::Unsupported(message) => (Status::Unsupported, message),
            BuildError::Internal(message) => (Status::Internal, message),
        };
        let mut result = SampleResult {
            status,
            message: Some(message.clone()),
            ..blank(task)
        };
        bound::bound(&mut result);
        result
    }

    /// Judges a program that is built. `source` is its text, for what is said of lines.
    pub fn judge_module(
        &self,
        prepared: &Prepared,
        built: &Built,
        source: Option<&str>,
    ) -> SampleResult {
        self.judge_heard(prepared, built, source, &mut |_, _| {})
    }

    /// The same; `hear` is told what each test that was run gave, by its index, or that it gave nothing: it did not come to its
    /// end, or what it gave is no text.
    pub fn judge_heard(
        &self,
        prepared: &Prepared,
        built: &Built,
        source: Option<&str>,
        hear: &mut dyn FnMut(usize, Option<&str>),
    ) -> SampleResult {
        let mut result = self.judge_tests(prepared, built, source, hear);
        bound::bound(&mut result);
        result
    }

    fn judge_tests(
        &self,
        prepared: &Prepared,
        built: &Built,
        source: Option<&str>,
        hear: &mut dyn FnMut(usize, Option<&str>),
    ) -> SampleResult {
        let task = &*prepared.task;
        let mut result = SampleResult {
            wasm_sha256: built.sha256.clone(),
            toolchain: built.toolchain.clone(),
            wasm_bytes: built.python.is_none().then_some(built.wasm.len() as u64),
            seed: prepared.seed,
            ..blank(task)
        };
        let loaded = match self.load(built, &task.limits) {
            Ok(loaded) => loaded,
            Err((status, message)) => {
                result.status = status;
                result.message = Some(message);
                return result;
            }
        };
        let module = loaded.module();
        let watchdog = Watchdog::new();
        let runner = |observer| loaded.runner(&task.entry, &watchdog, observer);
        let mut counting = match runner(Observer::Counts) {
            Ok(runner) => runner,
            Err(message) => {
                result.status = Status::Unsupported;
                result.message = Some(message);
                return result;
            }
        };
        counting.take_over(self.take_idle(&loaded));
        for (index, test) in prepared.tests.iter().enumerate() {
            let ran = counting.run(&given(test, &task.limits), &test.args, Some(&test.expected));
            hear(index, ran.text().as_deref());
            let tested = tested(test, &task.checker, ran, &task.entry);
            // Limits are there to save time: more tests would end in the same way, after as long.
            let ends = matches!(
                tested.status,
                Some(
                    Status::CompileError
                        | Status::Fuel
                        | Status::Memory
                        | Status::Wall
                        | Status::Output
                        | Status::Internal
                )
            );
            result.tests.push(tested);
            if ends {
                break;
            }
        }
        self.keep_idle(&loaded, counting.leave());
        if let Some(failed) = result.tests.iter().find(|test| !test.pass) {
            result.status = failed.status.unwrap_or(Status::Wrong);
            let message = failed.message.as_deref().unwrap_or_default();
            result.message = Some(format!("test {}: {message}", failed.id));
        }
        let pairs = || prepared.tests.iter().zip(&result.tests);
        let mut costs = Vec::new();
        let mut memory_errors = Vec::new();
        for (test, tested) in pairs() {
            let deep = self.deep(&runner, test, tested, &task.limits);
            // An interpreter's blocks are from before it was frozen, and no program's own.
            if built.python.is_none() {
                memory_errors.extend(deep.memory_errors);
            }
            costs.push(deep.cost);
        }
        if self.config.columns.explain {
            let ran = pairs().filter(|(_, tested)| tested.status != Some(Status::Wall));
            let (limits, heap) = (&task.limits, self.config.columns.heap);
            let explained = match built.python {
                // The lines of an interpreter are not the program's.
                Some(_) => explain_python::explain(&runner, ran, limits, source),
                None => explain::explain(&runner, module, ran, limits, source, heap),
            };
            (result.hot, result.coverage) = explained;
        }
        for (tested, cost) in result.tests.iter_mut().zip(costs) {
            tested.cost = cost;
        }
        if result.is_correct() {
            let points = growth::points(&result.tests, Column::DEFAULT);
            let growth = Growth::new(Column::DEFAULT.name(), points).ok();
            result.complexity = growth.map(|growth| growth.complexity());
        }
        result.flags = flags::flags(
            prepared,
            &result,
            &built.wasm,
            module.start_function().is_some(),
        );
        result
            .flags
            .extend(memory_errors.into_iter().map(str::to_owned));
        result.flags.sort();
        result.flags.dedup();
        result
    }

    /// Measures a program on one input, whatever it gives for it: its card. A run that nobody watches says what it has to print.
    pub fn card(
        &self,
        name: &str,
        built: &Built,
        stdin: Vec<u8>,
        args: &[String],
        limits: Limits,
        source: Option<&str>,
    ) -> Card {
        let task = Task::of_program(name, limits);
        let plain = self.run(
            &Program {
                built,
                entry: &task.entry,
                limits: &task.limits,
            },
            |runner| {
                let test = PreparedTest::of_input(stdin.clone(), args, Value::Null);
                runner.run(&given(&test, &task.limits), &test.args, None)
            },
        );
        let stdout = plain.map(|ran| ran.stdout).unwrap_or_default();
        // What is no text is not compared.
        let (expected, checker) = match String::from_utf8(stdout.clone()) {
            Ok(text) => (Value::String(text), Checker::Exact),
            Err(_) => (Value::Null, Checker::Any),
        };
        let task = Task { checker, ..task };
        let prepared = Prepared::of_test(task, PreparedTest::of_input(stdin, args, expected));
        Card {
            result: self.judge_module(&prepared, built, source),
            stdout,
        }
    }

    fn engine(&self, limits: &Limits) -> Engine {
        let stack = usize::try_from(limits.stack_mb << 20).unwrap_or(usize::MAX);
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let tier = self.config.tier.unwrap_or(Tier::Auto);
        let engine = engines.entry(stack);
        engine.or_insert_with(|| host::engine(tier, stack)).clone()
    }

    /// What a program prints.
    fn output_of(
        &self,
        program: &Program<'_>,
        args: &[String],
        stdin: &[u8],
    ) -> Result<Vec<u8>, String> {
        let ran = self.run(program, |runner| {
            let given = Given {
                args: args.to_vec(),
                stdin,
                seed: RANDOM_SEED,
                limits: program.limits,
                metered: true,
            };
            runner.run(&given, &[], None)
        })?;
        match ran.ended.status {
            Status::Ok => Ok(ran.stdout),
            status => Err(format!(
                "{status}: {}",
                ran.ended.message.unwrap_or_default()
            )),
        }
    }

    /// What a program gives for each of some tests, by their indices.
    fn values_of(
        &self,
        program: &Program<'_>,
        tests: &[(usize, Vec<Value>, Vec<u8>)],
    ) -> Result<BTreeMap<usize, Value>, String> {
        self.run(program, |runner| {
            let mut values = BTreeMap::new();
            for (index, args, stdin) in tests {
                let given = Given {
                    args: Vec::new(),
                    stdin,
                    seed: RANDOM_SEED,
                    limits: program.limits,
                    metered: true,
                };
                let ran = runner.run(&given, args, None);
                if ran.ended.status != Status::Ok {
                    let message = ran.ended.message.unwrap_or_default();
                    return Err(format!("{}: {message}", ran.ended.status));
                }
                let value = match ran.value {
                    Some(value) => value,
                    None => String::from_utf8(ran.stdout)
                        .map(Value::String)
                        .map_err(|_| "its output is not UTF-8".to_owned())?,
                };
                values.insert(*index, value);
            }
            Ok(values)
        })?
    }

    /// Has a program run by nobody's eyes.
    fn run<T>(
        &self,
        program: &Program<'_>,
        run: impl FnOnce(&mut Runner<'_>) -> T,
    ) -> Result<T, String> {
        let loaded = self.load(program.built, program.limits);
        let loaded = loaded.map_err(|(_, message)| message)?;
        let watchdog = Watchdog::new();
        let mut runner = loaded.runner(program.entry, &watchdog, Observer::Nothing)?;
        Ok(run(&mut runner))
    }
}

fn given<'a>(test: &'a PreparedTest, limits: &'a Limits) -> Given<'a> {
    Given {
        args: test.argv(),
        stdin: &test.stdin,
        seed: RANDOM_SEED,
        limits,
        metered: true,
    }
}

/// The same, for a test that was run before: what takes less fuel than it may does so each time.
fn given_again<'a>(test: &'a PreparedTest, tested: &TestResult, limits: &'a Limits) -> Given<'a> {
    let given = given(test, limits);
    match tested.status {
        // How far these got is not known.
        Some(Status::Fuel | Status::Wall | Status::Internal) => given,
        _ => given.unmetered(),
    }
}

/// The text of a sample's program; `dir` is what its path is relative to.
///
/// # Errors
/// If it has none, or its file cannot be read.
pub fn source_of(task: &Task, sample: &Sample, dir: &Path) -> Result<String, BuildError> {
    match (&sample.solution, &sample.path, &sample.completion) {
        (Some(solution), ..) => Ok(solution.clone()),
        (None, Some(path), _) => {
            let path = dir.join(path);
            let bytes = read_file(&path, SOURCE_BYTES_MAX);
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
            text.map_err(|e| BuildError::Internal(format!("read {}: {e}", path.display())))
        }
        (None, None, Some(completion)) => Ok(format!("{}{completion}", task.prompt)),
        (None, None, None) => {
            let message = "the sample has no `solution`, `path`, `completion` or `wasm`";
            Err(BuildError::Internal(message.to_owned()))
        }
    }
}

/// A result of nothing yet.
fn blank(task: &Task) -> SampleResult {
    SampleResult {
        schema: SCHEMA,
        task_id: task.task_id.clone(),
        sample_id: 0,
        model: String::new(),
        reference: None,
        role: None,
        wasm_sha256: String::new(),
        toolchain: String::new(),
        engine: concat!("probity ", env!("CARGO_PKG_VERSION")).to_owned(),
        count_rule: COUNT_RULE.to_owned(),
        status: Status::Ok,
        message: None,
        wasm_bytes: None,
        seed: None,
        tests: Vec::new(),
        hot: None,
        coverage: None,
        complexity: None,
        scores: BTreeMap::new(),
        flags: Vec::new(),
    }
}

/// A result with the sample's names.
pub(crate) fn signed(mut result: SampleResult, sample: &Sample) -> SampleResult {
    result.sample_id = sample.sample_id.unwrap_or(0);
    result.model = sample.model.clone().unwrap_or_default();
    result
}

/// Has the lines of a result quote this text of the program.
pub(crate) fn quote(result: &mut SampleResult, source: Option<&str>) {
    if let (Some(hot), Some(source)) = (&mut result.hot, source) {
        explain::quote(hot, source);
        bound::bound(result);
    }
}

/// What came of a run.
fn tested(test: &PreparedTest, checker: &Checker, ran: Ran, entry: &Entry) -> TestResult {
    let mut status = (ran.ended.status != Status::Ok).then_some(ran.ended.status);
    let mut message = ran.ended.message;
    if status.is_none() {
        let checked = match (entry, &ran.value) {
            (Entry::Func(_), Some(value)) => checker.check_value(&test.expected, value),
            _ => checker.check(test.expected.as_str().unwrap_or_default(), &ran.stdout),
        };
        if let Err(difference) = checked {
            status = Some(Status::Wrong);
            message = Some(difference);
        }
    }
    TestResult {
        id: test.id.clone(),
        kind: test.kind,
        size: test.size,
        level: test.level,
        pass: status.is_none(),
        status,
        message,
        cost: ran.cost,
    }
}
