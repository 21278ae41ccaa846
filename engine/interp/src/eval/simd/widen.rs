//! Integer operators whose result lanes are wider or narrower than those of the operands.
//!
//! "Low" means the lower-numbered half of the lanes. Widening is exact, so nothing here wraps but
//! the sum of [`i32x4_dot_i16x8_s`].

use super::V128;
use core::array::from_fn;

/// Extension, pairwise sum and product into lanes of twice the width.
macro_rules! widening {
    ($(($wide:ident, $half:literal, $from:ident $to:ident, $sign:literal)
        $low:ident $high:ident $mul_low:ident $mul_high:ident;)+) => {$(
        #[doc = concat!("The low lanes, ", $sign, "-extended.")]
        #[inline(always)]
        pub fn $low(a: V128) -> V128 {
            let a = a.$to();
            V128::$from(from_fn(|i| a[i] as $wide))
        }

        #[doc = concat!("The high lanes, ", $sign, "-extended.")]
        #[inline(always)]
        pub fn $high(a: V128) -> V128 {
            let a = a.$to();
            V128::$from(from_fn(|i| a[i + $half] as $wide))
        }

        #[doc = concat!("Products of the low lanes, ", $sign, "-extended first.")]
        #[inline(always)]
        pub fn $mul_low(a: V128, b: V128) -> V128 {
            let (a, b) = (a.$to(), b.$to());
            V128::$from(from_fn(|i| a[i] as $wide * b[i] as $wide))
        }

        #[doc = concat!("Products of the high lanes, ", $sign, "-extended first.")]
        #[inline(always)]
        pub fn $mul_high(a: V128, b: V128) -> V128 {
            let (a, b) = (a.$to(), b.$to());
            V128::$from(from_fn(|i| a[i + $half] as $wide * b[i + $half] as $wide))
        }
    )+};
}

widening! {
    (i16, 8, from_i16x8 to_i8x16, "sign")
        i16x8_extend_low_i8x16_s i16x8_extend_high_i8x16_s
        i16x8_extmul_low_i8x16_s i16x8_extmul_high_i8x16_s;
    (u16, 8, from_u16x8 to_u8x16, "zero")
        i16x8_extend_low_i8x16_u i16x8_extend_high_i8x16_u
        i16x8_extmul_low_i8x16_u i16x8_extmul_high_i8x16_u;
    (i32, 4, from_i32x4 to_i16x8, "sign")
        i32x4_extend_low_i16x8_s i32x4_extend_high_i16x8_s
        i32x4_extmul_low_i16x8_s i32x4_extmul_high_i16x8_s;
    (u32, 4, from_u32x4 to_u16x8, "zero")
        i32x4_extend_low_i16x8_u i32x4_extend_high_i16x8_u
        i32x4_extmul_low_i16x8_u i32x4_extmul_high_i16x8_u;
    (i64, 2, from_i64x2 to_i32x4, "sign")
        i64x2_extend_low_i32x4_s i64x2_extend_high_i32x4_s
        i64x2_extmul_low_i32x4_s i64x2_extmul_high_i32x4_s;
    (u64, 2, from_u64x2 to_u32x4, "zero")
        i64x2_extend_low_i32x4_u i64x2_extend_high_i32x4_u
        i64x2_extmul_low_i32x4_u i64x2_extmul_high_i32x4_u;
}

/// Sums of neighbouring lanes.
macro_rules! pairwise {
    ($($name:ident($wide:ident, $from:ident $to:ident, $sign:literal);)+) => {$(
        #[doc = concat!("Sums of lanes `2i` and `2i + 1`, ", $sign, "-extended first.")]
        #[inline(always)]
        pub fn $name(a: V128) -> V128 {
            let a = a.$to();
            V128::$from(from_fn(|i| a[2 * i] as $wide + a[2 * i + 1] as $wide))
        }
    )+};
}

pairwise! {
    i16x8_extadd_pairwise_i8x16_s(i16, from_i16x8 to_i8x16, "sign");
    i16x8_extadd_pairwise_i8x16_u(u16, from_u16x8 to_u8x16, "zero");
    i32x4_extadd_pairwise_i16x8_s(i32, from_i32x4 to_i16x8, "sign");
    i32x4_extadd_pairwise_i16x8_u(u32, from_u32x4 to_u16x8, "zero");
}

/// Sums of the products of lanes `2i` and `2i + 1`, sign-extended first; the sum of four times
/// -32768 wraps.
#[inline(always)]
pub fn i32x4_dot_i16x8_s(a: V128, b: V128) -> V128 {
    let (a, b) = (a.to_i16x8(), b.to_i16x8());
    let product = |i: usize| a[i] as i32 * b[i] as i32;
    V128::from_i32x4(from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1))))
}

/// Lanes of `a`, then those of `b`, in half the width.
macro_rules! narrowing {
    ($($name:ident($narrow:ident, $wide:ident, $half:literal, $from:ident $to:ident);)+) => {$(
        #[doc = concat!("Signed lanes of `a`, then of `b`, saturated to `", stringify!($narrow), "`.")]
        #[inline(always)]
        pub fn $name(a: V128, b: V128) -> V128 {
            let (a, b) = (a.$to(), b.$to());
            V128::$from(from_fn(|i| {
                let x = if i < $half { a[i] } else { b[i - $half] };
                x.clamp($narrow::MIN as $wide, $narrow::MAX as $wide) as $narrow
            }))
        }
    )+};
}

narrowing! {
    i8x16_narrow_i16x8_s(i8, i16, 8, from_i8x16 to_i16x8);
    i8x16_narrow_i16x8_u(u8, i16, 8, from_u8x16 to_i16x8);
    i16x8_narrow_i32x4_s(i16, i32, 4, from_i16x8 to_i32x4);
    i16x8_narrow_i32x4_u(u16, i32, 4, from_u16x8 to_i32x4);
}
