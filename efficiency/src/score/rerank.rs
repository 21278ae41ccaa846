//! Semantic reranking (Khatry et al., 2023, "From Words to Code"): which of many samples to take, without knowing the
//! right answer.
//!
//! Samples whose output is well-formed come first: they ran to their end on every input and printed something. Of these the
//! ones that many others agree with come first, that is, by the size of the cluster of samples with the same outputs. Within
//! that, those whose outputs are closest to what the model predicted the output to be. (The paper names the three criteria;
//! that they are compared in this order, and closeness by edit distance, is our reading.)

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::metric::Formula;
use super::results::TaskView;
use super::reval::{Kind, Prediction, as_text};
use super::run::Run;
use super::spec::Given;
use crate::jsonl::{LineError, Lines};

/// Closeness looks at no more characters of an output: edit distance takes the square of them.
const COMPARED_CHARS: usize = 2048;

/// What a sample printed on one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLine {
    /// The task.
    pub task_id: String,
    /// Who wrote the sample.
    #[serde(default)]
    pub model: String,
    /// Which of the model's samples.
    pub sample_id: u64,
    /// The input: any JSON, by its text; absent if there is but one.
    #[serde(default, deserialize_with = "as_text")]
    pub input: String,
    /// What it printed; `null` if it did not come to its end.
    pub output: Option<String>,
}

/// An output, as much of it as is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Output {
    hash: u64,
    head: String,
}

impl Output {
    fn of(text: &str) -> Output {
        let mut hasher = DefaultHasher::new();
        text.trim_end().hash(&mut hasher);
        Output {
            hash: hasher.finish(),
            head: text.trim_end().chars().take(COMPARED_CHARS).collect(),
        }
    }
}

/// Outputs of a sample, by input.
type SampleOutputs = HashMap<String, Option<Output>>;

/// Outputs of samples, and what models predicted them to be.
#[derive(Debug, Default)]
pub struct Outputs {
    /// By task and model, then by sample.
    samples: HashMap<(String, String), HashMap<u64, SampleOutputs>>,
    /// By task, model and input.
    predicted: HashMap<(String, String, String), String>,
}

impl Outputs {
    /// Takes outputs.
    ///
    /// # Errors
    /// If a line cannot be read.
    pub fn read(&mut self, lines: Lines<OutputLine>) -> Result<(), LineError> {
        for line in lines {
            let (_, line) = line?;
            let samples = self.samples.entry((line.task_id, line.model)).or_default();
            let outputs = samples.entry(line.sample_id).or_default();
            outputs.insert(line.input, line.output.as_deref().map(Output::of));
        }
        Ok(())
    }

    /// Takes predicted outputs: predictions of the kind `output`; others are not used.
    ///
    /// # Errors
    /// If a line cannot be read.
    pub fn read_predicted(&mut self, lines: Lines<Prediction>) -> Result<(), LineError> {
        for line in lines {
            let (_, line) = line?;
            let question = line.question;
            if question.kind == Kind::Output {
                let text = match line.predicted {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                let head = text.trim_end().chars().take(COMPARED_CHARS).collect();
                self.predicted
                    .insert((question.task_id, line.model, question.input), head);
            }
        }
        Ok(())
    }

    /// Sample ids of a task and model, the one to take first; samples without outputs come last. Ties are in the order of
    /// ids.
    pub fn rank(&self, task_id: &str, model: &str, sample_ids: &[u64]) -> Vec<u64> {
        let none = HashMap::new();
        let key = (task_id.to_owned(), model.to_owned());
        let samples = self.samples.get(&key).unwrap_or(&none);
        let signature = |id: &u64| samples.get(id).and_then(well_formed);
        let mut sizes: HashMap<Vec<(&str, u64)>, u64> = HashMap::new();
        for id in sample_ids {
            if let Some(signature) = signature(id) {
                *sizes.entry(signature).or_default() += 1;
            }
        }
        let mut ranked: Vec<(bool, Reverse<u64>, Reverse<u64>, u64)> = Vec::new();
        for &id in sample_ids {
            let signature = signature(&id);
            let size = signature.as_ref().and_then(|s| sizes.get(s)).copied();
            let outputs = samples.get(&id);
            let closeness = outputs.map_or(0, |outputs| self.closeness(&key, outputs));
            ranked.push((
                signature.is_none(),
                Reverse(size.unwrap_or(0)),
                Reverse(closeness),
                id,
            ));
        }
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., id)| id).collect()
    }

    /// How close outputs are to the predicted ones, in millionths: 1 less the edit distance by the greater length, the mean
    /// over predicted inputs.
    fn closeness(&self, (task_id, model): &(String, String), outputs: &SampleOutputs) -> u64 {
        let closeness = outputs.iter().filter_map(|(input, output)| {
            let key = (task_id.clone(), model.clone(), input.clone());
            let predicted = self.predicted.get(&key)?;
            let closeness =
                |output: &Output| strsim::normalized_levenshtein(&output.head, predicted);
            Some(output.as_ref().map_or(0.0, closeness))
        });
        let closeness: Vec<f64> = closeness.collect();
        // Summed in rising order: a map has none, and sums depend on it.
        let mut sorted = closeness;
        sorted.sort_by(f64::total_cmp);
        let mean = super::metric::mean(sorted).unwrap_or(0.0);
        (mean * 1e6).round() as u64
    }
}

/// What identifies a sample's outputs, if all are well-formed.
fn well_formed(outputs: &SampleOutputs) -> Option<Vec<(&str, u64)>> {
    let signature = outputs.iter().map(|(input, output)| {
        let output = output.as_ref().filter(|output| !output.head.is_empty())?;
        Some((input.as_str(), output.hash))
    });
    let mut signature: Vec<(&str, u64)> = signature.collect::<Option<_>>()?;
    signature.sort_unstable();
    (!signature.is_empty()).then_some(signature)
}

/// The share of tasks where a correct sample is among the first k after reranking, in percent.
pub(super) fn formula(given: &Given) -> Formula {
    let k = given.k as usize;
    Formula::mean(100.0, move |task: &TaskView| {
        let outputs = task.outputs?;
        let runs: HashMap<u64, &Run> = task.judged().map(|run| (run.sample_id, run)).collect();
        let mut ids: Vec<u64> = runs.keys().copied().collect();
        ids.sort_unstable();
        if ids.is_empty() {
            return None;
        }
        let ranked = outputs.rank(&task.task.task_id, task.model, &ids);
        let is_correct = |id: u64| runs.get(&id).is_some_and(|run| run.is_correct);
        Some(f64::from(u8::from(
            ranked.into_iter().take(k).any(is_correct),
        )))
    })
}
