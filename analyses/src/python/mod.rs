//! Python programs that CPython runs inside the module, line by line and exactly, without asking them:
//! `pyprofile` and `pycoverage`.
//!
//! The program is seen from its interpreter's memory ([`guest`](crate::guest)), and followed by one probe at the place where the
//! interpreter goes from one instruction to the next ([`dispatch`]). What a line has cost is all that executes until control comes
//! to another line, in the interpreter and in C alike: all of what `icount` counts is in some line or in `(native)`, which
//! is what executes outside of Python code.

mod allocs;
mod codes;
mod coverage;
mod dispatch;
mod profile;
#[cfg(test)]
mod tests;
mod tracker;
mod watch;

pub(crate) use coverage::{FILES, PyCoverage, ROOT};
pub(crate) use profile::{EVERY, MODE, PyProfile, WEIGHT};
