//! Probes that come and go while compiled frames of their function are on the stack: each such frame
//! fires from the next execution of the site on, and code that nobody watches runs compiled again.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, Site};
use probity_engine::{Config, Val};

use crate::guest::{Count, Guest, Shared, call, i32_of};
use crate::ways::{agree, all, compiles, define_watch};

/// Recursion of two functions, watched from the bottom.
const DEEP: &str = r#"(module
  (import "h" "watch" (func $watch (param i32)))
  (import "h" "unwatch" (func $unwatch))
  (func $f (export "f") (param $n i32) (param $which i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (call $bottom (local.get $which)) (return (i32.const 1))))
    (i32.add (i32.const 1)
      (call $g (i32.sub (local.get $n) (i32.const 1)) (local.get $which)))
    nop)
  (func $g (export "g") (param $n i32) (param $which i32) (result i32) (local f64)
    (local.set 2 (f64.convert_i32_s (local.get $n)))
    (call $f (local.get $n) (local.get $which))
    (i32.add (i32.sub (local.get $n) (i32.trunc_f64_s (local.get 2))))
    (i32.add (i32.const 2)))
  (func $bottom (export "bottom") (param $which i32)
    (call $unwatch)
    (if (local.get $which) (then (call $watch (local.get $which)))))
  (func (export "loop") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (if (i32.eq (local.get $i) (i32.const 5)) (then (call $watch (i32.const 5))))
      (if (i32.eq (local.get $i) (i32.const 15)) (then (call $unwatch)))
      nop
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $i)))"#;

fn guest(config: &Config) -> (Guest, Shared<(u32, u32)>) {
    let log = Shared::default();
    let guest = Guest::configured(config, DEEP, |linker| define_watch(linker, &log));
    (guest, log)
}

/// Every frame of the function, however deep below others, goes on watched.
#[test]
fn every_active_frame_is_watched() {
    for depth in [1, 10, 5000] {
        let (result, trace) = agree(|config| {
            let (mut guest, log) = guest(config);
            let mut results = Vec::new();
            for which in [0, 2, 3, 4, 0, 2, 2] {
                results.push(guest.call_i32("f", &[depth, which]).expect("no trap"));
            }
            (results, log.take())
        });
        assert_eq!(result, [1 + 3 * depth; 7]);
        let nops = trace.iter().filter(|(func, _)| *func == 2).count();
        assert!(nops > 3 * depth as usize, "{nops} fires at depth {depth}");
    }
}

/// Functions that wait for the one that is called for the first time are watched from then on, or
/// not any more.
#[test]
fn first_calls_change_functions_that_wait() {
    let counts = agree(|config| {
        let wat = r#"(module
          (func (export "a") (call $b) nop (call $b) nop (call $c) nop)
          (func $b (export "b"))
          (func $c (export "c") (call $b)))"#;
        let mut guest = Guest::configured(config, wat, |_| {});
        let (before, after) = (Count::default(), Count::default());
        let [first, last] = [0, 2].map(|nth| Site::Before(guest.pc("a", "Nop", nth)));
        let gone = guest.insert("a", last, before.probe());
        let (waiting, count) = (guest.func("a"), after.clone());
        guest.store.probes().on_first_call(move |probes, func| {
            let (_, index) = probes.module_of(func).expect("a Wasm function");
            match index {
                1 => drop(
                    probes
                        .insert(waiting, first, count.probe())
                        .expect("a site"),
                ),
                2 => assert!(probes.remove(gone)),
                _ => {}
            }
        });
        for _ in 0..2 {
            guest.call("a", &[]).expect("no trap");
        }
        (before.get(), after.get())
    });
    assert_eq!(counts, (0, 2));
}

/// 10 of 10, in a frame whose loop runs compiled before and after.
#[test]
fn a_loop_is_watched_for_ten_rounds() {
    let (_, trace) = agree(|config| {
        let (mut guest, log) = guest(config);
        (
            guest.call_i32("loop", &[100_000]).expect("no trap"),
            log.take(),
        )
    });
    let (guest, _) = guest(&Config::new());
    let nop = guest.pc("loop", "Nop", 0);
    let fires = trace.iter().filter(|(_, pc)| *pc == nop.0).count();
    assert_eq!(fires, 10);
}

