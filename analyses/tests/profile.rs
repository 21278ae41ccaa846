//! Profiles: trees and sums worked by hand, in every tier, and against the other analyses in programs that end in
//! every way.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::random::{Dialect, program};
use common::{Run, WAYS, config, each, rows, run_rules};
use probity_engine::TrapCode;
use serde_json::{Value as Json, json};

/// Parent, name, calls, self and total of each node.
fn tree(run: &Run) -> Vec<Json> {
    let columns = ["parent", "name", "calls", "self", "total"];
    rows(&run.of("profile")["tree"], &columns)
}

/// With an argument that is not 0 it executes 11: get, eqz, if, get, get, const, sub, call, mul, end, end. With 0 it
/// executes 7: get, eqz, if, const, else, end, end.
const FAC: &str = r#"(module
    (func $fac (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
            (else (i32.mul (local.get 0) (call $fac (i32.sub (local.get 0) (i32.const 1)))))))
    (func $never)
    (func (export "main") (drop (call $fac (i32.const 2)))))"#;

#[test]
fn recursion_has_levels() {
    each(FAC, &["profile"], |way, run| {
        let expected = [
            json!([0, "main", 1, 4, 33]),
            json!([1, "fac", 1, 11, 29]),
            json!([2, "fac", 1, 11, 18]),
            json!([3, "fac", 1, 7, 7]),
        ];
        assert_eq!(tree(run), expected, "{way}");
        let profile = run.of("profile");
        assert_eq!(profile["total"], 33);
        assert_eq!(profile["weight"], "instructions");
        // What recurs is in a total once.
        let functions = rows(
            &profile["functions"],
            &["func", "name", "calls", "self", "total"],
        );
        let expected = [json!([0, "fac", 3, 29, 29]), json!([2, "main", 1, 4, 33])];
        assert_eq!(functions, expected, "{way}");
    });
}

#[test]
fn recursion_folds() {
    for options in ["recursion=fold", "depth=2"] {
        each(FAC, &[&format!("profile:{options}")], |way, run| {
            let expected = [json!([0, "main", 1, 4, 33]), json!([1, "fac", 3, 29, 29])];
            assert_eq!(tree(run), expected, "{way}, {options}");
        });
    }
    each(FAC, &["profile:depth=1"], |way, run| {
        assert_eq!(tree(run), [json!([0, "main", 1, 33, 33])], "{way}");
        assert_eq!(run.of("profile")["folded_calls"], 3);
    });
}

/// `thrower` executes nop and throw; `catcher` block, try_table, call, then end, nop, end; `main` two calls of it, one of
/// `tail` and `end`. `tail` executes nop and return_call, and what that calls, nop and end, is called by `main`.
const WAYS_OUT: &str = r#"(module
    (tag $e)
    (import "host" "nop" (func $host))
    (func $thrower nop (throw $e))
    (func $catcher
        (block $b (try_table (catch $e $b) (call $thrower) nop))
        nop)
    (func $leaf nop)
    (func $tail nop (return_call $leaf))
    (func (export "main") (call $catcher) (call $catcher) (call $tail) (call $host)))"#;

#[test]
fn exceptions_tail_calls_and_the_host() {
    each(WAYS_OUT, &["profile"], |way, run| {
        let expected = [
            json!([0, "main", 1, 5, 5 + 12 + 4 + 2 + 2]),
            json!([1, "catcher", 2, 12, 16]),
            json!([2, "thrower", 2, 4, 4]),
            json!([1, "tail", 1, 2, 2]),
            json!([1, "leaf", 1, 2, 2]),
            json!([1, "host.nop", 1, 0, 0]),
        ];
        assert_eq!(tree(run), expected, "{way}");
    });
    each(WAYS_OUT, &["profile:host=off"], |way, run| {
        assert_eq!(tree(run).len(), 5, "{way}");
    });
}

/// The outermost of three frames traps behind two calls: `main` executes const, call (`f`), const, call, which traps in
/// `f` at the fourth of its operators get, const, get, div_u, drop, end.
#[test]
fn traps_end_in_the_middle() {
    let wat = r#"(module
        (func $f (param i32) (local i32)
            (drop (local.get 1))
            (drop (i32.div_u (i32.const 1) (local.get 0))))
        (func (export "main") (call $f (i32.const 1)) (call $f (i32.const 0)) nop))"#;
    each(wat, &["profile", "icount"], |way, run| {
        assert!(run.error.is_some());
        // get, drop, const, get, div_u; the first call goes on with drop and end.
        let expected = [
            json!([0, "main", 1, 4, 4 + 12]),
            json!([1, "f", 2, 7 + 5, 12]),
        ];
        assert_eq!(tree(run), expected, "{way}");
    });
}

