//! `probity feedback`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use probity_efficiency::Column;
use probity_efficiency::compare::{Key, Results};
use probity_efficiency::feedback::{BUDGET_TOKENS, Feedback, Input};
use probity_efficiency::result::SampleResult;

use crate::{
    cost,
    failure::Failure,
    results::{self, Format},
};

/// Say what a result tells whoever writes the next version
///
/// Facts come before advice, and each statement has a number of the run behind it; JSON has the numbers, and where in the
/// results they are. The same results give the same text. References among the results, and those of --references, are what
/// the best known cost is of.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  probity feedback results.jsonl --sample lc/two_sum:gpt:3
  probity feedback results.jsonl --previous earlier.jsonl --source solution.cpp --budget-tokens 300
  probity feedback results.jsonl --format json

Exit status:
  0  there is feedback, whatever it says
  1  a file cannot be read; the message has the line
  2  wrong usage; several samples and none chosen
  3  output could not be written")]
pub struct FeedbackArgs {
    /// Results with the sample
    #[arg(value_name = "RESULTS")]
    results: PathBuf,

    /// Which sample, unless there is only one
    #[arg(long, value_name = "TASK[:MODEL[:ID]]")]
    sample: Option<String>,

    /// Results with the previous attempt: the same sample, or the only one of its task
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,

    /// Results of programs to compare with; of them and of the references the cheapest right one is the best known
    #[arg(long, value_name = "FILE")]
    references: Option<PathBuf>,

    /// The program's text, to quote lines of which results have only the number
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,

    /// Which cost is spoken of: by default the count that orders programs most often as time does
    #[arg(long, value_name = "COLUMN", default_value_t = Column::DEFAULT, value_parser = cost::column)]
    cost: Column,

    /// How many tokens the text may be, estimated so that it is rather less; the least important is left out
    #[arg(long, value_name = "N", default_value_t = BUDGET_TOKENS)]
    budget_tokens: usize,

    /// Format of what is said
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where it goes [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn main(args: &FeedbackArgs) -> Result<u8, Failure> {
    let results = results::read(&args.results)?;
    let (key, result) = results::one(&results, args.sample.as_deref(), &args.results)?;
    let mut references: Vec<SampleResult> = results
        .values()
        .filter(|other| other.reference.is_some() && Key::of(other) != *key)
        .cloned()
        .collect();
    if let Some(path) = &args.references {
        references.extend(results::read(path)?.into_values());
    }
    let previous = match &args.previous {
        Some(path) => Some(previous(results::read(path)?, key, path)?),
        None => None,
    };
    let source = match &args.source {
        Some(path) => Some(source(path)?),
        None => None,
    };
    let input = Input {
        result,
        references: &references,
        previous: previous.as_ref(),
        source: source.as_deref(),
        column: args.cost,
    };
    let feedback = Feedback::new(&input, args.budget_tokens);
    let output = args.output.as_deref();
    Ok(results::write(
        "feedback",
        args.format,
        output,
        &feedback.text,
        || serde_json::to_string_pretty(&feedback),
    ))
}

/// The same sample, or the only one of the task.
fn previous(mut results: Results, key: &Key, path: &Path) -> Result<SampleResult, Failure> {
    if let Some(result) = results.remove(key) {
        return Ok(result);
    }
    results.retain(|other, result| other.task_id == key.task_id && result.reference.is_none());
    let count = results.len();
    match results.pop_first() {
        Some((_, result)) if count == 1 => Ok(result),
        _ => Err(Failure::usage(format!(
            "{} has neither {key} nor one sample of its task alone, but {count}",
            path.display()
        ))),
    }
}

fn source(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path)
        .map_err(|e| Failure::load(format!("failed to read {}: {e}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
