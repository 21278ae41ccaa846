//! Random schedules of probes: a search for anything that watching a program changes.
//!
//! A *program* ([`program`]) is a module and calls of it, ours or from wasm-smith. It runs once in
//! the interpreter under probes at all sites, which gives its *events* in order ([`record`]). A
//! *schedule* ([`schedule`]) says which probes come and go at which moments of a run: while probes fire,
//! in calls of the host, at first calls of functions, while frames are unwound, and between calls.
//! What its probes must see and count follows from the events and the contract of probes alone
//! ([`model`]). Then the schedule is played in the engine, in some tier ([`play`]), and everything
//! is compared ([`check`]): results, traps with backtraces, memories, globals, tables, host calls and fuel with
//! the run that nothing watches; fires, what was read in them, and counters with the model.
//!
//! In some schedules, another thread has requests carried out meanwhile ([`others`]).
//!
//! Half of the programs are *twisted* ([`twist`]): probes are there that skip operators, have functions return early or
//! call the guest, and kinds of sites by their names ([`named`]). That is part of the program, whose events are recorded with them.
//!
//! Everything follows from a number: a schedule's seed, whose higher parts give the program and its twists.

pub mod check;
mod draw;
mod events;
pub mod ledger;
mod look;
pub mod model;
pub mod named;
pub mod others;
mod ours;
pub mod play;
pub mod program;
mod record;
pub mod reduce;
pub mod schedule;
pub mod session;
mod tiers;
pub mod twist;
mod watchdog;

pub use tiers::{Tiers, Way};
