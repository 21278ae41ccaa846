//! What tickets say, and what becomes of a guest whose requests fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use probity_engine::hook::{Probe, ProbePanic, Site, StoreGone};
use probity_engine::{Caller, Error, TrapCode, WasmPc};

use crate::guest::{Count, Guest, trap_code_of};
use crate::ways;

const WAT: &str = r#"(module
  (import "h" "host" (func $host (param i32)))
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop
      (call $host (local.get 0))
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "leaf") (result i32) (i32.const 7)))"#;

fn guest(config: &probity_engine::Config, host: impl Fn(i32) + Send + Sync + 'static) -> Guest {
    Guest::configured(config, WAT, |linker| {
        linker
            .func_wrap("h", "host", move |_: Caller<'_, ()>, n: i32| host(n))
            .expect("a new name");
    })
}

/// Without a guest that runs, requests wait for the next call or for the store's owner.
#[test]
fn idle_stores_carry_requests_out_when_they_are_called() {
    for (name, config) in ways() {
        let mut guest = guest(&config, |_| {});
        let remote = guest.store.remote();
        let ticket = remote.run(|context| Ok((context.depth(), context.backtrace().len())));
        assert!(!ticket.is_answered(), "{name}");
        let ticket = ticket.wait_timeout(Duration::from_millis(1));
        let ticket = ticket.expect_err("nobody carries it out");
        guest.store.serve_requests().expect("no error");
        assert!(ticket.is_answered(), "{name}");
        let answer = ticket.wait_timeout(Duration::ZERO).expect("it is there");
        assert_eq!(answer.expect("no error"), (0, 0), "{name}");

        // Before the call begins, in a function that never polls.
        let count = Count::default();
        let leaf = guest.func("leaf");
        let inserted = remote.insert(leaf, Site::Entry, count.probe());
        assert_eq!(guest.call_i32("leaf", &[]).expect("no trap"), 7);
        assert_eq!(count.get(), 1, "{name}");
        let removed = remote.remove(inserted.wait().expect("a site"));
        assert_eq!(guest.call_i32("leaf", &[]).expect("no trap"), 7);
        assert!(removed.wait().expect("no error"));
        assert_eq!(count.get(), 1, "{name}");
    }
}

/// What is posted in the last host call of a run is carried out before the run's caller goes on.
#[test]
fn calls_do_not_return_before_their_requests_are_carried_out() {
    for (name, config) in ways() {
        let handle = Arc::new(std::sync::OnceLock::<probity_engine::hook::Remote>::new());
        let (own, done) = (handle.clone(), Arc::new(AtomicU32::new(0)));
        let doing = done.clone();
        let mut guest = guest(&config, move |n| {
            if n == 1 {
                let done = doing.clone();
                drop(own.get().expect("it is set").run(move |_| {
                    done.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                }));
            }
        });
        assert!(handle.set(guest.store.remote()).is_ok());
        for round in 1..4 {
            assert_eq!(guest.call_i32("sum", &[100]).expect("no trap"), 5050);
            assert_eq!(done.load(Ordering::SeqCst), round, "{name}");
        }
    }
}

#[test]
fn wrong_requests_are_answered_with_errors() {
    for (name, config) in ways() {
        let mut guest = guest(&config, |_| {});
        let other = self::guest(&config, |_| {});
        let remote = guest.store.remote();
        let (func, foreign) = (guest.func("sum"), other.func("sum"));
        let nowhere = remote.insert(func, Site::Before(WasmPc(1)), Probe::call(|_| Ok(())));
        let strange = remote.insert(foreign, Site::Entry, Probe::call(|_| Ok(())));
        let failed = remote.run(|_| Err::<(), _>(Error::usage("not today")));
        let panicked = remote.run(|_| -> probity_engine::Result<()> { panic!("on purpose") });
        assert_eq!(guest.call_i32("sum", &[10]).expect("no trap"), 55, "{name}");
        let error = nowhere.wait().expect_err("no operator");
        assert!(error.to_string().starts_with("no operator at"), "{error}");
        let error = strange.wait().expect_err("another store");
        assert_eq!(error.to_string(), "function of another store");
        assert_eq!(failed.wait().expect_err("failed").to_string(), "not today");
        let error = panicked.wait().expect_err("panicked");
        let panic = error.downcast_ref::<ProbePanic>().expect("a panic");
        assert_eq!(panic.to_string(), "probe panicked: on purpose");
    }
}

/// The first of several endings wins; all requests are carried out.
#[test]
fn requests_can_end_the_guest() {
    for (name, config) in ways() {
        let mut guest = guest(&config, |_| {});
        let remote = guest.store.remote();
        let end = |message: &'static str| {
            remote.run(move |context| {
                context.end_guest(Error::usage(message));
                context.end_guest(Error::usage("too late"));
                Ok(message)
            })
        };
        let (first, second) = (end("first"), end("second"));
        let error = guest.call_i32("sum", &[10]).expect_err("it is ended");
        assert_eq!(error.to_string(), "first", "{name}");
        assert_eq!(first.wait().expect("carried out"), "first");
        assert_eq!(second.wait().expect("carried out"), "second");
        assert_eq!(guest.call_i32("sum", &[10]).expect("no trap"), 55, "{name}");
        let ended = end("idle");
        let error = guest.store.serve_requests().expect_err("it is ended");
        assert_eq!(error.to_string(), "idle", "{name}");
        assert!(ended.is_answered());
    }
}

