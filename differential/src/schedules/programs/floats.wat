;; Floats, select, and locals that are dead for most of their function.
;;! run i32:9; dead i32:6; run i32:1
(module
  (func $newton (param $x f64) (result f64) (local $r f64) (local $i i32)
    (local.set $r (f64.const 1))
    loop $l
      (local.set $r (f64.mul (f64.const 0.5)
        (f64.add (local.get $r) (f64.div (local.get $x) (local.get $r)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))
    end
    local.get $r)
  (func (export "run") (param $n i32) (result f64 f32) (local $s f64) (local $t f32)
    loop $l
      (local.set $s (f64.add (local.get $s) (call $newton (f64.convert_i32_u (local.get $n)))))
      (local.set $t (f32.sub (f32.demote_f64 (local.get $s)) (f32.copysign (local.get $t)
        (f32.nearest (f32.const -2.5)))))
      (local.set $s (select (local.get $s) (f64.sqrt (f64.const -1))
        (f64.lt (local.get $s) (f64.const 12))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s local.get $t)
  (func $use (param i64 i32 f32) (result i64)
    (i64.add (local.get 0) (i64.extend_i32_s (local.get 1))))
  (func (export "dead") (param $n i32) (result i64)
    (local $a i64) (local $b i32) (local $c f32) (local $d f64) (local $e i64)
    (local.set $d (f64.const 8.5))
    loop $l
      (local.set $b (i32.trunc_f64_s (local.get $d)))
      (local.set $c (f32.const 4))
      (local.set $a (call $use (local.get $a) (local.get $b) (local.get $c)))
      (local.set $e (i64.mul (local.get $a) (i64.const 3)))
      (local.set $a (call $use (local.get $e) (local.get $n) (f32.const 1)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (local.set $e (i64.const 0))
    (call $use (local.get $a) (local.get $n) (f32.const 2))))
