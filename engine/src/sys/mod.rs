//! What comes from the operating system.

#[cfg(all(test, jit))]
mod child;
#[cfg(jit)]
pub(crate) mod code_memory;
pub(crate) mod region;
#[cfg(jit)]
pub(crate) mod signals;
