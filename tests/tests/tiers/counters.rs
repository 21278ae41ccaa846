//! Counters of probes are exact wherever a loop is left, also where compiled code holds some of them in
//! registers: by its end, a branch, a return, a trap, an interrupt.

use std::collections::HashMap;
use std::thread;

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::{TrapCode, Val, WasmPc};

use crate::guest::{Guest, trap_code};
use crate::ways::{agree, all, compiles, end};

/// Loops in which nothing is called: of one block, with two arms and more counters than are held in
/// registers, inside of another, and one that never ends. All count rounds in their last local, and write
/// a byte in each round, beginning at their first parameter.
const LOOPS: &str = r#"(module (memory 1)
  (func (export "one") (param i32 i32) (result i32) (local i32)
    (loop $l
      (i32.store8 (i32.add (local.get 0) (local.get 2)) (i32.const 7))
      (br_if $l (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (local.get 1))))
    (local.get 2))
  (func (export "arms") (param i32 i32) (result i32) (local i32)
    (block $out
      (loop $l
        (br_if $out (i32.ge_u (local.get 2) (local.get 1)))
        (if (i32.and (local.get 2) (i32.const 1))
          (then (i32.store8 (i32.add (local.get 0) (local.get 2)) (i32.const 1)))
          (else
            (i32.store8 (i32.add (local.get 0) (local.get 2)) (i32.const 2))
            (if (i32.eq (local.get 2) (i32.const 50)) (then (return (i32.const -1))))))
        (local.set 2 (i32.add (local.get 2) (i32.const 1)))
        (br $l)))
    (local.get 2))
  (func (export "nested") (param i32 i32) (result i32) (local i32 i32)
    (loop $outer
      (local.set 2 (i32.const 0))
      (loop $inner
        (i32.store8 (i32.add (local.get 0) (i32.mul (local.get 2) (local.get 3))) (i32.const 7))
        (br_if $inner (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (local.get 3))))
      (br_if $outer (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (local.get 1))))
    (local.get 3))
  (func (export "endless") (param i32 i32) (result i32) (local i32)
    (loop $l
      (i32.store8 (i32.and (local.get 2) (i32.const 0xff)) (i32.const 7))
      (local.set 2 (i32.add (local.get 2) (i32.const 1)))
      (br $l))
    unreachable))"#;

/// Calls that end in several ways: (address, rounds).
const CALLS: [(i32, i32); 5] = [(0, 30), (65500, 100), (0, 100), (65535, 3), (0, 1)];

/// A counter, and a note, at each operator of a function.
fn count_all(guest: &mut Guest, export: &str) -> (Vec<WasmPc>, Counters, Counters) {
    let pcs: Vec<WasmPc> = guest.operators(export).iter().map(|op| op.0).collect();
    let (counters, notes) = (Counters::new(pcs.len()), Counters::new(2 * pcs.len()));
    for (index, &pc) in pcs.iter().enumerate() {
        let add = Action::CountAdd {
            counters: counters.clone(),
            index,
            n: 1,
        };
        guest.insert(export, Site::Before(pc), Probe::new(add));
        for (index, once) in [(2 * index, false), (2 * index + 1, true)] {
            let set = Action::Set {
                counters: notes.clone(),
                index,
            };
            let probe = Probe::new(set);
            let probe = if once { probe.one_shot() } else { probe };
            guest.insert(export, Site::Before(pc), probe);
        }
    }
    (pcs, counters, notes)
}

fn values(counters: &Counters) -> Vec<u64> {
    (0..counters.len()).map(|i| counters.get(i)).collect()
}

/// What a probe with a function sees is the measure.
#[test]
fn counts_are_those_of_a_trace() {
    for export in ["one", "arms", "nested"] {
        let mut traced = Guest::new(LOOPS);
        let mut sums: HashMap<WasmPc, u64> = HashMap::new();
        let mut expected = Vec::new();
        for (address, rounds) in CALLS {
            let args = [Val::I32(address), Val::I32(rounds)];
            let (outcome, trace) = traced.trace(export, &args);
            for (_, pc) in trace {
                *sums.entry(pc).or_default() += 1;
            }
            let pcs = traced.operators(export).into_iter();
            let counts: Vec<u64> = pcs
                .map(|op| sums.get(&op.0).copied().unwrap_or(0))
                .collect();
            expected.push((end(&traced.store, outcome), counts));
        }
        // By hand: 30 rounds, 36 and the one that traps, 100, 1 and one that traps, 1.
        if export == "one" {
            assert_eq!(expected[4].1[1], 30 + 37 + 100 + 2 + 1);
        }
        agree(|config| {
            let mut guest = Guest::configured(config, LOOPS, |_| {});
            let (_, counters, notes) = count_all(&mut guest, export);
            for (&(address, rounds), expected) in CALLS.iter().zip(&expected) {
                let outcome = guest.call(export, &[Val::I32(address), Val::I32(rounds)]);
                let counts = values(&counters);
                assert_eq!((end(&guest.store, outcome), counts), *expected, "{export}");
                let executed = expected.1.iter().map(|&count| u64::from(count > 0));
                let twice = executed.flat_map(|noted| [noted, noted]);
                assert_eq!(values(&notes), twice.collect::<Vec<_>>(), "{export}");
            }
        });
    }
}

