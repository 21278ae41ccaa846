//! Floating-point lanes, NaNs, and conversions.

use super::{
    Bin, CANON_32, CANON_64, SIGNALLING_32, SIGNALLING_64, Tern, Un, f32s, f64s, i32s, i64s,
    same_f32, same_f64, u32s, u64s,
};
use probity_interp::eval::simd::float::{canon_f32x4, canon_f64x2, f32x4, f64x2};
use probity_interp::eval::simd::{V128, convert};
use probity_interp::{
    for_v128_bin, for_v128_nan, for_v128_relaxed_bin, for_v128_relaxed_tern, for_v128_relaxed_un,
    for_v128_tern, for_v128_un,
};

macro_rules! nan_rows {
    ($(($name:ident, $width:literal))*) => { vec![$((stringify!($name), $width)),*] };
}

#[test]
fn float_arithmetic() {
    let (a, b) = (f32s([1.0, 0.0, 3.0, -0.0]), f32s([0.0, -5.0, 2.0, -0.0]));
    same_f32(f32x4::add(a, b), [1.0, -5.0, 5.0, -0.0]);
    // -0 - -0 = 0 when rounding to nearest.
    same_f32(f32x4::sub(a, b), [1.0, 5.0, 1.0, 0.0]);
    same_f32(f32x4::mul(a, b), [0.0, -0.0, 6.0, 0.0]);
    let quotient = f32x4::div(a, b);
    same_f32(
        f32s([quotient.to_f32x4()[0], quotient.to_f32x4()[1]]),
        [f32::INFINITY, -0.0, 0.0, 0.0],
    );
    assert!(quotient.to_f32x4()[3].is_nan());
    // The root of -0 is -0, that of a negative number a NaN.
    let root = f32x4::sqrt(f32s([4.0, -0.0, 2.25, -1.0]));
    assert_eq!(
        root.to_u32x4()[..3],
        [2f32.to_bits(), 0x8000_0000, 1.5f32.to_bits()]
    );
    assert!(root.to_f32x4()[3].is_nan());

    let (a, b) = (f64s([f64::MAX, 1.0]), f64s([f64::MAX, 4.0]));
    same_f64(f64x2::add(a, b), [f64::INFINITY, 5.0]);
    same_f64(f64x2::sub(a, b), [0.0, -3.0]);
    same_f64(f64x2::mul(a, b), [f64::INFINITY, 4.0]);
    same_f64(f64x2::div(a, b), [1.0, 0.25]);
    same_f64(f64x2::sqrt(b), [f64::MAX.sqrt(), 2.0]);
}

#[test]
fn rounding_to_integers_keeps_the_sign_of_zero() {
    let a = f32s([0.5, -0.5, 1.5, 2.5]);
    same_f32(f32x4::nearest(a), [0.0, -0.0, 2.0, 2.0]);
    same_f32(f32x4::ceil(a), [1.0, -0.0, 2.0, 3.0]);
    same_f32(f32x4::floor(a), [0.0, -1.0, 1.0, 2.0]);
    same_f32(f32x4::trunc(a), [0.0, -0.0, 1.0, 2.0]);
    // The last fraction is 2^23 - 0.5; the smallest subnormal is a fraction too.
    let a = f32s([
        8_388_607.5,
        -8_388_607.5,
        f32::from_bits(1),
        -f32::from_bits(1),
    ]);
    same_f32(f32x4::nearest(a), [8_388_608.0, -8_388_608.0, 0.0, -0.0]);
    same_f32(f32x4::ceil(a), [8_388_608.0, -8_388_607.0, 1.0, -0.0]);
    same_f32(f32x4::floor(a), [8_388_607.0, -8_388_608.0, 0.0, -1.0]);
    same_f32(f32x4::trunc(a), [8_388_607.0, -8_388_607.0, 0.0, -0.0]);
    // Above it, all numbers are integers, odd ones included.
    let a = f32s([8_388_609.0, -16_777_214.0, f32::NEG_INFINITY, f32::MAX]);
    for round in [f32x4::nearest, f32x4::ceil, f32x4::floor, f32x4::trunc] {
        assert_eq!(round(a), a);
    }
    // The same for 2^52 - 0.5.
    let a = f64s([4_503_599_627_370_495.5, -0.7]);
    same_f64(f64x2::nearest(a), [4_503_599_627_370_496.0, -1.0]);
    same_f64(f64x2::ceil(a), [4_503_599_627_370_496.0, -0.0]);
    same_f64(f64x2::floor(a), [4_503_599_627_370_495.0, -1.0]);
    same_f64(f64x2::trunc(a), [4_503_599_627_370_495.0, -0.0]);
}

