//! The call stack, Wasm's and the native one. Deep recursion in Wasm is a trap, in
//! every build; and Wasm code needs no native stack, however long it runs.
//!
//! What goes wrong here kills the process, so each test runs in one of its own.
#![forbid(unsafe_code)]

mod guest;

#[path = "stack/isolated.rs"]
mod isolated;
#[path = "stack/operators.rs"]
mod operators;
#[path = "stack/recursion.rs"]
mod recursion;
#[path = "stack/straight.rs"]
mod straight;
