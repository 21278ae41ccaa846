//! Rules in a session: their tables, and that they see what the other analyses see.

mod common;

use std::collections::BTreeMap;

use common::random::{Dialect, program};
use common::{Run, rows, run_rules};
use probity_analyses::{Format, Session};
use probity_engine::{Config, Tier, TierZeal};
use probity_probes::rule::Rule;
use serde_json::{Value as Json, json};

/// `fac` of 4 calls itself with 3, 2, 1, 0.
const FAC: &str = r#"(module
    (func $fac (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
            (else (i32.mul (local.get 0)
                (call $fac (i32.sub (local.get 0) (i32.const 1)))))))
    (func $never (call $never))
    (func (export "main") (result i32) (call $fac (i32.const 4))))"#;

fn fac(rules: &[&str]) -> Run {
    run_rules(Config::new(), FAC, &[], rules, |_| {})
}

#[test]
fn counts_and_values_by_site() {
    let run = fac(&[
        "call",
        "call / fname == \"fac\" / { count; sum(arg0); min(-arg0) }",
    ]);
    let rules = run.of("rules");
    assert_eq!(
        rows(&rules["rules"], &["rule", "text", "sites"]),
        [
            json!([1, "call", 2]),
            json!([
                2,
                "call / fname == \"fac\" / { count; sum(arg0); min(-arg0) }",
                1
            ]),
        ]
    );
    assert_eq!(
        rows(
            &rules["actions"],
            &["rule", "action", "count", "value", "skipped"]
        ),
        [
            json!([1, "count", 5, null, 0]),
            json!([2, "count", 4, null, 0]),
            json!([2, "sum(arg0)", 4, 6, 0]),
            json!([2, "min(-arg0)", 4, -3, 0]),
        ]
    );
    assert_eq!(
        rows(
            &rules["sites"],
            &["rule", "action", "func", "name", "event", "count", "value"]
        ),
        [
            json!([1, "count", 0, "fac", "call", 4, null]),
            json!([1, "count", 2, "main", "call", 1, null]),
            json!([2, "count", 0, "fac", "call", 4, null]),
            json!([2, "sum(arg0)", 0, "fac", "call", 4, 6]),
            json!([2, "min(-arg0)", 0, "fac", "call", 4, -3]),
        ]
    );
}

/// The calls of `fac` give 1, 1, 2 and 6 to itself.
#[test]
fn results_behind_operators() {
    let run = fac(&["call:* / fname == \"fac\" / { sum(res0) }"]);
    assert_eq!(
        rows(
            &run.of("rules")["sites"],
            &["rule", "action", "func", "event", "count", "value"]
        ),
        [
            json!([1, "sum(res0)", 0, "call", 0, null]),
            json!([1, "sum(res0)", 0, "call:after", 4, 10]),
        ]
    );
}

/// Traps and ticks of fuel are told by the store; 1 unit is the entry of `main`.
#[test]
fn what_happens_anywhere() {
    let wat = r#"(module
        (func $f (param i32) (drop (i32.rem_s (i32.const 1) (local.get 0))))
        (func (export "main") (call $f (i32.const 3)) (call $f (i32.const 0))))"#;
    let rules = ["func:trap { count by (fname, trap) }", "fuel:tick:4"];
    let run = run_rules(Config::new(), wat, &[], &rules, |_| {});
    let rules = run.of("rules");
    assert_eq!(
        rows(&rules["keys"], &["rule", "key", "count"]),
        [json!([1, "f, integer_divide_by_zero", 1])]
    );
    // Four units each: `main`, const, call, `f`; const, get, rem, const; call, `f`, const, get; then rem.
    assert_eq!(
        rows(&rules["sites"], &["rule", "name", "event", "count"]),
        [
            json!([2, "f", "fuel:tick", 1]),
            json!([2, "f", "fuel:tick", 1]),
            json!([2, "main", "fuel:tick", 1]),
        ]
    );
}

#[test]
fn keys_buckets_stacks_and_lines() {
    let run = fac(&[
        "call { count by (fname, arg0 > 1) }",
        "call { hist(arg0); hist(arg0) by fname }",
        "wasm:func:entry / arg0 == 3 || fname == \"main\" / { stack; print(\"in {}\", fname) }",
    ]);
    let rules = run.of("rules");
    assert_eq!(
        rows(&rules["keys"], &["rule", "action", "key", "count"]),
        [
            json!([1, "count by (fname, arg0 > 1)", "fac, false", 2]),
            json!([1, "count by (fname, arg0 > 1)", "fac, true", 2]),
            json!([1, "count by (fname, arg0 > 1)", "main, true", 1]),
            json!([2, "hist(arg0) by fname", "fac", 4]),
            json!([2, "hist(arg0) by fname", "main", 1]),
        ]
    );
    let buckets = rows(
        &rules["buckets"],
        &["action", "key", "low", "high", "count"],
    );
    assert_eq!(
        buckets,
        [
            json!(["hist(arg0)", null, 0, 0, 1]),
            json!(["hist(arg0)", null, 1, 1, 1]),
            json!(["hist(arg0)", null, 2, 3, 2]),
            json!(["hist(arg0)", null, 4, 7, 1]),
            json!(["hist(arg0) by fname", "fac", 0, 0, 1]),
            json!(["hist(arg0) by fname", "fac", 1, 1, 1]),
            json!(["hist(arg0) by fname", "fac", 2, 3, 2]),
            json!(["hist(arg0) by fname", "main", 4, 7, 1]),
        ]
    );
    assert_eq!(
        rows(&rules["stacks"], &["rule", "count", "stack"]),
        [json!([3, 1, "main"]), json!([3, 1, "main;fac;fac"])]
    );
    assert_eq!(run.lines, ["in main", "in fac"]);
}