/// The standard library rounds one number at a time by other means: both agree over every sign
/// and exponent, with fractions around the ties.
#[test]
fn rounding_agrees_with_the_standard_library() {
    type Round32 = (Un, fn(f32) -> f32);
    type Round64 = (Un, fn(f64) -> f64);
    let rounds_32: [Round32; 4] = [
        (f32x4::nearest, f32::round_ties_even),
        (f32x4::ceil, f32::ceil),
        (f32x4::floor, f32::floor),
        (f32x4::trunc, f32::trunc),
    ];
    let rounds_64: [Round64; 4] = [
        (f64x2::nearest, f64::round_ties_even),
        (f64x2::ceil, f64::ceil),
        (f64x2::floor, f64::floor),
        (f64x2::trunc, f64::trunc),
    ];
    // Miri takes a hundred times as long: one in 256 there.
    for high in (0..=u16::MAX).step_by(if cfg!(miri) { 257 } else { 1 }) {
        for low in [0, 1, 0x7fff, 0xffff_u16] {
            let x = f32::from_bits((high as u32) << 16 | low as u32);
            // The same high bits of an f64, with a fraction of ones or of a lone last bit.
            let tail = if low & 2 == 0 {
                low as u64
            } else {
                u64::MAX >> 16
            };
            let y = f64::from_bits((high as u64) << 48 | tail);
            for (simd, scalar) in rounds_32.iter().filter(|_| !x.is_nan()) {
                assert_eq!(simd(f32s([x])).to_u32x4()[0], scalar(x).to_bits(), "{x:e}");
            }
            for (simd, scalar) in rounds_64.iter().filter(|_| !y.is_nan()) {
                assert_eq!(
                    simd(f64s([0.0, y])).to_u64x2()[1],
                    scalar(y).to_bits(),
                    "{y:e}"
                );
            }
        }
    }
}

#[test]
fn min_and_max_order_zeros_and_propagate_nans() {
    let (a, b) = (
        f32s([-0.0, 0.0, 1.0, f32::NEG_INFINITY]),
        f32s([0.0, -0.0, -2.0, 3.0]),
    );
    same_f32(f32x4::min(a, b), [-0.0, -0.0, -2.0, f32::NEG_INFINITY]);
    same_f32(f32x4::max(a, b), [0.0, 0.0, 1.0, 3.0]);
    same_f64(f64x2::min(f64s([-0.0, 7.0]), f64s([0.0, 7.0])), [-0.0, 7.0]);
    same_f64(
        f64x2::max(f64s([-0.0, -0.0]), f64s([0.0, -0.0])),
        [0.0, -0.0],
    );
    // A NaN on either side.
    let (a, b) = (
        f32s([f32::NAN, 1.0, f32::INFINITY]),
        f32s([1.0, -f32::NAN, f32::NAN]),
    );
    for f in [f32x4::min, f32x4::max] {
        assert!(f(a, b).to_f32x4()[..3].iter().all(|x| x.is_nan()));
    }
    let (a, b) = (f64s([f64::NAN, 1.0]), f64s([1.0, f64::NAN]));
    for f in [f64x2::min, f64x2::max] {
        assert!(f(a, b).to_f64x2().iter().all(|x| x.is_nan()));
    }
}

#[test]
fn pseudo_min_and_max_only_choose() {
    // The second operand only if it is strictly beyond the first: zeros and NaNs keep the first.
    let (a, b) = (
        f32s([0.0, -0.0, 1.0, 4.0]),
        f32s([-0.0, 0.0, f32::NAN, -4.0]),
    );
    same_f32(f32x4::pmin(a, b), [0.0, -0.0, 1.0, -4.0]);
    same_f32(f32x4::pmax(a, b), [0.0, -0.0, 1.0, 4.0]);
    // A signalling NaN in the first passes as it is.
    let (a, b) = (u64s([SIGNALLING_64, 0]), f64s([1.0, 1.0]));
    assert_eq!(f64x2::pmin(a, b), u64s([SIGNALLING_64, 0]));
    assert_eq!(f64x2::pmax(a, b), u64s([SIGNALLING_64, 1f64.to_bits()]));
}

