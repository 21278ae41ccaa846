//! Relaxed operators, in the deterministic profile.

use super::{Bin, Tern, Un, f32s, f64s, i8s, i16s, i32s, same_f32, same_f64, u32s};
use probity_interp::eval::simd::{V128, relaxed};
use probity_interp::{for_v128_relaxed_bin, for_v128_relaxed_tern, for_v128_relaxed_un};

#[test]
fn relaxed_multiply_add_rounds_twice() {
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, rounded to even: 1 + 2^-11. Fused, 2^-24 would be left.
    let x = 1.0 + two_to_32(-12);
    let a = f32s([x, 2.0, f32::MAX]);
    let b = f32s([x, 3.0, 2.0]);
    let c = f32s([-1.0 - two_to_32(-11), 10.0, f32::NEG_INFINITY.next_up()]);
    same_f32(
        relaxed::f32x4_madd(a, b, c),
        [0.0, 16.0, f32::INFINITY, 0.0],
    );
    // The factor is negated, not the sum: -(2 * 3) + 10 = 4, and -0 * 0 + 0 = 0.
    let negated = relaxed::f32x4_nmadd(a, b, c).to_f32x4();
    assert_eq!((negated[1], negated[3].to_bits()), (4.0, 0));
    // (1 + 2^-27)^2 = 1 + 2^-26 + 2^-54, rounded: 1 + 2^-26.
    let x = f64s([1.0 + two_to_64(-27), 2.0]);
    let c = f64s([-1.0 - two_to_64(-26), 1.0]);
    same_f64(relaxed::f64x2_madd(x, x, c), [0.0, 5.0]);
    same_f64(relaxed::f64x2_nmadd(x, x, c), [-2.0 - two_to_64(-25), -3.0]);
}

#[test]
fn relaxed_dot_products_are_signed_and_wrap_in_16_bits() {
    // 2 * (-128)^2 = 32768 wraps; -128 * 127 * 2 = -32512; 1 * 3 + 2 * 4 = 11.
    let a = i8s([-128, -128, -128, -128, 1, 2]);
    let b = i8s([-128, -128, 127, 127, 3, 4]);
    assert_eq!(
        relaxed::i16x8_dot_i8x16_i7x16_s(a, b),
        i16s([-32768, -32512, 11])
    );
    // Lane 0: -32768 - 32512 + 1 = -65279. Lane 1: 11 + 0 + (2^31 - 1) wraps.
    let c = i32s([1, i32::MAX, 5]);
    assert_eq!(
        relaxed::i32x4_dot_i8x16_i7x16_add_s(a, b, c),
        i32s([-65279, i32::MIN + 10, 5])
    );
}

#[test]
fn other_relaxed_operators_are_their_strict_counterparts() {
    let bin: Vec<(_, Bin)> = for_v128_relaxed_bin!(bin_rows);
    let bin = |name| bin.iter().find(|(n, _)| *n == name).unwrap().1;
    // Index 16 is out of range, not index 0.
    assert_eq!(
        bin("I8x16RelaxedSwizzle")(V128([9; 16]), V128([16; 16])),
        V128::ZERO
    );
    let extreme = i16s([i16::MIN]);
    assert_eq!(
        bin("I16x8RelaxedQ15mulrS")(extreme, extreme),
        i16s([i16::MAX])
    );
    let zeros = (f32s([0.0; 4]), f32s([-0.0; 4]));
    assert_eq!(bin("F32x4RelaxedMin")(zeros.0, zeros.1), zeros.1);
    assert_eq!(bin("F32x4RelaxedMax")(zeros.1, zeros.0), zeros.0);
    let numbers = (f64s([1.0, -1.0]), f64s([2.0, -2.0]));
    assert_eq!(
        bin("F64x2RelaxedMin")(numbers.0, numbers.1),
        f64s([1.0, -2.0])
    );
    assert_eq!(
        bin("F64x2RelaxedMax")(numbers.0, numbers.1),
        f64s([2.0, -1.0])
    );

    let un: Vec<(_, Un)> = for_v128_relaxed_un!(un_rows);
    let un = |name| un.iter().find(|(n, _)| *n == name).unwrap().1;
    let a = f32s([f32::NAN, 3e9, -3e9, -1.5]);
    assert_eq!(
        un("I32x4RelaxedTruncF32x4S")(a),
        i32s([0, i32::MAX, i32::MIN, -1])
    );
    assert_eq!(
        un("I32x4RelaxedTruncF32x4U")(a),
        u32s([0, 3_000_000_000, 0, 0])
    );
    let a = f64s([f64::NAN, 5e9]);
    assert_eq!(un("I32x4RelaxedTruncF64x2SZero")(a), i32s([0, i32::MAX]));
    assert_eq!(un("I32x4RelaxedTruncF64x2UZero")(a), u32s([0, u32::MAX]));

    // A mask with mixed bits selects bit by bit in every shape: 0x0f of ones, 0xf0 of zeros.
    for (name, select) in for_v128_relaxed_tern!(tern_rows) {
        if name.ends_with("RelaxedLaneselect") {
            let result = select(V128([0xff; 16]), V128::ZERO, V128([0x8f; 16]));
            assert_eq!(result, V128([0x8f; 16]), "{name}");
        }
    }
}

/// A power of two to the bit: `powi` may be off by some.
fn two_to_32(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) as u32) << 23)
}

fn two_to_64(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}
