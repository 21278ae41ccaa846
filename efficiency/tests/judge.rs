//! What the judge says of programs of every kind, in every tier.

mod guests;

use guests::*;
use probity_efficiency::Status;
use probity_efficiency::judge::Columns;
use serde_json::json;

fn status(body: &str) -> (Status, String) {
    let result = judged(&sum_task(), &program(body), Columns::default());
    (result.status, result.message.unwrap_or_default())
}

#[test]
fn a_right_program_is_ok_and_its_counts_are_exact() {
    let result = judged(&sum_task(), &program(SLOW_SUM), Columns::default());
    assert_eq!(
        (result.status, result.message.as_deref()),
        (Status::Ok, None)
    );
    assert_eq!((result.sample_id, &*result.model), (7, "m"));
    let [small, large] = &result.tests[..] else {
        panic!("two tests");
    };
    // Rule instr.v1. A round of the loop of SLOW_SUM is `loop`, 4 for the sum, 3 and the tee for i, the get of n, le_u and br_if:
    // 1 + 4 + 4 + 3 = 12. From i = 0 there are n + 1 rounds, so 997 more of them for 1000 than for 3.
    // Reading: `3` and `1000` differ by 3 digits, each of them in $number: loop, 5 (get, load, const, sub, set), 4 (get, const,
    // lt_u, if), 6 (get, const, mul, get, add, set), 4 (get, const, add, set), br. Printing: `6` and `500500` differ by 5 digits of 5 + 8 + 7.
    let round = 12;
    let digit_in = 1 + 5 + 4 + 6 + 4 + 1;
    // loop; at - 1 (4), store (8: get, const, get, const, rem, add, store8 = 7), tee: get, const, div, tee, br_if (5).
    let digit_out = 1 + 4 + 7 + 5;
    let expected = 997 * round + 3 * digit_in + 5 * digit_out;
    let counted = large.cost.instr.unwrap() - small.cost.instr.unwrap();
    assert_eq!(counted, expected);
    for test in [small, large] {
        let sum: u64 = test.cost.classes.values().sum();
        assert_eq!(sum, test.cost.instr.unwrap());
        assert_eq!(test.cost.host_calls, Some(3));
        assert_eq!(test.cost.memory_pages, Some(32));
        assert_eq!(test.cost.pages_grown, Some(0));
    }
    assert_eq!(
        (small.cost.bytes_read, small.cost.bytes_written),
        (Some(2), Some(2))
    );
    assert_eq!(
        (large.cost.bytes_read, large.cost.bytes_written),
        (Some(5), Some(7))
    );
}

#[test]
fn each_end_has_its_status() {
    let wrong = status("(call $print (local.get $n))");
    assert_eq!(
        wrong,
        (
            Status::Wrong,
            "test small: line 1: expected `6`, got `3`".to_owned()
        )
    );
    assert_eq!(
        status("(call $exit (i32.const 3))"),
        (Status::Exit, "test small: exit code 3".to_owned())
    );
    let right_before_exit = format!("{SLOW_SUM} (call $exit (i32.const 0))");
    assert_eq!(status(&right_before_exit).0, Status::Ok);
    let (trap, message) = status("unreachable");
    assert_eq!(trap, Status::Trap);
    assert!(message.starts_with("test small: unreachable"), "{message}");
}

#[test]
fn limits_are_kept() {
    let (fuel, message) = status("(loop $more (local.set $s (local.get $i)) (br $more))");
    assert_eq!(fuel, Status::Fuel, "{message}");
    let grow = "(loop $more (drop (memory.grow (i32.const 1))) (br $more))";
    assert_eq!(status(grow).0, Status::Memory);
    // 8 MiB are 128 pages.
    let flood = "(loop $more (call $put (i32.const 0) (i32.const 60000)) (br $more))";
    let (output, message) = status(flood);
    assert_eq!(output, Status::Output);
    assert!(message.contains("1048576 bytes"), "{message}");
    let deep = program_with(
        "(func $deep (param i64 i64) (call $deep (local.get 0) (local.get 1)))",
        "(call $deep (i64.const 0) (i64.const 0))",
    );
    let result = judged(&sum_task(), &deep, Columns::default());
    assert_eq!(result.status, Status::Stack);
}

