//! Results files compared, and held to a baseline.

mod common;

use common::{beside, expect_file, results, try_results};
use probity_efficiency::compare::gate::{Problem, Rules, Verdict, gate};
use probity_efficiency::compare::{
    Comparison, Correctness, Delta, Key, Results, SampleComparison, Shown, read, total,
};
use probity_efficiency::result::{Cost, Hot, HotLine, HotLoop, SampleResult, TestResult};
use probity_efficiency::task::TestKind;
use probity_efficiency::{Column, Status};
use proptest::prelude::*;

fn files() -> (Results, Results) {
    let file = |name: &str| read(&beside(name)).expect("results");
    (file("compare/before.jsonl"), file("compare/after.jsonl"))
}

#[test]
fn files_as_text_and_json() {
    let (before, after) = files();
    let comparison = Comparison::new(&before, &after);
    let shown = Shown {
        comparison: &comparison,
        column: Column::DEFAULT,
        top: 3,
        has_details: true,
    };
    expect_file("compare/files.txt", &shown.to_string());
    let json = serde_json::to_string_pretty(&comparison).expect("json");
    expect_file("compare/files.json", &(json + "\n"));
    let overview = Shown {
        has_details: false,
        ..shown
    };
    assert!(
        shown
            .to_string()
            .starts_with(overview.to_string().split("only").next().unwrap())
    );
}

/// t1 8,000,000 -> 80,000 and t2 32,000,000 -> 176,000: 40,000,000 -> 256,000, -39,744,000, -99.36%. t0 is no stress test, and
/// t3 is new. Of the peaks of heap the larger: 8000 -> 18000, +125%.
#[test]
fn costs_worked_by_hand() {
    let (before, after) = files();
    let comparison = Comparison::new(&before, &after);
    let sample = &comparison.samples[0];
    assert_eq!(sample.key.to_string(), "lc/close:gpt:0");
    let instr = sample.comparison.cost(Column::Instr);
    assert_eq!(instr, Delta::new(40_000_000, 256_000));
    assert_eq!(instr.change(), Some(-39_744_000));
    assert!((instr.percent().expect("a number") + 99.36).abs() < 1e-9);
    // 7,600,000 -> 76,000 and 30,400,000 -> 167,200.
    let fuel = sample.comparison.cost(Column::DEFAULT);
    assert_eq!(fuel, Delta::new(38_000_000, 243_200));
    let heap = sample
        .comparison
        .cost("peak_heap".parse().expect("a column"));
    assert_eq!((heap.change(), heap.percent()), (Some(10_000), Some(125.0)));
    let correctness: Vec<Correctness> = comparison
        .samples
        .iter()
        .map(|s| s.comparison.correctness)
        .collect();
    use Correctness::{Broken, Fixed, Right};
    assert_eq!(correctness, [Right, Fixed, Broken, Right]);
    assert_eq!(comparison.only_before[0].to_string(), "lc/gone::0");
    assert_eq!(comparison.only_after[0].to_string(), "lc/new:gpt:0");
}

#[test]
fn deltas_of_what_is_not_there() {
    assert_eq!(Delta::new(0, 0).percent(), Some(0.0));
    assert_eq!(Delta::new(0, 5).percent(), None);
    assert_eq!(Delta::new(0, 5).change(), Some(5));
    assert_eq!(Delta::new(None, 5).change(), None);
    assert_eq!(Delta::new(5, None).percent(), None);
    assert_eq!(Delta::new(u64::MAX, 0).change(), Some(i64::MIN));
    let tests = [None, Some(5)].map(|instr| TestResult {
        cost: Cost {
            instr,
            ..Cost::default()
        },
        ..TestResult::default()
    });
    assert_eq!(total(&tests, Column::Instr), None);
    assert_eq!(total(&tests[1..], Column::Instr), Some(5));
    assert_eq!(total(&[], Column::Instr), None);
}

