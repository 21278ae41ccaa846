//! Samples whose program is in a file of its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use probity_efficiency::Status;
use probity_efficiency::judge::{Config, Judge};
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::task::Task;

fn judged(sample: &str, dir: &Path) -> SampleResult {
    let task = r#"{"task_id":"t","lang":"wat","tests":[{"id":"t0","expected":""}]}"#;
    let task: Arc<Task> = Arc::new(serde_json::from_str(task).expect("a task"));
    let sample: Sample = serde_json::from_str(sample).expect("a sample");
    let judge = Judge::new(Config::default());
    let prepared = judge
        .prepare(&task, dir, None, &HashMap::new())
        .expect("a task that is ready");
    judge.judge(&prepared, &sample, dir)
}

#[test]
fn a_path_is_relative_to_the_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    // Of `_start`: nop and end.
    let text = r#"(module (func (export "_start") nop))"#;
    std::fs::write(folder.path().join("program.wat"), text).expect("written");
    let result = judged(r#"{"task_id":"t","path":"program.wat"}"#, folder.path());
    assert_eq!(
        (result.status, result.tests[0].cost.instr),
        (Status::Ok, Some(2))
    );
    // A text that is there goes before.
    let both =
        r#"{"task_id":"t","path":"program.wat","solution":"(module (func (export \"_start\")))"}"#;
    assert_eq!(judged(both, folder.path()).tests[0].cost.instr, Some(1));
}

#[test]
fn a_file_that_is_not_there_says_nothing_about_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let result = judged(r#"{"task_id":"t","path":"none.wat"}"#, folder.path());
    assert_eq!(result.status, Status::Internal);
    let message = result.message.expect("why");
    assert!(message.contains("none.wat"), "{message}");
}
