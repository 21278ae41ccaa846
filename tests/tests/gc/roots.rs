//! Roots: whatever still leads to an object keeps it.

use probity_engine::{AnyRef, Caller, Engine, ExternRef, Linker, Module, Result, Store, Val};

use super::guest::i32_of;
use super::ways::{Way, check};

/// A module with trees of depth `n`, which hold the numbers of their levels: their sum is
/// `s(n) = n + 2 s(n - 1)`, for n from 1 on 1, 4, 11, 26, 57, 120.
fn trees(imports: &str, rest: &str) -> String {
    format!(
        r#"(module
          (type $tree (struct (field i32) (field (ref null $tree)) (field (ref null $tree))))
          {imports}
          (func $build (param $depth i32) (result (ref null $tree))
            (if (result (ref null $tree)) (i32.eqz (local.get $depth))
              (then (ref.null $tree))
              (else (struct.new $tree (local.get $depth)
                (call $build (i32.sub (local.get $depth) (i32.const 1)))
                (call $build (i32.sub (local.get $depth) (i32.const 1)))))))
          (func $sum (param $t (ref null $tree)) (result i32)
            (if (result i32) (ref.is_null (local.get $t)) (then (i32.const 0))
              (else (i32.add (struct.get $tree 0 (local.get $t))
                (i32.add (call $sum (struct.get $tree 1 (local.get $t)))
                         (call $sum (struct.get $tree 2 (local.get $t))))))))
          (func $garbage (drop (call $build (i32.const 3))))
          {rest})"#
    )
}

/// The left half of a tree waits in an operand of each frame while the right one is built.
#[test]
fn operands_of_callers() {
    let wat = trees(
        "",
        r#"(func (export "tree") (result i32) (call $sum (call $build (i32.const 6))))
          (func (export "operands") (result i32) (local $n i32) (local $m i32)
            (call $build (i32.const 1))
            (v128.const i64x2 -1 -1)
            (call $build (i32.const 2))
            (i64.const -1)
            (call $build (i32.const 3))
            call $garbage
            (local.set $n (call $sum))
            drop
            (local.set $m (call $sum))
            drop
            call $garbage
            call $sum
            (i32.add (i32.mul (local.get $m) (i32.const 10)))
            (i32.add (i32.mul (local.get $n) (i32.const 100))))"#,
    );
    check(&wat, &[("tree", 120), ("operands", 1100 + 40 + 1)]);
}

/// Vectors take two slots, so that references do not lie where a mistake would look.
#[test]
fn locals_and_parameters_between_vectors() {
    let wat = trees(
        "",
        r#"(func $mixed (param v128 (ref null $tree) i64 (ref null $tree)) (result i32)
            (local v128 (ref null $tree) v128 (ref null $tree)) (local $total i32)
            (local.set 5 (struct.new $tree (i32.const 100) (local.get 1) (local.get 3)))
            (local.set 7 (call $build (i32.const 3)))
            (v128.const i64x2 1 2)
            (local.get 5)
            (local.set 5 (ref.null $tree))
            call $garbage
            (local.set $total (call $sum))
            drop
            (local.set $total (i32.add (local.get $total) (call $sum (local.get 7))))
            (i32.add (local.get $total) (call $sum (local.get 1))))
          (func (export "mixed") (result i32)
            (call $mixed (v128.const i64x2 -1 -1) (call $build (i32.const 2)) (i64.const -1)
              (call $build (i32.const 3))))"#,
    );
    check(&wat, &[("mixed", 100 + 4 + 11 + 11 + 4)]);
}

#[test]
fn values_of_blocks_loops_and_branches() {
    let wat = trees(
        "",
        r#"(func (export "loop") (result i32) (local $n i32)
            (local.set $n (i32.const 5))
            (call $build (i32.const 2))
            (loop $again (param (ref null $tree)) (result (ref null $tree))
              call $garbage
              (local.set $t)
              (struct.new $tree (i32.const 10) (local.get $t) (call $build (i32.const 1)))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $again (local.get $n)))
            call $sum)
          (func (export "blocks") (result i32) (local $n i32)
            (block $out (result (ref null $tree) (ref null $tree))
              (call $build (i32.const 1))
              (i32.const 7) (f64.const 1)
              (call $build (i32.const 2)) (call $build (i32.const 3))
              (br_table $out $out (i32.const 1)))
            call $garbage
            (local.set $n (call $sum))
            call $sum
            (i32.add (i32.mul (local.get $n) (i32.const 100))))
          (func (export "casts") (result i32)
            (block $is (result (ref $tree))
              (call $build (i32.const 2))
              (br_on_cast $is anyref (ref $tree) (call $build (i32.const 3)))
              unreachable)
            call $garbage
            call $sum)
          (func (export "casts that fail") (result i32)
            (block $no (result anyref)
              (call $build (i32.const 2))
              (br_on_cast_fail $no anyref (ref i31) (call $build (i32.const 3)))
              unreachable)
            call $garbage
            (call $sum (ref.cast (ref $tree))))
          (func (export "nulls") (result i32)
            (block $null
              (br_on_null $null (call $build (i32.const 2)))
              call $garbage
              (br_on_null $null)
              (call $sum)
              return)
            unreachable)
          (func (export "selected") (result i32)
            (select (result (ref null $tree)) (call $build (i32.const 2)) (call $build (i32.const 3))
              (call $one))
            call $garbage
            call $sum)
          (func $one (result i32) call $garbage (i32.const 1))"#,
    )
    .replace("(local $n i32)", "(local $n i32) (local $t (ref null $tree))");
    check(
        &wat,
        &[
            ("loop", 5 * (10 + 1) + 4),
            ("blocks", 1100 + 4),
            ("casts", 11),
            ("casts that fail", 11),
            ("nulls", 4),
            ("selected", 4),
        ],
    );
}

