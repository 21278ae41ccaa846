//! Exports of coverage, and `probity coverage`.
mod common;

use std::{fs, path::Path};

use common::{Files, json, probity, run, run_module, wait};

/// From `probes/tests/source/inlined.c`; `run` has 9 lines with code, of which an argument of 4
/// leaves none unexecuted, and -5 two (11 and 17).
const INLINED: &[u8] = include_bytes!("../../probes/tests/source/inlined.wasm");

fn inlined(files: &Files) -> std::path::PathBuf {
    files.put("inlined.wasm", INLINED)
}

#[test]
fn several_formats_in_one_run_and_no_report_besides() {
    let files = Files::new();
    let module = inlined(&files);
    let at = |name: &str| files.path(name).display().to_string();
    let options = format!(
        "-a coverage --export lcov={} --export html={} --export summary=- --invoke run",
        at("c.info"),
        at("c.html")
    );
    let done = run_module(&options, &module, "4").expect(0);
    // Both the summary and the function's result (3*5*0 + 3*5*1 + 3*5*2 + 3*5*3) go to stdout.
    assert!(done.stdout.starts_with("90\n"), "{done:?}");
    assert!(
        done.stdout
            .contains("  9/9 100.0%  4/4 100.0%  4/6  66.7%  total\n"),
        "{done:?}"
    );
    assert_eq!(done.stderr, "");
    assert!(files.read("c.info").contains("\nDA:11,4\n"));
    assert!(files.read("c.html").contains("9/9 100.0%"));
    // What is not exported is still reported, and what is asked for.
    let options = format!(
        "-a coverage -a icount --export lcov={} --invoke run",
        at("c.info")
    );
    let done = run_module(&options, &module, "4").expect(0);
    assert!(done.stderr.contains("== icount =="));
    let options = format!(
        "-a coverage --export lcov={} --format json --invoke run",
        at("c.info")
    );
    let done = run_module(&options, &module, "4").expect(0);
    let report = json(&done.stderr);
    let coverage = &report["analyses"]["coverage"];
    assert_eq!(coverage["lines_total"], 9);
    assert_eq!(
        coverage["data"]["modules"][0]["files"][0]["path"],
        "inlined.c"
    );
}

#[test]
fn wrong_usage_is_found_before_the_guest_runs() {
    let files = Files::new();
    let module = files.program(
        "p.wasm",
        r#"(data (i32.const 64) "ran\n") (func (export "_start") (call $print (i32.const 64) (i32.const 4)))"#,
    );
    for (options, says) in [
        (
            "--export lcov=x",
            "no analysis of the run has coverage data; add coverage",
        ),
        ("-a icount --export html=x", "--export html: no analysis"),
        ("-a icount --merge x", "--merge: no analysis"),
        ("-a coverage --export lcow=x", "did you mean `lcov`?"),
        ("-a coverage --export lcov", "FORMAT=PATH"),
        ("-a coverage --export lcov=", "FORMAT=PATH"),
        (
            "-a coverage --export lcov=- --export html=-",
            "two outputs go to stdout",
        ),
        (
            "-a coverage --format json -o - --export lcov=-",
            "two outputs go to stdout",
        ),
        ("--source-map /nonexistent.map", "/nonexistent.map"),
    ] {
        let done = run_module(options, &module, "").expect(2).says(&[says]);
        assert_eq!(done.stdout, "", "{options}");
    }
    let broken = files.put("broken.json", "{}");
    let options = format!("-a coverage --merge {}", broken.display());
    let done = run_module(&options, &module, "").expect(2);
    let done = done.says(&["failed to read coverage from", "broken.json"]);
    assert_eq!(done.stdout, "");
    assert_eq!(files.read("broken.json"), "{}");
}

#[test]
fn the_formats_are_listed() {
    let done = run(["list"]).expect(0);
    for (format, summary) in [("lcov", "lines, functions"), ("html", "one page")] {
        let line = done.stdout.lines().find_map(|line| {
            let rest = line.trim_start().strip_prefix(format)?;
            rest.starts_with(' ').then_some(rest.trim_start())
        });
        let line = line.unwrap_or_else(|| panic!("{format}: {}", done.stdout));
        assert!(
            line.starts_with(summary) && line.ends_with("(coverage, pycoverage)"),
            "{line}"
        );
    }
}

#[test]
fn what_cannot_be_written_goes_to_stderr() {
    let files = Files::new();
    let module = inlined(&files);
    let gone = files.path("gone").join("c.info");
    let options = format!("-a coverage --export lcov={} --invoke run", gone.display());
    let done = run_module(&options, &module, "4").expect(3);
    done.says(&[
        "failed to write the lcov export to",
        "it follows here",
        "\nDA:11,4\n",
    ]);
    let options = format!("-a coverage --merge {} --invoke run", gone.display());
    let done = run_module(&options, &module, "4").expect(3);
    done.says(&["failed to add coverage to", "\"schema\":1", "inlined.c"]);
}

/// A guest that traps, or that a limit ends, has coverage all the same.
#[test]
fn coverage_of_what_ends_early() {
    let files = Files::new();
    let module = files.wasm(
        "trap.wasm",
        r#"(module (func $never nop) (func (export "_start") nop unreachable))"#,
    );
    let done = run_module("-a coverage --export summary=-", &module, "").expect(134);
    // `nop` and `unreachable` of three; `never` has two operators.
    assert!(
        done.stdout.contains("  2/3  66.7%        1  1 _start\n"),
        "{done:?}"
    );
    assert!(done.stdout.contains("  2/5  40.0%"), "{done:?}");
}

