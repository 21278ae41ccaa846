//! Tasks and samples of what tools are given.

use probity_efficiency::sample::Sample;
use probity_efficiency::task::{Checker, Task, Test, TestKind};

use super::input;

/// Texts that are longer are no programs.
const PROGRAM_BYTES: usize = 1 << 20;
/// Tests and sizes that one call may bring.
pub const TESTS: usize = 1000;

pub fn lang(given: Option<&str>, task: Option<&Task>) -> Result<String, String> {
    match (given, task) {
        (Some(lang), _) => Ok(lang.to_owned()),
        (None, Some(task)) => Ok(task.lang.clone()),
        (None, None) => Err("there is no lang: give one, or a task_id".to_owned()),
    }
}

/// A task without anything in it.
pub fn blank(lang: &str) -> Result<Task, String> {
    let task = serde_json::json!({"task_id": "tests", "lang": lang});
    serde_json::from_value(task).map_err(|e| e.to_string())
}

pub fn task_of(lang: &str, tests: &[input::Test]) -> Result<Task, String> {
    if tests.len() > TESTS {
        return Err(format!("{} tests; at most {TESTS} are run", tests.len()));
    }
    let mut task = blank(lang)?;
    for (i, given) in tests.iter().enumerate() {
        let mut test = test(format!("t{i}"), &given.stdin, given.size);
        test.expected = given.expected.clone().map(Into::into);
        task.tests.push(test);
    }
    if tests.is_empty() {
        task.tests.push(test("t0".to_owned(), "", None));
    }
    match task
        .tests
        .iter()
        .filter(|test| test.expected.is_none())
        .count()
    {
        0 => {}
        count if count == task.tests.len() => free(&mut task),
        _ => return Err("give `expected` for all tests or for none".to_owned()),
    }
    Ok(task)
}

pub fn test(id: String, stdin: &str, size: Option<u64>) -> Test {
    Test {
        id,
        stdin: stdin.to_owned(),
        args: Vec::new(),
        expected: None,
        kind: TestKind::Correct,
        size,
        level: None,
    }
}

/// Has any output be right.
pub fn free(task: &mut Task) {
    task.checker = Checker::Any;
    task.references.clear();
    for test in &mut task.tests {
        test.expected = Some("".into());
    }
}

pub fn sample(program: &str, lang: &str) -> Result<Sample, String> {
    if program.len() > PROGRAM_BYTES {
        return Err(format!(
            "a program of {} bytes; at most {PROGRAM_BYTES} are taken",
            program.len()
        ));
    }
    Ok(Sample {
        task_id: String::new(),
        solution: Some(program.to_owned()),
        path: None,
        completion: None,
        wasm: None,
        lang: Some(lang.to_owned()),
        sample_id: None,
        model: None,
    })
}
