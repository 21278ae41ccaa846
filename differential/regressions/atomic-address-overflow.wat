;; The address of an atomic access that exceeds 64 bits was said to be out of bounds before it
;; was looked at whether it is aligned, unlike every other address (found against Wasmtime).
;;! call load i64:-1 => trap unaligned
;;! call load i64:-4 => trap memory
;;! call load i64:0 => trap memory
;;! call wait i64:-4 => trap not-shared
(module
  (memory i64 1)
  (func (export "load") (param i64) (result i32)
    (i32.atomic.load offset=0x1_0000_0000 (local.get 0)))
  (func (export "wait") (param i64) (result i32)
    (memory.atomic.wait32 offset=8 (local.get 0) (i32.const 0) (i64.const 0))))