#[test]
fn abs_and_neg_touch_the_sign_bit_only() {
    let a = u32s([SIGNALLING_32 | 1 << 31, 0x8000_0000, 0x3f80_0000]);
    assert_eq!(f32x4::abs(a), u32s([SIGNALLING_32, 0, 0x3f80_0000]));
    assert_eq!(
        f32x4::neg(a),
        u32s([SIGNALLING_32, 0, 0xbf80_0000, 0x8000_0000])
    );
    let a = u64s([SIGNALLING_64, 1 << 63]);
    assert_eq!(f64x2::abs(a), u64s([SIGNALLING_64, 0]));
    assert_eq!(f64x2::neg(a), u64s([SIGNALLING_64 | 1 << 63, 0]));
}

#[test]
fn comparisons_with_nan_are_false_but_ne() {
    let (a, b) = (
        f32s([f32::NAN, -0.0, 1.0, 2.0]),
        f32s([f32::NAN, 0.0, 2.0, 1.0]),
    );
    assert_eq!(f32x4::eq(a, b), i32s([0, -1, 0, 0]));
    assert_eq!(f32x4::ne(a, b), i32s([-1, 0, -1, -1]));
    assert_eq!(f32x4::lt(a, b), i32s([0, 0, -1, 0]));
    assert_eq!(f32x4::gt(a, b), i32s([0, 0, 0, -1]));
    assert_eq!(f32x4::le(a, b), i32s([0, -1, -1, 0]));
    assert_eq!(f32x4::ge(a, b), i32s([0, -1, 0, -1]));
    let (a, b) = (f64s([1.0, f64::NAN]), f64s([1.0, 0.0]));
    assert_eq!(f64x2::eq(a, b), i64s([-1, 0]));
    assert_eq!(f64x2::ne(a, b), i64s([0, -1]));
    assert_eq!(f64x2::lt(a, b), i64s([0, 0]));
    assert_eq!(f64x2::gt(a, b), i64s([0, 0]));
    assert_eq!(f64x2::le(a, b), i64s([-1, 0]));
    assert_eq!(f64x2::ge(a, b), i64s([-1, 0]));
}

#[test]
fn canonicalisation_replaces_nans_only() {
    let a = u32s([SIGNALLING_32, 0xffff_ffff, 0x7f80_0000, 0x8000_0000]);
    assert_eq!(
        canon_f32x4(a),
        u32s([CANON_32, CANON_32, 0x7f80_0000, 0x8000_0000])
    );
    assert_eq!(
        canon_f64x2(u64s([u64::MAX, 1 << 63])),
        u64s([CANON_64, 1 << 63])
    );
    assert_eq!(
        canon_f64x2(u64s([0xfff0 << 48, SIGNALLING_64])),
        u64s([0xfff0 << 48, CANON_64])
    );
}

/// Every operator of the NaN list, applied to one value in all operands.
fn nan_results(operand: impl Fn(u32) -> V128) -> Vec<(&'static str, u32, V128)> {
    let mut un = for_v128_un!(un_rows);
    un.extend(for_v128_relaxed_un!(un_rows));
    let mut bin = for_v128_bin!(bin_rows);
    bin.extend(for_v128_relaxed_bin!(bin_rows));
    let mut tern = for_v128_tern!(tern_rows);
    tern.extend(for_v128_relaxed_tern!(tern_rows));
    let apply = |(name, width): (&'static str, u32)| {
        // Demotion and promotion read the other width.
        let x = operand(match name {
            "F32x4DemoteF64x2Zero" => 64,
            "F64x2PromoteLowF32x4" => 32,
            _ => width,
        });
        let result = un
            .iter()
            .find_map(|(n, f)| (*n == name).then(|| f(x)))
            .or_else(|| bin.iter().find_map(|(n, f)| (*n == name).then(|| f(x, x))))
            .or_else(|| {
                tern.iter()
                    .find_map(|(n, f)| (*n == name).then(|| f(x, x, x)))
            })
            .unwrap_or_else(|| panic!("{name} is in no list"));
        (name, width, result)
    };
    for_v128_nan!(nan_rows).into_iter().map(apply).collect()
}

/// The bits of the lanes that hold a result: a demotion fills the low two of four.
fn result_lanes(name: &str, width: u32, result: V128) -> Vec<u64> {
    match (name, width) {
        ("F32x4DemoteF64x2Zero", _) => {
            assert_eq!(result.to_words()[1], 0);
            result.to_u32x4()[..2].iter().map(|&x| x.into()).collect()
        }
        (_, 32) => result.to_u32x4().map(u64::from).to_vec(),
        _ => result.to_u64x2().to_vec(),
    }
}

