//! EffiBench.
//!
//! Problems are a list with `problem_idx`, `canonical_solution` and `test_case`: lines of Python such as
//! `assert solution.twoSum([2, 7], 9) == [0, 1]`, which become tests where they are a call with literals and an equality. Generated programs are such a list
//! with `completion`. Programs may be in a fence.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::leetcode::{assertion, code_of, program};
use super::read::{self, json, lines, wrong};
use super::{ImportError, Options, Sink};
use crate::task::{Entry, Role, TestKind};

#[derive(Debug, Deserialize)]
struct Line {
    problem_idx: Value,
    #[serde(default)]
    markdown_description: String,
    #[serde(default)]
    canonical_solution: Value,
    #[serde(default)]
    test_case: String,
    #[serde(default)]
    small_test_cases: String,
    #[serde(default)]
    completion: Option<String>,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        let all: Vec<Line> = match input.extension().is_some_and(|end| end == "json") {
            true => json(input)?,
            false => {
                let lines = lines::<Line>(input)?.map(|line| line.map(|(_, line)| line));
                lines
                    .collect::<Result<_, _>>()
                    .map_err(|e| ImportError::Input(format!("failed to {e}")))?
            }
        };
        for line in all {
            one(input, line, options, sink)?;
        }
    }
    Ok(())
}

fn one(path: &Path, line: Line, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let number = match &line.problem_idx {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(wrong(path, format!("`problem_idx` is {other}"))),
    };
    let task_id = format!("effibench/{number}");
    if let Some(completion) = &line.completion {
        let model = read::model(path, options, &[]);
        let mut sample = read::sample(&task_id, program(code_of(completion)), 0, &model);
        sample.lang = Some("python".to_owned());
        return sink.sample(&sample);
    }
    let mut task = read::task(task_id, "python");
    task.prompt = line.markdown_description;
    let mut left_out = 0;
    for (prefix, text, kind) in [
        ("small", &line.small_test_cases, TestKind::Correct),
        ("t", &line.test_case, TestKind::Stress),
    ] {
        let asserts = text
            .lines()
            .filter(|line| line.trim_start().starts_with("assert"));
        for (at, text) in asserts.enumerate() {
            let Some((method, args, expected)) = assertion(text) else {
                left_out += 1;
                continue;
            };
            let entry = Entry::Func(format!("Solution.{method}"));
            if task.tests.is_empty() {
                task.entry = entry;
            } else if task.entry != entry {
                left_out += 1;
                continue;
            }
            let mut test = read::test(format!("{prefix}{at}"), kind);
            (test.args, test.expected) = (args, Some(expected));
            task.tests.push(test);
        }
    }
    if left_out > 0 {
        sink.warn(format!(
            "{}: {left_out} assertions are no call with literals and an equality; left out",
            task.task_id
        ));
    }
    if task.tests.is_empty() {
        sink.warn(format!("{}: it has no test left; left out", task.task_id));
        return Ok(());
    }
    let solutions = match &line.canonical_solution {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => Vec::from_iter(one.as_str()),
    };
    for (at, text) in solutions.iter().enumerate() {
        let (id, role) = match at {
            0 => ("canonical".to_owned(), Some(Role::Canonical)),
            _ => (format!("canonical{at}"), None),
        };
        task.references
            .push(read::reference(id, &program(code_of(text)), role));
    }
    sink.task(&task)
}
