//! Point 1: where a probe can be, and from when it counts.

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::{Caller, ErrorKind, Func, Linker, Module, Store, Val};

use super::guest::{Count, Guest, Shared, call, i32_of, engine};

/// Every structured instruction, branches of every kind and dead code; with the
/// number of times that each instruction runs, counted by hand.
const STRUCTURED: &str = r#"(module
  (func (export "loop") (param i32) (result i32) (local i32)
    nop
    block
      loop
        local.get 0
        i32.eqz
        br_if 1
        local.get 1
        local.get 0
        i32.add
        local.set 1
        local.get 0
        i32.const 1
        i32.sub
        local.set 0
        br 0
      end
    end
    local.get 1
    if (result i32)
      local.get 1
    else
      i32.const -1
    end)
  (func (export "table") (param i32)
    block
      block
        block
          local.get 0
          br_table 0 1 2 3
        end
      end
    end)
  (func (export "return") (param i32) (result i32)
    local.get 0
    if
      i32.const 7
      return
      nop
      block
      end
    end
    i32.const 8)
  (func (export "outermost") (param i32) (result i32)
    block
      i32.const 5
      local.get 0
      br_if 1
      drop
    end
    local.get 0
    if
      nop
    end
    i32.const 6)
  (func (export "calls") (param i32) (result i32) (local i32)
    loop
      local.get 0
      call 5
      local.get 1
      i32.const 1
      i32.add
      local.tee 1
      i32.const 4
      i32.lt_u
      br_if 0
    end
    local.get 1
    unreachable
    drop)
  (func (param i32) local.get 0 i32.eqz if unreachable end))"#;

