//! Point 3: what happens while a site fires. And the order part of point 4.

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::{Result, Val};

use super::guest::{Count, Guest, Shared, call, i32_of};

const TWICE: &str = r#"(module
  (func (export "run") (result i32) (local i32)
    loop
      nop
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get 0) (i32.const 3)))
    end
    local.get 0))"#;

/// A probe that writes `name` and then does something.
fn named(
    log: &Shared<&'static str>,
    name: &'static str,
    mut then: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
) -> Probe {
    let log = log.clone();
    Probe::call(move |ctx| {
        log.push(name);
        then(ctx)
    })
}

fn quiet(log: &Shared<&'static str>, name: &'static str) -> Probe {
    named(log, name, |_| Ok(()))
}

/// The three fires of the nop in `TWICE`, with `|` between them.
fn fires(guest: &mut Guest, log: &Shared<&'static str>) -> String {
    let bar = log.clone();
    guest.before("run", "LocalSet", 0, move |_| {
        bar.push("|");
        Ok(())
    });
    assert_eq!(guest.call_i32("run", &[]).unwrap(), 3);
    log.take().concat()
}

#[test]
fn c4_order_is_priority_then_insertion() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    for (name, priority) in [
        ("d", 0),
        ("f", 7),
        ("a", i32::MIN),
        ("b", -1),
        ("e", 0),
        ("c", -1),
    ] {
        guest.insert("run", site, quiet(&log, name).priority(priority));
    }
    assert_eq!(fires(&mut guest, &log), "abcdef|abcdef|abcdef|");
}

#[test]
fn c4_order_holds_after_removals_and_insertions() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    let a = guest.insert("run", site, quiet(&log, "a"));
    guest.insert("run", site, quiet(&log, "b"));
    let c = guest.insert("run", site, quiet(&log, "c"));
    guest.insert("run", site, quiet(&log, "d"));
    assert!(guest.store.probes().remove(c));
    assert!(guest.store.probes().remove(a));
    guest.insert("run", site, quiet(&log, "e"));
    guest.insert("run", site, quiet(&log, "f").priority(-1));
    assert_eq!(fires(&mut guest, &log), "fbde|fbde|fbde|");
}

#[test]
fn c3_probes_inserted_at_the_firing_site_wait_for_its_next_fire() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    let func = guest.func("run");
    let (inner, mut done) = (log.clone(), false);
    guest.insert(
        "run",
        site,
        named(&log, "a", move |ctx| {
            if !std::mem::replace(&mut done, true) {
                let mut probes = ctx.probes();
                probes.insert(func, site, quiet(&inner, "x"))?;
                probes.insert(func, site, quiet(&inner, "y").priority(-1))?;
            }
            Ok(())
        }),
    );
    guest.insert("run", site, quiet(&log, "b"));
    assert_eq!(fires(&mut guest, &log), "ab|yabx|yabx|");
}

#[test]
fn c3_probes_removed_at_the_firing_site_still_fire_this_time() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    let b = guest.insert("run", site, quiet(&log, "b"));
    let d = guest.insert("run", site, quiet(&log, "d"));
    guest.insert(
        "run",
        site,
        named(&log, "a", move |ctx| {
            ctx.probes().remove(b);
            ctx.probes().remove(d);
            Ok(())
        })
        .priority(-1),
    );
    assert_eq!(fires(&mut guest, &log), "abd|a|a|");
}

#[test]
fn c3_self_removal_in_the_middle_of_a_list() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    guest.insert("run", site, quiet(&log, "a"));
    guest.insert(
        "run",
        site,
        named(&log, "b", |ctx| {
            let id = ctx.id();
            assert!(ctx.probes().remove(id));
            Ok(())
        }),
    );
    guest.insert("run", site, quiet(&log, "c").one_shot());
    guest.insert("run", site, quiet(&log, "d"));
    assert_eq!(fires(&mut guest, &log), "abcd|ad|ad|");
}

#[test]
fn c3_probes_inserted_and_removed_in_one_fire_never_fire() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    let func = guest.func("run");
    let inner = log.clone();
    guest.insert(
        "run",
        site,
        named(&log, "a", move |ctx| {
            let mut probes = ctx.probes();
            let id = probes.insert(func, site, quiet(&inner, "x"))?;
            assert!(probes.remove(id));
            assert!(!probes.remove(id));
            Ok(())
        }),
    );
    assert_eq!(fires(&mut guest, &log), "a|a|a|");
}

/// The last probe of a site removes all of them: the code must not return to its
/// fast form under the feet of the fire.
#[test]
fn c3_all_probes_of_a_site_removed_in_one_fire() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let site = Site::Before(guest.pc("run", "Nop", 0));
    let a = guest.insert("run", site, quiet(&log, "a"));
    let b = guest.insert("run", site, quiet(&log, "b"));
    guest.insert(
        "run",
        site,
        named(&log, "c", move |ctx| {
            let id = ctx.id();
            for id in [id, a, b] {
                assert!(ctx.probes().remove(id));
            }
            Ok(())
        }),
    );
    assert_eq!(fires(&mut guest, &log), "abc|||");
}

