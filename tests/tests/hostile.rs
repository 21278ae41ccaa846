//! Hostile guests: whatever a guest does to go on forever, to take all memory or
//! to bring the engine down, it is ended cleanly, with the outcome that the
//! documentation states.
//!
//! Each guest runs in three ways (see `ward::Watch`), since watched code is other
//! code. Each test runs in a process of its own, since what goes wrong here kills
//! the process, on a small native stack where recursion is at stake. Nothing is
//! timed; a watchdog fails the test whose guest was not ended.
#![forbid(unsafe_code)]

mod guest;

#[path = "hostile/encode.rs"]
mod encode;
#[path = "stack/isolated.rs"]
mod isolated;
#[path = "hostile/ward.rs"]
mod ward;

#[path = "hostile/bulk.rs"]
mod bulk;
#[path = "hostile/counts.rs"]
mod counts;
#[path = "hostile/exceptions.rs"]
mod exceptions;
#[path = "hostile/garbage.rs"]
mod garbage;
#[path = "hostile/growth.rs"]
mod growth;
#[path = "hostile/imports.rs"]
mod imports;
#[path = "hostile/late.rs"]
mod late;
#[path = "hostile/loops.rs"]
mod loops;
#[path = "hostile/midway.rs"]
mod midway;
#[path = "hostile/nesting.rs"]
mod nesting;
#[path = "hostile/recursion.rs"]
mod recursion;
#[path = "hostile/sizes.rs"]
mod sizes;
#[path = "hostile/spaces.rs"]
mod spaces;
#[path = "hostile/tail_calls.rs"]
mod tail_calls;
