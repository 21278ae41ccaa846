//! Tail calls of every kind, between functions of unlike types, in every tier.

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, Config, TrapCode, Val};

use crate::guest::{Count, Guest, Shared, call, trap_code_of};
use crate::ways::{agree, all, compiles, define_watch, end};

/// Functions that go on in each other's place, with more parameters than there are registers.
const CYCLE: &str = r#"(module
  (import "h" "watch" (func $watch (param i32)))
  (import "h" "unwatch" (func $unwatch))
  (import "h" "pass" (func $pass (param i32 i64) (result i64)))
  (type $s (struct (field i64)))
  (type $few (func (param i32 i64) (result i64 f64 v128 i32)))
  (type $ints (func (param i32 i64 i64 i64 i32 i64 i32 (ref null $s) i64 i32)
    (result i64 f64 v128 i32)))
  (type $one (func (param i32 i64) (result i64)))
  (type $float (func (param i32 f64 f64) (result f64)))
  (table 8 funcref)
  (elem (i32.const 0) func $few $ints $floats $one)
  (elem declare func $mixed)
  (global $stop (mut i32) (i32.const -1))
  (func $few (export "few") (type $few) (local f32)
    (if (i32.eqz (local.get 0)) (then
      (return (local.get 1) (f64.const 1.5) (i64x2.splat (local.get 1)) (i32.const 7))))
    (return_call $ints (local.get 0) (local.get 1) (i64.const 1) (i64.const 2) (i32.const 3)
      (i64.const 4) (i32.const 5) (struct.new $s (local.get 1)) (i64.const 6) (i32.const 8)))
  (func $ints (export "ints") (type $ints) (local $k v128)
    (local.set $k (i64x2.splat (struct.get $s 0 (local.get 7))))
    (return_call_indirect (type $floats) (f32.const 1) (f64.const 2) (local.get $k) (f32.const 3)
      (f64.const 4) (f32.const 5) (f64.const 6) (f32.const 7)
      (f64.convert_i64_s (i64.add (local.get 8) (i64.mul (local.get 5) (local.get 3))))
      (v128.const i64x2 9 10)
      (local.get 0)
      (i64.add (i64.add (local.get 1) (local.get 2))
        (i64.extend_i32_u (i32.add (local.get 4) (i32.add (local.get 6) (local.get 9)))))
      (local.get 7)
      (i32.const 2)))
  (type $floats (func (param f32 f64 v128 f32 f64 f32 f64 f32 f64 v128 i32 i64 (ref null $s))
    (result i64 f64 v128 i32)))
  (func $floats (export "floats") (type $floats) (local f32)
    (return_call_ref $mixed
      (v128.xor (local.get 2) (local.get 9))
      (i32.sub (local.get 10) (i32.const 1))
      (local.get 8)
      (i64.add (local.get 11) (i64.trunc_f64_s (f64.add (local.get 1) (f64.promote_f32 (local.get 7)))))
      (local.get 12)
      (ref.func $mixed)))
  (type $mixed (func (param v128 i32 f64 i64 (ref null $s)) (result i64 f64 v128 i32)))
  (func $mixed (export "mixed") (type $mixed) (local i32 i64)
    (if (i32.eq (local.get 1) (global.get $stop)) (then
      (call $watch (i32.const 7)) (call $watch (i32.const 5))))
    (return_call $few (local.get 1)
      (i64.xor
        (i64.add (local.get 3) (struct.get $s 0 (local.get 4)))
        (i64.add (i64.trunc_f64_s (local.get 2))
          (i64x2.extract_lane 1 (local.get 0))))))
  ;; 7: calls the cycle with values of its own.
  (func $called (export "called") (param i32 i64) (result i64) (local i64 f64 v128 i32 i64)
    (local.set 6 (i64.mul (local.get 1) (i64.const 3)))
    (call $few (local.get 0) (local.get 1))
    (local.set 5) (local.set 4) (local.set 3) (local.set 2)
    (i64.add (local.get 6)
      (i64.add (i64.add (local.get 2) (i64.trunc_f64_s (f64.mul (local.get 3) (f64.const 4))))
        (i64.add (i64x2.extract_lane 0 (local.get 4)) (i64.extend_i32_s (local.get 5))))))
  ;; Values in registers live across calls of functions that make tail calls.
  (func $kept (export "kept") (param i32 i64) (result i64)
    (local $i i32) (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64)
    (loop $l
      (local.set $a (i64.add (local.get $a) (call $one (i32.const 3) (local.get $b))))
      (local.set $b (i64.add (local.get $b) (i64.const 1)))
      (local.set $c (i64.xor (local.get $c) (local.get $a)))
      (local.set $d (i64.add (local.get $c) (local.get $d)))
      (local.set $e (i64.sub (local.get $d) (local.get $e)))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
    (i64.add (local.get $a) (i64.add (local.get $b)
      (i64.add (local.get $c) (i64.add (local.get $d) (local.get $e))))))
  (func $one (export "one") (type $one) (local f32)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_indirect (type $one) (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (i32.const 3)))
  (func $float (export "float") (type $float)
    (if (i32.eqz (local.get 0)) (then (return (f64.div (local.get 1) (local.get 2)))))
    (return_call $float (i32.sub (local.get 0) (i32.const 1)) (local.get 2) (local.get 1)))
  (func (export "floated") (param i32) (result f64)
    (f64.add (f64.const 0.5) (call $float (local.get 0) (f64.const 3) (f64.const 4))))
  (func (export "host") (type $one) (return_call $pass (local.get 0) (local.get 1)))
  (func (export "called_host") (type $one)
    (i64.add (i64.const 5) (call 12 (local.get 0) (local.get 1))))
  (func (export "stop_at") (param i32) (global.set $stop (local.get 0)))
  (func (export "reset") (call $unwatch)))"#;

