;; Memory and tables that grow while loops use them.
;;! run i32:5; table i32:4; run i32:2; far i32:3
(module
  (memory (export "m") 1 6)
  (table $t (export "t") 1 20 funcref)
  (elem declare func $a $b)
  (type $f (func (param i32) (result i32)))
  (func $a (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $b (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "run") (param $n i32) (result i32) (local $p i32) (local $s i32)
    loop $l
      (local.set $p (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)))
      (i32.store offset=65532 (local.get $p) (local.get $n))
      (local.set $s (i32.add (local.get $s) (i32.load8_u offset=65532 (local.get $p))))
      (local.set $s (i32.add (local.get $s) (memory.grow (i32.and (local.get $n) (i32.const 1)))))
      (memory.fill (local.get $p) (local.get $n) (i32.const 7))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func (export "table") (param $n i32) (result i32) (local $s i32) (local $i i32)
    loop $l
      (drop (table.grow $t (ref.func $a) (i32.const 1)))
      (table.set $t (i32.sub (table.size $t) (i32.const 1))
        (select (result funcref) (ref.func $a) (ref.func $b)
          (i32.and (local.get $n) (i32.const 1))))
      (local.set $s (call_indirect $t (type $f) (local.get $s)
        (i32.sub (table.size $t) (i32.const 1))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (call_indirect $t (type $f) (local.get $s) (i32.const 0)))
  (func (export "far") (param $n i32) (result i32)
    loop $l
      (i32.store (i32.mul (local.get $n) (i32.const 60000)) (local.get $n))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      br $l
    end
    unreachable))
