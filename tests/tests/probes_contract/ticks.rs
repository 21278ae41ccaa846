//! Ticks of fuel against a naive count: a trace of all that is charged, function entries and operators, in order.

use std::sync::{Arc, OnceLock};

use probity_engine::hook::{Probe, ProbeId, Probes, Site};
use probity_engine::{Caller, Error, Linker, TrapCode, Val, WasmPc};

use super::guest::{Count, Guest, Shared, i32_of, operator_name, trap_code};

/// Recursion, a loop, branch tables, indirect and tail calls, calls of the host, an exception that is caught.
const PROGRAM: &str = r#"(module
  (import "env" "host" (func $host (param i32)))
  (tag $t (param i32))
  (memory 1) (table 2 funcref) (elem (i32.const 0) $fib $twice)
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $twice (param i32) (result i32) (return_call $fib (i32.add (local.get 0) (i32.const 1))))
  (func $throws (param i32) nop (throw $t (local.get 0)))
  (func (export "run") (param $n i32) (result i32) (local $x i32) (local $v v128)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $t $caught) (call $throws (local.get $n)))
        (i32.const 0))
      (local.set $x (i32.add (local.get $x)))
      (block $out
        (block $one
          (br_table $one $out (i32.and (local.get $n) (i32.const 1))))
        (call $host (local.get $x))
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get $x))))
      (local.set $x (i32.add (local.get $x)
        (call_indirect (param i32) (result i32) (i32.const 3) (i32.and (local.get $n) (i32.const 1)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 4000))
    (i32.add (local.get $x) (i32.load (i32.const 8)))))"#;

const ARGS: [Val; 1] = [Val::I32(6)];

fn program() -> Guest {
    Guest::linked(PROGRAM, |linker| define(linker, |_| {}))
}

