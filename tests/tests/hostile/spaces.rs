//! Memories and tables with 64-bit addresses, and many of them.

use probity_engine::{Config, Engine, Linker, Module, Store, TrapCode, Val};

use crate::isolated::isolated;
use crate::ward::{Ward, Watchdog};

const STACK: usize = 512 << 10;

const WIDE: &str = r#"(module
  (memory $m i64 1) (table $t i64 1 funcref)
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "grow_table") (param i64) (result i64)
    (table.grow $t (ref.null func) (local.get 0)))
  (func (export "load") (param i64) (result i64) (i64.load offset=0xfffffffffffffff0 (local.get 0)))
  (func (export "fill") (param i64) (memory.fill (i64.const 1) (i32.const 1) (local.get 0)))
  (func (export "copy") (param i64) (memory.copy (local.get 0) (i64.const 1) (i64.const -1)))
  (func (export "table_get") (param i64) (drop (table.get $t (local.get 0))))
  (func (export "table_fill") (param i64)
    (table.fill $t (i64.const 1) (ref.null func) (local.get 0)))
  (func (export "call") (param i64) (call_indirect $t (local.get 0)))
  (func (export "forever") (loop (drop (memory.grow (i64.const 0x1000))) (br 0)))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const GIANT: [i64; 6] = [1 << 40, 1 << 48, (1 << 48) - 1, i64::MAX, i64::MIN, -1];

#[test]
fn giant_requests_are_refused() {
    isolated("spaces::giant_requests_are_refused", STACK, || {
        Ward::default().each(WIDE, |watch, guest| {
            for delta in GIANT {
                for export in ["grow", "grow_table"] {
                    let found = guest.call(export, &[Val::I64(delta)]).expect("no trap");
                    assert!(
                        matches!(found[0], Val::I64(-1)),
                        "{watch:?} {export} {delta:#x}"
                    );
                }
            }
            assert_eq!(guest.i32("fine", &[]), 7);
        });
        let ward = Ward::fuel(100_000_000)
            .memory_max(1 << 30, true)
            .table_max(10, true);
        ward.each(WIDE, |_, guest| {
            guest.ends("forever", &[], TrapCode::MemoryLimit);
            guest.ends("grow", &[Val::I64(-1)], TrapCode::MemoryLimit);
        });
        Ward::interrupt(TrapCode::Timeout).each(WIDE, |_, guest| {
            guest.ends("forever", &[], TrapCode::Timeout);
        });
    });
}

#[test]
fn giant_addresses_are_out_of_bounds() {
    isolated("spaces::giant_addresses_are_out_of_bounds", STACK, || {
        Ward::default().each(WIDE, |_, guest| {
            for address in GIANT.into_iter().chain([1 << 32, 65_536]) {
                let at = &[Val::I64(address)];
                for export in ["load", "fill", "copy"] {
                    guest.ends(export, at, TrapCode::MemoryOutOfBounds);
                }
                for export in ["table_get", "table_fill"] {
                    guest.ends(export, at, TrapCode::TableOutOfBounds);
                }
                guest.ends("call", at, TrapCode::UndefinedElement);
            }
        });
    });
}

#[test]
fn giant_minimums_are_refused() {
    isolated("spaces::giant_minimums_are_refused", STACK, || {
        let _dog = Watchdog::new(None);
        let engine = Engine::new(&Config::new());
        for minimum in ["0x1000000000000", "0x100000000000", "0x100000000"] {
            let wat = format!("(module (memory i64 {minimum}))");
            let Ok(module) = Module::new(&engine, wat) else {
                continue;
            };
            let mut store = Store::new(&engine, ());
            Linker::new(&engine)
                .instantiate(&mut store, &module)
                .expect_err("no machine has that");
        }
        for wat in [
            "(module (table i64 0x100000000 funcref))",
            "(module (table i64 0xffffffffffffffff funcref))",
        ] {
            let Ok(module) = Module::new(&engine, wat) else {
                continue;
            };
            let mut store = Store::new(&engine, ());
            Linker::new(&engine)
                .instantiate(&mut store, &module)
                .expect_err("no machine has that");
        }
    });
}

/// 100 memories are what implementations allow; each could have 4 GiB.
#[test]
fn many_memories() {
    isolated("spaces::many_memories", STACK, || {
        let module = |count: usize| {
            let memories = "(memory 1 65536)".repeat(count);
            let last = count - 1;
            format!(
                r#"(module {memories}
                     (func (export "all") (result i32) {grows} (memory.size {last}))
                     (func (export "store") (result i32)
                       (i32.store8 {last} (i32.const 65535) (i32.const 9))
                       (i32.load8_u {last} (i32.const 65535))))"#,
                grows = (0..count)
                    .map(|i| format!("(drop (memory.grow {i} (i32.const 65535)))"))
                    .collect::<String>(),
            )
        };
        Ward::default().each(module(100), |_, guest| {
            assert_eq!(guest.i32("store", &[]), 9);
            let pages = guest.i32("all", &[]);
            assert!((1..=65_536).contains(&pages), "{pages}");
        });
        let refused = Module::new(&Engine::default(), module(101));
        assert!(refused.is_err(), "101 memories");
    });
}
