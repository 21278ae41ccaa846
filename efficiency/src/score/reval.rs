//! Predictions of what a program does, against what it did (Chen et al., 2024, REval; Yan et al., 2025, SX-Bench).
//!
//! Two files of lines: the truth has `expected`, the predictions have `predicted`; both name the question by `task_id`,
//! `input`, `kind`, and, where the kind has them, `line` and `var`. Several lines of truth for one question are all right
//! answers: a line that is executed many times has several next lines and values. A question without a prediction is
//! answered wrong; a prediction without a question is left out, and counted. Of a variable the value alone is asked, where
//! REval asks for its type as well: a program that is compiled has that in its source.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::metric::{Formula, Sums};
use super::spec::Given;
use crate::jsonl::{LineError, Lines};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Whether a line is executed.
    Coverage,
    /// The value of a variable at a line.
    State,
    /// The line that is executed next; -1 at the end.
    Path,
    /// What the program gives.
    Output,
    /// The number of computation steps of the whole run.
    Steps,
}

/// A question about a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The program.
    pub task_id: String,
    /// Its input: any JSON, by its text; absent if there is but one.
    #[serde(default, deserialize_with = "as_text")]
    pub input: String,
    /// What is asked.
    pub kind: Kind,
    /// The source line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub var: Option<String>,
}

/// A question and an answer that is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The question.
    #[serde(flatten)]
    pub question: Question,
    /// The answer. For `path` a list is of right answers.
    pub expected: Value,
}

/// A question and what somebody thinks the answer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The question.
    #[serde(flatten)]
    pub question: Question,
    /// The answer.
    pub predicted: Value,
    /// Who thinks so.
    #[serde(default)]
    pub model: String,
}

/// A string as it is, any other JSON as its text.
pub(super) fn as_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// The truth, and whether each model got it right.
#[derive(Debug, Default)]
pub struct Answers {
    truth: BTreeMap<Question, Vec<Value>>,
    /// By model: questions that were answered, and whether rightly.
    given: BTreeMap<String, HashMap<Question, bool>>,
    unasked: u64,
}

/// One model's answers to the questions of one task.
pub struct TaskAnswers<'a> {
    /// Question, and whether the answer is right; `None` without an answer.
    pub questions: Vec<(&'a Question, Option<bool>)>,
}

impl Answers {
    /// Takes right answers.
    ///
    /// # Errors
    /// If a line cannot be read.
    pub fn read_truth(&mut self, lines: Lines<Truth>) -> Result<(), LineError> {
        for line in lines {
            let (_, truth) = line?;
            let kind = truth.question.kind;
            let answers = self.truth.entry(truth.question).or_default();
            match truth.expected {
                // Of other kinds a list is one value.
                Value::Array(any) if kind == Kind::Path => answers.extend(any),
                one => answers.push(one),
            }
        }
        Ok(())
    }

    /// Takes predictions, after the truth. The last one for a question counts.
    ///
    /// # Errors
    /// If a line cannot be read.
    pub fn read_predictions(&mut self, lines: Lines<Prediction>) -> Result<(), LineError> {
        for line in lines {
            let (_, prediction) = line?;
            let Some(right) = self.truth.get(&prediction.question) else {
                self.unasked += 1;
                continue;
            };
            let kind = prediction.question.kind;
            let is_right = right
                .iter()
                .any(|right| is_same(kind, right, &prediction.predicted));
            let model = self.given.entry(prediction.model).or_default();
            model.insert(prediction.question, is_right);
        }
        Ok(())
    }

    /// Those who predicted, by name.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }

    /// What a model said about each task that questions are asked of.
    pub fn of_model(&self, model: &str) -> Vec<TaskAnswers<'_>> {
        let given = self.given.get(model);
        let mut tasks: BTreeMap<&str, TaskAnswers> = BTreeMap::new();
        for question in self.truth.keys() {
            let answer = given.and_then(|given| given.get(question)).copied();
            let task = tasks
                .entry(&question.task_id)
                .or_insert_with(|| TaskAnswers {
                    questions: Vec::new(),
                });
            task.questions.push((question, answer));
        }
        tasks.into_values().collect()
    }

    /// What is to be said of the files as a whole.
    pub fn warnings(&self) -> Vec<String> {
        match self.unasked {
            0 => Vec::new(),
            unasked => vec![format!(
                "{unasked} predictions answer no question of the truth, and are left out"
            )],
        }
    }
}

