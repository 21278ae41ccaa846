//! `cache`: by hand, random programs against simulations of the simplest form, and the export for `cg_annotate`.

mod common;

use std::collections::{BTreeMap, HashMap, VecDeque};

use common::accesses::{Decision, Seen, program, traced};
use common::random::{self, Dialect};
use common::{Run, WAYS, config, each, rows, run_rules};
use probity_analyses::export::{DataKind, ExportInfo};
use probity_analyses::report::table::Value;
use probity_analyses::{AnalysisReport, Session};
use probity_engine::{Config, Engine, Linker, Module, Store, TrapCode};
use serde_json::json;

/// `d1` has two sets of two ways, `ll` four, of 16 bytes each.
///
/// - Three rounds of loads of lines 0, 2 and 4, which share a set of `d1`: each drives out the one that is next, so all nine miss. In
///   `ll` 0 and 4 share a set and 2 has another: three misses.
/// - A store to lines 0 and 1 is one miss of each level: 0 is in `ll`, 1 is not.
/// - A fill of 40 bytes from 16 on is three writes. 1 is there; 2, which the store has driven out, is in `ll`; 3 is nowhere.
/// - A copy of line 1 to line 0, which are both there.
/// - A load that traps.
///
/// The `br_if` is taken twice, at new histories, and then falls through at one that is new, too: two wrong predictions.
const TEXT: &str = r#"(module (memory 1)
    (func $main (export "main") (local $i i32)
        (loop $l
            (drop (i32.load (i32.const 0)))
            (drop (i32.load (i32.const 32)))
            (drop (i32.load (i32.const 64)))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
        (i64.store (i32.const 12) (i64.const 0))
        (memory.fill (i32.const 16) (i32.const 0) (i32.const 40))
        (memory.copy (i32.const 0) (i32.const 16) (i32.const 16))
        (drop (i32.load (i32.const 65534)))))"#;

const SMALL: &str = "cache:d1=64x2x16,ll=128x2x16";

const EVENTS: [&str; 10] = [
    "reads",
    "d1_read_misses",
    "ll_read_misses",
    "writes",
    "d1_write_misses",
    "ll_write_misses",
    "branches",
    "mispredicted",
    "indirect",
    "indirect_mispredicted",
];

#[test]
fn by_hand() {
    each(TEXT, &[SMALL, "icount"], |way, run| {
        let error = run.error.as_ref().expect("the load traps");
        let code = error.trap().map(|trap| trap.code());
        assert_eq!(code, Some(TrapCode::MemoryOutOfBounds), "{way}");
        let found = run.of("cache");
        let facts = EVENTS.map(|name| found[name].as_u64().expect("a number"));
        assert_eq!(facts, [10, 9, 3, 5, 3, 2, 3, 2, 0, 0], "{way}");
        let instructions = run.of("icount")["total"].as_u64().expect("a number");
        assert_eq!(found["instructions"], instructions, "{way}");
        let cycles = instructions + 10 * (9 + 3 + 2) + 100 * (3 + 2);
        assert_eq!(found["cycles"], cycles, "{way}");
        assert_eq!(found["d1_miss_percent"], 80.0, "{way}");
        assert_eq!(found["d1"], "64 B, 16 B, 2-way associative", "{way}");
        let columns = [
            "opcode",
            "instructions",
            "reads",
            "d1_read_misses",
            "ll_read_misses",
            "writes",
            "d1_write_misses",
            "ll_write_misses",
            "mispredicted",
        ];
        let expected = [
            json!(["i32.load", 3, 3, 3, 1, 0, 0, 0, 0]),
            json!(["i32.load", 3, 3, 3, 1, 0, 0, 0, 0]),
            json!(["i32.load", 3, 3, 3, 1, 0, 0, 0, 0]),
            json!(["br_if", 3, 0, 0, 0, 0, 0, 0, 2]),
            json!(["i64.store", 1, 0, 0, 0, 1, 1, 1, 0]),
            json!(["memory.fill", 1, 0, 0, 0, 3, 2, 1, 0]),
            json!(["memory.copy", 1, 1, 0, 0, 1, 0, 0, 0]),
            // It executes, and accesses nothing.
            json!(["i32.load", 1, 0, 0, 0, 0, 0, 0, 0]),
        ];
        assert_eq!(rows(&found["sites"], &columns), expected, "{way}");
        let functions = rows(&found["functions"], &["name", "instructions", "cycles"]);
        assert_eq!(functions, [json!(["main", instructions, cycles])], "{way}");
    });
    each(TEXT, &["cache:branches=off"], |way, run| {
        let found = run.of("cache");
        // With lines of 64 bytes the loads touch two, and everything else is one access to the first.
        let facts = EVENTS.map(|name| found[name].as_u64().expect("a number"));
        assert_eq!(facts, [10, 2, 2, 3, 0, 0, 0, 0, 0, 0], "{way}");
    });
}

