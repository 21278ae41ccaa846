//! Guests that allocate without end on the collected heap.

use probity_engine::{TrapCode, Val};

use crate::isolated::isolated;
use crate::ward::Ward;

const STACK: usize = 512 << 10;

const ALLOCATING: &str = r#"(module
  (type $cons (struct (field i64) (field (mut (ref null $cons)))))
  (type $bytes (array (mut i8)))
  (type $refs (array (mut anyref)))
  (global $list (mut (ref null $cons)) (ref.null $cons))
  ;; Garbage at once.
  (func (export "structs") (loop (drop (struct.new $cons (i64.const 1) (ref.null $cons))) (br 0)))
  (func (export "arrays") (loop (drop (array.new_default $bytes (i32.const 1000))) (br 0)))
  (func (export "cycles") (local (ref null $cons))
    (loop
      (local.set 0 (struct.new $cons (i64.const 1) (ref.null $cons)))
      (struct.set $cons 1 (local.get 0) (local.get 0))
      (br 0)))
  ;; Kept: a list that only grows.
  (func (export "list") (loop
    (global.set $list (struct.new $cons (i64.const 1) (global.get $list))) (br 0)))
  (func (export "forget") (global.set $list (ref.null $cons)))
  ;; One that is too large.
  (func (export "array") (param i32) (result i32)
    (array.len (array.new_default $bytes (local.get 0))))
  (func (export "array_of_refs") (param i32) (result i32)
    (array.len (array.new $refs (ref.null any) (local.get 0))))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const GARBAGE: [&str; 3] = ["structs", "arrays", "cycles"];

fn heap(mut ward: Ward, bytes: u64) -> Ward {
    ward.limits.heap_bytes_max = Some(bytes);
    ward
}

#[test]
fn garbage_without_end_is_collected() {
    isolated("garbage::garbage_without_end_is_collected", STACK, || {
        heap(Ward::fuel(500_000), 1 << 20).each(ALLOCATING, |watch, guest| {
            for export in GARBAGE {
                guest.ends(export, &[], TrapCode::OutOfFuel);
                let bytes = guest.store.heap_stats().bytes;
                assert!(bytes <= 1 << 20, "{watch:?} {export}: {bytes} bytes");
            }
        });
        heap(Ward::interrupt(TrapCode::Timeout), 1 << 20).each(ALLOCATING, |_, guest| {
            for export in GARBAGE {
                guest.ends(export, &[], TrapCode::Timeout);
            }
        });
    });
}

#[test]
fn what_is_kept_ends_at_the_limit() {
    isolated("garbage::what_is_kept_ends_at_the_limit", STACK, || {
        heap(Ward::fuel(50_000_000), 1 << 20).each(ALLOCATING, |_, guest| {
            for _ in 0..2 {
                guest.ends("list", &[], TrapCode::HeapLimit);
                assert_eq!(guest.i32("fine", &[]), 7);
                guest.call("forget", &[]).expect("no trap");
                assert_eq!(guest.i32("array", &[1000]), 1000);
            }
        });
    });
}

/// 2^31 elements are refused, and nothing is aborted.
#[test]
fn giant_arrays() {
    isolated("garbage::giant_arrays", STACK, || {
        heap(Ward::fuel(u64::MAX), 1 << 20).each(ALLOCATING, |_, guest| {
            for count in [1 << 21, i32::MAX, i32::MIN, -1] {
                for export in ["array", "array_of_refs"] {
                    guest.ends(export, &[Val::I32(count)], TrapCode::HeapLimit);
                }
            }
            assert_eq!(guest.i32("array", &[1000]), 1000);
        });
        // Its size costs fuel.
        Ward::fuel(100_000).each(ALLOCATING, |_, guest| {
            guest.ends("array_of_refs", &[Val::I32(1 << 24)], TrapCode::OutOfFuel);
        });
    });
}
