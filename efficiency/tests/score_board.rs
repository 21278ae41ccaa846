//! The leaderboard: coverage, intervals, order, formats; and every metric on results that have little to say.
mod score_common;

use probity_efficiency::score::board::BoardFormat;
use probity_efficiency::score::{
    Bootstrap, Needs, Results, Settings, SpecError, parse, parse_all, registry,
};
use probity_efficiency::{Column, Status};
use score_common::*;

#[test]
fn unjudged_samples_are_left_out_and_reported() {
    let lines = [
        sample("t", 0, &[1]),
        failed("t", 1, Status::Wrong),
        failed("t", 2, Status::Unsupported),
        failed("u", 0, Status::Internal),
    ];
    let board = Asked::of(&lines).board("pass@1");
    assert_eq!(board.tasks, 2);
    let row = &board.rows[0];
    assert_eq!((row.tasks, row.samples, row.judged), (1, 4, 2));
    assert_eq!(row.coverage_percent(), 50.0);
    assert_eq!(row.cells[0].value, Some(0.5));
    assert_eq!(row.cells[0].tasks, 1);
    let text = written(&board, BoardFormat::Text);
    let line = text.lines().nth(1).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["m", "1/2", "4", "50.0%", "0.5"], "{text}");
}

#[test]
fn tasks_without_results_count_as_not_covered() {
    let lines = [sample("t", 0, &[1])];
    let mut asked = Asked::of(&lines);
    let task = |id: &str| serde_json::from_value(serde_json::json!({"task_id": id, "lang": "c"}));
    asked.tasks = vec![task("t").unwrap(), task("u").unwrap(), task("v").unwrap()];
    let board = asked.board("pass@1");
    assert_eq!((board.tasks, board.rows[0].tasks), (3, 1));
}

#[test]
fn the_best_by_the_first_metric_comes_first() {
    let mut lines = vec![reference("t", "r", None, &[100])];
    for (model, cost) in [("a", 200), ("b", 50), ("c", 100)] {
        lines.push(by(model, sample("t", 0, &[cost])));
    }
    lines.push(by("d", failed("t", 0, Status::Wrong)));
    let names = |metric: &str| {
        let board = Asked::of(&lines).board(metric);
        let names = board.rows.into_iter().map(|row| row.model);
        names.collect::<Vec<_>>().join("")
    };
    assert_eq!(names("speedup.gm"), "bcad");
    // NET is good where it is small; those without a value stay last.
    assert_eq!(names("net"), "bcad");
    assert_eq!(names("pass@1"), "abcd");
}

#[test]
fn intervals_are_the_same_in_every_run() {
    let mut lines = Vec::new();
    for task in 0..20 {
        let id = format!("t{task}");
        lines.push(match task % 2 {
            0 => sample(&id, 0, &[1]),
            _ => failed(&id, 0, Status::Wrong),
        });
    }
    let mut asked = Asked::of(&lines);
    let cell = asked.board("pass@1").rows[0].cells[0];
    let (low, high) = cell.interval.expect("an interval");
    // The standard error of 10 of 20 is sqrt(0.25 / 20) = 0.112; 1.96 of them are 0.22.
    assert!((low - 0.28).abs() < 0.06, "{low}");
    assert!((high - 0.72).abs() < 0.06, "{high}");
    assert_eq!(asked.board("pass@1").rows[0].cells[0], cell);
    asked.bootstrap = Bootstrap {
        resamples: 0,
        seed: 0,
    };
    assert_eq!(asked.board("pass@1").rows[0].cells[0].interval, None);
}

