//! Deep recursion of every kind is the trap "call stack exhausted".

use probity_engine::hook::Probe;
use probity_engine::{Caller, Engine, Error, Instance, Linker, Module, Store, TrapCode, Val};

use crate::guest::{Guest, call, i32_of, trap_code_of};
use crate::isolated::isolated;

/// What a thread of a small embedder may have. The engine's Wasm stack is its own.
const SMALL: usize = 256 << 10;

/// What Rust gives a thread: host functions are native frames, and need some.
const USUAL: usize = 2 << 20;

fn check_exhausted(error: &Error) {
    assert_eq!(trap_code_of(error), TrapCode::StackOverflow);
    assert!(error.to_string().contains("call stack exhausted"));
    assert!(!error.backtrace().is_empty());
    // The report of ten thousands of frames is still one that a person can read.
    let lines = error.to_string().lines().count();
    assert!(lines < 200, "{lines} lines");
}

/// Recursion by each call instruction, with small and large frames. `$n` counts
/// the calls entered.
const RECURSION: &str = r#"(module
  (global $n (export "n") (mut i32) (i32.const 0))
  (table 4 funcref) (elem (i32.const 0) $indirect $ping_indirect $pong_indirect)
  (func $count (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (func $direct (export "direct") (call $count) (call $direct))
  (func $ping (export "mutual") (call $count) (call $pong (i32.const 1)))
  (func $pong (param i32) (call $count) (call $ping))
  (func $indirect (export "indirect") (call $count) (call_indirect (i32.const 0)))
  (func $ping_indirect (export "mutual_indirect")
    (call $count) (call_indirect (param i64) (i64.const 1) (i32.const 2)))
  (func $pong_indirect (param i64) (call $count) (call_indirect (i32.const 1)))
  (func $value (export "value") (result i32)
    (call $count) (i32.add (i32.const 1) (call $value)))
  (func $argument (export "argument") (result i64) (call $sum (i64.const 1) (f64.const 2)))
  (func $sum (param i64 f64) (result i64)
    (call $count) (i64.add (local.get 0) (call $sum (i64.const 3) (f64.const 4))))
  (func $large (export "large")
    (local i32 i64 f32 f64 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128)
    (call $count) (call $large))
  (func $operands (export "operands") (result i32)
    (call $count)
    (i32.const 1) (i64.const 2) (v128.const i64x2 3 4) (v128.const i64x2 3 4)
    (call $operands) drop drop drop drop drop
    (i32.const 0))
  (func $results (export "results") (result i32 i64 v128 v128)
    (call $count) (call $results))
  (func $loop (export "loop")
    (call $count) (loop (block (call $loop) (br 1))))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const KINDS: [&str; 10] = [
    "direct",
    "mutual",
    "indirect",
    "mutual_indirect",
    "value",
    "argument",
    "large",
    "operands",
    "results",
    "loop",
];

fn depth_of(guest: &mut Guest, kind: &str) -> i32 {
    let n = guest
        .instance
        .get_global(&guest.store, "n")
        .expect("exported");
    n.set(&mut guest.store, Val::I32(0)).expect("mutable");
    let error = guest.call(kind, &[]).expect_err(kind);
    check_exhausted(&error);
    i32_of(n.get(&guest.store))
}

#[test]
fn within_one_instance() {
    isolated("recursion::within_one_instance", SMALL, || {
        let mut guest = Guest::new(RECURSION);
        for kind in KINDS {
            let depth = depth_of(&mut guest, kind);
            assert!(depth > 1000, "{kind}: {depth} calls");
            // The same call exhausts it every time, and the store lives on.
            assert_eq!(depth_of(&mut guest, kind), depth, "{kind}");
            assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
        }
    });
}

/// A store whose stack is used up sooner, for what takes time at each level.
fn small_stack() -> Guest {
    let mut config = probity_engine::Config::new();
    config.max_stack_bytes(1 << 20);
    Guest::configured(&config, RECURSION, |_| {})
}

/// Depth is logical: watching does not change which call is one too many.
#[test]
fn at_the_same_depth_under_probes() {
    isolated("recursion::at_the_same_depth_under_probes", SMALL, || {
        for kind in KINDS {
            let expected = depth_of(&mut small_stack(), kind);
            let mut watched = small_stack();
            watched
                .store
                .probes()
                .insert_global(Probe::call(|_| Ok(())));
            assert_eq!(depth_of(&mut watched, kind), expected, "{kind}");
        }
    });
}

/// At the full depth a callback still has what it needs.
#[test]
fn with_probes_that_read_the_whole_stack() {
    isolated(
        "recursion::with_probes_that_read_the_whole_stack",
        SMALL,
        || {
            let mut guest = Guest::new(RECURSION);
            let expected = depth_of(&mut guest, "value");
            let fires = crate::guest::Count::default();
            guest.before("value", "Call", 0, move |ctx| {
                // Only in the deepest frame: a walk takes time in proportion to the depth.
                if fires.up() == expected as u64 {
                    assert_eq!(ctx.depth(), expected as usize);
                    let outermost = ctx.frame_at(ctx.depth() - 1).expect("in range");
                    assert_eq!(outermost.num_operands(), 1);
                }
                Ok(())
            });
            assert_eq!(depth_of(&mut guest, "value"), expected);
        },
    );
}

#[test]
fn across_instances() {
    isolated("recursion::across_instances", SMALL, || {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
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
            r#"(module (table (export "t") 1 funcref)
                 (func $f (export "f") (param i32) (result i32)
                   (i32.add (i32.const 1) (call_indirect (param i32) (result i32)
                     (local.get 0) (i32.const 0))))
                 (func (export "fine") (result i32) (i32.const 7)))"#,
        );
        add(
            &mut store,
            "two",
            r#"(module (import "one" "t" (table 1 funcref))
                 (import "one" "f" (func $f (param i32) (result i32)))
                 (func $g (param i32) (result i32) (call $f (local.get 0)))
                 (elem (i32.const 0) $g))"#,
        );
        let f = one.get_func(&store, "f").expect("exported");
        let fine = one.get_func(&store, "fine").expect("exported");
        for _ in 0..2 {
            let error = call(&mut store, f, &[Val::I32(1)]).expect_err("it is endless");
            check_exhausted(&error);
            let found = call(&mut store, fine, &[]).expect("no trap");
            assert_eq!(i32_of(&found[0]), 7);
        }
    });
}

