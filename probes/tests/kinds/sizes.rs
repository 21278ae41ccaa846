//! Growing, bulk operations, allocations.

use probity_engine::Val;
use probity_probes::kinds::{self, BulkSource, Grow, Space};

use crate::guest::{Seen, WAYS, guest, number};

const GROWS: &str = r#"(module (memory 1 3) (table 2 5 funcref) (table $big i64 1 funcref)
    (func (export "f")
        (drop (memory.grow (i32.const 2)))
        (drop (memory.grow (i32.const 1)))
        (drop (memory.grow (i32.const 0)))
        (drop (table.grow 0 (ref.null func) (i32.const 3)))
        (drop (table.grow 0 (ref.null func) (i32.const -1)))
        (drop (table.grow $big (ref.null func) (i64.const 4)))))"#;

#[test]
fn growth() {
    use Space::{Memory, Table};
    for way in WAYS {
        let (mut store, instance, _) = guest(way, GROWS);
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::grows(move |_, grow| {
            sink.push(*grow);
            Ok(())
        });
        watch.instrument(&mut store.probes(), func).expect("sites");
        func.call(&mut store, &[], &mut []).expect("it returns");
        let grow = |space, delta, old| Grow { space, delta, old };
        let expected = [
            grow(Memory(0), 2, Some(1)),
            grow(Memory(0), 1, None),
            grow(Memory(0), 0, Some(3)),
            grow(Table(0), 3, Some(2)),
            grow(Table(0), u32::MAX.into(), None),
            grow(Table(1), 4, Some(1)),
        ];
        assert_eq!(seen.take(), expected, "{way:?}");
    }
}

const BULK: &str = r#"(module (memory 1) (memory $m 1) (table 8 funcref) (table $u 8 funcref)
    (data $d "abcdef") (elem $e func $f $f $f)
    (func $f (export "f") (param i32)
        (memory.copy 0 $m (i32.const 1) (i32.const 2) (i32.const 3))
        (memory.fill (i32.const 4) (i32.const 5) (i32.const 6))
        (memory.init $m $d (i32.const 7) (i32.const 1) (i32.const 2))
        (table.copy $u 0 (i32.const 1) (i32.const 2) (i32.const 4))
        (table.fill $u (i32.const 3) (ref.null func) (i32.const 2))
        (table.init $u $e (i32.const 5) (i32.const 0) (i32.const 3))
        (memory.fill (local.get 0) (i32.const 0) (i32.const 65536))))"#;

#[test]
fn bulk_operations() {
    use Space::{Memory, Table};
    for way in WAYS {
        let (mut store, instance, _) = guest(way, BULK);
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::bulk(move |_, bulk| {
            let from = match &bulk.source {
                BulkSource::Copy(space, at) => (Some(*space), None, *at as i64),
                BulkSource::Segment(segment, at) => (None, Some(*segment), *at as i64),
                BulkSource::Fill(value) => (None, None, number(value)),
            };
            sink.push((bulk.space, bulk.destination, from, bulk.len));
            Ok(())
        });
        watch.instrument(&mut store.probes(), func).expect("sites");
        func.call(&mut store, &[Val::I32(1)], &mut [])
            .expect_err("one byte too far");
        let expected = [
            (Memory(0), 1, (Some(Memory(1)), None, 2), 3),
            (Memory(0), 4, (None, None, 5), 6),
            (Memory(1), 7, (None, Some(0), 1), 2),
            (Table(1), 1, (Some(Table(0)), None, 2), 4),
            (Table(1), 3, (None, None, i64::MIN), 2),
            (Table(1), 5, (None, Some(0), 0), 3),
        ];
        assert_eq!(seen.take(), expected, "{way:?}");
    }
}

const OBJECTS: &str = r#"(module
    (type $s (struct (field i32 i64))) (type $a (array (mut i8)))
    (data $d "abcdef")
    (func (export "f") (param i32)
        (drop (struct.new $s (i32.const 1) (i64.const 2)))
        (drop (struct.new_default $s))
        (drop (array.new $a (i32.const 1) (i32.const 9)))
        (drop (array.new_default $a (i32.const 0)))
        (drop (array.new_fixed $a 2 (i32.const 1) (i32.const 2)))
        (drop (array.new_data $a $d (i32.const 1) (i32.const 5)))
        (drop (array.new_data $a $d (i32.const 1) (local.get 0)))))"#;

#[test]
fn objects() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, OBJECTS);
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::allocations(move |_, made| {
            let there = matches!(made.object, Val::AnyRef(Some(_)));
            sink.push((made.type_index, made.length, there));
            Ok(())
        });
        watch.instrument(&mut store.probes(), func).expect("sites");
        func.call(&mut store, &[Val::I32(6)], &mut [])
            .expect_err("one byte too many");
        let expected = [
            (0, None, true),
            (0, None, true),
            (1, Some(9), true),
            (1, Some(0), true),
            (1, Some(2), true),
            (1, Some(5), true),
        ];
        assert_eq!(seen.take(), expected, "{way:?}");
    }
}