#[test]
fn arguments_of_every_kind_of_call() {
    let wat = trees(
        "",
        r#"(type $f (func (param (ref null $tree) i32 (ref null $tree)) (result i32)))
          (table $t 2 funcref) (elem (table $t) (i32.const 1) func $both)
          (func $both (type $f) (local (ref null $tree))
            (local.set 3 (call $build (i32.const 2)))
            (local.set 0 (struct.new $tree (local.get 1) (local.get 0) (local.get 3)))
            call $garbage
            (i32.add (call $sum (local.get 0)) (call $sum (local.get 2))))
          (func $one (result i32) call $garbage (i32.const 1))
          (func (export "call") (result i32)
            (call $both (call $build (i32.const 1)) (i32.const 50) (call $build (i32.const 3))))
          (func (export "indirect") (result i32)
            (call_indirect $t (type $f) (call $build (i32.const 1)) (i32.const 50)
              (call $build (i32.const 3)) (call $one)))
          (func (export "reference") (result i32)
            (call_ref $f (call $build (i32.const 1)) (i32.const 50) (call $build (i32.const 3))
              (ref.func $both)))
          (func (export "tail") (result i32)
            (return_call $both (call $build (i32.const 1)) (i32.const 50) (call $build (i32.const 3))))
          (func (export "tail indirect") (result i32) (local i64 i64 i64 (ref null $tree))
            (local.set 3 (call $build (i32.const 3)))
            (return_call_indirect $t (type $f) (call $build (i32.const 1)) (i32.const 50)
              (local.get 3) (call $one)))
          (func (export "tail reference") (result i32)
            (return_call_ref $f (call $build (i32.const 1)) (i32.const 50) (call $build (i32.const 3))
              (ref.func $both)))
          (func $to (param $n i32) (param $t (ref null $tree)) (result i32)
            (if (i32.eqz (local.get $n)) (then (return (call $sum (local.get $t)))))
            (return_call $fro (i64.const 3)
              (struct.new $tree (local.get $n) (ref.null $tree) (local.get $t)) (local.get $n)))
          (func $fro (param i64) (param $t (ref null $tree)) (param $n i32) (result i32)
            (local v128 (ref null $tree))
            (local.set 4 (call $build (i32.const 1)))
            (return_call $to (i32.sub (local.get $n) (i32.const 1)) (local.get $t)))
          (func (export "to and fro") (result i32) (call $to (i32.const 30) (ref.null $tree)))"#,
    );
    check(
        &wat,
        &[
            ("call", 66),
            ("indirect", 66),
            ("reference", 66),
            ("tail", 66),
            ("tail indirect", 66),
            ("tail reference", 66),
            ("to and fro", 30 * 31 / 2),
        ],
    );
}

