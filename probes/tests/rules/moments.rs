//! Moments that no probe is placed for: exceptions that are thrown and caught, traps, ticks of fuel.

use probity_engine::Val;
use probity_probes::rule::Number;

use crate::common::{Run, rule, runs};

/// `catcher` catches what `thrower` throws for its argument: `$e` and `$v` by the inner `try_table`, `$w` by the outer
/// one. `again` catches `$e` and throws it again, to `run`.
const EXCEPTIONS: &str = r#"(module
    (tag $e (param i32 i64)) (tag $v) (tag $w (param f64))
    (func $thrower (param i32)
        (if (i32.eq (local.get 0) (i32.const 0)) (then (throw $e (i32.const 7) (i64.const 40))))
        (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $v)))
        (throw $w (f64.const 2.5)))
    (func $catcher (param i32) (local i32)
        (local.set 1 (i32.const 11))
        (block $all
            (block $on_v
                (block $on_e (result i32 i64)
                    (try_table (catch_all $all)
                        (try_table (catch $e $on_e) (catch $v $on_v)
                            (call $thrower (local.get 0))))
                    return)
                drop drop return)
            return))
    (func $again
        (block $caught (result exnref)
            (try_table (catch_all_ref $caught) (call $thrower (i32.const 0)))
            unreachable)
        throw_ref)
    (func (export "run")
        (call $catcher (i32.const 0))
        (call $catcher (i32.const 0))
        (call $catcher (i32.const 1))
        (call $catcher (i32.const 2))
        (block $end (try_table (catch_all $end) (call $again)))))"#;

fn keys(run: &Run) -> Vec<(String, u64)> {
    assert!(run.error.is_none(), "{}", run.way);
    run.keys()
}

/// Six are caught: `$e` twice by `catcher`, and by `again` and `run`; `$v` and `$w` once.
#[test]
fn exceptions_that_are_caught() {
    for (text, expected) in [
        (
            "exception:catch { count by (tag, payload0, payload1) }",
            &[("0,7,40", 4), ("1,-,-", 1), ("2,2.5,-", 1)][..],
        ),
        (
            "wasm:exception:catch { count by (fname, opname) }",
            &[
                ("again,try_table", 1),
                ("catcher,try_table", 4),
                ("run,try_table", 1),
            ],
        ),
        // The inner `try_table` is further behind.
        (
            "exception:catch / fname == \"catcher\" / { count by (opidx > 5, payload0) }",
            &[("false,2.5", 1), ("true,-", 1), ("true,7", 2)],
        ),
        (
            "exception:catch / payload1 > 39 && depth == 1 / { count by tag }",
            &[("0", 1)],
        ),
        // A local that the function does not need any more.
        (
            "exception:catch / local1 == 11 / { count by arg0 }",
            &[("-", 4)],
        ),
        (
            "exception:catch / fid == 1 / { count by local0 }",
            &[("0", 2), ("1", 1), ("2", 1)],
        ),
    ] {
        for run in runs(EXCEPTIONS, "run", &[], text) {
            let expected: Vec<_> = expected.iter().map(|(k, n)| (k.to_string(), *n)).collect();
            assert_eq!(keys(&run), expected, "{text}, {}", run.way);
        }
    }
    let inner = runs(EXCEPTIONS, "run", &[], "exception:catch");
    for run in inner {
        let sites = run.results.actions[0].sites.iter();
        let counts: Vec<(u32, u64)> = sites.map(|s| (s.at.func, s.summary.count)).collect();
        assert_eq!(counts, [(1, 1), (1, 3), (2, 1), (3, 1)], "{}", run.way);
    }
}

#[test]
fn where_exceptions_come_from() {
    let engine = probity_engine::Engine::default();
    let module = probity_engine::Module::new(&engine, EXCEPTIONS).expect("module");
    let call = rule("call / fname == \"catcher\" /").sites(&module);
    let call = call.expect("code")[0].pc.0.to_string();
    for run in runs(
        EXCEPTIONS,
        "run",
        &[],
        "exception:catch / fid == 1 / { count by source_pc; stack }",
    ) {
        assert_eq!(keys(&run), [(call.clone(), 4)], "{}", run.way);
        // The frame of `thrower` is gone.
        let stacks = &run.results.actions[1].total.stacks;
        let stacks: Vec<(&str, u64)> = stacks.iter().map(|(s, n)| (&**s, *n)).collect();
        assert_eq!(stacks, [("run;catcher", 4)], "{}", run.way);
    }
}

#[test]
fn exceptions_that_are_thrown() {
    for (text, expected) in [
        (
            "exception:throw { count by (opname, tag, payload0) }",
            &[
                ("throw,0,7", 3),
                ("throw,1,-", 1),
                ("throw,2,2.5", 1),
                ("throw_ref,0,7", 1),
            ][..],
        ),
        ("throw / tag == 2 / { count by payload0 }", &[("2.5", 1)]),
        (
            "throw_ref { count by (payload1, payload2) }",
            &[("40,-", 1)],
        ),
        ("call / tag == 0 || payload0 == 7 / { count by fname }", &[]),
    ] {
        for run in runs(EXCEPTIONS, "run", &[], text) {
            let expected: Vec<_> = expected.iter().map(|(k, n)| (k.to_string(), *n)).collect();
            assert_eq!(keys(&run), expected, "{text}, {}", run.way);
        }
    }
}

