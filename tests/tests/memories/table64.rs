//! Tables with 64-bit indices.

use probity_engine::{TrapCode, Val};

use super::every_way::{check, gives, runs, traps};

#[test]
fn every_table_instruction_takes_wide_indices() {
    let n = |x: &[i64]| -> Vec<Val> { x.iter().map(|&x| Val::I64(x)).collect() };
    let out = TrapCode::TableOutOfBounds;
    // The same table as the first and as another.
    for first in ["", "(table 3 externref)"] {
        let wat = format!(
            r#"(module {first} (table $t i64 4 8 funcref) (table $s 4 funcref)
              (type $f (func (result i32))) (type $g (func (result i64)))
              (elem (table $t) (i64.const 1) func $one $two)
              (elem $e func $one $two $three) (elem declare func $three)
              (func $one (type $f) (i32.const 1))
              (func $two (type $f) (i32.const 2))
              (func $three (type $g) (i64.const 3))
              (func (export "call") (param i64) (result i32)
                (call_indirect $t (type $f) (local.get 0)))
              (func (export "call small") (param i64) (result i32)
                (call_indirect $s (type $f) (i32.wrap_i64 (local.get 0))))
              (func (export "is null") (param i64) (result i32)
                (ref.is_null (table.get $t (local.get 0))))
              (func (export "set") (param i64) (table.set $t (local.get 0) (ref.func $three)))
              (func (export "size") (result i64) (table.size $t))
              (func (export "grow") (param i64) (result i64)
                (table.grow $t (ref.func $two) (local.get 0)))
              (func (export "fill") (param i64 i64)
                (table.fill $t (local.get 0) (ref.func $one) (local.get 1)))
              (func (export "init") (param i64 i64)
                (table.init $t $e (local.get 0) (i32.const 0) (i32.wrap_i64 (local.get 1))))
              (func (export "copy") (param i64 i64 i64)
                (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
              (func (export "to small") (param i64 i64)
                (table.copy $s $t (i32.const 0) (local.get 0) (i32.wrap_i64 (local.get 1))))
              (func (export "from small") (param i64 i64)
                (table.copy $t $s (local.get 0) (i32.const 0) (i32.wrap_i64 (local.get 1)))))"#
        );
        check(
            &wat,
            &[
                gives("call", n(&[1]), Val::I32(1)),
                gives("call", n(&[2]), Val::I32(2)),
                traps("call", n(&[0]), TrapCode::UninitializedElement),
                traps("call", n(&[4]), TrapCode::UndefinedElement),
                traps("call", n(&[0x1_0000_0001]), TrapCode::UndefinedElement),
                traps("call", n(&[-1]), TrapCode::UndefinedElement),
                runs("set", n(&[3])),
                traps("call", n(&[3]), TrapCode::IndirectCallTypeMismatch),
                traps("set", n(&[0x1_0000_0003]), out),
                gives("is null", n(&[0]), Val::I32(1)),
                gives("is null", n(&[3]), Val::I32(0)),
                traps("is null", n(&[0x1_0000_0000]), out),
                gives("size", [], Val::I64(4)),
                gives("grow", n(&[5]), Val::I64(-1)),
                gives("grow", n(&[2]), Val::I64(4)),
                gives("size", [], Val::I64(6)),
                gives("call", n(&[5]), Val::I32(2)),
                runs("fill", n(&[4, 2])),
                gives("call", n(&[5]), Val::I32(1)),
                traps("fill", n(&[5, 2]), out),
                traps("fill", n(&[-1, 2]), out),
                runs("init", n(&[3, 3])),
                gives("call", n(&[4]), Val::I32(2)),
                traps("init", n(&[4, 3]), out),
                traps("init", n(&[-2, 3]), out),
                runs("copy", n(&[0, 3, 2])),
                gives("call", n(&[1]), Val::I32(2)),
                traps("copy", n(&[0, 5, 2]), out),
                traps("copy", n(&[-1, 0, 2]), out),
                runs("to small", n(&[1, 2])),
                gives("call small", n(&[0]), Val::I32(2)),
                traps("call small", n(&[3]), TrapCode::UninitializedElement),
                traps("call small", n(&[4]), TrapCode::UndefinedElement),
                traps("to small", n(&[-1, 2]), out),
                traps("to small", n(&[0, 5]), out),
                runs("from small", n(&[3, 1])),
                gives("call", n(&[3]), Val::I32(2)),
                traps("from small", n(&[6, 1]), out),
            ],
        );
    }
}
