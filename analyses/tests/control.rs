//! `control`: by hand, however code is executed; and on random programs, where what comes to a block is what it was entered.

mod common;

use std::collections::BTreeMap;

use common::random::{Dialect, program};
use common::{each, rows, run_with};
use probity_analyses::Session;
use probity_analyses::export::{DataKind, ExportInfo};
use probity_engine::{Engine, Linker, Module, Store};
use serde_json::json;

/// `pick` with 0, 1, 2, 3, 3: a jump by a table to 0, 1 and the default, then a condition that holds for 3; `main` counts down
/// from 5. By operator:
///
/// ```text
/// pick: 0 block 1 block 2 block 3 local.get 4 br_table 0 1 2 | 5 end 6 i32.const 7 return | 8 end 9 local.get 10 i32.const
///       11 i32.eq 12 if | 13 nop | 14 end | 15 i32.const 16 return | 17 end 18 i32.const 19 end
/// ```
const TEXT: &str = r#"(module
    (func $pick (param i32) (result i32)
        (block $c (block $b (block $a
            (br_table $a $b $c (local.get 0)))
            (return (i32.const 1)))
            (if (i32.eq (local.get 0) (i32.const 1)) (then nop))
            (return (i32.const 2)))
        (i32.const 3))
    (func (export "main") (local i32)
        (local.set 0 (i32.const 5))
        (loop $l
            (drop (call $pick (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (br_if $l (local.get 0)))))"#;

#[test]
fn edges_by_hand() {
    each(TEXT, &["control"], |way, run| {
        let found = run.of("control");
        let edges = rows(
            &found["edges"],
            &["func", "kind", "count", "of_block_percent"],
        );
        // 4, 3, 2, 1, 0: three go to the default, one each to the others; 1 is 1, so `if` holds once.
        let expected = [
            json!([0, "branch", 3, 60.0]),
            json!([0, "branch", 1, 20.0]),
            json!([0, "branch", 1, 20.0]),
            json!([0, "falls", 1, 100.0]),
            json!([0, "falls", 1, 100.0]),
            json!([1, "falls", 1, 100.0]),
            json!([1, "falls", 1, 20.0]),
            json!([1, "back", 4, 80.0]),
        ];
        let mut sorted = edges.clone();
        let mut wanted = expected.to_vec();
        sorted.sort_by_key(ToString::to_string);
        wanted.sort_by_key(ToString::to_string);
        assert_eq!(sorted, wanted, "{way}");
        let functions = rows(&found["functions"], &["name", "entries", "loops"]);
        let expected = [json!(["pick", 5, 0]), json!(["main", 1, 1])];
        assert_eq!(functions, expected, "{way}");
    });
}

/// What comes to a block along edges, with the function's entries for the first, is what hotness counts of its first
/// operator, but for where a limit ended the run between the two.
#[test]
fn edges_add_up_to_blocks() {
    let mut checked = 0;
    for seed in 0..200 {
        let dialect = if seed % 2 == 0 {
            Dialect::Wasm1
        } else {
            Dialect::Wasm3
        };
        let wat = program(seed, dialect);
        let run = run_with(
            &wat,
            &["control:zero=include", "blocks:zero=include"],
            |store| {
                store.set_fuel_limit(Some(20_000));
            },
        );
        let mut into: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for row in run.of("control")["edges"].as_array().expect("a table") {
            let number = |column: &str| row[column].as_u64().expect("a number");
            *into.entry((number("func"), number("to"))).or_default() += number("count");
        }
        let mut first = BTreeMap::new();
        for row in run.of("control")["functions"].as_array().expect("a table") {
            let number = |column: &str| row[column].as_u64().expect("a number");
            first.insert(number("func"), number("entries"));
        }
        let mut off = 0;
        for row in run.of("blocks")["blocks"].as_array().expect("a table") {
            let number = |column: &str| row[column].as_u64().expect("a number");
            let (func, pc, count) = (number("func"), number("pc"), number("count"));
            let entries = first.remove(&func).unwrap_or(0);
            let came = into.get(&(func, pc)).copied().unwrap_or(0) + entries;
            off += came.abs_diff(count);
            checked += u64::from(count > 0);
        }
        // One activation at most was stopped between two blocks.
        assert!(off <= 1, "seed {seed}: {off}\n{wat}");
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn graphs_for_graphviz() {
    let engine = Engine::default();
    let module = Module::new(&engine, TEXT).expect("module");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    session.add("control", &[]).expect("analysis");
    session.collect(DataKind::Flow).expect("it has that");
    session.attach(&mut store, &module).expect("attaches");
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("instance");
    let main = instance
        .get_typed_func::<(), ()>(&store, "main")
        .expect("main");
    main.call(&mut store, ()).expect("no trap");
    let reports = session.finish(&mut store);
    let mut text = Vec::new();
    let cfg = ExportInfo::find("cfg").expect("a format");
    cfg.write_report(&reports, &mut text).expect("memory");
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(
        text.contains("label=\"pick (func[0], entered 5 times)\""),
        "{text}"
    );
    assert!(text.contains("br_table 0 1 2\\l"), "{text}");
    let edges: u64 = text
        .lines()
        .filter_map(|line| {
            line.split_once(" -> ")?
                .1
                .split('"')
                .nth(1)?
                .parse::<u64>()
                .ok()
        })
        .sum();
    // The rows of the table above: 3 + 1 + 1 + 1 + 1 + 1 + 1 + 4.
    assert_eq!(edges, 13, "{text}");
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}