#[test]
fn columns_are_those_of_results() {
    let mut cost = serde_json::to_value(Cost::default()).expect("json");
    for (i, column) in Column::MEASURED.iter().enumerate() {
        cost[column.name()] = i.into();
    }
    let cost: Cost = serde_json::from_value(cost).expect("every column is a field");
    for (i, column) in Column::MEASURED.iter().enumerate() {
        assert_eq!(column.of(&cost), Some(i as u64), "{column}");
        assert_eq!(column.name().parse::<Column>().expect("known"), *column);
    }
    // `classes` is the one field that is no number.
    let fields = serde_json::to_value(&cost).expect("json");
    assert_eq!(
        fields.as_object().expect("fields").len(),
        Column::MEASURED.len()
    );
    let error = "instrs".parse::<Column>().expect_err("unknown");
    assert!(
        error.starts_with("there is no cost `instrs`; known: instr, fuel, vcycles"),
        "{error}"
    );
}

fn line(line: u32, text: &str, instr: u64) -> HotLine {
    HotLine {
        line,
        text: text.to_owned(),
        instr,
        ..HotLine::default()
    }
}

fn with_hot(lines: Vec<HotLine>, loops: Vec<HotLoop>) -> SampleResult {
    let text = r#"{"schema":1,"task_id":"t","sample_id":0,"model":"","status":"ok"}"#;
    let mut result: SampleResult = serde_json::from_str(text).expect("a result");
    result.hot = Some(Hot {
        lines,
        loops,
        ..Hot::default()
    });
    result
}

/// Two lines before, which moves the others by two; one line is edited, one is gone, equal texts stay in their order.
#[test]
fn lines_that_moved_are_found() {
    let before = with_hot(
        vec![
            line(9, "sum += a[i];", 50),
            line(5, "i++;", 20),
            line(7, "i++;", 10),
            line(8, "gone();", 5),
            line(30, "x = 1;", 3),
        ],
        vec![],
    );
    let after = with_hot(
        vec![
            line(7, "i++;", 21),
            line(11, "sum += a[i];", 55),
            line(9, "i++;", 12),
            line(30, "x = 2;", 4),
            line(1, "come();", 1),
        ],
        vec![],
    );
    let comparison = SampleComparison::new(&before, &after);
    let mut lines: Vec<_> = comparison
        .lines
        .iter()
        .map(|l| (l.line_before, l.line_after, l.instr.before, l.instr.after))
        .collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            (None, Some(1), None, Some(1)),
            (Some(5), Some(7), Some(20), Some(21)),
            (Some(7), Some(9), Some(10), Some(12)),
            (Some(8), None, Some(5), None),
            (Some(9), Some(11), Some(50), Some(55)),
            (Some(30), Some(30), Some(3), Some(4)),
        ]
    );
}

#[test]
fn loops_go_with_their_lines_or_by_order() {
    let l = |line: u32, function: &str, trips: u64| HotLoop {
        line,
        function: function.to_owned(),
        trips,
        ..HotLoop::default()
    };
    let before = with_hot(
        vec![line(10, "for (;;)", 5)],
        vec![l(10, "f", 100), l(0, "g", 7), l(0, "g", 8), l(50, "f", 1)],
    );
    let after = with_hot(
        vec![line(12, "for (;;)", 5)],
        vec![l(12, "f", 50), l(0, "g", 9), l(0, "h", 1), l(10, "f", 2)],
    );
    let comparison = SampleComparison::new(&before, &after);
    let mut trips: Vec<_> = comparison
        .loops
        .iter()
        .map(|l| (l.trips.before, l.trips.after))
        .collect();
    trips.sort_unstable();
    assert_eq!(
        trips,
        [
            (None, Some(1)),
            (None, Some(2)),
            (Some(1), None),
            (Some(7), Some(9)),
            (Some(8), None),
            (Some(100), Some(50)),
        ]
    );
}

#[test]
fn what_makes_a_comparison_doubtful_is_said() {
    let before = with_hot(vec![], vec![]);
    let mut after = before.clone();
    after.task_id = "u".to_owned();
    (after.count_rule, after.toolchain) = ("instr.v2".to_owned(), "new".to_owned());
    assert_eq!(
        SampleComparison::new(&before, &after).warnings,
        ["costs of different tasks (t, u) say nothing of each other"]
    );
    let mut before = before;
    (before.count_rule, before.toolchain) = ("instr.v1".to_owned(), "old".to_owned());
    assert_eq!(SampleComparison::new(&before, &after).warnings.len(), 3);
}

