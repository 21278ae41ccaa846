//! `probity measure`: batches that are interrupted, killed, cut and gone on with, and cards of programs. Programs are Wasm text, and
//! the one compiler is a shell script, so that none has to be installed.
mod common;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use common::{Done, Files, json, probity, run, wait};
use serde_json::{Value, json};

/// A module that reads a number `n` of one digit and prints the sum of `n` and `more`, both one digit together.
fn adder(more: u32, rounds: u32) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\01\00\00\00")
  (func (export "_start") (local $i i32)
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $more (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {rounds}))))
    (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const {more})))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    )
}

fn task(id: &str) -> Value {
    json!({
        "task_id": id, "lang": "wat",
        "tests": [{"id": "a", "stdin": "3\n", "expected": "4"}, {"id": "b", "stdin": "7\n", "expected": "8", "kind": "stress", "size": 7}],
        "references": [{"id": "known", "source": adder(1, 500) + "\n"}],
        "limits": {"fuel": 1_000_000, "memory_mb": 8, "stack_mb": 1, "wall_s": 60, "stdout_mb": 1},
    })
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// Samples of two models for two tasks: right ones, wrong ones, traps, texts that do not compile, and modules that others have.
fn samples(count: u32) -> Vec<Value> {
    let text = |n: u32| match n % 10 {
        7 => adder(2, n),
        8 => "(module".to_owned(),
        9 => adder(1, 1),
        4 => adder(1, n).replacen("(drop", "unreachable (drop", 1),
        _ => adder(1, n),
    };
    let sample = |n: u32| {
        let task = ["one", "two"][(n % 2) as usize];
        let model = ["m", "k"][(n % 3 % 2) as usize];
        json!({"task_id": task, "model": model, "solution": text(n)})
    };
    (0..count).map(sample).collect()
}

fn batch(count: u32) -> Files {
    let files = Files::new();
    files.put("tasks.jsonl", lines(&[task("one"), task("two")]));
    files.put("samples.jsonl", lines(&samples(count)));
    files
}

fn measure(files: &Files, out: &str, options: &[&str]) -> Command {
    let mut command = probity(["measure"]);
    command
        .args([
            "tasks.jsonl",
            "samples.jsonl",
            "-o",
            out,
            "--no-build-cache",
        ])
        .args(options)
        .current_dir(files.dir());
    command
}

fn measured(files: &Files, out: &str, options: &[&str]) -> Done {
    wait(measure(files, out, options).spawn().unwrap())
}

/// A results file without times, the one thing that is not the same in every run.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut value = json(line);
        for test in value["tests"].as_array_mut().unwrap() {
            test.as_object_mut().unwrap().remove("wall_ns");
        }
        out += &format!("{value}\n");
    }
    out
}

#[test]
fn the_file_is_the_same_with_any_number_of_jobs_in_every_tier() {
    let files = batch(1000);
    let mut first: Option<(String, String)> = None;
    for (jobs, tier) in [("1", "interp"), ("2", "auto"), ("8", "jit"), ("8", "auto")] {
        let outputs = files.path("outputs.jsonl");
        let outputs = outputs.to_str().unwrap();
        let options = ["-j", jobs, "--tier", tier, "--outputs", outputs];
        let done = measured(&files, "out.jsonl", &options).expect(0);
        assert!(
            done.stderr
                .contains("1000 samples: 700 ok, 100 compile_error, 100 wrong, 100 trap"),
            "{done:?}"
        );
        let got = (
            timeless(&files.read("out.jsonl")),
            files.read("outputs.jsonl"),
        );
        match &first {
            None => first = Some(got),
            // Not `assert_eq`: megabytes would be shown.
            Some(first) => assert!(*first == got, "-j {jobs} --tier {tier}"),
        }
    }
    let (results, outputs) = first.unwrap();
    // The references of the tasks, and then the samples in their order.
    let results: Vec<Value> = results.lines().map(json).collect();
    assert_eq!(results.len(), 2 + 1000);
    assert_eq!(results[0]["reference"], "known");
    for (n, result) in results[2..].iter().enumerate() {
        assert_eq!(result["task_id"], ["one", "two"][n % 2]);
        let status = match n % 10 {
            7 => "wrong",
            8 => "compile_error",
            4 => "trap",
            _ => "ok",
        };
        assert_eq!(result["status"], status, "sample {n}");
    }
    // Each sample's two tests, in the same order; what trapped or was not built gave nothing.
    let outputs: Vec<Value> = outputs.lines().map(json).collect();
    assert_eq!(outputs.len(), 2 * 1000);
    for (n, pair) in outputs.chunks(2).enumerate() {
        let got = match n % 10 {
            7 => ["5", "9"].map(Value::from),
            4 | 8 => [Value::Null, Value::Null],
            _ => ["4", "8"].map(Value::from),
        };
        let expected = [json!("a"), json!("b")];
        assert_eq!([&pair[0]["output"], &pair[1]["output"]], [&got[0], &got[1]]);
        assert_eq!(
            [&pair[0]["input"], &pair[1]["input"]],
            [&expected[0], &expected[1]]
        );
        assert_eq!(pair[0]["sample_id"], results[2 + n]["sample_id"]);
        assert_eq!(pair[0]["model"], results[2 + n]["model"]);
    }
}

