;; Exceptions that are caught in the frame that throws, its caller and far outside; that pass
;; frames with operands on their stacks; that are thrown again; and that nobody catches.
;;! run i32:12; far i32:6; again i32:5; lost i32:3; run i32:4
(module
  (tag $e (param i32)) (tag $f (param i64 f64)) (tag $empty)
  (global $g (export "g") (mut i32) (i32.const 0))
  (func $throws (param $n i32) (result i32)
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 3)))
      (then (throw $e (local.get $n))))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 4)))
      (then (throw $f (i64.extend_i32_u (local.get $n)) (f64.const 1.5))))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 5))) (then (throw $empty)))
    (i32.mul (local.get $n) (i32.const 2)))
  (func $catches (param $n i32) (result i32) (local $d f64)
    block $all
      block $caught_f (result i64 f64)
        block $caught_e (result i32)
          (try_table (result i32) (catch $e $caught_e) (catch $f $caught_f) (catch_all $all)
            (i32.add (local.get $n) (call $throws (local.get $n))))
          return
        end
        i32.const 100 i32.add return
      end
      local.set $d
      i32.wrap_i64
      (i32.add (i32.trunc_f64_s (local.get $d)))
      return
    end
    i32.const -1)
  (func (export "run") (param $n i32) (result i32) (local $s i32)
    loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (call $catches (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (global.set $g (local.get $s))
    local.get $s)
  (func $deep (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (throw $e (i32.const 7))))
    (i32.add (local.get $n) (call $deep (i32.sub (local.get $n) (i32.const 1)))))
  (func (export "far") (param $n i32) (result i32) (local $s i32)
    loop $l
      block $c (result i32)
        (try_table (result i32) (catch $e $c)
          (i32.mul (i32.const 3) (call $deep (local.get $n))))
      end
      local.get $s i32.add local.set $s
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func (export "again") (param $n i32) (result i32)
    block $outer (result i32)
      (try_table (result i32) (catch $e $outer)
        block $inner (result i32 exnref)
          (try_table (result i32) (catch_ref $e $inner) (call $deep (local.get $n)))
          return
        end
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        throw_ref)
    end)
  (func (export "lost") (param $n i32) (result i32)
    (try_table (result i32) (i32.add (i32.const 1) (call $deep (local.get $n))))))
