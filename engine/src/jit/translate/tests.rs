//! What is left to the interpreter, and what is not.

use std::collections::BTreeSet;

use cranelift_codegen::ir::Function;
use cranelift_codegen::settings;
use cranelift_frontend::FunctionBuilderContext;

use super::Draft;
use crate::code::Mode;
use crate::runtime::{Instance, Store};
use crate::tier::code::Variant;
use crate::{Config, Engine, Module, Tier, Val};

/// Translates a function.
pub(super) fn draft(module: &Module, func: u32) -> Draft {
    let plain = module.inner.code(module, func, Mode::Plain).unwrap();
    let isa = cranelift_native::builder().unwrap();
    let isa = isa
        .finish(settings::Flags::new(settings::builder()))
        .unwrap();
    let config = isa.frontend_config();
    let (mut made, mut context) = (Function::new(), FunctionBuilderContext::new());
    let variant = Variant::default();
    let draft = super::translate(
        module,
        func,
        &plain,
        (&variant, &super::Manner::default()),
        config,
        &mut made,
        &mut context,
    );
    draft.unwrap()
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.tier(Tier::Jit);
    Engine::new(&config)
}

/// What the function `run` gives.
fn run(text: &str) -> i32 {
    let engine = engine();
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    let mut results = [Val::I32(0)];
    run.call(&mut store, &[], &mut results).unwrap();
    match results[0] {
        Val::I32(result) => result,
        ref other => panic!("{other:?}"),
    }
}

/// Types, tables, memories and segments for [`OPERATORS`].
const MODULE: &str = r#"
  (type $f (func)) (type $g (sub (func))) (type $h (sub $g (func)))
  (type $s (sub (struct (field (mut i8)) (field (mut v128)) (field (mut anyref)))))
  (type $t (sub $s (struct (field (mut i8)) (field (mut v128)) (field (mut anyref)) (field f32))))
  (type $a (array (mut i16))) (type $r (array (mut anyref)))
  (memory 1) (memory $shared 1 2 shared)
  (table $t0 2 funcref) (table $t1 i64 2 anyref) (data $d "abcd") (elem $e anyref (ref.null any))
  (func $nothing) (elem declare func $nothing)
"#;

