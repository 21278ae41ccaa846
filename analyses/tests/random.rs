//! Random programs, ended by a fuel limit where they do not end by
//! themselves: what follows from few counters is what a naive watcher of every
//! operator sees.

mod common;

use std::collections::BTreeMap;

use common::naive::{At, Seen};
use common::random::{Dialect, program};
use common::{Run, run_with};
use serde_json::Value as Json;

const ANALYSES: [&str; 8] = [
    "hotness",
    "icount",
    "coverage",
    "branches",
    "calls",
    "loops",
    "opcodes",
    "allocations",
];

fn number(row: &Json, column: &str) -> u64 {
    row[column].as_u64().expect("a number")
}

fn site(row: &Json) -> At {
    (number(row, "func") as u32, number(row, "pc") as u32)
}

fn table<'a>(run: &'a Run, analysis: &str, table: &str) -> &'a [Json] {
    run.of(analysis)[table].as_array().expect("a table")
}

/// A column by site, without zeros.
fn column(table: &[Json], column: &str) -> BTreeMap<At, u64> {
    let rows = table.iter().map(|row| (site(row), number(row, column)));
    rows.filter(|&(_, count)| count > 0).collect()
}

fn check(run: &Run, seen: &Seen) {
    let hotness = table(run, "hotness", "instructions");
    assert_eq!(column(hotness, "count"), seen.instrs);
    assert_eq!(run.of("coverage")["covered"], seen.instrs.len());
    let of = |opcodes: &[&str]| -> u64 {
        let rows = hotness.iter().filter(|row| {
            let opcode = row["opcode"].as_str().expect("text");
            opcodes.contains(&opcode)
        });
        rows.map(|row| number(row, "count")).sum()
    };
    assert_eq!(run.of("icount")["fuel"].as_u64(), Some(run.fuel));
    assert_eq!(run.of("branches")["table_count"], of(&["br_table"]));

    for row in table(run, "branches", "branches") {
        let at = site(row);
        assert_eq!(Some(&number(row, "count")), seen.instrs.get(&at), "{row}");
        // It does not show where the branch went before which the run ended.
        if seen.shows(at) && seen.last() != Some(at) {
            let taken = seen.taken.get(&at).copied().unwrap_or(0);
            assert_eq!(number(row, "taken"), taken, "{row}");
        }
    }
    let caught = table(run, "branches", "catches").iter();
    let caught: BTreeMap<(At, u32), u64> = caught
        .map(|row| {
            (
                (site(row), number(row, "landing") as u32),
                number(row, "count"),
            )
        })
        .collect();
    // A limit may end the run between a throw and its landing.
    let ends = caught.values().sum::<u64>() - seen.caught.values().sum::<u64>();
    assert!(ends <= 1 && (ends == 0 || run.error.is_some()));
    if ends == 0 {
        assert_eq!(caught, seen.caught);
    }

    for row in table(run, "loops", "loops") {
        let at = site(row);
        let entries = seen.entries.get(&at).copied().unwrap_or(0);
        assert_eq!(Some(&number(row, "iterations")), seen.instrs.get(&at));
        let found = number(row, "entries");
        let limit = run
            .error
            .as_ref()
            .is_some_and(|error| error.trap().is_none());
        assert!(
            found == entries || (limit && found == entries + 1),
            "{row}, {entries} seen"
        );
    }
    assert_eq!(run.of("loops")["iterations"], of(&["loop"]));

    let calls = run.of("calls");
    let direct = number(calls, "direct") + number(calls, "host");
    assert_eq!(direct, of(&["call", "return_call"]));
    let indirect = of(&[
        "call_indirect",
        "return_call_indirect",
        "call_ref",
        "return_call_ref",
    ]);
    // The last one may have found no function.
    let found = number(calls, "indirect");
    assert!(found == indirect || (found + 1 == indirect && run.error.is_some()));

    let made = table(run, "allocations", "allocations").iter();
    let made: BTreeMap<At, (u64, u64)> = made
        .map(|row| {
            let elements = match row["opcode"].as_str() {
                Some("array.new_fixed") => 0,
                _ => row["elements"].as_u64().unwrap_or(0),
            };
            (site(row), (number(row, "count"), elements))
        })
        .collect();
    if seen.last().is_none_or(|last| !made.contains_key(&last)) {
        assert_eq!(made, seen.made);
    }
}

fn check_programs(dialect: Dialect, programs: u64) {
    let (mut ends, mut stops, mut caught) = (0, 0, 0);
    for seed in 0..programs {
        let wat = program(seed, dialect);
        let mut seen = None;
        let run = run_with(&wat, &ANALYSES, |store| {
            store.set_fuel_limit(Some(500 + seed * 7));
            seen = Some(Seen::watch(store));
        });
        let seen = seen.expect("watched");
        let seen = seen.lock().expect("no panic");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&run, &seen)));
        assert!(result.is_ok(), "seed {seed}: {wat}\n{:?}", run.error);
        caught += seen.caught.values().sum::<u64>();
        match run.error {
            None => ends += 1,
            Some(_) => stops += 1,
        }
    }
    assert!(ends > 20 && stops > 20, "{ends} ended, {stops} were ended");
    assert!(dialect == Dialect::Wasm1 || caught > 500, "{caught} caught");
}

#[test]
fn programs_of_wasm_1() {
    check_programs(Dialect::Wasm1, 400);
}

#[test]
fn programs_of_wasm_3() {
    check_programs(Dialect::Wasm3, 600);
}

#[test]
fn programs_are_valid() {
    for seed in 0..600 {
        let wat = program(seed, Dialect::Wasm3);
        let engine = probity_engine::Engine::default();
        let module = probity_engine::Module::new(&engine, &wat);
        let valid = module.and_then(|module| module.validate());
        assert!(valid.is_ok(), "seed {seed}: {valid:?}\n{wat}");
    }
}
