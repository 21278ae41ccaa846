//! `probity run -p RULE` and `probity sites RULE MODULE`.
mod common;

use common::{Files, json, probity, run, wait};
use serde_json::json as expected;

const MODULE: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $fac (export "fac") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
      (else (i32.mul (local.get 0) (call $fac (i32.sub (local.get 0) (i32.const 1)))))))
  (func $store (param i32)
    (loop $next
      (i32.store offset=8 (local.get 0) (i32.const 7))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 4))))))
  (func (export "_start")
    (drop (call $fac (i32.const 5)))
    (call $store (i32.const 16))))"#;

#[test]
fn a_run_is_watched_by_rules() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let module = module.to_str().unwrap();
    for tier in ["interp", "jit", "auto"] {
        let done = run([
            "run",
            "--tier",
            tier,
            "-o",
            "-",
            "--format",
            "json",
            "-p",
            "call / fname == \"fac\" / { count; sum(arg0) }",
            "-p",
            "*.store* { max(effective_addr) }",
            "-a",
            "opcodes",
            module,
        ])
        .expect(0);
        let report = json(&done.stdout);
        let rules = &report["analyses"]["rules"];
        let rows = |table: &str, columns: &[&str]| -> Vec<serde_json::Value> {
            let rows = rules[table].as_array().unwrap().iter();
            rows.map(|row| columns.iter().map(|column| row[*column].clone()).collect())
                .collect()
        };
        assert_eq!(
            rows("actions", &["rule", "action", "count", "value"]),
            [
                expected!([1, "count", 5, null]),
                expected!([1, "sum(arg0)", 5, 10]),
                expected!([2, "max(effective_addr)", 4, 24]),
            ],
            "{tier}"
        );
        let opcodes = report["analyses"]["opcodes"]["opcodes"].as_array().unwrap();
        let stores = opcodes
            .iter()
            .find(|row| row["opcode"] == "i32.store")
            .unwrap();
        assert_eq!(stores["count"], 4);
        assert_eq!(done.stderr, "", "{tier}");
    }
}

#[test]
fn text_says_what_was_found() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let rule = "func:entry / arg0 == 0 / { stack(2); print(\"{} at {}\", fname, depth) }";
    let done = run(["run", "-p", rule, module.to_str().unwrap()]).expect(0);
    let done = done.says(&["== rules ==", "...;fac;fac", "func:entry"]);
    assert!(done.stderr.starts_with("fac at 7\n"), "{}", done.stderr);
}

#[test]
fn a_rule_that_matches_nothing_is_a_warning() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let done = run([
        "run",
        "-p",
        "f64.add",
        "-p",
        "call",
        module.to_str().unwrap(),
    ])
    .expect(0);
    assert!(
        done.stderr
            .contains("m.wasm has no site for the rule `f64.add`"),
        "{}",
        done.stderr
    );
    assert!(
        !done.stderr.contains("for the rule `call`"),
        "{}",
        done.stderr
    );

    let done = run(["sites", "f64.add", module.to_str().unwrap()]).expect(0);
    assert_eq!(done.stdout, "");
    done.says(&["no site for the rule `f64.add`"]);
    let done = run([
        "sites",
        "f64.add",
        module.to_str().unwrap(),
        "--format",
        "json",
    ])
    .expect(0);
    assert_eq!(json(&done.stdout)["sites"], expected!([]));
}

#[test]
fn sites_are_listed() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let list = |rule: &str, format: &str| {
        run(["sites", rule, module.to_str().unwrap(), "--format", format])
            .expect(0)
            .stdout
    };
    let text = list("*.store* | call / in_loop || local0 == 1 /", "text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(lines[0], "func 1 fac");
    assert!(
        lines[1].ends_with("  call 1 fac  (predicate computed in the run)"),
        "{text}"
    );
    assert_eq!(lines[2], "func 2 store");
    assert!(lines[3].ends_with("  i32.store offset=8"), "{text}");
    assert_eq!(lines[4], "2 sites in 2 functions");

    let document = json(&list("wasm:*:entry|i32.store / fid == 2 /", "json"));
    let sites = document["sites"].as_array().unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["rule"], "wasm:*:entry|i32.store / fid == 2 /");
    let events = sites.iter().map(|site| site["event"].as_str().unwrap());
    let events: Vec<&str> = events.collect();
    assert_eq!(
        events,
        [
            "wasm:func:entry",
            "wasm:block:entry",
            "wasm:loop:entry",
            "wasm:opcode:i32.store:before",
            "wasm:block:entry",
        ]
    );
    let store = &sites[3];
    assert_eq!(store["text"], "i32.store offset=8");
    assert_eq!(store["name"], "store");
    assert_eq!(store["dynamic"], false);
    assert_eq!(store["line"], serde_json::Value::Null);

    let csv = list("i32.mul", "csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "func,name,pc,event,opcode,text,callee,dynamic,file,line"
    );
    assert!(lines[1].starts_with("1,fac,"), "{csv}");
    assert!(
        lines[1].ends_with(",wasm:opcode:i32.mul:before,i32.mul,i32.mul,,false,,"),
        "{csv}"
    );
}

