//! Frames that catch go on with all that they hold, in the tier that they are in.

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, Config, TrapCode, Val};

use crate::guest::{Guest, Shared, call, trap_code_of};
use crate::ways::{agree, all, compiles, define_watch, end};

const CATCHES: &str = r#"(module
  (import "h" "watch" (func $watch (param i32)))
  (import "h" "unwatch" (func $unwatch))
  (import "h" "throw" (func $host (param i32)))
  (type $s (struct (field i32)))
  (tag $i (export "i") (param i32))
  (tag $many (param i64 v128 f32 (ref null $s) f64))
  (tag $none)
  (global $watched (mut i32) (i32.const -1))
  ;; Throws another exception for each number.
  (func $thrower (export "thrower") (param i32)
    (if (i32.eq (local.get 0) (global.get $watched)) (then
      (call $watch (i32.const 4)) (call $watch (i32.const 3))))
    (if (i32.eq (i32.rem_u (local.get 0) (i32.const 5)) (i32.const 1))
      (then (throw $i (local.get 0))))
    (if (i32.eq (i32.rem_u (local.get 0) (i32.const 5)) (i32.const 2))
      (then (throw $many (i64.extend_i32_u (local.get 0)) (i32x4.splat (local.get 0))
        (f32.convert_i32_u (local.get 0)) (struct.new $s (local.get 0))
        (f64.convert_i32_u (local.get 0)))))
    (if (i32.eq (i32.rem_u (local.get 0) (i32.const 5)) (i32.const 3)) (then (throw $none)))
    (if (i32.eq (i32.rem_u (local.get 0) (i32.const 5)) (i32.const 4))
      (then (call $host (local.get 0)))))
  ;; Everything is in use before and behind: locals, operands, values of every type.
  (func $holder (export "holder") (param $n i32) (result i32)
    (local $a i64) (local $b f64) (local $c v128) (local $d (ref null $s)) (local $e f32)
    (local $r exnref)
    (local.set $a (i64.extend_i32_u (i32.mul (local.get $n) (i32.const 7))))
    (local.set $b (f64.convert_i32_u (local.get $n)))
    (local.set $c (i32x4.splat (i32.add (local.get $n) (i32.const 100))))
    (local.set $d (struct.new $s (i32.add (local.get $n) (i32.const 9))))
    (i32.add (local.get $n) (i32.const 1))
    (block $done (result i32)
      (block $all
        (block $ref (result exnref)
          (block $many (result i64 v128 f32 (ref null $s) f64)
            (block $i (result i32)
              (try_table (catch $many $many) (catch_ref $none $ref)
                (try_table (catch $i $i) (catch $many $many)
                  (local.set $e (f32.const 1))
                  (call $thrower (local.get $n))
                  (local.set $e (f32.const 2)))
                (call $thrower (i32.add (local.get $n) (i32.const 3)))
                (local.set $a (i64.const 1)))
              (br $all))
            (br $done))
          (i32.trunc_f64_u) (local.set $n)
          (struct.get $s 0) (local.get $n) (i32.add) (local.set $n)
          (i32.trunc_f32_u) (local.get $n) (i32.add) (local.set $n)
          (i32x4.extract_lane 2) (local.get $n) (i32.add) (local.set $n)
          (i32.wrap_i64) (local.get $n) (i32.add) (br $done))
        (local.set $r)
        (br $done (i32.add (i32.const 40)
          (block $again (result i32)
            (block $none
              (try_table (catch $i $again) (catch_all $none) (throw_ref (local.get $r))))
            (i32.const 2)))))
      (i32.const 1000))
    (i32.add) (i32.add (i32.wrap_i64 (local.get $a)))
    (i32.add (i32.trunc_f64_u (local.get $b)))
    (i32.add (i32x4.extract_lane 1 (local.get $c)))
    (i32.add (struct.get $s 0 (local.get $d)))
    (i32.add (i32.trunc_f32_u (local.get $e))))
  (func (export "sum") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3))
        (block $h (result i32)
          (try_table (result i32) (catch $i $h) (call $holder (local.get $i))))))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum))
  ;; A loop made of nothing but exceptions, which it throws itself.
  (func (export "own") (param $n i32) (result i32) (local $sum i32)
    (i32.const 0)
    (loop $l (param i32)
      (local.set $sum (i32.add (local.get $sum)))
      (if (i32.eqz (local.get $n)) (then (return (local.get $sum))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (try_table (catch $i $l) (throw $i (local.get $n))))
    (unreachable))
  (func $tail (param i32) (return_call $thrower (local.get 0)))
  (func (export "tails") (param $n i32) (result i32) (local $i i32) (local $sum i64)
    (loop $l
      (block $next
        (block $ref (result i32 exnref)
          (try_table (catch_ref $i $ref) (catch_all $next) (call $tail (local.get $i)))
          (br $next))
        (drop) (i64.extend_i32_u) (i64.add (local.get $sum)) (local.set $sum))
      (local.set $sum (i64.mul (local.get $sum) (i64.const 3)))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.wrap_i64 (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 32)))))
  (func $both (param i32 i32) (result i32)
    (block $all
      (try_table (catch_all $all) (call $thrower (local.get 0)) (return (i32.const 1)))
      (unreachable))
    (i32.add (i32.const 2)
      (block $i (result i32)
        (try_table (catch $i $i) (call $thrower (local.get 1))) (i32.const 3))))
  (func (export "through") (param i32) (result i32)
    (call $both (local.get 0) (i32.add (local.get 0) (i32.const 2))))
  (func (export "endless") (param i32) (result i32)
    (loop $l (try_table (catch_all $l) (throw $none)))
    (unreachable))
  (func (export "endless_calls") (param i32) (result i32)
    (loop $l (try_table (catch_all $l) (call $thrower (i32.const 3))))
    (unreachable))
  (func (export "null") (param i32) (result i32)
    (block $b (try_table (catch_all $b) (throw_ref (ref.null exn)))) (i32.const 1))
  (func (export "watch_at") (param i32) (result i32) (global.set $watched (local.get 0)) (i32.const 0))
  (func (export "reset") (param i32) (result i32) (call $unwatch) (i32.const 0)))"#;