fn guest(config: &Config, log: &Shared<(u32, u32)>) -> Guest {
    Guest::configured(config, CYCLE, |linker| {
        define_watch(linker, log);
        let pass = |mut caller: Caller<'_, ()>, n: i32, v: i64| {
            let one = caller.get_export("one").and_then(|e| e.into_func());
            let args = [Val::I32(n), Val::I64(v)];
            let found = call(&mut caller, one.expect("an export"), &args)?;
            match found[0] {
                Val::I64(v) => Ok::<i64, probity_engine::Error>(v + 1),
                _ => Ok(0),
            }
        };
        linker.func_wrap("h", "pass", pass).expect("a new name");
    })
}

fn calls(guest: &mut Guest, n: i32) -> Vec<String> {
    let mut ends = Vec::new();
    let pair = [Val::I32(n), Val::I64(40)];
    for export in [
        "few",
        "called",
        "kept",
        "one",
        "host",
        "called_host",
        "floated",
    ] {
        let args = if export == "floated" {
            &pair[..1]
        } else {
            &pair
        };
        for _ in 0..2 {
            let outcome = guest.call(export, args);
            ends.push(format!("{export}: {}", end(&guest.store, outcome)));
        }
    }
    ends
}

#[test]
fn cycles_of_unlike_functions() {
    for fuel in [false, true] {
        for bytes in [8 << 10, 1 << 20] {
            for zeal in [false, true] {
                agree(|config| {
                    let mut config = config.clone();
                    config.max_stack_bytes(bytes).count_fuel(fuel).gc_zeal(zeal);
                    let mut guest = guest(&config, &Shared::default());
                    let n = if zeal { 300 } else { 5000 };
                    (
                        calls(&mut guest, n),
                        guest.store.fuel_consumed() * u64::from(fuel),
                    )
                });
            }
        }
    }
}

/// In as much of both stacks as one call takes, and without leaving compiled code.
#[test]
fn ten_million_in_compiled_code() {
    for (name, mut config) in all().filter(|(name, _)| *name != "deopt") {
        let n = if compiles(name) { 10_000_000 } else { 500_000 };
        config.max_stack_bytes(8 << 10);
        let mut guest = guest(&config, &Shared::default());
        // The first calls find nothing compiled.
        calls(&mut guest, 3);
        let before = guest.store.tier_stats().takeovers;
        for export in ["few", "one", "called"] {
            let args = [Val::I32(n), Val::I64(1)];
            guest
                .call(export, &args)
                .unwrap_or_else(|e| panic!("{name} {export}: {e}"));
        }
        if compiles(name) {
            assert_eq!(guest.store.tier_stats().takeovers, before);
        }
    }
}

/// The callers' frames of the cycle, and its own functions, are watched while it runs; what watches
/// them goes again.
#[test]
fn watched_while_it_runs() {
    for stop in [3, 50] {
        let ((ends, plain), trace) = agree(|config| {
            let log = Shared::default();
            let mut guest = guest(config, &log);
            let mut ends = Vec::new();
            let mut plain = Vec::new();
            for round in 0..4 {
                let at = if round % 2 == 0 { stop } else { -1 };
                guest.call("stop_at", &[Val::I32(at)]).expect("no trap");
                for export in ["called", "few"] {
                    let outcome = guest.call(export, &[Val::I32(60), Val::I64(9)]);
                    let list = if at == -1 { &mut plain } else { &mut ends };
                    list.push(end(&guest.store, outcome));
                    guest.call("reset", &[]).expect("no trap");
                }
            }
            ((ends, plain), log.take())
        });
        assert_eq!(ends, plain);
        assert!(trace.len() > 100);
    }
}

/// Entries and exits, with why, of each function in turn and of all.
#[test]
fn entries_and_exits_pair() {
    let functions = ["few", "ints", "floats", "mixed", "called", "one"];
    let watched: Vec<&[&str]> = functions.chunks(1).chain([&functions[..]]).collect();
    for exports in watched {
        agree(|config| {
            let mut guest = guest(config, &Shared::default());
            let log = Shared::default();
            for export in exports {
                for site in [Site::Entry, Site::Exit] {
                    let log = log.clone();
                    let probe = Probe::call(move |ctx| {
                        log.push((ctx.func_index(), ctx.exit_reason()));
                        Ok(())
                    });
                    guest.insert(export, site, probe);
                }
            }
            (calls(&mut guest, 12), log.take())
        });
    }
}

