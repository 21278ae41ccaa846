//! The collected heap through the public API: what is reachable stays, what is not goes, however
//! the guest is watched and however often the collector runs.
#![forbid(unsafe_code)]

mod guest;

#[path = "gc/exceptions.rs"]
mod exceptions;
#[path = "gc/handles.rs"]
mod handles;
#[path = "gc/limits.rs"]
mod limits;
#[path = "gc/objects.rs"]
mod objects;
#[path = "gc/roots.rs"]
mod roots;
#[path = "gc/ways.rs"]
mod ways;
