//! From files to a board.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::Needs;
use super::board::Board;
use super::bootstrap::Bootstrap;
use super::rerank::Outputs;
use super::results::Results;
use super::reval::Answers;
use super::spec::{Metric, Settings};
use crate::jsonl::{LineError, Lines};

/// Files that scores are computed from; `-` is stdin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Results; predictions, if there is a truth.
    pub results: Vec<PathBuf>,
    /// What tasks say for metrics, and which tasks there are.
    pub tasks: Option<PathBuf>,
    /// Right answers to questions about runs.
    pub truth: Option<PathBuf>,
    /// What samples printed.
    pub outputs: Option<PathBuf>,
    /// What models predicted their outputs to be.
    pub predicted: Option<PathBuf>,
}

impl Inputs {
    /// What the metrics need that is not there, or cannot be used together.
    ///
    /// # Errors
    /// With a message for who chose them.
    pub fn check(&self, metrics: &[Metric]) -> Result<(), String> {
        let of = |needs: Needs| metrics.iter().find(|metric| metric.info.needs == needs);
        let of_predictions = of(Needs::Predictions);
        let of_results = metrics
            .iter()
            .find(|metric| metric.info.needs != Needs::Predictions);
        if let (Some(a), Some(b)) = (of_predictions, of_results) {
            return Err(format!(
                "{} is of predictions, {} of results: they cannot be in one board",
                a.label, b.label
            ));
        }
        if let (Some(metric), None) = (of_predictions, &self.truth) {
            return Err(format!(
                "{} needs the right answers: --truth FILE",
                metric.label
            ));
        }
        if let (Some(metric), Some(_)) = (of_results, &self.truth) {
            return Err(format!(
                "{} is of results, and --truth is for predictions",
                metric.label
            ));
        }
        if let (Some(metric), None) = (of(Needs::Outputs), &self.outputs) {
            return Err(format!(
                "{} needs what the samples printed: --outputs FILE",
                metric.label
            ));
        }
        Ok(())
    }

    /// Reads them, line by line, and computes the metrics.
    ///
    /// # Errors
    /// If a file or a line of it cannot be read.
    pub fn board(
        &self,
        metrics: &[Metric],
        settings: &Settings,
        bootstrap: Bootstrap,
    ) -> Result<Board, LineError> {
        if let Some(truth) = &self.truth {
            let mut answers = Answers::default();
            answers.read_truth(lines(truth)?)?;
            for predictions in &self.results {
                answers.read_predictions(lines(predictions)?)?;
            }
            return Ok(Board::of_answers(&answers, metrics, bootstrap));
        }
        let mut results = Results::new(settings.column);
        if let Some(tasks) = &self.tasks {
            results.read_tasks(lines(tasks)?)?;
        }
        for path in &self.results {
            results.read(lines(path)?)?;
        }
        let mut outputs = Outputs::default();
        if let Some(path) = &self.outputs {
            outputs.read(lines(path)?)?;
        }
        if let Some(path) = &self.predicted {
            outputs.read_predicted(lines(path)?)?;
        }
        let outputs = self.outputs.as_ref().map(|_| &outputs);
        Ok(Board::of_results(
            &results,
            outputs,
            metrics,
            settings.column,
            bootstrap,
        ))
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Lines<T>, LineError> {
    match path.as_os_str() == "-" {
        true => Ok(Lines::new(
            "stdin".as_ref(),
            std::io::BufReader::new(std::io::stdin()),
        )),
        false => Lines::open(path),
    }
}