/// Two rounds of the outer loop, three each of the inner one. A round of the inner is `loop` and 7 operators; one of the
/// outer is `loop`, const, set, the inner loop, its `end` and 7.
const LOOPS: &str = r#"(module (func (export "main") (local $i i32) (local $j i32)
    (loop $outer
        (local.set $j (i32.const 0))
        (loop $inner
            (br_if $inner (i32.lt_u
                (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 3))))
        (br_if $outer (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))))"#;

#[test]
fn loops_have_weight() {
    each(LOOPS, &["fprofile"], |way, run| {
        let profile = run.of("fprofile");
        let loops = rows(&profile["loops"], &["name", "depth", "self", "inner"]);
        let expected = [
            json!(["main", 1, 2 * 11, 2 * 11 + 6 * 8]),
            json!(["main", 2, 6 * 8, 6 * 8]),
        ];
        assert_eq!(loops, expected, "{way}");
        assert_eq!(profile["total"], 22 + 48 + 2);
        assert_eq!(profile["tree"], Json::Null);
    });
}

/// Cycles by class: `loop` and `end` 0, const 0, set, tee and get 0, add 1, lt_u 1, br_if 1.
#[test]
fn cycles_are_a_model() {
    each(LOOPS, &["fprofile:weight=cycles"], |way, run| {
        let profile = run.of("fprofile");
        let loops = rows(&profile["loops"], &["self", "inner"]);
        assert_eq!(
            loops,
            [json!([2 * 3, 2 * 3 + 6 * 3]), json!([18, 18])],
            "{way}"
        );
        assert_eq!(profile["total"], 24);
        assert_eq!(profile["weight"], "cycles");
    });
}

/// `mid` calls `leaf` at two places, once and, in a loop of two rounds, twice.
#[test]
fn call_sites_are_told_apart_on_request() {
    let wat = r#"(module
        (func $leaf nop)
        (func $mid (local i32)
            (call $leaf)
            (loop $l
                (call $leaf)
                (br_if $l (i32.lt_u
                    (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 2)))))
        (func (export "main") (call $mid)))"#;
    each(wat, &["profile:sites=on"], |way, run| {
        // call, 2 rounds of loop, call and 7, end, end.
        let mid = 1 + 2 * 9 + 2;
        let expected = [
            json!([0, "main", 1, 2, 2 + mid + 6]),
            json!([1, "mid", 1, mid, mid + 6]),
            json!([2, "leaf", 1, 2, 2]),
            json!([2, "leaf", 2, 4, 4]),
        ];
        assert_eq!(tree(run), expected, "{way}");
        // Two calls are in the loop.
        let loops = rows(&run.of("profile")["loops"], &["self", "inner", "total"]);
        assert_eq!(loops, [json!([18, 18, 18 + 4])], "{way}");
    });
    each(wat, &["profile"], |way, run| {
        assert_eq!(tree(run)[2], json!([2, "leaf", 3, 6, 6]), "{way}");
        assert_eq!(run.of("profile")["loops"][0]["total"], Json::Null);
    });
}

#[test]
fn functions_are_chosen() {
    each(FAC, &["profile:func=fac"], |way, run| {
        let expected = [
            json!([0, "fac", 1, 11, 29]),
            json!([1, "fac", 1, 11, 18]),
            json!([2, "fac", 1, 7, 7]),
        ];
        assert_eq!(tree(run), expected, "{way}");
    });
    // What `catcher` calls is called by `main`.
    each(
        WAYS_OUT,
        &["profile:func=main|thrower,host=off"],
        |way, run| {
            let expected = [json!([0, "main", 1, 5, 9]), json!([1, "thrower", 2, 4, 4])];
            assert_eq!(tree(run), expected, "{way}");
        },
    );
}