#[test]
fn tables_globals_and_segments() {
    let wat = trees(
        "",
        r#"(table $t 3 (ref null $tree))
          (table $any 2 anyref)
          (global $g (mut (ref null $tree)) (ref.null $tree))
          (global $constant (ref $tree)
            (struct.new $tree (i32.const 9)
              (struct.new $tree (i32.const 8) (ref.null $tree) (ref.null $tree))
              (ref.null $tree)))
          (type $trees (array (mut (ref null $tree))))
          (elem $segment (ref null $tree)
            (item (struct.new $tree (i32.const 30) (ref.null $tree) (ref.null $tree)))
            (item (global.get $constant))
            (item (ref.null $tree)))
          (func (export "places") (result i32)
            (table.set $t (i32.const 0) (call $build (i32.const 2)))
            (table.fill $t (i32.const 1) (call $build (i32.const 1)) (i32.const 2))
            (table.set $any (i32.const 1) (call $build (i32.const 3)))
            (drop (table.grow $any (call $build (i32.const 4)) (i32.const 5)))
            (global.set $g (call $build (i32.const 2)))
            call $garbage
            (i32.add (call $sum (table.get $t (i32.const 0))) (call $sum (table.get $t (i32.const 2))))
            (i32.add (call $sum (ref.cast (ref $tree) (table.get $any (i32.const 1)))))
            (i32.add (call $sum (ref.cast (ref $tree) (table.get $any (i32.const 6)))))
            (i32.add (call $sum (global.get $g)))
            (i32.add (call $sum (global.get $constant))))
          (func (export "segment") (result i32) (local $a (ref $trees))
            call $garbage
            (local.set $a (array.new_elem $trees $segment (i32.const 0) (i32.const 3)))
            call $garbage
            (i32.add (call $sum (array.get $trees (local.get $a) (i32.const 0)))
              (call $sum (array.get $trees (local.get $a) (i32.const 1)))))
          (func (export "arrays") (result i32)
            (local $a (ref $trees)) (local $i i32) (local $n i32)
            (local.set $a (array.new $trees (call $build (i32.const 2)) (i32.const 600)))
            (loop $next
              (array.set $trees (local.get $a) (local.get $i) (call $build (i32.const 1)))
              (local.set $i (i32.add (local.get $i) (i32.const 97)))
              (br_if $next (i32.lt_u (local.get $i) (i32.const 600))))
            call $garbage
            (local.set $i (i32.const 0))
            (loop $next
              (local.set $n (i32.add (local.get $n)
                (call $sum (array.get $trees (local.get $a) (local.get $i)))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $i) (i32.const 600))))
            (local.get $n))"#,
    );
    check(
        &wat,
        &[
            ("places", 4 + 1 + 11 + 26 + 4 + 17),
            ("segment", 47),
            ("segment", 47),
            ("arrays", 593 * 4 + 7),
        ],
    );
}

/// Frames of several instances, and of the host between them.
#[test]
fn frames_of_instances_and_the_host() {
    let inner = trees(
        "",
        r#"(func (export "add") (param i64 (ref null $tree)) (result (ref null $tree) v128)
            (local (ref null $tree))
            (local.set 2 (call $build (i32.const 3)))
            (struct.new $tree (i32.const 1000) (local.get 1) (local.get 2))
            (v128.const i64x2 1 2))"#,
    );
    let outer = trees(
        r#"(import "inner" "add"
            (func $add (param i64 (ref null $tree)) (result (ref null $tree) v128)))
          (import "host" "through" (func $through (param anyref) (result anyref)))"#,
        r#"(func (export "run") (result i32) (local (ref null $tree) i32)
            (local.set 0 (call $build (i32.const 2)))
            (call $build (i32.const 1))
            (call $add (i64.const 3) (call $build (i32.const 2)))
            drop
            call $garbage
            (local.set 1 (call $sum))
            (local.set 1 (i32.add (call $sum) (local.get 1)))
            (local.set 1 (i32.add (local.get 1)
              (call $sum (ref.cast (ref $tree) (call $through (local.get 0))))))
            (i32.add (call $sum (local.get 0)) (local.get 1)))"#,
    );
    for way in Way::ALL {
        let engine = Engine::new(&way.config());
        let mut store = Store::new(&engine, ());
        let mut linker: Linker<()> = Linker::new(&engine);
        let module = Module::new(&engine, &inner).expect("valid");
        let instance = linker.instantiate(&mut store, &module).expect("links");
        let add = instance.get_func(&store, "add").expect("exported");
        // The host calls back, and passes a reference through.
        let through = move |mut caller: Caller<'_, ()>, value: Option<AnyRef>| {
            let mut results = [Val::I32(0), Val::I32(0)];
            let args = [Val::I64(5), Val::AnyRef(value)];
            add.call(&mut caller, &args, &mut results)?;
            ExternRef::new(&mut caller, "collects in zeal mode");
            match &results[0] {
                Val::AnyRef(result) => Result::Ok(result.clone()),
                other => panic!("{other:?}"),
            }
        };
        linker.func_wrap("host", "through", through).expect("new");
        linker.instance(&mut store, "inner", instance).expect("new");
        let module = Module::new(&engine, &outer).expect("valid");
        let instance = linker.instantiate(&mut store, &module).expect("links");
        way.attach(&mut store);
        let run = instance.get_func(&store, "run").expect("exported");
        for _ in 0..2 {
            let mut results = [Val::I32(0)];
            run.call(&mut store, &[], &mut results).expect("no trap");
            let expect = (1000 + 4 + 11) + 1 + (1000 + 4 + 11) + 4;
            assert_eq!(i32_of(&results[0]), expect, "{way:?}");
        }
    }
}
