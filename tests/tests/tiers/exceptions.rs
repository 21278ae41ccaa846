//! Exceptions that pass compiled and interpreted frames, instances and host functions, and are caught
//! in either kind of frame.

use probity_engine::hook::Site;
use probity_engine::{Caller, Config, Engine, Linker, Module, Store, Val};

use crate::guest::{Count, Guest, call, i32_of};
use crate::ways::{agree, end};

const THROWS: &str = r#"(module
  (import "h" "again" (func $again (param i32) (result i32)))
  (tag $t (param i32 f64)) (tag $u)
  (global $n (mut i32) (i32.const 0))
  (func $leaf (export "leaf") (param i32)
    (if (i32.and (local.get 0) (i32.const 1))
      (then (throw $t (local.get 0) (f64.const 2.5))))
    (if (i32.and (local.get 0) (i32.const 2)) (then (throw $u)))
    (global.set $n (i32.add (global.get $n) (local.get 0))))
  (func $middle (export "middle") (param i32) (local v128)
    (local.set 1 (i32x4.splat (local.get 0)))
    (call $leaf (local.get 0))
    (global.set $n (i32.add (global.get $n) (i32x4.extract_lane 3 (local.get 1)))))
  ;; Catches `t`, with values of its own in use before and after.
  (func $catch (export "catch") (param i32) (result i32) (local $k i64) (local $f f32)
    (local.set $k (i64.extend_i32_s (i32.mul (local.get 0) (i32.const 3))))
    (local.set $f (f32.const 0.25))
    (i32.const 1000)
    (block $b (result i32 f64)
      (try_table (catch $t $b)
        (call $middle (local.get 0))
        (local.set $f (f32.const 8)))
      (i32.const -1) (f64.const 0))
    i32.trunc_f64_s
    i32.add
    i32.add
    (i32.add (i32.wrap_i64 (local.get $k)))
    (i32.add (i32.trunc_f32_s (f32.mul (local.get $f) (f32.const 4)))))
  (func $all (export "all") (param i32) (result i32)
    (block $b (try_table (catch_all $b) (return (call $catch (local.get 0)))))
    (i32.const -7))
  (func (export "loop") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (call $all (local.get $i))))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum))
  (func (export "through_host") (param i32) (result i32)
    (block $b (result i32 f64)
      (try_table (catch $t $b) (return (call $again (local.get 0))))
      (unreachable))
    i32.trunc_f64_s i32.add)
  (func (export "rethrow") (param i32) (result i32)
    (block $o (result i32 f64)
      (try_table (catch $t $o)
        (block $r (result exnref)
          (try_table (catch_all_ref $r) (call $middle (local.get 0)) (return (i32.const 1)))
          (unreachable))
        throw_ref)
      (unreachable))
    i32.trunc_f64_s (i32.add (i32.const 50)) i32.mul)
  (func (export "thrown_at") (param $depth i32) (param $n i32) (result i32)
    (if (i32.eqz (local.get $depth)) (then (call $middle (local.get $n)) (return (i32.const 0))))
    (i32.add (i32.const 1)
      (call 9 (i32.sub (local.get $depth) (i32.const 1)) (local.get $n))))
  (func (export "deep") (param i32 i32) (result i32)
    (block $b (result i32 f64)
      (try_table (catch $t $b) (return (call 9 (local.get 0) (local.get 1))))
      (unreachable))
    drop)
  (func (export "n") (result i32) (global.get $n)))"#;

fn guest(config: &Config) -> Guest {
    Guest::configured(config, THROWS, |linker| {
        linker
            .func_wrap("h", "again", |mut caller: Caller<'_, ()>, n: i32| {
                let catch = caller.get_export("rethrow").and_then(|e| e.into_func());
                let leaf = caller.get_export("middle").and_then(|e| e.into_func());
                call(&mut caller, leaf.expect("an export"), &[Val::I32(n)])?;
                let found = call(&mut caller, catch.expect("an export"), &[Val::I32(n)])?;
                Ok::<i32, probity_engine::Error>(i32_of(&found[0]))
            })
            .expect("a new name");
    })
}

