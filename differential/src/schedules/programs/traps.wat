;; Traps in inner loops under several frames: access, division, unreachable, conversion, signature.
;;! access i32:0; divide i32:6; dead i32:4; convert i32:4; signature i32:3; access i32:65000
(module
  (memory (export "m") 1)
  (global $g (export "g") (mut i64) (i64.const 0))
  (table 3 funcref) (elem (i32.const 0) $count $c)
  (type $ii (func (param i32) (result i32)))
  (func $count (param i32) (result i32)
    (global.set $g (i64.add (global.get $g) (i64.const 1))) (local.get 0))
  (func $c (param i32) (result i64)
    (i64.store (local.get 0) (i64.const 1))
    (i64.load offset=8 (local.get 0)))
  (func $b (param i32) (result i64) (local i64)
    (loop $l
      (local.set 1 (i64.add (local.get 1) (call $c (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 4093)))
      (br $l))
    unreachable)
  (func (export "access") (param i32) (result i32) (i32.wrap_i64 (call $b (local.get 0))))
  (func $div (param i32) (result i32) (local $s i32)
    loop $l
      (local.set $s (i32.add (local.get $s) (i32.div_s (i32.const 100) (local.get 0))))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      br $l
    end
    unreachable)
  (func (export "divide") (param i32) (result i32)
    (i32.add (call $count (i32.const 3)) (call $div (local.get 0))))
  (func (export "dead") (param i32) (result i32)
    loop $l
      (if (i32.eqz (local.get 0)) (then unreachable))
      (drop (call $count (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      br $l
    end
    unreachable)
  (func (export "convert") (param i32) (result i32) (local $x f32) (local $s i32)
    (local.set $x (f32.const 100))
    loop $l
      (local.set $x (f32.mul (local.get $x) (local.get $x)))
      (local.set $s (i32.add (local.get $s) (i32.trunc_f32_s (local.get $x))))
      br $l
    end
    unreachable)
  (func (export "signature") (param i32) (result i32) (local $i i32)
    loop $l
      (local.set 0 (call_indirect (type $ii) (local.get 0) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      br $l
    end
    unreachable))
