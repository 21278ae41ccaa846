//! Points 1, 2 and 4 where exceptions and tail calls leave frames.

use probity_engine::hook::{ExitReason, Probe, Site};
use probity_engine::{
    Caller, Error, ExnRef, Func, FuncType, Instance, Linker, Module, Store, Tag, Val,
    ValType, WasmPc,
};

use super::guest::{Guest, Shared, call, i32_of, trap_code, engine};

const THROWS: &str = r#"(module
  (import "h" "again" (func $again (param i32)))
  (tag $t (export "t") (param i32))
  (tag $other)
  (table 2 funcref)
  (elem (i32.const 0) $leaf)
  (type $unary (func (param i32) (result i32)))
  (func $throw (export "throw") (param i32) (throw $t (local.get 0)))
  (func $middle (export "middle") (param i32)
    (block $b (try_table (catch $other $b) (call $throw (local.get 0)))))
  (func $catch (export "catch") (param i32) (result i32)
    (block $b (result i32)
      (try_table (catch $t $b) (call $middle (local.get 0)))
      (i32.const -1))
    (i32.add (i32.const 100)))
  (func (export "rethrow") (param i32) (result i32)
    (local $e exnref)
    (block $outer (result i32)
      (try_table (catch $t $outer)
        (block $inner (result i32 exnref)
          (try_table (catch_ref $t $inner) (call $throw (local.get 0)))
          (unreachable))
        (local.set $e) (drop)
        (throw_ref (local.get $e)))
      (unreachable))
    (i32.add (i32.const 1000)))
  (func (export "loop") (param i32) (result i32) (local $n i32)
    (loop $l
      (if (i32.eq (local.get $n) (local.get 0)) (then (return (local.get $n))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (try_table (catch_all $l) (call $throw (local.get 0))))
    (unreachable))
  (func (export "host") (param i32) (result i32)
    (block $b (result i32)
      (try_table (catch $t $b) (call $again (local.get 0)))
      (i32.const -1)))
  (func $leaf (export "leaf") (type $unary) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "tail") (type $unary)
    (return_call $leaf (i32.add (local.get 0) (i32.const 1))))
  (func (export "tail_indirect") (param i32) (result i32)
    (return_call_indirect (type $unary) (local.get 0) (local.get 0)))
  (func $count (export "count") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
    (return_call $count (i32.sub (local.get 0) (i32.const 1)))))"#;

fn guest() -> Guest {
    Guest::linked(THROWS, |linker: &mut Linker<()>| {
        linker
            .func_wrap("h", "again", |mut caller: Caller<'_, ()>, x: i32| {
                let throw = caller.get_export("throw").and_then(|e| e.into_func());
                let throw = throw.expect("an export");
                // What the guest throws goes through the host as an error, and on from there.
                throw.call(&mut caller, &[Val::I32(x + 1)], &mut [])
            })
            .expect("a new name");
    })
}

/// Notes entries, exits and unwound frames of every function.
fn watch(guest: &mut Guest) -> Shared<String> {
    let log = Shared::default();
    for index in 1..guest.module.num_functions() {
        let func = guest.instance.func(&guest.store, index).expect("in range");
        let (entries, exits) = (log.clone(), log.clone());
        let mut probes = guest.store.probes();
        let entry = Probe::call(move |ctx| {
            entries.push(format!("({}", ctx.func_index()));
            Ok(())
        });
        probes.insert(func, Site::Entry, entry).expect("a site");
        let exit = Probe::call(move |ctx| {
            let reason = ctx.exit_reason().expect("an exit has a reason");
            exits.push(format!("{}){reason:?}", ctx.func_index()));
            Ok(())
        });
        probes.insert(func, Site::Exit, exit).expect("a site");
    }
    log
}