const EXPORTS: [&str; 6] = ["holder", "sum", "own", "tails", "through", "null"];

fn guest(config: &Config, log: &Shared<(u32, u32)>) -> Guest {
    Guest::configured(config, CATCHES, |linker| {
        define_watch(linker, log);
        let throw = |mut caller: Caller<'_, ()>, n: i32| {
            let thrower = caller.get_export("thrower").and_then(|e| e.into_func());
            let args = [Val::I32(n / 5 * 5 + 1)];
            call(&mut caller, thrower.expect("an export"), &args).map(|_| ())
        };
        linker.func_wrap("h", "throw", throw).expect("a new name");
    })
}

/// Each export with some arguments, and how that ended.
fn calls(guest: &mut Guest, n: i32) -> Vec<String> {
    let mut ends = Vec::new();
    for export in EXPORTS {
        for at in [0, 1, 2, 3, 4, 6, n] {
            let outcome = guest.call(export, &[Val::I32(at)]);
            ends.push(format!("{export} {at}: {}", end(&guest.store, outcome)));
        }
    }
    ends
}

#[test]
fn values_are_as_they_were() {
    for fuel in [false, true] {
        for zeal in [false, true] {
            agree(|config| {
                let mut config = config.clone();
                config
                    .max_stack_bytes(16 << 10)
                    .count_fuel(fuel)
                    .gc_zeal(zeal);
                let mut guest = guest(&config, &Shared::default());
                let ends = calls(&mut guest, if zeal { 40 } else { 700 });
                (ends, guest.store.fuel_consumed() * u64::from(fuel))
            });
        }
    }
}

