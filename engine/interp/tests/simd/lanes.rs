//! Lane moves, loads and stores.

use super::{SIGNALLING_32, f32s, f64s, i16s, i32s, i64s, ramp, u32s, u64s};
use probity_interp::eval::simd::{V128, lanes, shuffle};

#[test]
fn splats_keep_the_low_bits() {
    assert_eq!(lanes::i8x16_splat(0x1ff), V128([0xff; 16]));
    assert_eq!(lanes::i16x8_splat(0x1_8001), V128::from_u16x8([0x8001; 8]));
    assert_eq!(lanes::i32x4_splat(-2), i32s([-2; 4]));
    assert_eq!(lanes::i64x2_splat(i64::MIN), i64s([i64::MIN; 2]));
    let signalling = f32::from_bits(SIGNALLING_32);
    assert_eq!(lanes::f32x4_splat(signalling), u32s([SIGNALLING_32; 4]));
    assert_eq!(lanes::f64x2_splat(-0.0), u64s([1 << 63; 2]));
}

#[test]
fn extraction_extends_as_named() {
    let v = V128(std::array::from_fn(|i| 0xf0 + i as u8));
    // Byte 1 is 0xf1 = -15.
    assert_eq!(lanes::i8x16_extract_lane_s(v, 1), -15);
    assert_eq!(lanes::i8x16_extract_lane_u(v, 15), 0xff);
    // Bytes 2 and 3: 0xf3f2 = -3086.
    assert_eq!(lanes::i16x8_extract_lane_s(v, 1), -3086);
    assert_eq!(lanes::i16x8_extract_lane_u(v, 7), 0xfffe);
    assert_eq!(lanes::i32x4_extract_lane(v, 3), 0xfffe_fdfcu32 as i32);
    assert_eq!(
        lanes::i64x2_extract_lane(v, 0),
        0xf7f6_f5f4_f3f2_f1f0u64 as i64
    );
    assert_eq!(
        lanes::f32x4_extract_lane(f32s([1.0, 2.0, 3.0, 4.0]), 2),
        3.0
    );
    assert_eq!(lanes::f64x2_extract_lane(f64s([1.0, 2.0]), 1), 2.0);
    let signalling = u32s([0, SIGNALLING_32]);
    assert_eq!(
        lanes::f32x4_extract_lane(signalling, 1).to_bits(),
        SIGNALLING_32
    );
}

#[test]
fn replacement_changes_one_lane() {
    let mut bytes = ramp().0;
    bytes[3] = 0xfe;
    // 0x1fe keeps 0xfe.
    assert_eq!(lanes::i8x16_replace_lane(ramp(), 3, 0x1fe), V128(bytes));
    assert_eq!(
        lanes::i16x8_replace_lane(i16s([1, 2]), 1, 0x1_0003),
        i16s([1, 3])
    );
    assert_eq!(
        lanes::i32x4_replace_lane(i32s([1, 2]), 3, -1),
        i32s([1, 2, 0, -1])
    );
    assert_eq!(
        lanes::i64x2_replace_lane(i64s([1, 2]), 0, -1),
        i64s([-1, 2])
    );
    assert_eq!(
        lanes::f32x4_replace_lane(f32s([1.0, 2.0]), 0, -0.0),
        f32s([-0.0, 2.0])
    );
    assert_eq!(
        lanes::f64x2_replace_lane(f64s([1.0, 2.0]), 1, 3.0),
        f64s([1.0, 3.0])
    );
}

/// Validation rejects such immediates; a caller's mistake must still not panic.
#[test]
fn lane_immediates_wrap() {
    assert_eq!(lanes::i8x16_extract_lane_u(ramp(), 255), 15);
    assert_eq!(lanes::i64x2_replace_lane(i64s([1, 2]), 3, 9), i64s([1, 9]));
    assert_eq!(lanes::v128_store32_lane(ramp(), 4), [0, 1, 2, 3]);
    assert_eq!(shuffle(ramp(), ramp(), [255; 16]), V128([15; 16]));
}