#[test]
fn bad_files_are_told_with_their_line() {
    let good = r#"{"schema":1,"task_id":"t","sample_id":0,"model":"m","status":"ok"}"#;
    let check = |text: &str, expected: &str| {
        let error = try_results(text).expect_err("bad").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        &format!("{good}\n\n{good}\n"),
        "read results.jsonl, line 3: sample t:m:0 is in line 1 already",
    );
    check(
        &format!("{good}\n{{\"schema\":1"),
        "read results.jsonl, line 2: EOF while parsing",
    );
    check(
        &good.replace("\"schema\":1", "\"schema\":7"),
        "line 1: results of version 7 are not known, only of 1",
    );
    check("[1]", "line 1: ");
    let error = read(&beside("compare/none.jsonl"))
        .expect_err("no file")
        .to_string();
    assert!(error.contains("none.jsonl: "), "{error}");
    assert!(results("").is_empty());
}

#[test]
fn samples_by_name() {
    let key = Key {
        task_id: "a:b".to_owned(),
        model: "m".to_owned(),
        sample_id: 3,
    };
    for id in ["a:b", "a:b:m", "a:b:m:3"] {
        assert!(key.is_named(id), "{id}");
    }
    for id in ["a", "a:b:", "a:b:m:", "a:b:m:4", "m", ""] {
        assert!(!key.is_named(id), "{id}");
    }
}

fn rules(limit: &str, allow: &[&str]) -> Rules {
    Rules {
        limit: limit.parse().expect("a limit"),
        column: Column::Instr,
        is_per_test: false,
        allow: allow.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// One sample of two tests.
fn cost_of(costs: [u64; 2]) -> Results {
    let [a, b] = costs;
    results(
        &format!(
            r#"{{"schema":1,"task_id":"t","sample_id":0,"model":"","status":"ok","tests":[
           {{"id":"a","pass":true,"instr":{a}}},{{"id":"b","pass":true,"instr":{b}}}]}}"#
        )
        .replace('\n', ""),
    )
}

fn problems(verdict: &Verdict) -> Vec<String> {
    let findings = verdict.findings.iter();
    findings
        .map(|finding| format!("{}: {}", finding.key, finding.problem))
        .collect()
}

/// 1000 -> 1020 is 2% more, which 2% allows; 1021 is not.
#[test]
fn the_limit_is_exact() {
    for (limit, after, is_passed) in [
        ("2%", [510, 510], true),
        ("2%", [510, 511], false),
        ("0%", [500, 500], true),
        ("0%", [500, 501], false),
        ("0.1%", [501, 500], true),
        ("0.1%", [501, 501], false),
        ("1e300%", [u64::MAX, 0], true),
        ("2%", [0, 0], true),
    ] {
        let verdict = gate(&cost_of([500, 500]), &cost_of(after), &rules(limit, &[]));
        assert_eq!(verdict.is_passed, is_passed, "{limit} {after:?}");
    }
    assert!(!gate(&cost_of([0, 0]), &cost_of([0, 1]), &rules("5%", &[])).is_passed);
    for text in ["2", "-1%", "nan%", "inf%", "%", "2%%", ""] {
        let error = text
            .parse::<probity_efficiency::compare::gate::Limit>()
            .expect_err(text);
        assert_eq!(
            error,
            format!("`{text}` is no percentage of 0 or more; write it like 2%")
        );
    }
}

#[test]
fn tests_one_by_one() {
    let (before, after) = (cost_of([1000, 10]), cost_of([900, 20]));
    assert!(gate(&before, &after, &rules("2%", &[])).is_passed);
    let each = Rules {
        is_per_test: true,
        ..rules("2%", &[])
    };
    let verdict = gate(&before, &after, &each);
    assert!(!verdict.is_passed);
    assert_eq!(problems(&verdict), ["t::0: test b: 10 -> 20 (+100.0%)"]);
}

