//! Counting, locks, messages: what atomics promise.

use std::thread;

use super::team::{Team, Watched, outcome};

const THREADS: usize = 4;

#[test]
fn no_increment_is_lost_at_any_width() {
    const TIMES: i32 = 3000;
    let operators = [
        ("i32.atomic.rmw8.add_u (i32.const 0) (i32.const 1)", 0, 8),
        ("i32.atomic.rmw16.add_u (i32.const 2) (i32.const 1)", 2, 16),
        ("i32.atomic.rmw.add (i32.const 4) (i32.const 1)", 4, 32),
        ("i64.atomic.rmw.add (i32.const 8) (i64.const 1)", 8, 32),
        (
            "i64.atomic.rmw32.sub_u (i32.const 16) (i64.const -1)",
            16,
            32,
        ),
    ];
    let body: String = operators
        .iter()
        .map(|(op, ..)| format!("(drop ({op}))"))
        .collect();
    let team = Team::new(
        1,
        &format!(
            r#"(module (import "m" "m" (memory 1 1 shared))
              (func (export "run") (param $n i32)
                (loop $again {body}
                  (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#
        ),
    );
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|i| team.run(scope, "run", &[TIMES], i))
            .collect();
        for thread in threads {
            assert_eq!(outcome(thread), Ok(vec![]));
        }
    });
    for (op, at, bits) in operators {
        let mask = u32::MAX >> (32 - bits);
        let expected = (THREADS as u32 * TIMES as u32) & mask;
        assert_eq!(team.word(at) as u32 & mask, expected, "{op}");
    }
}

#[test]
fn exchanges_build_a_counter() {
    const TIMES: i32 = 2000;
    let team = Team::new(
        1,
        r#"(module (import "m" "m" (memory 1 1 shared))
          (func (export "run") (param $n i32) (local $old i32)
            (loop $again
              (local.set $old (i32.atomic.load (i32.const 0)))
              (br_if $again (i32.ne (local.get $old)
                (i32.atomic.rmw.cmpxchg (i32.const 0)
                  (local.get $old) (i32.add (local.get $old) (i32.const 1)))))
              (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    );
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|i| team.run(scope, "run", &[TIMES], i))
            .collect();
        for thread in threads {
            assert_eq!(outcome(thread), Ok(vec![]));
        }
    });
    assert_eq!(team.word(0), THREADS as i32 * TIMES);
}

/// A lock at 0 (0 free, 1 taken, 2 taken and someone waits), and a number at 8 and a vector at 16
/// that only the holder touches, with plain loads and stores.
const LOCK: &str = r#"(module (import "m" "m" (memory 1 1 shared))
  (func $lock
    (block $done
      (br_if $done (i32.eqz (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1))))
      (loop $again
        (br_if $done (i32.eqz (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2))))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 2) (i64.const -1)))
        (br $again))))
  (func $unlock
    (if (i32.eq (i32.atomic.rmw.xchg (i32.const 0) (i32.const 0)) (i32.const 2))
      (then (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))))
  (func (export "run") (param $n i32)
    (loop $again
      (call $lock)
      (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
      (v128.store (i32.const 16)
        (i32x4.add (v128.load (i32.const 16)) (v128.const i32x4 1 2 3 4)))
      (call $unlock)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

#[test]
fn a_lock_protects_plain_accesses() {
    const TIMES: i32 = 1500;
    let team = Team::new(1, LOCK);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|i| team.run(scope, "run", &[TIMES], i))
            .collect();
        for thread in threads {
            assert_eq!(outcome(thread), Ok(vec![]));
        }
    });
    let total = THREADS as i32 * TIMES;
    assert_eq!(team.word(8), total);
    for lane in 0..4 {
        assert_eq!(team.word(16 + 4 * lane), (lane as i32 + 1) * total);
    }
    assert_eq!(team.word(0), 0, "the lock is free");
}

