//! Gates and watchpoints, in every way of executing code.

mod guest;

use std::sync::{Arc, Mutex};

use probity_engine::hook::Site;
use probity_engine::{Tier, TierZeal, Val, WasmPc};
use probity_probes::gate::Gate;
use probity_probes::watchpoint::{Watched, Watchpoint};

use guest::{WAYS, guest};

/// Counts down from its argument to 1.
const DOWN: &str = r#"(module (func (export "f") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

/// Which of the values 1 to 20 before `local.tee`, from 19 down to 0, come through.
fn through(way: (Tier, TierZeal), gate: Gate) -> (Vec<i32>, bool) {
    let (mut store, instance, module) = guest(way, DOWN);
    let func = instance.get_func(&store, "f").expect("f");
    let operators = module.function(0).expect("f").operators().expect("code");
    let tee = operators[4].0;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let probe = gate.probe(move |context| {
        if let Some(Val::I32(top)) = context.frame().top(0) {
            sink.lock().expect("no panic").push(top);
        }
        Ok(())
    });
    let id = store.probes().insert(func, Site::Before(tee), probe);
    let f = func.typed::<i32, ()>(&store).expect("its type");
    f.call(&mut store, 20).expect("it returns");
    let remains = store.probes().remove(id.expect("a site"));
    let seen = seen.lock().expect("no panic").clone();
    (seen, remains)
}

#[test]
fn gates() {
    let even = |context: &mut probity_engine::hook::ProbeContext<'_>| matches!(context.frame().top(0), Some(Val::I32(n)) if n % 2 == 0);
    for way in WAYS {
        let all: Vec<i32> = (0..20).rev().collect();
        assert_eq!(through(way, Gate::new()), (all, true));
        let third = vec![17, 14, 11, 8, 5, 2];
        assert_eq!(through(way, Gate::new().every(3)), (third, true));
        assert_eq!(through(way, Gate::new().first(2)), (vec![19, 18], false));
        assert_eq!(through(way, Gate::new().first(0)), (vec![], false));
        assert_eq!(through(way, Gate::new().after(17)), (vec![2, 1, 0], true));
        // Of the even ones, from 18 on: not the first two, then every second, twice.
        let gate = Gate::new().when(even).after(2).every(2).first(2);
        assert_eq!(through(way, gate), (vec![12, 8], false));
    }
}

const WRITES: &str = r#"(module
    (memory (export "m") 1) (memory $other 1)
    (global (export "g") (mut i32) (i32.const 0)) (global $h (mut i32) (i32.const 0))
    (data $d "abcdefgh")
    (func (export "f")
        (i32.store8 (i32.const 99) (i32.const 1))
        (i32.store8 (i32.const 100) (i32.const 1))
        (i32.store16 offset=98 (i32.const 1) (i32.const 1))
        (i64.store (i32.const 92) (i64.const 1))
        (i64.store (i32.const 93) (i64.const 1))
        (i64.store32 (i32.const 103) (i64.const 1))
        (i64.store32 (i32.const 104) (i64.const 1))
        (v128.store (i32.const 88) (v128.const i64x2 0 0))
        (v128.store64_lane 1 (i32.const 96) (v128.const i64x2 0 0))
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 100))
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 101))
        (memory.fill (i32.const 100) (i32.const 7) (i32.const 0))
        (memory.copy (i32.const 102) (i32.const 0) (i32.const 1))
        (memory.copy (i32.const 0) (i32.const 100) (i32.const 4))
        (memory.init $d (i32.const 97) (i32.const 0) (i32.const 8))
        (i32.store $other (i32.const 100) (i32.const 1))
        (drop (i32.atomic.rmw8.add_u (i32.const 100) (i32.const 1)))
        (drop (i32.load (i32.const 100)))
        (global.set 0 (i32.const 1))
        (global.set $h (i32.const 2))
        (global.set 0 (i32.const 3))))"#;

#[test]
fn watchpoints_see_every_write_and_no_other() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, WRITES);
        let memory = instance.get_memory(&store, "m").expect("m");
        let global = instance.get_global(&store, "g").expect("g");
        let writes = Arc::new(Mutex::new(Vec::new()));
        let sink = writes.clone();
        let bytes = Watchpoint::new(Watched::Bytes(memory, 100..104), move |_, write| {
            let bytes = (write.bytes.start, write.bytes.end);
            sink.lock().expect("no panic").push(bytes);
            Ok(())
        });
        bytes.attach(&mut store.probes());
        let sets = Arc::new(Mutex::new(Vec::<(WasmPc, Option<Val>)>::new()));
        let sink = sets.clone();
        let point = Watchpoint::new(Watched::Global(global), move |context, _| {
            let at = (context.pc(), context.frame().top(0));
            sink.lock().expect("no panic").push(at);
            Ok(())
        });
        point.attach(&mut store.probes());
        let f = instance.get_typed_func::<(), ()>(&store, "f").expect("f");
        f.call(&mut store, ()).expect("it returns");
        let expected = [
            (100, 101),
            (99, 101),
            (93, 101),
            (103, 107),
            (88, 104),
            (96, 104),
            (0, 101),
            (102, 103),
            (97, 105),
            (100, 101),
        ];
        assert_eq!(*writes.lock().expect("no panic"), expected, "{way:?}");
        let values: Vec<_> = sets
            .lock()
            .expect("no panic")
            .iter()
            .map(|s| s.1.clone())
            .collect();
        assert!(
            matches!(values[..], [Some(Val::I32(1)), Some(Val::I32(3))]),
            "{values:?}"
        );
        bytes.detach(&mut store.probes());
        point.detach(&mut store.probes());
        f.call(&mut store, ()).expect("it returns");
        assert_eq!(writes.lock().expect("no panic").len(), expected.len());
        assert_eq!(sets.lock().expect("no panic").len(), 2);
    }
}
