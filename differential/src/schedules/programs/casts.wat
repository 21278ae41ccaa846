;; Casts, branches on casts and null, 31-bit integers, calls by reference.
;;! run i32:7; refs i32:5; fails i32:4
(module
  (type $a (sub (struct (field i32))))
  (type $b (sub $a (struct (field i32) (field i64))))
  (type $f (func (param i32) (result i32)))
  (elem declare func $inc $dec)
  (func $inc (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $dec (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
  (func $make (param $n i32) (result anyref)
    block $three block $two block $one block $zero
      (br_table $zero $one $two $three (i32.and (local.get $n) (i32.const 3)))
    end (return (ref.i31 (local.get $n)))
    end (return (struct.new $a (local.get $n)))
    end (return (struct.new $b (local.get $n) (i64.const 7)))
    end ref.null any)
  (func $value (param $x anyref) (result i32)
    block $null
      block $i31 (result (ref i31))
        block $is_b (result (ref $b))
          (br_on_null $null (local.get $x))
          (br_on_cast $i31 (ref any) (ref i31))
          (br_on_cast $is_b (ref any) (ref $b))
          (struct.get $a 0 (ref.cast (ref $a)))
          return
        end
        (i32.wrap_i64 (struct.get $b 1)) return
      end
      i31.get_s return
    end
    i32.const -5)
  (func (export "run") (param $n i32) (result i32) (local $s i32)
    loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 5))
        (call $value (call $make (local.get $n)))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func (export "refs") (param $n i32) (result i32) (local $f (ref null $f)) (local $s i32)
    loop $l
      (local.set $f (select (result (ref null $f)) (ref.func $inc) (ref.func $dec)
        (i32.rem_u (local.get $n) (i32.const 3))))
      (local.set $s (call_ref $f (local.get $s) (local.get $f)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func (export "fails") (param $n i32) (result i32) (local $s i32)
    loop $l
      (local.set $s (i32.add (local.get $s)
        (struct.get $a 0 (ref.cast (ref $a) (call $make (local.get $n))))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      br $l
    end
    unreachable))
