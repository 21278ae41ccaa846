//! The `probity` command.
//!
//! This file only chooses the subcommand and turns its result into an exit
//! status. Each subcommand is one module: raw arguments as clap reads them,
//! then arguments resolved and checked, then the work. Nothing here panics on
//! any input: output goes through `writeln!` with its error handled, because
//! `println!` panics when a reader closes its end of a pipe.
#![forbid(unsafe_code)]

mod args;
mod cache;
mod calibrate;
mod compare;
mod cost;
mod coverage;
mod debug;
mod exports;
mod failure;
mod feedback;
mod gate;
mod guest;
mod import;
mod inspect;
mod judging;
mod list;
mod mcp;
mod measure;
mod nearest;
mod optimize;
mod output;
mod place;
mod program;
mod progress;
mod report;
mod results;
mod rules;
mod run;
mod scale;
mod score;
mod sites;
mod toolchain;
mod trace;
mod truth;
mod types;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::main(*args),
        Command::Debug(args) => debug::main(*args),
        Command::List => list::main(),
        Command::Sites(args) => sites::main(&args),
        Command::Inspect(args) => inspect::main(&args),
        Command::Coverage(args) => coverage::main(&args),
        Command::Report(args) => report::main(&args),
        Command::Trace(args) => trace::main(&args),
        Command::Optimize(args) => optimize::main(*args),
        Command::Mcp(args) => mcp::main(&args),
        Command::Import(args) => import::main(&args),
        Command::Score(args) => score::main(&args),
        Command::Cache(args) => cache::main(args),
        Command::Measure(args) => measure::main(*args),
        Command::Scale(args) => scale::main(*args),
        Command::Calibrate(args) => calibrate::main(*args),
        Command::Compare(args) => compare::main(&args),
        Command::Gate(args) => gate::main(&args),
        Command::Feedback(args) => feedback::main(&args),
        Command::Toolchain(args) => toolchain::main(&args),
        Command::Truth(args) => truth::main(*args),
    };
    ExitCode::from(result.unwrap_or_else(|failure| failure.report()))
}
