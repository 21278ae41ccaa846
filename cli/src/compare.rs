//! `probity compare`.

use std::path::PathBuf;

use clap::Args;
use probity_efficiency::Column;
use probity_efficiency::compare::{Comparison, Shown};

use crate::{
    cost,
    failure::Failure,
    judging::JudgingArgs,
    program::ProgramArgs,
    results::{self, Format},
};

/// Show what changed between two programs, or two files of results
///
/// Programs (source files, .wasm, .wat) are built and run once each, with the same input.
///
/// Samples are matched by task, model and number. Of each: whether it is right, its costs, each test, and the functions, lines
/// and loops that changed most. Lines that an edit moved are found by their text.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  probity compare before.jsonl after.jsonl
  probity compare slow.cpp fast.cpp --stdin input.txt --details
  probity compare before.jsonl after.jsonl --sample lc/two_sum:gpt:0 --cost vcycles
  probity compare before.jsonl after.jsonl --format json -o changes.json

Exit status:
  0  the files were compared, whatever came of it (`probity gate` judges)
  1  a file cannot be read; the message has the line
  2  wrong usage
  3  output could not be written")]
pub struct CompareArgs {
    /// Results (.jsonl) or a program before
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// Results or a program after
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    /// Samples that are compared, in detail; several times for several [default: all]
    #[arg(long, value_name = "TASK[:MODEL[:ID]]")]
    sample: Vec<String>,

    /// Show every sample in detail
    #[arg(long)]
    details: bool,

    /// Which cost is shown of samples and tests: by default the count that orders programs most often as time does
    #[arg(long, value_name = "COLUMN", default_value_t = Column::DEFAULT, value_parser = cost::column)]
    cost: Column,

    /// Functions, lines and loops shown of a sample
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,

    /// Format of what is shown; JSON has everything
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where it goes [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    program: ProgramArgs,

    #[command(flatten)]
    judging: JudgingArgs,
}

/// Runs the subcommand.
pub fn main(args: &CompareArgs) -> Result<u8, Failure> {
    let paths = [&*args.before, &*args.after];
    let [mut before, mut after] = results::read_or_measure(paths, &args.program, &args.judging)?;
    if !args.sample.is_empty() {
        for id in &args.sample {
            let mut keys = before.keys().chain(after.keys());
            if !keys.any(|key| key.is_named(id)) {
                return Err(Failure::usage(format!("neither file has a sample '{id}'")));
            }
        }
        let is_wanted = |key: &_| {
            let key: &probity_efficiency::compare::Key = key;
            args.sample.iter().any(|id| key.is_named(id))
        };
        before.retain(|key, _| is_wanted(key));
        after.retain(|key, _| is_wanted(key));
    }
    let comparison = Comparison::new(&before, &after);
    let shown = Shown {
        comparison: &comparison,
        column: args.cost,
        top: args.top,
        has_details: args.details || !args.sample.is_empty(),
    };
    let output = args.output.as_deref();
    let text = shown.to_string();
    Ok(results::write(
        "the comparison",
        args.format,
        output,
        &text,
        || serde_json::to_string_pretty(&comparison),
    ))
}
