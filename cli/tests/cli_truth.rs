//! `probity truth PROGRAM`.
mod common;

use common::{Files, json, run};
use serde_json::Value;

/// From `ends.c` and `lines.c` beside them; their headers have the command.
const ENDS: &[u8] = include_bytes!("../../efficiency/tests/truth/ends.wasm");
const ENDS_C: &str = include_str!("../../efficiency/tests/truth/ends.c");
const LINES: &[u8] = include_bytes!("../../analyses/tests/steps/lines.wasm");

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

fn of<'r>(rows: &'r [Value], kind: &str, input: &str) -> Vec<&'r Value> {
    rows.iter()
        .filter(|row| row["kind"] == kind && row["input"] == input)
        .collect()
}

#[test]
fn a_run_for_each_input() {
    let files = Files::new();
    let program = files.put("ends.wasm", ENDS);
    files.put("ends.c", ENDS_C);
    let (a, b) = (files.put("a.in", "hello"), files.put("b.in", "x"));
    let out = files.path("truth.jsonl");
    let args = [
        "truth".as_ref(),
        program.as_os_str(),
        "--input".as_ref(),
        a.as_os_str(),
        b.as_os_str(),
        "--output".as_ref(),
        out.as_os_str(),
    ];
    // The second does not end well; what it did is there.
    let done = run(args).expect(1);
    assert_eq!(done.stdout, "");
    done.says(&["input b.in: exit: exit code 3"]);
    let found = rows(&files.read("truth.jsonl"));
    assert!(found.iter().all(|row| row["task_id"] == "ends.wasm"));
    assert_eq!(of(&found, "output", "a.in")[0]["expected"], "hello");
    assert_eq!(of(&found, "output", "b.in")[0]["status"], "exit");
    // The source is found beside the module: its closing brackets (21, 42, 46) are no lines.
    let lines: Vec<u64> = of(&found, "coverage", "a.in")
        .iter()
        .filter_map(|row| row["line"].as_u64())
        .collect();
    assert!(lines.contains(&41) && !lines.contains(&42), "{lines:?}");
    // The same bytes again, and in another tier.
    let before = files.read("truth.jsonl");
    for tier in ["interp", "jit"] {
        run(args
            .iter()
            .copied()
            .chain(["--tier".as_ref(), tier.as_ref()]))
        .expect(1);
        assert_eq!(files.read("truth.jsonl"), before);
    }
}

#[test]
fn functions_and_kinds() {
    let files = Files::new();
    let program = files.put("lines.wasm", LINES);
    let program = program.to_str().unwrap();
    let five = files.put("five.json", "[5]");
    let args = [
        "truth",
        program,
        "--entry",
        "func:run",
        "--input",
        five.to_str().unwrap(),
    ];
    let done = run(args
        .iter()
        .chain(&["--kinds", "output,steps", "--task-id", "t"]))
    .expect(0);
    let found = rows(&done.stdout);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (&found[0]["expected"], &found[0]["task_id"]),
        (&18.into(), &"t".into())
    );
    assert_eq!(found[1]["of"], "run_steps");
    let done = run(args
        .iter()
        .chain(&["--kinds", "steps", "--steps-var", "none"]))
    .expect(0);
    assert_eq!(rows(&done.stdout)[0]["of"], "lines");
    // Of two steps the pair between them, and other pairs where they are new; variables of these two alone.
    let done = run(args.iter().chain(&["--max-steps", "2", "--kinds", "state"])).expect(0);
    let states = rows(&done.stdout);
    assert!(
        states
            .iter()
            .all(|row| row["occurrence"] == 0 || row["line"] == 14 || row["line"] == 7),
        "{states:?}"
    );
}