/// In the middle of a loop: the frames are unwound, exits fire, and the error has a backtrace.
#[test]
fn guests_are_ended_in_the_middle() {
    const ENDLESS: &str = r#"(module (func (export "spin") (loop (br 0))))"#;
    for (name, config) in ways() {
        let mut guest = Guest::configured(&config, ENDLESS, |_| {});
        let exits = Count::default();
        guest.insert("spin", Site::Exit, exits.probe());
        let remote = guest.store.remote();
        let error = thread::scope(|scope| {
            scope.spawn(move || {
                let depth = || remote.run(|context| Ok(context.depth()));
                while depth().wait().expect("the store lives") == 0 {}
                let ticket = remote.run(|context| {
                    context.end_guest(Error::usage("enough"));
                    Ok(())
                });
                ticket.wait().expect("carried out");
            });
            guest.call("spin", &[]).expect_err("it is ended")
        });
        assert_eq!(error.to_string(), "enough", "{name}");
        assert_eq!(error.backtrace().len(), 1, "{name}");
        assert_eq!(exits.get(), 1, "{name}");
    }
}

#[test]
fn dropped_stores_answer() {
    for (name, config) in ways() {
        let guest = guest(&config, |_| {});
        let (remote, func) = (guest.store.remote(), guest.func("leaf"));
        let is_gone = |error: Error| error.downcast_ref::<StoreGone>().is_some();
        let before = remote.run(|_| Ok(()));
        let waiting = {
            let waiter = remote.run(|_| Ok(()));
            thread::spawn(move || waiter.wait())
        };
        drop(guest);
        assert!(
            is_gone(before.wait().expect_err("nobody is there")),
            "{name}"
        );
        let waited = waiting.join().expect("no panic");
        assert!(is_gone(waited.expect_err("nobody is there")), "{name}");
        let after = remote.insert(func, Site::Entry, Probe::call(|_| Ok(())));
        assert!(after.is_answered(), "{name}");
        let answer = after.wait_timeout(Duration::ZERO).expect("at once");
        assert!(is_gone(answer.expect_err("nobody is there")), "{name}");
        remote.interrupt(TrapCode::Timeout);
    }
}

/// Whatever a request owns is dropped with the store; it may post requests itself.
#[test]
fn requests_that_are_dropped_may_post_others() {
    struct Posts(probity_engine::hook::Remote);
    impl Drop for Posts {
        fn drop(&mut self) {
            assert!(self.0.run(|_| Ok(())).wait().is_err());
        }
    }
    let guest = guest(&probity_engine::Config::new(), |_| {});
    let remote = guest.store.remote();
    let posts = Posts(remote.clone());
    let ticket = remote.run(move |_| {
        let _posts = posts;
        Ok(())
    });
    drop(guest);
    assert!(ticket.wait().is_err());
}

#[test]
fn interrupts_of_an_idle_store_wait_for_the_next_call() {
    for (name, config) in ways() {
        let mut guest = guest(&config, |_| {});
        let remote = guest.store.remote();
        let ticket = remote.run(|_| Ok(1));
        remote.interrupt(TrapCode::Timeout);
        let error = guest.call_i32("sum", &[10]).expect_err("interrupted");
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        assert_eq!(ticket.wait().expect("carried out"), 1);
    }
}
