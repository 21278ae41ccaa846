//! Instructions where the official tests look least: vectors, packed fields, traps and their
//! places, probes that read and write references.

use std::sync::{Arc, Mutex};

use probity_engine::{AnyRef, HeapType, Module, TrapCode, Val};

use super::guest::{counts_fuel, Guest, i32_of, trap_code};
use super::ways::{check, every_way};

#[test]
fn vectors_in_objects() {
    check(
        r#"(module
          (type $s (struct (field (mut i8)) (field (mut v128)) (field (mut i16)) (field (mut v128))))
          (type $a (array (mut v128)))
          (func (export "struct") (result i32) (local $s (ref $s))
            (local.set $s (struct.new $s (i32.const 0x1ff) (v128.const i32x4 1 2 3 4)
              (i32.const -2) (v128.const i32x4 5 6 7 8)))
            (struct.set $s 1 (local.get $s)
              (i32x4.add (struct.get $s 1 (local.get $s)) (struct.get $s 3 (local.get $s))))
            (i32.add (i32x4.extract_lane 0 (struct.get $s 1 (local.get $s)))
              (i32x4.extract_lane 3 (struct.get $s 1 (local.get $s))))
            (i32.add (i32.mul (i32.const 1000) (struct.get_u $s 0 (local.get $s))))
            (i32.add (i32.mul (i32.const 100) (struct.get_s $s 0 (local.get $s))))
            (i32.add (struct.get_s $s 2 (local.get $s)))
            (i32.add (struct.get_u $s 2 (local.get $s))))
          (func (export "array") (result i32) (local $a (ref $a))
            (local.set $a (array.new $a (v128.const i32x4 1 2 3 4) (i32.const 300)))
            (array.set $a (local.get $a) (i32.const 7) (v128.const i32x4 10 20 30 40))
            (array.fill $a (local.get $a) (i32.const 8) (v128.const i32x4 100 200 300 400) (i32.const 2))
            (array.copy $a $a (local.get $a) (i32.const 297) (local.get $a) (i32.const 7) (i32.const 3))
            (i32x4.extract_lane 3 (i32x4.add
              (array.get $a (local.get $a) (i32.const 296))
              (i32x4.add (array.get $a (local.get $a) (i32.const 297))
                (array.get $a (local.get $a) (i32.const 299))))))
          (func (export "fixed") (result i32) (local $a (ref $a))
            (i32.const 1000)
            (local.set $a (array.new_fixed $a 2 (v128.const i32x4 1 2 3 4) (v128.const i32x4 5 6 7 8)))
            (i32.add (i32x4.extract_lane 2 (array.get $a (local.get $a) (i32.const 1))))))"#,
        &[
            ("struct", 6 + 12 + 255_000 - 100 - 2 + 65_534),
            ("array", 4 + 40 + 400),
            ("fixed", 1007),
        ],
    );
}

/// Null and bounds are checked, whatever kind of value it is about.
#[test]
fn traps() {
    let mut exports = String::new();
    for (name, ty, zero) in [
        ("i8", "i8", "(i32.const 0)"),
        ("i64", "i64", "(i64.const 0)"),
        ("f32", "f32", "(f32.const 0)"),
        ("v128", "v128", "(v128.const i64x2 0 0)"),
        ("any", "anyref", "(ref.null any)"),
    ] {
        let get = if name == "i8" { "get_u" } else { "get" };
        exports += &format!(
            r#"(type $s{name} (struct (field i64) (field (mut {ty}))))
            (type $a{name} (array (mut {ty})))
            (func (export "struct {name} get") (drop (struct.{get} $s{name} 1 (ref.null none))))
            (func (export "struct {name} set") (struct.set $s{name} 1 (ref.null none) {zero}))
            (func (export "null {name} get")
              (drop (array.{get} $a{name} (ref.null none) (i32.const 0))))
            (func (export "null {name} set") (array.set $a{name} (ref.null none) (i32.const 0) {zero}))
            (func (export "null {name} fill")
              (array.fill $a{name} (ref.null none) (i32.const 0) {zero} (i32.const 0)))
            (func (export "bounds {name} get")
              (drop (array.{get} $a{name} (array.new_default $a{name} (i32.const 3)) (i32.const 3))))
            (func (export "bounds {name} set")
              (array.set $a{name} (array.new_default $a{name} (i32.const 3)) (i32.const -1) {zero}))
            (func (export "bounds {name} fill")
              (array.fill $a{name} (array.new_default $a{name} (i32.const 3)) (i32.const 2) {zero}
                (i32.const -1)))
            (func (export "bounds {name} copy")
              (array.copy $a{name} $a{name} (array.new_default $a{name} (i32.const 3)) (i32.const 0)
                (array.new_default $a{name} (i32.const 2)) (i32.const 0) (i32.const 3)))
            "#
        );
    }
    let wat = format!(
        r#"(module {exports}
          (func (export "null len") (drop (array.len (ref.null array))))
          (func (export "i31 null") (drop (i31.get_s (ref.null i31))))
          (func (export "cast object") (drop (ref.cast (ref i31) (array.new_default $ai64 (i32.const 1)))))
          (func (export "cast null") (drop (ref.cast (ref any) (ref.null none)))))"#
    );
    every_way(
        &wat,
        |_| {},
        |way, mut guest| {
            let exports: Vec<String> = guest.module.exports().map(|e| e.name.to_owned()).collect();
            assert_eq!(exports.len(), 5 * 9 + 4);
            for export in exports {
                let expect = match export.split_once(' ').expect("two words").0 {
                    "struct" => TrapCode::NullStructReference,
                    "null" => TrapCode::NullArrayReference,
                    "bounds" => TrapCode::ArrayOutOfBounds,
                    "i31" => TrapCode::NullI31Reference,
                    _ => TrapCode::CastFailure,
                };
                let code = trap_code(guest.call(&export, &[]));
                assert_eq!(code, expect, "{export} ({way:?})");
            }
        },
    );
}

