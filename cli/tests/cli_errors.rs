//! Wrong usage, bad modules, and output that cannot be written: a clear message
//! and the documented exit status.
mod common;

use std::{fs, process::Stdio};

use common::{Done, Files, json, probity, run, run_module, wait};

const OK: &str = r#"(module (func (export "_start")))"#;

#[test]
fn unknown_names_are_answered_with_the_nearest_known_one() {
    let files = Files::new();
    let module = files.wasm("m.wasm", OK);
    run_module("-a icout", &module, "")
        .expect(2)
        .says(&["unknown analysis `icout`", "`icount`"]);
    run_module("-a icount:nonsense=1", &module, "")
        .expect(2)
        .says(&["unknown option", "icount", "nonsense"]);
    run_module("--fual 3", &module, "")
        .expect(2)
        .says(&["--fuel"]);
    run_module("--format jsn", &module, "")
        .expect(2)
        .says(&["json"]);
    run_module("--invoke _strat", &module, "")
        .expect(2)
        .says(&["'_strat'", "'_start'"]);
    run(["isnpect"]).expect(2).says(&["inspect"]);
}

#[test]
fn wrong_usage() {
    let files = Files::new();
    let module = files.wasm("m.wasm", OK);
    for options in [
        "-a icount -a icount",
        "-a icount:x",
        "-a",
        "--env novalue",
        "--env =x",
        "--dir /nonexistent/directory",
        "--fuel many",
        "--fuel -1",
        "--fuel 18446744073709551616",
        "--timeout 5parsecs",
        "--max-memory 12Q",
        "--max-memory 99999999999999T",
        "--preload lib",
        "--seed x",
        "--perf",
        "--perf trace",
    ] {
        let done = run_module(options, &module, "").expect(2);
        assert!(!done.stderr.is_empty(), "{options}");
        assert_eq!(done.stdout, "", "{options}");
    }
    run(["run"]).expect(2);
    run::<&str>([]).expect(2);
}

#[test]
fn wrong_arguments_to_invoke_show_the_functions_type() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module (func (export "f") (param i32 f64) (result i32) (local.get 0))
           (func (export "v") (param v128 externref)) (func (export "none")))"#,
    );
    for (name, args) in [
        ("f", ""),
        ("f", "1"),
        ("f", "1 2 3"),
        ("f", "x 2"),
        ("f", "1.5 2"),
        ("f", "4294967296 2"),
        ("f", "-2147483649 2"),
        ("f", "1 two"),
        ("f", "0x 2"),
        ("v", "xyz null"),
        ("v", "0x100000000000000000000000000000000 null"),
        ("v", "0 7"),
        ("none", "1"),
    ] {
        let done = run_module(&format!("--invoke {name}"), &module, args).expect(2);
        let ty = match name {
            "f" => "(param i32 f64) (result i32)",
            "v" => "(param v128 externref)",
            _ => "() -> ()",
        };
        assert!(done.stderr.contains(ty), "{name} {args}: {done:#?}");
    }
}

#[test]
fn a_module_without_start_says_what_can_be_invoked() {
    let files = Files::new();
    let module = files.wasm("m.wasm", r#"(module (func (export "fib")))"#);
    run_module("", &module, "")
        .expect(2)
        .says(&["_start", "--invoke", "'fib'"]);
}

#[test]
fn modules_that_cannot_be_read() {
    let files = Files::new();
    let file = files.put("file", "text");
    // A path below a file cannot be read by anyone, root included, to whom
    // permission bits mean nothing.
    let unreadable = file.join("m.wasm");
    for path in [
        files.path("missing.wasm"),
        files.dir().to_owned(),
        unreadable,
        "/dev/null".into(),
    ] {
        for command in ["run", "inspect"] {
            let mut command = probity([command]);
            let done = wait(command.arg(&path).spawn().unwrap()).expect(1);
            let name = path.display().to_string();
            assert!(done.stderr.contains(&name), "{done:#?}");
            assert_eq!(done.stdout, "");
        }
    }
}

#[test]
fn malformed_modules_are_answered_with_an_offset() {
    let files = Files::new();
    let good = fs::read(files.wasm("good.wasm", OK)).unwrap();
    let mut bad_section = good.clone();
    bad_section[8] = 99;
    for (name, bytes) in [
        ("truncated.wasm", &good[..good.len() - 3]),
        ("section.wasm", &bad_section[..]),
        ("version.wasm", b"\0asm\x07\0\0\0".as_slice()),
    ] {
        let path = files.put(name, bytes);
        run_module("", &path, "").expect(1).says(&[name, "0x"]);
        run(["inspect".as_ref(), path.as_os_str()])
            .expect(1)
            .says(&[name, "0x"]);
    }
    let path = files.put("bad.wat", "(module (func i32.cosnt 1))");
    run_module("", &path, "").expect(1).says(&["bad.wat"]);
    let path = files.put("random.wasm", "this is no module");
    run_module("", &path, "").expect(1).says(&["random.wasm"]);
}

#[test]
fn an_invalid_function_body_names_its_function() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module (func $fine (export "_start") (call $broken)) (func $broken i32.add drop))"#,
    );
    // Found at the first call, as functions are validated then.
    run_module("", &module, "")
        .expect(1)
        .says(&["broken", "0x"]);
    // What is there is shown all the same.
    let done = run(["inspect".as_ref(), module.as_os_str()]).expect(1);
    assert!(done.stdout.contains("fine"), "{done:#?}");
    done.says(&["broken", "0x"]);
}

