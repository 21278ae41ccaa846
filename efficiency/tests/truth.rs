//! Ground truth of programs: read back as what predictions are scored against, the same in every tier, and there for
//! programs of every end.

use probity_efficiency::Status;
use probity_efficiency::jsonl::Lines;
use probity_efficiency::judge::{Config, Judge};
use probity_efficiency::score::board::Board;
use probity_efficiency::score::reval::Kind;
use probity_efficiency::score::{Answers, Bootstrap, Settings, parse};
use probity_efficiency::task::Entry;
use probity_efficiency::toolchain::Built;
use probity_efficiency::truth::{Input, Run, TruthOptions, TruthProgram, unoptimised};
use probity_engine::Tier;
use serde_json::{Value, json};

/// From `lines.c` and `ends.c` beside them; their headers have the command.
const LINES: &[u8] = include_bytes!("../../analyses/tests/steps/lines.wasm");
const LINES_C: &str = include_str!("../../analyses/tests/steps/lines.c");
const ENDS: &[u8] = include_bytes!("truth/ends.wasm");
const ENDS_C: &str = include_str!("truth/ends.c");

fn judge(tier: Tier) -> Judge {
    Judge::new(Config {
        tier: Some(tier),
        ..Config::default()
    })
}

fn options(entry: &str, source: &str) -> TruthOptions {
    TruthOptions {
        entry: Entry::try_from(entry.to_owned()).expect("an entry"),
        source: Some(source.to_owned()),
        ..TruthOptions::new("p")
    }
}

fn run(module: &[u8], options: TruthOptions, input: &Input, tier: Tier) -> Run {
    let built = Built::new(module.to_vec(), "");
    let program = TruthProgram::new(&judge(tier), &built, options).expect("a program");
    program.run(input).expect("runs")
}

fn text(run: &Run) -> String {
    let line = |row| serde_json::to_string(row).expect("JSON") + "\n";
    run.rows.iter().map(line).collect()
}

/// The truth of `run(5)` of `lines.c`.
fn lines_truth(tier: Tier) -> Run {
    let input = Input {
        name: "five".to_owned(),
        args: vec![json!(5)],
        ..Input::default()
    };
    run(LINES, options("func:run", LINES_C), &input, tier)
}

fn ends(input: &str, change: impl FnOnce(&mut TruthOptions)) -> Run {
    let mut options = options("stdio", ENDS_C);
    change(&mut options);
    let input = Input {
        stdin: input.into(),
        ..Input::default()
    };
    run(ENDS, options, &input, Tier::Auto)
}

/// The rows of a kind, as JSON.
fn of_kind(run: &Run, kind: Kind) -> Vec<Value> {
    let rows = run
        .rows
        .iter()
        .filter(|row| row.truth.question.kind == kind);
    rows.map(|row| serde_json::to_value(row).expect("JSON"))
        .collect()
}

fn lines<T: serde::de::DeserializeOwned>(text: &str) -> Lines<T> {
    Lines::new("lines".as_ref(), std::io::Cursor::new(text.to_owned()))
}

/// Scores of predictions, in the order reval.coverage, .state, .path, .output, .ic, sx.steps.
fn scores(truth: &str, predictions: &str) -> Vec<f64> {
    let mut answers = Answers::default();
    answers.read_truth(lines(truth)).expect("truth");
    answers
        .read_predictions(lines(predictions))
        .expect("predictions");
    let metrics: Vec<_> = ["reval", "sx.steps"]
        .iter()
        .flat_map(|name| parse(name, &Settings::default()).expect("metrics"))
        .collect();
    let board = Board::of_answers(&answers, &metrics, Bootstrap::default());
    assert!(board.warnings.is_empty(), "{:?}", board.warnings);
    let cells = board.rows[0].cells.iter();
    cells.map(|cell| cell.value.expect("a value")).collect()
}

