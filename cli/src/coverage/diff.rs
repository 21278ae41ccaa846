//! `probity coverage diff`.

use std::path::PathBuf;

use clap::Args;
use probity_analyses::{coverage::CoverageDiff, report::write_analyses};

use super::file;
use crate::{
    failure::{Failure, OUTPUT},
    place::Place,
    run::Format,
};

/// Show which lines are executed more or less than before
///
/// OLD and NEW are what `probity coverage merge` takes. Lines are compared by number.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Coverage before
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// Coverage now
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// Format of what is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where it goes [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn main(args: &DiffArgs) -> Result<u8, Failure> {
    let diff = CoverageDiff::new(&file::read(&args.old)?, &file::read(&args.new)?);
    let place = args.output.as_deref().map_or(Place::Stdout, Place::of);
    let write =
        |out: &mut dyn std::io::Write| write_analyses(&[diff.report()], args.format.into(), out);
    let written = place.deliver("the difference", write);
    Ok(if written { 0 } else { OUTPUT })
}
