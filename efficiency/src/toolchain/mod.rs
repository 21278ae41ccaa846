//! From a program's text to a module: the table of languages, the compilers' processes and their limits, and what has been
//! built before.

mod build;
mod cache;
mod process;
mod table;

pub(crate) use build::module;
pub use build::{BuildError, Builder, Built, Limits};
pub use cache::BuildCache;
pub use process::{Ended, ProcessLimits, run_limited};
pub use table::{Compiler, Language, TableError, Toolchains};
