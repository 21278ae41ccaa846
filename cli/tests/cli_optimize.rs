//! `probity optimize` from end to end: programs are modules as text, so that no compiler is needed.

mod common;
#[path = "../../efficiency/tests/optimize/server.rs"]
#[allow(dead_code)] // it can do more than these tests want
mod server;

use std::fs;

use common::{Done, Files, PRELUDE, probity, run, wait};
use serde_json::{Value, json};
use server::{Server, choice, refusal};

const KEY: &str = "sk-test-0123456789abcdef";

/// A program that takes 7 instructions, of which 6 are fuel, for each of its rounds, and prints `text`.
fn program(rounds: u32, text: &str) -> String {
    let length = text.len();
    format!(
        r#"(module {PRELUDE}
  (data (i32.const 64) "{text}")
  (func $work (param i32)
    (loop $again
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $again (local.get 0))))
  (func (export "_start")
    (call $work (i32.const {rounds}))
    (call $print (i32.const 64) (i32.const {length}))))
"#
    )
}

fn fenced(program: &str) -> String {
    format!(
        "Here you are:\n```wat\n{}\n```\nEnjoy!\n",
        program.trim_end()
    )
}

/// A task whose programs print `ok`, and the program to start from, with 1000 rounds.
fn files() -> Files {
    let files = Files::new();
    let task = json!({
        "task_id": "ok", "lang": "wat", "prompt": "Print ok.",
        "tests": [{"id": "t0", "stdin": "x", "expected": "ok"}],
        "limits": {"fuel": 10_000_000, "stack_mb": 1, "wall_s": 30},
    });
    files.put("tasks.jsonl", format!("{task}\n"));
    files.put("start.wat", program(1000, "ok"));
    files
}

/// The arguments of every run.
fn arguments(files: &Files, more: &[&str]) -> Vec<String> {
    let path = |name| files.path(name).display().to_string();
    let mut arguments = vec![
        "optimize".to_owned(),
        path("tasks.jsonl"),
        "--start".to_owned(),
        path("start.wat"),
    ];
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    arguments
}

fn record(files: &Files, name: &str) -> Vec<Value> {
    files.read(name).lines().map(common::json).collect()
}

/// A record without what differs from run to run.
fn decisions(files: &Files, name: &str) -> String {
    let mut records = record(files, name);
    for record in &mut records {
        let tests = record
            .pointer_mut("/result/tests")
            .and_then(Value::as_array_mut);
        for test in tests.into_iter().flatten() {
            test.as_object_mut().expect("a test").remove("wall_ns");
        }
    }
    serde_json::to_string(&records).expect("JSON")
}

fn ask_server(files: &Files, server: &Server, more: &[&str]) -> Done {
    let mut command = probity(arguments(files, more));
    command.args(["--endpoint", &server.url, "--model", "m-1"]);
    command.env("OPENAI_API_KEY", KEY);
    wait(command.spawn().expect("started"))
}

