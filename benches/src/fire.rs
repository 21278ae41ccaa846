//! `benches fire`: what one fire of a probe costs, by what the probe does. A loop runs with a probe in each round and
//! without, in turns; the difference, over the fires, is the cost. What a probe has found must be right, or the figure is
//! not printed.

use crate::Output;
use crate::clock::cpu_ns;
use crate::engines::probity::tier_name;
use crate::report::{median, print_json};
use crate::target::{Target, Verdict};
use clap::Args;
use probity_engine::hook::{Action, Counters, Fold, Input, Probe, Site};
use probity_engine::{Config, Engine, Func, Instance, Module, Store, Tier, Val, WasmPc};
use serde::Serialize;

/// A round multiplies, so that the loop is not the shortest there is; the `i32.store` has two operands.
const LOOP: &str = r#"(module (memory 1)
    (func (export "run") (param i32) (result i32) (local i32)
        loop
            local.get 1 i32.const 1664525 i32.mul i32.const 1013904223 i32.add local.set 1
            i32.const 8 local.get 0 i32.store
            local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0
        end
        local.get 1))"#;

const TIERS: [Tier; 2] = [Tier::Interp, Tier::Jit];

/// How to measure.
#[derive(Args)]
pub struct Fire {
    /// A thousandth of the rounds (a test of the benchmark, not a measurement)
    #[arg(long)]
    small: bool,
    #[command(flatten)]
    output: Output,
}

/// What a probe does.
struct Variant {
    name: &'static str,
    /// The probe, before the `i32.store` whose topmost operand counts down to 1. Counter 0 is to be `expected`.
    probe: fn(Counters) -> Probe,
    /// Of the number of rounds.
    expected: fn(u64) -> u64,
    /// Nanoseconds in compiled code at most.
    target: Option<f64>,
}

/// 1 + 2 + ... + n.
const SUM: fn(u64) -> u64 = |n| n * (n + 1) / 2;

const VARIANTS: &[Variant] = &[
    Variant {
        name: "counter",
        probe: |counters| {
            Probe::new(Action::CountAdd {
                counters,
                index: 0,
                n: 1,
            })
        },
        expected: |n| n,
        target: None,
    },
    Variant {
        name: "sum of an operand in place",
        probe: |c| fold(c, Fold::Sum),
        expected: SUM,
        target: None,
    },
    Variant {
        name: "greatest operand in place",
        probe: |c| fold(c, Fold::Max { mask: 0 }),
        expected: |n| n,
        target: None,
    },
    Variant {
        name: "function of nothing",
        probe: |counters| {
            Probe::values([], move |[]| {
                counters.add(0, 1);
                Ok(())
            })
        },
        expected: |n| n,
        target: None,
    },
    Variant {
        name: "function of an operand",
        probe: |counters| {
            Probe::values([Input::Operand(0)], move |[top]| {
                counters.add(0, top as i64);
                Ok(())
            })
        },
        expected: SUM,
        target: Some(8.0),
    },
    Variant {
        name: "function that reads nothing",
        probe: |counters| {
            Probe::call(move |_| {
                counters.add(0, 1);
                Ok(())
            })
        },
        expected: |n| n,
        target: None,
    },
    Variant {
        name: "function that reads an operand",
        probe: |counters| {
            Probe::call(move |context| {
                if let Some(Val::I32(top)) = context.frame().top(0) {
                    counters.add(0, top.into());
                }
                Ok(())
            })
        },
        expected: SUM,
        target: Some(30.0),
    },
    Variant {
        name: "function that reads a local",
        probe: |counters| {
            Probe::call(move |context| {
                if let Some(Val::I32(local)) = context.frame().local(0) {
                    counters.add(0, local.into());
                }
                Ok(())
            })
        },
        expected: SUM,
        target: Some(30.0),
    },
];

fn fold(counters: Counters, fold: Fold) -> Probe {
    Probe::new(Action::Fold {
        counters,
        index: 0,
        operand: 0,
        signed: false,
        fold,
    })
}

/// One variant in one tier.
#[derive(Serialize)]
struct Row {
    probe: &'static str,
    tier: &'static str,
    /// Median.
    fire_ns: f64,
}

#[derive(Serialize)]
struct Report {
    command: &'static str,
    runs: u32,
    rounds: u64,
    version: &'static str,
    rows: Vec<Row>,
    summary: Vec<Verdict>,
}

