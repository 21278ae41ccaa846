//! `probity run`: what a guest sees, what a user sees, and reports.
mod common;

use common::{Files, json, probity, run, run_module, run_with_input};

#[test]
fn output_and_exit_status_are_the_guests_own() {
    let files = Files::new();
    let module = files.program(
        "hello.wasm",
        r#"(data (i32.const 64) "to stdout\n") (data (i32.const 80) "to stderr\n")
           (func (export "_start")
             (call $print (i32.const 64) (i32.const 10))
             (call $print_to (i32.const 2) (i32.const 80) (i32.const 10))
             (call $proc_exit (i32.const 7)))"#,
    );
    let done = run_module("", &module, "").expect(7);
    assert_eq!(done.stdout, "to stdout\n");
    assert_eq!(done.stderr, "to stderr\n");
}

#[test]
fn a_program_that_returns_ends_with_0_and_needs_no_exports_to_be_loaded() {
    let files = Files::new();
    let module = files.wasm("empty.wasm", r#"(module (func (export "_start")))"#);
    run_module("", &module, "").expect(0);
    let module = files.wasm("nothing.wasm", "(module)");
    run_module("", &module, "").expect(0);
    let module = files.wasm("start.wasm", "(module (func $s unreachable) (start $s))");
    run_module("", &module, "").expect(134);
}

#[test]
fn text_modules_run_too() {
    let files = Files::new();
    let module = files.put(
        "seven.wat",
        r#"(module (func (export "seven") (result i32) i32.const 7))"#,
    );
    let done = run_module("--invoke seven", &module, "").expect(0);
    assert_eq!(done.stdout, "7\n");
}

#[test]
fn exit_codes_keep_8_bits_in_the_status_and_all_in_json() {
    let files = Files::new();
    let module = files.program(
        "exit.wasm",
        r#"(func (export "_start") (call $proc_exit (i32.const 0x12a)))"#,
    );
    let done = run_module("--format json", &module, "").expect(0x2a);
    let report = json(&done.stderr);
    assert_eq!(report["schema"], 1);
    assert_eq!(report["outcome"]["kind"], "exit");
    assert_eq!(report["outcome"]["code"], 0x12a);
}

#[test]
fn arguments_after_the_module_belong_to_the_guest() {
    let files = Files::new();
    // Prints its argument strings, NULs included.
    let module = files.program(
        "args.wasm",
        r#"(func (export "_start")
             (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
             (drop (call $args_get (i32.const 1024) (i32.const 2048)))
             (call $print (i32.const 2048) (i32.load (i32.const 20))))"#,
    );
    let done = run_module("", &module, "-v --help -a icount -- x").expect(0);
    assert_eq!(done.stdout, "args.wasm\0-v\0--help\0-a\0icount\0--\0x\0");
}

#[test]
fn the_environment_is_what_env_says() {
    let files = Files::new();
    let module = files.program(
        "env.wasm",
        r#"(func (export "_start")
             (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
             (drop (call $environ_get (i32.const 1024) (i32.const 2048)))
             (call $print (i32.const 2048) (i32.load (i32.const 20))))"#,
    );
    let done = run_module("--env A=1 --env B=x=y", &module, "").expect(0);
    assert_eq!(done.stdout, "A=1\0B=x=y\0");
    assert_eq!(run_module("", &module, "").expect(0).stdout, "");
}

#[test]
fn directories_are_given_under_their_guest_name() {
    let files = Files::new();
    files.put("data.txt", "file contents");
    let module = files.wasm(
        "read.wasm",
        r#"(module
          (import "wasi_snapshot_preview1" "path_open" (func $path_open
            (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_read"
            (func $fd_read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
            (func $dir_name (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 64) "data.txt")
          (func (export "_start") (local $errno i32)
            ;; the directory's name, then the file
            (drop (call $dir_name (i32.const 3) (i32.const 256) (i32.const 6)))
            (local.set $errno (call $path_open (i32.const 3) (i32.const 0) (i32.const 64)
              (i32.const 8) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
            (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
            (i32.store (i32.const 0) (i32.const 262))
            (i32.store (i32.const 4) (i32.const 100))
            (drop (call $fd_read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 8)))
            (i32.store (i32.const 0) (i32.const 256))
            (i32.store (i32.const 4) (i32.add (i32.const 6) (i32.load (i32.const 8))))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    );
    let spec = format!("--dir {}::/guest", files.dir().display());
    let done = run_module(&spec, &module, "").expect(0);
    assert_eq!(done.stdout, "/guestfile contents");
    // Without --dir there is no descriptor 3 (errno 8, badf).
    run_module("", &module, "").expect(8);
}

#[test]
fn stdin_is_the_guests() {
    let files = Files::new();
    let module = files.wasm(
        "cat.wasm",
        r#"(module
          (import "wasi_snapshot_preview1" "fd_read"
            (func $fd_read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (loop $more
              (i32.store (i32.const 0) (i32.const 64))
              (i32.store (i32.const 4) (i32.const 1000))
              (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
              (i32.store (i32.const 4) (i32.load (i32.const 8)))
              (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
              (br_if $more (i32.load (i32.const 8))))))"#,
    );
    let mut command = probity(["run"]);
    command.arg(module);
    let done = run_with_input(command, b"line 1\nline 2").expect(0);
    assert_eq!(done.stdout, "line 1\nline 2");
}

/// 7 instructions by rule v1, 5 units of fuel (one is the function's entry).
const STRAIGHT: &str = r#"(module (func $seven (export "main") (result i32)
    i32.const 1 i32.const 2 i32.add nop i32.const 3 drop))"#;

#[test]
fn a_json_report_is_one_document() {
    let files = Files::new();
    let module = files.wasm("m.wasm", STRAIGHT);
    let path = files.path("report.json");
    let options = format!(
        "-a icount -a hotness --format json -o {} --invoke main",
        path.display()
    );
    let done = run_module(&options, &module, "").expect(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("3\n", ""));
    let report = json(&files.read("report.json"));
    assert_eq!(report["schema"], 1);
    assert_eq!(report["module"]["functions"], 1);
    assert_eq!(
        report["module"]["bytes"],
        std::fs::metadata(&module).unwrap().len()
    );
    assert_eq!(report["outcome"]["kind"], "exit");
    assert_eq!(report["outcome"]["code"], 0);
    let icount = &report["analyses"]["icount"];
    assert_eq!(icount["rule"], "instr.v1");
    assert_eq!(icount["total"], 7);
    assert_eq!(icount["fuel"], 5);
    assert_eq!(icount["functions"][0]["index"], 0);
    assert_eq!(icount["functions"][0]["name"], "seven");
    assert_eq!(icount["functions"][0]["count"], 7);
    assert!(report["analyses"]["hotness"].is_object());
}

#[test]
fn reports_go_to_stderr_or_where_o_says() {
    let files = Files::new();
    let module = files.wasm("m.wasm", STRAIGHT);
    let text = run_module("-a icount --invoke main", &module, "").expect(0);
    assert_eq!(text.stdout, "3\n");
    assert!(text.stderr.contains("seven"), "{text:#?}");

    let to_stdout = run_module("-a icount --invoke main -o -", &module, "").expect(0);
    assert_eq!(to_stdout.stderr, "");
    assert_eq!(to_stdout.stdout, format!("3\n{}", text.stderr));

    let csv = run_module("-a icount --format csv --invoke main", &module, "").expect(0);
    assert!(csv.stderr.lines().any(|l| l.contains(',')), "{csv:#?}");

    let none = run_module("--invoke main", &module, "").expect(0);
    assert_eq!(none.stderr, "", "no report unless asked for");
}

#[test]
fn a_trap_is_told_with_its_backtrace_and_reported() {
    let files = Files::new();
    let module = files.wasm(
        "trap.wasm",
        r#"(module
          (func $inner (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
          (func $outer (export "_start") (drop (call $inner (i32.const 0)))))"#,
    );
    let done = run_module("", &module, "").expect(134);
    done.says(&[
        "integer divide by zero",
        "inner (func[0]) at 0x",
        "outer (func[1]) at 0x",
    ]);

    let path = files.path("r.json");
    let options = format!("-a icount --format json -o {}", path.display());
    run_module(&options, &module, "")
        .expect(134)
        .says(&["inner"]);
    let report = json(&files.read("r.json"));
    assert_eq!(report["outcome"]["kind"], "trap");
    assert_eq!(report["outcome"]["code"], "integer_divide_by_zero");
    assert_eq!(report["analyses"]["icount"]["total"], 5);
}

#[test]
fn invoke_parses_arguments_and_prints_results() {
    let files = Files::new();
    let module = files.wasm(
        "m.wasm",
        r#"(module
          (func (export "all") (param i32 i64 f32 f64 v128)
            (result i32 i64 f32 f64 v128)
            local.get 0 local.get 1 local.get 2 local.get 3 local.get 4)
          (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
          (func (export "refs") (param externref funcref) (result externref funcref)
            local.get 0 local.get 1)
          (func (export "none")))"#,
    );
    for (name, args, lines) in [
        ("add", "40 2", "42\n"),
        ("add", "-1 0x10", "15\n"),
        ("add", "4294967295 0", "-1\n"),
        (
            "all",
            "-5 0xffffffffffffffff 1.5 -inf 0x0102030405060708090a0b0c0d0e0f10",
            "-5\n-1\n1.5\n-inf\n0x0102030405060708090a0b0c0d0e0f10\n",
        ),
        (
            "all",
            "0 -9223372036854775808 nan nan:0x4000000000000 0x0",
            "0\n-9223372036854775808\nnan\nnan:0x4000000000000\n0x00000000000000000000000000000000\n",
        ),
        ("refs", "null null", "null\nnull\n"),
        ("none", "", ""),
    ] {
        let done = run_module(&format!("--invoke {name}"), &module, args).expect(0);
        assert_eq!(done.stdout, lines, "{name} {args}");
    }
}

#[test]
fn a_reactor_is_initialised_before_the_call() {
    let files = Files::new();
    let module = files.wasm(
        "reactor.wasm",
        r#"(module (global $g (mut i32) (i32.const 0))
          (func (export "_initialize") (global.set $g (i32.const 5)))
          (func (export "get") (result i32) (global.get $g)))"#,
    );
    assert_eq!(
        run_module("--invoke get", &module, "").expect(0).stdout,
        "5\n"
    );
    run_module("", &module, "")
        .expect(2)
        .says(&["reactor", "--invoke", "'get'"]);
}

#[test]
fn preloaded_modules_give_their_exports() {
    let files = Files::new();
    let lib = files.wasm(
        "lib.wasm",
        r#"(module (func (export "twice") (param i32) (result i32)
             (i32.mul (local.get 0) (i32.const 2))))"#,
    );
    let main = files.wasm(
        "main.wasm",
        r#"(module (import "lib" "twice" (func $twice (param i32) (result i32)))
          (func (export "f") (param i32) (result i32) (call $twice (local.get 0))))"#,
    );
    let options = format!("--preload lib={} --invoke f", lib.display());
    assert_eq!(run_module(&options, &main, "21").expect(0).stdout, "42\n");
}

#[test]
fn deterministic_runs_are_equal_bit_for_bit() {
    let files = Files::new();
    // Prints 16 random bytes, three clock readings and the bits of 0/0.
    let module = files.program(
        "random.wasm",
        r#"(func $hex (param $from i32) (param $n i32) (local $i i32) (local $b i32)
             (loop $next
               (local.set $b (i32.load8_u (i32.add (local.get $from) (local.get $i))))
               (i32.store8 (i32.const 900) (i32.add (i32.const 65)
                 (i32.shr_u (local.get $b) (i32.const 4))))
               (i32.store8 (i32.const 901) (i32.add (i32.const 65)
                 (i32.and (local.get $b) (i32.const 15))))
               (call $print (i32.const 900) (i32.const 2))
               (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $i) (local.get $n)))))
           (func (export "_start")
             (drop (call $random_get (i32.const 128) (i32.const 16)))
             (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 144)))
             (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 152)))
             (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 160)))
             (f64.store (i32.const 168) (f64.div (f64.const -0) (f64.const 0)))
             (call $hex (i32.const 128) (i32.const 48)))"#,
    );
    let one = run_module("--deterministic", &module, "").expect(0).stdout;
    let two = run_module("--deterministic", &module, "").expect(0).stdout;
    assert_eq!(one.len(), 96);
    assert_eq!(one, two);
    // The canonical NaN 7ff8000000000000, low byte first, `A` for 0.
    assert!(one.ends_with("AAAAAAAAAAAAPIHP"), "{one}");
    let seeded = run_module("--deterministic --seed 1", &module, "").expect(0);
    assert_ne!(seeded.stdout[..32], one[..32], "the seed decides");
    assert_eq!(seeded.stdout[32..], one[32..], "and only the random bytes");
    let seed_only = run_module("--seed 1", &module, "").expect(0);
    assert_eq!(seed_only.stdout[..32], seeded.stdout[..32]);
    assert_ne!(seed_only.stdout[32..], seeded.stdout[32..], "a real clock");
}

