//! Differential tests: modules from wasm-smith run in Probity and in another engine, and what
//! they return, how they trap, and what they leave in memories, globals and tables is compared.
//!
//! Everything of a case follows from its seed ([`case`]): the module, the calls and their
//! arguments, what the host answers, and how a second run of Probity is watched. That second run
//! must equal the first in everything, fuel included, so that one seed tests the interpreter
//! against a peer, and the probes against the interpreter ([`fuzz`]).
//!
//! Long runs are made with the command `probity-differential`; each adds a line to `LEDGER.md`.
//! `cargo test` runs some hundred seeds, and what was once found wrong (`regressions/`).
#![forbid(unsafe_code)]

pub mod case;
pub mod end;
pub mod features;
pub mod fuzz;
pub mod host;
pub mod ledger;
pub mod peers;
pub mod probity;
pub mod profile;
pub mod regression;
pub mod rng;
pub mod schedules;
pub mod session;
pub mod shape;
pub mod side;
pub mod trace;
pub mod value;
pub mod wasmi;
#[cfg(feature = "wasmtime")]
pub mod wasmtime;
pub mod watch;
