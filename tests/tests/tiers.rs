//! What a program does is the same however it is executed: interpreted, compiled, or in frames that
//! change between the two while they run. What probes see is the same, too.
#![forbid(unsafe_code)]

mod guest;

#[path = "tiers/active.rs"]
mod active;
#[path = "tiers/casts.rs"]
mod casts;
#[path = "tiers/catching.rs"]
mod catching;
#[path = "tiers/counters.rs"]
mod counters;
#[path = "tiers/exceptions.rs"]
mod exceptions;
#[path = "tiers/frames.rs"]
mod frames;
#[path = "tiers/heap.rs"]
mod heap;
#[path = "tiers/interrupts.rs"]
mod interrupts;
#[path = "tiers/loops.rs"]
mod loops;
#[path = "tiers/objects.rs"]
mod objects;
#[path = "../../analyses/tests/common/random.rs"]
#[allow(dead_code, reason = "the analyses' tests use all of it")]
mod program;
#[path = "tiers/random.rs"]
mod random;
#[path = "tiers/snapshots.rs"]
mod snapshots;
#[path = "tiers/stack.rs"]
mod stack;
#[path = "tiers/tails.rs"]
mod tails;
#[path = "tiers/traps.rs"]
mod traps;
#[path = "tiers/values.rs"]
mod values;
#[path = "tiers/ways.rs"]
mod ways;