/// Each level has native frames of the host's: they have a limit too, which comes
/// before the thread's own.
#[test]
fn through_host_functions() {
    isolated("recursion::through_host_functions", USUAL, || {
        let mut guest = Guest::linked(
            r#"(module
              (import "h" "again" (func $again (param i32) (result i32)))
              (func (export "f") (param i32) (result i32)
                (i32.add (i32.const 1) (call $again (local.get 0))))
              (func (export "fine") (result i32) (i32.const 7)))"#,
            |linker| {
                linker
                    .func_wrap(
                        "h",
                        "again",
                        |mut caller: Caller<'_, ()>, n: i32| -> Result<i32, Error> {
                            let f = caller.get_export("f").and_then(|e| e.into_func());
                            let f = f.ok_or_else(|| Error::usage("an export"))?;
                            if n == 0 {
                                return Ok(0);
                            }
                            Ok(i32_of(&call(&mut caller, f, &[Val::I32(n - 1)])?[0]))
                        },
                    )
                    .expect("the first definition");
            },
        );
        assert_eq!(guest.call_i32("f", &[100]).expect("100 levels fit"), 101);
        for _ in 0..2 {
            let error = guest.call("f", &[Val::I32(-1)]).expect_err("it is endless");
            check_exhausted(&error);
            assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
        }
    });
}

/// A host function that is called directly, calls itself, and has no Wasm frame.
#[test]
fn of_host_functions_alone() {
    isolated("recursion::of_host_functions_alone", USUAL, || {
        let mut guest = Guest::linked(
            r#"(module
              (import "h" "again" (func $again))
              (export "again" (func $again)))"#,
            |linker| {
                linker
                    .func_wrap(
                        "h",
                        "again",
                        |mut caller: Caller<'_, ()>| -> Result<(), Error> {
                            match caller.get_export("again").and_then(|e| e.into_func()) {
                                Some(again) => call(&mut caller, again, &[]).map(drop),
                                // Without a calling instance there are no exports.
                                None => Err(TrapCode::StackOverflow.into()),
                            }
                        },
                    )
                    .expect("the first definition");
            },
        );
        let error = guest.call("again", &[]).expect_err("it is endless");
        assert_eq!(trap_code_of(&error), TrapCode::StackOverflow);
    });
}

#[test]
fn of_start_functions() {
    isolated("recursion::of_start_functions", SMALL, || {
        let engine = Engine::default();
        let module =
            Module::new(&engine, "(module (func $s (call $s)) (start $s))").expect("it loads");
        let mut store = Store::new(&engine, ());
        let error = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect_err("it is endless");
        check_exhausted(&error);
    });
}

/// One frame that is larger than the whole stack.
#[test]
fn of_frames_that_never_fit() {
    isolated("recursion::of_frames_that_never_fit", SMALL, || {
        let locals = "v128 ".repeat(20_000);
        let wat = format!(
            r#"(module (func $f (export "f") (local {locals}) (call $g)) (func $g)
                       (func (export "fine") (result i32) (call $g) (i32.const 7)))"#
        );
        let mut config = probity_engine::Config::new();
        config.max_stack_bytes(128 << 10);
        let mut guest = Guest::configured(&config, &wat, |_| {});
        let error = guest.call("f", &[]).expect_err("320,000 bytes do not fit");
        assert_eq!(trap_code_of(&error), TrapCode::StackOverflow);
        assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
    });
}
