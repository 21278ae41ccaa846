//! Points 1 to 4 together: random schedules of insertion and removal against a
//! model.
//!
//! The model is the contract itself over a trace: the sites that an unchanged run
//! passes, in order, are recorded once; then any schedule of changes gives a list
//! of fires that can be computed without an engine. Changes are made by probes
//! while they fire, at sites of the same function, of other functions and of
//! callers that are suspended on the stack.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, ProbeId, Site};
use probity_engine::{Error, Func, Val};

use super::guest::{Guest, Shared, bits, operators};

/// A site of the whole program.
type Place = (u32, Site);

/// Label of a probe: how many were inserted before it.
type Label = usize;

#[derive(Debug, Clone, Copy)]
enum Change {
    Insert {
        place: Place,
        priority: i32,
        one_shot: bool,
    },
    Remove(Label),
}

/// What to change while the fire with this number (from 1) is going on.
type Schedule = HashMap<usize, Vec<Change>>;

const PROGRAMS: &[(&str, &[i32])] = &[
    // Nested loops, branches out of both, br_table into merged ends.
    (
        r#"(module (func (export "run") (param $n i32) (result i32)
            (local $i i32) (local $j i32) (local $s i32)
            loop $outer
              (local.set $j (i32.const 0))
              block $done
                loop $inner
                  (br_if $done (i32.gt_u (local.get $j) (local.get $i)))
                  block block block
                    (br_table 0 1 2 (i32.and (local.get $j) (i32.const 3)))
                  end
                    (local.set $s (i32.add (local.get $s) (i32.const 3)))
                  end end
                  (local.set $s (i32.xor (local.get $s)
                    (i32.mul (local.get $i) (local.get $j))))
                  (local.set $j (i32.add (local.get $j) (i32.const 1)))
                  br $inner
                end
              end
              nop
              (if (i32.rem_u (local.get $i) (i32.const 3))
                (then (local.set $s (i32.rotl (local.get $s) (i32.const 1))))
                (else nop))
              (br_if $outer (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))
            end
            local.get $s))"#,
        &[6],
    ),
    // Recursion, a helper, and an indirect call: suspended frames of all of them.
    (
        r#"(module
          (table 2 funcref) (elem (i32.const 0) $one $fib)
          (type $t (func (param i32) (result i32)))
          (func $one (param i32) (result i32) (local f64)
            (local.set 1 (f64.add (f64.convert_i32_s (local.get 0)) (f64.const 0.5)))
            (i32.trunc_f64_s (local.get 1)))
          (func $fib (export "run") (param i32) (result i32)
            (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
              (then (call $one (local.get 0)))
              (else
                (i32.add
                  (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
                  (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#,
        &[7],
    ),
    // A trap under three frames, after some work.
    (
        r#"(module
          (memory 1)
          (func $c (param i32) (result i64)
            (i64.store (local.get 0) (i64.const 1))
            (i64.load offset=8 (local.get 0)))
          (func $b (param i32) (result i64) (local i64)
            (loop $l
              (local.set 1 (i64.add (local.get 1) (call $c (local.get 0))))
              (local.set 0 (i32.add (local.get 0) (i32.const 4093)))
              (br $l))
            unreachable)
          (func (export "run") (param i32) (result i32)
            (i32.wrap_i64 (call $b (local.get 0)))))"#,
        &[0],
    ),
];

/// Small and repeatable; quality does not matter here.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

fn places(guest: &Guest) -> Vec<Place> {
    let functions = guest.module.num_imported_functions()..guest.module.num_functions();
    functions
        .flat_map(|index| {
            let operators = operators(&guest.module, index).into_iter();
            let before = operators.map(|(pc, _)| Site::Before(pc));
            let all = [Site::Entry, Site::Exit].into_iter().chain(before);
            all.map(move |site| (index, site)).collect::<Vec<_>>()
        })
        .collect()
}

fn func(guest: &Guest, place: Place) -> Func {
    guest
        .instance
        .func(&guest.store, place.0)
        .expect("in range")
}

fn outcome(guest: &mut Guest, args: &[i32]) -> Result<Vec<u128>, String> {
    let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
    match guest.call("run", &args) {
        Ok(found) => Ok(found.into_iter().map(|val| bits(val).1).collect()),
        Err(error) => Err(error.to_string()),
    }
}

/// Every site that a run passes, in order.
fn trace(wat: &str, args: &[i32]) -> Vec<Place> {
    let mut guest = Guest::new(wat);
    let trace = Shared::default();
    for place in places(&guest) {
        let sink = trace.clone();
        let probe = Probe::call(move |_| {
            sink.push(place);
            Ok(())
        });
        let func = func(&guest, place);
        guest
            .store
            .probes()
            .insert(func, place.1, probe)
            .expect("a site");
    }
    // The outcome is compared where the schedules run.
    let _ = outcome(&mut guest, args);
    trace.take()
}

/// What the contract says: the labels that fire, in order.
fn model(trace: &[Place], initial: &[Change], schedule: &Schedule) -> Vec<Label> {
    struct Active {
        label: Label,
        place: Place,
        priority: i32,
        one_shot: bool,
    }
    fn apply(active: &mut Vec<Active>, inserted: &mut Label, change: Change) {
        match change {
            Change::Insert {
                place,
                priority,
                one_shot,
            } => {
                let label = *inserted;
                active.push(Active {
                    label,
                    place,
                    priority,
                    one_shot,
                });
                // Stable: insertion order within a priority.
                active.sort_by_key(|probe| probe.priority);
                *inserted += 1;
            }
            Change::Remove(label) => active.retain(|probe| probe.label != label),
        }
    }
    let (mut active, mut inserted, mut fires) = (Vec::new(), 0, Vec::new());
    for change in initial {
        apply(&mut active, &mut inserted, *change);
    }
    for place in trace {
        let firing: Vec<(Label, bool)> = active
            .iter()
            .filter(|probe| probe.place == *place)
            .map(|probe| (probe.label, probe.one_shot))
            .collect();
        // All changes of the list come after all its fires.
        let mut changes = Vec::new();
        for (label, one_shot) in firing {
            fires.push(label);
            if one_shot {
                changes.push(Change::Remove(label));
            }
            changes.extend(schedule.get(&fires.len()).into_iter().flatten().copied());
        }
        for change in changes {
            apply(&mut active, &mut inserted, change);
        }
    }
    fires
}

/// The same in the engine.
struct Run {
    schedule: Schedule,
    fires: Vec<Label>,
    ids: Vec<ProbeId>,
    funcs: HashMap<u32, Func>,
}

fn probe(run: &Arc<Mutex<Run>>, label: Label, priority: i32, one_shot: bool) -> Probe {
    let shared = run.clone();
    let probe = Probe::call(move |ctx| {
        let failed = |_| Error::usage("a callback panicked");
        let changes = {
            let mut run = shared.lock().map_err(failed)?;
            run.fires.push(label);
            let number = run.fires.len();
            run.schedule.get(&number).cloned().unwrap_or_default()
        };
        for change in changes {
            let (next, target) = {
                let run = shared.lock().map_err(failed)?;
                let target = match change {
                    Change::Insert { .. } => None,
                    Change::Remove(label) => run.ids.get(label).copied(),
                };
                (run.ids.len(), target)
            };
            match change {
                Change::Insert {
                    place,
                    priority,
                    one_shot,
                } => {
                    let func = shared.lock().map_err(failed)?.funcs[&place.0];
                    let probe = self::probe(&shared, next, priority, one_shot);
                    let id = ctx.probes().insert(func, place.1, probe)?;
                    shared.lock().map_err(failed)?.ids.push(id);
                }
                Change::Remove(_) => {
                    if let Some(id) = target {
                        // It may be gone already: that is part of the schedule.
                        let _was_there = ctx.probes().remove(id);
                    }
                }
            }
        }
        Ok(())
    });
    let probe = probe.priority(priority);
    if one_shot { probe.one_shot() } else { probe }
}

fn random_schedule(random: &mut Random, places: &[Place], fires: usize) -> (Vec<Change>, Schedule) {
    let insert = |random: &mut Random| Change::Insert {
        place: places[random.below(places.len())],
        priority: [0, 0, 0, -1, 1][random.below(5)],
        one_shot: random.below(4) == 0,
    };
    let initial: Vec<Change> = (0..1 + random.below(6)).map(|_| insert(random)).collect();
    let mut schedule = Schedule::new();
    for _ in 0..random.below(40) {
        let change = match random.below(3) {
            0 => Change::Remove(random.below(20)),
            _ => insert(random),
        };
        let at = 1 + random.below(fires);
        schedule.entry(at).or_default().push(change);
    }
    (initial, schedule)
}

#[test]
fn c1_to_c4_random_schedules_fire_as_the_contract_says() {
    let mut random = Random(42);
    for (wat, args) in PROGRAMS {
        let expected_outcome = outcome(&mut Guest::new(wat), args);
        let trace = trace(wat, args);
        assert!(trace.len() > 100, "{} sites passed", trace.len());
        let mut total = 0;
        for case in 0..200 {
            let mut guest = Guest::new(wat);
            let places = places(&guest);
            let fires = [5, 30, 200][random.below(3)];
            let (initial, schedule) = random_schedule(&mut random, &places, fires);
            let expected = model(&trace, &initial, &schedule);

            let functions = guest.module.num_imported_functions()..guest.module.num_functions();
            let funcs = functions.map(|index| (index, func(&guest, (index, Site::Entry))));
            let run = Arc::new(Mutex::new(Run {
                schedule: schedule.clone(),
                fires: Vec::new(),
                ids: Vec::new(),
                funcs: funcs.collect(),
            }));
            for (label, change) in initial.iter().enumerate() {
                let Change::Insert {
                    place,
                    priority,
                    one_shot,
                } = *change
                else {
                    continue;
                };
                let probe = probe(&run, label, priority, one_shot);
                let func = func(&guest, place);
                let id = guest
                    .store
                    .probes()
                    .insert(func, place.1, probe)
                    .expect("a site");
                run.lock().unwrap().ids.push(id);
            }
            assert_eq!(outcome(&mut guest, args), expected_outcome, "case {case}");
            let found = std::mem::take(&mut run.lock().unwrap().fires);
            assert_eq!(
                found, expected,
                "case {case} of\n{wat}\ninitially {initial:?}\nthen {schedule:?}"
            );
            total += found.len();
        }
        assert!(total > 2000, "the schedules make probes fire: {total}");
    }
}

/// The trace itself: what it says of entries and exits is not taken on trust.
#[test]
fn c4_entries_and_exits_nest_in_a_trace() {
    for (wat, args) in PROGRAMS {
        let mut open = Vec::new();
        let trace = trace(wat, args);
        for (at, (index, site)) in trace.iter().enumerate() {
            match site {
                Site::Entry => {
                    open.push(*index);
                    let first = operators(&Guest::new(wat).module, *index)[0].0;
                    assert_eq!(trace.get(at + 1), Some(&(*index, Site::Before(first))));
                }
                Site::Exit => assert_eq!(open.pop(), Some(*index)),
                Site::Before(_) | Site::After(_) => assert_eq!(open.last(), Some(index)),
            }
        }
        assert_eq!(open, []);
    }
}
