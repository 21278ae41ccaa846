//! `probity inspect` on what Wasm 3.0, threads, custom page sizes and wide
//! arithmetic add.
mod common;

use common::{Files, json, run};

const MODULE: &str = r#"(module $three
  (rec (type $node (sub (struct (field (ref null $leaf)) (field (mut i8)))))
       (type $leaf (sub final $node (struct
         (field (ref null $leaf)) (field (mut i8)) (field f32)))))
  (type $bytes (array (mut i16)))
  (type $f (func (param (ref null $node)) (result i32)))
  (import "env" "boom" (tag $boom (param i32 i64)))
  (tag $done)
  (memory $big i64 1 2)
  (memory $shared 1 2 shared)
  (memory $tiny 10 (pagesize 1))
  (table $t i64 2 (ref null $f))
  (func $walk (type $f) (local $b (ref null $bytes)) (local $x exnref)
    (i32.const 9)
    (block $out (result (ref null $leaf))
      (br_on_cast $out (ref null $node) (ref null $leaf) (local.get 0))
      (drop (br_on_non_null $out (ref.null $leaf)))
      (struct.set $node 1 (struct.new $node (ref.null $leaf) (i32.const 1)) (i32.const 2))
      (br $out (struct.new_default $leaf)))
    (br_on_null 0)
    (drop)
    (array.copy $bytes $bytes
      (array.new_fixed $bytes 2 (i32.const 1) (i32.const 2)) (i32.const 0)
      (local.get $b) (i32.const 0) (i32.const 1))
    (i32.atomic.rmw.add $shared (i32.const 0) (i32.const 1))
    (i64.load8_u $big offset=0x100000000 (i64.const 5))
    (i32.load8_s $tiny offset=3 (i32.const 5))
    (memory.size $tiny)
    (memory.atomic.wait32 $shared (i32.const 0) (i32.const 0) (i64.const -1))
    (i64.mul_wide_s (i64.const 1) (i64.const 2))
    (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0))
    (return_call_ref $f (local.get 0) (table.get $t (i64.const 0))))
  (func $catch (result i32)
    (block $any (result exnref)
      (block $carried (result i32 i64)
        (loop $again
          (try_table (catch $boom $carried) (catch $done $again) (catch_all_ref $any)
            (throw $boom (i32.const 1) (i64.const 2))))
        unreachable)
      (return (i32.wrap_i64)))
    throw_ref)
  (func $tail (result i32) (return_call $catch))
  (func (drop (call_indirect $t (type $f) (ref.null $node) (i64.const 0)))))"#;

fn text(args: &[&str]) -> String {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let mut all = vec!["inspect", module.to_str().unwrap()];
    all.extend(args);
    run(all).expect(0).stdout
}

#[test]
fn types_and_tags_are_listed() {
    let files = Files::new();
    let module = files.wasm("m.wasm", MODULE);
    let listed = run(["inspect", module.to_str().unwrap()]).stdout;
    let tail: Vec<&str> = listed.lines().skip(1).collect();
    assert!(
        tail[0].ends_with("walk (param (ref null 0)) (result i32)"),
        "{listed}"
    );
    assert_eq!(
        tail[4..].join("\n"),
        "
 type  structure or array
    0  (struct (field (ref null 1)) (field (mut i8)))
    1  (struct (field (ref null 1)) (field (mut i8)) (field f32))
    2  (array (mut i16))

  tag  what its exceptions carry
    0  (param i32 i64)
    1  -",
        "{listed}"
    );
    let report = json(&run(["inspect", module.to_str().unwrap(), "--format", "json"]).stdout);
    assert_eq!(report["types"].as_array().unwrap().len(), 3);
    assert_eq!(report["types"][2]["type"], "(array (mut i16))");
    assert_eq!(report["tags"][0]["type"], "(param i32 i64)");
    assert_eq!(report["tags"][1]["type"], "");
}

/// The lines of a function without their offsets; targets as the number of
/// the line that they lead to.
fn code(func: &str) -> Vec<String> {
    let text = text(&["--func", func]);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("0x"))
        .collect();
    let offsets: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let number = |pc: &str| {
        let at = offsets.iter().position(|&known| known == pc);
        at.map_or_else(|| format!("{pc}?"), |at| at.to_string())
    };
    let line = |(at, line): (usize, &&str)| {
        let rest = &line[offsets[at].len()..];
        match rest.split_once("  -> ") {
            None => rest.trim_start().to_owned(),
            Some((text, targets)) => {
                let targets: Vec<String> = targets.split_whitespace().map(number).collect();
                format!("{} -> {}", text.trim_start(), targets.join(" "))
            }
        }
    };
    lines.iter().enumerate().map(line).collect()
}

#[test]
fn exceptions_and_where_they_land() {
    assert_eq!(
        code("catch"),
        [
            "block (result exnref)",
            "block (type 7)",
            "loop",
            "try_table (catch 0 1) (catch 1 0) (catch_all_ref 2) -> 10 2 13",
            "i32.const 1",
            "i64.const 2",
            "throw 0  ; (param i32 i64)",
            "end",
            "end",
            "unreachable",
            "end",
            "i32.wrap_i64",
            "return",
            "end",
            "throw_ref",
            "end",
        ]
    );
}

const WALK: &str = "\
i32.const 9
block (result (ref null 1))
local.get 0
br_on_cast 0 (ref null 0) (ref null 1) -> 14
ref.null 1
br_on_non_null 0 -> 14
drop
ref.null 1
i32.const 1
struct.new 0  ; (struct (field (ref null 1)) (field (mut i8)))
i32.const 2
struct.set 0 1
struct.new_default 1  ; (struct (field (ref null 1)) (field (mut i8)) (field f32))
br 0 -> 14
end
br_on_null 0 -> 48
drop
i32.const 1
i32.const 2
array.new_fixed 2 2  ; (array (mut i16))
i32.const 0
local.get 1
i32.const 0
i32.const 1
array.copy 2 2
i32.const 0
i32.const 1
i32.atomic.rmw.add 1
i64.const 5
i64.load8_u offset=4294967296
i32.const 5
i32.load8_s 2 offset=3
memory.size 2
i32.const 0
i32.const 0
i64.const -1
memory.atomic.wait32 1
i64.const 1
i64.const 2
i64.mul_wide_s
v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000
v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000
v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000
f32x4.relaxed_madd
local.get 0
i64.const 0
table.get
return_call_ref 3  ; (param (ref null 0)) (result i32)
end";

#[test]
fn objects_memories_and_tail_calls() {
    assert_eq!(code("walk").join("\n"), WALK);
    assert_eq!(code("tail"), ["return_call 1  ; catch", "end"]);
    assert_eq!(
        code("3")[2..],
        [
            "call_indirect (type 3)  ; (param (ref null 0)) (result i32)",
            "drop",
            "end",
        ]
    );
}
