//! The analyses `const`, `loop-traces` and `tracepoints`, by hand and in every tier; paths of random programs against the
//! counts of `loops`.

mod common;

use common::random::{Dialect, program};
use common::{WAYS, config, each, rows, run, run_rules};
use probity_engine::Store;
use serde_json::{Value as Json, json};

/// `f` is called with (-7, 0.0), (-7, 1.0) and (-7, 2.0). -7 is below 0 each time; memory has zeros; the results are
/// 0, 1 and 2. `br_if` goes both ways.
const SAME: &str = r#"(module (memory 1) (global $g (mut i64) (i64.const -2))
    (func $f (param i32 f64) (result i32)
        (drop (global.get $g))
        (if (i32.lt_s (local.get 0) (i32.const 0)) (then nop))
        (i32.add (i32.load (i32.const 8)) (i32.trunc_f64_s (local.get 1))))
    (func (export "main") (local i32)
        (loop
            (drop (call $f (i32.const -7) (f64.convert_i32_s (local.get 0))))
            (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3))))))"#;

#[test]
fn constants() {
    each(SAME, &["const"], |way, run| {
        let found = run.of("const");
        let columns = [
            "name", "opcode", "what", "number", "callee", "type", "value", "count",
        ];
        assert_eq!(
            rows(&found["constants"], &columns),
            [
                json!(["f", null, "param", 0, null, "i32", -7, 3]),
                json!(["f", "global.get", "global", 0, null, "i64", -2, 3]),
                json!(["f", "i32.load", "load", 0, null, "i32", 0, 3]),
                json!(["main", "call", "argument", 0, "f", "i32", -7, 3]),
            ],
            "{way}"
        );
        // Two parameters, a global, a load, two arguments, a result.
        assert_eq!(
            (&found["values"], &found["constant_values"]),
            (&json!(7), &json!(4))
        );
        assert_eq!(
            rows(&found["branches"], &["name", "opcode", "way", "count"]),
            [json!(["f", "if", "taken", 3])],
            "{way}"
        );
        assert_eq!(
            (&found["branches_seen"], &found["constant_branches"]),
            (&json!(2), &json!(1))
        );
    });
    // What executed three times is not enough.
    let found = run(SAME, &["const:min=4"]);
    assert_eq!(found.of("const")["constant_values"], 0);
}

/// Values at the edges of their types, tables of branches, indirect calls, more than four parameters, floats by bits. A load that
/// traps at its third execution has completed two.
#[test]
fn constants_at_the_edges() {
    let wat = r#"(module (memory 1) (table funcref (elem $f)) (global $n (mut i32) (i32.const 0))
        (type $t (func (param i32 i64 f32 f64 i64 v128 i32)))
        (func $f (type $t)
            (block (br_table 0 0 0 (local.get 0)))
            (global.set $n (i32.add (global.get $n) (i32.const 30000)))
            (drop (i64.load (global.get $n))))
        (func (export "main") (local f64)
            (loop
                (call_indirect (type $t) (i32.const -1) (i64.const 0x8000000000000000) (f32.const -0)
                    (local.get 0) (i64.const 0) (v128.const i64x2 1 2) (i32.const 0) (i32.const 0))
                (local.set 0 (f64.neg (local.get 0)))
                (br 0))))"#;
    each(wat, &["const"], |way, run| {
        assert!(run.error.is_some());
        let constants = &run.of("const")["constants"];
        let columns = ["name", "what", "number", "type", "value", "count"];
        let found = rows(constants, &columns);
        let of = |name: &str| -> Vec<Json> {
            found.iter().filter(|row| row[0] == name).cloned().collect()
        };
        let values = |name: &str, what: &str| {
            [
                json!([name, what, 0, "i32", -1, 3]),
                json!([name, what, 1, "i64", i64::MIN, 3]),
                json!([name, what, 2, "f32", -0.0, 3]),
                json!([name, what, 4, "i64", 0, 3]),
                json!([name, what, 6, "i32", 0, 3]),
            ]
        };
        let mut expected = values("f", "param").to_vec();
        expected.push(json!(["f", "index", 0, "i32", -1, 3]));
        expected.push(json!(["f", "load", 0, "i64", 0, 2]));
        assert_eq!(of("f"), expected, "{way}");
        assert_eq!(of("main"), values("main", "argument"), "{way}");
    });
}

