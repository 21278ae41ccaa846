//! `probity import`: other benchmarks' files as tasks, samples and results of ours.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use probity_efficiency::import::{ImportError, Options, Sink, formats};

use crate::{
    failure::{Failure, OUTPUT, say},
    nearest,
    output::to_stdout,
};

/// Import another benchmark's files
///
/// Writes tasks.jsonl, samples.jsonl and results.jsonl into DIR, as many of them as the inputs have something for. What
/// cannot be carried over is a warning that names it. Nothing is executed.
#[derive(Debug, Args)]
#[command(
    after_help = "Layouts and their files: `probity import --list`. Example:\n  \
    probity import pie test.jsonl merged_test_cases -o pie/"
)]
pub struct ImportArgs {
    /// The layout
    #[arg(value_name = "FORMAT", required_unless_present = "list")]
    format: Option<String>,

    /// Files and folders in that layout
    #[arg(value_name = "INPUT", required_unless_present = "list")]
    inputs: Vec<PathBuf>,

    /// The folder that files are written into; it is made if it is not there
    #[arg(short, long, value_name = "DIR", required_unless_present = "list")]
    output: Option<PathBuf>,

    /// Who wrote the samples, where the files do not say [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Replace files that are there already
    #[arg(long)]
    force: bool,

    /// List the layouts
    #[arg(long)]
    list: bool,
}

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: &ImportArgs) -> Result<u8, Failure> {
    let (Some(name), Some(dir), false) = (&args.format, &args.output, args.list) else {
        to_stdout(list)?;
        return Ok(0);
    };
    let format = formats().iter().find(|format| format.name == name);
    let format = format.ok_or_else(|| {
        let hint = nearest::hint(name, formats().iter().map(|format| format.name));
        Failure::usage(format!("unknown layout '{name}'{hint}"))
    })?;
    let options = Options {
        model: args.model.clone(),
    };
    let mut sink = Sink::new(dir, args.force).map_err(failure)?;
    format
        .import(&args.inputs, &options, &mut sink)
        .map_err(failure)?;
    let (counts, warnings) = sink.finish().map_err(failure)?;
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    say(&format!(
        "{} tasks, {} samples and {} results in {}",
        counts.tasks,
        counts.samples,
        counts.results,
        dir.display()
    ));
    Ok(0)
}

fn failure(error: ImportError) -> Failure {
    match error {
        ImportError::Input(message) => Failure::load(message),
        ImportError::Output(message) => Failure {
            status: OUTPUT,
            message,
        },
    }
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    let width = formats().iter().map(|format| format.name.len()).max();
    let width = width.unwrap_or(0);
    for format in formats() {
        writeln!(out, "{:width$}  {}", format.name, format.summary)?;
        writeln!(out, "{:width$}    {}", "", format.inputs)?;
    }
    Ok(())
}