#[test]
fn c4_exceptions_leave_frames_through_their_exits() {
    let mut guest = guest();
    let log = watch(&mut guest);
    assert_eq!(guest.call_i32("catch", &[5]).expect("caught"), 105);
    assert_eq!(
        log.take(),
        ["(3", "(2", "(1", "1)Exception", "2)Exception", "3)Return"]
    );
    let error = guest.call("middle", &[Val::I32(9)]).expect_err("uncaught");
    assert_eq!(log.take(), ["(2", "(1", "1)Exception", "2)Exception"]);
    let exn = error.exception().expect("an exception").clone();
    let tag = guest.instance.get_tag(&guest.store, "t").expect("exported");
    assert_eq!(exn.tag(&guest.store), tag);
    assert!(matches!(exn.args(&guest.store)[..], [Val::I32(9)]));
    let names: Vec<_> = error.backtrace().iter().map(|f| f.func_name()).collect();
    assert_eq!(names, [Some("throw"), Some("middle")]);
    // Thrown, caught by the same function, thrown again, caught by it again.
    assert_eq!(guest.call_i32("rethrow", &[5]).expect("caught"), 1005);
    assert_eq!(log.take(), ["(4", "(1", "1)Exception", "4)Return"]);
    assert_eq!(guest.call_i32("host", &[5]).expect("caught"), 6);
    assert_eq!(log.take(), ["(6", "(1", "1)Exception", "6)Return"]);
}

#[test]
fn c4_tail_calls_are_exits() {
    let mut guest = guest();
    let log = watch(&mut guest);
    assert_eq!(guest.call_i32("tail", &[5]).expect("no trap"), 12);
    assert_eq!(log.take(), ["(8", "8)TailCall", "(7", "7)Return"]);
    assert_eq!(guest.call_i32("tail_indirect", &[0]).expect("no trap"), 0);
    assert_eq!(log.take(), ["(9", "9)TailCall", "(7", "7)Return"]);
    // One that fails leaves once.
    trap_code(guest.call("tail_indirect", &[Val::I32(1)]));
    assert_eq!(log.take(), ["(9", "9)TailCall"]);
    assert_eq!(guest.call_i32("count", &[1000]).expect("no trap"), 7);
    let log = log.take();
    assert_eq!(log.len(), 2 * 1001);
    assert_eq!(log[..2], ["(10", "10)TailCall"]);
    assert_eq!(log[2000..], ["(10", "10)Return"]);
}

#[test]
fn c4_who_unwinds_is_told_where_the_exception_is_caught() {
    let mut guest = guest();
    let told = Shared::<(u32, WasmPc, Option<WasmPc>)>::default();
    let sink = told.clone();
    guest.store.probes().on_unwind(move |probes, func, pc| {
        let (_, index) = probes.module_of(func).expect("a Wasm function");
        sink.push((index, pc, probes.caught_at()));
    });
    let throw = guest.pc("throw", "Throw", 0);
    let (in_middle, in_catch) = (guest.pc("middle", "Call", 0), guest.pc("catch", "Call", 0));
    let label = guest.pc("catch", "End", 1);
    for _ in 0..2 {
        assert_eq!(guest.call_i32("catch", &[5]).expect("caught"), 105);
        assert_eq!(
            told.take(),
            [
                (1, throw, None),
                (2, in_middle, None),
                (3, in_catch, Some(label))
            ]
        );
        // The second time in private code.
        for export in ["throw", "middle", "catch"] {
            guest.insert(export, Site::Entry, Probe::call(|_| Ok(())));
        }
    }
    assert_eq!(guest.call_i32("loop", &[3]).expect("caught"), 3);
    let (call, label) = (guest.pc("loop", "Call", 0), guest.pc("loop", "Loop", 0));
    let one = [(1, throw, None), (5, call, Some(label))];
    assert_eq!(told.take(), one.repeat(3));
}

