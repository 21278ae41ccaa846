//! Point 5: operators that do not execute, functions that return at once.

use probity_engine::hook::{ExitReason, Probe, ProbeContext, Site};
use probity_engine::{Result, Val};

use super::guest::{Guest, Shared, i32_of};

const SUMS: &str = r#"(module
  (memory 1)
  (global $calls (mut i32) (i32.const 0))
  (func $twice (param i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.mul (local.get 0) (i32.const 2)))
  (func (export "calls") (result i32) (global.get $calls))
  (func (export "load") (result i32) (i32.load (i32.const 8)))
  (func (export "sum") (param i32) (result i32) (local i32)
    loop
      (local.set 1 (i32.add (local.get 1) (call $twice (local.get 0))))
      (i32.store (i32.const 8) (local.get 1))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
    end
    local.get 1)
  (func $fact (export "fact") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (i64.const 1))
      (else (i64.mul (local.get 0) (call $fact (i64.sub (local.get 0) (i64.const 1)))))))
  (func (export "pair") (result i32 v128 f64)
    nop
    (i32.const 1) (v128.const i64x2 2 3) (f64.const 4))
  (func (export "forever") (loop br 0)))"#;

/// A probe for one of its fires, the `at`th.
fn at_fire(
    at: u32,
    mut f: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
) -> Probe {
    let mut fires = 0;
    Probe::call(move |ctx| {
        fires += 1;
        match fires == at {
            true => f(ctx),
            false => Ok(()),
        }
    })
}

#[test]
fn c5_an_operator_is_skipped_once() {
    // The second round's store does not happen; the rest does.
    for round in 1..=4 {
        let mut guest = Guest::new(SUMS);
        let store = guest.pc("sum", "I32Store", 0);
        let probe = at_fire(round, |ctx| ctx.skip(&[]));
        guest.insert("sum", Site::Before(store), probe);
        assert_eq!(guest.call_i32("sum", &[4]).unwrap(), 20, "{round}");
        let last = if round == 4 { 18 } else { 20 };
        assert_eq!(guest.call_i32("load", &[]).unwrap(), last, "{round}");
        assert_eq!(guest.call_i32("sum", &[3]).unwrap(), 12, "{round}");
        assert_eq!(guest.call_i32("load", &[]).unwrap(), 12, "{round}");
    }
}

#[test]
fn c5_a_call_is_replaced() {
    let mut guest = Guest::new(SUMS);
    let call = guest.pc("sum", "Call", 0);
    let log = Shared::default();
    let sink = log.clone();
    let probe = at_fire(2, |ctx| ctx.skip(&[Val::I32(1000)]));
    guest.insert("sum", Site::Before(call), probe);
    // Whoever fires later still sees the argument; behind the call there is the result.
    guest.insert(
        "sum",
        Site::Before(call),
        Probe::call(move |ctx| {
            sink.push(i32_of(ctx.frame().top(0).unwrap()));
            Ok(())
        }),
    );
    let sink = log.clone();
    guest.insert(
        "sum",
        Site::After(call),
        Probe::call(move |ctx| {
            sink.push(i32_of(ctx.frame().top(0).unwrap()));
            Ok(())
        }),
    );
    assert_eq!(guest.call_i32("sum", &[3]).unwrap(), 6 + 1000 + 2);
    assert_eq!(log.take(), [3, 6, 2, 1000, 1, 2]);
    assert_eq!(guest.call_i32("calls", &[]).unwrap(), 2);
}

#[test]
fn c5_a_function_returns_at_once() {
    let mut guest = Guest::new(SUMS);
    let log = Shared::default();
    let store = guest.pc("sum", "I32Store", 0);
    let sink = log.clone();
    guest.insert(
        "sum",
        Site::Exit,
        Probe::call(move |ctx| {
            let result = i32_of(ctx.frame().top(0).unwrap());
            sink.push((ctx.exit_reason().unwrap(), result));
            Ok(())
        }),
    );
    let probe = at_fire(2, |ctx| ctx.return_now(&[Val::I32(-7)]));
    let id = guest.insert("sum", Site::Before(store), probe);
    assert_eq!(guest.call_i32("sum", &[4]).unwrap(), -7);
    // 8, and not 14.
    assert_eq!(guest.call_i32("load", &[]).unwrap(), 8);
    assert_eq!(log.take(), [(ExitReason::Return, -7)]);
    assert_eq!(guest.call_i32("sum", &[4]).unwrap(), 20);
    assert!(guest.store.probes().remove(id));
    assert_eq!(guest.call_i32("sum", &[4]).unwrap(), 20);
    assert_eq!(log.take(), [(ExitReason::Return, 20); 2]);
}

