;; Structures and arrays that live in locals, operands and globals over calls and allocations.
;;! run i32:8; array i32:6; tree i32:4; bounds i32:3
(module
  (type $node (struct (field i32) (field (mut (ref null $node)))))
  (type $array (array (mut i32)))
  (type $tree (struct (field (ref null $tree)) (field (ref null $tree)) (field i64)))
  (global $kept (export "kept") (mut (ref null $node)) (ref.null $node))
  (func $push (param $l (ref null $node)) (param i32) (result (ref $node))
    (struct.new $node (local.get 1) (local.get $l)))
  (func $sum (param $l (ref null $node)) (result i32) (local $s i32)
    block $end
      loop $next
        (local.set $s (i32.add (local.get $s)
          (struct.get $node 0 (br_on_null $end (local.get $l)))))
        (local.set $l (struct.get $node 1 (local.get $l)))
        br $next
      end
    end
    local.get $s)
  (func (export "run") (param $n i32) (result i32) (local $l (ref null $node)) (local $s i32)
    loop $again
      (local.set $l (call $push (local.get $l) (local.get $n)))
      (local.set $s (i32.add (local.get $s)
        (i32.add (call $count (local.get $l)) (struct.get $node 0 (local.get $l)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (global.set $kept (local.get $l))
    local.get $s)
  (func $count (param $l (ref null $node)) (result i32)
    (if (result i32) (ref.is_null (local.get $l)) (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $count (struct.get $node 1 (local.get $l)))))))
  (func (export "array") (param $n i32) (result i32)
    (local $a (ref null $array)) (local $i i32) (local $s i32)
    (local.set $a (array.new $array (i32.const 1) (local.get $n)))
    loop $fill
      (array.set $array (local.get $a) (local.get $i)
        (i32.mul (local.get $i) (array.len (array.new_default $array (local.get $i)))))
      (br_if $fill (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (array.len (local.get $a))))
    end
    loop $add
      (local.set $s (i32.add (local.get $s)
        (array.get $array (local.get $a) (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
      (br_if $add (local.get $i))
    end
    local.get $s)
  (func $grow (param $n i32) (result (ref $tree))
    (struct.new $tree
      (if (result (ref null $tree)) (local.get $n)
        (then (call $grow (i32.sub (local.get $n) (i32.const 1)))) (else (ref.null $tree)))
      (if (result (ref null $tree)) (i32.gt_u (local.get $n) (i32.const 1))
        (then (call $grow (i32.sub (local.get $n) (i32.const 2)))) (else (ref.null $tree)))
      (i64.extend_i32_u (local.get $n))))
  (func $weigh (param $t (ref null $tree)) (result i64)
    (if (ref.is_null (local.get $t)) (then (return (i64.const 0))))
    (i64.add (struct.get $tree 2 (local.get $t))
      (i64.add (call $weigh (struct.get $tree 0 (local.get $t)))
        (call $weigh (struct.get $tree 1 (local.get $t))))))
  (func (export "tree") (param $n i32) (result i64) (call $weigh (call $grow (local.get $n))))
  (func (export "bounds") (param $n i32) (result i32) (local $a (ref null $array)) (local $i i32)
    (local.set $a (array.new_fixed $array 3 (i32.const 4) (i32.const 5) (i32.const 6)))
    loop $l
      (array.set $array (local.get $a) (local.get $i) (local.get $n))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      br $l
    end
    unreachable))
