;; A start function; functions that are called for the first time late; empty functions.
;;! run i32:5; late i32:3; run i32:2
(module
  (global $g (export "g") (mut i32) (i32.const 1))
  (memory (export "m") 1)
  (func $empty)
  (func $init (local $i i32)
    loop $l
      (global.set $g (i32.mul (global.get $g) (i32.const 3)))
      (i32.store8 (local.get $i) (global.get $g))
      call $empty
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5)))
    end)
  (start $init)
  (func $late1 (param i32) (result i32) (i32.add (call $late2 (local.get 0)) (i32.const 1)))
  (func $late2 (param i32) (result i32) (call $empty) (call $empty) (i32.clz (local.get 0)))
  (func (export "run") (param $n i32) (result i32)
    loop $l
      (if (i32.eq (local.get $n) (i32.const 2))
        (then (global.set $g (call $late1 (global.get $g)))))
      call $empty
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    global.get $g)
  (func (export "late") (param $n i32) (result i32)
    (i32.add (call $late1 (local.get $n)) (call $late2 (local.get $n)))))
