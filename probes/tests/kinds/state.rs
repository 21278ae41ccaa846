//! Accesses to memories, tables and globals.

use probity_engine::Val;
use probity_probes::access::AccessKind::{Load, Store, Update};
use probity_probes::kinds::{self, Direction};

use crate::guest::{Seen, WAYS, guest, number};

const MEMORIES: &str = r#"(module (memory 1) (memory $big i64 1)
    (data (i32.const 8) "\01\02\03\04\05\06\07\08")
    (func (export "f") (param i32)
        (drop (i32.load (i32.const 8)))
        (drop (i32.load8_s offset=7 (i32.const 8)))
        (drop (i64.load16_u offset=2 (i32.const 6)))
        (i32.store16 offset=4 (i32.const 12) (i32.const 0x12345))
        (i64.store $big (i64.const 40) (i64.const 77))
        (drop (i64.load32_u $big offset=1 (i64.const 39)))
        (drop (i32.atomic.rmw.add (i32.const 16) (i32.const 3)))
        (drop (i32.atomic.rmw.cmpxchg (i32.const 16) (i32.const 9) (i32.const 5)))
        (drop (v128.load64_lane 1 (i32.const 8) (v128.const i64x2 0 0)))
        (v128.store8_lane offset=1 3 (i32.const 100) (v128.const i64x2 0 0))
        (drop (memory.atomic.notify (i32.const 16) (i32.const 1)))
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 1))
        (drop (i32.load (local.get 0)))))"#;

#[test]
fn memories() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, MEMORIES);
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::memory_accesses(move |_, access| {
            let value = number(&access.value);
            let place = (access.memory, access.address, access.width);
            sink.push((place, access.kind, value));
            Ok(())
        });
        watch.instrument(&mut store.probes(), func).expect("sites");
        let trapped = func.call(&mut store, &[Val::I32(-4)], &mut []).is_err();
        let expected = [
            ((0, 8, 4), Load, 0x0403_0201),
            ((0, 15, 1), Load, 8),
            ((0, 8, 2), Load, 0x0201),
            // The operand, of which two bytes are stored.
            ((0, 16, 2), Store, 0x12345),
            ((1, 40, 8), Store, 77),
            ((1, 40, 4), Load, 77),
            ((0, 16, 4), Update, 0x2345),
            ((0, 16, 4), Update, 0x2348),
            ((0, 8, 8), Load, i64::MIN),
            ((0, 101, 1), Store, i64::MIN),
        ];
        // The last load traps.
        assert_eq!((trapped, seen.take()), (true, expected.to_vec()), "{way:?}");
    }
}

const STATE: &str = r#"(module
    (global $g (mut i64) (i64.const 5)) (global $k i32 (i32.const 6))
    (table $t 4 funcref) (table $big i64 4 funcref) (elem (i32.const 0) func $f)
    (func $f (export "f") (param i32)
        (global.set $g (i64.add (global.get $g) (i64.extend_i32_u (global.get $k))))
        (table.set $t (i32.const 2) (table.get $t (i32.const 0)))
        (table.set $big (i64.const 3) (ref.null func))
        (drop (table.get $t (local.get 0)))))"#;

#[test]
fn tables_and_globals() {
    use Direction::{Get, Set};
    for way in WAYS {
        let (mut store, instance, _) = guest(way, STATE);
        let func = instance.get_func(&store, "f").expect("f");
        let (tables, globals) = (Seen::default(), Seen::default());
        let (to_tables, to_globals) = (tables.clone(), globals.clone());
        let watches = [
            kinds::tables(move |_, access| {
                let is_f = matches!(access.value, Val::FuncRef(Some(f)) if f == func);
                to_tables.push((access.table, access.index, access.direction, is_f));
                Ok(())
            }),
            kinds::globals(move |_, access| {
                to_globals.push((access.global, access.direction, number(&access.value)));
                Ok(())
            }),
        ];
        for watch in &watches {
            watch.instrument(&mut store.probes(), func).expect("sites");
        }
        func.call(&mut store, &[Val::I32(4)], &mut [])
            .expect_err("no such element");
        let expected = [(0, 0, Get, true), (0, 2, Set, true), (1, 3, Set, false)];
        assert_eq!(tables.take(), expected, "{way:?}");
        let expected = [(0, Get, 5), (1, Get, 6), (0, Set, 11)];
        assert_eq!(globals.take(), expected, "{way:?}");
    }
}
