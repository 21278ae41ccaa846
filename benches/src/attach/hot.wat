;; One call that runs for long: segments of `n` iterations of a small loop, whose body stands in `guests.rs`, and after each
;; the host is asked whether to go on.
(module
  (import "host" "tick" (func $tick (result i32)))
  (memory 1)
  (func (export "hot") (param $n i32) (result i32)
    (local $i i32) (local $x i32) (local $at i32) (local $f f64)
    (local.set $f (f64.const 1))
    loop $segments
      (local.set $i (local.get $n))
      loop $hot
        ;; BODY
        (br_if $hot (local.tee $i (i32.sub (local.get $i) (i32.const 1))))
      end
      (br_if $segments (call $tick))
    end
    (local.get $x)))
