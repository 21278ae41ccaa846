//! Exceptions as objects: what they carry stays while they are on their way, and they are garbage
//! afterwards.

use probity_engine::hook::{Probe, Site};
use probity_engine::{ErrorKind, ExternRef, Val};

use super::guest::{Guest, i32_of};
use super::ways::{Drops, Way, check, every_way};

#[test]
fn carried_references_survive_the_way() {
    check(
        r#"(module
          (type $box (struct (field i32)))
          (tag $e (param (ref null $box) i64 (ref null $box)))
          (func $make (param i32) (result (ref $box)) (struct.new $box (local.get 0)))
          (func $throw (param $depth i32) (local (ref null $box))
            (local.set 1 (call $make (i32.const -1)))
            (if (local.get $depth)
              (then (call $throw (i32.sub (local.get $depth) (i32.const 1))))
              (else (throw $e (call $make (i32.const 40)) (i64.const -1) (call $make (i32.const 2))))))
          (func (export "caught") (result i32) (local $a (ref null $box)) (local $b (ref null $box))
            (call $make (i32.const 100))
            (block $h (result (ref null $box) i64 (ref null $box))
              (try_table (catch $e $h) (call $throw (i32.const 20)))
              unreachable)
            (local.set $b) drop (local.set $a)
            (drop (call $make (i32.const 7)))
            (struct.get $box 0)
            (i32.add (struct.get $box 0 (local.get $a)))
            (i32.add (struct.get $box 0 (local.get $b))))
          (func (export "again") (result i32) (local $x exnref)
            (block $h (result exnref)
              (try_table (catch_all_ref $h) (call $throw (i32.const 3)))
              unreachable)
            (local.set $x)
            (drop (call $make (i32.const 7)))
            (block $h2 (result (ref null $box) i64 (ref null $box))
              (try_table (catch $e $h2)
                (block $h3 (result exnref)
                  (try_table (catch_all_ref $h3) (throw_ref (local.get $x)))
                  unreachable)
                (drop (call $make (i32.const 8)))
                throw_ref)
              unreachable)
            (drop (call $make (i32.const 9)))
            struct.get $box 0
            (local.set $n)
            drop
            (i32.add (struct.get $box 0) (local.get $n))))"#
            .replace("(local $x exnref)", "(local $x exnref) (local $n i32)")
            .as_str(),
        &[("caught", 142), ("again", 42), ("caught", 142)],
    );
}

/// An exception that nothing catches comes to the host as a handle, and goes with the error.
#[test]
fn uncaught_exceptions_are_handles() {
    let wat = r#"(module
      (tag $e (param externref))
      (func (export "throw") (param externref) (throw $e (local.get 0))))"#;
    every_way(
        wat,
        |_| {},
        |way, mut guest| {
            let drops = Drops::default();
            let value = drops.reference(&mut guest.store);
            let error = guest.call("throw", &[value]).expect_err("thrown");
            guest.store.gc();
            assert_eq!(drops.count(), 0, "{way:?}");
            let ErrorKind::Exception(exn) = error.kind() else {
                panic!("{error}");
            };
            let args = exn.args(&guest.store);
            assert!(
                matches!(&args[..], [Val::ExternRef(Some(v))] if v.data(&guest.store).is_some())
            );
            drop((args, error));
            guest.store.gc();
            assert_eq!(drops.count(), 1, "{way:?}");
        },
    );
}

/// While frames are unwound, probes may collect: what frames that are left hold stays.
#[test]
fn collections_while_frames_are_unwound() {
    let wat = r#"(module
      (type $box (struct (field i32)))
      (tag $e)
      (func $make (param i32) (result (ref $box)) (struct.new $box (local.get 0)))
      (func $fail (export "fail") (param $kind i32) (param $b (ref null $box)) (local (ref null $box))
        (local.set 2 (call $make (i32.const 3)))
        (call $make (i32.const 4))
        (local.set $b (ref.null $box))
        (if (local.get $kind) (then (throw $e)))
        (drop (struct.get $box 0 (local.get $b)))
        drop)
      (func $middle (export "middle") (param $kind i32) (local (ref null $box))
        (local.set 1 (call $make (i32.const 5)))
        (call $make (i32.const 6))
        (call $fail (local.get $kind) (call $make (i32.const 9)))
        drop)
      (func (export "outer") (param $kind i32) (result i32) (local (ref null $box))
        (local.set 1 (call $make (i32.const 30)))
        (call $make (i32.const 12))
        (block $h (try_table (catch_all $h) (call $middle (local.get $kind))))
        struct.get $box 0
        (i32.add (struct.get $box 0 (local.get 1)))))"#;
    for way in [Way::Zeal, Way::EveryInstruction] {
        let mut guest = Guest::configured(&way.config(), wat, |_| {});
        way.attach(&mut guest.store);
        for export in ["fail", "middle", "outer"] {
            let collect = Probe::call(|context| {
                ExternRef::new(context, ());
                Ok(())
            });
            guest.insert(export, Site::Exit, collect);
        }
        for _ in 0..2 {
            let caught = guest.call("outer", &[Val::I32(1)]).expect("caught");
            assert_eq!(i32_of(&caught[0]), 42, "{way:?}");
            assert!(guest.call("outer", &[Val::I32(0)]).is_err(), "a trap");
            guest.store.gc();
            assert_eq!(guest.store.heap_stats().objects, 0, "{way:?}");
        }
    }
}