#[test]
fn what_was_written_before_a_flag_is_seen_behind_it() {
    let team = Team::new(
        1,
        r#"(module (import "m" "m" (memory 1 1 shared))
          ;; Writes the round's number in plain bytes, raises the flag, waits until it is taken.
          (func (export "send") (param $rounds i32) (local $i i32)
            (loop $again
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (i64.store offset=64 (i32.const 0) (i64.extend_i32_u (local.get $i)))
              (memory.fill (i32.const 128) (local.get $i) (i32.const 33))
              atomic.fence
              (i32.atomic.store (i32.const 0) (i32.const 1))
              (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
              (loop $wait
                (drop (memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const -1)))
                (br_if $wait (i32.atomic.load (i32.const 0))))
              (br_if $again (i32.lt_u (local.get $i) (local.get $rounds)))))
          ;; Counts the rounds in which it found what was sent.
          (func (export "receive") (param $rounds i32) (result i32) (local $i i32) (local $good i32)
            (loop $again
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (loop $wait
                (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
                (br_if $wait (i32.eqz (i32.atomic.load (i32.const 0)))))
              (local.set $good (i32.add (local.get $good)
                (i32.and
                  (i64.eq (i64.load offset=64 (i32.const 0)) (i64.extend_i32_u (local.get $i)))
                  (i32.eq (i32.load8_u (i32.const 160)) (i32.and (local.get $i) (i32.const 255))))))
              (i32.atomic.store (i32.const 0) (i32.const 0))
              (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $i) (local.get $rounds))))
            (local.get $good)))"#,
    );
    thread::scope(|scope| {
        let sender = team.run(scope, "send", &[700], 0);
        let receiver = team.run(scope, "receive", &[700], 1);
        assert_eq!(outcome(sender), Ok(vec![]));
        assert_eq!(outcome(receiver), Ok(vec![700]));
    });
}

#[test]
fn pages_that_one_thread_adds_are_there_for_all() {
    let team = Team::new(
        40,
        r#"(module (import "m" "m" (memory 1 40 shared))
          ;; Adds pages one by one, says how many there are, waits until the other has used them.
          (func (export "grow") (param $n i32) (result i32) (local $pages i32)
            (loop $again
              (local.set $pages (i32.add (memory.grow (i32.const 1)) (i32.const 1)))
              (i32.atomic.store (i32.const 0) (local.get $pages))
              (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
              (loop $wait
                (drop (memory.atomic.wait32 (i32.const 0) (local.get $pages) (i64.const -1)))
                (br_if $wait (i32.atomic.load (i32.const 0))))
              (br_if $again (i32.lt_u (local.get $pages) (local.get $n))))
            (memory.grow (i32.const 1)))
          ;; Stores to the last word of each new page, and loads the vector at its end.
          (func (export "use") (param $n i32) (result i32 i32) (local $pages i32) (local $sum i32)
            (loop $again
              (loop $wait
                (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
                (br_if $wait (i32.eqz (local.tee $pages (i32.atomic.load (i32.const 0))))))
              (i32.store offset=65532
                (i32.shl (i32.sub (local.get $pages) (i32.const 1)) (i32.const 16)) (local.get $pages))
              (local.set $sum (i32.add (local.get $sum)
                (i32x4.extract_lane 3 (v128.load offset=65520
                  (i32.shl (i32.sub (local.get $pages) (i32.const 1)) (i32.const 16))))))
              (i32.atomic.store (i32.const 0) (i32.const 0))
              (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $pages) (local.get $n))))
            (local.get $sum) (memory.size)))"#,
    );
    thread::scope(|scope| {
        let user = team.run(scope, "use", &[40], 0);
        let grower = team.run(scope, "grow", &[40], 1);
        assert_eq!(outcome(grower), Ok(vec![-1]), "no page beyond the maximum");
        assert_eq!(outcome(user), Ok(vec![(2..=40).sum(), 40]));
    });
    assert_eq!(team.memory.size(), 40);
    assert_eq!(team.word(40 * 65536 - 4), 40);
}

#[test]
fn growth_by_many_threads_adds_up() {
    let team = Team::new(
        41,
        r#"(module (import "m" "m" (memory 1 41 shared))
          (func (export "run") (param $n i32) (result i32) (local $refused i32)
            (loop $again
              (local.set $refused (i32.add (local.get $refused)
                (i32.eq (memory.grow (i32.const 1)) (i32.const -1))))
              (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $refused)))"#,
    );
    let refused: i32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|i| team.run(scope, "run", &[15], i))
            .collect();
        threads
            .into_iter()
            .map(|t| outcome(t).expect("no trap")[0])
            .sum()
    });
    assert_eq!((team.memory.size(), refused), (41, 4 * 15 - 40));
}

#[test]
fn fuel_of_a_thread_is_its_own() {
    let team = Team::new(1, LOCK);
    let mut alone = team.join(Watched::No);
    alone.call("run", &[10]).expect("no trap");
    let mut watched = team.join(Watched::Yes);
    watched.call("run", &[10]).expect("no trap");
    if super::guest::counts_fuel() {
        assert_eq!(alone.fuel(), watched.fuel());
    }
}
