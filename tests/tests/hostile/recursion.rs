//! Infinite recursion through every kind of call ends as the trap "call stack
//! exhausted", at the same depth each time, and the store lives on.

use probity_engine::{Caller, Error, Instance, Linker, Module, Store, TrapCode, Val};

use crate::guest::{call, i32_of, trap_code_of};
use crate::isolated::isolated;
use crate::ward::{Guest, Ward, Watch, Watchdog};

/// Of native stack, where only Wasm recurses: what a small embedder's thread may have.
const SMALL: usize = 256 << 10;

/// Where host functions recurse.
const USUAL: usize = 2 << 20;

const RECURSIONS: &str = r#"(module
  (global $n (export "n") (mut i32) (i32.const 0))
  (table $t 4 funcref) (elem (i32.const 0) $indirect $ping $pong)
  (table $u 4 funcref) (elem (table $u) (i32.const 0) func $other_table)
  (func $count (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (func $direct (export "direct") (call $count) (call $direct))
  (func $indirect (export "indirect") (call $count) (call_indirect (i32.const 0)))
  (func $other_table (export "other_table") (call $count) (call_indirect $u (i32.const 0)))
  (func $ping (export "mutual") (call $count) (call_indirect (param i64) (i64.const 1) (i32.const 2)))
  (func $pong (param i64) (call $count) (call $ping))
  (func $tree (export "tree") (result i32)
    (call $count) (i32.add (call $tree) (call $tree)))
  (func $in_loop (export "in_loop") (call $count) (loop (call $in_loop) (br 0)))
  (func $in_if (export "in_if") (call $count) (if (i32.const 1) (then (call $in_if))))
  (func $large (export "large") (local v128 v128 v128 v128 v128 v128 v128 v128)
    (call $count) (call $large))
  (func $results (export "results") (result i32 i64 v128 f32 f64)
    (call $count) (call $results))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const KINDS: [&str; 9] = [
    "direct",
    "indirect",
    "other_table",
    "mutual",
    "tree",
    "in_loop",
    "in_if",
    "large",
    "results",
];

/// Calls entered before the stack was exhausted.
fn depth(guest: &mut Guest, kind: &str) -> i32 {
    let instance = guest.instance.expect("it was instantiated");
    let n = instance.get_global(&guest.store, "n").expect("exported");
    n.set(&mut guest.store, Val::I32(0)).expect("mutable");
    let error = guest.ends(kind, &[], TrapCode::StackOverflow);
    assert!(error.backtrace().len() > 100, "{kind}");
    i32_of(n.get(&guest.store))
}

#[test]
fn of_every_call_instruction() {
    isolated("recursion::of_every_call_instruction", SMALL, || {
        let ward = Ward::small_stack();
        for kind in KINDS {
            let (mut guest, outcome) = ward.instantiate(RECURSIONS, Watch::Nobody);
            outcome.expect("it instantiates");
            let expected = depth(&mut guest, kind);
            ward.each(RECURSIONS, |watch, guest| {
                assert_eq!(depth(guest, kind), expected, "{watch:?} {kind}");
                assert_eq!(depth(guest, kind), expected, "{watch:?} {kind}");
                assert_eq!(guest.i32("fine", &[]), 7);
            });
        }
    });
}

#[test]
fn of_start_functions() {
    isolated("recursion::of_start_functions", SMALL, || {
        for start in [
            "(module (func $s (call $s)) (start $s))",
            r#"(module (table 1 funcref) (elem (i32.const 0) $s)
                 (func $s (call_indirect (i32.const 0))) (start $s))"#,
        ] {
            Ward::default().each_start(start, TrapCode::StackOverflow);
        }
    });
}

/// The limit is reached by fuel before the stack, and by interrupts.
#[test]
fn ends_by_other_limits_too() {
    isolated("recursion::ends_by_other_limits_too", SMALL, || {
        Ward::fuel(100).each(RECURSIONS, |_, guest| {
            for kind in KINDS {
                guest.ends(kind, &[], TrapCode::OutOfFuel);
            }
        });
    });
}

fn again(linker: &mut Linker<()>) {
    linker
        .func_wrap(
            "h",
            "again",
            |mut caller: Caller<'_, ()>| -> Result<(), Error> {
                let f = caller.get_export("f").and_then(|e| e.into_func());
                let f = f.ok_or_else(|| Error::usage("no export"))?;
                call(&mut caller, f, &[]).map(drop)
            },
        )
        .expect("the first definition");
}

