//! Pure semantics of the operators, written once for every tier.

pub mod scalar;
pub mod simd;
