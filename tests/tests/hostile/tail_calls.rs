//! Tail calls: they need no stack, however many, and fuel and interrupts end the
//! loops that are made of them. Calls by reference.

use probity_engine::hook::Probe;
use probity_engine::{Engine, Linker, Module, Store, TrapCode, Val};

use crate::guest::{call, trap_code_of};
use crate::isolated::isolated;
use crate::ward::{Ward, Watchdog};

const STACK: usize = 256 << 10;

const TAILS: &str = r#"(module
  (type $v (func)) (type $n (func (param i32) (result i32)))
  (import "h" "nothing" (func $host))
  (table $t 4 funcref) (elem (table $t) (i32.const 0) func $by_table $odd $even)
  (elem declare func $by_ref $even_ref $odd_ref $ref_recursion)
  (func $self (export "self") (return_call $self))
  (func $ping (export "mutual") (return_call $pong (i32.const 1)))
  (func $pong (param i32) (return_call $ping))
  (func $by_table (export "by_table") (return_call_indirect $t (type $v) (i32.const 0)))
  (func $by_ref (export "by_ref") (return_call_ref $v (ref.func $by_ref)))
  (func $with_host (export "with_host") (call $host) (return_call $with_host))
  ;; Each has more parameters than the one before: the frame moves up and down.
  (func $one (export "frames") (return_call $two (i64.const 1) (v128.const i64x2 1 2)))
  (func $two (param i64 v128) (local v128 v128 v128)
    (return_call $three (v128.const i64x2 1 2) (v128.const i64x2 1 2) (f64.const 1) (i32.const 1)))
  (func $three (param v128 v128 f64 i32) (return_call $one))
  ;; Finite ones.
  (func $even (export "even") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
  (func $odd (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call_indirect $t (type $n) (i32.sub (local.get 0) (i32.const 1)) (i32.const 2)))
  (func $even_ref (export "even_ref") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (return_call_ref $n (i32.sub (local.get 0) (i32.const 1)) (ref.func $odd_ref)))
  (func $odd_ref (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call_ref $n (i32.sub (local.get 0) (i32.const 1)) (ref.func $even_ref)))
  ;; Not tail calls: they grow.
  (func $ref_recursion (export "ref_recursion") (call_ref $v (ref.func $ref_recursion)))
  ;; A call in between: grows too, by every second.
  (func $mixed (export "mixed") (call $mixed_tail))
  (func $mixed_tail (return_call $mixed))
  (func (export "null") (call_ref $v (ref.null $v)))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const ENDLESS: [&str; 6] = [
    "self",
    "mutual",
    "by_table",
    "by_ref",
    "with_host",
    "frames",
];

fn host(linker: &mut Linker<()>) {
    linker
        .func_wrap("h", "nothing", || {})
        .expect("the first definition");
}

#[test]
fn endless_ones_end_by_limits() {
    isolated("tail_calls::endless_ones_end_by_limits", STACK, || {
        Ward::fuel(200_000)
            .imports(host)
            .each(TAILS, |watch, guest| {
                for export in ENDLESS {
                    let before = guest.store.fuel_consumed();
                    guest.ends(export, &[], TrapCode::OutOfFuel);
                    let used = guest.store.fuel_consumed() - before;
                    assert_eq!(used, 200_000, "{watch:?} {export}");
                }
            });
        for code in [TrapCode::Timeout, TrapCode::Interrupted] {
            Ward::interrupt(code).imports(host).each(TAILS, |_, guest| {
                for export in ENDLESS {
                    guest.ends(export, &[], code);
                    assert_eq!(guest.i32("fine", &[]), 7);
                }
            });
        }
    });
}

#[test]
fn endless_ones_end_in_start_functions() {
    isolated(
        "tail_calls::endless_ones_end_in_start_functions",
        STACK,
        || {
            let wat = "(module (func $s (return_call $t)) (func $t (return_call $s)) (start $s))";
            Ward::fuel(10_000).each_start(wat, TrapCode::OutOfFuel);
            Ward::interrupt(TrapCode::Timeout).each_start(wat, TrapCode::Timeout);
        },
    );
}

/// On a stack of 4 KiB.
#[test]
fn millions_need_no_stack() {
    isolated("tail_calls::millions_need_no_stack", STACK, || {
        let mut ward = Ward::default().imports(host);
        ward.config.max_stack_bytes(4 << 10);
        ward.each(TAILS, |watch, guest| {
            let n = if watch == crate::ward::Watch::Nobody {
                10_000_000
            } else {
                300_001
            };
            for export in ["even", "even_ref"] {
                assert_eq!(
                    guest.i32(export, &[n]),
                    i32::from(n % 2 == 0),
                    "{watch:?} {export}"
                );
            }
        });
    });
}

#[test]
fn calls_by_reference_grow_and_are_checked() {
    isolated(
        "tail_calls::calls_by_reference_grow_and_are_checked",
        STACK,
        || {
            Ward::small_stack().imports(host).each(TAILS, |_, guest| {
                guest.ends("ref_recursion", &[], TrapCode::StackOverflow);
                guest.ends("mixed", &[], TrapCode::StackOverflow);
                guest.ends("null", &[], TrapCode::NullFunctionReference);
                assert_eq!(guest.i32("fine", &[]), 7);
            });
        },
    );
}

/// From instance to instance and back, 10 million times, on a small stack.
#[test]
fn between_instances_need_no_stack() {
    isolated("tail_calls::between_instances_need_no_stack", STACK, || {
        let mut config = probity_engine::Config::new();
        config.max_stack_bytes(8 << 10);
        let engine = Engine::new(&config);
        for watched in [false, true] {
            let mut store = Store::new(&engine, ());
            let _dog = Watchdog::new(Some(store.interrupt_handle()));
            if watched {
                store.probes().insert_global(Probe::call(|_| Ok(())));
            }
            let mut linker = Linker::new(&engine);
            let wat = r#"(module (table (export "t") 2 funcref) (type $n (func (param i32) (result i32)))
              (func (export "f") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
                (return_call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
              (func (export "endless") (param i32) (result i32)
                (return_call_indirect (type $n) (i32.const 0) (i32.const 1))))"#;
            let one = Module::new(&engine, wat).expect("it loads");
            let one = linker.instantiate(&mut store, &one).expect("it links");
            linker.instance(&mut store, "one", one).expect("the first");
            let wat = r#"(module (import "one" "t" (table 2 funcref))
              (import "one" "f" (func $f (param i32) (result i32)))
              (import "one" "endless" (func $endless (param i32) (result i32)))
              (func $g (param i32) (result i32) (local v128)
                (return_call $f (local.get 0)))
              (func $h (param i32) (result i32) (return_call $endless (i32.const 1)))
              (elem (i32.const 0) $g $h))"#;
            let two = Module::new(&engine, wat).expect("it loads");
            linker.instantiate(&mut store, &two).expect("it links");
            let n = if watched { 200_000 } else { 10_000_000 };
            let f = one.get_func(&store, "f").expect("exported");
            let found = call(&mut store, f, &[Val::I32(n)]).expect("no trap");
            assert_eq!(crate::guest::i32_of(found[0].clone()), 5);
            store.set_fuel_limit(Some(100_000));
            let endless = one.get_func(&store, "endless").expect("exported");
            let error = call(&mut store, endless, &[Val::I32(1)]).expect_err("endless");
            assert_eq!(trap_code_of(&error), TrapCode::OutOfFuel);
        }
    });
}
