//! The SIMD operators against results worked by hand from the specification's definitions
//! (section 4.3), with the table's completeness counted.
//!
//! The official test suite covers the values at large; these cases are the edges where an
//! implementation goes wrong, each with its working beside it. Here: what the other files share,
//! the table, and the value itself.

use probity_interp::eval::simd::V128;
use probity_interp::{
    for_v128_bin, for_v128_extract, for_v128_load, for_v128_load_lane, for_v128_relaxed_bin,
    for_v128_relaxed_tern, for_v128_relaxed_un, for_v128_replace, for_v128_shift, for_v128_splat,
    for_v128_store_lane, for_v128_tern, for_v128_test, for_v128_un,
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

/// Equal bits, so that -0 is not 0.
#[track_caller]
fn same_f32(result: V128, expected: [f32; 4]) {
    assert_eq!(
        result,
        f32s(expected),
        "{:?} is not {expected:?}",
        result.to_f32x4()
    );
}

#[track_caller]
fn same_f64(result: V128, expected: [f64; 2]) {
    assert_eq!(
        result,
        f64s(expected),
        "{:?} is not {expected:?}",
        result.to_f64x2()
    );
}

// The table.

type Un = fn(V128) -> V128;
type Bin = fn(V128, V128) -> V128;
type Tern = fn(V128, V128, V128) -> V128;

// Each macro collects the rows of a list, and checks the type of every function in it.

macro_rules! un_rows {
    ($(($name:ident, $f:path))*) => { vec![$((stringify!($name), $f as Un)),*] };
}

macro_rules! bin_rows {
    ($(($name:ident, $f:path))*) => { vec![$((stringify!($name), $f as Bin)),*] };
}

macro_rules! tern_rows {
    ($(($name:ident, $f:path))*) => { vec![$((stringify!($name), $f as Tern)),*] };
}

macro_rules! shift_rows {
    ($(($name:ident, $f:path))*) => {
        vec![$((stringify!($name), $f as fn(V128, i32) -> V128)),*]
    };
}

macro_rules! test_rows {
    ($(($name:ident, $f:path))*) => { vec![$((stringify!($name), $f as fn(V128) -> i32)),*] };
}

macro_rules! splat_names {
    ($(($name:ident, $scalar:ty, $f:path))*) => {
        vec![$({ let _: fn($scalar) -> V128 = $f; stringify!($name) }),*]
    };
}

macro_rules! extract_names {
    ($(($name:ident, $result:ty, $lanes:literal, $f:path))*) => {
        vec![$({ let _: fn(V128, u8) -> $result = $f; (stringify!($name), $lanes) }),*]
    };
}

macro_rules! replace_names {
    ($(($name:ident, $scalar:ty, $lanes:literal, $f:path))*) => {
        vec![$({ let _: fn(V128, u8, $scalar) -> V128 = $f; (stringify!($name), $lanes) }),*]
    };
}

macro_rules! load_names {
    ($(($name:ident, $bytes:literal, $f:path))*) => {
        vec![$({ let _: fn([u8; $bytes]) -> V128 = $f; stringify!($name) }),*]
    };
}

macro_rules! load_lane_names {
    ($(($name:ident, $bytes:literal, $f:path))*) => {
        vec![$({ let _: fn(V128, u8, [u8; $bytes]) -> V128 = $f; stringify!($name) }),*]
    };
}

macro_rules! store_lane_names {
    ($(($name:ident, $bytes:literal, $f:path))*) => {
        vec![$({ let _: fn(V128, u8) -> [u8; $bytes] = $f; stringify!($name) }),*]
    };
}

// After the macros, which are visible below their definition only.
mod float;
mod int;
mod lanes;
mod relaxed;

fn names<T>(rows: Vec<(&'static str, T)>) -> Vec<&'static str> {
    rows.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_table_has_every_operator_once() {
    let mut all = ["V128Const", "V128Store", "I8x16Shuffle"].to_vec();
    all.extend(names(for_v128_un!(un_rows)));
    all.extend(names(for_v128_bin!(bin_rows)));
    all.extend(names(for_v128_tern!(tern_rows)));
    all.extend(names(for_v128_shift!(shift_rows)));
    all.extend(names(for_v128_test!(test_rows)));
    all.extend(for_v128_splat!(splat_names));
    all.extend(names(for_v128_extract!(extract_names)));
    all.extend(names(for_v128_replace!(replace_names)));
    all.extend(for_v128_load!(load_names));
    all.extend(for_v128_load_lane!(load_lane_names));
    all.extend(for_v128_store_lane!(store_lane_names));
    assert_eq!(all.len(), 236, "operators of fixed-width SIMD");

    let mut relaxed = names(for_v128_relaxed_un!(un_rows));
    relaxed.extend(names(for_v128_relaxed_bin!(bin_rows)));
    relaxed.extend(names(for_v128_relaxed_tern!(tern_rows)));
    assert_eq!(relaxed.len(), 20, "operators of relaxed SIMD");

    all.extend(relaxed);
    let distinct: HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn lane_counts_are_those_of_the_shape() {
    let mut rows = for_v128_extract!(extract_names);
    rows.extend(for_v128_replace!(replace_names));
    for (name, lanes) in rows {
        let shape = name.split(['E', 'R']).next().unwrap();
        assert!(shape.ends_with(&format!("x{lanes}")), "{name}: {lanes}");
    }
}

// The value.

#[test]
fn lanes_are_little_endian_and_lane_0_comes_first() {
    let v = ramp();
    assert_eq!(v.to_u8x16()[15], 15);
    // Lane 0 is bytes 0 and 1, of which byte 1 is the high one.
    assert_eq!(v.to_u16x8()[0], 0x0100);
    assert_eq!(v.to_u32x4()[3], 0x0f0e_0d0c);
    assert_eq!(v.to_u64x2()[1], 0x0f0e_0d0c_0b0a_0908);
    assert_eq!(v.to_words(), [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
    assert_eq!(v.to_bits(), 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100);
    assert_eq!(V128::from_words(v.to_words()), v);
    assert_eq!(V128::from_bits(v.to_bits()), v);
    assert_eq!(V128::from_i16x8(v.to_i16x8()), v);
    assert_eq!(V128::from_f64x2(v.to_f64x2()), v);
}

#[test]
fn a_value_fills_two_slots() {
    assert_eq!((size_of::<V128>(), align_of::<V128>()), (16, 8));
}

#[test]
fn lane_views_work_in_constants() {
    const ONE: V128 = V128::from_f32x4([1.0; 4]);
    const BITS: [u32; 4] = ONE.to_u32x4();
    assert_eq!(BITS, [0x3f80_0000; 4]);
}