#[test]
fn a_sample_counts_once() {
    let lines = [
        failed("t", 0, Status::Wrong),
        sample("t", 0, &[1]),
        // Each model's file has the references.
        reference("t", "r", None, &[1]),
        reference("t", "r", None, &[1]),
    ];
    let board = Asked::of(&lines).board("pass@1");
    assert_eq!(board.rows[0].samples, 1);
    assert_eq!(board.rows[0].cells[0].value, Some(1.0));
    assert_eq!(board.warnings.len(), 1, "{:?}", board.warnings);
    assert!(
        board.warnings[0].starts_with("1 results"),
        "{:?}",
        board.warnings
    );
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut wrong = reference("t", "r", None, &[1]);
    wrong.status = Status::Wrong;
    let mut other = sample("t", 0, &[1]);
    other.count_rule = "instr.v1".to_owned();
    let mut one = sample("u", 0, &[1]);
    one.count_rule = "cpu.instructions".to_owned();
    let mut unmeasured = sample("v", 0, &[1]);
    unmeasured.tests[0].cost.fuel = None;
    let board = Asked::of(&[wrong, other, one, unmeasured]).board("beyond");
    let text = board.warnings.join("\n");
    for part in [
        "1 references did not pass",
        "different rules",
        "1 correct samples have no fuel",
        "no model has a value of beyond",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// As in results of EvalPerf, which counts instructions of a processor and nothing else.
#[test]
fn the_column_that_imported_results_have_is_said() {
    let mut imported = sample("t", 0, &[1]);
    (imported.tests[0].cost.instr, imported.tests[0].cost.fuel) = (Some(1), None);
    let board = Asked::of(&[imported]).board("beyond");
    assert!(
        board.warnings[0].ends_with("a measured fuel: the results have instr, --cost instr)"),
        "{:?}",
        board.warnings
    );
}

#[test]
fn every_metric_has_no_number_or_a_finite_one() {
    let zero = [
        reference("t", "r", None, &[0]),
        sample("t", 0, &[0]),
        sample("t", 1, &[7]),
    ];
    let one = [
        reference("t", "r", None, &[50_000]),
        sample("t", 0, &[50_000]),
    ];
    let all_wrong = [
        reference("t", "r", None, &[50_000]),
        failed("t", 0, Status::Wrong),
    ];
    let no_reference = [sample("t", 0, &[5]), failed("t", 1, Status::Fuel)];
    let no_samples = [reference("t", "r", None, &[5])];
    let mut unmeasured = [reference("t", "r", None, &[5]), sample("t", 0, &[5])];
    for line in &mut unmeasured {
        line.tests.clear();
    }
    let cases: [&[_]; 6] = [
        &zero,
        &one,
        &all_wrong,
        &no_reference,
        &no_samples,
        &unmeasured,
    ];
    for info in registry() {
        for &column in Column::ALL {
            for lines in cases {
                let mut asked = Asked::of(lines);
                asked.settings = Settings {
                    column,
                    k: vec![1, 3],
                };
                let board = asked.board(info.name);
                for row in &board.rows {
                    for cell in &row.cells {
                        assert!(cell.value.is_none_or(f64::is_finite), "{}", info.name);
                        let is_sane = cell.interval.is_none_or(|(low, high)| low <= high);
                        assert!(is_sane, "{}", info.name);
                    }
                }
                for format in [BoardFormat::Text, BoardFormat::Json, BoardFormat::Html] {
                    assert!(!written(&board, format).is_empty());
                }
            }
        }
        if info.needs == Needs::Results {
            // A correct sample that costs what the one reference does, by the metrics of correct samples.
            let board = Asked::of(&one).board(info.name);
            let is_known = board.rows[0].cells.iter().any(|cell| cell.value.is_some());
            let needs_memory = ["nmu", "ntmu", "nmu.x", "ntmu.x"].contains(&info.name);
            assert_eq!(is_known, !needs_memory, "{}", info.name);
        }
    }
}

#[test]
fn all_wrong_is_the_worst_or_nothing() {
    let lines = [
        reference("t", "r", None, &[50_000]),
        failed("t", 0, Status::Wrong),
    ];
    for name in [
        "pass@1",
        "efficient@1",
        "beyond",
        "eff@1",
        "net.x",
        "fast_0",
        "opt@1",
        "percent_correct",
    ] {
        assert_eq!(score(name, &lines), Some(0.0), "{name}");
    }
    assert_eq!(score("best@1", &lines), Some(1.0));
    for name in [
        "dps",
        "speedup.gm",
        "speedup.ratio_of_sums",
        "net",
        "sysllmatic.ri@fuel",
    ] {
        assert_eq!(score(name, &lines), None, "{name}");
    }
}

#[test]
fn json_has_null_where_nothing_is_known() {
    let lines = [sample("t", 0, &[1]), sample("u", 0, &[1])];
    let board = Asked::of(&lines).board("pass@1,dps");
    let document: serde_json::Value =
        serde_json::from_str(&written(&board, BoardFormat::Json)).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["tasks"], 2);
    assert_eq!(document["cost"], "fuel");
    let model = &document["models"][0];
    assert_eq!(model["coverage_percent"], 100.0);
    assert_eq!(model["scores"]["pass@1"]["value"], 1.0);
    assert_eq!(model["scores"]["pass@1"]["low"], 1.0);
    assert_eq!(model["scores"]["dps"]["value"], serde_json::Value::Null);
    assert_eq!(document["metrics"][1]["better"], "higher");
}

#[test]
fn names_are_never_markup() {
    let hostile = "<script>alert(1)</script>\"'&\u{1b}[31m";
    let lines = [
        by(hostile, sample("t", 0, &[1])),
        by("", sample("t", 0, &[1])),
    ];
    let board = Asked::of(&lines).board("pass@1");
    let page = written(&board, BoardFormat::Html);
    assert!(!page.contains("<script"), "{page}");
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"),
        "{page}"
    );
    assert!(page.contains("(unnamed)"));
    // Nothing is loaded, in both colours.
    for outside in ["http:", "https:", "url(", "src=", "<link", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("light-dark("));
    let text = written(&board, BoardFormat::Text);
    assert!(!text.contains('\u{1b}') && !page.contains('\u{1b}'));
}

