//! What the tools do.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use probity_efficiency::Column as Cost;
use probity_efficiency::Status;
use probity_efficiency::growth::{Growth, points};
use probity_efficiency::judge::{Judge, Prepared};
use probity_efficiency::result::{SampleResult, TestResult};
use probity_efficiency::task::{Generator, Task, Tasks, TestKind};

use super::given::{TESTS, blank, free, lang, sample, task_of, test};
use super::input::{Compare, ExplainLine, Measure, Program, Scale};
use super::output::{
    Change, Checked, Compared, Costs, Explained, Judged, Measured, Point, Profiled, Scaled, Tested,
    lines, loops,
};
use crate::failure::Failure;
use crate::judging::{Column, JudgingArgs};
use crate::nearest;

/// Lines of each program that a comparison shows.
const LINES_COMPARED: usize = 5;

/// Judges, and the tasks that they are asked about.
pub struct Bench {
    judging: JudgingArgs,
    tasks: Option<Tasks>,
    /// By task: references are measured once.
    prepared: Mutex<BTreeMap<String, Arc<Prepared>>>,
}

impl Bench {
    pub fn new(tasks: Option<&Path>, judging: JudgingArgs) -> Result<Bench, Failure> {
        // What is wrong with it is said before anybody asks.
        judging.judge(&[])?;
        let read = |path| Tasks::read(path).map_err(|e| Failure::load(format!("failed to {e}")));
        Ok(Bench {
            judging,
            tasks: tasks.map(read).transpose()?,
            prepared: Mutex::default(),
        })
    }

    pub fn check(&self, input: Program) -> Result<Checked, String> {
        let result = self.judge(&input, &[])?;
        Ok(Checked {
            judged: Judged::of(&result),
            tests: result.tests.iter().map(Tested::of).collect(),
        })
    }