#[test]
fn a_command_makes_a_program_cheaper() {
    let files = files();
    for (round, text) in [
        fenced(&program(500, "ok")),
        fenced("(module"),
        fenced(&program(1, "no")),
        program(20, "ok"),
    ]
    .iter()
    .enumerate()
    {
        files.put(&format!("reply{}", round + 1), text);
    }
    let (best, record_path) = (files.path("best.wat"), files.path("record.jsonl"));
    let generator = format!(
        "cat > {0}/prompt$PROBITY_ROUND; cat {0}/reply$PROBITY_ROUND",
        files.dir().display()
    );
    let more = [
        "--generator",
        &generator,
        "--rounds",
        "5",
        "-o",
        best.to_str().expect("UTF-8"),
        "--record",
        record_path.to_str().expect("UTF-8"),
        "--seed",
        "5",
    ];
    run(arguments(&files, &more)).expect(0).says(&[
        "attempt 0, start: correct, the best so far",
        "attempt 1, round 1.1: correct, the best so far",
        "attempt 2, round 2.1: compile_error",
        "attempt 3, round 3.1: wrong",
        "attempt 4, round 4.1: correct, the best so far",
        // There is no fifth reply.
        "attempt 5, round 5.1: no reply: the generator ended with status 1",
        "best of 6 attempts: 4, ",
    ]);
    assert_eq!(files.read("best.wat"), program(20, "ok"));
    let record = record(&files, "record.jsonl");
    // 980 rounds less, of 6 units each.
    let cost = |attempt: usize| {
        record[attempt]["result"]["tests"][0]["fuel"]
            .as_u64()
            .expect("counted")
    };
    assert_eq!(cost(0) - cost(4), 980 * 6);
    assert_eq!(record[4]["best"], json!({"attempt": 4, "cost": cost(4)}));
    assert!(
        record[2]["build_log"]
            .as_str()
            .is_some_and(|log| !log.is_empty())
    );
    assert_eq!(record[3]["seed"], 7);
    // The second round is shown the program of the first one, and what it costs.
    let prompt = files.read("prompt2");
    assert!(
        prompt.contains("Print ok.") && prompt.contains(&program(500, "ok")),
        "{prompt}"
    );
    assert!(prompt.contains("CORRECT 1/1"), "{prompt}");
    assert!(files.read("prompt4").contains("Failed: wrong"), "{prompt}");
}

#[test]
fn a_replay_decides_the_same_without_a_generator() {
    let files = files();
    let replies = [
        program(500, "ok"),
        program(700, "ok"),
        "nothing".to_owned(),
        program(30, "ok"),
    ];
    let server = Server::start(replies.iter().map(|text| choice(&fenced(text))).collect());
    let path = |name| files.path(name).display().to_string();
    let (first_path, again_path) = (path("first.jsonl"), path("again.jsonl"));
    let more = ["--rounds", "4", "--record", &first_path];
    let first = ask_server(&files, &server, &more).expect(0);
    assert_eq!(first.stdout, program(30, "ok"));
    let more = [
        "--rounds",
        "4",
        "--record",
        &again_path,
        "--replay",
        &first_path,
    ];
    let again = run(arguments(&files, &more))
        .expect(0)
        .says(&["4 replies of the record, each to the prompt that it was given to"]);
    assert_eq!(again.stdout, first.stdout);
    let (a, b) = (
        decisions(&files, "first.jsonl"),
        decisions(&files, "again.jsonl"),
    );
    assert!(a == b, "the records differ");
    assert_eq!(server.asked().len(), 4);

    // Killed in the middle of the third attempt, and on from there.
    let text = files.read("first.jsonl");
    let end = text.match_indices('\n').nth(2).expect("three lines").0;
    files.put("killed.jsonl", &text[..end - 10]);
    let killed = path("killed.jsonl");
    let more = ["--rounds", "4", "--record", &killed, "--replay", &killed];
    let rest = Server::start(
        replies[1..]
            .iter()
            .map(|text| choice(&fenced(text)))
            .collect(),
    );
    let on = ask_server(&files, &rest, &more).expect(0);
    assert_eq!(on.stdout, first.stdout);
    let (a, b) = (
        decisions(&files, "first.jsonl"),
        decisions(&files, "killed.jsonl"),
    );
    assert!(a == b, "the records differ");
}

#[test]
fn the_key_goes_to_the_server_and_nowhere_else() {
    let files = files();
    let quoting = choice(&format!("The key is {KEY}.\n{}", fenced(&program(5, "ok"))));
    let server = Server::start(vec![
        quoting,
        refusal(401, &format!("Incorrect API key: {KEY}"), &[]),
    ]);
    let path = files.path("record.jsonl").display().to_string();
    let done = ask_server(&files, &server, &["--record", &path])
        .expect(0)
        .says(&["ended early: 127.0.0.1 answered with status 401"]);
    let record = files.read("record.jsonl");
    for text in [&record, &done.stdout, &done.stderr] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(record.contains("The key is [key]."));
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization") == Some(&format!("Bearer {KEY}")))
    );

    let mut command = probity(arguments(&files, &["--model", "m"]));
    command
        .env("OPENAI_API_KEY", "sk-bad\u{7f}key")
        .env("OPENAI_BASE_URL", &server.url);
    let done = wait(command.spawn().expect("started"))
        .expect(2)
        .says(&["OPENAI_API_KEY: the key has characters that no key has"]);
    assert!(!done.stderr.contains("sk-bad"), "{done:?}");
}

