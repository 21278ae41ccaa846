//! Small programs of Wasm 3.0, their numbers worked by hand: exceptions, tail
//! calls, branches on references, allocations.

mod common;

use common::{rows, run, run_with};
use serde_json::{Value as Json, json};

/// Hotness of a function as (opcode, count).
fn hot(run: &common::Run, func: u32) -> Vec<(String, u64)> {
    let rows = run.of("hotness")["instructions"].as_array().expect("table");
    let rows = rows.iter().filter(|row| row["func"] == func);
    let pair = |row: &Json| {
        let opcode = row["opcode"].as_str().expect("text").to_owned();
        (opcode, row["count"].as_u64().expect("number"))
    };
    rows.map(pair).collect()
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let pair = |&(opcode, count): &(&str, u64)| (opcode.to_owned(), count);
    expected.iter().map(pair).collect()
}

/// i = 0..5; `maybe` throws for i = 1 and 3. What stands behind the call in the
/// `try_table` runs 3 times of 5, the `end` of `block` 5 times: 3 by the `br`,
/// 2 by a catch. The `end` of the `try_table` is never reached.
const CATCHES: &str = r#"(module
    (tag $odd (param i32))
    (func $maybe (param $i i32)
        (if (i32.and (local.get $i) (i32.const 1))
            (then (throw $odd (local.get $i)))))
    (func (export "main") (local $i i32) (local $sum i32)
        (loop $l
            (block $next (result i32)
                (try_table (catch $odd $next)
                    (call $maybe (local.get $i))
                    (br $next (i32.const 100)))
                unreachable)
            (local.set $sum (i32.add (local.get $sum)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 5))))))"#;

#[test]
fn exceptions_that_a_caller_catches() {
    let run = run(
        CATCHES,
        &["hotness", "icount", "branches", "coverage", "loops"],
    );
    assert!(run.error.is_none());
    assert_eq!(
        hot(&run, 0),
        pairs(&[
            ("local.get", 5),
            ("i32.const", 5),
            ("i32.and", 5),
            ("if", 5),
            ("local.get", 2),
            ("throw", 2),
            // A false `if` lands on its `end`.
            ("end", 3),
            ("end", 3),
        ])
    );
    assert_eq!(
        hot(&run, 1)[..12],
        pairs(&[
            ("loop", 5),
            ("block", 5),
            ("try_table", 5),
            ("local.get", 5),
            ("call", 5),
            ("i32.const", 3),
            ("br", 3),
            ("end", 5),
            ("local.get", 5),
            ("i32.add", 5),
            ("local.set", 5),
            ("local.get", 5),
        ])
    );
    // One unit at each of 6 entries. `maybe`: 5 * 4 + 2 * 2. `main`: 3 before
    // the call, 2 behind it 3 times, 3 + 4 + 4 at the end of each iteration.
    assert_eq!(run.fuel, 6 + 24 + 5 * 3 + 3 * 2 + 5 * 11);
    assert_eq!(run.of("icount")["fuel"], run.fuel);
    let branches = run.of("branches");
    assert_eq!(branches["caught"], 2);
    assert_eq!(
        rows(&branches["catches"], &["func", "name", "opcode", "count"]),
        [json!([1, "main", "call", 2])]
    );
    // It lands on the `end` of `block`: the row of hotness with this pc.
    let landing = &branches["catches"][0]["landing"];
    let hotness = run.of("hotness")["instructions"].as_array().expect("table");
    let at = hotness.iter().position(|row| row["pc"] == *landing);
    assert_eq!(hotness[at.expect("an operator")]["opcode"], "end");
    assert_eq!(at, Some(8 + 7));
    assert_eq!(
        rows(&branches["branches"], &["opcode", "taken", "not_taken"]),
        [json!(["if", 2, 3]), json!(["br_if", 4, 1])]
    );
    // Not covered: the `end` of the `try_table`, `unreachable`.
    assert_eq!(
        rows(&run.of("coverage")["functions"], &["total", "covered"]),
        [json!([8, 8]), json!([23, 21])]
    );
    assert_eq!(
        rows(&run.of("loops")["loops"], &["entries", "iterations"]),
        [json!([1, 5])]
    );
}

