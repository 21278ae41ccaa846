//! Timers sample what runs, and leave compiled code in speed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use probity_engine::hook::{ProbePanic, Remote, Timer};
use probity_engine::{Caller, Error, TrapCode, Val};

use crate::guest::{Guest, trap_code_of};
use crate::ways;

const WAT: &str = r#"(module
  (import "h" "host" (func $host))
  (func $work (export "work") (param i32) (result i64) (local i64)
    (loop $on
      (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 5)) (i64.const 3)))
      (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "endless") (loop (drop (call $work (i32.const 100000))) (br 0)))
  ;; Depth 20 and back, for ever; a frame's parameter is 1 less than its caller's.
  (func $dive (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (call $dive (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))
      (else (drop (call $work (i32.const 100))) (i32.const 0))))
  (func (export "recursion") (loop (drop (call $dive (i32.const 20))) (br 0)))
  (func (export "host_call") (call $host))
  (func (export "tight") (param i32) (result i64) (call $work (local.get 0))))"#;

const MILLISECOND: Duration = Duration::from_millis(1);

fn guest(config: &probity_engine::Config, host: impl Fn() + Send + Sync + 'static) -> Guest {
    Guest::configured(config, WAT, |linker| {
        linker
            .func_wrap("h", "host", move |_: Caller<'_, ()>| host())
            .expect("a new name");
    })
}

/// Each sample has the stack that the program can have at that place: functions, pcs, and values in
/// frames of both tiers.
#[test]
fn samples_show_whole_stacks() {
    for (name, mut config) in ways() {
        config.keep_locals(true);
        let mut guest = guest(&config, || ());
        let [work, dive, recursion] = [1, 3, 4];
        let recursion_pcs = guest.operators("recursion");
        let end = guest.store.remote();
        let deepest = Arc::new(AtomicU64::new(0));
        let (samples, seen) = (AtomicU64::new(0), deepest.clone());
        let timer = guest.store.remote().every(MILLISECOND, move |context| {
            let frames = context.backtrace();
            let mut indices: Vec<u32> = frames.iter().map(|frame| frame.func_index()).collect();
            assert_eq!(indices.len(), context.depth());
            assert_eq!(indices.pop(), Some(recursion), "{frames:?}");
            let outermost = frames.last().expect("it was there").pc();
            assert!(recursion_pcs.iter().any(|(pc, _)| *pc == outermost));
            let inner = usize::from(indices.first() == Some(&work));
            assert!(indices[inner..].iter().all(|&index| index == dive));
            let mut expected = None;
            for (at, known) in frames.iter().enumerate().take(indices.len()).skip(inner) {
                let frame = context.frame_at(at).expect("as many as in the backtrace");
                assert_eq!((frame.func_index(), frame.pc()), (dive, known.pc()));
                let Some(Val::I32(n)) = frame.local(0) else {
                    panic!("frame {at} has its parameter");
                };
                assert!(expected.is_none_or(|expected| expected == n));
                expected = Some(n + 1);
            }
            assert!(expected.is_none_or(|outer| outer == 21));
            if inner == 1 && indices.len() > 1 {
                let frame = context.frame_at(1).expect("the caller");
                assert!(matches!(frame.local(0), Some(Val::I32(0))));
            }
            seen.fetch_max(indices.len() as u64, Ordering::Relaxed);
            if samples.fetch_add(1, Ordering::Relaxed) == 40 {
                end.interrupt(TrapCode::Timeout);
            }
            Ok(())
        });
        let timer = timer.expect("a thread");
        let error = guest.call("recursion", &[]).expect_err("it is endless");
        assert_eq!(
            error.trap().map(|trap| trap.code()),
            Some(TrapCode::Timeout),
            "{name}: {error}"
        );
        assert!(timer.ticks() > 40, "{name}");
        assert!(deepest.load(Ordering::Relaxed) > 5, "{name}");
    }
}

/// A loop that does little but call compiled code is interpreted when a request has taken it from there, and pays the same
/// in each round; it is entered again nonetheless.
#[test]
fn loops_of_calls_get_back_to_compiled_code() {
    // 16 units a round, of which a power of two is whole rounds.
    const CALLS: &str = r#"(module
      (func $leaf (param i32) (result i32)
        (i32.mul (i32.rotl (local.get 0) (i32.const 7)) (i32.const 5)))
      (func (export "calls") (param $n i32) (result i32) (local $x i32)
        (loop $again
          (drop (local.get $x)) (drop (local.get $x)) (drop (local.get $x))
          (local.set $x (call $leaf (local.get $x)))
          (local.set $x (i32.add (call $leaf (local.get $x)) (local.get $n)))
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x)))"#;
    if !cfg!(all(target_arch = "x86_64", unix)) {
        return;
    }
    let (_, config) = ways()
        .find(|(name, _)| *name == "jit")
        .expect("one of the ways");
    let leaf = |x: u32| x.rotate_left(7).wrapping_mul(5);
    for millions in [10, 100, 1000] {
        let rounds = millions * 1_000_000;
        let mut guest = Guest::configured(&config, CALLS, |_| {});
        let once = guest.store.remote().after(MILLISECOND * 5, |_| Ok(()));
        let once = once.expect("a thread");
        let found = guest.call_i32("calls", &[rounds]).expect("no trap");
        let expected = (1..=rounds as u32)
            .rev()
            .fold(0, |x, n| leaf(leaf(x)).wrapping_add(n));
        assert_eq!(found as u32, expected);
        // The request may have come before the call or behind it.
        if once.ticks() == 1 && guest.store.tier_stats().osr_entries > 0 {
            return;
        }
    }
    panic!("the loop was interpreted to its end");
}

