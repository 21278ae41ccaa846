//! One small program for each analysis, its numbers worked by hand.

mod common;

use common::{rows, run};
use serde_json::json;

/// `twice` runs 2 times: local.get, i32.const, i32.mul, end = 4 each.
/// `main`: i32.const, call, call, nop, drop, end = 6.
/// Fuel: `twice` entry 1 + 3 (its `end` is free), 2 times = 8;
/// `main` entry 1 + const 1 + call 1 + call 1 = 4 (nop, drop, end are free).
const TWICE: &str = r#"(module
    (func $twice (param i32) (result i32) local.get 0 i32.const 2 i32.mul)
    (func $never nop)
    (func (export "main") i32.const 3 call $twice call $twice nop drop))"#;

#[test]
fn icount() {
    let run = run(TWICE, &["icount"]);
    let expected = json!({
        "rule": "instr.v1", "total": 14, "fuel": 12,
        "functions": [
            {"index": 0, "name": "twice", "static": 4, "count": 8, "fuel": 8},
            {"index": 2, "name": "main", "static": 6, "count": 6, "fuel": 4},
        ],
    });
    assert_eq!(run.of("icount"), &expected);
    assert_eq!(run.fuel, 12);
}

/// The start function counts like any other, constant expressions do not:
/// start: get, const, add, set, end = 5, fuel 1 + 4; main: get, drop, end
/// = 3, fuel 1 + 1 (`drop` and `end` are free).
#[test]
fn the_start_function() {
    let wat = r#"(module
        (global $g (mut i32) (i32.const 5)) (memory 1) (data (i32.const 8) "abc")
        (start $s)
        (func $s (global.set $g (i32.add (global.get $g) (i32.const 1))))
        (func (export "main") (drop (global.get $g))))"#;
    let run = run(wat, &["icount"]);
    assert_eq!(
        rows(&run.of("icount")["functions"], &["name", "count", "fuel"]),
        [json!(["s", 5, 5]), json!(["main", 3, 2])]
    );
    assert_eq!(run.fuel, 7);
}

#[test]
fn what_never_started_is_listed_on_request() {
    let run = run(
        TWICE,
        &["icount:zero=include", "hotness:zero=include,func=never"],
    );
    assert_eq!(
        rows(&run.of("icount")["functions"], &["name", "static", "count"]),
        [
            json!(["twice", 4, 8]),
            json!(["never", 2, 0]),
            json!(["main", 6, 6])
        ]
    );
    assert_eq!(
        rows(
            &run.of("hotness")["instructions"],
            &["func", "opcode", "count"]
        ),
        [json!([1, "nop", 0]), json!([1, "end", 0])]
    );
}

#[test]
fn functions_are_chosen() {
    let run = run(TWICE, &["icount:func=tw*", "hotness:func=2"]);
    assert_eq!(run.of("icount")["total"], 8);
    assert_eq!(run.of("icount")["fuel"], 8);
    assert_eq!(run.of("hotness")["total"], 6);
}

/// i runs 1, 2, 3: the loop's body 3 times, what surrounds it once.
#[test]
fn hotness() {
    let wat = r#"(module (func (export "main") (local $i i32)
        (loop $l
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 3))))))"#;
    let run = run(wat, &["hotness"]);
    let instructions = &run.of("hotness")["instructions"];
    let expected = [
        json!(["loop", 3]),
        json!(["local.get", 3]),
        json!(["i32.const", 3]),
        json!(["i32.add", 3]),
        json!(["local.set", 3]),
        json!(["local.get", 3]),
        json!(["i32.const", 3]),
        json!(["i32.lt_u", 3]),
        json!(["br_if", 3]),
        json!(["end", 1]),
        json!(["end", 1]),
    ];
    assert_eq!(rows(instructions, &["opcode", "count"]), expected);
    assert_eq!(run.of("hotness")["total"], 29);
    // Offsets grow by the size of each instruction: loop has a type, gets
    // and consts an immediate.
    let pcs: Vec<u64> = instructions
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["pc"].as_u64())
        .collect();
    let sizes: Vec<u64> = pcs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(sizes, [2, 2, 2, 1, 2, 2, 2, 1, 2, 1]);
}

/// The division traps: i32.const, i32.const, i32.div_s of `main` executed;
/// drop, nop, end did not. `unused` never started: 2 instructions.
const DIVIDES: &str = r#"(module
    (func $unused nop)
    (func (export "main") i32.const 1 i32.const 0 i32.div_s drop nop))"#;

