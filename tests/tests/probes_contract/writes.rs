//! Point 5, writes: to locals and operands of the own frame and of callers'
//! frames; each applies exactly once, and the frame goes on as if the program had
//! done it.

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, Error, ErrorKind, ExternRef, Val};

use super::guest::{Count, Guest, Shared, bits, call, i32_of};

const IDENTITIES: &str = r#"(module
  (func (export "i32") (param i32) (result i32) nop local.get 0)
  (func (export "i64") (param i64) (result i64) nop local.get 0)
  (func (export "f32") (param f32) (result f32) nop local.get 0)
  (func (export "f64") (param f64) (result f64) nop local.get 0)
  (func (export "v128") (param v128) (result v128) nop local.get 0)
  (func (export "funcref") (param funcref) (result i32) nop local.get 0 ref.is_null)
  (func (export "externref") (param externref) (result externref) nop local.get 0))"#;

const VALUES: [(&str, Val, Val); 5] = [
    ("i32", Val::I32(1), Val::I32(-9)),
    ("i64", Val::I64(1), Val::I64(i64::MIN)),
    ("f32", Val::F32(1), Val::F32(0x7f80_0001)),
    ("f64", Val::F64(1), Val::F64(0xfff8_0000_0000_0001)),
    ("v128", Val::V128(1), Val::V128(u128::MAX - 5)),
];

#[test]
fn c5_locals_of_every_type_are_written() {
    let mut guest = Guest::new(IDENTITIES);
    for (export, old, new) in VALUES {
        // At the entry, before a structured place and before the read itself.
        let (nop, get) = (guest.pc(export, "Nop", 0), guest.pc(export, "LocalGet", 0));
        for site in [Site::Entry, Site::Before(nop), Site::Before(get)] {
            let value = new.clone();
            let probe = Probe::call(move |ctx| ctx.frame().set_local(0, value.clone()));
            let id = guest.insert(export, site, probe);
            let found = guest.call(export, std::slice::from_ref(&old)).unwrap();
            assert_eq!(bits(&found[0]), bits(&new), "{export} at {site:?}");
            assert!(guest.store.probes().remove(id));
            assert_eq!(
                bits(&guest.call(export, std::slice::from_ref(&old)).unwrap()[0]),
                bits(&old)
            );
        }
    }
    let f = guest.func("i32");
    guest.before("funcref", "Nop", 0, move |ctx| {
        ctx.frame().set_local(0, Val::FuncRef(Some(f)))
    });
    let null = guest.call("funcref", &[Val::FuncRef(None)]).unwrap();
    assert_eq!(i32_of(&null[0]), 0);
    let reference = ExternRef::new(&mut guest.store, "new");
    let new = reference.clone();
    guest.before("externref", "Nop", 0, move |ctx| {
        ctx.frame().set_local(0, Val::ExternRef(Some(new.clone())))
    });
    let found = guest.call("externref", &[Val::ExternRef(None)]).unwrap();
    assert!(matches!(&found[0], Val::ExternRef(Some(r)) if *r == reference));
}

#[test]
fn c5_operands_of_every_type_are_written() {
    let mut guest = Guest::new(IDENTITIES);
    for (export, old, new) in VALUES {
        let end = guest.pc(export, "End", 0);
        let value = new.clone();
        let probe = Probe::call(move |ctx| ctx.frame().set_operand(0, value.clone()));
        let id = guest.insert(export, Site::Before(end), probe);
        assert_eq!(
            bits(&guest.call(export, std::slice::from_ref(&old)).unwrap()[0]),
            bits(&new),
            "{export}"
        );
        assert!(guest.store.probes().remove(id));
    }
    let end = guest.pc("externref", "End", 0);
    let reference = ExternRef::new(&mut guest.store, "new");
    let new = reference.clone();
    let probe = Probe::call(move |ctx| {
        ctx.frame()
            .set_operand(0, Val::ExternRef(Some(new.clone())))
    });
    guest.insert("externref", Site::Before(end), probe);
    let found = guest.call("externref", &[Val::ExternRef(None)]).unwrap();
    assert!(matches!(&found[0], Val::ExternRef(Some(r)) if *r == reference));
}

