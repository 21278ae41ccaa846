//! PIE: pairs of programs for one problem, the second being faster.
//!
//! Lines have `problem_id`, `src_id`, `tgt_id`, `src_code`, `tgt_code`, `tests` (numbers of test cases) and, of models,
//! `generated_answers`: a program or a list. (Its first version calls the programs `input` and `target`, and the ids
//! `submission_id_v0` and `submission_id_v1`.) Test cases are `PROBLEM/input.N.txt` and `output.N.txt` in a folder beside.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::read::{self, entries, lines, wrong};
use super::{ImportError, Options, Sink};
use crate::task::{Checker, Role, Task, TestKind};

/// PIE takes numbers as equal that differ by less.
const TOLERANCE: f64 = 1e-3;

#[derive(Debug, Deserialize)]
struct Pair {
    problem_id: String,
    #[serde(default, alias = "submission_id_v0")]
    src_id: Option<String>,
    #[serde(default, alias = "submission_id_v1")]
    tgt_id: Option<String>,
    #[serde(alias = "input")]
    src_code: String,
    #[serde(default, alias = "target")]
    tgt_code: Option<String>,
    #[serde(default)]
    tests: Option<Vec<u64>>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    generated_answers: Value,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        inputs.iter().partition(|input| input.is_dir());
    if files.is_empty() {
        return Err(ImportError::Input(
            "failed to import: there is no JSONL file of pairs among the inputs".to_owned(),
        ));
    }
    for file in files {
        let model = read::model(file, options, &[]);
        for line in lines::<Pair>(file)? {
            let (number, pair) = line.map_err(|e| ImportError::Input(format!("failed to {e}")))?;
            pair_of(file, number, pair, &folders, &model, sink)?;
        }
    }
    Ok(())
}

fn pair_of(
    file: &Path,
    number: u64,
    pair: Pair,
    folders: &[&PathBuf],
    model: &str,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| number.to_string());
    let task_id = match &pair.tgt_id {
        Some(tgt) => format!("pie/{}/{}-{tgt}", pair.problem_id, id(&pair.src_id)),
        None => format!("pie/{}/{}", pair.problem_id, id(&pair.src_id)),
    };
    if Path::new(&pair.problem_id).components().count() != 1 || pair.problem_id.contains("..") {
        return Err(wrong(
            file,
            format!("line {number}: `{}` is no problem's name", pair.problem_id),
        ));
    }
    let lang = match pair.language.as_deref().map(str::to_lowercase).as_deref() {
        None | Some("c++" | "cpp") => "cpp",
        Some("c") => "c",
        Some("python") => "python",
        Some("rust") => "rust",
        Some(other) => {
            sink.warn(format!("{task_id}: its language is {other}"));
            other
        }
    }
    .to_owned();
    let mut task = read::task(task_id.clone(), &lang);
    task.checker = Checker::Float {
        abs: TOLERANCE,
        rel: 0.0,
    };
    let base = read::reference("src".to_owned(), &pair.src_code, Some(Role::Base));
    task.references.push(base);
    if let Some(target) = &pair.tgt_code {
        let expert = read::reference("tgt".to_owned(), target, Some(Role::Expert));
        task.references.push(expert);
    }
    match folders
        .iter()
        .find(|dir| dir.join(&pair.problem_id).is_dir())
    {
        Some(dir) => tests(&mut task, &dir.join(&pair.problem_id), pair.tests, sink)?,
        None => sink.warn(format!(
            "{task_id}: there are no test cases of {}",
            pair.problem_id
        )),
    }
    sink.task(&task)?;
    let answers = match pair.generated_answers {
        Value::Null => Vec::new(),
        Value::Array(answers) => answers,
        Value::String(text) if text.starts_with('[') && text.ends_with(']') => {
            match serde_json::from_str(&text) {
                Ok(answers) => answers,
                Err(_) => {
                    sink.warn(format!("{task_id}: its `generated_answers` are a list as Python writes it, which is not read"));
                    Vec::new()
                }
            }
        }
        one => vec![one],
    };
    for (at, answer) in (0..).zip(answers) {
        match answer {
            Value::String(program) => sink.sample(&read::sample(&task_id, program, at, model))?,
            _ => sink.warn(format!("{task_id}: generated answer {at} is no program")),
        }
    }
    Ok(())
}

/// Those that the pair names; all if it names none.
fn tests(
    task: &mut Task,
    dir: &Path,
    chosen: Option<Vec<u64>>,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let number = |path: &PathBuf| {
        let name = read::name(path);
        let number = name.strip_prefix("input.")?.strip_suffix(".txt")?;
        number.parse::<u64>().ok()
    };
    let chosen = match chosen {
        Some(chosen) => chosen,
        None => entries(dir)?.iter().filter_map(number).collect(),
    };
    for n in chosen {
        let input = dir.join(format!("input.{n}.txt"));
        let output = dir.join(format!("output.{n}.txt"));
        if let Some(missing) = [&input, &output].into_iter().find(|path| !path.exists()) {
            sink.warn(format!(
                "{}: test {n} is left out, there is no {}",
                task.task_id,
                missing.display()
            ));
            continue;
        }
        let mut test = read::test(n.to_string(), TestKind::Correct);
        test.stdin = read::text(&input)?;
        test.expected = Some(Value::String(read::text(&output)?));
        task.tests.push(test);
    }
    Ok(())
}
