//! Points 1, 2 and 4 for sites behind operators.

use std::collections::BTreeMap;

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::{Val, WasmPc};

use super::guest::{Guest, Shared, i32_of};

/// Branches to the ends of blocks and to loops, next to control that runs into them.
const PATHS: &str = r#"(module
  (memory 1)
  (func $square (param i32) (result i32)
    (i32.mul (local.get 0) (local.get 0)))
  (func (export "run") (param i32) (result i32) (local i32)
    block block
      block
        local.get 0
        i32.const 1
        i32.and
        br_if 0
        local.get 0
        call $square
        local.set 1
      end
      local.get 0
      if
        local.get 1
        i32.const 1
        i32.add
        local.set 1
      else
        i32.const 100
        local.set 1
      end
      local.get 0
      if
        nop
      end
      nop
      loop
        local.get 1
        i32.const 7
        i32.add
        local.tee 1
        i32.const 40
        i32.lt_u
        br_if 0
      end
      i32.const 8
      local.get 1
      i32.store
      local.get 0
      br_table 0 1 0
    end end
    i32.const 8
    i32.load
    local.get 0
    i32.const 2
    i32.eq
    br_if 0
    i32.const 5
    i32.add))"#;

/// What each operator gives control to, by the steps of a run: the model.
fn expected(guest: &mut Guest, args: &[Val]) -> Vec<WasmPc> {
    let operators = guest.operators("run");
    let index: BTreeMap<WasmPc, usize> = operators
        .iter()
        .enumerate()
        .map(|(i, (pc, _))| (*pc, i))
        .collect();
    let steps = Shared::default();
    let sink = steps.clone();
    let run = guest.index("run");
    let global = guest.store.probes().insert_global(Probe::call(move |ctx| {
        if ctx.func_index() == run {
            let pc = ctx.pc();
            let frame = ctx.frame();
            let top = match frame.num_operands() {
                0 => 0,
                _ => match frame.top(0) {
                    Some(Val::I32(top)) => top,
                    _ => 0,
                },
            };
            sink.push((pc, top));
        }
        Ok(())
    }));
    guest.call("run", args).expect("it returns");
    assert!(guest.store.probes().remove(global));
    let steps = steps.take();
    let goes_on = |&(pc, top): &(WasmPc, i32)| match operators[index[&pc]].1.as_str() {
        "Br" | "BrTable" | "Else" | "Return" => false,
        "BrIf" => top == 0,
        "If" => top != 0,
        // The last one returns.
        "End" => index[&pc] + 1 < operators.len(),
        _ => true,
    };
    let on = steps.iter().filter(|step| goes_on(step));
    on.map(|&(pc, _)| pc).collect()
}

/// Every operator that can go on, with its pc.
fn sites(guest: &Guest) -> Vec<WasmPc> {
    let operators = guest.operators("run");
    let last = operators.len() - 1;
    let on = operators.iter().enumerate().filter(|(i, (_, name))| {
        *i != last && !["Br", "BrTable", "Else", "Return"].contains(&name.as_str())
    });
    on.map(|(_, &(pc, _))| pc).collect()
}

#[test]
fn c1_after_fires_when_control_goes_on_and_only_then() {
    for arg in 0..4 {
        let mut guest = Guest::new(PATHS);
        let expected = expected(&mut guest, &[Val::I32(arg)]);
        let result = guest.call_i32("run", &[arg]).unwrap();
        let log = Shared::default();
        for pc in sites(&guest) {
            let sink = log.clone();
            let probe = Probe::call(move |ctx| {
                assert_eq!(ctx.pc(), pc);
                sink.push(pc);
                Ok(())
            });
            guest.insert("run", Site::After(pc), probe);
        }
        for _ in 0..3 {
            assert_eq!(guest.call_i32("run", &[arg]).unwrap(), result, "{arg}");
            assert_eq!(log.take(), expected, "{arg}");
        }
    }
}

#[test]
fn c1_after_counts_in_place() {
    for arg in 0..4 {
        let mut guest = Guest::new(PATHS);
        let expected = expected(&mut guest, &[Val::I32(arg)]);
        let sites = sites(&guest);
        let counters = Counters::new(sites.len());
        for (index, &pc) in sites.iter().enumerate() {
            let counters = counters.clone();
            let action = Action::CountAdd {
                counters,
                index,
                n: 1,
            };
            guest.insert("run", Site::After(pc), Probe::new(action));
        }
        for round in 1..4 {
            guest.call("run", &[Val::I32(arg)]).unwrap();
            for (index, pc) in sites.iter().enumerate() {
                let count = expected.iter().filter(|at| *at == pc).count() as u64;
                assert_eq!(counters.get(index), round * count, "{arg} at {pc:?}");
            }
        }
    }
}

