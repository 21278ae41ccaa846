//! Requests reach a guest that goes on forever, and leave it as it was.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use probity_engine::hook::{Action, Counters, Probe, Remote, Site};
use probity_engine::{Caller, ExternRef, TrapCode, Val};

use crate::guest::{Count, Guest, Shared, trap_code_of};
use crate::ways;

/// Each is endless in a way of its own.
const ENDLESS: &str = r#"(module
  (import "h" "host" (func $host))
  (memory 1)
  (func (export "tight") (loop (br 0)))
  (func (export "work") (local i32 i64)
    (loop (local.set 1 (i64.mul (i64.add (local.get 1) (i64.const 3)) (i64.const 7)))
      (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0)))
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
  ;; Its locals are to be cleared whenever it is found at its entry.
  (func $tail_locals (export "tail_locals") (local i32 externref f64)
    (if (i32.or (local.get 0) (i32.eqz (ref.is_null (local.get 1)))) (then (unreachable)))
    (local.set 0 (i32.const 1))
    (return_call $tail_locals))
  (func (export "host_calls") (loop (call $host) (br 0)))
  (tag $tag)
  (func $thrower (throw $tag))
  (func (export "throws") (loop $again
    (block $caught (try_table (catch $tag $caught) (call $thrower)))
    (br $again)))
  (func (export "grows") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func $count (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  (func (export "counts") (loop (drop (call $count (i32.const 1000))) (br 0)))
  (func (export "fill") (loop
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0)))
  (func (export "fine") (result i32) (i32.const 7)))"#;

const EXPORTS: [&str; 12] = [
    "tight",
    "work",
    "inner",
    "calls",
    "recursion",
    "tail",
    "tail_locals",
    "host_calls",
    "throws",
    "grows",
    "counts",
    "fill",
];

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn endless(config: &probity_engine::Config) -> Guest {
    Guest::configured(config, ENDLESS, |linker| {
        linker
            .func_wrap("h", "host", |_: Caller<'_, ()>| {})
            .expect("a new name");
    })
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_micros(100));
    }
}

/// What a watcher does while the guest runs.
fn beside(guest: &mut Guest, export: &str, name: &str, watch: impl FnOnce(&Remote) + Send) {
    let remote = guest.store.remote();
    let error = thread::scope(|scope| {
        let watching = scope.spawn(move || {
            // Otherwise the guest runs for ever when an assertion fails.
            struct End(Remote);
            impl Drop for End {
                fn drop(&mut self) {
                    self.0.interrupt(TrapCode::Timeout);
                }
            }
            let end = End(remote.clone());
            watch(&remote);
            drop(end);
        });
        let error = guest.call(export, &[]).expect_err("it is endless");
        watching.join().expect("the watcher found what it expected");
        error
    });
    assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name} {export}");
    assert!(!error.backtrace().is_empty(), "{name} {export}");
    let fine = guest.call_i32("fine", &[]).expect("no trap");
    assert_eq!(fine, 7, "{name} {export}");
}

/// Inserted by another thread, a probe fires; once its removal is answered it does not.
#[test]
fn probes_come_and_go_in_endless_code() {
    for (name, config) in ways() {
        for export in EXPORTS {
            let mut guest = endless(&config);
            beside(&mut guest, export, name, |remote| {
                let (calls, counters) = (Count::default(), Counters::new(1));
                let add = Action::CountAdd {
                    counters: counters.clone(),
                    index: 0,
                    n: 1,
                };
                let global = remote.insert_global(calls.probe()).wait();
                let counting = remote.insert_global(Probe::new(add)).wait();
                wait_until(export, || calls.get() > 10 && counters.get(0) > 10);
                for id in [global, counting] {
                    let removed = remote.remove(id.expect("inserted")).wait();
                    assert!(removed.expect("the store lives"), "{name} {export}");
                }
                let seen = (calls.get(), counters.get(0));
                thread::sleep(Duration::from_millis(2));
                assert_eq!((calls.get(), counters.get(0)), seen, "{name} {export}");
            });
        }
    }
}

/// So do ticks of fuel, which code counts from then on and no longer than they are there.
#[test]
fn ticks_of_fuel_come_and_go_in_endless_code() {
    for (name, config) in ways() {
        for export in EXPORTS {
            let mut guest = endless(&config);
            beside(&mut guest, export, name, |remote| {
                for every in [1, 40, 100_000] {
                    let ticks = Count::default();
                    let seen = ticks.clone();
                    let id = remote.run(move |context| {
                        Ok(context.probes().on_fuel(every, move |ctx| {
                            assert!(ctx.depth() > 0);
                            seen.up();
                            Ok(())
                        }))
                    });
                    let id = id.wait().expect("the store lives");
                    wait_until(export, || ticks.get() > 3);
                    let removed = remote.remove(id).wait();
                    assert!(removed.expect("the store lives"), "{name} {export}");
                    let seen = ticks.get();
                    thread::sleep(Duration::from_millis(2));
                    assert_eq!(ticks.get(), seen, "{name} {export}");
                }
            });
        }
    }
}