#[test]
fn outputs_are_what_reranking_reads() {
    let files = batch(40);
    measured(&files, "out.jsonl", &["--outputs", "printed.jsonl"]).expect(0);
    let mut score = probity(["score", "out.jsonl", "--metric", "rerank@1", "--outputs"]);
    score.arg("printed.jsonl").current_dir(files.dir());
    let done = wait(
        score
            .args(["--format", "json", "--resamples", "0"])
            .spawn()
            .unwrap(),
    )
    .expect(0);
    // What most agree on is right, of each model for each task.
    for model in json(&done.stdout)["models"].as_array().unwrap() {
        assert_eq!(model["scores"]["rerank@1"]["value"], 100.0, "{model:#}");
        assert_eq!(model["tasks"], 2);
    }
}

/// The most memory that a process has had until its end, KiB.
#[cfg(target_os = "linux")]
fn peak_kib(mut command: Command) -> u64 {
    let mut child = command.spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        peak = peak.max(number.unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    }
    wait(child).expect(0);
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_number_of_samples() {
    let files = batch(0);
    let peak = |count: u32| {
        // Each has a module of its own.
        let sample = |n: u32| json!({"task_id": "one", "solution": adder(1, n)});
        let samples: Vec<Value> = (0..count).map(sample).collect();
        files.put("samples.jsonl", lines(&samples));
        peak_kib(measure(
            &files,
            "out.jsonl",
            &["-j", "2", "--outputs", "printed.jsonl"],
        ))
    };
    let (few, many) = (peak(300), peak(3000));
    assert!(few > 1000, "{few} KiB");
    // Hashes and positions, some hundred bytes a sample, are kept; compiled modules, of 10 KiB and more, are not.
    assert!(many < few + 2700 * 2, "{few} KiB, then {many} KiB");
}

/// The batch with a compiler that logs each of its runs: programs name the module that they are.
fn logged(count: u32) -> Files {
    let files = Files::new();
    let mut task = task("one");
    task["lang"] = json!("fake");
    task["references"][0]["lang"] = json!("wat");
    files.put("tasks.jsonl", lines(&[task]));
    let samples: Vec<Value> = (0..count)
        .map(|n| {
            files.wasm(&format!("{n}.wasm"), &adder(1, n));
            json!({"task_id": "one", "model": "m", "solution": format!("{n}\n")})
        })
        .collect();
    files.put("samples.jsonl", lines(&samples));
    let dir = files.dir().display();
    let toolchain = format!(
        "[fake]\nextensions = ['fake']\n[[fake.compilers]]\nname = 'fake'\nversion = ['echo', '1']\n\
        command = ['sh', '-c', 'echo \"$(cat $1)\" >> {dir}/builds; cp {dir}/$(cat $1).wasm $2', 'sh', '{{source}}', '{{output}}']\n"
    );
    files.put("table.toml", toolchain);
    files
}

#[test]
fn a_batch_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    const SAMPLES: u32 = 300;
    let files = logged(SAMPLES);
    let options = [
        "-j",
        "2",
        "--toolchains",
        "table.toml",
        "--resume",
        "--outputs",
        "printed.jsonl",
    ];
    let mut kills = 0;
    // Moments that differ, and none that depends on luck: a multiplicative sequence.
    let mut moment = 7u64;
    loop {
        let mut child = measure(&files, "out.jsonl", &options).spawn().unwrap();
        moment = moment * 48271 % 0x7fff_ffff;
        let end = Instant::now() + Duration::from_millis(60 + moment % 400);
        while Instant::now() < end && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().unwrap().is_some() {
            wait(child).expect(0);
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 400, "it never ends");
    }
    assert!(kills >= 2, "{kills}");
    let results = timeless(&files.read("out.jsonl"));
    let printed = files.read("printed.jsonl");
    assert_eq!(printed.lines().count(), 2 * SAMPLES as usize);
    // Each is built once, but for those that a kill took from their results: no more than two at a time.
    let builds = files.read("builds");
    let built: std::collections::BTreeSet<&str> = builds.lines().collect();
    assert_eq!(built.len(), SAMPLES as usize);
    assert!(
        builds.lines().count() <= SAMPLES as usize + 2 * kills,
        "{kills} kills"
    );
    // As if there had been no kill.
    let again = [
        "-j",
        "2",
        "--toolchains",
        "table.toml",
        "--outputs",
        "again.jsonl",
    ];
    measured(&files, "whole.jsonl", &again).expect(0);
    assert!(results == timeless(&files.read("whole.jsonl")));
    assert!(printed == files.read("again.jsonl"));
    // Nothing is left to do.
    let before = files.read("builds");
    let done = measured(&files, "out.jsonl", &options).expect(0);
    assert!(done.stderr.contains("300 were there already"), "{done:?}");
    assert_eq!(files.read("builds"), before);
}

