//! Fields and elements of every kind, and what stands beside them.

use std::fmt::Write;

use probity_engine::{Config, ExternRef, Val};

use crate::guest::Guest;
use crate::ways::{agree, end};

/// Storage, type of its operands, suffixes of `get`, and two values.
const KINDS: &[(&str, &str, &[&str], [&str; 2])] = &[
    (
        "i8",
        "i32",
        &["_s", "_u"],
        ["i32.const 0x1ff", "i32.const 1"],
    ),
    (
        "i16",
        "i32",
        &["_s", "_u"],
        ["i32.const 0x1fffe", "i32.const 2"],
    ),
    ("i32", "i32", &[""], ["i32.const -3", "i32.const 3"]),
    ("i64", "i64", &[""], ["i64.const -4", "i64.const 4"]),
    (
        "f32",
        "f32",
        &[""],
        ["f32.const nan:0x200001", "f32.const 5"],
    ),
    (
        "f64",
        "f64",
        &[""],
        ["f64.const -nan:0x4000000000001", "f64.const 6"],
    ),
    (
        "v128",
        "v128",
        &[""],
        ["v128.const i64x2 -7 7", "v128.const i64x2 8 9"],
    ),
    (
        "anyref",
        "anyref",
        &[""],
        ["ref.i31 (i32.const 9)", "struct.new $box (i32.const 10)"],
    ),
    (
        "funcref",
        "funcref",
        &[""],
        ["ref.func $f", "ref.null func"],
    ),
    (
        "externref",
        "externref",
        &[""],
        [
            "extern.convert_any (ref.i31 (i32.const 11))",
            "ref.null extern",
        ],
    ),
];

/// For each kind, functions of an i32 that leave a structure or array to be looked at.
fn module() -> (String, Vec<String>) {
    let mut text = String::from(
        r#"(module (type $box (struct (field i32))) (func $f) (elem declare func $f)
          (global $g (mut i32) (i32.const 0))
          (func (export "marks") (result i32) (global.get $g))
          (func $mark (param i32) (global.set $g (i32.add (i32.mul (global.get $g) (i32.const 10)) (local.get 0))))"#,
    );
    let mut exports = Vec::new();
    for (storage, ty, gets, [first, second]) in KINDS {
        let _ = writeln!(
            text,
            "(type $s_{storage} (struct (field (mut i8)) (field (mut {storage})) (field (mut i8)) (field {storage})))
             (type $a_{storage} (array (mut {storage})))
             (global $s_{storage} (mut (ref null $s_{storage})) (ref.null none))
             (global $a_{storage} (mut (ref null $a_{storage})) (ref.null none))"
        );
        for get in *gets {
            // Null if the argument is 9; out of bounds if it is no index.
            let _ = writeln!(
                text,
                r#"(func (export "struct {storage}{get}") (param i32)
                    (result {ty} {ty} i32 i32 i32) (local $s (ref null $s_{storage}))
                    (if (i32.ne (local.get 0) (i32.const 9)) (then
                      (local.set $s (struct.new $s_{storage}
                        (i32.const 1) ({first}) (i32.const 2) ({second})))))
                    (call $mark (i32.const 1))
                    (struct.set $s_{storage} 1 (local.get $s) ({second}))
                    (struct.get{get} $s_{storage} 1 (local.get $s))
                    (struct.set $s_{storage} 1 (local.get $s) ({first}))
                    (struct.set $s_{storage} 0 (local.get $s) (i32.const 255))
                    (struct.get{get} $s_{storage} 1 (local.get $s))
                    (struct.get_s $s_{storage} 0 (local.get $s))
                    (struct.get_u $s_{storage} 0 (local.get $s))
                    (struct.get_u $s_{storage} 2 (local.get $s)))
                  (func (export "array {storage}{get}") (param i32)
                    (result {ty} {ty} {ty} i32) (local $a (ref null $a_{storage}))
                    (if (i32.ne (local.get 0) (i32.const 9)) (then
                      (local.set $a (array.new $a_{storage} ({first}) (i32.const 3)))))
                    (global.set $a_{storage} (local.get $a))
                    (call $mark (i32.const 2))
                    (array.set $a_{storage} (local.get $a) (i32.const 1) ({second}))
                    (array.set $a_{storage} (local.get $a) (local.get 0) ({second}))
                    (array.set $a_{storage} (local.get $a) (i32.const 1) ({first}))
                    (array.get{get} $a_{storage} (local.get $a) (i32.const 0))
                    (array.get{get} $a_{storage} (local.get $a) (local.get 0))
                    (array.get{get} $a_{storage} (local.get $a) (i32.const 1))
                    (array.len (local.get $a)))
                  (func (export "seen {storage}{get}") (param i32) (result {ty})
                    (array.get{get} $a_{storage} (global.get $a_{storage}) (i32.const 1)))"#
            );
            for form in ["struct", "array", "seen"] {
                exports.push(format!("{form} {storage}{get}"));
            }
        }
    }
    (text + ")", exports)
}