/// Indirect calls by index, references that are null or not, and references that are called.
///
/// - `call_indirect` of 0, 1, 1, 0: wrong but for the third.
/// - `br_on_null` of a reference that is null in the last round alone: not taken, as predicted, until it is.
/// - `call_ref` of `$a` three times; the null in the last round traps, and is another target.
/// - `br_table` with the labels 0, 1, 0 for 0, 1, 2 and more: 0, 1, 0, 0, so wrong but for the last.
/// - `br_if` is taken three times.
const INDIRECT: &str = r#"(module
    (type $t (func))
    (table 2 funcref) (elem (i32.const 0) $a $b)
    (func $a) (func $b)
    (func (export "main") (local $i i32) (local $f (ref null $t))
        (loop $l
            (local.set $f (ref.func $a))
            (if (i32.eq (local.get $i) (i32.const 3)) (then (local.set $f (ref.null $t))))
            (block $o (block $p (br_table $p $o $p (local.get $i))) nop)
            (call_indirect (type $t) (i32.and (i32.add (local.get $i) (i32.const 1))
                (i32.lt_u (i32.sub (local.get $i) (i32.const 1)) (i32.const 2))))
            (block $null (drop (br_on_null $null (local.get $f))))
            (call_ref $t (local.get $f))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.const 1)))))"#;

#[test]
fn references_and_tables() {
    each(INDIRECT, &["cache"], |way, run| {
        let error = run.error.as_ref().expect("a null is called");
        let code = error.trap().map(|trap| trap.code());
        assert_eq!(code, Some(TrapCode::NullFunctionReference), "{way}");
        let columns = ["opcode", "branches", "indirect", "indirect_mispredicted"];
        let found = rows(&run.of("cache")["sites"], &columns);
        let expected = [
            json!(["if", 4, 0, 0]),
            json!(["br_table", 0, 4, 3]),
            // The elements 0, 0, 1, 0.
            json!(["call_indirect", 0, 4, 3]),
            json!(["br_on_null", 4, 0, 0]),
            json!(["call_ref", 0, 4, 2]),
            json!(["br_if", 3, 0, 0]),
        ];
        assert_eq!(found, expected, "{way}");
    });
}

/// A cache as lists of lines, the most recently used first.
struct NaiveCache {
    sets: Vec<VecDeque<(u32, u64)>>,
    ways: usize,
    line: u64,
}

impl NaiveCache {
    fn new(bytes: u64, ways: u64, line: u64) -> NaiveCache {
        NaiveCache {
            sets: vec![VecDeque::new(); (bytes / ways / line) as usize],
            ways: ways as usize,
            line,
        }
    }

    fn misses(&mut self, memory: u32, address: u64, bytes: u64) -> bool {
        let mut missed = false;
        let mut before = None;
        for byte in address..address + bytes {
            let line = byte / self.line;
            if before.replace(line) == Some(line) {
                continue;
            }
            let at = line as usize % self.sets.len();
            let set = &mut self.sets[at];
            match set.iter().position(|&known| known == (memory, line)) {
                Some(at) => drop(set.remove(at)),
                None => missed = true,
            }
            set.push_front((memory, line));
            set.truncate(self.ways);
        }
        missed
    }
}