/// Each operand, at each depth, before each kind of consumer.
#[test]
fn c5_any_operand_is_written_before_any_consumer() {
    let wat = r#"(module
      (memory 1) (global $g (mut i32) (i32.const 0))
      (func $sub (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
      (func (export "binary") (result i32) i32.const 10 i32.const 3 i32.sub)
      (func (export "compare") (result i32) i32.const 10 i32.const 3 i32.lt_s)
      (func (export "call") (result i32) i32.const 10 i32.const 3 call $sub)
      (func (export "local") (result i32) (local i32)
        i32.const 10 i32.const 3 local.set 0 local.get 0 i32.sub)
      (func (export "select") (result i32) i32.const 10 i32.const 3 i32.const 1 select)
      (func (export "store") (result i32) (local i32)
        i32.const 8 i32.const 3 i32.store (i32.load (i32.const 8)))
      (func (export "branch") (result i32)
        (block (result i32) i32.const 10 i32.const 1 br_if 0 drop i32.const 20))
      (func (export "if") (result i32)
        i32.const 1 if (result i32) i32.const 10 else i32.const 20 end)
      (func (export "table") (result i32)
        block block i32.const 0 br_table 0 1 end i32.const 10 return end i32.const 20)
      (func (export "global") (result i32)
        i32.const 10 global.set $g global.get $g)
      (func (export "drop") (result i32) i32.const 10 i32.const 3 drop))"#;
    let mut guest = Guest::new(wat);
    for (export, operator, operand, value, unwritten, written) in [
        ("binary", "I32Sub", 0, 100, 7, 97),
        ("binary", "I32Sub", 1, 100, 7, -90),
        ("compare", "I32LtS", 0, 2, 0, 1),
        ("compare", "I32LtS", 1, 11, 0, 1),
        ("call", "Call", 0, 100, 7, 97),
        ("call", "Call", 1, 100, 7, -90),
        ("local", "LocalSet", 0, 100, 7, 97),
        ("local", "LocalSet", 1, 100, 7, -90),
        ("local", "LocalGet", 0, 100, 7, 97),
        ("select", "Select", 0, 100, 10, 100),
        ("select", "Select", 1, 100, 10, 10),
        ("select", "Select", 2, 0, 10, 3),
        ("store", "I32Store", 1, 100, 3, 100),
        ("branch", "BrIf", 0, 100, 10, 100),
        ("branch", "BrIf", 1, 0, 10, 20),
        ("if", "If", 0, 0, 10, 20),
        ("table", "BrTable", 0, 1, 10, 20),
        ("global", "GlobalSet", 0, 100, 10, 100),
        ("drop", "Drop", 0, 100, 10, 100),
        ("drop", "Drop", 1, 100, 10, 10),
    ] {
        let fires = Count::default();
        let seen = fires.clone();
        let id = guest.before(export, operator, 0, move |ctx| {
            seen.up();
            ctx.frame().set_operand(operand, Val::I32(value))
        });
        let title = format!("{export}: operand {operand} before {operator}");
        assert_eq!(guest.call_i32(export, &[]).unwrap(), written, "{title}");
        assert_eq!(fires.get(), 1, "{title}: fires");
        assert!(guest.store.probes().remove(id));
        assert_eq!(
            guest.call_i32(export, &[]).unwrap(),
            unwritten,
            "{title}: afterwards"
        );
    }
}

/// A write in each round of a loop, beside code that runs joined: each counts once.
#[test]
fn c5_writes_apply_exactly_once_in_a_loop() {
    let wat = r#"(module (func (export "f") (param $n i32) (result i64)
        (local $i i32) (local $a i64)
        loop $l
          local.get $a
          i64.const 1
          i64.add
          local.set $a
          local.get $i
          i32.const 1
          i32.add
          local.tee $i
          local.get $n
          i32.lt_s
          br_if $l
        end
        local.get $a))"#;
    let mut guest = Guest::new(wat);
    for (operator, nth, runs) in [
        ("Loop", 0, 50),
        ("LocalGet", 0, 50),
        ("LocalGet", 1, 50),
        ("I32Add", 0, 50),
        ("LocalTee", 0, 50),
        ("BrIf", 0, 50),
        ("End", 0, 1),
        ("LocalGet", 3, 1),
    ] {
        let id = guest.before("f", operator, nth, |ctx| {
            let mut frame = ctx.frame();
            let Some(Val::I64(a)) = frame.local(2) else {
                return Err(Error::usage("local 2 is an i64"));
            };
            frame.set_local(2, Val::I64(a + 1000))
        });
        let found = guest.call("f", &[Val::I32(50)]).unwrap();
        assert_eq!(
            bits(&found[0]),
            bits(Val::I64(50 + 1000 * runs)),
            "{operator} {nth}"
        );
        assert!(guest.store.probes().remove(id));
    }
    // The loop's own counter: it ends when the probe says so.
    guest.before("f", "LocalTee", 0, |ctx| {
        let frame = ctx.frame();
        let jump = matches!(frame.top(0), Some(Val::I32(10)));
        let top = frame.num_operands() - 1;
        match jump {
            true => ctx.frame().set_operand(top, Val::I32(1_000_000)),
            false => Ok(()),
        }
    });
    let found = guest.call("f", &[Val::I32(50)]).unwrap();
    assert_eq!(bits(&found[0]), bits(Val::I64(10)));
}

