//! The known answers of the counting rules (`tests/vectors/counts.json`):
//! every program in every mode gives the same result, trap and counts, whoever
//! counts and whoever else watches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use probity_analyses::Session;
use probity_analyses::report::table::{AnalysisReport, Table, Value};
use probity_engine::hook::Probe;
use probity_engine::{Config, Engine, Instance, Module, Store, TrapCode, Val};
use serde_json::Value as Json;

const ALL: [&str; 8] = [
    "hotness",
    "icount",
    "branches",
    "coverage",
    "calls",
    "loops",
    "opcodes",
    "allocations",
];

fn vectors() -> Vec<Json> {
    let text = include_str!("../vectors/counts.json");
    serde_json::from_str(text).expect("vectors are JSON")
}

fn text<'a>(vector: &'a Json, key: &str) -> &'a str {
    vector[key].as_str().expect("text")
}

/// What one run showed from outside.
struct Run {
    result: Result<Val, TrapCode>,
    fuel: u64,
    reports: Vec<AnalysisReport>,
    module: Module,
}

fn run(vector: &Json, analyses: &[&str], probe: Option<Probe>) -> Run {
    let engine = Engine::new(&Config::new());
    let module = Module::new(&engine, text(vector, "wat")).expect("loads");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    for &name in analyses {
        let zero = ("zero".to_owned(), "include".to_owned());
        let options = if name == "hotness" {
            vec![zero]
        } else {
            vec![]
        };
        session.add(name, &options).expect("analysis");
    }
    session.attach(&mut store, &module).expect("attaches");
    if let Some(probe) = probe {
        store.probes().insert_global(probe);
    }
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
    let main = instance.get_func(&store, "main").expect("main");
    let mut results = [Val::I32(0)];
    let result = main.call(&mut store, &[], &mut results);
    let result = match result {
        Ok(()) => Ok(results[0].clone()),
        Err(error) => Err(error.trap().expect("a trap").code()),
    };
    let fuel = store.fuel_consumed();
    let reports = session.finish(&mut store);
    Run {
        result,
        fuel,
        reports,
        module,
    }
}

/// Checks what every mode must show.
fn check_run(vector: &Json, mode: &str, run: &Run) {
    let name = text(vector, "name");
    match (vector.get("trap").and_then(Json::as_str), &run.result) {
        (Some(trap), Err(code)) => {
            let expected = match trap {
                "unreachable" => TrapCode::Unreachable,
                "memory_out_of_bounds" => TrapCode::MemoryOutOfBounds,
                "integer_division_by_zero" => TrapCode::IntegerDivideByZero,
                "indirect_call_to_null" => TrapCode::UninitializedElement,
                other => panic!("{name}: trap {other} is unknown"),
            };
            assert_eq!(*code, expected, "{name} {mode}");
        }
        (None, Ok(Val::I32(value))) => {
            assert_eq!(
                Some(i64::from(*value)),
                vector["result"].as_i64(),
                "{name} {mode}"
            );
        }
        (None, Ok(Val::I64(value))) => {
            assert_eq!(Some(*value), vector["result"].as_i64(), "{name} {mode}");
        }
        (expected, result) => panic!("{name} {mode}: expected {expected:?}, got {result:?}"),
    }
    assert_eq!(
        Some(run.fuel),
        vector["fuel"].as_u64(),
        "{name} {mode}: fuel"
    );
}

fn report<'a>(run: &'a Run, name: &str) -> &'a AnalysisReport {
    let report = run.reports.iter().find(|report| report.name == name);
    report.expect("was asked for")
}

fn fact(report: &AnalysisReport, name: &str) -> u64 {
    let fact = report.facts.iter().find(|fact| fact.column.name == name);
    match fact.map(|fact| &fact.value) {
        Some(Value::Number(number)) => *number,
        other => panic!("{name} is {other:?}"),
    }
}

fn numbers(table: &Table, column: &str) -> Vec<u64> {
    let at = table.columns.iter().position(|c| c.name == column);
    let at = at.expect("column");
    let number = |row: &Vec<Value>| match row[at] {
        Value::Number(number) => number,
        ref other => panic!("{column} holds {other:?}"),
    };
    table.rows.iter().map(number).collect()
}

fn check_icount(vector: &Json, run: &Run) {
    let name = text(vector, "name");
    let icount = report(run, "icount");
    assert_eq!(
        Some(fact(icount, "total")),
        vector["instr"].as_u64(),
        "{name}"
    );
    assert_eq!(fact(icount, "fuel"), run.fuel, "{name}");
    let table = &icount.tables[0];
    let counts = numbers(table, "index")
        .into_iter()
        .zip(numbers(table, "count"));
    let counts: BTreeMap<String, u64> = counts.map(|(index, n)| (index.to_string(), n)).collect();
    let expected = vector["functions"].as_object().expect("functions");
    let expected = expected
        .iter()
        .map(|(index, n)| (index.clone(), n.as_u64().expect("count")));
    assert_eq!(counts, expected.filter(|(_, n)| *n > 0).collect(), "{name}");
    assert_eq!(
        numbers(table, "fuel").iter().sum::<u64>(),
        run.fuel,
        "{name}"
    );
}

