//! What EvalPlus and EvalPerf found: statuses, and the CPU instructions that EvalPerf counted, so that its scores can be
//! computed from them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::read::{self as made, json, wrong};
use super::{ImportError, Options, Sink};
use crate::Status;
use crate::result::{Cost, TestResult};
use crate::task::TestKind;

/// The rule that EvalPerf counts by: the CPU's instructions.
const COUNT_RULE: &str = "cpu.instructions";

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

/// Takes a file of results, and the samples in it.
pub(super) fn read(path: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let model = made::model(
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
    let mut result = made::result(task_id, first.unwrap_or(Status::Ok));
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
        let mut result = made::result(task_id, Status::Ok);
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
        let mut result = made::result(task_id, status);
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
    let mut sample = made::sample(task_id, solution, sample_id, model);
    sample.lang = Some("python".to_owned());
    sink.sample(&sample)
}
