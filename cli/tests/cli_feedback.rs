//! `probity feedback RESULTS`.
mod common;

use common::{Files, json, run};

fn result(task: &str, model: &str, id: u64, fuel: u64, more: &str) -> String {
    format!(
        r#"{{"schema":1,"task_id":"{task}","sample_id":{id},"model":"{model}","status":"ok","tests":[{{"id":"t0","pass":true,"size":9,"fuel":{fuel}}}]{more}}}"#
    ) + "\n"
}

const HOT: &str =
    r#","hot":{"lines":[{"file":"a.c","line":2,"count":9,"instr":9,"instr_percent":80}]}"#;
const REFERENCE: &str = r#","reference":"best""#;

#[test]
fn all_that_there_is() {
    let files = Files::new();
    let results = result("t", "m", 0, 2_000_000, HOT) + &result("t", "", 0, 20_000, REFERENCE);
    let results = files.put("results.jsonl", results);
    let previous = files.put("previous.jsonl", result("t", "m", 7, 4_000_000, ""));
    let source = files.put("a.c", "int s;\n  s += a[i];\n");
    let args = [
        "feedback",
        results.to_str().unwrap(),
        "--previous",
        previous.to_str().unwrap(),
        "--source",
        source.to_str().unwrap(),
    ];
    let done = run(args).expect(0);
    assert_eq!(
        done.stdout,
        "CORRECT 1/1. Cost 2.0M fuel (best known 20.0k, 100x).\n\
         HOT: line 2 `s += a[i];` 80% of instr.\n\
         PATTERNS (evidence): better algorithm [100x the best known].\n\
         CHANGE vs previous: -50% fuel.\n"
    );
    let done = run(args.iter().chain(&["--budget-tokens", "1"])).expect(0);
    assert_eq!(done.stdout, "CORRECT 1/1.\n");
    let done = run(args.iter().chain(&["--format", "json"])).expect(0);
    let report = json(&done.stdout);
    assert_eq!(report["schema"], 1);
    assert_eq!(report["budget_tokens"], 600);
    let cost = &report["statements"][1]["facts"][0];
    assert_eq!(cost["value"], 2_000_000);
    assert_eq!(cost["shown"], "2.0M");
    assert_eq!(cost["from"][0], "result#/tests/*/fuel");
}

#[test]
fn the_sample_is_chosen_by_name() {
    let files = Files::new();
    let all = (0..7)
        .map(|id| result("t", "m", id, 100 + id, ""))
        .collect::<String>();
    let results = files.put("results.jsonl", all + &result("u", "", 0, 1, REFERENCE));
    let results = results.to_str().unwrap();
    run(["feedback", results]).expect(2).says(&[
        "has 7 samples, choose one by --sample: t:m:0, t:m:1, t:m:2, t:m:3, t:m:4 and 2 more",
    ]);
    let done = run(["feedback", results, "--sample", "t:m:3"]).expect(0);
    assert_eq!(done.stdout, "CORRECT 1/1. Cost 103 fuel.\n");
    run(["feedback", results, "--sample", "t:n"])
        .expect(2)
        .says(&["has no sample 't:n'; the nearest known one is 't:m:"]);
    // References are meant only where they are named.
    let done = run(["feedback", results, "--sample", "u:@best"]).expect(0);
    assert_eq!(done.stdout, "CORRECT 1/1. Cost 1 fuel.\n");
    run([
        "feedback",
        results,
        "--sample",
        "t:m:3",
        "--previous",
        results,
    ])
    .expect(0);
    run(["feedback", results, "--sample", "u", "--previous", results]).expect(0);
}

#[test]
fn what_cannot_be_read_is_told() {
    let files = Files::new();
    let good = files.put("good.jsonl", result("t", "m", 0, 1, ""));
    let other = files.put("other.jsonl", result("u", "m", 0, 1, ""));
    let bad = files.put("bad.jsonl", "{\"schema\":2}\n");
    let empty = files.put("empty.jsonl", "\n");
    let [good, other, bad, empty] =
        [&good, &other, &bad, &empty].map(|path| path.to_str().unwrap());
    run(["feedback", bad])
        .expect(1)
        .says(&["failed to read", "bad.jsonl, line 1: missing field"]);
    run(["feedback", empty])
        .expect(1)
        .says(&["empty.jsonl has no sample"]);
    run(["feedback", good, "--previous", other])
        .expect(2)
        .says(&["other.jsonl has neither t:m:0 nor one sample of its task alone, but 0"]);
    run(["feedback", good, "--source", "/nowhere.c"])
        .expect(1)
        .says(&["failed to read /nowhere.c: "]);
    run(["feedback", good, "--references", bad])
        .expect(1)
        .says(&["bad.jsonl, line 1"]);
    run(["feedback", good, "--budget-tokens", "-1"]).expect(2);
}
