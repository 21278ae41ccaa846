//! `probity trace`: what a run wrote with `-a trace:format=binary,out=FILE`.

mod print;
mod stat;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use clap::{Args, Subcommand};
use probity_analyses::trace::{ReadError, Reader};

use crate::failure::{Failure, about};

/// Print a binary trace, or show what is in it
#[derive(Debug, Args)]
pub struct TraceArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the events of a trace, all or some
    Print(print::PrintArgs),
    /// Show how many events of which kinds and functions a trace has
    Stat(stat::StatArgs),
}

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: &TraceArgs) -> Result<u8, Failure> {
    match &args.command {
        Command::Print(args) => print::main(args),
        Command::Stat(args) => stat::main(args),
    }
}

const AFTER_HELP: &str = "\
Exit status:
  0  the trace was read to its end
  1  it cannot be opened, is no trace, is wrong or cut; the message has the byte offset, and
     everything before it has been printed
  2  wrong usage
  3  output could not be written";

/// A trace's name in messages.
fn name(path: &Path) -> String {
    match path == Path::new("-") {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    }
}

/// Opens a trace; `-` is stdin.
fn open(path: &Path) -> Result<Reader<Box<dyn Read>>, Failure> {
    let name = name(path);
    let input: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => {
            let file = File::open(path);
            Box::new(file.map_err(|e| Failure::load(about(&name, &e.to_string())))?)
        }
    };
    Reader::new(input).map_err(|error| unreadable(path, &error))
}

/// The trace cannot be read on.
fn unreadable(path: &Path, error: &ReadError) -> Failure {
    Failure::load(about(&name(path), &error.to_string()))
}
