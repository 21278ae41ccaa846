//! How an interpreter is used that takes programs one after another: started once, and back at that moment for each test. A small
//! module stands in for it, which knows the third text that it is given from the others; `python.rs` has the real one. Another one stands
//! in for a WASI command, which is started for each test, and once more without the program.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use probity_efficiency::Status;
use probity_efficiency::judge::{Columns, Config, Judge};
use probity_efficiency::python::{Artifacts, Kind, ToolchainDir};
use probity_efficiency::result::{Cost, SampleResult};
use probity_efficiency::sample::Sample;
use probity_efficiency::score::reval;
use probity_efficiency::task::{Limits, Task};
use probity_efficiency::toolchain::{Builder, Python};
use probity_efficiency::truth::{Input, TruthOptions, TruthProgram};
use probity_engine::Tier;
use serde_json::{Value, json};

/// What it does with the third text: `$go`.
fn interpreter(go: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "host" "call" (func $host (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 4)
        (global $turns (mut i32) (i32.const 0))
        (func (export "run") (result i32) i32.const 0)
        (func (export "host_alloc") (param i32) (result i32) i32.const 65536)
        (func (export "turn") (param $at i32) (param $len i32) (result i32)
            (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
            (if (i32.lt_u (global.get $turns) (i32.const 3)) (then (return (i32.const 0))))
            (i32.store8 (i32.const 16) (i32.add (i32.const 48) (global.get $turns)))
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 1))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            {go}))"#
    )
}

/// A WASI command: 1000 rounds are its start, of 6 operators that are fuel each. Where
/// its last argument is `go`, it does `$go`.
fn command(go: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 4)
        (func $rounds (param $n i32)
            (loop $again
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n))))
        (func (export "_start")
            (drop (call $args_get (i32.const 100) (i32.const 1000)))
            (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 200)))
            (drop (memory.grow (i32.const 1)))
            (call $rounds (i32.const 1000))
            ;; python, -c, the text, and a word.
            (if (i32.eq (i32.load8_u (i32.load (i32.const 112))) (i32.const 103))
                (then
                    (i32.store8 (i32.const 16) (i32.const 51))
                    (i32.store (i32.const 0) (i32.const 16))
                    (i32.store (i32.const 4) (i32.const 1))
                    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                    {go}))
            (call $exit (i32.const 0))))"#
    )
}

/// A judge whose Python takes programs one after another.
fn judge(go: &str) -> (Judge, tempfile::TempDir) {
    judge_of(&interpreter(go), Kind::Session, Config::default())
}

/// A judge that works so, and whose Python is this; the folder has its files.
fn judge_of(text: &str, kind: Kind, config: Config) -> (Judge, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("written");
    put("python.wasm", &wat::parse_str(text).expect("a module"));
    put("python-stdlib.zip", b"");
    put("MANIFEST", b"python 3.15.0\n");
    let toolchains = ToolchainDir::new(dir.path().join("toolchains"));
    let artifacts = Artifacts::check(dir.path(), true).expect("a build");
    assert_eq!(artifacts.kind, kind);
    toolchains.add(&artifacts).expect("added");
    let builder = Builder {
        python: Python::of(toolchains),
        ..Builder::default()
    };
    let config = Config { builder, ..config };
    (Judge::new(config), dir)
}

fn judged(judge: &Judge, entry: &str, expected: Value) -> SampleResult {
    let test = |id: &str| json!({"id": id, "args": [], "expected": expected});
    let task = json!({"task_id": "t", "lang": "python", "entry": entry, "tests": [test("a"), test("b")], "limits": {"fuel": 1000}});
    let task: Task = serde_json::from_value(task).expect("a task");
    let prepared = judge.prepare(&Arc::new(task), Path::new(""), None, &Default::default());
    let sample: Sample = serde_json::from_value(json!({"task_id": "t", "solution": "print(3)\n"}))
        .expect("a sample");
    judge.judge(&prepared.expect("prepared"), &sample, Path::new(""))
}

