//! Endless loops of every kind: fuel and other threads end them.

use probity_engine::{Linker, TrapCode};

use crate::isolated::isolated;
use crate::ward::Ward;

/// Of native stack. Loops need none, host functions a little.
const STACK: usize = 512 << 10;

const LOOPS: &str = r#"(module
  (import "h" "nothing" (func $host))
  (memory 1)
  (table $t 2 funcref) (elem (i32.const 0) $nothing)
  (global $n (mut i64) (i64.const 0))
  (func $nothing)
  (func (export "empty") (loop (br 0)))
  (func (export "table") (loop (br_table 0 0 0 (i32.const 7))))
  (func (export "table_out_and_in") (param i32)
    (loop (block (block (br_table 0 1 2 (local.get 0)))
      (local.set 0 (i32.xor (local.get 0) (i32.const 1)))) (br 0)))
  (func (export "condition") (loop (br_if 0 (i32.const 1))))
  (func (export "markers") (loop (block (block (loop (block)) nop)) nop (br 0)))
  (func (export "if") (loop (if (i32.const 1) (then (br 1)) (else unreachable))))
  (func (export "value") (result i32) (i32.const 1) (loop (param i32) (result i32) (br 0)))
  (func (export "many_values")
    (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4)
    (loop (param i32 i64 f32 f64) (br 0)))
  (func (export "counting")
    (loop (global.set $n (i64.add (global.get $n) (i64.const 1))) (br 0)))
  (func (export "host") (loop (call $host) (br 0)))
  (func (export "call") (loop (call $nothing) (br 0)))
  (func (export "indirect") (loop (call_indirect (i32.const 0)) (br 0)))
  (func (export "store") (loop (i64.store (i32.const 8) (i64.const 1)) (br 0)))
  (func (export "grow_by_nothing") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func (export "fill_nothing")
    (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (br 0)))
  (func (export "fill")
    (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0)))
  (func (export "table_copy")
    (loop (table.copy (i32.const 0) (i32.const 1) (i32.const 1)) (br 0)))
  (func (export "simd") (local v128)
    (loop (local.set 0 (i8x16.add (local.get 0) (v128.const i64x2 1 1))) (br 0)))
  (func (export "nested") (loop (loop (loop (br 2)))))
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  ;; Without a loop: nothing but function entries and returns.
  (func (export "fib") (result i32) (call $fib (i32.const 90)))
  (func (export "fine") (result i32) i32.const 7))"#;

const EXPORTS: [&str; 20] = [
    "empty",
    "table",
    "condition",
    "markers",
    "if",
    "value",
    "many_values",
    "counting",
    "host",
    "call",
    "indirect",
    "store",
    "grow_by_nothing",
    "fill_nothing",
    "fill",
    "table_copy",
    "simd",
    "nested",
    "fib",
    "table_out_and_in",
];

fn host(linker: &mut Linker<()>) {
    linker
        .func_wrap("h", "nothing", || {})
        .expect("the first definition");
}

fn arguments(export: &str) -> Vec<probity_engine::Val> {
    match export {
        "table_out_and_in" => vec![probity_engine::Val::I32(0)],
        _ => Vec::new(),
    }
}

#[test]
fn end_when_their_fuel_is_used_up() {
    isolated("loops::end_when_their_fuel_is_used_up", STACK, || {
        for fuel in [0, 1, 1000, 200_000] {
            Ward::fuel(fuel).imports(host).each(LOOPS, |watch, guest| {
                for export in EXPORTS {
                    let before = guest.store.fuel_consumed();
                    guest.ends(export, &arguments(export), TrapCode::OutOfFuel);
                    let used = guest.store.fuel_consumed() - before;
                    // Only bulk operations are charged for more than they consume.
                    let all = export != "fill" && export != "table_copy";
                    assert!(used <= fuel, "{watch:?} {export}: {used} of {fuel}");
                    assert!(used == fuel || !all, "{watch:?} {export}: {used} of {fuel}");
                }
            });
        }
    });
}

#[test]
fn end_when_another_thread_says_so() {
    isolated("loops::end_when_another_thread_says_so", STACK, || {
        for code in [TrapCode::Timeout, TrapCode::Interrupted] {
            Ward::interrupt(code).imports(host).each(LOOPS, |_, guest| {
                for export in EXPORTS {
                    guest.ends(export, &arguments(export), code);
                    // Once: the next call is not affected.
                    assert_eq!(guest.i32("fine", &[]), 7, "{export}");
                }
            });
        }
    });
}

/// With both limits, whichever comes first.
#[test]
fn end_by_the_nearer_limit() {
    isolated("loops::end_by_the_nearer_limit", STACK, || {
        let far = Ward {
            fuel: Some(u64::MAX),
            ..Ward::interrupt(TrapCode::Timeout)
        };
        far.imports(host).each(LOOPS, |_, guest| {
            guest.ends("empty", &[], TrapCode::Timeout);
            guest.ends("fib", &[], TrapCode::Timeout);
        });
    });
}

#[test]
fn end_in_start_functions() {
    isolated("loops::end_in_start_functions", STACK, || {
        for start in [
            "(module (func $s (loop (br 0))) (start $s))",
            r#"(module (import "h" "nothing" (func $h))
                 (func $s (loop (call $h) (br 0))) (start $s))"#,
            "(module (func $s (call $t)) (func $t (loop (br_table 0 0 (i32.const 1)))) (start $s))",
        ] {
            Ward::fuel(10_000)
                .imports(host)
                .each_start(start, TrapCode::OutOfFuel);
            Ward::interrupt(TrapCode::Timeout)
                .imports(host)
                .each_start(start, TrapCode::Timeout);
        }
    });
}

/// A request that comes before anything runs ends the next run at its first poll.
#[test]
fn end_at_once_after_an_early_request() {
    isolated("loops::end_at_once_after_an_early_request", STACK, || {
        Ward::default().imports(host).each(LOOPS, |watch, guest| {
            for export in EXPORTS {
                let before = guest.store.fuel_consumed();
                let handle = guest.store.interrupt_handle();
                handle.interrupt(TrapCode::Timeout);
                guest.ends(export, &arguments(export), TrapCode::Timeout);
                let used = guest.store.fuel_consumed() - before;
                assert!(used <= 1, "{watch:?} {export}: {used} units were executed");
            }
        });
    });
}
