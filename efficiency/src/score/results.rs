//! Results by task and model, reduced to what metrics want, as lines come in.

use std::collections::{BTreeMap, HashMap};

use super::cost::{Column, memory_bytes};
use super::rerank::Outputs;
use crate::Status;
use crate::jsonl::{LineError, Lines};
use crate::result::{SCHEMA, SampleResult};
use crate::task::{Role, Scoring, Task, TestKind};

/// Columns of a run, by their index in [`Column::ALL`].
const COLUMNS: usize = Column::ALL.len();

/// What a sample, or a reference, came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Which of the model's attempts.
    pub sample_id: u64,
    /// The reference's name; empty for samples.
    pub reference: String,
    /// What metrics take the reference for.
    pub role: Option<Role>,
    /// How it ended.
    pub status: Status,
    /// Whether it passed every test.
    pub is_correct: bool,
    /// Over the measured tests, by column.
    costs: [Option<f64>; COLUMNS],
    /// Cost times memory, summed over the measured tests: memory by heap, and by pages.
    cost_memory: [Option<f64>; 2],
    /// In the order they were run.
    pub tests: Box<[TestRun]>,
    /// Alerts of memory safety, each once.
    pub alerts: Box<[String]>,
    /// The score that the reference already has, if its origin gave it one (EvalPerf).
    pub dps: Option<f64>,
}

/// One test of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestRun {
    /// Which of the task's tests: the same in all runs of the task.
    pub test: u32,
    /// Level of difficulty.
    pub level: Option<u32>,
    /// Whether it counts for costs: it is a stress test, or the run has none.
    pub is_measured: bool,
    /// Whether it is passed.
    pub pass: bool,
    /// How it ended.
    pub status: Status,
    /// Cost in the chosen column.
    pub cost: Option<f64>,
}

impl Run {
    /// Cost in a column.
    pub fn cost(&self, column: Column) -> Option<f64> {
        let index = Column::ALL.iter().position(|c| *c == column)?;
        self.costs[index]
    }

    /// Peak memory of two runs, bytes: by heap if both were measured so, else by pages.
    pub fn memory(&self, other: &Run) -> Option<(f64, f64)> {
        let both = |column| Some((self.cost(column)?, other.cost(column)?));
        both(Column::PeakHeap).or_else(|| both(Column::MemoryPages))
    }

    /// The same of cost times memory.
    pub fn cost_memory(&self, other: &Run) -> Option<(f64, f64)> {
        let both = |way: usize| Some((self.cost_memory[way]?, other.cost_memory[way]?));
        both(0).or_else(|| both(1))
    }
}

/// Results of a task.
#[derive(Debug, Default)]
pub struct TaskRuns {
    /// Its name.
    pub task_id: String,
    /// What the tasks file says for metrics.
    pub scoring: Option<Scoring>,
    /// Correct or not.
    pub references: Vec<Run>,
    samples: BTreeMap<String, Vec<Run>>,
    tests: HashMap<String, u32>,
    /// Roles by the tasks file; a result's own comes first.
    roles: HashMap<String, Role>,
}

impl TaskRuns {
    /// What a model came to: in the order of sample ids; empty if it has no sample.
    pub fn samples(&self, model: &str) -> &[Run] {
        self.samples.get(model).map(Vec::as_slice).unwrap_or(&[])
    }

    /// All that metrics see of a task and a model.
    pub fn view<'r>(&'r self, model: &'r str, outputs: Option<&'r Outputs>) -> TaskView<'r> {
        TaskView {
            task: self,
            model,
            runs: self.samples(model),
            outputs,
        }
    }
}

/// A task as metrics see it: its references, and the samples of one model.
#[derive(Clone, Copy)]
pub struct TaskView<'r> {
    /// References, and what the tasks file says.
    pub task: &'r TaskRuns,
    /// Who wrote the samples.
    pub model: &'r str,
    runs: &'r [Run],
    /// What samples printed.
    pub outputs: Option<&'r Outputs>,
}

impl<'r> TaskView<'r> {
    /// Samples that say something about the model: unsupported ones, and those that the judge failed on, are left out.
    pub fn judged(&self) -> impl Iterator<Item = &'r Run> + use<'r> {
        self.runs.iter().filter(|run| !run.status.is_unjudged())
    }

    /// Those of them that a cost can be said of: failures, and correct ones that were measured.
    pub fn measured(&self, column: Column) -> impl Iterator<Item = &'r Run> + use<'r> {
        self.judged()
            .filter(move |run| !run.is_correct || run.cost(column).is_some())
    }

