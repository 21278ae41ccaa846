//! What comes from the operating system.

#[cfg(all(test, jit))]
pub(crate) mod child;
#[cfg(jit)]
pub(crate) mod code_memory;
pub(crate) mod fences;
pub(crate) mod image;
#[cfg(jit)]
pub(crate) mod nudge;
#[cfg(not(jit))]
#[path = "nudge_absent.rs"]
pub(crate) mod nudge;
pub(crate) mod read;
pub(crate) mod region;
#[cfg(jit)]
pub(crate) mod signals;