/// Predictions made from the truth by what `answer` says of each row.
fn predictions(truth: &str, answer: impl Fn(&Value) -> Value) -> String {
    let rows = truth
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    rows.map(|row: Value| {
        let mut prediction = json!({"model": "m", "predicted": answer(&row)});
        for key in ["task_id", "input", "kind", "line", "var"] {
            if let Some(value) = row.get(key) {
                prediction[key] = value.clone();
            }
        }
        prediction.to_string() + "\n"
    })
    .collect()
}

#[test]
fn the_truth_scores_all() {
    let truth = text(&lines_truth(Tier::Auto));
    let right = predictions(&truth, |row| row["expected"].clone());
    assert_eq!(scores(&truth, &right), [100.0; 6]);
}

#[test]
fn worse_predictions_score_what_they_should() {
    let truth = text(&lines_truth(Tier::Auto));
    // Lines with code are 7, 8, 11, 14 to 20, 22, 23, 25, 29, 30: that each is executed, is 0 in all variables, and
    // followed by the next of these.
    let all = [7, 8, 11, 14, 15, 16, 17, 18, 19, 20, 22, 23, 25, 29, 30, -1];
    let worse = predictions(&truth, |row| match row["kind"].as_str() {
        Some("coverage") => json!(true),
        Some("state") => json!(0),
        Some("path") => {
            let at = all.iter().position(|line| row["line"] == *line);
            json!(all[at.expect("a line") + 1])
        }
        Some("output") => json!(17),
        _ => json!(29),
    });
    // Coverage: 23, 29 and 30 are not executed; 12 of 15. Path: right for 7, 15, 16, 17, 18 (its first two rounds go on
    // to 20, the last to 19), and 30; 6 of 15. 14 is followed by 7. State: two variables each on 7 and 8, n on 11, n
    // and sum on 14, 22, 23 and 25, i, n and sum on 15 to 20, turns on 29 and 30: 33 questions. 0 is right for x and y
    // on 7 and 8, n on 11, sum on 14, and i on 16, 17, 18 and 20: 10. Output is 18 and steps are 3: none. IC: line 7 is
    // right in all but the output, .5; 8 and 11 in coverage and state, .25 each; 14, 19, 20, 22 and 25 in coverage
    // alone, .125 each; the others have patterns that give nothing (15 to 18 path without state). 1.625 of 15.
    let expected = [
        80.0,
        100.0 * 10.0 / 33.0,
        100.0 * 6.0 / 15.0,
        0.0,
        100.0 * 1.625 / 15.0,
        0.0,
    ];
    for (score, expected) in scores(&truth, &worse).iter().zip(expected) {
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
    }
}

