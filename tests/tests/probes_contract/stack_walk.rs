//! Point 7 and the call stack: what the frames of a fire are, and that they are of
//! this moment only. (That a handle cannot be kept is in the types: `FrameAccessor`
//! borrows the context, and the context is lent for the call.)

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, Error, Linker, Module, Store, Val};

use super::guest::{Count, Guest, Shared, call, i32_of, operators, engine};

#[test]
fn c7_the_call_stack_is_readable_with_function_and_pc() {
    let mut guest = Guest::new(
        r#"(module
          (table 1 funcref) (elem (i32.const 0) $c)
          (func $c (export "c") (param i32) nop)
          (func $b (export "b") (param i32) (local f64)
            (f64.const 2) (call_indirect (param i32) (i32.const 7) (i32.const 0)) drop
            (drop (i32.eqz (local.get 0))))
          ;; Locals that are not used after a call are zero in compiled frames.
          (func $a (export "a") (param i32) nop (call $b (i32.add (local.get 0) (i32.const 1)))
            (drop (i32.eqz (local.get 0)))))"#,
    );
    let log = Shared::default();
    let sink = log.clone();
    guest.before("c", "Nop", 0, move |ctx| {
        assert_eq!(ctx.depth(), 3);
        assert!(ctx.frame_at(3).is_none());
        assert!(ctx.frame_at(usize::MAX).is_none());
        for level in 0..3 {
            let frame = ctx.frame_at(level).expect("in range");
            let local = frame.local(0).map(i32_of);
            sink.push((frame.func_index(), frame.pc(), local, frame.num_operands()));
        }
        let (func, frame) = (ctx.func(), ctx.frame().func());
        assert_eq!(func, frame);
        Ok(())
    });
    guest.call("a", &[Val::I32(1)]).unwrap();
    let expected = [
        (0, guest.pc("c", "Nop", 0), Some(7), 0),
        (1, guest.pc("b", "CallIndirect", 0), Some(2), 1),
        (2, guest.pc("a", "Call", 0), Some(1), 0),
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn c7_the_call_stack_goes_through_host_calls() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "again" (func $again (param i32) (result i32)))
          (func (export "down") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
              (then nop (i32.const 100))
              (else (i32.add (local.get 0) (call $again (i32.sub (local.get 0) (i32.const 1))))))))"#,
        |linker| {
            linker
                .func_wrap(
                    "h",
                    "again",
                    |mut caller: Caller<'_, ()>, n: i32| -> Result<i32, Error> {
                        let down = caller.get_export("down").and_then(|e| e.into_func());
                        let down = down.ok_or_else(|| Error::usage("an export"))?;
                        Ok(i32_of(&call(&mut caller, down, &[Val::I32(n)])?[0]))
                    },
                )
                .unwrap();
        },
    );
    let log = Shared::default();
    let sink = log.clone();
    guest.before("down", "Nop", 0, move |ctx| {
        for level in 0..ctx.depth() {
            let frame = ctx.frame_at(level).expect("in range");
            sink.push((frame.local(0).map(i32_of), frame.num_operands()));
        }
        Ok(())
    });
    assert_eq!(guest.call_i32("down", &[4]).unwrap(), 110);
    let expected = [
        (Some(0), 0),
        (Some(1), 1),
        (Some(2), 1),
        (Some(3), 1),
        (Some(4), 1),
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn c7_the_call_stack_crosses_instances() {
    let engine = engine();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let inner = Module::new(
        &engine,
        r#"(module $inner (func (export "f") (param i64) nop))"#,
    )
    .unwrap();
    let inner_instance = linker.instantiate(&mut store, &inner).unwrap();
    linker
        .instance(&mut store, "inner", inner_instance)
        .unwrap();
    let outer = Module::new(
        &engine,
        r#"(module $outer (import "inner" "f" (func $f (param i64)))
             (func (export "run") (call $f (i64.const 9))))"#,
    )
    .unwrap();
    let outer_instance = linker.instantiate(&mut store, &outer).unwrap();
    let f = inner_instance.get_func(&store, "f").unwrap();
    let run = outer_instance.get_func(&store, "run").unwrap();
    let log = Shared::default();
    let sink = log.clone();
    let probe = probity_engine::hook::Probe::call(move |ctx| {
        assert_eq!(ctx.instance(), inner_instance);
        for level in 0..ctx.depth() {
            sink.push(ctx.frame_at(level).expect("in range").func());
        }
        Ok(())
    });
    let (pc, _) = operators(&inner, 0)[0];
    store.probes().insert(f, Site::Before(pc), probe).unwrap();
    call(&mut store, run, &[]).unwrap();
    assert_eq!(log.take(), [f, run]);
}

