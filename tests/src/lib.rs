//! What the cross-crate suites share: running a guest in this process under a
//! choice of watchers, and the programs of `tests/programs`.
#![forbid(unsafe_code)]

pub mod guest;
pub mod programs;

/// The README's examples, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
