//! What the host holds stays exactly as long as it holds it; what the guest holds, exactly as long
//! as something in the guest leads to it. Values of the host whose drop is counted show it.

use probity_engine::{Caller, Error, ExternRef, Val};

use super::guest::Guest;
use super::ways::{Drops, Way, every_way};

/// Locals are read after the calls: compiled code does not keep others.
const PLACES: &str = r#"(module
  (import "host" "check" (func $check))
  (type $box (struct (field (mut externref))))
  (type $array (array (mut externref)))
  (table $t 10 externref)
  (table $any 10 anyref)
  (global $g (mut externref) (ref.null extern))
  (global $boxed (mut (ref null $box)) (ref.null $box))
  (func (export "table") (param externref) (table.set $t (i32.const 3) (local.get 0)))
  (func (export "table any") (param externref)
    (table.set $any (i32.const 3) (any.convert_extern (local.get 0))))
  (func (export "global") (param externref) (global.set $g (local.get 0)))
  (func (export "struct") (param externref) (global.set $boxed (struct.new $box (local.get 0))))
  (func (export "array") (param externref)
    (table.set $any (i32.const 4) (array.new $array (local.get 0) (i32.const 100))))
  (func (export "overwrite")
    (table.fill $t (i32.const 0) (ref.null extern) (i32.const 10))
    (table.fill $any (i32.const 0) (ref.null any) (i32.const 10))
    (global.set $g (ref.null extern))
    (if (i32.eqz (ref.is_null (global.get $boxed)))
      (then (struct.set $box 0 (global.get $boxed) (ref.null extern)))))
  (func (export "local") (param externref) (local externref)
    (local.set 1 (local.get 0)) (local.set 0 (ref.null extern)) (call $check) (drop (local.get 1)))
  (func (export "operand") (param externref)
    (local.get 0) (local.set 0 (ref.null extern)) (call $check) drop)
  (func $callee (param externref) (call $check) (drop (local.get 0)))
  (func (export "parameter") (param externref)
    (local.get 0) (local.set 0 (ref.null extern)) (call $callee))
  (func (export "gone") (param externref)
    (local.set 0 (ref.null extern)) (call $check)))"#;

#[test]
fn places_of_the_guest_keep_values() {
    let define = |linker: &mut probity_engine::Linker<()>| {
        linker.func_wrap("host", "check", || {}).expect("new");
    };
    every_way(PLACES, define, |way, mut guest| {
        for place in ["table", "table any", "global", "struct", "array"] {
            let drops = Drops::default();
            let value = drops.reference(&mut guest.store);
            guest.call(place, &[value]).expect("no trap");
            guest.store.gc();
            assert_eq!(drops.count(), 0, "{place} ({way:?})");
            guest.call("overwrite", &[]).expect("no trap");
            guest.store.gc();
            assert_eq!(drops.count(), 1, "{place} ({way:?})");
        }
    });
}

#[test]
fn frames_keep_values() {
    for way in Way::ALL {
        let drops = Drops::default();
        let seen = drops.clone();
        let expected = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let expect = expected.clone();
        let check = move |mut caller: Caller<'_, ()>| {
            collect(&mut caller);
            match (
                seen.count(),
                expect.load(std::sync::atomic::Ordering::Relaxed),
            ) {
                (found, wanted) if found == wanted => Ok(()),
                (found, wanted) => Err(Error::host(Wrong(found, wanted))),
            }
        };
        // In every way a collection is wanted here, so zeal it is.
        let mut config = way.config();
        config.gc_zeal(true);
        let mut guest = Guest::configured(&config, PLACES, |linker| {
            linker.func_wrap("host", "check", check).expect("new");
        });
        way.attach(&mut guest.store);
        for (round, place) in ["local", "operand", "parameter", "gone"]
            .into_iter()
            .enumerate()
        {
            // The caller's own handle is dropped before the check: the typed call takes it.
            let func = guest.func(place);
            let func = func
                .typed::<Option<ExternRef>, ()>(&guest.store)
                .expect("its type");
            let gone = usize::from(place == "gone");
            expected.store(round + gone, std::sync::atomic::Ordering::Relaxed);
            let value = ExternRef::new(&mut guest.store, drops.value());
            let called = func.call(&mut guest.store, Some(value));
            called.unwrap_or_else(|e| panic!("{place} ({way:?}): {e:?}"));
            guest.store.gc();
            assert_eq!(drops.count(), round + 1, "{place} ({way:?})");
        }
    }
}

/// A collection, in zeal mode.
fn collect(caller: &mut Caller<'_, ()>) {
    ExternRef::new(caller, ());
}

#[derive(Debug)]
struct Wrong(usize, usize);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values were dropped, expected {}", self.0, self.1)
    }
}

impl std::error::Error for Wrong {}

#[test]
fn handles_keep_values() {
    let mut guest = Guest::new(
        r#"(module
          (type $list (struct (field externref) (field (ref null $list))))
          (func (export "cons") (param externref (ref null $list)) (result (ref $list))
            (struct.new $list (local.get 0) (local.get 1))))"#,
    );
    let drops = Drops::default();
    let mut list = Val::AnyRef(None);
    for _ in 0..100 {
        let value = drops.reference(&mut guest.store);
        list = guest
            .call("cons", &[value, list])
            .expect("no trap")
            .remove(0);
        guest.store.gc();
    }
    assert_eq!(guest.store.heap_stats().objects, 200);
    let Val::AnyRef(Some(head)) = list else {
        panic!("a list");
    };
    // A handle on the tail keeps it alone.
    let tail = head.get(&guest.store, 1).expect("a field");
    drop(head);
    guest.store.gc();
    assert_eq!((drops.count(), guest.store.heap_stats().objects), (1, 198));
    drop(tail);
    guest.store.gc();
    assert_eq!((drops.count(), guest.store.heap_stats().objects), (100, 0));
}

/// Values of the host may do anything when they are dropped, and are all dropped with the store.
#[test]
fn drops_that_panic_and_drops_of_the_store() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let wat = r#"(module
      (type $box (struct (field externref)))
      (func (export "garbage") (param externref) (result i32)
        (local.set 0 (ref.null extern))
        (drop (struct.new_default $box))
        (i32.const 5)))"#;
    let mut config = super::guest::config();
    config.gc_zeal(true);
    let mut guest = Guest::configured(&config, wat, |_| {});
    let func = guest.func("garbage");
    let func = func
        .typed::<Option<ExternRef>, i32>(&guest.store)
        .expect("its type");
    let value = ExternRef::new(&mut guest.store, Panics);
    let store = &mut guest.store;
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = func.call(store, Some(value));
    }));
    assert_eq!(panic.expect_err("a panic").downcast_ref(), Some(&"dropped"));
    // The store is as usable as before.
    assert_eq!(func.call(&mut guest.store, None).expect("no trap"), 5);
    let drops = Drops::default();
    let kept = drops.reference(&mut guest.store);
    drop(guest);
    assert_eq!(drops.count(), 1);
    drop(kept);
    assert_eq!(drops.count(), 1);
}