#[test]
fn cut_and_foreign_lines() {
    let files = batch(20);
    measured(&files, "out.jsonl", &["-j", "1"]).expect(0);
    let whole = files.read("out.jsonl");
    // Wherever a kill has cut it.
    for cut in [1, 40, whole.len() / 2, whole.len() - 1] {
        files.put("cut.jsonl", &whole[..cut]);
        measured(&files, "cut.jsonl", &["--resume"]).expect(0);
        assert!(
            timeless(&files.read("cut.jsonl")) == timeless(&whole),
            "cut at {cut}"
        );
    }
    // What is no result is left as it is.
    let (first, _) = whole.split_once('\n').unwrap();
    for (text, says) in [
        (
            "dear diary".to_owned(),
            "line 1: it is no result, and not a part of one",
        ),
        ("dear diary\n".to_owned(), "line 1: it is no result"),
        (format!("{first}\n{{\"a\":1}}\n"), "line 2: it is no result"),
        (format!("{first}\n\n"), "line 2: it is no result"),
    ] {
        files.put("own.txt", &text);
        let done = measured(&files, "own.txt", &["--resume"]).expect(3);
        assert!(done.stderr.contains(says), "{done:?}");
        assert_eq!(files.read("own.txt"), text);
    }
}

#[test]
fn outputs_that_are_asked_for_later_are_had() {
    let files = batch(30);
    measured(&files, "out.jsonl", &[]).expect(0);
    let results = timeless(&files.read("out.jsonl"));
    let options = ["--resume", "--outputs", "printed.jsonl"];
    let done = measured(&files, "out.jsonl", &options).expect(0);
    assert!(done.stderr.contains("30 samples: 21 ok"), "{done:?}");
    assert!(results == timeless(&files.read("out.jsonl")));
    assert_eq!(files.read("printed.jsonl").lines().count(), 60);
    let done = measured(&files, "out.jsonl", &options).expect(0);
    assert!(done.stderr.contains("30 were there already"), "{done:?}");
}

#[test]
fn a_disk_that_is_full() {
    let files = batch(200);
    let done = measured(&files, "/dev/full", &[]).expect(3);
    assert!(
        done.stderr.contains("/dev/full: failed to keep results"),
        "{done:?}"
    );
    measured(&files, "no/such/directory/out.jsonl", &[])
        .expect(3)
        .says(&["no/such/directory/out.jsonl: failed to open it: No such file"]);
    // 16 blocks of 512 bytes, and an error instead of a signal.
    let binary = env!("CARGO_BIN_EXE_probity");
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec {binary} measure tasks.jsonl samples.jsonl -o out.jsonl --no-build-cache"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(files.dir());
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let done = wait(command.spawn().unwrap()).expect(3);
    assert!(
        done.stderr
            .contains("out.jsonl: failed to write: File too large"),
        "{done:?}"
    );
    let text = files.read("out.jsonl");
    assert!(
        text.ends_with('\n') && text.lines().count() > 3,
        "whole lines are left"
    );
    let done = measured(&files, "out.jsonl", &["--resume"]).expect(0);
    assert!(done.stderr.contains("were there already"), "{done:?}");
    assert_eq!(files.read("out.jsonl").lines().count(), 202);
}

