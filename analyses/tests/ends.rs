//! Counts stay exact however a run ends, and however many watch.

mod common;

use common::{Exit, WAYS, config, each, rows, run, run_rules, run_with};
use probity_analyses::registry;
use probity_engine::Store;
use serde_json::{Value as Json, json};

const FIB: &str = r#"(module
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "main") (result i32) (call $fib (i32.const 10))))"#;

/// `exit` from three calls deep, in the middle of a block each time.
const EXITS: &str = r#"(module
    (import "host" "exit" (func $exit (param i32)))
    (func $c (param i32) nop local.get 0 call $exit nop nop)
    (func $b nop (call $c (i32.const 7)) nop)
    (func $a (param $n i32)
        (loop $l
            (if (i32.eqz (local.get $n)) (then call $b))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $l)))
    (func (export "main") (call $a (i32.const 2)) nop))"#;

/// Endless recursion, with work before and behind the call.
const RECURSES: &str = r#"(module
    (global $n (mut i32) (i32.const 0))
    (func $f (param i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (i32.add (call $f (local.get 0)) (i32.const 1)))
    (func (export "main") (result i32) (call $f (i32.const 0))))"#;

/// A load that leaves memory in the third iteration, behind a `br_if`.
const LOADS: &str = r#"(module (memory 1)
    (func (export "main") (local $a i32)
        (loop $l
            (block $b
                (br_if $b (i32.eqz (local.get $a)))
                (drop (i32.load offset=4 (local.get $a))) nop)
            (local.set $a (i32.add (local.get $a) (i32.const 40000)))
            (br $l))))"#;

/// Exceptions that one call throws and another passes on, caught and thrown
/// again by reference, until nobody catches.
const THROWS: &str = r#"(module
    (import "host" "throw" (func $host (param i32)))
    (tag $e (param i32)) (tag $f)
    (func $throws (param $n i32)
        nop
        (if (i32.eq (local.get $n) (i32.const 3)) (then (throw $f)))
        (if (i32.eq (local.get $n) (i32.const 4)) (then (call $host (local.get $n))))
        (if (i32.ge_u (local.get $n) (i32.const 2)) (then (throw $e (local.get $n)))))
    (func $passes (param $n i32)
        (block $again (result exnref)
            (try_table (catch_all_ref $again) (call $throws (local.get $n)) nop)
            return)
        nop
        throw_ref)
    (func (export "main") (local $n i32)
        (loop $l
            (block $next
                (block $e (result i32)
                    (try_table (catch $e $e) (catch $f $next) (call $passes (local.get $n)))
                    (i32.const 1))
                drop nop)
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $l))))"#;

/// Tail calls back and forth, then one that finds no function.
const TAILS: &str = r#"(module
    (type $t (func (param i32)))
    (table 1 funcref) (elem declare func $a)
    (func $a (param i32)
        (block $b (br_if $b (i32.eqz (local.get 0)))
            (return_call $b (i32.sub (local.get 0) (i32.const 1))))
        (return_call_indirect (type $t) (i32.const 0) (i32.const 0)))
    (func $b (param i32) nop (return_call_ref $t (local.get 0) (ref.func $a)))
    (func (export "main") (call $a (i32.const 5)) nop))"#;

/// References of all kinds, until a cast fails.
const REFERS: &str = r#"(module
    (type $s (struct (field (mut i32))))
    (type $v (array (mut i16)))
    (func $f (param $x anyref) (result i32)
        (block $null
            (drop (br_on_null $null (local.get $x)))
            (block $i31 (result (ref i31))
                (drop (br_on_cast $i31 anyref (ref i31) (local.get $x)))
                (loop $l
                    (struct.set $s 0 (ref.cast (ref $s) (local.get $x))
                        (i32.add (struct.get $s 0 (ref.cast (ref $s) (local.get $x)))
                            (i32.const 1)))
                    (br_if $l (i32.lt_u (struct.get $s 0 (ref.cast (ref $s) (local.get $x)))
                        (i32.const 3))))
                (return (i32.const 2)))
            (return (i31.get_u)))
        (i32.const 0))
    (func (export "main")
        (drop (call $f (ref.null any)))
        (drop (call $f (ref.i31 (i32.const 5))))
        (drop (call $f (struct.new_default $s)))
        (drop (call $f (array.new_default $v (i32.const 0))))
        nop))"#;

