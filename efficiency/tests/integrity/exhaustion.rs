//! Programs that want more than they may have, of their own limits or of the judge.

use std::time::{Duration, Instant};

use probity_efficiency::Status;
use probity_efficiency::judge::Columns;
use probity_efficiency::result::SampleResult;
use serde_json::json;

use crate::guests::*;

fn judged_with(fields: &str, body: &str) -> SampleResult {
    judged(&sum_task(), &program_with(fields, body), Columns::default())
}

fn status(fields: &str, body: &str) -> Status {
    judged_with(fields, body).status
}

#[test]
fn memory_is_limited_whatever_it_is_had_as() {
    // 8 MiB are 128 pages; with two memories, each may have half of them.
    assert_eq!(status("(memory 65)", SLOW_SUM), Status::Memory);
    assert_eq!(status("(memory 65536)", SLOW_SUM), Status::Memory);
    assert_eq!(status(&"(memory 30)".repeat(9), SLOW_SUM), Status::Memory);
    // 8 MiB are 524,288 elements.
    assert_eq!(
        status(&"(table 60000 funcref)".repeat(9), SLOW_SUM),
        Status::Memory
    );
    assert_eq!(
        status(
            "(memory $m 1)",
            "(loop $more (drop (memory.grow $m (i32.const 1))) (br $more))"
        ),
        Status::Memory
    );
    assert_eq!(
        status(
            "(memory $m 1 65536 shared)",
            "(loop $more (drop (memory.grow $m (i32.const 1))) (br $more))"
        ),
        Status::Memory
    );
    assert_eq!(status("(table 10000000 funcref)", SLOW_SUM), Status::Memory);
    assert_eq!(
        status(
            "(table $t 1 externref)",
            "(loop $more (drop (table.grow $t (ref.null extern) (i32.const 1000))) (br $more))"
        ),
        Status::Memory
    );
    // Objects that stay.
    assert_eq!(
        status(
            "(type $list (struct (field (ref null $list)))) (global $all (mut (ref null $list)) (ref.null $list))",
            "(loop $more (global.set $all (struct.new $list (global.get $all))) (br $more))"
        ),
        Status::Memory
    );
    assert_eq!(
        status(
            "(type $big (array i64))",
            // 16 MB.
            "(drop (array.new_default $big (i32.const 2000000)))"
        ),
        Status::Memory
    );
}

#[test]
fn what_a_limit_leaves_is_used() {
    assert_eq!(status("(memory 64)", SLOW_SUM), Status::Ok);
    assert_eq!(status("(table 524288 funcref)", SLOW_SUM), Status::Ok);
    assert_eq!(status("(table 524289 funcref)", SLOW_SUM), Status::Memory);
    let body = format!("(drop (memory.grow (i32.const 96))) {SLOW_SUM}");
    assert_eq!(status("", &body), Status::Ok);
}

#[test]
fn recursion_of_any_kind_is_limited() {
    let tail = "(func $f (param i32) (result i32) (call $f (local.get 0)) (i32.add (i32.const 1)))";
    assert_eq!(
        status(tail, "(drop (call $f (i32.const 0)))"),
        Status::Stack
    );
    let table = "(type $t (func)) (table funcref (elem $f)) (func $f (call_indirect (type $t) (i32.const 0)))";
    assert_eq!(status(table, "(call $f)"), Status::Stack);
    let mutual = "(func $f (call $g)) (func $g (call $f))";
    assert_eq!(status(mutual, "(call $f)"), Status::Stack);
    // A frame of thousands of locals.
    let locals = "(local i64)".repeat(5000);
    let wide = format!(
        "(func $f (param i64) {locals} (call $f (local.get 0)) (call $f (local.get 4000)))"
    );
    assert_eq!(status(&wide, "(call $f (i64.const 0))"), Status::Stack);
    // Which takes none.
    let endless = "(func $f (return_call $f))";
    assert_eq!(status(endless, "(call $f)"), Status::Fuel);
    let caught =
        "(tag $e) (func $f (block $b (try_table (catch $e $b) (throw $e))) (return_call $f))";
    assert_eq!(status(caught, "(call $f)"), Status::Fuel);
}