#[test]
fn the_servers_url_may_be_in_the_environment() {
    let files = files();
    let server = Server::start(vec![choice(&program(5, "ok"))]);
    let mut command = probity(arguments(&files, &["--model", "m", "--rounds", "1"]));
    command
        .env("OPENAI_BASE_URL", &server.url)
        .env_remove("OPENAI_API_KEY");
    let done = wait(command.spawn().expect("started")).expect(0);
    assert_eq!(done.stdout, program(5, "ok"));
    assert_eq!(server.asked()[0].header("authorization"), None);
}

#[test]
fn endless_and_hostile_programs_are_attempts() {
    let files = files();
    let endless = "(module (func (export \"_start\") (loop $l (br $l))))";
    let deep = "(module (func $f (export \"_start\") (call $f)))";
    let escape = r#"(module (import "env" "system" (func $s)) (func (export "_start") (call $s)))"#;
    let replies =
        [endless, deep, escape, "\u{0}\u{0}", "(module)"].map(|text| choice(&fenced(text)));
    let server = Server::start(replies.to_vec());
    let path = files.path("record.jsonl").display().to_string();
    let done = ask_server(&files, &server, &["--rounds", "5", "--record", &path]).expect(0);
    assert_eq!(done.stdout, program(1000, "ok"));
    let statuses: Vec<Value> = record(&files, "record.jsonl")
        .iter()
        .map(|r| r["result"]["status"].clone())
        .collect();
    assert_eq!(statuses[..3], ["ok", "fuel", "stack"]);
    assert!(
        statuses[3..].iter().all(|status| status != "ok"),
        "{statuses:?}"
    );
}

#[test]
fn wrong_usage_is_said() {
    let files = files();
    let check = |more: &[&str], status, message: &str| {
        let mut command = probity(arguments(&files, more));
        command
            .env_remove("OPENAI_BASE_URL")
            .env_remove("OPENAI_API_KEY");
        wait(command.spawn().expect("started"))
            .expect(status)
            .says(&[message]);
    };
    check(&[], 2, "who writes the programs?");
    check(&["--model", "m"], 2, "where is the model?");
    check(&["--endpoint", "http://127.0.0.1"], 2, "--model");
    check(
        &["--generator", "cat", "--model", "m"],
        2,
        "cannot be used with",
    );
    check(
        &["--endpoint", "example.org", "--model", "m"],
        2,
        "no http or https URL",
    );
    check(
        &["--generator", "cat", "--task", "okk"],
        2,
        "has no task okk; the nearest known one is 'ok'",
    );
    check(
        &["--generator", "cat", "--candidates", "0"],
        2,
        "0 is not in",
    );
    check(&["--replay", "/nonesuch"], 1, "failed to read /nonesuch");
    let taken = files.put("taken.jsonl", "");
    let taken = taken.display().to_string();
    check(
        &["--generator", "cat", "--record", &taken],
        1,
        "failed to record in",
    );
    files.put("other.jsonl", "{}\n");
    check(
        &["--replay", &files.path("other.jsonl").display().to_string()],
        1,
        "other.jsonl, line 1",
    );
    fs::remove_file(files.path("start.wat")).expect("removed");
    check(&["--generator", "cat"], 1, "failed to read");
    files.put("start.wat", program(1, "no"));
    check(
        &["--generator", "false", "--rounds", "1"],
        1,
        "no program was correct",
    );
}