const CALLER: &str = r#"(module
  (import "h" "pass" (func $pass))
  (global $calls (mut i32) (i32.const 0))
  (func (export "calls") (result i32) (global.get $calls))
  (func $leaf (export "leaf") (param i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    nop
    (i32.add (local.get 0) (i32.const 1)))
  (func $leaf_by_host (result i32) (call $pass) (i32.const 6))
  (func (export "run") (param i32) (result i32) (local $x i32)
    (local.set $x (i32.const 100))
    (i32.add
      (i32.add
        (i32.mul (local.get 0) (i32.const 3))
        (call $leaf (i32.const 5)))
      (local.get $x)))
  (func (export "run_by_host") (param i32) (result i32) (local $x i32)
    (local.set $x (i32.const 100))
    (i32.add
      (i32.add
        (i32.mul (local.get 0) (i32.const 3))
        (call $leaf_by_host))
      (local.get $x))))"#;

fn caller() -> Guest {
    Guest::linked(CALLER, |linker| {
        linker
            .func_wrap(
                "h",
                "pass",
                |mut caller: Caller<'_, ()>| -> Result<(), Error> {
                    let leaf = caller.get_export("leaf").and_then(|e| e.into_func());
                    let leaf = leaf.ok_or_else(|| Error::usage("an export"))?;
                    call(&mut caller, leaf, &[Val::I32(5)]).map(drop)
                },
            )
            .unwrap();
    })
}

#[test]
fn c5_locals_and_operands_of_a_suspended_caller_are_written() {
    for (export, level) in [("run", 1), ("run_by_host", 2)] {
        let mut guest = caller();
        assert_eq!(guest.call_i32(export, &[2]).unwrap(), 6 + 6 + 100);
        assert_eq!(guest.call_i32("calls", &[]).unwrap(), 1);

        let local = guest.before("leaf", "Nop", 0, move |ctx| {
            let mut frame = ctx.frame_at(level).expect("the caller");
            assert_eq!(frame.num_operands(), 1);
            frame.set_local(1, Val::I32(2000))
        });
        assert_eq!(
            guest.call_i32(export, &[2]).unwrap(),
            6 + 6 + 2000,
            "{export}"
        );
        assert!(guest.store.probes().remove(local));

        guest.before("leaf", "Nop", 0, move |ctx| {
            let mut frame = ctx.frame_at(level).expect("the caller");
            frame.set_operand(0, Val::I32(-1000))
        });
        assert_eq!(
            guest.call_i32(export, &[2]).unwrap(),
            -1000 + 6 + 100,
            "{export}"
        );
        // No call was executed again.
        assert_eq!(guest.call_i32("calls", &[]).unwrap(), 3);
    }
}

