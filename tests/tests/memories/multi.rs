//! Several memories.

use probity_engine::{TrapCode, Val};

use super::every_way::{Case, check, check_as, gives, runs, traps, with_library};

/// Store, load of the same width, type, what is stored, what is loaded.
const ACCESSES: &[(&str, &str, &str, i64, i64)] = &[
    ("i32.store", "i32.load", "i32", 0x7bcd_ef01, 0x7bcd_ef01),
    ("i32.store8", "i32.load8_u", "i32", 0x1ff, 0xff),
    ("i32.store8", "i32.load8_s", "i32", 0x1fe, -2),
    ("i32.store16", "i32.load16_u", "i32", 0x1_fffe, 0xfffe),
    ("i32.store16", "i32.load16_s", "i32", 0x1_fffd, -3),
    ("i64.store", "i64.load", "i64", i64::MIN + 5, i64::MIN + 5),
    ("i64.store8", "i64.load8_u", "i64", 0x1ff, 0xff),
    ("i64.store8", "i64.load8_s", "i64", 0x1fe, -2),
    ("i64.store16", "i64.load16_u", "i64", 0x1_fffe, 0xfffe),
    ("i64.store16", "i64.load16_s", "i64", 0x1_fffd, -3),
    (
        "i64.store32",
        "i64.load32_u",
        "i64",
        0x1_ffff_fffe,
        0xffff_fffe,
    ),
    ("i64.store32", "i64.load32_s", "i64", 0x1_ffff_fffd, -3),
];

fn number(ty: &str, value: i64) -> Val {
    match ty {
        "i32" => Val::I32(value as i32),
        _ => Val::I64(value),
    }
}

#[test]
fn every_access_reaches_its_own_memory_only() {
    for &(store, load, ty, stored, loaded) in ACCESSES {
        for memory in 0..3 {
            let wat = format!(
                r#"(module (memory 1) (memory 1) (memory 1)
                  (func (export "store") (param i32 {ty})
                    ({store} {memory} offset=3 (local.get 0) (local.get 1)))
                  (func (export "load") (param i32) (result {ty})
                    ({load} {memory} offset=3 (local.get 0)))
                  (func (export "others") (param i32) (result i64)
                    (i64.or (i64.load {one} (local.get 0)) (i64.load {two} (local.get 0)))))"#,
                one = (memory + 1) % 3,
                two = (memory + 2) % 3,
            );
            let at = Val::I32(6);
            check(
                &wat,
                &[
                    runs("store", [at.clone(), number(ty, stored)]),
                    gives("load", [at.clone()], number(ty, loaded)),
                    gives("others", [at], Val::I64(0)),
                ],
            );
        }
    }
}

#[test]
fn floats_and_vectors_of_a_second_memory() {
    let v = |x: u128| Val::V128(x);
    check(
        r#"(module (memory 1) (memory 1)
          (data (memory 1) (i32.const 16) "\01\82\03\84\05\86\07\88\09\8a\0b\8c\0d\8e\0f\90")
          (func (export "f32") (param f32) (result f32)
            (f32.store 1 (i32.const 1) (local.get 0)) (f32.load 1 (i32.const 1)))
          (func (export "f64") (param f64) (result f64)
            (f64.store 1 (i32.const 1) (local.get 0)) (f64.load 1 (i32.const 1)))
          (func (export "v128") (param v128) (result v128)
            (v128.store 1 offset=1 (i32.const 40) (local.get 0)) (v128.load 1 (i32.const 41)))
          (func (export "load8x8_s") (result v128) (v128.load8x8_s 1 (i32.const 16)))
          (func (export "load32x2_u") (result v128) (v128.load32x2_u 1 (i32.const 16)))
          (func (export "splat") (result v128) (v128.load16_splat 1 offset=16 (i32.const 1)))
          (func (export "zero") (result v128) (v128.load64_zero 1 (i32.const 16)))
          (func (export "lane") (param v128) (result v128)
            (v128.load32_lane 1 offset=16 2 (i32.const 0) (local.get 0)))
          (func (export "store_lane") (param v128) (result i64)
            (v128.store16_lane 1 offset=64 7 (i32.const 2) (local.get 0)) (i64.load 1 (i32.const 64)))
          (func (export "past") (result v128) (v128.load 1 (i32.const 65521)))
          (func (export "past lane") (param v128)
            (v128.store64_lane 1 offset=65000 1 (i32.const 529) (local.get 0))))"#,
        &[
            gives("f32", [Val::F32(0x7fa0_0001)], Val::F32(0x7fa0_0001)),
            gives(
                "f64",
                [Val::F64(0x7ff4_0000_0000_0001)],
                Val::F64(0x7ff4_0000_0000_0001),
            ),
            gives("v128", [v(u128::MAX / 3)], v(u128::MAX / 3)),
            gives(
                "load8x8_s",
                [],
                v(0xff88_0007_ff86_0005_ff84_0003_ff82_0001),
            ),
            gives(
                "load32x2_u",
                [],
                v(0x0000_0000_8807_8605_0000_0000_8403_8201),
            ),
            gives("splat", [], v(0x0382_0382_0382_0382_0382_0382_0382_0382)),
            gives("zero", [], v(0x8807_8605_8403_8201)),
            gives("lane", [v(7)], v(0x8403_8201_0000_0000_0000_0007)),
            gives("store_lane", [v(0x1234 << 112)], Val::I64(0x1234_0000)),
            traps("past", [], TrapCode::MemoryOutOfBounds),
            traps("past lane", [v(0)], TrapCode::MemoryOutOfBounds),
        ],
    );
}

