//! Compiled code.

pub(crate) mod native_tools;
