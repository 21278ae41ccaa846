//! Memories with 64-bit addresses, as the first memory and as another.

use probity_engine::{TrapCode, Val};

use super::every_way::{check, check_as, gives, runs, traps, with_library};

const OUT: TrapCode = TrapCode::MemoryOutOfBounds;

fn n(x: &[i64]) -> Vec<Val> {
    x.iter().map(|&x| Val::I64(x)).collect()
}

#[test]
fn addresses_are_not_cut_and_sums_do_not_wrap() {
    for first in ["", "(memory 1)"] {
        let m = if first.is_empty() { 0 } else { 1 };
        let wat = format!(
            r#"(module {first} (memory i64 1)
              (func (export "load") (param i64) (result i64) (i64.load {m} (local.get 0)))
              (func (export "byte") (param i64) (result i32) (i32.load8_u {m} (local.get 0)))
              (func (export "store") (param i64 i64) (i64.store {m} (local.get 0) (local.get 1)))
              (func (export "far") (param i64) (result i32)
                (i32.load8_u {m} offset=0xffff_ffff_ffff_fff8 (local.get 0)))
              (func (export "farthest") (param i64) (result i64)
                (i64.load {m} offset=0xffff_ffff_ffff_ffff (local.get 0)))
              (func (export "beyond") (param i64) (result i32)
                (i32.load8_u {m} offset=0x1_0000_0000 (local.get 0)))
              (func (export "vector") (param i64) (result v128)
                (v128.load {m} offset=0xffff_ffff_ffff_fff8 (local.get 0)))
              (func (export "lane") (param i64 v128)
                (v128.store8_lane {m} offset=0xffff_ffff_ffff_ffff 0 (local.get 0) (local.get 1))))"#
        );
        check(
            &wat,
            &[
                runs("store", n(&[65528, i64::MIN + 1])),
                gives("load", n(&[65528]), Val::I64(i64::MIN + 1)),
                gives("byte", n(&[65535]), Val::I32(0x80)),
                traps("load", n(&[65529]), OUT),
                traps("store", n(&[65529, 0]), OUT),
                traps("byte", n(&[65536]), OUT),
                traps("byte", n(&[0x1_0000_0000]), OUT),
                traps("byte", n(&[-1]), OUT),
                traps("load", n(&[-1]), OUT),
                traps("load", n(&[-8]), OUT),
                traps("store", n(&[i64::MIN, 0]), OUT),
                traps("far", n(&[0]), OUT),
                traps("far", n(&[8]), OUT),
                traps("farthest", n(&[0]), OUT),
                traps("farthest", n(&[1]), OUT),
                traps("farthest", n(&[-1]), OUT),
                traps("beyond", n(&[0]), OUT),
                traps("beyond", n(&[-0x1_0000_0000]), OUT),
                traps("vector", n(&[0]), OUT),
                traps("vector", n(&[8]), OUT),
                traps("lane", [Val::I64(1), Val::V128(0)], OUT),
            ],
        );
    }
}

#[test]
fn sums_of_32_bit_addresses_do_not_wrap_either() {
    for first in ["", "(memory 1)"] {
        let m = if first.is_empty() { 0 } else { 1 };
        let wat = format!(
            r#"(module {first} (memory 1)
              (func (export "far") (param i32) (result i32)
                (i32.load8_u {m} offset=0xffff_ffff (local.get 0))))"#
        );
        let cases = [0, 1, -1].map(|at| traps("far", [Val::I32(at)], OUT));
        check(&wat, &cases);
    }
}

