//! Point 2: removal, from everywhere, and what comes after it.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, ProbeId, Site};
use probity_engine::{Caller, Val};

use super::guest::{Count, Guest, Shared, bits};

const LOOP: &str = r#"(module
  (func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    loop $l
      local.get $sum
      local.get $i
      i32.add
      local.set $sum
      nop
      local.get $i
      i32.const 1
      i32.add
      local.tee $i
      local.get $n
      i32.lt_u
      br_if $l
    end
    local.get $sum))"#;

#[test]
fn c2_removed_probes_fire_no_more() {
    let mut guest = Guest::new(LOOP);
    for (pc, name) in guest.operators("run") {
        let count = Count::default();
        let id = guest.insert("run", Site::Before(pc), count.probe());
        assert_eq!(guest.call_i32("run", &[5]).unwrap(), 10, "{name}");
        let before = count.get();
        assert!(before > 0, "{name}");
        assert!(guest.store.probes().remove(id));
        assert_eq!(guest.call_i32("run", &[5]).unwrap(), 10, "{name}");
        assert_eq!(count.get(), before, "{name}");
        assert!(!guest.store.probes().remove(id), "it is gone");
    }
}

#[test]
fn c2_probes_remove_themselves_at_any_fire() {
    for fire in [1, 2, 7, 10] {
        let mut guest = Guest::new(LOOP);
        for (pc, name) in guest.operators("run") {
            let count = Count::default();
            let seen = count.clone();
            let probe = Probe::call(move |ctx| {
                if seen.up() == fire {
                    let id = ctx.id();
                    assert!(ctx.probes().remove(id));
                    assert!(!ctx.probes().remove(id), "it is gone");
                }
                Ok(())
            });
            guest.insert("run", Site::Before(pc), probe);
            for _ in 0..2 {
                assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45, "{name}");
            }
            // Instructions outside the loop run once in each of the two calls.
            let runs = if count.get() < 3 && fire > 2 {
                count.get()
            } else {
                fire
            };
            assert_eq!(count.get(), runs, "{name}, removed at fire {fire}");
        }
        assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
    }
}

/// Coverage: a one-shot probe everywhere, in one run.
#[test]
fn c2_one_shot_probes_fire_once() {
    let mut guest = Guest::new(LOOP);
    let counts: Vec<Count> = guest
        .operators("run")
        .into_iter()
        .map(|(pc, _)| {
            let count = Count::default();
            guest.insert("run", Site::Before(pc), count.probe().one_shot());
            count
        })
        .collect();
    let (entry, exit) = (Count::default(), Count::default());
    guest.insert("run", Site::Entry, entry.probe().one_shot());
    guest.insert("run", Site::Exit, exit.probe().one_shot());
    for _ in 0..3 {
        assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
        assert!(counts.iter().all(|count| count.get() == 1));
        assert_eq!((entry.get(), exit.get()), (1, 1));
    }
}

#[test]
fn c2_one_shot_global_probes_fire_once() {
    let mut guest = Guest::new(LOOP);
    let count = Count::default();
    let id = guest.store.probes().insert_global(count.probe().one_shot());
    assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
    assert_eq!(count.get(), 1);
    assert!(!guest.store.probes().remove(id));
}

#[test]
fn c2_one_shot_probes_that_were_removed_never_fire() {
    let mut guest = Guest::new(LOOP);
    let count = Count::default();
    let pc = guest.pc("run", "Nop", 0);
    let id = guest.insert("run", Site::Before(pc), count.probe().one_shot());
    assert!(guest.store.probes().remove(id));
    assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
    assert_eq!(count.get(), 0);
}

#[test]
fn c2_global_probes_are_removed_while_code_runs() {
    let mut guest = Guest::new(LOOP);
    let (_, trace) = guest.trace("run", &[Val::I32(10)]);
    for fire in [1, 5, trace.len() as u64 - 1, trace.len() as u64] {
        let count = Count::default();
        let seen = count.clone();
        guest.store.probes().insert_global(Probe::call(move |ctx| {
            if seen.up() == fire {
                let id = ctx.id();
                assert!(ctx.probes().remove(id));
            }
            Ok(())
        }));
        for _ in 0..2 {
            assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
        }
        assert_eq!(count.get(), fire);
    }
}

#[test]
fn c2_host_calls_remove_probes_of_running_frames() {
    let wat = LOOP
        .replace(
            "(module",
            r#"(module (import "h" "tick" (func $tick (param i32)))"#,
        )
        .replace("nop", "local.get $i call $tick");
    for (operator, nth, expected) in [
        // Before the call in the round: 4 rounds; after it: 3.
        ("Loop", 0, 4),
        ("I32Add", 0, 4),
        ("Call", 0, 4),
        ("I32Add", 1, 3),
        ("LocalTee", 0, 3),
        ("BrIf", 0, 3),
        ("LocalGet", 5, 0),
    ] {
        let id: Arc<Mutex<Option<ProbeId>>> = Arc::default();
        let target = id.clone();
        let mut guest = Guest::linked(&wat, |linker| {
            linker
                .func_wrap(
                    "h",
                    "tick",
                    move |mut caller: Caller<'_, ()>, round: i32| {
                        if round == 3 {
                            let id = target.lock().expect("no panic").take();
                            assert!(caller.probes().remove(id.expect("inserted")));
                        }
                    },
                )
                .unwrap();
        });
        let count = Count::default();
        let pc = guest.pc("run", operator, nth);
        let inserted = guest.insert("run", Site::Before(pc), count.probe());
        *id.lock().unwrap() = Some(inserted);
        assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
        assert_eq!(count.get(), expected, "{operator} {nth}");
    }
}

