;; Not wrong here but in wasmi 2.0.0: `select` by `i32.eqz` of a local.
;; Found by seed 1353 of `mixed`.
;;! call eqz i32:17 => i32:17
;;! call eqz i32:0 => i32:1
;;! call ne i32:17 => i32:1
;;! call ne i32:0 => i32:0
(module
  (func (export "eqz") (param i32) (result i32)
    i32.const 1
    local.get 0
    local.get 0
    i32.eqz
    select)
  (func (export "ne") (param i32) (result i32)
    i32.const 1
    local.get 0
    local.get 0
    i32.const 0
    i32.ne
    select))
