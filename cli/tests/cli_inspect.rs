//! `probity inspect`.
mod common;

use std::path::Path;

use common::{Files, json, run};

const MODULE: &str = r#"(module $sample
  (import "env" "log" (func $log (param i32)))
  (type $binary (func (param i32 i32) (result i32)))
  (table 2 funcref)
  (memory 1)
  (func $sum (export "sum") (param $n i32) (result i32) (local $acc i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $acc (i32.add (local.get $acc) (i32.load offset=8 align=2 (local.get $n))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (if (result i32) (local.get $acc)
      (then (call $log (local.get $acc)) (local.get $acc))
      (else (call_indirect (type $binary) (i32.const 1) (i32.const 2) (i32.const 0)))))
  (func $twin) (func))"#;

fn inspect(module: &Path, args: &[&str]) -> common::Done {
    let mut all = vec!["inspect", module.to_str().unwrap()];
    all.extend(args);
    run(all)
}

#[test]
fn the_table_has_every_function() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let text = inspect(&module, &[]).expect(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[1].contains("import"), "{text}");
    assert!(lines[1].ends_with("(param i32)"), "{text}");
    assert!(lines[2].ends_with("sum (param i32) (result i32)"), "{text}");

    let report = json(&inspect(&module, &["--format", "json"]).expect(0).stdout);
    assert_eq!(report["schema"], 1);
    assert_eq!(report["module"]["name"], "sample");
    let functions = report["functions"].as_array().unwrap();
    assert_eq!(functions.len(), 4);
    assert_eq!(functions[0]["import"], true);
    assert_eq!(functions[1]["name"], "sum");
    assert_eq!(functions[1]["instructions"], 29);
    assert_eq!(functions[3]["name"], serde_json::Value::Null);
    // An empty body: no locals, `end`.
    assert_eq!(functions[3]["bytes"], 2);
    assert_eq!(functions[3]["instructions"], 1);
}

#[test]
fn bytecode_is_nested_with_offsets_and_targets() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let text = inspect(&module, &["--func", "sum"]).expect(0).stdout;
    let code: Vec<&str> = text
        .lines()
        .map(str::trim_start)
        .filter(|l| l.starts_with("0x"))
        .collect();
    assert_eq!(code.len(), 29, "{text}");
    let at = |i: usize| code[i].split_whitespace().next().unwrap();
    let rest = |i: usize| &code[i][at(i).len()..];
    assert_eq!(rest(0), "  block");
    assert_eq!(rest(1), "    loop");
    assert_eq!(rest(2), "      local.get 0");
    assert_eq!(rest(4), format!("      br_if 1  -> {}", at(16)));
    assert_eq!(rest(7), "      i32.load offset=8 align=2");
    assert_eq!(rest(14), format!("      br 0  -> {}", at(1)));
    assert_eq!(rest(15), "    end");
    assert_eq!(rest(16), "  end");
    assert_eq!(rest(18), "  if (result i32)");
    assert!(rest(20).starts_with("    call 0  ; "), "{text}");
    assert_eq!(rest(22), "  else");
    assert_eq!(rest(25), "    i32.const 0");
    assert!(rest(26).starts_with("    call_indirect (type "), "{text}");
    assert_eq!(rest(27), "  end");
    assert_eq!(rest(28), "  end");
    assert!(text.contains("param 0: i32"), "{text}");
    assert!(text.contains("local 1: i32"), "{text}");

    // The same function by index, as JSON, with offsets that point into the file.
    let report = json(
        &inspect(&module, &["--func", "1", "--format", "json"])
            .expect(0)
            .stdout,
    );
    let bytes = std::fs::read(&module).unwrap();
    let code = report["function"]["code"].as_array().unwrap();
    for (text, opcode) in [("block", 0x02), ("loop", 0x03), ("br 0", 0x0c)] {
        let line = code.iter().find(|l| l["text"] == text).unwrap();
        let pc = line["pc"].as_u64().unwrap();
        assert_eq!(bytes[usize::try_from(pc).unwrap()], opcode, "{text}");
    }
}

#[test]
fn functions_are_found_by_name_index_or_not_at_all() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    inspect(&module, &["--func", "0"]).expect(0);
    inspect(&module, &["--func", "3"]).expect(0);
    inspect(&module, &["--func", "4"])
        .expect(2)
        .says(&["no function 4", "4"]);
    inspect(&module, &["--func", "smu"])
        .expect(2)
        .says(&["'smu'", "'sum'"]);
}

#[test]
fn a_view_of_compiled_code_needs_a_function_that_has_some() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let plain = inspect(&module, &["--func", "sum"]).expect(0).stdout;
    let asked = inspect(&module, &["--func", "sum", "--show", "bytecode"]).expect(0);
    assert_eq!(asked.stdout, plain);
    inspect(&module, &["--show", "asm"])
        .expect(2)
        .says(&["--func"]);
    inspect(&module, &["--func", "sum", "--show", "source"])
        .expect(2)
        .says(&["bytecode", "clif", "asm", "sites"]);
    for view in ["clif", "asm", "sites"] {
        inspect(&module, &["--func", "0", "--show", view])
            .expect(1)
            .says(&["function 0 is imported"]);
    }
    let views = [("clif", "iadd"), ("asm", "ret"), ("sites", "")];
    for (view, part) in views {
        let shown = inspect(&module, &["--func", "sum", "--show", view]).expect(0);
        assert!(shown.stdout.contains(part), "{view}: {}", shown.stdout);
    }
}
