//! Limits that change while the guest runs, by the host functions that it calls
//! and by its probes; and interrupts at places other than a loop's end.

use std::sync::Mutex;

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, InterruptHandle, Linker, TrapCode, Val};

use crate::guest::{i32_of, operators};
use crate::isolated::isolated;
use crate::ward::{Guest, Ward, Watch};

const STACK: usize = 512 << 10;

/// `limit` sets the limit to its argument, -1 takes it away.
fn limit(linker: &mut Linker<()>) {
    linker
        .func_wrap("h", "limit", |mut caller: Caller<'_, ()>, units: i64| {
            caller.set_fuel_limit(u64::try_from(units).ok());
        })
        .expect("the first definition");
}

const COUNTING: &str = r#"(module
  (import "h" "limit" (func $limit (param i64)))
  (global $n (export "n") (mut i32) (i32.const 0))
  (func $up (global.set $n (i32.add (global.get $n) (i32.const 1))))
  ;; A loop after the change: 4 units of fuel a round, 1 for the branch.
  (func (export "loop") (param i64)
    (call $limit (local.get 0))
    (loop
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br 0)))
  ;; A straight line after it: 2 units for a step.
  (func (export "line") (param i64)
    (call $limit (local.get 0))
    (global.set $n (i32.const 1)) (global.set $n (i32.const 2))
    (global.set $n (i32.const 3)) (global.set $n (i32.const 4)))
  ;; Calls after it.
  (func (export "calls") (param i64)
    (call $limit (local.get 0))
    (call $up) (call $up) (call $up) (call $up))
  ;; The change comes from below, and what follows is in the caller.
  (func $change (param i64) (call $limit (local.get 0)))
  (func (export "caller") (param i64)
    (call $change (local.get 0))
    (global.set $n (i32.const 1)) (global.set $n (i32.const 2))
    (global.set $n (i32.const 3)) (global.set $n (i32.const 4)))
  (func (export "taken_away") (param i64)
    (call $limit (local.get 0))
    (global.set $n (i32.const 1))
    (call $limit (i64.const -1))
    (global.set $n (i32.const 2)) (global.set $n (i32.const 3)) (global.set $n (i32.const 4))))"#;

/// What the guest had counted when it ended.
fn counted(guest: &mut Guest, export: &str, units: i64) -> (Option<TrapCode>, i32) {
    let instance = guest.instance.expect("it was instantiated");
    let n = instance.get_global(&guest.store, "n").expect("exported");
    n.set(&mut guest.store, Val::I32(0)).expect("mutable");
    let outcome = guest.call(export, &[Val::I64(units)]);
    let code = outcome
        .err()
        .map(|e| e.trap().expect("a trap, if anything").code());
    (code, i32_of(n.get(&guest.store)))
}

/// A limit counts from where it is set: behind the call, to the unit.
#[test]
fn a_fuel_limit_set_by_a_host_function_is_exact() {
    isolated(
        "midway::a_fuel_limit_set_by_a_host_function_is_exact",
        STACK,
        || {
            let out = Some(TrapCode::OutOfFuel);
            Ward::default()
                .imports(limit)
                .each(COUNTING, |watch, guest| {
                    for units in 0..100_i64 {
                        // The last operator of a round's four counts.
                        let expected = (out, (units + 1) as i32 / 5);
                        assert_eq!(counted(guest, "loop", units), expected, "{watch:?} {units}");
                    }
                    for export in ["line", "caller"] {
                        for units in 0..8 {
                            let expected = (out, units as i32 / 2);
                            let found = counted(guest, export, units);
                            assert_eq!(found, expected, "{watch:?} {export} {units}");
                        }
                        assert_eq!(counted(guest, export, 8), (None, 4), "{watch:?} {export}");
                    }
                    // Each call: 1, its entry 1, four operators.
                    for units in 0..24 {
                        let expected = (out, units as i32 / 6);
                        assert_eq!(
                            counted(guest, "calls", units),
                            expected,
                            "{watch:?} {units}"
                        );
                    }
                    assert_eq!(counted(guest, "calls", 24), (None, 4), "{watch:?}");
                });
        },
    );
}

/// Also a limit far enough away for many slices, and one that is taken away.
#[test]
fn a_fuel_limit_can_be_raised_and_taken_away() {
    isolated(
        "midway::a_fuel_limit_can_be_raised_and_taken_away",
        STACK,
        || {
            Ward::fuel(100)
                .imports(limit)
                .each(COUNTING, |watch, guest| {
                    let out = Some(TrapCode::OutOfFuel);
                    let found = counted(guest, "loop", 1_000_000);
                    assert_eq!(found, (out, 200_000), "{watch:?}");
                    // `local.get`-like operators before the second change: 4 of them.
                    assert_eq!(counted(guest, "taken_away", 4), (None, 4), "{watch:?}");
                    assert_eq!(counted(guest, "taken_away", 3), (out, 1), "{watch:?}");
                });
        },
    );
}

