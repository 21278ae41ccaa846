//! Programs in Wasm's text format, which need no compiler, and tasks for them.
#![allow(dead_code, reason = "each suite uses some of it")]

use std::path::Path;
use std::sync::Arc;

use probity_efficiency::judge::{Columns, Config, Judge, Prepared};
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::task::Task;
use probity_engine::Tier;

/// What every program begins with: the system interface, a buffer for it, and functions to read all of stdin to address 65536 and
/// to print a number and a line break.
pub const PRELUDE: &str = r#"
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 32)
    (func $read (result i32) (local $len i32)
        (loop $more
            (i32.store (i32.const 0) (i32.add (i32.const 65536) (local.get $len)))
            (i32.store (i32.const 4) (i32.const 65536))
            (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (local.set $len (i32.add (local.get $len) (i32.load (i32.const 8))))
            (br_if $more (i32.load (i32.const 8))))
        (local.get $len))
    (func $put (param $from i32) (param $len i32)
        (i32.store (i32.const 0) (local.get $from))
        (i32.store (i32.const 4) (local.get $len))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func $print (param $n i32) (local $at i32)
        (local.set $at (i32.const 63))
        (i32.store8 (i32.const 63) (i32.const 10))
        (loop $more
            (local.set $at (i32.sub (local.get $at) (i32.const 1)))
            (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
            (br_if $more (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
        (call $put (local.get $at) (i32.sub (i32.const 64) (local.get $at))))
    (func $number (param $at i32) (result i32) (local $n i32) (local $digit i32)
        (loop $more
            (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
            (if (i32.lt_u (local.get $digit) (i32.const 10)) (then
                (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $digit)))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br $more))))
        (local.get $n))
"#;

/// A program that does this with stdin; locals `$n` (its first number), `$i`, `$s`.
pub fn program(body: &str) -> String {
    program_with("", body)
}

/// The same, with other fields of the module.
pub fn program_with(fields: &str, body: &str) -> String {
    format!(
        "(module {PRELUDE} {fields}
        (func (export \"_start\") (local $n i32) (local $i i32) (local $s i32)
            (drop (call $read))
            (local.set $n (call $number (i32.const 65536)))
            {body}))"
    )
}

/// Prints the sum of 1 to n, by adding.
pub const SLOW_SUM: &str = "(loop $more
    (local.set $s (i32.add (local.get $s) (local.get $i)))
    (br_if $more (i32.le_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (call $print (local.get $s))";

/// The same, by the formula.
pub const FAST_SUM: &str = "(call $print (i32.div_u (i32.mul (local.get $n) (i32.add (local.get $n) (i32.const 1))) (i32.const 2)))";

/// A task's line, as an object to be changed.
pub fn sum_task() -> serde_json::Value {
    serde_json::json!({
        "task_id": "sum", "lang": "wat",
        "tests": [
            {"id": "small", "stdin": "3\n", "expected": "6\n"},
            {"id": "large", "stdin": "1000\n", "expected": "500500\n", "kind": "stress", "size": 1000},
        ],
        "limits": {"fuel": 10_000_000, "memory_mb": 8, "stack_mb": 1, "wall_s": 60, "stdout_mb": 1},
    })
}

/// Each way to execute code.
pub const TIERS: [Tier; 3] = [Tier::Interp, Tier::Jit, Tier::Auto];

/// A judge of programs that need no compiler.
pub fn judge(tier: Tier, columns: Columns) -> Judge {
    Judge::new(Config {
        tier: Some(tier),
        columns,
        ..Config::default()
    })
}

/// A task made ready.
pub fn prepare(judge: &Judge, task: &serde_json::Value) -> Prepared {
    let task: Task = serde_json::from_value(task.clone()).expect("a task");
    judge
        .prepare(&Arc::new(task), Path::new(""), None, &Default::default())
        .expect("ready")
}

/// A sample with this text.
pub fn sample(text: &str) -> Sample {
    Sample {
        task_id: "sum".to_owned(),
        solution: Some(text.to_owned()),
        path: None,
        completion: None,
        wasm: None,
        lang: None,
        sample_id: Some(7),
        model: Some("m".to_owned()),
    }
}

/// Judges a program for a task in every tier: the results are equal but for time, and that of the last is given.
pub fn judged(task: &serde_json::Value, text: &str, columns: Columns) -> SampleResult {
    let results = TIERS.map(|tier| {
        let judge = judge(tier, columns);
        let prepared = prepare(&judge, task);
        timeless(judge.judge(&prepared, &sample(text), Path::new("")))
    });
    let [first, rest @ ..] = &results;
    for result in rest {
        assert_eq!(result, first);
    }
    first.clone()
}

/// A result without times, which differ.
pub fn timeless(mut result: SampleResult) -> SampleResult {
    for test in &mut result.tests {
        test.cost.wall_ns = None;
    }
    result
}