#[test]
fn each_test_goes_on_from_the_same_moment() {
    let (judge, _dir) = judge("i32.const 0");
    for _ in 0..2 {
        let result = judged(&judge, "stdio", json!("3"));
        assert_eq!((result.status, result.message), (Status::Ok, None));
        assert_eq!(result.toolchain, "cpython 3.15.0");
        let [first, second] = &result.tests[..] else {
            panic!("two tests");
        };
        assert_eq!(first.cost.instr, second.cost.instr);
        // The texts before it are not the program's: what is counted is host_alloc (const, end: 2) and the turn (get, const, add, set;
        // get, const, lt_u, if, end; const, const, get, add, store8; const, const, store twice; 4 const, call, drop; const, end).
        assert_eq!(first.cost.instr, Some(2 + 4 + 5 + 5 + 6 + 6 + 2));
        assert_eq!(first.cost.host_calls, Some(1));
    }
}

#[test]
fn an_end_without_a_word_is_told() {
    let status = |go: &str, entry: &str| {
        let (judge, _dir) = judge(go);
        let result = judged(&judge, entry, json!("3"));
        (result.status, result.message.unwrap_or_default())
    };
    assert_eq!(status("i32.const 3", "stdio").0, Status::Exit);
    assert_eq!(
        status("(call $exit (i32.const 0)) unreachable", "stdio").0,
        Status::Ok
    );
    let (wrong, message) = status("(call $exit (i32.const 0)) unreachable", "func:f");
    assert_eq!(wrong, Status::Wrong);
    assert!(message.contains("before `f` gave a result"), "{message}");
    assert_eq!(status("unreachable", "stdio").0, Status::Trap);
    assert_eq!(status("(loop (br 0)) unreachable", "stdio").0, Status::Fuel);
    // There is nobody to call.
    let host = "(i32.ne (call $host (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -1))";
    assert_eq!(status(host, "stdio").0, Status::Ok);
}

#[test]
fn an_interpreter_that_does_not_start_is_no_program_s_fault() {
    let (judge, dir) = judge("i32.const 0");
    let broken = interpreter("i32.const 0").replace(
        "(i32.lt_u (global.get $turns) (i32.const 3))",
        "(unreachable)",
    );
    let path = dir.path().join("python.wasm");
    fs::write(&path, wat::parse_str(&broken).expect("a module")).expect("written");
    // It has changed since it was added.
    let result = judged(&judge, "stdio", json!("3"));
    assert_eq!(result.status, Status::Unsupported, "{:?}", result.message);
    let toolchains = ToolchainDir::new(dir.path().join("others"));
    toolchains
        .add(&Artifacts::check(dir.path(), true).expect("a build"))
        .expect("added");
    let judge = Judge::new(Config {
        builder: Builder {
            python: Python::of(toolchains),
            ..Builder::default()
        },
        ..Config::default()
    });
    let result = judged(&judge, "stdio", json!("3"));
    assert_eq!(result.status, Status::Internal);
    assert!(
        result
            .message
            .expect("why")
            .contains("failed to start Python")
    );
}

#[test]
fn without_an_interpreter_it_is_unsupported() {
    let result = judged(&Judge::new(Config::default()), "stdio", json!("3"));
    assert_eq!(result.status, Status::Unsupported);
    assert!(
        result
            .message
            .expect("why")
            .contains("toolchain add python")
    );
}

/// In every way of running and of holding the limit: the interpreter counts fuel in any case, compiled code is held to it by counts.
const TIERS: [Option<Tier>; 3] = [None, Some(Tier::Interp), Some(Tier::Jit)];

fn in_tier(tier: Option<Tier>) -> Config {
    Config {
        tier,
        ..Config::default()
    }
}