#[test]
fn the_same_module_is_judged_once() {
    let files = batch(0);
    let same = json!({"task_id": "one", "solution": adder(1, 5)});
    let other = json!({"task_id": "two", "solution": adder(1, 5)});
    files.put(
        "samples.jsonl",
        lines(&[same.clone(), same.clone(), other, same]),
    );
    let done = measured(&files, "out.jsonl", &["-j", "1"]).expect(0);
    assert!(
        done.stderr
            .contains("4 samples: 4 ok; 100.0% judged; 2 have the module of another"),
        "{done:?}"
    );
    let text = files.read("out.jsonl");
    let results: Vec<Value> = text.lines().map(json).collect();
    let ids: Vec<&Value> = results[2..]
        .iter()
        .map(|result| &result["sample_id"])
        .collect();
    assert_eq!(ids, [0, 1, 0, 2]);
    // Time and all: it is the same measurement.
    assert_eq!(results[2]["tests"], results[3]["tests"]);
}

#[test]
fn samples_that_are_none_are_said_with_their_line() {
    let sample =
        |id: u64| json!({"task_id": "one", "model": "m", "sample_id": id, "solution": adder(1, 1)});
    for (second, says) in [
        (
            sample(0),
            "line 2: there is another sample 0 of this model for task `one` before it",
        ),
        (
            json!({"task_id": "three", "solution": ""}),
            "line 2: there is no task `three`",
        ),
        (json!({"solution": ""}), "line 2: missing field `task_id`"),
        (json!(7), "line 2: invalid type"),
    ] {
        let files = batch(0);
        files.put("samples.jsonl", lines(&[sample(0), second]));
        measured(&files, "out.jsonl", &[])
            .expect(1)
            .says(&["samples.jsonl, ", says]);
        // What was measured by then is there.
        assert_eq!(files.read("out.jsonl").lines().count(), 2);
    }
    let files = batch(0);
    let nothing = json!({"task_id": "one"});
    files.put(
        "samples.jsonl",
        lines(&[nothing, json!({"task_id": "one", "wasm": "none.wasm"})]),
    );
    let done = measured(&files, "out.jsonl", &[]).expect(0);
    assert!(
        done.stderr.contains("2 samples: 2 internal; 0.0% judged"),
        "{done:?}"
    );
    fs::remove_file(files.path("samples.jsonl")).unwrap();
    measured(&files, "out.jsonl", &[])
        .expect(1)
        .says(&["samples.jsonl: No such file"]);
}

#[test]
fn tasks_that_cannot_be_made_ready_leave_the_others() {
    let files = batch(0);
    let mut broken = task("broken");
    broken["tests"][0]["expected"] = Value::Null;
    broken["references"][0]["source"] = json!("none.wat");
    let mut foreign = broken.clone();
    foreign["task_id"] = json!("foreign");
    foreign["references"][0] = json!({"id": "known", "lang": "cobol", "source": "x\n"});
    files.put("tasks.jsonl", lines(&[broken, foreign, task("one")]));
    let of = |id: &str| json!({"task_id": id, "solution": adder(1, 1)});
    files.put(
        "samples.jsonl",
        lines(&[of("broken"), of("foreign"), of("one"), of("broken")]),
    );
    let options = ["--outputs", "printed.jsonl"];
    let done = measured(&files, "out.jsonl", &options).expect(0);
    assert!(
        done.stderr
            .contains("4 samples: 1 ok, 1 unsupported, 2 internal; 25.0% judged"),
        "{done:?}"
    );
    let text = files.read("out.jsonl");
    assert!(
        text.contains("prepare task `broken`: read none.wat"),
        "{text}"
    );
    let done = measured(
        &files,
        "out.jsonl",
        &["--resume", "--outputs", "printed.jsonl"],
    )
    .expect(0);
    assert!(done.stderr.contains("4 were there already"), "{done:?}");
}

/// A task whose inputs are generated: the last digit of the seed.
fn seeded() -> Files {
    let files = batch(6);
    let generator = r#"(module
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $args (i32.const 32) (i32.const 64)))
    (i32.store (i32.const 0) (i32.load (i32.const 40))) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"#;
    let mut tasks = [task("one"), task("two")];
    for task in &mut tasks {
        task["generator"] = json!({"source": generator, "sizes": [1], "seed": 5});
    }
    files.put("tasks.jsonl", lines(&tasks));
    files
}

