//! COFFE.
//!
//! Everything there is keyed by the prompt, which is a whole text; here a task's name is the beginning of its SHA-256. A data
//! set's folder has `data.json` (a list with `final_prompt`, and `entry_point` where a function is asked for),
//! `testcases.json` and `stressful_testcases.json` (lists of `input` and `output`), `best_solutions.json` (a program with
//! how it takes input) and `solutions.json` (`prompt2groundtruth`: lists of these). Predictions are `[outputs, valid]`, what
//! COFFE made of them (`*_SOLUTIONS.json`) lists of `[program, io]`, where a program of -1 is no program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::read::{self, json, wrong};
use super::{ImportError, Options, Sink};
use crate::task::{Entry, Role, Task, TestKind};

type ByPrompt = BTreeMap<String, Value>;

#[derive(Debug, Deserialize)]
struct Instance {
    final_prompt: String,
    #[serde(default)]
    entry_point: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Solutions {
    #[serde(default)]
    prompt2groundtruth: ByPrompt,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        match input.is_dir() {
            true => data_set(input, sink)?,
            false => predictions(input, options, sink)?,
        }
    }
    Ok(())
}

/// The name of the task of a prompt.
fn task_id(prompt: &str) -> String {
    let hash = Sha256::digest(prompt.as_bytes());
    let head: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("coffe/{head}")
}

fn data_set(dir: &Path, sink: &mut Sink) -> Result<(), ImportError> {
    let path = dir.join("data.json");
    let instances: Vec<Instance> = json(&path)?;
    let optional = |name: &str| -> Result<ByPrompt, ImportError> {
        let path = dir.join(name);
        if path.exists() {
            json(&path)
        } else {
            Ok(ByPrompt::new())
        }
    };
    let correct = optional("testcases.json")?;
    let stress = optional("stressful_testcases.json")?;
    let best = optional("best_solutions.json")?;
    let solutions = dir.join("solutions.json");
    let solutions = match solutions.exists() {
        true => json(&solutions)?,
        false => Solutions::default(),
    };
    for (name, is_there) in [
        ("testcases.json", !correct.is_empty()),
        ("stressful_testcases.json", !stress.is_empty()),
        ("best_solutions.json", !best.is_empty()),
    ] {
        if !is_there {
            sink.warn(format!("{}: there is no {name}", dir.display()));
        }
    }
    for instance in instances {
        let prompt = &instance.final_prompt;
        let mut task = read::task(task_id(prompt), "python");
        task.prompt = prompt.clone();
        if let Some(entry_point) = instance.entry_point.filter(|name| !name.is_empty()) {
            task.entry = Entry::Func(entry_point);
        }
        tests(&mut task, correct.get(prompt), "t", TestKind::Correct, sink);
        tests(&mut task, stress.get(prompt), "s", TestKind::Stress, sink);
        if let Some(program) = best.get(prompt).and_then(program) {
            let role = Some(Role::Expert);
            task.references
                .push(read::reference("best".to_owned(), program, role));
        }
        let others = solutions.prompt2groundtruth.get(prompt);
        let others = others.and_then(Value::as_array).into_iter().flatten();
        for (at, solution) in others.enumerate() {
            if let Some(program) = program(solution) {
                task.references
                    .push(read::reference(format!("gt{at}"), program, None));
            }
        }
        sink.task(&task)?;
    }
    Ok(())
}

/// The program of `[program, io]`, or of a bare text; -1 is none.
fn program(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(pair) => pair.first()?.as_str(),
        _ => None,
    }
}

fn tests(task: &mut Task, cases: Option<&Value>, prefix: &str, kind: TestKind, sink: &mut Sink) {
    let cases = cases.and_then(Value::as_array).into_iter().flatten();
    for (at, case) in cases.enumerate() {
        let id = format!("{prefix}{at}");
        let Some(input) = case.get("input") else {
            // STGen's other format: a function that makes the input.
            sink.warn(format!(
                "{}: test {id} has no `input` (a generator in Python is not carried over)",
                task.task_id
            ));
            continue;
        };
        let mut test = read::test(id, kind);
        let output = case.get("output").filter(|output| !output.is_null());
        match task.entry {
            Entry::Stdio => {
                test.stdin = joined(input);
                test.expected = output.map(|output| Value::String(joined(output)));
            }
            Entry::Func(_) => {
                test.args = match input {
                    Value::Array(args) => args.clone(),
                    one => vec![one.clone()],
                };
                // One result is in a list, as the arguments are.
                test.expected = output.map(|output| match output.as_array().map(Vec::as_slice) {
                    Some([one]) => one.clone(),
                    _ => output.clone(),
                });
            }
        }
        task.tests.push(test);
    }
}

/// Text, or lines of it.
fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => {
            let lines: Vec<String> = lines.iter().map(joined).collect();
            lines.join("\n")
        }
        other => other.to_string(),
    }
}

fn predictions(path: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let model = read::model(path, options, &["_PASSED_SOLUTIONS", "_SOLUTIONS"]);
    let all: ByPrompt = json(path)?;
    for (prompt, value) in all {
        let task_id = task_id(&prompt);
        let Some(values) = value.as_array() else {
            return Err(wrong(
                path,
                format!("a prompt's value is no list ({task_id})"),
            ));
        };
        let programs = match values.as_slice() {
            [outputs, Value::Bool(is_valid)] => {
                if !is_valid {
                    sink.warn(format!("{task_id}: {model} gave no valid output"));
                    continue;
                }
                sink.warn("raw outputs: a program is what its first ``` fence holds, or all of it; COFFE's own extraction can differ".to_owned());
                raw_outputs(outputs)
            }
            solutions => solutions
                .iter()
                .map(|s| program(s).map(str::to_owned))
                .collect(),
        };
        for (at, program) in (0..).zip(programs) {
            let Some(program) = program else {
                sink.warn(format!("{task_id}: sample {at} of {model} is no program"));
                continue;
            };
            let mut sample = read::sample(&task_id, program, at, &model);
            sample.lang = Some("python".to_owned());
            sink.sample(&sample)?;
        }
    }
    Ok(())
}

fn raw_outputs(outputs: &Value) -> Vec<Option<String>> {
    match outputs {
        Value::String(text) => vec![Some(fenced(text))],
        Value::Array(texts) => texts.iter().map(|t| t.as_str().map(fenced)).collect(),
        _ => vec![None],
    }
}

/// What is between the first fence and the next, or all if there is none. COFFE's prompts end in an opened fence, so text
/// before a lone fence is the program.
fn fenced(text: &str) -> String {
    let mut parts = text.split("```");
    let (before, inside) = (parts.next().unwrap_or(""), parts.next());
    let has_end = parts.next().is_some();
    match inside {
        None => text.to_owned(),
        Some(inside) if has_end || before.trim().is_empty() => {
            let inside = inside.strip_prefix("python").unwrap_or(inside);
            inside.trim_start_matches('\n').to_owned()
        }
        Some(_) => before.to_owned(),
    }
}

#[cfg(test)]
mod tests_of_fences {
    use super::*;

    #[test]
    fn programs_in_fences() {
        assert_eq!(fenced("a\n"), "a\n");
        assert_eq!(fenced("Here:\n```python\nx = 1\n```\nDone."), "x = 1\n");
        assert_eq!(fenced("```\nx\n"), "x\n");
        assert_eq!(fenced("x = 1\n```"), "x = 1\n");
    }
}
