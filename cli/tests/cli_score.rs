//! `probity score` and `probity import`.
mod common;

use std::fmt::Write as _;

use common::{Files, json, probity, run, run_with_input, wait};

/// Results of two models at two tasks, with one reference each.
fn results(files: &Files) -> String {
    let mut text = String::new();
    for (task, best) in [("a", 100), ("b", 40)] {
        line(&mut text, task, "", 0, "ok", best, r#","reference":"best""#);
        line(&mut text, task, "slow", 0, "ok", 2 * best, "");
        line(&mut text, task, "slow", 1, "wrong", best, "");
        line(&mut text, task, "fast", 0, "ok", best / 2, "");
        line(&mut text, task, "fast", 1, "unsupported", best, "");
    }
    let path = files.put("results.jsonl", text);
    path.to_str().unwrap().to_owned()
}

fn line(text: &mut String, task: &str, model: &str, id: u64, status: &str, fuel: u64, more: &str) {
    let pass = status == "ok";
    writeln!(
        text,
        r#"{{"schema":1,"task_id":"{task}","sample_id":{id},"model":"{model}","status":"{status}","tests":[{{"id":"t","pass":{pass},"fuel":{fuel}}}]{more}}}"#
    )
    .unwrap();
}

#[test]
fn a_leaderboard_as_text() {
    let files = Files::new();
    let results = results(&files);
    let done = run([
        "score",
        &results,
        "--metric",
        "speedup.gm,pass@1",
        "--resamples",
        "0",
    ])
    .expect(0);
    let lines: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "model",
            "tasks",
            "samples",
            "judged",
            "speedup.gm",
            "pass@1"
        ]
    );
    // Half of fast's samples could not be judged.
    assert_eq!(lines[1], ["fast", "2/2", "4", "50.0%", "2", "1"]);
    assert_eq!(lines[2], ["slow", "2/2", "4", "100.0%", "0.5", "0.5"]);
    assert!(done.stdout.contains("cost: fuel"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
}

#[test]
fn json_and_html_into_files() {
    let files = Files::new();
    let results = results(&files);
    let page = files.path("page.html");
    let done = run([
        "score",
        &results,
        "--metric",
        "pass,%opt@1.5",
        "--k",
        "1,2",
        "--format",
        "json",
    ])
    .expect(0);
    let document = json(&done.stdout);
    let scores = &document["models"][0]["scores"];
    assert_eq!(scores["pass@1"]["value"], 1.0);
    // One judged sample is too few for pass@2.
    assert_eq!(scores["pass@2"]["value"], serde_json::Value::Null);
    assert_eq!(scores["%opt@1.5 best@1"]["value"], 100.0);
    assert_eq!(document["bootstrap"]["resamples"], 1000);
    let again = run([
        "score",
        &results,
        "--metric",
        "pass,%opt@1.5",
        "--k",
        "1,2",
        "--format",
        "json",
    ])
    .expect(0);
    assert_eq!(again.stdout, done.stdout);

    let page_arg = page.to_str().unwrap();
    let done = run([
        "score", &results, "--metric", "beyond", "--format", "html", "-o", page_arg,
    ])
    .expect(0);
    assert_eq!(done.stdout, "");
    assert!(files.read("page.html").starts_with("<!DOCTYPE html>"));
}

#[test]
fn results_by_stdin_and_in_several_files() {
    let files = Files::new();
    let results = results(&files);
    let text = files.read("results.jsonl");
    let args = ["score", "-", "--metric", "efficient@1", "--resamples", "0"];
    let done = run_with_input(probity(args), text.as_bytes()).expect(0);
    assert!(
        done.stdout.lines().nth(1).unwrap().starts_with("fast"),
        "{}",
        done.stdout
    );
    let mut other = String::new();
    line(&mut other, "a", "third", 0, "ok", 1, "");
    let other = files.put("other.jsonl", other);
    let done = run([
        "score",
        &results,
        other.to_str().unwrap(),
        "--metric",
        "pass@1",
        "--resamples",
        "0",
    ])
    .expect(0);
    assert!(done.stdout.contains("third  "), "{}", done.stdout);
}

#[test]
fn the_tasks_file_has_roles_and_tasks_without_results() {
    let files = Files::new();
    let results = results(&files);
    let tasks = files.put(
        "tasks.jsonl",
        "{\"task_id\":\"a\",\"lang\":\"c\",\"references\":[{\"id\":\"best\",\"source\":\"x\",\"role\":\"base\"}]}\n{\"task_id\":\"z\",\"lang\":\"c\"}\n",
    );
    let tasks = tasks.to_str().unwrap();
    let done = run([
        "score", &results, "--tasks", tasks, "--metric", "best@1", "--format", "json",
    ])
    .expect(0);
    let document = json(&done.stdout);
    assert_eq!(document["tasks"], 3);
    assert_eq!(document["models"][0]["scores"]["best@1"]["value"], 2.0);
}

#[test]
fn predictions_against_the_truth() {
    let files = Files::new();
    let truth = files.put("truth.jsonl", "{\"task_id\":\"p\",\"kind\":\"steps\",\"expected\":9}\n{\"task_id\":\"q\",\"kind\":\"steps\",\"expected\":3}\n");
    let predictions = files.put(
        "p.jsonl",
        "{\"task_id\":\"p\",\"kind\":\"steps\",\"predicted\":9,\"model\":\"m\"}\n",
    );
    let (truth, predictions) = (truth.to_str().unwrap(), predictions.to_str().unwrap());
    let done = run([
        "score",
        predictions,
        "--truth",
        truth,
        "--metric",
        "sx.steps",
        "--format",
        "json",
    ])
    .expect(0);
    let document = json(&done.stdout);
    assert_eq!(document["models"][0]["scores"]["sx.steps"]["value"], 50.0);
    assert_eq!(document["models"][0]["coverage_percent"], 50.0);
}

#[test]
fn wrong_usage_says_what_is_right() {
    let files = Files::new();
    let results = results(&files);
    for (args, parts) in [
        (
            &["--metric", "pas@1"][..],
            &["no metric 'pas@1'; the nearest known one is 'pass@k'"][..],
        ),
        (
            &["--metric", "pass@1", "--cost", "fule"],
            &["there is no cost `fule`; known: instr, fuel, "],
        ),
        (&["--metric", "dps:x=1"], &["it has min_correct"]),
        (
            &["--metric", "sx.steps"],
            &["sx.steps needs the right answers: --truth FILE"],
        ),
        (
            &["--metric", "rerank@1"],
            &["rerank@1 needs what the samples printed: --outputs FILE"],
        ),
        (
            &["--metric", "pass@1,reval.ic"],
            &["cannot be in one board"],
        ),
        (&["--metric", "pass@1", "--k", "0"], &["--k"]),
        (&[], &["--metric"]),
    ] {
        let mut all = vec!["score", &results];
        all.extend(args);
        let done = run(all).expect(2).says(parts);
        assert_eq!(done.stdout, "");
    }
    run(["score", "--metric", "pass@1"]).expect(2);
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let files = Files::new();
    let results = results(&files);
    let broken = files.put(
        "broken.jsonl",
        format!("{}\nnot JSON\n", files.read("results.jsonl").trim_end()),
    );
    run(["score", broken.to_str().unwrap(), "--metric", "pass@1"])
        .expect(1)
        .says(&["failed to read", "broken.jsonl, line 11"]);
    run(["score", "/nonexistent.jsonl", "--metric", "pass@1"])
        .expect(1)
        .says(&["/nonexistent.jsonl"]);
    // What was computed is not lost.
    run([
        "score",
        &results,
        "--metric",
        "pass@1",
        "-o",
        "/nonexistent/board",
    ])
    .expect(3)
    .says(&["failed to write the scores to /nonexistent/board", "slow"]);
    let empty = files.put("empty.jsonl", "");
    let done = run(["score", empty.to_str().unwrap(), "--metric", "pass@1"]).expect(0);
    assert!(done.stdout.contains("no samples"), "{}", done.stdout);
}

#[test]
fn metrics_are_listed_with_their_parameters() {
    let done = run(["score", "--list"]).expect(0);
    for part in [
        "pass@k",
        "min_correct=1",
        "EffiBench-X",
        "needs --truth",
        "gm=1.2",
    ] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    assert_eq!(done.stderr, "");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let files = Files::new();
    let mut text = String::new();
    for task in 0..3000 {
        line(
            &mut text,
            &format!("t{task}"),
            &format!("model{task}"),
            0,
            "ok",
            1,
            "",
        );
    }
    let path = files.put("r.jsonl", text);
    let args = [
        "score",
        path.to_str().unwrap(),
        "--metric",
        "pass@1",
        "--resamples",
        "0",
    ];
    let mut child = probity(args).spawn().unwrap();
    drop(child.stdout.take());
    let done = wait(child).expect(0);
    assert_eq!(done.stderr, "");
}

#[test]
fn names_have_no_control_characters() {
    let files = Files::new();
    let mut text = String::new();
    line(&mut text, "t", "\\u001b[31mred", 0, "ok", 1, "");
    let path = files.put("r.jsonl", text);
    let done = run(["score", path.to_str().unwrap(), "--metric", "pass@1"]).expect(0);
    assert!(
        done.stdout.contains("[31mred") && !done.stdout.contains('\u{1b}'),
        "{:?}",
        done.stdout
    );
}

#[test]
fn a_folder_is_imported() {
    let files = Files::new();
    std::fs::create_dir_all(files.path("sum/tests")).unwrap();
    files.put("sum/tests/1.in", "1 2\n");
    files.put("sum/tests/1.out", "3\n");
    files.put("sum/a.c", "int main(void) { return 0; }\n");
    files.put("sum/notes", "");
    let (sum, out) = (files.path("sum"), files.path("out"));
    let (sum, out) = (sum.to_str().unwrap(), out.to_str().unwrap());
    let done = run(["import", "folders", sum, "-o", out, "--model", "me"]).expect(0);
    let done = done.says(&[
        "warning: sum: notes is no program",
        "1 tasks, 1 samples and 0 results",
    ]);
    assert_eq!(done.stdout, "");
    assert!(files.read("out/samples.jsonl").contains("\"model\":\"me\""));
    assert!(
        files
            .read("out/tasks.jsonl")
            .contains("\"task_id\":\"sum\"")
    );
    // Neither is replaced unasked.
    run(["import", "folders", sum, "-o", out])
        .expect(3)
        .says(&["it is there already"]);
    run(["import", "folders", sum, "-o", out, "--force"]).expect(0);
}

/// Prints `ok` after so many rounds of a loop.
fn rounds(count: u32) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "ok\n")
          (data (i32.const 0) "\10\00\00\00\03\00\00\00")
          (func (export "_start") (local $i i32)
            (loop $next
              (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    )
}

#[test]
fn imported_measured_and_scored() {
    let files = Files::new();
    std::fs::create_dir_all(files.path("loop/tests")).unwrap();
    files.put("loop/tests/1.in", "");
    files.put("loop/tests/1.out", "ok\n");
    files.put("loop/slow.wat", rounds(1000));
    files.put("loop/fast.wat", rounds(10));
    let path = |name: &str| files.path(name).to_str().unwrap().to_owned();
    run(["import", "folders", &path("loop"), "-o", &path("out")]).expect(0);
    let (tasks, samples, results) = (
        path("out/tasks.jsonl"),
        path("out/samples.jsonl"),
        path("r.jsonl"),
    );
    run(["measure", "-o", &results, &tasks, &samples]).expect(0);
    let done = run([
        "score", &results, "--tasks", &tasks, "--metric", "pass@1", "--format", "json",
    ])
    .expect(0);
    let document = json(&done.stdout);
    for at in 0..2 {
        assert_eq!(
            document["models"][at]["scores"]["pass@1"]["value"], 1.0,
            "{document}"
        );
    }
    // A round is loop, local.get, const, add, local.tee, const, lt_u, br_if: 8 operators, and slow has 990 more.
    let text = files.read("r.jsonl");
    let instr = |model: &str| {
        let line = text
            .lines()
            .find(|line| line.contains(&format!("\"model\":\"{model}\"")))
            .unwrap();
        json(line)["tests"][0]["instr"].as_u64().unwrap()
    };
    assert_eq!(instr("slow") - instr("fast"), 990 * 8);
}

#[test]
fn wrong_imports() {
    let files = Files::new();
    let out = files.path("out");
    let out = out.to_str().unwrap();
    run(["import", "folder", "x", "-o", out])
        .expect(2)
        .says(&["unknown layout 'folder'; the nearest known one is 'folders'"]);
    run(["import", "folders", "x"]).expect(2);
    run(["import", "folders", "/nonexistent", "-o", out])
        .expect(1)
        .says(&["failed to read /nonexistent"]);
    let file = files.put("file", "");
    run(["import", "folders", "x", "-o", file.to_str().unwrap()]).expect(3);
    let done = run(["import", "--list"]).expect(0);
    for part in [
        "evalplus",
        "coffe",
        "pie",
        "humaneval-x",
        "library-checker",
        "folders",
    ] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
}