#[test]
fn the_same_bytes_in_every_tier() {
    let [interp, jit, auto] =
        [Tier::Interp, Tier::Jit, Tier::Auto].map(|tier| text(&lines_truth(tier)));
    assert!(interp.contains(r#""kind":"state""#));
    assert_eq!(interp, jit);
    assert_eq!(interp, auto);
}

#[test]
fn rows_say_more_than_their_answers() {
    let run = lines_truth(Tier::Auto);
    assert_eq!(run.status, Status::Ok);
    let output = of_kind(&run, Kind::Output);
    // 16 + down(2)
    let expected = json!({"task_id": "p", "input": "five", "kind": "output", "expected": 18, "status": "ok", "file": "lines.c"});
    assert_eq!(output, [expected]);
    let steps = of_kind(&run, Kind::Steps);
    // The program counts its own, in run_steps.
    let expected = json!({"task_id": "p", "input": "five", "kind": "steps", "expected": 3, "steps": 3, "of": "run_steps",
        "kept": 29, "lines": 29, "status": "ok"});
    assert_eq!(steps, [expected]);
    let coverage = of_kind(&run, Kind::Coverage);
    let expected = json!({"task_id": "p", "input": "five", "kind": "coverage", "line": 7, "expected": true, "executed": true, "count": 5});
    assert_eq!(coverage[0], expected);
    let path = of_kind(&run, Kind::Path);
    // 29 steps, and three lines that are not executed.
    assert_eq!(path.len(), 32);
    let expected = json!({"task_id": "p", "input": "five", "kind": "path", "line": 14, "expected": 7, "occurrence": 1, "next": 7});
    assert_eq!(path[0], expected);
    assert_eq!(
        (&path[28]["line"], &path[28]["next"]),
        (&json!(11), &json!(-1))
    );
    assert_eq!(
        (&path[29]["occurrence"], &path[29]["next"]),
        (&json!(0), &json!(-1))
    );
    let state = of_kind(&run, Kind::State);
    let expected = json!({"task_id": "p", "input": "five", "kind": "state", "line": 14, "var": "n", "expected": 5, "occurrence": 1, "activation": 1,
        "type": "int", "value": "5"});
    assert_eq!(state[0], expected);
    assert_eq!(state.last().expect("rows")["expected"], "Nil");
}

#[test]
fn without_a_counter_steps_are_of_lines() {
    let run = ends("hello", |_| {});
    assert_eq!(run.status, Status::Ok);
    assert_eq!(of_kind(&run, Kind::Output)[0]["expected"], "hello");
    let steps = &of_kind(&run, Kind::Steps)[0];
    // _start's 45; in main 24 to 29, then 41; in print 18, 19, 20.
    assert_eq!(
        (&steps["of"], &steps["steps"]),
        (&json!("lines"), &json!(11))
    );
    let path: Vec<Value> = of_kind(&run, Kind::Path);
    let taken: Vec<&Value> = path[..11].iter().map(|row| &row["line"]).collect();
    assert_eq!(
        json!(taken),
        json!([45, 24, 25, 26, 27, 28, 29, 41, 18, 19, 20])
    );
    let first: Vec<Value> = of_kind(&run, Kind::State)
        .into_iter()
        .filter(|row| row["var"] == "first" && row["line"] == 27)
        .collect();
    // A character is shown without its code.
    assert_eq!(
        (&first[0]["expected"], &first[0]["type"]),
        (&json!("'h'"), &json!("char"))
    );
}

#[test]
fn addresses_are_told_only_where_they_are_wanted() {
    let piece = |run: &Run| {
        of_kind(run, Kind::State)
            .iter()
            .filter(|row| row["var"] == "piece" && row["occurrence"] == 1)
            .count()
    };
    let without = ends("hello", |_| {});
    assert_eq!(piece(&without), 0);
    let with = ends("hello", |options| options.addresses = true);
    assert!(piece(&with) > 0);
}

#[test]
fn programs_of_every_end_have_the_truth_so_far() {
    let status = |run: &Run| {
        let steps = &of_kind(run, Kind::Steps)[0];
        assert_eq!(steps["status"], of_kind(run, Kind::Output)[0]["status"]);
        (run.status, steps["steps"].as_u64().expect("a number"))
    };
    // The 7 lines before the switch, and the trap.
    let trap = ends("t", |_| {});
    assert_eq!(status(&trap), (Status::Trap, 8));
    let path = of_kind(&trap, Kind::Path);
    assert_eq!(
        (&path[7]["line"], &path[7]["next"]),
        (&json!(31), &json!(-1))
    );
    let at_trap = |row: &Value| row["line"] == 31;
    assert!(!of_kind(&trap, Kind::State).iter().any(at_trap));
    assert_eq!(status(&ends("x", |_| {})), (Status::Exit, 8));

    let forever = ends("l", |options| options.limits.fuel = 100_000);
    let (ended, steps) = status(&forever);
    assert_eq!(ended, Status::Fuel);
    assert!(steps > 1000, "{steps}");
    let timed = ends("l", |options| options.limits.wall_s = 1);
    assert_eq!(timed.status, Status::Wall);
    assert!(!of_kind(&timed, Kind::Coverage).is_empty());

    let flood = ends("f", |options| {
        options.limits.stdout_mb = 2;
        options.steps.steps = 20;
    });
    let (ended, steps) = status(&flood);
    assert_eq!(ended, Status::Output);
    // 2 MiB are 512 times the buffer, each five lines, in the loop and in what it calls.
    assert!(steps > 512 * 4, "{steps}");
    let output = &of_kind(&flood, Kind::Output)[0];
    assert_eq!(output["truncated"], true);
    assert_eq!(output["expected"].as_str().expect("text").len(), 1 << 20);
    // 20 kept steps have 19 next lines; others are told where they are new. All of them are.
    let path = of_kind(&flood, Kind::Path);
    let told = path.iter().filter(|row| row["occurrence"] != 0).count();
    assert!((19..40).contains(&told), "{told}");
}

#[test]
fn what_has_no_truth_says_why() {
    let error = |module: &[u8], options: TruthOptions| {
        let built = Built::new(module.to_vec(), "");
        let program = TruthProgram::new(&judge(Tier::Auto), &built, options);
        let error = match program {
            Err(error) => error,
            Ok(program) => program.run(&Input::default()).expect_err("no truth"),
        };
        error.to_string()
    };
    let plain = wat::parse_str(r#"(module (func (export "_start")))"#).expect("a module");
    let none = error(&plain, options("stdio", ""));
    assert!(none.contains("no DWARF") && none.contains("-g"), "{none}");
    let other = TruthOptions {
        file: Some("end.c".to_owned()),
        ..options("stdio", "")
    };
    let other = error(ENDS, other);
    assert!(other.contains("did you mean `ends.c`"), "{other}");
    let missing = error(ENDS, options("func:main2", ""));
    assert!(missing.contains("no function `main2`"), "{missing}");
    let arguments = error(LINES, options("func:run", ""));
    assert!(arguments.contains("takes 1 parameters"), "{arguments}");
    assert!(error(b"\0asm", options("stdio", "")).starts_with("load the module"));
}

#[test]
fn flags_lose_their_optimisation() {
    let flags = |language: &str, own: &[&str]| {
        let own: Vec<String> = own.iter().map(|flag| (*flag).to_owned()).collect();
        unoptimised(language, &own).join(" ")
    };
    assert_eq!(flags("c", &["-O2"]), "-O0 -fno-sanitize=undefined");
    assert_eq!(
        flags("rust", &["-Copt-level=2", "-Cpanic=abort"]),
        "-Copt-level=0 -Cpanic=abort"
    );
    assert_eq!(
        flags("assemblyscript", &["-O2", "--sourceMap"]),
        "-O0 --sourceMap"
    );
}

/// Real compilers: `.ci/efficiency` installs them.
#[cfg(feature = "compilers")]
#[test]
fn programs_of_real_compilers() {
    let judge = judge(Tier::Auto);
    let builder = &judge.config().builder;
    let c = "#include <stdio.h>\nint main(void) {\n    int n = 0;\n    scanf(\"%d\", &n);\n    printf(\"%d\\n\", 2 * n);\n    return 0;\n}\n";
    let rust = "fn half(n: u32) -> u32 {\n    if n % 2 == 0 {\n        n / 2\n    } else {\n        n\n    }\n}\n\nfn main() {\n    \
        let n = half(6);\n    println!(\"{n}\");\n}\n";
    let cases: [(&str, &str, &[u64], &str); 2] = [
        ("c", c, &[3, 4, 5, 6], "14\n"),
        // The way out of the `if` is no step of its line.
        ("rust", rust, &[10, 2, 3, 11], "3\n"),
    ];
    for (language, source, expected, printed) in cases {
        let own = builder.toolchains.flags_of(language).expect("a compiler");
        let flags = unoptimised(language, &own);
        let built = builder.build(language, source, Some(&flags), 1 << 20);
        let options = options("stdio", source);
        let program = TruthProgram::new(&judge, &built.expect("built"), options).expect("lines");
        assert!(
            std::path::Path::new(program.file()).starts_with("main")
                || program.file().contains("main.")
        );
        let input = Input {
            stdin: b"7".to_vec(),
            ..Input::default()
        };
        let run = program.run(&input).expect("runs");
        let path = of_kind(&run, Kind::Path);
        let taken = path.iter().filter(|row| row["occurrence"] != 0);
        let taken: Vec<u64> = taken.filter_map(|row| row["line"].as_u64()).collect();
        assert_eq!(taken, expected, "{language}");
        assert_eq!(of_kind(&run, Kind::Output)[0]["expected"], printed);
    }
}
