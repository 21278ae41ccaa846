//! The page of a run: its totals are the report's, what a module names stays text, parts that are missing say
//! so. `.ci/report` has a browser look at it.

mod common;

use std::path::PathBuf;

use common::{Run, each, run};
use probity_analyses::Format;
use probity_analyses::page::Page;
use serde_json::{Value as Json, json};

/// `main` calls `leaf` three times from a loop.
const PROGRAM: &str = r#"(module (memory 1)
    (func $leaf (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))))
    (func $main (export "main") (local i32)
        (loop $again
            (call $leaf)
            (br_if $again (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3))))))"#;
const ANALYSES: &[&str] = &[
    "icount",
    "profile",
    "coverage:granularity=line",
    "loops",
    "branches",
    "calls",
    "memstats",
    "opcodes",
];

fn text_of(run: &Run) -> Vec<u8> {
    let mut text = Vec::new();
    run.report.write(Format::Json, &mut text).expect("memory");
    text
}

#[track_caller]
fn page_of(text: &[u8]) -> String {
    written(&Page::from_json(text).unwrap_or_else(|e| panic!("{e}")))
}

fn written(page: &Page) -> String {
    let mut out = Vec::new();
    page.write(&mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

fn page(json: &Json) -> String {
    page_of(json.to_string().as_bytes())
}

fn document(analyses: Json) -> Json {
    json!({"schema": 1, "module": {"path": "a.wasm", "name": null, "bytes": 1, "functions": 1},
        "outcome": {"kind": "exit", "code": 0, "message": ""}, "analyses": analyses})
}

/// A section, from its heading to its end.
#[track_caller]
fn section<'p>(page: &'p str, id: &str) -> &'p str {
    let start = format!(r#"<section id="{id}""#);
    let at = page.find(&start).unwrap_or_else(|| panic!("no {id}"));
    let end = page[at..].find("</section>").expect("its end");
    &page[at..at + end]
}

/// The single values on the page, by analysis and name.
fn facts(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("data-fact=\"").skip(1);
    parts
        .map(|part| {
            let (key, rest) = part.split_once("\">").expect("an attribute");
            (key, rest.split_once("</dd>").expect("an end").0)
        })
        .collect()
}

fn flames(page: &str) -> Json {
    serde_json::from_str(flames_text(page)).expect("JSON")
}

fn flames_text(page: &str) -> &str {
    let start = r#"<script type="application/json" id="flame-data">"#;
    let (_, rest) = page.split_once(start).expect("data");
    rest.split_once("</script>").expect("its end").0
}

/// By hand: `leaf` has `const const load const add store end` = 7 operators, 21 in three calls; `main` three times
/// `loop call get const add tee const lt_s br_if` (27) and once `end end` (2): 29. In all 50, `leaf` being 21 of it, with 3 loads of 4 bytes; branches are taken twice and once not.
#[test]
fn totals_are_those_of_the_report_in_each_tier() {
    each(PROGRAM, ANALYSES, |way, run| {
        let page = page_of(&text_of(run));
        let facts = facts(&page);
        let fact = |key: &str| {
            facts
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| *value)
        };
        for (key, value) in [
            ("icount.total", "50"),
            ("profile.total", "50"),
            ("opcodes.total", "50"),
            ("loops.iterations", "3"),
            ("branches.taken", "2"),
            ("branches.not_taken", "1"),
            ("memstats.loads", "3"),
            ("memstats.load_bytes", "12"),
            ("module.functions", "2"),
        ] {
            assert_eq!(fact(key), Some(value), "{way}: {key}");
        }
        // And any other number that is there.
        for (analysis, found) in run.json["analyses"].as_object().expect("analyses") {
            for (key, value) in found.as_object().expect("an analysis") {
                if let Some(number) = value.as_u64() {
                    let shown = fact(&format!("{analysis}.{key}")).expect(key);
                    assert_eq!(shown.replace(',', ""), number.to_string(), "{way}: {key}");
                }
            }
        }
        let flame = &flames(&page)[0];
        assert_eq!(flame["names"], json!(["", "main", "leaf"]), "{way}");
        assert_eq!(flame["total"], json!([50, 50, 21]), "{way}");
        assert_eq!(flame["own"], json!([0, 29, 21]), "{way}");
        assert_eq!(flame["calls"], json!([0, 1, 3]), "{way}");
        assert!(page.contains(r#"<span data-flame-total="profile">50</span> instructions"#));
        assert!(section(&page, "summary").contains(">leaf"), "{way}");
        assert!(!page.contains(r#"id="other""#), "{way}");
    });
}

/// Numbers that no float holds are shown as they are.
#[test]
fn large_numbers_are_exact() {
    let most = u64::MAX;
    let page = page(&document(json!({"icount": {"total": most, "functions": [
        {"index": 0, "name": "f", "static": 1, "count": most - 1, "fuel": 0},
        {"index": 1, "name": "g", "static": 1, "count": most, "fuel": 0}]}})));
    assert!(facts(&page).contains(&("icount.total", "18,446,744,073,709,551,615")));
    let functions = section(&page, "functions");
    let at = |text: &str| functions.find(text).expect(text);
    assert!(at(",551,615") < at(",551,614"));
}

#[test]
fn how_it_ended_is_there() {
    let trap = r#"(module (func $main (export "main") (if (i32.const 1) (then unreachable))))"#;
    each(trap, &["icount", "profile"], |way, run| {
        let page = page_of(&text_of(run));
        // The test's report has no outcome of its own; the counts end where the trap was.
        assert!(facts(&page).contains(&("icount.total", "3")), "{way}");
        assert_eq!(flames(&page)[0]["total"], json!([3, 3]), "{way}");
    });
    let mut json = document(json!({}));
    json["outcome"] = json!({"kind": "trap", "code": "unreachable", "message": "it <did>", "backtrace": ["0: main"]});
    let page = page(&json);
    assert!(page.contains(r#"<span class="badge bad">trap unreachable</span>"#));
    assert!(page.contains("<pre class=\"outcome\">it &lt;did&gt;\n0: main</pre>"));
}

/// Names of modules, functions, files, analyses and columns; none is more than text.
#[test]
fn what_is_named_stays_text() {
    let hostile = "</script><img src=x onerror=alert(1)>\"'\u{2028}";
    let mut json = document(json!({
        hostile: {hostile: hostile, "list": [hostile], "table": [{hostile: hostile, "pc": hostile}]},
        "icount": {"functions": [{"index": 0, "name": hostile, "count": 1}], "warnings": [hostile]},
        "profile": {"weight": hostile, "total": 1, "tree": [{"node": 1, "parent": 0, "name": hostile, "self": 1}],
            "lines": [{"file": hostile, "line": 1, "self": 1}]},
        "coverage": {"granularity": "line", "data": {"modules": [{"hash": "", "path": hostile, "name": hostile, "runs": 1,
            "functions": [], "files": [{"path": hostile, "lines": [{"line": 1, "count": 1}], "functions": [], "branches": []}]}]}},
    }));
    json["module"]["path"] = hostile.into();
    json["module"]["name"] = hostile.into();
    json["outcome"] =
        json!({"kind": hostile, "code": hostile, "message": hostile, "backtrace": [hostile]});
    let page = page(&json);
    assert!(!page.contains("<img"), "{page}");
    assert!(!flames_text(&page).contains('\u{2028}'));
    // One of data, one of the page's own.
    assert_eq!(page.matches("</script>").count(), 2);
    assert_eq!(flames(&page)[0]["names"][1], hostile);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;"));
    // The module's own way, through a name section.
    let module = r#"(module $"</script><img>" (func $"<b>&" (export "main")))"#;
    let page = page_of(&text_of(&run(module, ANALYSES)));
    assert!(!page.contains("<img") && !page.contains("<b>&<"), "{page}");
    assert!(section(&page, "functions").contains("&lt;b&gt;&amp;"));
}

/// Nothing can be loaded, and no script but the page's runs.
#[test]
fn the_policy_forbids_every_load() {
    let page = page(&document(json!({})));
    let (_, rest) = page
        .split_once("Content-Security-Policy\" content=\"")
        .expect("a policy");
    let (policy, _) = rest.split_once('"').expect("its end");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let (_, nonce) = policy.split_once("'nonce-").expect("a nonce");
    let (nonce, _) = nonce.split_once('\'').expect("its end");
    assert!(page.contains(&format!("<script nonce=\"{nonce}\">")));
    assert!(!policy.contains("script-src 'unsafe"), "{policy}");
    for load in [" src=", "http:", "https:", "url(", "@import", " onclick="] {
        assert!(!page.contains(load), "{load}");
    }
}

#[test]
fn parts_that_are_missing_say_so() {
    let bare = page(&document(json!({})));
    for (id, option) in [
        ("flame", "-a profile"),
        ("source", "-a coverage:granularity=line"),
        ("functions", "-a icount"),
        ("loops", "-a loops"),
        ("branches", "-a branches"),
        ("memory", "-a memstats"),
        ("opcodes", "-a opcodes"),
    ] {
        let says = format!("<code>probity run {option} --format json -o RUN.json MODULE</code>");
        assert!(section(&bare, id).contains(&says), "{id}");
        assert!(
            bare.contains(&format!("<a href=\"#{id}\" class=\"missing\">")),
            "{id}"
        );
    }
    assert!(section(&bare, "summary").contains("No analysis watched this run"));
    // The options that the page recommends leave nothing out but the source of a module that has none.
    let page = page_of(&text_of(&run(PROGRAM, ANALYSES)));
    assert_eq!(page.matches("class=\"missing\"").count(), 1);
    assert!(section(&page, "source").contains("The module does not say what its source is"));
}

/// By facts and tables, whatever it is; data of other kinds than tables are text.
#[test]
fn analyses_that_the_page_does_not_know() {
    let page = page(&document(
        json!({"novel": {"depth_max": 7, "note": "<i>", "odd": [1, [2, 3], null], "empty": [],
        "things": [{"what": "a", "bytes": 5, "share_percent": 12.345}, {"what": "b", "bytes": 1234567}],
        "warnings": ["not all"]}}),
    ));
    let other = section(&page, "other");
    for part in [
        "<h3>novel</h3>",
        "depth max",
        "&lt;i&gt;",
        "1 0x2-0x3",
        "<h4>things</h4>",
        "1,234,567",
        "12.3 %",
        "not all",
        "<p class=\"dim\">none</p>",
    ] {
        assert!(other.contains(part), "{part} in {other}");
    }
    assert!(other.find("1,234,567") < other.find(">5"));
}

#[test]
fn source_is_shown_with_counts_weights_and_text() {
    let module = include_bytes!("debug/account.wasm");
    let text = report_of_run_3(module);
    let mut page = Page::from_json(&text).expect("a report");
    let without = written(&page);
    assert!(section(&without, "source").contains("The text is not below"));
    page.source_dirs(vec![
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/debug"),
    ]);
    page.title("a <title>");
    let page = written(&page);
    assert!(page.contains("<title>a &lt;title&gt;</title>"));
    let source = section(&page, "source");
    // `factorial(3)` calls itself twice: its first line executes three times, `return 1` once.
    let row = |line: u32| {
        let start = format!("<tr id=\"f0l{line}\"");
        let at = source
            .find(&start)
            .unwrap_or_else(|| panic!("no line {line}"));
        source[at..].lines().next().expect("a line")
    };
    assert!(
        row(28).contains("class=\"hit\"") && row(28).contains("<td>3<td>"),
        "{}",
        row(28)
    );
    assert!(row(28).ends_with("    if (n &lt;= 1)"), "{}", row(28));
    assert!(row(29).contains("<td>1<td>"), "{}", row(29));
    assert!(
        row(1).contains("><td>1<td><td><td><td>/* A program"),
        "{}",
        row(1)
    );
    let json: Json = serde_json::from_slice(&text).expect("JSON");
    let lines = json["analyses"]["profile"]["lines"]
        .as_array()
        .expect("lines");
    let weight = lines.iter().find(|row| row["line"] == 28).expect("line 28");
    assert!(
        row(28).contains(&format!("%\">{}<td>", weight["self"])),
        "{}",
        row(28)
    );
}

/// `run(3)` of a module that imports nothing.
fn report_of_run_3(module: &[u8]) -> Vec<u8> {
    use probity_analyses::{ModuleSummary, Outcome, OutcomeKind, Report, Session};
    use probity_engine::{Config, Engine, Linker, Module, Store, Val};
    let engine = Engine::new(&Config::new());
    let module = Module::new(&engine, module).expect("a module");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    let by_line = [("granularity".to_owned(), "line".to_owned())];
    session.add("coverage", &by_line).expect("an analysis");
    session.add("profile", &[]).expect("an analysis");
    session.attach(&mut store, &module).expect("attached");
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("an instance");
    let run = instance.get_func(&store, "run").expect("run");
    let mut results = [Val::I32(0)];
    run.call(&mut store, &[Val::I32(3)], &mut results)
        .expect("no trap");
    let report = Report {
        module: ModuleSummary::new(&module, Some("account.wasm")),
        outcome: Outcome {
            kind: OutcomeKind::Exit,
            code: 0.into(),
            message: String::new(),
            backtrace: Vec::new(),
        },
        analyses: session.finish(&mut store),
    };
    let mut text = Vec::new();
    report.write(Format::Json, &mut text).expect("memory");
    text
}

/// A report of a hundred thousand rows in each table, with names of ten thousand characters among them.
#[test]
fn pages_of_large_runs_stay_small() {
    let long = "n".repeat(10_000);
    let rows: Vec<Json> = (0..100_000u64)
        .map(|at| json!({"func": at, "name": if at % 100 == 0 { &*long } else { "f" }, "pc": at, "count": at}))
        .collect();
    let nodes: Vec<Json> = (1..=100_000u64)
        .map(|at| json!({"node": at, "parent": at / 2, "name": "f", "self": at}))
        .collect();
    let lines: Vec<Json> = (1..=100_000u32)
        .map(|at| json!({"line": at, "count": at}))
        .collect();
    let page = page(&document(json!({
        "hotness": {"instructions": rows.clone()}, "blocks": {"blocks": rows},
        "profile": {"weight": "instructions", "total": 5_000_050_000u64, "tree": nodes},
        "coverage": {"data": {"modules": [{"hash": "", "runs": 1, "functions": [], "files": [
            {"path": "b.c", "lines": lines, "functions": [], "branches": []}]}]}},
    })));
    assert!(page.len() < 3 << 20, "{} bytes", page.len());
    assert!(section(&page, "opcodes").contains("The hottest 1,000 of 100,000 rows"));
    assert!(section(&page, "opcodes").contains(">99,999"));
    assert!(
        section(&page, "source").contains("b.c: 100,000 lines are more than this page still holds")
    );
    let flame = &flames(&page)[0];
    assert_eq!(flame["left_out"], 80_001);
    assert_eq!(flame["total"][0], 5_000_050_000u64);
}

#[test]
fn what_is_no_report_says_why() {
    let fails = |text: &str, says: &str| {
        let error = Page::from_json(text.as_bytes()).expect_err(text);
        assert!(error.contains(says), "{error}");
    };
    fails("{\"schema\":1,\n \"analyses\":{,}}", "line 2 column");
    fails("", "EOF");
    fails("{}", "no `schema`");
    fails("[1]", "no `schema`");
    fails("{\"schema\":\"1\"}", "no `schema`");
    fails(
        "{\"schema\":2,\"analyses\":{}}",
        "its schema is 2; this version reads schema 1",
    );
    fails("{\"schema\":1}", "no `analyses`");
    fails("{\"schema\":1,\"analyses\":[]}", "no `analyses`");
    fails(
        "{\"schema\":1,\"analyses\":{\"coverage\":{\"data\":{\"modules\":7}}}}",
        "invalid type",
    );
    fails(&"[".repeat(100_000), "recursion limit");
    // Sums of coverage are of no run.
    assert!(page(&json!({"schema": 1, "analyses": {}})).contains("<title>Report</title>"));
}

/// Documents that no run writes: any value anywhere must not do harm.
#[test]
fn values_of_any_kind_in_any_place() {
    let values = [
        json!(null),
        json!(true),
        json!(-5),
        json!(1e300),
        json!(u64::MAX),
        json!("x"),
        json!([]),
        json!([{}]),
        json!([{"node": 1, "parent": u64::MAX, "self": u64::MAX, "name": 5, "line": u64::MAX, "file": "f", "func": -1}]),
        json!({"a": {"b": [1]}}),
    ];
    let keys = [
        "tree",
        "lines",
        "functions",
        "total",
        "weight",
        "warnings",
        "samples",
        "percent",
    ];
    for value in &values {
        for key in keys {
            let report = json!({key: value});
            let analyses = json!({"profile": report, "icount": report, "fprofile": report, "coverage": report,
                "sample": value, "memstats": report, "branches": value, "x": report});
            let mut json = document(analyses);
            json["module"] = value.clone();
            json["outcome"] = value.clone();
            assert!(page(&json).ends_with("</html>\n"), "{json}");
            json["outcome"] =
                json!({"kind": value, "code": value, "message": value, "backtrace": value});
            assert!(page(&json).ends_with("</html>\n"), "{json}");
        }
    }
}