#[test]
fn coverage_by_instruction() {
    let run = run(DIVIDES, &["coverage", "hotness:zero=include"]);
    let coverage = run.of("coverage");
    assert_eq!(coverage["granularity"], "instruction");
    assert_eq!(
        (&coverage["covered"], &coverage["total"]),
        (&json!(3), &json!(8))
    );
    assert_eq!(coverage["functions_covered"], 1);
    assert_eq!(coverage["functions_total"], 2);
    // const, const, div: 2 + 2 + 1 bytes; drop, nop, end: 3 bytes.
    let start = run.of("hotness")["instructions"][2]["pc"]
        .as_u64()
        .expect("pc");
    assert_eq!(
        rows(&coverage["functions"], &["total", "covered", "percent"]),
        [json!([2, 0, 0.0]), json!([6, 3, 50.0])]
    );
    assert_eq!(
        rows(
            &coverage["functions"],
            &["covered_ranges", "uncovered_ranges"]
        )[1],
        json!([[[start, start + 5]], [[start + 5, start + 8]]])
    );
}

/// By block `main` is one block, entered; by function it is one function.
#[test]
fn coverage_by_block_and_function() {
    let by_block = run(DIVIDES, &["coverage:granularity=block"]);
    assert_eq!(
        rows(&by_block.of("coverage")["functions"], &["total", "covered"]),
        [json!([1, 0]), json!([1, 1])]
    );
    let by_function = run(DIVIDES, &["coverage:granularity=function"]);
    assert_eq!(
        rows(
            &by_function.of("coverage")["functions"],
            &["total", "covered"]
        ),
        [json!([1, 0]), json!([1, 1])]
    );
    assert_eq!(by_function.of("coverage")["percent"], 50.0);
}

/// f(0), f(1), f(2), f(7):
/// br_table [0 1] 2: index 0 once, 1 once, default (2 and 7) twice;
/// `if (x)`: taken 3 times; `select` by (x == 1): taken once;
/// `br_if` by (x > 100): never.
#[test]
fn branches() {
    let wat = r#"(module
        (func $f (param $x i32)
            block block block local.get $x br_table 0 1 2 end end end
            local.get $x if nop end
            (drop (select (i32.const 1) (i32.const 2) (i32.eq (local.get $x) (i32.const 1))))
            (drop (select (result i32) (i32.const 1) (i32.const 2) (local.get $x)))
            (br_if 0 (i32.gt_u (local.get $x) (i32.const 100))))
        (func (export "main")
            (call $f (i32.const 0)) (call $f (i32.const 1))
            (call $f (i32.const 2)) (call $f (i32.const 7))))"#;
    let run = run(wat, &["branches"]);
    let branches = run.of("branches");
    assert_eq!(
        rows(
            &branches["branches"],
            &["opcode", "count", "taken", "not_taken"]
        ),
        [
            json!(["if", 4, 3, 1]),
            json!(["select", 4, 1, 3]),
            json!(["select", 4, 3, 1]),
            json!(["br_if", 4, 0, 4]),
        ]
    );
    assert_eq!(
        rows(&branches["tables"], &["count", "targets", "default"]),
        [json!([4, [1, 1], 2])]
    );
    assert_eq!(
        (&branches["taken"], &branches["not_taken"]),
        (&json!(7), &json!(9))
    );
}

/// `main` calls `direct` once, the host twice, and through the table: slot
/// 0 ($a) three times, slot 1 ($b) once; the fifth call finds null and traps.
#[test]
fn calls() {
    let wat = r#"(module
        (import "host" "nop" (func $nop))
        (type $t (func))
        (table 4 funcref)
        (elem (i32.const 0) $a $b)
        (func $a (type $t))
        (func $b (type $t))
        (func $direct call $nop call $nop)
        (func (export "main") (local $i i32)
            call $direct
            (loop $l
                (call_indirect (type $t) (i32.shr_u (local.get $i) (i32.const 1)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (call_indirect (type $t) (i32.const 0))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 2))))
            (call_indirect (type $t) (i32.const 1))
            (call_indirect (type $t) (i32.const 2))))"#;
    let run = run(wat, &["calls"]);
    let calls = run.of("calls");
    let columns = ["name", "opcode", "kind", "callee", "callee_name", "count"];
    assert_eq!(
        rows(&calls["calls"], &columns),
        [
            json!(["direct", "call", "host", 0, "nop", 1]),
            json!(["direct", "call", "host", 0, "nop", 1]),
            json!(["main", "call", "direct", 3, "direct", 1]),
            json!(["main", "call_indirect", "indirect", 1, "a", 2]),
            json!(["main", "call_indirect", "indirect", 1, "a", 2]),
            json!(["main", "call_indirect", "indirect", 2, "b", 1]),
        ]
    );
    assert_eq!(
        (&calls["direct"], &calls["host"], &calls["indirect"]),
        (&json!(1), &json!(2), &json!(5))
    );
    assert!(run.error.is_some_and(|error| error.trap().is_some()));
}

