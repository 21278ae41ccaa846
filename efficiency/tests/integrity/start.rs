//! Work that is done before a program is called: in start functions and initialisers. It is counted, and has the limits of the rest.

use probity_efficiency::Status;
use probity_efficiency::judge::{Columns, flags};
use probity_efficiency::result::SampleResult;
use serde_json::json;

use crate::guests::*;

/// A program whose start function does this; `_start` prints the global `$answer`.
fn started(imports: &str, body: &str) -> SampleResult {
    let text = format!(
        "(module {imports} {PRELUDE} (global $answer (mut i32) (i32.const 0))
        (func $early (local $n i32) (local $i i32) (local $s i32) {body})
        (start $early)
        (func (export \"_start\") (call $print (global.get $answer))))"
    );
    let result = judged(&sum_task(), &text, Columns::default());
    assert!(result.flags.contains(&flags::START_FUNCTION.to_owned()));
    result
}

const READ: &str = "(drop (call $read)) (local.set $n (call $number (i32.const 65536)))";

/// SLOW_SUM, kept instead of printed.
fn keeping() -> String {
    let kept = SLOW_SUM.replace(
        "(call $print (local.get $s))",
        "(global.set $answer (local.get $s))",
    );
    assert_ne!(kept, SLOW_SUM);
    format!("{READ} {kept}")
}

#[test]
fn work_in_a_start_function_is_counted_in_every_test() {
    let result = started("", &keeping());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    let plain = judged(&sum_task(), &program(SLOW_SUM), Columns::default());
    for (early, late) in result.tests.iter().zip(&plain.tests) {
        let (early, late) = (&early.cost, &late.cost);
        // The same body, once a function more and a global set and read instead of a local: `end`, global.set for call, and in
        // `_start` global.get, call, end: 3 more.
        assert_eq!(early.instr, late.instr.map(|instr| instr + 3));
        assert_eq!(early.bytes_read, late.bytes_read);
        assert_eq!(early.host_calls, late.host_calls);
    }
}

#[test]
fn all_columns_see_a_start_function() {
    let text = format!(
        "(module {PRELUDE} (global $answer (mut i32) (i32.const 0))
        (func $early (local $n i32) (local $i i32) (local $s i32) {})
        (start $early)
        (func (export \"_start\") (call $print (global.get $answer))))",
        keeping()
    );
    let columns = Columns {
        cache: true,
        heap: true,
        explain: true,
        wall_runs: 1,
    };
    let result = judged(&sum_task(), &text, columns);
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    for test in &result.tests {
        assert!(test.cost.vcycles >= test.cost.instr, "{:?}", test.cost);
    }
    let hot = result.hot.expect("explained");
    assert_eq!(hot.functions[0].name, "early");
}

#[test]
fn a_start_function_has_the_limits_of_the_rest() {
    let status = |body: &str| {
        let result = started("", body);
        (result.status, result.message.unwrap_or_default())
    };
    let (trap, message) = status("unreachable");
    assert_eq!(trap, Status::Trap);
    assert!(message.contains("unreachable"), "{message}");
    assert_eq!(status("(loop $more (br $more))").0, Status::Fuel);
    assert_eq!(
        status("(loop $more (drop (memory.grow (i32.const 1))) (br $more))").0,
        Status::Memory
    );
    assert_eq!(status("(call $early)").0, Status::Stack);
    let flood = "(loop $more (call $put (i32.const 0) (i32.const 60000)) (br $more))";
    assert_eq!(status(flood).0, Status::Output);
    assert_eq!(
        status("(call $exit (i32.const 3))"),
        (Status::Exit, "test small: exit code 3".to_owned())
    );
    // Nothing was printed.
    assert_eq!(status("(call $exit (i32.const 0))").0, Status::Wrong);
}

#[test]
fn a_program_that_is_over_when_it_starts_hides_nothing() {
    // Everything in the start function, and an end before there is an instance.
    let body = format!(
        "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 1000))) (drop (call $random (i32.const 1000) (i32.const 8)))
        {READ} {SLOW_SUM} (call $exit (i32.const 0))"
    );
    let result = started("", &body);
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    let expected = [
        flags::READS_CLOCK,
        flags::READS_RANDOM,
        flags::START_FUNCTION,
    ];
    assert_eq!(result.flags, expected);
    assert!(result.tests[1].cost.instr > Some(1000 * 12));
    assert_eq!(result.tests[1].cost.bytes_read, Some(5));
}

#[test]
fn initialisers_are_counted() {
    let text = r#"(module (global $answer (mut i32) (i32.const 0))
        (func (export "_initialize") (local $i i32)
            (loop $more
                (global.set $answer (i32.add (global.get $answer) (local.get $i)))
                (br_if $more (i32.le_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000)))))
        (func (export "sum") (param i32) (result i32) (global.get $answer)))"#;
    let mut task = sum_task();
    task["entry"] = json!("func:sum");
    task["tests"] = json!([
        {"id": "a", "args": [1000], "expected": 500500},
        {"id": "b", "args": [1000], "expected": 500500},
    ]);
    let result = judged(&task, text, Columns::default());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    // 1001 rounds of 12 operators (loop, 4 for the sum, 4 for i, get-free comparison with a constant: const, le_u, br_if), two
    // `end`s of the loop and the function, and global.get and `end` of the other.
    for test in &result.tests {
        assert_eq!(test.cost.instr, Some(1001 * 12 + 2 + 2));
    }
    let trap = text.replacen("(local $i i32)", "(local $i i32) unreachable", 1);
    assert_eq!(
        judged(&task, &trap, Columns::default()).status,
        Status::Trap
    );
    let endless = text.replacen("(i32.const 1000)", "(i32.const -1)", 1);
    assert_eq!(
        judged(&task, &endless, Columns::default()).status,
        Status::Fuel
    );
}
