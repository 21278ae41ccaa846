//! How much a guest may take, and what it costs.

use probity_engine::{Limits, TrapCode, Val};

use super::guest::{counts_fuel, Guest, i32_of, trap_code};
use super::ways::{Way, every_way};

const MIB: u64 = 1 << 20;

const GUEST: &str = r#"(module
  (type $node (struct (field i64) (field (ref null $node))))
  (type $bytes (array (mut i8)))
  (type $vectors (array (mut v128)))
  (type $nodes (array (mut (ref null $node))))
  (tag $e (param i64))
  (global $keep (mut anyref) (ref.null any))
  (func (export "garbage") (param $n i32) (result i32) (local $node (ref null $node))
    (loop $next
      (local.set $node (struct.new $node (i64.extend_i32_u (local.get $n)) (ref.null $node)))
      (drop (array.new_default $bytes (i32.rem_u (local.get $n) (i32.const 600))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (i32.wrap_i64 (struct.get $node 0 (local.get $node))))
  (func (export "exceptions") (param $n i32)
    (loop $next
      (block $h (result i64) (try_table (catch $e $h) (throw $e (i64.const 5))) unreachable)
      drop
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n))))
  (func $list (export "list") (param $n i32) (result i32) (local $node (ref null $node)) (local $sum i64)
    (loop $next
      (local.set $node (struct.new $node (i64.extend_i32_u (local.get $n)) (local.get $node)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (struct.get $node 0 (local.get $node))))
      (br_if $next (i32.eqz (ref.is_null
        (local.tee $node (struct.get $node 1 (local.get $node)))))))
    (i32.wrap_i64 (local.get $sum)))
  (func (export "endless list") (result i32) (call $list (i32.const 0)))
  (func (export "doubling") (result i32) (local $n i32)
    (local.set $n (i32.const 16))
    (loop $next
      (global.set $keep (array.new_default $bytes (local.get $n)))
      (local.set $n (i32.shl (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (i32.const 0))
  (func (export "huge") (result i32) (array.len (array.new_default $vectors (i32.const -1))))
  (func (export "bytes") (param i32) (result i32)
    (array.len (array.new $bytes (i32.const 1) (local.get 0))))
  (func (export "fill") (param i32) (result i32) (local $a (ref $bytes))
    (local.set $a (array.new_default $bytes (i32.const 64000)))
    (loop $next
      (array.fill $bytes (local.get $a) (i32.const 0) (i32.const 7) (i32.const 64000))
      (array.copy $bytes $bytes (local.get $a) (i32.const 1) (local.get $a) (i32.const 0)
        (i32.const 63999))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.const 3))
  (func $deep (export "deep") (param $n i32) (param $node (ref null $node)) (result i32)
    (local (ref null $node))
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (local.set 2 (struct.new $node (i64.const 1) (local.get $node)))
    (i32.add (i32.const 1) (call $deep (i32.sub (local.get $n) (i32.const 1)) (local.get 2))))
  (func (export "fine") (result i32) (i32.const 7)))"#;

fn limited(bytes: u64) -> Limits {
    Limits {
        heap_bytes_max: Some(bytes),
        ..Limits::default()
    }
}

#[test]
fn memory_stays_flat_on_endless_garbage() {
    let mut guest = Guest::new(GUEST);
    assert_eq!(guest.call_i32("garbage", &[2_000_000]).expect("no trap"), 1);
    guest
        .call("exceptions", &[Val::I32(100_000)])
        .expect("no trap");
    let stats = guest.store.heap_stats();
    assert!(stats.bytes_allocated_total > 500 * MIB, "{stats:?}");
    assert!(stats.bytes_reserved < 12 * MIB, "{stats:?}");
    assert!(stats.collections > 50, "{stats:?}");
    guest.store.gc();
    let stats = guest.store.heap_stats();
    assert_eq!((stats.objects, stats.bytes), (0, 0));
    assert!(stats.bytes_reserved <= 4 * MIB, "{stats:?}");
}

/// Garbage does not count: with room for little more than one collection's worth, the guest runs.
#[test]
fn garbage_is_collected_before_the_limit_ends_the_guest() {
    let mut guest = Guest::new(GUEST);
    guest.store.set_limits(limited(2 * MIB));
    assert_eq!(guest.call_i32("garbage", &[300_000]).expect("no trap"), 1);
    assert!(guest.store.heap_stats().bytes_reserved <= 2 * MIB);
}

#[test]
fn the_limit_is_a_trap() {
    for bytes in [1000, 100_000, 4 * MIB] {
        let mut guest = Guest::new(GUEST);
        guest.store.set_limits(limited(bytes));
        for export in ["endless list", "doubling", "huge"] {
            assert_eq!(
                trap_code(guest.call(export, &[])),
                TrapCode::HeapLimit,
                "{export}"
            );
            assert!(guest.store.heap_stats().bytes_reserved <= bytes, "{export}");
            assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
        }
        let error = guest.call("huge", &[]).expect_err("a trap");
        assert!(error.to_string().contains("heap limit exceeded"), "{error}");
        // What was kept is garbage now, and there is room again.
        let big = i32::try_from(bytes / 4).expect("small");
        if bytes > 100_000 {
            guest.store.set_limits(limited(bytes * 2));
            assert_eq!(guest.call_i32("bytes", &[big]).expect("no trap"), big);
        }
    }
}

#[test]
fn exceptions_count() {
    let mut guest = Guest::new(GUEST);
    guest.store.set_limits(limited(100));
    let code = trap_code(guest.call("exceptions", &[Val::I32(1)]));
    assert_eq!(code, TrapCode::HeapLimit);
}

/// Neither long lists nor deep stacks are a danger to the native stack, or slow.
#[test]
fn long_lists_and_deep_stacks() {
    let mut config = super::guest::config();
    config.max_stack_bytes(64 << 20);
    let mut guest = Guest::configured(&config, GUEST, |_| {});
    let count = 1_000_000;
    let sum = (i64::from(count) * (i64::from(count) + 1) / 2) as i32;
    assert_eq!(guest.call_i32("list", &[count]).expect("no trap"), sum);
    assert!(guest.store.heap_stats().collections > 2);
    let args = [Val::I32(300_000), Val::AnyRef(None)];
    let deep = guest.call("deep", &args).expect("no trap");
    assert_eq!(i32_of(&deep[0]), 300_000);
}

/// Fuel is the same however often garbage is collected, and bulk work counts against its limit.
#[test]
fn fuel() {
    let mut consumed = None;
    every_way(
        GUEST,
        |_| {},
        |way, mut guest| {
            guest.call_i32("garbage", &[50]).expect("no trap");
            guest.call("exceptions", &[Val::I32(5)]).expect("no trap");
            let fuel = guest.store.fuel_consumed();
            if counts_fuel() {
                assert_eq!(*consumed.get_or_insert(fuel), fuel, "{way:?}");
            }
            if way == Way::EveryInstruction {
                return;
            }
            // 4000 units for each `array.fill` and `array.copy`.
            guest
                .store
                .set_fuel_limit(Some(fuel + 4000 + 100 * 8000 + 2000));
            assert_eq!(
                guest.call_i32("fill", &[100]).expect("enough"),
                3,
                "{way:?}"
            );
            let fuel = guest.store.fuel_consumed();
            guest.store.set_fuel_limit(Some(fuel + 100 * 8000));
            let code = trap_code(guest.call("fill", &[Val::I32(101)]));
            assert_eq!(code, TrapCode::OutOfFuel, "{way:?}");
            guest
                .store
                .set_fuel_limit(Some(guest.store.fuel_consumed() + 1000));
            let code = trap_code(guest.call("bytes", &[Val::I32(1 << 30)]));
            assert_eq!(code, TrapCode::OutOfFuel, "{way:?}");
        },
    );
}
