//! What comes from the operating system.

pub(crate) mod region;
#[cfg(jit)]
#[expect(dead_code, reason = "the JIT is to use it")]
pub(crate) mod signals;
