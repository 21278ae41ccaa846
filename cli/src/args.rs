//! The command line's top level.

use clap::{Parser, Subcommand};

use crate::{
    cache::CacheArgs, calibrate::CalibrateArgs, compare::CompareArgs, coverage::CoverageArgs,
    debug::DebugArgs, feedback::FeedbackArgs, gate::GateArgs, import::ImportArgs,
    inspect::InspectArgs, mcp::McpArgs, measure::MeasureArgs, optimize::OptimizeArgs,
    report::ReportArgs, run::RunArgs, scale::ScaleArgs, score::ScoreArgs, sites::SitesArgs,
    toolchain::ToolchainArgs, trace::TraceArgs, truth::TruthArgs,
};

/// Run and watch WebAssembly programs.
///
/// A program runs in an interpreter that analyses can observe at any
/// instruction. What they found is written as a report when the program ends,
/// in whatever way it ends.
#[derive(Debug, Parser)]
#[command(name = "probity", version, arg_required_else_help = true)]
#[command(
    after_help = "Each command has examples and details: `probity run --help`, `probity sites --help`."
)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// One per file.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a module, watched by any number of analyses
    Run(Box<RunArgs>),
    /// Stop a program where you want, look at it, and change it
    Debug(Box<DebugArgs>),
    /// List the analyses with their options
    List,
    /// List the sites of a module that a rule matches, without running it
    Sites(SitesArgs),
    /// Show a module's functions, or the bytecode of one
    Inspect(InspectArgs),
    /// Add up or compare the coverage of several runs
    Coverage(CoverageArgs),
    /// Print a trace, or show what is in it
    Trace(TraceArgs),
    /// Make a page of a run, to be looked at in a browser
    Report(ReportArgs),
    /// Improve a program by whoever writes programs, measured
    Optimize(Box<OptimizeArgs>),
    /// Serve the judge to agents
    Mcp(McpArgs),
    /// Import another benchmark's files
    Import(ImportArgs),
    /// Score results with the metrics of the field's benchmarks
    Score(Box<ScoreArgs>),
    /// Add, list or remove the interpreters that programs are run by
    Toolchain(ToolchainArgs),
    /// Show or clear the code that `probity run --cache` keeps
    Cache(CacheArgs),
    /// Build programs, judge them on tests, and count exactly what they cost
    Measure(Box<MeasureArgs>),
    /// Find out how a program's cost grows with the size of its input
    Scale(Box<ScaleArgs>),
    /// Find out how well counts order programs as native time does
    Calibrate(Box<CalibrateArgs>),
    /// Show what changed between two programs, or two files of results
    Compare(CompareArgs),
    /// Hold results to a baseline
    Gate(GateArgs),
    /// Say what a result tells whoever writes the next version
    Feedback(FeedbackArgs),
    /// Say what a program does, line by line, for benchmarks of reasoning about code
    Truth(Box<TruthArgs>),
}
