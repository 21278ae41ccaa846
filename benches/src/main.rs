//! Benchmarks, side by side and in one run: `cargo run --release -p probity-benches -- COMMAND`.
//!
//! Figures of different days or machines are not comparable; every command therefore measures all that it compares in
//! one process, in turns (A B A B), and prints medians of CPU time with the versions of what it measured.

#![forbid(unsafe_code)]

mod attach;
mod clock;
mod compile;
mod engines;
mod fire;
mod interp;
mod jit;
mod judge;
mod kernels;
mod memory_trace;
mod pairs;
mod probes;
mod python;
mod python_lines;
mod report;
mod short;
mod snapshots;
mod start;
mod target;

use clap::{Args, Parser, Subcommand};
use probity_engine::Tier;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "benches",
    about = "Benchmarks of Probity; peers with --features peers, peers-simd or wasmtime"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The interpreter against other engines, on all kernels
    Interp(Measure),
    /// Compiled code against Wasmtime's (--features wasmtime), on all kernels
    Jit {
        /// Short runs, of which the fastest counts: what a machine that others use allows to compare
        #[arg(long, conflicts_with = "small")]
        fastest: bool,
        #[command(flatten)]
        measure: Measure,
    },
    /// What compiling a whole module costs, against Wasmtime (--features wasmtime)
    Compile(compile::Modules),
    /// Short runs as whole processes have them: tier auto against interp and jit
    Short(Measure),
    /// A probe inserted into a running function: how soon it fires, and what it leaves behind
    Attach(attach::Attach),
    /// What one fire of a probe costs, by what the probe does
    Fire(fire::Fire),
    /// What probes cost: variants against the uninstrumented run of the same tier
    Probes {
        /// How code is executed: interp, jit or auto
        #[arg(long, default_value = "interp", value_parser = engines::probity::tier_of)]
        tier: Tier,
        /// Only this variant, beside the uninstrumented run; may be repeated
        #[arg(long, value_name = "VARIANT")]
        variant: Vec<String>,
        #[command(flatten)]
        measure: Measure,
    },
    /// What judging and measuring costs against plain runs, and how counts agree with time
    Judge(judge::Judging),
    /// What Python programs take: start, counts and lines, beside another engine
    Python(python::Programs),
    /// What copies of a snapshot take: time and memory, by the size of the memory
    Snapshots(snapshots::Copies),
    /// From process start to a module's first instruction
    Start {
        /// The module to start
        module: PathBuf,
        /// Also compile all of it, without a cache on disk and with one
        #[arg(long)]
        compile: bool,
        #[command(flatten)]
        output: Output,
    },
    /// One start, measured by `start` from outside
    #[command(hide = true)]
    StartChild {
        /// The module to start
        module: PathBuf,
        /// Also compile all of it
        #[arg(long)]
        compile: bool,
    },
}

/// What and how often to measure.
#[derive(Args)]
pub struct Measure {
    /// Only this kernel; may be repeated
    #[arg(long, value_name = "KERNEL")]
    pub only: Vec<String>,
    /// Default sizes, whose output is checked against the files on record (a test of the benchmarks, not a measurement)
    #[arg(long)]
    pub small: bool,
    /// How often and in which form
    #[command(flatten)]
    pub output: Output,
}

impl Measure {
    /// The size of kernels for a tier.
    fn size_for(&self, tier: Tier) -> kernels::Size {
        match tier {
            _ if self.small => kernels::Size::Small,
            Tier::Interp => kernels::Size::Interp,
            Tier::Jit | Tier::Auto => kernels::Size::Jit,
        }
    }
}

/// How often to measure, and the form of the report.
#[derive(Args)]
pub struct Output {
    /// Runs of each pair; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// The workspace's directory: the kernels, and what peers are installed into, are found from there.
fn root() -> &'static Path {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    benches.parent().unwrap_or(benches)
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Interp(measure) => interp::command(&measure),
        Command::Jit { fastest, measure } => jit::command(&measure, fastest),
        Command::Compile(modules) => compile::command(&modules),
        Command::Short(measure) => short::command(&measure),
        Command::Attach(attach) => attach::command(&attach),
        Command::Fire(fire) => fire::command(&fire),
        Command::Probes {
            tier,
            variant,
            measure,
        } => probes::command(&measure, tier, &variant),
        Command::Judge(judging) => judge::command(&judging),
        Command::Snapshots(copies) => snapshots::command(&copies),
        Command::Python(programs) => python::command(&programs),
        Command::Start {
            module,
            compile,
            output,
        } => start::command(&module, compile, &output),
        Command::StartChild { module, compile } => start::child(&module, compile),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
