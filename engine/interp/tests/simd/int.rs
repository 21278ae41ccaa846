//! Bitwise operators, reductions, and integer lanes.

use super::{f32s, i8s, i16s, i32s, i64s, u32s, u64s};
use probity_interp::eval::simd::int::{self, i8x16, i16x8, i32x4, i64x2};
use probity_interp::eval::simd::{V128, widen};

// Bitwise operators and reductions.

#[test]
fn bitwise() {
    let (a, b) = (u64s([0b1100, u64::MAX]), u64s([0b1010, 0]));
    assert_eq!(int::not(a), u64s([!0b1100, 0]));
    assert_eq!(int::and(a, b), u64s([0b1000, 0]));
    // andnot clears the bits of the second operand: 1100 without 1010.
    assert_eq!(int::andnot(a, b), u64s([0b0100, u64::MAX]));
    assert_eq!(int::or(a, b), u64s([0b1110, u64::MAX]));
    assert_eq!(int::xor(a, b), u64s([0b0110, u64::MAX]));
    // Mask 0011: the upper two bits from b (10), the lower two from a (00).
    assert_eq!(int::bitselect(a, b, u64s([0b0011, 0])), u64s([0b1000, 0]));
}

#[test]
fn reductions() {
    assert_eq!(int::any_true(V128::ZERO), 0);
    // A negative zero has a bit set.
    assert_eq!(int::any_true(f32s([0.0, 0.0, 0.0, -0.0])), 1);

    // Bytes 1 with a zero at byte 5: that byte lane is zero, wider lanes around it are not.
    let mut bytes = [1; 16];
    bytes[5] = 0;
    assert_eq!(i8x16::all_true(V128(bytes)), 0);
    assert_eq!(i16x8::all_true(V128(bytes)), 1);
    assert_eq!(i32x4::all_true(i32s([1, 2, 3, 0])), 0);
    assert_eq!(i32x4::all_true(i32s([1, 2, 3, i32::MIN])), 1);
    assert_eq!(i64x2::all_true(i64s([1, 0])), 0);
    assert_eq!(i64x2::all_true(i64s([1, 1 << 40])), 1);
}

#[test]
fn bitmasks_have_lane_0_in_bit_0() {
    // Signs at lanes 0, 8 and 15: 2^0 + 2^8 + 2^15.
    let mut bytes = [0x7f; 16];
    (bytes[0], bytes[8], bytes[15]) = (0x80, 0xff, 0x80);
    assert_eq!(i8x16::bitmask(V128(bytes)), 0x8101);
    assert_eq!(i8x16::bitmask(V128([0x80; 16])), 0xffff);
    // One lane at a time, so that none lands on another's bit.
    for lane in 0..16 {
        let mut bytes = [0x7f; 16];
        bytes[lane] = 0x80;
        assert_eq!(i8x16::bitmask(V128(bytes)), 1 << lane);
    }
    assert_eq!(i16x8::bitmask(i16s([-1, 0, 0, 0, 0, 0, 0, i16::MIN])), 0x81);
    assert_eq!(i32x4::bitmask(i32s([1, -1, 1, -1])), 0b1010);
    assert_eq!(i64x2::bitmask(i64s([i64::MAX, i64::MIN])), 0b10);
}

// Integer lanes.

