//! Mercury.
//!
//! Problems are lines (or a list) with `slug_name`, `prompt`, `entry_point`, `test_cases` (a JSON text: a list of `input` and `expected`) and
//! `solutions`, each with its program and `runtime`. A program is a class `Solution` with a method. What turns a test into arguments and a result
//! into what is compared is Python there (`convert_offline`, `evaluate_offline`): problems on lists of nodes and trees, and those whose
//! answer is what becomes of an argument, are left out. Generated programs are a map from a problem's name to a list with
//! `completion`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::leetcode::{code_of, program};
use super::read::{self, lines, wrong};
use super::{ImportError, Options, Sink};
use crate::task::{Entry, TestKind};

#[derive(Debug, Deserialize)]
struct Problem {
    slug_name: String,
    #[serde(default)]
    prompt: String,
    entry_point: String,
    #[serde(default)]
    test_cases: Value,
    #[serde(default)]
    solutions: Vec<Value>,
    #[serde(default)]
    convert_offline: String,
    #[serde(default)]
    evaluate_offline: String,
}

#[derive(Debug, Deserialize)]
struct Generated {
    #[serde(default)]
    completion: String,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        match input.extension().is_some_and(|end| end == "json") {
            true => match read::json::<Value>(input)? {
                Value::Array(problems) => {
                    for value in problems {
                        problem(
                            serde_json::from_value(value).map_err(|e| wrong(input, e))?,
                            sink,
                        )?;
                    }
                }
                map => generated(input, map, options, sink)?,
            },
            false => {
                for line in lines::<Problem>(input)? {
                    let line = line.map_err(|e| ImportError::Input(format!("failed to {e}")))?;
                    problem(line.1, sink)?;
                }
            }
        }
    }
    Ok(())
}

fn task_id(slug: &str) -> String {
    format!("mercury/{slug}")
}

fn problem(problem: Problem, sink: &mut Sink) -> Result<(), ImportError> {
    let mut task = read::task(task_id(&problem.slug_name), "python");
    let makes = |text: &str| {
        text.contains("lctk") || text.contains("ListNode") || text.contains("TreeNode")
    };
    if makes(&problem.convert_offline)
        || makes(&problem.evaluate_offline)
        || problem.evaluate_offline.contains("inputs[")
    {
        sink.warn(format!(
            "{}: its arguments or results are made by Python of its own; left out",
            problem.slug_name
        ));
        return Ok(());
    }
    task.entry = Entry::Func(format!("Solution.{}", problem.entry_point));
    task.prompt.clone_from(&problem.prompt);
    let cases = match &problem.test_cases {
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Some(cases) = cases.as_array() else {
        sink.warn(format!(
            "{}: it has no test cases; left out",
            problem.slug_name
        ));
        return Ok(());
    };
    for (at, case) in cases.iter().enumerate() {
        let either = |a: &str, b: &str| case.get(a).or_else(|| case.get(b)).cloned();
        let Some(Value::Array(args)) = either("input", "inputs") else {
            sink.warn(format!(
                "{}: test {at} has no list of arguments; left out",
                problem.slug_name
            ));
            continue;
        };
        let mut test = read::test(format!("t{at}"), TestKind::Correct);
        test.args = args;
        test.expected = either("expected", "output");
        task.tests.push(test);
    }
    for (at, solution) in problem.solutions.iter().enumerate() {
        let text = solution
            .as_str()
            .or_else(|| solution.get("solution")?.as_str());
        if let Some(text) = text {
            task.references
                .push(read::reference(format!("ref{at}"), &program(text), None));
        }
    }
    sink.task(&task)
}

fn generated(
    path: &Path,
    map: Value,
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let model = read::model(path, options, &["_samples"]);
    let map: BTreeMap<String, Vec<Generated>> =
        serde_json::from_value(map).map_err(|e| wrong(path, e))?;
    for (slug, all) in map {
        for (at, one) in (0..).zip(all) {
            let text = program(code_of(&one.completion));
            let mut sample = read::sample(&task_id(&slug), text, at, &model);
            sample.lang = Some("python".to_owned());
            sink.sample(&sample)?;
        }
    }
    Ok(())
}
