//! Calls, with whom they reach, what they give and what they get.

use probity_engine::Val;
use probity_probes::kinds::{self, CallPhase};

use crate::guest::{Seen, WAYS, guest, numbers};

const CALLS: &str = r#"(module
    (type $two (func (param i32 i32) (result i32)))
    (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                           (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func $sub (type $two) (i32.sub (local.get 0) (local.get 1)))
    (func $pair (result i32 i64) i32.const 5 i64.const 6)
    (table 3 funcref) (elem (i32.const 0) func $sub $fib)
    (elem declare func $sub)
    (func (export "ways") (param i32) (result i32)
        call $pair drop drop
        (drop (call_ref $two (i32.const 9) (i32.const 2) (ref.func $sub)))
        (call_indirect (type $two) (i32.const 7) (i32.const 3) (local.get 0)))
    (func (export "tail") (result i32) (return_call $sub (i32.const 4) (i32.const 1))))"#;

/// (phase is a call, callee's index, whether a tail call, values)
type Told = (bool, Option<u32>, bool, Vec<i64>);

fn told(way: crate::guest::Way, name: &str, args: &[Val]) -> (bool, Vec<Told>) {
    let (mut store, instance, module) = guest(way, CALLS);
    let seen = Seen::default();
    let sink = seen.clone();
    let watch = kinds::calls(move |context, call| {
        let module = call
            .callee
            .and_then(|callee| context.probes().module_of(callee));
        let callee = module.map(|(_, index)| index);
        let calls = call.phase == CallPhase::Call;
        sink.push((calls, callee, call.tail, numbers(&call.values)));
        Ok(())
    });
    let all = probity_probes::matcher::FunctionSelector::all();
    let placed = watch.instrument_all(&mut store.probes(), instance, &all);
    placed.expect("sites");
    assert!(module.num_functions() > 0);
    let func = instance.get_func(&store, name).expect("it is exported");
    let returned = func.call(&mut store, args, &mut [Val::I32(0)]).is_ok();
    (returned, seen.take())
}

#[test]
fn recursion() {
    for way in WAYS {
        let (_, told) = told(way, "fib", &[Val::I32(3)]);
        let call = |n: i64| (true, Some(0), false, vec![n]);
        let back = |n: i64| (false, Some(0), false, vec![n]);
        // fib(3) = fib(2) + fib(1), fib(2) = fib(1) + fib(0)
        let expected = [
            call(2),
            call(1),
            back(1),
            call(0),
            back(0),
            back(1),
            call(1),
            back(1),
        ];
        assert_eq!(told, expected, "{way:?}");
    }
}

#[test]
fn callees_are_found() {
    for way in WAYS {
        let first = [
            (true, Some(2), false, vec![]),
            (false, Some(2), false, vec![5, 6]),
            (true, Some(1), false, vec![9, 2]),
            (false, Some(1), false, vec![7]),
        ];
        let ways = |slot: i32| {
            let (returned, mut told) = told(way, "ways", &[Val::I32(slot)]);
            let rest = told.split_off(4);
            assert_eq!(told, first, "{way:?}");
            (returned, rest)
        };
        let call = |callee| (true, callee, false, vec![7, 3]);
        let back = (false, Some(1), false, vec![4]);
        assert_eq!(ways(0), (true, vec![call(Some(1)), back]), "{way:?}");
        // Another type, an empty slot, no slot: told of, and then they trap.
        assert_eq!(ways(1), (false, vec![call(Some(0))]), "{way:?}");
        assert_eq!(ways(2), (false, vec![call(None)]), "{way:?}");
        assert_eq!(ways(3), (false, vec![call(None)]), "{way:?}");
        let (_, told) = told(way, "tail", &[]);
        assert_eq!(told, [(true, Some(1), true, vec![4, 1])], "{way:?}");
    }
}

#[test]
fn a_watch_that_comes_during_a_call_does_not_tell_of_its_return() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, CALLS);
        let fib = instance.get_func(&store, "fib").expect("fib");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::calls(move |context, call| {
            sink.push((call.phase, context.depth()));
            Ok(())
        });
        // The third entry is that of fib(1) in fib(2) in fib(3).
        let inside = probity_probes::gate::Gate::new().after(2).first(1);
        let inside = inside.probe(move |context| {
            let func = context.func();
            watch.instrument(&mut context.probes(), func)
        });
        let site = probity_engine::hook::Site::Entry;
        store.probes().insert(fib, site, inside).expect("a site");
        fib.call(&mut store, &[Val::I32(3)], &mut [Val::I32(0)])
            .expect("it returns");
        use CallPhase::{Call, Return};
        let expected = [(Call, 2), (Return, 2), (Call, 1), (Return, 1)];
        assert_eq!(seen.take(), expected, "{way:?}");
    }
}
