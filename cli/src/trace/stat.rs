//! `probity trace stat`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use probity_analyses::trace::{EventKind, Item, Reader, Statistics};

use super::{AFTER_HELP, open, unreadable};
use crate::{
    failure::Failure,
    output::{printable, to_stdout},
};

/// Functions that are shown.
const FUNCTIONS_MAX: usize = 20;

/// Show how many events of which kinds and functions a trace has
///
/// Of a trace that is cut or wrong, what comes before that.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct StatArgs {
    /// The trace, in binary form; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the subcommand.
pub fn main(args: &StatArgs) -> Result<u8, Failure> {
    let mut reader = open(&args.file)?;
    let mut sums = Statistics::default();
    let failed = loop {
        match reader.next() {
            Ok(Some(Item::Event(event, _))) => sums.add(&event),
            Ok(Some(Item::Gap(events))) => sums.gaps += events,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    to_stdout(|out| write(&reader, &sums, out))?;
    match failed {
        None => Ok(0),
        Some(error) => Err(unreadable(&args.file, &error)),
    }
}

fn write<R: io::Read>(
    reader: &Reader<R>,
    sums: &Statistics,
    out: &mut dyn Write,
) -> io::Result<()> {
    let all = reader.catalogue();
    for module in &all.modules {
        let hash: String = module
            .hash
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = printable(&module.name);
        writeln!(out, "module: {name}, {} bytes, blake3 {hash}", module.bytes)?;
    }
    writeln!(out, "bytes: {}", reader.offset())?;
    writeln!(out, "events: {}", sums.events)?;
    if sums.gaps > 0 {
        writeln!(out, "not kept: {}", sums.gaps)?;
    }
    writeln!(out, "depth at most: {}", sums.depth_max)?;
    writeln!(out, "bytes read: {}", sums.bytes_read)?;
    writeln!(out, "bytes written: {}", sums.bytes_written)?;
    writeln!(out, "\nkinds")?;
    for kind in EventKind::ALL {
        let count = sums.kinds[kind as usize];
        if count > 0 {
            writeln!(out, "  {count:>12}  {}", kind.name())?;
        }
    }
    writeln!(out, "\nfunctions")?;
    let functions = sums.functions_by_events(all);
    for (name, count) in functions.iter().take(FUNCTIONS_MAX) {
        writeln!(out, "  {count:>12}  {name}")?;
    }
    match functions.len().checked_sub(FUNCTIONS_MAX) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "  ... and {more} more"),
    }
}