type Sites<const N: usize> = BTreeMap<(u32, u32), [u64; N]>;

/// Reads and writes with their misses by site.
fn simulate(trace: &[Seen], d1: (u64, u64, u64), ll: (u64, u64, u64)) -> Sites<6> {
    let mut sites = Sites::new();
    let mut levels = [d1, ll].map(|(bytes, ways, line)| NaiveCache::new(bytes, ways, line));
    let mut access = |seen: &Seen, address, bytes, is_write: bool| {
        let [d1, ll] = &mut levels;
        let missed = d1.misses(seen.memory, address, bytes);
        let missed_all = missed && ll.misses(seen.memory, address, bytes);
        let site = sites.entry((seen.func, seen.pc)).or_insert([0; 6]);
        let at = if is_write { 3 } else { 0 };
        for (offset, is) in [true, missed, missed_all].into_iter().enumerate() {
            site[at + offset] += u64::from(is);
        }
    };
    let mut read: Option<Seen> = None;
    for seen in trace {
        if seen.goes_on {
            read = Some(*seen);
            continue;
        }
        if !seen.is_bulk {
            access(seen, seen.address, seen.bytes, !seen.reads);
            continue;
        }
        let parts = |seen: &Seen| {
            let mut parts: Vec<(u64, u64)> = Vec::new();
            for byte in seen.address..seen.address + seen.bytes {
                match parts.last_mut() {
                    Some((start, len)) if *start / d1.2 == byte / d1.2 => *len += 1,
                    _ => parts.push((byte, 1)),
                }
            }
            parts
        };
        let from = read.take();
        let reads = from.as_ref().map_or_else(Vec::new, parts);
        let writes = parts(seen);
        for at in 0..reads.len().max(writes.len()) {
            if let (Some(from), Some(&(address, bytes))) = (&from, reads.get(at)) {
                access(from, address, bytes, false);
            }
            if let Some(&(address, bytes)) = writes.get(at) {
                access(seen, address, bytes, true);
            }
        }
    }
    sites
}

/// Branches and wrong predictions by site, conditional ones first.
fn predict(decisions: &[Decision]) -> Sites<4> {
    let mut sites = Sites::new();
    let (mut counters, mut targets) = (HashMap::new(), HashMap::new());
    let mut history = VecDeque::from([false; 7]);
    for decision in decisions {
        let site = sites.entry((decision.func, decision.pc)).or_insert([0; 4]);
        if decision.is_indirect {
            let last = targets.insert(decision.pc % 512, decision.way);
            site[2] += 1;
            site[3] += u64::from(last != Some(decision.way));
            continue;
        }
        let taken = decision.way != 0;
        let counter: &mut i32 = counters
            .entry((history.clone(), decision.pc % 128))
            .or_default();
        site[0] += 1;
        site[1] += u64::from((*counter >= 2) != taken);
        *counter = (*counter + if taken { 1 } else { -1 }).clamp(0, 3);
        history.pop_front();
        history.push_back(taken);
    }
    sites
}

/// The sites of a report that did any of these, with how often.
fn found<const N: usize>(run: &Run, columns: [&str; N]) -> Sites<N> {
    let sites = run.of("cache")["sites"].as_array().expect("sites").iter();
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    let sites = sites.map(|row| {
        let site = (number(&row["func"]) as u32, number(&row["pc"]) as u32);
        (site, columns.map(|column| number(&row[column])))
    });
    sites
        .filter(|(_, counts)| counts.iter().any(|&n| n > 0))
        .collect()
}