#[test]
fn merge_and_diff() {
    let files = Files::new();
    let module = inlined(&files);
    let path = |name: &str| files.path(name).display().to_string();
    for (name, argument) in [("few.json", "-5"), ("all.json", "4")] {
        let options = format!(
            "-a coverage:granularity=line --format json -o {} --invoke run",
            path(name)
        );
        run_module(&options, &module, argument).expect(0);
    }
    let summary = run(["coverage", "merge", &path("few.json")]).expect(0);
    assert!(
        summary
            .stdout
            .ends_with("lines that did not execute\ninlined.c: 11 17\n"),
        "{summary:?}"
    );

    let (sum, lcov) = (path("sum.json"), format!("lcov={}", path("sum.info")));
    let inputs = [path("few.json"), path("all.json")];
    let done = run([
        "coverage", "merge", &inputs[0], &inputs[1], "-o", &sum, "--export", &lcov,
    ]);
    assert_eq!(done.expect(0).stdout, "");
    // -5: line 14 once; 4: once.
    assert!(files.read("sum.info").contains("\nDA:14,2\n"));
    let read = json(&files.read("sum.json"));
    assert_eq!(read["analyses"]["coverage"]["lines_covered"], 9);
    assert_eq!(
        read["analyses"]["coverage"]["data"]["modules"][0]["runs"],
        2
    );

    let diff = run([
        "coverage", "diff", &inputs[1], &inputs[0], "--format", "json",
    ])
    .expect(0);
    let diff = json(&diff.stdout);
    let diff = &diff["analyses"]["coverage"];
    assert_eq!((&diff["lost"], &diff["gained"]), (&2.into(), &0.into()));
    assert_eq!(diff["files"][0]["lost_lines"], serde_json::json!([11, 17]));
    assert_eq!(diff["files"][0]["old_percent"], 100.0);
    let text = run(["coverage", "diff", &inputs[0], &sum]).expect(0).stdout;
    assert!(
        text.contains("gained: 2\n") && text.contains("lost: 0\n"),
        "{text}"
    );

    // A report without lines, and what is none.
    let options = format!(
        "-a coverage --format json -o {} --invoke run",
        path("plain.json")
    );
    run_module(&options, &module, "4").expect(0);
    run(["coverage", "merge", &path("plain.json")])
        .expect(1)
        .says(&["granularity=line"]);
    run(["coverage", "merge", &path("nothing.json")])
        .expect(1)
        .says(&["nothing.json"]);
    run(["coverage", "diff", &sum, &path("inlined.wasm")])
        .expect(1)
        .says(&["inlined.wasm"]);
    run(["coverage", "merge"]).expect(2);
}

#[test]
fn runs_at_a_time_add_up_in_one_file() {
    let files = Files::new();
    let module = inlined(&files);
    let sum = files.path("sum.json");
    let start = || {
        let mut command = probity(["run", "-a", "coverage", "--invoke", "run", "--merge"]);
        command.arg(&sum).arg(&module).arg("4").spawn().unwrap()
    };
    let runs: Vec<_> = (0..8).map(|_| start()).collect();
    for child in runs {
        assert_eq!(wait(child).expect(0).stdout, "90\n");
    }
    let read = json(&files.read("sum.json"));
    let data = &read["analyses"]["coverage"]["data"];
    assert_eq!(data["modules"][0]["runs"], 8);
    assert_eq!(data["files"], serde_json::Value::Null);
    // Line 17 4 times in each.
    let lines = data["modules"][0]["files"][0]["lines"].as_array().unwrap();
    assert!(
        lines.contains(&serde_json::json!({"line": 17, "count": 32})),
        "{lines:?}"
    );

    // Another build of the same file replaces it.
    let other = files.wasm(
        "inlined.wasm",
        r#"(module (func (export "run") (param i32)))"#,
    );
    let options = format!("-a coverage --merge {} --invoke run", sum.display());
    run_module(&options, &other, "4").expect(0);
    let read = json(&files.read("sum.json"));
    let modules = read["analyses"]["coverage"]["data"]["modules"]
        .as_array()
        .unwrap();
    assert_eq!(modules.len(), 1);
    assert_eq!(modules[0]["runs"], 1);
}

/// Sources are shown from where the user says, and from nowhere else.
#[test]
fn sources_are_shown_from_below_the_directories_given() {
    let files = Files::new();
    let module = inlined(&files);
    fs::create_dir(files.path("code")).unwrap();
    files.put(
        "code/inlined.c",
        "line one\n\n\n\n\n\n\n\n\n\nline eleven\n",
    );
    files.put("inlined.c", "not this one\n");
    let page = |dir: &Path| {
        let options = format!(
            "-a coverage --export html=- --source-dir {} --invoke run",
            dir.display()
        );
        run_module(&options, &module, "4").expect(0).stdout
    };
    let shown = page(&files.path("code"));
    assert!(shown.contains("<td>line eleven") && !shown.contains("not this one"));
    fs::create_dir(files.path("empty")).unwrap();
    let hidden = page(&files.path("empty"));
    assert!(hidden.contains("the file cannot be read here") && !hidden.contains("line eleven"));
    // By function and offset instead.
    assert!(hidden.contains("<td>weigh"));
}