#[test]
fn source_lines_are_shown_where_there_is_dwarf() {
    let module = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../probes/tests/rules/lines.wasm"
    );
    let list = run(["sites", "return / line > 0 /", module])
        .expect(0)
        .stdout;
    assert!(
        list.ends_with("  return  src/lines.c:11\n1 site in 1 function\n"),
        "{list}"
    );
    let list = run(["sites", "return|br_if", module, "--format", "json"]).expect(0);
    let list = json(&list.stdout);
    assert_eq!(list["sites"][0]["line"], 7);
    assert_eq!(list["sites"][0]["file"], "src/lines.c");

    // `sum += table[i & 3]` is on line 9: it loads 10 times, i & 3 being 0 1 2 3 0 1 2 3 0 1.
    let rule = "*.load* / line == 9 / { sum(effective_addr - 1048576) }";
    let args = [
        "run", "-o", "-", "--format", "json", "--invoke", "fill", "-p", rule, module, "10",
    ];
    let done = run(args).expect(0);
    let report = done.stdout.lines().find(|line| line.starts_with('{'));
    let report = json(report.expect("a report"));
    let rules = &report["analyses"]["rules"];
    assert_eq!(rules["actions"][0]["count"], 10);
    assert_eq!(rules["actions"][0]["value"], 4 * (6 + 6 + 1));
    let source = rules["sites"][0]["source"].as_str();
    assert_eq!(source, Some("src/lines.c:9"));
}

#[test]
fn wrong_rules_are_wrong_usage() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let module = module.to_str().unwrap();
    for args in [["run", "-p"], ["sites", "--"]] {
        let mut all: Vec<&str> = args.to_vec();
        all.extend(["call / agr0 == 1 /", module]);
        let done = run(all).expect(2);
        assert_eq!(done.stdout, "");
        let message = "probity: wrong rule, column 8: unknown variable `agr0`; did you mean `arg0`?
  call / agr0 == 1 /
         ^^^^
";
        assert!(done.stderr.starts_with(message), "{}", done.stderr);
    }
    run(["sites", "call", "/nonexistent.wasm"])
        .expect(1)
        .says(&["/nonexistent.wasm"]);
    run(["sites", "call"]).expect(2);
    let broken = files.put(
        "broken.wasm",
        b"\0asm\x01\0\0\0\x0a\x05\x01\x03\x00\xff\x0b",
    );
    run(["sites", "call", broken.to_str().unwrap()])
        .expect(1)
        .says(&["broken.wasm"]);
}

#[test]
fn names_from_the_module_have_no_control_characters() {
    let files = Files::new();
    let text = r#"(module (func $"a\1b[31m" (export "_start") nop))"#;
    let module = files.wasm("m.wasm", text);
    let module = module.to_str().unwrap();
    let done = run(["sites", "nop", module]).expect(0);
    assert!(!done.stdout.contains('\u{1b}'), "{:?}", done.stdout);
    let done = run(["run", "-p", "nop { print(\"{}\", fname); stack }", module]).expect(0);
    assert!(
        done.stderr.contains("[31m") && !done.stderr.contains('\u{1b}'),
        "{:?}",
        done.stderr
    );
}

#[test]
fn a_closed_pipe_is_no_error() {
    let files = Files::new();
    let nops = "nop ".repeat(20_000);
    let module = files.wasm("m.wasm", &format!("(module (func {nops}))"));
    for format in ["text", "json", "csv"] {
        let mut child = probity(["sites", "nop", module.to_str().unwrap(), "--format", format])
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = wait(child).expect(0);
        assert_eq!(done.stderr, "", "{format}");
    }
}

#[test]
fn help_has_every_variable() {
    let help = run(["sites", "--help"]).expect(0).stdout;
    for word in [
        "effective_addr",
        "arg0..argN",
        "loop:iter",
        "print(\"FORMAT {}",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
