//! The handlers, by class of instruction.

pub mod control;
pub mod memory;
pub mod numeric;
pub mod probe;
pub mod vector;