/// (export, argument, runs of each instruction, whether it returns)
const RUNS: &[(&str, i32, &[u64], bool)] = &[
    (
        "loop",
        3,
        &[
            1, 1, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 1, 1, 1, 1, 1, 0, 1, 1,
        ],
        true,
    ),
    (
        "loop",
        0,
        &[
            1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1,
        ],
        true,
    ),
    // Four ends in a row, and a branch to each: they must not be one site.
    ("table", 0, &[1, 1, 1, 1, 1, 1, 1, 1, 1], true),
    ("table", 1, &[1, 1, 1, 1, 1, 0, 1, 1, 1], true),
    ("table", 2, &[1, 1, 1, 1, 1, 0, 0, 1, 1], true),
    ("table", 3, &[1, 1, 1, 1, 1, 0, 0, 0, 1], true),
    ("return", 1, &[1, 1, 1, 1, 0, 0, 0, 0, 0, 0], true),
    ("return", 0, &[1, 1, 0, 0, 0, 0, 0, 1, 1, 1], true),
    ("outermost", 1, &[1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1], true),
    ("outermost", 0, &[1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1], true),
    (
        "calls",
        1,
        &[1 + 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1, 1, 1, 0, 0],
        false,
    ),
    (
        "calls",
        0,
        &[1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        false,
    ),
];

fn check_runs(count: impl Fn(&mut Guest, &str, i32) -> Vec<u64>) {
    for (export, argument, expected, returns) in RUNS {
        let mut guest = Guest::new(STRUCTURED);
        let unwatched = guest.call(export, &[Val::I32(*argument)]);
        assert_eq!(unwatched.is_ok(), *returns);
        let found = count(&mut guest, export, *argument);
        let names: Vec<_> = guest
            .operators(export)
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        let found: Vec<_> = names.iter().zip(found).collect();
        let expected: Vec<_> = names.iter().zip(expected.iter().copied()).collect();
        assert_eq!(found, expected, "{export}({argument})");
    }
}

/// The outcome of a call, comparable.
fn outcome(guest: &mut Guest, export: &str, argument: i32) -> Result<Vec<i32>, String> {
    match guest.call(export, &[Val::I32(argument)]) {
        Ok(found) => Ok(found.into_iter().map(i32_of).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn c1_probes_at_every_instruction_count_its_runs() {
    check_runs(|guest, export, argument| {
        let unwatched = outcome(guest, export, argument);
        let counts: Vec<Count> = guest
            .operators(export)
            .into_iter()
            .map(|(pc, _)| {
                let count = Count::default();
                guest.insert(export, Site::Before(pc), count.probe());
                count
            })
            .collect();
        assert_eq!(outcome(guest, export, argument), unwatched);
        counts.iter().map(Count::get).collect()
    });
}

/// One probe in the function: its neighbours stay in their fast form around it.
#[test]
fn c1_a_single_probe_counts_the_runs_of_its_instruction() {
    check_runs(|guest, export, argument| {
        let unwatched = outcome(guest, export, argument);
        let operators = guest.operators(export);
        operators
            .into_iter()
            .map(|(pc, _)| {
                let count = Count::default();
                let id = guest.insert(export, Site::Before(pc), count.probe());
                assert_eq!(outcome(guest, export, argument), unwatched);
                assert!(guest.store.probes().remove(id));
                assert_eq!(outcome(guest, export, argument), unwatched);
                count.get()
            })
            .collect()
    });
}

#[test]
fn c1_counter_actions_count_the_runs_of_their_instruction() {
    check_runs(|guest, export, argument| {
        let operators = guest.operators(export);
        let counters = Counters::new(operators.len());
        for (index, (pc, _)) in operators.iter().enumerate() {
            let action = Action::CountAdd {
                counters: counters.clone(),
                index,
                n: 3,
            };
            guest.insert(export, Site::Before(*pc), Probe::new(action));
        }
        // An outcome that is an error is checked by the other tests.
        let _ = guest.call(export, &[Val::I32(argument)]);
        (0..operators.len()).map(|i| counters.get(i) / 3).collect()
    });
}

#[test]
fn c1_a_global_probe_sees_every_instruction() {
    check_runs(|guest, export, argument| {
        let index = guest.index(export);
        let (_, trace) = guest.trace(export, &[Val::I32(argument)]);
        let runs = |pc| trace.iter().filter(|step| **step == (index, pc)).count() as u64;
        guest
            .operators(export)
            .iter()
            .map(|(pc, _)| runs(*pc))
            .collect()
    });
}

/// The order of the fires is the program's order, also where structured
/// instructions share a place in the code.
#[test]
fn c1_local_probes_fire_in_program_order() {
    for (export, argument, _, _) in RUNS {
        let mut guest = Guest::new(STRUCTURED);
        let (_, expected) = guest.trace(export, &[Val::I32(*argument)]);
        let log = Shared::default();
        for index in 0..guest.module.num_functions() {
            let func = guest.instance.func(&guest.store, index).unwrap();
            for (pc, _) in super::guest::operators(&guest.module, index) {
                let log = log.clone();
                let probe = Probe::call(move |ctx| {
                    assert_eq!((ctx.func_index(), ctx.pc()), (index, pc));
                    log.push((index, pc));
                    Ok(())
                });
                let mut probes = guest.store.probes();
                probes.insert(func, Site::Before(pc), probe).unwrap();
            }
        }
        let _ = guest.call(export, &[Val::I32(*argument)]);
        assert_eq!(log.take(), expected, "{export}({argument})");
    }
}

/// In a running loop, the host inserts at each instruction in turn in round `AT`
/// of `ROUNDS`.
const RUNNING: &str = r#"(module
  (import "h" "tick" (func $tick (param i32)))
  (func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    loop $l
      local.get $i
      call $tick
      local.get $sum
      local.get $i
      i32.add
      local.set $sum
      block
        nop
      end
      local.get $i
      i32.const 1
      i32.add
      local.tee $i
      local.get $n
      i32.lt_u
      br_if $l
    end
    local.get $sum))"#;
const ROUNDS: i32 = 10;
const AT: i32 = 3;

#[test]
fn c1_insert_takes_effect_before_next_execution_in_active_frames() {
    let probe_sites = Guest::linked(RUNNING, |linker| {
        linker
            .func_wrap("h", "tick", |_: Caller<'_, ()>, _: i32| {})
            .unwrap();
    })
    .operators("run");
    for (position, (pc, name)) in probe_sites.iter().enumerate() {
        let pc = *pc;
        let count = Count::default();
        let seen = count.clone();
        let mut guest = Guest::linked(RUNNING, |linker| {
            linker
                .func_wrap(
                    "h",
                    "tick",
                    move |mut caller: Caller<'_, ()>, round: i32| {
                        if round == AT {
                            let run = caller.get_export("run").and_then(|e| e.into_func());
                            let run = run.expect("an export");
                            let mut probes = caller.probes();
                            probes
                                .insert(run, Site::Before(pc), seen.probe())
                                .expect("a site");
                        }
                    },
                )
                .unwrap();
        });
        assert_eq!(guest.call_i32("run", &[ROUNDS]).unwrap(), 45, "{name}");
        // The loop's first three run once a round before the insertion, and
        // not again in the round of it; what follows the loop runs once.
        let expected = match position {
            0..=2 => ROUNDS - AT - 1,
            _ if position >= probe_sites.len() - 3 => 1,
            _ => ROUNDS - AT,
        };
        assert_eq!(
            count.get(),
            expected as u64,
            "{name} at position {position}"
        );
    }
}

/// From a probe at one instruction to each other instruction of the same loop.
#[test]
fn c1_probes_insert_into_the_same_iteration_of_their_loop() {
    let wat = RUNNING
        .replace("(import \"h\" \"tick\" (func $tick (param i32)))", "")
        .replace("call $tick", "drop");
    let sites = Guest::new(&wat).operators("run");
    let last = sites.len() - 3;
    for from in 0..last {
        for to in 0..sites.len() {
            let mut guest = Guest::new(&wat);
            let func = guest.func("run");
            let (count, fires) = (Count::default(), Count::default());
            let inserted = count.clone();
            let (from_pc, to_pc) = (sites[from].0, sites[to].0);
            let probe = Probe::call(move |ctx| {
                if fires.up() == AT as u64 {
                    let mut probes = ctx.probes();
                    probes.insert(func, Site::Before(to_pc), inserted.probe())?;
                }
                Ok(())
            });
            guest.insert("run", Site::Before(from_pc), probe);
            assert_eq!(guest.call_i32("run", &[ROUNDS]).unwrap(), 45);
            let expected = match to {
                _ if to >= last => 1,
                _ if to > from => ROUNDS - AT + 1,
                _ => ROUNDS - AT,
            };
            assert_eq!(
                count.get(),
                expected as u64,
                "from {:?} to {:?}",
                sites[from],
                sites[to]
            );
        }
    }
}

/// A function that is on the stack several times over, suspended in its calls.
#[test]
fn c1_insert_reaches_every_suspended_frame() {
    let wat = r#"(module
      (func $down (export "down") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0))
          (then (call $bottom) (i32.const 0))
          (else (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
      (func $bottom (export "bottom") nop))"#;
    let sites = Guest::new(wat).operators("down");
    let add = sites.iter().position(|(_, name)| name == "I32Add").unwrap();
    let end = sites.len() - 1;
    for (position, expected) in [(add, 6), (add + 1, 7), (end, 7)] {
        let mut guest = Guest::new(wat);
        let count = Count::default();
        let inserted = count.clone();
        let down = guest.func("down");
        let pc = sites[position].0;
        guest.before("bottom", "Nop", 0, move |ctx| {
            assert_eq!(ctx.depth(), 8);
            ctx.probes()
                .insert(down, Site::Before(pc), inserted.probe())?;
            Ok(())
        });
        assert_eq!(guest.call_i32("down", &[6]).unwrap(), 21);
        assert_eq!(count.get(), expected, "{:?}", sites[position]);
    }
}

#[test]
fn c1_handles_are_distinct_and_known_to_the_probe() {
    let mut guest = Guest::new(r#"(module (func (export "f") nop))"#);
    let seen = Shared::default();
    let pc = guest.pc("f", "Nop", 0);
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let seen = seen.clone();
            let probe = Probe::call(move |ctx| {
                seen.push(ctx.id());
                Ok(())
            });
            guest.insert("f", Site::Before(pc), probe)
        })
        .collect();
    guest.call("f", &[]).unwrap();
    assert_eq!(seen.take(), ids);
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn c1_probes_belong_to_one_instance_of_one_store() {
    let engine = engine();
    let module = Module::new(&engine, r#"(module (func (export "f") nop))"#).unwrap();
    let linker = Linker::new(&engine);
    let mut one = Store::new(&engine, ());
    let mut two = Store::new(&engine, ());
    let instances = [
        linker.instantiate(&mut one, &module).unwrap(),
        linker.instantiate(&mut one, &module).unwrap(),
    ];
    let other = linker.instantiate(&mut two, &module).unwrap();
    let count = Count::default();
    let f = instances[0].get_func(&one, "f").unwrap();
    let (pc, _) = super::guest::operators(&module, 0)[0];
    one.probes()
        .insert(f, Site::Before(pc), count.probe())
        .unwrap();
    let second = instances[1].get_func(&one, "f").unwrap();
    let elsewhere = other.get_func(&two, "f").unwrap();
    for _ in 0..3 {
        call(&mut one, second, &[]).unwrap();
        call(&mut two, elsewhere, &[]).unwrap();
    }
    assert_eq!(count.get(), 0);
    call(&mut one, f, &[]).unwrap();
    assert_eq!(count.get(), 1);
}

#[test]
fn c1_global_probes_see_functions_of_every_instance() {
    let mut guest = Guest::new(r#"(module (func (export "f") nop))"#);
    let log = Shared::default();
    let sink = log.clone();
    guest.store.probes().insert_global(Probe::call(move |ctx| {
        sink.push((ctx.instance(), ctx.pc()));
        Ok(())
    }));
    guest.call("f", &[]).unwrap();
    let later = Linker::new(guest.store.engine())
        .instantiate(&mut guest.store, &guest.module)
        .unwrap();
    let f = later.get_func(&guest.store, "f").unwrap();
    call(&mut guest.store, f, &[]).unwrap();
    let pcs: Vec<_> = guest.operators("f").into_iter().map(|(pc, _)| pc).collect();
    let expected: Vec<_> = [guest.instance, later]
        .into_iter()
        .flat_map(|instance| pcs.iter().map(move |pc| (instance, *pc)))
        .collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn c1_sites_in_dead_code_exist_and_never_fire() {
    let mut guest = Guest::new(
        r#"(module (func (export "f") (param i32) (result i32)
             block i32.const 1 return i32.const 2 drop loop br 0 end end
             unreachable i32.add
             if nop else i64.const 0 drop end))"#,
    );
    let mut live = 0;
    let counts: Vec<Count> = guest
        .operators("f")
        .into_iter()
        .map(|(pc, _)| {
            let count = Count::default();
            guest.insert("f", Site::Before(pc), count.probe());
            count
        })
        .collect();
    assert_eq!(guest.call_i32("f", &[0]).unwrap(), 1);
    for (position, count) in counts.iter().enumerate() {
        live += count.get();
        assert_eq!(count.get(), u64::from(position < 3), "position {position}");
    }
    assert_eq!(live, 3);
}

#[test]
fn c1_places_without_an_instruction_are_refused() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "f" (func $h))
          (func (export "f") (param i32) (local i64 f32) i32.const 1000000 drop)
          (func (export "g") nop)
          (export "h" (func $h)))"#,
        |linker| {
            linker.func_wrap("h", "f", |_: Caller<'_, ()>| {}).unwrap();
        },
    );
    let refused = |guest: &mut Guest, func: Func, site: Site| {
        let outcome = guest
            .store
            .probes()
            .insert(func, site, Count::default().probe());
        let error = outcome.expect_err("nothing is there");
        assert!(matches!(error.kind(), ErrorKind::Usage(_)), "{error}");
    };
    let (f, h) = (guest.func("f"), guest.func("h"));
    let starts: Vec<u32> = guest.operators("f").iter().map(|(pc, _)| pc.0).collect();
    let body = guest
        .module
        .function(guest.index("f"))
        .unwrap()
        .body()
        .unwrap();
    let elsewhere = guest.pc("g", "Nop", 0).0;
    for pc in (body.start - 4..body.end + 4).chain([0, elsewhere, u32::MAX]) {
        if !starts.contains(&pc) {
            refused(&mut guest, f, Site::Before(probity_engine::WasmPc(pc)));
        }
    }
    for site in [
        Site::Entry,
        Site::Exit,
        Site::Before(probity_engine::WasmPc(starts[0])),
    ] {
        refused(&mut guest, h, site);
    }
    let mut other = Store::new(&engine(), ());
    let stranger = Func::wrap(&mut other, |_: Caller<'_, ()>| {});
    refused(&mut guest, stranger, Site::Entry);
    // None of it stays behind.
    guest.call("f", &[Val::I32(0)]).unwrap();
    guest.call("h", &[]).unwrap();
}

/// A function that another instance imports is the same function.
#[test]
fn c1_imported_wasm_functions_are_probed_where_they_are_defined() {
    let mut guest = Guest::new(r#"(module (func (export "f") nop))"#);
    let mut linker = Linker::new(guest.store.engine());
    linker
        .instance(&mut guest.store, "d", guest.instance)
        .unwrap();
    let user = Module::new(
        guest.store.engine(),
        r#"(module (import "d" "f" (func $f)) (func (export "run") call $f call $f))"#,
    )
    .unwrap();
    let user = linker.instantiate(&mut guest.store, &user).unwrap();
    let imported = user.func(&guest.store, 0).unwrap();
    let (entries, nops) = (Count::default(), Count::default());
    let pc = guest.pc("f", "Nop", 0);
    let mut probes = guest.store.probes();
    probes
        .insert(imported, Site::Entry, entries.probe())
        .unwrap();
    probes
        .insert(imported, Site::Before(pc), nops.probe())
        .unwrap();
    let run = user.get_func(&guest.store, "run").unwrap();
    call(&mut guest.store, run, &[]).unwrap();
    guest.call("f", &[]).unwrap();
    assert_eq!((entries.get(), nops.get()), (3, 3));
}

#[test]
fn c1_first_calls_are_announced_before_the_function_runs() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "a") (call 1) (call 1))
          (func (export "b") nop)
          (func (export "never") nop))"#,
    );
    let (announced, entries) = (Shared::default(), Count::default());
    let (sink, count) = (announced.clone(), entries.clone());
    guest.store.probes().on_first_call(move |probes, func| {
        let (_, index) = probes.module_of(func).expect("a Wasm function");
        sink.push(index);
        let id = probes.insert(func, Site::Entry, count.probe());
        id.expect("functions have an entry");
    });
    guest.call("b", &[]).unwrap();
    assert_eq!(announced.take(), [1]);
    guest.call("a", &[]).unwrap();
    guest.call("a", &[]).unwrap();
    assert_eq!(announced.take(), [0]);
    assert_eq!(entries.get(), 1 + 2 * 3);
}

