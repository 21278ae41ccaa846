//! A frame whose loop turns out to be hot goes on in compiled code, while it runs.

use probity_engine::Val;

use crate::guest::{Guest, i32_of};
use crate::ways::{agree, auto, end};

const LONG: &str = r#"(module
  (memory 1)
  (func (export "run") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $l
      (local.set $s (i32.xor (i32.rotl (local.get $s) (i32.const 3)) (local.get $i)))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $s))
  (func (export "run_f64") (param $n i32) (result f64) (local $i i32) (local $s f64) (local $v v128)
    (local.set $s (f64.const 0.5))
    (local.set $v (v128.const i32x4 1 2 3 4))
    (loop $o
      (loop $l
        (local.set $s (f64.add (local.get $s) (f64.convert_i32_s (local.get $i))))
        (local.set $v (i32x4.add (local.get $v) (v128.const i32x4 1 2 3 4)))
        (v128.store (i32.const 16) (local.get $v))
        (br_if $l (i32.rem_u
          (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
      (br_if $o (i32.lt_u (local.get $i) (local.get $n))))
    (f64.add (local.get $s) (f64.convert_i32_s (i32.load (i32.const 20)))))
  (func (export "several") (param $n i32) (result i32 i64) (local $i i32)
    (i32.const 3)
    (i64.const 4)
    (loop $l (param i32 i64) (result i32 i64)
      (i64.add (i64.extend_i32_s (local.get $i)))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))
  (func (export "below") (param $n i32) (result i64) (local $i i32)
    (i32.const 11)
    (i64.const 13)
    (block $out (result i64)
      (i64.extend_i32_u (local.get $n))
      (loop $l (result i64)
        (if (i32.and (local.get $i) (i32.const 1))
          (then (local.set $i (i32.add (local.get $i) (i32.const 3))))
          (else
            (i32.const 5)
            (block (br_if 0 (i32.and (local.get $i) (i32.const 2))))
            (local.set $i (i32.add (local.get $i)))))
        (br_if $l (i32.lt_u (local.get $i) (local.get $n)))
        (i64.extend_i32_u (local.get $i)))
      (br_if $out (local.get $i))
      i64.mul)
    i64.add
    (if (result i64) (i32.eqz (local.get $i))
      (then (i64.const 1))
      (else (i64.extend_i32_u (local.get $i))))
    i64.sub
    (i32.store (i32.const 8) (local.get $i))
    (i64.add (i64.extend_i32_u (local.get $n)))
    (local.set $i (i32.wrap_i64))
    (local.set $i (i32.add (local.get $i)))
    (i64.add (i64.load (i32.const 8)) (i64.extend_i32_u (local.get $i))))
  (func (export "caller") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (call 0 (i32.const 100))))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $s)))"#;

/// One call, of a function that was never called before: only its loop can have been entered.
#[test]
fn one_long_call_gets_into_compiled_code() {
    if !cfg!(all(target_arch = "x86_64", unix)) {
        return;
    }
    // The compiler is another thread, which may have to wait for its turn.
    for millions in [20, 100] {
        let mut guest = Guest::configured(&auto(), LONG, |_| {});
        let found = guest
            .call_i32("run", &[millions * 1_000_000])
            .expect("no trap");
        let stats = guest.store.tier_stats();
        let mut s = 0_u32;
        for i in 0..millions as u32 * 1_000_000 {
            s = s.rotate_left(3) ^ i;
        }
        assert_eq!(found as u32, s);
        if stats.osr_entries > 0 {
            assert_eq!(stats.compiled_entries, 0);
            return;
        }
    }
    panic!("the loop was interpreted to its end");
}

/// What tests with the zeal modes hold is about such entries, too.
#[test]
fn zeal_enters_loops() {
    if !cfg!(all(target_arch = "x86_64", unix)) {
        return;
    }
    for (name, config) in crate::ways::all() {
        let mut guest = Guest::configured(&config, LONG, |_| {});
        guest.call_i32("run", &[1_000_000]).expect("no trap");
        let stats = guest.store.tier_stats();
        match name {
            "osr" => assert!(stats.osr_entries > 0, "{name}: {stats:?}"),
            "jit" | "deopt" => assert!(
                stats.compiled_entries + stats.takeovers > 0,
                "{name}: {stats:?}"
            ),
            "interp" => assert_eq!(stats, Default::default()),
            _ => {}
        }
    }
}

#[test]
fn loops_give_the_same_in_every_tier() {
    for n in [1, 7, 1000, 300_000] {
        agree(|config| {
            let mut guest = Guest::configured(config, LONG, |_| {});
            let mut ends = Vec::new();
            for export in ["run", "run_f64", "several", "run", "several", "below"] {
                let outcome = guest.call(export, &[Val::I32(n)]);
                ends.push(end(&guest.store, outcome));
            }
            let called = guest
                .call("caller", &[Val::I32(n / 100 + 1)])
                .expect("no trap");
            ends.push(i32_of(&called[0]).to_string());
            ends
        });
    }
}

/// Values of a poll up to the number that the native frame takes, and more: all are there where the
/// interpreter goes on.
#[test]
fn loops_with_few_and_many_values() {
    for count in [1, 40, 61, 62, 63, 64, 90] {
        let each = |part: fn(u32) -> String| (1..=count).map(part).collect::<String>();
        let text = format!(
            "(module (func (export \"run\") (param $n i32) (result i64) (local {locals}) {set}
               (loop $l {step}
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
               (i64.const 0) {sum}))",
            locals = "i64 ".repeat(count as usize),
            set = each(|i| format!("(local.set {i} (i64.const {i}))")),
            step = each(|i| format!(
                "(local.set {i} (i64.add (local.get {i}) (i64.const {})))",
                i * i
            )),
            sum = each(|i| format!("local.get {i} i64.add i64.const 3 i64.mul ")),
        );
        agree(|config| {
            let mut guest = Guest::configured(config, &text, |_| {});
            let outcome = guest.call("run", &[Val::I32(200)]);
            end(&guest.store, outcome)
        });
    }
}
