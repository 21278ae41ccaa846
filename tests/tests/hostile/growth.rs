//! Guests that take memory and tables: in a loop, at once, and by many small ones.

use probity_engine::{Config, Engine, Limits, Linker, Module, Store, TrapCode, Val};

use crate::guest::trap_code_of;
use crate::isolated::isolated;
use crate::ward::{Ward, Watch, Watchdog};

const STACK: usize = 512 << 10;

const GROWING: &str = r#"(module
  (memory (export "m") 1) (table $t (export "t") 1 funcref)
  (func $f) (elem declare func $f)
  (func (export "memory") (loop (drop (memory.grow (i32.const 1))) (br 0)))
  (func (export "memory_until_refused") (result i32)
    (loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 64)))))
    (memory.size))
  (func (export "memory_at_once") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "table") (loop (drop (table.grow $t (ref.null func) (i32.const 100))) (br 0)))
  (func (export "table_until_refused") (result i32)
    (loop (br_if 0
      (i32.ne (i32.const -1) (table.grow $t (ref.func $f) (i32.const 100000)))))
    (table.size $t))
  (func (export "table_at_once") (param i32) (result i32)
    (table.grow $t (ref.func $f) (local.get 0)))
  (func (export "fine") (result i32) i32.const 7))"#;

#[test]
fn memory_in_a_loop_ends_at_the_limit() {
    isolated("growth::memory_in_a_loop_ends_at_the_limit", STACK, || {
        let ward = Ward::fuel(10_000_000).memory_max(10 << 20, true);
        ward.each(GROWING, |_, guest| {
            guest.ends("memory", &[], TrapCode::MemoryLimit);
            assert_eq!(guest.i32("fine", &[]), 7);
        });
        // Refused, it goes on asking, and its fuel ends it.
        let ward = Ward::fuel(100_000).memory_max(10 << 20, false);
        ward.each(GROWING, |_, guest| {
            guest.ends("memory", &[], TrapCode::OutOfFuel);
            assert_eq!(guest.i32("memory_until_refused", &[]), 160);
        });
    });
}

#[test]
fn memory_in_a_loop_without_a_limit() {
    isolated("growth::memory_in_a_loop_without_a_limit", STACK, || {
        Ward::interrupt(TrapCode::Timeout).each(GROWING, |_, guest| {
            guest.ends("memory", &[], TrapCode::Timeout);
            let pages = guest.i32("memory_until_refused", &[]);
            assert!((1..=65_536).contains(&pages), "{pages}");
            assert_eq!(guest.i32("fine", &[]), 7);
        });
    });
}

#[test]
fn tables_in_a_loop_end_at_the_limit() {
    isolated("growth::tables_in_a_loop_end_at_the_limit", STACK, || {
        let ward = Ward::fuel(10_000_000).table_max(100_000, true);
        ward.each(GROWING, |_, guest| {
            guest.ends("table", &[], TrapCode::TableLimit);
            assert_eq!(guest.i32("fine", &[]), 7);
        });
        let ward = Ward::fuel(100_000_000).table_max(1_000_000, false);
        ward.each(GROWING, |_, guest| {
            let elements = guest.i32("table_until_refused", &[]);
            assert_eq!(elements, 900_001);
        });
    });
}

/// A table has 10 million elements at most, whatever the limits.
#[test]
fn tables_in_a_loop_without_a_limit() {
    isolated("growth::tables_in_a_loop_without_a_limit", STACK, || {
        Ward::default().each(GROWING, |_, guest| {
            let elements = guest.i32("table_until_refused", &[]);
            assert!((9_900_001..=10_000_000).contains(&elements), "{elements}");
        });
        Ward::interrupt(TrapCode::Timeout).each(GROWING, |_, guest| {
            guest.ends("table", &[], TrapCode::Timeout);
        });
    });
}

/// Sizes that no machine can give are refused.
#[test]
fn giant_requests() {
    isolated("growth::giant_requests", STACK, || {
        Ward::default().each(GROWING, |watch, guest| {
            for delta in [65_536, i32::MAX, i32::MIN, -1] {
                assert_eq!(
                    guest.i32("memory_at_once", &[delta]),
                    -1,
                    "{watch:?} {delta}"
                );
                let elements = guest.i32("table_at_once", &[delta.max(10_000_000)]);
                assert_eq!(elements, -1, "{watch:?} {delta}");
                assert_eq!(
                    guest.i32("table_at_once", &[delta.min(-1)]),
                    -1,
                    "{watch:?}"
                );
            }
            assert_eq!(guest.i32("memory_at_once", &[0]), 1);
            assert_eq!(guest.i32("table_at_once", &[0]), 1);
        });
        let ward = Ward::default()
            .memory_max(1 << 20, true)
            .table_max(10, true);
        ward.each(GROWING, |_, guest| {
            for delta in [65_535, 65_536, i32::MAX, -1] {
                let delta = &[Val::I32(delta)];
                guest.ends("memory_at_once", delta, TrapCode::MemoryLimit);
                guest.ends("table_at_once", delta, TrapCode::TableLimit);
            }
        });
    });
}

