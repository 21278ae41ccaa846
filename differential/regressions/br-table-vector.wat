;; Not wrong here but in wasmi 2.0.0: `br_table` loses half of a vector that it carries.
;; Found by seed 2841 of `mixed`.
;;! call f i32:0 => v128:0x00112233445566778899aabbccddeeff
;;! call f i32:1 => v128:0x00112233445566778899aabbccddeeff
;;! call f i32:2 => v128:0x00112233445566778899aabbccddeeff
(module
  (func (export "f") (param i32) (result v128)
    i64.const 3
    block (result v128)
      i64.const 4
      block (result v128)
        v128.const i64x2 0x8899aabbccddeeff 0x0011223344556677
        local.get 0
        br_table 0 1 2
      end
      br 1
    end
    br 0))
