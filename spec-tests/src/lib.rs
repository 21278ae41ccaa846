//! The official WebAssembly test suite, one case for each script file and mode.
//!
//! The suite is where an engine earns the right to be believed about anything
//! else, so this harness trusts the engine with nothing: each case runs in a
//! process of its own (a crash or a hang is one failed case, not a lost run),
//! on a thread with a small native stack (an interpreter that recursed natively
//! would die there), and a failing case shows every failing assertion with its
//! place in the script.
//!
//! * [`suite`]: which files, under which configuration of the engine
//! * [`mode`]: how the engine is watched or stressed while a file runs
//! * [`script`]: a `.wast` file as a list of owned steps
//! * [`values`]: arguments, and the patterns that results are compared with
//! * [`runner`]: the steps executed against one store
//! * [`report`]: what fails, against what is expected to
//! * [`spectest`]: the host module that the scripts import
//! * [`child`]: one case in a child process
//! * [`expectations`]: what does not pass, as data
#![forbid(unsafe_code)]

pub mod child;
pub mod expectations;
pub mod mode;
pub mod report;
pub mod runner;
pub mod script;
pub mod spectest;
pub mod suite;
pub mod values;
