//! What sampling costs: a compiled loop and a recursion, alone and with a timer that reads the whole
//! stack.
//!
//! `cargo run --release -p probity-engine --example sample`

use std::time::{Duration, Instant};

use probity_engine::{Config, Engine, Error, Instance, Module, Store, Tier, Val};

const WAT: &str = r#"(module
  (memory 1)
  (func (export "loop") (param i32) (result i64) (local i64)
    (loop $on
      (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 5)) (i64.extend_i32_u (local.get 0))))
      (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $fib (export "fib") (param i32) (result i64)
    (if (result i64) (i32.lt_u (local.get 0) (i32.const 2))
      (then (i64.extend_i32_u (local.get 0)))
      (else (i64.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $leaf (param i32 i64) (result i64)
    (i64.add (i64.rotl (local.get 1) (i64.const 7)) (i64.extend_i32_u (local.get 0))))
  (func (export "calls") (param i32) (result i64) (local i64)
    (loop $on
      (local.set 1 (call $leaf (local.get 0) (local.get 1)))
      (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"#;

const RUNS: usize = 5;

fn main() -> Result<(), Error> {
    for tier in [Tier::Jit, Tier::Auto, Tier::Interp] {
        let mut config = Config::new();
        config.tier(tier);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, WAT)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let scale = if tier == Tier::Interp { 10 } else { 1 };
        let work = [
            ("loop", 200_000_000 / scale),
            ("calls", 20_000_000 / scale),
            ("fib", if scale == 1 { 33 } else { 28 }),
        ];
        for (export, n) in work {
            let func = instance.get_func(&store, export).expect("an export");
            let measure = |store: &mut Store<()>| -> Result<Duration, Error> {
                let begin = Instant::now();
                func.call(store, &[Val::I32(n)], &mut [Val::I64(0)])?;
                Ok(begin.elapsed())
            };
            // Warm, and turn by turn, so that what else the machine does meets both.
            measure(&mut store)?;
            for period in [Duration::from_millis(10), Duration::from_millis(1)] {
                let (mut alone, mut sampled) = (Vec::new(), Vec::new());
                let (mut ticks, mut missed, mut frames) = (0, 0, 0);
                let before = store.tier_stats();
                for _ in 0..RUNS {
                    alone.push(measure(&mut store)?);
                    let total = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
                    let sum = total.clone();
                    let timer = store.remote().every(period, move |context| {
                        let depth = context.backtrace().len() as u64;
                        sum.fetch_add(depth, std::sync::atomic::Ordering::Relaxed);
                        Ok(())
                    })?;
                    sampled.push(measure(&mut store)?);
                    (ticks, missed) = (ticks + timer.ticks(), missed + timer.missed());
                    frames += total.load(std::sync::atomic::Ordering::Relaxed);
                }
                let after = store.tier_stats();
                alone.sort();
                sampled.sort();
                let (alone, sampled) = (alone[RUNS / 2], sampled[RUNS / 2]);
                println!(
                    "{tier:?} {export:5} every {period:?}: {:.1} ms alone, {:.1} ms sampled ({:.3}), {ticks} ticks, \
                     {missed} missed, {} frames each, {} loops entered",
                    alone.as_secs_f64() * 1e3,
                    sampled.as_secs_f64() * 1e3,
                    sampled.as_secs_f64() / alone.as_secs_f64(),
                    frames / ticks.max(1),
                    after.osr_entries - before.osr_entries,
                );
            }
        }
    }
    Ok(())
}
