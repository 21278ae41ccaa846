//! Bitwise operators, and integer operators whose lanes keep their width.
//!
//! One module per shape, so that `i8x16.add` is [`i8x16::add`]. Lanes wrap unless the operator
//! saturates; comparisons give all ones for true (specification 4.3.2, 4.3.4).

use super::{V128, lanewise};

lanewise! { to_u64x2 => from_u64x2;
    /// `v128.not`.
    not(a) = !a;
    /// `v128.and`.
    and(a, b) = a & b;
    /// `v128.andnot`: `a` without the bits of `b`.
    andnot(a, b) = a & !b;
    /// `v128.or`.
    or(a, b) = a | b;
    /// `v128.xor`.
    xor(a, b) = a ^ b;
    /// `v128.bitselect`: the bits of `a` where `mask` is one, those of `b` where it is zero.
    bitselect(a, b, mask) = (a & mask) | (b & !mask);
}

/// `v128.any_true`: 1 if any bit is one.
#[inline(always)]
pub fn any_true(a: V128) -> i32 {
    (a != V128::ZERO) as i32
}

/// Operators that every integer shape has.
macro_rules! common {
    ($signed:ident, $from_s:ident $to_s:ident, $from_u:ident $to_u:ident) => {
        lanewise! { $to_s => $from_s;
            /// Absolute value; that of the smallest number is itself.
            abs(a) = a.wrapping_abs();
            /// Negation.
            neg(a) = a.wrapping_neg();
            /// Addition.
            add(a, b) = a.wrapping_add(b);
            /// Subtraction.
            sub(a, b) = a.wrapping_sub(b);
            /// Equal.
            eq(a, b) = -((a == b) as $signed);
            /// Not equal.
            ne(a, b) = -((a != b) as $signed);
            /// Signed less than.
            lt_s(a, b) = -((a < b) as $signed);
            /// Signed greater than.
            gt_s(a, b) = -((a > b) as $signed);
            /// Signed less than or equal.
            le_s(a, b) = -((a <= b) as $signed);
            /// Signed greater than or equal.
            ge_s(a, b) = -((a >= b) as $signed);
        }

        /// Shift left; the count is taken modulo the lane width.
        #[inline(always)]
        pub fn shl(a: V128, count: i32) -> V128 {
            V128::$from_u(a.$to_u().map(|x| x.wrapping_shl(count as u32)))
        }

        /// Arithmetic shift right; the count is taken modulo the lane width.
        #[inline(always)]
        pub fn shr_s(a: V128, count: i32) -> V128 {
            V128::$from_s(a.$to_s().map(|x| x.wrapping_shr(count as u32)))
        }

        /// Logical shift right; the count is taken modulo the lane width.
        #[inline(always)]
        pub fn shr_u(a: V128, count: i32) -> V128 {
            V128::$from_u(a.$to_u().map(|x| x.wrapping_shr(count as u32)))
        }

        /// 1 if no lane is zero.
        #[inline(always)]
        pub fn all_true(a: V128) -> i32 {
            a.$to_u().into_iter().fold(true, |all, x| all & (x != 0)) as i32
        }
    };
}

/// Unsigned comparisons, minima and maxima: every shape but i64x2.
macro_rules! ordered {
    ($unsigned:ident, $from_s:ident $to_s:ident, $from_u:ident $to_u:ident) => {
        lanewise! { $to_u => $from_u;
            /// Unsigned less than.
            lt_u(a, b) = ((a < b) as $unsigned).wrapping_neg();
            /// Unsigned greater than.
            gt_u(a, b) = ((a > b) as $unsigned).wrapping_neg();
            /// Unsigned less than or equal.
            le_u(a, b) = ((a <= b) as $unsigned).wrapping_neg();
            /// Unsigned greater than or equal.
            ge_u(a, b) = ((a >= b) as $unsigned).wrapping_neg();
            /// Unsigned minimum.
            min_u(a, b) = a.min(b);
            /// Unsigned maximum.
            max_u(a, b) = a.max(b);
        }
        lanewise! { $to_s => $from_s;
            /// Signed minimum.
            min_s(a, b) = a.min(b);
            /// Signed maximum.
            max_s(a, b) = a.max(b);
        }
    };
}