const ALL: [&str; 7] = [FIB, EXITS, LOADS, RECURSES, THROWS, TAILS, REFERS];

/// fib(10): 177 calls, of which 89 have n < 2.
/// n < 2: local.get, const, lt, if, local.get, else, end, end = 8.
/// Others: 4 + (get, const, sub, call) * 2 + add, end, end = 15.
#[test]
fn recursion() {
    let run = run(FIB, &["icount", "calls"]);
    assert_eq!(run.of("icount")["total"], 89 * 8 + 88 * 15 + 3);
    assert_eq!(run.of("icount")["fuel"].as_u64(), Some(run.fuel));
    assert_eq!(
        rows(&run.of("calls")["calls"], &["name", "callee_name", "count"]),
        [
            json!(["fib", "fib", 88]),
            json!(["fib", "fib", 88]),
            json!(["main", "fib", 1])
        ]
    );
}

/// c: nop, local.get, call = 3. b: nop, const, call = 3.
/// a: 2 whole iterations of loop, local.get, eqz, if, end, get, const, sub,
/// set, br = 10, then loop, get, eqz, if, call = 5.
/// main: const, call = 2.
#[test]
fn exit_from_nested_calls() {
    let run = run(EXITS, &["icount", "loops", "coverage", "calls"]);
    assert_eq!(
        rows(&run.of("icount")["functions"], &["name", "count"]),
        [
            json!(["c", 3]),
            json!(["b", 3]),
            json!(["a", 25]),
            json!(["main", 2])
        ]
    );
    assert_eq!(run.of("icount")["fuel"].as_u64(), Some(run.fuel));
    assert_eq!(
        rows(&run.of("loops")["loops"], &["entries", "iterations"]),
        [json!([1, 3])]
    );
    // 3 of c's 6, 3 of b's 5, all 11 of a's 13 but its last two `end`s, 2 of main's 4.
    assert_eq!(
        rows(&run.of("coverage")["functions"], &["covered", "total"]),
        [json!([3, 6]), json!([3, 5]), json!([11, 13]), json!([2, 4])]
    );
    assert_eq!(run.of("calls")["host"], 1);
    let exit = run
        .error
        .as_ref()
        .and_then(|error| error.downcast_ref::<Exit>());
    assert_eq!(exit.map(|exit| exit.0), Some(7));
}

/// Iteration 1 (a = 0): loop, block, get, eqz, br_if, end, get, const, add,
/// set, br = 11. Iteration 2 (a = 40000): 5 + get, load, drop, nop, end + 5
/// = 15. Iteration 3 (a = 80000): 5 + get, load = 7.
#[test]
fn trap_in_a_loop() {
    let run = run(LOADS, &["icount", "hotness", "branches"]);
    assert_eq!(run.of("icount")["total"], 11 + 15 + 7);
    assert_eq!(run.of("hotness")["total"], 11 + 15 + 7);
    assert_eq!(run.of("icount")["fuel"].as_u64(), Some(run.fuel));
    assert_eq!(
        rows(&run.of("branches")["branches"], &["taken", "not_taken"]),
        [json!([1, 2])]
    );
    assert_eq!(run.json["outcome"]["kind"], "trap");
}

/// Each activation executes 4 + get, call = 6 and never more; the entries are
/// as many as the calls that went through.
#[test]
fn endless_recursion() {
    let run = run(RECURSES, &["icount", "hotness"]);
    let count = |row: usize| run.of("icount")["functions"][row]["count"].as_u64();
    let entered = run.of("hotness")["instructions"][0]["count"].as_u64();
    let entered = entered.expect("a count");
    assert!(entered > 1000);
    assert_eq!(count(0), Some(6 * entered));
    assert_eq!(count(1), Some(2));
    assert_eq!(run.of("icount")["fuel"].as_u64(), Some(run.fuel));
}

