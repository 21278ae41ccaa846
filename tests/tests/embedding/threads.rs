//! What may be sent to and shared between threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use probity_engine::hook::{Counters, Probe, ProbeId};
use probity_engine::{
    Caller, Config, Engine, Error, Extern, Func, InterruptHandle, LinkError, Linker, LoadError,
    Module, Store, Trap, TypedFunc, Val,
};

use crate::guest::{Count, Guest, call, i32_of};

fn send<T: Send>() {}
fn send_and_sync<T: Send + Sync>() {}

/// The promises themselves are checked by the compiler.
#[test]
fn types_are_send_and_sync_where_users_expect_it() {
    send_and_sync::<Config>();
    send_and_sync::<Engine>();
    send_and_sync::<Module>();
    send_and_sync::<Linker<()>>();
    send_and_sync::<Linker<Vec<String>>>();
    send_and_sync::<Error>();
    send_and_sync::<Trap>();
    send_and_sync::<LoadError>();
    send_and_sync::<LinkError>();
    send_and_sync::<InterruptHandle>();
    send_and_sync::<Func>();
    send_and_sync::<TypedFunc<(i32, i64), f32>>();
    send_and_sync::<Extern>();
    send_and_sync::<Val>();
    send_and_sync::<Counters>();
    send_and_sync::<ProbeId>();
    send::<Store<()>>();
    send::<Store<Vec<String>>>();
    send::<Probe>();
}

const STEPS: &str = r#"(module
  (import "h" "tick" (func $tick))
  (global $n (mut i32) (i32.const 0))
  (func $step (export "step") (result i32)
    (call $tick)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (global.get $n)))"#;

#[test]
fn a_store_moves_between_threads_with_its_probes() {
    let ticks = Arc::new(AtomicUsize::new(0));
    let seen = ticks.clone();
    let mut guest = Guest::linked(STEPS, move |linker| {
        linker
            .func_wrap("h", "tick", move |_: Caller<'_, ()>| {
                seen.fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
    });
    let count = Count::default();
    let pc = guest.pc("step", "GlobalSet", 0);
    guest.insert(
        "step",
        probity_engine::hook::Site::Before(pc),
        count.probe(),
    );
    assert_eq!(guest.call_i32("step", &[]).unwrap(), 1);
    for expected in 2..=5 {
        guest = thread::spawn(move || {
            assert_eq!(guest.call_i32("step", &[]).unwrap(), expected);
            guest
        })
        .join()
        .expect("no panic");
    }
    assert_eq!(guest.call_i32("step", &[]).unwrap(), 6);
    assert_eq!((ticks.load(Ordering::Relaxed), count.get()), (6, 6));
}

/// One module, first called by several threads at once: functions are validated
/// and lowered on their first call, in whichever store that is.
#[test]
fn threads_share_a_module_and_a_linker() {
    let engine = Engine::default();
    let functions: String = (0..200)
        .map(|i| {
            format!(
                r#"(func (export "f{i}") (param i32) (result i32) (local i32)
                  (local.set 1 (i32.const {i}))
                  (loop (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                  (call $tick) (local.get 1))"#
            )
        })
        .collect();
    let module = Module::new(
        &engine,
        format!(r#"(module (import "h" "tick" (func $tick)) {functions})"#),
    )
    .unwrap();
    let ticks = Arc::new(AtomicUsize::new(0));
    let seen = ticks.clone();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("h", "tick", move |_: Caller<'_, usize>| {
            seen.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    thread::scope(|scope| {
        for id in 0..4_usize {
            let (linker, module, engine) = (&linker, &module, &engine);
            scope.spawn(move || {
                let mut store = Store::new(engine, id);
                let instance = linker.instantiate(&mut store, module).expect("it links");
                for round in 0..200 {
                    let i = (round + 50 * id) % 200;
                    let func = instance
                        .get_func(&store, &format!("f{i}"))
                        .expect("exported");
                    let found = call(&mut store, func, &[Val::I32(20)]).expect("no trap");
                    assert_eq!(i32_of(&found[0]), i as i32 + 20);
                }
            });
        }
    });
    assert_eq!(ticks.load(Ordering::Relaxed), 800);
}
