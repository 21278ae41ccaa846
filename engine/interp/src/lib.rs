//! The interpreter's core: the smallest part of the engine that must be fast.
//!
//! Overlay threaded code: every Wasm instruction that does work is one 16-byte
//! [`layout::Cell`] in program order, and every local and operand has a fixed
//! slot in the frame. Superinstructions are alternative handlers in the first
//! cell of a window ([`fuse`]). Placing or removing a probe rewrites handlers
//! and moves no code, so frames that are suspended in it need nothing.
//!
//! This crate knows neither modules nor instances: the engine lowers functions
//! to cells, owns all memory, and supplies the slow paths ([`layout::Slow`]).
//! It is a crate of its own so that it is optimised in every build.

pub mod cast;
pub mod dispatch;
pub mod eval;
pub mod exit;
pub mod fuse;
pub mod handlers;
pub mod layout;
pub mod op;
pub mod select;
pub mod slots_only;
pub mod vector;