/// Compiled frames catch without leaving compiled code, however often.
#[test]
fn compiled_frames_stay_compiled() {
    for (name, config) in all().filter(|(name, _)| compiles(name)) {
        let mut guest = guest(&config, &Shared::default());
        calls(&mut guest, 20);
        let before = guest.store.tier_stats().takeovers;
        let ends = calls(&mut guest, 10_000);
        assert_eq!(guest.store.tier_stats().takeovers, before, "{name}");
        assert!(ends[0].starts_with("holder 0: I32("), "{}", ends[0]);
    }
}

/// The thrower has what catches watched before it throws: those frames go on in the interpreter.
#[test]
fn watched_while_it_throws() {
    for at in [3, 7, 11] {
        let (watched, plain, fires) = agree(|config| {
            let log = Shared::default();
            let mut guest = guest(config, &log);
            let (mut watched, mut plain) = (Vec::new(), Vec::new());
            for round in 0..4 {
                let stop = if round % 2 == 0 { at } else { -1 };
                guest.call_i32("watch_at", &[stop]).expect("no trap");
                let ends = calls(&mut guest, 20);
                guest.call_i32("reset", &[0]).expect("no trap");
                if round % 2 == 0 {
                    watched.push(ends)
                } else {
                    plain.push(ends)
                }
            }
            (watched, plain, log.take())
        });
        assert_eq!(watched, plain);
        assert!(fires.len() > 50);
    }
}

/// Entries and exits, and why, of each function in turn and of all.
#[test]
fn entries_and_exits_pair() {
    let functions = ["thrower", "holder", "sum", "own", "tails", "through"];
    let watched: Vec<&[&str]> = functions.chunks(1).chain([&functions[..]]).collect();
    for exports in watched {
        for every in [false, true] {
            agree(|config| {
                let mut guest = guest(config, &Shared::default());
                let log = Shared::default();
                for export in exports {
                    let mut sites = vec![Site::Entry, Site::Exit];
                    if every {
                        let operators = guest.operators(export);
                        sites.extend(operators.iter().map(|(pc, _)| Site::Before(*pc)));
                    }
                    for site in sites {
                        let log = log.clone();
                        let probe = Probe::call(move |ctx| {
                            log.push((ctx.func_index(), ctx.pc(), ctx.exit_reason()));
                            Ok(())
                        });
                        guest.insert(export, site, probe);
                    }
                }
                (calls(&mut guest, 12), log.take())
            });
        }
    }
}

#[test]
fn limits_of_fuel() {
    let mut ended = 0;
    for limit in (0..1500).step_by(11).chain([1 << 40]) {
        let (ends, _) = agree(|config| {
            let mut guest = guest(config, &Shared::default());
            guest.store.set_fuel_limit(Some(limit));
            let mut ends = Vec::new();
            for export in ["sum", "own", "tails"] {
                let outcome = guest.call(export, &[Val::I32(12)]);
                let code = outcome.as_ref().err().map(trap_code_of);
                ends.push((code, outcome.ok().map(|v| format!("{v:?}"))));
            }
            (ends, guest.store.fuel_consumed())
        });
        ended += u32::from(ends[0].0 == Some(TrapCode::OutOfFuel));
    }
    assert!(ended > 30);
}

#[test]
fn loops_of_exceptions_are_interrupted() {
    for (name, config) in all().chain([("auto", crate::ways::auto())]) {
        for export in ["endless", "endless_calls"] {
            let mut guest = guest(&config, &Shared::default());
            let handle = guest.store.interrupt_handle();
            let interrupter = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(30));
                handle.interrupt(TrapCode::Timeout);
            });
            let error = guest
                .call(export, &[Val::I32(0)])
                .expect_err("it is endless");
            interrupter.join().expect("no panic");
            assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name} {export}");
        }
    }
}
