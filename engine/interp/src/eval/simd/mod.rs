//! Pure semantics of the SIMD operators (Wasm 2.0 fixed-width and relaxed SIMD).
//!
//! The interpreter's handlers, the JIT's library calls and constant folding must agree on every
//! bit, so each operator is one safe function on [`V128`], and [`table`] is the only list of
//! operators: a tier expands its macros and cannot forget one.
//!
//! Every function is `#[inline(always)]` and loops over all lanes without early exits, which is
//! the form LLVM turns into vector instructions. Operators that take memory take and return bytes:
//! bounds checks, addresses and traps belong to the caller, and nothing here can fail or panic.
//!
//! Floating point follows the specification's numerics (section 4.3.3), and assumes the default
//! rounding mode. A NaN operand of an arithmetic operator comes out quiet, with whatever payload
//! the hardware chooses; [`float::canon_f32x4`] and [`float::canon_f64x2`] make the result of the
//! operators listed in [`for_v128_nan!`](crate::for_v128_nan) the same on every machine.
#![forbid(unsafe_code)]

pub mod convert;
pub mod float;
pub mod int;
pub mod lanes;
pub mod relaxed;
pub mod table;
pub mod widen;

mod v128;

pub use lanes::shuffle;
pub use v128::V128;

/// Defines operators that apply one scalar expression to corresponding lanes.
///
/// `to => from` names the [`V128`] conversions, and so the lane types, of operands and result.
macro_rules! lanewise {
    ($to:ident => $from:ident; $($(#[$doc:meta])* $name:ident($($x:ident),+) = $body:expr;)+) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name($($x: V128),+) -> V128 {
            $(let $x = $x.$to();)+
            V128::$from(::core::array::from_fn(|i| {
                $(let $x = $x[i];)+
                $body
            }))
        }
    )+};
}
pub(crate) use lanewise;
