//! Fuel, rule v1, against a naive count.
//!
//! The naive count lists every instruction of a run with a global probe (and
//! every function entry with an entry probe) and charges each by a table of its
//! own. The run is then repeated with every possible limit: it must end before
//! the first charge that would make the total exceed the limit, with just the
//! effects of what ran before.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, Site};
use probity_engine::{
    Caller, Engine, Instance, Linker, Module, Result, Store, TrapCode, Val, WasmPc,
};
use probity_tests::guest::{Way, engine_in};

use crate::guest::{Guest, Shared, call, operators, trap_code, trap_code_of};

/// Loop, nested blocks that end together, br_table, direct and indirect calls,
/// both arms of an if, select, and effects (`log`) in between.
const PROGRAM: &str = r#"
  (import "h" "log" (func $log (param i32)))
  (table 2 funcref) (elem (i32.const 0) $twice $square)
  (memory 1)
  (func $twice (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)) return)
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $work (local $i i32) (local $x i32)
    nop
    (call $log (call $fib (i32.const 5)))
    (loop $again
      (block $out
        (block $two
          (block $one
            (block $zero
              (br_table $zero $one $two $out (local.get $i)))
            (local.set $x (call_indirect (param i32) (result i32) (i32.const 21) (i32.const 0)))
            (br $out))
          (local.set $x (call_indirect (param i32) (result i32) (i32.const 7) (i32.const 1)))
          (br $out))
        (local.set $x (select (i32.const 3) (i32.const 4) (local.get $i))))
      (call $log (local.get $x))
      (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get $x)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 5))))
    (block (block (block (br 1))))
    (if (i32.eqz (local.get $i)) (then nop) (else (call $log (local.get $i))))
    (drop (i32.const 1))
    (call $log (i32.load (i32.const 8))))
"#;

/// What `fuel` v1 charges for an operator; function entries cost 1 besides.
fn cost(operator: &str) -> u64 {
    match operator {
        "Nop" | "Drop" | "Block" | "Loop" | "Unreachable" | "Return" | "Else" | "End" => 0,
        _ => 1,
    }
}

struct World {
    store: Store<()>,
    instance: Instance,
    log: Shared<i32>,
}

impl World {
    fn new(engine: &Engine, module: &Module) -> World {
        let log = Shared::default();
        let sink = log.clone();
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        linker
            .func_wrap("h", "log", move |_: Caller<'_, ()>, n: i32| sink.push(n))
            .expect("the first definition");
        let instance = linker.instantiate(&mut store, module).expect("it links");
        World {
            store,
            instance,
            log,
        }
    }

    fn run(&mut self) -> Result<Vec<Val>> {
        let run = self.instance.get_func(&self.store, "run").expect("`run`");
        call(&mut self.store, run, &[])
    }
}

/// The trap that ended a run, or none.
fn end(outcome: Result<Vec<Val>>) -> Option<TrapCode> {
    outcome.err().map(|error| trap_code_of(&error))
}

/// The naive count: each charge, with how much had been logged before it.
fn charges(engine: &Engine, module: &Module) -> (Vec<(u64, usize)>, Option<TrapCode>, Vec<i32>) {
    let mut world = World::new(engine, module);
    let charges = Arc::new(Mutex::new(Vec::new()));
    let names: Vec<Vec<(WasmPc, String)>> = (0..module.num_functions())
        .map(|index| match index < module.num_imported_functions() {
            true => Vec::new(),
            false => operators(module, index),
        })
        .collect();

    for index in module.num_imported_functions()..module.num_functions() {
        let func = world.instance.func(&world.store, index).expect("in range");
        let (sink, log) = (charges.clone(), world.log.clone());
        let probe = Probe::call(move |_| {
            sink.lock().expect("no panic").push((1, log.len()));
            Ok(())
        });
        let mut probes = world.store.probes();
        probes
            .insert(func, Site::Entry, probe)
            .expect("a Wasm function");
    }
    let (sink, log) = (charges.clone(), world.log.clone());
    world.store.probes().insert_global(Probe::call(move |ctx| {
        let operators = &names[ctx.func_index() as usize];
        let at = operators.binary_search_by_key(&ctx.pc(), |(pc, _)| *pc);
        let name = &operators[at.expect("an instruction starts here")].1;
        sink.lock().expect("no panic").push((cost(name), log.len()));
        Ok(())
    }));
    let end = end(world.run());
    let charges = std::mem::take(&mut *charges.lock().expect("no panic"));
    (charges, end, world.log.take())
}

fn check_every_limit(run: &str) {
    for way in Way::ALL {
        check_every_limit_in(way, run);
    }
}

fn check_every_limit_in(way: Way, run: &str) {
    let engine = engine_in(way);
    let wat = format!("(module {PROGRAM} {run})");
    let module = Module::new(&engine, wat).expect("it loads");
    let (charges, end_unlimited, log_unlimited) = charges(&engine, &module);
    let total: u64 = charges.iter().map(|(cost, _)| cost).sum();
    assert!(total > 200, "the program is worth counting: {total}");

    let mut world = World::new(&engine, &module);
    assert_eq!(end(world.run()), end_unlimited);
    if way.counts_fuel() {
        assert_eq!(world.store.fuel_consumed(), total, "without a limit");
    }

    let step = if matches!(way, Way::Interp | Way::Jit) {
        1
    } else {
        5
    };
    for limit in (0..=total + 2).step_by(step) {
        let mut spent = 0;
        let stop = charges.iter().find(|(cost, _)| {
            let exceeds = spent + cost > limit;
            spent += if exceeds { 0 } else { *cost };
            exceeds
        });
        let (expected_end, expected_log) = match stop {
            Some((_, logged)) => (Some(TrapCode::OutOfFuel), &log_unlimited[..*logged]),
            None => (end_unlimited, &log_unlimited[..]),
        };
        for probed in [false, true] {
            let mut world = World::new(&engine, &module);
            if probed {
                world.store.probes().insert_global(Probe::call(|_| Ok(())));
            }
            world.store.set_fuel_limit(Some(limit));
            let found = end(world.run());
            assert_eq!(
                found, expected_end,
                "{way:?}, limit {limit} of {total}, probed {probed}"
            );
            assert_eq!(
                world.log.take(),
                expected_log,
                "{way:?}, limit {limit}, probed {probed}"
            );
            assert_eq!(
                world.store.fuel_consumed(),
                spent,
                "{way:?}, limit {limit}, probed {probed}"
            );
        }
    }
}

#[test]
fn limits_are_exact_in_a_run_that_returns() {
    check_every_limit(r#"(func (export "run") (call $work))"#);
}

#[test]
fn limits_are_exact_in_a_run_that_divides_by_zero() {
    check_every_limit(
        r#"(func (export "run") (call $work) (drop (i32.div_u (i32.const 1) (i32.const 0))))"#,
    );
}

/// The trapping operator costs nothing here: it is reached with the last unit spent.
#[test]
fn limits_are_exact_in_a_run_that_ends_in_unreachable() {
    check_every_limit(
        r#"(func (export "run") (call $work) (call $log (i32.const 9)) unreachable)"#,
    );
}

#[test]
fn limits_are_exact_in_a_run_that_accesses_out_of_bounds() {
    check_every_limit(
        r#"(func (export "run") (call $work) (i32.store (i32.const -1) (i32.const 0)))"#,
    );
}

#[test]
fn start_functions_are_charged_like_any_other() {
    let guest =
        Guest::new("(module (func $s (drop (i32.add (i32.const 1) (i32.const 2)))) (start $s))");
    // Entry, two constants, one addition; drop and end are free.
    assert_eq!(guest.store.fuel_consumed(), 4);
}

#[test]
fn constant_expressions_and_segments_are_free() {
    let guest = Guest::new(
        r#"(module (memory 1) (table 4 funcref) (func $f)
          (global i32 (i32.const 1))
          (data (i32.const 0) "abc") (elem (i32.const 0) $f $f))"#,
    );
    assert_eq!(guest.store.fuel_consumed(), 0);
}

#[test]
fn limits_count_from_when_they_are_set() {
    let mut guest = Guest::new(
        r#"(module (func (export "f") (local i32)
             (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
                                      (i32.const 10))))))"#,
    );
    guest.call("f", &[]).unwrap();
    let once = guest.store.fuel_consumed();
    // Entry, and seven charged operators in each of ten rounds.
    assert_eq!(once, 1 + 7 * 10);

    guest.store.set_fuel_limit(Some(once));
    guest.call("f", &[]).expect("exactly enough");
    assert_eq!(trap_code(guest.call("f", &[])), TrapCode::OutOfFuel);
    assert_eq!(guest.store.fuel_consumed(), 2 * once);

    guest.store.set_fuel_limit(Some(2 * once - 1));
    guest.call("f", &[]).expect("enough for one");
    assert_eq!(trap_code(guest.call("f", &[])), TrapCode::OutOfFuel);
    assert_eq!(guest.store.fuel_consumed(), 4 * once - 1);

    guest.store.set_fuel_limit(None);
    guest.call("f", &[]).expect("no limit");
    assert_eq!(guest.store.fuel_consumed(), 5 * once - 1);
}

