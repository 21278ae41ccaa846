//! From a program's text to a module: the table of languages, the compilers' processes and their limits, and what has been
//! built before.

mod build;
mod cache;
mod process;
mod table;

pub use build::{BuildError, Builder, Built, Limits, Python};
pub(crate) use build::{module, read_file};
pub use cache::BuildCache;
pub use process::{Ended, Environment, ProcessLimits, run_limited};
pub use table::{Compiler, Language, TableError, Toolchains};
