//! `probity measure`: judges and measures programs.

mod batch;
mod program;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    failure::Failure,
    judging::JudgingArgs,
    program::{ProgramArgs, is_jsonl},
    progress, units,
};

/// Build programs, judge them on tests, and count exactly what they cost
///
/// With TASKS and SAMPLES (files of one JSON value a line) every sample is built, run on every test of its task in a fresh
/// instance under the task's limits, and its output checked; the results are one line of JSON each. With a PROGRAM
/// alone (a source file, .wasm or .wat) it prints what that costs.
///
/// Counts are the same in every run, order and tier; only times differ.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if everything was measured, whatever came of it; 1 if a file cannot be read or the PROGRAM fails, 2 for wrong usage,
3 if results cannot be written, 130 after Ctrl-C (what was measured is in the file; go on with --resume).

Examples:
  probity measure tasks.jsonl samples.jsonl -j 8 -o results.jsonl
  probity measure tasks.jsonl samples.jsonl -o results.jsonl --resume
  probity measure solution.cpp --stdin input.txt -- 3 fast")]
pub struct MeasureArgs {
    /// A tasks file and a samples file, or a program
    #[arg(value_name = "TASKS SAMPLES | PROGRAM", required = true, num_args = 1..=2)]
    inputs: Vec<PathBuf>,

    /// Arguments of the PROGRAM
    #[arg(value_name = "ARGS", last = true)]
    program_args: Vec<String>,

    /// Where results go [default: stdout, when all of them are there]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Go on where an earlier run with the same -o was ended
    #[arg(long, requires = "output")]
    resume: bool,

    /// How many samples are judged at once [default: one for each processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Seed of the inputs that generators make, instead of each task's own; `random` for one that nobody knows before
    #[arg(long, value_name = "N", value_parser = seed)]
    seed: Option<Seed>,

    #[command(flatten)]
    program: ProgramArgs,

    /// How the PROGRAM's card is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    judging: JudgingArgs,

    /// When progress is shown
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = progress::When::Auto)]
    progress: progress::When,
}

/// How a card is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// A result, as in results files
    Json,
}

/// A seed, as it is given.
#[derive(Debug, Clone, Copy)]
enum Seed {
    Number(u64),
    Random,
}

fn seed(text: &str) -> Result<Seed, String> {
    match text {
        "random" => Ok(Seed::Random),
        number => units::integer(number).map(Seed::Number),
    }
}

/// Runs the command.
pub fn main(args: MeasureArgs) -> Result<u8, Failure> {
    let is_batch = args.inputs.iter().any(|path| is_jsonl(path));
    match (&args.inputs[..], is_batch) {
        ([tasks, samples], true) => batch::main(&args, tasks, samples),
        (_, true) => Err(Failure::usage(
            "a tasks file and a samples file are needed: probity measure TASKS SAMPLES",
        )),
        ([program], false) => program::main(&args, program),
        (_, false) => Err(Failure::usage(
            "one program is measured at a time; its arguments follow `--`",
        )),
    }
}
