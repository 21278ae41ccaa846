//! Floating-point operators whose lanes keep their width, and the canonicalisation of NaNs.
//!
//! One module per shape, so that `f32x4.add` is [`f32x4::add`]; specification 4.3.3.
//!
//! Rounding to an integer is computed with additions instead of the standard library's `ceil` and
//! its siblings: those are calls of the C library where the target's baseline has no rounding
//! instruction (x86-64), one per lane, and do not promise to quieten a signalling NaN.

use super::{V128, lanewise};

pub use f32x4::canon as canon_f32x4;
pub use f64x2::canon as canon_f64x2;

/// The operators of one shape, with the bits of: the first number above which all are integers
/// (`$limit`), one, what tells a quiet NaN from a signalling one, and the canonical NaN.
macro_rules! float_shape {
    (
        $float:ident, $bits:ident, $int:ident, $limit:literal, $one:literal, $quiet:literal,
        $canonical:literal,
        $from:ident $to:ident, $from_u:ident $to_u:ident, $from_s:ident
    ) => {
        const SIGN: $bits = 1 << ($bits::BITS - 1);

        /// All ones if `condition` holds: selecting by masks keeps the lanes free of branches.
        #[inline(always)]
        fn mask(condition: bool) -> $bits {
            $bits::from(condition).wrapping_neg()
        }

        /// `x` rounded to an integer: `round` corrects the nearest one.
        ///
        /// Adding the first number above which all are integers leaves no room for a fraction, so
        /// the addition does the rounding, ties to even. Larger numbers are integers already; a NaN
        /// comes out quiet; a result of zero has the sign of `x`.
        #[inline(always)]
        fn round(bits: $bits, round: fn(nearest: $float, x: $float) -> $float) -> $bits {
            let x = $float::from_bits(bits);
            let limit = $float::from_bits((bits & SIGN) | $limit);
            let rounded = round((x + limit) - limit, x).to_bits();
            let fraction = mask(x.abs() < $float::from_bits($limit)) & !SIGN;
            (rounded & fraction) | (bits & !fraction) | (mask(x.is_nan()) & $quiet)
        }

        /// 1 if `condition` holds, else 0.
        #[inline(always)]
        fn one_if(condition: bool) -> $float {
            $float::from_bits(mask(condition) & $one)
        }

        /// `x` where `condition` holds, else `y`.
        #[inline(always)]
        fn select(condition: bool, x: $bits, y: $bits) -> $bits {
            (x & mask(condition)) | (y & !mask(condition))
        }

        lanewise! { $to => $from;
            /// Square root.
            sqrt(a) = a.sqrt();
            /// Addition.
            add(a, b) = a + b;
            /// Subtraction.
            sub(a, b) = a - b;
            /// Multiplication.
            mul(a, b) = a * b;
            /// Division.
            div(a, b) = a / b;
        }

        lanewise! { $to_u => $from_u;
            /// Smallest integer not below.
            ceil(a) = round(a, |nearest, x| nearest + one_if(nearest < x));
            /// Largest integer not above.
            floor(a) = round(a, |nearest, x| nearest - one_if(nearest > x));
            /// Nearest integer towards zero.
            trunc(a) = round(a, |nearest, x| {
                nearest.abs() - one_if(nearest.abs() > x.abs())
            });
            /// Nearest integer, ties to even.
            nearest(a) = round(a, |nearest, _| nearest);
            /// Minimum; -0 is below +0, a NaN operand gives the canonical NaN.
            min(a, b) = {
                let (x, y) = ($float::from_bits(a), $float::from_bits(b));
                let number = select(x < y, a, b) | select(y < x, b, a);
                select(x.is_nan() | y.is_nan(), $canonical, number)
            };
            /// Maximum; -0 is below +0, a NaN operand gives the canonical NaN.
            max(a, b) = {
                let (x, y) = ($float::from_bits(a), $float::from_bits(b));
                let number = select(x > y, a, b) & select(y > x, b, a);
                select(x.is_nan() | y.is_nan(), $canonical, number)
            };
        }

        // Only bits move here: a signalling NaN passes unchanged (specification 4.3.3,
        // `fabs`, `fneg`, `fpmin`, `fpmax`), so the result is chosen among the operands' bits.
        lanewise! { $to_u => $from_u;
            /// Clears the sign bit, also of a NaN.
            abs(a) = a & ($bits::MAX >> 1);
            /// Flips the sign bit, also of a NaN.
            neg(a) = a ^ !($bits::MAX >> 1);
            /// `b < a ? b : a`.
            pmin(a, b) = if $float::from_bits(b) < $float::from_bits(a) { b } else { a };
            /// `a < b ? b : a`.
            pmax(a, b) = if $float::from_bits(a) < $float::from_bits(b) { b } else { a };
            /// Replaces every NaN lane by the canonical positive one.
            canon(a) = if $float::from_bits(a).is_nan() { $canonical } else { a };
        }

        lanewise! { $to => $from_s;
            /// Equal; false if either is a NaN.
            eq(a, b) = -((a == b) as $int);
            /// Not equal; true if either is a NaN.
            ne(a, b) = -((a != b) as $int);
            /// Less than; false if either is a NaN.
            lt(a, b) = -((a < b) as $int);
            /// Greater than; false if either is a NaN.
            gt(a, b) = -((a > b) as $int);
            /// Less than or equal; false if either is a NaN.
            le(a, b) = -((a <= b) as $int);
            /// Greater than or equal; false if either is a NaN.
            ge(a, b) = -((a >= b) as $int);
        }
    };
}

/// Operators named `f32x4.*`.
pub mod f32x4 {
    use super::{V128, lanewise};

    // 2^23, 1, the top bit of the fraction.
    float_shape!(
        f32, u32, i32, 0x4b00_0000, 0x3f80_0000, 0x0040_0000, 0x7fc0_0000,
        from_f32x4 to_f32x4, from_u32x4 to_u32x4, from_i32x4
    );
}

/// Operators named `f64x2.*`.
pub mod f64x2 {
    use super::{V128, lanewise};

    // 2^52, 1, the top bit of the fraction.
    float_shape!(
        f64, u64, i64,
        0x4330_0000_0000_0000, 0x3ff0_0000_0000_0000, 0x0008_0000_0000_0000, 0x7ff8_0000_0000_0000,
        from_f64x2 to_f64x2, from_u64x2 to_u64x2, from_i64x2
    );
}
