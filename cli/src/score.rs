//! `probity score`: metrics of results, by model.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use probity_efficiency::Column;
use probity_efficiency::score::{
    Bootstrap, Inputs, MetricInfo, Needs, Settings, SpecError, board::BoardFormat, parse_all,
    registry,
};

use crate::{
    cost,
    failure::{Failure, OUTPUT},
    nearest,
    output::to_stdout,
    place::Place,
};

/// Score results with the metrics of the field's benchmarks
///
/// RESULTS are files of result lines, which may be of several models; `-` is stdin. The leaderboard has a row for each
/// model, with the share of its samples that could be judged, and for each score the interval that 95 % of the resamples of
/// the tasks are in. Costs are compared within a task only.
#[derive(Debug, Args)]
#[command(
    after_help = "Metrics: `probity score --list`. A name's last letter stands for a number or name:\n  \
    probity score RESULTS --metric pass@1,10,eff@1,%opt@1.1,1.5\nWithout one it is had for each of --k, or each usual threshold; parameters \
    follow behind colons:\n  probity score RESULTS --metric pass,%opt,dps:min_correct=10 --k 1,10\n\
    Predictions of what a program does are scored against the truth:\n  probity score PREDICTIONS --truth TRUTH --metric reval"
)]
pub struct ScoreArgs {
    /// Results; with --truth, predictions
    #[arg(value_name = "RESULTS", required_unless_present = "list")]
    results: Vec<PathBuf>,

    /// Metrics, separated by commas; repeatable
    #[arg(
        short,
        long,
        value_name = "NAME",
        value_delimiter = ',',
        required_unless_present = "list"
    )]
    metric: Vec<String>,

    /// Column of costs: fuel, instr, vcycles, gungraun, wall_ns, peak_heap, memory_pages, ...; by default the count that orders programs
    /// most often as time does. Imported results have what their origin counted: EvalPerf's have instr
    #[arg(long, value_name = "COLUMN", default_value_t = Column::DEFAULT, value_parser = cost::column)]
    cost: Column,

    /// Numbers of samples that metrics are had for
    #[arg(long, value_name = "K", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    k: Vec<u64>,

    /// The tasks file: hardness and roles, and tasks that have no results
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,

    /// Right answers to questions about runs, for metrics of predictions
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,

    /// What samples printed, for rerank@k
    #[arg(long, value_name = "FILE")]
    outputs: Option<PathBuf>,

    /// What models predicted their outputs to be, for rerank@k
    #[arg(long, value_name = "FILE")]
    predicted: Option<PathBuf>,

    /// Times that tasks are resampled for intervals; 0 for none
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().resamples, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    resamples: u32,

    /// Seed of the resampling
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().seed)]
    seed: u64,

    /// How the leaderboard is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where it goes; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// List the metrics with their parameters
    #[arg(long)]
    list: bool,
}

/// How the leaderboard is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// For programs
    Json,
    /// One page that loads nothing else
    Html,
}

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: &ScoreArgs) -> Result<u8, Failure> {
    if args.list {
        to_stdout(list)?;
        return Ok(0);
    }
    let settings = Settings {
        column: args.cost,
        k: args.k.clone(),
    };
    let names = args.metric.iter().map(String::as_str);
    let metrics = parse_all(names, &settings).map_err(unknown)?;
    let inputs = Inputs {
        results: args.results.clone(),
        tasks: args.tasks.clone(),
        truth: args.truth.clone(),
        outputs: args.outputs.clone(),
        predicted: args.predicted.clone(),
    };
    inputs.check(&metrics).map_err(Failure::usage)?;
    let bootstrap = Bootstrap {
        resamples: args.resamples,
        seed: args.seed,
    };
    let board = inputs
        .board(&metrics, &settings, bootstrap)
        .map_err(|e| Failure::load(format!("failed to {e}")))?;
    let format = match args.format {
        Format::Text => BoardFormat::Text,
        Format::Json => BoardFormat::Json,
        Format::Html => BoardFormat::Html,
    };
    match args.output.as_deref().map(Place::of) {
        None | Some(Place::Stdout) => {
            to_stdout(|out| board.write(format, out))?;
            Ok(0)
        }
        Some(place) => {
            let is_written = place.deliver("the scores", |out| board.write(format, out));
            Ok(if is_written { 0 } else { OUTPUT })
        }
    }
}

fn unknown(error: SpecError) -> Failure {
    let hint = match &error {
        SpecError::Unknown(name) => nearest::hint(name, registry().iter().map(|info| info.name)),
        SpecError::Wrong(_) => String::new(),
    };
    Failure::usage(format!("{error}{hint}"))
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    let width = registry().iter().map(|info| info.name.len()).max();
    let width = width.unwrap_or(0);
    for info in registry() {
        writeln!(
            out,
            "{:width$}  {}  [{}]",
            info.name, info.summary, info.origin
        )?;
        if let Some(needs) = needs(info) {
            writeln!(out, "{:width$}    needs {needs}", "")?;
        }
        for parameter in info.parameters {
            let setting = format!("{}={}", parameter.name, parameter.default);
            writeln!(out, "{:width$}    {setting}  {}", "", parameter.help)?;
        }
    }
    Ok(())
}

fn needs(info: &MetricInfo) -> Option<&'static str> {
    match info.needs {
        Needs::Results => None,
        Needs::Outputs => Some("--outputs, and --predicted if there are any"),
        Needs::Predictions => Some("--truth"),
    }
}
