//! Programs that attack their compiler: it is a process with limits, and what it says and makes has limits, too. Compilers here are
//! shell scripts.

use std::path::Path;
use std::time::{Duration, Instant};

use probity_efficiency::judge::{Columns, Config, Judge};
use probity_efficiency::result::SampleResult;
use probity_efficiency::toolchain::{BuildCache, Builder, Limits, Toolchains};
use probity_efficiency::{Status, task::Task};

use crate::guests::*;

/// Judges by a compiler that is this script; `$1` is the program, `$2` the module.
fn built_by(script: &str, text: &str, limits: Limits) -> SampleResult {
    built_with(script, text, limits, None)
}

fn built_with(script: &str, text: &str, limits: Limits, cache: Option<BuildCache>) -> SampleResult {
    let dir = tempfile::tempdir().expect("a directory");
    let table = dir.path().join("table.toml");
    let toolchain = format!(
        "[fake]\nextensions = ['fake']\n[[fake.compilers]]\nname = 'fake'\nversion = ['echo', '1']\n\
        command = ['sh', '-c', '''{script}''', 'sh', '{{source}}', '{{output}}']\n"
    );
    std::fs::write(&table, toolchain).expect("written");
    let judge = Judge::new(Config {
        builder: Builder {
            toolchains: Toolchains::with_file(&table).expect("a table"),
            limits,
            cache,
            ..Builder::default()
        },
        tier: Some(TIERS[0]),
        columns: Columns::default(),
    });
    let mut task = sum_task();
    task["lang"] = serde_json::json!("fake");
    let prepared = prepare(&judge, &task);
    judge.judge(&prepared, &sample(text), Path::new(""))
}

fn short() -> Limits {
    Limits {
        wall: Duration::from_secs(1),
        memory_bytes: 256 << 20,
        file_bytes: 1 << 20,
    }
}

#[track_caller]
fn refused(result: &SampleResult, says: &str) {
    let message = result.message.as_deref().unwrap_or_default();
    assert_eq!(result.status, Status::CompileError, "{message}");
    assert!(message.contains(says), "{message}");
    assert!(result.tests.is_empty());
}

#[test]
fn a_compiler_that_does_not_end_is_ended_with_its_children() {
    let dir = tempfile::tempdir().expect("a directory");
    let sign = dir.path().join("sign");
    let script = format!("(sleep 3; touch {}) & sleep 1000", sign.display());
    let started = Instant::now();
    refused(
        &built_by(&script, "x", short()),
        "the compiler took longer than 1 s",
    );
    assert!(started.elapsed() < Duration::from_secs(3));
    std::thread::sleep(Duration::from_millis(3500));
    assert!(!sign.exists(), "a child was left");
}

#[test]
fn processor_time_memory_and_files_are_limited() {
    refused(&built_by("while :; do :; done", "x", short()), "");
    // The shell keeps a text of twice the length each time.
    let bomb = "a=x; while :; do a=$a$a; done";
    let patient = Limits {
        wall: Duration::from_secs(60),
        ..short()
    };
    let started = Instant::now();
    refused(&built_by(bomb, "x", patient), "");
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "by memory, not by time"
    );
    refused(
        &built_by("head -c 100000000 /dev/zero > $2; exit 1", "x", short()),
        "",
    );
    // Not by the limit of the process, but of who reads it.
    refused(
        &built_by("ln -s /dev/zero $2", "x", short()),
        "the compiler made no module: it is no file",
    );
    refused(&built_by("mkfifo $2", "x", short()), "it is no file");
}

#[test]
fn gigabytes_of_errors_are_a_few_kilobytes() {
    refused(
        &built_by("yes error: and so on", "x", short()),
        "the compiler wrote more than 4 MiB of messages",
    );
    let result = built_by(
        "head -c 1000000 /dev/zero | tr '\\000' e; exit 1",
        "x",
        short(),
    );
    refused(&result, "eee");
    assert!(result.message.is_some_and(|text| text.len() < 20_000));
    // Not UTF-8.
    refused(
        &built_by("printf \"\\\\377\\\\376\"; exit 1", "x", short()),
        "\u{fffd}",
    );
}

#[test]
fn compilers_see_no_more_of_the_environment_than_they_need() {
    // Cargo sets these for tests; a key would be as near.
    let script = "echo \"got ${CARGO_MANIFEST_DIR-nothing} ${CARGO_PKG_NAME-nothing} ${PATH:+a path}\"; exit 1";
    refused(
        &built_by(script, "x", short()),
        "got nothing nothing a path",
    );
}

#[test]
fn a_build_is_in_a_directory_of_its_own_which_goes() {
    let script = "pwd; ls; exit 1";
    let result = built_by(script, "x", short());
    let message = result.message.expect("said");
    let dir = Path::new(message.lines().next().expect("a line"));
    assert!(dir.is_absolute() && !dir.exists(), "{message}");
    assert!(message.contains("main.fake"));
}

#[test]
fn a_compiler_that_fails_by_load_is_asked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let sign = dir.path().join("sign");
    let cache = BuildCache::new(dir.path().join("cache")).expect("made");
    // The first takes too long, which the machine may be to blame for.
    let script = format!(
        "test -e {0} || {{ touch {0}; sleep 100; }}; cat $1 > $2",
        sign.display()
    );
    let text = wat::parse_str(program(SLOW_SUM)).expect("a program");
    // Text of a program is UTF-8: the module comes from beside it.
    let module = dir.path().join("module.wasm");
    std::fs::write(&module, text).expect("written");
    let script = script.replace("cat $1", &format!("cat {}", module.display()));
    let build = || built_with(&script, "x", short(), Some(cache.clone()));
    refused(&build(), "took longer");
    let second = build();
    assert_eq!(second.status, Status::Ok, "{:?}", second.message);
}

#[test]
fn a_task_without_a_compiler_says_nothing_about_samples() {
    let judge = judge(TIERS[0], Columns::default());
    let mut task = sum_task();
    task["references"] = serde_json::json!([{"id": "known", "lang": "cobol", "source": "x\n"}]);
    let prepare = |task: &serde_json::Value| {
        let task: Task = serde_json::from_value(task.clone()).expect("a task");
        let ready = judge.prepare(&task.into(), Path::new(""), None, &Default::default());
        ready.map_err(|error| (error.is_unsupported(), error.to_string()))
    };
    // Every output is given: the reference is for costs alone.
    let prepared = prepare(&task).expect("ready");
    assert_eq!(prepared.references[0].status, Status::Unsupported);
    let result = judge.judge(&prepared, &sample(&program(SLOW_SUM)), Path::new(""));
    assert_eq!(result.status, Status::Ok);
    // An output is missing.
    let mut open = task.clone();
    open["tests"][0]["expected"] = serde_json::Value::Null;
    let (is_unsupported, message) = prepare(&open).expect_err("no output");
    assert!(is_unsupported && message.contains("`cobol`"), "{message}");
    // One that can be built, and fails.
    let failing =
        serde_json::json!({"id": "bad", "source": format!("{}\n", program("unreachable"))});
    open["references"]
        .as_array_mut()
        .expect("a list")
        .push(failing);
    assert!(!prepare(&open).expect_err("no output").0);
    task["generator"] = serde_json::json!({"source": "x\n", "lang": "cobol", "sizes": [1]});
    let (is_unsupported, message) = prepare(&task).expect_err("no generator");
    assert!(
        is_unsupported && message.contains("build the generator"),
        "{message}"
    );
}
