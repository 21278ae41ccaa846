//! Library Checker's problem folders.
//!
//! `info.toml` names the tests (`[[tests]]`: `name` of a `.in` or a generator, `number` of cases) and solutions
//! (`[[solutions]]`, with `wrong`). A case is `STEM_NN`: its input is in `in/` and its output in `out/` if somebody generated
//! them, or in `gen/` if it is written by hand. A generator is given the number of the case, so that one generator can be
//! carried over: our "sizes" are then the numbers. Includes of the library's own headers and of `params.h` are resolved,
//! for a program is one file here.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::headers::{Sources, params};
use super::read::{self, wrong};
use super::{ImportError, Options, Sink};
use crate::task::{Checker, Generator, Role, Task, TestKind};

/// Folders above a problem's that are looked through for `common/`.
const LEVELS: usize = 4;

#[derive(Debug, Deserialize)]
struct Info {
    #[serde(default)]
    timelimit: Option<f64>,
    #[serde(default)]
    solution: Option<String>,
    #[serde(default)]
    tests: Vec<Cases>,
    #[serde(default)]
    solutions: Vec<Solution>,
    #[serde(default)]
    params: toml::Table,
}

#[derive(Debug, Deserialize)]
struct Cases {
    name: String,
    number: u64,
}

#[derive(Debug, Deserialize)]
struct Solution {
    name: String,
    #[serde(default)]
    wrong: bool,
    #[serde(default)]
    allow_tle: bool,
    #[serde(default)]
    function: bool,
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        problem(input, options, sink)?;
    }
    Ok(())
}

fn problem(dir: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let path = dir.join("info.toml");
    let info: Info = toml::from_str(&read::text(&path)?).map_err(|e| wrong(&path, e))?;
    let full = fs::canonicalize(dir).map_err(|e| wrong(dir, e))?;
    let name = read::name(&full);
    let sources = Sources {
        common: full
            .ancestors()
            .take(LEVELS)
            .map(|dir| dir.join("common"))
            .find(|dir| dir.is_dir()),
        params: params(&info.params),
        dir: full,
    };
    let mut task = read::task(format!("library-checker/{name}"), "cpp");
    if let Some(seconds) = info.timelimit {
        sink.warn(format!(
            "{name}: its time limit of {seconds} s is for native programs, and is not carried over"
        ));
    }
    let statement = dir.join("task.md");
    if statement.exists() {
        task.prompt = read::text(&statement)?;
    }
    task.checker = checker(dir, &name, sink)?;
    tests(&mut task, &info, &name, &sources, sink)?;
    solutions(&mut task, &info, &name, &sources, options, sink)?;
    if task.references.is_empty() {
        sink.warn(format!("{name}: there is no correct solution in sol/"));
    }
    sink.task(&task)
}

fn tests(
    task: &mut Task,
    info: &Info,
    name: &str,
    sources: &Sources,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for cases in &info.tests {
        let file = plain(&cases.name, &sources.dir.join("info.toml"))?;
        let stem = read::stem(file);
        let mut missing = 0u64;
        for i in 0..cases.number {
            let case = format!("{stem}_{i:02}");
            let inputs = ["in", "gen"].map(|dir| sources.dir.join(dir).join(format!("{case}.in")));
            let Some(input) = inputs.iter().find(|path| path.exists()) else {
                missing = cases.number - i;
                break;
            };
            let mut test = read::test(case.clone(), TestKind::Correct);
            test.stdin = read::text(input)?;
            let output = sources.dir.join("out").join(format!("{case}.out"));
            match output.exists() {
                true => test.expected = Some(read::text(&output)?.into()),
                false => sink.warn(format!(
                    "{name}: there is no out/{case}.out (and maybe others); the expected output is what the best reference gives"
                )),
            }
            task.tests.push(test);
        }
        let generator = sources.dir.join("gen").join(file);
        match file.extension().and_then(|e| e.to_str()) {
            _ if missing == 0 => {}
            Some("cpp") if generator.exists() && task.generator.is_none() => {
                let target = Path::new("generators").join(name).join(file);
                let program = sources.flat(&generator, name, sink)?;
                sink.file(&target, program.as_bytes())?;
                task.generator = Some(Generator {
                    source: target.to_string_lossy().into_owned(),
                    lang: Some("cpp".to_owned()),
                    sizes: (cases.number - missing..cases.number).collect(),
                    seed: 0,
                });
            }
            _ => sink.warn(format!(
                "{name}: {missing} tests of {} are left out: they are not generated, and a task has one generator",
                cases.name
            )),
        }
    }
    Ok(())
}

fn solutions(
    task: &mut Task,
    info: &Info,
    name: &str,
    sources: &Sources,
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let sol = sources.dir.join("sol");
    if !sol.is_dir() {
        return Ok(());
    }
    let correct = info.solution.as_deref().unwrap_or("correct.cpp");
    for path in read::entries(&sol)? {
        let file = read::name(&path);
        let known = info.solutions.iter().find(|known| known.name == file);
        let Some(lang) = read::lang(&path) else {
            sink.warn(format!(
                "{name}: sol/{file} is of no known language; left out"
            ));
            continue;
        };
        if known.is_some_and(|known| known.function) {
            sink.warn(format!(
                "{name}: sol/{file} is a function for grader/, and is left out"
            ));
            continue;
        }
        let program = sources.flat(&path, name, sink)?;
        let is_correct = known.is_none_or(|known| !known.wrong && !known.allow_tle);
        if is_correct {
            let role = (file == correct).then_some(Role::Canonical);
            let mut reference = read::reference(read::stem(&path), &program, role);
            reference.lang = (lang != task.lang).then(|| lang.to_owned());
            task.references.push(reference);
        } else {
            let model = options.model.clone().unwrap_or_else(|| read::stem(&path));
            let mut sample = read::sample(&task.task_id, program, 0, &model);
            sample.lang = (lang != task.lang).then(|| lang.to_owned());
            sink.sample(&sample)?;
        }
    }
    Ok(())
}

/// Ours that does what `checker.cpp` does, if it is one of testlib's own.
fn checker(dir: &Path, name: &str, sink: &mut Sink) -> Result<Checker, ImportError> {
    let path = dir.join("checker.cpp");
    if !path.exists() {
        return Ok(Checker::Tokens);
    }
    let text = read::text(&path)?;
    let words = [
        "compare sequences of tokens",
        "compare ordered sequences of signed int",
    ];
    if words.iter().any(|mark| text.contains(mark)) {
        return Ok(Checker::Tokens);
    }
    if text.contains("compare files as sequence of lines") {
        return Ok(Checker::Exact);
    }
    if text.contains("compare two sequences of doubles") {
        let epsilon = text.split("EPS").nth(1).and_then(|rest| {
            let number = rest.trim_start().strip_prefix('=')?;
            number.split(';').next()?.trim().parse().ok()
        });
        if let Some(epsilon) = epsilon {
            return Ok(Checker::Float {
                abs: epsilon,
                rel: epsilon,
            });
        }
    }
    sink.warn(format!(
        "{name}: checker.cpp is not carried over; outputs are compared word by word, so that right ones can be taken for wrong"
    ));
    Ok(Checker::Tokens)
}

/// A name in `info.toml` is that of a file, never a way out of the folder.
fn plain<'n>(name: &'n str, info: &Path) -> Result<&'n Path, ImportError> {
    let path = Path::new(name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(path),
        _ => Err(wrong(info, format!("`{name}` is no file name"))),
    }
}
