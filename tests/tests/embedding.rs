//! The engine library as a user sees it: calls, hosts, instances, threads,
//! limits and errors, through the public API only.
#![forbid(unsafe_code)]

mod guest;

#[path = "embedding/calls.rs"]
mod calls;
#[path = "embedding/errors.rs"]
mod errors;
#[path = "embedding/fuel.rs"]
mod fuel;
#[path = "embedding/hosts.rs"]
mod hosts;
#[path = "embedding/limits.rs"]
mod limits;
#[path = "embedding/linking.rs"]
mod linking;
#[path = "embedding/sharing.rs"]
mod sharing;
#[path = "embedding/threads.rs"]
mod threads;
