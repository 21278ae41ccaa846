//! The leaderboard: models by metrics, as text, JSON and a page.

mod html;
mod json;
mod text;

use std::io::{self, Write};

use super::bootstrap::Bootstrap;
use super::metric::{Better, Of, Sums, add};
use super::rerank::Outputs;
use super::results::Results;
use super::reval::{self, Answers};
use super::spec::Metric;

/// Scores of models.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The column of costs that metrics used; empty where there are none.
    pub cost: String,
    /// Tasks that there are, whether a model has samples of them or not.
    pub tasks: usize,
    /// How intervals were made.
    pub bootstrap: Bootstrap,
    /// What each score is.
    pub columns: Vec<BoardColumn>,
    /// The best model by the first metric first; those without a value last.
    pub rows: Vec<Row>,
    /// What is to be kept in mind.
    pub warnings: Vec<String>,
}

/// A metric.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardColumn {
    /// `pass@10`.
    pub name: String,
    /// One line for people.
    pub summary: &'static str,
    /// Whose it is.
    pub origin: &'static str,
    /// Which values are good.
    pub better: Better,
}

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name; empty if results have none.
    pub model: String,
    /// Tasks that it has a judged sample of (an answer, of predictions).
    pub tasks: usize,
    /// Samples; questions, of predictions.
    pub samples: usize,
    /// Samples that were judged; questions that were answered.
    pub judged: usize,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
}

impl Row {
    /// Percent of the samples that were judged.
    pub fn coverage_percent(&self) -> f64 {
        match self.samples {
            0 => 0.0,
            samples => 100.0 * self.judged as f64 / samples as f64,
        }
    }

    /// The name as it is shown.
    fn shown(&self) -> &str {
        match self.model.as_str() {
            "" => "(unnamed)",
            model => model,
        }
    }
}

/// A model's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// `None` if it cannot be said: too few samples, no reference.
    pub value: Option<f64>,
    /// 95 % interval over tasks.
    pub interval: Option<(f64, f64)>,
    /// Tasks that it is over.
    pub tasks: usize,
}

/// Ways to write a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardFormat {
    /// A table for terminals.
    Text,
    /// For programs.
    Json,
    /// One page that loads nothing.
    Html,
}

impl Board {
    /// Of results; metrics of predictions have no value.
    pub fn of_results(
        results: &Results,
        outputs: Option<&Outputs>,
        metrics: &[Metric],
        column: crate::Column,
        bootstrap: Bootstrap,
    ) -> Board {
        let rows = results.models().into_iter().map(|model| {
            let views: Vec<_> = results
                .tasks()
                .iter()
                .map(|task| task.view(model, outputs))
                .collect();
            let cells = metrics.iter().map(|metric| {
                let sums = match &metric.formula.of {
                    Of::Samples(of) => views.iter().filter_map(of).collect(),
                    Of::Answers(_) => Vec::new(),
                };
                cell(metric, &sums, bootstrap)
            });
            let runs = results.tasks().iter().map(|task| task.samples(model).len());
            Row {
                model: model.to_owned(),
                tasks: views.iter().filter(|v| v.judged().next().is_some()).count(),
                samples: runs.sum(),
                judged: views.iter().map(|view| view.judged().count()).sum(),
                cells: cells.collect(),
            }
        });
        let rows = rows.collect();
        let needed = match results.other_column() {
            None => format!("a measured {column}"),
            Some(other) => format!("a measured {column}: the results have {other}, --cost {other}"),
        };
        let tasks = results.tasks().len();
        Board::new(metrics, rows, bootstrap).with(column.name(), tasks, results.warnings(), &needed)
    }