#[test]
fn everything_that_is_written_counts() {
    let import = r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
    let written = |body: &str| {
        let result = judged(
            &sum_task(),
            &with_import(import, "", body),
            Columns::default(),
        );
        (result.status, result.message.unwrap_or_default())
    };
    // To stderr, and to both together: half a MiB each, and then a byte.
    let to = |fd: u32, bytes: u32| {
        format!(
            "(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const {bytes}))
            (drop (call $write (i32.const {fd}) (i32.const 0) (i32.const 1) (i32.const 8)))"
        )
    };
    let half = 512 << 10;
    let flood = format!("(loop $more {} (br $more))", to(2, 60_000));
    assert_eq!(written(&flood).0, Status::Output);
    let both = format!("{} {} {}", to(1, half), to(2, half), to(2, 1));
    let (status, message) = written(&both);
    assert_eq!(
        (status, &*message),
        (Status::Output, "test small: wrote more than 1048576 bytes")
    );
    let all = format!("{} {}", to(1, half), to(2, half));
    assert_eq!(written(&all).0, Status::Wrong);
    // Stderr alone changes no output.
    assert_eq!(
        written(&format!("{} {SLOW_SUM}", to(2, 1000))).0,
        Status::Ok
    );
}

#[test]
fn output_that_is_no_text_is_wrong() {
    let body =
        "(i32.store8 (i32.const 1000) (i32.const 0xff)) (call $put (i32.const 1000) (i32.const 1))";
    let result = judged_with("", body);
    assert_eq!(result.status, Status::Wrong);
    let message = "test small: the output is not UTF-8";
    assert_eq!(result.message.as_deref(), Some(message));
}

/// The task with a second for each test.
fn hasty() -> serde_json::Value {
    let mut task = sum_task();
    task["limits"]["wall_s"] = json!(1);
    task["limits"]["fuel"] = json!(u64::MAX >> 1);
    task
}

/// Judges a program that a clock ends in the first test; nothing about how far it got is said.
fn ends_by_time(fields: &str, body: &str) {
    let started = Instant::now();
    let result = judged(&hasty(), &program_with(fields, body), Columns::default());
    assert_eq!(
        (result.status, result.message.as_deref()),
        (Status::Wall, Some("test small: ran longer than 1 s")),
        "{body}"
    );
    assert_eq!(result.tests.len(), 1);
    assert_eq!(result.tests[0].cost.instr, None);
    // Three tiers.
    assert!(started.elapsed() < Duration::from_secs(30), "{body}");
}

#[test]
fn what_takes_no_fuel_takes_time() {
    ends_by_time("", "(loop $more (br $more))");
    // Nobody is there to notify it.
    let shared = "(memory $shared 1 1 shared)";
    ends_by_time(
        shared,
        "(drop (memory.atomic.wait32 $shared (i32.const 0) (i32.const 0) (i64.const -1)))",
    );
    ends_by_time(
        shared,
        "(drop (memory.atomic.wait64 $shared (i32.const 0) (i64.const 0) (i64.const 86400000000000)))",
    );
    // Much work for each instruction.
    ends_by_time(
        "",
        "(loop $more (memory.fill (i32.const 0) (i32.const 1) (i32.const 2000000)) (br $more))",
    );
    ends_by_time(
        "",
        "(loop $more (drop (call $random (i32.const 0) (i32.const 2000000))) (br $more))",
    );
    // Writes nothing from 250,000 places.
    ends_by_time(
        "",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const 2000000))
        (loop $more (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 240000) (i32.const 8))) (br $more))",
    );
}

#[test]
fn columns_of_a_program_that_a_clock_ends_are_not_waited_for() {
    let columns = Columns {
        cache: true,
        heap: true,
        explain: true,
        wall_runs: 3,
    };
    let started = Instant::now();
    let result = judged(&hasty(), &program("(loop $more (br $more))"), columns);
    assert_eq!(result.status, Status::Wall);
    assert!(started.elapsed() < Duration::from_secs(30));
}
