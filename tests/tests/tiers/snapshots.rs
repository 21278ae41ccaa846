//! What goes on from a snapshot goes on as the original did, in every way.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::{
    Engine, Error, Instance, Limits, Linker, Module, Snapshot, Store, TrapCode, Val,
};

use super::ways::{self, end};

/// State of every kind; `step` changes all of it and says what it found.
const MODULE: &str = r#"(module
    (import "host" "note" (func $note (param i32) (result i32)))
    (type $unary (func (param i32) (result i32)))
    (memory 2 6)
    (data (i32.const 70000) "begin")
    (data $more "more")
    (table $t 4 8 funcref)
    (elem (i32.const 0) $double $note)
    (elem $late func $triple)
    (global $n (mut i32) (i32.const 0))
    (global $wide (mut v128) (v128.const i64x2 1 2))
    (global $f (mut funcref) (ref.func $double))
    (global $small (mut i31ref) (ref.i31 (i32.const 5)))
    (func $double (type $unary) (i32.mul (local.get 0) (i32.const 2)))
    (func $triple (type $unary) (i32.mul (local.get 0) (i32.const 3)))
    (func (export "start")
        (i32.store (i32.const 8) (i32.const 40))
        (drop (memory.grow (i32.const 1)))
        (table.set (i32.const 2) (ref.func $triple))
        (global.set $n (i32.const 7)))
    (func (export "step") (result i32)
        (local $i i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.set $wide (i64x2.add (global.get $wide) (global.get $wide)))
        (global.set $small (ref.i31 (i32.add (i31.get_s (global.get $small)) (i32.const 1))))
        (loop $again
            (i32.store (i32.mul (local.get $i) (i32.const 4096))
                (i32.add (i32.load (i32.mul (local.get $i) (i32.const 4096))) (global.get $n)))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 48))))
        (if (i32.eq (global.get $n) (i32.const 9)) (then
            (memory.init $more (i32.const 8) (i32.const 0) (i32.const 4))
            (data.drop $more)
            (table.init $t $late (i32.const 3) (i32.const 0) (i32.const 1))
            (elem.drop $late)
            (drop (table.grow $t (ref.func $triple) (i32.const 2)))
            (drop (memory.grow (i32.const 2)))
            (i32.store (i32.const 300000) (i32.const 1))
            (global.set $f (ref.func $triple))
            (table.set (i32.const 0) (global.get $f))))
        (i32.add
            (i32.add
                (call_indirect (type $unary) (i32.load (i32.const 8)) (i32.const 0))
                (call_indirect (type $unary) (memory.size) (i32.const 1)))
            (i32.add
                (i32.add (table.size $t) (i31.get_s (global.get $small)))
                (i32.wrap_i64 (i64x2.extract_lane 1 (global.get $wide))))))
    (func (export "far") (result i32) (i32.load (i32.const 200000)))
    (func (export "last") (result i32) (call_indirect (type $unary) (i32.const 5) (i32.const 5)))
    (func (export "init") (memory.init $more (i32.const 0) (i32.const 0) (i32.const 4))))"#;

fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let note = |n: i32| n + 1000;
    linker.func_wrap("host", "note", note).expect("once");
    linker
}

/// What the exports say, three steps on.
fn go_on(store: &mut Store<()>, instance: Instance) -> Vec<String> {
    let mut seen = Vec::new();
    for name in [
        "far", "init", "step", "last", "step", "step", "far", "init", "last",
    ] {
        let func = instance.get_func(&*store, name).expect("exported");
        let mut results = vec![Val::I32(0); usize::from(name != "init")];
        let before = store.fuel_consumed();
        let outcome = func.call(&mut *store, &[], &mut results);
        seen.push(format!(
            "{name}: {}",
            end(&*store, outcome.map(|()| results))
        ));
        seen.push(format!("{}", store.fuel_consumed() - before));
    }
    let memory = instance.memory(&*store, 0).expect("one");
    seen.push(format!("{:?}", digest(memory.data(&*store))));
    seen
}

/// Enough to tell memories apart.
fn digest(bytes: &[u8]) -> (usize, u64) {
    let sum = bytes.iter().fold(0u64, |sum, &byte| {
        sum.wrapping_mul(0x100_0000_01b3).wrapping_add(byte.into())
    });
    (bytes.len(), sum)
}

fn started(store: &mut Store<()>, module: &Module) -> Instance {
    let linker = linker(module.engine());
    let instance = linker.instantiate(store, module).expect("an instance");
    let start = instance.get_typed_func::<(), ()>(&*store, "start");
    start.expect("exported").call(store, ()).expect("no trap");
    instance
}

