//! Frames of Wasm code: where they are, what they belong to, what is in them.
//!
//! The layout of a frame, in slots of 64 bits from `fp` up: parameters, locals,
//! header (return cell, caller's frame), operands by height. A caller's outgoing
//! arguments are the callee's parameters, and results land on slot 0 up. A v128
//! takes two slots.

pub(crate) mod accessor;
pub(crate) mod code_map;
pub(crate) mod roots;
pub(crate) mod walk;