#[test]
fn integer_arithmetic_wraps() {
    // 127 + 1 = 128 = -128 (mod 256); -128 + -1 = -129 = 127.
    assert_eq!(i8x16::add(i8s([127, -128]), i8s([1, -1])), i8s([-128, 127]));
    assert_eq!(i8x16::sub(i8s([-128, 0]), i8s([1, 1])), i8s([127, -1]));
    assert_eq!(i16x8::add(i16s([i16::MAX]), i16s([1])), i16s([i16::MIN]));
    assert_eq!(i32x4::sub(i32s([i32::MIN]), i32s([1])), i32s([i32::MAX]));
    assert_eq!(
        i64x2::add(i64s([i64::MAX, -1]), i64s([1, 1])),
        i64s([i64::MIN, 0])
    );
    // The carry of lane 0 does not reach lane 1.
    assert_eq!(i32x4::add(i32s([-1, 5]), i32s([1, 0])), i32s([0, 5]));

    // The smallest number has no positive counterpart.
    assert_eq!(i8x16::neg(i8s([-128, 1])), i8s([-128, -1]));
    assert_eq!(i16x8::neg(i16s([i16::MIN, 7])), i16s([i16::MIN, -7]));
    assert_eq!(i32x4::abs(i32s([i32::MIN, -5, 5])), i32s([i32::MIN, 5, 5]));
    assert_eq!(i64x2::abs(i64s([i64::MIN, -9])), i64s([i64::MIN, 9]));

    // 2^8 * 2^8 = 2^16 = 0 (mod 2^16); 300 * -300 = -90000 = -90000 + 2 * 65536 = 41072 - 65536.
    assert_eq!(
        i16x8::mul(i16s([256, 300]), i16s([256, -300])),
        i16s([0, -24464])
    );
    assert_eq!(
        i32x4::mul(i32s([1 << 16, -3]), i32s([1 << 16, 7])),
        i32s([0, -21])
    );
    assert_eq!(
        i64x2::mul(i64s([1 << 32, -1]), i64s([1 << 32, -1])),
        i64s([0, 1])
    );
}

#[test]
fn saturating_arithmetic_stops_at_the_bounds() {
    let (a, b) = (i8s([127, -128, 100, -1]), i8s([1, -1, -100, 1]));
    assert_eq!(i8x16::add_sat_s(a, b), i8s([127, -128, 0, 0]));
    // As unsigned: 127 + 1, 128 + 255 > 255, 100 + 156 = 256 > 255, 255 + 1 > 255.
    assert_eq!(i8x16::add_sat_u(a, b), i8s([-128, -1, -1, -1]));
    // 127 - 1, -128 + 1, 100 + 100 > 127, -1 - 1.
    assert_eq!(i8x16::sub_sat_s(a, b), i8s([126, -127, 127, -2]));
    // 127 - 1, 128 - 255 < 0, 100 - 156 < 0, 255 - 1.
    assert_eq!(i8x16::sub_sat_u(a, b), i8s([126, 0, 0, -2]));

    let (a, b) = (i16s([i16::MAX, i16::MIN, 0]), i16s([1, -1, 1]));
    assert_eq!(i16x8::add_sat_s(a, b), i16s([i16::MAX, i16::MIN, 1]));
    assert_eq!(i16x8::add_sat_u(a, b), i16s([i16::MIN, -1, 1]));
    assert_eq!(
        i16x8::sub_sat_s(i16s([i16::MIN, i16::MAX]), i16s([1, -1])),
        i16s([i16::MIN, i16::MAX])
    );
    assert_eq!(i16x8::sub_sat_u(a, b), i16s([i16::MAX - 1, 0, 0]));
}

#[test]
fn average_rounds_halves_up_without_overflow() {
    // (0 + 1 + 1) / 2 = 1; (255 + 255 + 1) / 2 = 255; (254 + 255 + 1) / 2 = 255; (2 + 4 + 1) / 2 = 3.
    assert_eq!(
        i8x16::avgr_u(i8s([0, -1, -2, 2]), i8s([1, -1, -1, 4])),
        i8s([1, -1, -1, 3])
    );
    // (65535 + 0 + 1) / 2 = 32768.
    assert_eq!(i16x8::avgr_u(i16s([-1]), i16s([0])), i16s([i16::MIN]));
}