    /// Costs of the correct samples.
    pub fn correct_costs(&self, column: Column) -> impl Iterator<Item = f64> + use<'r> {
        self.judged()
            .filter(|run| run.is_correct)
            .filter_map(move |run| run.cost(column))
    }

    /// References that are correct and measured.
    pub fn references(&self, column: Column) -> impl Iterator<Item = (&'r Run, f64)> + use<'r> {
        let correct = self.task.references.iter().filter(|run| run.is_correct);
        correct.filter_map(move |run| Some((run, run.cost(column)?)))
    }

    /// The least cost of a reference.
    pub fn least_cost(&self, column: Column) -> Option<f64> {
        self.references(column)
            .map(|(_, cost)| cost)
            .min_by(f64::total_cmp)
    }

    /// The greatest cost of a reference.
    pub fn greatest_cost(&self, column: Column) -> Option<f64> {
        self.references(column)
            .map(|(_, cost)| cost)
            .max_by(f64::total_cmp)
    }

    /// The reference in a role; of several, the least costly one. Without one that has it the base is the most costly
    /// reference, the expert's and the canonical one the least costly.
    pub fn role(&self, role: Role, column: Column) -> Option<&'r Run> {
        let least = |runs: &mut dyn Iterator<Item = (&'r Run, f64)>| {
            runs.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(run, _)| run)
        };
        let named = least(
            &mut self
                .references(column)
                .filter(|(run, _)| run.role == Some(role)),
        );
        named.or_else(|| match role {
            Role::Base => self
                .references(column)
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(run, _)| run),
            Role::Expert | Role::Canonical => least(&mut self.references(column)),
        })
    }
}

/// All results that were read.
#[derive(Debug)]
pub struct Results {
    column: Column,
    tasks: Vec<TaskRuns>,
    index: HashMap<String, usize>,
    replaced: u64,
    count_rules: Vec<String>,
}

impl Results {
    /// Without any yet. Tests keep their cost in `column`, whole samples in every column.
    pub fn new(column: Column) -> Results {
        Results {
            column,
            tasks: Vec::new(),
            index: HashMap::new(),
            replaced: 0,
            count_rules: Vec::new(),
        }
    }

    /// The tasks, in the order they were met.
    pub fn tasks(&self) -> &[TaskRuns] {
        &self.tasks
    }

    /// Those who wrote samples, by name.
    pub fn models(&self) -> Vec<&str> {
        let models = self.tasks.iter().flat_map(|task| task.samples.keys());
        let mut models: Vec<&str> = models.map(String::as_str).collect();
        models.sort_unstable();
        models.dedup();
        models
    }

