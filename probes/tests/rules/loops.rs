//! Entries and rounds of loops, however control comes back to them.

use probity_engine::Val;

use crate::common::runs;

/// `nested` of 4: the outer loop is entered once and has 4 rounds, the inner one
/// is entered 4 times and has 3 rounds each time.
const LOOPS: &str = r#"(module (tag $t)
    (func $nested (export "nested") (param i32) (local i32)
        (loop $outer
            (local.set 1 (i32.const 3))
            (loop $inner
                (br_if $inner (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
            (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "br") (param i32)
        (block $out
            (loop $l
                (br_if $out (i32.eqz (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br $l))))
    (func (export "table") (param i32)
        (block $out
            (loop $l
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (block $inside
                    (br_table $out $l $inside $l (local.get 0)))
                (br_if $l (i32.const 1)))))
    (func (export "thrown") (param i32)
        (loop $l
            (if (local.get 0) (then
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (try_table (catch_all $l) (throw $t))))))
    (func (export "reference") (param i32) (local funcref)
        (local.set 1 (ref.func 4))
        (loop $l
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (if (i32.eqz (local.get 0)) (then (local.set 1 (ref.null func))))
            (block $null
                (br_on_null $null (local.get 1)) (drop) (br $l))))
    (func $recursive (export "recursive") (param i32) (local i32)
        (local.set 1 (i32.const 2))
        (loop $l
            (if (local.get 0) (then (call $recursive (i32.sub (local.get 0) (i32.const 1)))))
            (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))"#;

#[test]
fn entries_and_rounds() {
    for (export, argument, entries, rounds) in [
        ("nested", 4, 1 + 4, 4 + 12),
        ("br", 3, 1, 4),
        // 4 3 2 1 in it: 3 and 1 come back by the table, 2 by the branch.
        ("table", 5, 1, 5),
        ("thrown", 3, 1, 4),
        ("reference", 3, 1, 3),
        // 2^0 + 2^1 + 2^2 activations of two rounds each.
        ("recursive", 2, 7, 14),
    ] {
        let args = [Val::I32(argument)];
        for (rule, expected) in [
            ("wasm:loop:entry { count }", entries),
            ("wasm:loop:entry { sum(fid - fid) }", entries),
            ("wasm:loop:entry / global0 != 0 || local0 >= 0 /", entries),
            ("wasm:loop:entry { count by fid * 0 }", entries),
            ("wasm:loop:iter { count }", rounds),
            ("wasm:loop:back { count }", rounds - entries),
            ("wasm:loop:back { sum(fid - fid) }", rounds - entries),
            ("loop { count; sum(1) }", rounds),
        ] {
            for run in runs(LOOPS, export, &args, rule) {
                assert_eq!(run.total().count, expected, "{export}, {rule}, {}", run.way);
                assert!(run.error.is_none(), "{export}");
            }
        }
    }
}

#[test]
fn loops_around_an_operator() {
    for (rule, expected) in [
        ("i32.sub / loop_depth == 2 /", 12),
        ("i32.sub / loop_depth == 1 /", 4),
        ("i32.sub / in_loop /", 16),
        // The outer loop's `end`, and the function's.
        ("* / !in_loop /", 2),
        // An inner `end` is in the outer loop, an outer one in none.
        ("end / loop_depth == 1 /", 4),
        ("end / loop_depth == 0 /", 2),
    ] {
        for run in runs(LOOPS, "nested", &[Val::I32(4)], rule) {
            assert_eq!(run.total().count, expected, "{rule}, {}", run.way);
        }
    }
}