#[test]
fn random_accesses() {
    let geometries = [
        ((64, 1, 16), (256, 2, 32)),
        ((192, 3, 32), (1024, 4, 16)),
        ((32768, 8, 64), (1 << 23, 16, 64)),
    ];
    for seed in 0..60 {
        let wat = program(seed);
        let (d1, ll) = geometries[seed as usize % 3];
        let text = |(bytes, ways, line): (u64, u64, u64)| format!("{bytes}x{ways}x{line}");
        let analysis = format!("cache:d1={},ll={}", text(d1), text(ll));
        for (way, tier, zeal) in WAYS {
            let fuel = (seed % 2 == 0).then_some(seed * 50);
            let (run, trace) = traced(&wat, tier, zeal, &analysis, fuel);
            let columns = [
                "reads",
                "d1_read_misses",
                "ll_read_misses",
                "writes",
                "d1_write_misses",
                "ll_write_misses",
            ];
            let expected = simulate(&trace.seen, d1, ll);
            assert_eq!(found(&run, columns), expected, "seed {seed}, {way}: {wat}");
        }
    }
}

/// Programs full of branches, which end by traps and limits.
#[test]
fn random_branches() {
    let (mut indirect, mut wrong) = (0, 0);
    for seed in 0..200 {
        let wat = random::program(seed, Dialect::Wasm1);
        for (way, tier, zeal) in WAYS {
            let (run, trace) = traced(&wat, tier, zeal, "cache", Some(3000));
            let columns = [
                "branches",
                "mispredicted",
                "indirect",
                "indirect_mispredicted",
            ];
            let expected = predict(&trace.decisions);
            assert_eq!(found(&run, columns), expected, "seed {seed}, {way}: {wat}");
            for [_, a, b, _] in expected.values() {
                wrong += a;
                indirect += b;
            }
        }
    }
    assert!(indirect > 200 && wrong > 200, "{indirect}, {wrong}");
}

/// Each branch of programs with references counts as often as it executes, whatever decides it.
#[test]
fn every_branch_counts() {
    for seed in 0..40 {
        let wat = random::program(seed, Dialect::Wasm3);
        for (way, tier, zeal) in WAYS {
            let analyses = ["cache", "hotness"];
            let run = run_rules(config(tier, zeal), &wat, &analyses, &[], |store| {
                store.set_fuel_limit(Some(3000));
            });
            let mut hot: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            for row in run.of("hotness")["instructions"].as_array().expect("rows") {
                let opcode = row["opcode"].as_str().expect("an opcode");
                let is_branch = ["if", "br_if", "br_table"].contains(&opcode)
                    || opcode.starts_with("br_on")
                    || opcode.contains("call_ref")
                    || opcode.contains("call_indirect");
                let number = |name: &str| row[name].as_u64().expect("a number");
                if is_branch {
                    let site = (number("func") as u32, number("pc") as u32);
                    hot.insert(site, number("count"));
                }
            }
            let found = found(&run, ["branches", "indirect"]);
            let found: BTreeMap<(u32, u32), u64> = found
                .into_iter()
                .map(|(site, [a, b])| (site, a + b))
                .collect();
            assert_eq!(found, hot, "seed {seed}, {way}: {wat}");
        }
    }
}

/// What `cg_annotate` reads, by file, function and line.
type Cachegrind = BTreeMap<(String, String, u32), Vec<u64>>;