/// What machines do, and Rust leaves to them: Miri makes it quiet or not, at random.
#[test]
#[cfg_attr(miri, ignore = "Miri chooses the result's NaN at random")]
fn a_signalling_nan_comes_out_quiet() {
    let results = nan_results(|width| match width {
        32 => u32s([SIGNALLING_32; 4]),
        _ => u64s([SIGNALLING_64; 2]),
    });
    assert_eq!(results.len(), 32);
    for (name, width, result) in results {
        // An arithmetic NaN has the exponent's ones and the top bit of the fraction.
        let arithmetic = if width == 32 {
            CANON_32.into()
        } else {
            CANON_64
        };
        for lane in result_lanes(name, width, result) {
            assert_eq!(lane & arithmetic, arithmetic, "{name}: {lane:#x}");
        }
    }
}

#[test]
fn a_canonical_nan_stays_canonical() {
    let results = nan_results(|width| match width {
        32 => u32s([CANON_32; 4]),
        _ => u64s([CANON_64; 2]),
    });
    for (name, width, result) in results {
        let (canonical, sign) = if width == 32 {
            (CANON_32.into(), 1 << 31)
        } else {
            (CANON_64, 1 << 63)
        };
        for lane in result_lanes(name, width, result) {
            assert_eq!(lane & !sign, canonical, "{name}: {lane:#x}");
        }
    }
}

// Conversions.

#[test]
fn truncation_saturates_and_maps_nan_to_zero() {
    // 2^31 and beyond saturate; -1.9 goes towards zero.
    let a = f32s([2_147_483_648.0, -3e9, f32::NAN, -1.9]);
    assert_eq!(
        convert::i32x4_trunc_sat_f32x4_s(a),
        i32s([i32::MAX, i32::MIN, 0, -1])
    );
    let a = f32s([4_294_967_296.0, -1.0, f32::INFINITY, 3.99]);
    assert_eq!(
        convert::i32x4_trunc_sat_f32x4_u(a),
        u32s([u32::MAX, 0, u32::MAX, 3])
    );
    // 2^31 - 0.5 is in range for an f64: it truncates to 2^31 - 1. The high lanes are zero.
    let a = f64s([2_147_483_647.5, f64::NEG_INFINITY]);
    assert_eq!(
        convert::i32x4_trunc_sat_f64x2_s_zero(a),
        i32s([i32::MAX, i32::MIN, 0, 0])
    );
    let a = f64s([4_294_967_295.9, f64::NAN]);
    assert_eq!(
        convert::i32x4_trunc_sat_f64x2_u_zero(a),
        u32s([u32::MAX, 0, 0, 0])
    );
}

#[test]
fn integers_convert_to_the_nearest_float() {
    // 2^24 + 1 is halfway to 2^24 + 2: to even, 2^24; 2^24 + 3 goes up to 2^24 + 4.
    let a = i32s([16_777_217, 16_777_219, i32::MIN, -1]);
    same_f32(
        convert::f32x4_convert_i32x4_s(a),
        [16_777_216.0, 16_777_220.0, -2_147_483_648.0, -1.0],
    );
    same_f32(
        convert::f32x4_convert_i32x4_u(a),
        [16_777_216.0, 16_777_220.0, 2_147_483_648.0, 4_294_967_296.0],
    );
    // An f64 holds every 32-bit integer; the high lanes are not read.
    let a = i32s([i32::MIN, -1, 7, 7]);
    same_f64(
        convert::f64x2_convert_low_i32x4_s(a),
        [-2_147_483_648.0, -1.0],
    );
    same_f64(
        convert::f64x2_convert_low_i32x4_u(a),
        [2_147_483_648.0, 4_294_967_295.0],
    );
}

#[test]
fn demotion_rounds_and_promotion_is_exact() {
    // 1 + 2^-24 is halfway between 1 and 1 + 2^-23: to even, 1. 1e300 overflows.
    let a = f64s([1.0 + f64::from(f32::EPSILON) / 2.0, -1e300]);
    same_f32(
        convert::f32x4_demote_f64x2_zero(a),
        [1.0, f32::NEG_INFINITY, 0.0, 0.0],
    );
    // Below half of the smallest f32, 2^-149, a number becomes zero with its sign.
    same_f32(
        convert::f32x4_demote_f64x2_zero(f64s([-1e-50, 0.5])),
        [-0.0, 0.5, 0.0, 0.0],
    );
    let a = f32s([f32::from_bits(1), -0.0, 9.0, 9.0]);
    same_f64(
        convert::f64x2_promote_low_f32x4(a),
        [f64::from_bits(0x36a0_0000_0000_0000), -0.0],
    );
}
