//! Random programs under random probes: host functions that the guest calls insert and remove them,
//! so that frames of all functions on the stack change their tier while they run. The program does
//! what it does interpreted without probes, and the probes see the same in every tier.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Action, Counters, Probe, ProbeId, Site};
use probity_engine::{Caller, Config, Engine, Func, Linker, Module, Store, TrapCode, WasmPc};

use crate::guest::{call, operators};
use crate::program::{Dialect, Random, program};
use crate::ways::{agree, end};

/// Units of fuel; programs that need more are left out.
const FUEL: u64 = 60_000;

const SEEDS: u64 = 60;

/// What a run showed.
#[derive(Debug, PartialEq)]
struct Seen {
    end: String,
    host: Vec<i32>,
    memory: u64,
    global: String,
    fires: Vec<u64>,
    ticks: Vec<Tick>,
}

/// Function, operator, depth, and the first local if it is there.
type Tick = (u32, WasmPc, usize, Option<String>);

/// The program with calls of the host, stores, and a global in it.
fn text(seed: u64) -> String {
    let dialect = match seed % 3 {
        0 => Dialect::Wasm1,
        _ => Dialect::Wasm3,
    };
    let text = program(seed, dialect);
    let text = text.replacen(
        "(module (memory 1)\n",
        "(module (import \"h\" \"now\" (func $now (param i32)))
           (memory (export \"m\") 1) (global $g (export \"g\") (mut i32) (i32.const 1))\n",
        1,
    );
    let text = text.replace(
        "\n(local.set 1 (i32.add",
        "\n(i32.store8 (local.get 2) (local.get 0))
         (global.set $g (i32.add (i32.mul (global.get $g) (i32.const 3)) (local.get 1)))
         (local.set 1 (i32.add",
    );
    let mut text = text.replace("(loop ", "(loop (call $now (local.get 1)) ");
    for locals in ["i32 i32", "i32 i32 anyref"] {
        let local = format!("(local {locals})\n");
        text = text.replace(&local, &format!("{local}(call $now (local.get 0))\n"));
    }
    let end = "(func (export \"main\") (call 0 (i32.const 6)) (call 1 (i32.const 3))))";
    assert!(text.ends_with(end));
    let main = "(func (export \"main\") (call $f0 (i32.const 6)) (call $f1 (i32.const 3))))";
    format!("{}{main}", &text[..text.len() - end.len()])
}

/// Inserts and removes probes.
struct Churn {
    random: Random,
    places: Vec<(Func, WasmPc)>,
    inserted: Vec<ProbeId>,
    counters: Counters,
    calls: Counters,
}

impl Churn {
    fn change(&mut self, store: &mut Caller<'_, ()>) {
        if self.places.is_empty() {
            let instance = store.instance().expect("Wasm code calls");
            let (module, _) = {
                let func = instance.func(store, 1).expect("a function");
                store.probes().module_of(func).expect("a Wasm function")
            };
            for index in module.num_imported_functions()..module.num_functions() {
                let func = instance.func(store, index).expect("in range");
                let sites = operators(&module, index);
                self.places
                    .extend(sites.into_iter().map(|(pc, _)| (func, pc)));
            }
        }
        for _ in 0..1 + self.random.below(8) {
            if self.random.below(3) == 0 && !self.inserted.is_empty() {
                let at = self.random.below(self.inserted.len() as u32) as usize;
                let id = self.inserted.swap_remove(at);
                // One that fires once may be gone.
                store.probes().remove(id);
                continue;
            }
            let at = self.random.below(self.places.len() as u32) as usize;
            let (func, pc) = self.places[at];
            let site = match self.random.below(8) {
                0 => Site::Entry,
                1 => Site::Exit,
                _ => Site::Before(pc),
            };
            let index = at % self.calls.len();
            let probe = match self.random.below(3) {
                0 => {
                    let calls = self.calls.clone();
                    Probe::call(move |ctx| {
                        calls.add(index, 1);
                        for level in 0..2 {
                            if let Some(frame) = ctx.frame_at(level) {
                                for i in 0..frame.num_operands() {
                                    std::hint::black_box(frame.operand(i));
                                }
                            }
                        }
                        Ok(())
                    })
                }
                _ => Probe::new(Action::CountAdd {
                    counters: self.counters.clone(),
                    index,
                    n: 1,
                }),
            };
            let probe = match self.random.below(4) {
                0 => probe.one_shot(),
                _ => probe,
            };
            let id = store.probes().insert(func, site, probe).expect("a site");
            self.inserted.push(id);
        }
        if self.random.below(6) == 0 {
            for id in self.inserted.drain(..) {
                store.probes().remove(id);
            }
        }
    }
}

fn run(config: &Config, seed: u64, probes: bool, fuel: Option<u64>) -> (Seen, bool) {
    let (seen, ended, _) = run_counted(config, seed, probes, (fuel, None));
    (seen, ended)
}

/// Also gives the fuel that was consumed.
fn run_counted(
    config: &Config,
    seed: u64,
    probes: bool,
    (fuel, every): (Option<u64>, Option<u64>),
) -> (Seen, bool, u64) {
    let mut config = config.clone();
    config
        .max_stack_bytes(64 << 10)
        .gc_zeal(seed.is_multiple_of(5));
    let engine = Engine::new(&config);
    let wat = text(seed);
    let module = Module::new(&engine, &wat).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{wat}"));
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let host = Arc::new(Mutex::new(Vec::new()));
    let (counters, calls) = (Counters::new(50), Counters::new(50));
    let churn = Mutex::new(Churn {
        random: Random(seed ^ 0x5eed),
        places: Vec::new(),
        inserted: Vec::new(),
        counters: counters.clone(),
        calls: calls.clone(),
    });
    let log = host.clone();
    linker
        .func_wrap("h", "now", move |mut caller: Caller<'_, ()>, n: i32| {
            log.lock().expect("no panic").push(n);
            if probes {
                churn.lock().expect("no panic").change(&mut caller);
            }
        })
        .expect("a new name");
    let instance = linker.instantiate(&mut store, &module).expect("it links");
    let main = instance.get_func(&store, "main").expect("exported");
    store.set_fuel_limit(fuel);
    let ticks = Arc::new(Mutex::new(Vec::new()));
    if let Some(every) = every {
        let sink = ticks.clone();
        store.probes().on_fuel(every, move |ctx| {
            let (func, pc, depth) = (ctx.func_index(), ctx.pc(), ctx.depth());
            let local = ctx.frame().local(0).map(|local| format!("{local:?}"));
            let tick = (func, pc, depth, local);
            sink.lock().expect("no panic").push(tick);
            Ok(())
        });
    }
    // The second call begins with what the first has compiled and instrumented.
    let mut ends = String::new();
    let mut ended = true;
    for _ in 0..2 {
        let outcome = call(&mut store, main, &[]);
        if let Err(error) = &outcome {
            ended &= error
                .trap()
                .is_none_or(|trap| trap.code() != TrapCode::OutOfFuel);
        }
        ends += &end(&store, outcome);
    }
    let memory = instance.get_memory(&store, "m").expect("exported");
    let hash = memory
        .data(&store)
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    let global = instance.get_global(&store, "g").expect("exported");
    let fires = |counters: &Counters| -> Vec<u64> {
        (0..counters.len()).map(|i| counters.get(i)).collect()
    };
    let host = std::mem::take(&mut *host.lock().expect("no panic"));
    let seen = Seen {
        end: ends,
        host,
        memory: hash,
        global: format!("{:?}", global.get(&store)),
        fires: [fires(&counters), fires(&calls)].concat(),
        ticks: std::mem::take(&mut *ticks.lock().expect("no panic")),
    };
    (seen, ended, store.fuel_consumed())
}

/// Limits end programs at the same operator, with the same fuel consumed, in every tier; and without
/// one the same is counted.
#[test]
fn random_programs_are_counted_alike() {
    let mut out_of_fuel = 0;
    for seed in 0..SEEDS / 3 {
        let (_, ended, all) = run_counted(&Config::new(), seed, false, (Some(FUEL), None));
        let mut random = Random(seed ^ 0xf0e1);
        let mut limits = vec![None];
        limits.extend((0..4).map(|_| Some(random.below(all.max(2) as u32 / 2 + 1).into())));
        for limit in limits {
            if limit.is_none() && !ended {
                continue;
            }
            for probes in [false, true] {
                let outcome = std::panic::catch_unwind(|| {
                    agree(|config| {
                        let mut config = config.clone();
                        config.count_fuel(true);
                        run_counted(&config, seed, probes, (limit, None))
                    })
                });
                let (_, ended, _) = outcome.unwrap_or_else(|_| {
                    panic!(
                        "seed {seed}, probes: {probes}, limit {limit:?}\n{}",
                        text(seed)
                    )
                });
                out_of_fuel += u32::from(!ended);
            }
        }
    }
    println!("{out_of_fuel} ran out of fuel");
    assert!(out_of_fuel > 50);
}

#[test]
fn random_programs_under_random_probes() {
    let (mut programs, mut host_calls, mut fires) = (0, 0, 0);
    for seed in 0..SEEDS {
        let (plain, ended) = run(&Config::new(), seed, false, Some(FUEL));
        if !ended {
            continue;
        }
        programs += 1;
        host_calls += plain.host.len();
        for probes in [false, true] {
            let outcome =
                std::panic::catch_unwind(|| agree(|config| run(config, seed, probes, None).0));
            let seen =
                outcome.unwrap_or_else(|_| panic!("seed {seed}, probes: {probes}\n{}", text(seed)));
            fires += seen.fires.iter().sum::<u64>();
            let seen = Seen {
                fires: vec![0; 100],
                ..seen
            };
            assert_eq!(seen, plain, "seed {seed}, probes: {probes}\n{}", text(seed));
        }
    }
    println!("{programs} programs, {host_calls} host calls, {fires} fires");
    assert!(programs > 40 && host_calls > 200 && fires > 1000);
}

/// Ticks of fuel come at the same operators in every tier, whatever is watched, until a limit ends it.
#[test]
fn random_programs_tick_alike() {
    let mut all_ticks = 0;
    for seed in 0..SEEDS / 3 {
        let (_, _, all) = run_counted(&Config::new(), seed, false, (Some(FUEL), None));
        let mut random = Random(seed ^ 0x71c5);
        for scale in [50, 5_000] {
            let every = 1 + u64::from(random.below(scale));
            // At most some fifty, and a limit that comes first.
            let limits = (Some(all * 3 / 4), Some(every.max(all / 50)));
            let (plain, ..) = run_counted(&Config::new(), seed, false, limits);
            for probes in [false, true] {
                let outcome = std::panic::catch_unwind(|| {
                    agree(|config| {
                        let (mut seen, ..) = run_counted(config, seed, probes, limits);
                        for (tick, plain) in seen.ticks.iter_mut().zip(&plain.ticks) {
                            // What is not read any more need not be there.
                            let local = tick.3.take();
                            assert!(local.is_none() || local == plain.3, "{tick:?} {local:?}");
                        }
                        seen.ticks
                    })
                });
                let ticks = outcome.unwrap_or_else(|_| {
                    panic!("seed {seed}, probes: {probes}, {limits:?}\n{}", text(seed))
                });
                let places = |tick: &Tick| (tick.0, tick.1, tick.2);
                let plain: Vec<_> = plain.ticks.iter().map(places).collect();
                let found: Vec<_> = ticks.iter().map(places).collect();
                assert_eq!(found, plain, "seed {seed}, probes: {probes}, {limits:?}");
                all_ticks += found.len();
            }
        }
    }
    println!("{all_ticks} ticks");
    assert!(all_ticks > 300);
}
