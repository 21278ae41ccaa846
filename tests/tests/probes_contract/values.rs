//! Functions that are called with values of the frame alone.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Action, Counters, ExitReason, Input, Probe, Site};
use probity_engine::{Error, TrapCode, Val, WasmPc};

use super::guest::{Guest, config, trap_code};

/// What probes have seen, in order, each with a name or site.
type List<K> = Arc<Mutex<Vec<(K, Vec<u64>)>>>;

#[derive(Clone, Default)]
struct Seen(List<&'static str>);

impl Seen {
    fn push(&self, name: &'static str, values: &[u64]) {
        self.0.lock().unwrap().push((name, values.to_vec()));
    }

    fn probe<const N: usize>(&self, name: &'static str, inputs: [Input; N]) -> Probe {
        let seen = self.clone();
        Probe::values(inputs, move |values| {
            seen.push(name, &values);
            Ok(())
        })
    }

    fn take(&self) -> Vec<(&'static str, Vec<u64>)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A number as 64 bits, as the documentation of `Input` says.
fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        Val::F32(v) => u64::from(*v),
        Val::F64(v) => *v,
        other => panic!("no number: {other:?}"),
    }
}

#[test]
fn values_of_every_type() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "run") (param i32 i64 f32 f64) (result i32) (local i32)
            (local.set 4 (i32.const 77))
            (i32.eqz (local.get 0))
            (i64.eqz (i64.add (local.get 1) (i64.const 1)))
            (f32.lt (local.get 2) (f32.const 1.5))
            (f64.lt (local.get 3) (f64.neg (local.get 3)))
            i32.add i32.add i32.add))"#,
    );
    let seen = Seen::default();
    let locals = [0, 1, 2, 3].map(Input::Local);
    guest.insert("run", Site::Entry, seen.probe("entry", locals));
    let top = [Input::Operand(0), Input::Operand(1)];
    for (name, op, inputs) in [
        ("i64", "I64Add", top),
        ("f32", "F32Lt", top),
        ("f64", "F64Lt", top),
        ("i32", "I32Add", [Input::Operand(1), Input::Local(4)]),
    ] {
        let pc = guest.pc("run", op, 0);
        guest.insert("run", Site::Before(pc), seen.probe(name, inputs));
    }
    let neg = guest.pc("run", "F64Neg", 0);
    let after = seen.probe("neg", [Input::Operand(0)]);
    guest.insert("run", Site::After(neg), after);
    let arguments = [Val::I32(-5), Val::I64(-9), Val::F32((-0.5f32).to_bits()), Val::F64(2.25f64.to_bits())];
    for _ in 0..3 {
        guest.call("run", &arguments).unwrap();
        let f = |v: f64| v.to_bits();
        let expected = [
            ("entry", arguments.iter().map(bits).collect()),
            ("i64", vec![1, -9i64 as u64]),
            ("f32", vec![1.5f32.to_bits().into(), (-0.5f32).to_bits().into()]),
            ("neg", vec![f(-2.25)]),
            ("f64", vec![f(-2.25), f(2.25)]),
            // Of the operands 0, 0, 1, 0 the second from the top.
            ("i32", vec![1, 77]),
        ];
        assert_eq!(seen.take(), expected);
    }
}

const LOOP: &str = r#"(module (memory 1) (global $g (mut i64) (i64.const 3))
  (func $leaf (param i64) (result i64) (i64.mul (local.get 0) (i64.const 31)))
  (func (export "run") (param $n i32) (result i64) (local $x i64) (local $y f64)
    loop
      (local.set $x (i64.add (local.get $x) (call $leaf (i64.extend_i32_u (local.get $n)))))
      (local.set $y (f64.add (local.get $y) (f64.convert_i64_s (local.get $x))))
      (i32.store (i32.and (local.get $n) (i32.const 1023)) (local.get $n))
      (if (i32.and (local.get $n) (i32.const 1))
        (then (local.set $x (i64.xor (local.get $x) (i64.reinterpret_f64 (local.get $y))))))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (i64.add (local.get $x) (global.get $g))))"#;

