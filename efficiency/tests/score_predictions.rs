//! Predictions against the truth, and reranking by outputs.
mod score_common;

use probity_efficiency::Status;
use probity_efficiency::jsonl::Lines;
use probity_efficiency::score::board::Board;
use probity_efficiency::score::reval::pattern;
use probity_efficiency::score::{Answers, Bootstrap, Outputs, Settings, parse};
use score_common::*;

fn lines<T: serde::de::DeserializeOwned>(text: &str) -> Lines<T> {
    Lines::new("lines".as_ref(), std::io::Cursor::new(text.to_owned()))
}

fn board(truth: &str, predictions: &str, metrics: &str) -> Board {
    let mut answers = Answers::default();
    answers.read_truth(lines(truth)).unwrap();
    answers.read_predictions(lines(predictions)).unwrap();
    let metrics: Vec<_> = metrics
        .split(',')
        .flat_map(|name| parse(name, &Settings::default()).unwrap())
        .collect();
    Board::of_answers(&answers, &metrics, Bootstrap::default())
}

const TRUTH: &str = r#"
{"task_id":"p","input":"1","kind":"coverage","line":3,"expected":true}
{"task_id":"p","input":"1","kind":"state","line":3,"var":"x","expected":7}
{"task_id":"p","input":"1","kind":"path","line":3,"expected":4}
{"task_id":"p","input":"1","kind":"path","line":3,"expected":6}
{"task_id":"p","input":"1","kind":"coverage","line":5,"expected":false}
{"task_id":"p","input":"1","kind":"state","line":5,"var":"x","expected":[1,2]}
{"task_id":"p","input":"1","kind":"path","line":5,"expected":[-1]}
{"task_id":"p","input":"1","kind":"output","expected":"8\n"}
{"task_id":"p","input":"1","kind":"steps","expected":14}
{"task_id":"q","kind":"output","expected":"ok"}
"#;

#[test]
fn accuracies_by_kind() {
    let predictions = r#"
{"model":"m","task_id":"p","input":"1","kind":"coverage","line":3,"predicted":"YES"}
{"model":"m","task_id":"p","input":"1","kind":"coverage","line":5,"predicted":true}
{"model":"m","task_id":"p","input":"1","kind":"state","line":3,"var":"x","predicted":"7"}
{"model":"m","task_id":"p","input":"1","kind":"state","line":5,"var":"x","predicted":"[1, 2]"}
{"model":"m","task_id":"p","input":"1","kind":"path","line":3,"predicted":6}
{"model":"m","task_id":"p","input":"1","kind":"path","line":5,"predicted":7}
{"model":"m","task_id":"p","input":1,"kind":"output","predicted":"8"}
{"model":"m","task_id":"p","input":"1","kind":"steps","predicted":14.0}
{"model":"m","task_id":"r","kind":"steps","predicted":1}
"#;
    let board = board(TRUTH, predictions, "reval,sx.steps");
    let names: Vec<&str> = board
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "reval.coverage",
            "reval.state",
            "reval.path",
            "reval.output",
            "reval.ic",
            "sx.steps"
        ]
    );
    let values: Vec<f64> = board.rows[0]
        .cells
        .iter()
        .map(|cell| cell.value.unwrap())
        .collect();
    // Coverage 1 of 2; state 2 of 2; path 1 of 2; output 1 of 2 (q is not answered); steps 1 of 1.
    // Items: line 3 is right in all four: 1. Line 5 is wrong in coverage, whatever follows: 0. 100/2.
    assert_eq!(values, [50.0, 100.0, 50.0, 50.0, 50.0, 100.0]);
    let row = &board.rows[0];
    // 9 questions, for two lines of truth are one; q's is not answered.
    assert_eq!(
        (row.samples, row.judged, row.tasks, board.tasks),
        (9, 8, 1, 2)
    );
    assert!(
        board.warnings[0].starts_with("1 predictions answer no question"),
        "{:?}",
        board.warnings
    );
}

#[test]
fn patterns_of_consistency() {
    // All 16; only four give anything.
    for bits in 0u8..16 {
        let is = |bit: u8| bits >> bit & 1 == 1;
        let expected = match bits {
            0b1111 => 1.0,
            0b0111 => 0.5,
            0b0011 => 0.25,
            0b0001 => 0.125,
            _ => 0.0,
        };
        assert_eq!(pattern(is(0), is(1), is(2), is(3)), expected, "{bits:04b}");
    }
}

#[test]
fn consistency_over_items() {
    // Line 3: coverage and state right, path and output wrong: 0.25. Line 5: coverage alone: 0.125.
    let predictions = r#"
{"model":"m","task_id":"p","input":"1","kind":"coverage","line":3,"predicted":true}
{"model":"m","task_id":"p","input":"1","kind":"state","line":3,"var":"x","predicted":7}
{"model":"m","task_id":"p","input":"1","kind":"path","line":3,"predicted":5}
{"model":"m","task_id":"p","input":"1","kind":"coverage","line":5,"predicted":"no"}
{"model":"m","task_id":"p","input":"1","kind":"output","predicted":"9"}
"#;
    let board = board(TRUTH, predictions, "reval.ic");
    close(board.rows[0].cells[0].value, 100.0 * (0.25 + 0.125) / 2.0);
    assert!(board.rows[0].coverage_percent() < 60.0);
}

#[test]
fn no_predictions_are_no_rows() {
    assert_eq!(board(TRUTH, "", "reval").rows.len(), 0);
    assert_eq!(board("", "", "reval").tasks, 0);
}

const OUTPUTS: &str = r#"
{"task_id":"t","model":"m","sample_id":0,"input":"1","output":null}
{"task_id":"t","model":"m","sample_id":1,"input":"1","output":"5\n"}
{"task_id":"t","model":"m","sample_id":2,"input":"1","output":"7"}
{"task_id":"t","model":"m","sample_id":3,"input":"1","output":"7\n"}
{"task_id":"t","model":"m","sample_id":4,"input":"1","output":"6"}
{"task_id":"t","model":"m","sample_id":5,"input":"1","output":""}
"#;

#[test]
fn reranking_by_form_then_agreement_then_prediction() {
    let mut outputs = Outputs::default();
    outputs.read(lines(OUTPUTS)).unwrap();
    let ids = [0, 1, 2, 3, 4, 5];
    // 2 and 3 agree; 1 and 4 stand alone; 0 and 5 are not well-formed.
    assert_eq!(outputs.rank("t", "m", &ids), [2, 3, 1, 4, 0, 5]);
    let predicted = r#"{"task_id":"t","model":"m","input":"1","kind":"output","predicted":"6"}"#;
    outputs.read_predicted(lines(predicted)).unwrap();
    assert_eq!(outputs.rank("t", "m", &ids), [2, 3, 4, 1, 0, 5]);
    assert_eq!(outputs.rank("other", "m", &ids), ids);

    let results: Vec<_> = ids
        .iter()
        .map(|id| match id {
            4 => sample("t", *id, &[1]),
            _ => failed("t", *id, Status::Wrong),
        })
        .collect();
    let mut asked = Asked::of(&results);
    asked.outputs = Some(&outputs);
    assert_eq!(asked.score("rerank@2"), Some(0.0));
    assert_eq!(asked.score("rerank@3"), Some(100.0));
    asked.outputs = None;
    assert_eq!(asked.score("rerank@3"), None);
}
