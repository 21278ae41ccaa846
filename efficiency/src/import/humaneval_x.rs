//! HumanEval-X in C++, Rust and Go (and Python).
//!
//! Problems have `prompt`, `canonical_solution` and `test` (Go's `test_setup` and `import`, too); generations have
//! `generation` or `completion`. A program is the prompt, what continues it, and the test as `main`, as the origin puts them
//! together: it reads nothing, and fails by its exit. So samples are whole programs, and a completion of a
//! task's prompt alone cannot be judged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::read::{self, lines};
use super::{ImportError, Options, Sink, go, rust};
use crate::task::{Checker, Role, TestKind};

/// Headers that the origin puts before every C++ program that does not have them.
const CPP_HEADERS: [&str; 9] = [
    "#include<stdlib.h>",
    "#include<algorithm>",
    "#include<math.h>",
    "#include<stdio.h>",
    "#include<vector>",
    "#include<string>",
    "#include<climits>",
    "#include<cstring>",
    "#include<iostream>",
];
/// Modules that the origin puts before every Python program.
const PYTHON_HEADER: &str = "import math\nimport re\nimport sys\nimport copy\nimport datetime\nimport itertools\nimport collections\n\
import heapq\nimport statistics\nimport functools\nimport hashlib\nimport numpy\nimport numpy as np\nimport string\n\
from typing import *\nfrom collections import *\n";

/// A line of either file.
#[derive(Debug, Deserialize)]
struct Line {
    task_id: String,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    canonical_solution: Option<String>,
    #[serde(default)]
    test: String,
    #[serde(default)]
    import: String,
    #[serde(default)]
    test_setup: String,
    #[serde(default)]
    generation: Option<String>,
    #[serde(default)]
    completion: Option<String>,
}

/// What a program is made of.
pub(super) struct Problem {
    pub task_id: String,
    lang: Lang,
    pub prompt: String,
    pub test: String,
    pub import: String,
    pub test_setup: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lang {
    Cpp,
    Rust,
    Go,
    Python,
}

impl Lang {
    /// Of a task's name: `CPP/0`.
    fn of(task_id: &str) -> Option<Lang> {
        match task_id.split('/').next()?.to_lowercase().as_str() {
            "cpp" => Some(Lang::Cpp),
            "rust" => Some(Lang::Rust),
            "go" => Some(Lang::Go),
            "python" => Some(Lang::Python),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Lang::Cpp => "cpp",
            Lang::Rust => "rust",
            Lang::Go => "go",
            Lang::Python => "python",
        }
    }
}

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let mut problems: HashMap<String, Problem> = HashMap::new();
    for input in inputs {
        for line in of_file(input)? {
            let line = line?;
            let Some(canonical) = line.canonical_solution.clone() else {
                continue;
            };
            match Lang::of(&line.task_id) {
                Some(lang) => {
                    let problem = Problem::of(line, lang);
                    one_problem(&problem, &canonical, sink)?;
                    problems.insert(problem.task_id.clone(), problem);
                }
                None => sink.warn(format!("{}: its language is not imported", line.task_id)),
            }
        }
    }
    for input in inputs {
        let model = read::model(input, options, &[".jsonl"]);
        let mut next_ids: HashMap<String, u64> = HashMap::new();
        for line in of_file(input)? {
            let line = line?;
            let Some(code) = line.generation.or(line.completion) else {
                continue;
            };
            let Some(problem) = problems.get(&line.task_id) else {
                sink.warn(format!(
                    "{}: its problem is in none of the inputs; left out",
                    line.task_id
                ));
                continue;
            };
            let prompt = line.prompt.as_deref().unwrap_or(&problem.prompt);
            let program = problem.program(prompt, &code, sink);
            let next = next_ids.entry(line.task_id.clone()).or_default();
            sink.sample(&read::sample(&line.task_id, program, *next, &model))?;
            *next += 1;
        }
    }
    Ok(())
}

fn of_file(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Line, ImportError>> + use<>, ImportError> {
    let lines = lines::<Line>(path)?;
    Ok(lines.map(|line| match line {
        Ok((_, line)) => Ok(line),
        Err(e) => Err(ImportError::Input(format!("failed to {e}"))),
    }))
}

fn one_problem(problem: &Problem, canonical: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let mut task = read::task(problem.task_id.clone(), problem.lang.name());
    task.prompt = problem.prompt.clone();
    // It asserts, so that its exit is all that counts; what a program prints is not looked at, as there.
    task.checker = Checker::Any;
    let test = read::test("test".to_owned(), TestKind::Correct);
    task.tests.push(test);
    let program = problem.program(&problem.prompt, canonical, sink);
    let role = Some(Role::Canonical);
    task.references
        .push(read::reference("canonical".to_owned(), &program, role));
    sink.task(&task)
}

impl Problem {
    fn of(line: Line, lang: Lang) -> Problem {
        Problem {
            task_id: line.task_id,
            lang,
            prompt: line.prompt.unwrap_or_default(),
            test: line.test,
            import: line.import,
            test_setup: line.test_setup,
        }
    }

    /// The whole of it.
    fn program(&self, prompt: &str, code: &str, sink: &mut Sink) -> String {
        match self.lang {
            Lang::Cpp => self.cpp(prompt, code, sink),
            Lang::Rust => rust::program(self, prompt, code, sink),
            Lang::Go => go::program(self, prompt, code, sink),
            Lang::Python => format!("{PYTHON_HEADER}{prompt}{code}\n{}\n", self.test),
        }
    }

    fn cpp(&self, prompt: &str, code: &str, sink: &mut Sink) -> String {
        for library in ["boost/", "openssl/"] {
            if prompt.contains(library) {
                sink.warn(format!(
                    "{}: its prompt includes {library}, which toolchains for Wasm do not have",
                    self.task_id
                ));
            }
        }
        let headers = CPP_HEADERS
            .iter()
            .filter(|header| !prompt.contains(*header));
        let headers: String = headers.map(|header| format!("{header}\n")).collect();
        format!("{headers}\n{prompt}{code}\n{}", self.test)
    }
}