/// In compiled code the counts say whether the limit was kept, and in the interpreter the engine does: where it ends is the same.
#[test]
fn a_limit_of_fuel_is_where_it_is_whoever_holds_it() {
    let fill = "(loop $fill
        (memory.fill (i32.const 8192) (i32.const 0) (i32.const 1601))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $fill (i32.lt_u (local.get $i) (i32.const 50))))
        (local.set $i (i32.const 0))";
    let arrays = "(loop $make
        (drop (array.new_default $bytes (i32.const 1600)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $make (i32.lt_u (local.get $i) (i32.const 50))))
        (local.set $i (i32.const 0))";
    // 1601 / 16 = 100 units for each of 50 fills, and 1600 / 16 = 100 for each of 50 arrays.
    for (more, sizes) in [("", 0), (fill, 50 * 100), (arrays, 50 * 100)] {
        let body = format!("{more} {SLOW_SUM}");
        let text = program_with("(type $bytes (array (mut i8)))", &body);
        let mut task = sum_task();
        task["tests"] = json!([task["tests"][1]]);
        let free = judged(&task, &text, Columns::default());
        assert_eq!(free.status, Status::Ok, "{:?}", free.message);
        let most = free.tests[0].cost.fuel.expect("counted") + sizes;
        for (limit, status) in [
            (most, Status::Ok),
            (most - 1, Status::Fuel),
            (most / 2, Status::Fuel),
            (1, Status::Fuel),
        ] {
            task["limits"]["fuel"] = json!(limit);
            let result = judged(&task, &text, Columns::default());
            assert_eq!(result.status, status, "{limit} of {most}: {body}");
            let fuel = result.tests[0].cost.fuel.expect("counted");
            assert!(fuel <= limit, "{fuel} of {limit}");
            let mut like = free.tests[0].cost.clone();
            like.wall_ns = None;
            assert!(status == Status::Fuel || result.tests[0].cost == like);
        }
    }
}