/// Under a fuel limit growth of a table costs its size.
#[test]
fn tables_at_once_cost_fuel() {
    isolated("growth::tables_at_once_cost_fuel", STACK, || {
        Ward::fuel(5_000_000).each(GROWING, |_, guest| {
            guest.ends("table_at_once", &[Val::I32(9_000_000)], TrapCode::OutOfFuel);
            assert_eq!(guest.i32("table_at_once", &[1]), 1);
        });
    });
}

/// A module that wants too much from the beginning is refused.
#[test]
fn giant_minimums() {
    isolated("growth::giant_minimums", STACK, || {
        let _dog = Watchdog::new(None);
        let engine = Engine::new(&Config::new());
        let refused = |limits: &Limits, wat: &str| {
            let Ok(module) = Module::new(&engine, wat) else {
                return true;
            };
            let mut store = Store::new(&engine, ());
            store.set_limits(limits.clone());
            let linker = Linker::new(&engine);
            linker.instantiate(&mut store, &module).is_err()
        };
        let none = Limits::default();
        assert!(refused(&none, "(module (memory 65537))"));
        assert!(refused(&none, "(module (table 10000001 funcref))"));
        assert!(refused(&none, "(module (table 0xffffffff funcref))"));
        assert!(!refused(&none, "(module (table 0 0xffffffff funcref))"));
        // Only reserved: nothing of it is touched.
        assert!(!refused(&none, "(module (memory 65536))"));
        let small = Limits {
            memory_bytes_max: Some(1 << 20),
            table_elements_max: Some(100),
            ..Limits::default()
        };
        assert!(refused(&small, "(module (memory 17))"));
        assert!(!refused(&small, "(module (memory 16 65536))"));
        assert!(refused(&small, "(module (table 101 funcref))"));
        assert!(!refused(
            &small,
            "(module (table 100 0xffffffff externref))"
        ));
    });
}

/// Many instances of a module, each with its own memory and table: a store may be
/// refused one, but is not brought down.
#[test]
fn many_instances() {
    isolated("growth::many_instances", STACK, || {
        let ward = Ward::default();
        let _dog = Watchdog::new(None);
        let module = ward.module(
            r#"(module (memory 1) (table 10 funcref)
                 (data (i32.const 65535) "x")
                 (func (export "f") (result i32) (i32.load8_u (i32.const 65535))))"#,
        );
        let mut store = Store::new(module.engine(), ());
        let linker = Linker::new(module.engine());
        let mut made = 0;
        while made < 20_000 {
            match linker.instantiate(&mut store, &module) {
                Ok(instance) => {
                    if made % 1000 == 0 {
                        let f = instance.get_typed_func::<(), i32>(&store, "f");
                        let f = f.expect("exported");
                        assert_eq!(f.call(&mut store, ()).expect("no trap"), 120);
                    }
                }
                Err(error) => {
                    assert!(error.to_string().contains("memory"), "{error}");
                    break;
                }
            }
            made += 1;
        }
        assert!(made > 1000, "{made} instances");
    });
}

/// Many tables of the largest size, in one module.
#[test]
fn many_giant_tables() {
    isolated("growth::many_giant_tables", STACK, || {
        let tables = "(table 10000000 externref)".repeat(3000);
        let wat = format!(r#"(module {tables} (func (export "fine") (result i32) i32.const 7))"#);
        for limits in [None, Some(1000)] {
            let mut ward = Ward::default();
            ward.limits.table_elements_max = limits;
            let (mut guest, outcome) = ward.instantiate(&wat, Watch::Nobody);
            match outcome {
                Ok(()) => assert_eq!(guest.i32("fine", &[]), 7),
                Err(error) => assert!(error.to_string().contains("table"), "{error}"),
            }
        }
    });
}

/// An instantiation that fails midway leaves a store that still works.
#[test]
fn failures_midway() {
    isolated("growth::failures_midway", STACK, || {
        let wat = r#"(module (memory 1) (table 10000000 externref) (table 10000001 externref))"#;
        let ward = Ward::default();
        let module = ward.module(wat);
        let mut store = Store::new(module.engine(), ());
        let linker = Linker::new(module.engine());
        for _ in 0..20 {
            linker
                .instantiate(&mut store, &module)
                .expect_err("the second table is too large");
        }
        let wat = r#"(module (memory 1) (data (i32.const 65536) "x"))"#;
        let module = Module::new(module.engine(), wat).expect("it loads");
        for _ in 0..20 {
            let error = linker
                .instantiate(&mut store, &module)
                .expect_err("the segment does not fit");
            assert_eq!(trap_code_of(&error), TrapCode::MemoryOutOfBounds);
        }
    });
}
