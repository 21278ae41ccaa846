//! `probity coverage merge`.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;
use probity_analyses::{
    coverage::CoverageData,
    export::{Data, DataKind, ExportInfo},
};

use super::file;
use crate::{
    exports::ExportTarget,
    failure::{Failure, OUTPUT},
    place::Place,
};

/// Add up the coverage of several runs
///
/// FILEs are JSON reports of runs with -a coverage:granularity=line, or with an export of
/// coverage; what `probity run --merge` keeps; or sums that this command made. Without -o and --export, a summary is
/// printed.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Reports, or sums of them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Where the sum goes, as JSON; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the sum in a format of another tool; repeatable (see `probity list`)
    #[arg(long, value_name = "FORMAT=PATH")]
    export: Vec<OsString>,

    /// Show source files below DIR, too; repeatable [default: the current directory]
    #[arg(long, value_name = "DIR")]
    source_dir: Vec<PathBuf>,
}

/// Runs the subcommand.
pub fn main(args: &MergeArgs) -> Result<u8, Failure> {
    let exports = args.export.iter().map(|spec| ExportTarget::parse(spec));
    let mut exports = exports.collect::<Result<Vec<_>, _>>()?;
    let other = |export: &&ExportTarget| export.format.takes != DataKind::Coverage;
    if let Some(export) = exports.iter().find(other) {
        return Err(Failure::usage(format!(
            "--export {}: it does not show coverage",
            export.format.name
        )));
    }
    let output = args.output.as_deref().map(Place::of);
    if output.is_none() && exports.is_empty() {
        exports.push(ExportTarget {
            format: ExportInfo::find("summary").map_err(|e| Failure::usage(e.to_string()))?,
            place: Place::Stdout,
        });
    }
    Place::all_differ(
        output
            .iter()
            .chain(exports.iter().map(|export| &export.place)),
    )?;

    let mut sum = CoverageData::default();
    for path in &args.files {
        sum.merge(file::read(path)?);
    }
    sum.source_dirs = source_dirs(&args.source_dir);
    let mut all_written = true;
    if let Some(place) = output {
        all_written &= place.deliver("the sum", |out| file::write(&sum, out));
    }
    let data = Data::Coverage(sum);
    for export in &exports {
        all_written &= export.write(&data);
    }
    Ok(if all_written { 0 } else { OUTPUT })
}

/// The directories whose files may be shown.
pub fn source_dirs(given: &[PathBuf]) -> Vec<PathBuf> {
    match given {
        [] => vec![PathBuf::from(".")],
        given => given.to_vec(),
    }
}