/// Runs the command.
pub fn command(what: &Fire) -> Result<(), String> {
    let rounds = if what.small { 2_000 } else { 2_000_000 };
    let mut rows = Vec::new();
    for variant in VARIANTS {
        for tier in TIERS {
            let fire_ns = measure(variant, tier, rounds, what.output.runs)
                .map_err(|e| format!("{}, {}: {e}", tier_name(tier), variant.name))?;
            rows.push(Row {
                probe: variant.name,
                tier: tier_name(tier),
                fire_ns,
            });
        }
    }
    let summary = VARIANTS.iter().filter_map(|variant| {
        let mut own = rows.iter().filter(|row| row.probe == variant.name);
        let row = own.find(|row| row.tier == tier_name(Tier::Jit))?;
        let target = Target::at_most("a fire in compiled code, ns", variant.target?);
        Some(target.verdict(!what.small, row.fire_ns, Some(variant.name.to_owned())))
    });
    let report = Report {
        command: "fire",
        runs: what.output.runs,
        rounds,
        version: env!("CARGO_PKG_VERSION"),
        summary: summary.collect(),
        rows,
    };
    if what.output.json {
        return print_json(&report);
    }
    println!(
        "probity {}. CPU time of a fire in ns, medians of {} pairs of {} rounds with a probe and without.\n",
        report.version, report.runs, report.rounds
    );
    println!("{:<34}{:>10}{:>10}", "probe", "interp", "jit");
    for pair in report.rows.chunks(TIERS.len()) {
        print!("{:<34}", pair[0].probe);
        pair.iter().for_each(|row| print!("{:>10.2}", row.fire_ns));
        println!();
    }
    println!();
    report.summary.iter().for_each(|v| println!("{v}"));
    Ok(())
}

/// The loop in a store of its own.
struct Guest {
    store: Store<()>,
    func: Func,
    site: WasmPc,
}

impl Guest {
    fn new(tier: Tier) -> Result<Guest, String> {
        let failed = |e: &dyn std::fmt::Display| e.to_string();
        let mut config = Config::new();
        config.tier(tier);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, LOOP).map_err(|e| failed(&e))?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).map_err(|e| failed(&e))?;
        let func = instance.get_func(&store, "run").ok_or("no function")?;
        let operators = module.function(0).ok_or("no body")?.operators();
        let operators = operators.map_err(|e| failed(&e))?;
        let store_op = operators
            .iter()
            .find(|(_, op)| matches!(op, probity_engine::wasmparser::Operator::I32Store { .. }));
        let site = store_op.ok_or("no store")?.0;
        Ok(Guest { store, func, site })
    }

    /// Nanoseconds of so many rounds.
    fn run(&mut self, rounds: u64) -> Result<u64, String> {
        let mut results = [Val::I32(0)];
        let before = cpu_ns();
        let called = self
            .func
            .call(&mut self.store, &[Val::I32(rounds as i32)], &mut results);
        let after = cpu_ns();
        called.map_err(|e| e.to_string())?;
        Ok(after - before)
    }
}

fn measure(variant: &Variant, tier: Tier, rounds: u64, runs: u32) -> Result<f64, String> {
    let counters = Counters::new(1);
    let (mut plain, mut watched) = (Guest::new(tier)?, Guest::new(tier)?);
    let (func, site) = (watched.func, Site::Before(watched.site));
    let probe = (variant.probe)(counters.clone());
    let inserted = watched.store.probes().insert(func, site, probe);
    inserted.map_err(|e| e.to_string())?;
    // Compiles.
    plain.run(1)?;
    watched.run(1)?;
    let mut costs = Vec::new();
    for _ in 0..runs {
        let before = counters.get(0);
        let without = plain.run(rounds)?;
        let with = watched.run(rounds)?;
        let found = counters.get(0) - before;
        let expected = (variant.expected)(rounds);
        // The greatest stays what it is.
        if found != expected && counters.get(0) != expected {
            return Err(format!("found {found} instead of {expected}"));
        }
        costs.push((with as f64 - without as f64) / rounds as f64 * 1000.0);
    }
    let mut picoseconds: Vec<u64> = costs.iter().map(|&ps| ps.max(0.0) as u64).collect();
    Ok(median(&mut picoseconds).unwrap_or_default() as f64 / 1000.0)
}