const CALLS: [(&str, &[i32]); 8] = [
    ("catch", &[4]),
    ("catch", &[5]),
    ("catch", &[6]),
    ("all", &[2]),
    ("loop", &[20]),
    ("through_host", &[4]),
    ("through_host", &[5]),
    ("rethrow", &[3]),
];

/// Each call twice, so that everything is compiled that will be.
fn calls(guest: &mut Guest) -> Vec<String> {
    let mut ends = Vec::new();
    for (export, args) in CALLS.iter().chain(&CALLS) {
        let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
        let outcome = guest.call(export, &args);
        ends.push(format!("{export}: {}", end(&guest.store, outcome)));
    }
    ends.push(guest.call_i32("n", &[]).expect("no trap").to_string());
    ends
}

#[test]
fn nothing_is_watched() {
    agree(|config| calls(&mut guest(config)));
}

/// One function is interpreted, since it is watched; the others are not.
#[test]
fn each_function_in_turn_is_interpreted() {
    let plain = calls(&mut guest(&Config::new()));
    for export in [
        "leaf",
        "middle",
        "catch",
        "all",
        "loop",
        "through_host",
        "rethrow",
    ] {
        agree(|config| {
            let mut guest = guest(config);
            let count = Count::default();
            for site in [Site::Entry, Site::Exit] {
                guest.insert(export, site, count.probe());
            }
            assert_eq!(calls(&mut guest), plain, "{export}");
            count.get()
        });
    }
}

#[test]
fn thrown_through_five_thousand_frames() {
    agree(|config| {
        let mut guest = guest(config);
        let mut ends = Vec::new();
        for n in [0, 5, 5, 6, 5] {
            let outcome = guest.call("deep", &[Val::I32(5000), Val::I32(n)]);
            ends.push(end(&guest.store, outcome));
        }
        ends
    });
}

/// Thrown in one instance, caught in another, whichever of the two is watched.
#[test]
fn thrown_in_another_instance() {
    let inner = r#"(module (tag $t (export "t") (param i64))
      (func $throw (param i64) (throw $t (local.get 0)))
      (func (export "f") (param i64) (result i64)
        (if (i64.gt_s (local.get 0) (i64.const 3)) (then (call $throw (local.get 0))))
        (i64.add (local.get 0) (i64.const 1))))"#;
    let outer = r#"(module
      (import "inner" "t" (tag $t (param i64)))
      (import "inner" "f" (func $f (param i64) (result i64)))
      (func $call (param i64) (result i64) (i64.mul (call $f (local.get 0)) (i64.const 10)))
      (func (export "run") (param i64) (result i64) (local $i i64) (local $sum i64)
        (loop $l
          (block $b (result i64)
            (try_table (result i64) (catch $t $b) (call $call (local.get $i))))
          (local.set $sum (i64.add (local.get $sum)))
          (br_if $l (i64.lt_s
            (local.tee $i (i64.add (local.get $i) (i64.const 1))) (local.get 0))))
        (local.get $sum)))"#;
    for watched in ["none", "inner", "outer"] {
        agree(|config| {
            let engine = Engine::new(config);
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new(&engine);
            let module = Module::new(&engine, inner).expect("it loads");
            let inner = linker.instantiate(&mut store, &module).expect("it links");
            linker
                .instance(&mut store, "inner", inner)
                .expect("new names");
            let module = Module::new(&engine, outer).expect("it loads");
            let outer = linker.instantiate(&mut store, &module).expect("it links");
            let run = outer.get_func(&store, "run").expect("exported");
            let f = inner.get_func(&store, "f").expect("exported");
            let count = Count::default();
            let func = if watched == "inner" { f } else { run };
            if watched != "none" {
                for site in [Site::Entry, Site::Exit] {
                    store
                        .probes()
                        .insert(func, site, count.probe())
                        .expect("a site");
                }
            }
            let mut ends = Vec::new();
            for _ in 0..3 {
                let outcome = call(&mut store, run, &[Val::I64(9)]);
                ends.push(end(&store, outcome));
            }
            (ends, count.get())
        });
    }
}