/// The table changes during the run: slot 0 is $a, then $b.
#[test]
fn indirect_calls_see_the_table_as_it_is() {
    let wat = r#"(module
        (table 1 funcref) (elem (i32.const 0) $a) (elem declare func $b)
        (func $a) (func $b)
        (func $go (call_indirect (i32.const 0)))
        (func (export "main")
            call $go
            (table.set (i32.const 0) (ref.func $b))
            call $go call $go))"#;
    let run = run(wat, &["calls:func=go"]);
    assert_eq!(
        rows(&run.of("calls")["calls"], &["callee_name", "count"]),
        [json!(["a", 1]), json!(["b", 2])]
    );
}

/// outer: 3 iterations from 1 entry. inner: skipped by the `br_if` before it
/// when i = 0, so 2 entries of 4 iterations. then: the loop of the true arm
/// (i = 1) once; else: that of the false arm (i = 0, 2), 2 iterations each.
/// after: entered once, left at once. dead: never.
#[test]
fn loops() {
    let wat = r#"(module (func (export "main") (local $i i32) (local $j i32)
        (loop $outer
            (block $skip
                (br_if $skip (i32.eqz (local.get $i)))
                (loop $inner
                    (local.set $j (i32.add (local.get $j) (i32.const 1)))
                    (br_if $inner (i32.and (local.get $j) (i32.const 3)))))
            (if (i32.eq (local.get $i) (i32.const 1))
                (then (loop nop))
                (else (loop $else
                    (local.set $j (i32.xor (local.get $j) (i32.const 1)))
                    (br_if $else (i32.and (local.get $j) (i32.const 1))))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $outer (i32.lt_u (local.get $i) (i32.const 3))))
        (loop nop)
        return
        (loop nop)))"#;
    let run = run(wat, &["loops:zero=include"]);
    let columns = ["depth", "entries", "iterations", "average"];
    assert_eq!(
        rows(&run.of("loops")["loops"], &columns),
        [
            json!([1, 1, 3, 3.0]),
            json!([2, 2, 8, 4.0]),
            json!([2, 1, 1, 1.0]),
            json!([2, 2, 4, 2.0]),
            json!([1, 1, 1, 1.0]),
            json!([1, 0, 0, null]),
        ]
    );
    assert_eq!(run.of("loops")["iterations"], 17);
}

/// A loop that begins its function: what falls into it are the calls.
#[test]
fn loops_at_the_start_of_a_function() {
    let wat = r#"(module
        (global $n (mut i32) (i32.const 0))
        (func $f (loop $l
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $l (i32.rem_u (global.get $n) (i32.const 5)))))
        (func (export "main") call $f call $f))"#;
    let run = run(wat, &["loops"]);
    assert_eq!(
        rows(
            &run.of("loops")["loops"],
            &["entries", "iterations", "average"]
        ),
        [json!([2, 10, 5.0])]
    );
}

/// `twice` runs 2 times and stands once; `never` stands, and does not run.
#[test]
fn opcodes() {
    let run = run(TWICE, &["opcodes"]);
    let opcodes = run.of("opcodes");
    assert_eq!(
        rows(&opcodes["opcodes"], &["opcode", "class", "static", "count"]),
        [
            json!(["call", "call", 2, 2]),
            json!(["drop", "other", 1, 1]),
            json!(["end", "other", 3, 3]),
            json!(["i32.const", "const", 2, 3]),
            json!(["i32.mul", "mul", 1, 2]),
            json!(["local.get", "local", 1, 2]),
            json!(["nop", "other", 2, 1]),
        ]
    );
    let classes = rows(&opcodes["classes"], &["class", "static", "count"]);
    assert_eq!(classes.len(), 22);
    assert!(classes.contains(&json!(["other", 6, 5])));
    assert!(classes.contains(&json!(["gc", 0, 0])));
    assert_eq!(opcodes["total"], 14);
}
