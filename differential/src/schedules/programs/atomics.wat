;; Atomic accesses of a shared memory.
;;! run i32:8; swap i32:5; unaligned i32:6
(module
  (memory (export "m") 1 2 shared)
  (func $add (param $p i32) (param $n i64) (result i64)
    (i64.atomic.rmw.add (local.get $p) (local.get $n)))
  (func (export "run") (param $n i32) (result i64) (local $s i64)
    loop $l
      (local.set $s (i64.xor (local.get $s)
        (call $add (i32.shl (i32.and (local.get $n) (i32.const 3)) (i32.const 3))
          (i64.extend_i32_u (local.get $n)))))
      (i32.atomic.store offset=64 (i32.const 0) (local.get $n))
      atomic.fence
      (drop (i32.atomic.rmw8.xor_u offset=70 (i32.const 1) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (i64.add (local.get $s) (i64.atomic.load offset=64 (i32.const 0))))
  (func (export "swap") (param $n i32) (result i32) (local $s i32)
    loop $l
      (local.set $s (i32.add (local.get $s)
        (i32.atomic.rmw.cmpxchg offset=128 (i32.const 0) (local.get $s) (local.get $n))))
      (local.set $s (i32.add (local.get $s) (memory.atomic.notify (i32.const 0) (i32.const 1))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func (export "unaligned") (param $n i32) (result i32)
    loop $l
      (drop (i32.atomic.rmw.add (local.get $n) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 2)))
      (br_if $l (local.get $n))
    end
    (i32.atomic.load (i32.const 1))))