/// When the probes are gone, calls run compiled code and stay there.
#[test]
fn code_runs_compiled_again() {
    for (name, config) in all().filter(|(name, _)| compiles(name)) {
        let (mut guest, log) = guest(&config);
        guest.call_i32("f", &[100, 0]).expect("no trap");
        let before = guest.store.tier_stats();
        assert!(
            before.compiled_entries >= 1 && before.takeovers == 0,
            "{name}: {before:?}"
        );
        guest.call_i32("f", &[100, 2]).expect("no trap");
        let watched = guest.store.tier_stats();
        assert!(watched.takeovers >= 100, "{watched:?}");
        guest.call_i32("f", &[100, 0]).expect("no trap");
        log.take();
        let unwatched = guest.store.tier_stats();
        guest.call_i32("f", &[100, 0]).expect("no trap");
        let after = guest.store.tier_stats();
        assert_eq!(after.compiled_entries, unwatched.compiled_entries + 1);
        assert_eq!(after.takeovers, unwatched.takeovers, "{name}");
        assert_eq!(log.len(), 0);
    }
}

/// Coverage: a probe at every instruction, which goes at its first fire. Each fires once at most, and
/// the code is compiled in the end.
#[test]
fn self_removing_probes_at_every_instruction() {
    let covered = agree(|config| {
        let (mut guest, _) = guest(config);
        let log = Shared::<(u32, u32)>::default();
        for export in ["f", "g", "bottom", "loop"] {
            for (pc, _) in guest.operators(export) {
                let log = log.clone();
                let probe = Probe::call(move |ctx| {
                    log.push((ctx.func_index(), ctx.pc().0));
                    Ok(())
                });
                guest.insert(export, Site::Before(pc), probe.one_shot());
            }
        }
        assert_eq!(guest.call_i32("f", &[1000, 0]).expect("no trap"), 3001);
        let covered = log.take();
        assert_eq!(guest.call_i32("f", &[1000, 0]).expect("no trap"), 3001);
        assert_eq!(log.len(), 0);
        covered
    });
    assert!(covered.len() > 20);
    for (name, config) in all().filter(|(name, _)| compiles(name)) {
        let (mut guest, _) = guest(&config);
        for export in ["f", "g", "bottom"] {
            for (pc, _) in guest.operators(export) {
                guest.insert(
                    export,
                    Site::Before(pc),
                    Count::default().probe().one_shot(),
                );
            }
        }
        guest.call_i32("f", &[3, 0]).expect("no trap");
        let first = guest.store.tier_stats();
        // Instructions that did not run keep their probes: those behind a return.
        guest.call_i32("f", &[3, 0]).expect("no trap");
        let second = guest.store.tier_stats();
        assert!(second.compiled_entries > first.compiled_entries, "{name}");
    }
}

/// Code made for probes goes when they do: what a store keeps does not grow.
#[test]
fn code_of_former_probes_is_freed() {
    for (name, config) in all().filter(|(name, _)| *name != "interp") {
        let (mut guest, _) = guest(&config);
        let mut kept = Vec::new();
        for _ in 0..50 {
            let (pc, _) = guest.operators("bottom")[0];
            let count = Count::default();
            let id = guest.insert("bottom", Site::Before(pc), count.probe());
            guest.call_i32("f", &[40, 0]).expect("no trap");
            assert!(count.get() > 0, "{name}");
            assert!(guest.store.probes().remove(id));
            guest.call_i32("f", &[40, 0]).expect("no trap");
            kept.push(guest.store.tier_stats().code_kept);
        }
        assert!(kept[49] <= kept[1] + 4, "{name}: {kept:?}");
    }
}

/// Global probes inserted and removed below compiled frames.
#[test]
fn global_probes_in_the_middle() {
    let wat = r#"(module
      (import "h" "now" (func $now))
      (func $f (export "f") (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (call $now) (return (i32.const 0))))
        (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))) nop)
      (func (export "run") (result i32)
        (i32.add (call $f (i32.const 50)) (call $f (i32.const 20)))))"#;
    let trace = agree(|config| {
        let log = Shared::<(u32, u32)>::default();
        let (sink, current) = (log.clone(), Mutex::new(None));
        let mut guest = Guest::configured(config, wat, |linker| {
            linker
                .func_wrap(
                    "h",
                    "now",
                    move |mut caller: probity_engine::Caller<'_, ()>| {
                        let mut current = current.lock().expect("no panic");
                        *current = match current.take() {
                            Some(id) => {
                                assert!(caller.probes().remove(id));
                                None
                            }
                            None => {
                                let sink = sink.clone();
                                Some(caller.probes().insert_global(Probe::call(move |ctx| {
                                    sink.push((ctx.func_index(), ctx.pc().0));
                                    Ok(())
                                })))
                            }
                        };
                    },
                )
                .expect("a new name");
        });
        let results: Vec<i32> = (0..3)
            .map(|_| guest.call_i32("run", &[]).expect("no trap"))
            .collect();
        assert_eq!(results, [70; 3]);
        log.take()
    });
    // Three times what runs from the call at depth 50 to that at depth 20.
    assert_eq!(trace.len() % 3, 0);
    assert!(trace.len() > 3 * 50 * 3);
}

