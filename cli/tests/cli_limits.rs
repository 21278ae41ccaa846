//! What ends a guest: limits, Ctrl-C, and traps of its own making. None of
//! these may hang, crash the process or lose the report.
mod common;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use common::{Files, json, probity, run_module, wait};

const FOREVER: &str = r#"(module (func $spin (export "_start") (loop $l (br $l))))"#;

/// Runs with `options` and a JSON report; checks status, kind and code.
#[track_caller]
fn ends(options: &str, text: &str, status: i32, kind: &str, code: &str) {
    let files = Files::new();
    let module = files.wasm("m.wasm", text);
    let options = format!(
        "{options} -a icount --format json -o {}",
        files.path("r.json").display()
    );
    run_module(&options, &module, "").expect(status);
    let report = json(&files.read("r.json"));
    assert_eq!(report["outcome"]["kind"], kind, "{report}");
    assert_eq!(report["outcome"]["code"], code, "{report}");
    assert!(report["analyses"]["icount"]["total"].is_u64(), "{report}");
}

#[test]
fn fuel() {
    ends("--fuel 100000", FOREVER, 124, "limit", "fuel");
    ends("--fuel 0", FOREVER, 124, "limit", "fuel");
}

#[test]
fn time() {
    ends("--timeout 200ms", FOREVER, 124, "limit", "time");
    ends("--timeout 0s", FOREVER, 124, "limit", "time");
}

#[test]
fn time_spent_waiting_in_a_call_of_the_system() {
    let files = Files::new();
    // Sleeps for an hour: one clock subscription, relative, 3600e9 ns.
    let module = files.program(
        "sleep.wasm",
        r#"(func (export "_start")
             (i32.store (i32.const 80) (i32.const 1))
             (i64.store (i32.const 88) (i64.const 3600000000000))
             (drop (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 512))))"#,
    );
    let options = format!(
        "--timeout 200ms -a icount --format json -o {}",
        files.path("r.json").display()
    );
    run_module(&options, &module, "")
        .expect(124)
        .says(&["ended: timeout"]);
    let report = json(&files.read("r.json"));
    assert_eq!(report["outcome"]["code"], "time", "{report}");
}

const ALLOCATE: &str = r#"(module (memory 1)
  (func (export "_start")
    (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
    unreachable))"#;

#[test]
fn memory() {
    ends("--max-memory 8MiB", ALLOCATE, 124, "limit", "memory");
    // Without the option, the guest is refused like anywhere else and decides.
    ends("", ALLOCATE, 134, "trap", "unreachable");
    // A memory that is too large from the beginning.
    ends(
        "--max-memory 64KiB",
        "(module (memory 2))",
        124,
        "limit",
        "memory",
    );
    // Exactly the limit is allowed.
    let files = Files::new();
    let module = files.wasm("m.wasm", "(module (memory 2))");
    run_module("--max-memory 128KiB", &module, "").expect(0);
}

#[test]
fn tables() {
    let grow = r#"(module (table 1 funcref)
      (func (export "_start")
        (loop $more (br_if $more (i32.ne (i32.const -1)
          (table.grow (ref.null func) (i32.const 1000)))))
        unreachable))"#;
    ends("--max-memory 1MiB", grow, 124, "limit", "table");
    ends("", grow, 134, "trap", "unreachable");
}

#[test]
fn recursion_without_end_is_a_trap() {
    let direct = r#"(module (func $f (export "_start") (call $f)))"#;
    ends("", direct, 134, "trap", "stack");
    ends("--max-stack 64KiB", direct, 134, "trap", "stack");
    let mutual = r#"(module (type $t (func)) (table funcref (elem $f $g))
      (func $f (export "_start") (call_indirect (type $t) (i32.const 1)))
      (func $g (call $f)))"#;
    ends("", mutual, 134, "trap", "stack");
    let large_frames = format!(
        r#"(module (func $f (export "_start") (local {}) (call $f)))"#,
        "i64 ".repeat(5000)
    );
    ends("", &large_frames, 134, "trap", "stack");
}

#[test]
fn a_long_backtrace_is_shortened() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module (func $again (export "_start") (call $again)))"#,
    );
    let done = run_module("", &module, "").expect(134);
    let lines = done.stderr.lines().count();
    assert!((2..100).contains(&lines), "{lines} lines");
    assert!(done.stderr.contains("more frames"), "{done:#?}");
}

/// Starts a guest that prints a line and loops, waits for the line and sends
/// the signal `count` times.
fn interrupted(signal: &str, options: &[&str], files: &Files) -> common::Done {
    let module = files.program(
        "loop.wasm",
        r#"(data (i32.const 64) "ready\n")
           (func (export "_start")
             (call $print (i32.const 64) (i32.const 6))
             (loop $l (br $l)))"#,
    );
    let mut command = probity(["run"]);
    command.args(options).arg(module);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    let sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
    wait(child)
}

#[test]
fn ctrl_c_ends_the_guest_and_keeps_the_report() {
    for signal in ["INT", "TERM"] {
        let files = Files::new();
        let path = files.path("r.json");
        let path = path.to_str().unwrap();
        let options = ["-a", "icount", "--format", "json", "-o", path];
        interrupted(signal, &options, &files).expect(130);
        let report = json(&files.read("r.json"));
        assert_eq!(report["outcome"]["kind"], "limit", "{report}");
        assert_eq!(report["outcome"]["code"], "interrupt", "{report}");
        let total = report["analyses"]["icount"]["total"].as_u64().unwrap();
        assert!(total > 0, "{report}");
    }
}

#[test]
fn the_collected_heap() {
    let list = r#"(module
      (type $cell (struct (field (ref null $cell)) (field i64)))
      (global $list (mut (ref null $cell)) (ref.null $cell))
      (func (export "_start") (loop $l
        (global.set $list (struct.new $cell (global.get $list) (i64.const 1)))
        (br $l))))"#;
    ends("--max-memory 4MiB", list, 124, "limit", "heap");
}

#[test]
fn exceptions_that_nothing_catches() {
    let throw = r#"(module (tag $t (param i32))
      (func $deep (throw $t (i32.const 1))) (func (export "_start") (call $deep)))"#;
    ends("", throw, 134, "trap", "exception");
    let files = Files::new();
    let module = files.wasm("m.wasm", throw);
    let done = run_module("", &module, "").expect(134);
    done.says(&["uncaught exception", "deep"]);
}

#[test]
fn older_versions_of_webassembly() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module (memory 1) (memory 1) (func (export "_start")))"#,
    );
    run_module("", &module, "").expect(0);
    let done = run_module("--wasm 2.0", &module, "").expect(1);
    done.says(&["multiple memories"]);
    run_module("--wasm 2.0,multi-memory", &module, "").expect(0);
    run_module("--wasm=-multi-memory", &module, "").expect(1);
    let done = run_module("--wasm 4.0", &module, "").expect(2);
    done.says(&["unknown feature `4.0`"]);
}
