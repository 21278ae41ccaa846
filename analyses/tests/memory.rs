//! `memstats`, `globals` and `blocks`: by hand, however code is executed.

mod common;

use common::{Run, WAYS, config, each, rows, run_rules};
use serde_json::json;

/// Three rounds, then a load that is beyond the memory's end by four bytes.
const TEXT: &str = r#"(module (memory 1) (global $g (mut i32) (i32.const 3)) (global $h i32 (i32.const 0))
    (func $unused (drop (global.get $h)))
    (func (export "main")
        (loop $l
            (i32.store16 (i32.const 8) (i32.load8_u (i32.const 9)))
            (global.set $g (i32.sub (global.get $g) (i32.const 1)))
            (br_if $l (global.get $g)))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 4))
        (drop (memory.grow (i32.const 0)))
        (drop (i64.load (i32.const 65532)))))"#;

/// The same run in each way of executing code.
fn check(analysis: &str, check: impl Fn(&Run)) {
    each(TEXT, &[analysis], |_, run| {
        assert!(run.error.is_some(), "the load traps");
        check(run);
    });
}

/// 3 loads of a byte and 3 stores of two; the load that traps has read nothing.
#[test]
fn memory_accesses() {
    check("memstats", |run| {
        let found = run.of("memstats");
        let facts = [
            "loads",
            "load_bytes",
            "stores",
            "store_bytes",
            "bulk",
            "grows",
        ];
        let facts = facts.map(|fact| found[fact].as_u64().expect("a number"));
        assert_eq!(facts, [3, 3, 3, 6, 1, 1]);
        let columns = ["opcode", "memory", "width", "count"];
        let expected = [
            json!(["i32.load8_u", 0, 1, 3]),
            json!(["i32.store16", 0, 2, 3]),
            json!(["memory.fill", 0, null, 1]),
            json!(["memory.grow", 0, null, 1]),
        ];
        assert_eq!(rows(&found["sites"], &columns), expected);
        let functions = rows(&found["functions"], &["func", "loads", "stores"]);
        assert_eq!(functions, [json!([1, 3, 3])]);
    });
}

/// A limit that ends the run right behind an access, or within the straight line that it stands in, has let it happen. Fuel:
/// the entry, two constants and a load, its `drop` for nothing, and the same again; the third load is never reached.
#[test]
fn what_a_limit_stops_behind_has_happened() {
    let text = r#"(module (memory 1)
        (func (export "main")
            (drop (i32.load (i32.const 0)))
            (drop (i32.load (i32.const 4)))
            (drop (i32.load (i32.const 8)))))"#;
    for (fuel, loads) in [
        (1, 0),
        (2, 0),
        (3, 1),
        (4, 1),
        (5, 2),
        (6, 2),
        (7, 3),
        (8, 3),
    ] {
        for (way, tier, zeal) in WAYS {
            let config = config(tier, zeal);
            let run = run_rules(config, text, &["memstats"], &[], |store| {
                store.set_fuel_limit(Some(fuel));
            });
            assert_eq!(run.of("memstats")["loads"], loads, "{way}, {fuel}");
        }
    }
}

/// Two reads and a write in each round; those of a function that never ran are listed on request.
#[test]
fn globals() {
    check("globals", |run| {
        let found = run.of("globals");
        assert_eq!((&found["reads"], &found["writes"]), (&json!(6), &json!(3)));
        let globals = rows(&found["globals"], &["global", "reads", "writes"]);
        assert_eq!(globals, [json!([0, 6, 3])]);
        let sites = rows(&found["sites"], &["opcode", "global", "count"]);
        let expected = [
            json!(["global.get", 0, 3]),
            json!(["global.set", 0, 3]),
            json!(["global.get", 0, 3]),
        ];
        assert_eq!(sites, expected);
    });
    check("globals:zero=include", |run| {
        let globals = &run.of("globals")["globals"];
        let globals = rows(globals, &["global", "reads", "writes"]);
        assert_eq!(globals, [json!([0, 6, 3]), json!([1, 0, 0])]);
    });
}

/// Eleven operators from `loop` to `br_if`, and twelve from the loop's `end` to the function's.
#[test]
fn blocks() {
    check("blocks", |run| {
        let found = run.of("blocks");
        assert_eq!(found["total"], 4);
        let blocks = rows(&found["blocks"], &["func", "instructions", "count"]);
        assert_eq!(blocks, [json!([1, 11, 3]), json!([1, 12, 1])]);
        let ends = rows(&found["blocks"], &["pc", "end"]);
        assert_eq!(ends[0][1], ends[1][0], "one begins where the other ends");
    });
}
