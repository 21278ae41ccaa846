//! What comes from the operating system.

pub(crate) mod region;