/// Local and global probes at one place: one list, one order.
#[test]
fn c4_global_and_local_probes_share_one_order() {
    let mut guest = Guest::new(TWICE);
    let log = Shared::default();
    let pc = guest.pc("run", "Nop", 0);
    let global = |name: &'static str| {
        let log = log.clone();
        Probe::call(move |ctx| {
            if ctx.pc() == pc {
                log.push(name);
            }
            Ok(())
        })
    };
    guest.insert("run", Site::Before(pc), quiet(&log, "b").priority(-5));
    guest.insert("run", Site::Before(pc), quiet(&log, "c"));
    guest.store.probes().insert_global(global("D"));
    guest.store.probes().insert_global(global("A").priority(-9));
    guest.insert("run", Site::Before(pc), quiet(&log, "e"));
    assert_eq!(fires(&mut guest, &log), "AbcDe|AbcDe|AbcDe|");
}

const FACTORIAL: &str = r#"(module
  (func $f (export "f") (param i32) (result i32)
    nop
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 1))
      (else (i32.mul (local.get 0) (call $f (i32.sub (local.get 0) (i32.const 1))))))))"#;

#[test]
fn c3_guest_calls_from_a_probe_do_not_fire_that_probe() {
    let mut guest = Guest::new(FACTORIAL);
    let log = Shared::default();
    let sink = log.clone();
    guest.before("f", "Nop", 0, move |ctx| {
        let func = ctx.func();
        let results = call(ctx, func, &[Val::I32(4)])?;
        sink.push(i32_of(&results[0]));
        Ok(())
    });
    assert_eq!(guest.call_i32("f", &[5]).unwrap(), 120);
    assert_eq!(log.take(), [24; 6]);
}

#[test]
fn c3_guest_calls_from_a_probe_fire_the_other_probes() {
    let mut guest = Guest::new(FACTORIAL);
    let others = Count::default();
    let site = Site::Before(guest.pc("f", "Nop", 0));
    guest.insert(
        "f",
        site,
        Probe::call(|ctx| {
            let func = ctx.func();
            call(ctx, func, &[Val::I32(2)]).map(drop)
        }),
    );
    let multiplication = Site::Before(guest.pc("f", "I32Mul", 0));
    guest.insert("f", multiplication, others.probe());
    assert_eq!(guest.call_i32("f", &[3]).unwrap(), 6);
    // 3 multiplications of the guest's own, and 2 in each of 4 calls by the probe.
    assert_eq!(others.get(), 3 + 4 * 2);
}

#[test]
fn c3_guest_calls_from_a_global_probe_do_not_fire_it() {
    let mut guest = Guest::new(FACTORIAL);
    let (_, trace) = guest.trace("f", &[Val::I32(3)]);
    let count = Count::default();
    let seen = count.clone();
    guest.store.probes().insert_global(Probe::call(move |ctx| {
        seen.up();
        let func = ctx.func();
        let results = call(ctx, func, &[Val::I32(3)])?;
        assert_eq!(i32_of(&results[0]), 6);
        Ok(())
    }));
    assert_eq!(guest.call_i32("f", &[3]).unwrap(), 6);
    assert_eq!(count.get(), trace.len() as u64);
}

/// Removal by a callee of the fire: the probe calls a guest whose probe removes
/// the one that is firing.
#[test]
fn c3_a_firing_probe_can_be_removed_from_a_guest_call_that_it_makes() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "f") (result i32) nop i32.const 1)
          (func (export "g") nop))"#,
    );
    let (count, g) = (Count::default(), guest.func("g"));
    let seen = count.clone();
    let id = guest.before("f", "Nop", 0, move |ctx| {
        seen.up();
        call(ctx, g, &[]).map(drop)
    });
    guest.before("g", "Nop", 0, move |ctx| {
        ctx.probes().remove(id);
        Ok(())
    });
    for _ in 0..3 {
        assert_eq!(guest.call_i32("f", &[]).unwrap(), 1);
    }
    assert_eq!(count.get(), 1);
}

#[test]
fn c3_exits_see_the_frame_when_a_probe_before_them_has_changed_the_code() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "other") nop)
          (func (export "run") (param i32) (result i32)
            nop (return (i32.add (local.get 0) (i32.const 1)))))"#,
    );
    let log = Shared::default();
    let sink = log.clone();
    guest.insert(
        "run",
        Site::Exit,
        Probe::call(move |ctx| {
            let frame = ctx.frame();
            sink.push((frame.local(0).map(i32_of), frame.top(0).map(i32_of)));
            Ok(())
        }),
    );
    // Guest code that a probe of the `return` calls makes a change to the function that is about to return.
    let (run, other) = (guest.func("run"), guest.func("other"));
    let nop = guest.pc("run", "Nop", 0);
    let count = Count::default();
    let counting = count.clone();
    guest.before("other", "Nop", 0, move |ctx| {
        ctx.probes().insert(run, Site::Before(nop), counting.probe())?;
        Ok(())
    });
    guest.before("run", "Return", 0, move |ctx| call(ctx, other, &[]).map(|_| ()));
    for n in 0..4 {
        assert_eq!(guest.call_i32("run", &[n]).unwrap(), n + 1);
    }
    let seen = (0..4).map(|n| (Some(n), Some(n + 1))).collect::<Vec<_>>();
    assert_eq!(log.take(), seen);
    assert_eq!(count.get(), 1 + 2 + 3);
}
