//! `probity gate`.

use std::path::PathBuf;

use clap::Args;
use probity_efficiency::Column;
use probity_efficiency::compare::gate::{Limit, Rules, gate};

use crate::{
    cost,
    failure::{Failure, WORSE, say},
    judging::JudgingArgs,
    program::ProgramArgs,
    results::{self, Format},
};

/// Hold results to a baseline
///
/// Every sample that was right in the baseline has to be there, to be right, to have its tests, and to cost at most so much
/// more. Costs are of the stress tests, if there are any, else of all. Samples that are new are listed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  probity gate --baseline main.jsonl --max-regress 2% results.jsonl
  probity gate --baseline released.wasm new.wasm --stdin input.txt
  probity gate --baseline main.jsonl --max-regress 0% --per-test --allow lc/two_sum results.jsonl

Exit status:
  0  nothing is worse, or what is worse is allowed
  1  something is worse: a cost beyond the limit, a sample that is no longer right, or not there
  2  wrong usage, or a file that cannot be read; the message has the line
  3  output could not be written")]
pub struct GateArgs {
    /// Results (.jsonl) or a program to judge
    #[arg(value_name = "RESULTS")]
    results: PathBuf,

    /// Results or a program to hold them to
    #[arg(long, value_name = "FILE")]
    baseline: PathBuf,

    /// By how much the cost of a sample may grow
    #[arg(long, value_name = "PERCENT", default_value = "2%")]
    max_regress: Limit,

    /// Which cost: by default the count that orders programs most often as time does
    #[arg(long, value_name = "COLUMN", default_value_t = Column::DEFAULT, value_parser = cost::column)]
    cost: Column,

    /// Hold each test to the limit, not only the sum of them
    #[arg(long)]
    per_test: bool,

    /// Samples that may be worse; what is worse is listed all the same
    #[arg(long, value_name = "TASK[:MODEL[:ID]]")]
    allow: Vec<String>,

    /// Format of the report
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
pub fn main(args: &GateArgs) -> Result<u8, Failure> {
    // 1 is the answer that something is worse.
    let paths = [&*args.baseline, &*args.results];
    let read = results::read_or_measure(paths, &args.program, &args.judging);
    let [baseline, results] = read.map_err(|failure| Failure::usage(failure.message))?;
    let rules = Rules {
        limit: args.max_regress,
        column: args.cost,
        is_per_test: args.per_test,
        allow: args.allow.clone(),
    };
    let verdict = gate(&baseline, &results, &rules);
    for id in &verdict.unknown {
        say(&format!("warning: --allow {id} names no sample"));
    }
    let output = args.output.as_deref();
    let text = verdict.to_string();
    let written = results::write("the report", args.format, output, &text, || {
        serde_json::to_string_pretty(&verdict)
    });
    Ok(if verdict.is_passed { written } else { WORSE })
}