const WHOLES: &str = r#"
  (memory $a (export "a") 1 3) (memory $b (export "b") 2 4)
  (data $passive "passive") (data (memory $b) (i32.const 65536) "active")
  (func (export "size a") (result i32) (memory.size $a))
  (func (export "size b") (result i32) (memory.size $b))
  (func (export "grow a") (param i32) (result i32) (memory.grow $a (local.get 0)))
  (func (export "grow b") (param i32) (result i32) (memory.grow $b (local.get 0)))
  (func (export "load a") (param i32) (result i32) (i32.load8_u $a (local.get 0)))
  (func (export "load b") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
  (func (export "fill b") (param i32 i32 i32) (memory.fill $b (local.get 0) (local.get 1) (local.get 2)))
  (func (export "b to a") (param i32 i32 i32) (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
  (func (export "in b") (param i32 i32 i32) (memory.copy $b $b (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init b") (param i32 i32 i32) (memory.init $b $passive (local.get 0) (local.get 1) (local.get 2)))
"#;

/// What the calls on [`WHOLES`] give.
fn wholes() -> Vec<Case> {
    let i = |x: &[i32]| -> Vec<Val> { x.iter().map(|&x| Val::I32(x)).collect() };
    let out = TrapCode::MemoryOutOfBounds;
    vec![
        gives("size a", [], Val::I32(1)),
        gives("size b", [], Val::I32(2)),
        traps("load a", i(&[65536]), out),
        gives("load b", i(&[65537]), Val::I32(b'c'.into())),
        runs("b to a", i(&[65530, 65536, 6])),
        gives("load a", i(&[65535]), Val::I32(b'e'.into())),
        traps("b to a", i(&[65531, 65536, 6]), out),
        traps("b to a", i(&[0, 2 * 65536 - 5, 6]), out),
        runs("in b", i(&[65537, 65536, 6])),
        gives("load b", i(&[65542]), Val::I32(b'e'.into())),
        runs("fill b", i(&[2 * 65536 - 3, 7, 3])),
        traps("fill b", i(&[2 * 65536 - 3, 9, 4]), out),
        gives("load b", i(&[2 * 65536 - 3]), Val::I32(7)),
        runs("init b", i(&[2 * 65536 - 7, 0, 7])),
        gives("load b", i(&[2 * 65536 - 1]), Val::I32(b'e'.into())),
        traps("init b", i(&[2 * 65536 - 6, 0, 7]), out),
        gives("grow b", i(&[2]), Val::I32(2)),
        gives("grow b", i(&[1]), Val::I32(-1)),
        gives("size a", [], Val::I32(1)),
        gives("size b", [], Val::I32(4)),
        gives("load b", i(&[4 * 65536 - 1]), Val::I32(0)),
        traps("load b", i(&[4 * 65536]), out),
        gives("grow a", i(&[1]), Val::I32(1)),
        gives("load a", i(&[2 * 65536 - 1]), Val::I32(0)),
        traps("load a", i(&[-1]), out),
        traps("load b", i(&[-1]), out),
    ]
}

#[test]
fn wholes_are_independent() {
    check(&format!("(module {WHOLES})"), &wholes());
}

#[test]
fn imported_memories_keep_their_order() {
    // The other instance's first memory is this one's second, and the other way round.
    let lib = format!("(module {WHOLES})");
    let user = r#"(module
      (import "lib" "b" (memory $b 2)) (import "lib" "a" (memory $a 1))
      (import "lib" "grow b" (func $grow_b (param i32) (result i32)))
      (import "lib" "load a" (func $load_a (param i32) (result i32)))
      (memory $own 1)
      (func (export "grow there") (param i32) (result i32) (call $grow_b (local.get 0)))
      (func (export "store a") (param i32 i32) (result i32)
        (i32.store8 $a (local.get 0) (local.get 1)) (call $load_a (local.get 0)))
      (func (export "load b") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
      (func (export "size b") (result i32) (memory.size $b))
      (func (export "load own") (param i32) (result i32) (i32.load $own (local.get 0))))"#;
    let i = |x: &[i32]| -> Vec<Val> { x.iter().map(|&x| Val::I32(x)).collect() };
    let out = TrapCode::MemoryOutOfBounds;
    check_as(
        &|| with_library(&lib, user),
        &[
            gives("load b", i(&[65536]), Val::I32(b'a'.into())),
            gives("store a", i(&[65535, 77]), Val::I32(77)),
            traps("store a", i(&[65536, 77]), out),
            traps("load b", i(&[2 * 65536]), out),
            gives("grow there", i(&[1]), Val::I32(2)),
            gives("load b", i(&[2 * 65536]), Val::I32(0)),
            gives("size b", [], Val::I32(3)),
            gives("load own", i(&[65532]), Val::I32(0)),
            traps("load own", i(&[65533]), out),
        ],
    );
}
