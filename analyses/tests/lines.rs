//! Coverage of source lines, functions and branches: a program of known lines, worked by hand, in
//! every way of executing it; random programs against the other analyses.

mod common;

use std::collections::BTreeMap;

use common::random::{Dialect, program};
use common::{WAYS, config, run_with};
use probity_analyses::coverage::{CoverageData, CoverageDiff, FileCoverage, Share};
use probity_analyses::export::{Data, DataKind};
use probity_analyses::{AnalysisReport, Session};
use probity_engine::{Engine, Linker, Module, Store, Tier, TierZeal};
use serde_json::json;

/// From `inlined.c` beside it, by clang -O1; its header has the command.
const INLINED: &[u8] = include_bytes!("../../probes/tests/source/inlined.wasm");

/// Calls `run` once with each argument.
fn run(
    (way, tier, zeal): (&str, Tier, TierZeal),
    options: &[(&str, &str)],
    args: &[i32],
) -> (AnalysisReport, CoverageData) {
    let engine = Engine::new(&config(tier, zeal));
    let module = Module::new(&engine, INLINED).expect("module");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let options: Vec<(String, String)> = options.iter().map(own).collect();
    session.add("coverage", &options).expect("analysis");
    session
        .collect(DataKind::Coverage)
        .expect("coverage has it");
    session.attach(&mut store, &module).expect("attaches");
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("instance");
    let func = instance
        .get_typed_func::<i32, i32>(&store, "run")
        .expect("run");
    for &arg in args {
        func.call(&mut store, arg)
            .unwrap_or_else(|e| panic!("{way}: {e}"));
    }
    let mut reports = session.finish(&mut store);
    let report = reports.remove(0);
    let Some(Data::Coverage(data)) = report.data.clone() else {
        panic!("{way}: no data");
    };
    (report, data)
}

/// `func=` takes source lines: of `weigh`, whose loop is lines 15 to 18, alone.
#[test]
fn functions_are_chosen_by_line() {
    for way in WAYS {
        let (report, _) = run(way, &[("func", "inlined.c:17")], &[4]);
        let functions = report.tables[0].rows.len();
        assert_eq!(functions, 1, "{}: {:?}", way.0, report.tables[0]);
    }
}

fn lines(file: &FileCoverage) -> Vec<(u32, u64)> {
    file.lines
        .iter()
        .map(|line| (line.line, line.count))
        .collect()
}

/// `run(4)`, then `run(101)`; `probity inspect --func` and `llvm-dwarfdump --debug-line` show which
/// operators are of which line.
///
/// - 21, 22: twice. 24 (`weigh(x)`): once. 25: the `return` behind `both(x)` and the last `end` once
///   each; the highest of them is 1.
/// - 14, 18: once. 16: `x < i` for each of the 4 rounds, its beginning once: 4. 17: 4.
/// - 11 is in both copies of `both`: 4 times in `weigh`, once in `run`: 5.
/// - `clamp` has two copies in the loop, 4 and 4 times, and one in `run`, once: 9. `both`: 5.
/// - Branches of 16: whether there is any round (no way 0, on 1, both of no line), and whether there
///   is another (3 times, back to what is of no line) or 18 comes (once). Of 22: 101 goes on to what is of
///   no line, 4 to 24.
#[test]
fn lines_functions_and_branches() {
    for way in WAYS {
        let (report, data) = run(way, &[], &[4, 101]);
        let way = way.0;
        let files = data.files();
        assert_eq!(files.len(), 1, "{way}");
        let file = &files[0];
        assert_eq!(file.path, "inlined.c", "{way}");
        let expected = [
            (11, 5),
            (14, 1),
            (16, 4),
            (17, 4),
            (18, 1),
            (21, 2),
            (22, 2),
            (24, 1),
            (25, 1),
        ];
        assert_eq!(lines(file), expected, "{way}");
        let functions: Vec<(u32, &str, u64)> = file
            .functions
            .iter()
            .map(|f| (f.line, f.name.as_str(), f.count))
            .collect();
        let expected = [
            (4, "clamp", 9),
            (10, "both", 5),
            (14, "weigh", 1),
            (21, "run", 2),
        ];
        assert_eq!(functions, expected, "{way}");
        let branches: Vec<(u32, Vec<(u32, u64)>)> = file
            .branches
            .iter()
            .map(|branch| {
                let ways = branch.ways.iter().map(|way| (way.to_line, way.count));
                (branch.line, ways.collect())
            })
            .collect();
        let expected = [
            (16, vec![(0, 0), (0, 1)]),
            (16, vec![(0, 3), (18, 1)]),
            (22, vec![(0, 1), (24, 1)]),
        ];
        assert_eq!(branches, expected, "{way}");

        // 46 operators of `weigh` and 15 of `run`. `weigh` has three that did not execute, behind
        // its first branch; the `end` of its loop executed once.
        let fact = |name: &str| {
            let fact = report.facts.iter().find(|fact| fact.column.name == name);
            fact.map(|fact| fact.value.clone())
        };
        assert_eq!(fact("total"), Some(61u64.into()), "{way}");
        assert_eq!(fact("covered"), Some(58u64.into()), "{way}");
        assert_eq!(fact("lines_total"), Some(9u64.into()), "{way}");
        assert_eq!(fact("branches_covered"), Some(5u64.into()), "{way}");
        let operators = |executed: bool| -> u32 {
            let pieces = data.modules[0].functions.iter().flat_map(|f| &f.pieces);
            let chosen = pieces.filter(|piece| (piece.count > 0) == executed);
            chosen.map(|piece| piece.operators).sum()
        };
        assert_eq!((operators(true), operators(false)), (58, 3), "{way}");
    }
}