/// The label that an exception goes to fires, in code that gets its probe while the frame is
/// unwound to, too.
#[test]
fn c1_probes_that_come_while_frames_are_unwound_fire() {
    let mut guest = guest();
    let label = guest.pc("catch", "End", 1);
    let catch = guest.func("catch");
    let hits = Shared::<WasmPc>::default();
    let sink = hits.clone();
    let exit = Probe::call(move |ctx| {
        let sink = sink.clone();
        let probe = Probe::call(move |ctx| {
            sink.push(ctx.pc());
            Ok(())
        });
        ctx.probes().insert(catch, Site::Before(label), probe)?;
        Ok(())
    });
    guest.insert("throw", Site::Exit, exit.one_shot());
    assert_eq!(guest.call_i32("catch", &[5]).expect("caught"), 105);
    assert_eq!(hits.take(), [label]);
    assert_eq!(guest.call_i32("catch", &[6]).expect("caught"), 106);
    assert_eq!(hits.take(), [label]);
}

/// An exit that calls guest code while its frame is unwound: the stack above it is free again.
#[test]
fn c3_guest_code_runs_while_frames_are_unwound() {
    let mut guest = guest();
    let count = guest.func("count");
    let results = Shared::<i32>::default();
    for export in ["throw", "middle"] {
        let sink = results.clone();
        let exit = Probe::call(move |ctx| {
            assert_eq!(ctx.exit_reason(), Some(ExitReason::Exception));
            let depth = ctx.depth();
            sink.push(i32_of(&call(ctx, count, &[Val::I32(50)])?[0]));
            assert_eq!(ctx.depth(), depth);
            Ok(())
        });
        guest.insert(export, Site::Exit, exit);
    }
    assert_eq!(guest.call_i32("catch", &[5]).expect("caught"), 105);
    assert_eq!(results.take(), [7, 7]);
}

#[test]
fn every_instruction_watched_changes_nothing() {
    for (export, arg) in [
        ("catch", 5),
        ("rethrow", 5),
        ("loop", 9),
        ("host", 5),
        ("tail", 5),
        ("count", 300),
    ] {
        let plain = guest().call_i32(export, &[arg]).expect("no trap");
        let mut fuel = [0; 3];
        for (way, fuel) in fuel.iter_mut().enumerate() {
            let mut guest = guest();
            // Fuel is counted where it is limited.
            guest.store.set_fuel_limit(Some(1 << 40));
            if way == 1 {
                guest.store.probes().insert_global(Probe::call(|_| Ok(())));
            }
            if way == 2 {
                watch(&mut guest);
            }
            assert_eq!(guest.call_i32(export, &[arg]).expect("no trap"), plain);
            *fuel = guest.store.fuel_consumed();
        }
        assert_eq!(fuel, [fuel[0]; 3], "{export}");
        // And the same with every limit below what it takes.
        for limit in 0..fuel[0].min(200) {
            let mut guest = guest();
            guest.store.set_fuel_limit(Some(limit));
            trap_code(guest.call(export, &[Val::I32(arg)]));
            assert_eq!(guest.store.fuel_consumed(), limit, "{export}");
        }
    }
}

#[test]
fn hosts_throw() {
    let engine = engine();
    let text = r#"(module
      (import "h" "tag" (tag $t (param i32 v128)))
      (import "h" "fail" (func $fail (param i32)))
      (func (export "f") (param i32) (result i32)
        (block $b (result i32 v128)
          (try_table (catch $t $b) (call $fail (local.get 0)))
          (return (i32.const -1)))
        (i32x4.extract_lane 2) (i32.add)))"#;
    let module = Module::new(&engine, text).expect("a valid module");
    for watched in [false, true] {
        let mut store = Store::new(&engine, ());
        let tag = Tag::new(&mut store, FuncType::new([ValType::I32, ValType::V128], []));
        let fail = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>, x: i32| {
            let args = [Val::I32(x), Val::V128(7 << 64)];
            Err::<(), Error>(Error::throw(ExnRef::new(&mut caller, &tag, &args)?))
        });
        let instance = Instance::new(&mut store, &module, &[tag.into(), fail.into()]);
        let f = instance.expect("right imports").get_func(&store, "f");
        if watched {
            store.probes().insert_global(Probe::call(|_| Ok(())));
        }
        let results = call(&mut store, f.expect("exported"), &[Val::I32(5)]);
        assert_eq!(i32_of(&results.expect("caught")[0]), 12);
    }
}
