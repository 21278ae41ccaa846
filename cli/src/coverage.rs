//! `probity coverage`: coverage of several runs, added up or compared.

mod diff;
mod file;
mod merge;

use clap::{Args, Subcommand};

pub use file::{Sum, write as write_coverage};
pub use merge::source_dirs;

use crate::failure::Failure;

/// Add up or compare the coverage of several runs
#[derive(Debug, Args)]
pub struct CoverageArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add up the coverage of several runs
    Merge(merge::MergeArgs),
    /// Show what the lines of one run, or sum of runs, are executed more or less than another's
    Diff(diff::DiffArgs),
}

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: &CoverageArgs) -> Result<u8, Failure> {
    match &args.command {
        Command::Merge(args) => merge::main(args),
        Command::Diff(args) => diff::main(args),
    }
}