/// A limit of fuel at every place: the counts are those of what executed.
#[test]
fn a_limit_anywhere() {
    for wat in [FIB, EXITS, LOADS, THROWS, TAILS, REFERS] {
        let whole = run(wat, &[]).fuel.min(300);
        for limit in 0..whole {
            let analyses = ["icount", "hotness:zero=include", "coverage", "profile"];
            let run = run_with(wat, &analyses, |store| store.set_fuel_limit(Some(limit)));
            assert!(run.error.is_some(), "limit {limit} of {whole}");
            assert_eq!(run.fuel, limit, "ends before what would exceed");
            assert_eq!(
                run.of("icount")["fuel"].as_u64(),
                Some(limit),
                "{limit}: {wat}"
            );
            assert_eq!(run.of("icount")["total"], run.of("hotness")["total"]);
            let profile = run.of("profile");
            assert_eq!(
                run.of("icount")["total"],
                profile["total"],
                "{limit}: {wat}"
            );
            let counts = run.of("hotness")["instructions"].as_array().expect("table");
            let executed = counts.iter().filter(|row| row["count"] != 0).count();
            assert_eq!(run.of("coverage")["covered"], executed, "{limit}: {wat}");
        }
    }
}

/// What follows from counters in compiled code is what the interpreter finds, however a run ends; so is coverage, which
/// is found by other means there.
#[test]
fn compiled_code_finds_the_same() {
    let analyses: Vec<&str> = registry()
        .iter()
        .map(|info| info.name)
        .filter(|&name| name != "sample")
        .collect();
    for wat in ALL {
        for options in [
            "coverage:granularity=block",
            "coverage:granularity=function",
            "coverage",
        ] {
            let analyses: Vec<&str> = analyses
                .iter()
                .map(|&name| if name == "coverage" { options } else { name })
                .collect();
            let expected = run(wat, &analyses);
            each(wat, &analyses, |way, run| {
                for info in registry() {
                    let (found, expected) = (run.of(info.name), expected.of(info.name));
                    assert_eq!(found, expected, "{} {way}: {wat}", info.name);
                }
            });
            // Alone there are no counts that another analysis wants.
            let expected = common::run(wat, &[options]);
            each(wat, &[options], |way, run| {
                assert_eq!(run.of("coverage"), expected.of("coverage"), "{way}: {wat}");
            });
        }
    }
}

/// The same where a limit ends the run.
#[test]
fn compiled_code_is_covered_up_to_a_limit() {
    for wat in [FIB, EXITS, LOADS, THROWS, TAILS, REFERS] {
        let whole = run(wat, &[]).fuel.min(200);
        for limit in (0..whole).step_by(3) {
            let limited = |store: &mut Store<()>| store.set_fuel_limit(Some(limit));
            let expected = run_with(wat, &["coverage", "icount"], limited);
            for (way, tier, zeal) in WAYS {
                let analyses = ["coverage", "icount"];
                let run = run_rules(config(tier, zeal), wat, &analyses, &[], limited);
                for name in analyses {
                    assert_eq!(run.of(name), expected.of(name), "{way} {limit}: {wat}");
                }
            }
        }
    }
}

/// Together the analyses find what each finds alone.
#[test]
fn composition() {
    for wat in ALL {
        // Samples by time are never the same.
        let all = registry().iter().map(|info| match info.name {
            "sample" => "sample:every=1000",
            name => name,
        });
        let all: Vec<&str> = all.collect();
        let names = || registry().iter().map(|info| info.name);
        let together = run(wat, &all);
        for (analysis, name) in all.iter().zip(names()) {
            let alone = run(wat, &[analysis]);
            assert_eq!(alone.of(name), together.of(name), "{name}: {wat}");
            assert_eq!(alone.fuel, together.fuel, "{name}: {wat}");
        }
        let backwards: Vec<&str> = all.iter().rev().copied().collect();
        let backwards = run(wat, &backwards);
        for name in names() {
            assert_eq!(backwards.of(name), together.of(name), "{name}: {wat}");
        }
    }
}

/// The totals are the sums of the rows, after reading the JSON back.
#[test]
fn totals_are_sums() {
    for wat in ALL {
        let run = run(wat, &["icount", "hotness", "opcodes"]);
        let sum = |table: &Json, column: &str| -> u64 {
            let rows = table.as_array().expect("a table");
            rows.iter().filter_map(|row| row[column].as_u64()).sum()
        };
        let icount = run.of("icount");
        let total = icount["total"].as_u64();
        assert_eq!(Some(sum(&icount["functions"], "count")), total);
        assert_eq!(
            Some(sum(&icount["functions"], "fuel")),
            icount["fuel"].as_u64()
        );
        assert_eq!(
            Some(sum(&run.of("hotness")["instructions"], "count")),
            total
        );
        assert_eq!(Some(sum(&run.of("opcodes")["opcodes"], "count")), total);
        assert_eq!(Some(sum(&run.of("opcodes")["classes"], "count")), total);
    }
}