#[test]
fn what_cannot_be_judged_says_why() {
    let result = |text: &str| judged(&sum_task(), text, Columns::default());
    let refused = result("(module");
    assert_eq!(refused.status, Status::CompileError);
    assert!(refused.tests.is_empty());
    let import = result(r#"(module (import "env" "secret" (func)) (func (export "_start")))"#);
    assert_eq!(import.status, Status::Unsupported);
    assert!(import.message.unwrap().contains("`env` `secret`"));
    let empty = result("(module)");
    assert_eq!(empty.status, Status::Wrong);
    assert!(empty.message.unwrap().contains("_start"));
    let mut task = sum_task();
    task["lang"] = json!("cobol");
    let unknown = judged(&task, "x", Columns::default());
    assert_eq!(unknown.status, Status::Unsupported);
    assert!(
        unknown
            .message
            .unwrap()
            .contains("no toolchain for the language `cobol`")
    );
}

#[test]
fn a_test_knows_nothing_of_the_one_before() {
    // Counts its runs in memory and in a global, and replays the first answer.
    let fields = "(global $runs (mut i32) (i32.const 0)) (data (i32.const 40000) \"\\01\")";
    let body = "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
        (if (i32.ne (global.get $runs) (i32.load8_u (i32.const 40000))) (then unreachable))
        (if (i32.load (i32.const 50000)) (then unreachable))
        (i32.store (i32.const 50000) (i32.const 1))
        (i32.store8 (i32.const 40000) (i32.const 9))
        (drop (memory.grow (i32.const 1)))";
    let text = program_with(fields, &format!("{body} {SLOW_SUM}"));
    let result = judged(&sum_task(), &text, Columns::default());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    assert!(
        result
            .tests
            .iter()
            .all(|test| test.cost.pages_grown == Some(1))
    );
}

#[test]
fn bulk_operations_have_their_size() {
    let body = "(memory.fill (i32.const 200000) (i32.const 1) (i32.const 777))
        (memory.copy (i32.const 300000) (i32.const 200000) (local.get $n))";
    let result = judged(
        &sum_task(),
        &program(&format!("{body} {SLOW_SUM}")),
        Columns::default(),
    );
    let bytes: Vec<_> = result
        .tests
        .iter()
        .map(|test| test.cost.bulk_bytes)
        .collect();
    assert_eq!(bytes, [Some(780), Some(1777)]);
}

#[test]
fn functions_are_called_with_json() {
    let text = r#"(module (memory (export "memory") 1) (global $top (mut i32) (i32.const 16))
        (func (export "malloc") (param i32) (result i32)
            (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 0))))
        (func (export "sum") (param $at i32) (param $len i32) (param $more i64) (result i64)
            (loop $next
                (if (local.get $len) (then
                    (local.set $len (i32.sub (local.get $len) (i32.const 1)))
                    (local.set $more (i64.add (local.get $more)
                        (i64.load (i32.add (local.get $at) (i32.shl (local.get $len) (i32.const 3))))))
                    (br $next))))
            (local.get $more))
        (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
        (func (export "upper") (param $at i32) (param $len i32) (result i64) (local $i i32)
            (loop $next
                (i32.store8 (i32.add (local.get $at) (local.get $i))
                    (i32.sub (i32.load8_u (i32.add (local.get $at) (local.get $i))) (i32.const 32)))
                (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len))))
            (i64.or (i64.extend_i32_u (local.get $at)) (i64.shl (i64.extend_i32_u (local.get $len)) (i64.const 32)))))"#;
    let task = |name: &str, args: serde_json::Value, expected: serde_json::Value| {
        let mut task = sum_task();
        task["entry"] = json!(format!("func:{name}"));
        task["tests"] = json!([{"id": "a", "args": args, "expected": expected}]);
        let result = judged(&task, text, Columns::default());
        (result.status, result.message.unwrap_or_default())
    };
    assert_eq!(
        task("sum", json!([[1, 2, 39], 100]), json!(142)).0,
        Status::Ok
    );
    assert_eq!(task("half", json!([3]), json!(1.5)).0, Status::Ok);
    assert_eq!(task("upper", json!(["wasm"]), json!("WASM")).0, Status::Ok);
    let (status, message) = task("upper", json!(["wasm"]), json!("wasm"));
    assert_eq!(
        (status, &*message),
        (Status::Wrong, "test a: expected \"wasm\", got \"WASM\"")
    );
    let (status, message) = task("half", json!(["x"]), json!(1));
    assert_eq!(status, Status::Wrong);
    assert!(message.contains("does not fit"), "{message}");
    let (status, message) = task("other", json!([]), json!(1));
    assert_eq!(status, Status::Wrong);
    assert!(message.contains("exports no function `other`"), "{message}");
}

#[test]
fn generated_inputs_have_the_outputs_of_the_reference() {
    let mut task = sum_task();
    let generator = format!(
        "(module {PRELUDE}
        (func (export \"_start\")
            (drop (call $args_get (i32.const 1000) (i32.const 2000)))
            (call $print (call $number (i32.load (i32.const 1004))))))"
    );
    task["generator"] = json!({"source": format!("{generator}\n"), "sizes": [10, 100]});
    task["references"] = json!([{"id": "slow", "source": format!("{}\n", program(SLOW_SUM))}, {"id": "fast", "source": format!("{}\n", program(FAST_SUM))}]);
    let result = judged(&task, &program(SLOW_SUM), Columns::default());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    let sizes: Vec<_> = result.tests.iter().map(|test| test.size).collect();
    assert_eq!(sizes, [None, Some(1000), Some(10), Some(100)]);
    assert_eq!(result.flags, [""; 0]);
    // Right for the tests that are given, and for no others.
    let hard_coded = "(if (i32.eq (local.get $n) (i32.const 3)) (then (call $print (i32.const 6))))
        (if (i32.eq (local.get $n) (i32.const 1000)) (then (call $print (i32.const 500500))))";
    let result = judged(&task, &program(hard_coded), Columns::default());
    assert_eq!(result.status, Status::Wrong);
    assert_eq!(
        result.message.as_deref(),
        Some("test size-10: line 1: expected `55`, got nothing")
    );
    let judge = judge(probity_engine::Tier::Auto, Columns::default());
    let prepared = prepare(&judge, &task);
    let names: Vec<_> = prepared
        .references
        .iter()
        .map(|r| (r.reference.as_deref(), r.status))
        .collect();
    assert_eq!(
        names,
        [(Some("slow"), Status::Ok), (Some("fast"), Status::Ok)]
    );
    assert!(prepared.best_cost(1) < prepared.references[0].tests[1].cost.fuel);
}

