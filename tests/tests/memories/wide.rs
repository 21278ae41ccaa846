//! Wide arithmetic.

use probity_engine::Val;

use super::every_way::{check, gives_all};

#[test]
fn results_of_two_halves() {
    let n = |x: &[i64]| -> Vec<Val> { x.iter().map(|&x| Val::I64(x)).collect() };
    check(
        r#"(module
          (func (export "add") (param i64 i64 i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
          (func (export "sub") (param i64 i64 i64 i64) (result i64 i64)
            (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
          (func (export "mul_s") (param i64 i64) (result i64 i64)
            (i64.mul_wide_s (local.get 0) (local.get 1)))
          (func (export "mul_u") (param i64 i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 1)))
          ;; a * b + c, above an operand that stays; the halves go to locals
          (func (export "fma") (param i64 i64 i64) (result i64 i64 i64) (local $l i64) (local $h i64)
            (i64.const 77)
            (i64.add128 (i64.mul_wide_u (local.get 0) (local.get 1)) (local.get 2) (i64.const 0))
            (local.set $h) (local.set $l)
            (local.get $l) (local.get $h)))"#,
        &[
            gives_all("add", n(&[-1, 0, 1, 0]), n(&[0, 1])),
            gives_all("add", n(&[-1, -1, 1, 0]), n(&[0, 0])),
            gives_all("sub", n(&[0, 0, 1, 0]), n(&[-1, -1])),
            gives_all("sub", n(&[5, 9, 3, 4]), n(&[2, 5])),
            gives_all("mul_s", n(&[-1, -1]), n(&[1, 0])),
            gives_all("mul_s", n(&[i64::MIN, i64::MIN]), n(&[0, 1 << 62])),
            gives_all("mul_u", n(&[-1, -1]), n(&[1, -2])),
            gives_all("fma", n(&[-1, -1, -1]), n(&[77, 0, -1])),
            gives_all("fma", n(&[3, 5, 7]), n(&[77, 22, 0])),
        ],
    );
}
