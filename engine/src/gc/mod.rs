//! The heap of a store: structs, arrays, host values and exceptions, collected precisely and
//! never moved.
//!
//! Objects do not move, so a reference is an address for life: handlers, probes and (later)
//! compiled code keep it wherever they like, as long as a collection finds it among the roots.
//! What the roots are is the store's business (`runtime`); this module knows only memory.
//!
//! - [`layout`]: what an object looks like, and its type;
//! - [`access`]: reading and writing its parts;
//! - [`classes`], [`block`]: memory for small objects;
//! - [`heap`]: allocation, limits, statistics;
//! - [`collect`]: marking and sweeping.

pub(crate) mod access;
mod block;
mod classes;
pub(crate) mod collect;
pub(crate) mod heap;
pub(crate) mod layout;
#[cfg(test)]
mod tests;

pub use heap::HeapStats;