#[test]
fn swizzle_gives_zero_out_of_range() {
    let a = V128(std::array::from_fn(|i| 100 + i as u8));
    let select = V128([15, 16, 255, 0, 128, 17, 31, 32, 1, 1, 1, 1, 1, 1, 1, 14]);
    let expected = [
        115, 0, 0, 100, 0, 0, 0, 0, 101, 101, 101, 101, 101, 101, 101, 114,
    ];
    assert_eq!(lanes::i8x16_swizzle(a, select), V128(expected));
}

#[test]
fn shuffle_counts_on_into_the_second_operand() {
    let b = V128(std::array::from_fn(|i| 100 + i as u8));
    // Interleaves the last eight bytes: 8 to 15 of the first, 24 to 31 of the second.
    let select = [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31];
    let expected = [
        8, 108, 9, 109, 10, 110, 11, 111, 12, 112, 13, 113, 14, 114, 15, 115,
    ];
    assert_eq!(shuffle(ramp(), b, select), V128(expected));
}

#[test]
fn loads_extend_splat_and_pad() {
    let bytes = [0x80, 0x01, 0xff, 0xff, 0, 0x80, 0x7f, 0xff];
    assert_eq!(lanes::v128_load(ramp().0), ramp());
    assert_eq!(
        lanes::v128_load8x8_s(bytes),
        i16s([-128, 1, -1, -1, 0, -128, 127, -1])
    );
    assert_eq!(
        lanes::v128_load8x8_u(bytes),
        i16s([128, 1, 255, 255, 0, 128, 127, 255])
    );
    // 16-bit lanes: 0x0180, 0xffff, 0x8000, 0xff7f.
    assert_eq!(
        lanes::v128_load16x4_s(bytes),
        i32s([0x180, -1, -32768, -129])
    );
    assert_eq!(
        lanes::v128_load16x4_u(bytes),
        i32s([0x180, 0xffff, 0x8000, 0xff7f])
    );
    // 32-bit lanes: 0xffff0180, 0xff7f8000.
    assert_eq!(lanes::v128_load32x2_s(bytes), i64s([-0xfe80, -0x80_8000]));
    assert_eq!(
        lanes::v128_load32x2_u(bytes),
        i64s([0xffff_0180, 0xff7f_8000])
    );

    assert_eq!(lanes::v128_load8_splat([7]), V128([7; 16]));
    assert_eq!(
        lanes::v128_load16_splat([1, 2]),
        V128::from_u16x8([0x0201; 8])
    );
    assert_eq!(
        lanes::v128_load32_splat([1, 2, 3, 4]),
        u32s([0x0403_0201; 4])
    );
    assert_eq!(
        lanes::v128_load64_splat(bytes),
        u64s([0xff7f_8000_ffff_0180; 2])
    );
    assert_eq!(lanes::v128_load32_zero([1, 2, 3, 4]), u32s([0x0403_0201]));
    assert_eq!(
        lanes::v128_load64_zero(bytes),
        u64s([0xff7f_8000_ffff_0180, 0])
    );
}

#[test]
fn single_lanes_load_and_store() {
    // Each load puts the bytes that the store at the same lane gives back, and nothing else changes.
    let v = lanes::v128_load8_lane(ramp(), 15, [0xaa]);
    assert_eq!((v.0[14], v.0[15]), (14, 0xaa));
    assert_eq!(lanes::v128_store8_lane(v, 15), [0xaa]);
    let v = lanes::v128_load16_lane(ramp(), 1, [0xaa, 0xbb]);
    assert_eq!(v.0[..5], [0, 1, 0xaa, 0xbb, 4]);
    assert_eq!(lanes::v128_store16_lane(v, 1), [0xaa, 0xbb]);
    let v = lanes::v128_load32_lane(ramp(), 2, [9, 8, 7, 6]);
    assert_eq!(v.0[7..13], [7, 9, 8, 7, 6, 12]);
    assert_eq!(lanes::v128_store32_lane(v, 2), [9, 8, 7, 6]);
    let v = lanes::v128_load64_lane(ramp(), 1, [9; 8]);
    assert_eq!(v.0[..9], [0, 1, 2, 3, 4, 5, 6, 7, 9]);
    assert_eq!(lanes::v128_store64_lane(v, 0), [0, 1, 2, 3, 4, 5, 6, 7]);
}