#[test]
fn what_got_worse_fails_and_what_is_new_does_not() {
    let (before, after) = files();
    let verdict = gate(&before, &after, &rules("1.5%", &[]));
    assert!(!verdict.is_passed);
    expect_file("compare/gate.txt", &verdict.to_string());
    let json = serde_json::to_string_pretty(&verdict).expect("json");
    expect_file("compare/gate.json", &(json + "\n"));
    assert_eq!((verdict.compared, verdict.improved), (2, 1));
    assert!(matches!(
        verdict.findings[0].problem,
        Problem::Broken {
            status: Status::Trap
        }
    ));
    let allowed = ["lc/close:gpt:2", "lc/gone", "lc/other:", "lc/never"];
    let verdict = gate(&before, &after, &rules("1.5%", &allowed));
    assert!(verdict.is_passed, "{verdict}");
    assert_eq!(verdict.unknown, ["lc/never"]);
    assert!(verdict.findings.iter().all(|finding| finding.is_allowed));
    assert!(
        gate(&before, &before, &rules("0%", &[]))
            .findings
            .is_empty()
    );
}

#[test]
fn what_cannot_be_compared_fails() {
    let base = r#"{"schema":1,"task_id":"t","sample_id":0,"model":"","status":"ok","count_rule":"instr.v1","tests":[{"id":"a","pass":true,"instr":5},{"id":"b","pass":true,"instr":5}]}"#;
    let check = |after: &str, expected: &[&str]| {
        let verdict = gate(&results(base), &results(after), &rules("2%", &[]));
        assert_eq!(problems(&verdict), expected);
        assert_eq!(verdict.is_passed, expected.is_empty());
    };
    check(base, &[]);
    check(
        &base.replace("instr.v1", "instr.v2"),
        &["t::0: counted by `instr.v2`, the baseline by `instr.v1`"],
    );
    check(
        &base.replace(",\"instr\":5", ""),
        &["t::0: cost was not measured"],
    );
    check(
        &base.replace(r#",{"id":"b","pass":true,"instr":5}"#, ""),
        &["t::0: test b is not there"],
    );
    let unmeasured = base.replace(",\"instr\":5", "");
    let verdict = gate(&results(&unmeasured), &results(base), &rules("2%", &[]));
    assert_eq!(problems(&verdict), ["t::0: the baseline has no such cost"]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Every line is somewhere once, whatever the lines are.
    #[test]
    fn lines_are_matched_once(
        old in proptest::collection::vec((1..40u32, 0..6u8, any::<u32>()), 0..30),
        new in proptest::collection::vec((1..40u32, 0..6u8, any::<u32>()), 0..30),
    ) {
        let lines = |raw: &[(u32, u8, u32)]| -> Vec<HotLine> {
            let text = |kind: u8| if kind == 0 { String::new() } else { format!("text {kind}") };
            raw.iter().map(|(n, kind, instr)| line(*n, &text(*kind), (*instr).into())).collect()
        };
        let (before, after) = (with_hot(lines(&old), vec![]), with_hot(lines(&new), vec![]));
        let comparison = SampleComparison::new(&before, &after);
        let sorted = |mut numbers: Vec<u64>| { numbers.sort_unstable(); numbers };
        let of = |raw: &[(u32, u8, u32)]| sorted(raw.iter().map(|line| line.2.into()).collect());
        let deltas = &comparison.lines;
        prop_assert_eq!(sorted(deltas.iter().filter_map(|l| l.instr.before).collect()), of(&old));
        prop_assert_eq!(sorted(deltas.iter().filter_map(|l| l.instr.after).collect()), of(&new));
        let same = SampleComparison::new(&before, &before);
        prop_assert!(same.lines.iter().all(|l| l.instr.is_same()));
    }

    /// The sum is that of the stress tests, if there are any.
    #[test]
    fn totals_are_sums(costs in proptest::collection::vec((any::<bool>(), 0..1_000_000u64), 1..9)) {
        let tests: Vec<TestResult> = costs.iter().map(|(is_stress, instr)| TestResult {
            kind: if *is_stress { TestKind::Stress } else { TestKind::Correct },
            cost: Cost { instr: Some(*instr), ..Cost::default() },
            ..TestResult::default()
        }).collect();
        let has_stress = costs.iter().any(|cost| cost.0);
        let sum = costs.iter().filter(|cost| cost.0 || !has_stress).map(|cost| cost.1).sum();
        prop_assert_eq!(total(&tests, Column::Instr), Some(sum));
    }
}