/// Each level has native frames of the host's.
#[test]
fn through_the_host() {
    isolated("recursion::through_the_host", USUAL, || {
        let wat = r#"(module (import "h" "again" (func $again)) (table 1 funcref)
          (elem (i32.const 0) $again)
          (func (export "f") (call $again))
          (func (export "through_table") (call_indirect (i32.const 0)))
          (func (export "fine") (result i32) (i32.const 7)))"#;
        Ward::default().imports(again).each(wat, |_, guest| {
            for _ in 0..2 {
                guest.ends("f", &[], TrapCode::StackOverflow);
                guest.ends("through_table", &[], TrapCode::StackOverflow);
                assert_eq!(guest.i32("fine", &[]), 7);
            }
        });
    });
}

/// A host function that goes on calling after each failure: time, not depth, ends it.
#[test]
fn through_a_host_that_swallows_errors() {
    isolated(
        "recursion::through_a_host_that_swallows_errors",
        USUAL,
        || {
            let wat = r#"(module (import "h" "twice" (func $twice))
          (func (export "f") (call $twice))
          (func (export "fine") (result i32) (i32.const 7)))"#;
            let define = |linker: &mut Linker<()>| {
                linker
                    .func_wrap(
                        "h",
                        "twice",
                        |mut caller: Caller<'_, ()>| -> Result<(), Error> {
                            let f = caller.get_export("f").and_then(|e| e.into_func());
                            let f = f.ok_or_else(|| Error::usage("no export"))?;
                            let _ = call(&mut caller, f, &[]);
                            call(&mut caller, f, &[]).map(drop)
                        },
                    )
                    .expect("the first definition");
            };
            Ward::fuel(5_000).imports(define).each(wat, |_, guest| {
                guest.ends("f", &[], TrapCode::OutOfFuel);
                guest.ends("f", &[], TrapCode::OutOfFuel);
            });
        },
    );
}

#[test]
fn across_instances() {
    isolated("recursion::across_instances", SMALL, || {
        let ward = Ward::small_stack();
        let engine = probity_engine::Engine::new(&ward.config);
        for watched in [false, true] {
            let mut store = Store::new(&engine, ());
            let _dog = Watchdog::new(Some(store.interrupt_handle()));
            if watched {
                let probe = probity_engine::hook::Probe::call(|_| Ok(()));
                store.probes().insert_global(probe);
            }
            let mut linker = Linker::new(&engine);
            let mut add = |store: &mut Store<()>, name: &str, wat: &str| -> Instance {
                let module = Module::new(&engine, wat).expect(name);
                let instance = linker.instantiate(store, &module).expect(name);
                linker.instance(store, name, instance).expect(name);
                instance
            };
            let one = add(
                &mut store,
                "one",
                r#"(module (table (export "t") 3 funcref)
                     (func $f (export "f") (call_indirect (i32.const 0)))
                     (func (export "g") (result i32)
                       (i32.add (i32.const 1) (call_indirect (result i32) (i32.const 1))))
                     (func (export "fine") (result i32) (i32.const 7)))"#,
            );
            add(
                &mut store,
                "two",
                r#"(module (import "one" "t" (table 3 funcref))
                     (import "one" "f" (func $f))
                     (import "one" "g" (func $g (result i32)))
                     (memory 1)
                     (func $back (call $f))
                     (elem (i32.const 0) $back $g))"#,
            );
            for export in ["f", "g"] {
                for _ in 0..2 {
                    let f = one.get_func(&store, export).expect("exported");
                    let error = call(&mut store, f, &[]).expect_err("it is endless");
                    assert_eq!(trap_code_of(&error), TrapCode::StackOverflow, "{export}");
                    let fine = one.get_func(&store, "fine").expect("exported");
                    let found = call(&mut store, fine, &[]).expect("no trap");
                    assert_eq!(i32_of(found[0].clone()), 7);
                }
            }
        }
    });
}

/// No stack at all, or nearly none.
#[test]
fn with_a_tiny_stack() {
    isolated("recursion::with_a_tiny_stack", SMALL, || {
        for bytes in [0, 1, 64, 1024] {
            let mut ward = Ward::default();
            ward.config.max_stack_bytes(bytes);
            ward.each(RECURSIONS, |_, guest| {
                guest.ends("direct", &[], TrapCode::StackOverflow);
                guest.ends("large", &[], TrapCode::StackOverflow);
            });
        }
    });
}

/// A stack larger than any machine gives is not a reason to crash.
#[test]
fn with_a_giant_stack() {
    isolated("recursion::with_a_giant_stack", SMALL, || {
        for bytes in [1 << 40, usize::MAX / 2, usize::MAX] {
            let mut ward = Ward::fuel(10_000);
            ward.config.max_stack_bytes(bytes);
            ward.each(RECURSIONS, |_, guest| {
                assert_eq!(guest.i32("fine", &[]), 7);
                guest.call("direct", &[]).expect_err("fuel or stack");
            });
        }
    });
}