/// After each sample compiled code is run again: where there is a compiler, loops are entered about
/// as often as they were left.
#[test]
fn sampled_loops_get_back_to_compiled_code() {
    for (name, config) in ways().filter(|(name, _)| ["jit", "auto"].contains(name)) {
        let mut guest = guest(&config, || ());
        let begin = Instant::now();
        loop {
            let before = guest.store.tier_stats();
            let end = guest.store.remote();
            let samples = AtomicU64::new(0);
            let timer = guest.store.remote().every(MILLISECOND, move |_| {
                if samples.fetch_add(1, Ordering::Relaxed) == 50 {
                    end.interrupt(TrapCode::Timeout);
                }
                Ok(())
            });
            let timer = timer.expect("a thread");
            let error = guest.call("tight", &[Val::I32(i32::MAX)]);
            assert_eq!(
                trap_code_of(&error.expect_err("it is long")),
                TrapCode::Timeout
            );
            timer.stop();
            let after = guest.store.tier_stats();
            let entered = after.osr_entries - before.osr_entries;
            // Until its code is made, the loop goes on in the interpreter.
            if entered >= 45 || !cfg!(all(target_arch = "x86_64", unix)) {
                break;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "{name}: {after:?}"
            );
        }
    }
}

/// Sampling does not change what a program computes.
#[test]
fn sampled_programs_are_as_they_were() {
    let run = |guest: &mut Guest| {
        let result = guest.call("tight", &[Val::I32(3_000_000)]);
        format!("{:?}", result.expect("no trap"))
    };
    for (name, config) in ways() {
        let mut guest = guest(&config, || ());
        let expected = run(&mut guest);
        let timer = guest
            .store
            .remote()
            .every(Duration::from_micros(200), |context| {
                assert!(context.depth() > 0);
                Ok(())
            });
        let timer = timer.expect("a thread");
        while timer.ticks() < 10 {
            assert_eq!(run(&mut guest), expected, "{name}");
        }
    }
}

#[test]
fn errors_and_panics_end_the_guest() {
    for (name, config) in ways() {
        let mut guest = guest(&config, || ());
        let remote = guest.store.remote();
        let fails = remote.every(MILLISECOND, |_| Err(Error::usage("no more")));
        let error = guest.call("endless", &[]).expect_err("it is ended");
        assert_eq!(error.to_string(), "no more", "{name}");
        assert!(!error.backtrace().is_empty(), "{name}");
        drop(fails);
        let panics = remote.every(MILLISECOND, |_| panic!("on purpose"));
        let error = guest.call("endless", &[]).expect_err("it is ended");
        assert!(error.downcast_ref::<ProbePanic>().is_some(), "{name}");
        drop(panics);
        let once = remote.after(MILLISECOND, |_| Err(Error::usage("time is up")));
        let error = guest.call("endless", &[]).expect_err("it is ended");
        assert_eq!(error.to_string(), "time is up", "{name}");
        assert_eq!(once.expect("a thread").ticks(), 1);
    }
}