/// A limit ends the run at the same operator. (Where it forbids the entry of a function without locals,
/// the interpreter's two forms of code name different pcs.)
#[test]
fn limits_of_fuel() {
    let (all, mut ended) = (1300, 0);
    for limit in (0..all).step_by(7).chain([1 << 40]) {
        let (found, _) = agree(|config| {
            let mut guest = guest(config, &Shared::default());
            guest.store.set_fuel_limit(Some(limit));
            let mut ends = Vec::new();
            for export in ["called", "one"] {
                let outcome = guest.call(export, &[Val::I32(12), Val::I64(9)]);
                ends.push(end(&guest.store, outcome));
            }
            (ends, guest.store.fuel_consumed())
        });
        ended += u32::from(found[0].starts_with("OutOfFuel"));
    }
    assert!(ended > 20);
}

const FAILING: &str = r#"(module
  (type $v (func (param i32)))
  (table 4 funcref)
  (elem (i32.const 1) func $wrong $trap $large)
  (tag $t (param i32))
  (global $n (mut i32) (i32.const 0))
  (func $wrong (param i64))
  (func $trap (export "trap") (type $v) (drop (i32.div_s (i32.const 1) (local.get 0))))
  (func $throw (export "throw") (type $v) (throw $t (local.get 0)))
  (func $null (export "null") (type $v)
    (return_call_indirect (type $v) (local.get 0) (i32.const 0)))
  (func $outside (export "outside") (type $v)
    (return_call_indirect (type $v) (local.get 0) (i32.const 4)))
  (func $type (export "type") (type $v)
    (return_call_indirect (type $v) (local.get 0) (i32.const 1)))
  (func $ref (export "ref") (type $v) (return_call_ref $v (local.get 0) (ref.null $v)))
  (func $traps (export "traps") (type $v) (return_call $trap (local.get 0)))
  (func $throws (export "throws") (type $v) (return_call $throw (local.get 0)))
  (func (export "catches") (type $v)
    (block $b (result i32) (try_table (catch $t $b) (call $throws (local.get 0))) (i32.const 3))
    (call $traps (i32.sub (i32.const 0))))
  (func $large (export "large") (type $v)
    (local v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128)
    (call $deeper (local.get 0)))
  (func $deeper (export "deeper") (type $v)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (if (i32.and (global.get $n) (i32.const 1))
      (then (return_call $large (local.get 0)))
      (else (return_call_indirect (type $v) (local.get 0) (i32.const 3)))))
  (func $call (export "call") (param i32 i32) (call_indirect (type $v) (local.get 1) (local.get 0)))
  (func (export "n") (result i32) (global.get $n) (global.set $n (i32.const 0))))"#;

/// What fails, and where: in the caller if it is the call, in the callee otherwise.
#[test]
fn failing_tail_calls() {
    let mut codes = Vec::new();
    for bytes in (2048..4096).step_by(72).chain([64 << 10]) {
        codes = agree(|config| {
            let mut config = config.clone();
            config.max_stack_bytes(bytes);
            let mut guest = Guest::configured(&config, FAILING, |_| {});
            let mut ends = Vec::new();
            for export in [
                "null", "outside", "type", "ref", "traps", "throws", "catches", "deeper", "large",
            ] {
                for _ in 0..2 {
                    let outcome = guest.call(export, &[Val::I32(0)]);
                    let code = outcome.as_ref().err().filter(|e| e.trap().is_some());
                    ends.push((
                        code.map(trap_code_of),
                        end(&guest.store, outcome),
                        guest.call_i32("n", &[]).expect("no trap"),
                    ));
                }
            }
            ends
        });
    }
    let codes: Vec<_> = codes
        .into_iter()
        .step_by(2)
        .map(|(code, ..)| code)
        .collect();
    let wanted = [
        Some(TrapCode::UninitializedElement),
        Some(TrapCode::UndefinedElement),
        Some(TrapCode::IndirectCallTypeMismatch),
        Some(TrapCode::NullFunctionReference),
        Some(TrapCode::IntegerDivideByZero),
        None,
        Some(TrapCode::IntegerDivideByZero),
        Some(TrapCode::StackOverflow),
        Some(TrapCode::StackOverflow),
    ];
    assert_eq!(codes, wanted);
}

/// As before, with one function in turn interpreted.
#[test]
fn failing_tail_calls_of_watched_functions() {
    for watched in [
        "trap", "throw", "traps", "throws", "catches", "large", "deeper",
    ] {
        agree(|config| {
            let mut config = config.clone();
            config.max_stack_bytes(4096);
            let mut guest = Guest::configured(&config, FAILING, |_| {});
            let count = Count::default();
            for site in [Site::Entry, Site::Exit] {
                guest.insert(watched, site, count.probe());
            }
            let mut ends = Vec::new();
            for export in ["traps", "throws", "catches", "deeper", "large"] {
                let outcome = guest.call(export, &[Val::I32(0)]);
                ends.push(end(&guest.store, outcome));
            }
            (ends, count.get())
        });
    }
}
