//! Pure semantics of the operators, written once for every tier.

pub mod atomic;
pub mod scalar;
pub mod simd;
pub mod wide;
