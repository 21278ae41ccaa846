//! A trap has the same code, message, pc and backtrace in whatever kind of frame it occurs, and the
//! store goes on the same.

use probity_engine::Val;

use crate::guest::{Count, Guest};
use crate::ways::{agree, end};

/// Bodies of functions of an i32, all of which trap for some of -1, 0, 1, 9.
const BODIES: &[(&str, &str)] = &[
    (
        "unreachable",
        "(if (i32.eqz (local.get 0)) (then unreachable))",
    ),
    (
        "unreachable_else",
        "(if (local.get 0) (then nop) (else unreachable))",
    ),
    (
        "unreachable_block",
        "(block (br_if 0 (local.get 0)) unreachable)",
    ),
    ("unreachable_always", "nop unreachable"),
    (
        "div_s",
        "(drop (i32.div_s (i32.const -2147483648) (local.get 0)))",
    ),
    ("div_u", "(drop (i32.div_u (i32.const 7) (local.get 0)))"),
    (
        "rem_s",
        "(drop (i32.rem_s (i32.const -2147483648) (local.get 0)))",
    ),
    ("rem_u", "(drop (i32.rem_u (i32.const 7) (local.get 0)))"),
    (
        "div_s64",
        "(drop (i64.div_s (i64.const -9223372036854775808) (i64.extend_i32_s (local.get 0))))",
    ),
    (
        "rem_u64",
        "(drop (i64.rem_u (i64.const 7) (i64.extend_i32_s (local.get 0))))",
    ),
    (
        "div_used_later",
        "(local.set 1 (i32.div_u (i32.const 7) (local.get 0))) nop nop (global.set 0 (local.get 1))",
    ),
    (
        "trunc",
        "(drop (i32.trunc_f64_u (f64.convert_i32_s (local.get 0))))",
    ),
    (
        "trunc_nan",
        "(drop (i32.trunc_f32_s (f32.div (f32.const 0) (f32.convert_i32_s (local.get 0)))))",
    ),
    (
        "trunc_large",
        "(drop (i64.trunc_f64_s (f64.mul (f64.const 1e30) (f64.convert_i32_s (local.get 0)))))",
    ),
    ("load", "(drop (i32.load offset=4 (local.get 0)))"),
    (
        "load_end",
        "(drop (i64.load (i32.add (local.get 0) (i32.const 65529))))",
    ),
    (
        "load_far",
        "(drop (i32.load8_u offset=4294967295 (local.get 0)))",
    ),
    ("store", "(i64.store (local.get 0) (i64.const 1))"),
    (
        "store_vector",
        "(v128.store offset=65513 (local.get 0) (v128.const i64x2 1 2))",
    ),
    (
        "load_lane",
        "(drop (v128.load8_lane offset=65535 3 (local.get 0) (v128.const i64x2 1 2)))",
    ),
    (
        "two_loads",
        "(drop (i32.add (i32.load8_u (local.get 0)) (i32.load8_u offset=65535 (local.get 0))))",
    ),
    (
        "load_into_operator",
        "(global.set 0 (i32.add (local.get 1) (i32.load offset=65532 (local.get 0))))",
    ),
    (
        "load_into_conversion",
        "(global.set 0 (i32.wrap_i64 (i64.extend_i32_s (i32.load offset=65532 (local.get 0)))))",
    ),
    (
        "load_into_float",
        "(global.set 0 (i32.trunc_f64_s (f64.add (f64.convert_i32_s (local.get 1))
           (f64.load offset=65528 (local.get 0)))))",
    ),
    (
        "load_into_condition",
        "(if (i32.lt_u (local.get 1) (i32.load offset=65532 (local.get 0)))
           (then (global.set 0 (i32.const 4))))",
    ),
    (
        "load_into_address",
        "(global.set 0 (i32.load (i32.load offset=65532 (local.get 0))))",
    ),
    (
        "load_into_store",
        "(i32.store offset=65532 (local.get 0)
           (i32.add (i32.const 1) (i32.load offset=65532 (local.get 0))))",
    ),
    (
        "load_into_store_elsewhere",
        "(i32.store offset=65532 (i32.const 0) (i32.and (i32.const 1)
           (i32.load offset=65532 (local.get 0))))",
    ),
    (
        "fill",
        "(memory.fill (i32.const 65530) (i32.const 1) (local.get 0))",
    ),
    (
        "copy",
        "(memory.copy (i32.const 65530) (i32.const 0) (local.get 0))",
    ),
    (
        "init",
        "(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))",
    ),
    ("table_get", "(drop (table.get $t (local.get 0)))"),
    ("table_set", "(table.set $t (local.get 0) (ref.null func))"),
    (
        "table_fill",
        "(table.fill $t (i32.const 1) (ref.null func) (local.get 0))",
    ),
    ("indirect", "(call_indirect $t (type $v) (local.get 0))"),
    (
        "indirect_mismatch",
        "(drop (call_indirect $t (type $i) (i32.const 1)))",
    ),
    (
        "indirect_tail",
        "(return_call_indirect $t (type $v) (local.get 0))",
    ),
    (
        "ref_null",
        "(call_ref $v (select (result (ref null $v)) (ref.func $nothing) (ref.null $v) (local.get 0)))",
    ),
    ("ref_null_tail", "(return_call_ref $v (ref.null $v))"),
    ("as_non_null", "(drop (ref.as_non_null (ref.null any)))"),
    ("struct_get", "(drop (struct.get $s 0 (ref.null $s)))"),
    (
        "struct_set",
        "(struct.set $s 0 (ref.null $s) (local.get 0))",
    ),
    (
        "array_get",
        "(drop (array.get_u $a (array.new_default $a (i32.const 3)) (local.get 0)))",
    ),
    (
        "array_set",
        "(array.set $m (array.new_default $m (i32.const 2)) (local.get 0) (i64.const 1))",
    ),
    (
        "array_fill",
        "(array.fill $m (array.new_default $m (i32.const 2)) (i32.const 1) (i64.const 1) (local.get 0))",
    ),
    (
        "array_later",
        "(local.set 1 (array.get_u $a (array.new_default $a (i32.const 3)) (local.get 0)))
         nop nop (global.set 0 (local.get 1))",
    ),
    (
        "cast_later",
        "(drop (struct.get $s 0 (ref.cast (ref $s)
           (select (result anyref) (struct.new $s (i32.const 1)) (ref.null any) (local.get 0)))))",
    ),
    (
        "cast_function",
        "(drop (ref.cast (ref $i) (table.get $t (i32.and (local.get 0) (i32.const 1)))))",
    ),
    ("array_len", "(drop (array.len (ref.null $a)))"),
    (
        "array_new",
        "(drop (array.new_data $a $d (i32.const 2) (local.get 0)))",
    ),
    ("cast", "(drop (ref.cast (ref $s) (ref.i31 (local.get 0))))"),
    ("i31", "(drop (i31.get_s (ref.null i31)))"),
    ("throw_null", "(throw_ref (ref.null exn))"),
    ("throw", "(throw $e (local.get 0))"),
    ("atomic", "(drop (i32.atomic.load (local.get 0)))"),
    (
        "atomic_store",
        "(i64.atomic.store offset=65528 (i32.and (local.get 0) (i32.const -8)) (i64.const 1))
         (i32.atomic.store16 (local.get 0) (i32.const 1))",
    ),
    (
        "atomic_add",
        "(local.set 1 (i32.atomic.rmw.add (i32.shl (local.get 0) (i32.const 2)) (i32.const 1)))
         (global.set 0 (i32.atomic.rmw16.add_u offset=65534 (local.get 0) (local.get 1)))",
    ),
    (
        "atomic_and",
        "(global.set 0 (i32.atomic.rmw8.and_u offset=65535 (local.get 0) (i32.const 1)))",
    ),
    (
        "atomic_xor",
        "(drop (i64.atomic.rmw32.xor_u offset=65532 (i32.shl (local.get 0) (i32.const 2)) (i64.const 1)))",
    ),
    (
        "atomic_exchange",
        "(drop (i32.atomic.rmw8.xchg_u offset=65535 (local.get 0) (i32.const 1)))",
    ),
    (
        "atomic_compare",
        "(global.set 0 (i32.atomic.rmw8.cmpxchg_u offset=65535 (local.get 0) (i32.const 0) (i32.const 1)))",
    ),
    (
        "wait",
        "(drop (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const 0)))",
    ),
    (
        "in_loop",
        "(local.set 0 (i32.and (local.get 0) (i32.const 15)))
         (loop (drop (i32.div_u (i32.const 1) (local.get 0)))
           (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0))",
    ),
    (
        "in_loop_memory",
        "(loop (drop (i32.load (local.get 0)))
           (local.set 0 (i32.add (local.get 0) (i32.const 256))) (br 0))",
    ),
    (
        "in_loop_first",
        "(loop (i32.store offset=1000 (local.get 0) (i32.const 123456789))
           (i32.store offset=500 (local.get 0) (i32.const 987654321))
           (local.set 0 (i32.add (local.get 0) (i32.const 256))) (br 0))",
    ),
    (
        "in_loop_second",
        "(loop (i32.store offset=500 (local.get 0) (i32.const 123456789))
           (i32.store offset=1000 (local.get 0) (i32.const 987654321))
           (local.set 0 (i32.add (local.get 0) (i32.const 256))) (br 0))",
    ),
    (
        "in_loop_both",
        "(local.set 0 (i32.and (local.get 0) (i32.const 15)))
         (loop (drop (i32.div_u (i32.const 1) (local.get 0)))
           (loop (drop (i32.div_u (i32.const 1) (local.get 0)))
             (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
             (br_if 0 (i32.and (local.get 0) (i32.const 1))))
           (br 0))",
    ),
];