/// A trap is at the instruction that raises it, and fuel is charged up to there.
#[test]
fn traps_are_where_they_are() {
    let wat = r#"(module
      (memory 1)
      (data $d "abc")
      (type $a (array (mut i8)))
      (type $s (struct (field i64)))
      (func (export "ArrayNewData")
        (drop (array.new_data $a $d (i32.const 2) (i32.const 5)))
        (drop (i32.load (i32.const 0))))
      (func (export "ArrayInitData")
        (array.init_data $a $d (array.new_default $a (i32.const 9))
          (i32.const 0) (i32.const 2) (i32.const 5))
        (drop (i32.load (i32.const 0))))
      (func (export "StructGet") (local (ref null $s))
        (drop (i64.add (i64.const 1) (struct.get $s 0 (local.get 0))))
        (drop (struct.get $s 0 (local.get 0))))
      (func (export "RefCastNonNull") (local anyref)
        (local.set 0 (struct.new_default $s))
        (drop (ref.cast (ref $a) (local.get 0)))
        (drop (ref.cast (ref $a) (local.get 0)))))"#;
    every_way(
        wat,
        |_| {},
        |way, mut guest| {
            for (operator, fuel) in [
                ("ArrayNewData", 4),
                ("ArrayInitData", 7),
                ("StructGet", 4),
                ("RefCastNonNull", 5),
            ] {
                let before = guest.store.fuel_consumed();
                let error = guest.call(operator, &[]).expect_err("a trap");
                let spent = guest.store.fuel_consumed() - before;
                if counts_fuel() {
                    assert_eq!(spent, fuel, "{operator} ({way:?})");
                }
                let at = error.backtrace()[0].pc();
                assert_eq!(at, guest.pc(operator, operator, 0), "{operator} ({way:?})");
            }
        },
    );
}

/// A probe sees references with their types, may change what they lead to, and may put others in
/// their place.
#[test]
fn probes_read_and_write_references() {
    let wat = r#"(module
      (type $box (struct (field (mut i32))))
      (func (export "run") (result i32) (local $b (ref null $box))
        (local.set $b (struct.new $box (i32.const 1)))
        (struct.new $box (i32.const 2))
        (drop (struct.new $box (i32.const 3)))
        nop
        struct.get $box 0
        (i32.add (struct.get $box 0 (local.get $b)))))"#;
    let mut config = super::guest::config();
    config.gc_zeal(true);
    let mut guest = Guest::configured(&config, wat, |_| {});
    let ty = guest.module.type_id(0).expect("a type");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    guest.before("run", "Nop", 0, move |context| {
        let (local, operand) = {
            let frame = context.frame();
            (frame.local(0), frame.top(0))
        };
        for value in [local, operand] {
            let Some(Val::AnyRef(Some(value))) = value else {
                panic!("an object");
            };
            let number = i32_of(&value.get(context, 0)?);
            sink.lock()
                .expect("no panic")
                .push((value.ty(context)?, number));
            value.set(context, 0, Val::I32(number * 10))?;
        }
        let other = AnyRef::new_struct(context, ty, &[Val::I32(500)])?;
        context.frame().set_local(0, Some(other).into())?;
        // Not of the local's type.
        assert!(
            context
                .frame()
                .set_local(0, Some(AnyRef::i31(1)).into())
                .is_err()
        );
        Ok(())
    });
    assert_eq!(guest.call_i32("run", &[]).expect("no trap"), 520);
    let box_type = HeapType::Concrete(ty);
    assert_eq!(
        *seen.lock().expect("no panic"),
        [(box_type, 1), (box_type, 2)]
    );
}

/// Objects made by constant expressions that cannot be allocated are errors of instantiation.
#[test]
fn constant_expressions_have_limits() {
    let wat = r#"(module
      (type $a (array i64))
      (type $s (struct (field (ref $a)) (field i31ref)))
      (global $g (ref $s)
        (struct.new $s (array.new $a (i64.const 5) (i32.const 100000)) (ref.i31 (i32.const 9))))
      (func (export "run") (result i32)
        (i32.add (i32.wrap_i64 (array.get $a (struct.get $s 0 (global.get $g)) (i32.const 99999)))
          (i31.get_s (struct.get $s 1 (global.get $g))))))"#;
    check(wat, &[("run", 14)]);
    let mut guest = Guest::new("(module)");
    let module = Module::new(guest.store.engine(), wat).expect("valid");
    for _ in 0..10 {
        guest.store.set_limits(probity_engine::Limits {
            heap_bytes_max: Some(500_000),
            ..Default::default()
        });
        let error = probity_engine::Instance::new(&mut guest.store, &module, &[]);
        assert_eq!(trap_code(error), TrapCode::HeapLimit);
    }
    guest.store.gc();
    assert_eq!(guest.store.heap_stats().objects, 0);
}
