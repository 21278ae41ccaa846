//! Point 4: function entry and exit, by every way out.

use probity_engine::hook::{ExitReason, Probe, Site};
use probity_engine::{Caller, Error, ErrorKind, Linker, Module, TrapCode, Val};

use super::guest::{Count, Guest, Shared, call, trap_code, trap_code_of};

const WAYS: &str = r#"(module
  (import "h" "fail" (func $fail))
  (table 1 funcref)
  (func (export "end") (param i32) (result i32) local.get 0)
  (func (export "empty"))
  (func (export "return") (param i32) (result i32)
    block loop local.get 0 return end end unreachable)
  (func (export "br") (param i32) (result i32)
    block loop local.get 0 br 2 end end unreachable)
  (func (export "br_if") (param i32) (result i32)
    block local.get 0 local.get 0 br_if 1 drop end i32.const 100)
  (func (export "br_table") (param i32) (result i32)
    block (result i32) i32.const 50 local.get 0 br_table 0 1 end
    drop i32.const 60)
  (func (export "trap") (param i32) (result i32)
    (i32.div_u (i32.const 12) (local.get 0)))
  (func (export "unreachable") unreachable)
  (func (export "indirect") (call_indirect (i32.const 0)))
  (func (export "host") (result i32) call $fail i32.const 1)
  (func $forever (export "forever") call $forever)
  (func (export "endless") (loop br 0)))"#;

struct Watched {
    guest: Guest,
    log: Shared<String>,
}

/// Entry and exit of every function, and each instruction in between.
fn watch() -> Watched {
    let mut guest = Guest::linked(WAYS, |linker| {
        linker
            .func_wrap("h", "fail", |_: Caller<'_, ()>| -> Result<(), Error> {
                Err(Error::host(std::fmt::Error))
            })
            .unwrap();
    });
    let log = Shared::default();
    for index in 1..guest.module.num_functions() {
        let func = guest.instance.func(&guest.store, index).unwrap();
        let (entries, exits) = (log.clone(), log.clone());
        let mut probes = guest.store.probes();
        let entry = Probe::call(move |ctx| {
            assert_eq!(ctx.exit_reason(), None);
            assert_eq!(ctx.func_index(), index);
            entries.push("(".to_owned());
            Ok(())
        });
        probes.insert(func, Site::Entry, entry).unwrap();
        let exit = Probe::call(move |ctx| {
            assert_eq!(ctx.func_index(), index);
            let reason = ctx.exit_reason().expect("an exit has a reason");
            let frame = ctx.frame();
            let top = match (reason, frame.num_operands()) {
                (ExitReason::Return, 1) => format!("{:?}", frame.top(0).expect("one operand")),
                (ExitReason::Return, n) => format!("{n}"),
                _ => String::new(),
            };
            exits.push(format!("{reason:?} {top})"));
            Ok(())
        });
        probes.insert(func, Site::Exit, exit).unwrap();
    }
    let steps = log.clone();
    guest.store.probes().insert_global(Probe::call(move |ctx| {
        assert_eq!(ctx.exit_reason(), None);
        steps.push(".".to_owned());
        Ok(())
    }));
    Watched { guest, log }
}

impl Watched {
    fn check(&mut self, export: &str, args: &[i32], expected: &str) -> Result<Vec<Val>, Error> {
        let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
        let outcome = self.guest.call(export, &args);
        assert_eq!(self.log.take().concat(), expected, "{export}{args:?}");
        outcome
    }
}

/// `(` entry, `.` an instruction, `reason result)` exit.
#[test]
fn c4_entry_and_exit_pair_around_all_instructions_with_results_and_reason() {
    let mut watched = watch();
    for (export, args, expected) in [
        ("end", &[7][..], "(..Return I32(7))"),
        ("empty", &[], "(.Return 0)"),
        ("return", &[7], "(....Return I32(7))"),
        ("br", &[7], "(.....Return I32(7))"),
        ("br_if", &[7], "(.....Return I32(7))"),
        ("br_if", &[0], "(........Return I32(100))"),
        ("br_table", &[0], "(........Return I32(60))"),
        ("br_table", &[5], "(.....Return I32(50))"),
        ("trap", &[3], "(....Return I32(4))"),
    ] {
        watched.check(export, args, expected).expect(export);
    }
}

#[test]
fn c4_exits_by_trap() {
    let mut watched = watch();
    for (export, args, expected) in [
        ("trap", &[0][..], "(...Trap )"),
        ("unreachable", &[], "(.Trap )"),
        ("indirect", &[], "(..Trap )"),
    ] {
        let outcome = watched.check(export, args, expected);
        assert!(outcome.expect_err(export).trap().is_some());
    }
}

