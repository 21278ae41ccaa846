//! Hostile guests through the command: each ends with the documented status, a
//! report, and a message without a panic.
mod common;

use common::{Files, json, run, run_module};

/// Runs plain and under analyses; checks status and outcome of each.
#[track_caller]
fn ends(options: &str, module: impl AsRef<[u8]>, status: i32, kind: &str, code: &str) {
    let files = Files::new();
    let module = files.put("m.wasm", module);
    run_module(options, &module, "").expect(status);
    for analyses in [
        "-a icount",
        "-a icount -a coverage -a branches -a calls -a loops",
    ] {
        let report = files.path("r.json");
        let options = format!("{options} {analyses} --format json -o {}", report.display());
        run_module(&options, &module, "").expect(status);
        let report = json(&files.read("r.json"));
        assert_eq!(report["outcome"]["kind"], kind, "{report}");
        assert_eq!(report["outcome"]["code"], code, "{report}");
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn loops_of_every_kind() {
    for body in [
        "(loop (br 0))",
        "(loop (br_table 0 0 (i32.const 3)))",
        "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const -65536)) (br 0))",
        "(loop (drop (memory.grow (i32.const 0))) (br 0))",
        "(return_call 0)",
    ] {
        let module = wat(&format!(
            r#"(module (memory 65535) (func (export "_start") {body}))"#
        ));
        ends("--fuel 30000", &module, 124, "limit", "fuel");
        ends("--timeout 100ms", &module, 124, "limit", "time");
    }
    let start = wat("(module (func $s (loop (br 0))) (start $s))");
    ends("--fuel 30000", &start, 124, "limit", "fuel");
    ends("--timeout 100ms", &start, 124, "limit", "time");
}

#[test]
fn recursion_of_every_kind() {
    for module in [
        r#"(module (func $f (export "_start") (call $f)))"#,
        r#"(module (table 1 funcref) (elem (i32.const 0) $f)
             (func $f (export "_start") (call_indirect (i32.const 0))))"#,
        r#"(module (type $t (func)) (elem declare func $f)
             (func $f (export "_start") (call_ref $t (ref.func $f))))"#,
        "(module (func $s (call $s)) (start $s))",
    ] {
        ends("--max-stack 256KiB", wat(module), 134, "trap", "stack");
    }
}

#[test]
fn growth() {
    let memory = r#"(module (memory 1) (func (export "_start")
      (loop (drop (memory.grow (i32.const 1))) (br 0))))"#;
    ends("--max-memory 4MiB", wat(memory), 124, "limit", "memory");
    ends("--timeout 100ms", wat(memory), 124, "limit", "time");
    let wide = r#"(module (memory i64 1) (func (export "_start")
      (drop (memory.grow (i64.const -1))) unreachable))"#;
    ends("--max-memory 4MiB", wat(wide), 124, "limit", "memory");
    ends("", wat(wide), 134, "trap", "unreachable");
    let table = r#"(module (table 1 externref) (func (export "_start")
      (drop (table.grow (ref.null extern) (i32.const -1))) unreachable))"#;
    ends("--max-memory 4MiB", wat(table), 124, "limit", "table");
    ends("", wat(table), 134, "trap", "unreachable");
}

/// A module whose only function, `_start`, has this body (without its size).
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = wat(r#"(module (func (export "_start")))"#);
    // The code section is the last: its id, size, one body of two bytes.
    let at = bytes
        .windows(6)
        .rposition(|w| w == [10, 4, 1, 2, 0, 11])
        .unwrap();
    bytes.truncate(at + 1);
    let (size, mut code) = (leb(body.len()), vec![1]);
    code.extend(size);
    code.extend_from_slice(body);
    bytes.extend(leb(code.len()));
    bytes.extend(code);
    bytes
}

fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n > 0x7f {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

#[test]
fn extreme_bodies() {
    let files = Files::new();
    // Nested blocks.
    let mut nested = vec![0];
    nested.extend([0x02, 0x40].repeat(100_000));
    nested.extend([0x0b].repeat(100_001));
    let module = files.put("nested.wasm", with_body(&nested));
    run_module("-a loops -a coverage", &module, "").expect(0);
    // A table of a million branches.
    let mut table = vec![0, 0x02, 0x40, 0x41, 5, 0x0e];
    table.extend(leb(1_000_000));
    table.extend(vec![0; 1_000_001]);
    table.extend([0x0b, 0x0b]);
    let module = files.put("table.wasm", with_body(&table));
    run_module("-a branches", &module, "").expect(0);
    // 50,000 locals, and one too many; as many vectors need a larger frame than there is.
    for (count, ty, status) in [(50_000, 0x7e, 0), (50_001, 0x7e, 1), (50_000, 0x7b, 1)] {
        let mut body = vec![1];
        body.extend(leb(count));
        body.extend([ty, 0x0b]);
        let module = files.put("locals.wasm", with_body(&body));
        run_module("-a icount", &module, "").expect(status);
    }
    // Invalid, and found when it is called.
    let module = files.put("invalid.wasm", with_body(&[0, 0x6a, 0x0b]));
    run_module("", &module, "").expect(1).says(&["0x"]);
}

/// Segments that claim more than there is.
#[test]
fn claimed_sizes() {
    let files = Files::new();
    for claim in [
        &[11, 5, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[11, 7, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[10, 5, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
    ] {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend_from_slice(claim);
        let module = files.put("m.wasm", bytes);
        run_module("", &module, "").expect(1).says(&["0x"]);
        run(["inspect", module.to_str().unwrap()]).expect(1);
    }
}

/// No byte of a name that a terminal would obey reaches it.
#[test]
fn names_with_control_characters() {
    let files = Files::new();
    let name = r"\1b[2J\1b]0;owned\07\0d\00";
    let start = r#"(func (export "_start") (call $f))"#;
    let trap = format!(r#"(module (func $f (export "{name}") unreachable) {start})"#);
    let import = format!(r#"(module (import "{name}" "{name}" (func)))"#);
    for (text, status) in [(trap, 134), (import, 1)] {
        let module = files.wasm("m.wasm", &text);
        for done in [
            run_module("", &module, "").expect(status),
            run_module("-a calls -a hotness -a icount", &module, "").expect(status),
            run(["inspect", module.to_str().unwrap()]).expect(0),
        ] {
            for text in [&done.stdout, &done.stderr] {
                let odd = text.chars().find(|&c| c.is_control() && c != '\n');
                assert_eq!(odd, None, "{text:?}");
            }
        }
    }
}