#[test]
fn list_shows_every_analysis_with_its_options() {
    let done = run(["list"]).expect(0);
    for name in [
        "icount", "hotness", "coverage", "branches", "calls", "loops", "opcodes",
    ] {
        assert!(
            done.stdout
                .lines()
                .any(|l| l.starts_with(&format!("{name} "))),
            "no {name} in {done:#?}"
        );
    }
}

#[test]
fn every_listed_analysis_runs_alone_and_with_all_others() {
    let files = Files::new();
    let module = files.wasm("m.wasm", STRAIGHT);
    let list = run(["list"]).expect(0).stdout;
    let names: Vec<&str> = list
        .lines()
        .take_while(|l| !l.is_empty())
        .filter(|l| !l.starts_with(' '))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert!(names.len() >= 7, "{list}");
    let mut all = String::from("--format json --invoke main");
    for name in &names {
        let options = format!("-a {name} --format json --invoke main");
        let report = json(&run_module(&options, &module, "").expect(0).stderr);
        assert!(report["analyses"][name].is_object(), "{name}: {report}");
        all.push_str(&format!(" -a {name}"));
    }
    let report = json(&run_module(&all, &module, "").expect(0).stderr);
    let keys: Vec<&String> = report["analyses"].as_object().unwrap().keys().collect();
    assert_eq!(keys, names, "in the order of the command line");
}

#[test]
fn version_and_help() {
    let version = run(["--version"]).expect(0).stdout;
    assert_eq!(version, format!("probity {}\n", env!("CARGO_PKG_VERSION")));
    let help = run(["run", "--help"]).expect(0).stdout;
    for part in ["Exit status", "134", "124", "130", "Examples"] {
        assert!(help.contains(part), "no {part} in {help}");
    }
}