#[test]
fn the_start_of_a_command_is_no_program_s_cost() {
    for tier in TIERS {
        // The limit of 1000 is far below what the start takes.
        let (judge, _dir) = judge_of(
            &command("(call $rounds (i32.const 20))"),
            Kind::Command,
            in_tier(tier),
        );
        for _ in 0..2 {
            let result = judged(&judge, "stdio", json!("3"));
            assert_eq!(
                (result.status, result.message),
                (Status::Ok, None),
                "{tier:?}"
            );
            for test in &result.tests {
                // Const, const, store thrice; 4 const, call, drop; const, call; 20 rounds of loop, get, const, sub, set, get, br_if, and
                // the end of the function; the end of the if.
                assert_eq!(
                    test.cost.instr,
                    Some(3 * 3 + 6 + 2 + 20 * 7 + 1 + 1),
                    "{tier:?}"
                );
                // Without loops, drop and ends, and with the function's entry.
                assert_eq!(test.cost.fuel, Some(3 * 3 + 5 + 2 + 20 * 6 + 1), "{tier:?}");
                assert_eq!((test.cost.stores, test.cost.loads), (Some(3), Some(0)));
                // Those of functions of its own.
                assert_eq!(test.cost.classes.get("call"), Some(&1));
                // What it writes; arguments, the clock, growth and the end are the start's.
                assert_eq!(
                    (test.cost.host_calls, test.cost.bytes_written),
                    (Some(1), Some(1))
                );
                assert_eq!(
                    (test.cost.clock_reads, test.cost.pages_grown),
                    (Some(0), Some(0))
                );
                assert_eq!(test.cost.memory_pages, Some(5));
            }
            assert!(result.flags.is_empty(), "{:?}", result.flags);
        }
    }
}

#[test]
fn simulations_are_without_the_start_of_a_command() {
    let columns = Columns {
        cache: true,
        ..Columns::default()
    };
    let config = Config {
        columns,
        ..Config::default()
    };
    let go = "(call $rounds (i32.const 20))";
    let (judge, _dir) = judge_of(&command(go), Kind::Command, config);
    let cost = &judged(&judge, "stdio", json!("3")).tests[0].cost;
    let missed = |cost: &Cost| Some(10 * (cost.l1_miss? + cost.branch_miss?) + 100 * cost.ll_miss?);
    assert_eq!(
        cost.vcycles,
        cost.instr
            .zip(missed(cost))
            .map(|(instr, missed)| instr + missed)
    );
    // Its three stores are to one line, which the start has not touched.
    assert_eq!((cost.l1_miss, cost.ll_miss), (Some(1), Some(1)));
}

#[test]
fn limits_are_beside_the_start_of_a_command() {
    // 9 + 5 for the output, 2 for the call, 1 for the entry: 983 are left of the limit of 1000, and a round takes 6.
    for (rounds, status) in [
        (163, Status::Ok),
        (164, Status::Fuel),
        (1 << 30, Status::Fuel),
    ] {
        for tier in TIERS {
            let go = format!("(call $rounds (i32.const {rounds}))");
            let (judge, _dir) = judge_of(&command(&go), Kind::Command, in_tier(tier));
            let result = judged(&judge, "stdio", json!("3"));
            assert_eq!(
                result.status, status,
                "{rounds} {tier:?} {:?}",
                result.message
            );
        }
    }
}

#[test]
fn a_command_that_does_not_get_to_the_program_is_no_program_s_fault() {
    let broken = command("").replace(
        "(call $rounds (i32.const 1000))",
        "(call $exit (i32.const 9))",
    );
    let (judge, _dir) = judge_of(&broken, Kind::Command, Config::default());
    let result = judged(&judge, "stdio", json!("3"));
    assert_eq!(result.status, Status::Internal);
    let message = result.message.expect("why");
    assert!(
        message.contains("ended with code 9 before the program began"),
        "{message}"
    );
}

/// A program that no lines can be told of: what stands in for its interpreter is no CPython.
#[test]
fn what_is_not_known_of_a_program_in_python_is_not_told() {
    let (judge, _dir) = judge("i32.const 0");
    let task = Task::of_program("t", Limits::default());
    let built = judge.build(&task, "python", "print(3)\n").expect("built");
    let told = |kinds: &[reval::Kind]| {
        let options = TruthOptions {
            kinds: kinds.iter().copied().collect(),
            ..TruthOptions::new("t")
        };
        let program = TruthProgram::new(&judge, &built, options);
        let run = program.and_then(|program| program.run(&Input::default()));
        run.map(|run| serde_json::to_value(run.rows).expect("JSON"))
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        told(&[reval::Kind::Output]).expect("an output")[0]["expected"],
        "3"
    );
    let error = told(&[reval::Kind::Output, reval::Kind::Path]).expect_err("no next lines");
    assert!(
        error.contains("only coverage and output are known"),
        "{error}"
    );
    let error = told(&[reval::Kind::Coverage]).expect_err("no lines");
    assert!(
        error.contains("find its lines: cpython 3.15.0 cannot"),
        "{error}"
    );
}