    pub fn measure(&self, input: Measure) -> Result<Measured, String> {
        let wanted = [(input.cache, Column::Cache), (input.heap, Column::Heap)];
        let columns: Vec<Column> = wanted
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, column)| *column)
            .collect();
        let program = Program {
            program: input.program,
            lang: input.lang,
            task_id: input.task_id,
            tests: input.tests,
        };
        let result = self.judge(&program, &columns)?;
        Ok(Measured {
            judged: Judged::of(&result),
            column: Cost::DEFAULT.to_string(),
            total: sum(&result, Cost::DEFAULT),
            instr: sum(&result, Cost::Instr),
            count_rule: result.count_rule.clone(),
            tests: result.tests.iter().map(Costs::of).collect(),
        })
    }

    pub fn profile(&self, input: Program) -> Result<Profiled, String> {
        Ok(Profiled::of(&self.judge(&input, &[Column::Explain])?))
    }

    pub fn compare(&self, input: Compare) -> Result<Compared, String> {
        let judge = |program: &str| {
            let program = Program {
                program: program.to_owned(),
                lang: input.lang.clone(),
                task_id: input.task_id.clone(),
                tests: input.tests.clone(),
            };
            self.judge(&program, &[Column::Explain])
        };
        let (before, after) = (judge(&input.before)?, judge(&input.after)?);
        let find =
            |tests: &'_ [TestResult], id: &str| tests.iter().find(|test| test.id == id).cloned();
        let mut ids: Vec<&str> = before.tests.iter().map(|test| test.id.as_str()).collect();
        let more = after.tests.iter().map(|test| test.id.as_str());
        ids.extend(more.filter(|id| find(&before.tests, id).is_none()));
        let mut sums = (0u64, 0u64);
        let mut tests = Vec::new();
        for id in ids {
            let pair = (find(&before.tests, id), find(&after.tests, id));
            let cost = |test: &Option<TestResult>| Cost::DEFAULT.of(&test.as_ref()?.cost);
            let change = Change {
                id: id.to_owned(),
                before: cost(&pair.0),
                after: cost(&pair.1),
                percent: percent(cost(&pair.0), cost(&pair.1)),
            };
            let passed = |test: &Option<TestResult>| test.as_ref().is_some_and(|test| test.pass);
            if let (true, Some(a), Some(b)) = (
                passed(&pair.0) && passed(&pair.1),
                change.before,
                change.after,
            ) {
                sums = (sums.0.saturating_add(a), sums.1.saturating_add(b));
            }
            tests.push(change);
        }
        let hottest = |result: &SampleResult| {
            let mut lines = result.hot.as_ref().map(lines).unwrap_or_default();
            lines.truncate(LINES_COMPARED);
            lines
        };
        Ok(Compared {
            before: Judged::of(&before),
            after: Judged::of(&after),
            column: Cost::DEFAULT.to_string(),
            tests,
            speedup: (sums.1 > 0).then(|| sums.0 as f64 / sums.1 as f64),
            lines_before: hottest(&before),
            lines_after: hottest(&after),
        })
    }

    pub fn scale(&self, input: Scale) -> Result<Scaled, String> {
        if input.sizes.len() > TESTS {
            return Err(format!(
                "{} sizes; at most {TESTS} are run",
                input.sizes.len()
            ));
        }
        let known = match &input.task_id {
            Some(id) => Some(self.task(id)?),
            None => None,
        };
        let lang = lang(input.lang.as_deref(), known.as_deref())?;
        let mut task = match &known {
            Some(task) => (**task).clone(),
            None => blank(&lang)?,
        };
        // Growth is of generated inputs alone.
        task.tests.clear();
        let judge = self.judge_of(&[])?;
        let generator = task.generator.take();
        let sizes = match (&generator, input.sizes.is_empty()) {
            (Some(generator), true) => generator.sizes.clone(),
            _ => input.sizes.clone(),
        };
        if sizes.is_empty() {
            return Err("there are no sizes".to_owned());
        }
        let own_seed = generator.as_ref().map_or(0, |generator| generator.seed);
        let seed = input.seed.unwrap_or(own_seed);
        match (&input.generator, generator) {
            (Some(text), _) => {
                let generator_lang = input.generator_lang.as_deref().unwrap_or(&lang);
                let built = judge.build(&task, generator_lang, text);
                let built = built.map_err(|e| format!("failed to build the generator: {e}"))?;
                for size in sizes {
                    let output = judge.generator_output(&built, size, seed);
                    let output = output
                        .and_then(|bytes| String::from_utf8(bytes).map_err(|e| e.to_string()));
                    let stdin = output
                        .map_err(|e| format!("failed to generate an input of size {size}: {e}"))?;
                    let mut test = test(format!("size-{size}"), &stdin, Some(size));
                    test.kind = TestKind::Stress;
                    task.tests.push(test);
                }
                free(&mut task);
            }
            (None, Some(generator)) => {
                task.generator = Some(Generator {
                    sizes,
                    seed,
                    ..generator
                })
            }
            (None, None) => {
                return Err("there is no generator: give one, or a task that has one".to_owned());
            }
        }
        let prepared = judge.prepare(&Arc::new(task), self.dir(), None, &HashMap::new())?;
        let result = judge.judge(&prepared, &sample(&input.program, &lang)?, self.dir());
        unjudged(&result)?;
        let points = points(&result.tests, Cost::DEFAULT);
        let growth = Growth::new(Cost::DEFAULT.name(), points.iter().copied()).ok();
        let complexity = growth.as_ref().map(Growth::complexity).unwrap_or_default();
        Ok(Scaled {
            judged: Judged::of(&result),
            column: Cost::DEFAULT.to_string(),
            points: points
                .iter()
                .map(|p| Point {
                    size: p.size,
                    cost: p.cost,
                })
                .collect(),
            answer: growth.as_ref().map(Growth::answer),
            best: growth.is_some().then_some(complexity.best),
            alternatives: complexity.alternatives,
            slopes: complexity.slopes,
            notes: complexity.notes,
        })
    }

    pub fn explain_line(&self, input: ExplainLine) -> Result<Explained, String> {
        let text = (input.line as usize).checked_sub(1);
        let text = text.and_then(|index| input.program.lines().nth(index));
        let Some(text) = text.map(|text| text.trim().to_owned()) else {
            let count = input.program.lines().count();
            return Err(format!(
                "there is no line {}; the program has {count}",
                input.line
            ));
        };
        let program = Program {
            program: input.program,
            lang: input.lang,
            task_id: input.task_id,
            tests: input.tests,
        };
        let result = self.judge(&program, &[Column::Explain])?;
        let hot = result.hot.clone().unwrap_or_default();
        let own = |file: &str| {
            Path::new(file)
                .file_stem()
                .is_some_and(|stem| stem == "main")
        };
        let cost = lines(&hot)
            .into_iter()
            .find(|l| l.line == input.line && own(&l.file));
        let loops: Vec<_> = loops(&hot)
            .into_iter()
            .filter(|l| l.line == input.line && own(&l.file))
            .collect();
        let missed = format!(":{}", input.line);
        let missed = result
            .coverage
            .as_ref()
            .is_some_and(|c| c.uncovered.iter().any(|line| line.ends_with(&missed)));
        let executed = match (&cost, missed) {
            (Some(line), _) => Some(line.count > 0),
            (None, true) => Some(false),
            (None, false) => None,
        };
        let answer = match (&cost, executed) {
            _ if result.hot.is_none() => format!("Nothing is known of it: {}.", result.status),
            (Some(line), _) => format!(
                "The most executed instruction of line {} ran {} times; the line took {} instructions, {:.1} % of all.",
                line.line, line.count, line.instr, line.instr_percent
            ),
            (None, Some(false)) => format!("No test executed line {}.", input.line),
            (None, _) => format!(
                "Line {} is not among the {} hottest, or has no code of its own.",
                input.line,
                hot.lines.len()
            ),
        };
        Ok(Explained {
            judged: Judged::of(&result),
            line: input.line,
            text,
            answer,
            executed,
            cost,
            loops,
        })
    }

    /// A judge that measures these columns, and those that the command line asks for.
    fn judge_of(&self, columns: &[Column]) -> Result<Judge, String> {
        let mut judging = self.judging.clone();
        judging.columns.get_or_insert_default().extend(columns);
        judging.judge(&[]).map_err(|failure| failure.message)
    }

    fn dir(&self) -> &Path {
        self.tasks.as_ref().map_or(Path::new(""), Tasks::dir)
    }

    fn task(&self, id: &str) -> Result<Arc<Task>, String> {
        let tasks = self.tasks.as_ref();
        let task = tasks.and_then(|tasks| tasks.get(id)).cloned();
        task.ok_or_else(|| {
            let all = tasks.into_iter().flat_map(Tasks::iter);
            let hint = nearest::hint(id, all.map(|task| task.task_id.as_str()));
            format!("there is no task {id}{hint}")
        })
    }

    fn judge(&self, input: &Program, columns: &[Column]) -> Result<SampleResult, String> {
        let judge = self.judge_of(columns)?;
        let (prepared, lang) = match &input.task_id {
            Some(_) if !input.tests.is_empty() => {
                return Err("give a task_id or tests, not both".to_owned());
            }
            Some(id) => {
                let task = self.task(id)?;
                let lang = lang(input.lang.as_deref(), Some(&task))?;
                (self.prepared(id, &task)?, lang)
            }
            None => {
                let lang = lang(input.lang.as_deref(), None)?;
                let task = Arc::new(task_of(&lang, &input.tests)?);
                (
                    Arc::new(judge.prepare(&task, self.dir(), None, &HashMap::new())?),
                    lang,
                )
            }
        };
        let result = judge.judge(&prepared, &sample(&input.program, &lang)?, self.dir());
        unjudged(&result)?;
        Ok(result)
    }

    fn prepared(&self, id: &str, task: &Arc<Task>) -> Result<Arc<Prepared>, String> {
        let known = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known().get(id) {
            return Ok(prepared.clone());
        }
        let prepared =
            Arc::new(
                self.judge_of(&[])?
                    .prepare(task, self.dir(), None, &HashMap::new())?,
            );
        known().insert(id.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

/// Cost of the tests that were run; of one that was not measured nothing.
fn sum(result: &SampleResult, column: Cost) -> u64 {
    let costs = result.tests.iter().filter_map(|test| column.of(&test.cost));
    costs.fold(0, u64::saturating_add)
}

fn percent(before: Option<u64>, after: Option<u64>) -> Option<f64> {
    let (before, after) = (before? as f64, after? as f64);
    (before > 0.0).then(|| 100.0 * (after - before) / before)
}

/// What says nothing about the program is the caller's or the machine's problem.
fn unjudged(result: &SampleResult) -> Result<(), String> {
    match result.status {
        Status::Unsupported | Status::Internal => {
            let message = result.message.as_deref().unwrap_or_default();
            Err(format!("{}: {message}", result.status))
        }
        _ => Ok(()),
    }
}
