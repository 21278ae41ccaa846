//! The frames that a probe sees are the same however each of them is executed: interpreted and
//! compiled ones in turn, with host functions between. Locals that are not used any more are not kept in
//! compiled frames, so that all of these are used after the call.

use probity_engine::{Caller, Config, ExternRef, Linker, Val};

use crate::guest::{Count, Guest, Shared, call, i32_of};
use crate::ways::{agree, all, compiles, end, show};

const MIXED: &str = r#"(module
  (import "h" "again" (func $again (param i32 externref) (result i32)))
  (type $pair (struct (field i32) (field f32)))
  (func $watched (export "watched") (param $n i32) (param $x externref) (result i32)
    (local $v v128)
    (local.set $v (i64x2.splat (i64.extend_i32_s (local.get $n))))
    nop
    (i32.const 100)
    (call $compiled (local.get $n) (f64.const 1.5) (local.get $x))
    i32.add
    (i32.add (i32x4.extract_lane 2 (local.get $v)))
    (i32.add (local.get $n)))
  (func $compiled (export "compiled") (param $n i32) (param $d f64) (param $x externref) (result i32)
    (local $p anyref) (local $f f32) (local $c i64)
    (local.set $p (struct.new $pair (local.get $n) (f32.const 2.5)))
    (local.set $f (f32.convert_i32_s (local.get $n)))
    (local.set $c (i64.const -5))
    (v128.const i64x2 7 8)
    (f32.const -0.5)
    (local.get $p)
    (local.get $x)
    (if (result i32) (i32.eqz (local.get $n))
      (then (call $leaf (i64.const 9)))
      (else (call $again (i32.sub (local.get $n) (i32.const 1)) (local.get $x))))
    (i32.add (ref.is_null))
    (i32.add (struct.get $pair 0 (ref.cast (ref $pair) (local.get $p))))
    (i32.add (i32.trunc_f32_s (local.get $f)))
    (i32.add (i32.trunc_f64_s (local.get $d)))
    (i32.add (i32.wrap_i64 (local.get $c)))
    (local.set $n)
    drop
    (local.set $f)
    (i32.add (i32x4.extract_lane 0) (local.get $n))
    (i32.add (i32.trunc_f32_s (local.get $f)))
    (i32.add (ref.is_null (local.get $x))))
  (func $leaf (export "leaf") (param i64) (result i32) nop (i32.wrap_i64 (local.get 0))))"#;

fn guest(config: &Config) -> Guest {
    // The operand stack of an `i32.add` cannot hold a reference: the module is fixed up here.
    let wat = MIXED.replace(
        "    (i32.add (ref.is_null))\n",
        "    (i32.add (local.get $n))\n    (local.set $n)\n    drop\n    (local.get $n)\n",
    );
    let wat = wat.replace(
        "    (local.set $n)\n    drop\n    (local.set $f)\n    (i32.add (i32x4.extract_lane 0) (local.get $n))\n",
        "    (local.set $n)\n    drop\n    (local.set $f)\n    i32x4.extract_lane 0\n    (i32.add (local.get $n))\n",
    );
    Guest::configured(config, &wat, |linker: &mut Linker<()>| {
        linker
            .func_wrap(
                "h",
                "again",
                |mut caller: Caller<'_, ()>, n: i32, x: Option<ExternRef>| {
                    let watched = caller.get_export("watched").and_then(|e| e.into_func());
                    let watched = watched.expect("an export");
                    let found = call(&mut caller, watched, &[Val::I32(n), Val::ExternRef(x)])?;
                    Ok::<i32, probity_engine::Error>(crate::guest::i32_of(&found[0]))
                },
            )
            .expect("a new name");
    })
}

