//! What stops a guest that takes too much: interruption, memory and tables.
//! (The stack has a suite of its own, fuel too.)

use std::thread;
use std::time::Duration;

use probity_engine::{Config, Engine, Error, Limits, Linker, Module, Store, TrapCode, Val};

use crate::guest::{Guest, i32_of, trap_code};

/// No test hangs if an interrupt is lost: the guest then runs out of fuel.
const BACKSTOP: u64 = 20_000_000_000;

const ENDLESS: &str = r#"(module
  (memory 1)
  (table 1 funcref) (elem (i32.const 0) $nothing)
  (func $nothing)
  (func (export "tight") (loop (br 0)))
  (func (export "work") (local i64)
    (loop
      (local.set 0 (i64.add (local.get 0) (i64.const 3)))
      (i64.store (i32.const 0) (local.get 0))
      (br_if 0 (i64.ne (local.get 0) (i64.const 1))))
    unreachable)
  (func (export "calls") (loop (call $nothing) (br 0)))
  (func (export "indirect") (loop (call_indirect (i32.const 0)) (br 0)))
  (func (export "nested")
    (loop (block (br_table 0 1 (i32.const 0))) (br 0)))
  (func $rec (param i32) (if (local.get 0)
    (then (call $rec (i32.sub (local.get 0) (i32.const 1)))
          (call $rec (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "recursion") (call $rec (i32.const 60)))
  (func (export "bulk") (loop
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0)))
  (func (export "fine") (result i32) i32.const 7))"#;

#[test]
fn other_threads_interrupt_a_running_guest() {
    let mut guest = Guest::new(ENDLESS);
    guest.store.set_fuel_limit(Some(BACKSTOP));
    for export in [
        "tight",
        "work",
        "calls",
        "indirect",
        "nested",
        "recursion",
        "bulk",
    ] {
        for code in [TrapCode::Interrupted, TrapCode::Timeout] {
            let handle = guest.store.interrupt_handle();
            let interrupter = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.interrupt(code);
            });
            assert_eq!(trap_code(guest.call(export, &[])), code, "{export}");
            interrupter.join().expect("no panic");
            // Once: the next call is not interrupted by it.
            assert_eq!(guest.call_i32("fine", &[]).unwrap(), 7, "{export}");
        }
    }
}

#[test]
fn interruption_reaches_a_start_function_and_watched_code() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module (func $s (loop (br 0))) (start $s))").unwrap();
    for watched in [false, true] {
        let mut store = Store::new(&engine, ());
        store.set_fuel_limit(Some(BACKSTOP));
        if watched {
            store
                .probes()
                .insert_global(probity_engine::hook::Probe::call(|_| Ok(())));
        }
        let handle = store.interrupt_handle();
        let interrupter = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            handle.interrupt(TrapCode::Interrupted);
        });
        let outcome = Linker::new(&engine).instantiate(&mut store, &module);
        assert_eq!(trap_code(outcome.map(drop)), TrapCode::Interrupted);
        interrupter.join().expect("no panic");
    }
}

const GROWING: &str = r#"(module
  (memory (export "m") 1)
  (table (export "t") 1 funcref)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow_table") (param i32) (result i32)
    (table.grow (ref.null func) (local.get 0)))
  (func (export "forever")
    (loop (drop (memory.grow (i32.const 16))) (br 0))))"#;

fn limits(memory_bytes_max: Option<u64>, table_elements_max: Option<u64>, trap: bool) -> Limits {
    Limits {
        memory_bytes_max,
        table_elements_max,
        trap_on_refused_growth: trap,
        ..Limits::default()
    }
}