#[test]
fn all_columns_are_there_if_they_are_wanted() {
    let columns = Columns {
        cache: true,
        heap: true,
        explain: true,
        wall_runs: 2,
    };
    let fields = r#"(func $malloc (param i32) (result i32) (i32.const 500000))"#;
    let body = format!("(drop (call $malloc (i32.const 24))) {SLOW_SUM}");
    let result = judged(&sum_task(), &program_with(fields, &body), columns);
    let cost = &result.tests[1].cost;
    let (instr, l1, ll, branches) = (
        cost.instr.unwrap(),
        cost.l1_miss.unwrap(),
        cost.ll_miss.unwrap(),
        cost.branch_miss.unwrap(),
    );
    // efficiency-spec, section 2.
    assert_eq!(
        cost.vcycles,
        Some(instr + 10 * l1 + 100 * ll + 10 * branches)
    );
    assert_eq!(
        (cost.allocs, cost.alloc_bytes, cost.peak_heap),
        (Some(1), Some(24), Some(24))
    );
    let hot = result.hot.expect("explained");
    assert_eq!(hot.functions[0].calls, 2, "once a test");
    let total: u64 = hot.functions.iter().map(|function| function.instr).sum();
    let counted: u64 = result
        .tests
        .iter()
        .map(|test| test.cost.instr.unwrap())
        .sum();
    assert_eq!(total, counted);
    let item = &hot.loops[0];
    // 4 rounds for 3, 1001 for 1000.
    assert_eq!((item.entries, item.trips), (2, 1005));
}

#[test]
fn growth_is_found_by_running() {
    use probity_efficiency::Column;
    use probity_efficiency::growth::Class;
    use probity_efficiency::growth::scale::Sizes;
    use probity_efficiency::judge::Scale;
    use probity_efficiency::task::Limits;
    use probity_efficiency::toolchain::Builder;

    let build = |body: &str| {
        let built = Builder::default().build("wat", &program(body), None, 1 << 20);
        built.expect("valid")
    };
    let limits = Limits {
        fuel: 100_000,
        ..Limits::default()
    };
    let judge = judge(probity_engine::Tier::Auto, Columns::default());
    let sizes = Sizes::given(&[1, 10, 100, 1000, 5000, 50_000], None).expect("enough");
    let scale = |program: &_| {
        let of = Scale {
            program,
            generator: None,
            seed: 0,
            limits: &limits,
            column: Column::Instr,
        };
        judge.scale(&of, &sizes).expect("sizes")
    };
    let slow = scale(&build(SLOW_SUM));
    let growth = slow.growth.expect("an answer");
    assert_eq!(
        (growth.best, &growth.alternatives[..]),
        (Class::Linear, &[][..])
    );
    // 12 instructions a round, of which 8 are fuel: 50,000 rounds are more than there is.
    let left_out: Vec<_> = slow
        .dropped
        .iter()
        .map(|dropped| (dropped.size, dropped.status))
        .collect();
    assert_eq!(left_out, [(50_000, Some(Status::Fuel))]);
    let broken = scale(&build("unreachable"));
    assert!(broken.growth.is_none());
    assert_eq!(broken.dropped.len(), 6);
    let result = judged(
        &{
            let mut task = sum_task();
            task["tests"] = json!([10, 100, 1000, 10_000].map(|n| json!({
            "id": n.to_string(), "stdin": format!("{n}\n"), "expected": format!("{}\n", n * (n + 1) / 2), "kind": "stress", "size": n
        })));
            task
        },
        &program(SLOW_SUM),
        Columns::default(),
    );
    assert_eq!(result.complexity.expect("sizes").best, "n");
}