fn check_hotness(vector: &Json, run: &Run) {
    let name = text(vector, "name");
    let hotness = report(run, "hotness");
    assert_eq!(
        Some(fact(hotness, "total")),
        vector["instr"].as_u64(),
        "{name}"
    );
    let table = &hotness.tables[0];
    let body = |func: u64| run.module.function(func as u32).and_then(|f| f.body());
    let sites = numbers(table, "func").into_iter().zip(numbers(table, "pc"));
    let sites = sites
        .zip(numbers(table, "count"))
        .map(|((func, pc), count)| {
            let start = u64::from(body(func).expect("a body").start);
            (func, pc - start, count)
        });
    let expected = vector["sites"]
        .as_array()
        .expect("sites")
        .iter()
        .map(|site| {
            let number = |at: usize| site[at].as_u64().expect("number");
            (number(0), number(1), number(2))
        });
    assert_eq!(
        sites.collect::<Vec<_>>(),
        expected.collect::<Vec<_>>(),
        "{name}"
    );
}

/// Each other analysis agrees with the counts as far as it has them.
fn check_others(vector: &Json, run: &Run) {
    let name = text(vector, "name");
    let total = vector["instr"].as_u64();
    assert_eq!(Some(fact(report(run, "opcodes"), "total")), total, "{name}");
    let hotness = &report(run, "hotness").tables[0];
    let executed = numbers(hotness, "count").iter().filter(|&&n| n > 0).count() as u64;
    let coverage = report(run, "coverage");
    assert_eq!(fact(coverage, "covered"), executed, "{name}");
    assert_eq!(fact(coverage, "total"), hotness.rows.len() as u64, "{name}");

    let opcode = hotness.columns.iter().position(|c| c.name == "opcode");
    let opcode = opcode.expect("column");
    let of = |wanted: &[&str]| -> u64 {
        let counts = hotness.rows.iter().zip(numbers(hotness, "count"));
        counts
            .filter(|(row, _)| matches!(row[opcode], Value::Word(word) if wanted.contains(&word)))
            .map(|(_, count)| count)
            .sum()
    };
    let branches = report(run, "branches");
    let conditions = fact(branches, "taken") + fact(branches, "not_taken");
    let choosing = [
        "if",
        "br_if",
        "select",
        "br_on_null",
        "br_on_non_null",
        "br_on_cast",
        "br_on_cast_fail",
    ];
    assert_eq!(conditions, of(&choosing), "{name}");
    assert_eq!(fact(branches, "table_count"), of(&["br_table"]), "{name}");
    let caught = u64::from(name.starts_with("throw_"));
    assert_eq!(fact(branches, "caught"), caught, "{name}");
    let calls = report(run, "calls");
    assert_eq!(
        fact(calls, "direct") + fact(calls, "host"),
        of(&["call", "return_call"]),
        "{name}"
    );
    let trapped = u64::from(name == "trap_indirect");
    assert_eq!(
        fact(calls, "indirect") + trapped,
        of(&["call_indirect", "call_ref"]),
        "{name}"
    );
    assert_eq!(fact(calls, "tail"), of(&["return_call"]), "{name}");
    assert_eq!(
        fact(report(run, "allocations"), "structures"),
        of(&["struct.new"]),
        "{name}"
    );
    assert_eq!(
        fact(report(run, "loops"), "iterations"),
        of(&["loop"]),
        "{name}"
    );
}

/// Runs every vector.
fn each(check: impl FnMut(&Json)) {
    let vectors = vectors();
    assert_eq!(vectors.len(), 26);
    vectors.iter().for_each(check);
}

#[test]
fn without_probes() {
    each(|vector| check_run(vector, "no probes", &run(vector, &[], None)));
}

#[test]
fn under_icount() {
    each(|vector| {
        let run = run(vector, &["icount"], None);
        check_run(vector, "icount", &run);
        check_icount(vector, &run);
    });
}

#[test]
fn under_hotness() {
    each(|vector| {
        let run = run(vector, &["hotness"], None);
        check_run(vector, "hotness", &run);
        check_hotness(vector, &run);
    });
}

#[test]
fn under_every_analysis() {
    each(|vector| {
        let run = run(vector, &ALL, None);
        check_run(vector, "all", &run);
        check_icount(vector, &run);
        check_hotness(vector, &run);
        check_others(vector, &run);
    });
}

/// A probe before every instruction: it fires as often as the rule counts.
#[test]
fn under_a_global_probe() {
    each(|vector| {
        let fires = Arc::new(AtomicU64::new(0));
        let counter = fires.clone();
        let probe = Probe::call(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let run = run(vector, &ALL, Some(probe));
        check_run(vector, "global", &run);
        check_icount(vector, &run);
        check_hotness(vector, &run);
        let name = text(vector, "name");
        assert_eq!(
            Some(fires.load(Ordering::Relaxed)),
            vector["instr"].as_u64(),
            "{name}"
        );
    });
}