/// `run(-5)` leaves `weigh` by its first branch: nothing of the loop (11, 17) executes. `both`
/// in `run` neither.
#[test]
fn what_never_executed_is_listed() {
    for way in WAYS {
        let (_, data) = run(way, &[("granularity", "line")], &[-5]);
        let file = &data.files()[0];
        let missed = |(line, count): &(u32, u64)| (*count == 0).then_some(*line);
        let missed: Vec<u32> = lines(file).iter().filter_map(missed).collect();
        assert_eq!(missed, [11, 17], "{}", way.0);
        let totals = file.totals();
        let share = |covered, total| Share { covered, total };
        assert_eq!(totals.lines, share(7, 9));
        // `clamp` and `both` are inlined and did not execute.
        assert_eq!(totals.functions, share(2, 4));
        // The first of 16 one way, the second none, 22 one.
        assert_eq!(totals.branches, share(2, 6));

        let (_, none) = run(way, &[("granularity", "line")], &[]);
        assert!(lines(&none.files()[0]).iter().all(|&(_, count)| count == 0));
        assert_eq!(none.files()[0].lines.len(), 9);
    }
}

#[test]
fn files_are_chosen() {
    let way = WAYS[0];
    assert_eq!(run(way, &[("files", "*.c")], &[1]).1.files().len(), 1);
    let (_, other) = run(way, &[("files", "*.rs|*.h")], &[1]);
    assert_eq!(other.files(), []);
    // The code is there all the same.
    assert_eq!(other.modules[0].functions.len(), 2);
}

/// The runs of 4 and of 101 apart are the same as both in one; but for line 25, two places of which
/// execute once each: the highest count of each run is 1, and that of both together too.
#[test]
fn merged_runs_are_one_run() {
    let (_, mut merged) = run(WAYS[0], &[], &[4]);
    let (_, second) = run(WAYS[1], &[], &[101]);
    let (_, both) = run(WAYS[0], &[], &[4, 101]);
    merged.merge(second);
    assert_eq!(merged.modules[0].runs, 2);
    let mut sum = lines(&merged.files()[0]);
    assert_eq!(sum.pop(), Some((25, 2)));
    sum.push((25, 1));
    assert_eq!(sum, lines(&both.files()[0]));
    assert_eq!(merged.files()[0].functions, both.files()[0].functions);
    assert_eq!(merged.files()[0].branches, both.files()[0].branches);
    assert_eq!(merged.modules[0].functions, both.modules[0].functions);
    // As a document, and back.
    let mut text = Vec::new();
    let json = probity_analyses::Format::Json;
    probity_analyses::report::write_analyses(&[both.report()], json, &mut text).expect("memory");
    assert_eq!(CoverageData::from_json(&*text), Ok(both));
}