#[test]
fn c1_probes_follow_a_top_operand() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "if") (param i32) local.get 0 if nop end)
          (func (export "table") (param i32)
            block block local.get 0 br_table 0 1 0 end end)
          (func (export "select") (param i32) (result i32)
            i32.const 1 i32.const 2 local.get 0 select))"#,
    );
    let counters = Counters::new(8);
    let top = |first, len, boolean| {
        let counters = counters.clone();
        Probe::new(Action::CountTop {
            counters,
            first,
            len,
            boolean,
        })
    };
    let pc = guest.pc("if", "If", 0);
    guest.insert("if", Site::Before(pc), top(0, 2, true));
    let pc = guest.pc("table", "BrTable", 0);
    guest.insert("table", Site::Before(pc), top(2, 3, false));
    let pc = guest.pc("select", "Select", 0);
    guest.insert("select", Site::Before(pc), top(5, 2, true));
    for value in [0, 0, 1, -1, 77] {
        guest.call("if", &[Val::I32(value)]).unwrap();
        guest.call("table", &[Val::I32(value)]).unwrap();
        let found = guest.call_i32("select", &[value]).unwrap();
        assert_eq!(found, if value == 0 { 2 } else { 1 });
    }
    let found: Vec<u64> = (0..8).map(|i| counters.get(i)).collect();
    assert_eq!(found, [2, 3, 2, 1, 2, 2, 3, 0]);
}