#[test]
fn the_truth_is_scored() {
    let files = Files::new();
    let program = files.put("lines.wasm", LINES);
    let five = files.put("five.json", "[5]");
    let truth = run([
        "truth",
        program.to_str().unwrap(),
        "--entry",
        "func:run",
        "--input",
        five.to_str().unwrap(),
    ])
    .expect(0)
    .stdout;
    let predictions = truth.replace(r#""expected""#, r#""predicted""#);
    let truth = files.put("truth.jsonl", truth);
    let predictions = files.put("predictions.jsonl", predictions);
    let done = run([
        "score",
        predictions.to_str().unwrap(),
        "--truth",
        truth.to_str().unwrap(),
        "--metric",
        "reval,sx.steps",
        "--format",
        "json",
        "--resamples",
        "0",
    ])
    .expect(0);
    let board = done.stdout;
    assert_eq!(board.matches(r#""value": 100.0"#).count(), 6, "{board}");
}

/// A number of a source map's mappings.
fn vlq(number: i64) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut left = (number.unsigned_abs() << 1) | u64::from(number < 0);
    let mut text = String::new();
    loop {
        let digit = left & 31;
        left >>= 5;
        let more = if left > 0 { 32 } else { 0 };
        text.push(char::from(DIGITS[(digit | more) as usize]));
        if left == 0 {
            return text;
        }
    }
}

#[test]
fn source_maps_give_lines_without_variables() {
    let files = Files::new();
    let program = files.wasm(
        "loop.wasm",
        r#"(module (func (export "f") (param i32) (result i32) (local i32)
            (local.set 1 (i32.const 77))
            (loop $more
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1)))"#,
    );
    let bytes = std::fs::read(&program).unwrap();
    let find = |what: &[u8]| {
        let at = bytes.windows(what.len()).position(|part| part == what);
        at.unwrap() as i64
    };
    // i32.const 77; get 1, const 1, add; get 0, const 1, sub; get 1, end.
    let starts = [
        find(&[0x41, 0xcd, 0]),
        find(&[0x20, 1, 0x41, 1, 0x6a]),
        find(&[0x20, 0, 0x41, 1, 0x6b]),
        find(&[0x20, 1, 0x0b]),
    ];
    let mut mappings = Vec::new();
    let mut last = 0;
    for (nth, start) in starts.iter().enumerate() {
        let line = i64::from(nth > 0);
        // Offset, source, line and column, each by how much it grows.
        mappings.push(vlq(start - last) + &vlq(0) + &vlq(line) + &vlq(0));
        last = *start;
    }
    let map = format!(
        r#"{{"version":3,"sources":["loop.ts"],"names":[],"mappings":"{}"}}"#,
        mappings.join(",")
    );
    let map = files.put("loop.map", map);
    let three = files.put("three.json", "[3]");
    let args = [
        "truth",
        program.to_str().unwrap(),
        "--entry",
        "func:f",
        "--input",
        three.to_str().unwrap(),
    ];
    run(args).expect(1).says(&["no DWARF", "-g"]);
    let done = run(args.iter().chain(&["--source-map", map.to_str().unwrap()])).expect(0);
    let found = rows(&done.stdout);
    // Line 1, three rounds of 2 and 3, line 4.
    let path: Vec<i64> = of(&found, "path", "three.json")
        .iter()
        .filter_map(|row| row["next"].as_i64())
        .collect();
    assert_eq!(path, [2, 3, 2, 3, 2, 3, 4, -1]);
    assert_eq!(of(&found, "output", "three.json")[0]["expected"], 80);
    assert!(of(&found, "state", "three.json").is_empty());
}

#[test]
fn wrong_usage_says_what_is_wrong() {
    let files = Files::new();
    let program = files.put("ends.wasm", ENDS);
    let program = program.to_str().unwrap();
    let text = files.put("a.txt", "neither");
    run(["truth", text.to_str().unwrap()]).expect(1).says(&[
        "failed to build",
        "it is no module",
        "known are wat, ",
    ]);
    run(["truth", program, "--input", "nowhere.in"])
        .expect(1)
        .says(&["failed to read nowhere.in"]);
    run(["truth", program, "--flags", "-O1"])
        .expect(2)
        .says(&["--flags are for a source that is built"]);
    run(["truth", program, "--columns", "cache"])
        .expect(2)
        .says(&["are for what a program costs"]);
    run(["truth", program, "--entry", "main"])
        .expect(2)
        .says(&["neither `stdio` nor `func:NAME`"]);
    run([
        "truth",
        program,
        "--entry",
        "func:_start",
        "--input",
        text.to_str().unwrap(),
    ])
    .expect(1)
    .says(&["a JSON list of arguments is expected"]);
    run(["truth", program, "--file", "other.c"])
        .expect(1)
        .says(&["failed to find the file `other.c`: no code is of it"]);
    run(["truth", program, "--output", "/nowhere/truth.jsonl"])
        .expect(3)
        .says(&["failed to write the truth"]);
}