/// A throw and its catch in one function, landing on a `loop`: 3 iterations,
/// the third of which leaves. Then an exception passes `middle`, whose `nop`
/// never runs; then one that nothing catches ends the run.
#[test]
fn exceptions_in_one_frame_through_one_and_out_of_all() {
    let wat = r#"(module
        (tag $e)
        (func $inner (throw $e))
        (func $middle call $inner nop)
        (func (export "main") (local $i i32)
            (loop $l
                (try_table (catch $e $l)
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (if (i32.lt_u (local.get $i) (i32.const 3)) (then (throw $e)))))
            (block $h (try_table (catch_all $h) call $middle nop))
            call $middle
            nop))"#;
    let run = run(
        wat,
        &[
            "hotness", "icount", "branches", "calls", "loops", "coverage",
        ],
    );
    let error = run.error.as_ref().expect("it ended");
    assert!(error.exception().is_some());
    assert_eq!(hot(&run, 0), pairs(&[("throw", 2)]));
    assert_eq!(hot(&run, 1), pairs(&[("call", 2)]));
    assert_eq!(
        hot(&run, 2),
        pairs(&[
            ("loop", 3),
            ("try_table", 3),
            ("local.get", 3),
            ("i32.const", 3),
            ("i32.add", 3),
            ("local.set", 3),
            ("local.get", 3),
            ("i32.const", 3),
            ("i32.lt_u", 3),
            ("if", 3),
            ("throw", 2),
            ("end", 1),
            ("end", 1),
            ("end", 1),
            ("block", 1),
            ("try_table", 1),
            ("call", 1),
            ("end", 1),
            ("call", 1),
        ])
    );
    assert_eq!(run.of("icount")["fuel"], run.fuel);
    assert_eq!(
        rows(&run.of("branches")["catches"], &["func", "opcode", "count"]),
        [json!([2, "throw", 2]), json!([2, "call", 1])]
    );
    assert_eq!(
        rows(&run.of("calls")["calls"], &["name", "callee_name", "count"]),
        [
            json!(["middle", "inner", 2]),
            json!(["main", "middle", 1]),
            json!(["main", "middle", 1]),
        ]
    );
    assert_eq!(
        rows(&run.of("loops")["loops"], &["entries", "iterations"]),
        [json!([1, 3])]
    );
    assert_eq!(run.of("coverage")["covered"], 1 + 1 + 19);
}

/// A host function throws: at the call it is caught as any other; through a
/// tail call it leaves `tail`, whose own `try_table` has no part in it.
#[test]
fn exceptions_of_the_host() {
    let wat = r#"(module
        (import "host" "throw" (func $throw (param i32)))
        (import "host" "tag" (tag $e (param i32)))
        (func $tail (param i32)
            (block $h
                (try_table (catch_all $h) (return_call $throw (local.get 0)))))
        (func (export "main")
            (drop (block $a (result i32)
                (try_table (catch $e $a) (call $throw (i32.const 1)))
                unreachable))
            (drop (block $b (result i32)
                (try_table (catch $e $b) (call $tail (i32.const 2)))
                unreachable))))"#;
    let run = run(wat, &["hotness", "branches", "calls", "icount"]);
    assert!(run.error.is_none(), "{:?}", run.error);
    assert_eq!(
        hot(&run, 1),
        pairs(&[
            ("block", 1),
            ("try_table", 1),
            ("local.get", 1),
            ("return_call", 1),
        ])
    );
    assert_eq!(
        rows(&run.of("branches")["catches"], &["func", "opcode", "count"]),
        [json!([2, "call", 1]), json!([2, "call", 1])]
    );
    let calls = run.of("calls");
    assert_eq!(
        rows(&calls["calls"], &["name", "opcode", "kind", "callee_name"]),
        [
            json!(["tail", "return_call", "host", "throw"]),
            json!(["main", "call", "host", "throw"]),
            json!(["main", "call", "direct", "tail"]),
        ]
    );
    assert_eq!((&calls["tail"], &calls["host"]), (&json!(1), &json!(2)));
    assert_eq!(run.of("icount")["fuel"], run.fuel);
}

