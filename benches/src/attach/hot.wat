;; One call that runs for long: segments of `n` iterations of a small loop over locals and memory, and after each the host
;; is asked whether to go on.
(module
  (import "host" "tick" (func $tick (result i32)))
  (memory 1)
  (func (export "hot") (param $n i32) (result i32)
    (local $i i32) (local $x i32) (local $at i32)
    loop $segments
      (local.set $i (local.get $n))
      loop $hot
        (local.set $x
          (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $at (i32.and (i32.shr_u (local.get $x) (i32.const 14)) (i32.const 0xfffc)))
        (i32.store (local.get $at)
          (i32.xor (i32.load (local.get $at)) (local.get $x)))
        (br_if $hot (local.tee $i (i32.sub (local.get $i) (i32.const 1))))
      end
      (br_if $segments (call $tick))
    end
    (local.get $x)))