#[test]
fn c1_what_is_noted_once_at_a_loop_is_noted_when_an_inner_loop_goes_back_to_it() {
    for (rounds, expected) in [(1, 0), (5, 1)] {
        let mut guest = Guest::new(
            r#"(module (func (export "run") (param $n i32) (result i32) (local $i i32) (local $s i32)
              loop $outer
                (local.set $i (i32.const 5))
                loop $inner
                  nop
                  (local.set $s (i32.add (local.get $s) (local.get $i)))
                  (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1))))
                end
                (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
              end
              local.get $s))"#,
        );
        let counters = Counters::new(1);
        let set = Action::Set {
            counters: counters.clone(),
            index: 0,
        };
        let (func, outer) = (guest.func("run"), guest.pc("run", "Loop", 0));
        let mut set = Some(Probe::new(set));
        let nop = guest.pc("run", "Nop", 0);
        let insert = Probe::call(move |ctx| {
            let set = set.take().expect("it fires once");
            ctx.probes().insert(func, Site::Before(outer), set)?;
            Ok(())
        });
        guest.insert("run", Site::Before(nop), insert.one_shot());
        assert_eq!(guest.call_i32("run", &[rounds]).unwrap(), rounds * 15);
        assert_eq!(counters.get(0), expected, "{rounds}");
    }
}
