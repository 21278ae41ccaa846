//! References in compiled frames keep their objects, in registers and on the stack, across calls and
//! collections.

use probity_engine::{Caller, Config, ExternRef};

use crate::guest::Guest;
use crate::ways::agree;

const OBJECTS: &str = r#"(module
  (import "h" "make" (func $make (result externref)))
  (import "h" "check" (func $check (param externref) (result i32)))
  (type $node (struct (field i32) (field (mut (ref null $node)))))
  (type $array (array (mut (ref null $node))))
  (func $new (param i32) (param (ref null $node)) (result (ref $node))
    (struct.new $node (local.get 0) (local.get 1)))
  (func $sum (param (ref null $node)) (result i32) (local $s i32)
    (block $done
      (loop $l
        (br_if $done (ref.is_null (local.get 0)))
        (local.set $s (i32.add (local.get $s) (struct.get $node 0 (local.get 0))))
        (local.set 0 (struct.get $node 1 (local.get 0)))
        (br $l)))
    (local.get $s))
  ;; A list grows; an element of each round is held in locals and operands over the calls.
  (func (export "list") (param $n i32) (result i32)
    (local $list (ref null $node)) (local $held (ref null $node)) (local $i i32) (local $t i32)
    (loop $l
      (local.set $held (struct.new $node (local.get $i) (ref.null $node)))
      (struct.new $node (i32.const 1000) (local.get $held))
      (local.set $list (call $new (local.get $i) (local.get $list)))
      (drop (call $new (i32.const 1) (local.get $list)))
      (local.set $t (i32.add (local.get $t) (call $sum (local.get $held))))
      (local.set $t (i32.add (call $sum) (local.get $t)))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.add (local.get $t) (call $sum (local.get $list))))
  (func $tree (export "tree") (param $d i32) (result i32) (local $a (ref null $array))
    (if (i32.eqz (local.get $d)) (then (return (i32.const 1))))
    (local.set $a (array.new $array (call $new (local.get $d) (ref.null $node)) (i32.const 3)))
    (array.set $array (local.get $a) (i32.const 1)
      (call $new (i32.const 5) (array.get $array (local.get $a) (i32.const 0))))
    (array.get $array (local.get $a) (i32.const 1))
    (call $tree (i32.sub (local.get $d) (i32.const 1)))
    (i32.add (call $tree (i32.sub (local.get $d) (i32.const 1))))
    (local.set $d)
    call $sum
    (i32.add (local.get $d))
    (i32.add (call $sum (array.get $array (local.get $a) (i32.const 2)))))
  (func (export "host") (param $n i32) (result i32)
    (local $i i32) (local $t i32) (local $x externref)
    (loop $l
      (local.set $x (call $make))
      (call $make)
      (drop (call $make))
      call $check
      (local.set $t (i32.add (local.get $t)))
      (local.set $t (i32.add (local.get $t) (call $check (local.get $x))))
      (br_if $l (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $t)))"#;

fn guest(config: &Config, zeal: bool) -> Guest {
    let mut config = config.clone();
    config.gc_zeal(zeal);
    let made = std::sync::atomic::AtomicU32::new(0);
    Guest::configured(&config, OBJECTS, |linker| {
        linker
            .func_wrap("h", "make", move |mut caller: Caller<'_, ()>| {
                let n = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Some(ExternRef::new(&mut caller, n))
            })
            .expect("a new name");
        linker
            .func_wrap(
                "h",
                "check",
                |caller: Caller<'_, ()>, x: Option<ExternRef>| {
                    let x = x.expect("not null");
                    let data = x.data(&caller).and_then(|data| data.downcast_ref::<u32>());
                    *data.expect("a number of this test") as i32
                },
            )
            .expect("a new name");
    })
}

#[test]
fn objects_live_as_long_as_compiled_frames_hold_them() {
    for zeal in [false, true] {
        let found = agree(|config| {
            let mut guest = guest(config, zeal);
            let mut found = Vec::new();
            for _ in 0..2 {
                found.push(guest.call_i32("list", &[60]).expect("no trap"));
                found.push(guest.call_i32("tree", &[6]).expect("no trap"));
                found.push(guest.call_i32("host", &[40]).expect("no trap"));
            }
            let stats = guest.store.heap_stats();
            assert!(!zeal || stats.collections > 100, "{stats:?}");
            found
        });
        let numbers: i32 = (0..60).sum();
        assert_eq!(found[0], 60 * 1000 + 3 * numbers);
    }
}

/// Much garbage without zeal: collections happen where they happen to.
#[test]
fn much_garbage() {
    agree(|config| {
        let mut guest = guest(config, false);
        guest.call_i32("tree", &[14]).expect("no trap")
    });
}

/// The frames that hold the references are taken over while they do.
#[test]
fn frames_with_references_change_their_tier() {
    agree(|config| {
        let mut guest = guest(config, true);
        let tree = guest.func("tree");
        let pc = guest.pc("tree", "LocalSet", 1);
        let mut found = Vec::new();
        for _ in 0..3 {
            let mut left = 40;
            let probe = probity_engine::hook::Probe::call(move |ctx| {
                left -= 1;
                if left == 0 {
                    let id = ctx.id();
                    assert!(ctx.probes().remove(id));
                }
                ExternRef::new(ctx, 1_u32);
                Ok(())
            });
            let site = probity_engine::hook::Site::Before(pc);
            guest
                .store
                .probes()
                .insert(tree, site, probe)
                .expect("a site");
            found.push(guest.call_i32("tree", &[6]).expect("no trap"));
        }
        found
    });
}