/// even(5) -> odd(4) -> even(3) -> ... by tail calls of every kind: 3 + 2
/// direct ones, then `call_ref` and `call_indirect` of `leaf`. The last, of the
/// wrong type, traps in the frame that makes it.
#[test]
fn tail_calls() {
    let wat = r#"(module
        (type $t (func (param i32)))
        (table 2 funcref) (elem (i32.const 0) $leaf $other)
        (func $even (param i32)
            (if (i32.eqz (local.get 0)) (then (return_call_ref $t (i32.const 0) (ref.func $leaf))))
            (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
        (func $odd (param i32)
            (if (i32.eqz (local.get 0))
                (then (return_call_indirect (type $t) (i32.const 0) (i32.const 0))))
            (return_call $even (i32.sub (local.get 0) (i32.const 1))))
        (func $leaf (param i32) nop)
        (func $other (result i32) i32.const 1)
        (func $bad (param i32)
            (return_call_indirect (type $t) (i32.const 0) (i32.const 1)))
        (func (export "main")
            (call $even (i32.const 5))
            (call $even (i32.const 2))
            (call $bad (i32.const 0))))"#;
    let run = run(wat, &["calls", "icount", "hotness"]);
    let calls = run.of("calls");
    assert_eq!(
        rows(
            &calls["calls"],
            &["name", "opcode", "kind", "callee_name", "count"]
        ),
        [
            json!(["even", "return_call_ref", "indirect", "leaf", 1]),
            json!(["even", "return_call", "direct", "odd", 4]),
            json!(["odd", "return_call_indirect", "indirect", "leaf", 1]),
            json!(["odd", "return_call", "direct", "even", 3]),
            json!(["main", "call", "direct", "even", 1]),
            json!(["main", "call", "direct", "even", 1]),
            json!(["main", "call", "direct", "bad", 1]),
        ]
    );
    assert_eq!(
        (&calls["tail"], &calls["direct"], &calls["indirect"]),
        (&json!(9), &json!(10), &json!(2))
    );
    assert_eq!(run.json["outcome"]["kind"], "trap");
    // bad: 3 operators, the last of which traps.
    assert_eq!(
        rows(&run.of("icount")["functions"], &["name", "count"]),
        [
            // 5 times: get, eqz, if; once more: const, ref.func, return_call_ref;
            // 4 times: end, get, const, sub, return_call.
            json!(["even", 5 * 3 + 3 + 4 * 5]),
            // 4 times, once, 3 times.
            json!(["odd", 4 * 3 + 3 + 3 * 5]),
            json!(["leaf", 4]),
            json!(["bad", 3]),
            json!(["main", 6]),
        ]
    );
    assert_eq!(run.of("icount")["fuel"], run.fuel);
}

/// Over the 6 values null, i31, $a, $b (a subtype of $a), $c and an array.
const REFERENCES: &str = r#"(module
    (type $a (sub (struct (field i32))))
    (type $b (sub $a (struct (field i32) (field i64))))
    (type $c (struct (field f64)))
    (type $v (array i8))
    (table $t 6 anyref)
    (func $f (param $x anyref)
        (block $null (drop (br_on_null $null (local.get $x))))
        (drop (block $some (result (ref any))
            (br_on_non_null $some (local.get $x))
            (ref.i31 (i32.const 0))))
        (drop (block $is (result (ref null $a))
            (drop (br_on_cast $is anyref (ref null $a) (local.get $x)))
            (ref.null $a)))
        (drop (block $not (result anyref)
            (drop (br_on_cast_fail $not anyref (ref struct) (local.get $x)))
            (ref.null any)))
        ;; Both ways lead to the same `end`.
        (drop (block $same (result anyref)
            (br_on_cast $same anyref (ref $b) (local.get $x))))
        (drop (block $same (result anyref)
            (br_on_cast_fail $same anyref (ref null i31) (local.get $x)))))
    (func (export "main") (local $i i32)
        (table.set $t (i32.const 1) (ref.i31 (i32.const 7)))
        (table.set $t (i32.const 2) (struct.new_default $a))
        (table.set $t (i32.const 3) (struct.new_default $b))
        (table.set $t (i32.const 4) (struct.new_default $c))
        (table.set $t (i32.const 5) (array.new_default $v (i32.const 3)))
        (loop $l
            (call $f (table.get $t (local.get $i)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 6))))))"#;

#[test]
fn branches_on_references() {
    let run = run(REFERENCES, &["branches:func=f"]);
    assert!(run.error.is_none());
    assert_eq!(
        rows(
            &run.of("branches")["branches"],
            &["opcode", "count", "taken", "not_taken"]
        ),
        [
            json!(["br_on_null", 6, 1, 5]),
            json!(["br_on_non_null", 6, 5, 1]),
            // null, $a, $b
            json!(["br_on_cast", 6, 3, 3]),
            // null, i31, array are no structures
            json!(["br_on_cast_fail", 6, 3, 3]),
            json!(["br_on_cast", 6, 1, 5]),
            // all but null and i31
            json!(["br_on_cast_fail", 6, 4, 2]),
        ]
    );
}

/// The same of functions: null, of type $p, of its subtype $q, of another.
#[test]
fn branches_on_functions() {
    let wat = r#"(module
        (type $p (sub (func)))
        (type $q (sub $p (func)))
        (table $t funcref (elem (ref.null func) (ref.func $fp) (ref.func $fq) (ref.func $g)))
        (func $fp (type $p)) (func $fq (type $q)) (func $g (param i32))
        (func $f (param $x funcref)
            (drop (block $same (result funcref)
                (br_on_cast $same funcref (ref $p) (local.get $x)))))
        (func (export "main") (local $i i32)
            (loop $l
                (call $f (table.get $t (local.get $i)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 4))))))"#;
    let run = run(wat, &["branches:func=f"]);
    assert_eq!(
        rows(
            &run.of("branches")["branches"],
            &["opcode", "taken", "not_taken"]
        ),
        [json!(["br_on_cast", 2, 2])]
    );
}