/// Reads a file of cachegrind; each event's sum must be what its summary says.
fn read_cachegrind(text: &str) -> (Vec<String>, Cachegrind) {
    let mut lines = text.lines().peekable();
    while lines.next_if(|line| line.starts_with("desc: ")).is_some() {}
    assert!(lines.next().is_some_and(|line| line.starts_with("cmd: ")));
    let events = lines.next().and_then(|line| line.strip_prefix("events: "));
    let events: Vec<String> = events
        .expect("events")
        .split(' ')
        .map(str::to_owned)
        .collect();
    let numbers = |text: &str| -> Vec<u64> {
        text.split(' ')
            .map(|n| n.parse().expect("a number"))
            .collect()
    };
    let (mut file, mut function) = (None, None);
    let mut found = Cachegrind::new();
    let mut sums = vec![0; events.len()];
    for line in lines.by_ref() {
        if let Some(name) = line.strip_prefix("fl=") {
            (file, function) = (Some(name.to_owned()), None);
        } else if let Some(name) = line.strip_prefix("fn=") {
            function = Some(name.to_owned());
        } else if let Some(summary) = line.strip_prefix("summary: ") {
            assert_eq!(numbers(summary), sums);
            sums.clear();
        } else {
            let (at, counts) = line.split_once(' ').expect("counts");
            let counts = numbers(counts);
            assert_eq!(counts.len(), sums.len(), "{line}");
            sums.iter_mut().zip(&counts).for_each(|(sum, n)| *sum += n);
            let place = (
                file.clone().expect("a file"),
                function.clone().expect("a function"),
            );
            let key = (place.0, place.1, at.parse().expect("a line"));
            assert_eq!(found.insert(key, counts), None, "{line}");
        }
    }
    assert!(sums.is_empty(), "the summary is missing");
    (events, found)
}

fn export(
    module: &[u8],
    call: impl FnOnce(&mut Store<()>, &probity_engine::Instance),
) -> (AnalysisReport, String) {
    let engine = Engine::new(&Config::new());
    let module = Module::new(&engine, module).expect("loads");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    session.add("cache", &[]).expect("analysis");
    session.collect(DataKind::Cache).expect("cache has it");
    session.attach(&mut store, &module).expect("attaches");
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("instantiates");
    call(&mut store, &instance);
    let reports = session.finish(&mut store);
    let mut text = Vec::new();
    let format = ExportInfo::find("cachegrind").expect("a format");
    format.write_report(&reports, &mut text).expect("memory");
    let report = reports.into_iter().next().expect("a report");
    (report, String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn cachegrind_files() {
    let wat = TEXT.replace("$main", "$\"a\\0ab\"");
    let (report, text) = export(wat.as_bytes(), |store, instance| {
        let main = instance
            .get_typed_func::<(), ()>(&*store, "main")
            .expect("main");
        main.call(store, ()).expect_err("it traps");
    });
    let (events, found) = read_cachegrind(&text);
    assert_eq!(
        events.join(" "),
        "Ir Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim"
    );
    let mut sums = vec![0; events.len()];
    for ((file, function, _), counts) in &found {
        assert_eq!((&**file, &**function), ("???", "a\u{fffd}b"));
        sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
    }
    let facts = report.facts.iter().take(sums.len());
    let facts: Vec<Value> = facts.map(|fact| fact.value.clone()).collect();
    let sums: Vec<Value> = sums.into_iter().map(Value::from).collect();
    assert_eq!(facts, sums);
}

/// From `inlined.c` beside it: its lines are the source's, and their sums those of the report's lines.
#[test]
fn lines_of_the_source() {
    let module = include_bytes!("../../probes/tests/source/inlined.wasm");
    let (report, text) = export(module, |store, instance| {
        let run = instance
            .get_typed_func::<i32, i32>(&*store, "run")
            .expect("run");
        run.call(store, 5).expect("it runs");
    });
    let (_, found) = read_cachegrind(&text);
    assert!(
        found
            .keys()
            .any(|(file, _, line)| file.ends_with("inlined.c") && *line > 0)
    );
    let lines = report.tables.iter().find(|table| table.name == "lines");
    let lines = lines.expect("lines");
    let known = found.iter().filter(|((file, ..), _)| file != "???");
    let sum: u64 = known.map(|(_, counts)| counts[0]).sum();
    assert!(sum > 0);
    assert_eq!(lines.sum("instructions"), sum);
}

#[test]
fn wrong_options_name_what_is_right() {
    let error = Session::new().add("cache", &[("d1".to_owned(), "32K".to_owned())]);
    let message = error.expect_err("wrong").to_string();
    assert!(
        message.starts_with("unknown value of cache's option d1: `32K`; known: <bytes>x<ways>x<line>, such as 32Kx8x64"),
        "{message}"
    );
}
