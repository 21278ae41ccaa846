;; Nested loops, branches out of both, br_table into merged ends, arms that run into `else`.
;;! run i32:5; run i32:3; small i32:40
(module (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $j i32) (local $s i32)
    loop $outer
      (local.set $j (i32.const 0))
      block $done
        loop $inner
          (br_if $done (i32.gt_u (local.get $j) (local.get $i)))
          block block block
            (br_table 0 1 2 (i32.and (local.get $j) (i32.const 3)))
          end
            (local.set $s (i32.add (local.get $s) (i32.const 3)))
          end end
          (local.set $s (i32.xor (local.get $s) (i32.mul (local.get $i) (local.get $j))))
          (local.set $j (i32.add (local.get $j) (i32.const 1)))
          br $inner
        end
      end
      nop
      (if (i32.rem_u (local.get $i) (i32.const 3))
        (then (local.set $s (i32.rotl (local.get $s) (i32.const 1))))
        (else nop))
      (br_if $outer (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))
    end
    local.get $s)
  (func (export "small") (param i32) (result i32)
    loop
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0
    end
    local.get 0))
