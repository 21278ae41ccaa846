//! What actions and predicates over operands find.

use probity_engine::{Engine, Module, Store, Val};
use probity_probes::rule::{Bucket, Number, Value};

use crate::common::{call, instance, results, rule, runs};

/// `fac` of 5 is entered 6 times, with 5, 4, 3, 2, 1, 0, and calls itself 5 times. It
/// multiplies 1*1, 2*1, 3*2, 4*6, 5*24.
const FAC: &str = r#"(module
    (func $fac (export "fac") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
            (else (i32.mul (local.get 0)
                (call $fac (i32.sub (local.get 0) (i32.const 1))))))))"#;

fn fac(rule: &str) -> Vec<crate::common::Run> {
    runs(FAC, "fac", &[Val::I32(5)], rule)
}

#[test]
fn counts() {
    for (rule, expected) in [
        ("call", 5),
        ("call / arg0 > 0 /", 4),
        ("call / arg0 > 0 && arg0 != 3 /", 3),
        ("call / local0 == arg0 + 1 /", 5),
        ("wasm:func:entry", 6),
        ("wasm:func:entry / arg0 == 0 || local0 == 5 /", 2),
        ("wasm:func:exit", 6),
        ("wasm:func:exit / exit_reason == \"return\" /", 6),
        ("wasm:func:exit / exit_reason == \"trap\" /", 0),
        // The condition of `if` is true once.
        ("if / arg0 != 0 /", 1),
        ("i32.mul / arg0 == 5 && arg1 == 24 /", 1),
        ("local.get / depth == 6 /", 1),
        // Blocks: up to `if`, the arm with its `else`, the other, the last `end`s.
        ("wasm:block:entry", 6 + 1 + 5 + 6),
        ("wasm:block:exit", 6 + 1 + 5 + 6),
        (
            "wasm:block:entry / (arg0 as u8) == 0 && opname == \"local.get\" /",
            0,
        ),
    ] {
        for run in fac(&format!("{rule} {{ count }}")) {
            assert_eq!(run.total().count, expected, "{rule}, {}", run.way);
            assert!(run.error.is_none());
        }
    }
}

#[test]
fn sums_and_extremes() {
    let int = |value| Some(Number::Int(value));
    for (rule, count, value) in [
        ("call { sum(arg0) }", 5, int(10)),
        ("call { min(arg0) }", 5, int(0)),
        ("call { max(arg0 * 2 - 1) }", 5, int(7)),
        ("i32.mul { sum(arg1) }", 5, int(34)),
        ("i32.mul / arg1 > 1 / { sum(arg0) }", 3, int(12)),
        ("call { sum(pc - pc) }", 5, int(0)),
        ("call / false / { sum(arg0) }", 0, None),
        ("call { sum(arg1) }", 0, None),
    ] {
        for run in fac(rule) {
            let total = run.total();
            assert_eq!(
                (total.count, total.value),
                (count, value),
                "{rule}, {}",
                run.way
            );
        }
    }
    // `arg1` is nothing that a call of one parameter has.
    for run in fac("call { sum(arg1) }") {
        assert_eq!(run.total().skipped, 5, "{}", run.way);
    }
}

#[test]
fn histograms() {
    let bucket = |low, high, count| Bucket { low, high, count };
    for run in fac("call { hist(arg0) }") {
        let expected = [
            bucket(0, 0, 1),
            bucket(1, 1, 1),
            bucket(2, 3, 2),
            bucket(4, 7, 1),
        ];
        assert_eq!(run.total().buckets, expected, "{}", run.way);
    }
    for run in fac("call { hist(-arg0) }") {
        let expected = [
            bucket(-7, -4, 1),
            bucket(-3, -2, 2),
            bucket(-1, -1, 1),
            bucket(0, 0, 1),
        ];
        assert_eq!(run.total().buckets, expected, "{}", run.way);
    }
}

#[test]
fn stacks() {
    let of = |run: &crate::common::Run| -> Vec<(String, u64)> {
        let stacks = run.total().stacks.iter();
        stacks.map(|(stack, n)| (stack.to_string(), *n)).collect()
    };
    for run in fac("wasm:func:entry / local0 < 2 / { stack }") {
        let expected = [
            ("fac;fac;fac;fac;fac".to_owned(), 1),
            ("fac;fac;fac;fac;fac;fac".to_owned(), 1),
        ];
        assert_eq!(of(&run), expected, "{}", run.way);
    }
    for run in fac("wasm:func:entry { stack(2) }") {
        let expected = [
            ("...;fac;fac".to_owned(), 4),
            ("fac".to_owned(), 1),
            ("fac;fac".to_owned(), 1),
        ];
        assert_eq!(of(&run), expected, "{}", run.way);
    }
}

