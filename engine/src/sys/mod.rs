//! What comes from the operating system.

#[cfg(all(test, jit))]
mod child;
#[cfg(jit)]
#[cfg_attr(not(test), expect(dead_code, reason = "the JIT is to use it"))]
pub(crate) mod code_memory;
pub(crate) mod region;
#[cfg(jit)]
#[cfg_attr(not(test), expect(dead_code, reason = "the JIT is to use it"))]
pub(crate) mod signals;
