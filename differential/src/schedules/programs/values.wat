;; Several results, of functions, blocks and loops with parameters.
;;! run i32:6; loop i32:5; pairs i64:9 f64:0x3ff8000000000000
(module
  (func $divmod (param i32 i32) (result i32 i32)
    (i32.div_u (local.get 0) (local.get 1)) (i32.rem_u (local.get 0) (local.get 1)))
  (func $swap (param i32 i64 f64) (result f64 i64 i32)
    local.get 2 local.get 1 local.get 0)
  (func (export "run") (param $n i32) (result i32) (local $s i32)
    loop $l
      (call $divmod (i32.const 1234) (local.get $n))
      i32.sub
      local.get $s i32.add local.set $s
      (call $swap (local.get $s) (i64.const 3) (f64.const 2))
      local.set $s drop drop
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func (export "loop") (param $n i32) (result i32 i32)
    i32.const 0 i32.const 1
    loop $l (param i32 i32) (result i32 i32)
      (call $divmod (i32.const 7))
      i32.add i32.add
      i32.const 3
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end)
  (func (export "pairs") (param i64 f64) (result f64 i64 i32)
    local.get 0 local.get 1
    block (param i64 f64) (result i32 i64 f64)
      i32.const 8
      block (param i64 f64 i32) (result i32 i64 f64)
        drop drop drop
        i32.const 5 i64.const 6 f64.const 7
        i32.const 1
        br_if 1
      end
    end
    call $swap))
