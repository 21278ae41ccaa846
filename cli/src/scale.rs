//! `probity scale`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use probity_efficiency::{
    Column,
    growth::{
        plot,
        scale::{Scaling, Sizes},
    },
    judge::Scale,
};

use crate::{
    cost,
    failure::{Failure, OUTPUT},
    judging::JudgingArgs,
    place::Place,
    program::{self, ProgramArgs},
    progress::{self, Progress},
    results::{self, Format},
    units,
};

/// Find out how a program's cost grows with the size of its input
///
/// The program is run at each size, and its exact counts are fitted with 1, log n, n, n log n, n^2, n^2 log n, n^3 and 2^n. The
/// smallest size is subtracted, the largest one is predicted by the others. Classes that cannot be told apart are said to be so.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").args(["generator", "number"]).required(true))]
#[command(after_help = "\
The generator is a program too: it is run with SIZE and SEED as its arguments, and prints the input.

Examples:
  probity scale sort.cpp --generator numbers.cpp --sizes 1000,2000,4000,8000,16000
  probity scale fib.rs --number --plot growth.svg

Exit status:
  0  there is an answer, be it that classes cannot be told apart
  1  the program cannot be built, or too few sizes could be run
  2  wrong usage
  3  output could not be written")]
pub struct ScaleArgs {
    /// The program: a source file, .wasm or .wat
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// A program that makes inputs
    #[arg(long, value_name = "PROGRAM")]
    generator: Option<PathBuf>,

    /// The input is the size itself, in decimal
    #[arg(long)]
    number: bool,

    /// Sizes that are run [default: doubled from 16 on, until a run would cost too much]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = units::integer)]
    sizes: Vec<u64>,

    /// The smallest legal size, whose cost is start-up [default: the smallest of --sizes, or 1]
    #[arg(long, value_name = "N", value_parser = units::integer)]
    smallest: Option<u64>,

    /// Without --sizes: no run is made that is expected to cost more
    #[arg(long, value_name = "N", default_value = "1_000_000_000", value_parser = units::integer)]
    max_cost: u64,

    /// Which cost: fuel, instr, loads, ...; by default the count that orders programs most often as time does
    #[arg(long, value_name = "COLUMN", default_value_t = Column::DEFAULT, value_parser = cost::column)]
    cost: Column,

    /// What the generator is given
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = units::integer)]
    seed: u64,

    /// Draw the growth (SVG)
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,

    /// Format of what is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where it goes [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    limits: ProgramArgs,

    #[command(flatten)]
    judging: JudgingArgs,

    /// When progress is shown
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = progress::When::Auto)]
    progress: progress::When,
}

/// The first size, and how many there are, where none are given.
const FIRST: u64 = 16;
const SIZES_MAX: usize = 12;
/// How many times the largest cost that is expected a run may take.
const OVERSHOOT: u64 = 4;

/// Runs the subcommand.
pub fn main(args: ScaleArgs) -> Result<u8, Failure> {
    if args.limits.stdin.is_some() {
        return Err(Failure::usage(
            "the input of each size comes from --generator or --number, not from --stdin",
        ));
    }
    let sizes = match &args.sizes[..] {
        [] => Sizes::Doubled {
            smallest: args.smallest.unwrap_or(1),
            first: FIRST.max(args.smallest.unwrap_or(1).saturating_add(1)),
            sizes_max: SIZES_MAX,
            cost_max: args.max_cost,
        },
        sizes => Sizes::given(sizes, args.smallest)
            .map_err(|e| Failure::usage(format!("failed to {e}")))?,
    };
    let judge = args.judging.judge(&[])?;
    let mut limits = args.limits.limits();
    if args.sizes.is_empty() && args.limits.fuel.is_none() {
        // What costs more than was expected is found out soon.
        limits.fuel = limits.fuel.min(args.max_cost.saturating_mul(OVERSHOOT));
    }
    let progress = Progress::start(args.progress, "building the program");
    let (built, _) = program::build(&judge, &args.program, limits)?;
    let generator = match &args.generator {
        Some(path) => Some(program::build(&judge, path, limits)?.0),
        None => None,
    };
    progress.phase("running the program at each size");
    let of = Scale {
        program: &built,
        generator: generator.as_ref(),
        seed: args.seed,
        limits: &limits,
        column: args.cost,
    };
    let scaling = judge.scale(&of, &sizes);
    drop(progress);
    let scaling = scaling.map_err(|e| Failure::usage(format!("failed to {e}")))?;
    let status = results::write(
        "the growth",
        args.format,
        args.output.as_deref(),
        &scaling.to_string(),
        || serde_json::to_string_pretty(&scaling),
    );
    let drawn = draw(&args, &scaling);
    Ok(match (status, drawn, &scaling.growth) {
        (0, true, Some(_)) => 0,
        (0, true, None) => 1,
        _ => OUTPUT,
    })
}

/// Whether there is a plot where one is wanted.
fn draw(args: &ScaleArgs, scaling: &Scaling) -> bool {
    let (Some(path), Some(growth)) = (&args.plot, &scaling.growth) else {
        return true;
    };
    let svg = plot(growth);
    Place::of(path).deliver("the plot", |out| out.write_all(svg.as_bytes()))
}