fn define(
    linker: &mut Linker<()>,
    host: impl Fn(&mut Caller<'_, ()>) + Send + Sync + 'static,
) {
    let called = move |mut caller: Caller<'_, ()>, _: i32| host(&mut caller);
    linker
        .func_wrap("env", "host", called)
        .expect("a new name");
}

/// Function and operator; an entry's is the function's first.
type Place = (u32, WasmPc);

/// Something that is charged.
#[derive(Clone, Copy)]
struct Charge {
    place: Place,
    cost: u64,
    is_entry: bool,
}

/// What is charged, in order.
fn charges(guest: &mut Guest) -> Vec<Charge> {
    let charges = Shared::<Charge>::default();
    let module = guest.module.clone();
    let mut ids = Vec::new();
    for index in module.num_imported_functions()..module.num_functions() {
        let func = guest.instance.func(&guest.store, index).expect("in range");
        let function = module.function(index).expect("in range");
        let first = function.operators().expect("code")[0].0;
        let sink = charges.clone();
        let entry = Probe::call(move |ctx| {
            sink.push(Charge {
                place: (ctx.func_index(), first),
                cost: 1,
                is_entry: true,
            });
            Ok(())
        });
        let id = guest.store.probes().insert(func, Site::Entry, entry);
        ids.push(id.expect("a Wasm function"));
    }
    let sink = charges.clone();
    let costs: Vec<Vec<(WasmPc, u64)>> = (0..module.num_functions())
        .map(|index| {
            let function = module.function(index).expect("in range");
            let operators = function.operators().unwrap_or_default().into_iter();
            let cost = |name: &str| match name {
                "Nop" | "Drop" | "Block" | "Loop" | "Unreachable" | "Return" | "Else" | "End" => 0,
                _ => 1,
            };
            operators.map(|(pc, op)| (pc, cost(&operator_name(&op)))).collect()
        })
        .collect();
    ids.push(guest.store.probes().insert_global(Probe::call(move |ctx| {
        let of_func = &costs[ctx.func_index() as usize];
        let at = of_func.binary_search_by_key(&ctx.pc(), |(pc, _)| *pc).expect("an operator");
        sink.push(Charge {
            place: (ctx.func_index(), ctx.pc()),
            cost: of_func[at].1,
            is_entry: false,
        });
        Ok(())
    })));
    guest.call("run", &ARGS).expect("it returns");
    for id in ids {
        assert!(guest.store.probes().remove(id));
    }
    charges.take()
}

/// Where ticks come if they are counted from a charge on.
fn expected(charges: &[Charge], every: u64) -> Vec<Place> {
    let (mut total, mut next) = (0, every);
    let mut places = Vec::new();
    for &Charge { place, cost, .. } in charges {
        if total + cost > next {
            places.push(place);
            next += every;
        }
        total += cost;
    }
    places
}

/// A tick that notes where it comes.
fn tick(probes: &mut Probes<'_>, every: u64, places: &Shared<Place>) -> ProbeId {
    let sink = places.clone();
    probes.on_fuel(every, move |ctx| {
        assert_eq!(ctx.frame().pc(), ctx.pc());
        sink.push((ctx.func_index(), ctx.pc()));
        Ok(())
    })
}

#[test]
fn c1_ticks_come_before_what_would_exceed_them() {
    let mut guest = program();
    let charges = charges(&mut guest);
    let total: u64 = charges.iter().map(|charge| charge.cost).sum();
    assert!(total > 500, "the program is worth counting: {total}");
    let result = i32_of(&guest.call("run", &ARGS).expect("it returns")[0]);
    for every in (0..40).chain([64, 99, 500, 10_000, u64::MAX]) {
        let places = Shared::default();
        // Between calls, from the first operator of the program on and in the middle of its count.
        let id = tick(&mut guest.store.probes(), every, &places);
        for _ in 0..2 {
            let again = guest.call("run", &ARGS).expect("it returns");
            // What it adds to its memory stays there.
            assert!(i32_of(&again[0]) >= result || every < 10_000);
        }
        assert!(guest.store.probes().remove(id));
        let twice = [&charges[..], &charges[..]].concat();
        assert_eq!(places.take(), expected(&twice, every.max(1)), "every {every}");
        guest.call("run", &ARGS).expect("it returns");
        assert_eq!(places.len(), 0);
    }
}

#[test]
fn c1_ticks_count_from_where_a_probe_inserts_them() {
    let mut guest = program();
    let charges = charges(&mut guest);
    // Each operator and entry as it is reached for the n-th time.
    for at in (0..charges.len()).step_by(13) {
        let Charge {
            place: (func, pc),
            is_entry,
            ..
        } = charges[at];
        let same = |c: &&Charge| c.place == (func, pc) && c.is_entry == is_entry;
        let nth = charges[..at].iter().filter(same).count() as u64;
        for every in [1, 2, 7, 30] {
            let places = Shared::default();
            let (sink, count) = (places.clone(), Count::default());
            let inserted = Arc::new(OnceLock::new());
            let keep = inserted.clone();
            let site = if is_entry { Site::Entry } else { Site::Before(pc) };
            let probe = Probe::call(move |ctx| {
                if count.up() == nth + 1 {
                    let id = tick(&mut ctx.probes(), every, &sink);
                    keep.set(id).expect("once");
                }
                Ok(())
            });
            let instance = guest.instance;
            let func = instance.func(&guest.store, func).expect("in range");
            let probe = guest.store.probes().insert(func, site, probe).expect("a site");
            guest.call("run", &ARGS).expect("it returns");
            assert!(guest.store.probes().remove(probe));
            let id = *inserted.get().expect("it was reached");
            assert!(guest.store.probes().remove(id));
            // The entry's own unit has been charged when its probes fire.
            let rest = &charges[at + usize::from(is_entry)..];
            assert_eq!(places.take(), expected(rest, every), "charge {at}, every {every}");
        }
    }
}

#[test]
fn c1_ticks_count_from_where_a_host_function_inserts_them() {
    let places = Shared::<Place>::default();
    let (sink, inserted) = (places.clone(), Arc::new(OnceLock::new()));
    let keep = inserted.clone();
    let mut guest = Guest::linked(PROGRAM, |linker| {
        define(linker, move |caller| {
            keep.get_or_init(|| tick(&mut caller.probes(), 5, &sink));
        });
    });
    guest.call("run", &ARGS).expect("it returns");
    let found = places.take();
    let id = inserted.get().expect("it was called");
    assert!(guest.store.probes().remove(*id));
    let charges = charges(&mut guest);
    let call = guest.pc("run", "Call", 1);
    let at = charges.iter().position(|c| c.place.1 == call).expect("it is called");
    assert_eq!(found, expected(&charges[at + 1..], 5));
}

#[test]
fn c2_a_tick_goes_away_behind_its_fire() {
    let mut guest = program();
    let charges = charges(&mut guest);
    let (count, places) = (Count::default(), Shared::default());
    let (seen, sink) = (count.clone(), places.clone());
    let own = Arc::new(OnceLock::new());
    let id = own.clone();
    let inserted = guest.store.probes().on_fuel(9, move |ctx| {
        sink.push((ctx.func_index(), ctx.pc()));
        if seen.up() == 3 {
            assert!(ctx.probes().remove(*id.get().expect("it is inserted")));
        }
        Ok(())
    });
    own.set(inserted).expect("once");
    guest.call("run", &ARGS).expect("it returns");
    assert_eq!(places.take(), expected(&charges, 9)[..3]);
    assert!(!guest.store.probes().remove(inserted));
}

#[test]
fn c3_a_tick_comes_before_the_probes_of_its_operator_and_what_it_inserts_comes_later() {
    let mut guest = program();
    let charges = charges(&mut guest);
    let log = Shared::default();
    let (to_tick, to_probe) = (log.clone(), log.clone());
    let own = guest.store.probes().insert_global(Probe::call(move |ctx| {
        to_probe.push((0, ctx.pc()));
        Ok(())
    }));
    let id = guest.store.probes().on_fuel(21, move |ctx| {
        let (pc, func, sink) = (ctx.pc(), ctx.func(), to_tick.clone());
        to_tick.push((1, pc));
        let late = Probe::call(move |ctx| {
            sink.push((2, ctx.pc()));
            Ok(())
        });
        ctx.probes().insert(func, Site::Before(pc), late.one_shot()).map(drop)
    });
    guest.call("run", &ARGS).expect("it returns");
    assert!(guest.store.probes().remove(own) && guest.store.probes().remove(id));
    let log = log.take();
    let ticks: Vec<usize> = (0..log.len()).filter(|&at| log[at].0 == 1).collect();
    assert_eq!(ticks.len(), expected(&charges, 21).len());
    for at in ticks {
        assert_eq!(log[at + 1], (0, log[at].1));
    }
    let trace: Vec<WasmPc> = log.iter().filter(|l| l.0 == 0).map(|l| l.1).collect();
    assert!(trace.len() > 500);
}

#[test]
fn c3_guest_code_that_a_tick_calls_is_counted_and_not_told() {
    let mut guest = program();
    let fib = guest.instance.func(&guest.store, 1).expect("fib");
    let count = Count::default();
    let seen = count.clone();
    let id = guest.store.probes().on_fuel(50, move |ctx| {
        seen.up();
        let mut results = [Val::I32(0)];
        fib.call(ctx, &[Val::I32(4)], &mut results)?;
        assert_eq!(i32_of(&results[0]), 3);
        Ok(())
    });
    guest.call("run", &ARGS).expect("it returns");
    assert!(guest.store.probes().remove(id));
    assert!(count.get() > 5, "{}", count.get());
}

#[test]
fn c5_a_tick_reads_and_writes_the_frame() {
    let wat = r#"(module (func (export "f") (param i32) (result i32) (local i64 v128)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.wrap_i64 (local.get 1))))"#;
    let mut guest = Guest::new(wat);
    let seen = Shared::default();
    let sink = seen.clone();
    // 1 for the entry and 5 for each round; the twentieth tick comes where 100 are consumed: at `br_if` of round 20.
    let id = guest.store.probes().on_fuel(5, move |ctx| {
        let mut frame = ctx.frame();
        let locals = (0..2).filter_map(|i| frame.local(i)).collect::<Vec<_>>();
        let [Val::I32(left), Val::I64(other)] = locals[..] else {
            panic!("{locals:?}");
        };
        sink.push(left);
        if left == 80 {
            frame.set_local(1, Val::I64(other + 7))?;
            frame.set_operand(0, Val::I32(0))?;
        }
        Ok(())
    });
    let result = guest.call_i32("f", &[100]).expect("it returns");
    assert_eq!(result, 7);
    let rounds: Vec<i32> = (80..100).rev().collect();
    assert_eq!(seen.take(), rounds);
    assert!(guest.store.probes().remove(id));
    assert_eq!(guest.call_i32("f", &[100]).expect("it returns"), 0);
}

#[test]
fn c5_an_entry_has_its_parameters_and_locals() {
    let wat = r#"(module
        (func $g (param i32 i64) (local i32 f64 v128) nop)
        (func (export "f") (param i32) (call $g (local.get 0) (i64.const 9))))"#;
    let mut guest = Guest::new(wat);
    let log = Shared::default();
    let (to_tick, to_entry) = (log.clone(), log.clone());
    // Entry, `local.get`, `i64.const`, `call`; then the entry of `$g`.
    guest.store.probes().on_fuel(4, move |ctx| {
        let frame = ctx.frame();
        let locals: Vec<Val> = (0..frame.num_locals()).filter_map(|i| frame.local(i)).collect();
        to_tick.push(format!("tick {} {locals:?}", frame.func_index()));
        Ok(())
    });
    let g = guest.instance.func(&guest.store, 0).expect("g");
    let entry = Probe::call(move |ctx| {
        to_entry.push(format!("entry {}", ctx.func_index()));
        Ok(())
    });
    guest.store.probes().insert(g, Site::Entry, entry).expect("a site");
    guest.call("f", &[Val::I32(3)]).expect("it returns");
    let expected = [
        "tick 0 [I32(3), I64(9), I32(0), F64(0), V128(0)]",
        "entry 0",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn c6_errors_and_panics_of_ticks_end_the_guest() {
    let mut guest = program();
    for way in 0..2 {
        let exits = Count::default();
        let run = guest.insert("run", Site::Exit, exits.probe());
        let count = Count::default();
        let id = guest.store.probes().on_fuel(17, move |_| match (count.up(), way) {
            (4, 0) => Err(Error::host(std::io::Error::other("enough"))),
            (4, _) => panic!("enough"),
            _ => Ok(()),
        });
        let error = guest.call("run", &ARGS).expect_err("it ends");
        assert!(error.to_string().contains("enough"), "{error}");
        assert_eq!(exits.get(), 1);
        assert!(guest.store.probes().remove(id) && guest.store.probes().remove(run));
        guest.call("run", &ARGS).expect("it returns");
    }
    // The first of two errors wins, and both are told.
    let told = Count::default();
    let ids = ["first", "second"].map(|text| {
        let told = told.clone();
        guest.store.probes().on_fuel(30, move |_| {
            told.up();
            Err(Error::host(std::io::Error::other(text)))
        })
    });
    let error = guest.call("run", &ARGS).expect_err("it ends");
    assert!(error.to_string().contains("first"), "{error}");
    assert_eq!(told.get(), 2);
    for id in ids {
        assert!(guest.store.probes().remove(id));
    }
}

#[test]
fn ticks_and_limits() {
    let mut guest = program();
    let charges = charges(&mut guest);
    for (every, limit) in [(10, 5), (10, 20), (10, 25), (1, 33), (33, 1), (7, 300), (2, 0)] {
        let places = Shared::default();
        let before = guest.store.fuel_consumed();
        let id = tick(&mut guest.store.probes(), every, &places);
        guest.store.set_fuel_limit(Some(limit));
        assert_eq!(trap_code(guest.call("run", &ARGS)), TrapCode::OutOfFuel);
        assert_eq!(guest.store.fuel_consumed() - before, limit, "every {every}");
        assert!(guest.store.probes().remove(id));
        guest.store.set_fuel_limit(None);
        // Those that come where the limit ends it are told before.
        let ticks = expected(&charges, every);
        assert_eq!(places.take(), ticks[..(limit / every) as usize], "{every} {limit}");
    }
    // Bulk operations are charged against the limit alone.
    let (places, total) = (Shared::default(), charges.iter().map(|c| c.cost).sum::<u64>());
    tick(&mut guest.store.probes(), 100, &places);
    guest.store.set_fuel_limit(Some(total + 4000 / 16));
    guest.call("run", &ARGS).expect("just enough");
    assert_eq!(places.take(), expected(&charges, 100));
    guest.store.set_fuel_limit(Some(total + 4000 / 16 - 1));
    assert_eq!(trap_code(guest.call("run", &ARGS)), TrapCode::OutOfFuel);
}

/// A limit is exact where probes near it call guest code, too: what that consumes is not there any more for the line that
/// goes on.
#[test]
fn limits_hold_where_probes_call_guest_code() {
    let mut guest = program();
    let fib = guest.instance.func(&guest.store, 1).expect("fib");
    for operator in ["I32Store", "I32Load", "LocalTee", "BrTable"] {
        let called = guest.before("run", operator, 0, move |ctx| {
            fib.call(ctx, &[Val::I32(3)], &mut [Val::I32(0)])
        });
        for limit in (0..300).step_by(7) {
            let before = guest.store.fuel_consumed();
            guest.store.set_fuel_limit(Some(limit));
            assert_eq!(trap_code(guest.call("run", &ARGS)), TrapCode::OutOfFuel);
            let consumed = guest.store.fuel_consumed() - before;
            assert_eq!(consumed, limit, "{operator}");
        }
        guest.store.set_fuel_limit(None);
        assert!(guest.store.probes().remove(called));
    }
}

/// What takes away a probe and the last tick at once takes away both, from frames that wait for a call, too.
#[test]
fn c2_a_tick_and_a_probe_go_at_once() {
    let wat = r#"(module
      (type $t (func (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $leaf $fib)
      ;; Its frame is another than that of a function of which only the type is known.
      (func $leaf (param i32) (result i32) (local f64) (local.set 1 (f64.const 1))
        (i32.mul (local.get 0) (i32.trunc_f64_s (local.get 1))))
      (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
          (then (call $leaf (local.get 0)))
          (else (i32.add
            (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
            (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;
    for (pc, name) in Guest::new(wat).operators("fib") {
        let mut guest = Guest::new(wat);
        let (fires, removed) = (Count::default(), Count::default());
        let (count, gone, name) = (fires.clone(), removed.clone(), name.clone());
        let probe = Probe::call(move |_| {
            assert_eq!(gone.get(), 0, "{name} at {pc}");
            count.up();
            Ok(())
        });
        let probe = guest.insert("fib", Site::Before(pc), probe);
        let tick = guest.store.probes().on_fuel(1000, |_| Ok(()));
        let leaf = guest.instance.func(&guest.store, 0).expect("leaf");
        guest.store.probes().on_first_call(move |probes, func| {
            if func == leaf {
                assert!(probes.remove(probe));
                assert!(probes.remove(tick));
                removed.up();
            }
        });
        for _ in 0..2 {
            assert_eq!(guest.call_i32("fib", &[7]).unwrap(), 13);
        }
    }
}
