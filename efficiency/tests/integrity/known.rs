//! Answers that are known before: tables of them, hard-coded ones, and inputs that need none.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use probity_efficiency::Status;
use probity_efficiency::judge::{Columns, Prepared, flags};
use serde_json::json;

use crate::guests::*;

/// Prints an input of this size: the size with the seed behind it, as one number.
fn generator() -> String {
    format!(
        "(module {PRELUDE}
        (func (export \"_start\")
            (drop (call $args_get (i32.const 1000) (i32.const 2000)))
            (call $print (i32.add
                (i32.mul (call $number (i32.load (i32.const 1004))) (i32.const 10))
                (call $number (i32.load (i32.const 1008)))))))\n"
    )
}

fn source(body: &str) -> String {
    format!("{}\n", program(body))
}

/// The sum, with generated inputs.
fn generated() -> serde_json::Value {
    let mut task = sum_task();
    task["generator"] = json!({"source": generator(), "sizes": [10, 50], "seed": 3});
    task["references"] = json!([{"id": "known", "source": source(SLOW_SUM)}]);
    task
}

#[test]
fn tables_of_results_are_flagged() {
    let flagged = |fields: &str| {
        let result = judged(
            &generated(),
            &program_with(fields, SLOW_SUM),
            Columns::default(),
        );
        assert_eq!(result.status, Status::Ok, "{:?}", result.message);
        result.flags == [flags::DATA_SEGMENT_GREW]
    };
    let data = |bytes: usize| "\\2a".repeat(bytes);
    assert!(flagged(&format!(
        "(data (i32.const 100000) \"{}\")",
        data(20_000)
    )));
    assert!(flagged(&format!("(data \"{}\")", data(20_000))));
    // Anything that is not code may be a table.
    let globals = "(global i64 (i64.const 0x123456789abcdef))".repeat(2_000);
    assert!(flagged(&globals));
    let elements = format!(
        "(table i31ref (elem {}))",
        "(ref.i31 (i32.const 99999))".repeat(4_000)
    );
    assert!(flagged(&elements));
    assert!(!flagged(&format!("(data \"{}\")", data(100))));
}

#[test]
fn answers_to_the_tests_that_are_given_fail_others() {
    let known = |n: u32| {
        format!(
            "(if (i32.eq (local.get $n) (i32.const {n})) (then (call $print (i32.const {}))))",
            n * (n + 1) / 2
        )
    };
    // Those of the task, and those that its own seed makes: everything that was to be known.
    let body: String = [3, 1000, 103, 503].map(known).concat();
    let result = judged(&generated(), &program(&body), Columns::default());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    // A seed that is given after submission.
    for tier in TIERS {
        let judge = judge(tier, Columns::default());
        let prepared = with_seed(&judge, 7);
        let result = judge.judge(&prepared, &sample(&program(&body)), Path::new(""));
        assert_eq!(result.status, Status::Wrong);
        let message = "test size-10: line 1: expected `5778`, got nothing";
        assert_eq!(result.message.as_deref(), Some(message), "107 * 108 / 2");
        let honest = judge.judge(&prepared, &sample(&program(SLOW_SUM)), Path::new(""));
        assert_eq!(honest.status, Status::Ok);
    }
}

fn with_seed(judge: &probity_efficiency::judge::Judge, seed: u64) -> Prepared {
    let task = serde_json::from_value(generated()).expect("a task");
    judge
        .prepare(&Arc::new(task), Path::new(""), Some(seed), &HashMap::new())
        .expect("ready")
}

#[test]
fn another_seed_gives_other_inputs_and_the_same_seed_the_same() {
    let judge = judge(TIERS[0], Columns::default());
    let inputs = |seed: u64| {
        let prepared = with_seed(&judge, seed);
        let stress = prepared.tests.into_iter().skip(2);
        stress.map(|test| test.stdin).collect::<Vec<_>>()
    };
    assert_eq!(inputs(7), [b"107\n", b"507\n"]);
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
}

#[test]
fn results_of_references_for_another_seed_are_not_taken() {
    let judge = judge(TIERS[0], Columns::default());
    let before = with_seed(&judge, 1);
    let known = HashMap::from([("known".to_owned(), before.references[0].clone())]);
    let task = Arc::new(serde_json::from_value(generated()).expect("a task"));
    let prepared = judge.prepare(&task, Path::new(""), Some(9), &known);
    let fresh = with_seed(&judge, 9);
    assert_eq!(
        timeless(prepared.expect("ready").references[0].clone()),
        timeless(fresh.references[0].clone())
    );
}

#[test]
fn what_is_faster_than_all_that_is_known_is_flagged() {
    let mut task = generated();
    task["tests"][1]["stdin"] = json!("3000\n");
    task["tests"][1]["expected"] = json!("4501500\n");
    let flags = |body: &str| judged(&task, &program(body), Columns::default()).flags;
    // 12 * 3000 operators against some hundred.
    assert_eq!(flags(FAST_SUM), [flags::FASTER_THAN_KNOWN]);
    assert_eq!(flags(SLOW_SUM), [""; 0]);
}

#[test]
fn costs_and_outputs_that_do_not_grow_are_flagged() {
    // Whatever the input is, the answer is 7.
    let mut task = generated();
    task["tests"] = json!([]);
    let print = "(call $print (i32.const 7))";
    let honest = SLOW_SUM.replace("(call $print (local.get $s))", print);
    assert_ne!(honest, SLOW_SUM);
    task["references"] = json!([{"id": "known", "source": source(&honest)}]);
    let judged = |body: &str| judged(&task, &program(body), Columns::default());
    let result = judged(&honest);
    assert_eq!(
        (result.status, &result.flags[..]),
        (Status::Ok, &[flags::CONSTANT_OUTPUT.to_owned()][..])
    );
    let result = judged(print);
    assert_eq!(result.status, Status::Ok);
    let expected = [
        flags::CONSTANT_COST,
        flags::CONSTANT_OUTPUT,
        flags::FASTER_THAN_KNOWN,
    ];
    assert_eq!(result.flags, expected);
}

#[test]
fn work_whose_result_nobody_uses_is_counted() {
    // A compiler of ours that dropped it would give the program a cost that it does not have.
    let dead = SLOW_SUM.replace("(call $print (local.get $s))", "");
    let cost = |body: &str| {
        let result = judged(&sum_task(), &program(body), Columns::default());
        assert_eq!(result.status, Status::Ok, "{:?}", result.message);
        result.tests[1].cost.instr.expect("counted")
    };
    // 1001 rounds of 12 operators, and the `end` of the loop.
    assert_eq!(cost(&format!("{dead} {FAST_SUM}")) - cost(FAST_SUM), 12_013);
    let stores = "(i32.store (i32.const 50000) (i32.const 1))".repeat(10);
    assert_eq!(cost(&format!("{stores} {FAST_SUM}")) - cost(FAST_SUM), 30);
}