const TRAPS: &str = r#"(module (memory 1)
    (func $divide (param i32) (local i32)
        (local.set 1 (i32.const 5))
        (drop (i32.div_u (i32.const 1) (local.get 0))))
    (func (export "divide") (param i32)
        (call $divide (i32.const 1))
        (call $divide (local.get 0)))
    (func (export "load") (param i32) (drop (i64.load offset=65536 (local.get 0))))
    (func (export "recurse") (param i32) (call 3 (i32.add (local.get 0) (i32.const 1))))
    (func (export "return") (param i32)))"#;

#[test]
fn traps() {
    let divided = "divide,i32.div_u,integer_divide_by_zero,integer divide by zero";
    for (export, text, expected) in [
        (
            "divide",
            "func:trap { count by (fname, opname, trap, trap_message) }",
            &[(divided, 1)][..],
        ),
        (
            "divide",
            "func:trap / opname == \"i32.div_u\" && fid == 0 / { count by (local1, arg0, depth) }",
            &[("5,0,2", 1)],
        ),
        (
            "divide",
            "func:trap / opname == \"i32.add\" / { count by fid }",
            &[],
        ),
        ("divide", "func:trap / fid == 1 / { count by fid }", &[]),
        (
            "load",
            "wasm:func:trap { count by (opname, offset, trap, addr) }",
            &[("i64.load,65536,memory_out_of_bounds,-", 1)],
        ),
        (
            "recurse",
            "func:trap { count by (opname, trap) }",
            &[("call,stack", 1)],
        ),
        ("return", "func:trap { count by trap }", &[]),
        ("return", "func:exit { count by trap }", &[("-", 1)]),
    ] {
        for run in runs(TRAPS, export, &[Val::I32(0)], text) {
            let expected: Vec<_> = expected.iter().map(|(k, n)| (k.to_string(), *n)).collect();
            assert_eq!(run.keys(), expected, "{text}, {}", run.way);
            assert_eq!(run.error.is_some(), export != "return", "{text}");
        }
    }
    for run in runs(
        TRAPS,
        "divide",
        &[Val::I32(0)],
        "func:trap { count; stack }",
    ) {
        let [count, stack] = &run.results.actions[..] else {
            panic!("two actions");
        };
        assert_eq!(
            (count.total.count, run.results.sites),
            (1, 1),
            "{}",
            run.way
        );
        assert_eq!(&*stack.total.stacks[0].0, "divide;divide", "{}", run.way);
        // At the operator that trapped, not at the function's first.
        assert_eq!(count.sites[0].at.index, 4, "{}", run.way);
    }
}

/// The entry costs 1 and each round 5 (`loop` nothing), so 10, 20 and 30 units are consumed before the `br_if` of
/// rounds 2, 4 and 6, of which the last is not taken.
const LOOP: &str = r#"(module (func $count (export "run") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

#[test]
fn ticks_of_fuel() {
    let int = |value| Some(Number::Int(value));
    for (text, count, value) in [
        ("fuel:tick:10 { sum(local0) }", 3, int(4 + 2)),
        ("fuel:tick:10 { sum(arg0) }", 3, int(4 + 2)),
        ("wasm:fuel:tick:1_0 { sum(fuel) }", 3, int(10 + 20 + 30)),
        (
            "fuel:tick:10 / opname == \"br_if\" / { max(fuel) }",
            3,
            int(30),
        ),
        (
            "fuel:tick:10 / opname == \"local.get\" / { max(fuel) }",
            0,
            None,
        ),
        ("fuel:tick:10 / fname == \"other\" / { max(fuel) }", 0, None),
        // 1 + 4, then each fifth unit is the same operator.
        ("fuel:tick:5 / in_loop / { sum(opidx) }", 6, int(6 * 5)),
        ("fuel:tick { sum(fuel) }", 0, None),
        ("br_if { sum(fuel) }", 0, None),
    ] {
        for run in runs(LOOP, "run", &[Val::I32(6)], text) {
            assert!(run.error.is_none(), "{text}");
            let total = run.total();
            assert_eq!(
                (total.count, total.value),
                (count, value),
                "{text}, {}",
                run.way
            );
        }
    }
    for run in runs(
        LOOP,
        "run",
        &[Val::I32(6)],
        "fuel:tick:10 { stack; count by opname }",
    ) {
        let stacks = &run.results.actions[0].total.stacks;
        assert_eq!((&*stacks[0].0, stacks[0].1), ("count", 3), "{}", run.way);
        assert_eq!(
            run.results.actions[1].keys[0].summary.count, 3,
            "{}",
            run.way
        );
    }
}

/// A period of a million is a tick each million units, in compiled code too.
#[test]
fn ticks_of_a_long_run() {
    // 5 * 1,000,000 + 1 units.
    for run in runs(
        LOOP,
        "run",
        &[Val::I32(1_000_000)],
        "fuel:tick { count by fname }",
    ) {
        assert_eq!(run.keys(), [("count".to_owned(), 5)], "{}", run.way);
    }
}

#[test]
fn a_detached_rule_is_told_of_nothing() {
    use probity_engine::{Engine, Instance, Module, Store};
    let engine = Engine::default();
    let module = Module::new(&engine, LOOP).expect("module");
    let mut store = Store::new(&engine, ());
    let watcher = rule("fuel:tick:10").watcher();
    watcher.attach(&mut store);
    let instance = Instance::new(&mut store, &module, &[]).expect("instance");
    let run = instance
        .get_typed_func::<i32, ()>(&store, "run")
        .expect("export");
    run.call(&mut store, 6).expect("returns");
    watcher.detach(&mut store);
    run.call(&mut store, 6).expect("returns");
    assert_eq!(watcher.results().actions[0].total.count, 3);
}