#[test]
fn c5_frames_return_at_entries_and_in_recursion() {
    let mut guest = Guest::new(SUMS);
    // The fourth frame's result is 100 instead of 1 * 0!.
    let probe = at_fire(4, |ctx| ctx.return_now(&[Val::I64(100)]));
    guest.insert("fact", Site::Entry, probe);
    for expected in [4 * 3 * 2 * 100, 24] {
        match guest.call("fact", &[Val::I64(4)]).unwrap()[..] {
            [Val::I64(result)] => assert_eq!(result, expected),
            ref other => panic!("{other:?}"),
        }
    }
}

#[test]
fn c5_values_of_all_widths_are_returned() {
    let mut guest = Guest::new(SUMS);
    let nop = guest.pc("pair", "Nop", 0);
    let ours = [
        Val::I32(-1),
        Val::V128(5 << 64 | 6),
        Val::F64(7.5f64.to_bits()),
    ];
    let values = ours.clone();
    let probe = Probe::call(move |ctx| ctx.return_now(&values)).one_shot();
    guest.insert("pair", Site::Before(nop), probe);
    let bits = |values: &[Val]| values.iter().map(super::guest::bits).collect::<Vec<_>>();
    let results = guest.call("pair", &[]).unwrap();
    assert_eq!(bits(&results), bits(&ours));
    let wide = guest.pc("pair", "V128Const", 0);
    let probe = Probe::call(|ctx| ctx.skip(&[Val::V128(9)])).one_shot();
    guest.insert("pair", Site::Before(wide), probe);
    let results = guest.call("pair", &[]).unwrap();
    assert_eq!(bits(&results)[1], bits(&[Val::V128(9)])[0]);
    let results = guest.call("pair", &[]).unwrap();
    assert_eq!(bits(&results)[1], bits(&[Val::V128(3 << 64 | 2)])[0]);
}

#[test]
fn c5_the_first_that_asks_wins() {
    let mut guest = Guest::new(SUMS);
    let call = guest.pc("sum", "Call", 0);
    let log = Shared::default();
    for value in [1, 2] {
        let sink = log.clone();
        guest.insert(
            "sum",
            Site::Before(call),
            Probe::call(move |ctx| {
                sink.push(ctx.skip(&[Val::I32(value)]).is_ok());
                Ok(())
            }),
        );
    }
    assert_eq!(guest.call_i32("sum", &[3]).unwrap(), 3);
    assert_eq!(log.take(), [true, false].repeat(3));
    assert_eq!(guest.call_i32("calls", &[]).unwrap(), 0);
}

#[test]
fn c5_an_error_of_another_probe_comes_first() {
    let mut guest = Guest::new(SUMS);
    let call = guest.pc("sum", "Call", 0);
    guest.insert(
        "sum",
        Site::Before(call),
        Probe::call(|ctx| ctx.skip(&[Val::I32(1)])),
    );
    let fail = Probe::call(|_| Err(probity_engine::TrapCode::Unreachable.into()));
    let id = guest.insert("sum", Site::Before(call), fail);
    assert!(guest.call_i32("sum", &[3]).is_err());
    assert!(guest.store.probes().remove(id));
    assert_eq!(guest.call_i32("sum", &[3]).unwrap(), 3);
}