/// At every operator and behind each: what a function is given is what the frame shows to another one.
#[test]
fn values_are_those_of_the_frame() {
    let run = |with_frame: bool| {
        let mut guest = Guest::new(LOOP);
        let seen: List<Site> = Arc::default();
        let func = guest.func("run");
        let mut inserted = 0;
        for (pc, _) in guest.operators("run") {
            for site in [Site::Before(pc), Site::After(pc)] {
                for operands in [2, 1, 0] {
                    let inputs = [0, 1, 2].map(Input::Local).into_iter();
                    let inputs = inputs.chain((0..operands.min(1)).map(Input::Operand));
                    let mut inputs: Vec<_> = inputs.collect();
                    if operands == 2 {
                        inputs[2] = Input::Operand(1);
                    }
                    let sink = seen.clone();
                    let probe = match with_frame {
                        false => Probe::new(Action::Values {
                            inputs: inputs.clone(),
                            callback: Box::new(move |values| {
                                sink.lock().unwrap().push((site, values.to_vec()));
                                Ok(())
                            }),
                        }),
                        true => Probe::call(move |context| {
                            let frame = context.frame();
                            let values = inputs.iter().map(|input| match *input {
                                Input::Local(i) => frame.local(i).expect("a local"),
                                Input::Operand(i) => frame.top(i).expect("an operand"),
                            });
                            let values = values.map(|value| bits(&value)).collect();
                            sink.lock().unwrap().push((site, values));
                            Ok(())
                        }),
                    };
                    // As many operands as there are.
                    if let Ok(id) = guest.store.probes().insert(func, site, probe) {
                        let fits = !with_frame || fits(&mut guest, site, operands);
                        match fits {
                            true => {
                                inserted += 1;
                                break;
                            }
                            false => assert!(guest.store.probes().remove(id)),
                        }
                    }
                }
            }
        }
        let result = guest.call("run", &[Val::I32(40)]).unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        (format!("{result:?}"), inserted, seen)
    };
    let (by_values, by_frame) = (run(false), run(true));
    assert!(by_values.1 > 60, "{}", by_values.1);
    assert_eq!(by_values.2.len(), by_frame.2.len());
    for (values, frame) in by_values.2.iter().zip(&by_frame.2) {
        assert_eq!(values, frame);
    }
    assert_eq!(by_values.0, by_frame.0);
}

/// Whether there are so many operands at a site.
fn fits(guest: &mut Guest, site: Site, operands: u32) -> bool {
    let func = guest.func("run");
    let inputs = match operands {
        0 => vec![],
        n => (0..n).map(Input::Operand).collect(),
    };
    let callback = Box::new(|_: &[u64]| Ok(()));
    let probe = Probe::new(Action::Values { inputs, callback });
    match guest.store.probes().insert(func, site, probe) {
        Ok(id) => guest.store.probes().remove(id),
        Err(_) => false,
    }
}

#[test]
fn order_is_that_of_all_probes() {
    let mut guest = Guest::new(LOOP);
    let seen = Seen::default();
    let before = guest.pc("run", "I32Store", 0);
    let operators = guest.operators("run");
    let at = operators.iter().position(|op| op.0 == before).unwrap();
    let after = Site::After(operators[at - 1].0);
    let counted = Counters::new(1);
    guest.insert("run", after, seen.probe("after", []));
    for (priority, name) in [(1, "third"), (-1, "first"), (0, "second")] {
        let probe = seen.probe(name, []).priority(priority);
        guest.insert("run", Site::Before(before), probe);
    }
    let count = Action::CountAdd {
        counters: counted.clone(),
        index: 0,
        n: 1,
    };
    guest.insert("run", Site::Before(before), Probe::new(count));
    let names = |seen: &Seen| seen.take().into_iter().map(|s| s.0).collect::<Vec<_>>();
    let round = ["after", "first", "second", "third"];
    guest.call("run", &[Val::I32(30)]).unwrap();
    assert_eq!(names(&seen), round.repeat(30));
    // With one that sees the frame among them.
    let sink = seen.clone();
    let probe = Probe::call(move |_| {
        sink.push("frame", &[]);
        Ok(())
    });
    guest.insert("run", Site::Before(before), probe);
    guest.call("run", &[Val::I32(30)]).unwrap();
    let round = ["after", "first", "second", "frame", "third"];
    assert_eq!(names(&seen), round.repeat(30));
    assert_eq!(counted.get(0), 60);
}