/// Against the limit, and only there, bulk operations also cost their size: 1
/// for 16 bytes or for an element.
#[test]
fn bulk_operations_are_charged_by_size_against_the_limit() {
    let wat = |body: &str| {
        format!(
            r#"(module (memory 2) (table 5000 funcref) (data $d "{}") (elem $e func {})
              (func $f (export "f") (param i32) {body}))"#,
            "0123456789abcdef".repeat(400),
            "$f ".repeat(5000),
        )
    };
    for (size, units, body) in [
        (
            64_000,
            4_000,
            "(memory.fill (i32.const 0) (i32.const 1) (local.get 0))",
        ),
        (
            64_000,
            4_000,
            "(memory.copy (i32.const 65536) (i32.const 0) (local.get 0))",
        ),
        (
            6_400,
            400,
            "(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))",
        ),
        (
            4_000,
            4_000,
            "(table.fill (i32.const 0) (ref.null func) (local.get 0))",
        ),
        (
            4_000,
            4_000,
            "(table.copy (i32.const 1) (i32.const 0) (local.get 0))",
        ),
        (
            4_000,
            4_000,
            "(table.init $e (i32.const 0) (i32.const 0) (local.get 0))",
        ),
    ] {
        for way in Way::ALL {
            let engine = engine_in(way);
            let module = Module::new(&engine, wat(body)).expect("it loads");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("it links");
            let f = instance.get_func(&store, "f").expect("exported");
            call(&mut store, f, &[Val::I32(size)]).expect(body);
            // Entry, three operands and the operation itself, whatever the size.
            if way.counts_fuel() {
                assert_eq!(store.fuel_consumed(), 5, "{way:?} {body}");
            }

            store.set_fuel_limit(Some(5 + units));
            call(&mut store, f, &[Val::I32(size)]).expect(body);

            let before = store.fuel_consumed();
            store.set_fuel_limit(Some(5 + units - 1));
            let outcome = call(&mut store, f, &[Val::I32(size)]);
            assert_eq!(trap_code(outcome), TrapCode::OutOfFuel, "{way:?} {body}");
            assert_eq!(store.fuel_consumed() - before, 4, "{way:?} {body}");
        }
    }
}
