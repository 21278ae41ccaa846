//! Every cast of every value, from what is known of it to what is asked, is decided the same in
//! every tier.

use std::fmt::Write;

use probity_engine::{Config, ExternRef, Val};

use crate::guest::Guest;
use crate::ways::{agree, end};

/// Type definitions, and a function that makes one of [`VALUES`] values or functions.
const TYPES: &str = r#"
  (type $s0 (sub (struct))) (type $s1 (sub $s0 (struct (field i32))))
  (type $s2 (sub final $s1 (struct (field i32 i64)))) (type $other (struct (field i32)))
  (type $a0 (sub (array (mut i32)))) (type $a1 (sub final $a0 (array (mut i32)))) (type $b (array i8))
  (type $f0 (sub (func))) (type $f1 (sub $f0 (func))) (type $f2 (sub final $f1 (func)))
  (type $f3 (func (param i32)))
  (global $host (mut externref) (ref.null extern))
  (func (export "host") (param externref) (global.set $host (local.get 0)))
  (func $g0 (type $f0)) (func $g1 (type $f1)) (func $g2 (type $f2)) (func $g3 (type $f3))
  (elem declare func $g0 $g1 $g2 $g3)
  (func $any (param i32) (result anyref)
    (block $null (block $i (block $j (block $s0 (block $s1 (block $s2 (block $o (block $a0 (block $a1
      (block $b (block $host
        (br_table $null $i $j $s0 $s1 $s2 $o $a0 $a1 $b $host (local.get 0)))
      (return (any.convert_extern (global.get $host))))
      (return (array.new_default $b (i32.const 1))))
      (return (array.new_default $a1 (i32.const 2))))
      (return (array.new_default $a0 (i32.const 3))))
      (return (struct.new $other (i32.const 4))))
      (return (struct.new $s2 (i32.const 5) (i64.const 6))))
      (return (struct.new $s1 (i32.const 7))))
      (return (struct.new $s0)))
      (return (ref.i31 (i32.const -1))))
      (return (ref.i31 (i32.const 0))))
    (ref.null none))
  (func $func (param i32) (result funcref)
    (block $null (block $0 (block $1 (block $2 (block $3
      (br_table $null $0 $1 $2 $3 (local.get 0)))
      (return (ref.func $g3)))
      (return (ref.func $g2)))
      (return (ref.func $g1)))
      (return (ref.func $g0)))
    (ref.null nofunc))
"#;

/// Types of a hierarchy by name, with the one above.
type Hierarchy = [(&'static str, &'static str)];

const ANY: &Hierarchy = &[
    ("any", ""),
    ("eq", "any"),
    ("i31", "eq"),
    ("struct", "eq"),
    ("$s0", "struct"),
    ("$s1", "$s0"),
    ("$s2", "$s1"),
    ("$other", "struct"),
    ("array", "eq"),
    ("$a0", "array"),
    ("$a1", "$a0"),
    ("$b", "array"),
    ("none", "none"),
];

const FUNC: &Hierarchy = &[
    ("func", ""),
    ("$f0", "func"),
    ("$f1", "$f0"),
    ("$f2", "$f1"),
    ("$f3", "func"),
    ("nofunc", "nofunc"),
];

fn is_below(types: &Hierarchy, sub: &str, sup: &str) -> bool {
    if sub == sup || types.last().is_some_and(|bottom| bottom.0 == sub) {
        return true;
    }
    let above = types.iter().find(|ty| ty.0 == sub);
    above.is_some_and(|&(_, above)| !above.is_empty() && is_below(types, above, sup))
}

/// Functions of an i32 for each pair of types. The operand is first cast to the one.
fn functions(types: &Hierarchy, make: &str) -> (String, Vec<String>) {
    let (mut text, mut exports) = (String::new(), Vec::new());
    let top = types[0].0;
    for (from, _) in types {
        for (to, _) in types {
            for (from_null, to_null) in [("", ""), ("null", ""), ("null", "null")] {
                let source = format!("(ref {from_null} {from})");
                let target = format!("(ref {to_null} {to})");
                let value = format!("(ref.cast {source} (call ${make} (local.get 0)))");
                let mut add = |kind: &str, body: &str| {
                    let export = format!("{kind} {source} {target}");
                    let _ = writeln!(
                        text,
                        "(func (export \"{export}\") (param i32) (result i32) {body})"
                    );
                    exports.push(export);
                };
                add("test", &format!("(ref.test {target} {value})"));
                add(
                    "cast",
                    &format!("(ref.is_null (ref.cast {target} {value}))"),
                );
                if !is_below(types, to, from) {
                    continue;
                }
                for branch in ["br_on_cast", "br_on_cast_fail"] {
                    add(
                        branch,
                        &format!(
                            "(block $l (result (ref null {top}))
                               (ref.is_null ({branch} $l {source} {target} {value}))
                               (return (i32.add (i32.const 10))))
                             (i32.add (i32.const 20) (ref.is_null))"
                        ),
                    );
                }
            }
        }
    }
    (text, exports)
}

/// How the calls with each argument end.
fn outcomes(config: &Config, wat: &str, exports: &[String], values: i32) -> Vec<String> {
    let mut guest = Guest::configured(config, wat, |_| {});
    let host = ExternRef::new(&mut guest.store, 1_u32);
    let host = [Val::ExternRef(Some(host))];
    guest.call("host", &host).expect("no trap");
    let mut found = Vec::new();
    for export in exports {
        let ends = (0..values).map(|i| {
            let outcome = guest.call(export, &[Val::I32(i)]);
            end(&guest.store, outcome)
        });
        let ends: Vec<String> = ends.collect();
        found.push(format!("{export}: {ends:?}"));
    }
    found
}

fn check(types: &Hierarchy, make: &str, values: i32) -> Vec<String> {
    let (text, exports) = functions(types, make);
    let wat = format!("(module {TYPES} {text})");
    agree(|config| outcomes(config, &wat, &exports, values))
}

#[test]
fn casts_of_objects() {
    let found = check(ANY, "any", 11);
    assert!(found.iter().any(|line| line.starts_with(
        r#"test (ref null any) (ref  $s1): ["I32(0)", "I32(0)", "I32(0)", "I32(0)", "I32(1)", "I32(1)", "I32(0)","#
    )));
}

#[test]
fn casts_of_functions() {
    let found = check(FUNC, "func", 5);
    assert!(found.iter().any(|line| line.starts_with(
        r#"test (ref null func) (ref  $f1): ["I32(0)", "I32(0)", "I32(1)", "I32(1)", "I32(0)""#
    )));
}