#[test]
fn c4_exits_by_host_error() {
    let mut watched = watch();
    let outcome = watched.guest.call("host", &[]);
    assert!(matches!(
        outcome.expect_err("it fails").kind(),
        ErrorKind::Host(_)
    ));
    let log = watched.log.take().concat();
    assert!(
        ["(.Trap )", "(.Exception )"].contains(&log.as_str()),
        "{log}"
    );
}

/// The call that exhausts the stack enters nothing: entries and exits are equally many.
#[test]
fn c4_entries_and_exits_pair_when_the_stack_is_exhausted() {
    let mut watched = watch();
    let code = trap_code(watched.guest.call("forever", &[]));
    assert_eq!(code, TrapCode::StackOverflow);
    let log = watched.log.take();
    let entries = log.iter().filter(|event| *event == "(").count();
    let exits = log.iter().filter(|event| *event == "Trap )").count();
    assert!(entries > 100);
    assert_eq!(entries, exits);
}

#[test]
fn c4_entries_and_exits_pair_when_a_limit_ends_the_run() {
    let mut watched = watch();
    watched.guest.store.set_fuel_limit(Some(1000));
    let code = trap_code(watched.guest.call("endless", &[]));
    assert_eq!(code, TrapCode::OutOfFuel);
    let log = watched.log.take();
    assert_eq!(log.first().map(String::as_str), Some("("));
    assert_eq!(log.last().map(String::as_str), Some("Trap )"));
}

const NESTED: &str = r#"(module
  (func $c (export "c") (param i32) (result i32) (i32.div_s (i32.const 6) (local.get 0)))
  (func $b (export "b") (param i32) (result i32) (i32.add (i32.const 1) (call $c (local.get 0))))
  (func $a (export "a") (param i32) (result i32) (i32.add (i32.const 1) (call $b (local.get 0)))))"#;

fn nested(log: &Shared<(u32, Option<ExitReason>)>) -> Guest {
    let mut guest = Guest::new(NESTED);
    for export in ["a", "b", "c"] {
        for site in [Site::Entry, Site::Exit] {
            let log = log.clone();
            let probe = Probe::call(move |ctx| {
                log.push((ctx.func_index(), ctx.exit_reason()));
                Ok(())
            });
            guest.insert(export, site, probe);
        }
    }
    guest
}

#[test]
fn c4_exits_of_an_unwound_stack_fire_from_the_innermost() {
    let log = Shared::default();
    let mut guest = nested(&log);
    for (argument, reason) in [(3, ExitReason::Return), (0, ExitReason::Trap)] {
        let outcome = guest.call_i32("a", &[argument]);
        assert_eq!(outcome.is_ok(), argument != 0);
        let reason = Some(reason);
        assert_eq!(
            log.take(),
            [
                (2, None),
                (1, None),
                (0, None),
                (0, reason),
                (1, reason),
                (2, reason)
            ]
        );
    }
}

#[test]
fn c4_exits_are_read_before_the_stack_is_gone() {
    let mut guest = Guest::new(NESTED);
    let log = Shared::default();
    let sink = log.clone();
    guest.insert(
        "c",
        Site::Exit,
        Probe::call(move |ctx| {
            let depth = ctx.depth();
            let outer = ctx.frame_at(1).expect("the caller").func_index();
            let local = ctx.frame().local(0);
            sink.push(format!("{depth} {outer} {local:?}"));
            Ok(())
        }),
    );
    assert_eq!(guest.call_i32("a", &[6]).unwrap(), 3);
    assert!(guest.call_i32("a", &[0]).is_err());
    assert_eq!(log.take(), ["3 1 Some(I32(6))", "3 1 Some(I32(0))"]);
}

#[test]
fn c4_unwinding_tells_function_and_instruction_of_each_frame() {
    let mut guest = Guest::new(NESTED);
    let log = Shared::default();
    let sink = log.clone();
    guest.store.probes().on_unwind(move |probes, func, pc| {
        let (_, index) = probes.module_of(func).expect("a Wasm function");
        sink.push((index, pc));
    });
    assert_eq!(guest.call_i32("a", &[2]).unwrap(), 5);
    assert_eq!(log.take(), []);
    let error = guest.call_i32("a", &[0]).unwrap_err();
    assert_eq!(trap_code_of(&error), TrapCode::IntegerDivideByZero);
    let expected = [
        (0, guest.pc("c", "I32DivS", 0)),
        (1, guest.pc("b", "Call", 0)),
        (2, guest.pc("a", "Call", 0)),
    ];
    assert_eq!(log.take(), expected);
    let backtrace: Vec<_> = error
        .backtrace()
        .iter()
        .map(|f| (f.func_index(), f.pc()))
        .collect();
    assert_eq!(backtrace, expected);
}