/// Whether two answers are the same: numbers by value, text but for white space around it, `yes` and `no` as truth values;
/// text that is JSON as what it says.
fn is_same(kind: Kind, expected: &Value, predicted: &Value) -> bool {
    if kind == Kind::Coverage {
        let expected = truth_value(expected);
        return expected.is_some() && expected == truth_value(predicted);
    }
    if let (Some(a), Some(b)) = (number(expected), number(predicted)) {
        return a == b;
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    if text(expected) == text(predicted) {
        return true;
    }
    // Lists and maps may be written in several ways.
    let parsed = |value: &Value| match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => Some(other.clone()),
    };
    let (expected, predicted): (Option<Value>, Option<Value>) =
        (parsed(expected), parsed(predicted));
    expected.is_some() && expected == predicted
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

fn truth_value(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => Some(number.as_f64()? != 0.0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" => Some(true),
            "no" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Accuracy on one kind of questions, in percent: over all questions, whatever their task.
pub(super) fn accuracy(kind: Kind) -> impl Fn(&Given) -> Formula {
    move |_| {
        Formula::answers(move |task: &TaskAnswers| {
            let asked = task.questions.iter().filter(|(q, _)| q.kind == kind);
            let marks = asked.map(|(_, answer)| *answer == Some(true));
            let (right, all) = marks.fold((0u64, 0u64), |(right, all), mark| {
                (right + u64::from(mark), all + 1)
            });
            (all > 0).then_some([right as f64, all as f64, 0.0, 0.0])
        })
    }
}

/// Coverage.
pub(super) fn coverage(given: &Given) -> Formula {
    accuracy(Kind::Coverage)(given)
}

/// Program state.
pub(super) fn state(given: &Given) -> Formula {
    accuracy(Kind::State)(given)
}

/// Execution path.
pub(super) fn path(given: &Given) -> Formula {
    accuracy(Kind::Path)(given)
}

/// Output.
pub(super) fn output(given: &Given) -> Formula {
    accuracy(Kind::Output)(given)
}

/// Run steps (SX-Bench).
pub(super) fn steps(given: &Given) -> Formula {
    accuracy(Kind::Steps)(given)
}

/// Incremental consistency: 100/N times the sum over N items of what their pattern gives. An item is a line of a program and
/// input of which coverage, state and path are asked, together with the input's output; it is right in a kind if every
/// question of that kind is (a line can have several variables). Where questions name no line, the input is one item.
pub(super) fn consistency(_: &Given) -> Formula {
    Formula::answers(|task: &TaskAnswers| {
        let mut items: BTreeMap<(&str, Option<u64>), [Option<bool>; 3]> = BTreeMap::new();
        let mut outputs: BTreeMap<&str, bool> = BTreeMap::new();
        for (question, answer) in &task.questions {
            let is_right = *answer == Some(true);
            let all = |before: Option<bool>| Some(before.unwrap_or(true) && is_right);
            let kind = match question.kind {
                Kind::Coverage => 0,
                Kind::State => 1,
                Kind::Path => 2,
                Kind::Output => {
                    let output = outputs.entry(&question.input).or_insert(true);
                    *output &= is_right;
                    continue;
                }
                Kind::Steps => continue,
            };
            let item = items.entry((&question.input, question.line)).or_default();
            item[kind] = all(item[kind]);
        }
        let mut sums: Sums = [0.0; 4];
        for ((input, _), kinds) in items {
            if let [Some(coverage), Some(state), Some(path)] = kinds
                && let Some(output) = outputs.get(input)
            {
                sums[0] += pattern(coverage, state, path, *output);
                sums[1] += 1.0;
            }
        }
        (sums[1] > 0.0).then_some(sums)
    })
}

/// What a pattern of right answers gives. Each step builds on the one before: what is right without it is chance.
pub fn pattern(coverage: bool, state: bool, path: bool, output: bool) -> f64 {
    match (coverage, state, path, output) {
        (true, true, true, true) => 1.0,
        (true, true, true, false) => 0.5,
        (true, true, false, false) => 0.25,
        (true, false, false, false) => 0.125,
        _ => 0.0,
    }
}

/// Tasks that questions are asked of.
pub(super) fn tasks(answers: &Answers) -> usize {
    let tasks: BTreeSet<&str> = answers.truth.keys().map(|q| q.task_id.as_str()).collect();
    tasks.len()
}