#[test]
fn signedness_of_order() {
    // Lane 0 is -1 against 1 signed, all ones against 1 unsigned; lane 1 is a tie.
    let (a, b) = (i8s([-1, 3]), i8s([1, 3]));
    assert_eq!(i8x16::min_s(a, b), i8s([-1, 3]));
    assert_eq!(i8x16::min_u(a, b), i8s([1, 3]));
    assert_eq!(i8x16::max_s(a, b), i8s([1, 3]));
    assert_eq!(i8x16::max_u(a, b), i8s([-1, 3]));
    let (a, b) = (i16s([-1, 3]), i16s([1, 3]));
    assert_eq!(i16x8::min_s(a, b), i16s([-1, 3]));
    assert_eq!(i16x8::max_u(a, b), i16s([-1, 3]));

    let (a, b) = (i32s([-1, 3, 1, 3]), i32s([1, 3, -1, 4]));
    assert_eq!(i32x4::min_u(a, b), i32s([1, 3, 1, 3]));
    assert_eq!(i32x4::max_s(a, b), i32s([1, 3, 1, 4]));
    assert_eq!(i32x4::eq(a, b), i32s([0, -1, 0, 0]));
    assert_eq!(i32x4::ne(a, b), i32s([-1, 0, -1, -1]));
    assert_eq!(i32x4::lt_s(a, b), i32s([-1, 0, 0, -1]));
    assert_eq!(i32x4::lt_u(a, b), i32s([0, 0, -1, -1]));
    assert_eq!(i32x4::gt_s(a, b), i32s([0, 0, -1, 0]));
    assert_eq!(i32x4::gt_u(a, b), i32s([-1, 0, 0, 0]));
    assert_eq!(i32x4::le_s(a, b), i32s([-1, -1, 0, -1]));
    assert_eq!(i32x4::le_u(a, b), i32s([0, -1, -1, -1]));
    assert_eq!(i32x4::ge_s(a, b), i32s([0, -1, -1, 0]));
    assert_eq!(i32x4::ge_u(a, b), i32s([-1, -1, 0, 0]));

    let (a, b) = (i64s([-1, i64::MIN]), i64s([1, i64::MAX]));
    assert_eq!(i64x2::lt_s(a, b), i64s([-1, -1]));
    assert_eq!(i64x2::ge_s(a, b), i64s([0, 0]));
    assert_eq!(i64x2::eq(a, a), i64s([-1, -1]));
    // True is all ones in the lane's own width.
    assert_eq!(
        i8x16::eq(V128::ZERO, i8s([1])).to_words(),
        [!0xff, u64::MAX]
    );
    assert_eq!(i16x8::ge_u(i16s([-1]), i16s([1])).to_words(), [u64::MAX; 2]);
}

#[test]
fn shift_counts_are_taken_modulo_the_width() {
    // 0x81 << (9 mod 8) = 0x102 = 0x02.
    assert_eq!(i8x16::shl(i8s([0x81u8 as i8, 1]), 9), i8s([2, 2]));
    // -1 mod 8 = 7: -128 >> 7 = -1 signed, 1 unsigned.
    assert_eq!(i8x16::shr_s(i8s([-128]), -1), i8s([-1]));
    assert_eq!(i8x16::shr_u(i8s([-128]), -1), i8s([1]));
    // A count equal to the width shifts by nothing.
    assert_eq!(i16x8::shl(i16s([3]), 16), i16s([3]));
    assert_eq!(i16x8::shr_s(i16s([-32768]), 17), i16s([-16384]));
    assert_eq!(i16x8::shr_u(i16s([-32768]), 17), i16s([0x4000]));
    assert_eq!(i32x4::shl(i32s([1, 2]), 63), i32s([i32::MIN, 0]));
    assert_eq!(i32x4::shr_s(i32s([-8]), 34), i32s([-2]));
    assert_eq!(i32x4::shr_u(i32s([-1]), i32::MIN), i32s([-1]));
    assert_eq!(i64x2::shl(i64s([1, -1]), 65), i64s([2, -2]));
    assert_eq!(i64x2::shr_s(i64s([i64::MIN, 4]), 63), i64s([-1, 0]));
    assert_eq!(i64x2::shr_u(i64s([i64::MIN, 4]), 63), i64s([1, 0]));
}

