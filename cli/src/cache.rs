//! `probity cache`, and where compiled code is kept.

use std::{env, path::PathBuf};

use clap::{Args, Subcommand};
use probity_engine::cache;

use crate::{failure::Failure, output::to_stdout};

/// Show or clear the code that `probity run --cache` keeps
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// What to do.
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Show the directory, the number of files and their size in bytes
    Info(DirArgs),
    /// Remove all compiled code
    Clear(DirArgs),
}

#[derive(Debug, Args)]
struct DirArgs {
    /// The directory [default: $XDG_CACHE_HOME/probity or ~/.cache/probity]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn main(args: CacheArgs) -> Result<u8, Failure> {
    let failed = |error| Failure::usage(format!("failed to {error}"));
    match args.command {
        CacheCommand::Info(args) => {
            let dir = dir(args.dir)?;
            let usage = cache::usage(&dir).map_err(failed)?;
            to_stdout(|out| {
                writeln!(out, "directory  {}", dir.display())?;
                writeln!(out, "files      {}", usage.files)?;
                writeln!(out, "bytes      {}", usage.bytes)
            })?;
        }
        CacheCommand::Clear(args) => cache::clear(dir(args.dir)?).map_err(failed)?,
    }
    Ok(0)
}

/// The directory that was asked for, or where such things belong.
pub fn dir(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    // A path that is not absolute is to be ignored (XDG Base Directory Specification).
    let xdg = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = || xdg.filter(|path| path.is_absolute()).or_else(home);
    given
        .or_else(|| Some(base()?.join("probity")))
        .ok_or_else(|| Failure::usage("no directory for the cache: HOME is not set"))
}
