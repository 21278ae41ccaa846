//! The other files' tests once more, on guests whose memory is shared: calls then copy what they
//! read and write, since the bytes cannot be borrowed.

#![allow(
    clippy::duplicate_mod,
    reason = "every file brings what they have in common"
)]

#[path = "calls.rs"]
mod calls;
mod common;
#[path = "files.rs"]
mod files;
#[path = "paths.rs"]
mod paths;
#[path = "poll.rs"]
mod poll;
#[path = "readdir.rs"]
mod readdir;
#[path = "rights.rs"]
mod rights;
#[path = "sandbox.rs"]
mod sandbox;
#[path = "stdio.rs"]
mod stdio;

use common::Guest;
use probity_wasi::WasiCtxBuilder;

#[test]
fn the_memory_is_shared() {
    let guest = Guest::new(&mut WasiCtxBuilder::new());
    assert!(guest.memory.as_shared(&guest.store).is_some());
}