/// Rounds with 0 to 4: even ones do not take the `if`, and all but the last go back.
#[test]
fn paths_of_a_loop() {
    let wat = r#"(module (func (export "main") (local i32)
        (loop
            (if (i32.and (local.get 0) (i32.const 1)) (then nop) (else nop))
            (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 5))))))"#;
    each(wat, &["loop-traces"], |way, run| {
        let found = run.of("loop-traces");
        let mut paths = rows(&found["paths"], &["branches", "ends", "count"]);
        paths.sort_by_key(Json::to_string);
        assert_eq!(
            paths,
            [
                json!(["TT", "back", 2]),
                json!(["nT", "back", 2]),
                json!(["nn", "exit", 1])
            ],
            "{way}"
        );
        assert_eq!(
            rows(
                &found["loops"],
                &["iterations", "paths", "commonest_percent"]
            ),
            [json!([5, 3, 40.0])],
            "{way}"
        );
    });
}

/// The inner loop goes round twice in each of 3 rounds of the outer one, where it is one step; each frame of the
/// recursion has paths of its own. `f` throws out of its third round, which `main` does not catch.
#[test]
fn loops_in_loops_and_frames() {
    let wat = r#"(module (import "host" "throw" (func $throw (param i32)))
        (func $nest (local $i i32) (local $j i32)
            (loop $outer
                (local.set $j (i32.const 0))
                (loop $inner
                    (br_if $inner (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 2))))
                (br_if $outer (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))
        (func $f (param $n i32) (local $i i32)
            (loop $l
                (br_table $l 1 1 (block (result i32)
                    (if (i32.eqz (local.get $n)) (then (if (i32.eq (local.get $i) (i32.const 2)) (then (call $throw (i32.const 1))))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (if (local.get $n) (then (call $f (i32.sub (local.get $n) (i32.const 1)))))
                    (i32.const 0)))))
        (func (export "main") (call $nest) (call $f (i32.const 1))))"#;
    each(wat, &["loop-traces"], |way, run| {
        let found = run.of("loop-traces");
        assert_eq!(
            rows(&found["loops"], &["name", "iterations", "paths"]),
            [
                json!(["nest", 3, 2]),
                json!(["nest", 6, 2]),
                json!(["f", 4, 3])
            ],
            "{way}"
        );
        let paths = found["paths"].as_array().expect("a table");
        let of = |name: &str| -> Vec<Json> {
            let mut of = paths.iter().filter(|row| row["name"] == name);
            let mut rows: Vec<Json> = of
                .by_ref()
                .map(|row| json!([row["ends"], row["count"]]))
                .collect();
            rows.sort_by_key(Json::to_string);
            rows
        };
        assert_eq!(
            of("nest"),
            // Outer: two go on, one leaves. Inner: once back and once out in each of three.
            [
                json!(["back", 2]),
                json!(["back", 3]),
                json!(["exit", 1]),
                json!(["exit", 3])
            ],
            "{way}"
        );
        // The outer frame's first round, cut by the exception; the inner one's two, and the third.
        assert_eq!(
            of("f"),
            [json!(["back", 2]), json!(["leave", 1]), json!(["leave", 1])],
            "{way}"
        );
        let outer = &paths[0];
        let path = outer["path"].as_str().expect("text");
        assert_eq!(path.matches("loop(0x").count(), 1, "{path}");
    });
}

/// Later paths are counted together, and long ones told apart only by their beginning.
#[test]
fn paths_that_are_many_or_long() {
    let wat = r#"(module (func (export "main") (local i32)
        (loop
            (if (i32.and (local.get 0) (i32.const 1)) (then nop))
            (if (i32.and (local.get 0) (i32.const 2)) (then nop))
            (if (i32.and (local.get 0) (i32.const 4)) (then nop))
            (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 16))))))"#;
    // 8 combinations twice; the last round leaves, so 9 paths.
    let found = run(wat, &["loop-traces"]);
    assert_eq!(
        found.of("loop-traces")["paths"].as_array().map(Vec::len),
        Some(9)
    );
    // 3 paths with the first three numbers, each twice.
    let found = run(wat, &["loop-traces:paths=3"]);
    assert_eq!(found.of("loop-traces")["on_other_paths"], 10);
    assert_eq!(found.of("loop-traces")["iterations"], 16);
    // One block is the same for all: back and exit.
    let found = run(wat, &["loop-traces:length=1"]);
    let paths = &found.of("loop-traces")["paths"];
    assert_eq!(
        rows(paths, &["ends", "count"]),
        [json!(["exit", 1]), json!(["back", 15])]
    );
    assert!(
        paths[0]["path"]
            .as_str()
            .is_some_and(|path| path.ends_with(" ..."))
    );
}