/// A probe at `site` fails at its third fire: what the host gets, which exits fire, what is counted.
fn failing(site: impl Fn(&Guest) -> Site, export: &str, with_frame: bool) -> String {
    let mut config = config();
    config.count_fuel(true);
    let wat = r#"(module (memory 1)
          (func $leaf (export "leaf") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 31)))
          (func $tail (export "tail") (param i64) (result i64)
            (return_call $leaf (local.get 0)))
          (func (export "run") (param $n i32) (result i64) (local $x i64)
            (local.set $n (i32.const 10))
            loop
              (local.set $x (i64.add (local.get $x) (call $tail (i64.extend_i32_u (local.get $n)))))
              (i32.store (i32.const 8) (local.get $n))
              (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
            end
            (local.get $x)))"#;
    let mut guest = Guest::configured(&config, wat, |_| {});
    let site = site(&guest);
    let exits: Arc<Mutex<Vec<(u32, ExitReason)>>> = Arc::default();
    for name in ["run", "leaf", "tail"] {
        let sink = exits.clone();
        let probe = Probe::call(move |context| {
            let reason = context.exit_reason().expect("an exit");
            sink.lock().unwrap().push((context.func_index(), reason));
            Ok(())
        });
        guest.insert(name, Site::Exit, probe.priority(9));
    }
    let counters = Counters::new(3);
    let count = |index| {
        Probe::new(Action::CountAdd {
            counters: counters.clone(),
            index,
            n: 1,
        })
    };
    let mut left = 3;
    let mut fail = move |name: &'static str| {
        left -= 1;
        match left {
            0 => Err(Error::host(std::io::Error::other(name))),
            _ => Ok(()),
        }
    };
    guest.insert(export, site, count(0));
    let failing = match with_frame {
        true => Probe::call(move |_| fail("this is the failure")),
        false => Probe::values([], move |[]| fail("this is the failure")),
    };
    guest.insert(export, site, failing);
    let mut later = 3;
    let second = Probe::values([], move |[]| {
        later -= 1;
        match later {
            0 => Err(Error::host(std::io::Error::other("a later one"))),
            _ => Ok(()),
        }
    });
    guest.insert(export, site, second);
    guest.insert(export, site, count(1));
    if let Site::After(pc) = site {
        // What is before the next operator does not fire any more.
        let operators = guest.operators(export);
        let at = operators.iter().position(|op| op.0 == pc).unwrap();
        guest.insert(export, Site::Before(operators[at + 1].0), count(2));
    }
    let error = guest.call("run", &[Val::I32(5)]).expect_err("it fails");
    let backtrace: Vec<_> = error
        .backtrace()
        .iter()
        .map(|f| (f.func_index(), f.pc()))
        .collect();
    let counted: Vec<_> = (0..3).map(|i| counters.get(i)).collect();
    let exits = exits.lock().unwrap();
    let fuel = guest.store.fuel_consumed();
    format!("{error} {backtrace:?} {exits:?} {counted:?} {fuel}")
}

#[test]
fn failures_are_those_of_other_probes() {
    type Place = fn(&Guest) -> Site;
    let places: [(&str, Place); 10] = [
        ("run", |g| Site::Before(g.pc("run", "I32Store", 0))),
        ("run", |g| Site::After(g.pc("run", "I32Store", 0))),
        ("run", |g| Site::Before(g.pc("run", "Call", 0))),
        ("run", |g| Site::After(g.pc("run", "Call", 0))),
        ("run", |g| Site::Before(g.pc("run", "BrIf", 0))),
        ("run", |g| Site::Before(g.pc("run", "Loop", 0))),
        ("leaf", |_| Site::Entry),
        ("leaf", |g| Site::Before(g.pc("leaf", "End", 0))),
        ("tail", |g| Site::Before(g.pc("tail", "ReturnCall", 0))),
        ("tail", |_| Site::Exit),
    ];
    for (i, (export, place)) in places.into_iter().enumerate() {
        let (by_values, by_frame) = (failing(place, export, false), failing(place, export, true));
        assert_eq!(by_values, by_frame, "place {i}");
        assert!(by_values.starts_with("this is the failure"), "{by_values}");
    }
}

#[test]
fn panics_are_contained() {
    let mut guest = Guest::new(LOOP);
    let mut left = 5;
    let probe = Probe::values([Input::Local(0)], move |[n]| {
        left -= 1;
        assert!(left != 0, "at {n}");
        Ok(())
    });
    let site = Site::Before(guest.pc("run", "I32Store", 0));
    let id = guest.insert("run", site, probe);
    let error = guest.call("run", &[Val::I32(20)]).unwrap_err();
    assert_eq!(error.to_string(), "probe panicked: at 16");
    assert!(guest.store.probes().remove(id));
    let expected = Guest::new(LOOP).call("run", &[Val::I32(20)]).unwrap();
    let result = guest.call("run", &[Val::I32(20)]).unwrap();
    assert_eq!(format!("{result:?}"), format!("{expected:?}"));
}