#[test]
fn c4_after_fires_before_what_watches_the_next_operator() {
    let mut guest = Guest::new(PATHS);
    let log = Shared::default();
    let call = guest.pc("run", "Call", 0);
    let set = guest.pc("run", "LocalSet", 0);
    for (site, name) in [
        (Site::Before(set), "before set "),
        (Site::After(call), "after call "),
        (Site::Before(call), "before call "),
        (Site::After(set), "after set"),
    ] {
        let sink = log.clone();
        let probe = Probe::call(move |ctx| {
            let top = ctx.frame().num_operands();
            let top = (top > 0).then(|| i32_of(ctx.frame().top(0).unwrap()));
            sink.push(format!("{name}{top:?} "));
            Ok(())
        });
        guest.insert("run", site, probe);
    }
    guest.call_i32("run", &[6]).unwrap();
    assert_eq!(
        log.take().concat(),
        "before call Some(6) after call Some(36) before set Some(36) after setNone "
    );
}

#[test]
fn c3_after_is_a_site_of_its_own() {
    // What it does to the site before the next operator holds at once; to itself, next time.
    let mut guest = Guest::new(PATHS);
    let log = Shared::default();
    let tee = guest.pc("run", "LocalTee", 0);
    let next = guest.operators("run");
    let next = next[next.iter().position(|(pc, _)| *pc == tee).unwrap() + 1].0;
    let func = guest.func("run");
    let sink = log.clone();
    let gone = guest.insert(
        "run",
        Site::Before(next),
        Probe::call({
            let sink = log.clone();
            move |_| {
                sink.push("gone ");
                Ok(())
            }
        }),
    );
    let mut first = true;
    guest.insert(
        "run",
        Site::After(tee),
        Probe::call(move |ctx| {
            sink.push("after ");
            if std::mem::take(&mut first) {
                let (one, two) = (sink.clone(), sink.clone());
                let mut probes = ctx.probes();
                probes.insert(
                    func,
                    Site::Before(next),
                    Probe::call(move |_| {
                        one.push("next ");
                        Ok(())
                    }),
                )?;
                probes.insert(
                    func,
                    Site::After(tee),
                    Probe::call(move |_| {
                        two.push("own ");
                        Ok(())
                    }),
                )?;
                assert!(probes.remove(gone));
            }
            Ok(())
        }),
    );
    // 26, 33, 40: three rounds.
    guest.call_i32("run", &[1]).unwrap();
    let text = log.take().concat();
    let rounds = text.matches("after ").count();
    let rest = "after own next ".repeat(rounds - 1);
    assert_eq!(text, format!("after next {rest}"));
    assert!(rounds > 2);
}

#[test]
fn c2_removed_behind_an_operator() {
    let mut guest = Guest::new(PATHS);
    let result = guest.call_i32("run", &[1]).unwrap();
    // Both with a way past them and without.
    for (name, nth) in [("BrIf", 1), ("LocalTee", 0), ("LocalSet", 0), ("Nop", 1)] {
        let pc = guest.pc("run", name, nth);
        let log = Shared::default();
        let sink = log.clone();
        let probe = Probe::call(move |_| {
            sink.push(());
            Ok(())
        });
        guest.insert("run", Site::After(pc), probe.one_shot());
        for _ in 0..3 {
            assert_eq!(guest.call_i32("run", &[1]).unwrap(), result, "{name}");
        }
        // The first `local.set` is jumped over.
        assert_eq!(log.len(), usize::from(name != "LocalSet"), "{name}");
    }
}

#[test]
fn c1_where_control_never_goes_on() {
    let mut guest = Guest::new(PATHS);
    let func = guest.func("run");
    let last = guest.operators("run").last().unwrap().0;
    for pc in [
        guest.pc("run", "BrTable", 0),
        guest.pc("run", "Else", 0),
        last,
    ] {
        let probe = Probe::call(|_| Ok(()));
        let error = guest
            .store
            .probes()
            .insert(func, Site::After(pc), probe)
            .expect_err("no such site");
        assert!(error.to_string().contains("does not go on"), "{error}");
    }
    let inside = WasmPc(guest.pc("run", "I32Const", 0).0 + 1);
    let probe = Probe::call(|_| Ok(()));
    let probes = &mut guest.store.probes();
    let error = probes.insert(func, Site::After(inside), probe);
    assert!(error.unwrap_err().to_string().contains("no operator"));
}

#[test]
fn c6_an_error_behind_an_operator_ends_before_the_next() {
    let mut guest = Guest::new(PATHS);
    let store = guest.pc("run", "I32Store", 0);
    let value = guest.operators("run");
    let value = value[value.iter().position(|(pc, _)| *pc == store).unwrap() - 1].0;
    let log = Shared::default();
    let sink = log.clone();
    guest.insert(
        "run",
        Site::After(value),
        Probe::call(|_| Err(probity_engine::TrapCode::Unreachable.into())),
    );
    guest.insert(
        "run",
        Site::Before(store),
        Probe::call(move |_| {
            sink.push(());
            Ok(())
        }),
    );
    let error = guest.call("run", &[Val::I32(1)]).unwrap_err();
    assert_eq!(error.backtrace()[0].pc(), store);
    assert_eq!(log.len(), 0);
}