    /// Of predictions; metrics of results have no value.
    pub fn of_answers(answers: &Answers, metrics: &[Metric], bootstrap: Bootstrap) -> Board {
        let rows = answers.models().map(|model| {
            let tasks = answers.of_model(model);
            let cells = metrics.iter().map(|metric| {
                let sums = match &metric.formula.of {
                    Of::Answers(of) => tasks.iter().filter_map(of).collect(),
                    Of::Samples(_) => Vec::new(),
                };
                cell(metric, &sums, bootstrap)
            });
            let questions = || tasks.iter().flat_map(|task| &task.questions);
            let is_answered = |answer: &Option<bool>| answer.is_some();
            let has_answer = |task: &&reval::TaskAnswers| {
                task.questions.iter().any(|(_, answer)| is_answered(answer))
            };
            Row {
                model: model.to_owned(),
                tasks: tasks.iter().filter(has_answer).count(),
                samples: questions().count(),
                judged: questions()
                    .filter(|(_, answer)| is_answered(answer))
                    .count(),
                cells: cells.collect(),
            }
        });
        let rows = rows.collect();
        let (tasks, warnings) = (reval::tasks(answers), answers.warnings());
        Board::new(metrics, rows, bootstrap).with("", tasks, warnings, "a measured answer")
    }

    fn new(metrics: &[Metric], mut rows: Vec<Row>, bootstrap: Bootstrap) -> Board {
        let columns: Vec<BoardColumn> = metrics
            .iter()
            .map(|metric| BoardColumn {
                name: metric.label.clone(),
                summary: metric.info.summary,
                origin: metric.info.origin,
                better: metric.info.better,
            })
            .collect();
        let sign = match columns.first().map(|column| column.better) {
            Some(Better::Lower) => 1.0,
            _ => -1.0,
        };
        let key = |row: &Row| {
            let first = row.cells.first().and_then(|cell| cell.value);
            first.map_or(f64::INFINITY, |value| sign * value)
        };
        // They are in the order of names, and stay so where values are the same.
        rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
        Board {
            cost: String::new(),
            tasks: 0,
            bootstrap,
            columns,
            rows,
            warnings: Vec::new(),
        }
    }

    /// `needed`: what metrics that have no value may lack.
    fn with(mut self, cost: &str, tasks: usize, warnings: Vec<String>, needed: &str) -> Board {
        self.cost = cost.to_owned();
        self.tasks = tasks;
        self.warnings = warnings;
        let empty = self.columns.iter().enumerate().filter(|(at, _)| {
            let mut cells = self.rows.iter().map(|row| row.cells[*at].value);
            cells.all(|value| value.is_none())
        });
        let names: Vec<&str> = empty.map(|(_, column)| column.name.as_str()).collect();
        if !names.is_empty() && !self.rows.is_empty() {
            self.warnings.push(format!(
                "no model has a value of {}: no task has what it needs (references, enough samples, {needed})",
                names.join(", ")
            ));
        }
        self
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: BoardFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            BoardFormat::Text => text::write(self, out),
            BoardFormat::Json => json::write(self, out),
            BoardFormat::Html => html::write(self, out),
        }
    }
}

fn cell(metric: &Metric, tasks: &Vec<Sums>, bootstrap: Bootstrap) -> Cell {
    let mut sums = Sums::default();
    for task in tasks {
        add(&mut sums, task);
    }
    let finish = &metric.formula.finish;
    let finite = |sums: &Sums| finish(sums).filter(|value| value.is_finite());
    let value = match tasks.is_empty() {
        true => None,
        false => finite(&sums),
    };
    Cell {
        value,
        interval: value.and_then(|_| bootstrap.interval(tasks, &finite)),
        tasks: tasks.len(),
    }
}

/// A score as people read it: four significant digits, no more than they need.
fn shown(value: f64) -> String {
    let magnitude = if value == 0.0 {
        0.0
    } else {
        value.abs().log10().floor()
    };
    if !(-4.0..=9.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - magnitude).clamp(0.0, 7.0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_shown_short() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.123_456, "0.1235"),
            (12.345_6, "12.35"),
            (99.999, "100"),
            (182.3, "182.3"),
            (123_456.0, "123456"),
            (1e12, "1.000e12"),
            (-0.5, "-0.5"),
            (0.000_01, "1.000e-5"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