#[test]
fn all_values_of_all_frames_through_mixed_stacks() {
    let (_, frames) = agree(|config| {
        let mut guest = guest(config);
        let log = Shared::<String>::default();
        let sink = log.clone();
        guest.before("leaf", "Nop", 0, move |ctx| {
            for level in 0..ctx.depth() {
                let frame = ctx.frame_at(level).expect("in range");
                let (func, pc) = (frame.func_index(), frame.pc().0);
                let locals: Vec<_> = (0..frame.num_locals()).map(|i| frame.local(i)).collect();
                let operands: Vec<_> = (0..frame.num_operands())
                    .map(|i| frame.operand(i))
                    .collect();
                drop(frame);
                let shown = |values: Vec<Option<Val>>| -> Vec<String> {
                    values.iter().flatten().map(|v| show(ctx, v)).collect()
                };
                let (locals, operands) = (shown(locals), shown(operands));
                sink.push(format!("{func} at {pc}: {locals:?} {operands:?}"));
            }
            Ok(())
        });
        // Probed, so interpreted; its callee is not.
        guest.before("watched", "Nop", 0, |_| Ok(()));
        let x = ExternRef::new(&mut guest.store, 77_u32);
        let mut ends = Vec::new();
        for n in [0, 1, 5] {
            let args = [Val::I32(n), Val::ExternRef(Some(x.clone()))];
            let outcome = guest.call("watched", &args);
            ends.push(end(&guest.store, outcome));
        }
        (ends, log.take())
    });
    assert_eq!(frames.len(), (1 + 2) + (1 + 4) + (1 + 12));
    assert!(frames[1].contains("extern Some(77)"), "{}", frames[1]);
}

/// The backtrace of an error that a host function gives at the bottom.
#[test]
fn backtraces_through_mixed_stacks() {
    let wat = r#"(module
      (import "h" "fail" (func $fail (param i32)))
      (func $even (export "even") (param i32)
        (if (i32.eqz (local.get 0)) (then (call $fail (local.get 0)) (return)))
        nop
        (call $odd (i32.sub (local.get 0) (i32.const 1))))
      (func $odd (export "odd") (param i32) (local i64)
        (local.set 1 (i64.const 4))
        (call $even (i32.sub (local.get 0) (i32.const 1)))
        (drop (local.get 1))))"#;
    let text = agree(|config| {
        let mut guest = Guest::configured(config, wat, |linker| {
            linker
                .func_wrap("h", "fail", |_: Caller<'_, ()>, _: i32| {
                    Err::<(), _>(probity_engine::Error::host(std::fmt::Error))
                })
                .expect("a new name");
        });
        let mut texts = Vec::new();
        let outcome = guest.call("even", &[Val::I32(8)]);
        texts.push(end(&guest.store, outcome));
        let count = Count::default();
        let id = guest.before("even", "Nop", 0, {
            let count = count.clone();
            move |_| {
                count.up();
                Ok(())
            }
        });
        let outcome = guest.call("even", &[Val::I32(8)]);
        texts.push(end(&guest.store, outcome));
        assert_eq!(count.get(), 4);
        assert!(guest.store.probes().remove(id));
        let outcome = guest.call("even", &[Val::I32(8)]);
        texts.push(end(&guest.store, outcome));
        texts
    });
    assert_eq!(text[0], text[1]);
    assert_eq!(text[0], text[2]);
    assert_eq!(text[0].lines().count(), 1 + 9);
}

/// Ruling R5: what a caller was compiled without is said to be missing, and is there if all is kept.
#[test]
fn a_dead_local_of_a_caller_is_optimised_out() {
    let wat = r#"(module
      (func $g (export "g") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func (export "f") (param $dead i32) (param $live i32) (result i32)
        (call $g (local.get $dead))
        (i32.add (local.get $live))))"#;
    for keep in [false, true] {
        for (name, mut config) in all() {
            config.keep_locals(keep);
            let mut guest = Guest::configured(&config, wat, |_| {});
            // Compiled before anyone watches.
            assert_eq!(guest.call_i32("f", &[1, 2]).expect("no trap"), 4);
            let log = Shared::<(bool, Option<i32>, Option<i32>)>::default();
            let sink = log.clone();
            guest.before("g", "LocalGet", 0, move |ctx| {
                let caller = ctx.frame_at(1).expect("a caller");
                let read = |i| caller.local(i).map(|v| i32_of(&v));
                sink.push((caller.is_optimised_out(0), read(0), read(1)));
                Ok(())
            });
            assert_eq!(guest.call_i32("f", &[5, 6]).expect("no trap"), 12);
            let (lost, dead, live) = log.take()[0];
            assert_eq!(live, Some(6), "{name}");
            assert_eq!(dead, (!lost).then_some(5), "{name}");
            if compiles(name) {
                assert_eq!(lost, !keep, "{name}");
            }
            if name == "interp" {
                assert!(!lost);
            }
        }
    }
}