#[test]
fn a_file_has_results_of_one_seed() {
    let files = seeded();
    measured(&files, "out.jsonl", &["--seed", "3"]).expect(0);
    assert!(files.read("out.jsonl").contains(r#""seed":3"#));
    measured(&files, "out.jsonl", &["--resume"])
        .expect(3)
        .says(&["line 1: it was measured with the seed 3, and this run has 5"]);
    measured(&files, "out.jsonl", &["--resume", "--seed", "3"]).expect(0);
    // A random one is said, and gone on with.
    let done = measured(&files, "random.jsonl", &["--seed", "random"]).expect(0);
    let seed = done
        .stderr
        .rsplit_once("; seed ")
        .expect("said")
        .1
        .trim()
        .to_owned();
    let done = measured(&files, "random.jsonl", &["--seed", "random", "--resume"]).expect(0);
    assert!(done.stderr.contains(&format!("; seed {seed}")), "{done:?}");
    assert!(done.stderr.contains("6 were there already"), "{done:?}");
    let other = measured(&files, "other.jsonl", &["--seed", "random"]).expect(0);
    assert!(
        !other.stderr.contains(&format!("; seed {seed}\n")),
        "{other:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_a_batch_that_can_be_gone_on_with() {
    let files = logged(400);
    let options = ["-j", "2", "--toolchains", "table.toml"];
    let child = measure(&files, "out.jsonl", &options).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while fs::read_to_string(files.path("builds"))
        .unwrap_or_default()
        .lines()
        .count()
        < 5
    {
        assert!(Instant::now() < end, "nothing is built");
        thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let done = wait(child).expect(130);
    assert!(done.stderr.contains("stopped before the end"), "{done:?}");
    let text = files.read("out.jsonl");
    let there = text.lines().count() - 1;
    assert!((1..400).contains(&there) && text.ends_with('\n'), "{there}");
    let done = measured(
        &files,
        "out.jsonl",
        &["--toolchains", "table.toml", "--resume"],
    )
    .expect(0);
    assert!(
        done.stderr.contains(&format!("{there} were there already")),
        "{done:?}"
    );
    assert_eq!(files.read("out.jsonl").lines().count(), 401);
    // Nothing that had ended was built again.
    assert_eq!(files.read("builds").lines().count(), 400);
}

#[test]
fn a_results_file_is_of_one_process() {
    let files = logged(200);
    let options = ["-j", "1", "--toolchains", "table.toml"];
    let mut child = measure(&files, "out.jsonl", &options).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while !files.path("builds").exists() {
        assert!(Instant::now() < end, "nothing is built");
        thread::sleep(Duration::from_millis(5));
    }
    measured(&files, "out.jsonl", &options)
        .expect(3)
        .says(&["it is being written already"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(files.read("out.jsonl").starts_with('{'));
}

#[test]
fn keys_of_the_environment_are_not_for_compilers() {
    let files = logged(1);
    let table = files
        .read("table.toml")
        .replace("echo \"$(cat $1)\"", "env");
    files.put("table.toml", table);
    let mut command = measure(&files, "out.jsonl", &["--toolchains", "table.toml"]);
    wait(command.env("OPENAI_API_KEY", "sk-secret").spawn().unwrap()).expect(0);
    let seen = files.read("builds");
    assert!(
        seen.contains("PATH=") && !seen.contains("sk-secret"),
        "{seen}"
    );
}

fn card(files: &Files, program: &str, options: &[&str]) -> Done {
    let mut command = probity(["measure", program, "--no-build-cache"]);
    command.args(options).current_dir(files.dir());
    wait(command.spawn().unwrap())
}

#[test]
fn a_programs_card() {
    let files = Files::new();
    files.put("adder.wat", adder(1, 100));
    files.put("three.txt", "3\n");
    let done = card(&files, "adder.wat", &["--stdin", "three.txt"]).expect(0);
    assert!(done.stdout.starts_with("adder.wat: ok\n"), "{done:?}");
    assert!(
        done.stdout.contains("bytes read 1, bytes written 1"),
        "{done:?}"
    );
    let as_json = |options: &[&str]| {
        let mut all = vec![
            "--stdin",
            "three.txt",
            "--format",
            "json",
            "--columns",
            "none",
        ];
        all.extend(options);
        json(&card(&files, "adder.wat", &all).expect(0).stdout)
    };
    let result = as_json(&[]);
    assert_eq!(result["status"], "ok");
    // 100 rounds of loop, get, const, add, tee, const, lt_u, br_if; around them 6 for the read (4 constants, call, drop), the
    // loop's end, 6 for the sum (const, const, load, const, add, store), 6 for the write, and the end.
    assert_eq!(result["tests"][0]["instr"], 100 * 8 + 6 + 1 + 6 + 6 + 1);
    assert!(result["tests"][0].get("l1_miss").is_none());
    for tier in ["interp", "jit"] {
        assert_eq!(
            as_json(&["--tier", tier])["tests"][0]["instr"],
            result["tests"][0]["instr"]
        );
    }
    let path: PathBuf = files.path("card.json");
    card(
        &files,
        "adder.wat",
        &["--format", "json", "-o", "card.json"],
    )
    .expect(0);
    assert_eq!(json(&fs::read_to_string(path).unwrap())["status"], "ok");
}

#[test]
fn a_programs_card_has_its_arguments() {
    let files = Files::new();
    // Exits with the number of its arguments, its name among them.
    let program = r#"(func (export "_start")
        (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
        (call $proc_exit (i32.sub (i32.load (i32.const 16)) (i32.const 3))))"#;
    files.program("count.wasm", program);
    card(&files, "count.wasm", &["--", "a", "--b"]).expect(0);
    let done = card(&files, "count.wasm", &["--", "a"]).expect(1);
    assert!(
        done.stdout
            .starts_with("count.wasm: exit (test run: exit code"),
        "{done:?}"
    );
}

#[test]
fn programs_that_fail_have_a_card_and_a_status() {
    let files = Files::new();
    let starts = |body: &str| format!(r#"(module (func (export "_start") {body}))"#);
    for (body, options, says) in [
        ("unreachable", &[][..], "trap"),
        ("(loop $l (br $l))", &["--fuel", "10_000"], "fuel"),
        (
            "(loop $l (br $l))",
            &["--timeout", "1", "--fuel", "1_000_000_000_000_000"],
            "wall",
        ),
    ] {
        files.put("it.wat", starts(body));
        let done = card(&files, "it.wat", options).expect(1);
        assert!(
            done.stdout.starts_with(&format!("it.wat: {says} (")),
            "{done:?}"
        );
    }
    files.put("it.wat", "(module");
    card(&files, "it.wat", &[])
        .expect(1)
        .says(&["failed to build it.wat: it does not compile"]);
    files.put("it.xyz", "?");
    card(&files, "it.xyz", &[])
        .expect(1)
        .says(&["its name does not say in which language it is"]);
    card(&files, "none.wat", &[])
        .expect(1)
        .says(&["failed to read none.wat"]);
    files.put("it.wat", starts(""));
    card(&files, "it.wat", &["-o", "no/such/card"])
        .expect(3)
        .says(&["failed to write no/such/card"]);
    card(&files, "it.wat", &["--stdin", "none"])
        .expect(1)
        .says(&["failed to read none"]);
}

#[test]
fn wrong_usage() {
    let files = batch(1);
    let usage = |args: &[&str], says: &str| {
        let mut command = probity(["measure"]);
        command.args(args).current_dir(files.dir());
        wait(command.spawn().unwrap()).expect(2).says(&[says]);
    };
    usage(&[], "required");
    usage(
        &["tasks.jsonl"],
        "a tasks file and a samples file are needed",
    );
    usage(&["a.wat", "b.wat"], "one program is measured at a time");
    usage(
        &["a.wat", "--outputs", "x"],
        "--outputs are for TASKS and SAMPLES",
    );
    usage(&["a.wat", "-j", "2"], "are for TASKS and SAMPLES");
    usage(
        &["tasks.jsonl", "samples.jsonl", "--fuel", "3"],
        "are for a PROGRAM",
    );
    usage(&["tasks.jsonl", "samples.jsonl", "--resume"], "--output");
    usage(
        &["tasks.jsonl", "samples.jsonl", "-j", "0"],
        "0 is not in 1..",
    );
    usage(&["tasks.jsonl", "samples.jsonl", "--seed", "dice"], "dice");
    run(["measure", "/no/such/tasks.jsonl", "/no/such/samples.jsonl"]).expect(1);
}