#[test]
fn popcount_counts_each_byte() {
    assert_eq!(
        i8x16::popcnt(i8s([-1, -128, 0x55, 0, 7])),
        i8s([8, 1, 4, 0, 3])
    );
}

#[test]
fn q15_multiplication_rounds_and_saturates() {
    // -1 * -1: (2^30 + 2^14) >> 15 = 32768, out of range.
    assert_eq!(
        i16x8::q15mulr_sat_s(i16s([i16::MIN]), i16s([i16::MIN])),
        i16s([i16::MAX])
    );
    // 0.5 * 0.5 = 0.25.
    assert_eq!(
        i16x8::q15mulr_sat_s(i16s([0x4000]), i16s([0x4000])),
        i16s([0x2000])
    );
    // Halves go up: (16384 + 16384) >> 15 = 1, (-16384 + 16384) >> 15 = 0.
    assert_eq!(
        i16x8::q15mulr_sat_s(i16s([1, -1]), i16s([0x4000, 0x4000])),
        i16s([1, 0])
    );
    // -1 * (1 - 2^-15): (-32768 * 32767 + 16384) >> 15 = -32767 + (16384 >> 15) = -32767.
    assert_eq!(
        i16x8::q15mulr_sat_s(i16s([i16::MIN]), i16s([i16::MAX])),
        i16s([-32767])
    );
}

// Integer lanes that change width.

#[test]
fn narrowing_saturates_signed_operands_and_puts_the_first_below() {
    let a = i16s([128, -129, -1, 127, 256, -32768, 32767, 5]);
    let b = i16s([200, 0, 0, 0, 0, 0, 0, -7]);
    // Lane 8 is lane 0 of the second operand, lane 15 its lane 7.
    assert_eq!(
        widen::i8x16_narrow_i16x8_s(a, b),
        V128::from_i8x16([
            127, -128, -1, 127, 127, -128, 127, 5, 127, 0, 0, 0, 0, 0, 0, -7
        ])
    );
    assert_eq!(
        widen::i8x16_narrow_i16x8_u(a, b),
        V128::from_u8x16([128, 0, 0, 127, 255, 0, 255, 5, 200, 0, 0, 0, 0, 0, 0, 0])
    );
    let (a, b) = (i32s([32768, -32769, -1, 65536]), i32s([40000, 0, 0, 1]));
    assert_eq!(
        widen::i16x8_narrow_i32x4_s(a, b),
        V128::from_i16x8([32767, -32768, -1, 32767, 32767, 0, 0, 1])
    );
    assert_eq!(
        widen::i16x8_narrow_i32x4_u(a, b),
        V128::from_u16x8([32768, 0, 0, 65535, 40000, 0, 0, 1])
    );
}

#[test]
fn extension_reads_the_named_half() {
    // Bytes 0x80 to 0x8f: lane 0 is -128 signed and 128 unsigned, lane 8 is -120 and 136.
    let a = V128(std::array::from_fn(|i| 0x80 + i as u8));
    assert_eq!(
        widen::i16x8_extend_low_i8x16_s(a).to_i16x8()[..2],
        [-128, -127]
    );
    assert_eq!(
        widen::i16x8_extend_low_i8x16_u(a).to_u16x8()[..2],
        [128, 129]
    );
    assert_eq!(
        widen::i16x8_extend_high_i8x16_s(a).to_i16x8()[..2],
        [-120, -119]
    );
    assert_eq!(widen::i16x8_extend_high_i8x16_u(a).to_u16x8()[7], 143);
    let a = i16s([-1, 2, 3, 4, -5, 6, 7, 8]);
    assert_eq!(widen::i32x4_extend_low_i16x8_s(a), i32s([-1, 2, 3, 4]));
    assert_eq!(widen::i32x4_extend_low_i16x8_u(a), i32s([65535, 2, 3, 4]));
    assert_eq!(widen::i32x4_extend_high_i16x8_s(a), i32s([-5, 6, 7, 8]));
    assert_eq!(widen::i32x4_extend_high_i16x8_u(a), i32s([65531, 6, 7, 8]));
    let a = i32s([-1, 2, -3, 4]);
    assert_eq!(widen::i64x2_extend_low_i32x4_s(a), i64s([-1, 2]));
    assert_eq!(widen::i64x2_extend_low_i32x4_u(a), i64s([0xffff_ffff, 2]));
    assert_eq!(widen::i64x2_extend_high_i32x4_s(a), i64s([-3, 4]));
    assert_eq!(widen::i64x2_extend_high_i32x4_u(a), i64s([0xffff_fffd, 4]));
}