/// Bodies of functions of two i32, two i64, an `anyref`, a `(ref null $s)`, an array of each type
/// and a `funcref`, with each operator of the proposals below. Values may stay on the stack.
const OPERATORS: &[&str] = &[
    "(ref.null any) (ref.is_null) (ref.eq (local.get 5) (local.get 6)) (ref.as_non_null (local.get 4))
     (drop) (ref.func $nothing) (drop) (select (result anyref) (local.get 5) (local.get 6) (local.get 0))",
    "(i31.get_s (ref.i31 (local.get 0))) (i31.get_u (ref.i31 (local.get 1)))
     (any.convert_extern (extern.convert_any (local.get 4)))",
    "(struct.new $s (local.get 0) (v128.const i64x2 1 2) (local.get 4)) (struct.new_default $t)
     (struct.get_s $s 0 (local.get 5)) (struct.get_u $s 0 (local.get 5)) (struct.get $s 1 (local.get 5))
     (struct.get $s 2 (local.get 5)) (struct.set $s 0 (local.get 5) (local.get 0))
     (struct.set $s 1 (local.get 5) (v128.const i64x2 1 2)) (struct.set $s 2 (local.get 5) (local.get 4))",
    "(array.new $a (local.get 0) (local.get 1)) (array.new_default $a (local.get 0))
     (array.new_fixed $a 2 (local.get 0) (local.get 1))
     (array.new_data $a $d (local.get 0) (local.get 1)) (array.new_elem $r $e (local.get 0) (local.get 1))",
    "(array.get_s $a (local.get 6) (local.get 0)) (array.get_u $a (local.get 6) (local.get 0))
     (array.get $r (local.get 7) (local.get 0)) (array.set $a (local.get 6) (local.get 0) (local.get 1))
     (array.set $r (local.get 7) (local.get 0) (local.get 4)) (array.len (ref.cast arrayref (local.get 4)))
     (array.fill $a (local.get 6) (local.get 0) (local.get 1) (local.get 1))
     (array.copy $a $a (local.get 6) (local.get 0) (local.get 6) (local.get 1) (local.get 1))
     (array.init_data $a $d (local.get 6) (local.get 0) (local.get 0) (local.get 0))
     (array.init_elem $r $e (local.get 7) (local.get 0) (local.get 0) (local.get 0))",
    "(ref.test (ref $s) (local.get 4)) (ref.test (ref null $t) (local.get 4)) (ref.test eqref (local.get 4))
     (ref.test (ref struct) (local.get 4)) (ref.test (ref i31) (local.get 4)) (ref.test nullref (local.get 4))
     (ref.test (ref none) (local.get 4)) (ref.test (ref any) (local.get 4))
     (ref.test (ref $g) (local.get 8)) (ref.test (ref null $f) (local.get 8))
     (ref.test (ref $s) (struct.new_default $t)) (ref.cast (ref $t) (local.get 4))
     (ref.cast (ref null array) (local.get 4)) (ref.cast (ref $h) (local.get 8))",
    "(block $l (result (ref $t)) (br_on_cast $l anyref (ref $t) (local.get 4)) (drop) (unreachable))
     (block $m (result anyref) (br_on_cast_fail $m anyref (ref $t) (local.get 4)))
     (block $n (br_on_null $n (local.get 4)) (drop))
     (block $o (result (ref any)) (br_on_non_null $o (local.get 4)) (unreachable))
     (call_ref $f (ref.cast (ref null $f) (local.get 8)))
     (return_call_ref $f (ref.cast (ref null $f) (local.get 8)))",
    "(if (local.get 0) (then (return_call $nothing)))
     (return_call_indirect $t0 (type $f) (local.get 0))",
    "(memory.init $d (local.get 0) (local.get 0) (local.get 0)) (data.drop $d)
     (memory.copy (local.get 0) (local.get 0) (local.get 0)) (memory.size $shared)
     (memory.fill (local.get 0) (local.get 0) (local.get 0)) (memory.grow (local.get 0))",
    "(table.get $t0 (local.get 0)) (table.get $t1 (local.get 2)) (table.set $t0 (local.get 0) (local.get 8))
     (table.set $t1 (local.get 2) (local.get 4)) (table.size $t0) (table.size $t1)
     (table.grow $t1 (local.get 4) (local.get 2)) (table.fill $t1 (local.get 2) (local.get 4) (local.get 2))
     (table.copy $t1 $t1 (local.get 2) (local.get 2) (local.get 2))
     (table.init $t1 $e (local.get 2) (local.get 0) (local.get 0)) (elem.drop $e)",
    "(atomic.fence) (memory.atomic.notify (local.get 0) (local.get 0))
     (memory.atomic.wait32 (local.get 0) (local.get 0) (local.get 2))
     (memory.atomic.wait64 (local.get 0) (local.get 2) (local.get 2))",
    "(i64.add128 (local.get 2) (local.get 3) (local.get 2) (local.get 3))
     (i64.sub128 (local.get 2) (local.get 3) (local.get 2) (local.get 3))
     (i64.mul_wide_s (local.get 2) (local.get 3)) (i64.mul_wide_u (local.get 2) (local.get 3))",
];

/// All atomic accesses, of an unshared and a shared memory.
fn atomics() -> String {
    let mut body = String::new();
    for memory in ["0", "$shared"] {
        for (ty, value) in [("i32", 0), ("i64", 2)] {
            let widths: &[(&str, &str)] = match ty {
                "i32" => &[("", ""), ("8", "_u"), ("16", "_u")],
                _ => &[("", ""), ("8", "_u"), ("16", "_u"), ("32", "_u")],
            };
            for (bits, suffix) in widths {
                body += &format!(
                    "({ty}.atomic.load{bits}{suffix} {memory} (local.get 0))
                     ({ty}.atomic.store{bits} {memory} (local.get 0) (local.get {value}))
                     ({ty}.atomic.rmw{bits}.cmpxchg{suffix} {memory} (local.get 0) (local.get {value})
                       (local.get {value}))"
                );
                for op in ["add", "sub", "and", "or", "xor", "xchg"] {
                    body += &format!(
                        "({ty}.atomic.rmw{bits}.{op}{suffix} {memory} (local.get 0) (local.get {value}))"
                    );
                }
            }
        }
    }
    body
}

