;; A branch that drops a local read right before it returned that local: the window for
;; `local.get; br` to a return did not look at which operand is returned.
;; Found by seed 336 of `mixed`, against wasmi 2.0.0.
;;! call dropped => i64:1
;;! call carried => i64:7
(module
  (func (export "dropped") (result i64) (local i64)
    i64.const 1
    block
      local.get 0
      br 0
    end)
  (func (export "carried") (result i64) (local i64)
    i64.const 7
    local.set 0
    block (result i64)
      local.get 0
      br 0
    end))
