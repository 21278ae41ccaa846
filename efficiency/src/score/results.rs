//! Results by task and model, reduced to what metrics want, as lines come in.

use std::collections::{BTreeMap, HashMap};

use super::rerank::Outputs;
use super::run::{Run, TestIds};
use crate::Column;
use crate::jsonl::{LineError, Lines};
use crate::result::{SCHEMA, SampleResult};
use crate::task::{Role, Scoring, Task};

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
    tests: TestIds,
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

    /// What else correct samples were measured by, if none of them was by the column: imported results have what their origin counted.
    pub fn other_column(&self) -> Option<Column> {
        let samples = self.tasks.iter().flat_map(|task| task.samples.values());
        let correct = || samples.clone().flatten().filter(|run| run.is_correct);
        let has = |column: Column| correct().any(|run| run.cost(column).is_some());
        let others = || Column::ALL.iter().copied().find(|column| has(*column));
        if has(self.column) { None } else { others() }
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
        let mut run = Run::of(result, column, &mut task.tests);
        run.role = run.role.or(task.roles.get(&run.reference).copied());
        let replaced = if is_reference {
            let known = task.references.iter_mut();
            match known.into_iter().find(|r| r.reference == run.reference) {
                Some(known) => {
                    // Results files of several models have the references each: the same ones.
                    let replaced = known.cost(column) != run.cost(column);
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