/// Ruling R5: where all is kept, a trap shows every local as it was, in watched functions and others.
#[test]
fn locals_are_there_at_a_trap_if_all_are_kept() {
    // In the fifth round, which is the one that divides by zero: 10 + 9 + 8 + 7 rounds have been added up.
    let wat = r#"(module
      (func (export "f") (param $n i32) (param $unused f64) (result i32) (local $sum i64) (local $x i32)
        (loop $l
          (local.set $x (i32.sub (local.get $n) (i32.const 6)))
          (drop (i32.div_s (i32.const 1) (local.get $x)))
          (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (local.get $n))))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.const 0)))"#;
    for (name, mut config) in all() {
        config.keep_locals(true);
        for watched in [false, true] {
            let mut guest = Guest::configured(&config, wat, |_| {});
            let log = Shared::<Vec<Option<Val>>>::default();
            let sink = log.clone();
            guest.store.probes().on_trap(move |ctx, _| {
                let frame = ctx.frame();
                sink.push((0..frame.num_locals()).map(|i| frame.local(i)).collect());
            });
            if watched {
                guest.before("f", "Loop", 0, |_| Ok(()));
            }
            let args = [Val::I32(10), Val::F64(1.5f64.to_bits())];
            assert!(guest.call("f", &args).is_err(), "{name}");
            let seen = format!("{:?}", log.take());
            let expected = [
                Val::I32(6),
                Val::F64(1.5f64.to_bits()),
                Val::I64(34),
                Val::I32(0),
            ];
            let expected = expected.map(Some).to_vec();
            assert_eq!(
                seen,
                format!("{:?}", [expected]),
                "{name}, watched {watched}"
            );
        }
    }
}

/// A frame that has lost a local, and then enters code for a loop that keeps all of them, does not
/// show anything else in its place.
#[test]
fn a_lost_local_stays_lost_in_code_for_a_loop() {
    let wat = r#"(module
      (type $t (func (param i32) (result i32)))
      (elem declare func $inc $dec)
      (func $inc (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func $dec (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
      (func (export "f") (param $n i32) (result i32) (local $f (ref null $t)) (local $s i32)
        (loop $l
          nop
          (local.set $f (select (result (ref null $t)) (ref.func $inc) (ref.func $dec)
            (i32.rem_u (local.get $n) (i32.const 3))))
          (local.set $s (call_ref $t (local.get $s) (local.get $f)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $s)))"#;
    for (name, config) in all() {
        let nulls = Shared::<Option<bool>>::default();
        let sink = nulls.clone();
        let mut guest = Guest::configured(&config, wat, |_| {});
        let (f, nop) = (guest.func("f"), guest.pc("f", "Nop", 0));
        guest.store.probes().on_first_call(move |probes, func| {
            let (_, index) = probes.module_of(func).expect("a Wasm function");
            if index != 1 {
                return;
            }
            let sink = sink.clone();
            let probe = probity_engine::hook::Probe::call(move |ctx| {
                let local = ctx.frame().local(1);
                sink.push(local.map(|local| matches!(local, Val::FuncRef(None))));
                Ok(())
            });
            let site = probity_engine::hook::Site::Before(nop);
            probes.insert(f, site, probe).expect("a site");
        });
        assert_eq!(guest.call_i32("f", &[5]).expect("no trap"), 3, "{name}");
        // The two rounds behind that in which `$dec` is called.
        let nulls = nulls.take();
        assert_eq!(nulls.len(), 2, "{name}");
        assert!(!nulls.contains(&Some(true)), "{name}: {nulls:?}");
    }
}
