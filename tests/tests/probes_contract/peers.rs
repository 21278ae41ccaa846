//! Cases in which another engine's probes are known to go wrong, as far as they
//! concern an interpreter. Each is named by what goes wrong there.

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::{Caller, Error, TrapCode, Val, WasmPc};

use super::guest::{Count, Guest, Shared, i32_of, operators, trap_code};

/// Inserted while a frame of the function runs: missed until the next call.
#[test]
fn c1_peers_a_probe_inserted_under_a_running_frame_sees_every_later_hit() {
    let wat = r#"(module
      (import "h" "now" (func $now))
      (func (export "run") (param i32) (result i32)
        (local $i i32)
        (loop $l
          (if (i32.eq (local.get $i) (i32.const 1000)) (then (call $now)))
          nop
          (br_if $l (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get $i)))"#;
    let count = Count::default();
    let seen = count.clone();
    let mut guest = Guest::linked(wat, |linker| {
        linker
            .func_wrap(
                "h",
                "now",
                move |mut caller: Caller<'_, ()>| -> Result<(), Error> {
                    let run = caller.get_export("run").and_then(|e| e.into_func());
                    let run = run.ok_or_else(|| Error::usage("an export"))?;
                    let (module, index) = caller.probes().module_of(run).expect("a Wasm function");
                    let (pc, _) = operators(&module, index)
                        .into_iter()
                        .find(|(_, name)| name == "Nop")
                        .expect("one nop");
                    caller
                        .probes()
                        .insert(run, Site::Before(pc), seen.probe())?;
                    Ok(())
                },
            )
            .unwrap();
    });
    assert_eq!(guest.call_i32("run", &[100_001]).unwrap(), 100_001);
    assert_eq!(count.get(), 99_001);
}

/// Removed: keeps firing.
#[test]
fn c2_peers_a_removed_probe_is_silent_at_once() {
    let wat = r#"(module (func (export "run") (param i32) (result i32) (local $i i32)
        (loop $l nop
          (br_if $l (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get $i)))"#;
    let mut guest = Guest::new(wat);
    let (count, seen) = (Count::default(), Count::default());
    let target = guest.before("run", "Nop", 0, {
        let count = count.clone();
        move |_| {
            count.up();
            Ok(())
        }
    });
    guest.before("run", "BrIf", 0, move |ctx| {
        if seen.up() == 500 {
            assert!(ctx.probes().remove(target));
        }
        Ok(())
    });
    assert_eq!(guest.call_i32("run", &[100_000]).unwrap(), 100_000);
    assert_eq!(count.get(), 500);
}

/// Two kinds at one place: each keeps its own exact count.
#[test]
fn c4_peers_several_counters_at_one_location_are_all_exact() {
    let mut guest = Guest::new(
        r#"(module (func (export "run") (param i32) (result i32) (local $i i32) (local $odd i32)
             (loop $l
               (if (i32.and (local.get $i) (i32.const 1))
                 (then (local.set $odd (i32.add (local.get $odd) (i32.const 1)))))
               (br_if $l (i32.lt_u
                 (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
             (local.get $odd)))"#,
    );
    let counters = Counters::new(3);
    let calls = Count::default();
    let pc = guest.pc("run", "If", 0);
    let add = Action::CountAdd {
        counters: counters.clone(),
        index: 0,
        n: 1,
    };
    let top = Action::CountTop {
        counters: counters.clone(),
        first: 1,
        len: 2,
        boolean: true,
    };
    guest.insert("run", Site::Before(pc), Probe::new(add));
    guest.insert("run", Site::Before(pc), calls.probe());
    guest.insert("run", Site::Before(pc), Probe::new(top));
    assert_eq!(guest.call_i32("run", &[1001]).unwrap(), 500);
    let found: Vec<u64> = (0..3).map(|i| counters.get(i)).collect();
    assert_eq!((found, calls.get()), (vec![1001, 501, 500], 1001));
}

/// Counts lose the straight-line run in progress, in every live frame, when a trap
/// or a host's exit ends the program.
#[test]
fn c5_peers_counts_are_exact_when_a_trap_or_an_exit_ends_the_run() {
    let wat = r#"(module
      (import "h" "exit" (func $exit))
      (func $leaf (param i32)
        (drop (i32.add (i32.const 1) (i32.const 2)))
        (if (local.get 0) (then (call $exit)))
        (drop (i32.add (i32.const 1) (i32.const 2)))
        unreachable)
      (func $middle (param i32)
        (drop (i32.mul (i32.const 3) (i32.const 4)))
        (call $leaf (local.get 0))
        (drop (i32.mul (i32.const 3) (i32.const 4))))
      (func (export "run") (param i32)
        (drop (i32.const 1))
        (call $middle (local.get 0))
        (drop (i32.const 1))))"#;
    // Instructions by hand: run 4 (const, drop, get, call), middle 6, leaf 4 + 2 + ...
    for (argument, expected) in [(0, 4 + 6 + 4 + 3 + 4 + 1), (1, 4 + 6 + 4 + 2 + 1)] {
        let mut guest = Guest::linked(wat, |linker| {
            linker
                .func_wrap("h", "exit", |_: Caller<'_, ()>| -> Result<(), Error> {
                    Err(Error::host(std::fmt::Error))
                })
                .unwrap();
        });
        let counters = Counters::new(1);
        let calls = Count::default();
        for index in guest.module.num_imported_functions()..guest.module.num_functions() {
            let func = guest.instance.func(&guest.store, index).unwrap();
            for (pc, _) in operators(&guest.module, index) {
                let action = Action::CountAdd {
                    counters: counters.clone(),
                    index: 0,
                    n: 1,
                };
                let mut probes = guest.store.probes();
                probes
                    .insert(func, Site::Before(pc), Probe::new(action))
                    .unwrap();
                probes
                    .insert(func, Site::Before(pc), calls.probe())
                    .unwrap();
            }
        }
        guest.call("run", &[Val::I32(argument)]).unwrap_err();
        assert_eq!(
            (counters.get(0), calls.get()),
            (expected, expected),
            "run({argument})"
        );
    }
}