#[test]
fn c5_what_cannot_be() {
    let mut guest = Guest::new(SUMS);
    let log = Shared::default();
    let refuses =
        |guest: &mut Guest, export: &str, site: Site, f: fn(&mut ProbeContext<'_>) -> Result<()>| {
            let sink = log.clone();
            let probe = Probe::call(move |ctx| {
                sink.push(f(ctx).unwrap_err().to_string());
                match ctx.depth() {
                    1 if ctx.func_index() == 6 => Err(probity_engine::TrapCode::Unreachable.into()),
                    _ => Ok(()),
                }
            });
            let id = guest.insert(export, site, probe);
            let args: &[Val] = if export == "sum" { &[Val::I32(1)] } else { &[] };
            let outcome = guest.call(export, args);
            assert!(guest.store.probes().remove(id));
            assert_eq!(outcome.is_ok(), export == "sum");
            let mut messages = log.take();
            assert_eq!(messages.len(), 1, "{messages:?}");
            messages.remove(0)
        };
    let call = guest.pc("sum", "Call", 0);
    let br_if = guest.pc("sum", "BrIf", 0);
    let br = guest.pc("forever", "Br", 0);
    let before = Site::Before;
    for (export, site, f, message) in [
        (
            "sum",
            before(call),
            (|ctx| ctx.skip(&[])) as fn(&mut ProbeContext<'_>) -> Result<()>,
            "expected 1 results, found 0",
        ),
        (
            "sum",
            before(call),
            |ctx| ctx.skip(&[Val::I64(1)]),
            "value of type i64 where i32 is expected",
        ),
        (
            "sum",
            before(br_if),
            |ctx| ctx.skip(&[]),
            "cannot be skipped",
        ),
        (
            "sum",
            Site::After(call),
            |ctx| ctx.skip(&[]),
            "only before an operator",
        ),
        ("sum", Site::Entry, |ctx| ctx.skip(&[]), "cannot be skipped"),
        (
            "sum",
            Site::Exit,
            |ctx| ctx.return_now(&[Val::I32(1)]),
            "only before and behind",
        ),
        (
            "sum",
            Site::Entry,
            |ctx| ctx.return_now(&[]),
            "expected 1 results, found 0",
        ),
        (
            "forever",
            before(br),
            |ctx| ctx.return_now(&[]),
            "no place where the function returns",
        ),
    ] {
        let found = refuses(&mut guest, export, site, f);
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn c5_a_frame_that_returns_at_once_has_none_of_the_operands_of_another_return() {
    // The only way out is a `return` with references below the results, which are not on the stack before.
    for (results, constant, values) in [("", "", &[][..]), ("(result i32)", "i32.const 3", &[-7])] {
        let mut guest = Guest::new(&format!(
            r#"(module
              (type $box (struct (field i64)))
              (func $fill (param i64 i64 i64 i64) (result i64)
                (i64.add (i64.add (local.get 0) (local.get 1)) (i64.add (local.get 2) (local.get 3))))
              (func (export "run") {results}
                (drop (call $fill (i64.const 4) (i64.const 20) (i64.const 40) (i64.const 60)))
                nop
                (struct.new $box (i64.const 1))
                (struct.new $box (i64.const 2))
                {constant}
                return))"#
        ));
        let log = Shared::default();
        let sink = log.clone();
        guest.insert(
            "run",
            Site::Exit,
            Probe::call(move |ctx| {
                let frame = ctx.frame();
                let operands = (0..frame.num_operands()).filter_map(|i| frame.operand(i));
                let references = operands.filter_map(|operand| match operand {
                    Val::AnyRef(reference) => Some(reference.is_some()),
                    _ => None,
                });
                sink.push(references.collect::<Vec<bool>>());
                Ok(())
            }),
        );
        let nop = guest.pc("run", "Nop", 0);
        let ours: Vec<Val> = values.iter().map(|&v| Val::I32(v)).collect();
        let probe = at_fire(2, move |ctx| ctx.return_now(&ours));
        guest.insert("run", Site::Before(nop), probe);
        for round in 1..=3 {
            let found = guest.call("run", &[]).unwrap();
            let found: Vec<i32> = found.iter().map(i32_of).collect();
            let own: Vec<i32> = values.iter().map(|_| 3).collect();
            assert_eq!(found, if round == 2 { values } else { &own });
        }
        assert_eq!(log.take(), [[true; 2], [false; 2], [true; 2]]);
    }
}