/// A probe in one function, at an operator of its loop, a hundred times over: what runs is compiled
/// again in between, where there is a compiler.
#[test]
fn local_probes_come_and_go_over_and_over() {
    for (name, config) in ways() {
        let mut guest = endless(&config);
        let (func, pc) = (guest.func("work"), guest.pc("work", "I64Mul", 0));
        beside(&mut guest, "work", name, |remote| {
            let mut last = None;
            for round in 0..100 {
                let count = Count::default();
                let id = remote.insert(func, Site::Before(pc), count.probe()).wait();
                let id = id.expect("a site");
                assert_ne!(Some(id), last, "handles are not used again");
                last = Some(id);
                wait_until(name, || count.get() > 0);
                assert!(remote.remove(id).wait().expect("the store lives"));
                let seen = count.get();
                let gone = remote.remove(id).wait();
                assert!(!gone.expect("the store lives"), "it is gone");
                assert_eq!(count.get(), seen, "{name} round {round}");
            }
        });
    }
}

/// A request sees every frame, with its values, and can change them.
#[test]
fn frames_are_read_and_written() {
    const WAT: &str = r#"(module
      (func $spin (param i32 i64) (result i64)
        (loop $on
          (local.set 1 (i64.add (local.get 1) (i64.const 2)))
          (br_if $on (i32.eqz (local.get 0))))
        (local.get 1))
      (func $middle (param f64) (result i64)
        (i64.add (call $spin (i32.const 0) (i64.const 1)) (i64.trunc_f64_s (local.get 0))))
      (func (export "run") (result i64) (i64.mul (i64.const 2) (call $middle (f64.const 0.5)))))"#;
    for (name, mut config) in ways() {
        config.keep_locals(true);
        let mut guest = Guest::configured(&config, WAT, |_| {});
        let remote = guest.store.remote();
        let result = thread::scope(|scope| {
            let writing = scope.spawn(move || {
                let ticket = remote.run(|context| {
                    // It may not have got there yet.
                    if context.depth() < 3 {
                        return Ok(None);
                    }
                    let indices: Vec<u32> = context
                        .backtrace()
                        .iter()
                        .map(|frame| frame.func_index())
                        .collect();
                    let spin = context.frame_at(0).expect("there are three");
                    let sum = spin.local(1);
                    let middle = context.frame_at(1).expect("there are three");
                    let half = middle.local(0);
                    assert!(context.frame_at(3).is_none());
                    Ok(Some((indices, sum, half)))
                });
                let mut seen = ticket.wait().expect("no error");
                while seen.is_none() {
                    thread::yield_now();
                    let depth = remote.run(|context| Ok(context.depth())).wait();
                    if depth.expect("no error") < 3 {
                        continue;
                    }
                    let ticket = remote.run(|context| {
                        let frames = context.backtrace();
                        let indices = frames.iter().map(|frame| frame.func_index());
                        let indices = indices.collect();
                        let sum = context.frame_at(0).and_then(|frame| frame.local(1));
                        let half = context.frame_at(1).and_then(|frame| frame.local(0));
                        Ok(Some((indices, sum, half)))
                    });
                    seen = ticket.wait().expect("no error");
                }
                let end = remote.run(|context| {
                    let mut middle = context.frame_at(1).expect("there are three");
                    middle.set_local(0, Val::F64(9.5_f64.to_bits()))?;
                    let mut spin = context.frame_at(0).expect("there are three");
                    spin.set_local(1, Val::I64(100))?;
                    spin.set_local(0, Val::I32(1))
                });
                end.wait().expect("locals of these types");
                seen.expect("the loop found it")
            });
            let result = guest.call("run", &[]).expect("no trap");
            let (indices, sum, half) = writing.join().expect("no panic");
            assert_eq!(indices, [0, 1, 2], "{name}");
            assert!(
                matches!(sum, Some(Val::I64(n)) if n % 2 == 1),
                "{name} {sum:?}"
            );
            assert!(
                matches!(half, Some(Val::F64(bits)) if f64::from_bits(bits) == 0.5),
                "{name} {half:?}"
            );
            result
        });
        // The write may have come before or behind the addition.
        let Val::I64(result) = result[0] else {
            panic!("{name}: {result:?}")
        };
        assert!(result == 2 * 109 || result == 2 * 111, "{name}: {result}");
    }
}

/// A request that comes while a host function runs is carried out behind its return.
#[test]
fn requests_wait_for_host_functions() {
    for (name, config) in ways() {
        let (inside, wait_inside) = mpsc::channel();
        let (go_on, wait_outside) = mpsc::channel::<()>();
        let wait_outside = std::sync::Mutex::new(wait_outside);
        let returned = Arc::new(AtomicBool::new(false));
        let returning = returned.clone();
        let calls = AtomicU32::new(0);
        let mut guest = Guest::configured(&config, ENDLESS, |linker| {
            linker
                .func_wrap("h", "host", move |_: Caller<'_, ()>| {
                    if calls.fetch_add(1, Ordering::SeqCst) == 1000 {
                        inside.send(()).expect("the watcher lives");
                        let go_on = wait_outside.lock().expect("no panic").recv();
                        go_on.expect("the watcher lives");
                        returning.store(true, Ordering::SeqCst);
                    }
                })
                .expect("a new name");
        });
        beside(&mut guest, "host_calls", name, move |remote| {
            wait_inside.recv().expect("the guest calls");
            let seen = returned.clone();
            let ticket = remote.run(move |_| Ok(seen.load(Ordering::SeqCst)));
            let ticket = ticket.wait_timeout(Duration::from_millis(5));
            let ticket = ticket.expect_err("the host function has not returned");
            go_on.send(()).expect("the host function waits");
            assert!(ticket.wait().expect("no error"), "{name}");
        });
    }
}