#[test]
fn c5_every_frame_of_a_recursion_is_written() {
    let mut guest = Guest::new(
        r#"(module (func $f (export "f") (param i32) (result i32) (local $add i32)
             (if (result i32) (i32.eqz (local.get 0))
               (then nop (i32.const 0))
               (else (i32.add
                 (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))
                 (local.get $add))))))"#,
    );
    assert_eq!(guest.call_i32("f", &[9]).unwrap(), 9);
    guest.before("f", "Nop", 0, |ctx| {
        for level in 1..ctx.depth() {
            let mut frame = ctx.frame_at(level).expect("in range");
            frame.set_local(1, Val::I32(100))?;
            frame.set_operand(0, Val::I32(10 * level as i32))?;
        }
        Ok(())
    });
    let operands: i32 = (1..=9).map(|level| 10 * level).sum();
    assert_eq!(guest.call_i32("f", &[9]).unwrap(), operands + 900);
}

#[test]
fn c5_writes_that_do_not_fit_are_errors_and_change_nothing() {
    let mut guest = Guest::new(
        r#"(module (func (export "f") (param i32) (result i32)
             (local.get 0) (i64.const 1) nop drop))"#,
    );
    let log = Shared::default();
    let sink = log.clone();
    guest.before("f", "Nop", 0, move |ctx| {
        let mut frame = ctx.frame();
        for outcome in [
            frame.set_local(0, Val::I64(5)),
            frame.set_local(0, Val::FuncRef(None)),
            frame.set_local(1, Val::I32(5)),
            frame.set_local(u32::MAX, Val::I32(5)),
            frame.set_operand(0, Val::F32(5)),
            frame.set_operand(1, Val::V128(5)),
            frame.set_operand(2, Val::I32(5)),
            frame.set_operand(u32::MAX, Val::I32(5)),
        ] {
            let error = outcome.expect_err("it does not fit");
            sink.push(matches!(error.kind(), ErrorKind::Usage(_)));
        }
        Ok(())
    });
    assert_eq!(guest.call_i32("f", &[42]).unwrap(), 42);
    assert_eq!(log.take(), [true; 8]);
}

/// Several writers at one place: in order, each on what the one before left.
#[test]
fn c5_writers_at_one_site_compose_in_order() {
    let mut guest = Guest::new(IDENTITIES);
    for (priority, factor, add) in [(1, 1, 7), (0, 10, 0)] {
        let pc = guest.pc("i32", "Nop", 0);
        let probe = Probe::call(move |ctx| {
            let mut frame = ctx.frame();
            let value = i32_of(frame.local(0).expect("a parameter"));
            frame.set_local(0, Val::I32(value * factor + add))
        });
        guest.insert("i32", Site::Before(pc), probe.priority(priority));
    }
    assert_eq!(guest.call_i32("i32", &[5]).unwrap(), 57);
}

/// Memory, globals and tables are written through the context, as from the host.
#[test]
fn c5_the_store_is_written_from_a_probe() {
    let mut guest = Guest::new(
        r#"(module
          (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 1))
          (func (export "f") (result i32)
            (i32.store (i32.const 0) (i32.const 1))
            (drop (global.get 0))
            nop
            (i32.add (i32.add (i32.load (i32.const 0)) (global.get 0))
                     (i32.load (i32.const 65536)))))"#,
    );
    guest.before("f", "Nop", 0, |ctx| {
        let instance = ctx.instance();
        let memory = instance.get_memory(ctx, "m").expect("exported");
        let global = instance.get_global(ctx, "g").expect("exported");
        memory.grow(ctx, 1)?;
        memory.write(ctx, 0, &30_i32.to_le_bytes())?;
        memory.write(ctx, 65536, &2_i32.to_le_bytes())?;
        global.set(ctx, Val::I32(10))
    });
    assert_eq!(guest.call_i32("f", &[]).unwrap(), 42);
}