/// A probe in the innermost function writes locals and operands of compiled callers: they go on with
/// the new values, each call having been executed once.
#[test]
fn frames_of_compiled_callers_are_written_once() {
    let wat = r#"(module
      (global $calls (mut i32) (i32.const 0))
      (func $leaf (export "leaf") (result i32)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1))) nop (i32.const 1))
      (func $inner (export "inner") (param i32 i64 f64) (result i64)
        (local.get 1)
        (i64.extend_i32_s (call $leaf))
        i64.mul
        (i64.extend_i32_s (local.get 0)) i64.add
        (i64.trunc_f64_s (local.get 2)) i64.add)
      (func (export "run") (param i32) (result i64) (local $i i32) (local $sum i64)
        (loop $l
          (local.set $sum (i64.add (local.get $sum)
            (call $inner (local.get 0) (i64.const 1000) (f64.const 3))))
          (br_if $l (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
        (local.get $sum))
      (func (export "calls") (result i32) (global.get $calls)))"#;
    let (results, calls, seen) = agree(|config| {
        let mut guest = Guest::configured(config, wat, |_| {});
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let mut results = Vec::new();
        results.push(format!(
            "{:?}",
            guest.call("run", &[Val::I32(5)]).expect("no trap")
        ));
        guest.before("leaf", "Nop", 0, move |ctx| {
            let mut inner = ctx.frame_at(1).expect("a caller");
            let operand = format!("{:?} {:?}", inner.operand(0), inner.local(0));
            inner.set_operand(0, Val::I64(2000))?;
            inner.set_local(0, Val::I32(7))?;
            inner.set_local(2, Val::F64(4.5_f64.to_bits()))?;
            let mut run = ctx.frame_at(2).expect("the outermost");
            let i = i32_of(run.local(1).expect("a local"));
            run.set_local(0, Val::I32(i + 100))?;
            run.set_local(1, Val::I32(i + 1))?;
            sink.lock().expect("no panic").push((i, operand));
            Ok(())
        });
        for _ in 0..2 {
            results.push(format!(
                "{:?}",
                guest.call("run", &[Val::I32(5)]).expect("no trap")
            ));
        }
        let calls = guest.call_i32("calls", &[]).expect("no trap");
        let seen = seen.lock().expect("no panic").clone();
        (results, calls, seen)
    });
    assert_eq!(results[0], format!("[I64({})]", 4 * 1008));
    assert_eq!(results[1], format!("[I64({})]", 2 * 2011));
    assert_eq!(results[2], results[1]);
    assert_eq!((calls, seen.len()), (4 + 2 + 2, 4));
}

/// A probe of another function inserts, while the frames of the target wait: the same as from the
/// host; and guest code that a probe calls is compiled or not as any other.
#[test]
fn inserted_by_a_probe_of_another_function() {
    let wat = r#"(module
      (func $leaf (export "leaf") (param i32) (result i32) nop (local.get 0))
      (func $f (export "f") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 3) (call $f (i32.sub (local.get 0) (i32.const 1)))) nop)
          (else (call $leaf (i32.const 9)))))
      (func (export "other") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))"#;
    agree(|config| {
        let mut guest = Guest::configured(config, wat, |_| {});
        let (f, other) = (guest.func("f"), guest.func("other"));
        let nop = guest.pc("f", "Nop", 0);
        let count = Count::default();
        let counted = count.clone();
        let once = Probe::call(move |ctx| {
            assert_eq!(i32_of(&call(ctx, other, &[Val::I32(21)])?[0]), 42);
            for _ in 0..2 {
                let probe = counted.probe();
                ctx.probes().insert(f, Site::Before(nop), probe)?;
            }
            Ok(())
        });
        let leaf = guest.pc("leaf", "Nop", 0);
        assert_eq!(guest.call_i32("f", &[10_000]).expect("no trap"), 30_009);
        guest.insert("leaf", Site::Before(leaf), once.one_shot());
        assert_eq!(guest.call_i32("f", &[10_000]).expect("no trap"), 30_009);
        assert_eq!(count.get(), 20_000);
    });
}