/// What a write before a trap has left is there afterwards.
#[test]
fn fields_and_elements() {
    let (wat, exports) = module();
    for zeal in [false, true] {
        agree(|config| {
            let mut config = config.clone();
            config.gc_zeal(zeal);
            let mut guest = Guest::configured(&config, &wat, |_| {});
            let mut ends = Vec::new();
            for argument in [0, 2, 3, -1, 9, 1] {
                for export in &exports {
                    let outcome = guest.call(export, &[Val::I32(argument)]);
                    ends.push(format!(
                        "{export} {argument}: {}",
                        end(&guest.store, outcome)
                    ));
                }
            }
            ends.push(format!(
                "{}",
                guest.call_i32("marks", &[]).expect("no trap")
            ));
            ends
        });
    }
}

/// References that a `select` chooses from are of the type that both are of, not that of the first.
#[test]
fn selected_references() {
    let wat = r#"(module
      (type $s (sub (struct (field i32)))) (type $t (sub $s (struct (field i32 i32))))
      (func (export "run") (param i32) (result i32)
        (local $x anyref)
        (local.set $x (select (result anyref)
          (ref.i31 (i32.const 5)) (struct.new $s (i32.const 6)) (i32.and (local.get 0) (i32.const 1))))
        (drop (ref.cast (ref $s) (select (result anyref)
          (struct.new $t (i32.const 1) (i32.const 2)) (local.get $x) (i32.and (local.get 0) (i32.const 2)))))
        (struct.get $s 0 (select (result (ref null $s))
          (struct.new $t (i32.const 3) (i32.const 4)) (ref.null $s) (i32.and (local.get 0) (i32.const 4))))))"#;
    let found = agree(|config| {
        let mut guest = Guest::configured(config, wat, |_| {});
        let ends = (0..8).map(|i| {
            let outcome = guest.call("run", &[Val::I32(i)]);
            end(&guest.store, outcome)
        });
        ends.collect::<Vec<String>>()
    });
    assert_eq!(found[6], "I32(3)");
    assert!(found[5].starts_with("CastFailure") && found[0].starts_with("NullStructReference"));
}

/// Elements of tables of each kind, one of them imported twice.
#[test]
fn elements_of_tables() {
    let wat = r#"(module
      (table $f (export "f") 3 funcref) (table $x 2 externref) (table $l i64 4 anyref)
      (func $g) (elem declare func $g)
      (func (export "func") (param i32) (result funcref funcref i32)
        (table.set $f (local.get 0) (ref.func $g))
        (table.get $f (i32.const 1)) (table.get $f (local.get 0)) (table.size $f))
      (func (export "extern") (param i32) (result externref i32)
        (table.set $x (local.get 0) (extern.convert_any (ref.i31 (local.get 0))))
        (drop (table.grow $x (ref.null extern) (i32.const 1)))
        (table.get $x (local.get 0)) (table.size $x))
      (func (export "long") (param i32) (result anyref i64)
        (table.set $l (i64.extend_i32_s (local.get 0)) (ref.i31 (i32.const 7)))
        (table.get $l (i64.mul (i64.extend_i32_s (local.get 0)) (i64.const 0x4000_0000_0000_0001)))
        (table.size $l)))"#;
    agree(|config: &Config| {
        let mut guest = Guest::configured(config, wat, |_| {});
        let mut ends = Vec::new();
        for argument in [0, 1, 2, 3, 4, -1] {
            for export in ["func", "extern", "long"] {
                let outcome = guest.call(export, &[Val::I32(argument)]);
                ends.push(format!(
                    "{export} {argument}: {}",
                    end(&guest.store, outcome)
                ));
            }
            ExternRef::new(&mut guest.store, 1_u32);
        }
        ends
    });
}
