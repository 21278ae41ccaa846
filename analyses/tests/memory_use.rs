//! `memory`: by hand, and random programs against a list of all their accesses, however code is executed.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::accesses::{Seen, program, traced};
use common::{Run, WAYS, config, each, rows, run, run_rules};
use probity_analyses::Session;
use probity_analyses::report::table::{Table, Value};
use probity_engine::{Config, Engine, Instance, Module, Store, TrapCode};
use serde_json::{Value as Json, json};

/// 32 rounds of a store in steps of four bytes and a load of the bytes around 4096; a copy of 256 bytes to 8192, a fill of none,
/// and a load that is beyond the memory's end by one byte.
const TEXT: &str = r#"(module (memory 1)
    (func (export "main") (local $i i32)
        (loop $l
            (i32.store (local.get $i) (i32.const 1))
            (drop (i64.load offset=4092 (i32.const 0)))
            (local.set $i (i32.add (local.get $i) (i32.const 4)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 128))))
        (memory.copy (i32.const 8192) (i32.const 0) (i32.const 256))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
        (drop (i32.load (i32.const 65533)))))"#;

#[test]
fn by_hand() {
    each(TEXT, &["memory:page=4096,window=16"], |way, run| {
        let error = run.error.as_ref().expect("the load traps");
        assert_eq!(
            error.trap().map(|trap| trap.code()),
            Some(TrapCode::MemoryOutOfBounds),
            "{way}"
        );
        let found = run.of("memory");
        let facts = [
            // 32 loads and the copy; 32 * 8 + 256.
            ("reads", json!(33)),
            ("read_bytes", json!(512)),
            // 32 stores, the copy and the fill; 32 * 4 + 256.
            ("writes", json!(34)),
            ("written_bytes", json!(384)),
            // 0 to 3 (128 bytes of stores, and 256 that are copied), 63 and 64, 128 to 131.
            ("lines_touched", json!(10)),
            ("pages_touched", json!(3)),
            ("footprint_bytes", json!(640)),
            // 66 accesses: the copy is one.
            ("windows", json!(4)),
            ("working_set_mean", json!(3.0)),
            ("working_set_max", json!(8)),
        ];
        for (fact, value) in facts {
            assert_eq!(found[fact], value, "{way}: {fact}");
        }
        let columns = [
            "opcode",
            "accesses",
            "reads",
            "read_bytes",
            "writes",
            "written_bytes",
            "stride",
            "stride_percent",
            "lines",
            "pages",
        ];
        let expected = [
            json!(["i32.store", 32, 0, 0, 32, 128, 4, 100.0, 2, 1]),
            json!(["i64.load", 32, 32, 256, 0, 0, 0, 100.0, 2, 2]),
            json!(["memory.copy", 1, 1, 256, 0, 0, null, null, 4, 1]),
            json!(["memory.copy", 1, 0, 0, 1, 256, null, null, 4, 1]),
            json!(["memory.fill", 1, 0, 0, 1, 0, null, null, 0, 0]),
        ];
        assert_eq!(rows(&found["sites"], &columns), expected, "{way}");
        // Half of each load is on page 0, where the copy reads too.
        let columns = [
            "memory",
            "page",
            "reads",
            "read_bytes",
            "writes",
            "written_bytes",
            "lines",
        ];
        let expected = [
            json!([0, 0, 33, 128 + 256, 32, 128, 5]),
            json!([0, 1, 32, 128, 0, 0, 1]),
            json!([0, 2, 0, 0, 1, 256, 4]),
        ];
        assert_eq!(rows(&found["pages"], &columns), expected, "{way}");
        // A line of stores and the two of the load; what is left is the copy.
        let columns = ["first_access", "windows", "lines_mean", "lines_max"];
        let expected: Vec<Json> = [3, 3, 3, 3, 8]
            .iter()
            .zip([0, 16, 32, 48, 64])
            .map(|(lines, first)| json!([first, 1, f64::from(*lines), lines]))
            .collect();
        assert_eq!(rows(&found["working_set"], &columns), expected, "{way}");
        assert_eq!(found["lines"], Json::Null, "no source, no lines");
    });
}

#[derive(Default, Debug, PartialEq)]
struct Sums([u64; 4]);

impl Sums {
    fn add(&mut self, seen: &Seen, bytes: u64) {
        if seen.reads {
            self.0[0] += 1;
            self.0[1] += bytes;
        }
        if seen.writes {
            self.0[2] += 1;
            self.0[3] += bytes;
        }
    }
}

