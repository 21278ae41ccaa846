//! Point 6: probes that trap, fail or panic.

use std::fmt;

use probity_engine::hook::{Probe, Site};
use probity_engine::{Caller, Error, ErrorKind, TrapCode};

use super::guest::{Count, Guest, i32_of, trap_code, trap_code_of};

#[derive(Debug)]
struct Complaint(&'static str);

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Complaint {}

const STEPS: &str = r#"(module
  (global $g (export "g") (mut i32) (i32.const 0))
  (func $inner (export "inner")
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    nop
    (global.set $g (i32.add (global.get $g) (i32.const 10))))
  (func (export "run") (call $inner)
    (global.set $g (i32.add (global.get $g) (i32.const 100)))))"#;

fn global(guest: &Guest) -> i32 {
    let global = guest
        .instance
        .get_global(&guest.store, "g")
        .expect("exported");
    i32_of(global.get(&guest.store))
}

/// After a failure: the store works, and without the probe the guest is whole.
fn check_recovery(guest: &mut Guest) {
    let before = global(guest);
    guest.call("run", &[]).expect("the probe is gone");
    assert_eq!(global(guest) - before, 111);
}

#[test]
fn c6_a_probe_traps_the_guest_before_its_instruction() {
    let mut guest = Guest::new(STEPS);
    let id = guest.before("inner", "Nop", 0, |_| Err(TrapCode::Probe.into()));
    let error = guest.call("run", &[]).expect_err("it traps");
    assert_eq!(trap_code_of(&error), TrapCode::Probe);
    let frames: Vec<_> = error
        .backtrace()
        .iter()
        .map(|f| (f.func_name(), f.pc()))
        .collect();
    assert_eq!(
        frames,
        [
            (Some("inner"), guest.pc("inner", "Nop", 0)),
            (Some("run"), guest.pc("run", "Call", 0)),
        ]
    );
    assert_eq!(global(&guest), 1);
    assert!(guest.store.probes().remove(id));
    check_recovery(&mut guest);
}

#[test]
fn c6_a_probes_own_error_ends_the_run_as_it_is() {
    for site in ["Entry", "Exit", "Nop", "Loop-free call"] {
        let mut guest = Guest::new(STEPS);
        let (export, place) = match site {
            "Entry" => ("inner", Site::Entry),
            "Exit" => ("inner", Site::Exit),
            "Nop" => ("inner", Site::Before(guest.pc("inner", "Nop", 0))),
            _ => ("run", Site::Before(guest.pc("run", "Call", 0))),
        };
        let probe = Probe::call(|_| Err(Error::host(Complaint("no further"))));
        let id = guest.insert(export, place, probe);
        let error = guest.call("run", &[]).expect_err(site);
        let complaint = error.downcast_ref::<Complaint>();
        assert_eq!(complaint.map(|c| c.0), Some("no further"), "{site}");
        assert!(guest.store.probes().remove(id));
        check_recovery(&mut guest);
    }
}

#[test]
fn c6_the_first_failure_in_order_wins() {
    let mut guest = Guest::new(STEPS);
    let pc = guest.pc("inner", "Nop", 0);
    let mut ids = Vec::new();
    for (priority, name) in [(0, "second"), (5, "third"), (-3, "first")] {
        let probe = Probe::call(move |_| Err(Error::host(Complaint(name))));
        ids.push(guest.insert("inner", Site::Before(pc), probe.priority(priority)));
    }
    for expected in ["first", "second", "third"] {
        let error = guest.call("run", &[]).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let next = match expected {
            "first" => ids[2],
            "second" => ids[0],
            _ => ids[1],
        };
        assert!(guest.store.probes().remove(next));
    }
    guest
        .store
        .probes()
        .insert_global(Probe::call(|_| Err(TrapCode::Probe.into())));
    assert_eq!(trap_code(guest.call("run", &[])), TrapCode::Probe);
}

#[test]
fn c6_functions_left_by_a_failing_probe_are_exited() {
    let mut guest = Guest::new(STEPS);
    let (entries, exits) = (Count::default(), Count::default());
    for export in ["inner", "run"] {
        guest.insert(export, Site::Entry, entries.probe());
        guest.insert(export, Site::Exit, exits.probe());
    }
    guest.before("inner", "Nop", 0, |_| Err(TrapCode::Probe.into()));
    guest.call("run", &[]).unwrap_err();
    assert_eq!((entries.get(), exits.get()), (2, 2));
}

