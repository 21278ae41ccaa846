;; Calls of the host in the middle of loops, recursions and expressions; the host calls back.
;;! run i32:6; deep i32:5; args i32:3; tail i32:2; indirect i32:4; run i32:3
(module
  (import "h" "tick" (func $tick))
  (import "h" "ask" (func $ask (param i32) (result i32)))
  (import "h" "mix" (func $mix (param i32 i64 f32 f64) (result i64)))
  (type $t (func (param i32) (result i32)))
  (table 1 funcref) (elem (i32.const 0) $ask)
  (memory (export "m") 1)
  (global $g (export "g") (mut i32) (i32.const 0))
  (func (export "back") (result i32) (local $i i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    loop $l
      (i32.store8 (i32.add (global.get $g) (local.get $i)) (i32.const 3))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))
    end
    (if (i32.eq (global.get $g) (i32.const 6)) (then unreachable))
    (if (i32.and (global.get $g) (i32.const 1)) (then (call $tick)))
    global.get $g)
  (func (export "run") (param $n i32) (result i32) (local $s i32)
    loop $l
      call $tick
      (local.set $s (i32.xor (local.get $s) (call $ask (local.get $n))))
      (i32.store (i32.const 40) (local.get $s))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func $deep (export "deep") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (call $tick) (return (i32.const 1))))
    (i32.add (local.get $n)
      (i32.add (call $deep (i32.sub (local.get $n) (i32.const 1))) (call $ask (local.get $n)))))
  (func (export "args") (param $n i32) (result i64) (local $s i64)
    loop $l
      (local.set $s (i64.add (local.get $s) (call $mix (local.get $n) (local.get $s)
        (f32.const 0.5) (f64.convert_i32_s (local.get $n)))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func $asks (param $n i32) (result i32) (return_call $ask (local.get $n)))
  (func (export "tail") (param $n i32) (result i32)
    (i32.add (call $asks (local.get $n)) (call $asks (i32.const 5))))
  (func (export "indirect") (param $n i32) (result i32) (local $s i32)
    loop $l
      (local.set $s (i32.sub (local.get $s)
        (call_indirect (type $t) (local.get $n) (i32.const 0))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s))
