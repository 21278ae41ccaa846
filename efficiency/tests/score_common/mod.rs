//! Results made by hand for tests of scores.
#![allow(dead_code)] // each test file uses its part

use probity_efficiency::result::{Cost, SampleResult, TestResult};
use probity_efficiency::score::board::{Board, BoardFormat};
use probity_efficiency::score::{Bootstrap, Outputs, Results, Settings, parse};
use probity_efficiency::task::{Role, Task};
use probity_efficiency::{Column, Status};
use serde_json::json;

/// A correct sample of model `m` with one test for each cost.
pub fn sample(task: &str, id: u64, costs: &[u64]) -> SampleResult {
    let line = json!({
        "schema": 1, "task_id": task, "sample_id": id, "model": "m", "status": "ok"
    });
    let mut result: SampleResult = serde_json::from_value(line).unwrap();
    result.tests = (0..)
        .zip(costs)
        .map(|(at, cost)| test(&format!("t{at}"), *cost))
        .collect();
    result
}

pub fn test(id: &str, fuel: u64) -> TestResult {
    TestResult {
        id: id.to_owned(),
        pass: true,
        cost: Cost {
            fuel: Some(fuel),
            ..Cost::default()
        },
        ..TestResult::default()
    }
}

/// A sample that did not pass.
pub fn failed(task: &str, id: u64, status: Status) -> SampleResult {
    let mut result = sample(task, id, &[1]);
    result.status = status;
    result.tests[0].pass = false;
    result.tests[0].status = Some(status);
    result
}

/// A correct reference.
pub fn reference(task: &str, name: &str, role: Option<Role>, costs: &[u64]) -> SampleResult {
    let mut result = sample(task, 0, costs);
    result.model = String::new();
    result.reference = Some(name.to_owned());
    result.role = role;
    result
}

/// As model `model`.
pub fn by(model: &str, mut result: SampleResult) -> SampleResult {
    result.model = model.to_owned();
    result
}

pub struct Asked<'a> {
    pub lines: &'a [SampleResult],
    pub tasks: Vec<Task>,
    pub outputs: Option<&'a Outputs>,
    pub settings: Settings,
    pub bootstrap: Bootstrap,
}

impl<'a> Asked<'a> {
    pub fn of(lines: &'a [SampleResult]) -> Asked<'a> {
        Asked {
            lines,
            tasks: Vec::new(),
            outputs: None,
            settings: Settings::default(),
            bootstrap: Bootstrap::default(),
        }
    }

    pub fn board(&self, names: &str) -> Board {
        let mut results = Results::new(self.settings.column);
        let tasks: String = self
            .tasks
            .iter()
            .map(|task| serde_json::to_string(task).unwrap() + "\n")
            .collect();
        let tasks =
            probity_efficiency::jsonl::Lines::new("tasks".as_ref(), std::io::Cursor::new(tasks));
        results.read_tasks(tasks).unwrap();
        for line in self.lines {
            results.add(line.clone());
        }
        let mut metrics = Vec::new();
        for name in names.split(',') {
            metrics.extend(parse(name, &self.settings).unwrap());
        }
        Board::of_results(
            &results,
            self.outputs,
            &metrics,
            self.settings.column,
            self.bootstrap,
        )
    }

    /// The one score of model `m`.
    pub fn score(&self, name: &str) -> Option<f64> {
        let board = self.board(name);
        let row = board.rows.iter().find(|row| row.model == "m")?;
        assert_eq!(row.cells.len(), 1, "{name}");
        row.cells[0].value
    }
}

/// The score of model `m` in the default column, with k = 1 where it is not in the name.
pub fn score(name: &str, lines: &[SampleResult]) -> Option<f64> {
    Asked::of(lines).score(name)
}

/// The same for another k.
pub fn score_k(name: &str, k: u64, lines: &[SampleResult]) -> Option<f64> {
    let mut asked = Asked::of(lines);
    asked.settings.k = vec![k];
    asked.score(name)
}

#[track_caller]
pub fn close(got: Option<f64>, expected: f64) {
    let got = got.expect("a score");
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{got} is not {expected}"
    );
}

pub fn written(board: &Board, format: BoardFormat) -> String {
    let mut bytes = Vec::new();
    board.write(format, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub fn in_column(column: Column) -> Settings {
    Settings { column, k: vec![1] }
}