#[test]
fn refused_growth_gives_minus_one() {
    let mut guest = Guest::new(GROWING);
    guest
        .store
        .set_limits(limits(Some(3 << 16), Some(10), false));
    assert_eq!(guest.call_i32("grow", &[3]).unwrap(), -1);
    assert_eq!(guest.call_i32("grow", &[2]).unwrap(), 1);
    assert_eq!(guest.call_i32("grow", &[0]).unwrap(), 3);
    assert_eq!(guest.call_i32("grow", &[1]).unwrap(), -1);
    assert_eq!(guest.call_i32("grow", &[-1]).unwrap(), -1);
    assert_eq!(guest.call_i32("grow_table", &[10]).unwrap(), -1);
    assert_eq!(guest.call_i32("grow_table", &[9]).unwrap(), 1);
    assert_eq!(guest.call_i32("grow_table", &[1]).unwrap(), -1);
    assert_eq!(guest.call_i32("grow_table", &[-1]).unwrap(), -1);

    let memory = guest.instance.get_memory(&guest.store, "m").unwrap();
    assert!(memory.grow(&mut guest.store, 1).is_err());
    let table = guest.instance.get_table(&guest.store, "t").unwrap();
    assert!(table.grow(&mut guest.store, 1, Val::FuncRef(None)).is_err());
    assert_eq!(
        (memory.size(&guest.store), table.size(&guest.store)),
        (3, 10)
    );
}

#[test]
fn refused_growth_ends_the_run_on_request() {
    let mut guest = Guest::new(GROWING);
    guest
        .store
        .set_limits(limits(Some(100 << 16), Some(10), true));
    guest.store.set_fuel_limit(Some(BACKSTOP));
    assert_eq!(guest.call_i32("grow", &[9]).unwrap(), 1);
    assert_eq!(
        trap_code(guest.call("grow", &[Val::I32(91)])),
        TrapCode::MemoryLimit
    );
    assert_eq!(
        trap_code(guest.call("grow_table", &[Val::I32(10)])),
        TrapCode::TableLimit
    );
    assert_eq!(guest.call_i32("grow_table", &[9]).unwrap(), 1);
    assert_eq!(trap_code(guest.call("forever", &[])), TrapCode::MemoryLimit);
    let memory = guest.instance.get_memory(&guest.store, "m").unwrap();
    assert!(memory.size(&guest.store) <= 100);
}

#[test]
fn initial_sizes_past_a_limit_are_refused() {
    let engine = Engine::default();
    let refused = |wat: &str, limits: Limits| {
        let module = Module::new(&engine, wat).expect("it loads");
        let mut store = Store::new(&engine, ());
        store.set_limits(limits);
        Linker::new(&engine)
            .instantiate(&mut store, &module)
            .is_err()
    };
    let small = || limits(Some(1 << 16), Some(2), false);
    assert!(refused("(module (memory 2))", small()));
    assert!(!refused("(module (memory 1))", small()));
    assert!(refused("(module (table 3 funcref))", small()));
    assert!(!refused("(module (table 2 funcref))", small()));
}

/// Sizes that no machine can give are an answer, not a crash.
#[test]
fn absurd_sizes_are_refused_or_granted_but_never_fatal() {
    let mut guest = Guest::new(GROWING);
    for delta in [65_535, 65_536, i32::MAX, i32::MIN, -1] {
        let found = guest.call_i32("grow", &[delta]).unwrap();
        assert!(found == -1 || found == 1, "delta {delta}: {found}");
        if found != -1 {
            break;
        }
    }
    let pages = guest.call_i32("grow", &[0]).unwrap();
    assert!((1..=65_536).contains(&pages), "{pages}");
}

#[test]
fn stack_size_is_configured() {
    let wat = r#"(module (func $f (export "f") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0)))))"#;
    let deepest = |bytes: usize| {
        let mut guest = Guest::configured(Config::new().max_stack_bytes(bytes), wat, |_| {});
        let (mut fits, mut exhausts) = (0, 1 << 24);
        while exhausts - fits > 1 {
            let depth = (fits + exhausts) / 2;
            match guest.call("f", &[Val::I32(depth)]) {
                Ok(found) => {
                    assert_eq!(i32_of(&found[0]), depth);
                    fits = depth;
                }
                Err(error) => {
                    assert_eq!(
                        trap_code::<()>(Err::<(), Error>(error)),
                        TrapCode::StackOverflow
                    );
                    exhausts = depth;
                }
            }
        }
        fits
    };
    let (small, large) = (deepest(64 << 10), deepest(1 << 20));
    assert!(small > 100, "64 KiB hold {small} frames");
    assert!(
        large > 8 * small,
        "1 MiB holds {large} frames, 64 KiB {small}"
    );
    assert_eq!(deepest(64 << 10), small, "depth is logical");
}
