//! Programs for the stress test: each is a function `run` of an i32 that gives an i64.

/// Name, text, argument.
pub const KERNELS: [(&str, &str, i32); 6] = [
    ("fib", FIB, 20),
    ("sieve", SIEVE, 8000),
    ("floats", FLOATS, 12),
    ("machine", MACHINE, 3000),
    ("throws", THROWS, 300),
    ("tails", TAILS, 20_000),
];

const FIB: &str = r#"(module
  (func $fib (param i32) (result i64)
    (if (result i64) (i32.lt_u (local.get 0) (i32.const 2))
      (then (i64.extend_i32_u (local.get 0)))
      (else (i64.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "run") (param i32) (result i64) (call $fib (local.get 0))))"#;

const SIEVE: &str = r#"(module
  (memory 1)
  (func $clear (param $to i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get $to)))
  (func $strike (param $step i32) (param $n i32) (local $i i32)
    (local.set $i (i32.mul (local.get $step) (local.get $step)))
    (block $end (loop $on
      (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
      (i32.store8 (local.get $i) (i32.const 1))
      (local.set $i (i32.add (local.get $i) (local.get $step)))
      (br $on))))
  (func (export "run") (param $n i32) (result i64) (local $i i32) (local $sum i64)
    (call $clear (local.get $n))
    (local.set $i (i32.const 2))
    (loop $on
      (if (i32.eqz (i32.load8_u (local.get $i))) (then
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $i))))
        (call $strike (local.get $i) (local.get $n))))
      (br_if $on (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum)))"#;

const FLOATS: &str = r#"(module
  (memory 1)
  (func $at (param $i i32) (param $j i32) (result i32)
    (i32.shl (i32.add (i32.mul (local.get $i) (i32.const 16)) (local.get $j)) (i32.const 3)))
  (func (export "run") (param $n i32) (result i64)
    (local $i i32) (local $j i32) (local $k i32) (local $sum f64) (local $trace f64)
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $k (i32.const 0))
        (local.set $sum (f64.const 0.5))
        (loop $terms
          (local.set $sum (f64.add (local.get $sum) (f64.mul
            (f64.load (call $at (local.get $i) (local.get $k)))
            (f64.convert_i32_u (i32.add (local.get $k) (local.get $j))))))
          (br_if $terms (i32.lt_u
            (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
        (f64.store (call $at (local.get $i) (local.get $j)) (f64.sqrt (local.get $sum)))
        (local.set $trace (f64.add (local.get $trace) (f64.sqrt (local.get $sum))))
        (br_if $columns (i32.lt_u
          (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (br_if $rows (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 4096))
    (i64.reinterpret_f64 (local.get $trace))))"#;

/// A small machine whose instructions are a branch table and indirect calls.
const MACHINE: &str = r#"(module
  (type $op (func (param i64) (result i64)))
  (table funcref (elem $double $mix $shrink))
  (func $double (type $op) (i64.mul (local.get 0) (i64.const 2)))
  (func $mix (type $op) (i64.xor (local.get 0)
    (i64.rotl (local.get 0) (i64.const 13))))
  (func $shrink (type $op) (i64.shr_u (local.get 0) (i64.const 1)))
  (global $steps (mut i32) (i32.const 0))
  (func (export "run") (param $n i32) (result i64) (local $x i64)
    (local.set $x (i64.const 0x12345))
    (loop $next
      (block $out
        (block $add (block $call
          (br_table $call $add $call $out (i32.and (local.get $n) (i32.const 3))))
          (local.set $x (call_indirect (type $op) (local.get $x)
            (i32.rem_u (local.get $n) (i32.const 3))))
          (br $out))
        (local.set $x (i64.add (local.get $x) (i64.const 77))))
      (global.set $steps (i32.add (global.get $steps) (i32.const 1)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))"#;

const THROWS: &str = r#"(module
  (tag $odd (param i64))
  (func $check (param i32) (result i64)
    (if (i32.and (local.get 0) (i32.const 1))
      (then (throw $odd (i64.extend_i32_u (i32.mul (local.get 0) (i32.const 3))))))
    (i64.const 1))
  (func (export "run") (param i32) (result i64) (local i64)
    (loop $next
      (local.set 1 (i64.add (local.get 1)
        (block $caught (result i64)
          (try_table (result i64) (catch $odd $caught) (call $check (local.get 0))))))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"#;

const TAILS: &str = r#"(module
  (func $even (param i32 i64) (result i64) (local i32 f32)
    (if (i32.or (local.get 2) (i32.trunc_f32_s (local.get 3))) (then (unreachable)))
    (local.set 2 (i32.const 1))
    (local.set 3 (f32.const 8))
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $odd (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 2))))
  (func $odd (param i32 i64) (result i64)
    (if (i32.eqz (local.get 0)) (then (return (i64.const -1))))
    (return_call $even (i32.sub (local.get 0) (i32.const 1))
      (i64.mul (local.get 1) (i64.const 3))))
  (func (export "run") (param i32) (result i64) (call $even (local.get 0) (i64.const 1))))"#;
