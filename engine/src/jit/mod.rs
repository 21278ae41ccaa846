//! The optimising tier: machine code by Cranelift.

pub(crate) mod analysis;