/// Saturating arithmetic and the rounding average: i8x16 and i16x8.
macro_rules! saturating {
    ($unsigned:ident, $wide:ident, $from_s:ident $to_s:ident, $from_u:ident $to_u:ident) => {
        lanewise! { $to_s => $from_s;
            /// Signed saturating addition.
            add_sat_s(a, b) = a.saturating_add(b);
            /// Signed saturating subtraction.
            sub_sat_s(a, b) = a.saturating_sub(b);
        }
        lanewise! { $to_u => $from_u;
            /// Unsigned saturating addition.
            add_sat_u(a, b) = a.saturating_add(b);
            /// Unsigned saturating subtraction.
            sub_sat_u(a, b) = a.saturating_sub(b);
            /// Unsigned average, halves rounded up.
            avgr_u(a, b) = ((a as $wide + b as $wide + 1) >> 1) as $unsigned;
        }
    };
}

/// Wrapping multiplication: every shape but i8x16.
macro_rules! multiply {
    ($from_s:ident $to_s:ident) => {
        lanewise! { $to_s => $from_s;
            /// Multiplication.
            mul(a, b) = a.wrapping_mul(b);
        }
    };
}

/// Bit mask of the signs: every shape but i8x16, which has a shorter way.
macro_rules! bitmask {
    ($to_s:ident, $count:literal) => {
        /// The sign bits of the lanes, that of lane 0 in bit 0.
        #[inline(always)]
        pub fn bitmask(a: V128) -> i32 {
            let lanes = a.$to_s();
            (0..$count).fold(0, |mask, i| mask | (((lanes[i] < 0) as i32) << i))
        }
    };
}

/// Operators named `i8x16.*`.
pub mod i8x16 {
    use super::{V128, lanewise};

    common!(i8, from_i8x16 to_i8x16, from_u8x16 to_u8x16);
    ordered!(u8, from_i8x16 to_i8x16, from_u8x16 to_u8x16);
    saturating!(u8, u16, from_i8x16 to_i8x16, from_u8x16 to_u8x16);

    lanewise! { to_u8x16 => from_u8x16;
        /// Number of ones in each lane.
        popcnt(a) = a.count_ones() as u8;
    }

    /// The sign bits of the lanes, that of lane 0 in bit 0.
    ///
    /// In a word of eight lanes the signs are moved to bits 8i; the multiplier has the bits
    /// 56 - 7i, so one partial product puts each of them at bit 56 + i and none overlap.
    #[inline(always)]
    pub fn bitmask(a: V128) -> i32 {
        let [low, high] = a.to_words().map(|word| {
            let signs = (word >> 7) & 0x0101_0101_0101_0101;
            (signs.wrapping_mul(0x0102_0408_1020_4080) >> 56) as i32
        });
        low | (high << 8)
    }
}

/// Operators named `i16x8.*`.
pub mod i16x8 {
    use super::{V128, lanewise};

    common!(i16, from_i16x8 to_i16x8, from_u16x8 to_u16x8);
    ordered!(u16, from_i16x8 to_i16x8, from_u16x8 to_u16x8);
    saturating!(u16, u32, from_i16x8 to_i16x8, from_u16x8 to_u16x8);
    multiply!(from_i16x8 to_i16x8);
    bitmask!(to_i16x8, 8);

    lanewise! { to_i16x8 => from_i16x8;
        /// Product of two Q15 fractions, rounded, saturated: only -1 times -1 is out of range.
        q15mulr_sat_s(a, b) =
            ((a as i32 * b as i32 + 0x4000) >> 15).min(i16::MAX as i32) as i16;
    }
}

/// Operators named `i32x4.*`.
pub mod i32x4 {
    use super::{V128, lanewise};

    common!(i32, from_i32x4 to_i32x4, from_u32x4 to_u32x4);
    ordered!(u32, from_i32x4 to_i32x4, from_u32x4 to_u32x4);
    multiply!(from_i32x4 to_i32x4);
    bitmask!(to_i32x4, 4);
}

/// Operators named `i64x2.*`.
pub mod i64x2 {
    use super::{V128, lanewise};

    common!(i64, from_i64x2 to_i64x2, from_u64x2 to_u64x2);
    multiply!(from_i64x2 to_i64x2);
    bitmask!(to_i64x2, 2);
}