/// Iterations are those that `loops` counts, wherever a limit ends random programs.
#[test]
fn random_programs() {
    let mut compared = 0;
    for seed in 0..60 {
        let dialect = if seed % 2 == 0 {
            Dialect::Wasm1
        } else {
            Dialect::Wasm3
        };
        let wat = program(seed, dialect);
        let limit = |store: &mut Store<()>| store.set_fuel_limit(Some(1500 + 13 * seed));
        let mut first: Option<[Json; 3]> = None;
        for (way, tier, zeal) in WAYS {
            let analyses = [
                "loop-traces",
                "loops",
                "const",
                "tracepoints:hits=3,keep=last",
                "hotness",
            ];
            let run = run_rules(config(tier, zeal), &wat, &analyses, &[], limit);
            let found = ["loop-traces", "const", "tracepoints"].map(|name| run.of(name).clone());
            let site = |row: &Json| (row["func"].as_u64(), row["pc"].as_u64());
            let loops = run.of("loops")["loops"].as_array().expect("a table");
            let traced = found[0]["loops"].as_array().expect("a table");
            for row in loops {
                let same = traced.iter().find(|other| site(other) == site(row));
                match same {
                    Some(same) => {
                        assert_eq!(same["iterations"], row["iterations"], "{seed} {way}: {wat}");
                        compared += 1;
                    }
                    None => assert_eq!(row["entries"], row["iterations"], "{seed} {way}: {wat}"),
                }
            }
            let paths = found[0]["paths"].as_array().expect("a table");
            for row in traced {
                let counts = paths.iter().filter(|path| site(path) == site(row));
                let sum: u64 = counts.filter_map(|path| path["count"].as_u64()).sum();
                assert_eq!(Some(sum), row["iterations"].as_u64(), "{seed} {way}");
            }
            match &first {
                None => first = Some(found),
                Some(first) => assert_eq!(*first, found, "{seed} {way}: {wat}"),
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

/// `f` begins 3 times, with 5, 6 and 7; its `i32.add` finds these and 2 on the stack.
#[test]
fn points() {
    let wat = r#"(module
        (func $f (param i32) (result i32) (local f64) (i32.add (local.get 0) (i32.const 2)))
        (func (export "main")
            (drop (call $f (i32.const 5))) (drop (call $f (i32.const 6))) (drop (call $f (i32.const 7)))))"#;
    // local.get 0 and i32.const 2 are two bytes each.
    each(wat, &["tracepoints:at=f+4|main,hits=2"], |way, run| {
        let found = run.of("tracepoints");
        assert_eq!(
            rows(&found["points"], &["name", "opcode", "count"]),
            [json!(["f", "i32.add", 3]), json!(["main", "i32.const", 1])],
            "{way}"
        );
        assert_eq!(
            rows(
                &found["hits_kept"],
                &["name", "hit", "depth", "locals", "operands"]
            ),
            [
                json!(["main", 1, 1, "", ""]),
                json!(["f", 2, 2, "i32 5, f64 0.0", "i32 5, i32 2"]),
                json!(["f", 3, 2, "i32 6, f64 0.0", "i32 6, i32 2"]),
            ],
            "{way}"
        );
        assert_eq!(found["hits"], 4);
    });
    let found = run(wat, &["tracepoints:at=f+0..3,hits=1,keep=last"]);
    assert_eq!(
        rows(
            &found.of("tracepoints")["hits_kept"],
            &["hit", "locals", "operands"]
        ),
        [
            json!([5, "i32 7, f64 0.0", ""]),
            json!([6, "i32 7, f64 0.0", "i32 7"])
        ]
    );
    let found = run(wat, &["tracepoints:at=f,hits=none"]);
    assert_eq!(found.of("tracepoints")["hits"], 3);
    assert_eq!(found.of("tracepoints")["hits_kept"], json!([]));
}