#[test]
fn c2_removed_probes_can_be_inserted_again() {
    let mut guest = Guest::new(LOOP);
    let pc = guest.pc("run", "I32Add", 0);
    let count = Count::default();
    let mut last = None;
    for round in 1..=20 {
        let id = guest.insert("run", Site::Before(pc), count.probe());
        assert_ne!(Some(id), last, "handles are not used again");
        assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
        assert_eq!(count.get(), 10 * round);
        assert!(guest.store.probes().remove(id));
        assert_eq!(guest.call_i32("run", &[10]).unwrap(), 45);
        assert_eq!(count.get(), 10 * round);
        last = Some(id);
    }
}

#[test]
fn c2_probes_replace_themselves_at_their_own_site() {
    // Removes itself and inserts the next generation at the same place, each fire.
    fn generation(log: Shared<u32>, number: u32) -> Probe {
        Probe::call(move |ctx| {
            log.push(number);
            let (id, func, pc) = (ctx.id(), ctx.func(), ctx.pc());
            let mut probes = ctx.probes();
            assert!(probes.remove(id));
            probes.insert(func, Site::Before(pc), generation(log.clone(), number + 1))?;
            Ok(())
        })
    }
    for (operator, nth) in [
        ("Loop", 0),
        ("I32Add", 0),
        ("LocalTee", 0),
        ("Nop", 0),
        ("BrIf", 0),
    ] {
        let mut guest = Guest::new(LOOP);
        let log = Shared::default();
        let pc = guest.pc("run", operator, nth);
        guest.insert("run", Site::Before(pc), generation(log.clone(), 0));
        assert_eq!(guest.call_i32("run", &[100]).unwrap(), 4950);
        assert_eq!(log.take(), (0..100).collect::<Vec<_>>(), "{operator}");
    }
}

/// A probe that moves to the next instruction every `EVERY` fires, through a hot
/// loop of float, integer, memory and call instructions.
#[test]
fn c2_hopping_probes_keep_results_and_counts_exact() {
    const EVERY: u64 = 7;
    let wat = r#"(module
      (memory 1)
      (func $step (param f64) (result f64)
        (f64.add (f64.mul (local.get 0) (f64.const 0.5)) (f64.const 1.25)))
      (func (export "outer") (param $n i32) (result f64) (local $sum f64)
        (loop $l
          (local.set $sum (f64.add (f64.div (local.get $sum) (f64.const 3)) (call $run (i32.const 60))))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
      (func $run (export "run") (param $n i32) (result f64)
        (local $i i32) (local $x f64) (local $h i64)
        (loop $l
          (block $skip
            (br_if $skip (i32.and (local.get $i) (i32.const 3)))
            (local.set $x (call $step (local.get $x))))
          (local.set $h (i64.xor
            (i64.mul (local.get $h) (i64.const 31)) (i64.extend_i32_u (local.get $i))))
          (i64.store (i32.and (local.get $i) (i32.const 0xfff8)) (local.get $h))
          (local.set $x (f64.add (local.get $x)
            (f64.convert_i32_u (i32.load8_u (i32.and (local.get $i) (i32.const 0xffff))))))
          (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 5)))
            (then (local.set $x (f64.neg (local.get $x))))
            (else (local.set $x (f64.abs (local.get $x)))))
          (br_if $l (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (local.get $x)))"#;
    let args = [Val::I32(150)];
    let (expected, trace) = Guest::new(wat).trace("outer", &args);
    let expected = bits(&expected.unwrap()[0]);
    assert_eq!(
        bits(&Guest::new(wat).call("outer", &args).unwrap()[0]),
        expected
    );

    let mut guest = Guest::new(wat);
    let sites: Vec<_> = guest
        .operators("run")
        .into_iter()
        .map(|(pc, _)| pc)
        .collect();
    let run = guest.index("run");

    // What the contract says must happen, by the trace of the unprobed run.
    let (mut at, mut here, mut model) = (0, 0, Vec::new());
    for (_, pc) in trace.iter().filter(|(index, _)| *index == run) {
        if *pc == sites[at] {
            model.push(*pc);
            here += 1;
            if here == EVERY {
                (at, here) = ((at + 1) % sites.len(), 0);
            }
        }
    }

    fn hop(
        log: Shared<probity_engine::WasmPc>,
        sites: Vec<probity_engine::WasmPc>,
        at: usize,
    ) -> Probe {
        let mut here = 0;
        Probe::call(move |ctx| {
            log.push(ctx.pc());
            here += 1;
            if here == EVERY {
                let (id, func, next) = (ctx.id(), ctx.func(), (at + 1) % sites.len());
                let mut probes = ctx.probes();
                assert!(probes.remove(id));
                let site = Site::Before(sites[next]);
                probes.insert(func, site, hop(log.clone(), sites.clone(), next))?;
            }
            Ok(())
        })
    }
    let (log, laps_of) = (Shared::default(), sites.len());
    guest.insert("run", Site::Before(sites[0]), hop(log.clone(), sites, 0));
    assert_eq!(bits(&guest.call("outer", &args).unwrap()[0]), expected);
    let found = log.take();
    assert_eq!(found.len(), model.len());
    assert_eq!(found, model);
    let lap = laps_of * EVERY as usize;
    assert!(
        found.len() > 2 * lap,
        "{} fires, a lap has {lap}",
        found.len()
    );
}