#[test]
fn lines_are_printed_at_once_and_in_order() {
    for run in
        fac(r#"call / arg0 % 2 == 0 / { print("{}({}) {:x} {}", fname, arg0, arg0 + 8, offset) }"#)
    {
        let expected = ["fac(4) c -", "fac(2) a -", "fac(0) 8 -"];
        assert_eq!(run.lines, expected, "{}", run.way);
        assert_eq!(run.total().count, 3);
    }
}

#[test]
fn results_by_key() {
    for (rule, expected) in [
        ("call { count by (arg0 % 2) }", &[("0", 3), ("1", 2)][..]),
        (
            "call { count by (fname, arg0 > 2) }",
            &[("fac,false", 3), ("fac,true", 2)],
        ),
        (
            "call|i32.mul { count by opname }",
            &[("call", 5), ("i32.mul", 5)],
        ),
        ("i32.mul { sum(arg1) by arg0 % 2 }", &[("0", 2), ("1", 3)]),
        ("nop { count by opname }", &[]),
    ] {
        for run in fac(rule) {
            let keys = run.keys();
            let keys: Vec<(&str, u64)> = keys.iter().map(|(key, n)| (key.as_str(), *n)).collect();
            assert_eq!(keys, expected, "{rule}, {}", run.way);
        }
    }
    for run in fac("i32.mul { sum(arg1) by arg0 % 2 }") {
        let values = run.results.actions[0]
            .keys
            .iter()
            .map(|key| key.summary.value);
        // Even: 2*1 and 4*6; odd: 1*1, 3*2 and 5*24.
        let expected = [Some(Number::Int(1 + 6)), Some(Number::Int(1 + 2 + 24))];
        assert_eq!(values.collect::<Vec<_>>(), expected, "{}", run.way);
        assert_eq!(run.total().value, Some(Number::Int(34)));
    }
}

/// Several actions of one rule, counted in place and by calls, agree.
#[test]
fn actions_together() {
    for run in fac("call { count; sum(arg0); count by fname; stack(1); hist(arg0) }") {
        let counts = run.results.actions.iter().map(|action| action.total.count);
        assert_eq!(counts.collect::<Vec<_>>(), [5; 5], "{}", run.way);
        assert_eq!(run.results.sites, 1);
        assert_eq!(run.results.actions[0].sites[0].at.index, 9, "{}", run.way);
        assert_eq!(run.results.actions[2].keys[0].key, [Value::from("fac")]);
    }
}

const VALUES: &str = r#"(module
    (import "host" "f" (func $host))
    (memory 1) (table 1 funcref) (global $g (mut i32) (i32.const 0))
    (elem (i32.const 0) $indirect)
    (func $indirect (param i64))
    (func (export "memory")
        (i32.store8 offset=8 (i32.const 100) (i32.const -1))
        (i64.store offset=16 align=4 (i32.const 200) (i64.const 7))
        (drop (i32.load8_u offset=8 (i32.const 100))))
    (func (export "floats") (param f64)
        (drop (f64.add (f64.const 1.5) (local.get 0)))
        (drop (f64.add (f64.const 2.25) (f64.const nan)))
        (drop (f32.add (f32.const 0.5) (f32.const 1)))
        (drop (v128.not (v128.const i64x2 5 0))))
    (func (export "calls")
        (global.set $g (i32.const 1))
        (call $host)
        (global.set $g (i32.const 2))
        (call $host)
        (call_indirect (param i64) (i64.const -1) (i32.const 0))
        (drop (ref.is_null (ref.null func)))
        (drop (ref.is_null (ref.func $indirect)))
        (drop (i32.lt_u (i32.const -1) (i32.const 1)))
        (drop (i32.lt_s (i32.const -1) (i32.const 1))))
    (func (export "traps") (param i32)
        (block (block (br_table 0 1 (local.get 0))) (drop (i32.div_u (i32.const 1) (i32.const 0))))))"#;

