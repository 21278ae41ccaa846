//! Instructions that work on gigabytes: they can be ended midway, cost fuel by
//! their size, and take no memory besides.

use probity_engine::{TrapCode, Val};

use crate::isolated::isolated;
use crate::ward::Ward;

const STACK: usize = 512 << 10;

/// All of a memory of 4 GiB, of which the last byte tells whether it was done.
const GIANT: &str = r#"(module
  (memory 65536)
  (data $d "0123456789abcdef")
  (func (export "fill") (loop
    (memory.fill (i32.const 0) (i32.const 1) (i32.const -1)) (br 0)))
  (func (export "copy") (loop
    (memory.copy (i32.const 1) (i32.const 0) (i32.const -2)) (br 0)))
  (func (export "copy_back") (loop
    (memory.copy (i32.const 0) (i32.const 1) (i32.const -2)) (br 0)))
  (func (export "first") (result i32) (i32.load8_u (i32.const 0)))
  (func (export "last") (result i32) (i32.load8_u (i32.const -2)))
  (func (export "fill_past_the_end") (memory.fill (i32.const 2) (i32.const 1) (i32.const -1)))
  (func (export "copy_past_the_end") (memory.copy (i32.const 2) (i32.const 0) (i32.const -1)))
  (func (export "init_past_the_end")
    (memory.init $d (i32.const -8) (i32.const 0) (i32.const 16)))
  (func (export "init_too_much")
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const -1)))
  (func (export "fine") (result i32) i32.const 7))"#;

/// The operation itself is interrupted: it would take seconds, and touch all of it.
#[test]
fn are_interrupted_midway() {
    isolated("bulk::are_interrupted_midway", STACK, || {
        Ward::interrupt(TrapCode::Timeout).each(GIANT, |watch, guest| {
            guest.ends("fill", &[], TrapCode::Timeout);
            assert_eq!(guest.i32("first", &[]), 1, "{watch:?}: it has begun");
            assert_eq!(guest.i32("last", &[]), 0, "{watch:?}: it was not finished");
            guest.ends("copy", &[], TrapCode::Timeout);
            guest.ends("copy_back", &[], TrapCode::Timeout);
            assert_eq!(guest.i32("fine", &[]), 7);
        });
    });
}

/// A gigabyte costs 2^26 units against the limit, before any of it is touched.
#[test]
fn are_refused_without_fuel() {
    isolated("bulk::are_refused_without_fuel", STACK, || {
        Ward::fuel(1 << 26).each(GIANT, |_, guest| {
            for export in ["fill", "copy", "copy_back"] {
                guest.ends(export, &[], TrapCode::OutOfFuel);
            }
            assert_eq!(guest.i32("first", &[]), 0);
        });
    });
}

#[test]
fn out_of_bounds_nothing_is_written() {
    isolated("bulk::out_of_bounds_nothing_is_written", STACK, || {
        Ward::default().each(GIANT, |_, guest| {
            for export in [
                "fill_past_the_end",
                "copy_past_the_end",
                "init_past_the_end",
                "init_too_much",
            ] {
                guest.ends(export, &[], TrapCode::MemoryOutOfBounds);
            }
            assert_eq!(guest.i32("last", &[]), 0);
            assert_eq!(guest.i32("first", &[]), 0);
        });
    });
}

const TABLES: &str = r#"(module
  (table $t 10000000 funcref) (table $u 10000000 funcref)
  (elem $e func $f)
  (func $f)
  (func (export "fill") (loop
    (table.fill $t (i32.const 0) (ref.func $f) (i32.const 10000000)) (br 0)))
  (func (export "copy") (loop
    (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 9999999)) (br 0)))
  (func (export "copy_across") (loop
    (table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 10000000)) (br 0)))
  (func (export "fill_past_the_end")
    (table.fill $t (i32.const 1) (ref.func $f) (i32.const 10000000)))
  (func (export "init_too_much")
    (table.init $t $e (i32.const 0) (i32.const 0) (i32.const -1)))
  (func (export "fine") (result i32) i32.const 7))"#;

#[test]
fn on_tables() {
    isolated("bulk::on_tables", STACK, || {
        Ward::interrupt(TrapCode::Interrupted).each(TABLES, |_, guest| {
            for export in ["fill", "copy", "copy_across"] {
                guest.ends(export, &[], TrapCode::Interrupted);
            }
        });
        Ward::fuel(5_000_000).each(TABLES, |_, guest| {
            for export in ["fill", "copy", "copy_across"] {
                guest.ends(export, &[], TrapCode::OutOfFuel);
            }
        });
        Ward::default().each(TABLES, |_, guest| {
            for export in ["fill_past_the_end", "init_too_much"] {
                guest.ends(export, &[], TrapCode::TableOutOfBounds);
            }
            assert_eq!(guest.i32("fine", &[]), 7);
        });
    });
}

/// A segment of 16 MiB in a loop.
#[test]
fn from_large_segments() {
    isolated("bulk::from_large_segments", STACK, || {
        let wat = format!(
            r#"(module (memory 256) (data $d "{}")
                 (func (export "init") (param i32) (loop
                   (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)) (br 0))))"#,
            "0123456789abcdef".repeat(1 << 16)
        );
        let all = &[Val::I32(1 << 20)];
        Ward::interrupt(TrapCode::Timeout).each(&wat, |_, guest| {
            guest.ends("init", all, TrapCode::Timeout);
        });
        Ward::fuel(1_000_000).each(&wat, |_, guest| {
            guest.ends("init", all, TrapCode::OutOfFuel);
        });
    });
}
