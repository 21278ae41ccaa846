//! The SIMD operators against results worked by hand from the specification's definitions
//! (section 4.3), with the table's completeness counted.
//!
//! The official test suite covers the values at large; these cases are the edges where an
//! implementation goes wrong, each with its working beside it.

use probity_interp::eval::simd::float::{canon_f32x4, canon_f64x2, f32x4, f64x2};
use probity_interp::eval::simd::int::{self, i8x16, i16x8, i32x4, i64x2};
use probity_interp::eval::simd::{V128, convert, lanes, relaxed, shuffle, widen};
use probity_interp::{
    for_v128_bin, for_v128_extract, for_v128_load, for_v128_load_lane, for_v128_nan,
    for_v128_relaxed_bin, for_v128_relaxed_tern, for_v128_relaxed_un, for_v128_replace,
    for_v128_shift, for_v128_splat, for_v128_store_lane, for_v128_tern, for_v128_test, for_v128_un,
};
use std::collections::HashSet;

const CANON_32: u32 = 0x7fc0_0000;
const CANON_64: u64 = 0x7ff8_0000_0000_0000;
/// Signalling NaNs with a payload of one.
const SIGNALLING_32: u32 = 0x7f80_0001;
const SIGNALLING_64: u64 = 0x7ff0_0000_0000_0001;

// Vectors from the lanes that matter to a case; the others are zero.

fn i8s<const N: usize>(low: [i8; N]) -> V128 {
    V128::from_i8x16(padded(low))
}

fn i16s<const N: usize>(low: [i16; N]) -> V128 {
    V128::from_i16x8(padded(low))
}

fn i32s<const N: usize>(low: [i32; N]) -> V128 {
    V128::from_i32x4(padded(low))
}

fn u32s<const N: usize>(low: [u32; N]) -> V128 {
    V128::from_u32x4(padded(low))
}

fn i64s(lanes: [i64; 2]) -> V128 {
    V128::from_i64x2(lanes)
}

fn u64s(lanes: [u64; 2]) -> V128 {
    V128::from_u64x2(lanes)
}

fn f32s<const N: usize>(low: [f32; N]) -> V128 {
    V128::from_f32x4(padded(low))
}

fn f64s(lanes: [f64; 2]) -> V128 {
    V128::from_f64x2(lanes)
}

fn padded<T: Copy + Default, const N: usize, const M: usize>(low: [T; N]) -> [T; M] {
    std::array::from_fn(|i| low.get(i).copied().unwrap_or_default())
}

/// Bytes 0 to 15, in order.
fn ramp() -> V128 {
    V128(std::array::from_fn(|i| i as u8))
}

// The table.

type Un = fn(V128) -> V128;
type Bin = fn(V128, V128) -> V128;
type Tern = fn(V128, V128, V128) -> V128;

/// Collects rows of name and function, checking each function's type.
macro_rules! rows {
    ($list:ident, $type:ty) => {{
        macro_rules! collect {
            ($$(($$name:ident, $$f:path))*) => {
                vec![$$((stringify!($$name), $$f as $type)),*]
            };
        }
        $list!(collect)
    }};
}
