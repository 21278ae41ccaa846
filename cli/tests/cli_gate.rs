//! `probity gate --baseline FILE RESULTS`.
mod common;

use common::{Done, Files, json, run};

fn result(task: &str, status: &str, fuel: [u64; 2]) -> String {
    let [a, b] = fuel;
    format!(
        r#"{{"schema":1,"task_id":"{task}","sample_id":0,"model":"m","status":"{status}","tests":[{{"id":"a","pass":true,"fuel":{a}}},{{"id":"b","pass":true,"fuel":{b},"instr":7}}]}}"#
    ) + "\n"
}

fn gate(baseline: &str, results: &str, options: &[&str]) -> Done {
    let files = Files::new();
    let baseline = files.put("baseline.jsonl", baseline);
    let results = files.put("results.jsonl", results);
    let mut args = vec!["gate", "--baseline", baseline.to_str().unwrap()];
    args.extend(options);
    args.push(results.to_str().unwrap());
    run(args)
}

#[test]
fn the_limit_decides_the_exit_status() {
    let (before, after) = (result("t", "ok", [500, 500]), result("t", "ok", [510, 510]));
    let done = gate(&before, &after, &["--max-regress", "2%"]).expect(0);
    assert_eq!(
        done.stdout,
        "gate passed: 1 compared by fuel, 0 cheaper, at most +2% allowed\n"
    );
    let done = gate(&before, &after, &["--max-regress", "1.9%"]).expect(1);
    assert_eq!(
        done.stdout,
        "FAIL t:m:0: 1,000 -> 1,020 (+2.0%)\n\
         gate FAILED: 1 problem, 1 compared by fuel, 0 cheaper, at most +1.9% allowed\n"
    );
    gate(&after, &before, &["--max-regress", "0%"]).expect(0);
    let moved = result("t", "ok", [400, 600]);
    gate(&before, &moved, &[]).expect(0);
    let done = gate(&before, &moved, &["--per-test"]).expect(1);
    assert!(
        done.stdout
            .starts_with("FAIL t:m:0: test b: 500 -> 600 (+20.0%)\n"),
        "{}",
        done.stdout
    );
}

#[test]
fn what_breaks_or_vanishes_fails_and_what_is_new_is_listed() {
    let before =
        result("t", "ok", [5, 5]) + &result("u", "ok", [5, 5]) + &result("v", "wrong", [1, 1]);
    let after = result("t", "trap", [5, 5]) + &result("w", "ok", [9, 9]);
    let done = gate(&before, &after, &[]).expect(1);
    assert_eq!(
        done.stdout,
        "FAIL t:m:0: was right, is trap\n\
         FAIL u:m:0: was right, is not there\n\
         new w:m:0\n\
         gate FAILED: 2 problems, 0 compared by fuel, 0 cheaper, at most +2% allowed\n"
    );
    let allow = ["--allow", "t", "--allow", "u:m:0", "--allow", "x"];
    let done = gate(&before, &after, &allow)
        .expect(0)
        .says(&["warning: --allow x names no sample"]);
    assert!(
        done.stdout
            .starts_with("allowed t:m:0: was right, is trap\n"),
        "{}",
        done.stdout
    );
    let done = gate(&before, &after, &["--format", "json"]).expect(1);
    let report = json(&done.stdout);
    assert_eq!(report["schema"], 1);
    assert_eq!(report["is_passed"], false);
    assert_eq!(report["findings"][0]["problem"], "broken");
    assert_eq!(report["new"][0]["task_id"], "w");
}

#[test]
fn costs_that_are_not_there_fail() {
    let results = result("t", "ok", [5, 5]);
    let done = gate(&results, &results, &["--cost", "instr"]).expect(1);
    assert!(
        done.stdout
            .starts_with("FAIL t:m:0: the baseline has no such cost\n"),
        "{}",
        done.stdout
    );
}

#[test]
fn wrong_usage_is_not_taken_for_worse_results() {
    let good = result("t", "ok", [5, 5]);
    gate(&good, "{}", &[])
        .expect(2)
        .says(&["results.jsonl, line 1: missing field"]);
    gate("nonsense", &good, &[])
        .expect(2)
        .says(&["baseline.jsonl, line 1: expected"]);
    let twice = good.clone() + &good;
    gate(&good, &twice, &[])
        .expect(2)
        .says(&["results.jsonl, line 2: sample t:m:0 is in line 1 already"]);
    for limit in ["2", "x%", "nan%", ""] {
        let option = format!("--max-regress={limit}");
        gate(&good, &good, &[&option])
            .expect(2)
            .says(&["write it like 2%"]);
    }
    run(["gate", "results.jsonl"]).expect(2);
    run(["gate", "--baseline", "/nowhere", "/nowhere"])
        .expect(2)
        .says(&["failed to read /nowhere: "]);
}
