//! Operators that move lanes: splat, extract, replace, swizzle, shuffle, and the vector loads and
//! stores, as functions of the bytes that they read or write.
//!
//! Lane immediates are validated before execution. They are taken modulo the number of lanes here,
//! which changes no valid one and leaves the compiler no bounds check, so no panic.

use super::V128;
use core::array::from_fn;

/// Splat, and the load that is a splat of what it reads.
macro_rules! splats {
    ($($name:ident($scalar:ident as $lane:ident, $from:ident);)+) => {$(
        #[doc = concat!("All lanes `x`, of which an `", stringify!($lane), "` keeps the low bits.")]
        #[inline(always)]
        pub fn $name(x: $scalar) -> V128 {
            V128::$from([x as $lane; _])
        }
    )+};
}

splats! {
    i8x16_splat(i32 as i8, from_i8x16);
    i16x8_splat(i32 as i16, from_i16x8);
    i32x4_splat(i32 as i32, from_i32x4);
    i64x2_splat(i64 as i64, from_i64x2);
    f32x4_splat(f32 as f32, from_f32x4);
    f64x2_splat(f64 as f64, from_f64x2);
}

macro_rules! extracts {
    ($($name:ident($result:ident, $count:literal, $to:ident);)+) => {$(
        #[doc = concat!("Lane `lane` (below ", $count, ") as an `", stringify!($result), "`.")]
        #[inline(always)]
        pub fn $name(a: V128, lane: u8) -> $result {
            a.$to()[lane as usize % $count] as $result
        }
    )+};
}

extracts! {
    i8x16_extract_lane_s(i32, 16, to_i8x16);
    i8x16_extract_lane_u(i32, 16, to_u8x16);
    i16x8_extract_lane_s(i32, 8, to_i16x8);
    i16x8_extract_lane_u(i32, 8, to_u16x8);
    i32x4_extract_lane(i32, 4, to_i32x4);
    i64x2_extract_lane(i64, 2, to_i64x2);
    f32x4_extract_lane(f32, 4, to_f32x4);
    f64x2_extract_lane(f64, 2, to_f64x2);
}

macro_rules! replaces {
    ($($name:ident($scalar:ident as $lane:ident, $count:literal, $from:ident $to:ident);)+) => {$(
        #[doc = concat!("`a` with `x` in lane `lane` (below ", $count, ").")]
        #[inline(always)]
        pub fn $name(a: V128, lane: u8, x: $scalar) -> V128 {
            let mut lanes = a.$to();
            lanes[lane as usize % $count] = x as $lane;
            V128::$from(lanes)
        }
    )+};
}

replaces! {
    i8x16_replace_lane(i32 as i8, 16, from_i8x16 to_i8x16);
    i16x8_replace_lane(i32 as i16, 8, from_i16x8 to_i16x8);
    i32x4_replace_lane(i32 as i32, 4, from_i32x4 to_i32x4);
    i64x2_replace_lane(i64 as i64, 2, from_i64x2 to_i64x2);
    f32x4_replace_lane(f32 as f32, 4, from_f32x4 to_f32x4);
    f64x2_replace_lane(f64 as f64, 2, from_f64x2 to_f64x2);
}

/// `i8x16.swizzle`: the bytes of `a` chosen by those of `select`; zero where the choice is above 15.
///
/// Shifts rather than indexing: an array that is indexed at run time lives in memory, and a local
/// whose address escapes costs the interpreter's handlers their jumps.
#[inline(always)]
pub fn i8x16_swizzle(a: V128, select: V128) -> V128 {
    let (bytes, select) = (a.to_bits(), select.to_bits());
    let mut chosen = 0;
    let mut at = 0;
    while at < 128 {
        let s = (select >> at) as u8;
        let byte = if s < 16 {
            (bytes >> (8 * u32::from(s & 15))) as u8
        } else {
            0
        };
        chosen |= u128::from(byte) << at;
        at += 8;
    }
    V128::from_bits(chosen)
}

