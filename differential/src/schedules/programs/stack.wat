;; Recursion that exhausts the stack, by calls of two kinds.
;;! shallow i32:30; deep i32:1
(module
  (func $f (param $n i32) (result i32) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64
      i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (if (result i32) (local.get $n)
      (then (i32.add (i32.const 1) (call $g (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0))))
  (func $g (param $n i32) (result i32) (call $f (local.get $n)))
  (func (export "shallow") (param $n i32) (result i32) (call $f (local.get $n)))
  (func $endless (param i64 i64 i64 i64 i64 i64 i64 i64) (result i32)
      (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (i32.add (i32.const 1) (call $endless (local.get 1) (local.get 2) (local.get 3) (local.get 4)
      (local.get 5) (local.get 6) (local.get 7) (local.get 0))))
  (func (export "deep") (param i32) (result i32)
    (call $endless (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
      (i64.const 6) (i64.const 7) (i64.const 8))))
