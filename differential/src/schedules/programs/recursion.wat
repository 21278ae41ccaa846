;; Suspended frames of several functions, direct and indirect calls.
;;! run i32:7; run i32:1; odd i32:9
(module
  (table 3 funcref) (elem (i32.const 0) $one $fib $odd)
  (type $t (func (param i32) (result i32)))
  (func $one (param i32) (result i32) (local f64)
    (local.set 1 (f64.add (f64.convert_i32_s (local.get 0)) (f64.const 0.5)))
    (i32.trunc_f64_s (local.get 1)))
  (func $fib (export "run") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (call $one (local.get 0)))
      (else
        (i32.add
          (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
          (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $even (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
      (else (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 2)))))
  (func $odd (export "odd") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else (call $even (i32.sub (local.get 0) (i32.const 1)))))))