#[test]
fn names_of_metrics_are_read() {
    let settings = Settings {
        column: Column::DEFAULT,
        k: vec![1, 10],
    };
    let labels = |text: &str| {
        let metrics = parse(text, &settings).unwrap();
        let labels: Vec<String> = metrics.into_iter().map(|metric| metric.label).collect();
        labels.join(" ")
    };
    assert_eq!(labels("pass@5"), "pass@5");
    assert_eq!(labels("pass@k"), "pass@1 pass@10");
    assert_eq!(labels("pass"), "pass@1 pass@10");
    assert_eq!(
        labels("percent_correct"),
        "percent_correct@1 percent_correct@10"
    );
    assert_eq!(labels("%opt@2"), "%opt@2 best@1 %opt@2 best@10");
    assert_eq!(labels("fast"), "fast_0 fast_1 fast_2");
    assert_eq!(
        labels("sysllmatic.ri"),
        "sysllmatic.ri@fuel sysllmatic.ri@memory sysllmatic.ri@throughput"
    );
    assert_eq!(labels("oss"), "oss.compile oss.test oss.sanitizer");
    let all = |names: &[&str]| {
        let metrics = parse_all(names.iter().copied(), &settings).unwrap();
        let labels: Vec<String> = metrics.into_iter().map(|metric| metric.label).collect();
        labels.join(" ")
    };
    assert_eq!(
        all(&["pass@1", "5", "fast_1", "1.5", "pass@5"]),
        "pass@1 pass@5 fast_1 fast_1.5"
    );
    assert!(parse_all(["beyond", "5"], &settings).is_err());
    let error = |text: &str| parse(text, &settings).err().expect("an error");
    assert_eq!(error("pas@1"), SpecError::Unknown("pas@1".to_owned()));
    for (text, part) in [
        ("pass@0", "'0' is no number of samples"),
        ("pass@x", "'x' is no number of samples"),
        ("%opt@fast", "'fast' is no threshold"),
        ("sysllmatic.ri@speed", "'speed' is no column"),
        ("dps:x=1", "it has min_correct"),
        ("dps:min_correct=many", "'many' is no number"),
        ("dps:min_correct", "it is not NAME=NUMBER"),
        ("beyond:x=1", "it has none"),
    ] {
        let message = error(text).to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn wrong_lines_are_errors_with_their_place() {
    let read = |text: &'static str| {
        let lines = probity_efficiency::jsonl::Lines::new("r.jsonl".as_ref(), text.as_bytes());
        let mut results = Results::new(Column::DEFAULT);
        results.read(lines).map_err(|e| e.to_string())
    };
    let good = r#"{"schema":1,"task_id":"t","sample_id":0,"model":"m","status":"ok"}"#;
    assert_eq!(read(good), Ok(()));
    assert!(
        read("\n{")
            .unwrap_err()
            .starts_with("read r.jsonl, line 2: ")
    );
    let message = read(r#"{"schema":2,"task_id":"t","sample_id":0,"model":"m","status":"ok"}"#);
    assert_eq!(
        message.unwrap_err(),
        "read r.jsonl, line 1: its schema is 2; this version reads schema 1"
    );
}
