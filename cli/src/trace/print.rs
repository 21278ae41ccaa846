//! `probity trace print`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use probity_analyses::trace::{Event, Group, Groups, Item, Lines};
use probity_probes::matcher::FunctionSelector;
use serde_json::json;

use super::{AFTER_HELP, open, unreadable};
use crate::{failure::Failure, output::to_stdout, units};

/// Print the events of a trace, all or some
///
/// Lines are those that the run would have written as text.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct PrintArgs {
    /// The trace, in binary form; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Only these: calls, instr, memory, globals, grow, exceptions, traps, with + between them
    #[arg(long, value_name = "LIST", default_value = "all")]
    events: String,

    /// Only those of these functions: name with * and ?, index, range 3..10; several with |
    #[arg(long, value_name = "FUNCTIONS", default_value = "*")]
    func: String,

    /// From the N-th of these on
    #[arg(long, value_name = "N", value_parser = units::integer, default_value = "1")]
    from: u64,

    /// Only so many
    #[arg(long, value_name = "N", value_parser = units::integer)]
    limit: Option<u64>,

    /// As lines for people, or as one JSON object an event
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One line an event, indented by depth
    Text,
    /// One JSON object an event
    Json,
}

/// Runs the subcommand.
pub fn main(args: &PrintArgs) -> Result<u8, Failure> {
    let groups = Groups::parse(&args.events).map_err(|name| {
        let known: Vec<&str> = Group::ALL.iter().map(|group| group.name()).collect();
        let known = known.join(", ");
        Failure::usage(format!("unknown events `{name}`; known: {known}, all"))
    })?;
    let functions = FunctionSelector::parse(&args.func)
        .map_err(|message| Failure::usage(format!("--func: {message}")))?;
    let mut reader = open(&args.file)?;
    let mut failed = None;
    to_stdout(|out| {
        let mut out = out;
        let (mut lines, mut seen, mut left) = (Lines::default(), 0, args.limit.unwrap_or(u64::MAX));
        while left > 0 {
            let item = match reader.next() {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            if let Item::Event(event, all) = &item {
                let function = &all.functions[event.place.function as usize];
                let name = || Some(function.name.to_string());
                if !is_of(event, groups) || !functions.matches_name(function.index, name) {
                    continue;
                }
                seen += 1;
                if seen < args.from {
                    continue;
                }
                left -= 1;
            }
            match (args.format, &item) {
                (Form::Text, item) => lines.write(item, &mut out)?,
                (Form::Json, Item::Event(event, all)) => writeln!(out, "{}", event.to_json(all))?,
                (Form::Json, Item::Gap(events)) => writeln!(out, "{}", json!({ "gap": events }))?,
            }
        }
        Ok(())
    })?;
    match failed {
        None => Ok(0),
        Some(error) => Err(unreadable(&args.file, &error)),
    }
}

fn is_of(event: &Event<'_>, groups: Groups) -> bool {
    groups.contains(event.place.kind.group())
}