/// 101 after 4: `weigh` (14, 16, 17, 18) and its call (24) are lost, nothing is gained: line 11 is
/// executed by both. The other way round as much is gained.
#[test]
fn differences_are_lines_lost_and_gained() {
    let (_, four) = run(WAYS[0], &[], &[4]);
    let (_, hundred) = run(WAYS[0], &[], &[101]);
    let diff = CoverageDiff::new(&four, &hundred);
    let file = &diff.files[0];
    assert_eq!(file.lost, [14, 16, 17, 18, 24]);
    assert_eq!(file.gained, [0u32; 0]);
    assert_eq!(file.functions_lost, ["weigh"]);
    let back = CoverageDiff::new(&hundred, &four);
    assert_eq!(back.files[0].gained, [14, 16, 17, 18, 24]);
    assert_eq!(back.files[0].functions_lost, [""; 0]);
    // A file that is in one of them has nothing to compare.
    let nothing = CoverageDiff::new(&CoverageData::default(), &four);
    assert_eq!(nothing.files[0].gained, [0u32; 0]);
    assert_eq!(nothing.files[0].new.lines.covered, 9);
}

#[test]
fn documents_that_are_none() {
    for (text, expected) in [
        ("", "EOF"),
        ("[]", "invalid"),
        (r#"{"schema":2}"#, "schema 2"),
        (r#"{"schema":1}"#, "no analysis `coverage`"),
        (
            r#"{"schema":1,"analyses":{"coverage":{"total":1}}}"#,
            "no lines",
        ),
        (
            r#"{"schema":1,"analyses":{"coverage":{"data":{"modules":[{}]}}}}"#,
            "hash",
        ),
    ] {
        let error = CoverageData::from_json(text.as_bytes()).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// Random programs, some of which trap, throw or run out of fuel: pieces have the counts of
/// `hotness`, branches those of `branches`.
#[test]
fn offsets_agree_with_other_analyses() {
    for seed in 0..150 {
        let dialect = if seed % 2 == 0 {
            Dialect::Wasm1
        } else {
            Dialect::Wasm3
        };
        let wat = program(seed, dialect);
        let analyses = [
            "coverage:granularity=line",
            "hotness",
            "branches:zero=include",
        ];
        let run = run_with(&wat, &analyses, |store| {
            store.set_fuel_limit(Some(500 + seed * 7));
        });
        let data = run.of("coverage")["data"].clone();
        let data: CoverageData = serde_json::from_value(data).expect("data");
        let module = &data.modules[0];
        let pieces = module.functions.iter().flat_map(|f| &f.pieces);
        let total: u64 = pieces
            .map(|piece| u64::from(piece.operators) * piece.count)
            .sum();
        assert_eq!(
            run.of("hotness")["total"],
            json!(total),
            "seed {seed}: {wat}"
        );

        let ways: BTreeMap<u32, Vec<u64>> = module
            .functions
            .iter()
            .flat_map(|f| &f.branches)
            .map(|branch| (branch.pc, branch.ways.clone()))
            .collect();
        let rows = |table: &str| {
            run.of("branches")[table]
                .as_array()
                .cloned()
                .unwrap_or_default()
        };
        let mut told = BTreeMap::new();
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        for row in rows("branches") {
            let two = vec![number(&row["not_taken"]), number(&row["taken"])];
            told.insert(number(&row["pc"]) as u32, two);
        }
        for row in rows("tables") {
            let targets = row["targets"]
                .as_array()
                .expect("targets")
                .iter()
                .map(number);
            let ways = targets.chain([number(&row["default"])]).collect();
            told.insert(number(&row["pc"]) as u32, ways);
        }
        assert_eq!(ways, told, "seed {seed}: {wat}");
    }
}
