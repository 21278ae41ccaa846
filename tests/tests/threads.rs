//! Several host threads on one shared memory. Each has a store of its own. What threads do may
//! happen in any order; what the tests look at does not depend on it, nor on time.
#![forbid(unsafe_code)]

mod guest;

#[path = "threads/ends.rs"]
mod ends;
#[path = "threads/host.rs"]
mod host;
#[path = "threads/order.rs"]
mod order;
#[path = "threads/team.rs"]
mod team;
#[path = "threads/waiting.rs"]
mod waiting;