/// Blocks of a size that an access touches.
fn blocks(seen: &Seen, size: u64) -> impl Iterator<Item = (u32, u64)> {
    let bytes = seen.address..seen.address + seen.bytes;
    let memory = seen.memory;
    let all: BTreeSet<u64> = bytes.map(|byte| byte / size).collect();
    all.into_iter().map(move |block| (memory, block))
}

/// The tables, worked out byte by byte.
fn expected(trace: &[Seen], line: u64, page: u64, window: usize) -> Json {
    let mut sites: BTreeMap<(u32, u32, bool), Vec<&Seen>> = BTreeMap::new();
    let mut pages: BTreeMap<(u32, u64), (Sums, BTreeSet<u64>)> = BTreeMap::new();
    let mut operators: Vec<BTreeSet<(u32, u64)>> = Vec::new();
    let mut goes_on = false;
    for seen in trace {
        sites
            .entry((seen.func, seen.pc, !seen.goes_on))
            .or_default()
            .push(seen);
        for (memory, number) in blocks(seen, page) {
            let (start, end) = (number * page, (number + 1) * page);
            let bytes = end.min(seen.address + seen.bytes) - start.max(seen.address);
            pages
                .entry((memory, number))
                .or_default()
                .0
                .add(seen, bytes);
        }
        for (memory, number) in blocks(seen, line) {
            let lines = &mut pages.entry((memory, number * line / page)).or_default().1;
            lines.insert(number);
        }
        if !goes_on {
            operators.push(BTreeSet::new());
        }
        goes_on = seen.goes_on;
        operators
            .last_mut()
            .expect("one")
            .extend(blocks(seen, line));
    }
    let sites = sites.iter().map(|(&(func, pc, _), all)| {
        let mut sums = Sums::default();
        all.iter().for_each(|seen| sums.add(seen, seen.bytes));
        let mut strides: BTreeMap<i64, usize> = BTreeMap::new();
        for pair in all.windows(2) {
            let stride = pair[1].address as i64 - pair[0].address as i64;
            *strides.entry(stride).or_default() += 1;
        }
        let best = strides
            .iter()
            .max_by_key(|&(&stride, &n)| (n, -stride.abs(), stride));
        let percent = best.map(|(_, &n)| n as f64 * 100.0 / (all.len() - 1) as f64);
        let different = |size| {
            let all = all.iter().flat_map(|seen| blocks(seen, size));
            all.collect::<BTreeSet<_>>().len()
        };
        let [a, b, c, d] = sums.0;
        json!([
            func,
            pc,
            a,
            b,
            c,
            d,
            best.map(|b| b.0),
            percent,
            different(line),
            different(page)
        ])
    });
    let pages_of = pages.iter().map(|(&(memory, page), (sums, lines))| {
        let [a, b, c, d] = sums.0;
        json!([memory, page, a, b, c, d, lines.len()])
    });
    let series = operators.chunks(window).enumerate().map(|(at, window_of)| {
        let lines: BTreeSet<_> = window_of.iter().flatten().collect();
        json!([at * window, lines.len()])
    });
    json!([
        sites.collect::<Vec<_>>(),
        pages_of.collect::<Vec<_>>(),
        series.collect::<Vec<_>>()
    ])
}

fn found(run: &Run) -> Json {
    let found = run.of("memory");
    let site = [
        "func",
        "pc",
        "reads",
        "read_bytes",
        "writes",
        "written_bytes",
        "stride",
        "stride_percent",
        "lines",
        "pages",
    ];
    let page = [
        "memory",
        "page",
        "reads",
        "read_bytes",
        "writes",
        "written_bytes",
        "lines",
    ];
    json!([
        rows(&found["sites"], &site),
        rows(&found["pages"], &page),
        rows(&found["working_set"], &["first_access", "lines_max"])
    ])
}