fn module() -> String {
    let mut wat = String::from(
        r#"(module
          (type $v (func)) (type $i (func (result i32)))
          (type $s (struct (field (mut i32)))) (type $a (array i8)) (type $m (array (mut i64)))
          (memory (export "m") 1) (table $t 3 funcref) (data $d "abcd")
          (elem (table $t) (i32.const 0) func $nothing $nothing)
          (global (mut i32) (i32.const 0)) (tag $e (param i32))
          (func $nothing)"#,
    );
    for (name, body) in BODIES {
        wat += &format!(
            r#"(func ${name} (export "{name}") (param i32) (local i32) {body})
               (func ${name}_outer (param i32) (local i64)
                 (local.set 1 (i64.extend_i32_s (local.get 0)))
                 (call ${name} (local.get 0)) (drop (local.get 1)))
               (func (export "{name}_outermost") (param i32) (call ${name}_outer (local.get 0)) nop)"#
        );
    }
    wat + ")"
}

const ARGUMENTS: [i32; 4] = [0, 1, -1, 9];

#[test]
fn every_trap_is_the_same_in_every_tier() {
    let wat = module();
    let mut traps = 0;
    let mut failures = Vec::new();
    for (name, _) in BODIES {
        let ends = std::panic::catch_unwind(|| {
            agree(|config| {
                let mut guest = Guest::configured(config, &wat, |_| {});
                let mut ends = Vec::new();
                for export in [(*name).to_owned(), format!("{name}_outermost")] {
                    for argument in ARGUMENTS.into_iter().chain(ARGUMENTS) {
                        let outcome = guest.call(&export, &[Val::I32(argument)]);
                        ends.push(format!("{argument}: {}", end(&guest.store, outcome)));
                    }
                }
                ends
            })
        });
        match ends {
            Ok(ends) => {
                assert!(ends.iter().any(|end| end.contains('\n')), "{name} traps");
                traps += ends.iter().filter(|end| end.contains('\n')).count();
            }
            Err(_) => failures.push(*name),
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
    assert!(traps > 200);
}

/// The function that traps or its caller is interpreted, since it is watched.
#[test]
fn traps_in_mixed_stacks() {
    let wat = module();
    for (name, _) in BODIES {
        agree(|config| {
            let mut guest = Guest::configured(config, &wat, |_| {});
            let outermost = format!("{name}_outermost");
            let mut ends = Vec::new();
            for watched in [name, &outermost[..]] {
                let count = Count::default();
                let (pc, _) = guest.operators(watched)[0];
                let site = probity_engine::hook::Site::Before(pc);
                let id = guest.insert(watched, site, count.probe());
                for argument in ARGUMENTS {
                    let outcome = guest.call(&outermost, &[Val::I32(argument)]);
                    ends.push(format!("{argument}: {}", end(&guest.store, outcome)));
                }
                assert!(count.get() >= 4, "{name}");
                assert!(guest.store.probes().remove(id));
            }
            ends
        });
    }
}
