//! `probity mcp`: the judge as tools of the Model Context Protocol, over stdin and stdout.
//!
//! A program that does not compile, is wrong or runs out of something is a result like any other, so that the model that wrote it
//! can correct itself. Only what says nothing about a program is an error: a task that there is not, a language without a compiler.

mod bench;
mod given;
mod input;
mod output;
mod server;

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, LOAD};
use crate::judging::JudgingArgs;

/// Serve the judge to agents, by the Model Context Protocol over stdin and stdout
///
/// Tools: check, measure, profile, compare, scale, explain_line. Programs run in the judge's sandbox, without files or network,
/// under the limits of their task.
#[derive(Debug, Args)]
#[command(after_help = "As an agent's configuration has it:\n  \
    {\"mcpServers\": {\"probity\": {\"command\": \"probity\", \"args\": [\"mcp\", \"--tasks\", \"tasks.jsonl\"]}}}")]
pub struct McpArgs {
    /// Tasks that tools may be asked about by their ids
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,

    /// Columns are measured beside those that a tool needs.
    #[command(flatten)]
    judging: JudgingArgs,
}

/// Serves until stdin ends.
pub fn main(args: &McpArgs) -> Result<u8, Failure> {
    let bench = bench::Bench::new(args.tasks.as_deref(), args.judging.clone())?;
    // Programs are judged on threads of their own; this one only talks.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|e| failed(format!("failed to start: {e}")))?;
    runtime.block_on(server::serve(bench)).map_err(failed)?;
    // A program that is still running does not hold up the end.
    runtime.shutdown_background();
    Ok(0)
}

fn failed(message: String) -> Failure {
    Failure {
        status: LOAD,
        message,
    }
}
