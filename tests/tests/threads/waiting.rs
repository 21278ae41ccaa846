//! Waiting and notifying.

use std::thread;

use probity_engine::TrapCode;

use super::team::{Team, Watched, outcome};

const MODULE: &str = r#"(module (import "m" "m" (memory 1 1 shared))
  ;; Says that it is about to wait, waits for ever, gives the outcome.
  (func (export "wait") (param $at i32) (result i32)
    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
    (memory.atomic.wait32 (local.get $at) (i32.const 0) (i64.const -1)))
  (func (export "wait64") (param $at i32) (result i32)
    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
    (memory.atomic.wait64 (local.get $at) (i64.const 0) (i64.const 0x7fff_ffff_ffff_ffff)))
  ;; Notifies `count` at a time until `wanted` were woken; gives how many were.
  (func (export "wake") (param $at i32) (param $count i32) (param $wanted i32) (result i32)
    (local $woken i32)
    (loop $again
      (local.set $woken (i32.add (local.get $woken)
        (memory.atomic.notify (local.get $at) (local.get $count))))
      (br_if $again (i32.lt_u (local.get $woken) (local.get $wanted))))
    (local.get $woken))
  (func (export "spin until") (param $waiting i32)
    (loop $again
      (br_if $again (i32.lt_u (i32.atomic.load (i32.const 0)) (local.get $waiting)))))
  (func (export "trap after") (param $waiting i32)
    (loop $again
      (br_if $again (i32.lt_u (i32.atomic.load (i32.const 0)) (local.get $waiting))))
    (drop (i32.load (i32.const -1)))))"#;

#[test]
fn those_who_wait_are_woken_by_address_and_number() {
    let team = Team::new(1, MODULE);
    thread::scope(|scope| {
        let at_8: Vec<_> = (0..3).map(|i| team.run(scope, "wait", &[8], i)).collect();
        let at_16: Vec<_> = (0..2)
            .map(|i| team.run(scope, "wait64", &[16], i))
            .collect();
        let mut waker = team.join(Watched::No);
        // One at a time, then all at once; never more than there are.
        assert_eq!(waker.call("wake", &[8, 1, 2]).unwrap(), [2]);
        assert_eq!(waker.call("wake", &[8, -1, 1]).unwrap(), [1]);
        for thread in at_8 {
            assert_eq!(outcome(thread), Ok(vec![0]));
        }
        assert_eq!(waker.call("wake", &[8, -1, 0]).unwrap(), [0]);
        assert_eq!(waker.call("wake", &[16, -1, 2]).unwrap(), [2]);
        for thread in at_16 {
            assert_eq!(outcome(thread), Ok(vec![0]));
        }
    });
}

#[test]
fn a_waiting_guest_can_be_interrupted() {
    let team = Team::new(1, MODULE);
    for watched in [Watched::No, Watched::Yes] {
        for code in [TrapCode::Interrupted, TrapCode::Timeout] {
            for (export, at) in [("wait", 8), ("wait64", 16)] {
                let before = team.word(0);
                thread::scope(|scope| {
                    let mut member = team.join(watched);
                    let handle = member.interrupt_handle();
                    let waiter = scope.spawn(move || {
                        let first = member.call(export, &[at]);
                        // The store is whole: it may wait again, and be interrupted again.
                        (first, member)
                    });
                    team.join(Watched::No)
                        .call("spin until", &[before + 1])
                        .expect("no trap");
                    handle.interrupt(code);
                    let (first, mut member) = waiter.join().expect("no panic");
                    let error = first.expect_err("interrupted");
                    assert_eq!(super::guest::trap_code_of(&error), code);
                    assert_eq!(error.backtrace().len(), 1);
                    let handle = member.interrupt_handle();
                    handle.interrupt(code);
                    let again = member.call(export, &[at]);
                    assert_eq!(super::guest::trap_code(again), code);
                });
            }
        }
    }
    // Whoever was interrupted waits no more.
    let mut waker = team.join(Watched::No);
    assert_eq!(waker.call("wake", &[8, -1, 0]).unwrap(), [0]);
    assert_eq!(waker.call("wake", &[16, -1, 0]).unwrap(), [0]);
}

#[test]
fn a_trap_in_one_thread_does_not_hurt_the_others() {
    let team = Team::new(1, MODULE);
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..2).map(|i| team.run(scope, "wait", &[8], i)).collect();
        let broken: Vec<_> = (0..2)
            .map(|i| team.run(scope, "trap after", &[2], i))
            .collect();
        for thread in broken {
            assert_eq!(outcome(thread), Err(TrapCode::MemoryOutOfBounds));
        }
        let mut waker = team.join(Watched::No);
        assert_eq!(waker.call("wake", &[8, 1, 2]).unwrap(), [2]);
        for thread in waiters {
            assert_eq!(outcome(thread), Ok(vec![0]));
        }
    });
}