/// While a host function runs, one tick waits and the others are missed.
#[test]
fn ticks_do_not_pile_up() {
    for (name, config) in ways() {
        let timer = Arc::new(OnceLock::<Timer>::new());
        // Ticks when the host function returns, and when that is.
        let left = Arc::new(OnceLock::new());
        let (waiting, leaving) = (timer.clone(), left.clone());
        let mut guest = guest(&config, move || {
            let timer = waiting.get().expect("it is set");
            let before = (timer.ticks(), timer.missed());
            while timer.missed() < before.1 + 3 {
                thread::yield_now();
            }
            assert_eq!(timer.ticks(), before.0, "the guest is in the host");
            leaving.get_or_init(|| (before.0, Instant::now()));
        });
        let every = guest.store.remote().every(MILLISECOND, |_| Ok(()));
        assert!(timer.set(every.expect("a thread")).is_ok());
        guest.call("host_call", &[]).expect("no trap");
        let timer = timer.get().expect("it is set");
        // The one that waited may have come, and one for each millisecond since, of which there are many on a machine
        // that is busy.
        let ticks = timer.ticks();
        let (before, when) = *left.get().expect("the host has been called");
        let due = before + 2 + when.elapsed().as_millis() as u64;
        assert!(ticks <= due, "{name}: {ticks} of {due}");
        assert!(timer.missed() >= 3, "{name}");
    }
}

#[test]
fn ticks_without_a_guest_are_missed() {
    let mut guest = guest(&probity_engine::Config::new(), || ());
    let timer = guest.store.remote().every(MILLISECOND, |_| Ok(()));
    let timer = timer.expect("a thread");
    while timer.missed() < 5 {
        guest.store.serve_requests().expect("no error");
        thread::yield_now();
    }
    assert_eq!(timer.ticks(), 0);
}

/// A timer that has been stopped does nothing; one may stop itself.
#[test]
fn timers_stop() {
    for (name, config) in ways() {
        let mut guest = guest(&config, || ());
        let remote = guest.store.remote();
        let own = Arc::new(Mutex::new(None::<Timer>));
        let (mine, ticks) = (own.clone(), Arc::new(AtomicU64::new(0)));
        let ticking = ticks.clone();
        let timer = remote.every(MILLISECOND, move |_| {
            let Some(timer) = mine.lock().expect("no panic").take() else {
                return Ok(());
            };
            timer.stop();
            ticking.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        *own.lock().expect("no panic") = Some(timer.expect("a thread"));
        let end = remote.clone();
        let ender = remote.after(Duration::from_millis(20), move |_| {
            end.interrupt(TrapCode::Timeout);
            Ok(())
        });
        let error = guest.call("endless", &[]).expect_err("it is endless");
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        assert!(ticks.load(Ordering::SeqCst) <= 1, "{name}");
        drop(ender);

        let stopped = remote.after(Duration::ZERO, |_| Err(Error::usage("stopped")));
        // It may have been posted, and comes to nothing all the same.
        stopped.expect("a thread").stop();
        let results = guest.call("tight", &[Val::I32(1000)]);
        assert!(results.is_ok(), "{name}");
    }
}

/// The time may be one that never comes, and the store may go first.
#[test]
fn timers_outlive_their_store() {
    let guest = guest(&probity_engine::Config::new(), || ());
    let remote: Remote = guest.store.remote();
    let never = remote.after(Duration::MAX, |_| Ok(())).expect("a thread");
    let every = remote.every(MILLISECOND, |_| Ok(())).expect("a thread");
    drop(guest);
    thread::sleep(Duration::from_millis(5));
    assert_eq!((never.ticks(), every.ticks()), (0, 0));
    let late = remote.after(Duration::ZERO, |_| Ok(())).expect("a thread");
    thread::sleep(Duration::from_millis(5));
    assert_eq!(late.ticks(), 0);
}