/// Fuel is 1 for each entry: `main` has 3 (const, call), `fac` 9 and 9 and 6 (no `if`s `end`, no `else`). Looked at
/// each unit, all are seen but the first, before which nothing has been consumed.
#[test]
fn samples_of_every_unit_are_exact() {
    each(FAC, &["sample:every=1", "icount"], |way, run| {
        let sample = run.of("sample");
        assert_eq!(sample["weight"], "fuel");
        assert_eq!(sample["samples"].as_u64(), Some(run.fuel - 1), "{way}");
        let fuel = |of: &Json, column: &str| -> BTreeMap<String, u64> {
            let rows = of.as_array().expect("a table").iter();
            let rows = rows.filter(|row| row[column] != 0);
            rows.map(|row| {
                let name = row["name"].as_str().expect("text").to_owned();
                (name, row[column].as_u64().expect("a number"))
            })
            .collect()
        };
        let mut expected = fuel(&run.of("icount")["functions"], "fuel");
        *expected.get_mut("main").expect("it ran") -= 1;
        assert_eq!(fuel(&sample["functions"], "self"), expected, "{way}");
        let rows = rows(&sample["tree"], &["parent", "name"]);
        let expected = [
            json!([0, "main"]),
            json!([1, "fac"]),
            json!([2, "fac"]),
            json!([3, "fac"]),
        ];
        assert_eq!(rows, expected, "{way}");
    });
}

/// A guest that works until it is interrupted has samples, and all weight is where it works.
#[test]
fn samples_by_time() {
    let wat = r#"(module
        (func $work (loop $l (br $l)))
        (func (export "main") (call $work)))"#;
    for (way, tier, zeal) in [WAYS[0], WAYS[1]] {
        let mut timer = None;
        let run = run_rules(config(tier, zeal), wat, &["sample"], &[], |store| {
            // Long enough for a machine that has other things to do.
            let made = store.remote().after(Duration::from_secs(1), |context| {
                context.end_guest(TrapCode::Interrupted.into());
                Ok(())
            });
            timer = Some(made.expect("a thread"));
        });
        assert!(run.error.is_some());
        let sample = run.of("sample");
        assert_eq!(sample["weight"], "time");
        assert!(sample["samples"].as_u64() > Some(0), "{way}: {sample}");
        let rows = rows(&sample["functions"], &["name", "self", "total"]);
        let total = &sample["total"];
        let expected = [json!(["work", total, total]), json!(["main", 0, total])];
        assert_eq!(rows, expected, "{way}: {sample}");
    }
}

/// Sums by function, as `icount` has them.
fn by_function(run: &Run, analysis: &str, column: &str) -> BTreeMap<(u64, String), u64> {
    let rows = run.of(analysis)["functions"].as_array().expect("a table");
    let mut sums = BTreeMap::new();
    for row in rows {
        let name = row["name"].as_str().expect("text").to_owned();
        // Host functions have no index.
        let index = row["func"].as_u64().or_else(|| row["index"].as_u64());
        let count = row[column].as_u64().expect("a number");
        if let (Some(index), 1..) = (index, count) {
            *sums.entry((index, name)).or_default() += count;
        }
    }
    sums
}

/// The tree adds up to what `icount` counts, function by function, whatever the program does and wherever a limit of fuel ends
/// it.
#[test]
fn random_programs_add_up() {
    for seed in 0..300 {
        let dialect = [Dialect::Wasm1, Dialect::Wasm3][seed as usize % 2];
        let wat = program(seed, dialect);
        let (way, tier, zeal) = WAYS[seed as usize / 2 % WAYS.len()];
        for fuel in [37 + seed * 7, 20_000] {
            let options = ["", "recursion=fold", "depth=3", "sites=on"][(seed as usize / 10) % 4];
            let run = run_rules(
                config(tier, zeal),
                &wat,
                &[&format!("profile:{options}"), "icount"],
                &[],
                |store| store.set_fuel_limit(Some(fuel)),
            );
            let what = format!("seed {seed}, {way}, {fuel} units, {options}");
            assert_eq!(
                run.of("profile")["total"],
                run.of("icount")["total"],
                "{what}"
            );
            if options != "depth=3" {
                let counted = by_function(&run, "icount", "count");
                assert_eq!(by_function(&run, "profile", "self"), counted, "{what}");
            }
            // What is in loops, and what is not, is known by another way.
            let nodes = run.of("profile")["tree"].as_array().expect("a table");
            let own: u64 = nodes.iter().filter_map(|row| row["self"].as_u64()).sum();
            assert_eq!(run.of("icount")["total"], own, "{what}");
        }
    }
}
