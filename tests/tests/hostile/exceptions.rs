//! Exceptions without end: thrown in a loop, through deep recursion, from deep
//! nesting, and with more payload than the heap may hold.

use probity_engine::{Linker, TrapCode};
use wasm_encoder::{BlockType, Instruction as I};

use crate::encode::one_function;
use crate::isolated::isolated;
use crate::ward::Ward;

const STACK: usize = 512 << 10;

const THROWING: &str = r#"(module
  (tag $e (param i32)) (tag $big (param v128 v128 v128 v128))
  (import "h" "nothing" (func $host))
  (func $throw (throw $e (i32.const 1)))
  (func (export "here") (loop (block (result i32)
    (try_table (catch $e 0) (throw $e (i32.const 1))) unreachable) drop (br 0)))
  (func (export "callee") (loop (block (result i32)
    (try_table (catch $e 0) (call $throw)) unreachable) drop (br 0)))
  (func (export "again") (loop (block (result exnref)
    (try_table (catch_all_ref 0) (call $throw)) unreachable)
    (block (param exnref) (try_table (param exnref) (catch_all 0) (throw_ref))) (br 0)))
  (func (export "big") (loop (block (try_table (catch_all 0)
    (throw $big (v128.const i64x2 1 2) (v128.const i64x2 1 2)
                (v128.const i64x2 1 2) (v128.const i64x2 1 2)))) (br 0)))
  (func (export "with_host") (loop (call $host)
    (block (try_table (catch_all 0) (call $throw))) (br 0)))
  ;; Goes down `n` calls and throws through all of them.
  (func $down (param i32)
    (if (local.get 0)
      (then (call $down (i32.sub (local.get 0) (i32.const 1))))
      (else (throw $e (i32.const 1)))))
  (func (export "deep") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $down (local.get 0)))
      (i32.const 0)))
  ;; Each level catches and throws on.
  (func $pass (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 1))))
    (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (call $pass (i32.sub (local.get 0) (i32.const 1))))
      unreachable)
    throw_ref)
  (func (export "passed_on") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $pass (local.get 0)))
      (i32.const 0)))
  ;; The stack is exhausted inside a `try_table` that catches all: a trap is not caught.
  (func $endless (export "endless")
    (block (try_table (catch_all 0) (call $endless))))
  (func $thrower (export "endless_and_throw")
    (block (try_table (catch_all 0) (call $thrower))) (throw $e (i32.const 1)))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const LOOPS: [&str; 5] = ["here", "callee", "again", "big", "with_host"];

fn host(linker: &mut Linker<()>) {
    linker
        .func_wrap("h", "nothing", || {})
        .expect("the first definition");
}

#[test]
fn in_a_loop() {
    isolated("exceptions::in_a_loop", STACK, || {
        Ward::fuel(50_000)
            .imports(host)
            .each(THROWING, |watch, guest| {
                for export in LOOPS {
                    let before = guest.store.fuel_consumed();
                    guest.ends(export, &[], TrapCode::OutOfFuel);
                    let used = guest.store.fuel_consumed() - before;
                    assert_eq!(used, 50_000, "{watch:?} {export}");
                }
            });
        Ward::interrupt(TrapCode::Timeout)
            .imports(host)
            .each(THROWING, |_, guest| {
                for export in LOOPS {
                    guest.ends(export, &[], TrapCode::Timeout);
                    assert_eq!(guest.i32("fine", &[]), 7);
                }
            });
    });
}

/// What is thrown and forgotten is collected.
#[test]
fn with_a_small_heap() {
    isolated("exceptions::with_a_small_heap", STACK, || {
        let mut ward = Ward::fuel(300_000).imports(host);
        ward.limits.heap_bytes_max = Some(1 << 20);
        ward.each(THROWING, |_, guest| {
            for export in LOOPS {
                guest.ends(export, &[], TrapCode::OutOfFuel);
            }
        });
    });
}

#[test]
fn through_deep_recursion() {
    isolated("exceptions::through_deep_recursion", STACK, || {
        Ward::default()
            .imports(host)
            .each(THROWING, |watch, guest| {
                for _ in 0..3 {
                    assert_eq!(guest.i32("deep", &[100_000]), 1, "{watch:?}");
                    assert_eq!(guest.i32("passed_on", &[2000]), 1, "{watch:?}");
                }
            });
    });
}

#[test]
fn do_not_catch_the_end_of_the_stack() {
    isolated(
        "exceptions::do_not_catch_the_end_of_the_stack",
        STACK,
        || {
            Ward::small_stack()
                .imports(host)
                .each(THROWING, |_, guest| {
                    guest.ends("endless", &[], TrapCode::StackOverflow);
                    guest.ends("endless_and_throw", &[], TrapCode::StackOverflow);
                    assert_eq!(guest.i32("fine", &[]), 7);
                });
        },
    );
}

/// 100,000 `try_table`s in one another, none of which is reached by a throw.
#[test]
fn deep_try_tables() {
    isolated("exceptions::deep_try_tables", STACK, || {
        let code = one_function(&[], &[], |f| {
            for _ in 0..100_000 {
                f.instruction(&I::TryTable(BlockType::Empty, vec![].into()));
            }
            for _ in 0..100_000 {
                f.instruction(&I::End);
            }
        });
        Ward::fuel(10_000_000).each(&code, |_, guest| {
            guest.call("f", &[]).expect("nothing is thrown");
        });
    });
}