#[test]
fn what_was_goes_on_as_it_did() {
    let seen = ways::agree(|config| {
        let engine = Engine::new(config);
        let module = Module::new(&engine, MODULE).expect("valid");
        let mut store = Store::new(&engine, ());
        store.set_fuel_limit(Some(1 << 40));
        let instance = started(&mut store, &module);
        let snapshot = instance.snapshot(&store).expect("a snapshot");
        let original = go_on(&mut store, instance);
        for _ in 0..3 {
            instance.restore(&mut store, &snapshot).expect("restored");
            assert_eq!(go_on(&mut store, instance), original);
        }
        let mut other = Store::new(&engine, ());
        other.set_fuel_limit(Some(1 << 40));
        let linker = linker(&engine);
        for _ in 0..2 {
            let copy = linker
                .instantiate_snapshot(&mut other, &snapshot)
                .expect("a copy");
            assert_eq!(go_on(&mut other, copy), original);
            copy.restore(&mut other, &snapshot).expect("restored");
            assert_eq!(go_on(&mut other, copy), original);
        }
        // Of a copy, in the middle.
        let copy = linker
            .instantiate_snapshot(&mut other, &snapshot)
            .expect("a copy");
        go_on(&mut other, copy);
        let later = copy.snapshot(&other).expect("a snapshot");
        let on = go_on(&mut other, copy);
        instance.restore(&mut store, &later).expect("restored");
        assert_eq!(go_on(&mut store, instance), on);
        original
    });
    assert!(
        seen[0].contains("far: MemoryOutOfBounds") || seen[0].contains("out of bounds"),
        "{seen:?}"
    );
}

#[test]
fn counts_go_on_too() {
    let counts = ways::agree(|config| {
        let engine = Engine::new(config);
        let module = Module::new(&engine, MODULE).expect("valid");
        let mut store = Store::new(&engine, ());
        let instance = started(&mut store, &module);
        let counters = Counters::new(1);
        for index in 1..module.num_functions() {
            let func = instance.func(&store, index).expect("a function");
            let count = Probe::new(Action::CountAdd {
                counters: counters.clone(),
                index: 0,
                n: 1,
            });
            store
                .probes()
                .insert(func, Site::Entry, count)
                .expect("a probe");
        }
        let snapshot = instance.snapshot(&store).expect("a snapshot");
        let runs: Vec<u64> = (0..3)
            .map(|_| {
                let before = counters.get(0);
                instance.restore(&mut store, &snapshot).expect("restored");
                go_on(&mut store, instance);
                counters.get(0) - before
            })
            .collect();
        assert!(runs.iter().all(|&run| run == runs[0]), "{runs:?}");
        runs[0]
    });
    assert!(counts > 9);
}

fn refused(result: Result<Snapshot, Error>) -> String {
    result.expect_err("refused").to_string()
}

#[test]
fn what_cannot_be_frozen_is_said() {
    let engine = Engine::default();
    let of = |text: &str| {
        let module = Module::new(&engine, text).expect("valid");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        refused(instance.snapshot(&store))
    };
    let object = of("(module (type $s (struct)) (global (ref $s) (struct.new $s)))");
    assert!(object.contains("reference to an object"), "{object}");
    let shared = of("(module (memory 1 1 shared))");
    assert!(shared.contains("shared memory"), "{shared}");

    let module = Module::new(&engine, r#"(module (import "a" "m" (memory 1)))"#).expect("valid");
    let mut store = Store::new(&engine, ());
    let ty = probity_engine::MemoryType::new(1, None);
    let memory = probity_engine::Memory::new(&mut store, ty).expect("a memory");
    let instance = Instance::new(&mut store, &module, &[memory.into()]).expect("an instance");
    let imported = refused(instance.snapshot(&store));
    assert!(imported.contains("imports a memory"), "{imported}");
}

#[test]
fn limits_and_running_code_are_respected() {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE).expect("valid");
    let mut store = Store::new(&engine, ());
    let instance = started(&mut store, &module);
    let snapshot = instance.snapshot(&store).expect("a snapshot");
    let mut small = Store::new(&engine, ());
    small.set_limits(Limits {
        memory_bytes_max: Some(2 << 16),
        ..Limits::default()
    });
    let error = linker(&engine)
        .instantiate_snapshot(&mut small, &snapshot)
        .expect_err("too large");
    let code = error.trap().map(|trap| trap.code());
    assert_eq!(code, Some(TrapCode::MemoryLimit));

    // From a host function, while the guest runs.
    let text = r#"(module (import "host" "back" (func $back)) (func (export "run") (call $back)))"#;
    let module = Module::new(&engine, text).expect("valid");
    let slot: Arc<Mutex<Option<(Instance, Snapshot)>>> = Arc::default();
    let mut linker = Linker::new(&engine);
    let shared = slot.clone();
    let back = move |mut caller: probity_engine::Caller<'_, ()>| {
        let (instance, snapshot) = shared.lock().expect("alone").clone().expect("set");
        instance.restore(&mut caller, &snapshot)
    };
    linker.func_wrap("host", "back", back).expect("once");
    let mut store = Store::new(&engine, ());
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("an instance");
    let snapshot = instance.snapshot(&store).expect("a snapshot");
    *slot.lock().expect("alone") = Some((instance, snapshot));
    let run = instance
        .get_typed_func::<(), ()>(&store, "run")
        .expect("exported");
    let error = run.call(&mut store, ()).expect_err("running");
    assert!(error.to_string().contains("running"), "{error}");
}
