//! Another thread ends what runs, compiled or not, within a second, with a backtrace.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, InterruptHandle, TrapCode};

use crate::guest::{Guest, trap_code_of};
use crate::ways::{all, auto};

const ENDLESS: &str = r#"(module
  (import "h" "host" (func $host))
  (memory 1)
  (func (export "tight") (loop (br 0)))
  (func (export "work") (local i32 i64)
    (loop (local.set 1 (i64.mul (i64.add (local.get 1) (i64.const 3)) (i64.const 7)))
      (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0)))
  (func (export "two_loops")
    (loop (loop (br_if 0 (i32.eqz (i32.load (i32.const 0))))) (br 0)))
  ;; Nothing is stored between the polls of the two.
  (func (export "after_another") (local i32)
    (loop (br_if 0 (i32.lt_u
      (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10))))
    (loop (local.set 0 (i32.mul (local.get 0) (i32.const 3))) (br 0)))
  (func (export "inner") (local i32)
    (loop
      (loop (br_if 1 (i32.and (local.get 0) (i32.const 7)))
        (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0))))
  (func $nothing (param i32))
  (func (export "calls") (loop (call $nothing (i32.const 1)) (br 0)))
  (func $rec (param i32)
    (if (local.get 0) (then
      (call $rec (i32.sub (local.get 0) (i32.const 1)))
      (call $rec (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "recursion") (call $rec (i32.const 60)))
  (func $tail (export "tail") (return_call $tail))
  (func $ping (export "mutual_tail") (return_call $pong (i32.const 1)))
  (func $pong (param i32) (return_call $ping))
  (type $many (func (param i64 i32 i64 i32 f64 i64 i32 i64)))
  (table 1 funcref) (elem (i32.const 0) func $many)
  (func $many (type $many)
    (return_call_indirect (type $many) (local.get 7) (local.get 3) (local.get 0) (local.get 1)
      (local.get 4) (local.get 2) (local.get 6) (local.get 5) (i32.const 0)))
  (func (export "wide_tail") (return_call $many (i64.const 0) (i32.const 1) (i64.const 2)
    (i32.const 3) (f64.const 4) (i64.const 5) (i32.const 6) (i64.const 7)))
  (func (export "host_calls") (loop (call $host) (br 0)))
  (tag $tag)
  (func $thrower (throw $tag))
  (func (export "throws") (loop $again
    (block $caught (try_table (catch $tag $caught) (call $thrower)))
    (br $again)))
  (func $quits (export "quits") (throw $tag))
  (func (export "lands") (local i32)
    (block $caught (try_table (catch $tag $caught) (call $quits)))
    (loop (local.set 0 (i32.add (local.get 0) (i32.const 3))) (br 0)))
  (func (export "grows") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func $count (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  (func (export "counts") (loop (drop (call $count (i32.const 1000))) (br 0)))
  (func (export "fill") (loop
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0)))
  (func (export "fine") (result i32) (i32.const 7)))"#;

#[test]
fn other_threads_end_what_runs() {
    let exports = [
        "tight",
        "work",
        "two_loops",
        "after_another",
        "inner",
        "calls",
        "recursion",
        "tail",
        "mutual_tail",
        "wide_tail",
        "host_calls",
        "throws",
        "grows",
        "counts",
        "fill",
    ];
    for (name, config) in all().chain([("auto", auto())]) {
        let mut guest = Guest::configured(&config, ENDLESS, |linker| {
            linker
                .func_wrap("h", "host", |_: Caller<'_, ()>| {})
                .expect("a new name");
        });
        for export in exports {
            for code in [TrapCode::Interrupted, TrapCode::Timeout] {
                let mut interrupted = || {
                    let handle = guest.store.interrupt_handle();
                    let interrupter = thread::spawn(move || {
                        thread::sleep(Duration::from_millis(15));
                        let sent = Instant::now();
                        handle.interrupt(code);
                        sent
                    });
                    let error = guest.call(export, &[]).expect_err("it is endless");
                    (error, interrupter.join().expect("no panic"))
                };
                let (mut error, mut sent) = interrupted();
                // On a busy machine the call may begin after it was interrupted, and ends without a frame.
                for _ in 0..10 {
                    if error.backtrace().is_empty() {
                        (error, sent) = interrupted();
                    }
                }
                // The machine that tests run on may be busy.
                let took = sent.elapsed();
                assert!(took < Duration::from_secs(1), "{name} {export}: {took:?}");
                assert_eq!(trap_code_of(&error), code, "{name} {export}");
                assert!(!error.backtrace().is_empty(), "{name} {export}");
                let outermost = error.backtrace().last().expect("a frame");
                if !export.ends_with("tail") {
                    assert_eq!(
                        outermost.func_index(),
                        guest.index(export),
                        "{name} {export}"
                    );
                }
                assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
            }
        }
    }
}

/// The request comes from the thread itself, in a call that a loop makes.
#[test]
fn hosts_end_what_has_called_them() {
    for (name, config) in all().chain([("auto", auto())]) {
        let handle = Arc::new(OnceLock::<InterruptHandle>::new());
        let own = handle.clone();
        let calls = AtomicU32::new(0);
        let mut guest = Guest::configured(&config, ENDLESS, |linker| {
            linker
                .func_wrap("h", "host", move |_: Caller<'_, ()>| {
                    if calls.fetch_add(1, Ordering::Relaxed) == 1000 {
                        own.get().expect("it is set").interrupt(TrapCode::Timeout);
                    }
                })
                .expect("a new name");
        });
        let _ = handle.set(guest.store.interrupt_handle());
        let error = guest.call("host_calls", &[]).expect_err("it is endless");
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
    }
}

/// The request comes from the thread itself, in a probe, and the frame where that is seen first is
/// one that an exception has got to.
#[test]
fn probes_end_what_goes_on_elsewhere() {
    for (name, config) in all().chain([("auto", auto())]) {
        let mut guest = Guest::configured(&config, ENDLESS, |linker| {
            linker
                .func_wrap("h", "host", |_: Caller<'_, ()>| {})
                .expect("a new name");
        });
        let handle = guest.store.interrupt_handle();
        let probe = Probe::call(move |_| {
            handle.interrupt(TrapCode::Timeout);
            Ok(())
        });
        guest.insert("quits", Site::Entry, probe);
        let error = guest.call("lands", &[]).expect_err("it is endless");
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        assert_eq!(guest.call_i32("fine", &[]).expect("no trap"), 7);
    }
}
