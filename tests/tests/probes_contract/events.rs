//! Moments of a store that are no site of a function. Points 1, 2 and 6 hold for them, too.

use probity_engine::hook::HostPhase;
use probity_engine::{Error, Instance, Linker, Module, TrapCode, Val};

use super::guest::{Guest, Shared, trap_code};

const HOST: &str = r#"(module
  (import "env" "add" (func $add (param i32 i64) (result i64)))
  (import "env" "fail" (func $fail))
  (table funcref (elem $add))
  (func (export "run") (param i32) (result i64)
    (i64.add (call $add (local.get 0) (i64.const 5)) (call $inner (local.get 0))))
  (func $inner (param i32) (result i64)
    (call_indirect (param i32 i64) (result i64) (local.get 0) (i64.const 7) (i32.const 0)))
  (func (export "fails") nop call $fail)
  (func $deep (param i32)
    (if (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (else unreachable)))
  (func (export "traps") (call $deep (i32.const 3))))"#;

fn define(linker: &mut Linker<()>) {
    linker
        .func_wrap("env", "add", |a: i32, b: i64| i64::from(a) + b)
        .unwrap();
    let fail = || Err::<(), _>(Error::host(std::io::Error::other("no luck")));
    linker.func_wrap("env", "fail", fail).unwrap();
}

#[test]
fn c1_host_calls_are_told_with_names_arguments_and_results() {
    let mut guest = Guest::linked(HOST, define);
    let log = Shared::default();
    let sink = log.clone();
    let id = guest.store.probes().on_host_call(move |ctx, call| {
        let at = ctx.frame().func_index();
        let phase = match call.phase {
            HostPhase::Call => "call",
            HostPhase::Return => "return",
            HostPhase::Fail(_) => "fail",
        };
        sink.push(format!("{at} {phase} {} {:?}", call.name, call.values));
        Ok(())
    });
    guest.call("run", &[Val::I32(1)]).unwrap();
    let error = guest.call("fails", &[]).unwrap_err();
    assert!(error.to_string().contains("no luck"), "{error}");
    let log_now = log.take();
    let expected = [
        "2 call env.add [I32(1), I64(5)]",
        "2 return env.add [I64(6)]",
        "3 call env.add [I32(1), I64(7)]",
        "3 return env.add [I64(8)]",
        "4 call env.fail []",
        "4 fail env.fail []",
    ];
    assert_eq!(log_now, expected);
    assert!(guest.store.probes().remove(id));
    assert!(!guest.store.probes().remove(id));
    guest.call("run", &[Val::I32(1)]).unwrap();
    assert_eq!(log.len(), 0);
}

#[test]
fn c6_errors_and_panics_at_host_calls_end_the_guest() {
    for panics in [false, true] {
        let mut guest = Guest::linked(HOST, define);
        let id = guest.store.probes().on_host_call(move |_, call| {
            match (call.phase, panics) {
                (HostPhase::Call, true) => panic!("told of it"),
                (HostPhase::Return, false) => Err(TrapCode::Interrupted.into()),
                _ => Ok(()),
            }
        });
        let error = guest.call("run", &[Val::I32(1)]).unwrap_err();
        match panics {
            true => assert!(error.to_string().contains("told of it"), "{error}"),
            false => assert_eq!(error.trap().unwrap().code(), TrapCode::Interrupted),
        }
        assert_eq!(error.backtrace().len(), 1);
        assert!(guest.store.probes().remove(id));
        guest.call("run", &[Val::I32(1)]).unwrap();
    }
}

#[test]
fn c1_traps_are_told_before_anything_is_unwound() {
    let mut guest = Guest::linked(HOST, define);
    let log = Shared::default();
    let sink = log.clone();
    guest.store.probes().on_trap(move |ctx, error| {
        let code = error.trap().map(|trap| trap.code());
        let depth = ctx.depth();
        let funcs: Vec<u32> = (0..depth)
            .map(|n| ctx.frame_at(n).unwrap().func_index())
            .collect();
        sink.push((code, funcs, ctx.frame().num_operands()));
    });
    let sink = log.clone();
    guest.store.probes().on_unwind(move |_, _, _| {
        sink.push((None, Vec::new(), 0));
    });
    assert_eq!(trap_code(guest.call("traps", &[])), TrapCode::Unreachable);
    let told = log.take();
    assert_eq!(told.len(), 1 + 5);
    let expected = (Some(TrapCode::Unreachable), vec![5, 5, 5, 5, 6], 0);
    assert_eq!(told[0], expected);
    // An error of the host is one, too; its own frame is not there.
    guest.call("fails", &[]).unwrap_err();
    assert_eq!(log.take()[0], (None, vec![4], 0));
}

#[test]
fn c1_ends_of_calls_and_instances_are_told() {
    let mut guest = Guest::linked(HOST, define);
    let log = Shared::default();
    let sink = log.clone();
    guest.store.probes().on_end(move |probes, func, error| {
        let index = probes.module_of(func).map(|(_, index)| index);
        sink.push(format!("{index:?} {:?}", error.map(ToString::to_string)));
    });
    guest.call("run", &[Val::I32(1)]).unwrap();
    guest.call("traps", &[]).unwrap_err();
    let ends = log.take();
    assert_eq!(ends[0], "Some(2) None");
    assert!(ends[1].starts_with("Some(6) Some(\""), "{}", ends[1]);
    assert_eq!(ends.len(), 2);
    let sink = log.clone();
    guest.store.probes().on_instantiate(move |probes, instance| {
        let inner = sink.clone();
        // Early enough for the start function.
        let func = instance.get_func(probes, "start").unwrap();
        let probe = probity_engine::hook::Probe::call(move |_| {
            inner.push("started".to_owned());
            Ok(())
        });
        let entry = probity_engine::hook::Site::Entry;
        probes.insert(func, entry, probe).unwrap();
        sink.push("made".to_owned());
    });
    let text = r#"(module (func $start (export "start")) (start $start))"#;
    let module = Module::new(guest.store.engine(), text).unwrap();
    Instance::new(&mut guest.store, &module, &[]).unwrap();
    assert_eq!(log.take(), ["made", "started", "Some(0) None"]);
}

#[test]
fn c5_results_outlive_what_the_end_of_a_call_collects() {
    let mut config = super::guest::config();
    config.gc_zeal(true);
    let text = r#"(module (type $s (struct (field i32)))
      (func (export "make") (result (ref $s)) (struct.new $s (i32.const 7)))
      (func (export "more") (drop (struct.new $s (i32.const 9))))
      (func (export "read") (param (ref $s)) (result i32) (struct.get $s 0 (local.get 0))))"#;
    let mut guest = Guest::configured(&config, text, |_| {});
    let (more, make, log) = (guest.func("more"), guest.func("make"), Shared::default());
    let sink = log.clone();
    guest.store.probes().on_end(move |probes, func, _| {
        if func == make {
            more.call(probes, &[], &mut []).unwrap();
            sink.push(());
        }
    });
    let made = guest.call("make", &[]).unwrap();
    assert_eq!(log.len(), 1);
    let read = guest.call("read", &made).unwrap();
    assert_eq!(super::guest::i32_of(&read[0]), 7);
}