/// Writing a local: the probe fires twice; in a caller: the call is executed again.
#[test]
fn c5_peers_a_write_neither_fires_again_nor_calls_again() {
    let mut guest = Guest::new(
        r#"(module
          (global $calls (mut i32) (i32.const 0))
          (func $callee (export "callee") (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1))) nop (i32.const 5))
          (func (export "run") (param i32) (result i32)
            nop
            (i32.add (i32.mul (call $callee) (i32.const 10)) (local.get 0)))
          (func (export "calls") (result i32) (global.get $calls)))"#,
    );
    let (own, callers) = (Count::default(), Count::default());
    let (own_fires, callers_fires) = (own.clone(), callers.clone());
    guest.before("run", "Nop", 0, move |ctx| {
        own_fires.up();
        ctx.frame().set_local(0, Val::I32(2))
    });
    assert_eq!(guest.call_i32("run", &[1]).unwrap(), 52);
    guest.before("callee", "Nop", 0, move |ctx| {
        callers_fires.up();
        let mut caller = ctx.frame_at(1).expect("the caller");
        let local = i32_of(caller.local(0).expect("a parameter"));
        caller.set_local(0, Val::I32(local + 1))
    });
    assert_eq!(guest.call_i32("run", &[1]).unwrap(), 53);
    assert_eq!((own.get(), callers.get()), (2, 1));
    assert_eq!(guest.call_i32("calls", &[]).unwrap(), 2);
}

/// Exit by a branch to the outermost label: missed. By trap: missed too.
#[test]
fn c4_peers_no_exit_is_missed() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "f") (param i32)
            (br_if 0 (i32.eq (local.get 0) (i32.const 0)))
            (block (loop (br_if 2 (i32.eq (local.get 0) (i32.const 1)))))
            (block (br_table 0 1 (i32.ne (local.get 0) (i32.const 2))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (return)))
            unreachable))"#,
    );
    let (entries, exits) = (Count::default(), Count::default());
    guest.insert("f", Site::Entry, entries.probe());
    guest.insert("f", Site::Exit, exits.probe());
    for argument in 0..4 {
        guest.call("f", &[Val::I32(argument)]).expect("it returns");
        let expected = argument as u64 + 1;
        assert_eq!(
            (entries.get(), exits.get()),
            (expected, expected),
            "f({argument})"
        );
    }
    let mut guest = Guest::new(r#"(module (func (export "f") unreachable))"#);
    let exits = Count::default();
    guest.insert("f", Site::Exit, exits.probe());
    assert_eq!(trap_code(guest.call("f", &[])), TrapCode::Unreachable);
    assert_eq!(exits.get(), 1);
}

/// Global probes fire partly, or never, when they come or go in the middle.
#[test]
fn c1_peers_global_probes_that_come_and_go_miss_nothing() {
    let wat = r#"(module
      (func $f (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 2) (call $f (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0))))
      (func (export "run") (result i32) nop (call $f (i32.const 5)) nop
        (i32.add (call $f (i32.const 4)))))"#;
    let (expected, trace) = Guest::new(wat).trace("run", &[]);
    assert_eq!(i32_of(&expected.unwrap()[0]), 18);
    for begin in 0..trace.len() {
        // A first global probe inserts the second at step `begin` and goes.
        let mut guest = Guest::new(wat);
        let log = Shared::<(u32, WasmPc)>::default();
        let (sink, steps) = (log.clone(), Count::default());
        guest.store.probes().insert_global(Probe::call(move |ctx| {
            if steps.up() == begin as u64 + 1 {
                let (sink, id) = (sink.clone(), ctx.id());
                let mut probes = ctx.probes();
                assert!(probes.remove(id));
                probes.insert_global(Probe::call(move |ctx| {
                    sink.push((ctx.func_index(), ctx.pc()));
                    Ok(())
                }));
            }
            Ok(())
        }));
        assert_eq!(guest.call_i32("run", &[]).unwrap(), 18);
        assert_eq!(log.take(), trace[begin + 1..], "from step {begin}");
    }
}

/// Lane stores of v128 at a wrong address, with and without a probe before them.
#[test]
fn c5_peers_lane_stores_write_where_they_should() {
    let mut wat = String::from("(module (memory (export \"m\") 1)\n");
    let vector = "(v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)";
    let mut cases = Vec::new();
    for bits in [8, 16, 32, 64] {
        for lane in 0..128 / bits {
            let name = format!("s{bits}l{lane}");
            wat += &format!(
                "(func (export \"{name}\") (v128.store{bits}_lane offset=32 {lane} (i32.const 100) {vector}))\n"
            );
            cases.push((name, bits / 8, lane));
        }
    }
    wat += ")";
    for watched in [false, true] {
        let mut guest = Guest::new(&wat);
        if watched {
            guest.store.probes().insert_global(Probe::call(|_| Ok(())));
        }
        let memory = guest.instance.get_memory(&guest.store, "m").unwrap();
        for (name, size, lane) in &cases {
            memory.data_mut(&mut guest.store).fill(0);
            guest.call(name, &[]).expect(name);
            let mut expected = vec![0; 256];
            for byte in 0..*size {
                expected[132 + byte] = (lane * size + byte + 1) as u8;
            }
            assert_eq!(memory.data(&guest.store)[..256], expected, "{name}");
        }
    }
}