/// A probe may do it too, and it counts from its site.
#[test]
fn a_fuel_limit_set_by_a_nested_run_is_kept() {
    isolated(
        "midway::a_fuel_limit_set_by_a_nested_run_is_kept",
        STACK,
        || {
            let define = |linker: &mut Linker<()>| {
                linker
                    .func_wrap("h", "nested", |mut caller: Caller<'_, ()>| {
                        caller.set_fuel_limit(Some(50));
                        let f = caller.get_export("spin").and_then(|e| e.into_func());
                        let error = f
                            .expect("exported")
                            .call(&mut caller, &[], &mut [])
                            .expect_err("it is endless");
                        assert_eq!(error.trap().expect("a trap").code(), TrapCode::OutOfFuel);
                        assert!(caller.fuel_consumed() > 50);
                    })
                    .expect("the first definition");
            };
            let wat = r#"(module (import "h" "nested" (func $nested))
              (func (export "spin") (loop (br 0)))
              (func (export "f") (call $nested) (loop (br 0)))
              (func (export "fine") (result i32) (i32.const 7)))"#;
            Ward::fuel(1000).imports(define).each(wat, |watch, guest| {
                let before = guest.store.fuel_consumed();
                // The nested run has used all of it: nothing is left behind the call.
                guest.ends("f", &[], TrapCode::OutOfFuel);
                let used = guest.store.fuel_consumed() - before;
                assert_eq!(used, 2 + 50, "{watch:?}");
                assert_eq!(guest.i32("fine", &[]), 7);
            });
        },
    );
}

/// The handle of the store whose guest asks to be stopped.
static HANDLE: Mutex<Option<InterruptHandle>> = Mutex::new(None);

fn stop(linker: &mut Linker<()>) {
    linker
        .func_wrap("h", "stop", || {
            if let Some(handle) = HANDLE.lock().expect("no panic").as_ref() {
                handle.interrupt(TrapCode::Timeout);
            }
        })
        .expect("the first definition");
}

/// An interrupt that arrives in a host function ends the guest before it does
/// anything else that could go on for long.
const STOPPED: &str = r#"(module (import "h" "stop" (func $stop))
  (global $n (export "n") (mut i32) (i32.const 0))
  (func $up (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (func $up_again (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (table 1 funcref) (elem (i32.const 0) $up)
  ;; Function entries only, of functions that have run before and of one that has not.
  (func (export "entry") (call $up) (call $stop) (call $up) (call $up) (call $up_again))
  (func (export "first_entry") (call $stop) (call $up_again))
  (func (export "indirect") (call $stop) (call_indirect (i32.const 0)))
  (func (export "loop") (call $stop) (loop (call $up) (br 0)))
  (func $rec (param i32) (call $up)
    (if (local.get 0)
      (then (call $rec (i32.sub (local.get 0) (i32.const 1)))
            (call $rec (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "recursion") (call $stop) (call $rec (i32.const 60)))
  (func (export "fine") (result i32) (i32.const 7)))"#;

#[test]
fn an_interrupt_during_a_host_call_is_seen_behind_it() {
    isolated(
        "midway::an_interrupt_during_a_host_call_is_seen_behind_it",
        STACK,
        || {
            Ward::default().imports(stop).each(STOPPED, |watch, guest| {
                *HANDLE.lock().expect("no panic") = Some(guest.store.interrupt_handle());
                let instance = guest.instance.expect("it was instantiated");
                let n = instance.get_global(&guest.store, "n").expect("exported");
                for (export, most) in [
                    ("first_entry", 0),
                    ("entry", 1),
                    ("indirect", 0),
                    ("loop", 0),
                    ("recursion", 0),
                ] {
                    n.set(&mut guest.store, Val::I32(0)).expect("mutable");
                    guest.ends(export, &[], TrapCode::Timeout);
                    let done = i32_of(n.get(&guest.store));
                    assert!(done <= most, "{watch:?} {export}: {done} calls");
                }
                assert_eq!(guest.i32("fine", &[]), 7);
            });
        },
    );
}

/// The same from a probe's callback, at an entry and at an operator.
#[test]
fn an_interrupt_from_a_probe() {
    isolated("midway::an_interrupt_from_a_probe", STACK, || {
        let wat = r#"(module
          (func $g (export "g"))
          (func (export "loop") (loop (nop) (br 0)))
          (func (export "entry") (loop (call $g) (br 0))))"#;
        for (export, probed, entry) in [("loop", "loop", false), ("entry", "g", true)] {
            let (mut guest, outcome) = Ward::default().instantiate(wat, Watch::Nobody);
            outcome.expect("it instantiates");
            let instance = guest.instance.expect("it was instantiated");
            let func = instance.get_func(&guest.store, probed).expect("exported");
            let index = func.module(&guest.store).expect("a Wasm function").1;
            let site = match entry {
                true => Site::Entry,
                false => Site::Before(operators(&guest.module, index)[1].0),
            };
            let handle = guest.store.interrupt_handle();
            let mut fires = 0;
            let probe = Probe::call(move |_| {
                fires += 1;
                assert!(fires <= 70_000, "the guest goes on");
                if fires == 1000 {
                    handle.interrupt(TrapCode::Timeout);
                }
                Ok(())
            });
            let mut probes = guest.store.probes();
            probes.insert(func, site, probe).expect("the site exists");
            guest.ends(export, &[], TrapCode::Timeout);
        }
    });
}