/// Requests come from the store's own thread, too: from a host function, a probe, and a request.
#[test]
fn requests_from_within_are_carried_out_in_order() {
    for (name, config) in ways() {
        let order = Shared::<u32>::default();
        let handle = Arc::new(OnceLock::<Remote>::new());
        let (own, log) = (handle.clone(), order.clone());
        let calls = AtomicU32::new(0);
        let mut guest = Guest::configured(&config, ENDLESS, |linker| {
            linker
                .func_wrap("h", "host", move |caller: Caller<'_, ()>| {
                    let mut caller = caller;
                    if calls.fetch_add(1, Ordering::Relaxed) != 100 {
                        return;
                    }
                    // Both ways to a handle.
                    let remote = own.get().expect("it is set").clone();
                    let same = caller.probes().remote();
                    for number in 0..3 {
                        let log = log.clone();
                        let ticket = remote.run(move |_| {
                            log.push(number);
                            Ok(())
                        });
                        assert!(!ticket.is_answered());
                    }
                    let (log, again) = (log.clone(), remote.clone());
                    drop(same.run(move |_| {
                        log.push(3);
                        let (log, last) = (log.clone(), again.clone());
                        drop(again.run(move |_| {
                            log.push(4);
                            last.interrupt(TrapCode::Timeout);
                            Ok(())
                        }));
                        Ok(())
                    }));
                })
                .expect("a new name");
        });
        assert!(handle.set(guest.store.remote()).is_ok());
        let error = guest.call("host_calls", &[]).expect_err("it is endless");
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        assert_eq!(order.take(), [0, 1, 2, 3, 4], "{name}");

        let fired = order.clone();
        let remote = handle.get().expect("it is set").clone();
        let probe = Probe::call(move |_| {
            let (log, end) = (fired.clone(), remote.clone());
            drop(remote.run(move |_| {
                log.push(5);
                end.interrupt(TrapCode::Timeout);
                Ok(())
            }));
            Ok(())
        });
        guest.before("work", "I64Mul", 0, |_| Ok(()));
        guest.insert("work", Site::Entry, probe);
        let error = guest.call("work", &[]).expect_err("it is endless");
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        assert_eq!(order.take(), [5], "{name}");
    }
}

/// An interrupt behind a request does not overtake it, wherever the guest is.
#[test]
fn interrupts_come_behind_earlier_requests() {
    for (name, config) in ways() {
        let mut guest = endless(&config);
        for export in EXPORTS.into_iter().filter(|&export| export != "fill") {
            let remote = guest.store.remote();
            let (depth, error) = thread::scope(|scope| {
                let posting = scope.spawn(move || {
                    let depth = || remote.run(|context| Ok(context.depth()));
                    while depth().wait().expect("the store lives") == 0 {}
                    let ticket = depth();
                    remote.interrupt(TrapCode::Interrupted);
                    ticket.wait()
                });
                let error = guest.call(export, &[]).expect_err("it is endless");
                (posting.join().expect("no panic"), error)
            });
            assert_eq!(trap_code_of(&error), TrapCode::Interrupted);
            let depth = depth.expect("the store lives");
            assert!(depth > 0, "{name} {export}: it was carried out first");
        }
    }
}

/// A request may call the guest, collect garbage, and insert probes that the frames on the stack see.
#[test]
fn requests_call_the_guest() {
    for (name, mut config) in ways() {
        config.gc_zeal(true);
        let mut guest = endless(&config);
        let (fine, func, pc) = (
            guest.func("fine"),
            guest.func("work"),
            guest.pc("work", "I64Mul", 0),
        );
        beside(&mut guest, "work", name, |remote| {
            for _ in 0..10 {
                let count = Count::default();
                let probe = count.probe().one_shot();
                let ticket = remote.run(move |context| {
                    context.probes().insert(func, Site::Before(pc), probe)?;
                    let mut results = [Val::I32(0)];
                    fine.call(context, &[], &mut results)?;
                    let held = ExternRef::new(context, 5_u32);
                    fine.call(context, &[], &mut results)?;
                    let data = held.data(context).and_then(|data| data.downcast_ref());
                    assert_eq!(data, Some(&5_u32));
                    Ok(crate::guest::i32_of(&results[0]))
                });
                assert_eq!(ticket.wait().expect("no error"), 7, "{name}");
                wait_until(name, || count.get() == 1);
            }
        });
    }
}