#[test]
fn every_format_has_them() {
    let run = fac(&[
        "call / arg0 >= 0 / { sum(-1 * arg0); count by opname }",
        "nop",
    ]);
    let written = |format| {
        let mut text = Vec::new();
        run.report.write(format, &mut text).expect("memory");
        String::from_utf8(text).expect("UTF-8")
    };
    let text = written(Format::Text);
    for line in [
        "== rules ==",
        "     1  sum(-1 * arg0)       5    -10        0",
        "     1  sum(-1 * arg0)     0  fac",
        "     2  nop",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let csv = written(Format::Csv);
    let header = "analysis,table,rule,text,sites,action,count,value,skipped,func,name,pc,event,key";
    assert!(csv.starts_with(header), "{csv}");
    assert!(
        csv.contains("rules,actions,1,,,sum(-1 * arg0),5,-10,0,"),
        "{csv}"
    );
}

#[test]
fn rules_are_given_once() {
    let mut session = Session::new();
    let rule = || [Rule::parse("call").expect("a rule")];
    session.add_rules(rule(), |_| {}).expect("the first");
    let error = session.add_rules(rule(), |_| {}).expect_err("the second");
    assert_eq!(error.to_string(), "analysis rules is given twice");
}

/// Counts by site of a table.
fn by_site<'a>(rows: impl Iterator<Item = &'a Json>, column: &str) -> BTreeMap<(u64, u64), u64> {
    let number = |row: &Json, column: &str| row[column].as_u64().expect("a number");
    rows.map(|row| {
        (
            (number(row, "func"), number(row, "pc")),
            number(row, column),
        )
    })
    .filter(|&(_, count)| count > 0)
    .collect()
}

/// In every way of executing them, random programs are seen alike by rules and by the
/// analyses that ask the counter plan: also after traps, exceptions and limits.
#[test]
fn rules_count_what_the_other_analyses_count() {
    let ways = [
        (Tier::Interp, TierZeal::Off),
        (Tier::Jit, TierZeal::Off),
        (Tier::Auto, TierZeal::Eager),
        (Tier::Auto, TierZeal::Osr),
        (Tier::Jit, TierZeal::Deopt),
    ];
    let analyses = ["hotness", "loops", "opcodes"];
    let rules = [
        "*",
        "* / local0 >= 0 || local0 < 0 / { sum(1) }",
        "wasm:loop:entry",
        "wasm:loop:entry { sum(1) }",
        "wasm:loop:iter",
        "* { count by opname }",
    ];
    let mut fired = 0;
    for seed in 0..120u64 {
        let dialect = [Dialect::Wasm1, Dialect::Wasm3][seed as usize % 2];
        let wat = program(seed, dialect);
        let (tier, zeal) = ways[seed as usize / 2 % ways.len()];
        let mut config = Config::new();
        config.tier(tier).tier_zeal(zeal);
        let run = run_rules(config, &wat, &analyses, &rules, |store| {
            store.set_fuel_limit(Some(20_000));
        });
        let at = format!("seed {seed}, {tier:?} {zeal:?}");
        let table = |analysis: &str, table: &str| -> Vec<Json> {
            let table = run.of(analysis)[table].as_array();
            table.unwrap_or_else(|| panic!("{analysis}")).clone()
        };
        let sites = table("rules", "sites");
        let of_rule = |rule: u64| sites.iter().filter(move |row| row["rule"] == rule);

        let hotness = table("hotness", "instructions");
        let expected = by_site(hotness.iter(), "count");
        assert_eq!(by_site(of_rule(1), "count"), expected, "{at}");
        fired += expected.len();
        // Functions without parameters have no `local0` unless they declare it.
        for (site, count) in by_site(of_rule(2), "count") {
            assert_eq!(expected.get(&site), Some(&count), "{at}");
        }
        let loops = table("loops", "loops");
        let entries = by_site(of_rule(3), "count");
        assert_eq!(by_site(of_rule(4), "count"), entries, "{at}");
        // The plan counts an entry that a limit ends before the `loop` itself.
        let limit = run
            .error
            .as_ref()
            .is_some_and(|error| error.trap().is_none());
        for (site, expected) in by_site(loops.iter(), "entries") {
            let found = entries.get(&site).copied().unwrap_or(0);
            assert!(found == expected || limit && found + 1 == expected, "{at}");
        }
        assert_eq!(
            by_site(of_rule(5), "count"),
            by_site(loops.iter(), "iterations"),
            "{at}"
        );

        let opcodes = table("opcodes", "opcodes");
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &opcodes {
            let name = row["opcode"].as_str().expect("text");
            *expected.entry(name).or_default() += row["count"].as_u64().expect("a number");
        }
        expected.retain(|_, count| *count > 0);
        let keys = table("rules", "keys");
        let keys = keys.iter().map(|row| {
            let name = row["key"].as_str().expect("text");
            (name, row["count"].as_u64().expect("a number"))
        });
        assert_eq!(keys.collect::<BTreeMap<_, _>>(), expected, "{at}");
    }
    assert!(fired > 1_500, "{fired} sites fired");
}