/// Random programs in every way, whole and ended by a limit of fuel somewhere, which changes nothing for others.
#[test]
fn random_programs() {
    let (mut trapped, mut accesses) = (0, 0);
    for seed in 0..60 {
        let wat = program(seed);
        let (line, page) = [(64, 65536), (16, 4096), (8, 8192)][seed as usize % 3];
        let analysis = format!("memory:line={line},page={page},window=7");
        for (way, tier, zeal) in WAYS {
            let plain = run_rules(config(tier, zeal), &wat, &[], &[], |_| {});
            let limits = [None, Some(plain.fuel * (seed + 3) / 100 + 1)];
            for limit in limits {
                let (run, trace) = traced(&wat, tier, zeal, &analysis, limit);
                let expected = expected(&trace.seen, line, page, 7);
                assert_eq!(
                    found(&run),
                    expected,
                    "seed {seed}, {way}, {limit:?}: {wat}"
                );
                accesses += trace.seen.len();
                if limit.is_none() {
                    trapped += usize::from(run.error.is_some());
                    let ends = [&plain, &run].map(|run| run.error.as_ref().map(|e| e.to_string()));
                    assert_eq!(ends[0], ends[1], "seed {seed}, {way}");
                    assert_eq!(plain.fuel, run.fuel, "seed {seed}, {way}");
                }
            }
        }
    }
    assert!(
        trapped > 5 * WAYS.len() && accesses > 50_000,
        "{trapped}, {accesses}"
    );
}

/// Every limit of fuel: what was done until then and no more.
#[test]
fn every_end() {
    let whole = run(TEXT, &[]).fuel;
    for (way, tier, zeal) in WAYS {
        for limit in 1..=whole {
            let analysis = "memory:page=4096,window=16";
            let (run, trace) = traced(TEXT, tier, zeal, analysis, Some(limit));
            let expected = expected(&trace.seen, 64, 4096, 16);
            assert_eq!(found(&run), expected, "{way}, fuel {limit}");
        }
    }
}

/// Two instances of a module share the memory that they import: one site, one set of lines. A third has its own.
#[test]
fn instances() {
    let exports = r#"(module (memory (export "m") 1)
        (func (export "f") (i32.store (i32.const 0) (i32.const 1))))"#;
    let imports = r#"(module (import "o" "m" (memory 1))
        (func (export "f") (i32.store offset=60 (i32.const 0) (i32.const 1))
            (i32.store offset=64 (i32.const 0) (i32.const 1))))"#;
    let engine = Engine::new(&Config::new());
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    session.add("memory", &[]).expect("analysis");
    let owner = Module::new(&engine, exports).expect("loads");
    let user = Module::new(&engine, imports).expect("loads");
    session.attach(&mut store, &owner).expect("attaches");
    session.attach(&mut store, &user).expect("attaches");
    let own = [0, 1].map(|_| Instance::new(&mut store, &owner, &[]).expect("instantiates"));
    let memory = own[0].get_memory(&store, "m").expect("a memory");
    let users =
        [0, 1].map(|_| Instance::new(&mut store, &user, &[memory.into()]).expect("instantiates"));
    for instance in users.iter().chain(&own) {
        let f = instance.get_typed_func::<(), ()>(&store, "f").expect("f");
        f.call(&mut store, ()).expect("runs");
    }
    let report = session.finish(&mut store).remove(0);
    let table = |name| {
        report
            .tables
            .iter()
            .find(|t| t.name == name)
            .expect("a table")
    };
    let numbers = |table: &Table, columns: &[&str]| -> Vec<Vec<u64>> {
        let at = |name: &&str| table.columns.iter().position(|c| c.name == *name);
        let number = |value: &Value| match value {
            Value::Number(number) => *number,
            other => panic!("{other:?}"),
        };
        let row = |row: &Vec<Value>| {
            columns
                .iter()
                .map(|c| number(&row[at(c).expect("a column")]))
                .collect()
        };
        table.rows.iter().map(row).collect()
    };
    // The owner's store is to line 0 of each of its two memories; the users' to lines 0 and 1 of the one they share.
    let sites = numbers(table("sites"), &["writes", "lines"]);
    assert_eq!(sites, [[2, 2], [2, 1], [2, 1]]);
    // Memory 0 is the shared one, for it was used first.
    let pages = numbers(table("pages"), &["memory", "page", "writes", "lines"]);
    assert_eq!(pages, [[0, 0, 5, 2], [1, 0, 1, 1]]);
}

#[test]
fn wrong_options_name_what_is_right() {
    for (option, value, message) in [
        (
            "line",
            "48",
            "unknown value of memory's option line: `48`; known: <power of two from 8 to 4096>",
        ),
        (
            "page",
            "131072",
            "unknown value of memory's option page: `131072`; known: <power of two from 4096 to 65536>",
        ),
        (
            "window",
            "0",
            "unknown value of memory's option window: `0`; known: <number>",
        ),
    ] {
        let options = [(option.to_owned(), value.to_owned())];
        let error = Session::new().add("memory", &options);
        assert_eq!(error.expect_err("wrong").to_string(), message);
    }
}