#[test]
fn they_come_and_go_while_the_loop_runs() {
    let mut guest = Guest::new(LOOP);
    let seen = Seen::default();
    let func = guest.func("run");
    let site = Site::Before(guest.pc("run", "I32Store", 0));
    let sink = seen.clone();
    let mut inserted = None;
    // Counts 1,000 down: it is there from 900 to 801 and from 500 to 401.
    guest.before("run", "F64Add", 0, move |context| {
        let n = match context.frame().local(0) {
            Some(Val::I32(n)) => n,
            other => panic!("{other:?}"),
        };
        match n {
            900 | 500 => {
                let probe = sink.probe("n", [Input::Local(0)]);
                inserted = Some(context.probes().insert(func, site, probe)?);
            }
            800 | 400 => assert!(context.probes().remove(inserted.take().unwrap())),
            _ => {}
        }
        Ok(())
    });
    guest.call("run", &[Val::I32(1000)]).unwrap();
    let expected = (801..=900).rev().chain((401..=500).rev());
    let expected: Vec<_> = expected.map(|n| ("n", vec![n])).collect();
    assert_eq!(seen.take(), expected);
}

#[test]
fn one_shot_and_global() {
    let mut guest = Guest::new(LOOP);
    let seen = Seen::default();
    let site = Site::Before(guest.pc("run", "I32Store", 0));
    let once = seen.probe("once", [Input::Operand(0)]).one_shot();
    guest.insert("run", site, once);
    guest.call("run", &[Val::I32(10)]).unwrap();
    assert_eq!(seen.take(), [("once", vec![10])]);

    let trace = guest.trace("run", &[Val::I32(10)]).1.len();
    let id = guest.store.probes().insert_global(seen.probe("all", []));
    guest.call("run", &[Val::I32(10)]).unwrap();
    assert_eq!(seen.take().len(), trace);
    assert!(guest.store.probes().remove(id));
}

#[test]
#[should_panic(expected = "an operand of a global probe")]
fn a_global_probe_takes_no_values() {
    let probe = Seen::default().probe("", [Input::Operand(0)]);
    Guest::new(LOOP).store.probes().insert_global(probe);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut guest = Guest::new(
        r#"(module (func (export "run") (param externref v128 i32) (result i32)
            (drop (local.get 0)) (drop (local.get 1)) (local.get 2)))"#,
    );
    let (first, second) = (guest.pc("run", "Drop", 0), guest.pc("run", "Drop", 1));
    let func = guest.func("run");
    for (site, inputs, message) in [
        (Site::Before(first), vec![Input::Operand(0)], "operand 0 from the top is no number"),
        (Site::Before(second), vec![Input::Operand(0)], "operand 0 from the top is no number"),
        (Site::Before(second), vec![Input::Operand(1)], "no operand 1 from the top"),
        (Site::After(second), vec![Input::Operand(0)], "no operand 0 from the top"),
        (Site::Entry, vec![Input::Local(1)], "local 1 is no number"),
        (Site::Entry, vec![Input::Local(3)], "no local 3"),
        (Site::Entry, vec![Input::Operand(0)], "no operands at function entries"),
        (Site::Exit, vec![Input::Local(2)], "no values at function exits"),
        (Site::Entry, vec![Input::Local(2); 5], "a probe takes at most 4 values"),
        (Site::Before(WasmPc(1)), vec![], "no operator at offset 0x1 in function `run`"),
    ] {
        let callback = Box::new(|_: &[u64]| Ok(()));
        let probe = Probe::new(Action::Values { inputs, callback });
        let error = guest.store.probes().insert(func, site, probe).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let values = [Val::ExternRef(None), Val::V128(0), Val::I32(1)];
    guest.call("run", &values).unwrap();
}

/// At an operator that traps: the function has been called, and the trap is that of the operator.
#[test]
fn the_operator_behind_a_call_traps() {
    let mut guest = Guest::new(
        r#"(module (memory 1) (func (export "run") (param i32) (result i32)
            loop
              (drop (i32.load (local.get 0)))
              (local.set 0 (i32.add (local.get 0) (i32.const 4)))
              br 0
            end unreachable))"#,
    );
    let seen = Seen::default();
    let site = Site::Before(guest.pc("run", "I32Load", 0));
    guest.insert("run", site, seen.probe("load", [Input::Operand(0)]));
    let trap = trap_code(guest.call("run", &[Val::I32(65536 - 12)]));
    assert_eq!(trap, TrapCode::MemoryOutOfBounds);
    let addresses = [65524, 65528, 65532, 65536].map(|at| ("load", vec![at]));
    assert_eq!(seen.take(), addresses);
}
