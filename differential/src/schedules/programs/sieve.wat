;; Loops that load and store, short and long; bulk operations between memories, one of 64 bits.
;;! run i32:40; copy i32:4; gap i32:12
(module
  (memory $m (export "m") 1)
  (memory $big (export "big") i64 1)
  (func (export "run") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $c i32)
    (local.set $i (i32.const 2))
    loop $outer
      (if (i32.eqz (i32.load8_u $m (local.get $i)))
        (then
          (local.set $c (i32.add (local.get $c) (i32.const 1)))
          (local.set $j (i32.mul (local.get $i) (local.get $i)))
          block $done
            loop $inner
              (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
              (i32.store8 $m (local.get $j) (i32.const 1))
              (local.set $j (i32.add (local.get $j) (local.get $i)))
              br $inner
            end
          end))
      (br_if $outer (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))
    end
    local.get $c)
  (func (export "copy") (param $n i32) (result i64) (local $p i64)
    loop $l
      (memory.copy $big $m (local.get $p) (local.get $n) (i32.const 50))
      (local.set $p (i64.add (local.get $p) (i64.const 21)))
      (i64.store $big offset=100 (local.get $p) (i64.load $big (local.get $p)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (i64.load $big offset=100 (local.get $p)))
  (func (export "gap") (param $n i32) (result i32) (local $a i32) (local $b i32) (local $t i32)
    (local.set $a (i32.const 252)) (local.set $b (i32.const 105))
    loop $l
      (local.set $t (i32.rem_u (local.get $a) (local.get $b)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $t))
      (br_if $l (local.get $b))
    end
    (i32.mul (local.get $a) (local.get $n))))