#[test]
fn values_of_every_type() {
    let int = |value| Some(Number::Int(value));
    let float = |value| Some(Number::Float(value));
    for (export, rule, count, value) in [
        (
            "memory",
            "*.store* { sum(effective_addr) }",
            2,
            int(108 + 216),
        ),
        ("memory", "*.store* { sum(addr) }", 2, int(300)),
        ("memory", "*.store* { sum(value) }", 2, int(6)),
        ("memory", "*.store* { sum(value as u8) }", 2, int(262)),
        ("memory", "@load|@store { max(data_size) }", 3, int(8)),
        ("memory", "* / offset == 8 / { sum(arg0) }", 2, int(200)),
        ("memory", "* / align == 4 / { sum(arg1) }", 1, int(7)),
        ("floats", "f64.add { sum(arg0 + arg1) }", 1, float(4.5)),
        ("floats", "f64.add { max(arg0) }", 2, float(2.25)),
        (
            "floats",
            "f64.add / arg1 > 1 / { sum(arg0) }",
            1,
            float(1.5),
        ),
        ("floats", "f32.add { sum(arg0 + arg1) }", 1, float(1.5)),
        ("floats", "v128.not { sum(arg0) }", 0, None),
        (
            "floats",
            "v128.not / arg0 == 5 / { sum(arg0 as i64) }",
            1,
            int(5),
        ),
        ("floats", "v128.const / imm0 == 5 / { sum(1) }", 1, int(1)),
        ("floats", "f64.const { min(imm0) }", 2, float(1.5)),
        ("calls", "call / global0 == 2 / { sum(global0) }", 1, int(2)),
        ("calls", "call_indirect { sum(arg0) }", 1, int(-1)),
        (
            "calls",
            "call_indirect { max(arg0 as u64) }",
            1,
            int(u64::MAX.into()),
        ),
        (
            "calls",
            "ref.is_null / arg0 == null / { sum(1) }",
            1,
            int(1),
        ),
        (
            "calls",
            "ref.is_null / arg0 != null / { sum(1) }",
            1,
            int(1),
        ),
        ("calls", "i32.lt_u { sum(arg0) }", 1, int(0xffff_ffff)),
        ("calls", "i32.lt_s { sum(arg0) }", 1, int(-1)),
        ("traps", "br_table { sum(arg0) }", 1, int(0)),
        ("traps", "i32.div_u { sum(arg1) }", 1, int(0)),
    ] {
        let args: &[Val] = match export {
            "floats" => &[Val::from(3.0f64)],
            "traps" => &[Val::I32(0)],
            _ => &[],
        };
        for run in runs(VALUES, export, args, rule) {
            let total = run.total();
            assert_eq!(
                (total.count, total.value),
                (count, value),
                "{rule}, {}",
                run.way
            );
            assert_eq!(run.error.is_some(), export == "traps", "{rule}");
        }
    }
    // 2.25 + NaN is no number, and a vector is none.
    for (rule, skipped) in [
        ("f64.add { sum(arg0 + arg1) }", 1),
        ("v128.not { sum(arg0) }", 1),
    ] {
        for run in runs(VALUES, "floats", &[Val::from(3.0f64)], rule) {
            assert_eq!(run.total().skipped, skipped, "{rule}, {}", run.way);
        }
    }
}

#[test]
fn callees() {
    for (rule, expected) in [
        (
            "call* { count by (target_fn_name, target_fn_type) }",
            &[("f,import", 2), ("indirect,local", 1)][..],
        ),
        (
            "call* / target_fn_name == \"indirect\" / { count by target_fid }",
            &[("1", 1)],
        ),
        (
            "call* / target_imp_module == \"host\" / { count by target_imp_name }",
            &[("f", 2)],
        ),
    ] {
        for run in runs(VALUES, "calls", &[], rule) {
            let keys = run.keys();
            let keys: Vec<(&str, u64)> = keys.iter().map(|(key, n)| (key.as_str(), *n)).collect();
            assert_eq!(keys, expected, "{rule}, {}", run.way);
        }
    }
}

#[test]
fn how_functions_are_left() {
    for run in runs(
        VALUES,
        "traps",
        &[Val::I32(0)],
        "func:exit { count by exit_reason }",
    ) {
        assert_eq!(run.keys(), [("trap".to_owned(), 1)], "{}", run.way);
    }
    for run in runs(
        VALUES,
        "traps",
        &[Val::I32(1)],
        "func:exit { count by exit_reason }",
    ) {
        assert_eq!(run.keys(), [("return".to_owned(), 1)], "{}", run.way);
    }
}

