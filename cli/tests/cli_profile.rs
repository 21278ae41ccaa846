//! `probity run -a profile`, `fprofile` and `sample`, and what they export.
mod common;

use common::{Files, json, run, run_module};
use serde_json::json as expected;

/// `_start` calls `work`, which writes a line, and goes on without end or until it exits.
const MODULE: &str = r#"
  (data (i32.const 100) "hello\n")
  (func $work (param i32)
    (call $print (i32.const 100) (i32.const 6))
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "_start")
    (call $work (i32.const 1000))
    (call $proc_exit (i32.const 0)))"#;

/// By hand: `_start` executes const, call, const, call (which does not return); `work` const, const, call, 1,000
/// rounds of `loop` and 5, end, end; `print` const, get, get, call, end; `print_to` 2 stores of 3, 5 for the call, drop, end.
const TOTAL: u64 = 4 + (3 + 6 * 1000 + 2) + 5 + (6 + 5 + 2);

#[test]
fn totals_are_exact_in_every_tier() {
    let files = Files::new();
    let module = files.program("m.wasm", MODULE);
    for tier in ["interp", "jit", "auto"] {
        let options = format!("--tier {tier} -o - --format json -a profile -a icount");
        let done = run_module(&options, &module, "").expect(0);
        let report = done.stdout.strip_prefix("hello\n").expect("the guest's");
        let report = json(report);
        let profile = &report["analyses"]["profile"];
        assert_eq!(profile["total"], TOTAL, "{tier}");
        assert_eq!(report["analyses"]["icount"]["total"], TOTAL, "{tier}");
        let tree = profile["tree"].as_array().unwrap().iter();
        let tree: Vec<_> = tree
            .map(|row| expected!([row["caller"], row["name"]]))
            .collect();
        let wasi = "wasi_snapshot_preview1";
        assert_eq!(
            tree,
            [
                expected!([null, "_start"]),
                expected!(["_start", "work"]),
                expected!(["work", "print"]),
                expected!(["print", "print_to"]),
                expected!(["print_to", format!("{wasi}.fd_write")]),
                expected!(["_start", format!("{wasi}.proc_exit")]),
            ],
            "{tier}"
        );
    }
}

#[test]
fn exports_go_to_files_and_stdout() {
    let files = Files::new();
    let module = files.program("m.wasm", MODULE);
    let module = module.to_str().unwrap();
    let at = |name: &str| format!("{name}={}", files.path(name).display());
    let formats = [
        "svg",
        "speedscope",
        "pprof",
        "firefox",
        "callgrind",
        "perfetto",
        "dot",
    ];
    let mut args: Vec<String> = ["run", "-a", "fprofile", "--export", "folded=-"]
        .map(str::to_owned)
        .into();
    for format in formats {
        args.extend(["--export".to_owned(), at(format)]);
    }
    args.push(module.to_owned());
    let done = run(args).expect(0);
    // What is exported is not reported too.
    assert_eq!(done.stderr, "");
    let folded = done.stdout.strip_prefix("hello\n").unwrap();
    let sum: u64 = folded
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, TOTAL);
    for format in formats {
        let bytes = std::fs::read(files.path(format)).unwrap();
        assert!(!bytes.is_empty(), "{format}");
    }
    assert!(
        files
            .read("callgrind")
            .contains(&format!("summary: {TOTAL}\n"))
    );
}

/// A limit, a trap: what was collected is exported all the same.
#[test]
fn runs_that_end_early_have_profiles() {
    let files = Files::new();
    let module = files.program(
        "m.wasm",
        r#"(func $f (loop $l (br $l))) (func (export "_start") (call $f))"#,
    );
    let done = run_module("--fuel 1000 -a profile --export folded=-", &module, "").expect(124);
    // `call`, and entries of two functions, of 1000 units; `br` takes the others, and each has a `loop`, the last of which
    // is executed, too.
    assert_eq!(done.stdout, "_start 1\n_start;f 1995\n");
    let done = run_module("--timeout 300ms -a sample --export folded=-", &module, "").expect(124);
    // On a slow machine there is a sample before the call, too.
    assert!(done.stdout.contains("_start;f "), "{done:?}");
}

#[test]
fn what_is_wrong_is_said_before_the_guest_runs() {
    let files = Files::new();
    let module = files.program("m.wasm", MODULE);
    for (options, message) in [
        (
            "--export pprof=x",
            "no analysis of the run has profile data; add fprofile or profile or sample or pyprofile",
        ),
        ("-a profile --export lcov=x", "coverage data; add coverage"),
        ("-a profile:depth=0", "known: all, <number>"),
        ("-a sample:every=1h", "known: <duration>, <number>"),
        ("-a profile:weight=time", "known: instructions, cycles"),
    ] {
        let done = run_module(options, &module, "").expect(2);
        assert_eq!(done.stdout, "", "{options}");
        done.says(&[message]);
    }
    let list = run(["list"]).expect(0).stdout;
    for part in ["fprofile", "sample", "speedscope", "every=1ms"] {
        assert!(list.contains(part), "{part} in {list}");
    }
}

/// What cannot be written where it should be is not lost.
#[test]
fn a_place_that_cannot_be_written() {
    let files = Files::new();
    let module = files.program("m.wasm", MODULE);
    let done = run_module("-a profile --export folded=/proc/none", &module, "").expect(3);
    done.says(&["failed to write the folded export", "_start;work 6005"]);
}