/// Several actions may change one counter, some of which loops do in registers and some of which they do
/// not.
#[test]
fn actions_share_counters() {
    const ROUNDS: u64 = 50;
    // By hand: conditions are 1 in each round but the last.
    let add = |counters: &Counters, index| Action::CountAdd {
        counters: counters.clone(),
        index,
        n: 1,
    };
    let top = |counters: &Counters, len, boolean| Action::CountTop {
        counters: counters.clone(),
        first: 0,
        len,
        boolean,
    };
    for (name, config) in all() {
        let run = |actions: &dyn Fn(&Counters) -> Vec<Action>| {
            let mut guest = Guest::configured(&config, LOOPS, |_| {});
            let counters = Counters::new(6);
            let pc = guest.pc("one", "BrIf", 0);
            for action in actions(&counters) {
                guest.insert("one", Site::Before(pc), Probe::new(action));
            }
            let args = [Val::I32(0), Val::I32(ROUNDS as i32)];
            guest.call("one", &args).expect("no trap");
            values(&counters)
        };
        let both = run(&|c| vec![add(c, 1), top(c, 2, true)]);
        assert_eq!(both[..2], [1, 2 * ROUNDS - 1], "{name}");
        let index = run(&|c| vec![add(c, 1), top(c, 3, false)]);
        assert_eq!(index[..3], [1, 2 * ROUNDS - 1, 0], "{name}");
        let set = run(&|c| {
            let set = Action::Set {
                counters: c.clone(),
                index: 1,
            };
            vec![add(c, 1), set, add(c, 1)]
        });
        assert_eq!(set[1], 2, "{name}");
        // Of a counter that counts further, only the lowest byte is set. By hand: 0x3FF, 0x301; 0x700, 0x701; and so on.
        let set = run(&|c| {
            let set = Action::Set {
                counters: c.clone(),
                index: 1,
            };
            let more = Action::CountAdd {
                counters: c.clone(),
                index: 1,
                n: 0x3FF,
            };
            vec![more, set]
        });
        assert_eq!(set[1], 0x400 * ROUNDS - 0xFF, "{name}");
        // More than are held: the pair is the one too much.
        let many = run(&|c| {
            let adds = [1, 3, 4, 5].into_iter().map(|index| add(c, index));
            adds.chain([top(c, 2, true)]).collect()
        });
        let expected = [1, 2 * ROUNDS - 1, 0, ROUNDS, ROUNDS, ROUNDS];
        assert_eq!(many, expected, "{name}");
    }
}

/// Another thread sees counts grow while the loop runs, by requests that do nothing, and ends it; then each operator has
/// been executed as often as its neighbours.
#[test]
fn counts_can_be_read_while_a_loop_runs() {
    for (name, config) in all() {
        let mut guest = Guest::configured(&config, LOOPS, |_| {});
        let (_, counters, _) = count_all(&mut guest, "endless");
        let handle = guest.store.interrupt_handle();
        let (seen, remote) = (counters.clone(), guest.store.remote());
        let watcher = thread::spawn(move || {
            let mut last = 0;
            for _ in 0..20 {
                while seen.get(1) <= last {
                    remote.run(|_| Ok(())).wait().expect("an answer");
                }
                last = seen.get(1);
            }
            handle.interrupt(TrapCode::Interrupted);
            last
        });
        let outcome = guest.call("endless", &[Val::I32(0), Val::I32(0)]);
        assert_eq!(trap_code(outcome), TrapCode::Interrupted, "{name}");
        let last = watcher.join().expect("no panic");
        if compiles(name) {
            assert!(guest.store.tier_stats().compiled_entries > 0);
        }
        let counts = values(&counters);
        // From the loop's first operator to its branch.
        let (most, least) = (
            counts[0].max(counts[1]),
            *counts[1..8].iter().min().unwrap(),
        );
        assert!(least >= last && most - least <= 1, "{name}: {counts:?}");
    }
}