#[test]
fn c4_unwinding_by_a_host_error_passes_every_wasm_frame() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "fail" (func $fail))
          (func $b call $fail)
          (func (export "a") call $b))"#,
        |linker| {
            linker
                .func_wrap("h", "fail", |_: Caller<'_, ()>| -> Result<(), Error> {
                    Err(Error::host(std::fmt::Error))
                })
                .unwrap();
        },
    );
    let log = Shared::default();
    let sink = log.clone();
    guest.store.probes().on_unwind(move |probes, func, _| {
        sink.push(probes.module_of(func).map(|(_, index)| index));
    });
    guest.call("a", &[]).unwrap_err();
    assert_eq!(log.take(), [Some(1), Some(2)]);
}

#[test]
fn c4_start_functions_and_indirect_callees_have_entry_and_exit() {
    let mut guest = Guest::new("(module)");
    let (entries, exits) = (Count::default(), Count::default());
    let (entry, exit) = (entries.clone(), exits.clone());
    guest.store.probes().on_first_call(move |probes, func| {
        probes
            .insert(func, Site::Entry, entry.probe())
            .expect("an entry");
        probes
            .insert(func, Site::Exit, exit.probe())
            .expect("an exit");
    });
    let module = Module::new(
        guest.store.engine(),
        r#"(module
          (table 1 funcref) (elem (i32.const 0) $f)
          (func $f)
          (func $start (call_indirect (i32.const 0)))
          (start $start)
          (func (export "run") (call_indirect (i32.const 0))))"#,
    )
    .unwrap();
    let instance = Linker::new(guest.store.engine())
        .instantiate(&mut guest.store, &module)
        .unwrap();
    assert_eq!((entries.get(), exits.get()), (2, 2));
    let run = instance.get_func(&guest.store, "run").unwrap();
    call(&mut guest.store, run, &[]).unwrap();
    assert_eq!((entries.get(), exits.get()), (4, 4));
}

/// A function whose first instruction is a loop: the entry is not in the loop.
#[test]
fn c4_entries_fire_once_though_the_body_begins_with_a_loop() {
    let mut guest = Guest::new(
        r#"(module (func (export "f") (param i32) (result i32)
             loop
               local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0
             end
             local.get 0))"#,
    );
    let (entries, exits, loops) = (Count::default(), Count::default(), Count::default());
    guest.insert("f", Site::Entry, entries.probe());
    guest.insert("f", Site::Exit, exits.probe());
    let pc = guest.pc("f", "Loop", 0);
    guest.insert("f", Site::Before(pc), loops.probe());
    assert_eq!(guest.call_i32("f", &[10]).unwrap(), 0);
    assert_eq!((entries.get(), loops.get(), exits.get()), (1, 10, 1));
}

#[test]
fn c4_a_function_that_is_interrupted_at_its_entry_has_neither_entry_nor_exit() {
    let mut guest = Guest::new(
        r#"(module
          (func (export "fill") (param i64 i64 i64 i64))
          (func $f (export "f") (param i32) (result i32) (local anyref i32 anyref)
            (local.set 2 (local.get 0))
            (if (ref.is_null (local.get 3)) (then (local.set 2 (i32.const 5)) (call 0
              (i64.const 9) (i64.const 17) (i64.const 33) (i64.const 65))))
            local.get 2))"#,
    );
    let (entries, exits, shown) = (Count::default(), Count::default(), Shared::default());
    guest.insert("f", Site::Entry, entries.probe());
    let counting = exits.clone();
    let exit = Probe::call(move |ctx| {
        counting.up();
        // They are read, whatever they are.
        ctx.frame().local(1);
        Ok(())
    });
    guest.insert("f", Site::Exit, exit);
    let sink = shown.clone();
    guest.store.probes().on_trap(move |ctx, _| {
        let frame = ctx.frame();
        sink.push([1, 3].map(|i| matches!(frame.local(i), Some(Val::AnyRef(Some(_))))));
    });
    for round in 1..4 {
        assert_eq!(guest.call_i32("f", &[7]).unwrap(), 5);
        // What lies on the stack from now on is no reference.
        guest.call("fill", &[const { Val::I64(36) }; 4]).unwrap();
        guest.store.interrupt_handle().interrupt(TrapCode::Interrupted);
        assert_eq!(trap_code(guest.call("f", &[Val::I32(7)])), TrapCode::Interrupted);
        assert_eq!((entries.get(), exits.get()), (round, round));
        assert_eq!(shown.take(), [[false; 2]]);
    }
}
