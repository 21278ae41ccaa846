//! The handlers, by class of instruction.

pub mod control;
pub mod gc;
pub mod memory;
pub mod memory_at;
pub mod numeric;
pub mod probe;
pub mod reference;
pub mod tail;
pub mod vector;
pub mod vector_at;
pub mod wide;