/// Names of all operators of the proposals.
fn names() -> BTreeSet<&'static str> {
    const PROPOSALS: [&str; 7] = [
        "gc",
        "bulk_memory",
        "reference_types",
        "threads",
        "function_references",
        "tail_call",
        "wide_arithmetic",
    ];
    macro_rules! rows {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            [$((stringify!($proposal), stringify!($op))),*]
        };
    }
    let rows = wasmparser::for_each_operator!(rows);
    rows.into_iter()
        .filter(|(proposal, _)| PROPOSALS.contains(proposal))
        .map(|(_, name)| name)
        .collect()
}

/// A module with a function for each of the bodies, which are given, too.
pub(in crate::jit) fn of_operators() -> (String, Vec<String>) {
    let mut text = format!("(module {MODULE}");
    let mut bodies: Vec<String> = OPERATORS.iter().map(|&body| body.to_owned()).collect();
    bodies.push(atomics());
    for body in &bodies {
        text += &format!(
            "(func (param i32 i32 i64 i64 anyref (ref null $s) (ref null $a) (ref null $r) funcref)
               {body} (return))"
        );
    }
    (text + ")", bodies)
}

#[test]
fn operators_of_references_tables_and_atomics_are_compiled() {
    let (text, bodies) = of_operators();
    let module = Module::new(&engine(), text).unwrap();
    let mut missing = names();
    // What no module may have.
    assert!(missing.remove("TypedSelectMulti"));
    for (body, func) in bodies.iter().zip(1..) {
        assert_eq!(draft(&module, func).left, [], "{body}");
        let code = super::super::function(&module, func, false);
        assert!(code.is_some(), "not compiled: {body}");
        let reader = module.inner.function_body(func).unwrap();
        for op in reader.get_operators_reader().unwrap() {
            let op = format!("{:?}", op.unwrap());
            missing.remove(op.split(' ').next().unwrap());
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

/// Tail calls of imports are made by the interpreter; nothing else is left to it.
#[test]
fn only_tail_calls_of_imports_are_left() {
    let text = r#"(module (import "m" "f" (func $f)) (tag $e (param i64))
      (func (drop (i32.const 1)) (throw $e (i64.const 5)))
      (func (param exnref) (throw_ref (local.get 0)))
      (func (result i64 exnref)
        (block $l (result i64 exnref)
          (try_table (catch_ref $e $l) (call 1)) (unreachable)))
      (func (return_call 1))
      (func (return_call $f)))"#;
    let module = Module::new(&engine(), text).unwrap();
    for func in 1..5 {
        assert_eq!(draft(&module, func).left, [], "{func}");
        assert!(super::super::function(&module, func, false).is_some());
    }
    assert_eq!(draft(&module, 5).left.len(), 1);
}

/// Lowering breaks long straight lines with a cell of its own, before whatever instruction is there.
#[test]
fn instructions_of_the_engine_in_long_lines() {
    let count = 1200;
    for before in 0..8 {
        let mut text = String::from("(module (type $s (struct (field i32)))");
        text += "(func (export \"run\") (result i32) (i32.const 0)";
        text += &"(i32.eqz)".repeat(before);
        text += &"(i32.add (struct.get $s 0 (struct.new $s (i32.const 1))))".repeat(count);
        text += "))";
        assert_eq!(run(&text), (count + before % 2) as i32, "{before}");
    }
}

/// Memory regions are fewer than what a function can have of globals and loops.
#[test]
fn many_globals_and_loops() {
    let mut globals = "(module ".to_owned();
    let mut body = String::new();
    for i in 0..66_000 {
        globals += "(global (mut i32) (i32.const 0))";
        body += &format!("(global.set {i} (i32.const {i}))");
    }
    body += "(i32.add (global.get 7) (global.get 65999))";
    let text = format!("{globals} (func (export \"run\") (result i32) {body}))");
    assert_eq!(run(&text), 7 + 65_999);
    let loops = "(loop (br_if 0 (i32.const 0)))".repeat(66_000);
    let text = format!("(module (func (export \"run\") (result i32) {loops} (i32.const 5)))");
    assert_eq!(run(&text), 5);
}
