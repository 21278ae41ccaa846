//! EvalPlus and EvalPerf.
//!
//! Problems (`HumanEvalPlus.jsonl`, `MbppPlus.jsonl`) have `canonical_solution`, `base_input` and `plus_input`; EvalPerf's
//! have `reference` (the slowest first), `scores` and `pe_input`. Samples are lines with `solution` or `completion`, or
//! folders `HumanEval_0/0.py`. Results have `eval`: of EvalPlus a list of samples with `base_status` and `plus_status`, of
//! EvalPerf a map with `results` and `ref`, whose instruction counts are carried over, so that scores can be compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::read::{self, entries, lines, wrong};
use super::{ImportError, Options, Sink, evalplus_results};
use crate::task::{Checker, Entry, Role, TestKind};

/// Problems that EvalPlus checks by rules of its own, by entry point.
const SPECIAL: [&str; 14] = [
    "find_zero",
    "similar_elements",
    "find_char_long",
    "common_in_nested_lists",
    "extract_singly",
    "larg_nnum",
    "intersection_array",
    "find_dissimilar",
    "Diff",
    "check_str",
    "text_match_three",
    "text_starta_endb",
    "are_equivalent",
    "sum_div",
];

/// A line of any of their files.
#[derive(Debug, Deserialize)]
struct Line {
    task_id: String,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    entry_point: Option<String>,
    #[serde(default)]
    canonical_solution: Option<String>,
    #[serde(default)]
    base_input: Value,
    #[serde(default)]
    plus_input: Value,
    #[serde(default)]
    atol: Value,
    #[serde(default)]
    reference: Vec<String>,
    #[serde(default)]
    pe_input: Value,
    #[serde(default)]
    solution: Option<String>,
    #[serde(default)]
    completion: Option<String>,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        match input.extension().and_then(|e| e.to_str()) {
            _ if input.is_dir() => folder(input, options, sink)?,
            Some("json") => evalplus_results::read(input, options, sink)?,
            _ => file_of_lines(input, options, sink)?,
        }
    }
    Ok(())
}

fn file_of_lines(path: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let model = read::model(path, options, &["-sanitized", "_sanitized"]);
    let mut next_ids: HashMap<String, u64> = HashMap::new();
    for line in lines::<Line>(path)? {
        let (number, line) = line.map_err(|e| ImportError::Input(format!("failed to {e}")))?;
        if line.canonical_solution.is_some() || !line.reference.is_empty() {
            problem(line, sink)?;
        } else {
            let task_id = line.task_id.replace('_', "/");
            let next = next_ids.entry(task_id.clone()).or_default();
            let mut sample = read::sample(&task_id, String::new(), *next, &model);
            *next += 1;
            sample.solution = line.solution;
            sample.completion = line.completion;
            if sample.solution.is_none() && sample.completion.is_none() {
                return Err(wrong(
                    path,
                    format!(
                        "line {number} has neither `solution` nor `completion`, and no `canonical_solution` or `reference`"
                    ),
                ));
            }
            if sample.solution.is_some() {
                sample.completion = None;
            }
            sample.lang = Some("python".to_owned());
            sink.sample(&sample)?;
        }
    }
    Ok(())
}

fn problem(line: Line, sink: &mut Sink) -> Result<(), ImportError> {
    let mut task = read::task(line.task_id.clone(), "python");
    let Some(entry_point) = line.entry_point else {
        sink.warn(format!(
            "{}: it has no `entry_point`; left out",
            line.task_id
        ));
        return Ok(());
    };
    if SPECIAL.contains(&entry_point.as_str()) {
        sink.warn(format!(
            "{}: EvalPlus checks `{entry_point}` by a rule of its own, which is not carried over; results are compared as they are",
            line.task_id
        ));
    }
    if line.task_id.starts_with("Mbpp") {
        sink.warn(
            "MBPP: arguments that EvalPlus turns into tuples, sets or complex numbers are lists"
                .to_owned(),
        );
    }
    task.entry = Entry::Func(entry_point);
    task.prompt = line.prompt.clone();
    if let Some(atol) = line.atol.as_f64().filter(|atol| *atol > 0.0) {
        task.checker = Checker::Float {
            abs: atol,
            rel: 1e-7,
        };
    }
    for (set, inputs, kind) in [
        ("base", &line.base_input, TestKind::Correct),
        ("plus", &line.plus_input, TestKind::Correct),
        ("pe", &line.pe_input, TestKind::Stress),
    ] {
        let Some(inputs) = argument_lists(inputs) else {
            sink.warn(format!(
                "{}: its {set} inputs are no list of arguments; left out",
                line.task_id
            ));
            continue;
        };
        for (at, args) in inputs.into_iter().enumerate() {
            let mut test = read::test(format!("{set}{at}"), kind);
            test.args = args;
            task.tests.push(test);
        }
    }
    if let Some(canonical) = &line.canonical_solution {
        let program = format!("{}{canonical}", line.prompt);
        let role = Some(Role::Canonical);
        task.references
            .push(read::reference("canonical".to_owned(), &program, role));
    }
    for (at, program) in line.reference.iter().enumerate() {
        task.references
            .push(read::reference(format!("ref{at}"), program, None));
    }
    if !line.reference.is_empty() {
        sink.warn("EvalPerf: the references' scores are not part of tasks; DPS clusters the references anew".to_owned());
    }
    sink.task(&task)
}

/// A list of lists of arguments, or that as text; absent is empty.
fn argument_lists(value: &Value) -> Option<Vec<Vec<Value>>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => argument_lists(&serde_json::from_str(text).ok()?),
        Value::Array(lists) => {
            let lists = lists.iter().map(|list| list.as_array().cloned());
            lists.collect()
        }
        _ => None,
    }
}

/// `HumanEval_0/0.py`.
fn folder(dir: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let model = options.model.clone().unwrap_or_else(|| read::name(dir));
    for task_dir in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
        let task_id = read::name(&task_dir).replacen('_', "/", 1);
        for (at, path) in (0..).zip(entries(&task_dir)?) {
            if read::lang(&path) != Some("python") {
                sink.warn(format!(
                    "{}: it is no Python program; left out",
                    path.display()
                ));
                continue;
            }
            let number = read::stem(&path).parse().unwrap_or(at);
            let mut sample = read::sample(&task_id, read::text(&path)?, number, &model);
            sample.lang = Some("python".to_owned());
            sink.sample(&sample)?;
        }
    }
    Ok(())
}