#[test]
fn results_can_be_read_while_it_runs_and_stay() {
    let engine = Engine::default();
    let module = Module::new(&engine, FAC).expect("module");
    let mut store = Store::new(&engine, ());
    let watcher = rule("call { count; sum(arg0) }").watcher();
    watcher.attach(&mut store);
    let counts = || {
        let results = results(&watcher);
        let counts = results.actions.iter().map(|action| action.total.count);
        counts.collect::<Vec<_>>()
    };
    // Two instances of one module: their sites are the same.
    for round in 1..=2 {
        call(&engine, &module, &mut store, "fac", &[Val::I32(5)]).expect("returns");
        assert_eq!(counts(), [5 * round; 2]);
        assert_eq!(results(&watcher).sites, 1);
    }
    watcher.detach(&mut store);
    call(&engine, &module, &mut store, "fac", &[Val::I32(5)]).expect("returns");
    assert_eq!(counts(), [10; 2]);
}

#[test]
fn a_function_that_has_run_can_be_watched() {
    let engine = Engine::default();
    let module = Module::new(&engine, FAC).expect("module");
    let mut store = Store::new(&engine, ());
    let fac = instance(&engine, &module, &mut store);
    let fac = fac.get_func(&store, "fac").expect("export");
    let mut results_of_call = [Val::I32(0)];
    fac.call(&mut store, &[Val::I32(5)], &mut results_of_call)
        .expect("returns");
    let watcher = rule("call").watcher();
    for _ in 0..2 {
        watcher
            .instrument(&mut store.probes(), fac)
            .expect("probes");
    }
    fac.call(&mut store, &[Val::I32(5)], &mut results_of_call)
        .expect("returns");
    assert_eq!(results(&watcher).actions[0].total.count, 5);
    assert!(matches!(results_of_call, [Val::I32(120)]));
}

#[test]
fn behind_operators_there_are_results() {
    // Loads give 0, 5 and 5; `br_if` goes on once; `twice` returns 10.
    let wat = r#"(module (memory 1)
        (func $twice (param i32) (result i32 i32)
            (i32.mul (local.get 0) (i32.const 2)) (local.get 0))
        (func (export "run") (param i32) (result i32) (local i32)
            (drop (i32.load (i32.const 0)))
            (i32.store (i32.const 0) (local.get 0))
            loop
                (local.set 1 (i32.add (local.get 1) (i32.load (i32.const 0))))
                (br_if 0 (i32.lt_u (local.get 1) (i32.const 8)))
            end
            (call $twice (local.get 0))
            i32.sub))"#;
    for (text, count, sum) in [
        ("*.load:after { count; sum(res0) }", 3, 10),
        ("call:after { count; sum(res0) }", 1, 10),
        ("call:after { count; sum(res1) }", 1, 5),
        (
            "*.load:after / res0 > 3 / { count; sum(res0 * 10) }",
            2,
            100,
        ),
        ("br_if:after { count; sum(1) }", 1, 1),
        ("br_if:before { count; sum(1) }", 2, 2),
        ("*.load:* / res0 == 5 / { count; sum(res0) }", 2, 10),
        (
            "call:after / target_fn_name == \"twice\" && fname == \"run\" / { count; sum(1) }",
            1,
            1,
        ),
        ("call:after / arg0 == 5 / { count; sum(1) }", 0, 0),
        ("end|return|else:after / fid == 1 / { count; sum(1) }", 1, 1),
    ] {
        for run in super::common::runs(wat, "run", &[Val::I32(5)], text) {
            assert!(run.error.is_none(), "{text}");
            assert_eq!(run.total().count, count, "{text}, {}", run.way);
            let value = run.results.actions[1].total.value;
            let expected = (count > 0).then_some(Number::Int(sum));
            assert_eq!(value, expected, "{text}, {}", run.way);
        }
    }
}

#[test]
fn operators_by_what_they_do() {
    const ACCESSES: &str = r#"(module (memory 1) (table 1 funcref) (global (mut i32) (i32.const 0))
        (func (export "f")
            (i32.store8 (i32.const 0) (i32.load (i32.const 4)))
            (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 8))
            (drop (memory.grow (i32.const 2)))
            (global.set 0 (memory.size))
            (drop (table.get (i32.const 0)))))"#;
    for (rule, expected) in [
        ("memory:access", 3),
        ("wasm:memory:bulk", 1),
        ("wasm:memory", 5),
        ("wasm:*:grow", 1),
        ("global:access / arg0 == 3 /", 1),
        ("memory:grow:after / res0 == 1 /", 1),
        ("wasm:*:access", 5),
    ] {
        for run in runs(ACCESSES, "f", &[], rule) {
            assert_eq!(run.total().count, expected, "{rule}, {}", run.way);
        }
    }
}
