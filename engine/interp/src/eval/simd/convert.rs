//! Conversions between integer and floating-point lanes, and between their widths.
//!
//! Truncations saturate and map a NaN to zero, as Rust's `as` does; the other conversions round to
//! nearest, ties to even (specification 4.3.5). Operators named `zero` fill the high lanes with
//! zeros, those named `low` read the low lanes only.

use super::V128;

/// `i32x4.trunc_sat_f32x4_s`.
#[inline(always)]
pub fn i32x4_trunc_sat_f32x4_s(a: V128) -> V128 {
    V128::from_i32x4(a.to_f32x4().map(|x| x as i32))
}

/// `i32x4.trunc_sat_f32x4_u`.
#[inline(always)]
pub fn i32x4_trunc_sat_f32x4_u(a: V128) -> V128 {
    V128::from_u32x4(a.to_f32x4().map(|x| x as u32))
}

/// `i32x4.trunc_sat_f64x2_s_zero`.
#[inline(always)]
pub fn i32x4_trunc_sat_f64x2_s_zero(a: V128) -> V128 {
    let [x, y] = a.to_f64x2();
    V128::from_i32x4([x as i32, y as i32, 0, 0])
}

/// `i32x4.trunc_sat_f64x2_u_zero`.
#[inline(always)]
pub fn i32x4_trunc_sat_f64x2_u_zero(a: V128) -> V128 {
    let [x, y] = a.to_f64x2();
    V128::from_u32x4([x as u32, y as u32, 0, 0])
}

/// `f32x4.convert_i32x4_s`.
#[inline(always)]
pub fn f32x4_convert_i32x4_s(a: V128) -> V128 {
    V128::from_f32x4(a.to_i32x4().map(|x| x as f32))
}

/// `f32x4.convert_i32x4_u`.
#[inline(always)]
pub fn f32x4_convert_i32x4_u(a: V128) -> V128 {
    V128::from_f32x4(a.to_u32x4().map(|x| x as f32))
}

/// `f64x2.convert_low_i32x4_s`.
#[inline(always)]
pub fn f64x2_convert_low_i32x4_s(a: V128) -> V128 {
    let [x, y, _, _] = a.to_i32x4();
    V128::from_f64x2([f64::from(x), f64::from(y)])
}

/// `f64x2.convert_low_i32x4_u`.
#[inline(always)]
pub fn f64x2_convert_low_i32x4_u(a: V128) -> V128 {
    let [x, y, _, _] = a.to_u32x4();
    V128::from_f64x2([f64::from(x), f64::from(y)])
}

/// `f32x4.demote_f64x2_zero`; a NaN comes out quiet.
#[inline(always)]
pub fn f32x4_demote_f64x2_zero(a: V128) -> V128 {
    let [x, y] = a.to_f64x2();
    V128::from_f32x4([x as f32, y as f32, 0.0, 0.0])
}

/// `f64x2.promote_low_f32x4`; a NaN comes out quiet.
#[inline(always)]
pub fn f64x2_promote_low_f32x4(a: V128) -> V128 {
    let [x, y, _, _] = a.to_f32x4();
    V128::from_f64x2([f64::from(x), f64::from(y)])
}
