//! Memories whose pages are single bytes.

use probity_engine::{Memory, MemoryType, Store, TrapCode, Val};

use super::every_way::{check, gives, runs, traps};

const OUT: TrapCode = TrapCode::MemoryOutOfBounds;

#[test]
fn bounds_are_exact_to_the_byte() {
    for first in ["", "(memory 1)"] {
        let m = if first.is_empty() { 0 } else { 1 };
        let wat = format!(
            r#"(module {first} (memory 3 9 (pagesize 1)) (data (memory {m}) (i32.const 0) "\01\02\03")
              (func (export "size") (result i32) (memory.size {m}))
              (func (export "grow") (param i32) (result i32) (memory.grow {m} (local.get 0)))
              (func (export "byte") (param i32) (result i32) (i32.load8_u {m} (local.get 0)))
              (func (export "word") (param i32) (result i32) (i32.load {m} (local.get 0)))
              (func (export "store") (param i32 i32) (i32.store16 {m} (local.get 0) (local.get 1)))
              (func (export "sum") (param i32 i32) (result i32)
                (i32.load8_u {m} (i32.add (local.get 0) (local.get 1))))
              (func (export "fill") (param i32 i32)
                (memory.fill {m} (local.get 0) (i32.const 5) (local.get 1))))"#
        );
        let i = |x: &[i32]| -> Vec<Val> { x.iter().map(|&x| Val::I32(x)).collect() };
        check(
            &wat,
            &[
                gives("size", [], Val::I32(3)),
                gives("byte", i(&[2]), Val::I32(3)),
                traps("byte", i(&[3]), OUT),
                traps("word", i(&[0]), OUT),
                gives("sum", i(&[1, 1]), Val::I32(3)),
                traps("sum", i(&[1, 2]), OUT),
                runs("store", i(&[1, 0x1234])),
                traps("store", i(&[2, 0]), OUT),
                gives("byte", i(&[2]), Val::I32(0x12)),
                gives("grow", i(&[1]), Val::I32(3)),
                gives("word", i(&[0]), Val::I32(0x0012_3401)),
                traps("word", i(&[1]), OUT),
                gives("grow", i(&[6]), Val::I32(-1)),
                gives("grow", i(&[5]), Val::I32(4)),
                gives("size", [], Val::I32(9)),
                runs("fill", i(&[7, 2])),
                traps("fill", i(&[7, 3]), OUT),
                gives("byte", i(&[8]), Val::I32(5)),
                gives("grow", i(&[1]), Val::I32(-1)),
                gives("grow", i(&[-1]), Val::I32(-1)),
            ],
        );
    }
}

/// One byte less than the address space: the size itself must fit 32 bits.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn the_largest_memory_of_32_bits() {
    let i = |x: i32| [Val::I32(x)];
    check(
        r#"(module (memory 0 (pagesize 1))
          (func (export "size") (result i32) (memory.size))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "store") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
          (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
        &[
            gives("grow", i(-1), Val::I32(0)),
            gives("size", [], Val::I32(-1)),
            runs("store", i(-2)),
            gives("byte", i(-2), Val::I32(1)),
            traps("byte", i(-1), OUT),
            gives("grow", i(1), Val::I32(-1)),
        ],
    );
}

#[test]
fn the_host_sees_pages_of_the_right_size() {
    let mut store = Store::new(&super::guest::engine(), ());
    let ty = MemoryType {
        page_size_log2: 0,
        ..MemoryType::new(5, Some(7))
    };
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!((memory.size(&store), memory.data(&store).len()), (5, 5));
    assert_eq!(memory.grow(&mut store, 2).unwrap(), 5);
    assert_eq!((memory.size(&store), memory.data(&store).len()), (7, 7));
    assert!(memory.grow(&mut store, 1).is_err());
    assert_eq!(memory.ty(&store), MemoryType { minimum: 7, ..ty });
    for (log2, minimum, maximum) in [
        (1, 1, None),
        (200, 1, None),
        (0, 2, Some(1)),
        (16, 65537, None),
    ] {
        let ty = MemoryType {
            page_size_log2: log2,
            ..MemoryType::new(minimum, maximum)
        };
        assert!(Memory::new(&mut store, ty).is_err(), "{ty}");
    }
}
