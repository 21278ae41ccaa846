//! EvalPlus and EvalPerf.
//!
//! Problems (`HumanEvalPlus.jsonl`, `MbppPlus.jsonl`) have `canonical_solution`, `base_input` and `plus_input`; EvalPerf's
//! have `reference` (the slowest first), `scores` and `pe_input`. Samples are lines with `solution` or `completion`, or
//! folders `HumanEval_0/0.py`. Results have `eval`: of EvalPlus a list of samples with `base_status` and `plus_status`, of
//! EvalPerf a map with `results` and `ref`, whose instruction counts are carried over, so that scores can be compared.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::read::{self, entries, json, lines, wrong};
use super::{ImportError, Options, Sink};
use crate::Status;
use crate::result::{Cost, TestResult};
use crate::task::{Checker, Entry, Role, TestKind};

/// The rule that EvalPerf counts by: the CPU's instructions.
const COUNT_RULE: &str = "cpu.instructions";
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

#[derive(Debug, Deserialize)]
struct Results {
    eval: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct PlusSample {
    solution: String,
    base_status: String,
    #[serde(default)]
    plus_status: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Perf {
    results: Vec<PerfSample>,
    #[serde(rename = "ref")]
    references: Vec<PerfReference>,
}

#[derive(Debug, Deserialize)]
struct PerfSample {
    solution: String,
    pass: bool,
    #[serde(default, rename = "_num_cpu_instructions")]
    instructions: Option<f64>,
    #[serde(default)]
    dps: Option<f64>,
    #[serde(default)]
    dps_norm: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct PerfReference {
    solution: String,
    score: f64,
    #[serde(rename = "_num_cpu_instructions")]
    instructions: Option<f64>,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        match input.extension().and_then(|e| e.to_str()) {
            _ if input.is_dir() => folder(input, options, sink)?,
            Some("json") => results(input, options, sink)?,
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

fn results(path: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let model = read::model(
        path,
        options,
        &[
            "_evalperf_results",
            "_eval_results",
            ".eval_results",
            "-sanitized",
        ],
    );
    let all: Results = json(path)?;
    for (task_id, value) in all.eval {
        let of_task = |e: serde_json::Error| wrong(path, format!("{task_id}: {e}"));
        match value {
            Value::Array(_) => {
                let samples: Vec<PlusSample> = serde_json::from_value(value).map_err(of_task)?;
                for (at, sample) in (0..).zip(samples) {
                    plus_result(&task_id, at, sample, &model, sink)?;
                }
            }
            value => {
                let perf: Perf = serde_json::from_value(value).map_err(of_task)?;
                perf_results(&task_id, perf, &model, sink)?;
            }
        }
    }
    Ok(())
}

fn plus_result(
    task_id: &str,
    sample_id: u64,
    sample: PlusSample,
    model: &str,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let status = |text: &str| match text {
        "pass" => Status::Ok,
        "timeout" => Status::Wall,
        _ => Status::Wrong,
    };
    let base = ("base", status(&sample.base_status));
    let plus = sample
        .plus_status
        .as_deref()
        .map(|text| ("plus", status(text)));
    let tests: Vec<TestResult> = [Some(base), plus]
        .into_iter()
        .flatten()
        .map(|(id, status)| TestResult {
            id: id.to_owned(),
            pass: status == Status::Ok,
            status: (status != Status::Ok).then_some(status),
            ..TestResult::default()
        })
        .collect();
    let first = tests.iter().find_map(|test| test.status);
    let mut result = read::result(task_id, first.unwrap_or(Status::Ok));
    result.sample_id = sample_id;
    result.model = model.to_owned();
    result.tests = tests;
    sink.result(&result)?;
    with_sample(task_id, sample.solution, sample_id, model, sink)
}

fn perf_results(
    task_id: &str,
    perf: Perf,
    model: &str,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let measured = |instructions: Option<f64>, pass: bool| TestResult {
        id: "pe0".to_owned(),
        kind: TestKind::Stress,
        pass,
        status: (!pass).then_some(Status::Wrong),
        cost: Cost {
            instr: instructions.map(|count| count.round() as u64),
            ..Cost::default()
        },
        ..TestResult::default()
    };
    for (at, reference) in perf.references.into_iter().enumerate() {
        if reference.instructions.is_none() {
            sink.warn(format!(
                "{task_id}: EvalPerf did not profile reference {at} (it does so only where needed): scores that need it differ"
            ));
            continue;
        }
        let mut result = read::result(task_id, Status::Ok);
        result.reference = Some(format!("ref{at}"));
        result.sample_id = at as u64;
        result.count_rule = COUNT_RULE.to_owned();
        result.tests = vec![measured(reference.instructions, true)];
        result.scores.insert("dps".to_owned(), reference.score);
        sink.result(&result)?;
        if reference.solution.is_empty() {
            sink.warn(format!("{task_id}: reference {at} has no text"));
        }
    }
    for (at, sample) in (0..).zip(perf.results) {
        let status = if sample.pass {
            Status::Ok
        } else {
            Status::Wrong
        };
        let mut result = read::result(task_id, status);
        result.sample_id = at;
        result.model = model.to_owned();
        result.count_rule = COUNT_RULE.to_owned();
        result.tests = vec![measured(sample.instructions, sample.pass)];
        for (name, score) in [("dps", sample.dps), ("dps_norm", sample.dps_norm)] {
            if let Some(score) = score {
                result.scores.insert(name.to_owned(), score);
            }
        }
        sink.result(&result)?;
        with_sample(task_id, sample.solution, at, model, sink)?;
    }
    Ok(())
}

fn with_sample(
    task_id: &str,
    solution: String,
    sample_id: u64,
    model: &str,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let mut sample = read::sample(task_id, solution, sample_id, model);
    sample.lang = Some("python".to_owned());
    sink.sample(&sample)
}
