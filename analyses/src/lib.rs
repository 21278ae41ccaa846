//! Analyses over Probity's probe layer, and the reports that they give.
//!
//! A [`Session`] is one run's set of analyses: [`Session::add`] them by name, rules
//! of the user's own by [`Session::add_rules`],
//! [`Session::attach`] before instantiation, run, [`Session::finish`] (also
//! after a trap, an exit or a limit), and write a [`Report`].
//!
//! An analysis is one file and one row of [`registry`]. It returns typed
//! tables; the writers in [`report`] give them their form, those in [`export`]
//! that of other tools. No analysis prints; a [`trace`] goes to a sink that it is given.
#![forbid(unsafe_code)]

mod accesses;
mod allocations;
pub mod analysis;
mod blocks;
mod branches;
mod bytecode;
pub mod cache;
mod calls;
mod common;
mod constants;
pub mod control;
pub mod coverage;
pub mod debug;
mod escape;
pub mod export;
mod globals;
pub mod guest;
pub mod heap;
mod hotness;
mod icount;
mod loop_traces;
mod loops;
mod memory;
mod memstats;
mod opcodes;
pub mod options;
pub mod page;
pub mod profile;
mod python;
mod registry;
pub mod report;
mod rules;
mod session;
mod source_lines;
mod sources;
pub mod steps;
pub mod trace;
mod tracepoints;
mod ways;

pub use options::{OptionInfo, UsageError};
pub use registry::{AnalysisInfo, registry};
pub use report::{
    AnalysisReport, Format, ModuleSummary, Outcome, OutcomeCode, OutcomeKind, Report,
};
pub use session::Session;