#[test]
fn components_are_recognised() {
    let files = Files::new();
    let path = files.put("c.wasm", b"\0asm\x0d\0\x01\0");
    run_module("", &path, "").expect(1).says(&["component"]);
}

#[test]
fn all_missing_imports_are_named() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module (import "env" "first" (func)) (import "env" "second" (global i32))
           (import "wasi_snapshot_preview1" "fd_write"
             (func (param i32 i32 i32 i32) (result i32)))
           (func (export "_start")))"#,
    );
    let done = run_module("", &module, "").expect(1);
    assert!(!done.stderr.contains("fd_write"), "{done:#?}");
    done.says(&["env", "first", "second"]);
    let module = files.wasm(
        "m.wasm",
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i64)))
           (func (export "_start")))"#,
    );
    run_module("", &module, "").expect(1).says(&["fd_write"]);
}

#[test]
fn a_report_on_a_module_that_cannot_be_loaded_says_so() {
    let files = Files::new();
    let path = files.put("m.wasm", b"\0asm\x01\0\0\0\x63");
    let options = format!("--format json -o {}", files.path("r.json").display());
    run_module(&options, &path, "").expect(1);
    let report = json(&files.read("r.json"));
    assert_eq!(report["outcome"]["kind"], "error");
    assert_eq!(report["outcome"]["code"], "load");
}

#[test]
fn a_report_that_cannot_be_written_goes_to_stderr() {
    let files = Files::new();
    let module = files.wasm("m.wasm", OK);
    let below_a_file = module.join("report.json");
    for place in ["/dev/full", below_a_file.to_str().unwrap()] {
        let options = format!("-a icount --format json -o {place}");
        let done = run_module(&options, &module, "").expect(3);
        let (message, report) = done.stderr.split_once('\n').unwrap();
        assert!(message.contains(place), "{done:#?}");
        assert_eq!(json(report)["outcome"]["kind"], "exit");
    }
    // A guest's own trouble is the more important news.
    let trap = files.wasm("t.wasm", r#"(module (func (export "_start") unreachable))"#);
    let done = run_module("-a icount -o /dev/full", &trap, "").expect(134);
    assert!(done.stderr.contains("/dev/full"), "{done:#?}");
}

/// Runs with a stdout whose reader is gone before anything is written.
fn without_reader(args: &[&str]) -> Done {
    let mut child = probity(args).spawn().unwrap();
    drop(child.stdout.take());
    wait(child)
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let files = Files::new();
    let module = files.wasm("m.wasm", OK);
    let module = module.to_str().unwrap();
    for args in [
        &["list"] as &[&str],
        &["inspect", module],
        &["inspect", module, "--format", "json"],
        &["run", "-a", "icount", "-o", "-", module],
        &["--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let done = without_reader(args).expect(0);
        assert_eq!(done.stderr, "", "{args:?}");
    }
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module (func (export "one") (result i32) i32.const 1))"#,
    );
    let module = module.to_str().unwrap();
    for args in [
        &["list"] as &[&str],
        &["inspect", module],
        &["run", "--invoke", "one", module],
        &["run", "--invoke", "one", "-a", "icount", "-o", "-", module],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = probity(args);
        let done = wait(command.stdout(Stdio::from(full)).spawn().unwrap()).expect(3);
        assert!(done.stderr.contains("stdout"), "{args:?}: {done:#?}");
    }
}
