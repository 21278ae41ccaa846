//! `bytecode`: an interpreter of four instructions, by hand and against `icount`, however code is executed.

mod common;

use common::{each, rows};
use serde_json::json;

/// 0 ends, 1 adds one to the sum, 2 calls the guest's function at the next byte, 3 calls a function that traps or throws.
///
/// ```text
/// interp: 0 loop 1 block 2 block 3 block 4 block 5 block
///   6 local.get 7 local.get 8 i32.const 9 i32.add 10 local.set 11 i32.load8_u 12 br_table
///   13 end (0)  14 return                                    -> 15 operators behind the jump: none but these two
///   15 end (1)  16 global.get 17 i32.const 18 i32.add 19 global.set 20 br
///   21 end (2)  22 local.get 23 i32.load8_u offset=100 24 call 25 local.get .. 28 local.set 29 br
/// ```
fn text(other: &str, code: &str) -> String {
    format!(
        r#"(module
  (import "host" "tag" (tag $e (param i32)))
  (memory 1) (data (i32.const 100) "{code}")
  (global $sum (mut i32) (i32.const 0))
  (func $other {other})
  (func $interp (param $pc i32)
    (loop $next
      (block $default (block $three (block $two (block $one (block $zero
        (local.get $pc)
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br_table $zero $one $two $three $default (i32.load8_u offset=100)))
        (return))
        (global.set $sum (i32.add (global.get $sum) (i32.const 1)))
        (br $next))
        (call $interp (i32.load8_u offset=100 (local.get $pc)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $next))
        (call $other)
        (br $next))
      (unreachable)))
  (func (export "main") (block $caught (result i32)
      (try_table (catch $e $caught) (call $interp (i32.const 0)))
      (i32.const 0))
    (drop)))"#
    )
}

/// `inc; inc; call 8; inc; end` at 0, and `inc; end` at 8.
const CODE: &str = "\\01\\01\\02\\08\\01\\00\\00\\00\\01\\00";

#[test]
fn opcodes_addresses_and_functions() {
    each(
        &text("", CODE),
        &["bytecode:cases=4", "icount"],
        |way, run| {
            assert!(run.error.is_none(), "{way}: {:?}", run.error);
            let found = run.of("bytecode");
            // From jump to jump: the jump, the `end` it lands on, what is done, and up to the next jump `loop`, five times
            // `block`, `local.get`, the four operators of the sum, the load: 12.
            let inc = 1 + 1 + 5 + 12;
            // With the call's own entry to the first jump (12) and its end (jump, `end`, `return`) being the callee's.
            let call = 1 + 1 + 3 + 4 + 1 + 12;
            let end = 3;
            let callee = 12 + inc + end;
            let expected = [
                json!([0, 2, 2 * end, 2 * end]),
                json!([1, 4, 4 * inc, 4 * inc]),
                json!([2, 1, call, call + callee]),
            ];
            let opcodes = rows(&found["opcodes"], &["case", "count", "self", "total"]);
            assert_eq!(opcodes, expected, "{way}");
            let outer = 12 + 3 * inc + call + end;
            let functions = rows(&found["functions"], &["start", "count", "self", "total"]);
            let expected = [
                json!([100, 1, outer, outer + callee]),
                json!([108, 1, callee, callee]),
            ];
            assert_eq!(functions, expected, "{way}");
            let addresses = rows(&found["addresses"], &["address", "case", "count"]);
            let expected = [
                [100, 1],
                [101, 1],
                [102, 2],
                [104, 1],
                [105, 0],
                [108, 1],
                [109, 0],
            ];
            let expected = expected.map(|[address, case]| json!([address, case, 1]));
            assert_eq!(addresses, expected, "{way}");
            assert_eq!(found["setup"], 24, "{way}");
            let functions = rows(&run.of("icount")["functions"], &["name", "count"]);
            let interp = functions
                .iter()
                .find(|row| row[0] == "interp")
                .expect("it ran");
            assert_eq!(interp[1], outer + callee, "{way}");
        },
    );
}

/// Whatever ends activations, what opcodes and setup cost is what the functions executed.
#[test]
fn traps_exceptions_and_limits() {
    // `call 8` in a loop of calls; at 8: inc, other, end.
    let code = "\\01\\02\\08\\02\\08\\00\\00\\00\\01\\03\\00";
    for other in [
        "",
        "unreachable",
        "(throw $e (i32.const 1))",
        "(call $other)",
    ] {
        each(
            &text(other, code),
            &["bytecode:cases=4,at=interp", "icount"],
            |way, run| {
                let found = run.of("bytecode");
                let number = |fact: &str| found[fact].as_u64().expect("a number");
                let functions = rows(&run.of("icount")["functions"], &["name", "count"]);
                let of = |name: &str| -> u64 {
                    let row = functions.iter().find(|row| row[0] == name);
                    row.map_or(0, |row| row[1].as_u64().expect("a number"))
                };
                let all = of("interp") + of("other");
                assert_eq!(number("cost") + number("setup"), all, "{way}, {other}");
            },
        );
    }
}

#[test]
fn what_is_no_interpreter_is_left_alone() {
    each(&text("", CODE), &["bytecode"], |_, run| {
        let found = run.of("bytecode");
        assert_eq!(found["interpreters"], 0);
        assert_eq!(rows(&found["opcodes"], &["case"]).len(), 0);
    });
}
