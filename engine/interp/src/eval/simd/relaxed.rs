//! Relaxed SIMD, always with the choices of the specification's deterministic profile.
//!
//! That profile takes the first of the outcomes that 4.3.6 allows, which for most operators is
//! their strict counterpart, so [`table`](super::table) maps them to it directly. Here are those
//! without one.

use super::float::{f32x4, f64x2};
use super::widen::i32x4_extadd_pairwise_i16x8_s;
use super::{V128, int};
use core::array::from_fn;

/// `f32x4.relaxed_madd`: `a * b + c` in two roundings, not fused.
#[inline(always)]
pub fn f32x4_madd(a: V128, b: V128, c: V128) -> V128 {
    f32x4::add(f32x4::mul(a, b), c)
}

/// `f32x4.relaxed_nmadd`: `-a * b + c` in two roundings, not fused.
#[inline(always)]
pub fn f32x4_nmadd(a: V128, b: V128, c: V128) -> V128 {
    f32x4_madd(f32x4::neg(a), b, c)
}

/// `f64x2.relaxed_madd`: `a * b + c` in two roundings, not fused.
#[inline(always)]
pub fn f64x2_madd(a: V128, b: V128, c: V128) -> V128 {
    f64x2::add(f64x2::mul(a, b), c)
}

/// `f64x2.relaxed_nmadd`: `-a * b + c` in two roundings, not fused.
#[inline(always)]
pub fn f64x2_nmadd(a: V128, b: V128, c: V128) -> V128 {
    f64x2_madd(f64x2::neg(a), b, c)
}

/// `i16x8.relaxed_dot_i8x16_i7x16_s`: sums of the products of lanes `2i` and `2i + 1`, both
/// operands signed, the sum wrapping (which only four times -128 does).
#[inline(always)]
pub fn i16x8_dot_i8x16_i7x16_s(a: V128, b: V128) -> V128 {
    let (a, b) = (a.to_i8x16(), b.to_i8x16());
    let product = |i: usize| a[i] as i16 * b[i] as i16;
    V128::from_i16x8(from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1))))
}

/// `i32x4.relaxed_dot_i8x16_i7x16_add_s`: neighbouring lanes of [`i16x8_dot_i8x16_i7x16_s`] added
/// in 32 bits, plus `c`, wrapping.
#[inline(always)]
pub fn i32x4_dot_i8x16_i7x16_add_s(a: V128, b: V128, c: V128) -> V128 {
    let pairs = i32x4_extadd_pairwise_i16x8_s(i16x8_dot_i8x16_i7x16_s(a, b));
    int::i32x4::add(pairs, c)
}