#[test]
fn c6_panics_become_errors() {
    for site in ["nop", "entry", "exit", "global"] {
        let mut guest = Guest::new(STEPS);
        let probe = Probe::call(|_| panic!("deliberate panic of a probe"));
        let id = match site {
            "nop" => {
                let pc = guest.pc("inner", "Nop", 0);
                guest.insert("inner", Site::Before(pc), probe)
            }
            "entry" => guest.insert("inner", Site::Entry, probe),
            "exit" => guest.insert("inner", Site::Exit, probe),
            _ => guest.store.probes().insert_global(probe),
        };
        let error = guest.call("run", &[]).expect_err(site);
        assert!(
            error.to_string().contains("deliberate panic of a probe"),
            "{error}"
        );
        // Whether the panicking probe stays is the engine's choice; it can be removed.
        guest.store.probes().remove(id);
        check_recovery(&mut guest);
    }
}

/// A panic under a guest call, under a probe, under a host call.
#[test]
fn c6_panics_are_contained_at_any_depth() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "again" (func $again))
          (func (export "outer") (result i32) call $again i32.const 3)
          (func (export "inner") nop))"#,
        |linker| {
            linker
                .func_wrap(
                    "h",
                    "again",
                    |mut caller: Caller<'_, ()>| -> Result<(), Error> {
                        let inner = caller.get_export("inner").and_then(|e| e.into_func());
                        let inner = inner.ok_or_else(|| Error::usage("an export"))?;
                        super::guest::call(&mut caller, inner, &[]).map(drop)
                    },
                )
                .unwrap();
        },
    );
    let id = guest.before("inner", "Nop", 0, |_| {
        panic!("deliberate panic in the depth")
    });
    let error = guest.call("outer", &[]).unwrap_err();
    assert!(
        error.to_string().contains("deliberate panic in the depth"),
        "{error}"
    );
    guest.store.probes().remove(id);
    assert_eq!(guest.call_i32("outer", &[]).unwrap(), 3);
}

/// A probe may answer a guest call's trap itself; the guest around it goes on.
#[test]
fn c6_traps_of_a_probes_own_guest_calls_are_the_probes_to_handle() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "f") (param i32) (result i32) nop (i32.add (local.get 0) (i32.const 1)))
          (func (export "trap") unreachable))"#,
    );
    let trap = guest.func("trap");
    guest.before("f", "Nop", 0, move |ctx| {
        let error = super::guest::call(ctx, trap, &[]).expect_err("it traps");
        assert_eq!(trap_code_of(&error), TrapCode::Unreachable);
        Ok(())
    });
    assert_eq!(guest.call_i32("f", &[41]).unwrap(), 42);
}

#[test]
fn c6_functions_that_do_not_validate_cannot_be_probed_or_called() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "good") (result i32) i32.const 1)
          (func (export "bad") (result i32) i64.const 1))"#,
    );
    let bad = guest.func("bad");
    let pc = guest.pc("bad", "I64Const", 0);
    let outcome = guest
        .store
        .probes()
        .insert(bad, Site::Before(pc), Count::default().probe());
    // The engine may notice now or at the call, but not never.
    if let Err(error) = outcome {
        assert!(matches!(error.kind(), ErrorKind::Load(_)), "{error}");
    }
    let count = Count::default();
    guest.store.probes().insert_global(count.probe());
    let error = guest.call("bad", &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Load(_)), "{error}");
    assert_eq!(count.get(), 0);
    assert_eq!(guest.call_i32("good", &[]).unwrap(), 1);
    assert_eq!(count.get(), 2);
}

/// Exit probes that fail while a trap unwinds: the run fails, with the trap first.
#[test]
fn c6_the_guests_trap_comes_before_what_exit_probes_say_about_it() {
    let mut guest = Guest::new(
        r#"(module
          (func $t (export "t") (param i32) (i32.store (i32.const -1) (local.get 0)))
          (memory 1)
          (func (export "run") (call $t (i32.const 1))))"#,
    );
    let exits = Count::default();
    guest.insert("run", Site::Exit, exits.probe());
    guest.insert(
        "t",
        Site::Exit,
        Probe::call(|_| Err(Error::host(Complaint("late")))),
    );
    let code = trap_code(guest.call("run", &[]));
    assert_eq!(code, TrapCode::MemoryOutOfBounds);
    assert_eq!(exits.get(), 1);
}
