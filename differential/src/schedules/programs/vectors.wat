;; Vectors in locals, operands, arguments and results.
;;! run i32:8; lanes i32:5; run i32:2
(module
  (memory (export "m") 1)
  (global $v (export "v") (mut v128) (v128.const i32x4 1 2 3 4))
  (func $step (param $x v128) (param $n i32) (result v128)
    (i32x4.add (i32x4.mul (local.get $x) (i32x4.splat (local.get $n)))
      (i8x16.shuffle 3 2 1 0 7 6 5 4 11 10 9 8 15 14 13 12 (local.get $x) (local.get $x))))
  (func (export "run") (param $n i32) (result v128) (local $x v128)
    (local.set $x (global.get $v))
    loop $l
      (local.set $x (v128.xor (local.get $x) (call $step (local.get $x) (local.get $n))))
      (v128.store offset=3 (i32.shl (local.get $n) (i32.const 4)) (local.get $x))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (global.set $v (local.get $x))
    local.get $x)
  (func (export "lanes") (param $n i32) (result f64) (local $x v128) (local $s f64)
    loop $l
      (local.set $x (f64x2.replace_lane 1 (f64x2.splat (local.get $s)) (f64.const 1.25)))
      (local.set $s (f64.add (f64x2.extract_lane 0 (f64x2.sqrt (local.get $x)))
        (f64x2.extract_lane 1 (local.get $x))))
      (v128.store8_lane offset=200 5 (local.get $n) (local.get $x))
      (local.set $s (select (local.get $s) (f64.neg (local.get $s))
        (v128.any_true (v128.load (i32.const 190)))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s))