    /// What is to be said of the results as a whole.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.replaced > 0 {
            warnings.push(format!(
                "{} results are of a task, model and sample that have another; the last of each counts",
                self.replaced
            ));
        }
        if self.count_rules.len() > 1 {
            warnings.push(format!(
                "the results are counted by different rules ({}); their counts cannot be compared",
                self.count_rules.join(", ")
            ));
        }
        let samples = || self.tasks.iter().flat_map(|task| task.samples.values());
        let correct = || samples().flatten().filter(|run| run.is_correct);
        let is_measured = |run: &&Run| run.cost(self.column).is_some();
        let unmeasured = correct().filter(|run| !is_measured(run)).count();
        if unmeasured > 0 && correct().any(|run| is_measured(&run)) {
            warnings.push(format!(
                "{unmeasured} correct samples have no {}; metrics of cost leave them out",
                self.column
            ));
        }
        let runs = self.tasks.iter().flat_map(|task| &task.references);
        let wrong = runs.filter(|run| !run.is_correct).count();
        if wrong > 0 {
            warnings.push(format!(
                "{wrong} references did not pass their tests, and are left out"
            ));
        }
        warnings
    }

    /// Takes what the tasks file says. Tasks without results count as not covered.
    ///
    /// # Errors
    /// If a line cannot be read.
    pub fn read_tasks(&mut self, lines: Lines<Task>) -> Result<(), LineError> {
        for line in lines {
            let (_, task) = line?;
            let entry = self.task(&task.task_id);
            entry.scoring = task.scoring;
            for reference in task.references {
                if let Some(role) = reference.role {
                    entry.roles.insert(reference.id, role);
                }
            }
            let roles = &entry.roles;
            for run in &mut entry.references {
                run.role = run.role.or(roles.get(&run.reference).copied());
            }
        }
        Ok(())
    }

    /// Takes results.
    ///
    /// # Errors
    /// If a line cannot be read, or is of another schema.
    pub fn read(&mut self, lines: Lines<SampleResult>) -> Result<(), LineError> {
        let path = lines.path().to_owned();
        for line in lines {
            let (number, result) = line?;
            if result.schema != SCHEMA {
                return Err(LineError::of_line(
                    &path,
                    number,
                    format!(
                        "its schema is {}; this version reads schema {SCHEMA}",
                        result.schema
                    ),
                ));
            }
            self.add(result);
        }
        Ok(())
    }

    /// Takes one result. The last one of a task, model and sample counts.
    pub fn add(&mut self, result: SampleResult) {
        if !result.count_rule.is_empty() && !self.count_rules.contains(&result.count_rule) {
            self.count_rules.push(result.count_rule.clone());
        }
        let column = self.column;
        let task = self.task(&result.task_id);
        let (model, is_reference) = (result.model.clone(), result.reference.is_some());
        let run = run(result, column, task);
        let replaced = if is_reference {
            let known = task.references.iter_mut();
            match known.into_iter().find(|r| r.reference == run.reference) {
                Some(known) => {
                    // Results files of several models have the references each: the same ones.
                    let replaced = known.costs[0] != run.costs[0];
                    *known = run;
                    replaced
                }
                None => {
                    task.references.push(run);
                    false
                }
            }
        } else {
            let runs = task.samples.entry(model).or_default();
            match runs.binary_search_by_key(&run.sample_id, |run| run.sample_id) {
                Ok(at) => {
                    runs[at] = run;
                    true
                }
                Err(at) => {
                    runs.insert(at, run);
                    false
                }
            }
        };
        self.replaced += u64::from(replaced);
    }

    fn task(&mut self, task_id: &str) -> &mut TaskRuns {
        let at = match self.index.get(task_id) {
            Some(at) => *at,
            None => {
                self.tasks.push(TaskRuns {
                    task_id: task_id.to_owned(),
                    ..TaskRuns::default()
                });
                let at = self.tasks.len() - 1;
                self.index.insert(task_id.to_owned(), at);
                at
            }
        };
        &mut self.tasks[at]
    }
}

/// Flags that stand for an alert of memory safety; what a `:` follows says where.
const ALERTS: [&str; 6] = [
    "out_of_bounds",
    "use_after_free",
    "double_free",
    "double_frees",
    "invalid_free",
    "wrong_free",
];

fn run(result: SampleResult, column: Column, task: &mut TaskRuns) -> Run {
    let has_stress = result.tests.iter().any(|t| t.kind == TestKind::Stress);
    let is_measured = |kind| !has_stress || kind == TestKind::Stress;
    let measured = || result.tests.iter().filter(|test| is_measured(test.kind));
    let costs = Column::ALL
        .map(|column| column.of_tests(measured().map(|test| column.of_test(&test.cost))));
    let cost_memory = [0, 1].map(|way| {
        Column::Instr.of_tests(
            measured()
                .map(|test| Some(column.of_test(&test.cost)? * memory_bytes(&test.cost)[way]?)),
        )
    });
    let test_ids = &mut task.tests;
    let tests = result.tests.iter().map(|test| {
        let next = test_ids.len() as u32;
        TestRun {
            test: *test_ids.entry(test.id.clone()).or_insert(next),
            level: test.level,
            is_measured: is_measured(test.kind),
            pass: test.pass,
            status: match test.pass {
                true => Status::Ok,
                false => test.status.unwrap_or(result.status),
            },
            cost: column.of_test(&test.cost),
        }
    });
    let tests = tests.collect();
    let is_alert = |flag: &&String| ALERTS.contains(&flag.split(':').next().unwrap_or(""));
    let mut alerts: Vec<String> = result.flags.iter().filter(is_alert).cloned().collect();
    alerts.sort_unstable();
    alerts.dedup();
    let reference = result.reference.clone().unwrap_or_default();
    Run {
        sample_id: result.sample_id,
        role: result.role.or(task.roles.get(&reference).copied()),
        reference,
        status: result.status,
        is_correct: result.is_correct(),
        costs,
        cost_memory,
        tests,
        alerts: alerts.into(),
        dps: result.scores.get("dps").copied(),
    }
}
