//! Random programs, ended by a fuel limit where they do not end by
//! themselves: the counts that follow from few counters are those of a naive
//! counter at every instruction.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use common::run_with;
use probity_engine::hook::Probe;
use serde_json::Value as Json;

/// Numerical Recipes' linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        let next = self.0.wrapping_mul(6364136223846793005);
        self.0 = next.wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32 % limit
    }
}

/// Statements of a function with labels `0..labels`, all without values.
fn body(random: &mut Random, out: &mut String, labels: u32, depth: u32) {
    for _ in 0..1 + random.below(4) {
        let label = random.below(labels);
        let (a, b) = (random.below(3), random.below(3));
        let condition = format!(
            "(i32.and (local.get {a}) (i32.const {}))",
            1 + random.below(7)
        );
        let result = match random.below(if depth == 0 { 9 } else { 13 }) {
            0 | 1 => write!(
                out,
                "(local.set {a} (i32.add (local.get {b}) (i32.const 3)))"
            ),
            2 => write!(
                out,
                "(local.set {a} (i32.div_s (local.get {b}) {condition}))"
            ),
            3 => write!(
                out,
                "(drop (i32.load (i32.shl (local.get {a}) (i32.const 9))))"
            ),
            4 => write!(
                out,
                "(local.set {a} (select (local.get {b}) (i32.const 5) {condition}))"
            ),
            5 => write!(out, "(call {} (local.get {a}))", random.below(4)),
            6 => write!(out, "(br_if {label} {condition})"),
            7 => {
                let (x, y) = (random.below(labels), random.below(labels));
                write!(out, "(br_table {x} {y} {label} (local.get {a}))")
            }
            8 => write!(
                out,
                "{}",
                ["nop", "nop", "return", "unreachable"][random.below(4) as usize]
            ),
            kind => {
                let open = match kind {
                    9 => "(block ".to_owned(),
                    10 => "(loop ".to_owned(),
                    _ => format!("(if {condition} (then "),
                };
                out.push_str(&open);
                body(random, out, labels + 1, depth - 1);
                if kind == 11 {
                    out.push_str(")(else ");
                    body(random, out, labels + 1, depth - 1);
                }
                write!(out, "{}", if kind >= 11 { "))" } else { ")" })
            }
        };
        result.expect("memory");
        out.push('\n');
    }
}

fn program(seed: u64) -> String {
    let mut random = Random(seed);
    let mut out = String::from("(module (memory 1)\n");
    for index in 0..4 {
        writeln!(out, "(func $f{index} (param i32) (local i32 i32)").expect("memory");
        body(&mut random, &mut out, 1, 4);
        out.push_str(")\n");
    }
    out.push_str("(func (export \"main\") (call 0 (i32.const 6)) (call 1 (i32.const 3))))");
    out
}

type Naive = Arc<Mutex<BTreeMap<(u64, u64), u64>>>;

#[test]
fn counts_are_those_of_a_naive_counter() {
    let (mut ends, mut traps) = (0, 0);
    for seed in 0..400 {
        let wat = program(seed);
        let naive = Naive::default();
        let counts = naive.clone();
        let analyses = [
            "hotness", "icount", "coverage", "branches", "calls", "loops", "opcodes",
        ];
        let run = run_with(&wat, &analyses, |store| {
            store.set_fuel_limit(Some(500 + seed * 7));
            let probe = Probe::call(move |context| {
                let site = (u64::from(context.func_index()), u64::from(context.pc().0));
                *counts.lock().expect("no panic").entry(site).or_default() += 1;
                Ok(())
            });
            store.probes().insert_global(probe);
        });
        let rows = run.of("hotness")["instructions"].as_array().expect("table");
        let number = |row: &Json, column: &str| row[column].as_u64().expect("number");
        let hotness: BTreeMap<(u64, u64), u64> = rows
            .iter()
            .map(|row| {
                (
                    (number(row, "func"), number(row, "pc")),
                    number(row, "count"),
                )
            })
            .collect();
        let naive = naive.lock().expect("no panic").clone();
        assert_eq!(hotness, naive, "seed {seed}: {wat}");
        assert_eq!(
            run.of("icount")["fuel"].as_u64(),
            Some(run.fuel),
            "seed {seed}: {wat}"
        );
        assert_eq!(
            run.of("coverage")["covered"],
            hotness.len(),
            "seed {seed}: {wat}"
        );
        let of = |opcode: &str| -> u64 {
            let rows = rows.iter().filter(|row| row["opcode"] == opcode);
            rows.map(|row| number(row, "count")).sum()
        };
        assert_eq!(
            run.of("loops")["iterations"],
            of("loop"),
            "seed {seed}: {wat}"
        );
        assert_eq!(
            run.of("branches")["table_count"],
            of("br_table"),
            "seed {seed}: {wat}"
        );
        match run.error {
            None => ends += 1,
            Some(_) => traps += 1,
        }
    }
    assert!(ends > 20 && traps > 20, "{ends} ended, {traps} trapped");
}