/// An indirect call accepts functions of a subtype: it is listed with $fq, and
/// with $fp, but not with $r, of which it traps.
#[test]
fn indirect_calls_of_subtypes() {
    let wat = r#"(module
        (type $p (sub (func)))
        (type $q (sub $p (func)))
        (type $r (sub final (func)))
        (table funcref (elem $fp $fq $fr))
        (func $fp (type $p)) (func $fq (type $q)) (func $fr (type $r))
        (func (export "main") (local $i i32)
            (loop $l
                (call_indirect (type $p) (local.get $i))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $l))))"#;
    let run = run(wat, &["calls"]);
    assert_eq!(
        rows(&run.of("calls")["calls"], &["callee_name", "count"]),
        [json!(["fp", 1]), json!(["fq", 1])]
    );
    assert_eq!(run.json["outcome"]["kind"], "trap");
}

/// Each loop is entered where the branch before it is not taken, for x: null
/// and two others; and behind a call that throws once of three times.
#[test]
fn loops_behind_branches_on_references_and_caught_calls() {
    let wat = r#"(module
        (tag $e)
        (func $throws (param externref)
            (if (ref.is_null (local.get 0)) (then (throw $e))))
        (func $f (param $x externref) (local $i i32)
            (drop (block $b (result (ref extern))
                (br_on_non_null $b (local.get $x))
                (loop $l
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $l (i32.lt_u (local.get $i) (i32.const 4))))
                return))
            nop)
        (func $g (param $x externref) (local $i i32)
            (block $b
                (try_table (catch_all $b)
                    (call $throws (local.get $x))
                    (loop $l
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (br_if $l (i32.lt_u (local.get $i) (i32.const 2)))))))
        (func $both (param externref) (call $f (local.get 0)) (call $g (local.get 0)))
        (func (export "main")
            (call $both (ref.null extern))
            (call $both (extern.convert_any (ref.i31 (i32.const 1))))
            (call $both (extern.convert_any (ref.i31 (i32.const 2))))))"#;
    let run = run(wat, &["loops"]);
    assert!(run.error.is_none(), "{:?}", run.error);
    assert_eq!(
        rows(
            &run.of("loops")["loops"],
            &["name", "entries", "iterations"]
        ),
        [json!(["f", 1, 4]), json!(["g", 2, 4])]
    );
}

/// A structure in each of 3 iterations, arrays of 0, 1, 2 bytes, a fixed one of
/// two each time; then one from a segment of 4 bytes, and one of 5, which
/// traps and does not come to be.
#[test]
fn allocations() {
    let wat = r#"(module
        (type $s (struct (field i32)))
        (type $v (array (mut i8)))
        (data $d "abcd")
        (func $segment (param $n i32)
            (drop (array.new_data $v $d (i32.const 0) (local.get $n))))
        (func (export "main") (local $i i32)
            (loop $l
                (drop (struct.new $s (local.get $i)))
                (drop (array.new $v (i32.const 7) (local.get $i)))
                (drop (array.new_fixed $v 2 (i32.const 1) (i32.const 2)))
                (drop (ref.i31 (local.get $i)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 3))))
            (call $segment (i32.const 4))
            (call $segment (i32.const 5))
            (drop (struct.new_default $s))))"#;
    let run = run(wat, &["allocations", "hotness"]);
    let allocations = run.of("allocations");
    let columns = ["name", "opcode", "type", "count", "elements"];
    assert_eq!(
        rows(&allocations["allocations"], &columns),
        [
            json!(["segment", "array.new_data", 1, 1, 4]),
            json!(["main", "struct.new", 0, 3, null]),
            json!(["main", "array.new", 1, 3, 3]),
            json!(["main", "array.new_fixed", 1, 3, 6]),
        ]
    );
    assert_eq!(
        (
            &allocations["structures"],
            &allocations["arrays"],
            &allocations["elements"]
        ),
        (&json!(3), &json!(7), &json!(13))
    );
    assert!(run.error.is_some_and(|error| error.trap().is_some()));
    let zero = run_with(wat, &["allocations:zero=include"], |_| {});
    assert_eq!(zero.of("allocations")["allocations"][4]["count"], 0);
}