#[test]
fn wholes_of_64_bits() {
    let fill = |a: i64, b: i32, c: i64| [Val::I64(a), Val::I32(b), Val::I64(c)];
    check(
        r#"(module (memory $l i64 1 3) (memory $s 1)
          (data $d "0123456789") (data (memory $l) (i64.const 65530) "abcdef")
          (func (export "size") (result i64) (memory.size $l))
          (func (export "grow") (param i64) (result i64) (memory.grow $l (local.get 0)))
          (func (export "byte") (param i64) (result i32) (i32.load8_u $l (local.get 0)))
          (func (export "small") (param i32) (result i32) (i32.load8_u $s (local.get 0)))
          (func (export "fill") (param i64 i32 i64)
            (memory.fill $l (local.get 0) (local.get 1) (local.get 2)))
          (func (export "init") (param i64 i32 i32)
            (memory.init $l $d (local.get 0) (local.get 1) (local.get 2)))
          (func (export "copy") (param i64 i64 i64)
            (memory.copy $l $l (local.get 0) (local.get 1) (local.get 2)))
          (func (export "to small") (param i32 i64 i32)
            (memory.copy $s $l (local.get 0) (local.get 1) (local.get 2)))
          (func (export "from small") (param i64 i32 i32)
            (memory.copy $l $s (local.get 0) (local.get 1) (local.get 2))))"#,
        &[
            gives("size", [], Val::I64(1)),
            gives("byte", n(&[65535]), Val::I32(b'f'.into())),
            runs("to small", [Val::I32(65533), Val::I64(65530), Val::I32(3)]),
            gives("small", [Val::I32(65535)], Val::I32(b'c'.into())),
            traps(
                "to small",
                [Val::I32(65533), Val::I64(0x1_0000_0000), Val::I32(3)],
                OUT,
            ),
            traps("to small", [Val::I32(-1), Val::I64(0), Val::I32(1)], OUT),
            runs("from small", [Val::I64(0), Val::I32(65534), Val::I32(2)]),
            gives("byte", n(&[1]), Val::I32(b'c'.into())),
            traps(
                "from small",
                [Val::I64(-1), Val::I32(65534), Val::I32(2)],
                OUT,
            ),
            runs("copy", n(&[2, 65530, 6])),
            gives("byte", n(&[7]), Val::I32(b'f'.into())),
            traps("copy", n(&[2, -6, 6]), OUT),
            runs("fill", fill(65530, 9, 6)),
            traps("fill", fill(65530, 9, 7), OUT),
            gives("byte", n(&[65535]), Val::I32(9)),
            runs("init", [Val::I64(65526), Val::I32(1), Val::I32(9)]),
            gives("byte", n(&[65534]), Val::I32(b'9'.into())),
            traps("init", [Val::I64(-2), Val::I32(0), Val::I32(4)], OUT),
            gives("grow", n(&[i64::MAX]), Val::I64(-1)),
            gives("grow", n(&[0x1_0000_0000_0000]), Val::I64(-1)),
            gives("grow", n(&[3]), Val::I64(-1)),
            gives("grow", n(&[2]), Val::I64(1)),
            gives("size", [], Val::I64(3)),
            gives("byte", n(&[3 * 65536 - 1]), Val::I32(0)),
            traps("byte", n(&[3 * 65536]), OUT),
        ],
    );
}

/// The lengths of these would be charged against a fuel limit.
#[test]
fn lengths_of_64_bits_do_not_wrap() {
    let mut guest = super::guest::Guest::new(
        r#"(module (memory i64 1)
          (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
          (func (export "copy") (param i64 i64 i64)
            (memory.copy (local.get 0) (local.get 1) (local.get 2))))"#,
    );
    for (export, args) in [
        ("fill", &[1, -1][..]),
        ("fill", &[0, 0x1_0000_0000]),
        ("fill", &[-1, 1]),
        ("copy", &[1, 0, -1]),
        ("copy", &[0, -1, 2]),
        ("copy", &[-1, 0, 2]),
    ] {
        let outcome = guest.call(export, &n(args));
        assert_eq!(super::guest::trap_code(outcome), OUT, "{export} {args:?}");
    }
}

/// A reservation of 4 GiB does not suffice: the memory moves, and everyone must know.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn memories_grow_beyond_their_reservation() {
    let library = r#"(module (memory (export "m") i64 1)
      (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
      (func (export "load") (param i64) (result i64) (i64.load (local.get 0))))"#;
    let user = r#"(module
      (import "lib" "grow" (func $grow (param i64) (result i64)))
      (import "lib" "load" (func $load (param i64) (result i64)))
      (import "lib" "m" (memory $m i64 1)) (memory $own 1)
      (func (export "store") (param i64 i64) (result i64)
        (i64.store $m (local.get 0) (local.get 1)) (call $load (local.get 0)))
      (func (export "grow") (param i64) (result i64)
        (i64.store $m (i64.const 8) (i64.const 5))
        (drop (call $grow (local.get 0)))
        (i64.add (i64.load $m (i64.const 8)) (i64.load $own (i32.const 8))))
      (func (export "size") (result i64) (memory.size $m)))"#;
    check_as(
        &|| with_library(library, user),
        &[
            gives("store", n(&[65528, 3]), Val::I64(3)),
            gives("grow", n(&[3 << 16]), Val::I64(5)),
            gives("size", [], Val::I64((3 << 16) + 1)),
            gives("store", n(&[3 << 32, 4]), Val::I64(4)),
            gives("store", n(&[(3 << 32) + 65528, 4]), Val::I64(4)),
            traps("store", n(&[(3 << 32) + 65529, 4]), OUT),
        ],
    );
}
