//! Result replay: what a program keeps of one test is gone in the next.

use probity_efficiency::Status;
use probity_efficiency::judge::Columns;
use serde_json::json;

use crate::guests::*;

/// The same input twice: a program that remembers has the second answer for nothing.
fn twice() -> serde_json::Value {
    let mut task = sum_task();
    task["tests"] = json!([
        {"id": "first", "stdin": "10\n", "expected": "55\n"},
        {"id": "again", "stdin": "10\n", "expected": "55\n"},
    ]);
    task
}

/// A program that prints what `known` gives unless that is 0, and otherwise finds the answer and has `keep` keep it (in `$s`).
fn replay(fields: &str, known: &str, keep: &str) {
    let body = format!(
        "(local.set $s {known})
        (if (local.get $s) (then (call $print (local.get $s)) (return)))
        {SLOW_SUM} {keep}"
    );
    let result = judged(&twice(), &program_with(fields, &body), Columns::default());
    assert_eq!(result.status, Status::Ok, "{keep}: {:?}", result.message);
    let [first, again] = &result.tests[..] else {
        panic!("two tests");
    };
    assert_eq!(first.cost, again.cost, "{keep}: the second is cheaper");
    // 11 rounds of SLOW_SUM, 12 operators each, are among them.
    assert!(again.cost.instr > Some(11 * 12));
}

#[test]
fn answers_kept_in_memory_are_gone() {
    replay(
        "",
        "(i32.load (i32.const 50000))",
        "(i32.store (i32.const 50000) (local.get $s))",
    );
    // Behind what the program has at first.
    replay(
        "",
        "(if (result i32) (i32.gt_u (memory.size) (i32.const 32))
            (then (i32.load (i32.const 2097152))) (else (i32.const 0)))",
        "(drop (memory.grow (i32.const 1))) (i32.store (i32.const 2097152) (local.get $s))",
    );
    // In the size itself.
    replay(
        "",
        "(i32.sub (memory.size) (i32.const 32))",
        "(drop (memory.grow (local.get $s)))",
    );
    replay(
        "(memory $other 1)",
        "(i32.load $other (i32.const 8))",
        "(i32.store $other (i32.const 8) (local.get $s))",
    );
}

#[test]
fn a_page_that_is_had_again_is_empty() {
    replay(
        "",
        "(i32.load (i32.add (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const 64)))",
        "(i32.store (i32.add (i32.shl (i32.sub (memory.size) (i32.const 1)) (i32.const 16)) (i32.const 64)) (local.get $s))",
    );
}

#[test]
fn answers_kept_in_shared_memory_are_gone() {
    replay(
        "(memory $shared 1 1 shared)",
        "(i32.atomic.load $shared (i32.const 8))",
        "(i32.atomic.store $shared (i32.const 8) (local.get $s))",
    );
}

#[test]
fn answers_kept_in_globals_are_gone() {
    replay(
        "(global $kept (mut i32) (i32.const 0))",
        "(global.get $kept)",
        "(global.set $kept (local.get $s))",
    );
    replay(
        r#"(global $kept (export "kept") (mut i64) (i64.const 0))"#,
        "(i32.wrap_i64 (global.get $kept))",
        "(global.set $kept (i64.extend_i32_u (local.get $s)))",
    );
}

#[test]
fn answers_kept_in_tables_are_gone() {
    // The answer is how many elements there are.
    replay(
        "(table $kept 0 funcref)",
        "(table.size $kept)",
        "(drop (table.grow $kept (ref.null func) (local.get $s)))",
    );
    // That there is an element is the answer.
    replay(
        "(table $kept 1 funcref) (elem declare func $print)",
        "(if (result i32) (ref.is_null (table.get $kept (i32.const 0))) (then (i32.const 0)) (else (i32.const 55)))",
        "(table.set $kept (i32.const 0) (ref.func $print))",
    );
    replay(
        "(table $kept 1 1 i31ref)",
        "(if (result i32) (ref.is_null (table.get $kept (i32.const 0))) (then (i32.const 0))
            (else (i31.get_u (table.get $kept (i32.const 0)))))",
        "(table.set $kept (i32.const 0) (ref.i31 (local.get $s)))",
    );
}

#[test]
fn answers_kept_in_objects_are_gone() {
    replay(
        "(type $cell (array (mut i32))) (global $kept (ref $cell) (array.new_default $cell (i32.const 1)))",
        "(array.get $cell (global.get $kept) (i32.const 0))",
        "(array.set $cell (global.get $kept) (i32.const 0) (local.get $s))",
    );
    replay(
        "(type $cell (struct (field (mut i32)))) (global $kept (mut (ref null $cell)) (ref.null $cell))",
        "(if (result i32) (ref.is_null (global.get $kept)) (then (i32.const 0)) (else (struct.get $cell 0 (global.get $kept))))",
        "(global.set $kept (struct.new $cell (local.get $s)))",
    );
}

#[test]
fn dropped_segments_are_there_again() {
    // What was dropped traps.
    replay(
        "(data $kept \"\\00\\00\\00\\00\")",
        "(i32.const 0)",
        "(memory.init $kept (i32.const 50000) (i32.const 0) (i32.const 4)) (data.drop $kept)",
    );
    replay(
        "(table $t 1 funcref) (elem $kept func $print)",
        "(i32.const 0)",
        "(table.init $t $kept (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $kept)",
    );
}

#[test]
fn what_a_program_that_traps_leaves_is_gone() {
    // The answer to the first test is kept, and given to the second.
    let body = "(if (i32.load (i32.const 50000)) (then (call $print (i32.load (i32.const 50000))) (return)))
        (i32.store (i32.const 50000) (i32.const 500500)) unreachable";
    let result = judged(&sum_task(), &program(body), Columns::default());
    let statuses: Vec<_> = result.tests.iter().map(|test| test.status).collect();
    assert_eq!(statuses, [Some(Status::Trap), Some(Status::Trap)]);
}

#[test]
fn closed_descriptors_and_read_input_are_there_again() {
    let text = with_import(
        r#"(import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))"#,
        "",
        &format!(
            "{SLOW_SUM} (drop (call $close (i32.const 0))) (drop (call $close (i32.const 1)))"
        ),
    );
    let result = judged(&twice(), &text, Columns::default());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
}