#[test]
fn extended_products_are_exact() {
    let a = V128::from_i8x16([-128, 2, 0, 0, 0, 0, 0, 0, -1, 3, 0, 0, 0, 0, 0, 0]);
    // Signed: (-128)^2 = 16384, 2^2; high (-1)^2, 3^2. Unsigned: 128^2 = 16384; high 255^2 = 65025.
    assert_eq!(widen::i16x8_extmul_low_i8x16_s(a, a), i16s([16384, 4]));
    assert_eq!(widen::i16x8_extmul_low_i8x16_u(a, a), i16s([16384, 4]));
    assert_eq!(widen::i16x8_extmul_high_i8x16_s(a, a), i16s([1, 9]));
    assert_eq!(
        widen::i16x8_extmul_high_i8x16_u(a, a),
        i16s([65025u16 as i16, 9])
    );
    let a = i16s([i16::MIN, 0, 0, 0, -1, 0, 0, 0]);
    assert_eq!(widen::i32x4_extmul_low_i16x8_s(a, a), i32s([1 << 30]));
    assert_eq!(widen::i32x4_extmul_low_i16x8_u(a, a), i32s([1 << 30]));
    assert_eq!(widen::i32x4_extmul_high_i16x8_s(a, a), i32s([1]));
    // 65535^2 = 4294836225.
    assert_eq!(
        widen::i32x4_extmul_high_i16x8_u(a, a),
        u32s([4_294_836_225])
    );
    let a = i32s([i32::MIN, 0, -1, 0]);
    assert_eq!(widen::i64x2_extmul_low_i32x4_s(a, a), i64s([1 << 62, 0]));
    assert_eq!(widen::i64x2_extmul_low_i32x4_u(a, a), i64s([1 << 62, 0]));
    assert_eq!(widen::i64x2_extmul_high_i32x4_s(a, a), i64s([1, 0]));
    // (2^32 - 1)^2 = 2^64 - 2^33 + 1.
    assert_eq!(
        widen::i64x2_extmul_high_i32x4_u(a, a),
        u64s([0xffff_fffe_0000_0001, 0])
    );
}

#[test]
fn pairwise_sums_are_exact_and_dot_products_wrap() {
    // -128 - 128 = -256; 127 + 127 = 254 = also unsigned; 255 + 255 = 510.
    let a = i8s([-128, -128, 127, 127, -1, -1]);
    assert_eq!(
        widen::i16x8_extadd_pairwise_i8x16_s(a),
        i16s([-256, 254, -2])
    );
    assert_eq!(
        widen::i16x8_extadd_pairwise_i8x16_u(a),
        i16s([256, 254, 510])
    );
    let a = i16s([i16::MIN, i16::MIN, -1, -1, 1, 2]);
    assert_eq!(
        widen::i32x4_extadd_pairwise_i16x8_s(a),
        i32s([-65536, -2, 3])
    );
    assert_eq!(
        widen::i32x4_extadd_pairwise_i16x8_u(a),
        i32s([65536, 131_070, 3])
    );
    // 2 * (-32768)^2 = 2^31 wraps to -2^31; 1 * 3 + 2 * 4 = 11.
    let (a, b) = (
        i16s([i16::MIN, i16::MIN, 1, 2]),
        i16s([i16::MIN, i16::MIN, 3, 4]),
    );
    assert_eq!(widen::i32x4_dot_i16x8_s(a, b), i32s([i32::MIN, 11]));
}