#[test]
fn c7_guest_calls_from_a_probe_stand_on_the_frames_below() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "f") (result i32) nop i32.const 1)
          (func (export "g") (param i32) nop))"#,
    );
    let (g, log) = (guest.func("g"), Shared::default());
    let sink = log.clone();
    guest.before("g", "Nop", 0, move |ctx| {
        sink.push((ctx.depth(), ctx.frame_at(1).map(|frame| frame.func_index())));
        Ok(())
    });
    let after = log.clone();
    guest.before("f", "Nop", 0, move |ctx| {
        call(ctx, g, &[Val::I32(1)])?;
        after.push((ctx.depth(), Some(ctx.frame().func_index())));
        Ok(())
    });
    guest.call("f", &[]).unwrap();
    assert_eq!(log.take(), [(2, Some(0)), (1, Some(0))]);
}

/// After a guest call the same level is looked up anew: the frame is where it was.
#[test]
fn c7_frames_are_the_same_after_a_guest_call_that_moves_the_stack() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "f") (param i32) (result i32) (local i64)
            (local.set 1 (i64.const 77))
            (i32.add (local.get 0) (i32.const 5)) nop)
          (func $deep (export "deep") (param i32) (result i32)
            (if (result i32) (local.get 0)
              (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
              (else (i32.const 0)))))"#,
    );
    let deep = guest.func("deep");
    let seen = Count::default();
    let count = seen.clone();
    guest.before("f", "Nop", 0, move |ctx| {
        for depth in [1, 100, 10_000] {
            assert_eq!(i32_of(&call(ctx, deep, &[Val::I32(depth)])?[0]), depth);
            let mut frame = ctx.frame();
            assert!(matches!(frame.local(1), Some(Val::I64(77))));
            let top = i32_of(frame.top(0).expect("one operand"));
            frame.set_operand(0, Val::I32(top + 1))?;
            count.up();
        }
        Ok(())
    });
    assert_eq!(guest.call_i32("f", &[1]).unwrap(), 9);
    assert_eq!(seen.get(), 3);
}

#[test]
fn c7_a_frame_that_a_trap_unwinds_shows_no_operands_from_further_in() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "leaf") nop)
          (func (export "traps") (param i32) (result i32)
            (i32.div_u (i32.const 5) (i32.add (local.get 0) (i32.const 0))))
          (func (export "run") (param i32) (result i32)
            (i32.add (i32.const 9) (call 1 (local.get 0)))))"#,
    );
    let log = Shared::default();
    let sink = log.clone();
    // What the trapping operator had is gone; the caller's is there.
    guest.before("leaf", "Nop", 0, move |ctx| {
        for level in 0..ctx.depth() {
            let frame = ctx.frame_at(level).expect("in range");
            let operands: Vec<i32> = (0..frame.num_operands())
                .filter_map(|i| frame.operand(i).map(i32_of))
                .collect();
            sink.push((frame.func_index(), frame.top(0).map(i32_of), operands));
        }
        Ok(())
    });
    let leaf = guest.func("leaf");
    let exit = Probe::call(move |ctx| call(ctx, leaf, &[]).map(|_| ()));
    guest.insert("traps", Site::Exit, exit);
    guest.call("run", &[Val::I32(0)]).expect_err("it divides by zero");
    let expected = [(0, None, vec![]), (1, None, vec![]), (2, Some(9), vec![9])];
    assert_eq!(log.take(), expected);
}
