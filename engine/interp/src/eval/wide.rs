//! Integers of 128 bits as pairs of `i64`, low half first (wide arithmetic proposal).

/// Wide operators: name, number of i64 operands, function of four halves (those that an operator
/// does not take are 0).
#[macro_export]
macro_rules! for_wide {
    ($m:ident) => {
        $m! {
            (I64Add128, 4, add128)
            (I64Sub128, 4, sub128)
            (I64MulWideS, 2, mul_wide_s)
            (I64MulWideU, 2, mul_wide_u)
        }
    };
}

/// Two i64 results, the lower half of the number first.
pub type Halves = (u64, u64);

#[inline(always)]
fn join(low: u64, high: u64) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

#[inline(always)]
fn split(x: u128) -> Halves {
    (x as u64, (x >> 64) as u64)
}

/// Sum of `(a, b)` and `(c, d)`, modulo 2^128.
#[inline(always)]
pub fn add128(a: u64, b: u64, c: u64, d: u64) -> Halves {
    split(join(a, b).wrapping_add(join(c, d)))
}

/// `(a, b)` less `(c, d)`, modulo 2^128.
#[inline(always)]
pub fn sub128(a: u64, b: u64, c: u64, d: u64) -> Halves {
    split(join(a, b).wrapping_sub(join(c, d)))
}

/// Product of two signed numbers; it always fits.
#[inline(always)]
pub fn mul_wide_s(a: u64, b: u64, _: u64, _: u64) -> Halves {
    split((i128::from(a as i64) * i128::from(b as i64)) as u128)
}

/// Product of two unsigned numbers; it always fits.
#[inline(always)]
pub fn mul_wide_u(a: u64, b: u64, _: u64, _: u64) -> Halves {
    split(u128::from(a) * u128::from(b))
}

/// A wide operator.
pub trait Wide {
    /// Number of i64 operands, 2 or 4.
    const OPERANDS: usize;
    /// The operation.
    fn op(a: u64, b: u64, c: u64, d: u64) -> Halves;
}

/// The operators as types.
pub mod ops {
    macro_rules! define {
        ($(($n:ident, $operands:literal, $f:ident))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $n;
            impl super::Wide for $n {
                const OPERANDS: usize = $operands;
                #[inline(always)]
                fn op(a: u64, b: u64, c: u64, d: u64) -> super::Halves {
                    super::$f(a, b, c, d)
                }
            }
        )* };
    }
    for_wide!(define);
}

macro_rules! wide_enum {
    ($(($n:ident, $operands:literal, $f:ident))*) => {
        /// Wide operators.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum WideOp { $($n),* }
    };
}
for_wide!(wide_enum);

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = u64::MAX;
    const MIN: u64 = 1 << 63;

    #[test]
    fn carries_and_borrows_reach_the_upper_half() {
        assert_eq!(add128(MAX, 0, 1, 0), (0, 1));
        assert_eq!(add128(MAX, MAX, 1, 0), (0, 0));
        assert_eq!(add128(1, 2, 3, 4), (4, 6));
        assert_eq!(sub128(0, 1, 1, 0), (MAX, 0));
        assert_eq!(sub128(0, 0, 1, 0), (MAX, MAX));
        assert_eq!(sub128(5, 9, 3, 4), (2, 5));
    }

    #[test]
    fn products_have_both_halves() {
        assert_eq!(mul_wide_u(MAX, MAX, 0, 0), (1, MAX - 1));
        assert_eq!(mul_wide_s(MAX, MAX, 0, 0), (1, 0));
        assert_eq!(mul_wide_s(MIN, MIN, 0, 0), (0, 1 << 62));
        assert_eq!(mul_wide_s(MAX, 2, 0, 0), (MAX - 1, MAX));
        assert_eq!(mul_wide_u(1 << 32, 1 << 32, 0, 0), (0, 1));
    }
}
