//! Depth: the stack overflows after as many calls in every tier, and tail calls need no stack.

use probity_engine::{Config, Engine, Linker, Module, Store, Val};

use crate::guest::{Count, Guest, call, i32_of};
use crate::ways::{agree, end};

const RECURSIONS: &str = r#"(module
  (global $n (mut i32) (i32.const 0))
  (table 3 funcref) (elem (i32.const 0) $indirect $pong)
  (type $v (func))
  (elem declare func $ref)
  (func $count (global.set $n (i32.add (global.get $n) (i32.const 1))))
  (func $direct (export "direct") (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (call $direct))
  (func $helper (export "helper") (call $count) (call $helper))
  (func $indirect (export "indirect") (call $count) (call_indirect (i32.const 0)))
  (func $ref (export "ref") (call $count) (call_ref $v (ref.func $ref)))
  (func $ping (export "ping") (call $count) (call_indirect (param i64) (i64.const 1) (i32.const 1)))
  (func $pong (param i64) (local v128 v128) (call $count) (call $ping))
  (func $tree (export "tree") (result i32) (call $count) (i32.add (call $tree) (call $tree)))
  (func $loop (export "loop") (call $count) (loop (call $loop) (br 0)))
  (func $large (export "large") (local v128 v128 v128 v128 v128 v128 v128 v128)
    (local.set 0 (v128.load (i32.const 0)))
    (call $count) (call $large) (v128.store (i32.const 0) (local.get 0)))
  (func $results (export "results") (result i32 i64 v128 f32 f64) (call $count) (call $results))
  (func $args (export "args") (param i32) (result i32)
    (call $count)
    (i32.const 1) (i32.const 2) (i32.const 3)
    (call $args (local.get 0))
    i32.add i32.add i32.add)
  (memory 1)
  (func (export "n") (result i32) (global.get $n) (global.set $n (i32.const 0))))"#;

const KINDS: [&str; 10] = [
    "direct", "helper", "indirect", "ref", "ping", "tree", "loop", "large", "results", "args",
];

fn depths(config: &Config, watched: &[&str]) -> Vec<(&'static str, i32, usize, usize)> {
    let mut depths = Vec::new();
    for kind in KINDS {
        let mut guest = Guest::configured(config, RECURSIONS, |_| {});
        for export in watched {
            guest.before(export, "GlobalGet", 0, |_| Ok(()));
        }
        for _ in 0..2 {
            let args: &[Val] = if kind == "args" { &[Val::I32(1)] } else { &[] };
            let outcome = guest.call(kind, args);
            let frames = outcome.as_ref().err().map_or(0, |e| e.backtrace().len());
            let text = end(&guest.store, outcome);
            assert!(text.starts_with("StackOverflow"), "{kind}: {text}");
            let n = guest.call_i32("n", &[]).expect("no trap");
            depths.push((kind, n, frames, text.len()));
        }
    }
    depths
}

#[test]
fn the_stack_overflows_at_the_same_depth() {
    for bytes in [64 << 10, 1 << 20] {
        agree(|config| {
            let mut config = config.clone();
            config.max_stack_bytes(bytes);
            depths(&config, &[])
        });
    }
}

/// Every function is interpreted because of a probe, or some.
#[test]
fn the_stack_overflows_at_the_same_depth_in_mixed_stacks() {
    let depth = |config: &Config, watched: Option<&str>| {
        let mut config = config.clone();
        config.max_stack_bytes(256 << 10);
        let mut guest = Guest::configured(&config, RECURSIONS, |_| {});
        if let Some(watched) = watched {
            let (pc, _) = guest.operators(watched)[0];
            let site = probity_engine::hook::Site::Before(pc);
            guest.insert(watched, site, Count::default().probe());
        }
        let mut ends = Vec::new();
        for kind in ["ping", "helper", "ping"] {
            let outcome = guest.call(kind, &[]);
            ends.push((
                end(&guest.store, outcome),
                guest.call_i32("n", &[]).expect("no trap"),
            ));
        }
        ends
    };
    let plain = depth(&Config::new(), None);
    for watched in [None, Some("ping"), Some("helper")] {
        assert!(
            agree(|config| depth(config, watched)) == plain,
            "{watched:?}"
        );
    }
}

const TAILS: &str = r#"(module
  (type $n (func (param i32 i64) (result i64)))
  (table 1 funcref) (elem (i32.const 0) $indirect)
  (elem declare func $ref)
  (func $self (export "self") (type $n)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $self (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 3))))
  (func $even (export "even") (type $n)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $odd (f64.const 1) (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (v128.const i64x2 1 2)))
  (func $odd (export "odd") (param f64 i32 i64 v128) (result i64) (local v128 v128)
    (if (i32.eqz (local.get 1)) (then (return (local.get 2))))
    (return_call $even (i32.sub (local.get 1) (i32.const 1))
      (i64.add (local.get 2) (i64.trunc_f64_s (local.get 0)))))
  (func $indirect (export "indirect") (type $n)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (i32.const 0)))
  (func $ref (export "ref") (type $n)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_ref $n (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (ref.func $ref)))
  (func (export "called") (type $n)
    (i64.add (i64.const 5) (call $even (local.get 0) (local.get 1)))))"#;

/// A million tail calls in a stack for some hundred frames, whichever function is interpreted.
#[test]
fn a_million_tail_calls() {
    for watched in [None, Some("even"), Some("odd"), Some("self")] {
        agree(|config| {
            let mut config = config.clone();
            config.max_stack_bytes(32 << 10);
            let mut guest = Guest::configured(&config, TAILS, |_| {});
            let count = Count::default();
            if let Some(watched) = watched {
                let pc = guest.pc(watched, "If", 0);
                guest.insert(
                    watched,
                    probity_engine::hook::Site::Before(pc),
                    count.probe(),
                );
            }
            let mut ends = Vec::new();
            let n = if watched.is_none() { 1_000_000 } else { 20_000 };
            for kind in ["self", "even", "indirect", "ref", "called"] {
                let outcome = guest.call(kind, &[Val::I32(n), Val::I64(7)]);
                ends.push(end(&guest.store, outcome));
            }
            (ends, count.get())
        });
    }
}

/// Between two instances: each tail call leaves one for the other.
#[test]
fn tail_calls_between_instances() {
    let one = r#"(module (table (export "t") 2 funcref)
      (type $n (func (param i32) (result i32)))
      (func $f (export "f") (type $n)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 11))))
        (return_call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
      (elem (i32.const 0) $f))"#;
    let two = r#"(module (import "one" "t" (table 2 funcref))
      (type $n (func (param i32) (result i32)))
      (func $g (export "g") (type $n) (local v128 i64)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 22))))
        (return_call_indirect (type $n) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
      (elem (i32.const 1) $g))"#;
    agree(|config| {
        let mut config = config.clone();
        config.max_stack_bytes(32 << 10);
        let engine = Engine::new(&config);
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let module = Module::new(&engine, one).expect("it loads");
        let one = linker.instantiate(&mut store, &module).expect("it links");
        linker.instance(&mut store, "one", one).expect("new names");
        let module = Module::new(&engine, two).expect("it loads");
        linker.instantiate(&mut store, &module).expect("it links");
        let f = one.get_func(&store, "f").expect("exported");
        let mut found = Vec::new();
        for n in [300_000, 300_001] {
            found.push(i32_of(
                &call(&mut store, f, &[Val::I32(n)]).expect("no trap")[0],
            ));
        }
        found
    });
}