/// `i8x16.shuffle`: the bytes of `a` (0 to 15) and `b` (16 to 31) chosen by `select` (below 32).
#[inline(always)]
pub fn shuffle(a: V128, b: V128, select: [u8; 16]) -> V128 {
    let (a, b, select) = (a.to_bits(), b.to_bits(), u128::from_le_bytes(select));
    let mut chosen = 0;
    let mut at = 0;
    while at < 128 {
        let s = (select >> at) as u8;
        let from = if s & 16 == 0 { a } else { b };
        chosen |= u128::from((from >> (8 * u32::from(s & 15))) as u8) << at;
        at += 8;
    }
    V128::from_bits(chosen)
}

/// `v128.load`.
#[inline(always)]
pub fn v128_load(bytes: [u8; 16]) -> V128 {
    V128(bytes)
}

/// Loads that extend each lane to twice its width.
macro_rules! extending_loads {
    ($($name:ident($narrow:ident as $wide:ident, $bytes:literal, $from:ident, $sign:literal);)+) => {$(
        #[doc = concat!("Little-endian `", stringify!($narrow), "` lanes, ", $sign, "-extended.")]
        #[inline(always)]
        pub fn $name(bytes: [u8; 8]) -> V128 {
            let (lanes, _) = bytes.as_chunks::<$bytes>();
            V128::$from(from_fn(|i| $narrow::from_le_bytes(lanes[i]) as $wide))
        }
    )+};
}

extending_loads! {
    v128_load8x8_s(i8 as i16, 1, from_i16x8, "sign");
    v128_load8x8_u(u8 as u16, 1, from_u16x8, "zero");
    v128_load16x4_s(i16 as i32, 2, from_i32x4, "sign");
    v128_load16x4_u(u16 as u32, 2, from_u32x4, "zero");
    v128_load32x2_s(i32 as i64, 4, from_i64x2, "sign");
    v128_load32x2_u(u32 as u64, 4, from_u64x2, "zero");
}

/// Loads and stores of one lane.
macro_rules! single_lane_memory {
    ($($splat:ident $load:ident $store:ident($lane:ident, $count:literal x $bytes:literal, $from:ident $to:ident);)+) => {$(
        /// All lanes the little-endian number in `bytes`.
        #[inline(always)]
        pub fn $splat(bytes: [u8; $bytes]) -> V128 {
            V128::$from([$lane::from_le_bytes(bytes); $count])
        }

        #[doc = concat!("`a` with the little-endian number in `bytes` in lane `lane` (below ", $count, ").")]
        #[inline(always)]
        pub fn $load(a: V128, lane: u8, bytes: [u8; $bytes]) -> V128 {
            let mut lanes = a.$to();
            lanes[lane as usize % $count] = $lane::from_le_bytes(bytes);
            V128::$from(lanes)
        }

        #[doc = concat!("The bytes of lane `lane` (below ", $count, "), little-endian.")]
        #[inline(always)]
        pub fn $store(a: V128, lane: u8) -> [u8; $bytes] {
            a.$to()[lane as usize % $count].to_le_bytes()
        }
    )+};
}

single_lane_memory! {
    v128_load8_splat v128_load8_lane v128_store8_lane(u8, 16 x 1, from_u8x16 to_u8x16);
    v128_load16_splat v128_load16_lane v128_store16_lane(u16, 8 x 2, from_u16x8 to_u16x8);
    v128_load32_splat v128_load32_lane v128_store32_lane(u32, 4 x 4, from_u32x4 to_u32x4);
    v128_load64_splat v128_load64_lane v128_store64_lane(u64, 2 x 8, from_u64x2 to_u64x2);
}

/// `v128.load32_zero`: lane 0 from memory, the others zero.
#[inline(always)]
pub fn v128_load32_zero(bytes: [u8; 4]) -> V128 {
    V128::from_u32x4([u32::from_le_bytes(bytes), 0, 0, 0])
}

/// `v128.load64_zero`: lane 0 from memory, the other zero.
#[inline(always)]
pub fn v128_load64_zero(bytes: [u8; 8]) -> V128 {
    V128::from_u64x2([u64::from_le_bytes(bytes), 0])
}
